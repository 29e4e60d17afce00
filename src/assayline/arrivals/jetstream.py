"""NATS JetStream: a durable pull consumer, whose stream counts its messages."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import threading
import time
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import TimeoutError as NoAnswer
from typing import Any, TypeVar

from ..core import Source
from ..errors import MisuseError, NotFound, Unreadable
from .settings import duration, text
from .subscription import Message, Place, client_of, endpoint, package, talking

T = TypeVar("T")
ACK_WAIT_SECONDS = 30.0  # NATS's own standard
MOST_UNACKNOWLEDGED = 200_000
ANSWER_SECONDS = 30.0
MORE_SECONDS = 0.1  # what comes with the first message
ACK, IN_PROGRESS, NAK = b"+ACK", b"+WPI", b"-NAK"


def subscribe(source: Source, folder: str) -> JetStreamSubscription:
    """Connects, and makes or takes up the durable consumer."""
    return JetStreamSubscription(source, package("nats", "nats", "nats-py"))


class JetStreamSubscription:
    """One subject of a stream. The client lives in a thread of its own, so that the server's pings are answered during a long commit."""

    most_unacknowledged = MOST_UNACKNOWLEDGED

    def __init__(self, source: Source, library: Any) -> None:
        self._library, self._source = library, source
        place = endpoint(source)
        self._shown, self._subject = place.shown, place.rest
        self._ack_wait = duration(source, "ack_wait", ACK_WAIT_SECONDS)
        self._closed = False
        self._before: int | None = None  # the number that was given for the first time last
        self._delivery = -1  # how many messages the consumer had given, with the last one
        self._waiting: dict[int, Message] = {}
        self._touched = time.monotonic()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="nats", daemon=True)
        self._thread.start()
        try:
            self._do(self._connect(place.tls, place.user, place.password, place.hosts))
        except BaseException:
            self.close()
            raise

    def settled(self) -> Mapping[str, int]:
        return {self._log: int(self._info.ack_floor.stream_seq)} if self._info.ack_floor else {}

    def receive(self, most: int, seconds: float) -> list[Message]:
        if time.monotonic() - self._touched > self._ack_wait / 3:
            self._do(self._say(IN_PROGRESS, self._waiting.values()))
            self._touched = time.monotonic()
        messages = self._do(self._fetch(most, min(seconds, self._ack_wait / 3)), extra=seconds)
        for message in messages:
            if message.place is not None:
                self._waiting[message.place.number] = message
        return messages

    def ack(self, messages: Sequence[Message]) -> list[Message]:
        self._do(self._say(ACK, messages))
        self._forget(messages)
        return list(messages)

    def nack(self, messages: Sequence[Message]) -> None:
        self._do(self._say(NAK, messages))
        self._forget(messages)

    def park(self, message: Message, reason: Mapping[str, str]) -> None:
        self._do(self._park(message, reason))

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if client := getattr(self, "_client", None):
            asyncio.run_coroutine_threadsafe(client.close(), self._loop).result(ANSWER_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # -- in the thread of the client -----------------------------------------------------------------------------------

    def _do(self, work: Coroutine[Any, Any, T], extra: float = 0.0) -> T:
        with talking(self._shown, self._library.errors.Error, self._library.js.errors.Error, NoAnswer):
            return asyncio.run_coroutine_threadsafe(work, self._loop).result(ANSWER_SECONDS + extra)

    async def _connect(self, tls: bool, user: str, password: str, hosts: str) -> None:
        nats, api = self._library, self._library.js.api
        options: dict[str, Any] = {"user": user, "password": password} if user else {}
        if tls:
            options["tls"] = ssl.create_default_context(cafile=text(self._source, "ca_file") or None)
        servers = [f"{'tls' if tls else 'nats'}://{host}" for host in hosts.split(",")]
        # One way back after a lost connection (see Subscription): the client must not hide one.
        self._client = await nats.connect(servers, allow_reconnect=False, max_reconnect_attempts=1, connect_timeout=10, name=client_of(self._source), error_cb=_quiet, **options)
        self._stream = self._client.jetstream()
        name = text(self._source, "stream") or await self._stream_name()
        stream = await self._stream.stream_info(name)
        wanted = api.ConsumerConfig(
            durable_name=client_of(self._source), filter_subject=self._subject, ack_policy=api.AckPolicy.EXPLICIT, deliver_policy=api.DeliverPolicy.ALL,
            ack_wait=self._ack_wait, max_ack_pending=MOST_UNACKNOWLEDGED,
        )  # fmt: skip
        self._info = await self._stream.add_consumer(name, config=wanted)
        self._pull = await self._stream.pull_subscribe_bind(consumer=wanted.durable_name, stream=name)
        created = await self._created(name)
        # A stream that is deleted and made again counts from 1 again: it is another log.
        self._log = f"{name}/{self._subject}@{created}"
        self._name = stream.config.name

    async def _stream_name(self) -> str:
        try:
            return str(await self._stream.find_stream_name_by_subject(self._subject))
        except self._library.js.errors.NotFoundError:
            raise NotFound(self._shown, f"no stream holds the subject {self._subject}", next_step="make one: nats stream add, or name it with the option stream") from None

    async def _created(self, name: str) -> str:
        answer = await self._client.request(f"$JS.API.STREAM.INFO.{name}", b"", timeout=ANSWER_SECONDS)
        return str(json.loads(answer.data)["created"])

    async def _fetch(self, most: int, seconds: float) -> list[Message]:
        if self._client.is_closed:
            raise Unreadable(self._shown, "the connection to the broker is gone", next_step="it will be opened again")
        came: list[Any] = []
        try:
            came = await self._pull.fetch(1, timeout=max(seconds, 0.05))  # asked for more it would wait for all of them
            if most > 1:
                came += await self._pull.fetch(most - 1, timeout=MORE_SECONDS)
        except (TimeoutError, self._library.errors.TimeoutError):
            pass  # there are no more
        return [self._message(one) for one in came]

    def _message(self, one: Any) -> Message:
        known = one.metadata
        number, delivery, attempt = int(known.sequence.stream), int(known.sequence.consumer), int(known.num_delivered)
        # Given for the first time, messages come in the order of the stream: what lies between two of them is not for us, unless one went astray between them.
        if delivery != self._delivery + 1:
            self._before = None
        self._delivery = delivery
        before = self._before if attempt == 1 and self._before is not None and self._before < number else number - 1
        if attempt == 1:
            self._before = number
        headers = {str(name): str(value) for name, value in (one.headers or {}).items()}
        return Message(bytes(one.data), one.subject, f"{number}", known.timestamp, headers, attempt > 1, attempt, "", Place(self._log, number, before), one.reply)

    async def _say(self, what: bytes, messages: Any) -> None:
        for message in list(messages):
            await self._client.publish(message.token, what)
        await self._client.flush(timeout=int(ANSWER_SECONDS))

    def _forget(self, messages: Sequence[Message]) -> None:
        for message in messages:
            if message.place is not None:
                self._waiting.pop(message.place.number, None)

    async def _park(self, message: Message, reason: Mapping[str, str]) -> None:
        """To the subject `parked.STREAM`, of a stream of its own that is made when it is needed; the server leaves out what comes twice."""
        api = self._library.js.api
        subject = f"parked.{self._name}"
        headers = {**{name: re.sub(r"[\r\n]", " ", value) for name, value in message.headers.items()}, **{f"Assayline-{name.replace('_', '-').title()}": value for name, value in reason.items()}}
        headers["Nats-Msg-Id"] = f"{self._log}:{message.id}"
        for _ in range(2):
            try:
                await self._stream.publish(subject, message.body, headers=headers, stream=f"parked-{self._name}")
            except self._library.js.errors.NoStreamResponseError:
                await self._stream.add_stream(api.StreamConfig(name=f"parked-{self._name}", subjects=[subject]))
            else:
                return
        raise MisuseError(f"messages of {self._shown} cannot be parked: the server takes no stream parked-{self._name}")


async def _quiet(error: Exception) -> None:
    """The client prints what it meets; whoever calls it next is told anyway."""
