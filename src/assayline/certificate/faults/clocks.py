"""Faults of time: clocks that stop, jump or show local time, dates in another format, hours without records."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from ..roles import clocks, timed
from ..sound import Sound
from ..written import times, with_times
from .fault import Fault, Rows, Strength, one_segment, replaced, some, taken, three

Rng = np.random.Generator
Given = pl.DataFrame | None

RESETS = ("1970-01-01", "2000-01-01", "2106-02-07")  # zero of Unix, of many device clocks, and the end of 32 unsigned bits
FORMATS = ("%d.%m.%Y", "%Y-%m-%d")
DAY_MICROS = 86_400_000_000
IN_ORDER = 0.95  # share of the steps that go forward in a lot that comes in order of time


def _times(lot: Sound, column: str) -> pl.Series:
    return times(lot.frame.get_column(column), lot.plan.columns[column])


def _set(lot: Sound, column: str, new: pl.Series, rows: Rows) -> Given:
    return replaced(lot, with_times(lot.frame.get_column(column), lot.plan.columns[column], new, rows))


def _stopped(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    old = _times(lot, column)
    rows = one_segment(lot, rng, 6) if strength.name == "subtle" else np.arange(old.len())
    rows = rows if len(rows) else np.arange(old.len())
    rows = rows[old.is_not_null().to_numpy()[rows]]
    stopped = rows[len(rows) - round(strength.amount * len(rows)) :]
    return _set(lot, column, pl.Series([old[int(stopped[0])]] * old.len(), dtype=pl.Datetime("us")), stopped) if len(stopped) >= 3 else None


def _by_hours(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    old = _times(lot, column)
    rows = np.arange(old.len()) if strength.name == "gross" else one_segment(lot, rng)
    if not len(rows):
        rows = some(rng, np.arange(old.len()), 0.3)
    return _set(lot, column, old + timedelta(hours=int(strength.amount)), rows)


def _reset(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    old = _times(lot, column)
    start = pl.Series([RESETS[int(rng.integers(len(RESETS)))]]).str.to_datetime("%Y-%m-%d", time_unit="us")[0]
    since = _micros(old) - (_micros(old).min() // DAY_MICROS) * DAY_MICROS
    new = pl.Series(since).cast(pl.Duration("us")) + start  # the clock runs on from its new zero
    return _set(lot, column, new, some(rng, np.flatnonzero(old.is_not_null().to_numpy()), strength.amount))


def _micros(values: pl.Series) -> npt.NDArray[np.int64]:
    found = values.to_physical()
    return found.fill_null(found.min()).to_numpy()


def _reformatted(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    old = _times(lot, column)
    if strength.name == "subtle":
        day, month = old.dt.day(), old.dt.month()
        rows = np.flatnonzero(((day <= 12) & (day != month)).fill_null(False).to_numpy())
        swapped = pl.DataFrame({"t": old, "day": day.clip(1, 12), "month": month}).select(
            pl.datetime(pl.col("t").dt.year(), pl.col("day"), pl.col("month"), time_unit="us") + (pl.col("t") - pl.col("t").dt.truncate("1d"))
        ).to_series()  # fmt: skip
        return _set(lot, column, swapped, rows) if len(rows) else None
    series, parse = lot.frame.get_column(column), lot.plan.columns[column].parse
    if series.dtype != pl.String or not parse.startswith(("%Y-%m-%d", "%d.%m.%Y")):
        return None
    cells = series.to_list()
    other = old.dt.strftime(FORMATS[0] if parse.startswith("%Y") else FORMATS[1]).to_list()
    for row in some(rng, np.flatnonzero(old.is_not_null().to_numpy()), strength.amount):
        cells[row] = other[row] + cells[row][10:]
    return replaced(lot, pl.Series(column, cells, dtype=pl.String))


def _gap(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    found = _micros(_times(lot, column))
    low, high = int(found.min()), int(found.max())
    length = strength.amount * (high - low)
    begin = low + (high - low - length) * rng.uniform(0.1, 0.9)  # an end that is missing is a short lot
    inside = (found >= begin) & (found < begin + length)
    return lot.frame.filter(pl.Series(~inside)) if inside.any() and not inside.all() else None


def _shuffled(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    found = _micros(_times(lot, column))
    if len(found) < 4 or np.mean(np.diff(found) >= 0) < IN_ORDER:
        return None  # it never came in order
    rows = some(rng, np.arange(len(found)), strength.amount, 2)
    order = np.arange(len(found))
    order[rows] = rng.permutation(rows)
    return taken(lot.frame, order) if not np.array_equal(found[order], found) else None


def _late(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    plan = lot.plan.columns[column]
    starts = [one for one in (times(earlier, plan).min() for earlier in lot.earlier(column)) if isinstance(one, datetime)]
    old = _times(lot, column)
    now = old.min()
    if len(starts) < 3 or not isinstance(now, datetime) or starts[-3] >= now:
        return None
    rows = some(rng, np.flatnonzero(old.is_not_null().to_numpy()), strength.amount)
    return _set(lot, column, old - (now - starts[-3]), rows)


_HOURS = (
    Strength("subtle", 1, "one hour in one part of the rows"), Strength("medium", 2, "two hours in one part of the rows"),
    Strength("gross", 9, "nine hours in all rows"),
)  # fmt: skip
_STOPS = (
    Strength("subtle", 0.4, "the last 40 % of the rows of one part"), Strength("medium", 0.5, "the last half of the rows"),
    Strength("gross", 0.9, "the last 90 % of the rows"),
)  # fmt: skip
_DATES = (
    Strength("subtle", 1.0, "day and month exchanged wherever both can be"), Strength("medium", 0.3, "30 % of the dates in another format"),
    Strength("gross", 1.0, "all dates in another format"),
)  # fmt: skip

FAULTS = (
    Fault("stuck_clock", "a clock of {column} that stops for {strength}", "cells", _STOPS, clocks, _stopped),
    Fault("local_time", "{column} moved by {strength}", "cells", _HOURS, clocks, _by_hours),
    Fault("clock_reset", "{strength} of {column} in 1970, 2000 or 2106", "cells", three("{%} of the times", 0.02, 0.1, 0.5), timed, _reset),
    Fault("date_format", "{column} with {strength}", "cells", _DATES, timed, _reformatted),
    Fault("missing_day", "no records in {strength} of {column}", "rows", three("{%} of the span", 0.05, 0.2, 0.5), clocks, _gap),
    Fault("late_arrival", "{strength} with a {column} of three lots before", "cells", three("{%} of the rows", 0.02, 0.1, 0.4), timed, _late),
    Fault("out_of_order", "{strength} out of the order of {column}", "rows", three("{%} of the rows", 0.05, 0.3, 1.0), clocks, _shuffled),
)
