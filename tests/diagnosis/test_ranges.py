"""Bounds of a measure: healthy values lie outside no more often than is promised, and moves are seen."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from assayline.diagnosis.ranges import bounds, moved

LOTS = 600
Draw = Callable[[np.random.Generator, int], np.ndarray]


def normal(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.normal(40.0, 2.0, count)


def heavy(rng: np.random.Generator, count: int) -> np.ndarray:
    return 40.0 + 2.0 * rng.standard_t(3, count)


def skewed(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.lognormal(3.0, 0.5, count)


def growing(rng: np.random.Generator, count: int) -> np.ndarray:
    return 40.0 + 1.5 * np.arange(count) + rng.normal(0.0, 2.0, count)


def outside(draw: Draw, count: int, error: float = 0.01) -> float:
    """The share of healthy lots that are called a symptom."""
    rng = np.random.default_rng(count)
    missed = 0
    for _ in range(LOTS):
        values = draw(rng, count + 1)
        low, high = bounds(values[:-1].tolist(), error=error, relative=0.0)
        missed += not low <= values[-1] <= high
    return missed / LOTS


@pytest.mark.parametrize("count", [2, 3, 5, 8, 14, 30])
def test_healthy_normal_values_lie_outside_as_seldom_as_promised(count: int) -> None:
    share = outside(normal, count)

    assert share <= 0.01 + 3 * math.sqrt(0.01 * 0.99 / LOTS) + 0.003


@pytest.mark.parametrize("count", [3, 8, 14, 30])
@pytest.mark.parametrize("draw", [heavy, skewed])
def test_heavy_and_skewed_tails_cost_a_few_times_the_promise(draw: Draw, count: int) -> None:
    assert outside(draw, count) <= 0.03 + 3 * math.sqrt(0.03 * 0.97 / LOTS)


@pytest.mark.parametrize("count", [8, 14, 30])
def test_a_steady_trend_is_no_symptom(count: int) -> None:
    assert outside(growing, count) <= 0.02 + 3 * math.sqrt(0.02 * 0.98 / LOTS)


@pytest.mark.parametrize(("count", "seen"), [(3, 0.0), (5, 0.6), (8, 0.9), (14, 0.97)])
def test_a_move_of_six_deviations_is_seen_from_five_values_on(count: int, seen: float) -> None:
    rng = np.random.default_rng(3)
    outside_now = []
    for _ in range(300):
        values = normal(rng, count + 1)
        low, high = bounds(values[:-1].tolist())
        outside_now.append(not low <= values[-1] + 12.0 <= high)

    assert np.mean(outside_now) >= seen


def test_an_incident_of_the_past_does_not_make_the_next_one_healthy() -> None:
    _, high = bounds([41.0, 40.2, 42.1, 41.5, 63.0, 40.7, 41.9, 40.9, 41.3])

    assert high < 50


def test_what_was_well_is_well() -> None:
    past = [10.0, 11.0, 9.5, 10.4, 12.9, 10.1, 9.9, 10.2]

    low, high = bounds(past)

    assert low <= min(past)
    assert high >= max(past)


def test_few_values_give_wide_bounds_and_none_gives_all() -> None:
    assert bounds([]) == (-math.inf, math.inf)
    assert bounds([math.nan]) == (-math.inf, math.inf)
    assert bounds([40.0]) == (20.0, 60.0)
    assert bounds([40.0, 41.0])[1] > 80


def test_a_small_move_of_a_measure_that_never_moved_is_nobodys_symptom() -> None:
    assert bounds([100.0] * 9) == (98.0, 102.0)
    assert bounds([0.0] * 9, floor=0.01) == (-0.01, 0.01)


def test_a_smaller_lot_is_given_wider_bounds() -> None:
    past, errors = [10.0, 10.5, 9.5, 10.2, 9.8, 10.1], [0.3] * 6

    as_large = bounds(past, sampling=errors, sampling_now=0.3)
    small = bounds(past, sampling=errors, sampling_now=2.0)

    assert small[1] - small[0] > 2 * (as_large[1] - as_large[0])


def test_standard_errors_must_be_as_many_as_values() -> None:
    with pytest.raises(ValueError, match="2 past values have 1 standard errors"):
        bounds([1.0, 2.0], sampling=[0.1])


def test_p_values_of_healthy_lots_are_evenly_spread() -> None:
    rng = np.random.default_rng(4)
    values = [normal(rng, 11) for _ in range(LOTS)]

    p = np.array([moved(float(one[-1]), one[:-1].tolist())[0] for one in values])

    assert (p < 0.05).mean() == pytest.approx(0.05, abs=0.02)
    assert (p < 0.5).mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(("now", "direction"), [(63.0, "up"), (20.0, "down"), (41.0, "")])
def test_the_direction_of_a_move_is_told(now: float, direction: str) -> None:
    p, way = moved(now, [40.0, 42.0, 41.0, 41.5, 40.5])

    assert way == direction
    assert (p < 0.001) == (direction != "")
