"""What a fault rewrites is written as the column writes it."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assayline.certificate.written import numbers, times, with_numbers, with_times
from assayline.measures import Plan


@pytest.mark.parametrize(
    ("cells", "factor", "expected"),
    [
        (["1.50", "2.25", None], 2, ["3.00", "4.50", None]),
        (["1.5", "2.25", "3"], 2, ["3", "4.5", "6"]),
        (["1,200.50", "3,400.00", "80.00"], 10, ["12,005.00", "34,000.00", "800.00"]),
        (["1.200,50", "80,25"], 2, ["2.401,00", "160,50"]),
        (["12,5", "80,5"], -1, ["-12,5", "-80,5"]),
        (["10", "20", "n/a"], 3, ["30", "60", "n/a"]),
    ],
)
def test_numbers_keep_their_marks_and_decimals(cells: list[str | None], factor: float, expected: list[str | None]) -> None:
    frame = pl.DataFrame({"a": cells})
    plan = Plan.of(frame, text=True).columns["a"]

    written = with_numbers(frame["a"], plan, numbers(frame["a"], plan) * factor)

    assert written is not None
    assert written.to_list() == expected


@given(st.lists(st.integers(-(10**6), 10**6), min_size=2, max_size=30), st.integers(0, 4), st.integers(1, 9))
def test_what_is_written_reads_as_what_was_meant(cents: list[int], decimals: int, by: int) -> None:
    frame = pl.DataFrame({"a": [f"{one / 10**decimals:.{decimals}f}" for one in cents]})
    plan = Plan.of(frame, text=True).columns["a"]
    if plan.kind != "number":
        return

    moved = with_numbers(frame["a"], plan, numbers(frame["a"], plan) + by)

    assert moved is not None
    assert np.allclose(numbers(moved, plan), [one / 10**decimals + by for one in cents])
    assert {len(text.partition(".")[2]) for text in moved.to_list()} == {decimals}


@pytest.mark.parametrize("dtype", [pl.Int8, pl.UInt16, pl.Int64, pl.Float32])
def test_a_typed_column_keeps_its_type(dtype: type[pl.DataType]) -> None:
    frame = pl.DataFrame({"a": pl.Series([1, 2, 3], dtype=dtype)})
    plan = Plan.of(frame).columns["a"]

    written = with_numbers(frame["a"], plan, np.array([1.0, 9.0, np.nan]))

    assert written is not None
    assert written.dtype == dtype
    assert written.to_list() == [1, 9, 3]


def test_a_number_that_a_column_cannot_hold_is_none() -> None:
    frame = pl.DataFrame({"a": pl.Series([1, 2, 3], dtype=pl.Int8)})

    assert with_numbers(frame["a"], Plan.of(frame).columns["a"], np.array([1.0, 2.0, 1000.0])) is None


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["2026-02-28", "2026-03-01"], ["2026-03-01", "2026-03-02"]),
        (["2026-02-28 23:30:00", "2026-03-01 00:00:00"], ["2026-03-01 23:30:00", "2026-03-02 00:00:00"]),
        (["2026-02-28T23:30:00.250Z", "2026-03-01T00:00:00Z"], ["2026-03-01T23:30:00.250Z", "2026-03-02T00:00:00Z"]),
        (["2026-02-28 23:30:00+02:00", "2026-03-01 00:00:00+02:00"], ["2026-03-01 23:30:00+02:00", "2026-03-02 00:00:00+02:00"]),
        (["2/28/2026 9:05", "12/31/2026 0:00"], ["3/1/2026 9:05", "1/1/2027 0:00"]),
        (["28.02.2026", "31.12.2026"], ["01.03.2026", "01.01.2027"]),
        (["20260228", "20261231"], ["20260301", "20270101"]),
        (["28-Feb-2026", "31-Dec-2026"], ["01-Mar-2026", "01-Jan-2027"]),
    ],
)
def test_times_keep_their_format(cells: list[str], expected: list[str]) -> None:
    frame = pl.DataFrame({"a": cells})
    plan = Plan.of(frame, text=True).columns["a"]

    written = with_times(frame["a"], plan, times(frame["a"], plan) + timedelta(days=1), np.arange(2))

    assert written is not None
    assert written.to_list() == expected


@pytest.mark.parametrize("dtype", [pl.Date(), pl.Datetime("ms"), pl.Datetime("ns", "Europe/Berlin")])
def test_typed_times_keep_their_type(dtype: pl.DataType) -> None:
    frame = pl.DataFrame({"a": pl.Series(["2026-02-28", "2026-03-01"]).str.to_date().cast(pl.Datetime("us")).cast(dtype)})
    plan = Plan.of(frame).columns["a"]

    written = with_times(frame["a"], plan, times(frame["a"], plan) + timedelta(days=1), np.array([1]))

    assert written is not None
    assert written.dtype == dtype
    assert written[0] == frame["a"][0]
    assert written[1] == frame["a"][1] + timedelta(days=1)
