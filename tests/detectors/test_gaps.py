"""Periods without readings."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import polars as pl
import pytest

from assayline.core import Finding, Past
from assayline.detectors.gaps import Gaps
from assayline.measures import profile

MONDAY = datetime.datetime(2024, 5, 6)


def hours(weeks: int, kept: Callable[[datetime.datetime], bool], start: datetime.datetime = MONDAY) -> pl.DataFrame:
    every = [start + datetime.timedelta(hours=n) for n in range(24 * 7 * weeks)]
    return pl.DataFrame({"at": [one for one in every if kept(one)]})


def gaps(frame: pl.DataFrame) -> list[Finding]:
    return list(Gaps()(profile(frame), Past()))


def test_a_whole_day_that_is_missing_in_one_week_is_named() -> None:
    found = gaps(hours(1, lambda one: one.weekday() != 4))

    assert [one.evidence["missing_records"] for one in found] == [24]
    assert (found[0].evidence["start"], found[0].evidence["end"]) == ("2024-05-10T00:00:00", "2024-05-11T00:00:00")


@pytest.mark.parametrize("weeks", [1, 2, 5])
@pytest.mark.parametrize(
    "kept",
    [lambda one: one.weekday() < 5, lambda one: one.weekday() < 6, lambda one: 7 <= one.hour < 19, lambda one: one.weekday() < 5 and 7 <= one.hour < 19],
    ids=["no weekends", "no Sundays", "no nights", "office hours"],
)
def test_times_at_which_nobody_ever_reports_are_no_gaps(weeks: int, kept: Callable[[datetime.datetime], bool]) -> None:
    assert gaps(hours(weeks, kept)) == []


def test_a_gap_within_office_hours_counts_only_what_was_due() -> None:
    found = gaps(hours(4, lambda one: one.weekday() < 5 and 7 <= one.hour < 19 and one.date() != datetime.date(2024, 5, 15)))

    assert [(one.evidence["missing_records"], one.where) for one in found] == [(12, None)]


def test_the_device_that_was_silent_is_named_and_the_others_are_not() -> None:
    rows = [(MONDAY + datetime.timedelta(minutes=5 * n), who) for n in range(2_000) for who in "abcd" if not (who == "c" and 700 <= n < 742)]

    found = gaps(pl.DataFrame(rows, schema=["at", "device"], orient="row"))

    assert [(one.where, one.evidence["key"], one.evidence["missing_records"]) for one in found] == [("device = c", "c", 42)]
    assert "device c sent nothing from 2024-05-08 10:20 to 2024-05-08 13:50: 42 readings at its 5-minute cadence are missing." in found[0].sentence


def test_an_outage_of_all_devices_is_one_finding() -> None:
    rows = [(MONDAY + datetime.timedelta(minutes=5 * n), who) for n in range(2_000) for who in "abcd" if not 700 <= n < 742]

    found = gaps(pl.DataFrame(rows, schema=["at", "device"], orient="row"))

    assert [one.where for one in found] == [None]


def test_a_device_that_never_came_back_is_named() -> None:
    rows = [(MONDAY + datetime.timedelta(minutes=5 * n), who) for n in range(2_000) for who in "abcdef" if not (who == "c" and n >= 1_500)]

    found = gaps(pl.DataFrame(rows, schema=["at", "device"], orient="row"))

    assert [(one.where, one.evidence["missing_records"]) for one in found] == [("device = c", 500)]


def test_a_source_that_loses_readings_all_the_time_is_not_accused() -> None:
    assert gaps(pl.DataFrame({"at": [MONDAY + datetime.timedelta(minutes=n) for n in range(5_000) if n % 97 > 6]})) == []


def test_the_hour_that_local_time_leaves_out_is_a_note() -> None:
    start = datetime.datetime(2024, 3, 25)
    found = gaps(pl.DataFrame({"at": [start + datetime.timedelta(minutes=5 * n) for n in range(4_000)]}).filter(
        (pl.col("at") < datetime.datetime(2024, 3, 31, 2)) | (pl.col("at") >= datetime.datetime(2024, 3, 31, 3))
    ))  # fmt: skip

    assert [one.severity for one in found] == [0.2]


def test_records_under_a_stopped_clock_are_not_missing() -> None:
    at = [MONDAY + datetime.timedelta(minutes=5 * (300 if 300 <= n < 340 else n)) for n in range(1_000)]

    assert gaps(pl.DataFrame({"at": at})) == []


def test_a_silent_device_of_a_large_table_is_named() -> None:
    number = pl.Series(range(90_000))
    frame = pl.DataFrame({"at": (number // 30) * 60_000_000, "device": number % 30}).with_columns(pl.col("at").cast(pl.Datetime("us")))
    silent = (pl.col("device") == 17) & pl.col("at").is_between(datetime.datetime(1970, 1, 1, 20), datetime.datetime(1970, 1, 2, 4), closed="left")

    found = gaps(frame.filter(~silent))

    assert gaps(frame) == []
    assert [(one.where, one.evidence["start"], one.evidence["end"], one.evidence["missing_records"]) for one in found] == [
        ("device = 17", "1970-01-01T20:00:00", "1970-01-02T04:00:00", 480)
    ]
