"""Timestamps that fell back to where clocks start, or far into the future."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

from assayline.core import Finding, Past, Profile
from assayline.measures import Clock, Column, natures
from assayline.measures.clock import DAY

from .locating import Where

EPOCH = datetime.date(1970, 1, 1)
# Where clocks and date types begin or end: spreadsheets, Unix, GPS, FAT, devices, SQL Server, placeholders.
STARTS = {
    (1, 1, 1): "year 1", (1753, 1, 1): "SQL Server", (1899, 12, 30): "spreadsheets", (1899, 12, 31): "spreadsheets", (1900, 1, 1): "placeholder",
    (1900, 1, 2): "spreadsheets", (1901, 12, 13): "32-bit clock", (1904, 1, 1): "old spreadsheets", (1969, 12, 31): "Unix, west of Greenwich",
    (1970, 1, 1): "Unix", (1980, 1, 1): "DOS", (1980, 1, 6): "GPS", (2000, 1, 1): "devices", (2038, 1, 19): "32-bit clock",
    (2099, 12, 31): "placeholder", (2999, 12, 31): "placeholder", (9999, 12, 31): "placeholder",
}  # fmt: skip
LEAST = 20
MOST = 0.2  # share of the times above which these are two sources, not a fault
FAR = 2.0  # times the length of the rest of the series, and at least a year: a gap that wide is no holiday
YEAR = 366
SPIKE = 50  # times the median day: a start day inside the range must stand out that much


@dataclass(frozen=True)
class OnDays:
    """Which times of a block lie on some days (numbers since 1970-01-01)."""

    days: frozenset[int]

    def __call__(self, column: Column) -> pl.Series:
        if column.kind != "time":
            return pl.Series([False]).new_from_index(0, column.rows)
        return (column.typed.to_physical() // DAY).is_in(list(self.days))


class ClockReset:
    """Finds times far from all others: at the start of a clock, in the wrong century, in the far future.

    Reads:    `clock`.
    Finds:    "clock_reset" per column; evidence `reset_rows`, `gap_days`, `rest_days`.
    Silent:   with fewer than 20 times, on dates within the range of the others unless a start of a clock stands out fiftyfold,
              and where the far times are more than a fifth.
    Source:   documented epochs; docs/detectors/clock_reset.md.

    >>> from assayline.measures import profile
    >>> days = [datetime.datetime(2024, 5, 1 + n % 28) for n in range(60)] + [datetime.datetime(1970, 1, 1)]
    >>> [finding.evidence["reset_rows"] for finding in ClockReset()(profile(pl.DataFrame({"at": days})), Past())]
    [1]
    """

    codes = ("clock_reset",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        every = natures(profile)
        for column, clock in profile.all_of(Clock).items():
            if every[column].kind != "time":
                continue
            if clock.n < LEAST or not clock.days:
                continue
            days = np.fromiter(sorted(clock.days), dtype=np.int64)
            rows = np.array([clock.days[int(day)] for day in days], dtype=np.int64)
            far, gap, rest = _far(days, rows)
            spikes = _spikes(days, rows, clock)
            chosen = sorted(set(far) | set(spikes))
            if not chosen:
                continue
            count = sum(clock.days[day] for day in chosen)
            named = ", ".join(_named(day) + f" ({clock.days[day]:,})" for day in chosen[:3])
            yield Finding(
                "clock_reset", (column,),
                f"{count:,} of {clock.n:,} times of {column} lie on {named}{' and further days' if len(chosen) > 3 else ''}"
                + (f", {gap:,.0f} days from the rest, which spans {rest:,.0f} days." if far else ", far more than on any day around."),
                severity=0.6, rows=count, exact_rows=True,
                evidence={"reset_rows": count, "rows_share": count / clock.n, "gap_days": gap, "rest_days": rest},
                suggestion="treat these times as unknown, and look at the clock of the source", locate=Where(column, OnDays(frozenset(chosen)), 0.9),
            )  # fmt: skip


def _far(days: np.ndarray, rows: np.ndarray) -> tuple[list[int], float, float]:
    """Days cut off from the bulk by a gap of more than twice its length; the gap; the length of the bulk."""
    total = int(rows.sum())
    chosen: list[int] = []
    widest = 0.0
    low, high = 0, len(days)
    while high - low >= 2:
        inside = days[low:high]
        gaps = np.diff(inside)
        at = int(gaps.argmax())
        before, after = int(rows[low : low + at + 1].sum()), int(rows[low + at + 1 : high].sum())
        small_first = before <= after
        rest = (inside[-1] - inside[at + 1]) if small_first else (inside[at] - inside[0])
        if min(before, after) > MOST * total or gaps[at] < max(YEAR, FAR * rest):
            break
        chosen.extend((inside[: at + 1] if small_first else inside[at + 1 :]).tolist())
        widest = max(widest, float(gaps[at]))
        low, high = (low + at + 1, high) if small_first else (low, low + at + 1)
    if sum(rows[np.isin(days, chosen)]) > MOST * total or (total - int(sum(rows[np.isin(days, chosen)]))) < LEAST // 2:
        return [], 0.0, 0.0
    return chosen, widest, float(days[high - 1] - days[low])


def _spikes(days: np.ndarray, rows: np.ndarray, clock: Clock) -> list[int]:
    """Starts of clocks inside the range that have far more rows than an ordinary day."""
    if len(days) < LEAST:
        return []
    usual = float(np.median(rows))
    found = []
    for year, month, day in STARTS:
        number = (datetime.date(year, month, day) - EPOCH).days
        count = clock.days.get(number, 0)
        if count >= max(5, SPIKE * usual) and MOST * clock.n >= count == rows.max():
            found.append(number)
    return found


def _named(day: int) -> str:
    try:
        return (EPOCH + datetime.timedelta(days=day)).isoformat()
    except OverflowError:
        return f"day {day} since 1970"
