"""When work may be done and when not: hours of some days, by the clock of a place. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from assayline.errors import MisuseError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EXAMPLE = "'Mon-Fri 08:00-18:00 Europe/Stockholm' or 'deny Sat-Sun'"
HOURS = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")


@dataclass(frozen=True)
class Window:
    """Hours of some days of the week.

    Args:
        days: 0 is Monday.
        begin: minute of the day.
        end: minute of the day; not after `begin` means: on the next day, which still belongs to the day it began on.
        zone: whose clock.
        deny: work is forbidden inside, and not outside.

    >>> Window.parse("Fri 22:00-06:00 Europe/Stockholm").holds(datetime.fromisoformat("2026-05-02T03:00+02:00"))
    True
    """

    days: frozenset[int]
    begin: int
    end: int
    zone: str = "UTC"
    deny: bool = False

    @classmethod
    def parse(cls, text: str) -> Window:
        """Reads "[allow|deny] [days] [HH:MM-HH:MM] [zone]".

        Raises:
            MisuseError: with the word that cannot be read.
        """
        days, begin, end, zone, deny = frozenset(range(7)), 0, 0, "UTC", False
        words = text.split()
        if not words:
            raise MisuseError(f"a window says when, such as {EXAMPLE}")
        for place, word in enumerate(words):
            hours = HOURS.fullmatch(word)
            if place == 0 and word.lower() in ("allow", "deny"):
                deny = word.lower() == "deny"
            elif hours is not None:
                begin, end = _minute(hours[1], hours[2], text), _minute(hours[3], hours[4], text) % 1440
            elif word[:3].lower() in DAYS and "/" not in word:
                days = _days(word, text)
            elif place == len(words) - 1 and _is_zone(word):
                zone = word
            else:
                raise MisuseError(f"{word!r} is neither days, hours nor a time zone in the window {text!r}; write for example {EXAMPLE}")
        return cls(days, begin, end, zone, deny)

    def holds(self, moment: datetime) -> bool:
        """Whether a moment lies inside."""
        local = moment.astimezone(ZoneInfo(self.zone))
        minute, today = local.hour * 60 + local.minute, local.weekday()
        if self.begin < self.end:
            return today in self.days and self.begin <= minute < self.end
        yesterday = (local.replace(tzinfo=None) - timedelta(days=1)).weekday()
        return (today in self.days and minute >= self.begin) or (yesterday in self.days and minute < self.end)


def open_at(windows: Iterable[Window], moment: datetime) -> bool:
    """Whether work may be done: inside one of the windows that allow, if there are any, and in none that denies.

    >>> office = [Window.parse("Mon-Fri 08:00-18:00 Europe/Stockholm"), Window.parse("deny Wed")]
    >>> [open_at(office, datetime.fromisoformat(f"2026-05-{day}T09:00+02:00")) for day in ("05", "06", "09")]
    [True, False, False]
    """
    given = list(windows)
    allowing = [one for one in given if not one.deny]
    return (not allowing or any(one.holds(moment) for one in allowing)) and not any(one.holds(moment) for one in given if one.deny)


def _minute(hour: str, minute: str, text: str) -> int:
    if int(hour) > 24 or int(minute) > 59 or (int(hour) == 24 and int(minute)):
        raise MisuseError(f"{hour}:{minute} is no time of day in the window {text!r}; write for example {EXAMPLE}")
    return int(hour) * 60 + int(minute)


def _days(word: str, text: str) -> frozenset[int]:
    found: set[int] = set()
    for piece in word.lower().split(","):
        first, _, last = piece.partition("-")
        if first not in DAYS or (last or first) not in DAYS:
            raise MisuseError(f"{piece!r} are no days in the window {text!r}; write Mon, Tue, Wed, Thu, Fri, Sat, Sun, such as {EXAMPLE}")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        found.update(day % 7 for day in range(begin, end + 1 if end >= begin else end + 8))
    return frozenset(found)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True
