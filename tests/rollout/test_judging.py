"""What happens to a rollout: the order of the layers, what no rollout passes without, and how often it errs."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from assayline.core import Rollout
from assayline.core.rollout import stages_of
from assayline.rollout import Accounting, Batch, Behaviour, Decision, Limits, RateTest, alpha_inside, judge
from assayline.rollout.betting import log_e_above

GOOD = Accounting(5000, 4990, 10)


def behaviour(rows: int = 600, bad: int = 12, limit: float = 0.05, guard: str = "flip_rate", segment: str = "", hard: float = 1.0) -> Behaviour:
    return Behaviour(guard, segment, rows, bad, limit, log_e_above(rows, bad, limit), hard=hard)


def batch(day: int, stage: int, *behaviours: Behaviour, accounting: Accounting = GOOD, mechanical: tuple[str, ...] = ()) -> Batch:
    now = stages_of("canary")[stage]
    return Batch(f"day {day}", f"2026-11-{day:02}", stage, now.mode, now.share, accounting, behaviours or (behaviour(),), mechanical=mechanical)


def at(stage: int, state: str = "running") -> Rollout:
    return Rollout("v6", "v7", salt="s", stages=stages_of("canary"), stage=stage, state=state)


WEEK = [batch(day, min(day - 1, 6)) for day in range(1, 10)]


def test_a_ramp_goes_on_a_stage_a_batch_while_everything_is_within_its_limits() -> None:
    for stage in range(5):
        decision = judge(WEEK[: stage + 1], at(stage), Limits())

        assert decision.action == "advance", decision.reason


def test_nobody_gets_everything_before_a_cycle_has_passed() -> None:
    decision = judge(WEEK[:6], at(5), Limits())

    assert (decision.action, decision.reason) == ("stay", "5 of the 7 batches of a cycle have come.")
    assert decision.possible == "A decision about the next stage is possible after 2 more batches."
    assert judge([*WEEK[:6], batch(7, 5), batch(8, 5)], at(5), Limits()).action == "advance"
    assert judge(WEEK, at(6), Limits()).action == "promote"


def test_no_data_is_never_a_pass() -> None:
    nothing = Batch("day 1", "2026-11-01", 1, "shadow", 0.0, GOOD)

    assert judge([], at(1), Limits()).reason == "no batch was scored in this stage yet."
    assert "no data is never a pass" in judge([nothing], at(1), Limits()).reason
    assert "nan_rate has 0 pairs" in judge([batch(1, 1)], at(1), Limits(guards=("flip_rate", "nan_rate"))).reason
    assert "latency has 0 calls" in judge(WEEK, at(6), Limits(guards=("latency",))).reason
    assert judge(WEEK, at(6), Limits(guards=("loss",))).layer == "L3"
    assert "flip_rate has 80 pairs in this stage" in judge([batch(1, 1, behaviour(80, 0))], at(1), Limits()).reason


def test_a_machine_that_does_not_work_goes_back_without_statistics() -> None:
    decision = judge([batch(1, 2, mechanical=("golden row 3 is 0.7 and was 0.2",))], at(2), Limits())

    assert (decision.action, decision.layer) == ("rollback", "L0")
    assert "golden row 3" in decision.reason


def test_rows_that_nobody_accounts_for_keep_it_where_it_is() -> None:
    lost, misplaced = Accounting(5000, 4990, 9), Accounting(5000, 5000, misplaced=3)
    too_many = Accounting(5000, 5000, arms={"champion": 5000, "challenger": 1})

    for accounting, words in ((lost, "make 4,999"), (misplaced, "3 rows were answered by another arm"), (too_many, "the arms answered 5,001")):
        decision = judge([batch(1, 2, accounting=accounting)], at(2), Limits())

        assert (decision.action, decision.layer) == ("stay", "L1")
        assert words in decision.reason


def test_going_back_does_not_wait_for_rows_to_be_accounted_for() -> None:
    assert judge([batch(1, 2, behaviour(2000, 200), accounting=Accounting(5, 4))], at(2), Limits()).action == "rollback"


def test_three_times_the_limit_needs_no_test_but_more_than_a_handful_of_pairs() -> None:
    quiet = replace(behaviour(130, 20, hard=0.15), log_e=0.0)

    assert "no test is asked" in judge([batch(1, 2, quiet)], at(2), Limits()).reason
    assert judge([batch(1, 2, replace(quiet, rows=20, bad=5))], at(2), Limits()).action == "stay"


def test_a_share_above_its_limit_that_is_not_certain_goes_neither_on_nor_back() -> None:
    decision = judge([batch(1, 2, behaviour(600, 36))], at(2), Limits())

    assert decision.action == "stay"
    assert decision.reason == "flip_rate is at 6.00% in this stage, above its limit of 5.00%, though not yet for certain."


def test_a_candidate_that_turns_bad_on_day_four_is_not_covered_by_its_good_past() -> None:
    good = [batch(day, 3, behaviour(5000, 50)) for day in (1, 2, 3)]

    assert judge([*good, batch(4, 3, behaviour(5000, 450))], at(3), Limits()).action == "rollback"


def test_a_test_within_a_batch_stops_it_exactly_when_the_judge_goes_back() -> None:
    rng = np.random.default_rng(0)
    limits = Limits(guards=("flip_rate", "nan_rate"))
    other = behaviour(3000, 0, 0.001, guard="nan_rate")
    before = [batch(day, 3, behaviour(3000, 120), other) for day in (1, 2)]
    for share in (0.045, 0.06, 0.1):
        test = RateTest(0.05, alpha_inside(before, limits, "flip_rate"), population=3000)
        stopped = test.feed(rng.permutation(np.arange(3000) < 3000 * share))
        after = batch(3, 3, Behaviour("flip_rate", "", test.rows, test.bad, 0.05, test.log_e, stopped), other)

        assert (judge([*before, after], at(3), limits).action == "rollback") == (stopped is not None)


def test_a_promoted_model_goes_back_when_its_old_champion_says_so_and_else_stays() -> None:
    assert judge(WEEK, at(6, "promoted"), Limits()).action == "stay"
    assert judge([*WEEK, batch(10, 6, behaviour(500, 90))], at(6, "promoted"), Limits()).action == "rollback"
    assert judge(WEEK, at(6, "rolled_back"), Limits()).reason == "the rollout is over: rolled back."


def test_one_bad_segment_among_many_sends_it_back_and_is_named() -> None:
    fine = [behaviour(400, 8, segment=f"country={name}") for name in ("NO", "DK", "FI", "DE")]
    decision = judge([batch(1, 3, behaviour(), *fine, behaviour(400, 80, segment="country=SE"))], at(3), Limits())

    assert decision.action == "rollback"
    assert "flip_rate of country=SE: 80 of 400 pairs" in decision.reason
    assert [line.segment for line in decision.evidence if line.state == "broken"] == ["country=SE"]


def test_an_undecided_rollout_ends_as_was_agreed() -> None:
    days = [batch(day, 5, behaviour(220, 10)) for day in range(1, 9)]

    assert judge(days, at(5), Limits(max_batches=8)).action == "stay"
    assert judge(days, at(5), Limits(max_batches=8, on_inconclusive="rollback")).action == "rollback"
    assert judge(days, at(5), Limits(max_batches=8, on_inconclusive="promote")).action == "promote"
    assert judge(days, at(5), Limits(max_batches=8, on_inconclusive="promote", guards=("nan_rate",))).action == "stay"


def test_the_possible_sentence_counts_what_is_missing() -> None:
    decision = judge([batch(day, 5, behaviour(600, 26)) for day in range(1, 9)], at(5), Limits())

    assert decision.action == "stay"
    pairs = int(decision.possible.split("about ")[2].split(" more")[0].replace(",", ""))
    more = [batch(day, 5, behaviour(600, 26)) for day in range(1, 9 + math.ceil(pairs / 600))]
    assert judge(more, at(5), Limits()).action == "advance"


def test_a_decision_and_its_limits_survive_the_ledger_and_come_out_the_same_again() -> None:
    decision = judge(WEEK, at(6), Limits())
    again = judge([Batch.from_json(json.loads(json.dumps(one.to_json()))) for one in WEEK], at(6), Limits.from_json(json.loads(json.dumps(Limits().to_json()))))

    assert Decision.from_json(json.loads(json.dumps(decision.to_json(), allow_nan=False))) == decision == again


@pytest.mark.parametrize("rollouts", [150, pytest.param(3_000, marks=pytest.mark.slow)])
def test_guards_at_their_limits_send_no_more_rollouts_back_than_promised(rollouts: int) -> None:
    rng = np.random.default_rng(6)
    limits = Limits(alpha_rollback=0.05, guards=("flip_rate", "moved"))
    back = 0
    for _ in range(rollouts):
        days: list[Batch] = []
        for day in range(1, 11):
            found = tuple(behaviour(2000, int(rng.binomial(2000, 0.05)), guard=guard) for guard in limits.guards)
            days.append(batch(day, 3, *found))
            if judge(days, at(3), limits).action == "rollback":
                back += 1
                break

    assert back <= rollouts * 0.05 + 3 * math.sqrt(rollouts * 0.05)
