"""Numbers, labels and moments as people write them."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal

import polars as pl
import pytest

from assayline.framing.blocks import block
from assayline.framing.column import Column, cell_reader
from assayline.framing.labels import label
from assayline.framing.numbertext import NumberStyle, learned_style, number, split_number
from assayline.framing.timetext import TimeStyle, learned_order, micros


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12", 12.0), (" 1 200 ", 1200.0), ("1,200", 1200.0), ("1,234,567.5", 1234567.5), ("$1,200", 1200.0), ("€ 5", 5.0), ("5 EUR", 5.0), ("(300)", -300.0), ("-$4.5", -4.5),
        ("$-4.5", -4.5), ("'-1'", -1.0), ("3.5e3", 3500.0), ("45%", 45.0), ("12,5", 12.5), ("−7", -7.0), (".5", 0.5), ("1'000'000", 1e6), ("1.", 1.0), ("1,00,000", 100000.0),
    ],
)  # fmt: skip
def test_a_number_is_read_however_it_is_written(text: str, expected: float) -> None:
    assert number(text, NumberStyle()) == expected


@pytest.mark.parametrize("text", ["", "?", "n/a", "12 Main St", "1.2.3", "12-13", "abc", "1 2", "12:30", "2020-01-01", "inf", "nan", "1e999", "--3", "0x10"])
def test_what_is_no_number_is_unknown_and_not_a_guess(text: str) -> None:
    assert math.isnan(number(text, NumberStyle()))


def test_units_of_one_column_become_one_base_unit_and_a_bare_number_takes_the_usual_one() -> None:
    style = learned_style([("3500 ms", 6), ("2 s", 3), ("1 min", 1)])

    read = [number(text, style) for text in ("3.5e3 ms", "2 s", "1 min", "500", "4 kg")]

    assert read == [3.5, 2.0, 60.0, 0.5, 4.0]


def test_an_unknown_word_after_a_number_is_no_unit() -> None:
    assert split_number("12 parsecs") is None


def test_the_decimal_mark_is_learned_from_the_column() -> None:
    style = learned_style([("1.234,50", 3), ("12,5", 5), ("7", 1)])

    assert style.comma
    assert [number(text, style) for text in ("1.234,50", "12,5", "1.000")] == [1234.5, 12.5, 1000.0]


def test_celsius_and_fahrenheit_meet() -> None:
    style = learned_style([("20 °C", 9), ("68 °F", 1)])

    assert number("68 °F", style) == pytest.approx(20.0)


@pytest.mark.parametrize(
    ("one", "other"), [(" <=50K.", "<=50K"), ("'-1'", "-1"), ("3.0", 3), (True, "TRUE"), ("New  York", "new york "), (Decimal("2.50"), 2.5), (b"red", '"Red"')]
)
def test_two_spellings_of_one_label_are_one(one: object, other: object) -> None:
    assert label(one) == label(other)


@pytest.mark.parametrize("nothing", [None, "", "  ", "?", "NA", "N/A", "nan", float("nan"), " ' ' ", "."])
def test_a_token_for_nothing_is_no_label(nothing: object) -> None:
    assert label(nothing) is None


def test_leading_zeros_stay_in_a_label() -> None:
    assert label("007") == "007"


@pytest.mark.parametrize(
    "text", ["2026-03-01 13:05:00", "2026-03-01T13:05:00Z", "2026-03-01T15:05:00+02:00", "1.3.2026 13:05", "01-Mar-2026 1:05 PM", "Mar 1, 2026 13:05", "20260301130500", "2026/3/1 13:05:00.000"]
)  # fmt: skip
def test_a_moment_is_the_same_however_it_is_written(text: str) -> None:
    expected = int(dt.datetime(2026, 3, 1, 13, 5, tzinfo=dt.UTC).timestamp() * 1e6)

    assert micros(text, TimeStyle(day_first=True)) == expected


def test_the_order_of_day_and_month_is_learned_and_a_date_with_one_reading_keeps_it() -> None:
    assert learned_order([("13/01/2026", 1), ("02/03/2026", 9)])
    assert not learned_order([("01/13/2026", 1), ("02/03/2026", 9)])
    assert micros("12/31/2026", TimeStyle(day_first=True)) == micros("2026-12-31", TimeStyle())


@pytest.mark.parametrize("text", ["2026-02-31", "12/2026/1", "now", "1.2.3", "", "2026-13-01", "99999-01-01"])
def test_what_is_no_moment_is_unknown(text: str) -> None:
    assert micros(text, TimeStyle()) is None


def test_the_hour_is_that_of_the_learned_zone_whatever_zone_a_value_has() -> None:
    column = Column("at", "time", time=TimeStyle(zone="Europe/Berlin"), parts=("hour",))
    noon = dt.datetime(2026, 7, 1, 10, tzinfo=dt.UTC)
    series = pl.Series("at", [noon]).dt.convert_time_zone("America/New_York")

    assert block(column, series).tolist() == [[12.0]]
    assert list(cell_reader(column)(noon)) == [12.0]
    assert list(cell_reader(column)("2026-07-01T10:00:00Z")) == [12.0]
