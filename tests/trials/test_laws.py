"""The laws, held against another implementation of them."""

from __future__ import annotations

import pytest
from scipy import special, stats

from assayline.trials.laws import (
    beta_below,
    binomial_at_least,
    binomial_exactly,
    hypergeometric_mid_above,
    normal_above,
    normal_quantile,
    student_above,
    student_quantile,
)


@pytest.mark.parametrize("freedom", [1, 2.5, 9, 40, 500, 1e6, 1e9])
def test_tails_and_quantiles_of_student_are_those_of_scipy(freedom: float) -> None:
    points = [-40.0, -3.0, -0.2, 0.0, 0.7, 2.0, 6.0, 40.0]

    assert [student_above(t, freedom) for t in points] == pytest.approx(list(stats.t.sf(points, freedom)), rel=1e-8, abs=1e-14)
    assert [student_quantile(p, freedom) for p in (0.001, 0.3, 0.95, 0.999)] == pytest.approx(list(stats.t.ppf([0.001, 0.3, 0.95, 0.999], freedom)), rel=1e-7)


@pytest.mark.parametrize(("a", "b"), [(0.5, 0.5), (1, 3), (30, 2), (400, 900), (1e5, 2e5)])
def test_the_incomplete_beta_function_is_that_of_scipy(a: float, b: float) -> None:
    points = [0.001, 0.2, a / (a + b), 0.8, 0.999]

    assert [beta_below(x, a, b) for x in points] == pytest.approx(list(special.betainc(a, b, points)), rel=1e-8, abs=1e-14)


def test_counts_have_the_tails_that_scipy_gives() -> None:
    mid = stats.hypergeom(60, 20, 30).sf(11) + stats.hypergeom(60, 20, 30).pmf(12) / 2 - stats.hypergeom(60, 20, 30).pmf(12) * 0

    assert binomial_at_least(7, 40, 0.1) == pytest.approx(stats.binom.sf(6, 40, 0.1), rel=1e-9)
    assert binomial_exactly(7, 40, 0.1) == pytest.approx(stats.binom.pmf(7, 40, 0.1), rel=1e-9)
    assert hypergeometric_mid_above(12, 30, 20, 60) == pytest.approx(mid - stats.hypergeom(60, 20, 30).pmf(12), rel=1e-9)


def test_the_normal_law_is_exact_far_out() -> None:
    assert normal_above(8.0) == pytest.approx(stats.norm.sf(8.0), rel=1e-10)
    assert normal_quantile(1e-9) == pytest.approx(stats.norm.ppf(1e-9), rel=1e-9)
