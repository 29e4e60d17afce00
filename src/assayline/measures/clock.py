"""When things happened: hours, weekdays, days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from .block import Block, Column

HOUR = 3_600_000_000  # microseconds
DAY = 24 * HOUR
MOST_DAYS = 20_000  # 55 years of daily data; beyond that a calendar says nothing


@dataclass(frozen=True)
class Clock:
    """Times by hour of the day, day of the week (Monday first) and date; exact.

    Args:
        n: times.
        hours: 24 counts.
        weekdays: 7 counts.
        days: day number since 1970-01-01 -> times; empty once there were more than 20,000 days.
        midnights: times at exactly 00:00:00; dates have nothing else.
        low, high: first and last, in microseconds since 1970 (UTC).
        days_complete: False once `days` was given up.
    """

    name: ClassVar[str] = "clock"
    n: int = 0
    hours: tuple[int, ...] = (0,) * 24
    weekdays: tuple[int, ...] = (0,) * 7
    days: Mapping[int, int] = field(default_factory=dict)
    midnights: int = 0
    low: int = 2**63 - 1
    high: int = -(2**63)
    days_complete: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "days", MappingProxyType(dict(self.days)))

    def merge(self, other: Clock) -> Clock:
        days = dict(self.days)
        complete = self.days_complete and other.days_complete
        for day, count in other.days.items():
            days[day] = days.get(day, 0) + count
        if len(days) > MOST_DAYS or not complete:
            days, complete = {}, False
        return Clock(
            self.n + other.n, tuple(a + b for a, b in zip(self.hours, other.hours, strict=True)),
            tuple(a + b for a, b in zip(self.weekdays, other.weekdays, strict=True)), days, self.midnights + other.midnights,
            min(self.low, other.low), max(self.high, other.high), complete,
        )  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        return {
            "n": self.n, "hours": list(self.hours), "weekdays": list(self.weekdays), "days": {str(k): v for k, v in sorted(self.days.items())},
            "midnights": self.midnights, "low": self.low, "high": self.high, "days_complete": self.days_complete,
        }  # fmt: skip


class ClockMeasure:
    """Measures when things happened."""

    name = "clock"
    ordered = False
    whole = False
    state = Clock

    def applies(self, column: Column) -> bool:
        return column.kind == "time"

    def of(self, part: Column | Block) -> Clock:
        assert isinstance(part, Column)
        t = part.micros
        if not len(t):
            return Clock()
        hour_numbers = t // HOUR
        hours = np.bincount(hour_numbers % 24, minlength=24)
        day_numbers = hour_numbers // 24
        low, high = int(day_numbers.min()), int(day_numbers.max())
        if high - low <= 4 * MOST_DAYS:
            dense = np.bincount(day_numbers - low)
            present = np.flatnonzero(dense)
            days = dict(zip((present + low).tolist(), dense[present].tolist(), strict=True))
        else:
            found, counts = np.unique(day_numbers, return_counts=True)
            days = dict(zip(found.tolist(), counts.tolist(), strict=True))
        complete = len(days) <= MOST_DAYS
        weekdays = np.zeros(7, dtype=np.int64)
        for day, count in days.items():
            weekdays[(day + 3) % 7] += count  # 1970-01-01 was a Thursday
        return Clock(
            len(t), tuple(hours.tolist()), tuple(weekdays.tolist()), days if complete else {},
            int(np.count_nonzero(t == day_numbers * DAY)), int(t.min()), int(t.max()), complete,
        )  # fmt: skip
