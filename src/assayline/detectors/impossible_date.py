"""Dates that no calendar has."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

import polars as pl

from assayline.core import Finding, Past, Profile
from assayline.measures import Clock, Column

from .locating import Where
from .recognising import odd_values
from .recognising.speaking import about_values

# Years no record of anything that happened can have; also what "for ever" and "never" are written as.
FIRST_YEAR, LAST_YEAR = -62_135_596_800_000_000 + 366 * 86_400_000_000, 4_102_444_800_000_000  # microseconds: end of year 1, start of year 2100


class ImpossibleDate:
    """Finds 30 February, month 13, year 0, 24:00 and their like in columns of dates.

    Reads:    `values` or the row sample, `counts`.
    Finds:    "impossible_date" per column; evidence `rows_share`, `values`; for times that are real but cannot be meant (year 1, 2100 and later) `low`, `high`.
    Silent:   in columns of which less than half reads as dates.
    Source:   the Gregorian calendar; docs/detectors/impossible_date.md.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> frame = pl.DataFrame({"day": ["2024-05-01"] * 30 + ["2023-02-30"]})
    >>> [finding.rows for finding in ImpossibleDate()(profile(frame, text=True), Past())]
    [1]
    """

    codes = ("impossible_date",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        for column, clock in profile.all_of(Clock).items():
            if clock.n and (clock.low < FIRST_YEAR or clock.high >= LAST_YEAR):
                yield Finding(
                    "impossible_date", (column,), f"{column} runs from {_day(clock.low)} to {_day(clock.high)}: nothing on record is of such a year.",
                    severity=0.35, evidence={"low": _day(clock.low), "high": _day(clock.high)}, locate=Where(column, _beyond, 0.7),
                    suggestion="if it stands for 'never' or 'unknown', leave the cell empty",
                )  # fmt: skip
        for column, odds in odd_values(profile).items():
            odd = odds.get("impossible_date")
            if odd:
                yield about_values(
                    profile, "impossible_date", column, odd, "are dates that do not exist",
                    severity=0.6, suggestion="put these rows aside and ask where they come from",
                )  # fmt: skip


def _day(micros: int) -> str:
    try:
        return (datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=micros)).date().isoformat()
    except OverflowError:
        return f"{micros} µs from 1970"


def _beyond(column: Column) -> pl.Series:
    micros = column.typed.to_physical()
    return (micros < FIRST_YEAR) | (micros >= LAST_YEAR)
