"""Takes due rows of the outbox to their channels, at least once.

An outcome is recorded only after sending, so a crash between the two sends the same message with the same id again, and
never loses one.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from ..errors import AssaylineError, DeliveryError, MisuseError
from .message import Notice
from .timing import GIVE_UP_AFTER, GIVE_UP_ATTEMPTS, Due, Pending, due, next_attempt


class Send(Protocol):
    """Sends a notice, or raises `DeliveryError`; `functools.partial(send, settings=settings)` is one."""

    def __call__(self, channel: str, notice: Notice, *, timeout_seconds: float) -> None: ...


@dataclass(frozen=True)
class Outcome:
    """What became of a message, for all the rows that went with it.

    Args:
        state: "delivered"; "failed" (again at `not_before`); "given_up" (never again); or "put_off" (not tried, because its
            channel is out of order; again at `not_before`).
        at: when.
        notice: id of the notice that was sent; the digest's where rows went together.
        attempts: how often it could not be delivered, this time included.
        not_before: when to try again, or None.
        cause: what went wrong, without secrets; "" for nothing.
    """

    state: str
    at: datetime
    notice: str
    attempts: int = 0
    not_before: datetime | None = None
    cause: str = ""


@dataclass(frozen=True)
class Relayed:
    """How many messages had which outcome; `left` were not looked at because the time was up."""

    delivered: int = 0
    failed: int = 0
    given_up: int = 0
    put_off: int = 0
    left: int = 0


def relay(
    pending: Iterable[Pending],
    send: Send,
    record: Callable[[tuple[str, ...], Outcome], None],
    *,
    now: datetime,
    clock: Callable[[], float] = time.monotonic,
    budget_seconds: float = 60.0,
    timeout_seconds: float = 10.0,
) -> Relayed:
    """Sends what is due, and records each outcome after it happened.

    Channels take turns, those without failures first; a channel that is out of order is asked once, and the rest of its
    messages are put off. What `send` raises is an outcome; what `record` raises goes through, and everything not recorded is
    still pending.

    Args:
        pending: rows of the outbox that are not settled; those not due are left alone.
        record: takes the ids of the rows that one message settled, and its outcome; one transaction.
        now: the moment this is about.
        clock: seconds, from anywhere, that only go forward.
        budget_seconds: no message is begun that might end later than this.
        timeout_seconds: for one message.
    """
    started = clock()
    timeout_seconds = min(timeout_seconds, budget_seconds)
    queues: dict[str, deque[Due]] = {}
    for message in due(pending, now):
        queues.setdefault(message.channel, deque()).append(message)
    turns = deque(sorted(queues, key=lambda channel: max(message.attempts for message in queues[channel])))
    counts = dict.fromkeys(("delivered", "failed", "given_up", "put_off"), 0)
    while turns and clock() - started + timeout_seconds <= budget_seconds:
        channel = turns.popleft()
        message = queues[channel].popleft()
        trouble = _trouble(send, message, timeout_seconds)
        outcome = _outcome(message, trouble, now + timedelta(seconds=clock() - started))
        record(message.ids, outcome)
        counts[outcome.state] += 1
        if trouble is not None and trouble.unreachable:
            while queues[channel]:
                message = queues[channel].popleft()
                other = _put_off(message, outcome)
                record(message.ids, other)
                counts[other.state] += 1
        if queues[channel]:
            turns.append(channel)
    return Relayed(**counts, left=sum(map(len, queues.values())))


def _trouble(send: Send, message: Due, timeout_seconds: float) -> DeliveryError | None:
    try:
        send(message.channel, message.notice, timeout_seconds=timeout_seconds)
    except DeliveryError as error:
        return error
    except MisuseError as error:
        return DeliveryError("the channel", str(error), permanent=True)
    except AssaylineError as error:
        # A missing package, say: the operator's to mend, and then the message still goes out.
        return DeliveryError("the channel", str(error), unreachable=True)
    except Exception as error:  # noqa: BLE001 - whatever fails in one message, the others go out; its text may hold a secret
        return DeliveryError("the channel", f"sending failed with {type(error).__name__}")
    return None


def _outcome(message: Due, trouble: DeliveryError | None, at: datetime) -> Outcome:
    key = message.notice.key
    if trouble is None:
        return Outcome("delivered", at, key, message.attempts)
    attempts = message.attempts + 1
    if trouble.permanent:
        return Outcome("given_up", at, key, attempts, cause=str(trouble))
    if _is_hopeless(message, attempts, at):
        return Outcome("given_up", at, key, attempts, cause=f"{trouble}; given up after {GIVE_UP_AFTER.days} days")
    return Outcome("failed", at, key, attempts, next_attempt(key, attempts, at, trouble.retry_after_seconds), str(trouble))


def _put_off(message: Due, first: Outcome) -> Outcome:
    """What becomes of a message whose channel has just failed another one: it waits with it."""
    key, attempts = message.notice.key, message.attempts + 1
    if _is_hopeless(message, attempts, first.at):
        return Outcome("given_up", first.at, key, attempts, cause=first.cause)
    again = first.not_before or next_attempt(key, attempts, first.at)
    return Outcome("put_off", first.at, key, attempts, again, first.cause)


def _is_hopeless(message: Due, attempts: int, at: datetime) -> bool:
    return at - message.created >= GIVE_UP_AFTER and attempts >= GIVE_UP_ATTEMPTS
