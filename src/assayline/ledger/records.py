"""What the ledger knows, as values: flows, lots, cases, incidents, rules. Every function reads one state of the ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from assayline.errors import MisuseError

from .schema import CASES, CHANNELS, DECISIONS, FLOWS, FREED, INCIDENTS, LOTS, PASTS, PUSHED, RULES, STANDING, TARGETS

ROWS = ("taken", "released", "quarantined", "held", "unparseable")


@dataclass(frozen=True)
class LotRecord:
    """One lot as the ledger knows it. `place` counts the lots of its flow from 1; `rows` has the counts of the contract."""

    lot: int
    flow: str
    place: int
    digest: str
    input: str
    at: str
    verdict: str
    state: str
    teaches: bool
    deliveries: int
    rows: Mapping[str, int]
    objects: Mapping[str, str]
    parents: tuple[int, ...]
    findings: tuple[Mapping[str, Any], ...]
    codes: tuple[str, ...]
    figures: Mapping[str, Any]
    facts: Mapping[str, str]


@dataclass(frozen=True)
class LotLine:
    """What lineage needs of a lot: little enough to look at many thousands."""

    lot: int
    flow: str
    verdict: str
    state: str
    released: int
    parents: tuple[int, ...]


@dataclass(frozen=True)
class FlowRecord:
    """One flow: its settings, how many lots it has taken, and from which place on lots teach."""

    name: str
    kind: str
    since: str
    settings: Mapping[str, Any]
    lots: int
    learned_from: int


def _lot(row: Row[Any]) -> LotRecord:
    return LotRecord(
        int(row.lot), row.flow, int(row.place), row.digest, row.input, row.at, row.verdict, row.state, bool(row.teaches), int(row.deliveries),
        {name: int(getattr(row, name)) for name in ROWS}, json.loads(row.objects), tuple(json.loads(row.parents)), tuple(json.loads(row.findings)),
        tuple(json.loads(row.codes)), json.loads(row.figures), json.loads(row.facts),
    )  # fmt: skip


# Lots of long ago share merged profiles (PASTS) and have none of their own.
_HAS_PROFILE = LOTS.c.objects.like('%"profile":%')


def flow_of(connection: Connection, name: str) -> FlowRecord | None:
    """The flow of this name, or None."""
    row = connection.execute(sa.select(FLOWS).where(FLOWS.c.name == name)).first()
    return None if row is None else FlowRecord(row.name, row.kind, row.since, json.loads(row.settings), int(row.lots), int(row.learned_from))


def flows(connection: Connection, *, kind: str | None = None) -> list[FlowRecord]:
    """All flows, or those of one kind of lots, by name."""
    query = sa.select(FLOWS).order_by(FLOWS.c.name)
    rows = connection.execute(query if kind is None else query.where(FLOWS.c.kind == kind)).all()
    return [FlowRecord(row.name, row.kind, row.since, json.loads(row.settings), int(row.lots), int(row.learned_from)) for row in rows]


def flow_lines(connection: Connection) -> list[dict[str, Any]]:
    """Each flow by name, with its last lot and what is open, in three queries whatever the number of flows."""
    last = sa.select(FLOWS.c.name, FLOWS.c.lots, LOTS.c.at, LOTS.c.verdict).select_from(
        FLOWS.outerjoin(LOTS, sa.and_(LOTS.c.flow == FLOWS.c.name, LOTS.c.place == FLOWS.c.lots))
    ).order_by(FLOWS.c.name)  # fmt: skip
    incidents = sa.select(INCIDENTS.c.flow, sa.func.count()).where(INCIDENTS.c.state == "open").group_by(INCIDENTS.c.flow)
    open_cases = sa.select(CASES.c.flow, sa.func.count()).where(CASES.c.open > 0).group_by(CASES.c.flow)
    going_on, waiting_cases = ({str(flow): int(count) for flow, count in connection.execute(query)} for query in (incidents, open_cases))
    return [
        {"flow": row.name, "lots": int(row.lots), "last_at": row.at, "last_verdict": row.verdict, "open_incidents": going_on.get(row.name, 0), "open_cases": waiting_cases.get(row.name, 0)}
        for row in connection.execute(last)
    ]  # fmt: skip


def lot_of(connection: Connection, number: int) -> LotRecord:
    """The lot of this number.

    Raises:
        MisuseError: there is none.
    """
    row = connection.execute(sa.select(LOTS).where(LOTS.c.lot == number)).first()
    if row is None:
        raise MisuseError(f"there is no lot {number}; see: assay lots")
    return _lot(row)


def lots_with(connection: Connection, numbers: Sequence[int]) -> list[LotRecord]:
    """The lots of these numbers (at most some hundred), in order; those that do not exist are left out."""
    return [_lot(row) for row in connection.execute(sa.select(LOTS).where(LOTS.c.lot.in_(numbers)).order_by(LOTS.c.lot))]


def lot_lines(connection: Connection, numbers: Sequence[int]) -> list[LotLine]:
    """The lots of these numbers (at most some hundred) without what takes room; those that do not exist are left out."""
    columns = (LOTS.c.lot, LOTS.c.flow, LOTS.c.verdict, LOTS.c.state, LOTS.c.released, LOTS.c.parents)
    rows = connection.execute(sa.select(*columns).where(LOTS.c.lot.in_(numbers)))
    return [LotLine(int(row.lot), row.flow, row.verdict, row.state, int(row.released), tuple(json.loads(row.parents))) for row in rows]


def lot_with(connection: Connection, flow: str, digest: str) -> LotRecord | None:
    """The lot of a flow with these bytes, or None."""
    row = connection.execute(sa.select(LOTS).where(LOTS.c.flow == flow, LOTS.c.digest == digest).order_by(LOTS.c.lot).limit(1)).first()
    return None if row is None else _lot(row)


def last_lot(connection: Connection) -> int:
    """The highest number of a lot; 0 where there is none."""
    return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(LOTS.c.lot), 0))).scalar_one())


def first_lot_since(connection: Connection, time: str) -> int:
    """The number of the first lot that arrived at this time (UTC) or later: lots are numbered as they arrive; one above the last where there is none."""
    low, high = 1, last_lot(connection) + 1
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(sa.select(LOTS.c.lot, LOTS.c.at).where(LOTS.c.lot >= middle).order_by(LOTS.c.lot).limit(1)).first()
        if row is None or row.at >= time:
            high = middle
        else:
            low = int(row.lot) + 1
    return low


def last_case(connection: Connection) -> int:
    """The highest number of a case; 0 where there is none."""
    return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(CASES.c.number), 0))).scalar_one())


def last_incident(connection: Connection) -> int:
    """The highest number of an incident; 0 where there is none."""
    return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(INCIDENTS.c.incident), 0))).scalar_one())


def teachers(connection: Connection, flow: FlowRecord, most: int, *, before: int | None = None) -> list[LotRecord]:
    """The last lots that say what normal is, oldest first.

    Args:
        connection: of `SqlLedger.read`.
        flow: whose.
        most: how many at most.
        before: only lots before this place of the flow; where some of these were thinned away, the nearest ones after it that still have their own profile
            stand in for them.
    """
    teach = (LOTS.c.flow == flow.name, LOTS.c.teaches.is_(True), LOTS.c.place >= flow.learned_from)
    query = sa.select(LOTS).where(*teach, _HAS_PROFILE).order_by(LOTS.c.place.desc()).limit(most)
    if before is None:
        return [_lot(row) for row in connection.execute(query)][::-1]
    found = [_lot(row) for row in connection.execute(query.where(LOTS.c.place < before))][::-1]
    if len(found) < most and connection.execute(sa.select(LOTS.c.lot).where(*teach, LOTS.c.place < before, ~_HAS_PROFILE).limit(1)).first() is not None:
        later = sa.select(LOTS).where(*teach, _HAS_PROFILE, LOTS.c.place > before).order_by(LOTS.c.place).limit(most - len(found))
        found += [_lot(row) for row in connection.execute(later)]
    return found


def lots(
    connection: Connection, flow: str | None = None, *, states: Sequence[str] = (), since: str | None = None, until: str | None = None,
    most: int = 0, newest_first: bool = False, after_place: int = 0,
) -> list[LotRecord]:  # fmt: skip
    """Lots in order of their numbers.

    Args:
        connection: of `SqlLedger.read`.
        flow: only of this flow.
        states: only in these states.
        since: only those that arrived then or later (ISO 8601, compared as text in UTC).
        until: only those that arrived earlier.
        most: how many at most; 0 for all.
        newest_first: the other way round.
        after_place: only places above this one.
    """
    query = sa.select(LOTS)
    if flow is not None:
        query = query.where(LOTS.c.flow == flow)
    if states:
        query = query.where(LOTS.c.state.in_(list(states)))
    if since:
        query = query.where(LOTS.c.at >= since)
    if until:
        query = query.where(LOTS.c.at < until)
    if after_place:
        query = query.where(LOTS.c.place > after_place)
    query = query.order_by(LOTS.c.lot.desc() if newest_first else LOTS.c.lot)
    if most:
        query = query.limit(most)
    return [_lot(row) for row in connection.execute(query)]


def open_incidents(connection: Connection, flow: str) -> list[Row[Any]]:
    """The incidents of a flow that the last lot still had."""
    return list(connection.execute(sa.select(INCIDENTS).where(INCIDENTS.c.flow == flow, INCIDENTS.c.state == "open").order_by(INCIDENTS.c.incident)).all())


def incidents(connection: Connection, flow: str) -> list[Row[Any]]:
    """All incidents of a flow, newest first."""
    return list(connection.execute(sa.select(INCIDENTS).where(INCIDENTS.c.flow == flow).order_by(INCIDENTS.c.incident.desc())).all())


def rules_of(connection: Connection, flow: str) -> list[Row[Any]]:
    """The rules of a flow, by number; those that are off too."""
    return list(connection.execute(sa.select(RULES).where(RULES.c.flow == flow).order_by(RULES.c.rule)).all())


def answers_of(connection: Connection, flow: str) -> dict[str, list[int]]:
    """What people answered: by code and columns, how often bad, expected, noise."""
    rows = connection.execute(sa.select(STANDING).where(STANDING.c.flow == flow)).all()
    return {f"{row.code}:{','.join(json.loads(row.columns))}": [int(row.bad), int(row.expected), int(row.noise)] for row in rows}


def cases(connection: Connection, *, flow: str | None = None, lot: int | None = None, only_open: bool = True, most: int = 0) -> list[Row[Any]]:
    """Cases of quarantined rows, by number."""
    query = sa.select(CASES)
    if only_open:
        query = query.where(CASES.c.open > 0)
    if flow is not None:
        query = query.where(CASES.c.flow == flow)
    if lot is not None:
        query = query.where(CASES.c.lot == lot)
    query = query.order_by(CASES.c.number)
    if most:
        query = query.limit(most)
    return list(connection.execute(query).all())


def case_of(connection: Connection, number: int) -> Row[Any]:
    """One case.

    Raises:
        MisuseError: there is none of this number.
    """
    row = connection.execute(sa.select(CASES).where(CASES.c.number == number)).first()
    if row is None:
        raise MisuseError(f"there is no case {number} in the quarantine; see: assay quarantine list")
    return row


def decisions(connection: Connection, *, lot: int | None = None, case: int | None = None, flow: str | None = None) -> list[Row[Any]]:
    """What was decided, oldest first."""
    query = sa.select(DECISIONS)
    if lot is not None:
        query = query.where(DECISIONS.c.lot == lot)
    if case is not None:
        query = query.where(DECISIONS.c.number == case)
    if flow is not None:
        query = query.where(DECISIONS.c.flow == flow)
    return list(connection.execute(query.order_by(DECISIONS.c.decision)).all())


def waiting(connection: Connection, *, flow: str | None = None, lot: int | None = None) -> list[Row[Any]]:
    """Decisions to put rows back that no lot has carried out yet, oldest first."""
    query = sa.select(DECISIONS).where(DECISIONS.c.action.in_(["fix", "waive"]), DECISIONS.c.settled.is_(None))
    if flow is not None:
        query = query.where(DECISIONS.c.flow == flow)
    if lot is not None:
        query = query.where(DECISIONS.c.lot == lot)
    return list(connection.execute(query.order_by(DECISIONS.c.decision)).all())


def channels(connection: Connection, flow: str | None = None) -> list[Row[Any]]:
    """Where notices go; of all flows when None."""
    query = sa.select(CHANNELS).order_by(CHANNELS.c.number)
    return list(connection.execute(query if flow is None else query.where(CHANNELS.c.flow.in_([flow, "*"]))).all())


def merged_pasts(connection: Connection, flow: str) -> list[Row[Any]]:
    """The merged profiles of lots of long ago, oldest first."""
    return list(connection.execute(sa.select(PASTS).where(PASTS.c.flow == flow).order_by(PASTS.c.first)).all())


def targets(connection: Connection, flow: str | None = None) -> list[Row[Any]]:
    """Where released rows go besides the store, by number; of all flows when None."""
    query = sa.select(TARGETS).order_by(TARGETS.c.number)
    return list(connection.execute(query if flow is None else query.where(TARGETS.c.flow == flow)).all())


def last_target(connection: Connection) -> int:
    """The highest number a target has or had: what was pushed to one that is gone must not be taken for pushed to another."""
    highest = [connection.execute(sa.select(sa.func.coalesce(sa.func.max(column), 0))).scalar_one() for column in (TARGETS.c.number, PUSHED.c.target)]
    return max(int(one) for one in highest)


def pushed_to(connection: Connection, target: int) -> set[int]:
    """The numbers of the lots a target is known to have."""
    return {int(row.lot) for row in connection.execute(sa.select(PUSHED.c.lot).where(PUSHED.c.target == target))}


def not_pushed_to(connection: Connection, flow: str, target: int) -> list[LotRecord]:
    """The released lots of a flow that a target is not known to have, by number."""
    there = sa.select(PUSHED.c.lot).where(PUSHED.c.target == target)
    query = sa.select(LOTS).where(LOTS.c.flow == flow, LOTS.c.state == "released", LOTS.c.lot.not_in(there)).order_by(LOTS.c.lot)
    return [_lot(row) for row in connection.execute(query)]


def not_standing_in(connection: Connection, target: int) -> list[int]:
    """The numbers of the lots that a target is known to have and that are not released any more, in order."""
    query = sa.select(PUSHED.c.lot).join(LOTS, LOTS.c.lot == PUSHED.c.lot).where(PUSHED.c.target == target, LOTS.c.state != "released").order_by(PUSHED.c.lot)
    return [int(row.lot) for row in connection.execute(query)]


def successions(connection: Connection, flow: str) -> list[tuple[int, str, tuple[int, ...]]]:
    """Number, state, and the lots it was to stand for, of every lot of a flow that stands for others or is superseded; by number."""
    query = sa.select(LOTS.c.lot, LOTS.c.state, LOTS.c.facts).where(LOTS.c.flow == flow, sa.or_(LOTS.c.state == "superseded", LOTS.c.facts.like('%"replaces":%')))
    return [
        (int(row.lot), row.state, tuple(int(one) for one in json.loads(row.facts).get("replaces", "").split())) for row in connection.execute(query.order_by(LOTS.c.lot))
    ]


def thick_lots(connection: Connection, flow: str, keep: int) -> list[LotRecord]:
    """The lots of a flow that have a profile of their own and came before the newest `keep` that teach, in order of place."""
    mine = (LOTS.c.flow == flow, _HAS_PROFILE)
    newest = sa.select(LOTS.c.place).where(*mine, LOTS.c.teaches.is_(True)).order_by(LOTS.c.place.desc()).limit(1).offset(keep - 1)
    first = connection.execute(newest).scalar_one_or_none()
    if first is None:
        return []
    return [_lot(row) for row in connection.execute(sa.select(LOTS).where(*mine, LOTS.c.place < first).order_by(LOTS.c.place))]


def freed(connection: Connection, flow: str) -> list[str]:
    """Digests of profiles that were merged into another one and may still be in the store."""
    return [row.digest for row in connection.execute(sa.select(FREED.c.digest).where(FREED.c.flow == flow).order_by(FREED.c.digest))]
