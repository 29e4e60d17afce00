"""A device that repeats its last value."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from assayline.core import Finding

from .comparison import Comparison, View
from .suspicion import Suspicion
from .wording import lots, number

SURE = 1e-6  # p-value at which the whole lot needs no segment
LEAST_RUN = 4  # rows; shorter runs are rounding
LONGER = 1.5  # times the longest run of a good lot


class StuckValue:
    """Finds runs of one value, in the order of the rows, far longer than any before; over the whole lot and within each segment.

    Reads:    `sample` in the order of the rows.
    Finds:    "stuck_sensor".
    Silent:   when the lot is too large to be looked at row by row (the signature layer sees its runs), on codes, keys and columns full of one value.
    Source:   P(run) from how often neighbours were equal and stayed equal (a Markov chain of order one fitted to the past).
    """

    finds = ("stuck_sensor",)

    def __call__(self, comparison: Comparison, /) -> Iterable[Suspicion]:
        if comparison.thin or not comparison.in_order or not comparison.clocks:
            return
        devices: list[View | None] = [group for group in (None, *comparison.segments) if _one_row_at_a_time(comparison, group)]
        for view in comparison.views() if devices else ():
            if view.kind != "number" or view.is_key or view.is_group_code:
                continue
            best: tuple[float, Finding] | None = None
            groups = devices
            for group in groups:
                if group is not None and group.name == view.name:
                    continue
                found = _run(comparison, view, group)
                # A run that is plain in the whole lot is not also one of a segment.
                if found is not None and (best is None or (found[0] < best[0] and best[0] > SURE)):
                    best = found
            if best is not None:
                yield Suspicion(best[1], min(1.0, best[0] * len(groups)))


def _one_row_at_a_time(comparison: Comparison, group: View | None) -> bool:
    """Whether each segment has one row per moment: then its rows are the readings of one device."""
    for clock in comparison.clocks:
        code = np.zeros(len(clock.past), dtype=np.int64) if group is None else group.codes[1]
        usable = np.isfinite(clock.past) & (code >= 0)
        if usable.sum() < 20:
            continue
        moments = np.unique(np.stack((clock.past[usable], code[usable].astype(float), clock.lot[usable].astype(float))), axis=1).shape[1]
        if moments > 0.95 * usable.sum():
            return True
    return False


def _runs(values: np.ndarray, group: np.ndarray, lot: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Value, length, first row and segment of each run of equal neighbours of one segment and lot, missing ones left out."""
    order = np.flatnonzero(np.isfinite(values) & (group >= 0))
    order = order[np.lexsort((order, group[order], lot[order]))]
    if not len(order):
        none = np.zeros(0)
        return none, none.astype(int), none.astype(int), none.astype(int)
    v, g, t = values[order], group[order], lot[order]
    start = np.flatnonzero(np.concatenate(([True], (v[1:] != v[:-1]) | (g[1:] != g[:-1]) | (t[1:] != t[:-1]))))
    return v[start], np.diff(np.append(start, len(v))), order[start], g[start]


def _run(comparison: Comparison, view: View, group: View | None) -> tuple[float, Finding] | None:
    zero_now, zero_past = np.zeros(len(view.now), dtype=np.int64), np.zeros(len(view.past), dtype=np.int64)
    code_now, code_past = (zero_now, zero_past) if group is None else group.codes[:2]
    value, length, first, segment = _runs(view.now, code_now, zero_now)
    before, usual, _, _ = _runs(view.past, code_past, view.lot)
    if not len(length) or not len(usual):
        return None
    worst = int(usual.max())
    top = int(np.argmax(length))
    run = int(length[top])
    if run < LEAST_RUN or run < LONGER * worst:  # a value that often stays, such as no rain, may stay as long as it likes
        same = usual[before == value[top]]
        if run < LEAST_RUN or run <= worst or not len(same) or run < 2 * int(same.max()) or run < worst + 2:
            return None
    again = np.maximum(usual - 1, 0)
    equal, pairs = float(again.sum()), float(usual.sum())
    stay = (float(np.maximum(usual - 2, 0).sum()) + 1) / (equal + 2)  # P(equal again | equal), with a prior of two pairs
    begin = (equal + 0.5) / (pairs + 1)
    starts = float(length.sum())
    p = min(1.0, starts * begin * stay ** (run - 2))
    where = None if group is None else f"{group.name} = {group.codes[2][int(segment[top])]}"
    within = f" where {where}" if where else ""
    return p, Finding(
        "stuck_sensor", (view.name,), f"{view.name}{within} stands at {number(float(value[top]))} for {run:,} rows in a row; in "
        f"{lots(comparison.lots)} the longest run was {worst:,}.",
        severity=0.55, layer="history", where=where, rows=run,
        evidence={"run_rows": run, "usual_longest_run_rows": worst, "value": float(value[top]), "first_row": int(first[top])},
        suggestion="check the device", picture={"kind": "share", "value": run / max(1.0, starts), "usual": worst / max(1.0, starts)},
    )  # fmt: skip
