"""What is read from a document: only what is there and makes sense, however it is nested."""

from __future__ import annotations

from typing import Any

import pytest

from assayline.core import Verdict
from assayline.report.model_facts import count, importance_of, model_of, number, training_of, trial_of, verdict_of

Document = dict[str, Any]


def aspects(**told: object) -> Any:
    return trial_of({"sets": [{"set": "s", "aspects": told}]}).sets[0].aspects


@pytest.mark.parametrize(("value", "known"), [("0.5", 0.5), (3, 3.0), ("inf", None), (float("nan"), None), (True, None), ("many", None), ([], None), (10**400, None)])
def test_a_number_is_finite_or_not_there(value: object, known: float | None) -> None:
    assert number(value) == known


@pytest.mark.parametrize(("value", "known"), [(3, 3), (-1, 0), ("7", 7), (1e300, 0), (None, 0)])
def test_a_count_is_no_less_than_nothing(value: object, known: int) -> None:
    assert count(value) == known


@pytest.mark.parametrize(("value", "known"), [("release", Verdict.RELEASE), ("fine", None), (0, None), (None, None)])
def test_a_verdict_is_one_of_five_or_none(value: object, known: Verdict | None) -> None:
    assert verdict_of(value) is known


def test_findings_come_worst_first() -> None:
    trial = trial_of({"report": {"findings": [{"code": "a", "severity": 0.2}, {"code": "b", "severity": 7}, {"code": "c"}]}})

    assert [(one.code, one.severity) for one in trial.findings] == [("b", 1.0), ("c", 0.5), ("a", 0.2)]


def test_the_entry_that_says_it_was_chosen_is_the_choice() -> None:
    trained = training_of({"choice": "linear", "leaderboard": [{"name": "linear"}, {"name": "boosted", "chosen": True}]})

    assert trained.chosen == 1


def test_rises_of_the_loss_are_shares_of_all_rises() -> None:
    assert importance_of([{"column": "a", "rise": 1.0}, {"column": "b", "rise": 3.0}, {"column": "noise", "rise": -0.1}]) == (("b", 0.75), ("a", 0.25))


def test_what_is_said_of_an_important_column_stands_beside_the_shares() -> None:
    (family,) = aspects(importance={"columns": [{"column": "a", "rise": 1.0, "note": "a and b tell the same story."}], "stability": 0.9}).values()

    assert [(one.sentence, one.amount) for one in family] == [("a", 1.0), ("a and b tell the same story.", None)]


def test_parts_of_an_aspect_are_told_each(churn: Document) -> None:
    privacy = {"membership": {"sentence": "Nobody is recognised.", "low": 0.4}, "memory": {"sentence": "No row is remembered."}, "shared": None}

    assert [one.sentence for one in aspects(privacy=privacy)["privacy"]] == ["Nobody is recognised.", "No row is remembered."]
    assert len(aspects(privacy=churn["trial"]["sets"][0]["aspects"]["privacy"])["privacy"]) == 1


def test_a_loss_before_and_after_is_an_amount() -> None:
    (one,) = aspects(robustness=[{"sentence": "x", "loss_before": 1.0, "loss_after": 1.5, "fragile": False}])["robustness"]

    assert (one.amount, one.found) == (0.5, False)


def test_a_version_is_named_by_what_the_document_has_of_it() -> None:
    assert [model_of(one).title for one in ({"version": "a:v1"}, {"about": {"version": "v2"}}, {"model": "a"}, {})] == ["a v1", "v2", "a", "a model"]


def test_a_version_without_a_verdict_has_that_of_its_trial() -> None:
    assert model_of({"trial": {"report": {"verdict": "hold"}}}).judged is Verdict.HOLD
    assert model_of({"verdict": "release", "trial": {"verdict": "hold"}}).judged is Verdict.RELEASE
