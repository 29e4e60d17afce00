"""A lot in a few numbers."""

from __future__ import annotations

import datetime
import json
import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assayline.core import Profile
from assayline.measures.figures import figures
from assayline.measures.packing import packed, unpacked
from assayline.measures.profiling import profile
from assayline.measures.thinning import thinned


def lot(rows: int = 1_000) -> pl.DataFrame:
    at = datetime.datetime(2026, 3, 1, 6)
    return pl.DataFrame({
        "at": [at + datetime.timedelta(seconds=i) for i in range(rows)], "grams": [float(i % 101) if i % 10 else None for i in range(rows)],
        "city": ["Lyon" if i % 2 else "Bonn" if i % 4 else "Llanfairpwllgwyngyllgogerych" for i in range(rows)], "paid": [i % 3 == 0 for i in range(rows)],
    })  # fmt: skip


def test_numbers_have_their_middle_and_their_ends() -> None:
    frame = lot()

    grams = figures(profile(frame))["columns"]["grams"]

    assert (grams["kind"], grams["null_share"], grams["min"], grams["max"]) == ("number", 0.1, 0.0, 100.0)
    assert grams["mean"] == pytest.approx(frame["grams"].mean(), rel=1e-5)
    assert [grams[name] for name in ("p05", "median", "p95")] == pytest.approx([frame["grams"].quantile(q, "linear") for q in (0.05, 0.5, 0.95)])


def test_categories_have_their_shares_and_long_values_are_cut() -> None:
    columns = figures(profile(lot()))["columns"]

    assert columns["city"]["top"] == [["Lyon", 0.5], ["Bonn", 0.25], ["Llanfairpwllg…", 0.25]]
    assert columns["city"]["distinct"] == 3
    assert columns["paid"]["top"] == [["false", 0.666], ["true", 0.334]]


def test_times_have_their_first_and_last() -> None:
    at = figures(profile(lot(61)))["columns"]["at"]

    assert (at["kind"], at["earliest"], at["latest"]) == ("time", "2026-03-01T06:00:00", "2026-03-01T06:01:00")


def test_numbers_that_arrived_as_text_are_numbers() -> None:
    frame = pl.DataFrame({"price": ["1.234,50", "2,25", "x", "10,75"] * 5, "n": ["1", "2", "3", "4"] * 5})

    columns = figures(profile(frame, text=True))["columns"]

    assert (columns["price"]["median"], columns["price"]["max"]) == (10.75, 1234.5)
    assert columns["n"]["median"] == 2.5


def test_five_values_at_most_and_two_hundred_columns_and_the_rest_is_counted() -> None:
    frame = pl.DataFrame({f"c{i}": [f"v{j % 9}" for j in range(60)] for i in range(230)})

    found = figures(profile(frame))

    assert (found["rows"], len(found["columns"]), found["columns_left_out"]) == (60, 200, 30)
    assert len(found["columns"]["c0"]["top"]) == 5


def test_a_column_takes_no_more_than_two_hundred_bytes() -> None:
    long = ["é" * 40 + str(i) for i in range(7)]
    wide = lot().with_columns(pl.Series("long", [long[i % 7] for i in range(1_000)]), (pl.col("grams") * -1.23456789e200 / 7).alias("huge"))

    for name, column in figures(profile(wide))["columns"].items():
        assert len(json.dumps(column, ensure_ascii=False, separators=(",", ":")).encode()) <= 200, name


def test_the_profile_of_nothing_and_of_no_rows_has_figures() -> None:
    assert figures(Profile()) == {"rows": 0, "columns_left_out": 0, "columns": {}}
    assert figures(profile(pl.DataFrame({"a": []})))["rows"] == 0


def test_packed_profiles_have_the_same_figures_and_thinned_ones_the_same_but_for_quantiles() -> None:
    whole = profile(lot())
    exact = ("kind", "null_share", "mean", "min", "max", "top", "earliest", "latest")

    small = figures(thinned(whole))

    assert figures(unpacked(packed(whole))) == figures(whole)
    for name, column in figures(whole)["columns"].items():
        assert {key: column.get(key) for key in exact} == {key: small["columns"][name].get(key) for key in exact}


CELLS = st.one_of(st.none(), st.floats(), st.sampled_from([math.nan, math.inf, 1e308, -1e308, 5e-324]))


@given(cells=st.lists(CELLS, max_size=20), words=st.lists(st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]))), max_size=20))
@settings(max_examples=100, deadline=None)
def test_whatever_stands_in_a_column_its_figures_are_strict_json(cells: list[float | None], words: list[str | None]) -> None:
    for frame in (pl.DataFrame({"x": pl.Series(cells, dtype=pl.Float64)}), pl.DataFrame({"x": pl.Series(words, dtype=pl.String)})):
        found = figures(profile(frame))

        assert json.loads(json.dumps(found, allow_nan=False)) == found
