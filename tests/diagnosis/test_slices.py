"""The rows that carry what is wrong are found by what they have in common, and nothing is found where nothing is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from assayline.diagnosis.slices import where_bad, where_moved
from assayline.errors import MisuseError


def lot(rng: np.random.Generator, rows: int) -> pl.DataFrame:
    """Sensor rows: data columns and provenance."""
    start = datetime(2026, 3, 14, tzinfo=UTC)
    station = rng.integers(1, 8, rows)
    return pl.DataFrame({
        "station": station,
        "file": [f"weather-{number % 3}.csv" for number in station],
        "host": rng.choice(["a1", "a2", "b1", "b2"], rows),
        "plant": rng.choice(["north", "south"], rows),
        "humidity": rng.normal(60.0, 10.0, rows),
        "time": [start + timedelta(minutes=int(minute)) for minute in np.sort(rng.integers(0, 1440, rows))],
    })  # fmt: skip


@pytest.mark.parametrize(("counted", "lots"), [(True, 30), (False, 30), pytest.param(True, 300, marks=pytest.mark.slow), pytest.param(False, 300, marks=pytest.mark.slow)])
def test_where_nothing_is_wrong_anywhere_little_is_named(counted: bool, lots: int) -> None:
    """The promise: of what is named a share of at most q is false; without a true condition that is the share of lots for which anything is named."""
    rng = np.random.default_rng(5)
    named = 0
    for _ in range(lots):
        table, earlier = lot(rng, 300), lot(rng, 600)
        if counted:
            found = where_bad(table, rng.random(300) < 0.15, earlier, rng.random(600) < 0.02, least_ratio=1.0)
        else:
            found = where_moved(table, np.abs(rng.standard_t(5, 300)), earlier, np.abs(rng.standard_t(5, 600)), least_ratio=1.0)
        named += bool(found)

    assert named / lots <= 0.05 + 2 * (0.05 * 0.95 / lots) ** 0.5


@pytest.mark.parametrize("rows", [168, 600])
def test_a_bad_station_is_named_among_columns_that_hint_at_it(rows: int) -> None:
    hits = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        table, earlier = lot(rng, rows), lot(rng, 3 * rows)
        bad = ((table["station"] == 3).to_numpy() & (rng.random(rows) < 0.9)) | (rng.random(rows) < 0.02)

        found = where_bad(table, bad, earlier, rng.random(3 * rows) < 0.02)

        hits += bool(found) and found[0].value == "station = 3" and len(found) == 1
    assert hits >= 11


def test_what_is_named_has_its_numbers() -> None:
    rng = np.random.default_rng(1)
    table = lot(rng, 700)
    bad = (table["station"] == 3).to_numpy()

    (found,) = where_bad(table, bad)

    assert (found.columns, found.value) == (("station",), "station = 3")
    assert (found.rows, found.of, found.carried) == (int(bad.sum()), 700, 1.0)
    assert found.risk_ratio > 500
    assert found.p < 1e-9


def test_a_provenance_value_that_names_the_same_rows_is_told_too() -> None:
    rng = np.random.default_rng(2)
    table = lot(rng, 700).with_columns(pl.when(pl.col("station") == 3).then(pl.lit("v2")).otherwise(pl.lit("v1")).alias("loader_version"))

    (found,) = where_bad(table, (table["station"] == 3).to_numpy())

    assert {found.value, *found.also} >= {"station = 3", "loader_version = v2"}


def test_two_columns_together_are_named_where_neither_says_it_alone() -> None:
    rng = np.random.default_rng(3)
    table = lot(rng, 1500)
    bad = ((pl.col("plant") == "north") & (pl.col("host") == "a1"),)

    (found,) = where_bad(table, table.select(bad[0]).to_series().to_numpy())

    assert set(found.columns) == {"plant", "host"}
    assert found.risk_ratio > 100


def test_two_places_are_both_named() -> None:
    rng = np.random.default_rng(4)
    table = lot(rng, 1500)
    bad = (table["station"] == 3).to_numpy() | (table["host"] == "b2").to_numpy() & (rng.random(1500) < 0.8)

    found = where_bad(table, bad)

    assert {one.value for one in found} == {"station = 3", "host = b2"}


def test_an_hour_is_named() -> None:
    rng = np.random.default_rng(5)
    table = lot(rng, 1440)

    (found,) = where_bad(table, (table["time"].dt.hour() == 6).to_numpy())

    assert found.value == "hour of time = 6"


def test_a_station_that_was_as_bad_before_is_no_news() -> None:
    rng = np.random.default_rng(6)
    table, earlier = lot(rng, 700), lot(rng, 1400)

    found = where_bad(table, (table["station"] == 3).to_numpy(), earlier, (earlier["station"] == 3).to_numpy())

    assert found == ()


def test_of_amounts_the_store_that_moved_is_named_and_not_the_one_that_is_always_higher() -> None:
    rng = np.random.default_rng(7)
    table, earlier = lot(rng, 900), lot(rng, 1800)

    def error(frame: pl.DataFrame, moved: float) -> np.ndarray:
        return np.abs(rng.normal(0, 1, frame.height)) + 5.0 * (frame["host"] == "a1").to_numpy() + moved * (frame["station"] == 3).to_numpy()

    (found,) = where_moved(table, error(table, 3.0), earlier, error(earlier, 0.0))

    assert found.value == "station = 3"
    assert found.carried > 0.8


@pytest.mark.parametrize(("rows", "bad"), [(0, 0), (6, 2), (300, 0), (300, 300), (300, 2)])
def test_too_few_rows_or_flags_and_all_of_them_name_nothing(rows: int, bad: int) -> None:
    table = lot(np.random.default_rng(8), rows)

    assert where_bad(table, np.arange(rows) < bad, columns=["station", "host"]) == ()


def test_strange_columns_are_passed_over() -> None:
    table = pl.DataFrame({"empty": [None] * 60, "list": [[1]] * 60, "name": [f"row {place}" for place in range(60)], "kind": ["a", "b", None] * 20})

    (found,) = where_bad(table, table["kind"].is_null())

    assert found.value == "kind is missing"


def test_misuse_is_told() -> None:
    table = lot(np.random.default_rng(9), 20)

    with pytest.raises(MisuseError, match="no column 'street'"):
        where_bad(table, [True] * 20, columns=["street"])
    with pytest.raises(MisuseError, match="one finite number"):
        where_bad(table, [True])
