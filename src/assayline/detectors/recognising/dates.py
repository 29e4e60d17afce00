"""Cells of a column of dates that are no dates, or are written another way."""

from __future__ import annotations

import re
from calendar import monthrange
from typing import NamedTuple

DATE = re.compile(
    r"^\s*([+-]?\d{1,5})([-/.])(\d{1,2})\2(\d{1,5})"
    r"(?:([T ]+)(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,]\d+)?)?\s*([AaPp]\.?[Mm]\.?)?\s*(Z|z|[+-]\d{2}(?::?\d{2})?)?)?\s*$"
)
DATE_LIKE = r"^\s*[+-]?\d{1,5}[-/.]\d{1,2}[-/.]\d{1,5}([T ]+\d{1,2}:.*)?\s*$"


class DateForm(NamedTuple):
    """How one date is written.

    Args:
        form: order and separators, e.g. "y-m-d", "d/m/y", "m/d/y" or, where day and month cannot be told apart, "?/?/y".
        possible: whether there is such a day and time.
        zone: "" for none, "Z", or the offset.
        clock: whether a time of day follows.
    """

    form: str
    possible: bool
    zone: str
    clock: bool


def date_form(text: str) -> DateForm | None:
    """How a text is written as a date; None when it is not even like one.

    >>> date_form("2023-02-30").possible, date_form("25/06/2024").form, date_form("01/06/2024").form
    (False, 'd/m/y', '?/?/y')
    """
    match = DATE.match(text)
    if match is None:
        return None
    first, separator, middle, last = match.group(1), match.group(2), match.group(3), match.group(4)
    year_first = len(first.lstrip("+-")) >= 4 or first[0] in "+-"
    possible = True
    if year_first:
        form = f"y{separator}m{separator}d"
        possible = len(first) == 4 and len(last) <= 2 and _is_day(int(first), int(middle), int(last))
    else:
        a, b, year = int(first), int(middle), int(last)
        short = len(last) <= 2
        year += (2000 if year < 70 else 1900) if short else 0
        tail = f"{separator}yy" if short else f"{separator}y"
        possible = len(last) in (2, 4) and (_is_day(year, b, a) or _is_day(year, a, b))
        form = (f"d{separator}m" if a > 12 else f"m{separator}d" if b > 12 else f"?{separator}?") + tail
    hour = match.group(6)
    if hour is not None:
        minute, second = int(match.group(7)), int(match.group(8) or 0)
        possible = possible and int(hour) < 24 and minute < 60 and second < 60
    return DateForm(form, possible, (match.group(10) or "").upper(), hour is not None)


def _is_day(year: int, month: int, day: int) -> bool:
    return 1 <= month <= 12 and 1 <= year <= 9998 and 1 <= day <= monthrange(max(1, year), month)[1]
