"""Scores are those of scikit-learn, and a row that is drawn twice counts twice."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score, root_mean_squared_error

from assayline.training.sample import Floats, Sample
from assayline.training.scores import METRICS, interval, redraws


def classified(seed: int, rows: int = 400) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    chance = rng.random(rows).round(2)  # with ties
    y = (rng.random(rows) < chance).astype(np.float64)
    return y, np.stack([1 - chance, chance], axis=1)


@pytest.mark.parametrize("seed", range(5))
def test_scores_of_two_classes_are_those_of_scikit_learn(seed: int) -> None:
    y, said = classified(seed)

    auc, precision, loss = (METRICS[name].value(y, said) for name in ("auc", "average_precision", "log_loss"))

    assert auc == pytest.approx(roc_auc_score(y, said[:, 1]), abs=1e-6)
    assert precision == pytest.approx(average_precision_score(y, said[:, 1]), abs=1e-6)
    assert loss == pytest.approx(log_loss(y, np.clip(said[:, 1], 1e-6, 1 - 1e-6)), rel=1e-3)


def test_the_score_of_numbers_is_that_of_scikit_learn_whatever_their_size() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=300) * 1e12
    said = y + rng.normal(size=300) * 1e11

    assert METRICS["rmse"].value(y, said) == pytest.approx(root_mean_squared_error(y, said), rel=1e-5)


@pytest.mark.parametrize("name", ["auc", "average_precision", "log_loss"])
def test_a_row_drawn_twice_counts_as_two_rows(name: str) -> None:
    y, said = classified(1, 60)
    times = np.random.default_rng(2).poisson(1.0, 60)

    weighted = METRICS[name].of(y, said, times[None, :].astype(np.float32))[0]

    assert weighted == pytest.approx(METRICS[name].value(np.repeat(y, times), np.repeat(said, times, axis=0)), abs=1e-5)


def test_rows_of_one_thing_are_drawn_together() -> None:
    groups = np.repeat(np.arange(20), 5)
    sample = Sample(np.zeros((100, 1)), np.zeros(100), 0, ("a",), (0,), groups=groups)

    weights = redraws(sample, np.arange(100), False, 0).reshape(-1, 20, 5)

    assert (weights == weights[:, :, :1]).all()


def test_the_interval_of_a_mean_holds_it_about_as_often_as_it_says() -> None:
    # Redrawing 100 rows is known to be a little short; 300 runs at 90 % have a standard error of 1.7 points.
    sample, inside = Sample(np.zeros((100, 1)), np.zeros(100), 0, ("a",), (0,)), 0
    for seed in range(300):
        values = np.random.default_rng(seed).normal(size=100)
        weights = redraws(sample, np.arange(100), False, seed)
        low, high = interval((weights @ values.astype(np.float32)) / weights.sum(axis=1), 0.9)
        inside += low <= 0 <= high

    assert 0.84 <= inside / 300 <= 0.95
