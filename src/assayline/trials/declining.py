"""Whether the last of some runs is as good as those before: ok, an outlier, or the end of a decline that stays.

Three statistics over the last ten runs and the one of now: an exponentially weighted mean (weight 0.3), a change point by ranks, and the distance of
the last run. The scale is the mean moving range, because a step inflates any spread about a centre; the baseline is the median of all but the last three.

    sustained    two of the last three runs lie more than one scale below the baseline, and the weighted mean or the change point is beyond its limit;
                 the weighted mean must be so whichever single one of the last three runs is taken away, so that one bad run is never called sustained.
                 With paired evidence that the last run is worse on the same rows (`confirmed=True`) the weighted mean over all runs is enough.
    outlier      the last run, or what would have been called sustained but is denied by paired evidence (`confirmed=False`)
    ok           else, and below six runs

Null hypothesis: the runs are independent draws from one law. Promised: "sustained" in at most 2 % of such histories without a confirmation, also with
heavy tails (Student's t with 3 degrees of freedom) and with skewed ones (exponential); "outlier" in about 2 % with normal runs, up to 3 % with heavy tails.
With `confirmed=True` the promise is that of the paired evidence. Simulated in `tests/trials/test_declining.py`, which also holds the limits below.

Source: Roberts 1959 and Lucas & Saccucci 1990 (weighted mean); Pettitt 1979 (change point); Shewhart's moving range; limits by 400,000 simulated histories
of normal runs for each length, such that each statistic, together with the condition on the last three runs, is beyond its own in 1 % (outlier: 2 %),
and then some per cent wider, so that skewed runs keep the promise too (runs rounded as coarsely as they spread: 2.2 %). Below ten runs no order of ranks is rare enough to count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .laws import Floats

LONGEST = 11  # the last ten and the one of now
SHORTEST = 6
WEIGHT = 0.3
_RANGE_OF_TWO = 1.128  # mean range of two normal values, in standard deviations
_LATEST = 3
# By number of runs: weighted mean over all; over all but one of the last three; change point; last run.
_LIMITS = {
    6: (1.90, 1.38, math.inf, 3.00), 7: (1.67, 1.18, math.inf, 2.77), 8: (1.63, 1.18, math.inf, 2.66),
    9: (1.50, 1.08, math.inf, 2.54), 10: (1.50, 1.10, 2.45, 2.52), 11: (1.42, 1.00, 2.46, 2.46),
}  # fmt: skip


@dataclass(frozen=True)
class History:
    """What a series of runs says about its last one.

    Args:
        state: "ok", "outlier" or "sustained".
        runs: looked at.
        baseline: median of all but the last three runs.
        scale: standard deviation between runs, from the moving range.
        drop: baseline minus the last run, turned so that a loss is positive; in units of the metric.
        since_runs: number of runs since the decline began, by the change point; 0 unless sustained.
        sentence: for people.
    """

    state: str
    runs: int
    baseline: float
    scale: float
    drop: float
    since_runs: int
    sentence: str


def history(
    values: Sequence[float], *, higher_is_better: bool = True, sampling_sd: float = 0.0, margin: float = 0.0, confirmed: bool | None = None, name: str = "score"
) -> History:
    """Judges the last value against those before.

    Args:
        values: of one metric on one test set, oldest first, the last one is judged; the last eleven count. Values that are not finite are left out.
        higher_is_better: the direction of the metric.
        sampling_sd: standard deviation the rows of the test set alone give the metric, in its unit, 0 when unknown; the scale is never below.
        margin: a smaller drop is no decline, in units of the metric.
        confirmed: whether paired evidence (`compare` with a version of the baseline, on the same rows) says the last run is worse; None: not asked.
        name: of the metric, for the sentence.

    >>> steady = [0.81, 0.82, 0.80, 0.81, 0.82, 0.81, 0.80, 0.81]
    >>> history([*steady, 0.76, 0.75, 0.76]).state, history([*steady, 0.70]).state, history([*steady, 0.81]).state
    ('sustained', 'outlier', 'ok')
    """
    seen = np.asarray([value for value in values if math.isfinite(value)][-LONGEST:], dtype=np.float64)
    if len(seen) < SHORTEST:
        return History("ok", len(seen), float(np.median(seen)) if len(seen) else math.nan, math.nan, 0.0, 0, f"{len(seen)} runs are too few for a history of {name}: it takes {SHORTEST}.")
    sign = 1.0 if higher_is_better else -1.0
    runs = (sign * seen)[None, :]
    baseline, scale = float(_baselines(runs)[0]), float(max(_scales(runs)[0], sampling_sd))
    state = str(states(runs, np.array([sampling_sd]), confirmed=confirmed)[0])
    drop = baseline - float(runs[0, -1])
    if drop < margin or drop <= 0:
        state = "ok"
    since = len(seen) - int(_change_points(runs)[1][0]) if state == "sustained" else 0
    where = f"{name} {seen[-1]:.4g} against {sign * baseline:.4g} in the runs before"
    says = {
        "ok": f"{where}: as usual.",
        "outlier": f"{where}: one run out of line ({drop / scale if scale else math.inf:.1f} times the usual spread); another run, or a comparison on the same rows, tells whether it stays.",
        "sustained": f"{where}: a decline that stays, for {since} runs.",
    }[state]
    return History(state, len(seen), sign * baseline, scale, drop, since, says)


def states(runs: Floats, sampling_sd: Floats | None = None, *, confirmed: bool | None = None) -> list[str]:
    """The state of each of many histories of one length; higher is better in all.

    Args:
        runs: (histories, runs), 6 to 11 runs, oldest first.
        sampling_sd: (histories,) or None for 0.
        confirmed: as in `history`, the same for all.
    """
    mean_limit, robust_limit, change_limit, last_limit = _LIMITS[runs.shape[1]]
    baseline, scale = _baselines(runs), _scales(runs)
    scale = np.maximum(scale, 0.0 if sampling_sd is None else sampling_sd)
    with np.errstate(divide="ignore", invalid="ignore"):
        whole = _below(runs, baseline) / scale
        latest = runs.shape[1] - 1 - np.arange(_LATEST)
        robust = np.min([_below(np.delete(runs, one, axis=1), baseline) for one in latest], axis=0) / scale
        far = (baseline[:, None] - runs[:, -_LATEST:]) / scale[:, None]
    change = _change_points(runs)[0]
    last_low = far[:, -1] > 1
    stays = ((robust > robust_limit) | (change > change_limit)) & ((far > 1).sum(axis=1) >= 2)
    if confirmed:
        stays |= ((whole > mean_limit) | (change > change_limit)) & last_low
    out = (far[:, -1] > last_limit) | (stays & (confirmed is False))
    return ["sustained" if one and confirmed is not False else "outlier" if other else "ok" for one, other in zip(stays, out, strict=True)]


def _baselines(runs: Floats) -> Floats:
    return np.asarray(np.median(runs[:, : runs.shape[1] - _LATEST], axis=1))


def _scales(runs: Floats) -> Floats:
    return np.asarray(np.abs(np.diff(runs, axis=1)).mean(axis=1) / _RANGE_OF_TWO)


def _below(runs: Floats, baseline: Floats) -> Floats:
    """How far the weighted mean, begun at the baseline, ends below it."""
    mean = baseline.copy()
    for one in runs.T:
        mean = WEIGHT * one + (1 - WEIGHT) * mean
    return baseline - mean


def _change_points(runs: Floats) -> tuple[Floats, Floats]:
    """The largest standardised rank sum over all places of a fall, and the place: how many runs stand before it."""
    count = runs.shape[1]
    higher = np.sign(runs[:, :, None] - runs[:, None, :])
    places = np.arange(2, count - 1)
    sums = np.stack([higher[:, :place, place:].sum(axis=(1, 2)) / math.sqrt(place * (count - place) * (count + 1) / 3) for place in places], axis=1)
    return sums.max(axis=1), places[sums.argmax(axis=1)].astype(np.float64)
