"""The statistics below the findings, against numbers that can be known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from assayline.core import Finding
from assayline.detectors.expectation import at_least, at_most, beta_share, both_tails, levels, over_dispersed, shares
from assayline.detectors.suspicion import Suspicion, believed


@pytest.mark.parametrize(("k", "n", "share"), [(1, 5, 0.2), (3, 10, 0.5), (10, 10, 0.9), (40, 200, 0.1), (0, 7, 0.3)])
def test_binomial_tails_are_the_sums_they_stand_for(k: int, n: int, share: float) -> None:
    terms = [math.comb(n, i) * share**i * (1 - share) ** (n - i) for i in range(n + 1)]

    assert at_least(np.array([k]), np.array([n]), np.array([share]))[0] == pytest.approx(sum(terms[k:]), rel=1e-6)
    assert at_most(np.array([k]), np.array([n]), np.array([share]))[0] == pytest.approx(sum(terms[: k + 1]), rel=1e-6)


def test_student_tails_match_the_closed_forms_of_one_and_two_degrees_of_freedom() -> None:
    t = np.array([0.5, 1.0, 6.0])

    assert both_tails(t, np.array([1.0] * 3)) == pytest.approx(1 - 2 / np.pi * np.arctan(t), rel=1e-6)
    assert both_tails(t, np.array([2.0] * 3)) == pytest.approx(1 - t / np.sqrt(t * t + 2), rel=1e-6)


def test_the_beta_function_is_symmetric() -> None:
    x = np.linspace(0, 1, 11)

    assert beta_share(x, np.full(11, 3.0), np.full(11, 0.7)) == pytest.approx(1 - beta_share(1 - x, np.full(11, 0.7), np.full(11, 3.0)), abs=1e-8)


@pytest.mark.parametrize("kind", ["normal", "trend", "walk", "week", "outlying"])
def test_predictive_p_values_of_good_series_are_not_too_small(kind: str) -> None:
    rng = np.random.default_rng(5)
    noise, day = rng.normal(0, 1, (31, 3000)), np.arange(31)[:, None]
    x = {
        "normal": noise, "trend": noise + 0.5 * day, "walk": noise.cumsum(axis=0), "week": noise + 3 * np.sin(2 * np.pi * day / 7),
        "outlying": rng.standard_t(3, (31, 3000)),
    }[kind]  # fmt: skip

    p = levels(x[:-1], x[-1]).p

    assert (p < 0.01).mean() <= 0.02
    assert (p < 0.0001).mean() <= 0.004  # ten to forty times the nominal level, in the far tail of series with unlike tails


@pytest.mark.parametrize(("a", "b", "n", "k"), [(2.0, 8.0, 100, 60), (0.3, 5.0, 200, 60), (50.0, 500.0, 2000, 300), (5.0, 5.0, 30, 28)])
def test_beta_binomial_tails_are_those_of_the_law_the_lots_were_drawn_from(a: float, b: float, n: int, k: int) -> None:
    def logarithm(i: int) -> float:
        return (math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) + math.lgamma(i + a) + math.lgamma(n - i + b) - math.lgamma(n + a + b)
                + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b))  # fmt: skip

    law = sum(math.exp(logarithm(i)) for i in range(k, n + 1))
    rng = np.random.default_rng(1)
    hits = rng.binomial(n, rng.beta(a, b, (20_000, 1))).astype(float)

    more, fewer = over_dispersed(np.array([float(k)]), np.array([float(n)]), hits, np.full(hits.shape, float(n)))

    assert more[0] == pytest.approx(law, rel=0.35)  # the far tail of a fitted law
    assert fewer[0] == pytest.approx(1 - law, rel=0.01)


@pytest.mark.parametrize("spread", [3.0, 10.0, 100.0])
def test_shares_that_scatter_more_than_chance_keep_their_level_far_out(spread: float) -> None:
    rng = np.random.default_rng(8)
    hits = rng.binomial(150, rng.beta(0.1 * spread, 0.9 * spread, (31, 4000)))

    found = shares(hits[-1], np.full(4000, 150), hits[:-1], np.full((30, 4000), 150))

    assert (found.more < 0.01).mean() <= 0.015
    assert (found.more < 0.0005).mean() <= 0.005  # ten times the nominal level, where two parameters are known from thirty lots


def test_tails_of_shares_keep_their_level_when_lots_differ() -> None:
    rng = np.random.default_rng(6)
    rate = rng.beta(4, 96, (31, 3000))
    hits = rng.binomial(200, rate)

    found = shares(hits[-1], np.full(3000, 200), hits[:-1], np.full((30, 3000), 200))

    assert (np.minimum(found.more, found.fewer) < 0.01).mean() <= 0.02


def test_a_series_as_flat_as_a_board_makes_any_step_surprising() -> None:
    assert levels(np.full((10, 1), 5.0), [6.0]).p[0] == 0
    assert levels(np.full((10, 1), 5.0), [5.0]).p[0] == 1


def test_one_p_value_is_believed_less_in_a_wide_table() -> None:
    doubt = Suspicion(Finding("global_shift", ("a",), "…", 0.5, layer="history"), 5e-4)

    assert [one.code for one in believed([doubt], columns=2)] == ["global_shift"]
    assert believed([doubt], columns=200) == []


def test_of_many_true_nulls_almost_none_is_believed() -> None:
    rng = np.random.default_rng(7)
    lots = 0
    for _ in range(500):
        doubts = [Suspicion(Finding("global_shift", (f"c{i}",), "…", 0.5, layer="history"), float(p)) for i, p in enumerate(rng.random(50))]
        lots += bool(believed(doubts, columns=50))

    assert lots <= 500 * 0.02
