"""A device that repeats its last value."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from assayline.core import Finding

from .comparison import Comparison, View, different
from .suspicion import Suspicion
from .wording import lots, number

SURE = 1e-6  # p-value at which the whole lot needs no segment
LEAST_RUN = 4  # rows; shorter runs are rounding
LONGER = 1.5  # times the longest run of a good lot
EDGE = 0.1  # quantile of the readings up to which a value stands at the end of the scale
PRIOR_PAIRS = 20.0  # neighbours that kindred runs are taken to have had at the rate of all: a value seen a few times has no rate of its own


class StuckValue:
    """Finds runs of one value, in the order of the rows, far longer than any before; over the whole lot and within each segment.

    Reads:    `sample` in the order of the rows.
    Finds:    "stuck_sensor".
    Silent:   when the lot is too large to be looked at row by row (the signature layer sees its runs), on codes, keys and columns full of one value.
    Source:   P(run) from how often neighbours were equal and stayed equal (a Markov chain of order one fitted to the past, also to runs of the same
              value and at the same end of the scale); the rates are not known but have Beta distributions.
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
        moments = different((clock.past_ranks[usable] * (int(code.max()) + 1) + code[usable]) * clock.lots + clock.lot[usable])
        if len(moments) > 0.95 * np.count_nonzero(usable):
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


def _places(values: np.ndarray, length: np.ndarray, today: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where on the scale runs of the past and of today stand: -1 at the low end, 1 at the high end, 0 between.

    A sensor rests at the least it can tell, and at the most; what it does there says nothing of what it does between.
    """
    low, high = np.quantile(np.repeat(values, length), [EDGE, 1 - EDGE]).tolist()
    return (values >= high).astype(int) - (values <= low), (today >= high).astype(int) - (today <= low)


def _chance(kin: np.ndarray, usual: np.ndarray, starts: float, run: int) -> float:
    """P-value of a run that could have begun at so many readings of today: each neighbour is equal, and equal again, with an unknown rate.

    The rates have the Beta distributions that runs of the same kind leave, starting from the rates of runs of any kind: the law of a run is
    then beta-geometric, whose tail is heavy while little is known.

    Args:
        kin: lengths of runs of the past that were like this one.
        usual: lengths of runs of any kind.
        starts: readings of today at which such a run could have begun.
        run: its length.
    """
    stay, begin = _rate(np.maximum(usual - 2, 0), usual >= 2), _rate(np.maximum(usual - 1, 0), usual >= 1)
    more, stops = PRIOR_PAIRS * stay + float(np.maximum(kin - 2, 0).sum()), PRIOR_PAIRS * (1 - stay) + float((kin >= 2).sum())
    first = (PRIOR_PAIRS * begin + float(np.maximum(kin - 1, 0).sum())) / (PRIOR_PAIRS + float(kin.sum()))
    steps = np.arange(run - 2)
    return min(1.0, starts * first * float(np.exp(np.log((more + steps) / (more + stops + steps)).sum())))


def _rate(yes: np.ndarray, no: np.ndarray) -> float:
    return (float(yes.sum()) + 1) / (float(yes.sum()) + float(no.sum()) + 2)


def _run(comparison: Comparison, view: View, group: View | None) -> tuple[float, Finding] | None:
    zero_now, zero_past = np.zeros(len(view.now), dtype=np.int64), np.zeros(len(view.past), dtype=np.int64)
    code_now, code_past = (zero_now, zero_past) if group is None else group.codes[:2]
    value, length, first, segment = _runs(view.now, code_now, zero_now)
    before, usual, _, _ = _runs(view.past, code_past, view.lot)
    if not len(length) or not len(usual):
        return None
    place_past, place_now = _places(before, usual, value)
    p, top, worst = 1.0, -1, 0
    for place in (-1, 0, 1):
        here, like = np.flatnonzero(place_now == place), place_past == place
        longest = int(here[np.argmax(length[here])]) if len(here) else -1
        if longest < 0:
            continue
        run, same = int(length[longest]), before == value[longest]
        usual_run = int(usual[like | same].max(initial=1))
        if run < LEAST_RUN or run < LONGER * usual_run:  # a value that often stays, such as no rain, may stay as long as it likes
            often = int(usual[same].max(initial=0))
            if run < LEAST_RUN or run < usual_run + 2 or not often or run < 2 * often:
                continue
        chance = max(_chance(usual[like], usual, float(length[here].sum()), run), _chance(usual[same], usual[like], float(length[value == value[longest]].sum()), run))
        if 3 * chance < p:  # three places are looked at
            p, top, worst = 3 * chance, longest, usual_run
    if top < 0:
        return None
    run, starts = int(length[top]), float(length.sum())
    where = None if group is None else f"{group.name} = {group.codes[2][int(segment[top])]}"
    within = f" where {where}" if where else ""
    return p, Finding(
        "stuck_sensor", (view.name,), f"{view.name}{within} stands at {number(float(value[top]))} for {run:,} rows in a row; in "
        f"{lots(comparison.lots)} the longest run of such a value was {worst:,}.",
        severity=0.55, layer="history", where=where, rows=run,
        evidence={"run_rows": run, "usual_longest_run_rows": worst, "value": float(value[top]), "first_row": int(first[top])},
        suggestion="check the device", picture={"kind": "share", "value": run / max(1.0, starts), "usual": worst / max(1.0, starts)},
    )  # fmt: skip
