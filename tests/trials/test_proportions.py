"""Intervals of shares: against tables and other implementations, and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from assayline.trials import exact, newcombe, tango, wilson


def test_intervals_of_one_share_are_those_of_scipy() -> None:
    for hits, tries in [(0, 5), (3, 40), (40, 40), (499, 1000)]:
        other = binomtest(hits, tries)

        assert wilson(hits, tries) == pytest.approx(tuple(other.proportion_ci(method="wilson")), abs=1e-9)
        assert exact(hits, tries) == pytest.approx(tuple(other.proportion_ci(method="exact")), abs=1e-9)


def test_the_interval_of_a_difference_is_the_published_one() -> None:
    # Newcombe 1998, table II, example (a), method 10
    assert newcombe(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_the_interval_of_a_paired_difference_turns_the_score_test_around() -> None:
    # At a difference of 0 the score is McNemar's statistic, (b - c) / sqrt(b + c).
    edge = tango(9, 2, 60, math.erf(7 / math.sqrt(11) / math.sqrt(2)))

    assert edge[0] == pytest.approx(0.0, abs=1e-6)


def test_the_bounds_of_a_paired_difference_are_where_the_likeliest_chances_give_a_score_of_z() -> None:
    gained, lost, rows, z = 12, 2, 100, 1.959964
    low = tango(gained, lost, rows, 0.95)[0]
    chances = np.linspace(1e-6, (1 - low) / 2 - 1e-6, 400_001)

    likely = gained * np.log(chances + low) + lost * np.log(chances) + (rows - gained - lost) * np.log(1 - 2 * chances - low)
    best = chances[likely.argmax()]

    assert (gained - lost - rows * low) / math.sqrt(rows * (2 * best + low - low**2)) == pytest.approx(z, rel=1e-4)


def test_without_disagreement_a_paired_difference_is_still_unsure() -> None:
    low, high = tango(0, 0, 1000, 0.90)

    assert low == pytest.approx(-0.0027, abs=1e-4)
    assert high == pytest.approx(0.0027, abs=1e-4)


@pytest.mark.parametrize(("p", "q", "rows"), [(0.1, 0.1, 80), (0.02, 0.10, 120), (0.5, 0.4, 60)])
def test_intervals_of_a_difference_hold_it_as_often_as_they_say(p: float, q: float, rows: int) -> None:
    rng = np.random.default_rng(4)
    pairs = zip(rng.binomial(rows, p, 3000), rng.binomial(rows, q, 3000), strict=True)

    inside = np.mean([low <= p - q <= high for low, high in (newcombe(a, rows, b, rows) for a, b in pairs)])

    assert 0.935 <= inside <= 0.975


@pytest.mark.parametrize(("only_first", "only_second", "rows"), [(0.03, 0.03, 300), (0.05, 0.03, 1000), (0.10, 0.01, 200)])
def test_bounds_of_a_paired_difference_are_each_right_in_95_of_100(only_first: float, only_second: float, rows: int) -> None:
    rng = np.random.default_rng(5)
    drawn = rng.multinomial(rows, [only_first, only_second, 1 - only_first - only_second], 1500)
    bounds = np.array([tango(int(a), int(b), rows, 0.90) for a, b, _ in drawn])
    truth = only_first - only_second

    assert np.mean(bounds[:, 0] > truth) <= 0.065
    assert np.mean(bounds[:, 1] < truth) <= 0.065
