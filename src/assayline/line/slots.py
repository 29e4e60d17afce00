"""Times of a schedule, each taken by one of the workers that share a ledger, and written down as served exactly once.

    lease of the schedule, or nothing ──▶ due? ──▶ the work ──▶ one transaction: fenced? slot served

A worker that dies in the middle leaves the time unserved: the next one takes it. So the work itself may run twice, and has to be such that the second
time changes nothing (runs of steps are told apart by their identity, deliveries by their digest); served it is once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from assayline.ledger import SqlLedger, Watch, tried
from assayline.ledger.run_records import last_slots

from .schedule import Schedule, due, last_slot

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Ended:
    """How work ended: "done", "failed" or "stopped", and why."""

    outcome: str
    reason: str = ""


DONE = Ended("done")
Work = Callable[[datetime], Ended | None]


@dataclass(frozen=True)
class Served:
    """A time that was served: of which schedule, how it ended, and the last time that came meanwhile and was passed over, if any."""

    schedule: str
    slot: datetime
    ended: Ended
    seconds: float
    passed_over: datetime | None = None


def clock_on_the_wall() -> datetime:
    """The time of this machine, in UTC."""
    return datetime.now(UTC)


def last_served(ledger: SqlLedger, moment: datetime) -> dict[str, datetime]:
    """The newest time of each schedule that was served or passed over; none for one that never was. What a clock that was ahead has served does not count yet."""
    with ledger.read() as connection:
        return {name: datetime.fromisoformat(slot) for name, slot in last_slots(connection, stamp(moment)).items()}


def waiting(ledger: SqlLedger, schedules: Iterable[Schedule], moment: datetime) -> list[Schedule]:
    """The schedules that have a time to serve now, found with one look into the ledger; who has waited longest comes first."""
    served = last_served(ledger, moment)
    found = [(times[0], number, one) for number, one in enumerate(schedules) if (times := due(one, served.get(one.name), moment))]
    return [one for _, _, one in sorted(found, key=lambda item: item[:2])]


def serve(ledger: SqlLedger, schedule: Schedule, work: Work, *, watch: Watch, clock: Clock = clock_on_the_wall) -> Served | None:
    """Does the work for the oldest time that is due; None where none is, or another worker is at it.

    Args:
        ledger: shared by all workers.
        schedule: whose times.
        work: is given the time; says how it ended, or None when it was broken off and the time is to be taken again.
        watch: the worker's own; the same one at every call.
        clock: what time it is.

    Raises:
        Fenced: another worker has taken over; what this one did is done again there.
        LedgerError: it could not be written; the time is not served.
    """
    with tried(ledger, f"schedule:{schedule.name}", watch) as lease:
        if lease is None:
            return None
        begun = clock()
        times = due(schedule, last_served(ledger, begun).get(schedule.name), begun)
        if not times:
            return None
        slot = times[0]
        ended = work(slot)
        if ended is None:
            return None
        finished = clock()
        passed_over = _passed_over(schedule, slot, begun, finished)
        with ledger.write() as writing:
            lease.check(writing.connection)
            body = {"schedule": schedule.name, "at": stamp(finished), "began": stamp(begun)}
            writing.append("slot", {**body, "slot": stamp(slot), "outcome": ended.outcome, "reason": ended.reason})
            if passed_over is not None:
                writing.append("slot", {**body, "slot": stamp(passed_over), "outcome": "skipped", "reason": "the work for an earlier time went on"})
        return Served(schedule.name, slot, ended, (finished - begun).total_seconds(), passed_over)


def stamp(moment: datetime) -> str:
    """A moment as it stands in the ledger: UTC, and in order as text.

    >>> stamp(datetime.fromisoformat("2026-05-01T03:00+02:00"))
    '2026-05-01T01:00:00+00:00'
    """
    return moment.astimezone(UTC).replace(microsecond=0).isoformat()


def _passed_over(schedule: Schedule, slot: datetime, begun: datetime, ended: datetime) -> datetime | None:
    """The last time that came while the work went on, where such times are skipped."""
    newest = last_slot(schedule, ended) if schedule.overlap == "skip" else None
    return newest if newest is not None and newest > max(slot, begun) else None
