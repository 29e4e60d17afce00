"""How a column writes its numbers and times, so that a fault changes what it means to and not how it is written.

A lot from a text file holds `"12.50"` and `"3/7/2026"`. A shifted price has to come as `"13.10"` and not as `"13.1"`, or the gate
would notice the handwriting of the fault and not the fault.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.measures.plan import ColumnPlan, parse_number, parse_time

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

MOST_DECIMALS = 9  # digits after the point looked for in typed numbers; more are the noise of a division
TRIED = 200  # times whose writing is tried before a format is believed
_SECONDS = re.compile(r"^%Y-%m-%d[ T]%H:%M:%S")
_ISO_WIDTH = 19  # characters of 2026-01-31 12:34:56


def numbers(column: pl.Series, plan: ColumnPlan) -> Floats:
    """The numbers of a column; nan where a cell is empty or reads as none."""
    parsed = parse_number(column.str.strip_chars(), plan.parse or "number") if column.dtype == pl.String else column.cast(pl.Float64, strict=False)
    return parsed.to_numpy().astype(np.float64) if not parsed.null_count() else parsed.fill_null(float("nan")).to_numpy().astype(np.float64)


def with_numbers(column: pl.Series, plan: ColumnPlan, new: Floats) -> pl.Series | None:
    """The column with other numbers where `new` is finite and differs; None where its type cannot hold them.

    >>> from assayline.measures import Plan
    >>> prices = pl.DataFrame({"price": ["1,200.50", "3,000.00", "80.00"]})
    >>> with_numbers(prices["price"], Plan.of(prices, text=True).columns["price"], np.array([2400.0, 3000.0, 80.0])).to_list()
    ['2,400.00', '3,000.00', '80.00']
    """
    old = numbers(column, plan)
    rows = np.flatnonzero(np.isfinite(new) & np.isfinite(old) & (new != old))
    if column.dtype == pl.String:
        texts = column.to_list()
        write = _Writer([text for text in texts if text is not None], plan.parse)
        for row in rows:
            texts[row] = write(float(new[row]))
        return pl.Series(column.name, texts, dtype=pl.String)
    whole = column.dtype.is_integer()
    filled = np.where(np.isfinite(new), new, 0.0)
    given = np.rint(filled) if whole else np.round(filled, _decimals(old[np.isfinite(old)]))
    if whole and rows.size:
        low, high = pl.select(low=column.lower_bound().cast(pl.Float64), high=column.upper_bound().cast(pl.Float64)).row(0)
        if given[rows].min() < low or given[rows].max() >= high:
            return None
    return pl.Series(column.name, given).cast(column.dtype, strict=False).zip_with(_flagged(rows, column.len()), column).alias(column.name)


def times(column: pl.Series, plan: ColumnPlan) -> pl.Series:
    """The times of a column as they stand there (local time where an offset follows), in microseconds; null where there is none."""
    if column.dtype == pl.String:
        head = _SECONDS.match(plan.parse)
        return parse_time(column.str.strip_chars() if head is None else column.str.slice(0, _ISO_WIDTH), head.group() if head else plan.parse)
    return column.cast(pl.Datetime("us"), strict=False) if column.dtype == pl.Date else column.dt.replace_time_zone(None).cast(pl.Datetime("us"))


def with_times(column: pl.Series, plan: ColumnPlan, new: pl.Series, rows: npt.NDArray[np.int64]) -> pl.Series | None:
    """The column with other times in some rows; None where its way of writing them is not understood.

    >>> from datetime import timedelta
    >>> from assayline.measures import Plan
    >>> days = pl.DataFrame({"day": ["3/7/2026", "12/31/2025"]})
    >>> plan = Plan.of(days, text=True).columns["day"]
    >>> with_times(days["day"], plan, times(days["day"], plan) + timedelta(days=1), np.array([1])).to_list()
    ['3/7/2026', '1/1/2026']
    """
    where = _flagged(rows, column.len()) & new.is_not_null()
    if column.dtype == pl.String:
        said = _said(column, plan, new)
        return None if said is None else said.zip_with(where & said.is_not_null(), column).alias(column.name)
    if column.dtype == pl.Date:
        return new.cast(pl.Date).zip_with(where, column).alias(column.name)
    assert isinstance(column.dtype, pl.Datetime)  # what a plan calls a time is text, a date or a datetime
    typed = new.cast(pl.Datetime(column.dtype.time_unit))
    if column.dtype.time_zone:
        typed = typed.dt.replace_time_zone(column.dtype.time_zone, ambiguous="earliest", non_existent="null")
    return typed.zip_with(where & typed.is_not_null(), column).alias(column.name)


def has_hours(column: pl.Series, plan: ColumnPlan) -> bool:
    """Whether the column says the time of the day and not the day alone."""
    if column.dtype == pl.String:
        return "%H" in plan.parse or "%I" in plan.parse
    return column.dtype != pl.Date


def with_texts(column: pl.Series, texts: Sequence[str | None]) -> pl.Series | None:
    """The column with other texts; None where it is no column of text."""
    return pl.Series(column.name, texts, dtype=pl.String) if column.dtype == pl.String else None


def _flagged(rows: npt.NDArray[np.int64], height: int) -> pl.Series:
    flags = np.zeros(height, dtype=np.bool_)
    flags[rows] = True
    return pl.Series(flags)


def _said(column: pl.Series, plan: ColumnPlan, new: pl.Series) -> pl.Series | None:
    """Times as text in the form of the column: blanks, zeros in front and fractions as they are."""
    head = _SECONDS.match(plan.parse)
    if head is not None:
        return new.dt.strftime(head.group()) + column.str.slice(_ISO_WIDTH)
    old = times(column, plan)
    sample = column.to_frame("said").with_columns(old.alias("old")).drop_nulls().head(TRIED)
    for pattern in _spellings(plan.parse.replace("%.f", "")):
        if sample.height and (sample["old"].dt.strftime(pattern) == sample["said"]).all():
            return new.dt.strftime(pattern).alias(column.name)
    return None


def _spellings(pattern: str) -> tuple[str, ...]:
    bare = pattern.replace("%d", "%-d").replace("%m", "%-m")
    return pattern, bare, *(one.replace("%H", "%-H").replace("%I", "%-I") for one in (bare, pattern)), pattern.replace("%d", "%-d")


def _decimals(values: Floats) -> int:
    """Digits after the point that a column of typed numbers uses."""
    tried = values[:: max(1, len(values) // TRIED)]
    for digits in range(MOST_DECIMALS):
        if np.allclose(np.round(tried, digits), tried, rtol=1e-12, atol=0.0):
            return digits
    return MOST_DECIMALS + 3


class _Writer:
    """Writes numbers as a column of text does: as many decimals as it has, trailing zeros if it has them."""

    def __init__(self, texts: Sequence[str], parse: str) -> None:
        mark = "," if parse == "decimal_comma" else "."
        counts = [len(text.strip().rpartition(mark)[2]) if mark in text else 0 for text in texts if not re.search("[eE]", text)] or [0]
        self.fewest, self.most = min(counts), min(max(counts), MOST_DECIMALS)
        # Cells with another number of decimals and none that ends in 0: the zeros were dropped.
        self.drops = self.fewest < self.most and not any(mark in text and text.strip().endswith("0") for text in texts)
        self.parse = parse
        self.grouped = parse == "thousands" or (parse == "decimal_comma" and any("." in text for text in texts))

    def __call__(self, value: float) -> str:
        said = f"{value:,.{self.most}f}" if self.grouped else f"{value:.{self.most}f}"
        if self.drops and "." in said:
            said = said.rstrip("0").rstrip(".")
        if said.startswith("-") and not re.search("[1-9]", said):
            said = said[1:]
        return said.translate(_SWAPPED) if self.parse == "decimal_comma" else said


_SWAPPED = str.maketrans(",.", ".,")
