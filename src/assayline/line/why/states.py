"""The last good and the first bad state of a flow, once it is known which of its lots are bad."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.engine import Connection

from assayline.errors import MisuseError
from assayline.ledger import records, run_records
from assayline.ledger.records import LotRecord
from assayline.ledger.run_records import RunRecord

from ..ancestry import makers
from ..definition import Line
from ..project import Project
from .derivation import Derivation, derivation_before, derivation_of, derivation_of_run

STATES = ("released", "superseded", "held")
MOST_LOTS = 200  # of a flow that are looked at, the newest
HISTORY = 60  # of them are given back
FAILED = ("failed", "stopped")


@dataclass(frozen=True)
class States:
    """Between which two states of a flow something changed.

    Args:
        good: the last one that was well; None where there was none.
        bad: the first one that was not.
        history: lots of the flow, oldest first: one for each of its places before the bad one, the bad one, and one for each place after it.
    """

    good: Derivation | None
    bad: Derivation
    history: tuple[int, ...]


def states_of(project: Project, line: Line, flow: str, *, bad_lots: Sequence[int] | None = None, since: str | None = None, run: int | None = None) -> States:
    """The first bad state of a flow, and the last good one before it.

    Lots that were replaced are states too, and so are those that are held. Where a result was made again, because code or a parameter changed, and the earlier result of the
    same place was well, that one is the good state: everything else is equal then.

    Args:
        project: where.
        line: the flow is part of.
        flow: its name.
        bad_lots: which of its lots are bad; of these the last unbroken run counts. None: the newest lot, or those since `since`.
        since: when it began (ISO 8601, with its zone or in UTC): the first bad lot from then on.
        run: number of a run of the step that failed; it is the bad state then.

    Raises:
        MisuseError: there is no such flow, lot or run, or nothing is bad in this time.
    """
    since = _utc(since) if since is not None else None
    with project.ledger.read() as connection:
        if run is not None:
            return _of_run(connection, line, run)
        lots = _lots(connection, flow)
        made = makers(connection, [lot.lot for lot in lots])
        first = _first_bad(flow, lots, bad_lots, since)
        last = _last_good(connection, lots, made, first, set(bad_lots or ()))
        history = _history(lots, made, first)
        bad = derivation_of(connection, lots[first].lot)
        return States(derivation_before(connection, last.lot, bad) if last is not None else None, bad, history)


def _utc(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise MisuseError(f"{text!r} is no time; write one such as 2026-03-14T06:00") from error
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="microseconds")


def _lots(connection: Connection, flow: str) -> list[LotRecord]:
    """The states of a flow: rows that came back from the quarantine are no state of their own."""
    found = [lot for lot in records.lots(connection, flow, states=STATES, most=MOST_LOTS, newest_first=True)[::-1] if not lot.parents]
    if not found:
        names = ", ".join(one.name for one in records.flows(connection)) or "none yet"
        raise MisuseError(f"there is no flow {flow!r} with a lot that can be looked at; flows: {names}")
    return found


def _first_bad(flow: str, lots: Sequence[LotRecord], bad_lots: Sequence[int] | None, since: str | None) -> int:
    """Which of the lots is the first bad one."""
    if bad_lots is None:
        if since is None:
            return len(lots) - 1
        found = next((at for at, lot in enumerate(lots) if lot.at >= since), None)
    else:
        bad = {at for at, lot in enumerate(lots) if lot.lot in set(bad_lots)}
        if since is not None:
            found = next((at for at in sorted(bad) if lots[at].at >= since), None)
        else:
            found = max(bad, default=None)
            while found is not None and found - 1 in bad:
                found -= 1
    if found is None:
        when = f" since {since}" if since is not None else ""
        raise MisuseError(f"no lot of {flow!r}{when} is a bad one; look at: assay lots {flow}")
    return found


def _last_good(connection: Connection, lots: Sequence[LotRecord], made: Mapping[int, RunRecord], first: int, bad: set[int]) -> LotRecord | None:
    place = _place(lots[first], made)
    if place:  # asked of the ledger: where hundreds of results were made again, the earlier ones are not among the newest lots
        same = [one for one in run_records.made_at(connection, lots[first].flow, place) if one < lots[first].lot and one not in bad]
        found = [lot for lot in records.lots_with(connection, same[-MOST_LOTS:]) if lot.state in STATES]
        if found:
            return found[-1]
    return next((lot for lot in reversed(lots[:first]) if lot.lot not in bad), None)


def _place(lot: LotRecord, made: Mapping[int, RunRecord]) -> str:
    """Which of the results of its step a lot is; "" for deliveries and for states that are made anew."""
    return made[lot.lot].place if lot.lot in made else ""


def _history(lots: Sequence[LotRecord], made: Mapping[int, RunRecord], first: int) -> tuple[int, ...]:
    def of_each_place(some: Sequence[LotRecord]) -> list[int]:
        return sorted({_place(lot, made) or f"lot {lot.lot}": lot.lot for lot in some}.values())

    return tuple([*of_each_place(lots[:first]), lots[first].lot, *of_each_place(lots[first + 1 :])][-HISTORY:])


def _of_run(connection: Connection, line: Line, number: int) -> States:
    """A run that failed, and the last one of its step before it that did not: of the same place, where there is one."""
    failed = run_records.run_numbered(connection, number)
    if failed.state not in FAILED:
        raise MisuseError(f"run {number} of {failed.step!r} is {failed.state}; ask for its lot {failed.output} instead")
    earlier = [one for one in run_records.runs(connection, step=failed.step, states=("done",)) if one.run < number and one.output is not None]
    same = [one for one in earlier if failed.place and one.place == failed.place]
    last = (same or earlier)[-1:]
    bad = derivation_of_run(connection, failed)
    good = [derivation_before(connection, one.output, bad) for one in last if one.output is not None]
    history = tuple(dict.fromkeys(one.output for one in earlier[-HISTORY:] if one.output is not None))
    return States(good[0] if good else None, bad, history)
