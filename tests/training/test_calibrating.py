"""Probabilities are mapped where that surely helps, and left alone where it does not."""

from __future__ import annotations

import numpy as np

from assayline.training.calibrating import calibration
from assayline.training.sample import Floats, Sample
from assayline.training.scores import Weights, losses, redraws


def rows(seed: int, count: int, slope: float) -> tuple[Floats, Floats, list[np.ndarray[tuple[int], np.dtype[np.int64]]], Weights]:
    """Targets, probabilities whose log-odds are `slope` times too large, folds, and weights."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(size=count)
    y = (rng.random(count) < 1 / (1 + np.exp(-odds))).astype(np.float64)
    chance = 1 / (1 + np.exp(-slope * odds))
    sample = Sample(np.zeros((count, 1)), y, 2, ("a",), (0,))
    folds = [np.arange(start, count, 5) for start in range(5)]
    return y, np.stack([1 - chance, chance], axis=1), folds, redraws(sample, np.arange(count), False, seed)


def test_a_model_that_is_too_sure_is_calibrated() -> None:
    y, said, folds, weights = rows(0, 2000, 3.0)

    found, learned = calibration(y, said, folds, weights)

    assert found.method == "platt"
    assert found.low > 0
    assert found.error_after < found.error_before / 2
    assert learned is not None
    assert losses(y, learned.mapped(said)).mean() < losses(y, said).mean() - 0.1


def test_a_model_that_says_what_it_means_is_hardly_ever_touched() -> None:
    touched = sum(calibration(*rows(seed, 1000, 1.0))[1] is not None for seed in range(40))

    assert touched <= 4  # 5 % one-sided for each of at most two methods


def test_steps_are_learned_where_lines_cannot_follow() -> None:
    rng = np.random.default_rng(5)
    chance = rng.random(20_000)
    y = (rng.random(20_000) < np.where(chance > 0.5, 0.9, 0.3)).astype(np.float64)
    sample = Sample(np.zeros((20_000, 1)), y, 2, ("a",), (0,))
    weights = redraws(sample, np.arange(20_000), False, 0)

    found, learned = calibration(y, np.stack([1 - chance, chance], axis=1), [np.arange(start, 20_000, 5) for start in range(5)], weights)

    assert found.method == "isotonic"
    assert learned is not None
    assert abs(learned.mapped(np.array([[0.25, 0.75]]))[0, 1] - 0.9) < 0.05


def test_few_rows_of_a_class_are_not_calibrated_on() -> None:
    y, said, folds, weights = rows(0, 60, 3.0)

    assert calibration(y, said, folds, weights)[1] is None


def test_many_classes_get_one_temperature() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(3000, 3))
    powers = np.exp(scores)
    y = np.array([rng.choice(3, p=one / one.sum()) for one in powers]).astype(np.float64)
    sure = np.exp(4 * scores)
    sample = Sample(np.zeros((3000, 1)), y, 3, ("a",), (0,))

    found, learned = calibration(y, sure / sure.sum(axis=1, keepdims=True), [np.arange(start, 3000, 5) for start in range(5)], redraws(sample, np.arange(3000), False, 0))

    assert found.method == "temperature"
    assert learned is not None
    assert abs(float(learned.xs[0][0]) - 4.0) < 0.4
