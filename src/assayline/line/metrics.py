"""What a project is doing as numbers for Prometheus, made from its ledger: lots, rows, incidents, runs, costs, freshness, budget.

Everything that only grows is a counter over the whole ledger, so that a restart of a process sets nothing back.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.engine import Connection

from assayline.ledger import rollout_records
from assayline.ledger.schema import CASES, FLOWS, INCIDENTS, LOTS, RUNS, SLOTS
from assayline.tables.child import resident_bytes

from .budget import check
from .project import Project
from .spending import daily_budget, spent

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FATES = ("released", "quarantined", "held", "unparseable")
STARTED = time.time()


@dataclass(frozen=True)
class Metric:
    """One metric: its name, whether it is a counter or a gauge, what it says, and its values by labels."""

    name: str
    kind: str
    help: str
    samples: tuple[tuple[Mapping[str, str], float], ...]


def exposition(metrics: Iterable[Metric]) -> str:
    """Metrics as Prometheus reads them (text format 0.0.4).

    >>> print(exposition([Metric("assay_lots_total", "counter", "Lots.", (({"flow": "a", "verdict": "warn"}, 3.0),))]), end="")
    # HELP assay_lots_total Lots.
    # TYPE assay_lots_total counter
    assay_lots_total{flow="a",verdict="warn"} 3
    """
    lines = []
    for metric in metrics:
        lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}"]
        for labels, value in metric.samples:
            inside = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            lines.append(f"{metric.name}{'{' + inside + '}' if inside else ''} {_number(value)}")
    return "".join(line + "\n" for line in lines)


def metrics_of(project: Project, moment: datetime) -> list[Metric]:
    """Everything there is to tell of a project at a moment.

    Args:
        project: which.
        moment: now; ages are counted to it.
    """
    with project.ledger.read() as connection:
        return [
            Metric("assay_lots_total", "counter", "Lots taken, by the verdict they have.", _counted(connection, LOTS, "flow", "verdict")),
            Metric("assay_rows_total", "counter", "Rows taken, by what became of them.", _rows(connection)),
            Metric("assay_open_incidents", "gauge", "Causes that the last lot of a flow still had.", _open(connection, INCIDENTS, INCIDENTS.c.state == "open", sa.func.count())),
            Metric("assay_open_rows", "gauge", "Rows put aside that wait for somebody to decide.", _open(connection, CASES, CASES.c.open > 0, sa.func.sum(CASES.c.open))),
            *_arrivals(connection, moment),
            Metric("assay_runs_total", "counter", "Runs of steps, by how they ended.", _counted(connection, RUNS, "step", "state")),
            *_costs(connection, project.ledger.is_sqlite),
            Metric("assay_slots_total", "counter", "Times of schedules, by how they were served.", _counted(connection, SLOTS, "schedule", "outcome")),
            *_rollouts(connection),
            Metric("assay_budget_share", "gauge", "Share of the budget of this day (UTC) that is spent, of the limit nearest to its end; 0 without a budget.",
                   (({}, check(spent(connection, moment), daily_budget(project)).share),)),
        ]  # fmt: skip


def process_metrics() -> list[Metric]:
    """What the process that answers costs itself; the names are those of Prometheus' own clients."""
    return [
        Metric("process_cpu_seconds_total", "counter", "Processor time of this process, user and system.", (({}, time.process_time()),)),
        Metric("process_resident_memory_bytes", "gauge", "Memory of this process, without mapped files.", (({}, float(resident_bytes(os.getpid()))),)),
        Metric("process_start_time_seconds", "gauge", "When this process began, since 1970.", (({}, STARTED),)),
    ]


def write_metrics(project: Project, path: str, moment: datetime, more: Iterable[Metric] = ()) -> None:
    """Writes them to a file that is there whole or not at all, for node_exporter's textfile collector.

    Args:
        project: which.
        path: of the file; its name ends in .prom for node_exporter.
        moment: now.
        more: what the process that writes has to add.
    """
    target = Path(path)
    part = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        part.write_text(exposition([*metrics_of(project, moment), *more]), encoding="utf-8")
        part.chmod(0o644)  # the collector is another user
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def _counted(connection: Connection, table: sa.Table, first: str, second: str) -> tuple[tuple[Mapping[str, str], float], ...]:
    columns = table.c[first], table.c[second]
    rows = connection.execute(sa.select(*columns, sa.func.count()).group_by(*columns).order_by(*columns))
    return tuple(({first: str(one), second: str(other)}, float(count)) for one, other, count in rows)


def _rows(connection: Connection) -> tuple[tuple[Mapping[str, str], float], ...]:
    query = sa.select(LOTS.c.flow, *[sa.func.sum(LOTS.c[fate]) for fate in FATES]).group_by(LOTS.c.flow).order_by(LOTS.c.flow)
    return tuple(({"flow": str(row[0]), "fate": fate}, float(row[place])) for row in connection.execute(query) for place, fate in enumerate(FATES, 1))


def _open(connection: Connection, table: sa.Table, condition: Any, amount: Any) -> tuple[tuple[Mapping[str, str], float], ...]:
    """For every flow, so that an alarm goes back to 0 and does not vanish."""
    found = {str(flow): float(count) for flow, count in connection.execute(sa.select(table.c.flow, amount).where(condition).group_by(table.c.flow))}
    return tuple(({"flow": str(name)}, found.get(str(name), 0.0)) for (name,) in connection.execute(sa.select(FLOWS.c.name).order_by(FLOWS.c.name)))


def _arrivals(connection: Connection, moment: datetime) -> Iterable[Metric]:
    query = sa.select(LOTS.c.flow, sa.func.max(LOTS.c.at)).group_by(LOTS.c.flow).order_by(LOTS.c.flow)
    last = [({"flow": str(flow)}, datetime.fromisoformat(str(at)).astimezone(UTC).timestamp()) for flow, at in connection.execute(query)]
    ages = tuple((labels, max(0.0, moment.timestamp() - at)) for labels, at in last)  # a clock that jumps makes nothing younger than new
    yield Metric("assay_last_lot_timestamp_seconds", "gauge", "When the last lot of a flow was taken, since 1970.", tuple(last))
    yield Metric("assay_freshness_seconds", "gauge", "Age of the last lot of a flow when this was written.", ages)


def _rollouts(connection: Connection) -> Iterable[Metric]:
    """For every model that ever had a rollout, so that an alarm goes back to 0 and does not vanish."""
    newest = {one.model: one for one in rollout_records.rollouts(connection)}
    if not newest:
        return
    from .delivery.repairing import pending
    from .delivery.status import share_of

    waiting = {name: len(pending(connection, name)) for name in newest}
    yield Metric("assay_rollout_share", "gauge", "Per cent of the units that the challenger of the last rollout answers.", tuple(({"model": name}, share_of(one)) for name, one in newest.items()))
    yield Metric("assay_rollout_running", "gauge", "Whether a rollout is on its way.", tuple(({"model": name}, float(one.state == "running")) for name, one in newest.items()))
    yield Metric("assay_unrepaired_batches", "gauge", "Published batches whose predictions are still to be put right.", tuple(({"model": name}, float(count)) for name, count in waiting.items()))


def _costs(connection: Connection, is_sqlite: bool) -> Iterable[Metric]:
    names = {"wall_seconds": "Seconds", "cpu_seconds": "Processor seconds", "money": "Money, at the price in the settings,"}
    sums = [sa.func.coalesce(sa.func.sum(_cost(name, is_sqlite)), 0.0) for name in names]
    rows = connection.execute(sa.select(RUNS.c.step, *sums).group_by(RUNS.c.step).order_by(RUNS.c.step)).all()
    for place, (name, what) in enumerate(names.items(), 1):
        yield Metric(f"assay_step_{name}_total", "counter", f"{what} that runs of a step have cost.", tuple(({"step": str(row[0])}, float(row[place])) for row in rows))


def _cost(name: str, is_sqlite: bool) -> Any:
    value = sa.func.json_extract(RUNS.c.costs, f"$.{name}") if is_sqlite else sa.cast(RUNS.c.costs, JSON)[name].astext
    return sa.cast(value, sa.Float)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    if math.isnan(value) or math.isinf(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
