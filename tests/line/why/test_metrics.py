"""The figures people ask for, and the rows they name, are what they wrote."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl
import pytest

from assayline.errors import MisuseError
from assayline.line.why.metrics import checked, metric_of
from assayline.line.why.selecting import as_read, parts_of, rows_where

FRAME = pl.DataFrame(
    {
        "station": [1, 1, 3, 3], "hour": [datetime(2026, 3, 10, 6), datetime(2026, 3, 10, 7), datetime(2026, 3, 10, 6), datetime(2026, 3, 11, 0)],
        "prediction": [10.0, 12.0, 20.0, None], "rentals": [11, 10, 26, 5], "town": ["Lyon", "Lyon", "Bonn", None], "day of week": ["tue", "tue", "tue", "wed"],
    }
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("rows", 4.0), ("rows where station = 3", 2.0), ("mean(rentals)", 13.0), ("sum(rentals)", 52.0), ("median(rentals)", 10.5), ("min(rentals)", 5.0), ("max(rentals)", 26.0),
        ("distinct(town)", 2.0), ("share_missing(town)", 0.25), ("share(town = Lyon)", 0.5), ("top_share(town)", 0.5), ("mae(prediction, rentals)", 3.0), ("bias(prediction, rentals)", -5 / 3),
        ("rmse(prediction, rentals)", (41 / 3) ** 0.5), ("error_rate(station, rentals)", 1.0), ("mae(prediction, rentals) where station = 3 and hour = 2026-03-10", 6.0),
        ("rows where hour >= 2026-03-10T07:00", 2.0), ("rows where hour = 2026-03-11", 1.0), ("distinct(\"day of week\") where town = 'Lyon'", 1.0), ("rows where town is null", 1.0),
        ("rows where \"day of week\" = tue or station = 1", 3.0), ("sd(rentals) where station = 1", 0.5**0.5),
    ],
)  # fmt: skip
def test_a_figure_is_what_it_says(text: str, value: float) -> None:
    assert metric_of(text).of(FRAME) == pytest.approx(value)


@pytest.mark.parametrize("text", ["mean(nothing)", "mean(town)", "mean(rentals) where station = 9", "rows where town > 3", "mae(prediction, town)", "share(nothing = 1)"])
def test_a_table_that_has_no_such_figure_has_none_and_says_so_where_it_must_have_it(text: str) -> None:
    metric = metric_of(text)

    assert metric.of(FRAME) is None
    with pytest.raises(MisuseError):
        checked(metric, FRAME)


@pytest.mark.parametrize("text", ["", "average(x)", "mean", "mean()", "mean(a, b)", "mae(a)", "rows(a)", "share()", "mean(a"])
def test_what_is_no_figure_is_refused(text: str) -> None:
    with pytest.raises(MisuseError, match="--metric"):
        metric_of(text)


@pytest.mark.parametrize("text", ["mae(prediction, rentals) where station = 3", 'mean("day of week")', "rows", "share(town = 'where') where station = 1"])
def test_a_figure_is_written_as_it_was_read(text: str) -> None:
    assert metric_of(text).text == text
    assert metric_of(metric_of(text).text) == metric_of(text)


def test_text_that_says_numbers_and_times_is_read_so_and_codes_are_left() -> None:
    read = as_read(pl.DataFrame({"n": ["1", "2.5"], "code": ["01", "2"], "day": ["2026-03-10", "2026-03-11"], "word": ["a", "1"], "empty": pl.Series([None, None], dtype=pl.String)}))

    assert read.dtypes == [pl.Float64, pl.String, pl.Datetime("us"), pl.String, pl.String]
    assert rows_where(read, "day = 2026-03-10 and code = 01")["n"].to_list() == [1.0]


@pytest.mark.parametrize("condition", ["station = ", "nothing = 3", "station = Lyon", "day = 2026-02-31", "count(*) > 3", "station exists in flow(stores.id)", "station = 1; drop table"])
def test_rows_that_cannot_be_told_are_refused_with_the_reason(condition: str) -> None:
    with pytest.raises(MisuseError):
        rows_where(FRAME, condition)


def test_a_day_is_the_whole_day_and_a_time_zone_is_that_of_utc() -> None:
    frame = pl.DataFrame({"at": [datetime(2026, 3, 10, 23, 30), datetime(2026, 3, 11, 0, 30)]}).with_columns(pl.col("at").dt.replace_time_zone("UTC"))

    assert rows_where(frame, "at = 2026-03-10").height == 1
    assert rows_where(pl.DataFrame({"d": [date(2026, 3, 10)]}), "d = 2026-03-10").height == 1


@pytest.mark.parametrize(
    ("condition", "parts"),
    [
        ("station = 3 and day = 2026-03-10", ["station = 3", "day = 2026-03-10"]), ("station = 3", ["station = 3"]), ("a = 'x and y' and b = 1", ["a = 'x and y'", "b = 1"]),
        ("a = 1 or b = 2 and c = 3", ["a = 1 or b = 2 and c = 3"]), ("a = 2026-03-10T06:00 and b = 2", ["a = 2026-03-10 06:00:00", "b = 2"]),
    ],
)  # fmt: skip
def test_a_condition_comes_apart_at_and(condition: str, parts: list[str]) -> None:
    assert parts_of(condition) == parts
