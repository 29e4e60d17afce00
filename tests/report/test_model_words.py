"""What a trial means, in a sentence: whether a version may follow, and what that brings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from assayline.report.model_facts import model_of
from assayline.report.model_words import about, costs, headline, outcome

Document = dict[str, Any]
MONEY = {"metric": "money", "unit": "EUR per row"}
LOSS = {"estimate": -2.0, "low": -3.0, "high": -1.0}


def test_a_better_version_may_follow_and_its_gain_is_said_with_both_ends(compared: Callable[..., Document], a_model: Callable[..., Document]) -> None:
    assert headline(model_of(a_model(compared("better")))) == "demand v3 may follow v2: it is better in typical error (RMSE), 38.1 against 39.3 (a gain between 0.4 and 2.1)."


def test_money_is_told_for_a_thousand_answers(compared: Callable[..., Document], a_model: Callable[..., Document]) -> None:
    document = a_model(compared("better", **MONEY, estimate=1.243, low=0.812, high=1.694))

    assert headline(model_of(document)) == "demand v3 may follow v2: it saves about 1,240 EUR per 1,000 predictions (between 810 and 1,700)."


def test_rows_have_the_name_that_the_owner_gave_them(compared: Callable[..., Document], a_model: Callable[..., Document]) -> None:
    document = a_model(compared("better", **MONEY), about={"rows_are": "parcels"})

    assert "per 1,000 parcels" in headline(model_of(document))


def test_a_loss_of_money_is_told_as_cost_with_its_ends_in_order(compared: Callable[..., Document], a_model: Callable[..., Document]) -> None:
    document = a_model(compared("worse", **MONEY, **LOSS), verdict="hold", state="held")

    assert headline(model_of(document)) == "demand v3 must not follow v2 before somebody has looked: it costs about 2,000 EUR more per 1,000 predictions (between 1,000 and 3,000)."


@pytest.mark.parametrize(
    ("comparison", "said"),
    [
        ({"outcome": "slightly worse", "estimate": -0.1, "low": -0.15, "high": -0.05}, "it costs about 100 EUR more per 1,000 predictions (between 50 and 150), less than the margin"),
        ({"outcome": "not worse", "estimate": 0.1, "low": -0.1, "high": 0.3}, "it costs no more, and probably saves about 100 EUR per 1,000 predictions (a saving between −100 and 300)"),
        ({"outcome": "not worse", "estimate": -0.01, "low": -0.02, "high": 0.01}, "it costs no more beyond the margin, about 10 EUR per 1,000 predictions (between −10 and 20)"),
        ({"outcome": "undecided", "estimate": 0.1, "low": -0.9, "high": 1.3, "more_rows": 1200},
         "label 1,200 more rows to know; so far it saves about 100 EUR per 1,000 predictions (a saving between −900 and 1,300)"),
        ({"outcome": "undecided", "estimate": -0.1, "low": None, "high": None}, "more labelled rows are needed to know; so far it costs about 100 EUR more per 1,000 predictions"),
        ({"outcome": "not worse", "estimate": 0.0, "low": 0.0, "high": 0.0, "test": "identical"}, "it gives the same answers"),
    ],
)
def test_every_outcome_in_money_is_a_sentence(compared: Callable[..., Document], a_model: Callable[..., Document], comparison: Document, said: str) -> None:
    assert said in headline(model_of(a_model(compared(**{**MONEY, **comparison}))))


def test_a_difference_that_may_be_none_is_not_called_a_gain(compared: Callable[..., Document], a_model: Callable[..., Document]) -> None:
    said = headline(model_of(a_model(compared("not worse", estimate=0.1, low=-0.1, high=0.3))))

    assert "no worse" in said
    assert "a gain" not in said
    assert "(the change between −0.1 and 0.3)" in said


def test_what_is_undecided_is_not_decided_by_the_headline(compared: Callable[..., Document], a_model: Callable[..., Document]) -> None:
    said = headline(model_of(a_model(compared("undecided", more_rows=1200), verdict="warn")))

    assert said.startswith("Whether demand v3 may follow v2 is not decided: label 1,200 more rows to know")


def test_a_version_that_waits_although_it_is_better_says_so(compared: Callable[..., Document], a_model: Callable[..., Document]) -> None:
    assert "before somebody has looked, although it is better" in headline(model_of(a_model(compared("better"), verdict="hold", state="held")))


def test_a_worse_version_that_a_person_let_through_names_that_person_until_the_word_ends(compared: Callable[..., Document], a_model: Callable[..., Document]) -> None:
    document = a_model(compared("worse", **LOSS), verdict="hold", state="released", signed={"author": "ana"})

    assert "follows v2 on the word of ana, although it is worse" in headline(model_of(document))
    assert "must not follow v2" in headline(model_of({**document, "signed": {"author": "ana", "expired": "It ended."}}))


@pytest.mark.parametrize("order", [1, -1])
def test_of_several_test_sets_the_one_that_speaks_against_it_is_told(compared: Callable[..., Document], a_model: Callable[..., Document], order: int) -> None:
    sets = [{"set": "large", "rows": 9000, "comparisons": [compared("better", rows=9000)]}, {"set": "small", "rows": 300, "comparisons": [compared("worse", **LOSS, rows=300)]}]
    document = a_model(trial={"sets": sets[::order]}, verdict="hold")

    said = headline(model_of(document))

    assert "it is worse" in said
    assert said.endswith(" on small, but is no worse on large.")


def test_where_all_is_well_the_largest_test_set_is_told(compared: Callable[..., Document], a_model: Callable[..., Document]) -> None:
    sets = [{"set": "small", "rows": 300, "comparisons": [compared("better", rows=300)]}, {"set": "large", "rows": 9000, "comparisons": [compared("not worse", rows=9000)]}]

    assert headline(model_of(a_model(trial={"sets": sets}))).endswith(" on large, and is no worse on small.")


def test_a_first_version_is_held_against_the_simple_answer_that_is_hardest_to_beat(compared: Callable[..., Document], a_model: Callable[..., Document]) -> None:
    baselines = [compared("better", **{"as": "baseline", "with": name}, estimate=estimate) for name, estimate in (("dummy", 9.0), ("linear", 0.6), ("plain", 2.0))]

    assert "against the simple answer linear it is better" in headline(model_of(a_model(*baselines, champion=None)))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"trial": {}}, "demand v3 has not been tried on a test set yet."),
        ({"state": "unreadable"}, "demand v3 could not be read, and nothing is known about it."),
        ({"champion": None}, "demand v3 may be used; it was compared with nothing."),
    ],
)
def test_what_is_not_known_is_said(a_model: Callable[..., Document], changed: Document, said: str) -> None:
    assert headline(model_of(a_model(**changed))) == said


def test_the_version_in_use_is_not_said_to_follow_itself(compared: Callable[..., Document], a_model: Callable[..., Document]) -> None:
    assert headline(model_of(a_model(compared("better"), champion="demand:v3"))).startswith("demand v3 is the version in use: ")


def test_an_end_that_is_not_known_is_left_out(compared: Callable[..., Document], a_model: Callable[..., Document]) -> None:
    said = headline(model_of(a_model(compared("better", low=0.2, high=float("inf")))))

    assert "(a gain of at least 0.2)" in said


def test_rows_to_label_stand_beside_the_outcome(compared: Callable[..., Document]) -> None:
    (one,) = model_of({"trial": {"sets": [{"comparisons": [compared("undecided", more_rows=1210)]}]}}).trial.sets[0].comparisons

    assert outcome(one) == "undecided: label 1,210 more rows"


@pytest.mark.parametrize(
    ("cost", "said"),
    [
        ({"over": 1, "under": 3, "unit": "EUR"}, "Each unit too much costs 1 EUR, each unit too little 3 EUR."),
        ({"classes": ["no", "yes"], "costs": [[0, 8], [60, -5]], "unit": "EUR"},
         "Answering yes where no is true costs 8 EUR; answering no where yes is true costs 60 EUR; answering yes rightly brings 5 EUR."),
        ({"classes": ["a", "b", "c"], "costs": [[0, 1, 1]] * 3, "unit": "EUR"}, "A table of costs over 3 classes, in EUR."),
        ({"classes": ["a", "b"], "costs": [[0, 1]]}, "A table of costs over 2 classes."),
        (None, ""),
    ],
)
def test_prices_are_a_sentence(a_model: Callable[..., Document], cost: Document | None, said: str) -> None:
    assert costs(model_of(a_model(about={"cost": cost}))) == said


@pytest.mark.parametrize(("value", "said"), [(0.0, "0"), (1e-7, "1e-07"), (999.6, "1,000"), (-1234.5, "−1,230"), (1e308, "1e+308"), (float("inf"), "∞")])
def test_an_estimate_has_three_digits(value: float, said: str) -> None:
    assert about(value) == said
