"""What a process that keeps running does, one line for each event: for people, or as JSON for programs that collect logs."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime

LEVELS = ("info", "warning", "error")
SECRET = re.compile(r"(://[^/\s:@]*):[^/\s@]+@")  # the password of an address
PLAIN = re.compile(r"[A-Za-z0-9_.:/+-]+")
MOST_CHARACTERS = 2_000  # of one value: an error may quote half a file
ORDER = ("flow", "slot", "lot", "verdict", "seconds")  # what comes first in a line for people


class EventLog:
    """Writes events.

    Args:
        write: receives whole lines, with their end.
        as_json: one JSON object a line, with time, level and event; else words for people.
        clock: what time it is.

    `errors` counts the lines of that level.

    >>> log = EventLog(lambda line: print(line, end=""), clock=lambda: datetime(2026, 5, 1, 3, tzinfo=UTC))
    >>> log.tell("lot", flow="sales", lot=7, verdict="warn", input="postgresql://me:secret@db/shop")
    2026-05-01T03:00:00Z info    lot       flow=sales lot=7 verdict=warn input="postgresql://me:…@db/shop"
    """

    def __init__(self, write: Callable[[str], object], *, as_json: bool = False, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._write, self._as_json, self._clock = write, as_json, clock
        self._lock = threading.Lock()
        self.errors = 0

    def tell(self, event: str, level: str = "info", **what: object) -> None:
        """One line; what is None or "" is left out."""
        moment = self._clock().astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat() + "Z"
        values = {name: _shown(value) for name, value in what.items() if value is not None and value != ""}
        if self._as_json:
            line = json.dumps({"time": moment, "level": level, "event": event, **values}, ensure_ascii=True)
        else:
            first = {name: values[name] for name in ORDER if name in values}
            line = f"{moment} {level:<7} {event:<9} " + " ".join(f"{name}={_word(value)}" for name, value in {**first, **values}.items())
        with self._lock:
            self.errors += level == "error"
            self._write(line.rstrip() + "\n")


def _shown(value: object) -> object:
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat() + "Z"
    return SECRET.sub(r"\1:…@", str(value))[:MOST_CHARACTERS]


def _word(value: object) -> str:
    """A value on a line of values: what is not plain stands in quotes, with nothing in it that a terminal would obey."""
    text = str(value)
    if PLAIN.fullmatch(text):
        return text
    inside = "".join(char if char.isprintable() else char.encode("unicode_escape", "backslashreplace").decode() for char in text.replace("\\", "\\\\").replace('"', '\\"'))
    return f'"{inside}"'
