"""What the ledger knows of lines, as values: runs of steps, how far sources were read, served times, reasons why a finding no longer holds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from assayline.errors import MisuseError

from .schema import DESCRIBED, LOTS, POSITIONS, RUN_INPUTS, RUNS, SLOTS, WEAKENED


@dataclass(frozen=True)
class RunRecord:
    """One execution of a step: the lots it read by input, the lot it made (None where it failed), what code and environment made it, what it cost."""

    run: int
    line: str
    step: str
    place: str
    identity: str
    state: str
    at: str
    output: int | None
    inputs: Mapping[str, tuple[int, ...]]
    code: str
    parameters: Mapping[str, Any]
    environment: str
    costs: Mapping[str, float]
    columns: Mapping[str, Any]
    error: str


def _run(row: Row[Any]) -> RunRecord:
    return RunRecord(
        int(row.run), row.line, row.step, row.place, row.identity, row.state, row.at, None if row.output is None else int(row.output),
        {name: tuple(lots) for name, lots in json.loads(row.inputs).items()}, row.code, json.loads(row.parameters), row.environment, json.loads(row.costs),
        json.loads(row.columns), row.error,
    )  # fmt: skip


def runs(connection: Connection, *, step: str | None = None, states: Sequence[str] = (), since: str | None = None, most: int = 0) -> list[RunRecord]:
    """Runs, oldest first; of one step, in some states, begun at a UTC time or later; at most so many, the newest."""
    query = sa.select(RUNS)
    if step is not None:
        query = query.where(RUNS.c.step == step)
    if states:
        query = query.where(RUNS.c.state.in_(states))
    if since is not None:
        query = query.where(RUNS.c.at >= since)
    query = query.order_by(RUNS.c.run.desc())
    return [_run(row) for row in connection.execute(query.limit(most) if most else query)][::-1]


def current_runs(connection: Connection, step: str) -> dict[str, RunRecord]:
    """The newest run of each place of a step that did not fail."""
    newest = sa.select(sa.func.max(RUNS.c.run)).where(RUNS.c.step == step, RUNS.c.state.in_(["done", "held"])).group_by(RUNS.c.place)
    return {row.place: _run(row) for row in connection.execute(sa.select(RUNS).where(RUNS.c.run.in_(newest)))}


@dataclass(frozen=True)
class Standing:
    """A released lot that nothing has replaced: its number, its digest, and which of the step's results it is ("" for a delivery)."""

    lot: int
    digest: str
    place: str


def standing(connection: Connection, flow: str) -> list[Standing]:
    """The lots of a flow that can be read now, in the order in which they were taken."""
    query = sa.select(LOTS.c.lot, LOTS.c.digest).where(LOTS.c.flow == flow, LOTS.c.state == "released").order_by(LOTS.c.place)
    made = sa.select(RUNS.c.output, RUNS.c.place).where(RUNS.c.step == flow, RUNS.c.output.is_not(None)).order_by(RUNS.c.run)
    places = {int(row.output): str(row.place) for row in connection.execute(made)}
    return [Standing(int(row.lot), row.digest, places.get(int(row.lot), "")) for row in connection.execute(query)]


def replaceable(connection: Connection, flow: str, place: str | None = None) -> list[int]:
    """The lots of a flow that a new one stands for: released or held, and not replaced yet.

    Args:
        connection: of `SqlLedger.read`.
        flow: whose.
        place: only results of this place of the step; all lots when None.
    """
    query = sa.select(LOTS.c.lot).where(LOTS.c.flow == flow, LOTS.c.state.in_(["released", "held"])).order_by(LOTS.c.lot)
    if place is not None:
        query = query.where(LOTS.c.lot.in_(sa.select(RUNS.c.output).where(RUNS.c.step == flow, RUNS.c.place == place)))
    return [int(row.lot) for row in connection.execute(query)]


def made_at(connection: Connection, flow: str, place: str) -> list[int]:
    """The lots that ever were the result of a step for this place, oldest first."""
    query = sa.select(RUNS.c.output).where(RUNS.c.step == flow, RUNS.c.place == place, RUNS.c.output.is_not(None)).order_by(RUNS.c.run)
    return list(dict.fromkeys(int(row.output) for row in connection.execute(query)))


def run_of(connection: Connection, lot: int) -> RunRecord | None:
    """The newest run that made a lot, or None: it came from outside."""
    row = connection.execute(sa.select(RUNS).where(RUNS.c.output == lot).order_by(RUNS.c.run.desc()).limit(1)).first()
    return None if row is None else _run(row)


def runs_that_read(connection: Connection, lot: int) -> list[RunRecord]:
    """The runs that read a lot, oldest first."""
    found = sa.select(RUN_INPUTS.c.run).where(RUN_INPUTS.c.lot == lot)
    return [_run(row) for row in connection.execute(sa.select(RUNS).where(RUNS.c.run.in_(found)).order_by(RUNS.c.run))]


def outputs_of(connection: Connection, lots: Sequence[int]) -> set[int]:
    """The numbers of the lots that runs made from any of these lots (at most some hundred)."""
    read = sa.select(RUN_INPUTS.c.run).where(RUN_INPUTS.c.lot.in_(lots))
    return {int(row.output) for row in connection.execute(sa.select(RUNS.c.output).where(RUNS.c.run.in_(read), RUNS.c.output.is_not(None)).distinct())}


def described(connection: Connection, digest: str) -> Mapping[str, Any] | None:
    """What a digest of code or of an environment stands for: `files` by path, or `lines`; None where it was never written down."""
    row = connection.execute(sa.select(DESCRIBED.c.body).where(DESCRIBED.c.digest == digest)).first()
    return None if row is None else dict(json.loads(row.body))


def position_of(connection: Connection, source: str) -> Mapping[str, Any] | None:
    """How far a source was read; None where it never was."""
    row = connection.execute(sa.select(POSITIONS.c.position).where(POSITIONS.c.source == source)).first()
    return None if row is None else dict(json.loads(row.position))


def slots(connection: Connection, schedule: str, *, since: str | None = None) -> list[Row[Any]]:
    """The served times of a schedule, in order."""
    query = sa.select(SLOTS).where(SLOTS.c.schedule == schedule)
    return list(connection.execute((query if since is None else query.where(SLOTS.c.slot >= since)).order_by(SLOTS.c.slot)).all())


def last_slot(connection: Connection, schedule: str) -> str | None:
    """The newest served time of a schedule (UTC), or None."""
    newest: str | None = connection.execute(sa.select(sa.func.max(SLOTS.c.slot)).where(SLOTS.c.schedule == schedule)).scalar_one()
    return newest


def last_slots(connection: Connection, until: str) -> dict[str, str]:
    """The newest served time of each schedule that is not after a moment (all in UTC); where all are, the newest.

    A clock that was years ahead for a minute leaves times behind that must not keep a schedule from being served until then.
    """
    gone = sa.func.max(sa.case((SLOTS.c.slot <= until, SLOTS.c.slot)))
    rows = connection.execute(sa.select(SLOTS.c.schedule, sa.func.coalesce(gone, sa.func.max(SLOTS.c.slot))).group_by(SLOTS.c.schedule))
    return {str(schedule): str(slot) for schedule, slot in rows}


def weakenings(connection: Connection, *, only_on: bool = True) -> list[Row[Any]]:
    """The recorded reasons why a finding does not hold further down, by number."""
    query = sa.select(WEAKENED).order_by(WEAKENED.c.number)
    return list(connection.execute(query.where(WEAKENED.c.state == "on") if only_on else query).all())


def makers(connection: Connection, lots: Sequence[int]) -> dict[int, RunRecord]:
    """The newest run that made each of these lots (at most some hundred); lots that came from outside are left out.

    A run may give the very lot an earlier one gave, from other inputs: then the later one tells what it rests on now.
    """
    rows = connection.execute(sa.select(RUNS).where(RUNS.c.output.in_(lots), RUNS.c.state.in_(["done", "held"])).order_by(RUNS.c.run))
    return {int(row.output): _run(row) for row in rows}


@dataclass(frozen=True)
class Making:
    """That a run made a lot: the number of the run, when it began (UTC), the lot."""

    run: int
    at: str
    output: int


def makings(connection: Connection, lots: Sequence[int]) -> list[Making]:
    """Every time one of these lots was made (at most some hundred), oldest first: a run that gives what an earlier one gave makes that lot once more."""
    return _makings(connection, RUNS.c.output.in_(lots))


def makings_at(connection: Connection, step: str, place: str) -> list[Making]:
    """Every time a step made its result for a place, oldest first."""
    return _makings(connection, (RUNS.c.step == step) & (RUNS.c.place == place))


def _makings(connection: Connection, which: sa.ColumnElement[bool]) -> list[Making]:
    query = sa.select(RUNS.c.run, RUNS.c.at, RUNS.c.output).where(which, RUNS.c.output.is_not(None), RUNS.c.state.in_(["done", "held"])).order_by(RUNS.c.run)
    return [Making(int(row.run), row.at, int(row.output)) for row in connection.execute(query)]


def runs_numbered(connection: Connection, numbers: Sequence[int]) -> list[RunRecord]:
    """The runs of these numbers (at most some hundred), oldest first; those that do not exist are left out."""
    return [_run(row) for row in connection.execute(sa.select(RUNS).where(RUNS.c.run.in_(numbers)).order_by(RUNS.c.run))]


def made_from(connection: Connection, lot: int, most: int) -> tuple[list[Row[Any]], int]:
    """Step and output of the runs that read a lot, newest first, at most so many (0 for all); and how many there are."""
    mine = sa.select(RUN_INPUTS.c.run).where(RUN_INPUTS.c.lot == lot)
    query = sa.select(RUNS.c.run, RUNS.c.step, RUNS.c.output, RUNS.c.state).where(RUNS.c.run.in_(mine)).order_by(RUNS.c.run.desc())
    count = connection.execute(sa.select(sa.func.count()).select_from(RUN_INPUTS).where(RUN_INPUTS.c.lot == lot)).scalar_one()
    return list(connection.execute(query.limit(most) if most else query)), int(count)


def run_numbered(connection: Connection, number: int) -> RunRecord:
    """The run of this number.

    Raises:
        MisuseError: there is none.
    """
    row = connection.execute(sa.select(RUNS).where(RUNS.c.run == number)).first()
    if row is None:
        raise MisuseError(f"there is no run {number}; see: assay lineage FLOW")
    return _run(row)
