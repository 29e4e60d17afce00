"""What wears out, expires or is capped."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest
from made_answers import disagreeing

from assayline.errors import MisuseError
from assayline.trials import SignOff, compare, metric, shelf_life, standing, told

SIGNED = SignOff("v8", "ann", "2024-01-01T00:00:00+00:00", "v7", ("churn v1", "fraud v3"))
NOW = "2024-02-01T00:00:00+00:00"


def test_a_test_set_is_worn_after_twenty_looks() -> None:
    assert [shelf_life("set", looks).worn for looks in (0, 1, 20, 21)] == [False, False, False, True]
    assert "label fresh rows" in shelf_life("set", 21).sentence
    with pytest.raises(MisuseError, match="count from 0"):
        shelf_life("set", -1)


def test_the_best_of_many_equal_models_seems_no_better_than_is_said() -> None:
    best = np.random.default_rng(1).normal(size=(4000, 30)).max(axis=1)

    assert best.mean() <= shelf_life("set", 30).optimism <= best.mean() + 0.7


def test_blind_mode_tells_the_outcome_and_no_number_but_the_rows_to_label() -> None:
    found = compare(*disagreeing(np.random.default_rng(12), 800, 0.06, 0.0), metric("accuracy"), 0.01)

    shown = told(found, blind=True)

    numbers = {one.name for one in fields(shown) if isinstance(getattr(shown, one.name), float) and not math.isnan(getattr(shown, one.name))}
    assert numbers == {"margin"}
    assert shown.sentence == f"new against old by accuracy: undecided: label {found.more_rows:,} more rows."
    assert told(found) == found


@pytest.mark.parametrize(
    ("now", "champion", "test_sets", "reason"),
    [
        (NOW, "v9", ["churn v1", "fraud v3"], "the champion is v9 and was v7"),
        (NOW, "v7", ["churn v2", "fraud v3"], "churn v1 is no longer"),
        ("2024-03-31T00:00:00+00:00", "v7", ["churn v1", "fraud v3"], "older than 90 days"),
    ],
)
def test_a_sign_off_expires_with_what_it_stood_on(now: str, champion: str, test_sets: list[str], reason: str) -> None:
    found = standing(SIGNED, now, champion=champion, test_sets=test_sets)

    assert not found.holds
    assert reason in found.sentence


def test_a_sign_off_holds_while_nothing_moves_and_when_its_version_became_the_champion() -> None:
    assert standing(SIGNED, NOW, champion="v7", test_sets=["churn v1", "fraud v3"]).holds
    assert standing(SIGNED, "2024-03-30T23:59:59+00:00", champion="v8", test_sets=["fraud v3", "churn v1"]).holds
    assert standing(SIGNED, "2024-02-01T00:00:00", champion="v8", test_sets=["fraud v3", "churn v1"]).holds
    with pytest.raises(MisuseError, match="ISO 8601"):
        standing(SIGNED, "yesterday", champion="v7")
