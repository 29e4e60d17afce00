"""Arms beside each other: units lost on the way, money, speed, many segments and many rollouts at once; each errs as seldom as it says."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from assayline.core import Rollout
from assayline.core.rollout import stages_of
from assayline.rollout import Accounting, Batch, Latency, Limits, Outcome, e_bh, e_lond, judge
from assayline.rollout.cuped import compare
from assayline.rollout.slower import log_e_slower
from assayline.rollout.srm import log_e_srm, lost_on_the_way

from .test_judging import at, behaviour


def batch(day: int, outcomes: tuple[Outcome, ...] = (), latencies: tuple[Latency, ...] = (), stage: int = 4, mode: str = "canary") -> Batch:
    return Batch(f"day {day}", f"2026-11-{day:02}", stage, mode, 25.0, Accounting(5000, 5000), (behaviour(),), (), outcomes, latencies)


def outcome(rng: np.random.Generator, arm: str, units: int, mean: float = 10.0, kept: float = 1.0, tie: float = 0.8, returning: float = 0.0) -> Outcome:
    """What units made, most of which was to be seen before."""
    before = rng.normal(0, 1, units)
    made = mean + 5 * (tie * before + math.sqrt(1 - tie**2) * rng.normal(0, 1, units))
    total, squares, earlier, earlier_squares, products = (float(one.sum()) for one in (made, made**2, before, before**2, made * before))
    return Outcome(arm, "money", units, round(units / kept), total, squares, earlier, earlier_squares, products, returning=returning)


def both(rng: np.random.Generator, mean: float = 10.0, units: int = 500, returning: float = 0.0) -> tuple[Outcome, Outcome]:
    return outcome(rng, "champion", units, returning=returning), outcome(rng, "challenger", units, mean, returning=returning)


def test_an_arm_that_loses_its_outcomes_stops_everything_and_is_named() -> None:
    days = [
        batch(day, (Outcome("champion", "money", 18_000, 20_000, 0.0, 0.0), Outcome("challenger", "money", 8_000, 10_000, 0.0, 0.0))) for day in (1, 2)
    ]  # fmt: skip
    decision = judge(days, at(4), Limits())

    assert (decision.action, decision.layer) == ("stay", "L1b")
    assert "20.00% in the arm of the challenger, 10.00% in the arm of the champion" in decision.reason


def test_arms_that_lose_alike_are_called_unequal_in_fewer_rollouts_than_promised_also_with_the_same_customers_every_day() -> None:
    rng, found = np.random.default_rng(0), 0
    for _ in range(400):
        one, other = int(rng.binomial(5_000, 0.9)), int(rng.binomial(500, 0.9))
        same = [batch(day, (Outcome("champion", "money", one, 5_000, 0.0, 0.0), Outcome("challenger", "money", other, 500, 0.0, 0.0))) for day in range(1, 11)]
        found += lost_on_the_way(same)[0] >= math.log(20)

    assert found <= 0.05 * 400


def test_counts_may_be_looked_at_after_every_unit() -> None:
    rng, found = np.random.default_rng(1), 0
    for _ in range(200):
        ones = np.cumsum(rng.random(3_000) < 0.05)
        found += any(log_e_srm([int(ones[at_]), at_ + 1 - int(ones[at_])], [5, 95]) >= math.log(20) for at_ in range(20, 3_000, 60))

    assert found <= 0.05 * 200


def test_what_was_known_before_takes_its_part_of_the_noise_away() -> None:
    rng = np.random.default_rng(2)
    days = [batch(day, both(rng, 9.0)) for day in (1, 2, 3)]
    found, plain = compare(days, "money"), compare([replace(day, outcomes=tuple(replace(one, before_squares=0.0) for one in day.outcomes)) for day in days], "money")

    assert found is not None
    assert plain is not None
    assert found.spared == pytest.approx(0.64, abs=0.05)
    assert found.variance < 0.5 * plain.variance
    assert found.worse_by == pytest.approx(1.0, abs=0.3)


@pytest.mark.parametrize("returning", [0.0, 1.0])
def test_money_without_a_difference_is_called_worse_or_better_in_at_most_its_share(returning: float) -> None:
    rng, ever = np.random.default_rng(3), np.zeros(2)
    for _ in range(150):
        same = both(rng, returning=1.0)
        days = [batch(day, same if returning else both(rng)) for day in range(1, 9)]
        found = [compare(days[:end], "money") for end in range(1, 9)]
        ever += [any(one.log_e_worse(0.0) >= math.log(20) for one in found if one), any(one.log_e_within(0.0) >= math.log(20) for one in found if one)]

    assert ever.max() <= 0.05 * 150 + 2 * math.sqrt(7.5)


def test_an_ab_test_is_decided_by_money_and_not_without_it() -> None:
    rng = np.random.default_rng(4)
    rollout = Rollout("v6", "v7", salt="s", stages=stages_of("ab", (5,)), stage=3)
    limits = Limits(outcome_margin=0.02)

    def days(mean: float) -> list[Batch]:
        return [batch(day, both(rng, mean, 4_000), stage=3, mode="ab") for day in range(1, 9)]

    assert judge([batch(day, stage=3, mode="ab") for day in range(1, 9)], rollout, limits).reason == "no outcome of the two arms has come, and no data is never a pass."
    assert judge(days(10.0), rollout, limits).action == "promote"
    assert judge(days(10.0), rollout, replace(limits, superior=True)).reason == "money is not yet shown to be better."
    assert judge(days(11.0), rollout, replace(limits, superior=True)).action == "promote"
    decision = judge(days(9.0), rollout, limits)
    assert (decision.action, decision.layer) == ("rollback", "L4")
    assert "money per unit lost" in decision.reason


def latency(rng: np.random.Generator, arm: str, calls: int, slow: float, failing: float = 0.0) -> Latency:
    failures = int(rng.binomial(calls, failing))
    counts = rng.multinomial(calls - failures, [0.7 - slow, 0.2, 0.1 + slow])
    return Latency(arm, calls, failures, dict(zip(("100", "1000", "10000"), counts.tolist(), strict=True)))


def test_a_slower_or_failing_challenger_goes_back() -> None:
    rng = np.random.default_rng(5)
    for slow, failing in ((0.3, 0.0), (0.0, 0.2)):
        decision = judge([batch(1, latencies=(latency(rng, "champion", 2_000, 0.0), latency(rng, "challenger", 500, slow, failing)))], at(4), Limits())

        assert (decision.action, decision.layer) == ("rollback", "L5")


def test_an_arm_that_is_slower_by_the_margin_is_called_slower_in_at_most_its_share() -> None:
    rng, found = np.random.default_rng(6), 0
    for _ in range(500):
        # 0.335 are slower than the first bound: the champion's 0.3 and a twentieth of the others.
        champion, challenger = latency(rng, "champion", 2_000, 0.0), latency(rng, "challenger", 500, 0.035)
        found += log_e_slower(champion, challenger, 0.05) >= math.log(20)
    same = sum(log_e_slower(latency(rng, "champion", 2_000, 0.0), latency(rng, "challenger", 500, 0.0), 0.0) >= math.log(20) for _ in range(500))

    assert found <= 25
    assert same <= 25


def test_among_many_segments_at_most_the_promised_share_of_those_named_is_fine() -> None:
    rng, wrong = np.random.default_rng(7), []
    for _ in range(400):
        truth = np.arange(50) < 10
        z = rng.normal(0, 1, 50) + 3.5 * truth
        named = e_bh(3.0 * z - 4.5, 0.1)  # likelihood ratios of a shift by 3
        wrong.append(int((named & ~truth).sum()) / max(1, int(named.sum())))

    assert np.mean(wrong) <= 0.1
    assert e_bh([], 0.1).tolist() == []


def test_running_maxima_would_break_the_promise_that_values_of_the_moment_keep() -> None:
    rng, moment, maxima = np.random.default_rng(8), 0, 0
    for _ in range(300):
        steps = np.cumsum(1.0 * rng.normal(0, 1, (200, 40)) - 0.5, axis=0)
        moment += bool(e_bh(steps[-1], 0.3).any())
        maxima += bool(e_bh(steps.max(axis=0), 0.3).any())

    assert moment <= 0.3 * 300
    assert maxima > 2 * moment


def test_a_fleet_of_sound_rollouts_has_one_called_harmful_in_at_most_its_share() -> None:
    rng = np.random.default_rng(9)
    false = sum(any(e_lond((3.0 * rng.normal(0, 1, 500) - 4.5).tolist(), 0.1)) for _ in range(300))

    assert false <= 30
    assert sum(e_lond([0.0] * 5_000 + [20.0] * 3)) == 3
