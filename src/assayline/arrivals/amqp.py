"""AMQP 0-9-1 (RabbitMQ): one durable queue, acknowledged in order and at one stroke."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any
from urllib.parse import unquote

from ..core import Source
from ..errors import NotFound, Unreadable
from .in_order import InOrder
from .settings import duration, flag, text
from .subscription import Message, client_of, endpoint, package, talking

MOST_UNACKNOWLEDGED = 50_000  # prefetch_count is a number of 16 bits
HEARTBEAT_SECONDS = 600.0  # a commit may take so long before the broker gives us up
PATIENCE_SECONDS = 30.0  # for the connection of a killed forerunner to be noticed


def subscribe(source: Source, folder: str) -> AmqpSubscription:
    """Connects, and becomes the only consumer of the queue."""
    return AmqpSubscription(source, package("pika", "amqp", "pika"))


def queue_of(source: Source) -> str:
    """The name of the queue: the last part of the address."""
    return unquote(endpoint(source).rest.rpartition("/")[2])


def parameters_of(source: Source, library: Any, *, heartbeat_seconds: int, blocked_seconds: int) -> Any:
    """Where and how to connect; for those who take and for those who send.

    Args:
        source: its address names broker, virtual host and queue.
        library: pika.
        heartbeat_seconds: how long nothing may be heard before the broker gives us up.
        blocked_seconds: how long a broker without memory may keep us waiting.
    """
    place = endpoint(source)
    host, port = place.host_and_port(5671 if place.tls else 5672)
    tls = library.SSLOptions(ssl.create_default_context(cafile=text(source, "ca_file") or None), host) if place.tls else None
    known = library.PlainCredentials(place.user, place.password) if place.user else library.ConnectionParameters().credentials
    return library.ConnectionParameters(
        host, port, unquote(place.rest.rpartition("/")[0]) or "/", known, heartbeat=heartbeat_seconds, blocked_connection_timeout=blocked_seconds, ssl_options=tls,
        client_properties={"connection_name": client_of(source)},
    )  # fmt: skip


class AmqpSubscription:
    """One queue, whose only consumer we are.

    Being the only one is what makes redeliveries certain: the broker lets nobody else in until it has put back, to their old places, all messages of the
    connection before; so they come first, and each of them once.
    """

    most_unacknowledged = MOST_UNACKNOWLEDGED

    def __init__(self, source: Source, library: Any) -> None:
        self._library, self._unique_ids = library, flag(source, "unique_ids")
        self._shown, self._queue = endpoint(source).shown, queue_of(source)
        parameters = parameters_of(source, library, heartbeat_seconds=int(duration(source, "heartbeat_seconds", HEARTBEAT_SECONDS)), blocked_seconds=300)
        self._line = InOrder()
        self._parking: Any = None
        with self._talking():
            self._connection = library.BlockingConnection(parameters)
        try:
            with self._talking():
                self._alone()
        except BaseException:
            self.close()
            raise

    def settled(self) -> Mapping[str, int]:
        return {}

    def receive(self, most: int, seconds: float) -> list[Message]:
        messages: list[Message] = []
        with self._talking():
            if not self._channel.is_open:
                raise Unreadable(self._shown, "the connection to the broker is gone", next_step="it will be opened again")
            # What has come is waiting in the client; the network is read once that is used up, so that a slow gate slows the broker.
            for method, properties, body in chain(self._first, self._channel.consume(self._queue, exclusive=True, inactivity_timeout=max(seconds, 0.01))):
                if method is None:
                    break
                messages.append(self._message(method, properties, body))
                if len(messages) >= most or not self._channel.get_waiting_message_count():
                    break
        self._line.given(messages)
        return messages

    def ack(self, messages: Sequence[Message]) -> list[Message]:
        free = self._line.taken(messages)
        if free:
            with self._talking():
                # All of them in one frame: the broker hears of all or of none. The question after it is answered once the queue has worked through it.
                self._channel.basic_ack(free[-1].token, multiple=True)
                self._channel.queue_declare(self._queue, passive=True)
        return free

    def nack(self, messages: Sequence[Message]) -> None:
        with self._talking():
            for message in messages:
                self._channel.basic_nack(message.token, requeue=True)
        self._line.taken(messages)

    def park(self, message: Message, reason: Mapping[str, str]) -> None:
        """To the durable queue `NAME.parked`, which is made when it is needed."""
        headers = {**message.headers, **{f"x-assayline-{name.replace('_', '-')}": value for name, value in reason.items()}}
        with self._talking():
            if self._parking is None:
                self._parking = self._connection.channel()
                self._parking.confirm_delivery()
                self._parking.queue_declare(f"{self._queue}.parked", durable=True)
            properties = self._library.BasicProperties(headers=headers, delivery_mode=2, message_id=message.id or message.mark or None)
            self._parking.basic_publish("", f"{self._queue}.parked", message.body, properties, mandatory=True)

    def close(self) -> None:
        if self._connection.is_open:
            with self._talking():
                self._connection.close()

    def _talking(self) -> Any:
        return talking(self._shown, self._library.exceptions.AMQPError)

    def _alone(self) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            self._channel = self._connection.channel()
            self._channel.basic_qos(prefetch_count=MOST_UNACKNOWLEDGED)
            try:
                self._channel.queue_declare(self._queue, passive=True)
                came = next(self._channel.consume(self._queue, exclusive=True, inactivity_timeout=0.01))
                self._first = iter([came] if came[0] is not None else [])  # nothing that was given may be forgotten
            except self._library.exceptions.ChannelClosedByBroker as error:
                if error.reply_code == 404:
                    raise NotFound(self._shown, f"there is no queue {self._queue!r}", next_step="make it, durable, and bind it to what it is to get") from None
                if error.reply_code != 403 or time.monotonic() > end:
                    raise Unreadable(
                        self._shown, "the broker does not let us be the only consumer of the queue", next_step="let others read from a queue of their own"
                    ) from None
                time.sleep(0.25)
            else:
                return

    def _message(self, method: Any, properties: Any, body: bytes) -> Message:
        headers = {str(name): str(value) for name, value in (properties.headers or {}).items()}
        named = str(properties.message_id or "")
        sent = datetime.fromtimestamp(properties.timestamp, UTC) if isinstance(properties.timestamp, int) and 0 <= properties.timestamp < 1 << 37 else None
        counted = headers.get("x-delivery-count", "")  # quorum queues count
        attempt = 1 + (int(counted) if counted.isdecimal() else method.redelivered)
        return Message(
            body, method.routing_key, named if self._unique_ids else "", sent, headers, bool(method.redelivered), attempt, "" if self._unique_ids else named, None, method.delivery_tag
        )  # fmt: skip
