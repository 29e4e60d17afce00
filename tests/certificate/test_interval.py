"""The laws of the interval, computed exactly: no simulation is needed."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assayline.certificate import interval
from assayline.certificate.interval import at_least


@pytest.mark.parametrize("tries", [1, 2, 5, 12, 40])
@pytest.mark.parametrize("p", [0.0, 0.001, 0.02, 0.1, 0.3, 0.5, 0.77, 0.98, 1.0])
def test_the_interval_holds_the_truth_in_nineteen_of_twenty_experiments(tries: int, p: float) -> None:
    """H0: the tries are independent and hit with probability p. The coverage is the sum over all outcomes whose interval holds p."""
    chances = [math.comb(tries, hits) * p**hits * (1 - p) ** (tries - hits) for hits in range(tries + 1)]

    coverage = math.fsum(chance for hits, chance in enumerate(chances) if interval(hits, tries)[0] - 1e-12 <= p <= interval(hits, tries)[1] + 1e-12)

    assert coverage >= 0.95 - 1e-9


@given(st.integers(1, 300).flatmap(lambda tries: st.tuples(st.integers(0, tries), st.just(tries))))
def test_the_interval_holds_the_share_and_is_mirrored_by_the_misses(counts: tuple[int, int]) -> None:
    hits, tries = counts

    low, high = interval(hits, tries)
    other_low, other_high = interval(tries - hits, tries)

    assert 0 <= low <= hits / tries <= high <= 1
    assert math.isclose(low, 1 - other_high, abs_tol=1e-9)
    assert math.isclose(high, 1 - other_low, abs_tol=1e-9)


@given(st.integers(0, 40), st.integers(1, 40))
def test_more_tries_with_the_same_share_say_more(hits: int, tries: int) -> None:
    if hits > tries:
        return

    low, high = interval(hits, tries)
    closer_low, closer_high = interval(3 * hits, 3 * tries)

    assert closer_high - closer_low < high - low


def test_no_tries_say_nothing() -> None:
    assert interval(0, 0) == (0.0, 1.0)


def test_the_known_limit_of_no_hits_is_met() -> None:
    """Without a hit the upper end solves (1 - p) ** tries = 0.025."""
    assert math.isclose(interval(0, 30)[1], 1 - 0.025 ** (1 / 30), rel_tol=1e-9)


@pytest.mark.parametrize(("hits", "tries", "confidence"), [(-1, 5, 0.95), (6, 5, 0.95), (1, 5, 0.0), (1, 5, 1.0)])
def test_what_makes_no_sense_is_refused(hits: int, tries: int, confidence: float) -> None:
    with pytest.raises(ValueError):
        interval(hits, tries, confidence)


def test_a_tail_is_the_sum_of_its_terms() -> None:
    assert math.isclose(at_least(3, 10, 0.2), math.fsum(math.comb(10, k) * 0.2**k * 0.8 ** (10 - k) for k in range(3, 11)))
