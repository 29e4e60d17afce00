"""Whose answer changes between two versions, and what it costs."""

from __future__ import annotations

import numpy as np
import pytest
from made_answers import disagreeing, measured

from assayline.errors import MisuseError
from assayline.trials import cost_matrix, flips, flips_by_group, per_unit


def test_lost_and_gained_rows_are_those_in_dispute() -> None:
    new, old = disagreeing(np.random.default_rng(1), 3000, 0.08, 0.02)
    lost = (old.decided == old.y) & (new.decided != new.y)

    found = flips(new, old)

    assert found.lost == lost.sum()
    assert found.changed == found.lost + found.gained
    assert found.difference == pytest.approx((found.lost - found.gained) / 3000)
    assert len(found.examples) == 10
    assert lost[list(found.examples)].all()


def test_the_costliest_losses_are_shown_first() -> None:
    new, old = disagreeing(np.random.default_rng(2), 3000, 0.08, 0.02)
    costs = cost_matrix(("no", "yes"), {("yes", "no"): 100.0, ("no", "yes"): 1.0}, unit="CHF")

    found = flips(new, old, costs)

    assert (new.y[list(found.examples)] == 1).all()
    assert "CHF per row" in found.sentence


def test_numbers_change_when_they_move_by_a_tenth_of_the_spread() -> None:
    new, old = measured(np.random.default_rng(3), 2000, worse=0.5)

    found = flips(new, old, per_unit(over=1.0, under=2.0))

    assert 0 < found.gained < found.lost < found.changed < 2000
    assert found.low > 0


def test_intervals_hold_the_true_difference_in_95_of_100_sets() -> None:
    rng = np.random.default_rng(4)
    found = [flips(*disagreeing(rng, 800, 0.1, 0.02)) for _ in range(400)]

    assert np.mean([one.low <= 0.02 <= one.high for one in found]) >= 0.95 - 0.03


def test_groups_are_told_apart_with_rows_of_the_whole_set() -> None:
    new, old = disagreeing(np.random.default_rng(5), 2000, 0.08, 0.0)
    late = np.arange(2000) >= 1500

    found = flips_by_group(new, old, {"early": ~late, "late": late})

    assert found["early"].lost + found["late"].lost == flips(new, old).lost
    assert all(row >= 1500 for row in found["late"].examples)
    assert found["late"].sentence.startswith("late: ")


def test_other_rows_are_not_compared() -> None:
    rng = np.random.default_rng(6)

    with pytest.raises(MisuseError, match="not scored on the same rows"):
        flips(disagreeing(rng, 100, 0.1, 0.0)[0], disagreeing(rng, 100, 0.1, 0.0)[1])
