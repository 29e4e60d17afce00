"""Kafka: all partitions of one topic, read by us alone; offsets are committed when their lots are."""

from __future__ import annotations

import errno
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ..core import Source
from ..errors import MisuseError, NotFound, Unreadable
from .in_order import InOrder
from .settings import text
from .subscription import Message, Place, client_of, endpoint, package, talking

ANSWER_SECONDS = 30.0
TRIES = 3  # that share these seconds
CONNECT_SECONDS = 10.0
MORE_SECONDS = 0.1  # what comes with the first message
LOOK_SECONDS = 60.0  # how often a topic is asked whether it has more partitions
# The client reads ahead; so many kilobytes at most wait in it.
READ_AHEAD_KBYTES = 16_384
SETTINGS = ("security.protocol", "sasl.mechanism", "ssl.ca.location", "ssl.certificate.location", "ssl.key.location")


def subscribe(source: Source, folder: str) -> KafkaSubscription:
    """Connects, and takes up all partitions where they were left."""
    return KafkaSubscription(source, package("confluent_kafka", "kafka", "confluent-kafka"))


class KafkaSubscription:
    """One topic. The partitions are taken by hand and not shared out by the group: nobody else reads for this source, and nobody waits for a dead member."""

    most_unacknowledged = 0

    def __init__(self, source: Source, library: Any) -> None:
        self._library = library
        place = endpoint(source)
        self._shown, self._topic = place.shown, place.rest
        if any(sign in place.rest for sign in "*^/"):
            raise MisuseError(f"{place.shown} is to name one topic of Kafka")
        connection: dict[str, Any] = {"bootstrap.servers": place.hosts, "client.id": client_of(source), "log_level": 2, **_given(source)}  # it would write to the terminal
        if place.user:
            connection |= {"sasl.username": place.user, "sasl.password": place.password, "sasl.mechanism": connection.get("sasl.mechanism", "PLAIN")}
            connection.setdefault("security.protocol", "SASL_SSL")
        self._connection = connection
        self._problem: str | None = None
        self._producer: Any = None
        with self._talking():
            self._consumer = library.Consumer(
                {
                    **connection, "group.id": client_of(source), "enable.auto.commit": False, "isolation.level": "read_committed", "auto.offset.reset": "earliest",
                    "queued.max.messages.kbytes": READ_AHEAD_KBYTES, "max.poll.interval.ms": 86_400_000, "error_cb": self._on_error,
                }
            )  # fmt: skip
            partitions = self._partitions()
            asked = [library.TopicPartition(self._topic, number) for number in partitions]
            committed = {one.partition: one.offset if one.offset >= 0 else 0 for one in self._consumer.committed(asked, timeout=ANSWER_SECONDS)}
            named = self._named()
            self._consumer.assign([library.TopicPartition(self._topic, number, offset or library.OFFSET_BEGINNING) for number, offset in committed.items()])
        self._logs = {number: f"{named}/{number}" for number in partitions}
        self._lines = {number: InOrder() for number in partitions}
        self._before = {number: offset - 1 for number, offset in committed.items()}
        self._settled = dict(self._before)
        self._looked = time.monotonic()

    def settled(self) -> Mapping[str, int]:
        return {self._logs[number]: offset for number, offset in self._settled.items() if offset >= 0}

    def receive(self, most: int, seconds: float) -> list[Message]:
        with self._talking():
            if time.monotonic() - self._looked > LOOK_SECONDS:
                self._looked = time.monotonic()
                if set(self._partitions()) != set(self._lines):
                    raise Unreadable(self._shown, "the topic has other partitions than before", next_step="it will be opened again")
            came = self._consumer.consume(1, timeout=seconds)  # asked for more it would wait for all of them
            if came and most > 1:
                came += self._consumer.consume(most - 1, timeout=MORE_SECONDS)
        if self._problem:
            raise Unreadable(self._shown, f"the connection to the broker is gone ({self._problem})", next_step="it will be opened again")
        messages = []
        for one in came:
            if (error := one.error()) is not None:
                if error.retriable():
                    continue
                raise Unreadable(self._shown, f"the broker gives no messages ({error.name()})", next_step="check the topic and the rights")
            messages.append(self._message(one))
        return messages

    def ack(self, messages: Sequence[Message]) -> list[Message]:
        settled: list[Message] = []
        offsets = []
        for number, line in self._lines.items():
            if free := line.taken([one for one in messages if one.token == number]):
                settled += free
                offsets.append(self._library.TopicPartition(self._topic, number, free[-1].place.number + 1))  # type: ignore[union-attr]  # every message of Kafka has a place
        if offsets:
            with self._talking():
                self._consumer.commit(offsets=offsets, asynchronous=False)
        return settled

    def nack(self, messages: Sequence[Message]) -> None:
        """Their offset is not committed: they come when we come back."""

    def park(self, message: Message, reason: Mapping[str, str]) -> None:
        """To the topic `NAME.parked`."""
        failed: list[Any] = []
        headers = [*message.headers.items(), *((f"assayline-{name.replace('_', '-')}", value) for name, value in reason.items())]
        with self._talking():
            self._producer = self._producer or self._library.Producer({**self._connection, "acks": "all", "enable.idempotence": True})
            self._producer.produce(f"{self._topic}.parked", message.body, headers=headers, on_delivery=lambda error, _: failed.append(error))
            self._producer.flush(ANSWER_SECONDS)
        if failed != [None]:
            raise Unreadable(self._shown, "a message could not be parked", next_step=f"check the topic {self._topic}.parked and the right to write there")

    def close(self) -> None:
        self._consumer.close()

    def _talking(self) -> Any:
        return talking(self._shown, self._library.KafkaException)

    def _on_error(self, error: Any) -> None:
        if error.fatal() or error.code() == self._library.KafkaError._ALL_BROKERS_DOWN:
            self._problem = error.name()

    def _partitions(self) -> list[int]:
        known = self._consumer.list_topics(self._topic, timeout=CONNECT_SECONDS).topics.get(self._topic)
        if known is None or not known.partitions:
            raise NotFound(self._shown, f"there is no topic {self._topic}", next_step="make it, or check its name")
        return sorted(known.partitions)

    def _named(self) -> str:
        """The topic's name with its identifier: one that is deleted and made again counts from 0 again, and is another log."""
        from confluent_kafka.admin import AdminClient  # type: ignore[import-not-found,unused-ignore]  # an optional package

        late = (self._library.KafkaError._TIMED_OUT, self._library.KafkaError.REQUEST_TIMED_OUT)
        for _ in range(TRIES):  # a client that is just made now and then never hears the answer; another one does
            asked = AdminClient(self._connection).describe_topics(self._library.TopicCollection([self._topic]), request_timeout=ANSWER_SECONDS / TRIES)
            try:
                return f"{self._topic}#{asked[self._topic].result(ANSWER_SECONDS / TRIES + 1).topic_id}"
            except TimeoutError:
                continue
            except self._library.KafkaException as error:
                if error.args[0].code() not in late:
                    return self._topic  # brokers before 2.8 have no identifiers
        raise TimeoutError(errno.ETIMEDOUT, "it does not say which topic it is")

    def _message(self, one: Any) -> Message:
        number, offset, (kind, milliseconds) = one.partition(), one.offset(), one.timestamp()
        before, self._before[number] = self._before[number], offset
        sent = datetime.fromtimestamp(milliseconds / 1000, UTC) if kind != self._library.TIMESTAMP_NOT_AVAILABLE and 0 <= milliseconds < 1 << 47 else None
        headers = {str(name): (value or b"").decode("utf-8", "replace") for name, value in (one.headers() or [])}
        if one.key() is not None:
            headers["kafka-key"] = one.key().decode("utf-8", "replace")
        message = Message(one.value() or b"", self._topic, f"{number}/{offset}", sent, headers, place=Place(self._logs[number], offset, before), token=number)
        self._lines[number].given([message])
        return message


def _given(source: Source) -> dict[str, str]:
    return {name: text(source, name) for name in SETTINGS if name in source.options}
