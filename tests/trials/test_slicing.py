"""Slices: what is found is there, what is not there is hardly ever found."""

from __future__ import annotations

import time

import numpy as np
import polars as pl
import pytest

from assayline.errors import MisuseError
from assayline.trials import Slice, slices
from assayline.trials.laws import Floats


def rows(rng: np.random.Generator, count: int) -> pl.DataFrame:
    """A table with 10 columns and over a hundred single slices."""
    return pl.DataFrame(
        {f"c{place}": rng.choice([f"{place}{letter}" for letter in "abcdefghijkl"], count) for place in range(7)}
        | {"x": rng.normal(size=count), "n": rng.integers(0, 4, count), "z": rng.exponential(size=count)}
    )


def losses(kind: str, rng: np.random.Generator, count: int) -> Floats:
    if kind == "differences of decisions":
        return rng.choice([-1.0, 0.0, 1.0], count, p=[0.05, 0.9, 0.05])
    if kind == "errors":
        return np.asarray(rng.random(count) < 0.08, dtype=np.float64)
    if kind == "skewed":
        return rng.exponential(size=count) ** 1.5
    return rng.standard_t(4, count)


def found(tested: tuple[Slice, ...]) -> list[Slice]:
    return [one for one in tested if one.found]


KINDS = [("differences of decisions", "nothing"), ("heavy tails", "nothing"), ("errors", "rest"), ("skewed", "rest")]


def named_by_chance(kind: str, against: str, searches: int) -> float:
    """The share of searches that name a slice where nothing is worse; a little over a hundred single conditions, up to 100 slices tested."""
    rng = np.random.default_rng(1)
    tables = [rows(rng, 2000) for _ in range(4)]
    return float(np.mean([bool(found(slices(tables[trial % 4], losses(kind, rng, 2000), against=against, seed=trial))) for trial in range(searches)]))


@pytest.mark.parametrize(("kind", "against"), KINDS)
def test_where_nothing_is_worse_slices_are_named_in_at_most_q_of_all_searches(kind: str, against: str) -> None:
    assert named_by_chance(kind, against, 60) <= 0.10 + 0.097  # 2.5 standard errors of 60 searches; the slow sweep below is sharper


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "against"), KINDS)
def test_a_thousand_searches_name_slices_by_chance_in_at_most_q_of_them(kind: str, against: str) -> None:
    assert named_by_chance(kind, against, 1000) <= 0.10 + 0.024


def test_of_those_named_at_most_a_share_of_q_is_false_and_most_bad_ones_are_named() -> None:
    rng = np.random.default_rng(2)
    table = rows(rng, 6000)
    labels = {"c0 is '0a'", "c3 is '3e'", "c5 is '5b'"}
    bad = [(table["c0"] == "0a").to_numpy(), (table["c3"] == "3e").to_numpy(), (table["c5"] == "5b").to_numpy()]
    effect = np.sum([0.45 * one for one in bad], axis=0) - 0.15  # elsewhere better, so that nothing but the three is worse
    shares, hits = [], []
    for trial in range(20):
        named = found(slices(table, effect + rng.normal(size=6000), seed=trial))

        shares.append(sum(not labels & set(one.conditions) for one in named) / max(1, len(named)))
        hits.append(len(labels & {condition for one in named for condition in one.conditions}) / 3)

    assert np.mean(shares) <= 0.10
    assert np.mean(hits) >= 0.80


def test_columns_without_a_part_in_it_are_not_named_against_the_rest() -> None:
    rng = np.random.default_rng(3)
    tables = [rows(rng, 6000) for _ in range(12)]

    searches = [found(slices(one, rng.random(6000) < np.where(one["c0"] == "0a", 0.35, 0.08), against="rest")) for one in tables]

    assert all("c0 is '0a'" in search[0].conditions for search in searches)
    assert np.mean([sum("c0" not in one.columns for one in search) / len(search) for search in searches]) <= 0.10


def test_a_pair_of_conditions_is_found_where_neither_alone_is_bad() -> None:
    rng = np.random.default_rng(4)
    table = pl.DataFrame({"city": rng.choice(["Bonn", "Gent", "Lyon"], 8000), "plan": rng.choice(["free", "paid", "old"], 8000)})
    bad = ((table["city"] == "Lyon") & (table["plan"] == "old")).to_numpy()

    best = slices(table, rng.normal(size=8000) + 1.0 * bad - 0.3 * ~bad)[0]

    assert best.found
    assert set(best.conditions) == {"city is 'Lyon'", "plan is 'old'"}


def test_nested_slices_are_one_story() -> None:
    rng = np.random.default_rng(5)
    city = rng.choice(["Bonn", "Gent", "Lyon"], 6000)
    table = pl.DataFrame({"city": city, "code": np.where(city == "Lyon", "69", "0"), "x": rng.normal(size=6000)})

    named = found(slices(table, rng.normal(size=6000) + 0.5 * (city == "Lyon")))

    assert len(named) == 1
    assert named[0].also


def test_an_effect_below_the_floor_is_not_named() -> None:
    rng = np.random.default_rng(6)
    city = rng.choice(["Bonn", "Gent"], 20_000)
    loss = rng.normal(size=20_000) + 0.1 * (city == "Bonn")

    assert found(slices(pl.DataFrame({"city": city}), loss))
    assert not found(slices(pl.DataFrame({"city": city}), loss, floor=0.3))


def test_rows_of_one_customer_lie_in_one_half_and_count_together() -> None:
    rng = np.random.default_rng(7)
    named = []
    for trial in range(40):
        customer = rng.integers(0, 100, 3000)
        city = np.array(list("abcdefgh"))[np.arange(100) % 8][customer]
        loss = rng.normal(size=100)[customer] + 0.3 * rng.normal(size=3000)
        named.append(bool(found(slices(pl.DataFrame({"city": city}), loss, groups=customer, seed=trial))))

    assert np.mean(named) <= 0.10 + 0.119


def test_times_numbers_and_missing_cells_describe_slices() -> None:
    rng = np.random.default_rng(8)
    hours = pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2024, 12, 31), "2h", eager=True).head(4000)
    price = pl.Series("price", rng.normal(50, 10, 4000)).set(pl.Series(rng.random(4000) < 0.2), None)
    table = pl.DataFrame({"hour": hours, "price": price})

    late = slices(table, rng.normal(size=4000) + 1.0 * (np.arange(4000) > 3200))[0]
    empty = slices(table, rng.normal(size=4000) + 1.0 * price.is_null().to_numpy())[0]

    assert late.conditions[0].startswith("hour is 2024-")
    assert empty.conditions == ("price is missing",)
    assert "rows that were not searched" in empty.sentence


@pytest.mark.no_cover  # what is timed is not traced
def test_twenty_thousand_rows_by_twenty_columns_take_seconds() -> None:
    rng = np.random.default_rng(9)
    table = pl.concat([rows(rng, 20_000), rows(rng, 20_000).rename(lambda name: f"{name}_2")], how="horizontal")
    begun = time.process_time()

    slices(table, rng.normal(size=20_000))

    assert time.process_time() - begun < 6.0


def test_what_cannot_be_sliced_is_said() -> None:
    with pytest.raises(MisuseError, match="'nothing' or 'rest'"):
        slices(pl.DataFrame({"a": [1]}), [0.0], against="all")
    with pytest.raises(MisuseError, match="one finite number"):
        slices(pl.DataFrame({"a": [1]}), [float("nan")])
    assert slices(pl.DataFrame({"a": [1, 2]}), [0.0, 1.0]) == ()
