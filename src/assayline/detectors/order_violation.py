"""Rows in which a column is larger than the one it never exceeds: an end before its start, a part above its whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from assayline.core import Cell, Finding, Past, Profile
from assayline.measures import Block, Sample, kept, natures, shown

from .outliers import far_numbers
from .relations import MOST_COLUMNS, values_of
from .typed_sample import Floats, floats, typed_sample

LEAST_ROWS = 100
LEAST_DIFFERENT = 20  # values of each column: ranks and grades are in order by accident
ROWS = 8_192
HOLDS = 0.99
TELLING = 0.25  # share of the rows that would be out of order if the columns had nothing to do with each other; fewer say that they differ in size
RARER = 0.05  # of those, the most that may really be
CUT = 10  # times as many rows just on the right side of the border as beyond it; a tail that thins out has about as many
FEW_NEGATIVE = 0.05  # share of the rows with two negative numbers, up to which these are entries taken back
SURE = 0.5  # one of two cells is wrong, and which one the order does not say
SURER = 0.8  # … unless one of them breaks several orders, or lies outside the range of its column


@dataclass(frozen=True)
class Order:
    """The smaller column is at most the larger one.

    Args:
        smaller, larger: the columns.
        share: 0..1, of the rows in which it holds.
        by_chance: 0..1, the same when the rows of one are shifted.
        broken: rows of the sample in which it does not hold.
    """

    smaller: str
    larger: str
    share: float
    by_chance: float
    broken: int


@dataclass(frozen=True, eq=False)
class OutOfOrder:
    """Accuses the cells of one column in the rows in which it breaks an order.

    Args:
        column: the column.
        orders: all orders of the table that are broken somewhere.
        usual: per column, the range that 99 of 100 values lie in.
        named: numbers of the column that are accused as outliers or placeholders.
    """

    column: str
    orders: tuple[Order, ...]
    usual: Mapping[str, tuple[float, float]]
    named: frozenset[float]

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column, *(column for column in self.usual if column != self.column))

    def fresh(self) -> OutOfOrder:
        return self

    def __call__(self, block: Block, /) -> Sequence[Cell]:
        values = values_of(block, tuple(self.usual))
        sure = blamed(values, self.orders, self.usual)[self.column]
        rows = np.flatnonzero((sure > 0) & ~np.isin(values[self.column], list(self.named)))
        return [
            Cell(block.start + row, self.column, float(sure[row]), text)
            for row, text in zip(rows.tolist(), shown(block.column(self.column).series.gather(rows)), strict=True)
        ]


def blamed(values: Mapping[str, Floats], orders: Sequence[Order], usual: Mapping[str, tuple[float, float]]) -> dict[str, Floats]:
    """How sure each cell is to be the wrong one, 0 for all that are not accused."""
    with np.errstate(invalid="ignore"):
        wrong = [values[one.smaller] > values[one.larger] for one in orders]
        far = {column: (values[column] < low) | (values[column] > high) for column, (low, high) in usual.items()}
    against = {column: 0.5 * far[column] for column in usual}
    for one, rows in zip(orders, wrong, strict=True):
        for column in (one.smaller, one.larger):
            against[column] = against[column] + rows
    sure = {column: np.zeros(len(far[column])) for column in usual}
    for one, rows in zip(orders, wrong, strict=True):
        first, second = against[one.smaller], against[one.larger]
        confidence = np.where(first == second, SURE, SURER)
        sure[one.smaller] = np.maximum(sure[one.smaller], np.where(rows & (first > second), confidence, 0.0))
        sure[one.larger] = np.maximum(sure[one.larger], np.where(rows & (first <= second), confidence, 0.0))
    return sure


def orders(profile: Profile) -> tuple[Order, ...]:
    """The orders between columns that hold in all rows but a few.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> start = [n * 37 % 500 for n in range(400)]
    >>> frame = pl.DataFrame({"start": start, "end": [a + n * 11 % 97 if n != 50 else 3 for n, a in enumerate(start)]})
    >>> [(one.smaller, one.larger, one.broken) for one in orders(profile(frame))]
    [('start', 'end', 1)]
    """
    return kept(profile, "orders", lambda: _orders(profile))


def _orders(profile: Profile) -> tuple[Order, ...]:
    sample, block = profile.of(None, Sample), typed_sample(profile)
    if sample is None or block is None or block.rows < LEAST_ROWS:
        return ()
    rows = np.linspace(0, block.rows - 1, min(ROWS, block.rows)).astype(np.int64)
    found = []
    every = natures(profile)
    for kind in ("number", "time"):
        names = [
            name for name in block.frame.columns
            if every[name].kind == kind and every[name].distinct >= LEAST_DIFFERENT and every[name].meaning not in ("year", "postcode", "phone")
        ][:MOST_COLUMNS]  # fmt: skip
        values = {name: numbers[rows] for name in names if (numbers := floats(block, name)) is not None}
        for smaller in values:
            for larger in values:
                one = _order(smaller, larger, values[smaller], values[larger]) if smaller != larger else None
                if one is not None:
                    found.append(one)
    return tuple(found)


def _order(smaller: str, larger: str, x: Floats, y: Floats) -> Order | None:
    with np.errstate(invalid="ignore"):
        n_wrong = int((y < x).sum())
    if not n_wrong or n_wrong > (1 - HOLDS) * len(x):  # quick: most pairs end here
        return None
    both = np.isfinite(x) & np.isfinite(y)
    n = int(both.sum())
    if n < LEAST_ROWS or n_wrong > (1 - HOLDS) * n:
        return None
    x, y = x[both], y[both]
    away = y - x
    refund = (x < 0) & (y < 0)  # a refund: the whole row with the other sign, larger parts being smaller numbers
    if refund.mean() <= FEW_NEGATIVE and refund[away < 0].all():
        return None
    # Null hypothesis 1: the columns have nothing to do with each other. Shifting one keeps its values and takes the order away.
    by_chance = float(np.median([np.mean(np.roll(y, shift) >= x) for shift in (1, n // 3, n // 2)]))
    if 1 - by_chance < TELLING or n_wrong > RARER * (1 - by_chance) * n:
        return None
    # Null hypothesis 2: one is larger as a rule only, and the distance thins out across the border. Then there are about as many rows
    # within the usual depth of the exceptions on this side as on the other.
    depth = float(np.median(-away[away < 0]))
    if int(((away >= 0) & (away <= depth)).sum()) < CUT * n_wrong:
        return None
    return Order(smaller, larger, 1 - n_wrong / n, by_chance, n_wrong)


class OrderViolation:
    """Finds rows in which a column exceeds one that it otherwise never exceeds.

    Reads:    the row sample, `distinct`.
    Finds:    "dependency_violation" per pair of columns; evidence `cells`, `holds_share`, `by_chance`.
    Silent:   with fewer than 100 rows, between columns of fewer than 20 values, where the order holds in less than 99 of 100 rows, where
              shifted rows would be in order too, and where the exceptions are the end of a tail.
    Source:   denial constraints of one row (Chu, Ilyas and Papotti 2013), with a density test at the border.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> start = [n * 37 % 500 for n in range(400)]
    >>> frame = pl.DataFrame({"start": start, "end": [a + n * 11 % 97 if n != 50 else 3 for n, a in enumerate(start)]})
    >>> [finding.columns for finding in OrderViolation()(profile(frame), Past())]
    [('end', 'start')]
    """

    codes = ("dependency_violation",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        found, block = orders(profile), typed_sample(profile)
        if not found or block is None:
            return
        names = tuple(dict.fromkeys(column for one in found for column in (one.smaller, one.larger)))
        values = values_of(block, names)
        usual: dict[str, tuple[float, float]] = {}
        for name in names:
            low, high = np.nanquantile(values[name], [0.005, 0.995]).tolist()
            usual[name] = (low, high)
        sure = blamed(values, found, usual)
        for column in names:
            named = far_numbers(profile, column)
            n = int(((sure[column] > 0) & ~np.isin(values[column], list(named))).sum())
            one = max((one for one in found if column in (one.smaller, one.larger)), key=lambda one: (one.share, one.smaller))
            if not n:
                continue
            other = one.larger if column == one.smaller else one.smaller
            yield Finding(
                "dependency_violation", (column, other),
                f"{one.smaller} is at most {one.larger} in {one.share:.2%} of the rows looked at, and in {one.by_chance:.1%} when the rows of one are shifted; "
                f"in {n:,} {'row' if n == 1 else 'rows'} {column} is on the wrong side.",
                severity=0.35, evidence={"cells": n, "holds_share": one.share, "by_chance": one.by_chance, "relation": f"{one.smaller} <= {one.larger}"},
                suggestion="check both cells of these rows; they may have been swapped", locate=OutOfOrder(column, found, usual, named),
                picture={"kind": "share", "value": 1 - one.share, "usual": 0.0},
            )  # fmt: skip
