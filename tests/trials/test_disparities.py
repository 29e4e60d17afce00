"""Gaps between groups: those that are there, and how often one is named that is not."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from assayline.errors import MisuseError
from assayline.trials import Scored, fairness


def people(rng: np.random.Generator, count: int) -> pl.DataFrame:
    return pl.DataFrame({"sex": rng.choice(["f", "m"], count), "region": rng.choice(list("nesw"), count), "age": rng.integers(18, 80, count).astype(float)})


def answers(rng: np.random.Generator, count: int, missed: np.ndarray | float = 0.2, groups: np.ndarray | None = None) -> Scored:
    truth = (rng.random(count) < 0.3).astype(np.float64)
    chosen = np.where(truth == 1, rng.random(count) >= missed, rng.random(count) < 0.1)
    return Scored("set", "v1", "binary", ("no", "yes"), truth, chosen.astype(np.float64), groups)


def test_equal_treatment_is_called_unequal_in_at_most_5_of_100_trials() -> None:
    rng = np.random.default_rng(1)

    named = [any(one.unequal for one in fairness(answers(rng, 1200), people(rng, 1200), floor=0.0)) for _ in range(100)]

    assert np.mean(named) <= 0.05 + 0.055


def test_groups_of_rows_do_not_make_gaps() -> None:
    rng = np.random.default_rng(2)
    named = []
    for _ in range(80):
        customer = rng.integers(0, 80, 1600)
        sex = np.array(["f", "m"])[np.arange(80) % 2][customer]
        missed = np.clip(rng.normal(0.3, 0.25, 80), 0, 1)[customer]
        named.append(any(one.unequal for one in fairness(answers(rng, 1600, missed, customer), pl.DataFrame({"sex": sex}), floor=0.0)))

    assert np.mean(named) <= 0.05 + 0.061


def test_intervals_hold_the_gap_in_95_of_100_trials() -> None:
    rng = np.random.default_rng(3)
    inside = []
    for _ in range(300):
        sex = rng.choice(["f", "m"], 1000)
        scored = answers(rng, 1000, np.where(sex == "f", 0.4, 0.2))
        gap = next(one for one in fairness(scored, pl.DataFrame({"sex": sex})) if (one.group, one.rate) == ("sex is 'f'", "hits"))
        inside.append(gap.low <= -0.2 <= gap.high)

    assert np.mean(inside) >= 0.92


def test_a_group_that_is_missed_more_often_is_named_with_what_it_means() -> None:
    rng = np.random.default_rng(4)
    table = people(rng, 6000)

    gaps = fairness(answers(rng, 6000, np.where(table["sex"] == "f", 0.45, 0.2)), table, favourable="yes")

    assert {(one.column, one.rate) for one in gaps if one.unequal} >= {("sex", "hits")}
    assert not any(one.unequal and one.column == "region" for one in gaps)
    sentence = next(one.sentence for one in gaps if (one.group, one.rate) == ("sex is 'f'", "hits"))
    assert sentence.startswith("Rows where sex is 'f' who are 'yes' are recognised in 5")
    assert "points (95 % interval -" in sentence


def test_ages_are_cut_into_bins() -> None:
    rng = np.random.default_rng(5)
    table = people(rng, 6000)

    gaps = fairness(answers(rng, 6000, np.where(table["age"] > 66, 0.7, 0.2)), table)

    assert gaps[0].unequal
    assert gaps[0].group.startswith("age is ")


def test_numbers_are_compared_by_bias_and_size_of_the_error() -> None:
    rng = np.random.default_rng(6)
    sex, truth = rng.choice(["f", "m"], 2000), rng.normal(100, 20, 2000)

    gaps = fairness(Scored("set", "v1", "regression", (), truth, truth + rng.normal(0, 5, 2000) - 4 * (sex == "f")), pl.DataFrame({"sex": sex}))

    assert {one.rate for one in gaps if one.unequal} >= {"bias"}
    assert gaps[0].gap == pytest.approx(-4 if gaps[0].group == "sex is 'f'" else 4, abs=1)


def test_small_groups_and_small_gaps_are_left_alone() -> None:
    rng = np.random.default_rng(7)
    sex = np.where(np.arange(3000) < 30, "x", rng.choice(["f", "m"], 3000))

    gaps = fairness(answers(rng, 3000), pl.DataFrame({"sex": sex}))

    assert not any("'x'" in one.group for one in gaps)
    assert not any(one.unequal for one in gaps)


def test_of_many_classes_errors_are_compared_unless_one_is_favourable() -> None:
    rng = np.random.default_rng(8)
    labels = rng.integers(0, 3, 900)
    scored = Scored("set", "v1", "multiclass", ("a", "b", "c"), labels.astype(float), np.eye(3)[labels])
    table = pl.DataFrame({"sex": rng.choice(["f", "m"], 900)})

    assert {one.rate for one in fairness(scored, table)} == {"errors"}
    assert {one.rate for one in fairness(scored, table, favourable="b")} == {"errors", "selection", "hits", "false_alarms"}
    with pytest.raises(MisuseError, match="no class 'z'"):
        fairness(scored, table, favourable="z")
