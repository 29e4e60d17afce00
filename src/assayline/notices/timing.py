"""When a notice is sent, and with which others: quiet hours, digests, updates that replace each other, back-off.

Nothing here looks at a clock or a disk: the same entries and the same moment give the same messages.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..core import Verdict
from ..errors import MisuseError
from .message import Notice, digest_of

GIVE_UP_AFTER = timedelta(days=7)  # a channel that was dead for a week has lost its owner; the ledger keeps what was not delivered
GIVE_UP_ATTEMPTS = 12  # most of a day; so that a machine that was off for a week does not give up at the first failure
_FIRST_PAUSE_SECONDS = 30.0
_LONGEST_PAUSE_SECONDS = 6 * 3600.0
_JITTER = 0.25  # either way, so that messages which failed together do not come back together
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
_DIGEST = re.compile(r"daily ([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True)
class Quiet:
    """When an owner does not want to be disturbed; `Quiet()` sends everything at once.

    Args:
        hours: "22:00-07:00" on the clocks of the zone, or None.
        zone: a name of the time zone database.
        digest: "daily 08:00": what was decided since yesterday's digest comes in one message; None for no digest.
        urgent: verdicts from this one on wait for neither; None makes all of them wait.

    Raises:
        MisuseError: one of them is malformed; the message says how it is written.

    >>> Quiet("22-7")
    Traceback (most recent call last):
    assayline.errors.MisuseError: quiet hours are written 22:00-07:00, from and to, not '22-7'
    """

    hours: str | None = None
    zone: str = "UTC"
    digest: str | None = None
    urgent: Verdict | None = Verdict.HOLD

    def __post_init__(self) -> None:
        if self.hours is not None and (not _HOURS.fullmatch(self.hours) or self.hours[:5] == self.hours[6:]):
            raise MisuseError(f"quiet hours are written 22:00-07:00, from and to, not {self.hours!r}")
        if self.digest is not None and not _DIGEST.fullmatch(self.digest):
            raise MisuseError(f"a digest is written 'daily 08:00', not {self.digest!r}")
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise MisuseError(f"there is no time zone {self.zone!r}; write one such as Europe/Stockholm (Windows: pip install tzdata)") from None


@dataclass(frozen=True)
class Pending:
    """A row of the outbox: one notice that one channel has not taken yet.

    Args:
        id: of the row.
        channel: as the user wrote it.
        notice: what is to be told.
        created: when it was decided, with its time zone.
        attempts: how often it could not be delivered.
        not_before: what the last outcome said, or None.
        quiet: what its owner wants.

    Raises:
        MisuseError: a time has no zone.
    """

    id: str
    channel: str
    notice: Notice
    created: datetime
    attempts: int = 0
    not_before: datetime | None = None
    quiet: Quiet = Quiet()

    def __post_init__(self) -> None:
        for moment in (self.created, self.not_before):
            if moment is not None and moment.tzinfo is None:
                raise MisuseError(f"the outbox row {self.id!r} needs times with their zone, not {moment!r}; write replace(tzinfo=UTC)")

    @property
    def urgent(self) -> bool:
        """Whether it passes through quiet hours and digests."""
        return self.quiet.urgent is not None and self.notice.verdict >= self.quiet.urgent


@dataclass(frozen=True)
class Due:
    """One message to send now, and the rows of the outbox that are settled with it."""

    channel: str
    notice: Notice
    ids: tuple[str, ...]
    attempts: int
    created: datetime
    urgent: bool


def due(entries: Iterable[Pending], now: datetime) -> list[Due]:
    """The messages to send now, the urgent ones first, then by age.

    Of one incident only the latest notice is sent to a channel; it settles the earlier ones that still wait, due or not. What
    waited for the end of quiet hours, or for a digest, goes out as one message. Both depend on what was decided before the
    moment they waited for, not on when this is called: repeated after a crash, it gives the same message with the same id.

    >>> at = datetime(2025, 3, 1, 8, tzinfo=UTC)
    >>> rows = [Pending(id, "mailto:a@example.com", Notice(id, "sales", "late", Verdict.WARN, at, incident="i"), at) for id in "ab"]
    >>> [(one.notice.id, one.ids) for one in due(rows, at)]
    [('b', ('b', 'a'))]
    """
    waiting = sorted(entries, key=lambda one: (one.channel, one.notice.at, one.created, one.id))
    heads: list[tuple[Pending, tuple[Pending, ...]]] = []
    for _, rows in groupby(waiting, key=lambda one: one.channel):
        by_story: dict[str, list[Pending]] = {}
        for row in rows:
            story = f"notice {row.notice.key}" if row.notice.incident is None else f"incident {row.notice.incident}"
            by_story.setdefault(story, []).append(row)
        for story_rows in by_story.values():
            latest = max((place for place, row in enumerate(story_rows) if ready_at(row) <= now), default=None)
            if latest is not None:
                heads.append((_first_told(story_rows[: latest + 1]), tuple(story_rows[:latest])))
    messages = [_message(group) for group in _batches(heads)]
    return sorted(messages, key=lambda one: (not one.urgent, one.created, one.notice.key, one.channel))


def planned_at(entry: Pending) -> datetime:
    """The moment an entry waits for: its creation, the end of the quiet hours, or the next digest.

    >>> at = datetime(2025, 3, 29, 22, 30, tzinfo=UTC)  # the night in which the clocks of Stockholm jump from 2 to 3
    >>> notice = Notice("a", "sales", "late", Verdict.WARN, at)
    >>> planned_at(Pending("a", "mailto:a@example.com", notice, at, quiet=Quiet("22:00-07:00", "Europe/Stockholm"))).isoformat()
    '2025-03-30T05:00:00+00:00'
    """
    created = entry.created.astimezone(UTC)
    if entry.urgent:
        return created
    moment = created if entry.quiet.digest is None else _next_digest(entry.quiet, created)
    return quiet_until(entry.quiet, moment)


def ready_at(entry: Pending) -> datetime:
    """The moment from which on an entry may be sent: as planned, and after the pause of its last failure."""
    planned = planned_at(entry)
    if entry.not_before is None or entry.not_before <= planned:
        return planned
    again = entry.not_before.astimezone(UTC)
    return again if entry.urgent else quiet_until(entry.quiet, again)


def quiet_until(quiet: Quiet, moment: datetime) -> datetime:
    """The end of the quiet hours the moment lies in, or the moment itself."""
    if quiet.hours is None:
        return moment
    start, end = (time.fromisoformat(one) for one in quiet.hours.split("-"))
    zone = ZoneInfo(quiet.zone)
    today = moment.astimezone(zone).date()
    for day in (today - timedelta(days=1), today):
        begins = _on_clock(day, start, zone)
        ends = _on_clock(day if end > start else day + timedelta(days=1), end, zone)
        if begins <= moment < ends:
            return ends
    return moment


def next_attempt(id: str, attempts: int, now: datetime, retry_after_seconds: float | None = None) -> datetime:
    """When to try again after so many failures: twice as long each time, up to 6 hours, and not all at the same moment.

    >>> now = datetime(2025, 3, 1, 8, tzinfo=UTC)
    >>> [round((next_attempt("a", n, now) - now).total_seconds()) for n in (1, 2, 3, 20)]
    [23, 65, 143, 22556]
    """
    pause: float = min(_FIRST_PAUSE_SECONDS * 2.0 ** (min(attempts, 64) - 1), _LONGEST_PAUSE_SECONDS)
    draw = int.from_bytes(hashlib.sha256(f"{id}\0{attempts}".encode("utf-8", "surrogatepass")).digest()[:8], "big") / 2**64
    pause *= 1 - _JITTER + 2 * _JITTER * draw
    return now + timedelta(seconds=max(pause, retry_after_seconds or 0.0))


def _batches(heads: list[tuple[Pending, tuple[Pending, ...]]]) -> list[list[tuple[Pending, tuple[Pending, ...]]]]:
    """What waited for the same moment goes out together; what waited for none, alone."""
    together: dict[tuple[str, Quiet, datetime], list[tuple[Pending, tuple[Pending, ...]]]] = {}
    alone = []
    for head in heads:
        planned = planned_at(head[0])
        if planned > head[0].created:
            together.setdefault((head[0].channel, head[0].quiet, planned), []).append(head)
        else:
            alone.append([head])
    return [*alone, *together.values()]


def _message(group: list[tuple[Pending, tuple[Pending, ...]]]) -> Due:
    heads = [head for head, _ in group]
    notices = tuple(head.notice for head in heads)
    return Due(
        channel=heads[0].channel,
        notice=notices[0] if len(notices) == 1 else digest_of(notices),
        ids=tuple(head.id for head in heads) + tuple(row.id for _, older in group for row in older),
        attempts=max(head.attempts for head in heads),
        created=max(head.created for head in heads),
        urgent=any(head.urgent for head in heads),
    )


def _first_told(rows: list[Pending]) -> Pending:
    """The latest of them; it is news, and no update, when it replaces the news itself."""
    latest = rows[-1]
    return replace(latest, notice=replace(latest.notice, update=all(row.notice.update for row in rows)))


def _next_digest(quiet: Quiet, moment: datetime) -> datetime:
    """The first digest strictly after the moment."""
    at = time.fromisoformat((quiet.digest or "").removeprefix("daily "))
    zone = ZoneInfo(quiet.zone)
    day = moment.astimezone(zone).date() - timedelta(days=1)
    while (slot := _on_clock(day, at, zone)) <= moment:
        day += timedelta(days=1)
    return slot


def _on_clock(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The first moment at which the clocks of the zone show this time or a later one of that day.

    In the night in which an hour is left out, that is the end of the gap; of an hour that comes twice, the first.
    """
    wall = datetime.combine(day, at)
    moment = wall.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall:
        return moment
    # Left out: `fold` tells the offset before the gap from the one after it, and the clocks jump somewhere between the two readings.
    low, high = wall.replace(tzinfo=zone, fold=1).astimezone(UTC), moment
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).replace(tzinfo=None) < wall:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)
