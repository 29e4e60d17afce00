"""How well scores rank the positive rows before the others: area under the ROC curve with the influence of each row on it, and average precision.

Source: DeLong, DeLong and Clarke-Pearson 1988 (Biometrics 44); Sun and Xu 2014 (IEEE Signal Processing Letters 21), who compute it by ranks in
n log n; Obuchowski 1997 (Biometrics 53) for rows that come in groups; average precision as the step-wise sum over different scores.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from .laws import Floats


def midranks(values: Floats) -> Floats:
    """The 1-based ranks of the values; equal ones share the mean of theirs.

    >>> midranks(np.array([10.0, 30.0, 10.0])).tolist()
    [1.5, 3.0, 1.5]
    """
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place])


def area_components(scores: Floats, positive: npt.NDArray[np.bool_]) -> tuple[float, Floats]:
    """The area under the ROC curve and the share of pairs each row wins against the rows of the other class.

    Args:
        scores: (rows,), higher means more likely positive.
        positive: (rows,); both kinds must be there, otherwise all is NaN.

    >>> area_components(np.array([0.9, 0.4, 0.6, 0.1]), np.array([True, True, False, False]))
    (0.75, array([1. , 0.5, 0.5, 1. ]))
    """
    many, few = int(positive.sum()), int((~positive).sum())
    if not many or not few:
        return float("nan"), np.full(len(scores), np.nan)
    ranks = midranks(scores)
    won = np.empty(len(scores))
    won[positive] = (ranks[positive] - midranks(scores[positive])) / few
    won[~positive] = 1 - (ranks[~positive] - midranks(scores[~positive])) / many
    return float(won[positive].mean()), won


def area_influence(scores: Floats, positive: npt.NDArray[np.bool_]) -> tuple[float, Floats]:
    """The area under the ROC curve, and how much each row moves it: (rows,) with mean 0; its variance is that of the area times the rows."""
    area, won = area_components(scores, positive)
    share = positive.mean() if len(scores) else float("nan")
    return area, (won - area) / np.where(positive, share, 1 - share)


def average_precision(scores: Floats, positive: npt.NDArray[np.bool_]) -> float:
    """The mean precision over the positive rows, each at its own score; NaN without a positive row.

    >>> round(average_precision(np.array([0.9, 0.4, 0.6, 0.1]), np.array([True, True, False, False])), 4)
    0.8333
    """
    return float(weighted_precision(scores, positive)(np.ones((1, len(scores)), dtype=np.float32))[0])


def weighted_precision(scores: Floats, positive: npt.NDArray[np.bool_]) -> Callable[[npt.NDArray[np.float32]], Floats]:
    """A function from (resamples, rows) weights to the (resamples,) average precision under each; what is the same for all is done once."""
    if not positive.any():
        return lambda weights: np.full(len(weights), np.nan)
    order = np.argsort(-scores, kind="stable")
    ordered, hits = scores[order], positive[order]
    # Precision is only asked at the scores of positive rows, so that the rows between two of them count as one sum.
    last = np.r_[ordered[1:] != ordered[:-1], True]
    tie = np.cumsum(np.r_[True, last[:-1]]) - 1
    asked = np.unique(tie[hits])
    ends = np.flatnonzero(last)[asked] + 1
    starts = np.r_[0, ends[:-1]]
    order = order[: ends[-1]]
    at_hits = order[hits[: len(order)]]
    group = np.searchsorted(asked, tie[hits])
    first_of_group = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])

    def values(weights: npt.NDArray[np.float32]) -> Floats:
        seen = np.cumsum(np.add.reduceat(np.take(weights, order, axis=1), starts, axis=1), axis=1, dtype=np.float64)
        found = np.add.reduceat(np.take(weights, at_hits, axis=1), first_of_group, axis=1).astype(np.float64)
        right = np.cumsum(found, axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            precision = np.where(seen > 0, right / seen, 0.0)
            return np.asarray((found * precision).sum(axis=1) / right[:, -1])

    return values
