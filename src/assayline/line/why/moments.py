"""Times as people say them: "yesterday", "06:00", "2026-03-14"; and times as people read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from assayline.errors import MisuseError

_AGO = re.compile(r"(\d{1,5}) (minute|hour|day|week)s?(?: ago)?")


def moment_of(text: str, now: datetime | None = None) -> str:
    """The time that a text names, in UTC as the ledger writes times.

    Args:
        text: "yesterday", "today", "06:00" (of today), "2026-03-14", "2026-03-14 06:00", "3 days ago"; in UTC where no zone is named.
        now: with its zone; the clock's when None.

    Raises:
        MisuseError: it names none.

    >>> moment_of("yesterday", datetime(2026, 3, 14, 9, 30, tzinfo=UTC))
    '2026-03-13T00:00:00.000000+00:00'
    """
    now = (now or datetime.now(UTC)).astimezone(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    said = text.strip().lower()
    ago = _AGO.fullmatch(said)
    if said in ("today", "yesterday"):
        found = midnight - timedelta(days=said == "yesterday")
    elif ago:
        found = now - timedelta(**{ago.group(2) + "s": int(ago.group(1))})
    else:
        try:
            if re.fullmatch(r"\d{1,2}:\d{2}", said):
                hour, minute = map(int, said.split(":"))
                found = midnight.replace(hour=hour, minute=minute)
            else:
                found = datetime.fromisoformat(text.strip())
        except ValueError:
            raise MisuseError(f"--since {text!r} is no time; write yesterday, today, 06:00, 2026-03-14, 2026-03-14 06:00 or \"3 days ago\" (UTC)") from None
    return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="microseconds")


def said_of(at: str, now: datetime | None = None) -> str:
    """A time of the ledger for people.

    >>> said_of("2026-03-14T06:00:11.000000+00:00", datetime(2026, 3, 14, 9, 30, tzinfo=UTC))
    '06:00 today'
    >>> said_of("2026-03-12T06:00:11.000000+00:00", datetime(2026, 3, 14, 9, 30, tzinfo=UTC))
    '2026-03-12 06:00'
    """
    now = (now or datetime.now(UTC)).astimezone(UTC)
    moment = datetime.fromisoformat(at).astimezone(UTC)
    days = (now.date() - moment.date()).days
    return f"{moment:%H:%M} today" if days == 0 else f"{moment:%H:%M} yesterday" if days == 1 else f"{moment:%Y-%m-%d %H:%M}"
