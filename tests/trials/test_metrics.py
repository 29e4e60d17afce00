"""Each metric, held against another implementation of it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from assayline.errors import MisuseError
from assayline.trials import METRICS, Scored, cost_matrix, losses, metric, money, per_unit, primary, usual
from assayline.trials.laws import Floats

RNG = np.random.default_rng(3)
ROWS = 600
TRUTH = (RNG.random(ROWS) < 0.2).astype(np.float64)
SCORES: Floats = np.asarray(np.round(np.clip(0.2 + 0.3 * TRUTH + RNG.normal(0, 0.2, ROWS), 0.01, 0.99), 2), dtype=np.float64)  # rounded: many ties
BINARY = Scored("set", "v1", "binary", ("no", "yes"), TRUTH, SCORES)
LABELS = RNG.integers(0, 3, ROWS).astype(np.float64)
CHANCES: Floats = RNG.dirichlet([1, 1, 1], ROWS) * 0.6 + 0.4 * np.eye(3)[LABELS.astype(int)]
MANY = Scored("set", "v1", "multiclass", ("a", "b", "c"), LABELS, CHANCES)
NUMBERS = Scored("set", "v1", "regression", (), RNG.normal(size=ROWS), RNG.normal(size=ROWS))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("accuracy", reference.accuracy_score(TRUTH, SCORES > 0.5)),
        ("balanced_accuracy", reference.balanced_accuracy_score(TRUTH, SCORES > 0.5)),
        ("f1", reference.f1_score(TRUTH, SCORES > 0.5)),
        ("macro_f1", reference.f1_score(TRUTH, SCORES > 0.5, average="macro")),
        ("auc", reference.roc_auc_score(TRUTH, SCORES)),
        ("average_precision", reference.average_precision_score(TRUTH, SCORES)),
        ("log_loss", reference.log_loss(TRUTH, SCORES)),
        ("brier", reference.brier_score_loss(TRUTH, SCORES)),
    ],
)
def test_metrics_of_two_classes_are_those_of_scikit_learn(name: str, expected: float) -> None:
    assert metric(name).value(BINARY) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("accuracy", reference.accuracy_score(LABELS, CHANCES.argmax(1))),
        ("balanced_accuracy", reference.balanced_accuracy_score(LABELS, CHANCES.argmax(1))),
        ("macro_f1", reference.f1_score(LABELS, CHANCES.argmax(1), average="macro")),
        ("auc", reference.roc_auc_score(LABELS, CHANCES, multi_class="ovr")),
        ("log_loss", reference.log_loss(LABELS, CHANCES)),
        ("average_precision", np.mean([reference.average_precision_score(one == LABELS, CHANCES[:, one]) for one in range(3)])),
    ],
)
def test_metrics_of_many_classes_are_those_of_scikit_learn(name: str, expected: float) -> None:
    assert metric(name).value(MANY) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rmse", reference.root_mean_squared_error(NUMBERS.y, NUMBERS.predictions)),
        ("mae", reference.mean_absolute_error(NUMBERS.y, NUMBERS.predictions)),
        ("r2", reference.r2_score(NUMBERS.y, NUMBERS.predictions)),
    ],
)
def test_metrics_of_numbers_are_those_of_scikit_learn(name: str, expected: float) -> None:
    assert metric(name).value(NUMBERS) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("one", METRICS.values(), ids=lambda one: one.name)
def test_a_perfect_answer_is_at_least_as_good_as_any_other(one: object) -> None:
    found = METRICS[str(getattr(one, "name", ""))]
    other = NUMBERS if found.tasks == ("regression",) else BINARY
    perfect: Floats = other.y

    best = found.value(Scored("set", "best", other.task, other.classes, other.y, perfect))

    assert found.sign * best >= found.sign * found.value(other)


def test_money_counts_each_pair_of_truth_and_decision_in_its_currency() -> None:
    costs = cost_matrix(("no", "yes"), {("yes", "no"): 120.0, ("no", "yes"): 10.0}, unit="CHF")
    missed, alarms = ((TRUTH == 1) & (SCORES <= 0.5)).sum(), ((TRUTH == 0) & (SCORES > 0.5)).sum()

    asked = money(costs)

    assert asked.value(BINARY) == pytest.approx((120 * missed + 10 * alarms) / ROWS)
    assert (asked.unit, asked.higher_is_better) == ("CHF per row", False)
    assert losses(BINARY, costs).sum() == pytest.approx(120 * missed + 10 * alarms)


def test_costs_choose_a_threshold_of_their_own() -> None:
    costs = cost_matrix(("no", "yes"), {("yes", "no"): 9.0, ("no", "yes"): 1.0})

    decided = costs.decide(BINARY.predictions)

    assert decided.tolist() == (SCORES > 0.1).astype(int).tolist()


def test_the_metric_that_decides_follows_task_and_rarity() -> None:
    assert [one.name for one in usual("binary", 0.02)] == ["average_precision", "auc", "log_loss", "accuracy"]
    assert primary("binary", 0.3).name == "auc"


def test_misuse_says_what_would_make_sense() -> None:
    with pytest.raises(MisuseError, match="try rmse"):
        metric("auc").value(NUMBERS)
    with pytest.raises(MisuseError, match="there are accuracy"):
        metric("acuracy")
    with pytest.raises(MisuseError, match="no probabilities"):
        Scored("set", "v1", "multiclass", ("a", "b", "c"), LABELS, 2 * CHANCES)
    with pytest.raises(MisuseError, match="at least 0"):
        per_unit(over=-1, under=1)


def test_an_answer_that_is_missing_makes_no_number() -> None:
    holes = Scored("set", "v1", "regression", (), np.zeros(3), np.array([1.0, np.nan, 0.0]))

    assert np.isnan(metric("rmse").value(holes))
    assert holes.finite.tolist() == [True, False, True]
