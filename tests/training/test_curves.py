"""What more rows or fewer features would bring."""

from __future__ import annotations

import math

import numpy as np
import pytest

from assayline.training.clock import Clock
from assayline.training.curves import Point, extrapolated, feature_curves, learning_curve
from assayline.training.race import Race
from assayline.training.sample import Sample


def race(rows: int = 2000) -> Race:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 6))
    y = 3 * X[:, 2] + 2 * X[:, 4] * (X[:, 2] > 0) + rng.normal(size=rows)
    found = Race(Sample(X, y, 0, tuple("abcdef"), (0,) * 6), Clock(60))
    found.first_model()
    return found


@pytest.mark.parametrize("power", [0.1, 0.5, 1.5])
def test_a_curve_that_follows_a_power_is_continued_by_it(power: float) -> None:
    points = [Point(rows, 0.9 - 2 * rows**-power) for rows in (1_000, 5_000, 10_000)]

    gain = extrapolated(points, True)

    assert gain == pytest.approx(2 * (10_000**-power - 20_000**-power), rel=1e-3)


def test_a_curve_that_does_not_rise_is_not_continued() -> None:
    assert math.isnan(extrapolated([Point(10, 0.8), Point(50, 0.7), Point(100, 0.9)], True))


def test_more_rows_are_said_to_be_worth_something_while_the_curve_rises() -> None:
    found = learning_curve(race(), 30)

    assert found is not None
    assert [one.at for one in found.points] == [160, 800, 1600]
    assert found.points[0].score > found.points[2].score
    assert "twice as many rows would be worth" in found.sentence


def test_the_features_that_matter_come_first_and_few_of_them_suffice() -> None:
    found = feature_curves(race(), 30)

    assert found is not None
    assert set(found.order[:2]) == {"c", "e"}
    assert found.enough == 2
    assert [one.at for one in found.by_component] == [1, 2, 4, 6]
    assert found.by_component[-1].score < found.by_component[0].score


def test_without_time_there_are_no_curves() -> None:
    made = race()

    assert learning_curve(made, 0.0) is None
    assert feature_curves(made, 0.0) is None
