"""Sentences: in plain words, with the figures, and without a claim that the figures do not carry."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("assayline.trials")

from assayline.explain import Money, Outcome, Pair, Vocabulary, money_of, words
from assayline.explain.segments import Moved
from assayline.trials import CostMatrix, Scored

CALLED = Vocabulary("customers", {"yes": "are called"}, {"no": "would have stayed"})
ALARMS = Outcome("no", "yes", False, 80.0, 92.0, 12.0, 7.0, 17.0, 10.0, 120.0)
LOSS = Money("EUR", 9000.0, 8000.0, 10_000.0, 9900.0, 8900.0, 10_900.0, 900.0, 400.0, 1400.0, True)
JARGON = re.compile(r"p-value|confidence|significan|quantile|bootstrap|Shapley|null hypothesis|standard error", re.I)


def test_what_happens_is_told_in_the_words_of_the_trade() -> None:
    assert words.outcome_sentence([ALARMS], CALLED) == "Of 1,000 customers, 12 more are called although they would have stayed."
    assert words.outcome_sentence([ALARMS], Vocabulary("customers")) == "Of 1,000 customers, 12 more get the answer “yes” although “no” is true."


def test_what_may_be_chance_is_not_told_as_a_change() -> None:
    assert words.outcome_sentence([replace(ALARMS, low=-1.0)], CALLED) == "Of 1,000 customers, about as many as before get a wrong answer of either kind."
    assert words.money_sentence(replace(LOSS, real=False, low=-300.0), CALLED).startswith("Whether the change saves or costs money cannot be told from these rows")


@pytest.mark.parametrize(
    ("found", "said"),
    [(LOSS, "The change costs about 900 EUR per 1,000 customers (between 400 and 1,400)."),
     (replace(LOSS, difference=-900.0, low=-1400.0, high=-400.0), "The change saves about 900 EUR per 1,000 customers (between 400 and 1,400)."),
     (replace(LOSS, low=-np.inf, high=np.inf, real=False), "There are too few rows to say what the change costs or saves per 1,000 customers.")],
)  # fmt: skip
def test_money_is_told_with_its_direction_and_its_bounds(found: Money, said: str) -> None:
    assert words.money_sentence(found, CALLED) == said


def test_a_group_is_told_with_its_rows_its_amount_and_its_bounds() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 100).astype(float)
    pair = Pair(Scored("s", "v7", "binary", ("no", "yes"), truth, truth), Scored("s", "v8", "binary", ("no", "yes"), truth, truth))
    moved = Moved(("city is 'Lyon'", "not (age is below 30)"), ("city", "age"), 250, 130, 0.1, 0.195, 0.095, 0.03, 0.16, 0.01, ())

    assert words.moved_sentence(moved, pair, CALLED) == (
        "Where city is 'Lyon' and age is 30 or more (250 customers in the test set): about 95 more wrong answers per 1,000 customers (between 30 and 160; "
        "seen on 130 that were not searched)."
    )


@pytest.mark.parametrize("outcome", ["better", "worse", "slightly worse", "not worse", "identical", "undecided"])
def test_headlines_are_short_and_free_of_jargon(outcome: str) -> None:
    said = words.headline(outcome, "churn:v7", "churn:v8", 1000, CALLED)

    assert len(said) < 150
    assert "churn:v8" in said
    assert not JARGON.search(said)


def test_what_importance_is_says_what_it_is_not() -> None:
    whole = " ".join(words.WHAT_IMPORTANCE_IS)

    assert "does not say that a column is a cause" in whole
    assert not JARGON.search(whole)


def test_the_same_answers_cost_nothing() -> None:
    truth = np.tile([0.0, 1.0], 150)
    same = Scored("s", "v7", "binary", ("no", "yes"), truth, 1 - truth)
    found = money_of(Pair(same, same, CostMatrix(("no", "yes"), ((0.0, 1.0), (2.0, 0.0)))))

    assert found is not None
    assert words.money_sentence(found, CALLED) == "The change costs nothing and saves nothing: 1,500 EUR per 1,000 customers as before."
