"""NATS JetStream, on the way out: the stream itself says how far a push came, and drops what it had already."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from assayline.arrivals.settings import text
from assayline.arrivals.subscription import client_of, endpoint, talking
from assayline.core import Source
from assayline.errors import NotFound

from .sending import Outgoing, Reached, headers_of

T = TypeVar("T")
ANSWER_SECONDS = 30.0


def sender(source: Source, library: Any) -> JetStreamSender:
    """Connects, and finds the stream that holds the subject."""
    return JetStreamSender(source, library)


class JetStreamSender:
    """One subject of a stream, to which nobody else writes.

    Each message carries its id as `Nats-Msg-Id`, by which the server drops repetitions for as long as its window for duplicates lasts (two minutes, unless
    the stream says otherwise). Beyond that the stream is read: each message also says after which one of the stream its piece began, so that the last
    message leads to all that were confirmed together with it.
    """

    def __init__(self, source: Source, library: Any) -> None:
        self._library, self._source = library, source
        place = endpoint(source)
        self._shown, self._subject = place.shown, place.rest
        self._loop = asyncio.new_event_loop()
        self._last = 0  # the number of the last message of the subject, in its stream
        self._piece: tuple[int, int] | None = None  # of a piece that was cut off: after which message it began, and with which number of the push
        try:
            self._do(self._connect(place.tls, place.user, place.password, place.hosts))
        except BaseException:
            self.close()
            raise

    def reached(self, push: str) -> Reached | None:
        return self._do(self._reached(push))

    def send(self, push: str, messages: Sequence[Outgoing]) -> None:
        self._do(self._send(push, messages))

    def close(self) -> None:
        if client := getattr(self, "_client", None):
            self._loop.run_until_complete(client.close())
            del self._client
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        with talking(self._shown, self._library.errors.Error, self._library.js.errors.Error, TimeoutError):
            return self._loop.run_until_complete(asyncio.wait_for(work, ANSWER_SECONDS * 4))

    async def _connect(self, tls: bool, user: str, password: str, hosts: str) -> None:
        options: dict[str, Any] = {"user": user, "password": password} if user else {}
        if tls:
            options["tls"] = ssl.create_default_context(cafile=text(self._source, "ca_file") or None)
        servers = [f"{'tls' if tls else 'nats'}://{host}" for host in hosts.split(",")]
        # One way back after a lost connection: the client must not hide one.
        self._client = await self._library.connect(
            servers, allow_reconnect=False, max_reconnect_attempts=1, connect_timeout=10, name=client_of(self._source), error_cb=_quiet, **options
        )
        self._stream = self._client.jetstream(timeout=ANSWER_SECONDS)
        try:
            self._name = text(self._source, "stream") or await self._stream.find_stream_name_by_subject(self._subject)
        except self._library.js.errors.NotFoundError:
            raise NotFound(self._shown, f"no stream holds the subject {self._subject}", next_step="make one: nats stream add, or name it with the option stream") from None
        if (newest := await self._newest()) is not None:
            self._last = int(newest.seq)

    async def _newest(self) -> Any:
        try:
            return await self._stream.get_last_msg(self._name, self._subject)
        except self._library.js.errors.NotFoundError:
            return None

    async def _reached(self, push: str) -> Reached | None:
        newest = await self._newest()
        headers = (newest.headers or {}) if newest is not None else {}
        if "assay-push" not in headers:
            return None  # nobody can tell what was here: it was read and removed, or somebody else writes here
        if headers["assay-push"] != push:
            # Ours, of another push: of this one nothing came, if that one is of this target too.
            return Reached(0) if headers["assay-push"].rpartition(":")[0] == push.rpartition(":")[0] else None
        self._last = int(newest.seq)
        after, first = int(headers["assay-after"]), int(headers["assay-first"])
        self._piece = (after, first)
        there: set[int] = set()
        at = after
        while at < self._last:
            one = await self._stream.get_msg(self._name, seq=at + 1, subject=self._subject, next=True)
            at = int(one.seq)
            if (one.headers or {}).get("assay-push") == push:
                there.add(int(one.headers["assay-number"]))
        return Reached(first, frozenset(there))

    async def _send(self, push: str, messages: Sequence[Outgoing]) -> None:
        after, first = self._piece or (self._last, messages[0].number)
        self._piece = None
        more = {"assay-after": str(after), "assay-first": str(first)}
        acks = await asyncio.gather(
            *(
                self._stream.publish(self._subject, one.body, headers={**headers_of(push, one), "Nats-Msg-Id": one.id, **more}, timeout=ANSWER_SECONDS, stream=self._name)
                for one in messages
            )
        )
        self._last = max(self._last, *(int(one.seq) for one in acks))


async def _quiet(error: Exception) -> None:
    """What ends the connection is said by the call that needed it; the client would print it besides."""
