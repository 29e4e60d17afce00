"""AMQP 0-9-1 (RabbitMQ), on the way out: persistent messages to one durable queue, each confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from assayline.arrivals.amqp import parameters_of, queue_of
from assayline.arrivals.subscription import endpoint, talking
from assayline.core import Source
from assayline.errors import NotFound

from .sending import Outgoing, Reached, headers_of


def sender(source: Source, library: Any) -> AmqpSender:
    """Connects, and looks whether there is such a queue."""
    return AmqpSender(source, library)


class AmqpSender:
    """One queue."""

    def __init__(self, source: Source, library: Any) -> None:
        self._library = library
        self._shown, self._queue = endpoint(source).shown, queue_of(source)
        parameters = parameters_of(source, library, heartbeat_seconds=600, blocked_seconds=60)
        with self._talking():
            self._connection = library.BlockingConnection(parameters)
        try:
            with self._talking():
                self._channel = self._connection.channel()
                self._channel.confirm_delivery()
                self._channel.queue_declare(self._queue, passive=True)
        except BaseException as error:
            self.close()
            if isinstance(error.__context__, library.exceptions.ChannelClosedByBroker) and error.__context__.reply_code == 404:
                raise NotFound(self._shown, f"there is no queue {self._queue!r}", next_step="make it, durable") from None
            raise

    def reached(self, push: str) -> Reached | None:
        return None

    def send(self, push: str, messages: Sequence[Outgoing]) -> None:
        with self._talking():
            for one in messages:
                properties = self._library.BasicProperties(
                    content_type="application/json", delivery_mode=2, message_id=one.id, headers={**headers_of(push, one), "assay-key": one.key}
                )
                self._channel.basic_publish("", self._queue, one.body, properties, mandatory=True)

    def close(self) -> None:
        if self._connection.is_open:
            with self._talking():
                self._connection.close()

    def _talking(self) -> Any:
        return talking(self._shown, self._library.exceptions.AMQPError)
