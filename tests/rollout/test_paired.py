"""Losses by batch: which batches count, what the bounds promise, and what cannot wait."""

from __future__ import annotations

import math

import numpy as np
import pytest

from assayline.rollout import Accounting, Batch, Limits, Matured, course, hard_harm, hard_margin, judge
from assayline.rollout.paired import Block, blocks, interval, log_e_within, log_e_worse, margin_of

from .test_judging import at, behaviour


def matured(mean: float = 0.0, rows: int = 500, expected: int = 500, segment: str = "", log_e: float = 0.0) -> Matured:
    return Matured(segment, rows, expected, mean, 0.3, 0.1, 0.1 + mean, "errors", 1.0, log_e)


def batch(day: int, *labels: Matured, mode: str = "canary", stage: int = 4) -> Batch:
    return Batch(f"day {day}", f"2026-11-{day:02}", stage, mode, 25.0, Accounting(5000, 5000), (behaviour(),), labels)


def made(means: list[float], rows: int = 500, sd: float = 0.3) -> list[Block]:
    return [Block(f"day {day}", "", 1, rows, mean, sd**2 / rows, 0.1, "errors") for day, mean in enumerate(means)]


def test_only_batches_with_most_of_their_labels_count_and_replayed_ones_never() -> None:
    days = [batch(1, matured(), mode="replay"), batch(2, matured(rows=399)), batch(3, matured(rows=400)), batch(4)]

    assert [one.name for one in blocks(days, Limits())] == ["day 3"]


def test_small_batches_are_taken_together_with_their_mean_and_spread() -> None:
    found = blocks([batch(1, matured(0.1, 10, 10)), batch(2, matured(0.4, 20, 20)), batch(3, matured(0.0, 10, 10))], Limits())

    assert len(found) == 1  # the last one still waits
    assert (found[0].name, found[0].batches, found[0].rows) == ("day 2", 2, 30)
    assert found[0].mean == pytest.approx(0.3)
    assert found[0].variance == pytest.approx((0.3**2 + (10 * 0.2**2 + 20 * 0.1**2) / 30) / 30)


def test_the_margin_is_what_was_agreed_or_a_share_of_the_champions_loss() -> None:
    assert margin_of(made([0.0]), Limits(margin=0.02)) == 0.02
    assert margin_of(made([0.0]), Limits()) == pytest.approx(0.001)


def test_bounds_hold_at_all_times_in_the_promised_share_of_rollouts_although_days_differ_in_size_and_wobble() -> None:
    rng, missed = np.random.default_rng(0), np.zeros(2)
    for _ in range(150):
        sizes = rng.integers(60, 2_000, 20)
        found = [
            Block("", "", 1, int(rows), float(0.02 + rng.normal(0, 0.02) + rng.normal(0, 0.3 / math.sqrt(rows))), 0.09 / rows, 0.1, "errors") for rows in sizes
        ]  # fmt: skip
        ever = np.array([[log_e_worse(found[:end], 0.02) >= math.log(20), log_e_within(found[:end], 0.02) >= math.log(20)] for end in range(2, 21)])
        missed += ever.any(axis=0)

    assert missed.max() <= 0.05 * 150 + 2 * math.sqrt(7.5)


def test_the_interval_ends_where_the_e_values_begin_to_exclude() -> None:
    found = made([0.01, 0.03, 0.02, 0.015, 0.025, 0.02, 0.018])
    low, high = interval(found, 0.05)

    assert low < 0.02 < high < 0.06
    assert log_e_worse(found, low) == pytest.approx(math.log(20), abs=0.01)
    assert log_e_within(found, high) == pytest.approx(math.log(20), abs=0.01)
    assert interval(found[:1], 0.05) == (-math.inf, math.inf)


def test_the_course_of_the_evidence_narrows_from_block_to_block() -> None:
    rng = np.random.default_rng(1)
    shown = course([batch(day, matured(float(rng.normal(0, 0.01)))) for day in range(1, 15)], Limits())

    assert [one["batch"] for one in shown] == [f"day {day}" for day in range(1, 15)]
    assert shown[0]["low"] is None
    assert shown[0]["rows"] == 500
    assert shown[13]["high"] - shown[13]["low"] < (shown[5]["high"] - shown[5]["low"]) / 1.5
    assert shown[13]["margin"] == pytest.approx(0.001)


def test_blocks_without_any_error_prove_nothing_bad_and_break_nothing() -> None:
    calm = [Block(f"day {day}", "", 1, 500, 0.0, 0.0, 0.0, "errors") for day in range(10)]

    assert log_e_worse(calm, 0.0) == 0.0
    assert log_e_within(calm, 0.01) > math.log(20)


def test_harm_record_by_record_is_called_by_chance_in_at_most_its_share() -> None:
    rng = np.random.default_rng(2)
    rows, harm = 2_000, 0.05
    crossed = 0
    for _ in range(1_000):
        counts = rng.multinomial(rows, [0.1, 0.85, 0.05])  # exactly at the harm
        crossed += hard_harm([1.0, 0.0, -1.0], harm, 1.0, counts=counts) >= math.log(20)

    assert crossed <= 50
    assert hard_harm([1.0, 0.0, -1.0], harm, 1.0, counts=[400, 1500, 100]) > math.log(1_000)
    assert hard_harm(np.full(1_000, 50.0), harm, 0.0) == 0.0  # without a bound nothing can be bet


def test_hard_harm_is_never_less_than_what_a_day_wobbles() -> None:
    assert hard_margin(0.001, 0.3, Limits()) == pytest.approx(0.06)
    assert hard_margin(0.1, 0.3, Limits()) == pytest.approx(0.3)


def test_where_labels_are_expected_nothing_goes_beyond_a_quarter_without_the_first_of_them() -> None:
    limits = Limits(labels=True, margin=0.02)

    assert judge([batch(1, stage=3)], at(3), limits).action == "advance"
    waiting = judge([batch(1)], at(4), limits)
    assert (waiting.action, waiting.layer) == ("stay", "L3")
    assert waiting.reason == "0 pairs have a label, and before 200 the challenger answers at most 25 %."
    assert judge([batch(1, matured(0.01))], at(4), limits).action == "advance"
    assert "above its margin" in judge([batch(1, matured(0.03))], at(4), limits).reason


def test_everybody_needs_the_labels_of_a_cycle_and_a_proof() -> None:
    limits = Limits(labels=True, margin=0.02)
    means = [0.004, -0.006, 0.001, 0.003, -0.004, 0.0, 0.002]
    days = [batch(day, matured(mean), stage=5) for day, mean in enumerate(means, 1)]
    undecided = [batch(day, matured(mean + 0.015), stage=5) for day, mean in enumerate(means, 1)]

    assert judge(days, at(5), limits).action == "advance"
    assert judge(undecided, at(5), limits).reason == "loss is not yet shown to be within its limit."
    unlabelled = judge([*days[:6], batch(7, matured(rows=100), stage=5)], at(5), limits)
    assert unlabelled.reason == "6 batches have at least 80% of their labels, and a cycle is 7."
    assert unlabelled.possible == "A decision about the next stage is possible after the labels of 1 more batch."


def test_losses_that_lie_above_their_margin_day_after_day_send_it_back_after_a_cycle_and_not_before() -> None:
    limits = Limits(labels=True, margin=0.001)
    days = [batch(day, matured(mean), stage=4) for day, mean in enumerate([0.05, 0.06, 0.055, 0.045, 0.05, 0.06, 0.05], 1)]

    assert judge(days[:6], at(4), limits).action == "stay"
    decision = judge(days, at(4), limits)
    assert (decision.action, decision.layer) == ("rollback", "L3")
    assert decision.reason.startswith("loss: +0.05286 errors over 3,500 pairs with labels, where 0.001 is allowed: broken.")


def test_harm_that_cannot_wait_sends_it_back_on_its_first_day_even_before_most_labels_are_there() -> None:
    decision = judge([batch(1, matured(0.2, rows=100, log_e=40.0))], at(4), Limits(labels=True))

    assert (decision.action, decision.layer) == ("rollback", "L3")
    assert "does not wait" in decision.reason
