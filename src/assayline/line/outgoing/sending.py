"""Brokers behind one door, on the way out: how far a push came, and messages that the broker has confirmed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol, cast

from assayline.arrivals.subscription import BROKERS
from assayline.core import Source
from assayline.errors import MissingExtra, MisuseError

HTTP = ("http", "https")
SENDERS = {**BROKERS, **dict.fromkeys(HTTP, "http_post")}
PACKAGES = {
    "mqtt": ("paho.mqtt.client", "paho-mqtt"), "jetstream": ("nats", "nats-py"), "amqp": ("pika", "pika"), "redis_streams": ("redis", "redis"),
    "kafka": ("confluent_kafka", "confluent-kafka"),
}  # fmt: skip
EXTRAS = {"jetstream": "nats", "redis_streams": "redis"}
OPTIONS = {
    "mqtt": {"password", "ca_file", "client"}, "jetstream": {"password", "ca_file", "client", "stream"}, "amqp": {"password", "ca_file", "client"},
    "redis_streams": {"password", "ca_file", "client"}, "http_post": {"ca_file", "authorization", "timeout"},
    "kafka": {"password", "client", "security.protocol", "sasl.mechanism", "ssl.ca.location", "ssl.certificate.location", "ssl.key.location"},
}  # fmt: skip


@dataclass(frozen=True)
class Outgoing:
    """One message.

    Args:
        number: its place in the push, from 0.
        id: what a receiver tells repetitions apart by; the same however often it is sent.
        key: what the message is about, for brokers that keep those of one key in order.
        body: JSON.
    """

    number: int
    id: str
    key: str
    body: bytes


@dataclass(frozen=True)
class Reached:
    """What a broker surely has of a push: every message below a number, and these of the others."""

    below: int
    also: frozenset[int] = field(default_factory=frozenset)


class Sender(Protocol):
    """A broker that takes messages. A connection that is lost ends it: whoever sends opens another one."""

    def reached(self, push: str) -> Reached | None:
        """What the broker has of a push of ours; None where it cannot tell."""

    def send(self, push: str, messages: Sequence[Outgoing]) -> None:
        """Sends these, in order; returns once the broker has confirmed every one of them.

        Raises:
            AssaylineError: it has not; some may be there.
        """

    def close(self) -> None:
        """Lets go of the broker."""


def kind_of(address: str) -> str:
    """What sends to such an address, or ""."""
    return SENDERS.get(address.partition("://")[0].lower(), "") if "://" in address else ""


def check_options(address: str, options: Mapping[str, str]) -> None:
    """What can be said against an address and its options without talking to anybody.

    Raises:
        MisuseError: an option is none of this kind of broker.
        MissingExtra: the broker's package is not installed.
    """
    kind = kind_of(address)
    odd = sorted(set(options) - OPTIONS[kind])
    if odd:
        raise MisuseError(f"{address} takes no option {odd[0]}; it takes {', '.join(sorted(OPTIONS[kind]))}")
    if kind in PACKAGES:
        _package(kind)


def open_sender(name: str, address: str, options: Mapping[str, str]) -> Sender:
    """Connects to a broker.

    Args:
        name: what we call ourselves there.
        address: kafka, mqtt, nats, amqp, redis, http; all but kafka with an s for TLS.
        options: as sources have them: password (env:NAME or file:/path), ca_file, and so on.

    Raises:
        MissingExtra: the broker's package is not installed.
        InputError: the broker cannot be reached, or does not let us in.
    """
    kind = kind_of(address)
    opener = import_module(f".{kind}", __package__)
    source = Source(name, address, options=dict(options))
    return cast("Sender", opener.sender(source, _package(kind)) if kind in PACKAGES else opener.sender(source))


def headers_of(push: str, message: Outgoing) -> dict[str, str]:
    """What stands beside the body, for brokers that have a place for it."""
    return {"assay-id": message.id, "assay-push": push, "assay-number": str(message.number)}


def _package(kind: str) -> Any:
    module, distribution = PACKAGES[kind]
    try:
        return import_module(module)
    except ImportError as error:
        extra = EXTRAS.get(kind, kind)
        raise MissingExtra(f"sending to {extra} addresses", extra=extra, package=distribution) from error
