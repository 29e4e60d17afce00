"""What is known of each source without anybody writing it down: its rhythm, its size, its columns over time, its grade, who reads it; and whether it is silent.

A source is a flow whose lots come from outside. Its silence is an incident like any other: opened once, told once, closed by the next lot.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from assayline.core import Line, Source
from assayline.core.line import GRADES
from assayline.errors import MisuseError
from assayline.ledger import records
from assayline.ledger.records import FlowRecord
from assayline.ledger.schema import FLOWS, INCIDENTS, LOTS, RUN_INPUTS, RUNS
from assayline.tables.source import without_password

from .plan import plan_of
from .project import Project
from .rhythm import REMEMBERED, Late, Rhythm, expected_by, has_rhythm, lateness, rhythm
from .schedule import Schedule

SILENT = ("late_arrival", "missing_day")
SEVERITY = 0.5  # of a silence: as of a warning
PROVEN_LOTS = 30  # a month of daily lots, on time and without a warning: production
LOOKED_AT_LOTS = 1_000  # for sizes and columns
CLEAN = ("release",)


@dataclass(frozen=True)
class Watched:
    """A source as it is watched.

    Args:
        flow: its flow.
        arrivals: when its lots came, oldest first.
        schedule: when it is asked, if it says so.
        sure: whether it has something new every time it is asked.
    """

    flow: FlowRecord
    arrivals: tuple[datetime, ...]
    schedule: Schedule | None = None
    sure: bool = True

    def late(self, moment: datetime) -> Late | None:
        """Whether it should have sent something by now."""
        return expected_by(self.arrivals, moment, self.schedule, sure=self.sure)

    def is_known(self, moment: datetime) -> bool:
        """Whether anything is expected of it."""
        return has_rhythm(self.arrivals) if self.schedule is None else self.rhythm(moment) is not None

    def rhythm(self, moment: datetime) -> Rhythm | None:
        """When the next lot is expected."""
        return rhythm(self.arrivals, moment, self.schedule, sure=self.sure)


def watched(connection: Connection, project: Project, line: Line | None = None, flows: Iterable[str] | None = None) -> dict[str, Watched]:
    """The sources by name, in three queries whatever their number: flows of tables that no step makes, and that nobody took out of the watch.

    Args:
        connection: of `SqlLedger.read`.
        project: whose settings say more about schedules.
        line: what is defined, where there is one.
        flows: only these.
    """
    made = {str(row.step) for row in connection.execute(sa.select(RUNS.c.step).distinct())} | ({step.name for step in line.steps} if line else set())
    wanted = None if flows is None else set(flows)
    known = {one.name: one for one in records.flows(connection, kind="table") if one.name not in made and (wanted is None or one.name in wanted)}
    times: dict[str, list[datetime]] = {name: [] for name in known}
    query = sa.select(LOTS.c.flow, LOTS.c.at).join(FLOWS, FLOWS.c.name == LOTS.c.flow)
    query = query.where(LOTS.c.place > FLOWS.c.lots - REMEMBERED, LOTS.c.parents == "[]").order_by(LOTS.c.lot)  # rows that were put back are no arrival
    for flow, at in connection.execute(query if wanted is None else query.where(LOTS.c.flow.in_(sorted(wanted)))):
        if flow in times:
            times[flow].append(datetime.fromisoformat(at))
    sources = {one.name: one for one in line.sources} if line else {}
    schedules = {one.name: one for one in plan_of(sources.values(), project.settings).schedules}
    return {
        name: Watched(flow, tuple(sorted(times[name])), schedules.get(name), not (name in sources and sources[name].is_snapshot))
        for name, flow in known.items() if flow.settings.get("watched", True)
    }  # fmt: skip


def watch_sources(project: Project, line: Line | None, moment: datetime) -> list[dict[str, Any]]:
    """Opens an incident for each source that is silent for too long, with one notice; follows those that are open.

    Args:
        project: where.
        line: what is defined, where there is one.
        moment: now, with its zone.

    Returns:
        What is new: `flow`, `state` ("new", "worse": a whole lot was left out, "over"), `code`, `sentence`. Nothing is told twice.
    """
    with project.ledger.read() as connection:
        sources = watched(connection, project, line)
        changes = _changes(connection, sources, moment)
    if not changes:
        return []
    with project.ledger.write() as writing:  # once more, in the transaction that says so: somebody else may have seen it, or a lot may have come
        sources = watched(writing.connection, project, line, changes)
        changes = _changes(writing.connection, sources, moment)
        for one in changes.values():
            if one["state"] == "new":
                one["incident"] = records.last_incident(writing.connection) + 1
            writing.append("silence", {**one, "notices": _notices(one)})
    return [{name: one[name] for name in ("flow", "state", "code", "sentence")} for one in changes.values()]


def _changes(connection: Connection, sources: Mapping[str, Watched], moment: datetime) -> dict[str, dict[str, Any]]:
    told = silences(connection)
    going_on = {str(row.flow): row for row in told if row.state == "open"}
    answered = {str(row.flow) for row in told if row.state != "open"}  # somebody closed it, and nothing has come since
    changes: dict[str, dict[str, Any]] = {}
    for name, source in sources.items():
        late, row = source.late(moment), going_on.get(name)
        about = {"flow": name, "place": source.flow.lots}
        if late is not None and row is None and name not in answered:
            changes[name] = {**about, "state": "new", "code": late.code, "sentence": late.sentence, "latest": late.since.isoformat()}
        elif late is not None and row is not None and row.code != late.code:
            changes[name] = {**about, "state": "worse", "code": late.code, "sentence": late.sentence, "latest": late.since.isoformat(), "incident": int(row.incident)}
        elif late is None and row is not None:
            changes[name] = {**about, "state": "over", "code": row.code, "sentence": row.sentence, "incident": int(row.incident)}
    for name, row in going_on.items():
        if name not in sources and not changes.get(name) and _unwatched(connection, name):
            changes[name] = {"flow": name, "place": int(row.last), "state": "over", "code": row.code, "sentence": row.sentence, "incident": int(row.incident)}
    return changes


def _unwatched(connection: Connection, flow: str) -> bool:
    known = records.flow_of(connection, flow)
    return known is not None and not known.settings.get("watched", True)


def silences(connection: Connection) -> list[Any]:
    """The incidents that are about no lot, but about none having come: those that are open, and those of flows to which nothing has come since."""
    query = sa.select(INCIDENTS).join(FLOWS, FLOWS.c.name == INCIDENTS.c.flow).where(INCIDENTS.c.code.in_(SILENT), INCIDENTS.c.lots == 0)
    query = query.where(sa.or_(INCIDENTS.c.state == "open", INCIDENTS.c.last >= FLOWS.c.lots))
    return list(connection.execute(query.order_by(INCIDENTS.c.incident)).all())


def _notices(one: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One when it begins, and one when a whole lot was left out; the next lot tells by itself that it is over."""
    if one["state"] == "over":
        return []
    identity = hashlib.sha256(f"silence {one['flow']} {one['incident']} {one['code']}".encode()).hexdigest()
    subject = f"{one['flow']} is late." if one["code"] == "late_arrival" else f"A lot of {one['flow']} is missing."
    return [{"id": identity, "flow": one["flow"], "subject": subject, "lines": [one["sentence"]], "verdict": "warn", "incident": one["incident"]}]


def sources_document(project: Project, line: Line | None, moment: datetime, name: str | None = None) -> list[dict[str, Any]]:
    """Every source, or one of them with more about it.

    Args:
        project: where.
        line: what is defined, where there is one.
        moment: now, with its zone.
        name: only this one, with the history of its columns.

    Returns:
        For each: `flow`, `owner`, `address`, `grade` and `grade_by` ("hand", "behaviour"), `watched`, `lots`, `last_at`, `freshness_seconds`, `rhythm` (`by`, `gap_seconds`,
        `earliest`, `latest`, `arrivals`; null where nothing is known yet), `rows` and `bytes` (`low`, `usual`, `high`; null), `columns`, `readers`, `findings`; with a name
        `schema`: for each change `lot`, `at`, `came`, `gone`.

    Raises:
        MisuseError: there is no such source.
    """
    defined = {one.name: one for one in line.sources} if line else {}
    with project.ledger.read() as connection:
        flows = {one.name: one for one in records.flows(connection, kind="table")}
        made = {str(row.step) for row in connection.execute(sa.select(RUNS.c.step).distinct())} | ({step.name for step in line.steps} if line else set())
        names = sorted({*defined, *(one.name for one in flows.values() if one.name not in made)})
        if name is not None and name not in names:
            raise MisuseError(f"there is no source {name!r}; sources: {', '.join(names) or 'none yet'}")
        sources = watched(connection, project, line, None if name is None else [name])
        readers = _readers(connection, line)
        return [
            _source(connection, one, defined.get(one), flows.get(one), sources.get(one), readers.get(one, []), moment, whole=name is not None)
            for one in (names if name is None else [name])
        ]  # fmt: skip


def _source(
    connection: Connection, name: str, defined: Source | None, flow: FlowRecord | None, source: Watched | None, readers: Sequence[str], moment: datetime, *, whole: bool
) -> dict[str, Any]:
    lots = _lots(connection, name)
    expected = source.rhythm(moment) if source is not None else None
    late = lateness(expected, moment)
    grade, by = _grade(connection, name, defined, flow, lots)
    last = max((one.at for one in lots), default=None)
    columns = _columns(lots)
    settings = flow.settings if flow is not None else {}
    document = {
        "flow": name, "owner": settings.get("owner") or (defined.owner if defined else ""), "address": without_password(defined.address) if defined else "", "grade": grade, "grade_by": by,
        "watched": bool(settings.get("watched", True)), "lots": flow.lots if flow is not None else 0, "last_at": last,
        "freshness_seconds": None if last is None else max(0.0, (moment - datetime.fromisoformat(last)).total_seconds()),
        "rhythm": None if expected is None else _rhythm(expected), "rows": _spread([int(one.taken) for one in lots]),
        "bytes": _spread([int(size) for one in lots if (size := json.loads(one.facts).get("bytes", "")).isdecimal()]),
        "columns": columns[-1][2] if columns else [], "readers": list(readers),
        "findings": [] if late is None else [{"code": late.code, "severity": SEVERITY, "layer": "arrival", "columns": [], "sentence": late.sentence}],
    }  # fmt: skip
    return {**document, "schema": _schema(columns)} if whole else document


def _lots(connection: Connection, flow: str) -> list[Any]:
    """The newest deliveries of a flow, oldest first."""
    wanted = (LOTS.c.lot, LOTS.c.place, LOTS.c.at, LOTS.c.taken, LOTS.c.verdict, LOTS.c.facts, LOTS.c.figures)
    query = sa.select(*wanted).where(LOTS.c.flow == flow, LOTS.c.parents == "[]").order_by(LOTS.c.place.desc()).limit(LOOKED_AT_LOTS)
    return list(connection.execute(query))[::-1]


def _rhythm(known: Rhythm) -> dict[str, Any]:
    return {
        "by": known.by, "arrivals": known.arrivals, "gap_seconds": round(known.gap_seconds, 1), "earliest": _shown(known.earliest), "latest": _shown(known.latest),
    }  # fmt: skip


def _shown(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _spread(values: Sequence[int]) -> dict[str, int] | None:
    """The middle of some numbers, and what nine in ten of them lie between."""
    if not values:
        return None
    ordered = sorted(values)
    low, usual, high = (ordered[round(share * (len(ordered) - 1))] for share in (0.05, 0.5, 0.95))
    return {"low": low, "usual": usual, "high": high}


def _columns(lots: Iterable[Any]) -> list[tuple[int, str, list[str]]]:
    """Lot, time and columns of each lot that could be read."""
    found = ((int(one.lot), str(one.at), json.loads(one.figures).get("columns_now") or []) for one in lots)
    return [one for one in found if one[2]]


def _schema(columns: Sequence[tuple[int, str, list[str]]]) -> list[dict[str, Any]]:
    """When columns came and went; the first entry has those of the first lot."""
    history: list[dict[str, Any]] = []
    before: list[str] = []
    for lot, at, names in columns:
        came, gone = [one for one in names if one not in before], [one for one in before if one not in names]
        if came or gone:
            history.append({"lot": lot, "at": at, "came": came, "gone": gone})
        before = names
    return history


def _grade(connection: Connection, name: str, defined: Source | None, flow: FlowRecord | None, lots: Sequence[Any]) -> tuple[str, str]:
    """Said by hand, or production when the last lots came in time and clean."""
    said = (flow.settings.get("grade") if flow is not None else "") or (defined.grade if defined else "")
    if said:
        return str(said), "hand"
    newest = lots[-PROVEN_LOTS:]
    experimental, production = GRADES
    if len(newest) < PROVEN_LOTS or any(one.verdict not in CLEAN for one in newest):
        return experimental, "behaviour"
    silent = sa.select(INCIDENTS.c.incident).where(INCIDENTS.c.flow == name, INCIDENTS.c.code.in_(SILENT), INCIDENTS.c.last >= newest[0].place).limit(1)
    return (experimental if connection.execute(silent).first() is not None else production), "behaviour"


def _readers(connection: Connection, line: Line | None) -> dict[str, list[str]]:
    """For each flow the steps that depend on it: by the line, and by what ran."""
    found: dict[str, set[str]] = {}
    for name, step in connection.execute(sa.select(RUN_INPUTS.c.name, RUNS.c.step).join(RUNS, RUNS.c.run == RUN_INPUTS.c.run).distinct()):
        found.setdefault(str(name), set()).add(str(step))
    for source in line.sources if line else ():
        found.setdefault(source.name, set()).update(line.descendants(frozenset({source.name})) if line else ())
    return {name: sorted(steps) for name, steps in found.items()}
