"""A value that contradicts what the other columns of the table say it must be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from assayline.core import Cell, Finding, Past, Profile
from assayline.measures import Block, kept, tally

from .dependencies import Coded, Dependency, Floats, Ints, Votes, as_text, coded, dependencies
from .expectations import Expectation, confidence, doubted, expectations, voted
from .recognising import odd_values

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
        one = _of_column(table, column, tuple(voters), voted(profile, column), odd)
        if one is not None:
            found[column] = one
    return found


def _of_column(table: Coded, column: str, voters: tuple[Dependency, ...], vote: Votes, odd: set[str]) -> Contradictions | None:
    codes = table.codes[column]
    wrong = doubted(codes, vote)
    empty = wrong & (codes < 0)
    wrong &= codes >= 0
    if odd:  # already accused as what they are
        known = table.values[column].is_in(list(odd)).to_numpy()
        wrong &= ~known[np.maximum(codes, 0)]
    if wrong.sum() > MOST * (codes >= 0).sum():
        return None
    rows = np.flatnonzero(wrong | empty)
    if not len(rows):
        return None
    values = table.values[column].gather(vote.expected[rows]).to_list()
    return Contradictions(rows, values, confidence(vote, rows), empty[rows], voters)


@dataclass(frozen=True, eq=False)
class ByKey:
    """Accuses cells whose determinants say another value, the empty ones or the filled ones.

    Args:
        expectation: what they say.
        empty: accuse empty cells (True) or filled ones (False).
        spared: values that were accused as something else.
    """

    expectation: Expectation
    empty: bool
    spared: frozenset[str]

    @property
    def columns(self) -> tuple[str, ...]:
        return self.expectation.columns

    def fresh(self) -> ByKey:
        return self

    def __call__(self, block: Block, /) -> Sequence[Cell]:
        said = [(row, one) for row, one in self.expectation.of(block).items() if block.start <= row < block.start + block.rows]
        text = as_text(block.frame.get_column(self.expectation.column))
        values = text.gather([row - block.start for row, _ in said]).to_list() if said else []
        return [
            Cell(row, self.expectation.column, one.confidence, value, one.value)
            for (row, one), value in zip(said, values, strict=True)
            if (value is None) == self.empty and value not in self.spared
        ]


def by_key(profile: Profile, column: str, *, empty: bool) -> ByKey:
    """The locator for the contradicted (or the empty) cells of a column."""
    odd = frozenset(one.value for odds in odd_values(profile).get(column, {}).values() for one in odds)
    return ByKey(expectations(profile)[column], empty, odd)


class DependencyViolation:
    """Finds values that other columns of the same row contradict.

    Reads:    the row sample, `distinct`, `values`.
    Finds:    "dependency_violation" per column; evidence `cells`, `agreement`, `by_chance`, `determinants`.
    Silent:   where rows that agree in one column do not agree in the other much more often than any two rows, with fewer
              than 20 rows in groups, and on cells that were accused as a typing error or a placeholder.
    Source:   approximate functional dependencies (Huhtala et al. 1999, g3; here row-wise with the row left out) with a
              weighted vote; docs/detectors/dependency_violation.md.

    >>> import polars as pl
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
                locate=by_key(profile, column, empty=False),
                picture={"kind": "share", "value": share, "usual": 0.0},
            )  # fmt: skip
