"""How good predictions are, and how sure that is: scores, the same scores over redrawn rows, and intervals of their differences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .sample import Floats, Sample

Weights = npt.NDArray[np.float32]

NEAREST = 1e-6  # a probability of 0 for what happened costs as much as one in a million, not infinitely much
RARE = 0.05  # share of the minority below which the area under the ROC curve is ruled by rows nobody asks about (Saito & Rehmsmeier 2015)
CONFIDENCE = 0.9  # of the two-sided interval: a model that is no better is taken for one in 5 % of choices
REDRAWS = (100, 1_000)  # least and most; Efron & Tibshirani 1993, 13.3: 1,000 place the ends of an interval well, 100 roughly
CELLS = 10_000_000  # redraws × rows: 40 MB
BLOCKS = 50  # stretches of time that are redrawn as one


@dataclass(frozen=True)
class Metric:
    """A score of predictions.

    Args:
        name: "auc", "average_precision", "log_loss" or "rmse".
        greater: whether more is better.
        of: (targets (rows,), predictions, weights (redraws, rows)) -> scores (redraws,).
    """

    name: str
    greater: bool
    of: Callable[[Floats, Floats, Weights], Floats]

    def value(self, y: Floats, said: Floats) -> float:
        """The score of these predictions."""
        return float(self.of(y, said, np.ones((1, len(y)), dtype=np.float32))[0])

    def gain(self, better: float, worse: float) -> float:
        """By how much the first score is better than the second."""
        return better - worse if self.greater else worse - better


def primary(sample: Sample) -> Metric:
    """The score that decides: RMSE for numbers, log loss for many classes, average precision for a rare class, else AUC.

    >>> primary(Sample(np.zeros((100, 1)), np.repeat([0.0, 1.0], [97, 3]), 2, ("a",), (0,))).name
    'average_precision'
    """
    if not sample.classes:
        return METRICS["rmse"]
    if sample.classes > 2:
        return METRICS["log_loss"]
    return METRICS["average_precision" if sample.minority < RARE else "auc"]


def losses(y: Floats, said: Floats) -> Floats:
    """What each row costs: log loss, or the squared error.

    >>> losses(np.array([1.0]), np.array([3.0])).tolist()
    [4.0]
    """
    if said.ndim == 1:
        return np.asarray((y - said) ** 2)
    return np.asarray(-np.log(np.clip(said[np.arange(len(y)), y.astype(np.int64)], NEAREST, 1.0)))


def redraws(sample: Sample, rows: npt.NDArray[np.int64], forward: bool, seed: int) -> Weights:
    """How often each row counts in each redrawn set of rows: (redraws, rows).

    Rows of one thing (key), or of one stretch of time where the order counts, are drawn together: they are no independent witnesses.

    Args:
        sample: all rows.
        rows: those that are scored.
        forward: whether the order in time counts.
        seed: of the draw.

    Source: Efron & Tibshirani 1993; the Poisson weights of Chamandy et al. 2012 stand for drawing with replacement.
    """
    rng = np.random.default_rng(seed)
    times = int(np.clip(CELLS // max(len(rows), 1), *REDRAWS))
    if forward and sample.order is not None:
        place = np.argsort(np.argsort(sample.order[rows], kind="stable"), kind="stable")
        blocks = place * min(BLOCKS, max(len(rows), 1)) // max(len(rows), 1)
    elif sample.groups is not None:
        blocks = np.unique(sample.groups[rows], return_inverse=True)[1]
    else:
        return rng.poisson(1.0, (times, len(rows))).astype(np.float32)
    return rng.poisson(1.0, (times, int(blocks.max(initial=0)) + 1)).astype(np.float32)[:, blocks]


def interval(gains: Floats, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Low and high end between which the middle of redrawn values lies."""
    found = gains[np.isfinite(gains)]
    if not len(found):
        return -np.inf, np.inf
    low, high = np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _mean_loss(y: Floats, said: Floats, weights: Weights) -> Floats:
    total = np.maximum(weights.sum(axis=1), 1e-9)
    return np.asarray(weights @ losses(y, said).astype(np.float32) / total, dtype=np.float64)


def _rmse(y: Floats, said: Floats, weights: Weights) -> Floats:
    squares = losses(y, said)
    unit = float(squares.max(initial=0.0)) or 1.0  # squares of large numbers leave the range of float32
    return np.asarray(np.sqrt(np.asarray(weights @ (squares / unit).astype(np.float32), dtype=np.float64) / np.maximum(weights.sum(axis=1), 1e-9) * unit))


def _tallies(y: Floats, said: Floats, weights: Weights) -> tuple[Floats, Floats]:
    """Weight of the positive and of the negative rows at each different score, the highest score first."""
    order = np.argsort(-said[:, 1], kind="stable")
    score = said[order, 1]
    starts = np.flatnonzero(np.concatenate([[True], score[1:] != score[:-1]])) if len(score) else np.zeros(0, dtype=np.int64)
    drawn = weights[:, order]
    positive = np.add.reduceat(drawn * y[order].astype(np.float32), starts, axis=1, dtype=np.float64)
    return positive, np.add.reduceat(drawn, starts, axis=1, dtype=np.float64) - positive


def _in_parts(of: Callable[[Floats, Floats], Floats]) -> Callable[[Floats, Floats, Weights], Floats]:
    def scored(y: Floats, said: Floats, weights: Weights) -> Floats:
        step = max(1, 2_000_000 // max(len(y), 1))  # keeps the sorted copies of the weights small
        parts = [of(*_tallies(y, said, weights[start : start + step])) for start in range(0, len(weights), step)]
        return np.concatenate(parts)

    return scored


def _auc(positive: Floats, negative: Floats) -> Floats:
    below = negative.sum(axis=1, keepdims=True) - np.cumsum(negative, axis=1) + negative / 2
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    return np.where(pairs > 0, (positive * below).sum(axis=1) / np.where(pairs > 0, pairs, 1.0), np.nan)


def _average_precision(positive: Floats, negative: Floats) -> Floats:
    found = np.cumsum(positive, axis=1)
    precision = found / np.maximum(found + np.cumsum(negative, axis=1), 1e-9)
    total = positive.sum(axis=1)
    return np.where(total > 0, (positive * precision).sum(axis=1) / np.where(total > 0, total, 1.0), np.nan)


METRICS = {
    "rmse": Metric("rmse", False, _rmse),
    "log_loss": Metric("log_loss", False, _mean_loss),
    "auc": Metric("auc", True, _in_parts(_auc)),
    "average_precision": Metric("average_precision", True, _in_parts(_average_precision)),
}
