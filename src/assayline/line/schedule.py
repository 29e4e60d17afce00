"""When a flow is asked for news or a step runs: times from cron's spelling, each of them once whatever the clocks of its zone do. Pure.

`H` in a field is a value that follows from the name, as in Jenkins: a hundred flows on `H H(2-5) * * *` do not all begin at two. Clocks that are put
forward or back are treated as by Vixie's cron: a time of day that is left out comes when the clock goes on, one that comes twice counts the first
time, and a schedule of every hour goes by elapsed time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from croniter import croniter
from croniter.croniter import CroniterError

from assayline.errors import MisuseError

from .windows import Window, open_at

FIELDS = ("minute", "hour", "day of the month", "month", "day of the week")
EXAMPLE = "'H H(2-5) * * *' (once between two and six) or '30 7 * * 1-5' (half past seven on working days)"
WORDS = {"@hourly": "H * * * *", "@daily": "H H * * *", "@midnight": "H H(0-2) * * *", "@weekly": "H H * * H", "@monthly": "H H H * *"}
CATCH_UP = ("last", "all", "none")
OVERLAP = ("skip", "queue")
MOST_AT_ONCE = 100  # times that "all" gives back at once, oldest first; the next call goes on
ON_TIME = timedelta(minutes=5)  # what "none" still takes: a worker that was busy is no outage
DAY = timedelta(hours=25)  # no zone moves its clock by more (Pacific/Apia and Kwajalein left out or repeated a day)
LAST = datetime(9998, 1, 1, tzinfo=UTC)  # a year later some local times have no date any more
REFERENCE_YEAR = 2026  # whose changes of the clock `spread` looks at; where a zone has other habits later, one hour of one day is fuller
CHOICES = 32  # hashes a name may have tried; with so many the emptiest of 24 hours is missed by one name in four
FAIR = 1.5  # times the mean load of an hour that one hour may have


@dataclass(frozen=True)
class Schedule:
    """The times at which something is done.

    Args:
        name: of the flow; `H` follows from it.
        every: five fields of cron, or @hourly, @daily, @weekly, @monthly.
        zone: whose clock, an IANA name.
        catch_up: what is done about times that passed while nobody worked: the "last" of them, "all" of them one by one, or "none".
        overlap: what is done about times that come while the work for an earlier one goes on: "skip" or "queue" (one after the other).
        windows: when it may run at all, such as "Mon-Fri 08:00-18:00 Europe/Stockholm" or "deny Sat-Sun".
        choice: which of its hashes the name uses; `spread` raises it where an hour is full.

    >>> Schedule("sales", "H H(2-5) * * *").resolved()
    '14 3 * * *'
    """

    name: str
    every: str
    zone: str = "UTC"
    catch_up: str = "last"
    overlap: str = "skip"
    windows: tuple[str, ...] = ()
    choice: int = 0

    def __post_init__(self) -> None:
        for word, value, known in (("catch_up", self.catch_up, CATCH_UP), ("overlap", self.overlap, OVERLAP)):
            if value not in known:
                raise MisuseError(f"{self.name}: {word} is {' or '.join(known)}, not {value!r}")
        object.__setattr__(self, "windows", tuple(self.windows))
        zone_of(self.zone)
        _check(self.every, self.name)
        self.opened()

    def opened(self) -> tuple[Window, ...]:
        """Its windows as values."""
        return tuple(Window.parse(one) for one in self.windows)

    def resolved(self) -> str:
        """Its times with every `H` decided."""
        return " ".join(",".join(str(one) for one in field) for field in _fields(_plain(self.every), self.hashed))

    @property
    def hashed(self) -> bytes:
        """What `H` follows from: a digest, since croniter's own hash (CRC-32) gives names that differ in a digit neighbouring times."""
        return hashlib.sha256(f"{self.name} {self.choice}".encode()).digest()


def zone_of(name: str) -> ZoneInfo:
    """The zone of this name.

    Raises:
        MisuseError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # a ZoneInfoNotFoundError is a KeyError; a folder or a path out of the database are the others
        raise MisuseError(f"{name!r} is no time zone; name one as the IANA does, such as Europe/Stockholm or UTC") from error


def slots(schedule: Schedule, after: datetime, until: datetime) -> list[datetime]:
    """The times of a schedule after one moment and up to another, in UTC.

    >>> summer = Schedule("sales", "30 2 * * *", "Europe/Stockholm")
    >>> [f"{one:%d %H:%M}" for one in slots(summer, datetime(2026, 3, 27, 12, tzinfo=UTC), datetime(2026, 3, 30, 12, tzinfo=UTC))]
    ['28 01:30', '29 01:00', '30 00:30']
    """
    after, until = after.astimezone(UTC), min(until.astimezone(UTC), LAST)
    if after >= until:
        return []
    zone = zone_of(schedule.zone)
    start = _wall(after, zone) - max(timedelta(), _offset(after, zone) - _offset(after + DAY, zone))
    end = _wall(until, zone) + max(timedelta(), _offset(max(until - DAY, after), zone) - _offset(until, zone))
    hourly = is_hourly(schedule)
    found: set[datetime] = set()
    for wall in _walls(schedule, start - timedelta(seconds=1), backwards=False):
        if wall > end:
            break
        found.update(one for one in _instants(wall, zone, hourly) if after < one <= until)
    return sorted(found)


@lru_cache(maxsize=8192)  # asked again and again by whoever waits for it
def next_slot(schedule: Schedule, after: datetime) -> datetime | None:
    """The first time after a moment; None where that is thousands of years away."""
    zone = zone_of(schedule.zone)
    hourly = is_hourly(schedule)
    after = after.astimezone(UTC)
    if after >= LAST:
        return None
    for wall in _walls(schedule, _wall(after, zone) - timedelta(seconds=1), backwards=False):
        later = [one for one in _instants(wall, zone, hourly) if one > after]
        if later:
            return slots(schedule, after, later[0])[0]
        if wall.year >= LAST.year:
            return None
    return None


def last_slot(schedule: Schedule, until: datetime) -> datetime | None:
    """The last time up to a moment; None where there never was one."""
    zone = zone_of(schedule.zone)
    hourly = is_hourly(schedule)
    until = min(until.astimezone(UTC), LAST)
    for wall in _walls(schedule, _wall(until, zone) + timedelta(minutes=1), backwards=True):
        earlier = [one for one in _instants(wall, zone, hourly) if one <= until]
        if earlier:
            return slots(schedule, earlier[-1] - timedelta(seconds=1), until)[-1]
        if wall.year < 1971:
            return None
    return None


def due(schedule: Schedule, last_served: datetime | None, now: datetime) -> tuple[datetime, ...]:
    """The times that are to be served now, oldest first, by the policy for times that were missed; none while its windows are closed.

    Args:
        schedule: whose.
        last_served: the newest time that was served or passed over; None for a schedule that never was: then the last time counts, as if it had been missed.
        now: the moment.

    >>> nightly = Schedule("sales", "0 3 * * *", catch_up="all")
    >>> len(due(nightly, datetime(2026, 5, 1, 3, tzinfo=UTC), datetime(2026, 5, 4, 12, tzinfo=UTC)))
    3
    """
    if last_served is not None and (coming := next_slot(schedule, last_served)) is not None and coming > now:
        return ()
    newest = last_slot(schedule, now)
    if newest is None or (last_served is not None and newest <= last_served) or not open_at(schedule.opened(), now):
        return ()
    if schedule.catch_up == "all" and last_served is not None:
        return tuple(_first_slots(schedule, last_served, now, MOST_AT_ONCE))
    if schedule.catch_up == "none" and now - newest > ON_TIME:
        return ()
    return (newest,)


def _first_slots(schedule: Schedule, after: datetime, until: datetime, most: int) -> Iterator[datetime]:
    for _ in range(most):
        one = next_slot(schedule, after)
        if one is None or one > until:
            return
        yield one
        after = one


def is_hourly(schedule: Schedule) -> bool:
    """Whether it runs in every hour of the day: then elapsed time counts and not the time of day."""
    hours = _fields(_plain(schedule.every), schedule.hashed)[1]
    return hours == ("*",) or {str(hour) for hour in range(24)} <= {str(one) for one in hours}


def spread(schedules: Iterable[Schedule]) -> tuple[Schedule, ...]:
    """The same schedules, so that no hour of the week has more than 1.5 times the mean of all hours, as far as their fields allow.

    A hash by itself is no better than dice: of a hundred names that choose among 24 hours, nine fall into one. So a name keeps its own time unless that
    hour is full; then its next hash is asked (consistent hashing with bounded loads: Mirrokni, Thorup and Zadimoghaddam 2018). Who comes first is decided
    by a digest of the names too. The same schedules always give the same times, and a new one moves few of the others.

    >>> names = [f"flow-{number}" for number in range(100)]
    >>> hours = [one.resolved().split()[1] for one in spread(Schedule(name, "H H * * *") for name in names)]
    >>> max(hours.count(hour) for hour in hours)
    6
    """
    given = list(schedules)
    chosen: dict[int, Schedule] = {}
    for zone in sorted({one.zone for one in given}):  # each for itself, since in summer their clocks move against each other
        busy = dict.fromkeys(((day, hour) for day in range(7) for hour in range(24)), 0.0)
        ours = [number for number, one in enumerate(given) if one.zone == zone]
        fair = FAIR * sum(_times_a_week(given[number]) for number in ours) / len(busy)
        for number in sorted(ours, key=lambda one: _turn(given[one])):
            chosen[number] = best = _emptiest(given[number], busy, fair)
            for bin_, load in _load(best).items():
                busy[bin_] += load
    return tuple(chosen[number] for number in range(len(given)))


def _turn(schedule: Schedule) -> tuple[bool, bytes, str]:
    """Who comes first: those that have no choice, then by a digest of the name."""
    return "H" in _plain(schedule.every), hashlib.sha256(schedule.name.encode()).digest(), schedule.name


def _emptiest(schedule: Schedule, busy: dict[tuple[int, int], float], fair: float) -> Schedule:
    best, least = schedule, float("inf")
    for choice in range(CHOICES if _turn(schedule)[0] else 1):
        one = replace(schedule, choice=choice)
        height = max((busy[bin_] + load for bin_, load in _load(one).items()), default=0.0)
        if height <= fair:
            return one
        if height < least:
            best, least = one, height
    return best


def _load(schedule: Schedule) -> dict[tuple[int, int], float]:
    """How often it runs in each hour of a week; for a schedule of some days of the month its share of them.

    An hour that is left out in spring falls together with the next one, so its load counts for both.
    """
    minutes, hours, days, months, weekdays = _fields(_plain(schedule.every), schedule.hashed)
    times = 60 if minutes == ("*",) else len(minutes)
    share = times * (1.0 if days == ("*",) else len(days) / 30.4) * (1.0 if months == ("*",) else len(months) / 12)
    on_days = range(7) if weekdays == ("*",) or days != ("*",) else {int(one) % 7 for one in weekdays if str(one).isdigit()}
    on_hours = list(range(24)) if hours == ("*",) else [int(one) for one in hours]
    if not is_hourly(schedule):
        on_hours += [after for hour, after in left_out(schedule.zone).items() if hour in on_hours]
    load: dict[tuple[int, int], float] = {}
    for day in on_days:
        for hour in on_hours:
            load[day, hour] = load.get((day, hour), 0.0) + share
    return load


def _times_a_week(schedule: Schedule) -> float:
    """Its times, each counted once."""
    return sum(_load(replace(schedule, zone="UTC")).values())


@lru_cache(maxsize=256)
def left_out(zone: str) -> dict[int, int]:
    """The hours that some day of the year lacks, each with the hour its times come in instead.

    >>> left_out("Europe/Stockholm"), left_out("UTC")
    ({2: 3}, {})
    """
    clock, found = zone_of(zone), {}
    for day in range(366):
        midnight = datetime(REFERENCE_YEAR, 1, 1) + timedelta(days=day)
        if midnight.replace(tzinfo=clock).utcoffset() == (midnight + timedelta(days=1)).replace(tzinfo=clock).utcoffset():
            continue
        for hour in range(24):
            wall = midnight.replace(hour=hour, minute=30)
            (moment,) = _instants(wall, clock, hourly=False)
            if _wall(moment, clock) != wall:
                found[hour] = _wall(moment, clock).hour
    return found


def _walls(schedule: Schedule, start: datetime, *, backwards: bool) -> Iterator[datetime]:
    """What the clock on the wall shows at its times, from a moment on or back."""
    times = croniter(_plain(schedule.every), start.replace(microsecond=0), hash_id=schedule.hashed)
    try:
        while True:
            yield times.get_prev(datetime) if backwards else times.get_next(datetime)
    except (CroniterError, OverflowError):  # none in fifty years, or beyond the calendar
        return


def _instants(wall: datetime, zone: ZoneInfo, hourly: bool) -> tuple[datetime, ...]:
    """The moments at which the clock of a zone stands for a time on the wall."""
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if _wall(first, zone) != wall:  # left out: the clock was put forward over it
        return () if hourly else (_moved(second, first, zone),)
    return (first, second) if hourly and second != first else (first,)


def _moved(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The first second between two moments at which the clock of a zone goes by its later offset."""
    later, seconds = _offset(after, zone), int((after - before).total_seconds())
    low, high = 0, seconds
    while low < high:
        middle = (low + high) // 2
        if _offset(before + timedelta(seconds=middle), zone) == later:
            high = middle
        else:
            low = middle + 1
    return before + timedelta(seconds=high)


def _wall(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _plain(every: str) -> str:
    return WORDS.get(every.strip().lower(), every.strip())


@lru_cache(maxsize=8192)
def _fields(every: str, hashed: bytes) -> tuple[tuple[int | str, ...], ...]:
    expanded, weekdays = croniter.expand(every, hash_id=hashed)
    if weekdays:  # "the second Friday" stands beside the list of weekdays
        expanded[4] = [f"{day}#{nth}" for day, numbers in weekdays.items() for nth in sorted(numbers)]
    return tuple(tuple(field) for field in expanded)


def _check(every: str, name: str) -> None:
    """Refuses what is no schedule, with what is wrong in it.

    Raises:
        MisuseError: with the field and an example.
    """
    pieces: Sequence[str] = _plain(every).split()
    if every.strip().startswith("@") and every.strip().lower() not in WORDS:
        raise MisuseError(f"{name}: {every!r} is no schedule; use {', '.join(WORDS)} or five fields, such as {EXAMPLE}")
    if len(pieces) != len(FIELDS):
        raise MisuseError(f"{name}: the schedule {every!r} has {len(pieces)} fields and not five ({', '.join(FIELDS)}); write for example {EXAMPLE}")
    for place, (field, piece) in enumerate(zip(FIELDS, pieces, strict=True)):
        alone = ["*"] * len(FIELDS)
        alone[place] = piece
        try:
            if "R" in piece.upper().replace("FRI", "").replace("MAR", "").replace("APR", ""):
                raise ValueError("a time by chance is not repeatable; write H")
            _fields(" ".join(alone), b"")
        except (ValueError, KeyError, IndexError) as error:
            raise MisuseError(f"{name}: {piece!r} is no {field} in the schedule {every!r}; write for example {EXAMPLE}") from error
    try:
        croniter(_plain(every), datetime(2000, 1, 1), hash_id=b"").get_next(datetime)
    except CroniterError as error:
        raise MisuseError(f"{name}: the schedule {every!r} never comes: there is no such day; write for example {EXAMPLE}") from error


__all__ = ["Schedule", "due", "is_hourly", "last_slot", "next_slot", "slots", "spread", "zone_of"]
