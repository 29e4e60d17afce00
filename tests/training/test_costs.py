"""Decisions cost least by the costs that were given."""

from __future__ import annotations

import numpy as np
import pytest

from assayline.errors import MisuseError
from assayline.training.conformal import Spread
from assayline.training.costs import decided, decision_of_classes, decision_of_numbers, matrix_of, per_unit, threshold
from assayline.training.sample import Sample
from assayline.training.scores import redraws


def test_the_threshold_is_where_both_decisions_cost_the_same() -> None:
    matrix = matrix_of({"yes": {"no": 9.0}, "no": {"yes": 1.0}}, ["no", "yes"])

    at = threshold(matrix)

    assert at == pytest.approx(0.1)
    assert decided(np.array([[0.89, 0.11], [0.91, 0.09]]), matrix).tolist() == [1, 0]


def test_a_missed_case_that_costs_much_lowers_the_threshold_and_the_bill() -> None:
    rng = np.random.default_rng(0)
    chance = rng.random(2000)
    y = (rng.random(2000) < chance).astype(np.float64)
    weights = redraws(Sample(np.zeros((2000, 1)), y, 2, ("a",), (0,)), np.arange(2000), False, 0)

    found = decision_of_classes([[0, 1], [9, 0]], ["no", "yes"], y, np.stack([1 - chance, chance], axis=1), weights)

    assert found.threshold == pytest.approx(0.1)
    assert found.cost_per_row < found.plain_cost_per_row / 2
    assert found.saving_low > 0


def test_a_number_that_is_dear_when_too_low_is_moved_up_to_its_quantile() -> None:
    residuals = np.random.default_rng(0).normal(size=4000)
    spread = Spread(residuals, np.ones(4000), None, 1.0)
    weights = redraws(Sample(np.zeros((4000, 1)), residuals, 0, ("a",), (0,)), np.arange(4000), False, 0)

    found = decision_of_numbers(per_unit(over=1.0, under=3.0), spread, [np.arange(start, 4000, 5) for start in range(5)], weights)

    assert found.quantile == 0.75
    assert found.shift == pytest.approx(0.674, abs=0.05)  # the third quartile of the normal distribution
    assert found.saving_low > 0


@pytest.mark.parametrize("cost", [{"maybe": {"no": 1.0}}, [[0, 1]], [[0, 0], [0, 0]], [["a", 1], [1, 0]], {"over": 1.0, "under": 1.0}])
def test_a_cost_that_does_not_fit_the_classes_is_refused(cost: object) -> None:
    with pytest.raises(MisuseError):
        matrix_of(cost, ["no", "yes"])  # type: ignore[arg-type]  # what a user might write
