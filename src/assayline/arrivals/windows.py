"""Messages of a stream, gathered into lots: one file per stretch of time, bounded in rows and bytes, acknowledged once it is committed."""

from __future__ import annotations

import os
import re
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import BinaryIO, TypeAlias

from ..core import Source
from ..errors import MisuseError
from .delivery import Delivery, Json
from .payloads import Rows, Shape, Unparsed, rows_of
from .repeats import Repeats
from .settings import duration, number, seconds_of, shown
from .subscription import Message, Subscription

BATCH = 1000  # messages that are asked for at once
STANDARD_WINDOW = "5 min"
SETTLED = ".settled"
HEADROOM = 0.9  # of what a broker gives out unacknowledged: before it stops giving, the oldest window is closed


@dataclass(frozen=True)
class Window:
    """One lot of a stream, and the messages it was made of: they are acknowledged once it is committed (`Windows.committed`)."""

    delivery: Delivery
    messages: tuple[Message, ...] = field(repr=False)


@dataclass(frozen=True)
class Bounds:
    """What may be in memory and on disk before something is committed; beyond it nothing is received.

    Args:
        seconds: how long one window lasts.
        lateness_seconds: how long a window waits for rows that come late, where rows have a time of their own.
        rows: most rows of all open windows together.
        bytes: most bytes of them.
        message_bytes: a larger message is parked.
    """

    seconds: float = 300.0
    lateness_seconds: float = 30.0
    rows: int = 100_000
    bytes: int = 64 << 20
    message_bytes: int = 16 << 20

    @classmethod
    def of(cls, source: Source) -> Bounds:
        """What the window and the options of a source say; a window waits a tenth of its length for what comes late."""
        seconds = seconds_of(source.window or STANDARD_WINDOW, f"the window of {source.name}")
        if seconds <= 0:
            raise MisuseError(f"the window of {source.name} is longer than nothing, such as '5 min'")
        lateness = duration(source, "lateness", seconds / 10) if source.time else 0.0
        return cls(seconds, lateness, number(source, "most_rows", cls.rows), number(source, "most_bytes", cls.bytes), number(source, "most_message_bytes", cls.message_bytes))


@dataclass
class _Open:
    """A window that is still being filled."""

    key: int
    path: str
    file: BinaryIO
    until: float
    messages: list[Message] = field(default_factory=list)
    lines: list[_Line] = field(default_factory=list)
    numbers: set[tuple[str, int]] = field(default_factory=set)
    rows: int = 0
    bytes: int = 0
    late: int = 0
    first: float = inf
    last: float = -inf


class Windows:
    """Gathers the messages of one subscription.

    Whoever uses it asks for the next window, commits it together with its position, and says so; only then its messages are acknowledged, and only then
    the next window is given. After an error, or a kill, it is made anew with the last position that was committed.

    Args:
        source: says the window, the column of time, and what may come in.
        subscription: where messages come from.
        position: of the last delivery that was committed, or None.
        folder: where the files of windows are made; it belongs to this source alone, and what an earlier run left there is removed.
        now: the wall clock, in seconds since 1970.
        elapsed: a clock that never jumps.
    """

    def __init__(
        self, source: Source, subscription: Subscription, position: Mapping[str, Json] | None, *, folder: str,
        now: Callable[[], float] = time.time, elapsed: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._source, self._subscription, self._folder, self._now, self._elapsed = source, subscription, folder, now, elapsed
        self._bounds = Bounds.of(source)
        self._shape = Shape.of(source, topic=_is_pattern(source.address), most_bytes=self._bounds.message_bytes)
        before = dict(position or {})
        self._count = _whole(before.get("count"), 0)
        os.makedirs(folder, exist_ok=True)
        self._note = Path(folder) / SETTLED
        self._noted = self._note.read_text() if self._note.exists() else ""
        self._last = str(before.get("id", ""))
        self._repeats = Repeats(before, subscription.settled(), all_settled=bool(self._last) and self._noted == self._last)
        self._closed_key = _whole(before.get("closed"), -1)
        self._latest = -inf
        self._open: dict[int, _Open] = {}
        self._given: Window | None = None
        self._outstanding = 0
        self._counts = {"heartbeats": 0, "repeated": 0, "parked": 0}
        self._name = re.sub(r"[^A-Za-z0-9_-]", "-", source.name)
        for name in os.listdir(folder):
            if re.fullmatch(rf"(\.window-.*\.part|{re.escape(self._name)}-[0-9TZ]+-[0-9]+\.ndjson)", name):
                os.remove(os.path.join(folder, name))

    def next(self, seconds: float, *, closing: bool = False) -> Window | None:
        """The next window that is complete; waits at most so long for it.

        Args:
            seconds: to wait.
            closing: a window that is not complete is given too, once nothing more comes.

        Raises:
            InputError: the broker is lost; nothing is, since nothing was acknowledged that was not committed.
            MisuseError: the window before was not committed.
        """
        if self._given is not None:
            raise MisuseError("the window before this one was not committed: its messages would be given twice")
        end = self._elapsed() + seconds
        while True:
            if (ready := self._ready()) is not None:
                if (window := self._closed(*ready)) is not None:
                    return window
                continue
            wait = min([end, *(one.until for one in self._open.values())]) - self._elapsed()
            room = self._bounds.rows - sum(one.rows for one in self._open.values())
            messages = self._subscription.receive(min(BATCH, room), max(wait, 0.0))
            self._take(messages)
            if not messages and self._elapsed() >= end:
                if not (closing and self._open):
                    return None
                if (window := self._closed(self._open[min(self._open)], "asked")) is not None:
                    return window

    def committed(self, window: Window) -> None:
        """The window and its position are committed: its messages are acknowledged, and its file is removed."""
        if window is not self._given:
            raise MisuseError("this is not the window that was given last")
        self._given = None
        self._last = str(window.delivery.position["id"])
        self._repeats.taken(window.messages)
        self._acknowledge(window.messages)
        Path(window.delivery.path).unlink(missing_ok=True)

    def close(self) -> None:
        """Forgets the windows that are open; their messages were not acknowledged, and come again."""
        for window in self._open.values():
            window.file.close()
            Path(window.path).unlink(missing_ok=True)
        self._open.clear()

    def _acknowledge(self, messages: Sequence[Message]) -> None:
        settled = self._subscription.ack(messages)
        self._outstanding -= len(settled)
        self._repeats.settled(settled)
        self._note_settled()

    def _note_settled(self) -> None:
        """Notes that the broker knows of everything in the last position. Else an equal message that is given and not committed before the next kill
        would be taken for one that was committed before."""
        if self._repeats.all_settled and self._last and self._noted != self._last:
            part = self._note.with_suffix(".part")
            with open(part, "w") as file:
                file.write(self._last)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, self._note)
            self._noted = self._last

    # -- taking messages in --------------------------------------------------------------------------------------------

    def _take(self, messages: Iterable[Message]) -> None:
        done: list[Message] = []
        for message in messages:
            self._outstanding += 1
            taken = self._repeats.was_taken(message)
            self._note_settled()
            if taken:
                self._counts["repeated"] += 1
                done.append(message)
            elif message.place is not None and any((message.place.log, message.place.number) in one.numbers for one in self._open.values()):
                self._outstanding -= 1  # the broker lost patience while its window is still open: one acknowledgement will do for both
            elif (rows := self._rows(message)) is None:
                self._repeats.taken([message])
                done.append(message)
            else:
                self._counts["heartbeats"] += rows.is_heartbeat
                self._put(message, rows)
        if done:
            self._acknowledge(done)

    def _rows(self, message: Message) -> Rows | None:
        """The rows of a message; None when it makes none and was parked."""
        try:
            return rows_of(message, self._shape, datetime.fromtimestamp(self._now(), UTC))
        except Unparsed as problem:
            moment = datetime.fromtimestamp(self._now(), UTC).isoformat()
            reason = {"error": "Unparsed", "cause": str(problem), "source": self._source.name, "topic": message.topic, "id": message.id, "attempt": str(message.attempt), "parked_at": moment}
            self._subscription.park(message, reason)
            self._counts["parked"] += 1
            return None

    def _put(self, message: Message, rows: Rows) -> None:
        key, late = self._key_of(rows)
        window = self._open.get(key) or self._opened(key)
        place = (message.place.log, message.place.number) if message.place is not None else ("", 0)
        window.messages.append(message)
        if message.place is not None:
            window.numbers.add(place)
        for line in rows.lines:
            window.lines.append((place, window.bytes, len(line) + 1))
            window.file.write(line + b"\n")
            window.rows += 1
            window.bytes += len(line) + 1
        window.late += late * len(rows.lines)
        if rows.lines and rows.happened is not None:
            window.first, window.last = min(window.first, rows.happened), max(window.last, rows.happened)

    def _key_of(self, rows: Rows) -> tuple[int, bool]:
        """The number of the window a message belongs to, and whether it comes late.

        A message without a time of its own, or with one that has not come yet, belongs to the window that is filled now: a clock that runs ahead must not
        close the windows of all others. One whose window is closed comes late, and goes to the oldest that is open.
        """
        now, long = self._now(), self._bounds.seconds
        if not self._source.time:
            return int(now // long), False
        soon = now + long + self._bounds.lateness_seconds
        if max(self._latest, self._closed_key * long) > soon:  # our own clock was ahead, and went back: what it let in counts no longer
            self._latest, self._closed_key = -inf, -1
        closed = self._closed_key
        if rows.happened is None or rows.happened > soon:
            newest = max(self._open) if self._open else int(now // long)
            return max(newest, closed + 1), False
        self._latest = max(self._latest, rows.happened)
        key = int(rows.happened // long)
        if key > closed:
            return key, False
        return (min(self._open) if self._open else closed + 1), True

    def _opened(self, key: int) -> _Open:
        path = os.path.join(self._folder, f".window-{key}.part")
        wait = self._bounds.seconds + self._bounds.lateness_seconds
        if not self._source.time:  # windows begin with full minutes of the clock
            wait = min(wait, max((key + 1) * self._bounds.seconds - self._now(), 0.0))
        file = open(path, "w+b", buffering=1 << 20)  # noqa: SIM115 - open for as long as the window is
        window = _Open(key, path, file, self._elapsed() + wait)
        self._open[key] = window
        return window

    # -- closing windows -----------------------------------------------------------------------------------------------

    def _ready(self) -> tuple[_Open, str] | None:
        """The window that is to be closed now, and why."""
        if not self._open:
            return None
        oldest = self._open[min(self._open)]
        for window in (oldest, *self._open.values()):
            if self._source.time and window is oldest and self._latest - self._bounds.lateness_seconds >= (window.key + 1) * self._bounds.seconds:
                return window, "complete"
            if self._elapsed() >= window.until:
                return window, "time"
        if sum(one.rows for one in self._open.values()) >= self._bounds.rows:
            return oldest, "rows"
        if sum(one.bytes for one in self._open.values()) >= self._bounds.bytes:
            return oldest, "bytes"
        most = self._subscription.most_unacknowledged
        return (oldest, "unacknowledged") if most and self._outstanding >= most * HEADROOM else None

    def _closed(self, window: _Open, why: str) -> Window | None:
        """The lot of a window; None when it has no rows: then there is nothing to commit, and its messages are acknowledged."""
        del self._open[window.key]
        if not window.rows:
            window.file.close()
            os.remove(window.path)
            self._repeats.taken(window.messages)
            self._acknowledge(window.messages)
            return None
        if why in ("complete", "time"):
            self._closed_key = max(self._closed_key, window.key)
        self._count += 1
        begin = datetime.fromtimestamp(window.key * self._bounds.seconds, UTC)
        path = os.path.join(self._folder, f"{self._name}-{begin:%Y%m%dT%H%M%SZ}-{self._count:06d}.ndjson")
        _finish(window, path)
        position = self._repeats.with_taken(window.messages) | {"closed": self._closed_key, "count": self._count, "id": uuid.uuid4().hex}
        self._given = Window(Delivery(path, self._facts(window, why, begin), position), tuple(window.messages))
        self._counts = dict.fromkeys(self._counts, 0)
        return self._given

    def _facts(self, window: _Open, why: str, begin: datetime) -> dict[str, str]:
        first, last = window.messages[0], window.messages[-1]
        facts: dict[str, object] = {
            "address": shown(self._source), "window_start": begin.isoformat(), "window_seconds": f"{self._bounds.seconds:g}", "closed_by": why,
            "messages": len(window.messages), "rows": window.rows, "bytes": window.bytes, "late": window.late, **self._counts,
            "first_id": first.id, "last_id": last.id,
        }  # fmt: skip
        if window.last >= window.first:
            facts |= {"first_time": datetime.fromtimestamp(window.first, UTC).isoformat(), "last_time": datetime.fromtimestamp(window.last, UTC).isoformat()}
        return {name: str(value) for name, value in facts.items() if value != ""}


def _finish(window: _Open, path: str) -> None:
    """Makes the file of a window final. Where the broker counts, rows stand in its order: what it gave again came late through no fault of the sender."""
    window.file.flush()
    lines = _in_order(window.lines)
    if lines is not window.lines:
        with open(window.path + ".part", "wb") as ordered:
            for _, offset, length in lines:
                ordered.write(os.pread(window.file.fileno(), length, offset))
            ordered.flush()
            os.fsync(ordered.fileno())
        os.replace(window.path + ".part", window.path)
    else:
        os.fsync(window.file.fileno())
    window.file.close()
    os.replace(window.path, path)


_Line: TypeAlias = tuple[tuple[str, int], int, int]


def _in_order(lines: list[_Line]) -> list[_Line]:
    """The same lines, those of each log in the order of its numbers; logs stay mixed as they came.

    >>> [place[1] for place, *_ in _in_order([(("a", 2), 0, 1), (("b", 7), 1, 1), (("a", 1), 2, 1)])]
    [1, 7, 2]
    """
    last: dict[str, int] = {}
    for (log, here), _, _ in lines:
        if here < last.get(log, here):
            break
        last[log] = here
    else:
        return lines
    logs = {log: iter(sorted((line for line in lines if line[0][0] == log), key=lambda line: line[0])) for log in {line[0][0] for line in lines}}
    return [next(logs[log]) for (log, _), _, _ in lines]


def _is_pattern(address: str) -> bool:
    """Whether messages of several topics come over one address.

    >>> [_is_pattern(one) for one in ("mqtt://h/a/+/c", "mqtt://h/a/#", "nats://h/a.*", "nats://h/a.>", "mqtt://h/a")]
    [True, True, True, True, False]
    """
    return any(sign in address.partition("://")[2] for sign in "+#*>")


def _whole(value: Json, default: int) -> int:
    return value if isinstance(value, int) else default
