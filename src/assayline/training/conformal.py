"""How far off a model may be: intervals around numbers and sets of classes, from rows that its folds had not seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assayline.artefacts import Boosted, Interval, Predictor
from assayline.artefacts.interval import MOST_SCORES

from .boosting import Binned, grow
from .clock import Clock
from .recipes import boosted
from .sample import Floats, Whole
from .scores import Weights, interval

COVERAGES = (0.5, 0.8, 0.9, 0.95, 0.99)
JUDGED = 0.9  # coverage at which two kinds of intervals are compared
ROUNDS = 60
LEAST = 200  # rows: fewer do not say where a model is usually far off


@dataclass(frozen=True)
class Reach:
    """An interval of one coverage.

    Args:
        coverage: the share of new rows whose truth lies inside.
        reach: how far it goes to either side, in units of the difficulty if there is one.
        width: mean width over the scored rows, in the unit of the target.
    """

    coverage: float
    reach: float
    width: float


@dataclass(frozen=True, eq=False)
class Spread:
    """What residuals of unseen rows say about a regression.

    Args:
        residuals: (scored rows,) truth less prediction.
        difficulty: (scored rows,) how far off the model was expected to be, by a model that had not seen the row; all 1 without one.
        model: that model, learned from all scored rows; None where intervals of one width are as good.
        floor: least difficulty.
    """

    residuals: Floats
    difficulty: Floats
    model: Predictor | None
    floor: float

    def around(self, inner: Predictor, *, seed: int = 0) -> Interval:
        """The regression with its intervals.

        The promise of `Interval` holds for the models of the folds on exchangeable rows; the model around which the intervals are put has learned from more rows and
        is the mean of several, so that it is usually nearer and the intervals hold more than they say (cross-conformal, Vovk 2015; Barber et al. 2021).
        """
        scores = np.abs(self.residuals) / self.difficulty
        if len(scores) > MOST_SCORES:
            scores = np.random.default_rng(seed).choice(scores, MOST_SCORES, replace=False)
        ordered = np.sort(scores)
        ordered.setflags(write=False)
        return Interval(inner, ordered, self.model, self.floor)

    def reaches(self) -> tuple[Reach, ...]:
        """The intervals for the usual coverages, as far as there are rows enough."""
        scores = np.sort(np.abs(self.residuals) / self.difficulty)
        found = []
        for coverage in COVERAGES:
            reach = quantile(scores, coverage)
            if math.isfinite(reach):
                found.append(Reach(coverage, reach, float(2 * reach * self.difficulty.mean())))
        return tuple(found)


def quantile(ordered: Floats, coverage: float) -> float:
    """The ceil((n + 1) c)-th smallest of n scores; infinite where n is too small.

    >>> quantile(np.arange(1.0, 10.0), 0.9), quantile(np.arange(1.0, 9.0), 0.9)
    (9.0, inf)
    """
    rank = math.ceil((len(ordered) + 1) * coverage - 1e-9)
    return float(ordered[rank - 1]) if 0 < rank <= len(ordered) else math.inf


def spread(binned: Binned, rows: Whole, said: Floats, folds: Sequence[Whole], weights: Weights, clock: Clock, seconds: float, *, seed: int) -> Spread:
    """How far off a regression is, and where.

    Intervals whose width follows the row are taken only if their score is surely better (Gneiting & Raftery 2007, interval score).

    Args:
        binned: the rows.
        rows: those that were scored.
        said: what was said of them.
        folds: positions among the scored rows.
        weights: (redraws, scored rows).
        clock: the deadline.
        seconds: it may take.
        seed: of the trees.
    """
    sample = binned.sample
    residuals = sample.y[rows] - said
    level = Spread(residuals, np.ones(len(rows)), None, 1.0)
    if len(rows) < LEAST or len(folds) < 2 or seconds <= 0:
        return level
    far = np.zeros(sample.rows)
    far[rows] = np.abs(residuals)
    recipe = boosted("difficulty", learning_rate=0.08, num_leaves=12, min_data_in_leaf=max(10, min(100, len(rows) // 50)), feature_fraction=0.8)
    expected, begin = np.zeros(len(rows)), clock.now()
    for number, fold in enumerate([*folds, np.zeros(0, dtype=np.int64)]):
        allowed = (seconds - (clock.now() - begin)) / (len(folds) + 1 - number)
        if allowed <= 0:
            return level
        others = np.setdiff1d(np.arange(len(rows)), fold, assume_unique=True)
        grown = grow(binned, recipe, rows[others], None, far, clock, allowed, seed=seed, rounds=ROUNDS)
        if grown.cut:
            return level
        if len(fold):
            expected[fold] = grown.booster.predict(sample.X[rows[fold]])
    floor = float(max(np.quantile(np.maximum(expected, 0.0), 0.05), 1e-3 * np.abs(expected).mean(), 1e-300))
    varying = Spread(residuals, np.maximum(expected, floor), Boosted.of(grown.booster, 0), floor)
    gain = interval_scores(level) - interval_scores(varying)
    unit = float(np.abs(gain).max(initial=0.0)) or 1.0
    low, _ = interval(np.asarray(weights @ (gain / unit).astype(np.float32), dtype=np.float64))
    return varying if low > 0 else level


def interval_scores(one: Spread) -> Floats:
    """The interval score of each row at a coverage of 90 %: the width, and what is missed counted 20 times."""
    reach = quantile(np.sort(np.abs(one.residuals) / one.difficulty), JUDGED) * one.difficulty
    return np.asarray(2 * reach + 2 / (1 - JUDGED) * np.maximum(np.abs(one.residuals) - reach, 0.0))


def set_bounds(y: Floats, said: Floats) -> dict[str, float]:
    """For each coverage, the probability from which a class belongs to the set of classes that a row may have.

    Null hypothesis: new rows are exchangeable with those here. Promise: the set holds the true class with at least this coverage.

    Args:
        y: (rows,) indexes of classes.
        said: (rows, classes) by models that had not seen the row.

    Source: Sadinle, Lei & Wasserman 2019.
    """
    off = np.sort(1.0 - said[np.arange(len(y)), y.astype(np.int64)])
    reached = {f"{coverage:g}": quantile(off, coverage) for coverage in COVERAGES}
    return {coverage: 1.0 - off for coverage, off in reached.items() if math.isfinite(off)}


def label_sets(probabilities: Floats, bound: float) -> list[tuple[int, ...]]:
    """The classes that each row may have.

    Args:
        probabilities: (rows, classes).
        bound: of `set_bounds`.

    >>> label_sets(np.array([[0.7, 0.2, 0.1], [0.4, 0.4, 0.2]]), 0.2)
    [(0, 1), (0, 1, 2)]
    """
    return [tuple(np.flatnonzero(row >= bound).tolist()) for row in np.asarray(probabilities)]
