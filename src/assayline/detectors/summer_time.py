"""The two nights of the year in which local time leaves out an hour or has one twice."""

from __future__ import annotations

from datetime import date, timedelta

from assayline.measures.clock import DAY, HOUR

LATEST = 3 * HOUR  # after midnight: clocks are changed at one, two or three o'clock
LAST = 80 * 366 * DAY  # summer time is an affair of this century and the last


def is_change(micros: float, *, autumn: bool) -> bool:
    """Whether clocks may have been changed at this local time.

    Put forward on the second Sunday of March (America), the last of March (Europe) or the first of October (Australia); put back on the
    first Sunday of November, the last of October or the first of April.

    >>> at_two = (date(2024, 3, 31) - date(1970, 1, 1)).days * DAY + 2 * HOUR
    >>> is_change(at_two, autumn=False), is_change(at_two, autumn=True), is_change(at_two + 12 * HOUR, autumn=False)
    (True, False, False)
    """
    if not 0 <= micros < LAST or micros % DAY > LATEST + HOUR / 2:
        return False
    day = date(1970, 1, 1) + timedelta(days=int(micros // DAY))
    if day.weekday() != 6:
        return False
    if autumn:
        return (day.month == 11 and day.day <= 7) or (day.month == 10 and day.day >= 25) or (day.month == 4 and day.day <= 7)
    return (day.month == 3 and (8 <= day.day <= 14 or day.day >= 25)) or (day.month == 10 and day.day <= 7)
