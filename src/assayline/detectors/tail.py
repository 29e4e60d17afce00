"""How far the largest of some numbers stand apart from the rest: extreme values judged by the tail they come from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

# How many may stand apart together, and the share of the error that is spent on each question; most faults come alone.
TRIED = ((1, 0.7), (2, 0.1), (3, 0.1), (5, 0.05), (8, 0.05))
TAIL_SHARE = 1 / 20  # of the numbers, from which the tail is learnt: deep enough to be known, not so deep that the bulk is taken for it
LEAST_TAIL, SHALLOW, MOST_TAIL = 12, 24, 400
CLEAR = 2.0  # times the largest of the others: what stands apart is at least twice as large, however sure the gap is
MOST_SHARE = 0.01  # of the numbers that may stand apart; more are a population of their own


@dataclass(frozen=True, eq=False)
class Apart:
    """The places that stand apart.

    Args:
        p: probability of such a gap above the tail, all questions asked included.
        places: their positions, the largest first.
        next_largest: the largest of the others.
    """

    p: float
    places: Whole
    next_largest: float


def standing_apart(sizes: Floats, resolution: float = 0.0, reach: int = 3) -> Apart | None:
    """The few places whose sizes are separated from all others by more than their tail explains.

    Null hypothesis: above a high threshold the sizes follow a power law of any index (in its scaled log-spacings j log(v[j] / v[j+1]),
    which are then independent exponentials with one mean; Rényi 1953, Hill 1975). The gap under the m-th largest against the mean of
    the spacings below it is an F ratio, so p = (1 + m log(gap) / (k mean)) ** -k holds whatever the index, also for tails
    without a variance. Lighter tails (normal, exponential) have smaller spacings at the top, and the test is conservative.

    Args:
        sizes: non-negative, in order of time; neighbours within `reach` count as one place.
        resolution: the step in which sizes come; equal ones are spread over it.
        reach: how many neighbours on each side belong to one place.

    >>> calm = np.abs(np.random.default_rng(1).normal(size=500))
    >>> standing_apart(calm) is None
    True
    >>> calm[250] = 40
    >>> found = standing_apart(calm)
    >>> found.p < 1e-3, found.places.tolist()
    (True, [250])
    """
    n = len(sizes)
    tops = _peaks(sizes, reach)
    tops = tops[np.argsort(-sizes[tops], kind="stable")]
    order = np.argsort(-sizes, kind="stable")
    order = order[: MOST_TAIL + (TRIED[-1][0] + 1) * (4 * reach + 1)]
    best: Apart | None = None
    for m, weight in TRIED:
        if m >= len(tops) or (m > 1 and m > MOST_SHARE * n):
            break
        near = (tops[:m, None] + np.arange(-2 * reach, 2 * reach + 1)).ravel()  # as far as a local level feels the accused readings
        rest = sizes[order[~np.isin(order, near)]]
        k = min(MOST_TAIL, max(LEAST_TAIL, int(TAIL_SHARE * n)), int(np.count_nonzero(rest > 0)) - 1)
        if k < LEAST_TAIL:
            break
        lowest, highest = sizes[tops[m - 1]] - resolution / 2, rest[0] + resolution / 2
        if lowest <= CLEAR * highest:
            continue
        spacings: Floats = np.arange(m + 1.0, m + k + 1) * -np.diff(np.log(_spread(rest[: k + 1], resolution)))
        gap = m * float(np.log(lowest / highest))
        # Where rare bursts lie over a calm bulk, only the uppermost part is the tail of the bursts: both depths must agree.
        p = max(_f_tail(gap, spacings[:depth]) for depth in {min(k, SHALLOW), k}) / weight
        if best is None or p < best.p:
            best = Apart(min(1.0, p), tops[:m], float(rest[0]))
    return best


def _f_tail(gap: float, spacings: Floats) -> float:
    """Probability that an exponential is as large, when its mean is only known from such spacings."""
    mean, k = float(spacings.mean()), len(spacings)
    return float((1 + gap / (mean * k)) ** -k) if mean > 0 else 1.0


def _peaks(sizes: Floats, reach: int) -> Whole:
    """Places that no neighbour within reach exceeds; of equal ones the first."""
    wide = np.concatenate((np.full(reach, -1.0), sizes, np.full(reach, -1.0)))
    windows = np.lib.stride_tricks.sliding_window_view(wide, 2 * reach + 1)
    return np.flatnonzero((sizes > 0) & (sizes >= windows.max(axis=1)) & (sizes > windows[:, :reach].max(axis=1)))


def _spread(falling: Floats, resolution: float) -> Floats:
    """Equal sizes spread evenly over the step in which they come, as they would be if they were measured finely."""
    _, start, count = np.unique(-falling, return_index=True, return_counts=True)
    rank = np.arange(len(falling)) - np.repeat(start, count)
    many = np.repeat(count, count)
    result: Floats = np.maximum(falling + resolution * np.where(many > 1, 0.5 - (rank + 0.5) / many, 0.0), 1e-300)
    return result
