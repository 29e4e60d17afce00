"""Moments as people write them, as microseconds on the wall clock of one time zone."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

DAY = 86_400_000_000  # microseconds
FIRST, LAST = -62_135_596_800_000_000, 253_402_300_799_999_999  # years 1 to 9999, which every calendar here can name

_CLOCK = r"(?:[T ,]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<part>\d{1,9}))?)?\s?(?P<half>[AaPp]\.?[Mm]\.?)?\s?(?P<zone>Z|z|UTC|GMT|[+\-]\d{2}:?\d{2})?)?$"
_YEAR_FIRST = re.compile(r"^(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})" + _CLOCK)
_YEAR_LAST = re.compile(r"^(?P<one>\d{1,2})(?P<mark>[-/.])(?P<two>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2})" + _CLOCK)
_WORDS = re.compile(r"^(?:[A-Za-z]{3,9}, )?(?P<day>\d{1,2})[-. ]+(?P<name>[A-Za-z]{3,9})[-., ]+(?P<year>\d{4}|\d{2})" + _CLOCK)
_WORD_FIRST = re.compile(r"^(?:[A-Za-z]{3,9},? )?(?P<name>[A-Za-z]{3,9})[. ]+(?P<day>\d{1,2}),? (?P<year>\d{4})" + _CLOCK)
_COMPACT = re.compile(r"^(?P<year>(?:19|20)\d{2})(?P<month>\d{2})(?P<day>\d{2})(?:T?(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})Z?)?$")
_MONTH = re.compile(r"^(?P<year>(?:19|20)\d{2})[-/](?P<month>\d{1,2})$")
_MONTHS = {name: number for number, name in enumerate(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1)}
LOOKS = re.compile(r"^\s*(?:\d{1,4}[-/.]\d{1,2}(?:[-/.]\d{2,4})?|(?:19|20)\d{6}|[A-Za-z]{3,9}[,. ]|\d{1,2}[-. ]+[A-Za-z]{3})")


@dataclass(frozen=True)
class TimeStyle:
    """How the moments of one column are written.

    Args:
        day_first: 03/04 is the third of April.
        zone: the time zone on whose wall clock the parts are taken; "" for UTC, or for a clock that names none.
    """

    day_first: bool = False
    zone: str = ""


PLAIN_TIMES = TimeStyle()


def micros(value: object, style: TimeStyle) -> int | None:
    """A moment as microseconds since 1970 on the wall clock of the column's zone; None when there is none.

    A value with a zone is moved to the column's zone; one without is taken to stand on its wall clock. A number is seconds, milli- or
    microseconds since 1970 if that gives a year between 1973 and 2128.

    >>> micros("2026-03-01T10:00:00+02:00", TimeStyle()) == micros("1.3.2026 08:00", TimeStyle(day_first=True))
    True
    """
    if isinstance(value, str):
        return _of_text(value, style)
    if isinstance(value, dt.datetime):
        return _wall(value, style.zone)
    if isinstance(value, dt.date):
        return (value.toordinal() - 719_163) * DAY
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _since(value)
    return None


def _since(value: float) -> int | None:
    size = abs(value)
    if 1e8 <= size < 5e9:
        return int(value * 1e6)
    if 1e11 <= size < 5e12:
        return int(value * 1e3)
    return int(value) if 1e14 <= size < 5e15 else None


def _wall(moment: dt.datetime, zone: str) -> int:
    if moment.tzinfo is not None:
        with contextlib.suppress(OverflowError):  # the first or last day there is: its own clock is as good
            moment = moment.astimezone(_zone(zone))
    return (moment.toordinal() - 719_163) * DAY + (moment.hour * 3_600 + moment.minute * 60 + moment.second) * 1_000_000 + moment.microsecond


@functools.lru_cache(maxsize=64)
def _zone(name: str) -> dt.tzinfo:
    if not name:
        return dt.UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # this machine does not know it
        return dt.UTC


def _of_text(text: str, style: TimeStyle) -> int | None:
    short = text.strip().strip("'\"")
    if len(short) > 40 or len(short) < 6:
        return None
    found = _YEAR_FIRST.match(short)
    if found is not None:
        return _made(int(found["year"]), int(found["month"]), int(found["day"]), found, style)
    found = _YEAR_LAST.match(short)
    if found is not None:
        one, two = int(found["one"]), int(found["two"])
        day, month = (one, two) if style.day_first else (two, one)
        if month > 12 >= day:  # only one reading is a date
            day, month = month, day
        return _made(_year(found["year"]), month, day, found, style)
    for pattern in (_WORDS, _WORD_FIRST):
        found = pattern.match(short)
        if found is not None and found["name"][:3].lower() in _MONTHS:
            return _made(_year(found["year"]), _MONTHS[found["name"][:3].lower()], int(found["day"]), found, style)
    found = _COMPACT.match(short)
    if found is not None:
        year, month, day, hour, minute, second = (int(found[name] or 0) for name in ("year", "month", "day", "hour", "minute", "second"))
        return _instant(year, month, day, hour, minute, second, 0, None, style)
    found = _MONTH.match(short)
    return _instant(int(found["year"]), int(found["month"]), 1, 0, 0, 0, 0, None, style) if found is not None else None


def _year(text: str) -> int:
    year = int(text)
    return year if len(text) == 4 else year + (2000 if year < 69 else 1900)  # POSIX strptime's pivot


def _made(year: int, month: int, day: int, found: re.Match[str], style: TimeStyle) -> int | None:
    hour = int(found["hour"] or 0)
    if found["half"]:
        hour = hour % 12 + (12 if found["half"][0] in "pP" else 0)
    part = int((found["part"] or "0").ljust(6, "0")[:6])
    return _instant(year, month, day, hour, int(found["minute"] or 0), int(found["second"] or 0), part, found["zone"], style)


def _instant(
    year: int, month: int, day: int, hour: int, minute: int, second: int, part: int, zone: str | None, style: TimeStyle
) -> int | None:
    try:
        moment = dt.datetime(year, month, day, hour % 24 if hour == 24 else hour, minute, min(second, 59), part)
    except ValueError:
        return None
    if hour == 24:
        return _wall(moment, "") + DAY
    if zone is None:
        return _wall(moment, "")
    offset = 0
    if zone[0] in "+-":
        offset = (int(zone[1:3]) * 60 + int(zone[-2:])) * (-1 if zone[0] == "-" else 1)
    try:
        return _wall((moment - dt.timedelta(minutes=offset)).replace(tzinfo=dt.UTC), style.zone)
    except OverflowError:
        return None


def learned_order(texts: Iterable[tuple[str, int]]) -> bool:
    """Whether a column writes the day before the month: what cannot be a month decides, else a dot says so and a slash says no."""
    votes = 0
    dots = 0
    for text, count in texts:
        found = _YEAR_LAST.match(text.strip().strip("'\""))
        if found is not None:
            votes += count * ((int(found["one"]) > 12) - (int(found["two"]) > 12))
            dots += count * (1 if found["mark"] == "." else -1)
    return votes > 0 or (votes == 0 and dots > 0)
