"""Bets on a share of bad pairs: right as often as promised, soon, and the same however the rows are cut."""

from __future__ import annotations

import time

import numpy as np
import pytest

from assayline.errors import MisuseError
from assayline.rollout import RateTest
from assayline.rollout.betting import CERTAIN, log_e_above, log_e_below


def batch(rng: np.random.Generator, rows: int, share: float) -> np.ndarray:
    """A batch of which exactly this share is bad, in random order."""
    bad = np.zeros(rows, dtype=bool)
    bad[: round(rows * share)] = True
    rng.shuffle(bad)
    return bad


def stops(share: float, runs: int, population: int | None, seed: int = 0) -> list[int | None]:
    rng = np.random.default_rng(seed)
    return [RateTest(0.05, 0.01, population).feed(batch(rng, 20_000, share) if population else rng.random(20_000) < share) for _ in range(runs)]


@pytest.mark.parametrize("population", [None, 20_000])
def test_a_model_that_flips_8_per_cent_against_a_limit_of_5_is_stopped_within_1500_rows_and_one_at_the_limit_in_one_of_a_hundred(population: int | None) -> None:
    found = stops(0.08, 200, population)
    by_chance = stops(0.05, 400, population, seed=1)

    assert all(found)
    assert np.median([one for one in found if one]) <= 1_000
    assert sum(one is not None for one in by_chance) <= 10  # 4 are expected at most; more than 10 come once in 300 times


@pytest.mark.slow
@pytest.mark.parametrize("population", [None, 20_000])
def test_a_share_at_the_limit_is_called_above_it_in_at_most_one_of_a_hundred_batches(population: int | None) -> None:
    by_chance = stops(0.05, 5_000, population, seed=2)

    assert sum(one is not None for one in by_chance) <= 0.01 * 5_000 + 3 * np.sqrt(50)


def test_the_answer_does_not_hang_on_how_the_rows_are_cut() -> None:
    bad = np.random.default_rng(3).random(200_000) < 0.051
    for population in (None, 200_000):
        whole, pieces = RateTest(0.05, 0.2, population), RateTest(0.05, 0.2, population)
        whole.feed(bad)
        for piece in np.array_split(bad, 77):
            pieces.feed(piece)

        assert (whole.crossed, whole.rows, whole.bad) == (pieces.crossed, pieces.rows, pieces.bad)
        assert whole.log_e == pytest.approx(pieces.log_e)


def test_after_it_crossed_nothing_more_is_looked_at() -> None:
    test = RateTest(0.05, 0.01)
    first = test.feed(np.ones(10, dtype=bool))

    assert first == 3
    assert test.feed(np.zeros(1000, dtype=bool)) == first
    assert (test.rows, test.bad) == (3, 3)
    assert test.log_e >= np.log(100)


def test_more_bad_pairs_than_a_whole_batch_may_have_are_certain() -> None:
    test = RateTest(0.5, 1e-9, population=10)

    assert test.feed(np.ones(10, dtype=bool)) == 6
    assert test.log_e == CERTAIN


def test_where_nothing_is_allowed_one_is_too_many() -> None:
    assert RateTest(0.0, 0.01).feed(np.array([False, True])) == 2
    assert RateTest(1.0, 0.01).feed(np.ones(1000, dtype=bool)) is None


def test_counts_alone_give_the_capital_that_a_test_ends_with() -> None:
    bad = np.random.default_rng(4).random(3_000) < 0.03
    test = RateTest(0.05, 0.01)
    test.feed(bad)

    assert test.log_e == pytest.approx(log_e_above(3_000, int(bad.sum()), 0.05))
    assert log_e_below(3_000, int(bad.sum()), 0.05) > np.log(20)
    assert log_e_below(3_000, 150, 0.05) < 0


@pytest.mark.no_cover  # what is timed is not traced
def test_a_million_rows_take_less_than_a_second() -> None:
    bad = np.random.default_rng(5).random(1_000_000) < 0.04
    begin = time.process_time()
    RateTest(0.05, 0.01, population=1_000_000).feed(bad)

    assert time.process_time() - begin < 1


def test_a_test_says_what_it_cannot_be_fed_with() -> None:
    with pytest.raises(MisuseError, match="one truth value a pair"):
        RateTest(0.05, 0.01).feed(np.array([0, 1]))
    with pytest.raises(MisuseError, match="more than the 2 of the batch"):
        RateTest(0.05, 0.01, population=2).feed(np.zeros(3, dtype=bool))
    with pytest.raises(MisuseError, match="share between 0 and 1"):
        RateTest(5, 0.01)
