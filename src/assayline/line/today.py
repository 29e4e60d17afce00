"""One line per flow: what came today, how good it was, what ran, what was published, what it cost, what is open; worst first."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from assayline.core import Line, Verdict
from assayline.errors import MisuseError
from assayline.ledger import records, rollout_records
from assayline.ledger.records import FlowRecord
from assayline.ledger.schema import CASES, INCIDENTS, LOTS, NOTICES, RUNS
from assayline.lineage import Tag, in_force

from .project import Project
from .registry import Watched, watched
from .rhythm import Late
from .tagging import flow_verdicts, tag_document

STATES = ("failed", "unreadable", "held", "missing", "late", "cases", "incidents", "tagged", "fine")  # worst first
OF_NOBODY = ("tagged", "fine")  # what is wrong with an ancestor is asked of the ancestor's owner
TOLD_FLOWS = 17  # a mail shows twenty lines
ARRIVED = {"late_arrival": "late", "missing_day": "missing"}


@dataclass
class _Day:
    """What the ledger says of one day, by flow."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    lots: Counter[str] = field(default_factory=Counter)
    released: Counter[str] = field(default_factory=Counter)
    aside: Counter[str] = field(default_factory=Counter)
    waiting: dict[str, dict[str, int]] = field(default_factory=dict)
    last: dict[str, str] = field(default_factory=dict)
    runs: dict[str, Counter[str]] = field(default_factory=dict)
    newest_run: dict[str, str] = field(default_factory=dict)
    cpu_seconds: Counter[str] = field(default_factory=Counter)
    money: dict[str, float] = field(default_factory=dict)
    incidents: dict[str, int] = field(default_factory=dict)
    cases: dict[str, int] = field(default_factory=dict)


def today_document(project: Project, line: Line | None, moment: datetime) -> dict[str, Any]:
    """How everything stands.

    Args:
        project: where.
        line: what is defined, where there is one: its sources and steps have a line before their first lot.
        moment: now, with its zone. A day is one of UTC.

    Returns:
        `project`, `day`, `at`, `totals`, and `flows`, worst first: `flow`, `kind` ("source" or "step"), `state` (one of `STATES`), `arrived` (`state`: on_time | late |
        missing | unknown, `lots` today, `last_at`, `sentence`), `quality` (`verdict`: the worst of today, or null; `standing`: with what is known of ancestors;
        `tags`), `ran` (`done`, `held`, `failed`, `stopped`), `published` (`rows`, `aside`, `held_lots`), `cost` (`cpu_seconds`, `money`), `open_incidents`, `open_cases`. And
        `rollouts` that are not over: see `delivery.status.open_document`.
    """
    moment = moment.astimezone(UTC)
    with project.ledger.read() as connection:
        flows = {one.name: one for one in records.flows(connection)}
        sources = watched(connection, project, line)
        day = _day(connection, moment)
        rollouts = _rollouts(connection)
    standing = flow_verdicts(project, list(flows), moment=moment.isoformat(timespec="microseconds"))
    steps = {step.name for step in line.steps} if line else set()
    defined = [*(one.name for one in line.sources), *line.order()] if line else []
    names = list(dict.fromkeys([*flows, *defined]))
    made = steps | day.newest_run.keys()
    documents = [_flow(name, name in made, flows.get(name), sources.get(name), day, standing.get(name), moment) for name in names]
    documents.sort(key=lambda one: (STATES.index(one["state"]), -one["open_incidents"], one["flow"]))
    return {"project": project.name, "day": moment.date().isoformat(), "at": moment.isoformat(timespec="seconds"), "totals": _totals(documents), "flows": documents, "rollouts": rollouts}


def needs_a_person(document: Mapping[str, Any]) -> bool:
    """Whether somebody has to look."""
    return bool(document["totals"]["need_a_person"])


def send_today(project: Project, document: Mapping[str, Any]) -> bool:
    """Puts the lines of a day into the outbox, for the channels of all flows; says whether they were not there yet: a day is told once.

    Raises:
        MisuseError: no channel is for all flows.
    """
    identity = hashlib.sha256(f"today {document['day']}".encode()).hexdigest()
    notice = {"id": identity, "flow": "*", "subject": subject_of(document), "lines": lines_of(document), "verdict": "warn" if needs_a_person(document) else "release"}
    with project.ledger.write() as writing:
        if not any(row.flow == "*" for row in records.channels(writing.connection, "*")):
            raise MisuseError("nobody is told of all flows; add a channel with: assay notify add '*' mailto:you@example.com")
        if writing.connection.execute(sa.select(NOTICES.c.notice).where(NOTICES.c.notice == identity)).first() is not None:
            return False
        writing.append("today", {"day": document["day"], "notices": [notice]})
    return True


def subject_of(document: Mapping[str, Any]) -> str:
    """The day in a sentence."""
    totals = document["totals"]
    count = totals["need_a_person"]
    said = f"{count:,} of {totals['flows']:,} flows need a person" if count else f"all {totals['flows']:,} flows are fine"
    return f"{document['day']}: {said}; {totals['rows']:,} rows published, {totals['aside']:,} put aside."


def lines_of(document: Mapping[str, Any]) -> list[str]:
    """A line for each flow that is not fine, worst first, and one for the rest."""
    odd = [one for one in document["flows"] if one["state"] not in OF_NOBODY]
    lines = [f"{one['flow']}: {said_of(one)}" for one in odd[:TOLD_FLOWS]]
    if len(odd) > TOLD_FLOWS:
        lines.append(f"and {len(odd) - TOLD_FLOWS:,} more; see: assay today")
    if len(odd) < len(document["flows"]) and odd:
        lines.append(f"The other {len(document['flows']) - len(odd):,} are fine.")
    lines += [f"{one['model']}: {one['sentence']}" for one in document.get("rollouts", ())]
    totals = document["totals"]
    cost = f"{totals['cpu_seconds']:,.0f} seconds of processor time" + (f", {totals['money']:,.2f} in money" if totals["money"] else "")
    return [*lines, f"{totals['lots']:,} lots came, {totals['runs']:,} steps ran; {cost}."]


def said_of(one: Mapping[str, Any]) -> str:
    """What is the matter with a flow, in half a sentence for each thing.

    >>> ran, published = {"failed": 1}, {"held_lots": 2}
    >>> said_of({"state": "failed", "arrived": {"state": "unknown"}, "ran": ran, "published": published, "unreadable_lots": 0, "open_cases": 0, "open_incidents": 1, "quality": {}})
    'the last run failed; 2 lots wait for a person; 1 incident is open'
    """
    said = []
    if one["state"] == "failed":
        said.append("the last run failed")
    if one["unreadable_lots"]:
        said.append(_counted(one["unreadable_lots"], "lot", "could not be read", "could not be read"))
    if one["published"]["held_lots"]:
        said.append(_counted(one["published"]["held_lots"], "lot", "waits for a person", "wait for a person"))
    if one["arrived"]["state"] in ("late", "missing"):
        said.append(one["arrived"]["sentence"].rstrip("."))
    if one["open_cases"]:
        said.append(_counted(one["open_cases"], "case", "of quarantined rows is open", "of quarantined rows are open"))
    if one["open_incidents"]:
        said.append(_counted(one["open_incidents"], "incident", "is open", "are open"))
    if one["state"] == "tagged":
        said.append(one["quality"]["tags"][0]["reason"] if one["quality"]["tags"] else "something is wrong upstream")
    return "; ".join(said)


def _counted(number: int, noun: str, one: str, many: str) -> str:
    return f"{number:,} {noun} {one}" if number == 1 else f"{number:,} {noun}s {many}"


def _day(connection: Connection, moment: datetime) -> _Day:
    """A handful of queries, whatever the number of flows."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0).isoformat(timespec="microseconds")
    now = moment.isoformat(timespec="microseconds")
    day = _Day()
    sums = (sa.func.count(), sa.func.sum(LOTS.c.released), sa.func.sum(LOTS.c.quarantined + LOTS.c.held + LOTS.c.unparseable))
    first = records.first_lot_since(connection, midnight)
    for flow, verdict, lots, released, aside in connection.execute(
        sa.select(LOTS.c.flow, LOTS.c.verdict, *sums).where(LOTS.c.lot >= first, LOTS.c.at <= now).group_by(LOTS.c.flow, LOTS.c.verdict)
    ):
        day.verdicts[flow] = day.verdicts.get(flow, Verdict.RELEASE) | Verdict.named(verdict)
        day.lots[flow] += int(lots)
        day.released[flow] += int(released)
        day.aside[flow] += int(aside)
    for flow, state, count in connection.execute(
        sa.select(LOTS.c.flow, LOTS.c.state, sa.func.count()).where(LOTS.c.state.in_(["held", "unreadable"])).group_by(LOTS.c.flow, LOTS.c.state)
    ):
        day.waiting.setdefault(flow, {})[state] = int(count)
    day.last = {str(one["flow"]): str(one["last_at"]) for one in records.flow_lines(connection) if one["last_at"]}
    for step, state, costs in connection.execute(sa.select(RUNS.c.step, RUNS.c.state, RUNS.c.costs).where(RUNS.c.at >= midnight, RUNS.c.at <= now)):
        spent = json.loads(costs)
        day.runs.setdefault(step, Counter())[state] += 1
        day.cpu_seconds[step] += spent.get("cpu_seconds", 0.0)
        day.money[step] = day.money.get(step, 0.0) + spent.get("money", 0.0)
    newest = sa.select(sa.func.max(RUNS.c.run)).where(RUNS.c.state != "stopped").group_by(RUNS.c.step)
    day.newest_run = {str(row.step): str(row.state) for row in connection.execute(sa.select(RUNS.c.step, RUNS.c.state).where(RUNS.c.run.in_(newest)))}
    for table, condition, found in ((INCIDENTS, INCIDENTS.c.state == "open", day.incidents), (CASES, CASES.c.open > 0, day.cases)):
        found.update({str(flow): int(count) for flow, count in connection.execute(sa.select(table.c.flow, sa.func.count()).where(condition).group_by(table.c.flow))})
    return day


def _rollouts(connection: Connection) -> list[dict[str, Any]]:
    if not rollout_records.rollouts(connection, states=("running", "promoted", "rolled_back"), most=1):
        return []
    from .delivery.status import open_document  # most projects have none

    return open_document(connection)


def _flow(
    name: str, is_step: bool, flow: FlowRecord | None, source: Watched | None, day: _Day, standing: tuple[Verdict, Sequence[Tag]] | None, moment: datetime
) -> dict[str, Any]:
    late = source.late(moment) if source is not None else None
    verdict, tags = standing or (Verdict.RELEASE, ())
    waiting, ran = day.waiting.get(name, {}), day.runs.get(name, Counter())
    document = {
        "flow": name, "kind": "step" if is_step else "source",
        "arrived": {
            "state": _arrived(source, late, moment), "lots": day.lots[name], "last_at": day.last.get(name), "sentence": late.sentence if late is not None else "",
        },
        "quality": {
            "verdict": str(day.verdicts[name]) if name in day.verdicts else None, "standing": str(verdict) if flow is not None and flow.lots else None,
            "tags": [tag_document(one) for one in in_force(tags)],
        },
        "ran": {state: int(ran[state]) for state in ("done", "held", "failed", "stopped")},
        "published": {"rows": day.released[name], "aside": day.aside[name], "held_lots": waiting.get("held", 0)},
        "cost": {"cpu_seconds": round(float(day.cpu_seconds[name]), 3), "money": round(day.money.get(name, 0.0), 6)},
        "unreadable_lots": waiting.get("unreadable", 0), "open_incidents": day.incidents.get(name, 0), "open_cases": day.cases.get(name, 0),
    }  # fmt: skip
    return {**document, "state": _state(document, day.newest_run.get(name) == "failed", verdict)}


def _arrived(source: Watched | None, late: Late | None, moment: datetime) -> str:
    if late is not None:
        return ARRIVED[late.code]
    return "unknown" if source is None or not source.is_known(moment) else "on_time"


def _state(document: Mapping[str, Any], failed: bool, verdict: Verdict) -> str:
    """The worst that is the matter with a flow."""
    true = {
        "failed": failed, "unreadable": document["unreadable_lots"], "held": document["published"]["held_lots"], "missing": document["arrived"]["state"] == "missing",
        "late": document["arrived"]["state"] == "late", "cases": document["open_cases"], "incidents": document["open_incidents"], "tagged": verdict != Verdict.RELEASE,
        "fine": True,
    }  # fmt: skip
    return next(state for state in STATES if true[state])


def _totals(documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "flows": len(documents), "need_a_person": sum(one["state"] not in OF_NOBODY for one in documents),
        **{state: sum(one["arrived"]["state"] == state for one in documents) for state in ("late", "missing")},
        "lots": sum(one["arrived"]["lots"] for one in documents), "runs": sum(sum(one["ran"].values()) for one in documents),
        "failed": sum(one["ran"]["failed"] for one in documents), "held_lots": sum(one["published"]["held_lots"] for one in documents),
        "rows": sum(one["published"]["rows"] for one in documents), "aside": sum(one["published"]["aside"] for one in documents),
        "open_incidents": sum(one["open_incidents"] for one in documents), "open_cases": sum(one["open_cases"] for one in documents),
        "cpu_seconds": round(sum(one["cost"]["cpu_seconds"] for one in documents), 3), "money": round(sum(one["cost"]["money"] for one in documents), 6),
    }  # fmt: skip
