"""Kafka, on the way out: every replica has a message before it counts as sent, and repetitions inside one push are dropped by the broker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from assayline.arrivals.kafka import SETTINGS
from assayline.arrivals.settings import text
from assayline.arrivals.subscription import client_of, endpoint, talking
from assayline.core import Source
from assayline.errors import MisuseError, NotFound, Unreadable

from .sending import Outgoing, Reached, headers_of

ANSWER_SECONDS = 30.0
CONNECT_SECONDS = 10.0


def sender(source: Source, library: Any) -> KafkaSender:
    """Connects, and looks whether there is such a topic."""
    return KafkaSender(source, library)


class KafkaSender:
    """One topic; messages of one key go to one partition, in order."""

    def __init__(self, source: Source, library: Any) -> None:
        self._library = library
        place = endpoint(source)
        self._shown, self._topic = place.shown, place.rest
        if "/" in self._topic or "," in self._topic:
            raise MisuseError(f"{self._shown} is to name one topic of Kafka")
        connection: dict[str, Any] = {"bootstrap.servers": place.hosts, "client.id": client_of(source), "log_level": 2}  # it would write to the terminal
        connection |= {name: text(source, name) for name in SETTINGS if name in source.options}
        if place.user:
            connection |= {"sasl.username": place.user, "sasl.password": place.password, "sasl.mechanism": connection.get("sasl.mechanism", "PLAIN")}
            connection.setdefault("security.protocol", "SASL_SSL")
        with self._talking():
            self._producer = library.Producer({**connection, "acks": "all", "enable.idempotence": True, "linger.ms": 5, "error_cb": lambda error: None})
            known = self._producer.list_topics(self._topic, timeout=CONNECT_SECONDS).topics.get(self._topic)
        if known is None or known.error is not None or not known.partitions:
            raise NotFound(self._shown, f"there is no topic {self._topic}", next_step="make it, or check its name")

    def reached(self, push: str) -> Reached | None:
        return None

    def send(self, push: str, messages: Sequence[Outgoing]) -> None:
        failed: list[str] = []
        with self._talking():
            for one in messages:
                self._producer.produce(self._topic, one.body, key=one.key, headers=headers_of(push, one), on_delivery=lambda error, _: failed.append(error.name()) if error else None)
            left = self._producer.flush(ANSWER_SECONDS)
        if failed or left:
            cause = failed[0] if failed else f"no answer within {ANSWER_SECONDS:g} seconds"
            raise Unreadable(self._shown, f"{len(failed) + left} messages were not confirmed ({cause})", next_step="check the topic and the right to write there; the next push sends them again")

    def close(self) -> None:
        self._producer.purge()
        self._producer.flush(1)

    def _talking(self) -> Any:
        return talking(self._shown, self._library.KafkaException, BufferError)
