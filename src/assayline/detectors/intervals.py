"""Stretches of time in words and in figures: when something began, when it ended, at what cadence."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def iso(micros: float) -> str:
    """A time as ISO 8601, to the second unless it has a fraction.

    >>> iso(0), iso(1_500_000)
    ('1970-01-01T00:00:00', '1970-01-01T00:00:01.500000')
    """
    try:
        return (datetime(1970, 1, 1) + timedelta(microseconds=int(micros))).isoformat()
    except OverflowError:
        return f"{micros:.0f} microseconds since 1970"


def spoken(micros: float) -> str:
    """A time as people write it in a sentence.

    >>> spoken(0), spoken(60_000_000), spoken(1_000_000)
    ('1970-01-01 00:00', '1970-01-01 00:01', '1970-01-01 00:00:01')
    """
    text = iso(micros).replace("T", " ")
    return text.removesuffix(":00") if len(text) == len("1970-01-01 00:00:00") else text


def every(micros: float) -> str:
    """A cadence as an adjective.

    >>> every(300e6), every(3_600e6), every(90e6), every(86_400e6), every(4e3)
    ('5-minute', 'hourly', '90-second', 'daily', '0.004-second')
    """
    seconds = micros / 1e6
    for name, size in UNITS:
        count = seconds / size
        if count >= 1 and abs(count - round(count)) < 0.02:
            if round(count) == 1 and name in ("day", "hour"):
                return {"day": "daily", "hour": "hourly"}[name]
            return f"{round(count)}-{name}"
    return f"{seconds:.3g}-second"


def lasting(micros: float) -> str:
    """A length of time.

    >>> lasting(86_400e6), lasting(5_400e6), lasting(30e6)
    ('1 day', '90 minutes', '30 seconds')
    """
    seconds = micros / 1e6
    for name, size in UNITS:
        count = seconds / size
        if count >= 2 or (count >= 1 and abs(count - round(count)) < 0.02):
            count = round(count, 1) if count < 10 else round(count)
            return f"{count:g} {name}{'s' if count != 1 else ''}"
    return f"{seconds:.3g} seconds"


def listed(stretches: Iterable[tuple[float, float]], most: int = 10) -> str:
    """Stretches of time as ISO 8601 intervals, for machines.

    >>> listed([(0, 60_000_000)])
    '1970-01-01T00:00:00/1970-01-01T00:01:00'
    """
    return " ".join(f"{iso(start)}/{iso(end)}" for start, end in list(stretches)[:most])
