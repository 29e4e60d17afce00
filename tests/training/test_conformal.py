"""Intervals and sets hold the truth as often as they say, by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from assayline.artefacts import Constant
from assayline.training.boosting import Binned
from assayline.training.clock import Clock
from assayline.training.conformal import Spread, label_sets, set_bounds, spread
from assayline.training.sample import Sample
from assayline.training.scores import redraws


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9])
def test_intervals_hold_the_truth_of_new_rows_as_often_as_they_say(coverage: float) -> None:
    # 300 calibrations of 99 rows, 20 new rows each. The coverage of exchangeable rows is exactly c here; its standard error over runs is below 0.5 points.
    inside = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        residuals = rng.standard_t(3, size=99)
        model = Spread(residuals, np.ones(99), None, 1.0).around(Constant.of(0.0))
        low, high = model.interval(np.zeros((20, 1)), coverage)
        truth = rng.standard_t(3, size=20)
        inside.append(((truth >= low) & (truth <= high)).mean())

    assert abs(np.mean(inside) - coverage) < 0.02


def test_intervals_follow_the_row_where_rows_differ_and_still_hold() -> None:
    rng = np.random.default_rng(0)
    X = rng.random((3000, 2))
    y = rng.normal(size=3000) * (0.1 + 2 * (X[:, 0] > 0.7))
    sample = Sample(X[:2000], y[:2000], 0, ("a", "b"), (0, 0))
    rows = np.arange(2000)
    folds = [np.arange(start, 2000, 5) for start in range(5)]

    found = spread(Binned(sample, 1), rows, np.zeros(2000), folds, redraws(sample, rows, False, 0), Clock(60), 20, seed=0)
    low, high = found.around(Constant.of(0.0)).interval(X[2000:], 0.9)

    assert found.model is not None
    assert 0.87 <= ((y[2000:] >= low) & (y[2000:] <= high)).mean() <= 0.94
    calm = X[2000:, 0] < 0.7
    assert (high - low)[calm].mean() < 0.4 * (high - low)[~calm].mean()


def test_intervals_keep_one_width_where_rows_are_alike() -> None:
    rng = np.random.default_rng(1)
    sample = Sample(rng.random((1000, 2)), rng.normal(size=1000), 0, ("a", "b"), (0, 0))
    rows = np.arange(1000)

    found = spread(Binned(sample, 1), rows, np.zeros(1000), [np.arange(start, 1000, 5) for start in range(5)], redraws(sample, rows, False, 0), Clock(60), 20, seed=0)

    assert found.model is None


def test_sets_of_classes_hold_the_true_one_as_often_as_they_say() -> None:
    inside, sizes = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        said = rng.dirichlet([0.5] * 4, size=400)
        y = np.array([rng.choice(4, p=one) for one in said]).astype(np.float64)
        bound = set_bounds(y[:199], said[:199])["0.8"]
        found = label_sets(said[199:], bound)
        inside.append(np.mean([int(truth) in one for truth, one in zip(y[199:], found, strict=True)]))
        sizes.append(np.mean([len(one) for one in found]))

    assert abs(np.mean(inside) - 0.8) < 0.02
    assert np.mean(sizes) < 2.5
