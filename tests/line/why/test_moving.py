"""A lot of before in the place of a lot of now: moved so that joins meet, or taken over column by column."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from assayline.line.why.moving import FORMATS, Span, columns_of_before, meets, moved, shift_between, span_of

DAY = 86_400.0
START = datetime(2026, 3, 2)


def hourly(day: int, rows: int = 24) -> list[datetime]:
    return [START + timedelta(days=day, hours=one) for one in range(rows)]


def span(values: Sequence[object]) -> Span:
    found = span_of(pl.Series(values))
    assert found is not None
    return found


@pytest.mark.parametrize("written", [one for one in FORMATS if "%f" not in one and "%.f" not in one])
def test_texts_are_moved_and_stay_written_as_they_were(written: str) -> None:
    before, after = (pl.DataFrame({"at": [one.strftime(written) for one in hourly(day, 60)]}) for day in (3, 10))

    later = moved(before, 7 * DAY, "at")

    assert later.equals(after)


@pytest.mark.parametrize("dtype", [pl.Date, pl.Datetime("us"), pl.Datetime("ms"), pl.Datetime("ns", "Europe/Stockholm"), pl.Int64, pl.Float64])
def test_times_and_numbers_keep_their_type(dtype: pl.DataType) -> None:
    numbers = dtype in (pl.Int64, pl.Float64)
    there = pl.Series("at", [1, 2, None], dtype=pl.Int64) if numbers else pl.Series("at", [START, None])
    zone = getattr(dtype, "time_zone", None)
    frame = (there if zone is None else there.dt.replace_time_zone(zone)).cast(dtype).to_frame()

    later = moved(frame, 2.0 if numbers else 2 * DAY, "at")

    assert later.schema == frame.schema
    assert later["at"].null_count() == 1
    difference = (later["at"] - frame["at"]).drop_nulls().to_list()
    assert set(difference) == {2 if numbers else timedelta(days=2)}


def test_lots_are_moved_by_whole_days_even_if_some_times_are_wrong() -> None:
    now, before = hourly(7, 48), hourly(0, 48)
    in_another_zone = [one + timedelta(hours=2) for one in now]
    with_a_reset_clock = [datetime(1970, 1, 1), *now[1:]]

    shifts = [shift_between(span(several), span(before), 7 * DAY) for several in (now, in_another_zone, with_a_reset_clock)]

    assert shifts == [7 * DAY] * 3


def test_where_the_times_of_now_say_nothing_the_rhythm_of_the_flow_does() -> None:
    before = span(hourly(0))

    assert shift_between(None, before, 7 * DAY) == 7 * DAY
    assert shift_between(span([datetime(2106, 1, 1)] * 5), before, 7 * DAY) == 7 * DAY
    assert shift_between(None, before) == 0.0
    assert shift_between(span(hourly(0)), before, 7 * DAY) == 0.0  # the same lot delivered again
    assert span_of(pl.Series(["red", "green"])) is None


def test_a_lot_whose_clock_stood_still_or_a_part_of_which_is_missing_comes_when_the_flow_usually_does() -> None:
    now, before = hourly(1), span(hourly(0))
    stuck, cut, far = [*now[:3], *[now[2]] * 21], now[:8], [*now[:12], *[datetime(2106, 2, 7)] * 12]

    assert [shift_between(span(several), before, DAY + 600) for several in (stuck, cut, far)] == [DAY] * 3


def test_short_lots_are_moved_by_whole_hours_and_windows_as_they_are() -> None:
    assert shift_between(Span(7_190.0, 7_205.0, 7_250.0), Span(0.0, 0.0, 60.0)) == 7_200.0
    assert shift_between(Span(300.0, 310.0, 330.0), Span(0.0, 10.0, 30.0)) == 300.0


def test_columns_of_times_that_run_along_are_moved_too_and_others_are_not() -> None:
    born = [date(1970 + one, 5, 1) for one in range(24)]
    now, before = (pl.DataFrame({"at": hourly(day), "until": [one + timedelta(minutes=20) for one in hourly(day)], "born": born}) for day in (7, 0))

    later = moved(before, 7 * DAY, "at", now)

    assert later.equals(now)


def test_a_column_takes_the_values_of_the_row_with_the_same_key_and_time() -> None:
    keys = {"station": ["a", "b"] * 10, "hour": [one // 2 for one in range(20)]}
    before = pl.DataFrame({**keys, "temperature": [float(one) for one in range(20)]}).sample(fraction=1.0, shuffle=True, seed=1)
    now = pl.DataFrame({**keys, "temperature": [one * 1.8 + 32 for one in range(20)], "wind": range(20)})

    made = columns_of_before(now, before, ["temperature"], ["station"], "hour")

    assert made["temperature"].to_list() == [float(one) for one in range(20)]
    assert made.drop("temperature").equals(now.drop("temperature"))


def test_without_partners_a_number_gets_the_distribution_of_before_and_keeps_its_order() -> None:
    rng = np.random.default_rng(1)
    before, now = pl.DataFrame({"price": rng.normal(10, 1, 500)}), pl.DataFrame({"price": rng.normal(1_000, 100, 300), "id": range(300)})

    made = columns_of_before(now, before, ["price"])

    assert made["price"].mean() == pytest.approx(10, abs=0.15)
    assert set(made["price"]) <= set(before["price"])
    assert made["price"].rank("dense").to_list() == pytest.approx(now["price"].rank("dense").to_list(), abs=1)


def test_ranks_are_compared_inside_each_key_that_has_enough_rows() -> None:
    before = pl.DataFrame({"station": ["a"] * 50 + ["b"] * 50, "t": [float(one) for one in range(50)] + [float(one) for one in range(1_000, 1_050)]})
    now = before.with_columns(pl.when(pl.col("station") == "a").then(pl.col("t") * 1.8 + 5_000).otherwise("t").alias("t"))

    made = columns_of_before(now, before, ["t"], ["station"])

    assert made.equals(before)


def test_missing_cells_are_as_many_as_before_and_texts_that_were_numbers_are_numbers_again() -> None:
    before = pl.DataFrame({"t": [str(one) if one % 4 else None for one in range(400)]})
    now = pl.DataFrame({"t": [f"{one} kg" if one % 2 else None for one in range(200)]})

    made = columns_of_before(now, before, ["t"])

    assert made["t"].null_count() == 50
    assert made.filter(now["t"].is_null())["t"].null_count() == 50  # those that are empty now stay so
    assert made["t"].drop_nulls().cast(pl.Int64).mean() == pytest.approx(200, abs=5)


def test_categories_keep_as_many_rows_as_they_can_and_get_the_shares_of_before() -> None:
    before = pl.DataFrame({"kind": ["x"] * 60 + ["y"] * 40})
    now = pl.DataFrame({"kind": ["x"] * 20 + ["z"] * 30})

    made = columns_of_before(now, before, ["kind"])

    assert dict(made["kind"].value_counts().iter_rows()) == {"x": 30, "y": 20}
    assert made["kind"].head(20).to_list() == ["x"] * 20
    assert columns_of_before(now, before, ["kind"]).equals(made)  # the same each time


def test_a_column_that_only_before_had_comes_back_and_one_that_is_new_goes() -> None:
    before, now = pl.DataFrame({"a": [1, 2], "lost": [5, 6]}), pl.DataFrame({"a": [1, 2, 3], "new": [7, 8, 9]})

    made = columns_of_before(now, before, ["lost", "new", "nowhere"])

    assert made.columns == ["a", "lost"]
    assert set(made["lost"]) <= {5, 6}


def test_keys_that_are_new_in_each_lot_are_told_from_keys_that_come_again() -> None:
    customers, orders = (pl.DataFrame({"customer": [f"{day}-{one}" for one in range(50)], "town": ["Bonn", "Lyon"] * 25}) for day in (2, 2))
    before = pl.DataFrame({"customer": [f"1-{one}" for one in range(50)], "town": ["Bonn", "Lyon"] * 25})

    assert meets(customers, before, [orders], ["at"]) == ["customer"]
    assert meets(customers, before, [orders, before], ["customer"]) == []
    assert meets(customers, customers, [orders], []) == []
