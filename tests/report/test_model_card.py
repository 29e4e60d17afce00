"""The hand-over card as Markdown: complete, and no text of others becomes a mark."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assayline.report import views
from assayline.report.model_card import escaped_markdown, model_card, model_card_html

Document = dict[str, Any]


def test_the_card_has_what_the_next_owner_needs(churn: Document) -> None:
    card = model_card(churn)

    assert re.findall(r"^#+ .*$", card, re.M) == [
        "# Model card: churn v8", "## What it is for", "## How good it is", "## Where it is worse, and what else was tried", "## Limits", "## Open points",
        "## What it was trained on", "## What it looks at", "## How to train it again", "## History", "## Who answers",
    ]  # fmt: skip
    assert "```console\n$ assay train customers --target churned --budget 60s\n```" in card
    assert "- warn: customers lot 30: 12 % of email is missing, usually 1 % (from crm\\_export), until 2026-12-24" in card
    assert "- **Owner**: ana" in card
    assert "ops@example.com" in card
    assert "Tests of the owner: 3 of 5 passed." in card
    assert "q1-labelled has other rows since churn:v5: scores before and after cannot be compared." in card


def test_good_news_is_a_verdict_like_any_other(churn: Document) -> None:
    card = model_card(churn)

    assert re.search(r"^\| contracts +\| +14 \| +9,120 \| release ", card, re.M)
    assert re.search(r"^\| churn:v7 +\| 2026-09-14 \| release ", card, re.M)


def test_both_forms_say_the_same(churn: Document) -> None:
    card, page = model_card(churn), model_card_html(churn)

    titles = re.findall(r"^## (.*)$", card, re.M)
    assert re.findall(r"<h2[^>]*>(.*?)</h2>", page) == titles
    assert all(f"<bdi>{name}</bdi>" in page for name in ("churn:v8", "3.11.7", "monthly_charges", "contracts"))


def test_what_nobody_wrote_down_is_said(a_model: Callable[..., Document]) -> None:
    card = model_card(a_model(trial={}))

    assert "Nobody has written down what it is for." in card
    assert "Nobody has written down where it should not be used." in card
    assert "It has not been tried on a test set." in card
    assert "## History" not in card


@pytest.mark.parametrize("everything", [True, False])
def test_hostile_texts_stay_texts(hostile_model: Callable[..., Document], everything: bool) -> None:
    card = model_card(hostile_model(everything=everything))

    outside = re.sub(r"^(`{3,})console\n.*?\n\1$", "", card, flags=re.M | re.S)
    assert "<" not in outside
    assert not re.search(r"(?<!\\)\]\(", outside), "a link or an image"
    assert not re.search(r"https?:", outside), "an address that becomes a link by itself"
    assert {char for char in card if not char.isprintable()} == {"\n"}
    tables = re.findall(r"(?:^\|.*\n)+", card, re.M)
    assert len(tables) == 4
    assert [len({len(re.findall(r"(?<!\\)\|", line)) for line in one.splitlines()}) for one in tables] == [1, 1, 1, 1], "no cell opens another one"


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60) | st.text(alphabet="`*_[]()<>#+-.!|~$\\&:/1a \n", max_size=30))
def test_no_text_begins_a_mark(text: str) -> None:
    said = escaped_markdown(text)

    bare = re.sub(r"\\.", "", said)
    assert not set("`*_[]|~$<>") & set(bare)
    assert not re.match(r"\s*([#+=-]|\d+[.)](\s|$))", said)
    assert "\n" not in said


def test_a_command_with_fences_in_it_does_not_leave_its_own(churn: Document) -> None:
    churn["retrain"] = "assay train ```x``` --target y"

    assert "````console\n$ assay train ```x``` --target y\n````" in model_card(churn)


def test_the_same_document_gives_the_same_card_through_the_hook(churn: Document) -> None:
    assert model_card(churn) == views()["model_card"](churn)
