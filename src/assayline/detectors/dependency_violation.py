"""A value that contradicts what the other columns of the table say it must be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from assayline.core import Cell, Finding, Past, Profile
from assayline.measures import Block, Sample, kept, tally

from .dependencies import Coded, Dependency, Floats, Ints, Votes, as_text, coded, dependencies, votes
from .recognising import odd_values

LEAST_SHARE = 0.5  # share of the group that must agree before a row in it can be wrong
LEAST_MARGIN = 1.0  # summed log odds by which the expected value must lead
MOST = 0.5  # above this share of contradictions the dependency is not one


@dataclass(frozen=True, eq=False)
class Contradictions:
    """The cells of one column that the votes contradict, in the sample.

    Args:
        rows: row numbers in the sample.
        expected: what should stand there.
        confidence: of each.
        empty: whether nothing stands there.
        voters: the dependencies that were asked.
    """

    rows: Ints
    expected: list[str]
    confidence: Floats
    empty: np.ndarray
    voters: tuple[Dependency, ...]


def contradictions(profile: Profile) -> dict[str, Contradictions]:
    """The contradicted and the empty but foreseeable cells, by column."""
    return kept(profile, "contradictions", lambda: _contradictions(profile))


def _contradictions(profile: Profile) -> dict[str, Contradictions]:
    table = coded(profile)
    found = {}
    for column, voters in dependencies(profile).items():
        odd = {one.value for odds in odd_values(profile).get(column, {}).values() for one in odds}
        vote = votes(table, column, voters)
        one = _of_column(table, column, tuple(voters), vote, odd)
        if one is not None:
            found[column] = one
    return found


def _of_column(table: Coded, column: str, voters: tuple[Dependency, ...], vote: Votes, odd: set[str]) -> Contradictions | None:
    codes = table.codes[column]
    margin = vote.weight - vote.own
    named = vote.expected >= 0
    wrong = named & (codes >= 0) & (codes != vote.expected) & (margin >= LEAST_MARGIN) & (vote.share >= LEAST_SHARE)
    empty = named & (codes < 0) & (vote.weight >= LEAST_MARGIN) & (vote.share >= LEAST_SHARE)
    if odd:  # already accused as what they are
        texts = table.values[column]
        known = texts.is_in(list(odd)).to_numpy()
        wrong &= ~known[np.maximum(codes, 0)]
    if wrong.sum() > MOST * (codes >= 0).sum():
        return None
    rows = np.flatnonzero(wrong | empty)
    if not len(rows):
        return None
    odds = np.clip(margin[rows], 0, 30)
    confidence = vote.share[rows] * (1 - np.exp(-odds))
    values = table.values[column].gather(vote.expected[rows]).to_list()
    return Contradictions(rows, values, np.clip(confidence, 0, 0.99), empty[rows], voters)


@dataclass(frozen=True, eq=False)
class ByKey:
    """Accuses cells whose determinants, seen in the sample, say another value.

    In a table that is its own sample the rows are known; elsewhere each block is asked anew.

    Args:
        column: the accused column.
        tables: per determinant: its values, the usual value of each, and the weight of it.
        accused: row number -> (confidence, expected) when the sample is the whole table.
        whole: whether it is.
        empty: accuse empty cells (True) or filled ones (False).
        spared: values that were accused as something else.
    """

    column: str
    tables: tuple[tuple[str, pl.DataFrame], ...]
    accused: Mapping[int, tuple[float, str]]
    whole: bool
    empty: bool
    spared: frozenset[str]

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column, *(name for name, _ in self.tables))

    def fresh(self) -> ByKey:
        return self

    def __call__(self, block: Block, /) -> Sequence[Cell]:
        series = block.frame.get_column(self.column)
        if self.whole:
            inside = [row for row in self.accused if block.start <= row < block.start + block.rows]
            values = as_text(series).gather([row - block.start for row in inside]).to_list() if inside else []
            return [
                Cell(row, self.column, round(self.accused[row][0], 3), value, self.accused[row][1])
                for row, value in zip(inside, values, strict=True)
            ]  # fmt: skip
        text = as_text(series).alias("own")
        votes = [
            pl.DataFrame({"key": as_text(block.frame.get_column(name))}).join(table, on="key", how="left", maintain_order="left")
            for name, table in self.tables
        ]
        expected = votes[0].get_column("value")
        weight = votes[0].get_column("weight").fill_null(0.0)
        for other in votes[1:]:
            agrees = (other.get_column("value") == expected).fill_null(False)
            weight = weight + other.get_column("weight").fill_null(0.0) * agrees.cast(pl.Float64) * 2 - other.get_column("weight").fill_null(0.0)
        mask = expected.is_not_null() & (weight >= LEAST_MARGIN)
        mask &= text.is_null() if self.empty else (text.is_not_null() & (text != expected).fill_null(False))
        rows = np.flatnonzero(mask.fill_null(False).to_numpy())
        cells = []
        for row, value, should, strength in zip(
            rows.tolist(), text.gather(rows).to_list(), expected.gather(rows).to_list(), weight.gather(rows).to_list(), strict=True
        ):
            if value not in self.spared:
                cells.append(Cell(block.start + row, self.column, round(min(0.95, 1 - float(np.exp(-strength))), 3), value, should))
        return cells


def by_key(profile: Profile, column: str, found: Contradictions, *, empty: bool) -> ByKey:
    """The locator for the contradicted (or the empty) cells of a column."""
    sample = profile.of(None, Sample)
    assert sample is not None  # contradictions were found in it
    chosen = found.empty == empty
    whole = sample.exact and sample.frame.height == len(sample.numbers) and coded(profile).rows == sample.frame.height
    numbers = sample.numbers
    accused = {
        int(numbers[row]): (float(confidence), expected)
        for row, confidence, expected, take in zip(found.rows.tolist(), found.confidence.tolist(), found.expected, chosen.tolist(), strict=True)
        if take
    }
    odd = frozenset(one.value for odds in odd_values(profile).get(column, {}).values() for one in odds)
    tables = () if whole else tuple((voter.determinant, _usual(coded(profile), voter)) for voter in found.voters[:3])
    return ByKey(column, tables, accused, whole, empty, odd)


def _usual(table: Coded, voter: Dependency) -> pl.DataFrame:
    """The usual value of the dependent for each value of the determinant, with its weight."""
    frame = pl.DataFrame({"a": table.codes[voter.determinant], "b": table.codes[voter.dependent]})
    counts = frame.filter((pl.col("a") >= 0) & (pl.col("b") >= 0)).group_by("a", "b").len("n")
    usual = counts.sort(["a", "n", "b"], descending=[False, True, False]).group_by("a", maintain_order=True).agg(
        pl.col("b").first(), pl.col("n").first().alias("top"), pl.col("n").sum().alias("all")
    )  # fmt: skip
    usual = usual.filter((pl.col("top") >= 2) & (pl.col("top") >= LEAST_SHARE * pl.col("all")))
    trust = float(np.log(max(1.5, 1 / max(1e-3, 1 - voter.agreement))))
    return pl.DataFrame({
        "key": table.values[voter.determinant].gather(usual.get_column("a")),
        "value": table.values[voter.dependent].gather(usual.get_column("b")),
        "weight": (2 * usual.get_column("top") - usual.get_column("all")).clip(0, 6).cast(pl.Float64) * trust,
    })  # fmt: skip


class DependencyViolation:
    """Finds values that other columns of the same row contradict.

    Reads:    the row sample, `distinct`, `values`.
    Finds:    "dependency_violation" per column; evidence `cells`, `agreement`, `by_chance`, `determinants`.
    Silent:   where rows that agree in one column do not agree in the other much more often than any two rows, with fewer
              than 20 rows in groups, and on cells that were accused as a typing error or a placeholder.
    Source:   approximate functional dependencies (Huhtala et al. 1999, g3; here row-wise with the row left out) with a
              weighted vote; docs/detectors/dependency_violation.md.

    >>> from assayline.measures import profile
    >>> frame = pl.DataFrame({"zip": ["10", "20", "30", "40"] * 10, "city": ["Ulm", "Bonn", "Kiel", "Jena"] * 9 + ["Ulm", "Bonn", "Kiel", "Ulm"]})
    >>> [finding.columns for finding in DependencyViolation()(profile(frame), Past()) if finding.columns[0] == "city"]
    [('city', 'zip')]
    """

    codes = ("dependency_violation",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        for column, found in contradictions(profile).items():
            filled = ~found.empty
            n = int(filled.sum())
            if not n:
                continue
            best = found.voters[0]
            values = tally(profile, column)
            sentence = (
                f"{n:,} of {values.total:,} values of {column} contradict {best.determinant}: rows with the same {best.determinant} "
                f"agree in {column} in {best.agreement:.1%} of the cases, any two rows in {best.by_chance:.1%}."
            )
            share = n / max(1, values.total)
            yield Finding(
                "dependency_violation", (column, best.determinant), sentence, severity=0.45 if share <= 0.2 else 0.35,
                evidence={
                    "cells": n, "rows_share": share, "agreement": best.agreement, "by_chance": best.by_chance,
                    "determinants": ", ".join(voter.determinant for voter in found.voters), "confidence": float(found.confidence[filled].mean()),
                },
                suggestion=f"check these rows; the suggestion is what the other rows with the same {best.determinant} have",
                locate=by_key(profile, column, found, empty=False),
                picture={"kind": "share", "value": share, "usual": 0.0},
            )  # fmt: skip
