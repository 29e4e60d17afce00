"""From the body of a message to the rows of a lot: JSON objects as they are, lists of them, single values, signs of life."""

from __future__ import annotations

import fnmatch
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..core import Source
from ..errors import MisuseError
from ..tables.limits import Limits
from .settings import text
from .subscription import Message

# The size of a number tells its unit: seconds reach 1e11 in the year 5138, milliseconds were at 1e11 in 1973.
UNITS = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (float("inf"), 1e9))
DEEPEST = Limits().depth - 2  # a row that is no object becomes one
_decode = json.JSONDecoder().raw_decode


class Unparsed(Exception):
    """A body that makes no row; the text says why."""


@dataclass(frozen=True)
class Shape:
    """How bodies become rows.

    Args:
        time: the column that says when a row happened, or "".
        topic: rows say which topic they came over.
        arrived: rows say when they came, because nothing else does.
        heartbeat: a body that is a sign of life and no row, or `topic:PATTERN` for topics of which all are.
        only_json: whatever is no JSON makes no row; else it is a value.
        most_bytes: larger bodies make no row.
    """

    time: str = ""
    topic: bool = False
    arrived: bool = False
    heartbeat: str = ""
    only_json: bool = False
    most_bytes: int = 16 << 20

    @classmethod
    def of(cls, source: Source, *, topic: bool, most_bytes: int) -> Shape:
        """What the options of a source say."""
        format = text(source, "format")
        if format not in ("", "json"):
            raise MisuseError(f"the option format of {source.name} is 'json' or not given, not {format!r}")
        return cls(source.time, topic, not source.time, text(source, "heartbeat"), format == "json", most_bytes)


@dataclass(frozen=True)
class Rows:
    """The lines of one message, and when it happened by its own account (seconds since 1970), or None."""

    lines: tuple[bytes, ...]
    happened: float | None = None

    @property
    def is_heartbeat(self) -> bool:
        return not self.lines


def rows_of(message: Message, shape: Shape, arrived: datetime) -> Rows:
    """The rows of a message, each as one line of JSON; numbers and keys stay as they were written.

    >>> rows_of(Message(b'{"t": 1.50}', "a/b"), Shape(topic=True), datetime(2026, 1, 1, tzinfo=UTC)).lines
    (b'{"topic": "a/b", "t": 1.50}',)
    >>> [rows_of(Message(body, "a"), Shape(), datetime(2026, 1, 1, tzinfo=UTC)).lines for body in (b'21.5', b'on', b'[{"t": 1}, {"t": 2}]', b'')]
    [(b'{"value": 21.5}',), (b'{"value": "on"}',), (b'{"t": 1}', b'{"t": 2}'), ()]

    Raises:
        Unparsed: it is neither JSON nor text, or JSON that does not end well.
    """
    if len(message.body) > shape.most_bytes:
        raise Unparsed(f"the body has {len(message.body)} bytes, more than {shape.most_bytes}")
    if _is_heartbeat(message, shape.heartbeat):
        return Rows(())
    try:
        body = message.body.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise Unparsed(f"the body is no UTF-8 text (byte {error.start})") from None
    more: dict[str, str] = {}
    if shape.topic:
        more["topic"] = message.topic
    if shape.arrived:
        more["arrived_at"] = (message.sent_at or arrived).astimezone(UTC).isoformat()
    texts, values = _elements(body, only_json=shape.only_json)
    if body.count("[") + body.count("{") > DEEPEST and any(_depth(value) > DEEPEST for value in values):
        raise Unparsed(f"the JSON is nested deeper than {DEEPEST} levels")  # the reader would refuse the whole window for it
    lines = tuple(_line(text, value, more) for text, value in zip(texts, values, strict=True))
    moments = (moment_of(value.get(shape.time)) for value in values if isinstance(value, dict)) if shape.time else ()
    return Rows(lines, next((one for one in moments if one is not None), None))


def _is_heartbeat(message: Message, heartbeat: str) -> bool:
    if not message.body.strip():
        return True
    if heartbeat.startswith("topic:"):
        return fnmatch.fnmatchcase(message.topic, heartbeat[len("topic:") :])
    return bool(heartbeat) and message.body.strip() == heartbeat.encode()


def _elements(body: str, *, only_json: bool) -> tuple[list[str], list[Any]]:
    """The text and the value of each row in a body."""
    try:
        value, end = _decode(body)
        if body[end:].strip():
            raise ValueError(f"something follows the JSON, at character {end}")
        if not isinstance(value, list):
            return [body], [value]
        return _items(body, len(value))
    except RecursionError:
        raise Unparsed("the JSON is nested too deeply") from None
    except ValueError as error:
        if only_json or body.startswith(("{", "[")):
            raise Unparsed(f"the JSON cannot be read: {_reason(error)}") from None
        return [json.dumps(body)], [body]


def _items(body: str, count: int) -> tuple[list[str], list[Any]]:
    texts: list[str] = []
    values: list[Any] = []
    place = 1
    for _ in range(count):
        while body[place] in " \t\r\n,":
            place += 1
        value, end = _decode(body, place)
        texts.append(body[place:end])
        values.append(value)
        place = end
    return texts, values


def _depth(value: Any) -> int:
    """How deep lists and objects stand in each other.

    >>> _depth(1), _depth({"a": [1, {"b": 2}]})
    (0, 3)
    """
    depth, level = 0, [value]
    while level := [inner for one in level if isinstance(one, (dict, list)) for inner in ([*one.values()] if isinstance(one, dict) else one) or [None]]:
        depth += 1
    return depth


def _reason(error: ValueError) -> str:
    return f"{error.msg.lower()}, at character {error.pos}" if isinstance(error, json.JSONDecodeError) else str(error)


def _line(text: str, value: Any, more: dict[str, str]) -> bytes:
    """One row as one line. Line breaks of well-formed JSON stand between its words only, so that blanks can stand there."""
    flat = text.replace("\r", " ").replace("\n", " ")
    taken = value if isinstance(value, dict) else {}
    begin = ", ".join(f"{json.dumps(name if name not in taken else name + '_')}: {json.dumps(said, ensure_ascii=False)}" for name, said in more.items())
    if not isinstance(value, dict):
        return f"{{{begin}{', ' if begin else ''}\"value\": {flat}}}".encode("utf-8", "surrogatepass")
    if not begin:
        return flat.encode("utf-8", "surrogatepass")
    return f"{{{begin}{', ' if value else ''}{flat[1:]}".encode("utf-8", "surrogatepass")


def moment_of(value: object) -> float | None:
    """When something happened, in seconds since 1970, by the value of a time column.

    >>> moment_of("2026-01-01T00:00:00Z") == moment_of(1767225600) == moment_of(1767225600000) == moment_of("2026-01-01 01:00:00+01:00")
    True
    >>> moment_of("yesterday") is None
    True
    """
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip())
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            try:
                value = float(value)
            except ValueError:
                return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e20:
        return None
    return value / next(scale for limit, scale in UNITS if value < limit)
