"""Redis streams: a consumer group of ours, whose pending messages come first after a restart."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from ..core import Source
from .settings import text
from .subscription import Message, Place, client_of, endpoint, package, talking

# A producer that has one thing to say puts it under one of these names; otherwise the entry itself is the row.
BODIES = ("data", "body", "payload", "message", "value", "json")
SEQUENCE_BITS = 64
LONGEST_BLOCK_SECONDS = 5.0


def subscribe(source: Source, folder: str) -> RedisSubscription:
    """Connects, and makes or takes up the consumer group."""
    return RedisSubscription(source, package("redis", "redis", "redis"))


class RedisSubscription:
    """One stream, read by one consumer of one group."""

    most_unacknowledged = 0

    def __init__(self, source: Source, library: Any) -> None:
        place = endpoint(source)
        database, slash, stream = place.rest.partition("/")
        if not (slash and database.isdecimal()):
            database, stream = "0", place.rest
        self._shown, self._stream, self._group, self._library = place.shown, unquote(stream), client_of(source), library
        host, port = place.host_and_port(6379)
        tls = {"ssl": True, "ssl_ca_certs": text(source, "ca_file") or None} if place.tls else {}
        # No second attempt inside the client: entries whose answer was lost are pending, and would not be asked for again before the next start.
        never = library.retry.Retry(library.backoff.NoBackoff(), 0)
        self._client = library.Redis(
            retry=never, host=host, port=port, db=int(database), username=place.user or None, password=place.password or None, client_name=self._group,
            socket_connect_timeout=10, socket_timeout=LONGEST_BLOCK_SECONDS + 30, **tls,
        )  # fmt: skip
        self._pending_from: str | None = "0"
        with self._talking():
            try:
                self._client.xgroup_create(self._stream, self._group, id="0", mkstream=True)
            except library.exceptions.ResponseError as error:
                if not str(error).startswith("BUSYGROUP"):
                    raise
            group = next(one for one in self._client.xinfo_groups(self._stream) if one["name"] == self._group.encode())
            pending = self._client.xpending(self._stream, self._group)
        self._before = _number(group["last-delivered-id"])
        self._settled = _number(pending["min"]) - 1 if pending["pending"] else self._before

    def settled(self) -> Mapping[str, int]:
        return {self._stream: self._settled}

    def receive(self, most: int, seconds: float) -> list[Message]:
        with self._talking():
            if self._pending_from is not None:
                entries = self._read(most, self._pending_from, 0.0)
                if entries:
                    self._pending_from = entries[-1][0].decode()
                    return [self._message(id, fields, again=True) for id, fields in entries]
                self._pending_from = None
            return [self._message(id, fields, again=False) for id, fields in self._read(most, ">", seconds)]

    def ack(self, messages: Sequence[Message]) -> list[Message]:
        with self._talking():
            for begin in range(0, len(messages), 1000):
                self._client.xack(self._stream, self._group, *(message.id for message in messages[begin : begin + 1000]))
        return list(messages)

    def nack(self, messages: Sequence[Message]) -> None:
        """They stay pending, and come when we come back."""

    def park(self, message: Message, reason: Mapping[str, str]) -> None:
        """To the stream `NAME.parked`, the entry as it was and the reason beside it."""
        with self._talking():
            fields = {**message.token, **{f"assayline-{name.replace('_', '-')}": value for name, value in reason.items()}}
            self._client.xadd(f"{self._stream}.parked", fields)

    def close(self) -> None:
        self._client.close()

    def _talking(self) -> Any:
        return talking(self._shown, self._library.exceptions.RedisError)

    def _read(self, most: int, begin: str, seconds: float) -> list[tuple[bytes, dict[bytes, bytes]]]:
        block = int(min(seconds, LONGEST_BLOCK_SECONDS) * 1000)
        answer = self._client.xreadgroup(self._group, self._group, {self._stream: begin}, count=most, block=block or None)
        if not answer:
            return []
        # With version 2 of Redis's protocol a list of pairs, with version 3 a table.
        entries = next(iter(answer.values())) if isinstance(answer, dict) else answer[0][1]
        return list(entries[0]) if entries and isinstance(entries[0], list) else list(entries)

    def _message(self, id: bytes, fields: Mapping[bytes, bytes] | None, *, again: bool) -> Message:
        here = _number(id)
        before = here - 1 if again else self._before
        if not again:
            self._before = here
        fields = fields or {}  # trimmed away before we came: nothing is left of it
        body, headers = _body(fields)
        sent = datetime.fromtimestamp((here >> SEQUENCE_BITS) / 1000, UTC) if here >> SEQUENCE_BITS < 1 << 47 else None
        return Message(body, self._stream, id.decode(), sent, headers, again, 2 if again else 1, "", Place(self._stream, here, before), dict(fields))


def _body(fields: Mapping[bytes, bytes]) -> tuple[bytes, dict[str, str]]:
    """What an entry says, and what it says about itself.

    >>> _body({b"data": b"21.5", b"unit": b"C"}), _body({b"t": b"21.5", b"room": b"a"})
    ((b'21.5', {'unit': 'C'}), (b'{"t": 21.5, "room": "a"}', {}))
    """
    name = next((one for one in BODIES if one.encode() in fields), None)
    texts = {key.decode("utf-8", "replace"): value.decode("utf-8", "replace") for key, value in fields.items()}
    if name is not None:
        return fields[name.encode()], {key: value for key, value in texts.items() if key != name}
    if not fields:
        return b"", {}
    return ("{" + ", ".join(f"{json.dumps(key, ensure_ascii=False)}: {_value(value)}" for key, value in texts.items()) + "}").encode(), {}


def _value(text: str) -> str:
    """Redis knows text only: what is written exactly as JSON writes a number is one, and 007 is none."""
    try:
        if isinstance(json.loads(text, parse_constant=str), (int, float)) and text not in ("true", "false"):
            return text.strip()
    except ValueError:
        pass
    return json.dumps(text, ensure_ascii=False)


def _number(id: bytes | str) -> int:
    """An identifier as one number that keeps the order.

    >>> _number(b"2-1") > _number("1-18446744073709551615")
    True
    """
    milliseconds, _, sequence = (id.decode() if isinstance(id, bytes) else id).partition("-")
    return (int(milliseconds) << SEQUENCE_BITS) + int(sequence or 0)
