"""A number that stands for nothing: one value, new or suddenly frequent, far from the others."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from assayline.core import Finding

from .comparison import Comparison, View
from .expectation import shares
from .locating_numbers import NumbersAre
from .suspicion import Suspicion
from .wording import lots, number, percent

# What people write into a number field for "nothing": all nines, minus one, and their kin.
SENTINELS = (-1.0, -9.0, -99.0, -999.0, -9999.0, -99999.0, 99.0, 999.0, 9999.0, 99999.0, 999999.0, 9999999.0, 99999999.0, -200.0, -888.0, 888.0, 8888.0, 0.0)
LEAST_CELLS = 3  # a value outside the range must repeat to be a code and not an outlier
LEAST_SHARE = 0.02  # effect floor for a value that also occurs honestly
MOST_OF_OUTSIDE = 0.6  # share of the values outside the range that must be this one


class Sentinel:
    """Finds one number that took the place of missing ones.

    Reads:    `sample`.
    Finds:    "disguised_missing": a repeated value beyond everything the past had, or a known code (-1, 9999, ...) more frequent than in any good lot;
              "new_category_flood" for a number beyond a handful of codes.
    Silent:   when the value is most of the column: then the column is constant or in another unit.
    Source:   binomial tail at the worst past rate, docs/statistics.md.
    """

    finds = ("disguised_missing", "new_category_flood")

    def __call__(self, comparison: Comparison, /) -> Iterable[Suspicion]:
        if comparison.thin:
            return
        for view in comparison.views():
            if view.kind == "number" and not view.is_key:
                yield from _sentinels(comparison, view)


def _sentinels(comparison: Comparison, view: View) -> Iterable[Suspicion]:
    now, past = view.now_known, view.past_known
    if len(now) < LEAST_CELLS or len(past) < 20:
        return
    values, counts = np.unique(now, return_counts=True)
    low, high = past.min(), past.max()
    for side in (values < low, values > high):
        if not side.any():
            continue
        top = int(np.argmax(np.where(side, counts, 0)))
        value, cells = float(values[top]), int(counts[top])
        if cells >= LEAST_CELLS and cells >= MOST_OF_OUTSIDE * counts[side].sum() and cells < 0.9 * len(now) and _apart(value, past):
            if value not in SENTINELS and low == high:
                continue  # of a column that always held one number another number says nothing about missing ones
            if view.is_group_code and value not in SENTINELS and value == int(value):
                yield Suspicion(_new_code(comparison, view, value, cells, len(now)))
                continue
            yield Suspicion(_finding(comparison, view, value, cells, len(now), 0.0, f"outside the range {number(low)} to {number(high)}"))
    candidates = [i for i in range(len(values)) if values[i] in SENTINELS and low <= values[i] <= high and counts[i] >= LEAST_CELLS]
    for i in candidates:
        value, cells = float(values[i]), int(counts[i])
        found = shares([cells], [len(now)], view.per_lot(view.past == value)[:, None], view.number_sizes[:, None])
        if found.now[0] - found.high[0] < LEAST_SHARE or cells > 0.9 * len(now):
            continue
        yield Suspicion(_finding(comparison, view, value, cells, len(now), float(found.usual[0]), f"at most {percent(float(found.high[0]))} in one lot"),
                        float(found.more[0]) * len(SENTINELS))  # fmt: skip


def _apart(value: float, past: np.ndarray) -> bool:
    """Whether a value lies outside the past by a margin: a known code by less of the range than any other number."""
    low, high = float(past.min()), float(past.max())
    if value < 0 <= low and value in SENTINELS:
        return True
    if high == low and value not in SENTINELS[:-1]:
        return False  # a column of one number has no width to be far from: its next number is a new state
    margin = (0.3 if value in SENTINELS else 1.0) * (high - low)
    return value > high + margin or value < low - margin


def _new_code(comparison: Comparison, view: View, value: float, cells: int, filled: int) -> Finding:
    """A number beyond a handful of codes that nobody writes for "nothing": a group that was not there before."""
    share = cells / filled
    return Finding(
        "new_category_flood", (view.name,), f"{percent(share)} of {view.name} is {number(value)} ({cells:,} cells), a code never seen in {lots(comparison.lots)}.",
        severity=min(0.6, 0.4 + 0.3 * share), layer="history", rows=cells, evidence={"value": value, "share": round(share, 4), "usual_share": 0.0},
        suggestion="add it to the known values, or correct it", locate=NumbersAre.equal(view.name, value, 0.6, None),
        picture={"kind": "share", "value": share, "usual": 0.0},
    )  # fmt: skip


def _finding(comparison: Comparison, view: View, value: float, cells: int, filled: int, usual: float, limits: str) -> Finding:
    share = cells / filled
    return Finding(
        "disguised_missing", (view.name,),
        f"{percent(share)} of {view.name} is {number(value)} ({cells:,} cells) against {percent(usual)} in {lots(comparison.lots)}, {limits}: it "
        f"stands for a missing value.",
        severity=min(0.79, 0.5 + 0.3 * share), layer="history", rows=cells,
        evidence={"value": value, "share": round(share, 4), "usual_share": round(usual, 5)}, suggestion="read this value as empty",
        locate=NumbersAre.equal(view.name, value, 0.8), picture={"kind": "share", "value": share, "usual": usual},
    )  # fmt: skip
