"""Rows in which a sum, a product or a conversion that the table otherwise keeps does not come out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assayline.core import Cell, Finding, Past, Profile
from assayline.measures import Block, kept, shown

from .notation import Notation, notation_of
from .outliers import far_numbers
from .relations import Relation, relations, values_of
from .typed_sample import Floats, floats, typed_sample

MOST_REPEATED = 0.05  # share of the values that stand twice, up to which a repeated one is conspicuous
ALONE = 0.55  # confidence where nothing says which column is wrong: the computed one more often than a source
CERTAIN = 0.9  # … where other relations or the value itself say so


@dataclass(frozen=True, eq=False)
class Blame:
    """Which column of a broken relation is wrong, row by row.

    A column that takes part in another relation that holds in the same row is right. Of the others, one whose value is that of
    another row, though it hardly ever repeats, was overwritten; and one whose value lies outside the usual range of its column is
    the likelier one. Where that leaves several, it is the computed one.

    Args:
        relations: everything that holds between the columns.
        repeated: per column that hardly repeats, the values that stand in several rows.
        usual: per column, the range that 99 of 100 values lie in.
        named: per column, the numbers that are accused as outliers or placeholders.
    """

    relations: tuple[Relation, ...]
    repeated: Mapping[str, Floats]
    usual: Mapping[str, tuple[float, float]]
    named: Mapping[str, frozenset[float]]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(column for one in self.relations for column in one.columns))

    def of(self, values: Mapping[str, Floats]) -> dict[str, tuple[npt.NDArray[np.int64], Floats]]:
        """Per column, the relation (by number, -1 for none) that accuses each row, and the confidence."""
        size = len(next(iter(values.values())))
        named = {column: np.isin(values[column], list(numbers)) for column, numbers in self.named.items() if numbers}
        broken = [one.broken(values) & ~_any([named[column] for column in one.columns if column in named], size) for one in self.relations]
        holds = [one.known(values) & ~wrong for one, wrong in zip(self.relations, broken, strict=True)]
        cleared = {column: np.zeros(size, dtype=np.bool_) for column in self.columns}
        against = {column: np.zeros(size) for column in self.columns}
        for one, wrong, right in zip(self.relations, broken, holds, strict=True):
            for column in one.columns:
                cleared[column] |= right
                against[column] += wrong
        for column, twice in self.repeated.items():
            against[column] += 0.5 * np.isin(values[column], twice)
        for column, (low, high) in self.usual.items():
            with np.errstate(invalid="ignore"):
                against[column] += 0.25 * ((values[column] < low) | (values[column] > high))
        found = {column: (np.full(size, -1, dtype=np.int64), np.zeros(size)) for column in self.columns}
        for number, (one, wrong) in enumerate(zip(self.relations, broken, strict=True)):
            score = np.vstack([np.where(cleared[column], -1.0, against[column]) for column in one.columns])
            best = score.max(axis=0)
            only = (score == best).sum(axis=0) == 1
            chosen = score.argmax(axis=0)  # the computed column stands first
            for position, column in enumerate(one.columns):
                by, sure = found[column]
                accused = wrong & (chosen == position) & (best > 0) & (by < 0)
                by[accused] = number
                sure[accused] = np.where(only[accused], CERTAIN, ALONE)
        return found


@dataclass(frozen=True, eq=False)
class Unbalanced:
    """Accuses the cells of one column that a relation and the other columns speak against.

    Args:
        column: the column.
        blame: who is to blame for what.
        notation: how the column is written, None where that cannot be told.
    """

    column: str
    blame: Blame
    notation: Notation | None

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column, *(column for column in self.blame.columns if column != self.column))

    def fresh(self) -> Unbalanced:
        return self

    def __call__(self, block: Block, /) -> Sequence[Cell]:
        values = values_of(block, self.blame.columns)
        by, sure = self.blame.of(values)[self.column]
        rows = np.flatnonzero(by >= 0)
        cells = []
        for row, text in zip(rows.tolist(), shown(block.column(self.column).series.gather(rows)), strict=True):
            one = self.blame.relations[int(by[row])]
            here = {column: values[column][row : row + 1] for column in one.columns}
            cells.append(Cell(block.start + row, self.column, round(float(sure[row]), 3), text, self._suggestion(one, here)))
        return cells

    def _suggestion(self, one: Relation, here: Mapping[str, Floats]) -> str | None:
        """What the relation demands, if a number written like the column's others fulfils it."""
        demanded = float(one.demanded(self.column, here)[0])
        if self.notation is None or not math.isfinite(demanded):
            return None
        text = self.notation.write(demanded)
        if text is None:
            return None
        return None if one.broken({**here, self.column: np.array([float(text)])})[0] else text


def _any(masks: Sequence[npt.NDArray[np.bool_]], size: int) -> npt.NDArray[np.bool_]:
    found = np.zeros(size, dtype=np.bool_)
    for mask in masks:
        found |= mask
    return found


def blamed(profile: Profile) -> Blame:
    """The relations of a table and how to tell which column of a broken one is wrong."""
    return kept(profile, "blame", lambda: _blamed(profile))


def _blamed(profile: Profile) -> Blame:
    found, block = relations(profile), typed_sample(profile)
    repeated, usual = {}, {}
    for column in dict.fromkeys(column for one in found for column in one.columns):
        numbers = floats(block, column) if block is not None else None
        if numbers is None:
            continue
        low, high = np.nanquantile(numbers, [0.005, 0.995]).tolist()
        usual[column] = (low, high)
        values, times = np.unique(numbers[np.isfinite(numbers)], return_counts=True)
        if 0 < (times > 1).sum() <= MOST_REPEATED * len(values):
            repeated[column] = values[times > 1]
    return Blame(found, repeated, usual, {column: far_numbers(profile, column) for column in usual})


class BrokenRelation:
    """Finds rows in which arithmetic between numeric columns does not come out, though it does in nearly all others.

    Reads:    the row sample, `distinct`.
    Finds:    "dependency_violation" per column held to be wrong; evidence `cells`, `holds_share`, `by_chance`, `relation`.
    Silent:   with fewer than 50 rows; where a relation holds in less than 98 of 100 rows, in fewer than 30 that are not trivial (nothing
              added, times one), between columns of fewer than eight values, or also when one column is shifted against the others.
    Source:   exhaustive search of sums, products and lines on a sample, as for algebraic constraints (Brown and Haas 2003, BHUNT).

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> frame = pl.DataFrame({"n": [i * 7 % 13 + 1 for i in range(90)], "price": [i * 5 % 11 + 2 for i in range(90)]})
    >>> frame = frame.with_columns(total=pl.col("n") * pl.col("price") + (pl.int_range(pl.len()) == 40).cast(pl.Int64) * 9)
    >>> [finding.columns for finding in BrokenRelation()(profile(frame), Past())]
    [('total', 'n', 'price')]
    """

    codes = ("dependency_violation",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        block = typed_sample(profile)
        blame = blamed(profile)
        if block is None or not blame.relations:
            return
        for column, (by, sure) in blame.of(values_of(block, blame.columns)).items():
            rows = by >= 0
            n = int(rows.sum())
            if not n:
                continue
            one = blame.relations[int(np.bincount(by[rows]).argmax())]
            broken = int((rows & one.broken(values_of(block, one.columns))).sum())
            others = tuple(name for name in one.columns if name != column)
            yield Finding(
                "dependency_violation", (column, *others),
                f"{one} in {one.share:.1%} of the rows looked at, and in {one.by_chance:.1%} when {one.sources[0]} is shifted against the rest; "
                f"in {broken:,} {'row' if broken == 1 else 'rows'} it does not come out, and {column} is the likeliest to be wrong.",
                severity=0.4, evidence={"cells": n, "holds_share": one.share, "by_chance": one.by_chance, "relation": str(one), "confidence": float(sure[rows].mean())},
                suggestion="check these rows; the suggestion is what the others add up to", locate=Unbalanced(column, blame, notation_of(block.column(column))),
                picture={"kind": "share", "value": 1 - one.share, "usual": 0.0},
            )  # fmt: skip
