"""Brokers behind one door: receive, acknowledge, give back, park."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from importlib import import_module
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, cast
from urllib.parse import unquote

from ..core import Source
from ..errors import MissingExtra, MisuseError, Unreadable
from .settings import address_of, password_of, shown, text

BROKERS = {"mqtt": "mqtt", "mqtts": "mqtt", "nats": "jetstream", "natss": "jetstream", "amqp": "amqp", "amqps": "amqp", "redis": "redis_streams", "rediss": "redis_streams", "kafka": "kafka"}


@dataclass(frozen=True)
class Place:
    """Where a message stands in a log that counts its messages.

    Args:
        log: its name, for ever: a log that was deleted and made again has another.
        number: of this message; larger numbers came later.
        after: the number that was given out before this one, when the broker gave them in order; nothing for us stands between the two.
    """

    log: str
    number: int
    after: int


@dataclass(frozen=True)
class Message:
    """One message of a broker.

    Args:
        body: as it came.
        topic: topic, subject, routing key or stream.
        id: what the broker, or a publisher who takes care, calls this message for ever; "" where nobody does.
        sent_at: when the broker got it, or None.
        headers: as text.
        redelivered: the broker says it may have given this message before.
        attempt: how often it was given, as far as the broker knows.
        mark: what tells redeliveries of one message from other messages, where there is no id: an MQTT packet identifier.
        place: in a log that counts, or None.
        token: what the subscription needs to acknowledge it.
    """

    body: bytes
    topic: str
    id: str = ""
    sent_at: datetime | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    redelivered: bool = False
    attempt: int = 1
    mark: str = ""
    place: Place | None = None
    token: Any = field(default=None, repr=False, compare=False)

    def __hash__(self) -> int:
        return hash((self.topic, self.id, self.body))

    @cached_property
    def fingerprint(self) -> bytes:
        """What a redelivery of this message has in common with it. Eight bytes: among 65,535 messages two differ in them but for one case in ten billion."""
        known = [b"id", self.id.encode()] if self.id else [self.mark.encode(), self.topic.encode(), self.body]
        return hashlib.sha256(b"".join(len(one).to_bytes(8, "big") + one for one in known)).digest()[:8]


class Subscription(Protocol):
    """What a broker has for one source, message by message.

    A connection that is lost ends the subscription: every call raises `Unreadable` from then on, and whoever uses it opens another one, with the position of
    what was taken last. So there is one way back, after a cut cable as after a killed process.
    """

    most_unacknowledged: int
    """So many messages the broker gives out before it wants to hear of one of them; 0 for no limit."""

    def settled(self) -> Mapping[str, int]:
        """Asked once, at the start: for logs that count, the number up to which everything is acknowledged and never comes again."""

    def receive(self, most: int, seconds: float) -> list[Message]:
        """At most so many messages; waits at most so long for the first one."""

    def ack(self, messages: Sequence[Message]) -> list[Message]:
        """These messages are taken for good; gives all messages that the broker, by now, surely knows to be taken."""

    def nack(self, messages: Sequence[Message]) -> None:
        """These messages are given back; the broker gives them again."""

    def park(self, message: Message, reason: Mapping[str, str]) -> None:
        """Puts a message aside where it stays, its headers and the reason with it. It is acknowledged afterwards, like any other."""

    def close(self) -> None:
        """Lets go of the broker; what is not acknowledged it gives again."""


class Endpoint(NamedTuple):
    """The parts of a broker's address."""

    tls: bool
    user: str
    password: str
    hosts: str
    rest: str
    shown: str

    def host_and_port(self, port: int) -> tuple[str, int]:
        """The only host.

        >>> Endpoint(False, "", "", "broker:1884", "a", "").host_and_port(1883)
        ('broker', 1884)
        """
        found = re.fullmatch(r"(\[[0-9A-Fa-f:]+\]|[^:,]+)(?::([0-9]{1,5}))?", self.hosts)
        if not found:
            raise MisuseError(f"{self.shown} names no host: write scheme://host:port/name")
        return found[1].strip("[]"), int(found[2] or port)


def is_stream(source: Source) -> bool:
    """Whether messages come from it, so that it is subscribed to and not polled."""
    return source.address.partition("://")[0].lower() in BROKERS


def endpoint(source: Source) -> Endpoint:
    """The address of a broker in its parts; # and ? belong to the name of a topic and not to the address.

    >>> endpoint(Source("rides", "mqtts://me@broker:8884/rides/#"))[:5]
    (True, 'me', '', 'broker:8884', 'rides/#')
    """
    scheme, _, rest = address_of(source).partition("://")
    place, _, name = rest.partition("/")
    who, _, hosts = place.rpartition("@")
    user, _, password = who.partition(":")
    if not name:
        raise MisuseError(f"the address of {source.name} names nothing to subscribe to: {shown(source)}/NAME")
    return Endpoint(scheme.lower() in ("mqtts", "natss", "amqps", "rediss"), unquote(user), password_of(source) or unquote(password), hosts, name, shown(source))


def open_subscription(source: Source, *, folder: str) -> Subscription:
    """Connects to the broker of a source.

    Args:
        source: an address that begins with mqtt, nats, amqp, redis or kafka; the first four with an s at the end for TLS.
        folder: where messages are parked whose broker has no place for that (MQTT).

    Raises:
        MissingExtra: the broker's package is not installed.
        InputError: the broker cannot be reached, or does not let us in.
    """
    module = BROKERS.get(source.address.partition("://")[0].lower())
    if module is None:
        raise MisuseError(f"{source.name} does not stream; its address begins with none of {', '.join(BROKERS)}")
    opener = cast("Callable[[Source, str], Subscription]", import_module(f".{module}", __package__).subscribe)
    return opener(source, folder)


def client_of(source: Source) -> str:
    """What we call ourselves at the broker, for ever: under this name it keeps what we have not taken yet.

    >>> client_of(Source("my rides", "mqtt://localhost/rides"))
    'assayline-my-rides'
    """
    return text(source, "client") or "assayline-" + re.sub(r"[^A-Za-z0-9_-]", "-", source.name)


@contextmanager
def talking(shown: str, *kinds: type[BaseException]) -> Iterator[None]:
    """A broker's own errors, and the system's, as ours; their texts may repeat the address."""
    expected: tuple[type[BaseException], ...] = (*kinds, OSError)
    try:
        yield
    except expected as error:
        detail = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        raise Unreadable(shown, f"the broker cannot be talked to ({detail})", next_step="check that it runs, the address, the user and the password; it will be tried again") from None


def package(name: str, extra: str, distribution: str) -> Any:
    """A broker's package.

    Raises:
        MissingExtra: it is not installed; names the extra.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtra(f"subscribing to {extra} addresses", extra=extra, package=distribution) from error
