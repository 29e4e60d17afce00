"""One comparison: which test answers, what it says, and what it refuses."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from made_answers import disagreeing, measured, ranked

from assayline.errors import MisuseError
from assayline.trials import METRICS, Scored, compare, compare_all, default_margin, mcnemar, metric, money, per_unit
from assayline.trials.ranking import area_components


def test_each_metric_is_answered_by_the_test_made_for_it() -> None:
    rng = np.random.default_rng(1)
    answers = ranked(rng, 1000)

    tests = {name: compare(*answers, metric(name)).test for name in ("accuracy", "auc", "average_precision", "f1", "log_loss")}

    assert tests == {"accuracy": "mcnemar", "auc": "delong", "average_precision": "bootstrap", "f1": "bootstrap", "log_loss": "bootstrap"}


def test_mcnemar_is_the_mid_p_of_the_rows_in_dispute() -> None:
    worse, better = mcnemar(2, 10)

    assert worse == pytest.approx((sum([66, 12, 1]) - 66 / 2) / 4096)
    assert worse + better == pytest.approx(1)
    assert mcnemar(0, 0) == (0.5, 0.5)


def test_the_error_of_an_area_is_that_of_delong() -> None:
    candidate, champion = ranked(np.random.default_rng(2), 800, worse=0.2)
    positive = candidate.y == 1
    # DeLong 1988 by its definition: covariances of the structural components
    won = np.array([area_components(one.predictions[:, 1], positive)[1] for one in (candidate, champion)])
    covariance = np.cov(won[:, positive]) / positive.sum() + np.cov(won[:, ~positive]) / (~positive).sum()
    error = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])

    found = compare(candidate, champion, metric("auc"))

    assert (found.high - found.low) / 2 == pytest.approx(1.6449 * error, rel=0.01)


@pytest.mark.parametrize("name", ["auc", "average_precision", "log_loss", "brier", "f1", "macro_f1", "balanced_accuracy"])
def test_bounds_are_as_wide_as_the_spread_over_fresh_test_sets(name: str) -> None:
    rng = np.random.default_rng(3)
    metric_ = METRICS[name]
    fresh = [compare(*ranked(rng, 1500), metric_, resamples=200) for _ in range(60)]

    spread = np.std([one.estimate for one in fresh])
    widths = [(one.high - one.low) / 2 / 1.645 for one in fresh]

    assert np.mean(widths) == pytest.approx(spread, rel=0.25)


def test_rows_of_one_customer_are_not_counted_as_many() -> None:
    rng = np.random.default_rng(4)
    candidate, champion = measured(rng, 4000, groups=60)
    alone = [replace(one, groups=None) for one in (candidate, champion)]

    grouped, single = compare(candidate, champion, metric("mae")), compare(alone[0], alone[1], metric("mae"))

    assert grouped.high - grouped.low > 1.3 * (single.high - single.low)


@pytest.mark.parametrize("name", ["accuracy", "auc", "log_loss"])
def test_a_group_for_every_row_is_no_group(name: str) -> None:
    candidate, champion = ranked(np.random.default_rng(5), 500)
    own = np.arange(500)

    alone, each = compare(candidate, champion, metric(name)), compare(replace(candidate, groups=own), replace(champion, groups=own), metric(name))

    assert (alone.low, alone.high, alone.test) == (each.low, each.high, each.test)


def test_repeating_every_row_does_not_make_an_area_surer() -> None:
    candidate, champion = ranked(np.random.default_rng(6), 400)
    twice = np.repeat(np.arange(400), 2)

    once = compare(candidate, champion, metric("auc"))
    doubled = compare(replace(candidate.rows(twice), groups=twice), replace(champion.rows(twice), groups=twice), metric("auc"))

    assert doubled.high - doubled.low == pytest.approx(once.high - once.low, rel=0.02)


def test_the_same_answers_are_not_worse() -> None:
    candidate, _ = ranked(np.random.default_rng(7), 300)

    found = compare(replace(candidate, version="new"), replace(candidate, version="old"))

    assert (found.outcome, found.test) == ("not worse", "identical")
    assert "the same answer" in found.sentence


def test_the_same_numbers_are_not_worse_either() -> None:
    rng = np.random.default_rng(3)
    numbers = Scored("set", "v8", "regression", (), rng.normal(size=300), rng.normal(size=300))

    found = compare(numbers, replace(numbers, version="v7"))

    assert (found.outcome, found.test) == ("not worse", "identical")


def test_answers_that_are_missing_are_worse_than_any_other() -> None:
    candidate, champion = measured(np.random.default_rng(8), 500)
    holes = candidate.predictions.copy()
    holes[3] = np.inf

    found = compare(replace(candidate, predictions=holes), champion)

    assert (found.outcome, found.test) == ("worse", "finite")
    assert "1 of 500 rows" in found.sentence
    assert compare(champion, replace(candidate, predictions=holes)).rows == 499


def test_few_rows_decide_nothing() -> None:
    candidate, champion = measured(np.random.default_rng(9), 150, worse=2.0)

    found = compare(candidate, champion)

    assert found.outcome == "undecided"
    assert found.more_rows >= 50
    assert "at least 200 rows" in found.sentence


def test_few_groups_or_few_of_a_class_decide_nothing() -> None:
    groups = compare(*measured(np.random.default_rng(10), 2000, worse=0.5, groups=8))
    rare = compare(*ranked(np.random.default_rng(11), 2000, positive=0.005), metric("auc"))

    assert (groups.outcome, rare.outcome) == ("undecided", "undecided")
    assert "8 groups" in groups.sentence
    assert groups.more_rows >= 2000


def test_what_is_undecided_says_how_many_rows_are_needed() -> None:
    found = compare(*disagreeing(np.random.default_rng(12), 800, 0.06, 0.0), metric("accuracy"), 0.01)
    again = compare(*disagreeing(np.random.default_rng(13), found.rows_needed, 0.06, 0.0), metric("accuracy"), 0.01)

    assert found.outcome == "undecided"
    assert 2_500 <= found.rows_needed <= 5_000  # the formula gives 3,700 for a rate of disagreement of 6 %
    assert f"label {found.more_rows:,} more rows" in found.sentence
    assert again.outcome == "not worse"


def test_real_but_small_is_a_warning_and_no_stop() -> None:
    candidate, champion = measured(np.random.default_rng(14), 20_000, worse=0.02)

    found = compare(candidate, champion, metric("rmse"), margin=1.0)

    assert (found.outcome, found.blocks) == ("slightly worse", False)
    assert "by less than the margin" in found.sentence


def test_money_is_compared_in_its_currency() -> None:
    candidate, champion = measured(np.random.default_rng(15), 2000, worse=0.3)

    found = compare(candidate, champion, money(per_unit(over=1.0, under=3.0, unit="EUR")))

    assert found.outcome == "worse"
    assert "EUR per row" in found.sentence
    assert found.estimate == pytest.approx(found.champion_value - found.candidate_value)


def test_only_the_first_of_several_metrics_decides() -> None:
    candidate, champion = measured(np.random.default_rng(16), 3000, worse=0.3)

    first, second = compare_all(candidate, champion, [metric("rmse"), metric("mae")])

    assert (first.outcome, second.outcome) == ("worse", "slightly worse")


def test_the_margin_is_a_share_of_the_champion_or_what_retraining_moves() -> None:
    _, champion = disagreeing(np.random.default_rng(17), 2000, 0.06, 0.0)
    accuracy = metric("accuracy")

    assert default_margin(accuracy, champion) == pytest.approx(0.005 * accuracy.value(champion))
    assert default_margin(accuracy, champion, retraining_sd=0.02) == 0.02
    assert default_margin(metric("mae"), Scored("set", "v", "regression", (), np.arange(9.0), np.arange(9.0))) > 0


def test_different_rows_are_not_compared() -> None:
    candidate, champion = measured(np.random.default_rng(18), 300)

    with pytest.raises(MisuseError, match="not scored on the same rows"):
        compare(candidate, replace(champion, y=champion.y + 1))
    with pytest.raises(MisuseError, match="the same version of the test set"):
        compare(candidate, replace(champion, test_set="other"))
    with pytest.raises(MisuseError, match="above 0"):
        compare(candidate, champion, margin=0.0)


def test_the_same_seed_gives_the_same_numbers() -> None:
    answers = measured(np.random.default_rng(19), 500)

    assert compare(*answers, seed=3) == compare(*answers, seed=3)


@pytest.mark.no_cover  # what is timed is not traced
@pytest.mark.parametrize("name", ["auc", "log_loss", "average_precision", "macro_f1", "accuracy"])
def test_twenty_thousand_rows_are_compared_within_a_second(name: str) -> None:
    answers = ranked(np.random.default_rng(20), 20_000, positive=0.04)
    begun = time.process_time()

    compare(*answers, metric(name), resamples=1000)

    assert time.process_time() - begun < 1.0


@pytest.mark.parametrize("name", [name for name, one in METRICS.items() if "binary" in one.tasks])
def test_a_test_set_of_one_class_is_judged_where_the_metric_is_defined_and_undecided_elsewhere(name: str) -> None:
    rng = np.random.default_rng(21)
    good, bad = (Scored("set", version, "binary", ("no", "yes"), np.zeros(500), scores) for version, scores in (("new", np.full(500, 0.1)), ("old", rng.random(500))))

    found = compare(good, bad, METRICS[name])

    assert found.outcome == ("undecided" if name in ("auc", "average_precision", "f1") else "better")


@pytest.mark.parametrize("name", ["rmse", "mae", "r2", "bias", "auc", "log_loss", "accuracy", "f1"])
def test_no_rows_decide_nothing(name: str) -> None:
    task = METRICS[name].tasks[0]
    empty = Scored("set", "v", task, ("no", "yes") if task == "binary" else (), np.zeros(0), np.zeros(0))

    found = compare(empty, empty, METRICS[name])

    assert (found.outcome, found.more_rows) == ("undecided", 200)


def test_a_champion_without_error_is_compared_too() -> None:
    truth = np.ones(300)
    perfect = Scored("set", "old", "regression", (), truth, truth)
    close = Scored("set", "new", "regression", (), truth, truth + np.random.default_rng(22).normal(0, 0.1, 300))

    assert {name: compare(close, perfect, METRICS[name]).outcome for name in ("rmse", "mae")} == {"rmse": "worse", "mae": "worse"}
    assert compare(close, perfect, METRICS["r2"]).outcome == "undecided"
