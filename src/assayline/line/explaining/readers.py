"""Who reads what a model says: the jobs that score with it, where its predictions go, and what is made from them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from assayline.errors import MisuseError
from assayline.ledger import records, run_records
from assayline.ledger.schema import SCORINGS
from assayline.tables.source import without_password

from ..definition import Line
from ..score_job import ScoreJob

LINE, HAND, ONLINE = "line", "by hand", "online"


@dataclass(frozen=True)
class Reader:
    """One way in which a model answers somebody.

    Args:
        kind: "line" (with each lot, by `assay run` and `assay up`), "by hand" (`assay score`), "online" (`assay serve`).
        flow: its predictions become lots of.
        reads: the flow that is scored; "" online.
        job: its settings; None online.
        goes_to: targets of the flow, without passwords.
        then: steps of the line that are made from the predictions, directly or not.
    """

    kind: str
    flow: str
    reads: str
    job: ScoreJob | None
    goes_to: tuple[str, ...]
    then: tuple[str, ...]

    @property
    def command(self) -> str:
        """What scores, or answers, now."""
        if self.kind == ONLINE or self.job is None:
            return f"assay serve {self.flow.removesuffix('.requests')}"
        return f"assay run --step {self.flow}" if self.kind == LINE else scoring_command(self.job)


def scoring_command(job: ScoreJob) -> str:
    """What scores by hand just as this job does.

    >>> scoring_command(ScoreJob("churn", "flow:customers", key=("customer",), otherwise="no"))
    'assay score churn --input flow:customers --key customer --otherwise no'
    """
    usual = ScoreJob(job.model, job.input)
    words = ["assay", "score", job.model, "--input", job.input]
    for name in ("flow", "key", "unit", "time", "keep", "version", "decides", "mix", "fallback_on", "otherwise"):
        value = getattr(job, name)
        if value != getattr(usual, name):
            said = ",".join(value) if isinstance(value, tuple) else str(value)
            option = "--" + name.replace("_", "-")
            words += [f"{option}={said}"] if said.startswith("-") else [option, said]
    return shlex.join(words)


def readers_of(connection: Connection, model: str, line: Line | None) -> tuple[Reader, ...]:
    """The jobs of the line, then those that the ledger has seen, by the names of their flows."""
    jobs = {flow: job for flow, job in line.scores.items() if job.model == model} if line is not None else {}
    seen = [str(row.flow) for row in connection.execute(sa.select(SCORINGS.c.flow).where(SCORINGS.c.model == model).distinct().order_by(SCORINGS.c.flow))]
    found = [Reader(LINE, flow, job.reads, job, _targets(connection, flow), _then(line, flow)) for flow, job in sorted(jobs.items())]
    for flow in [one for one in seen if one not in jobs]:
        from ..delivery.request_windows import flow_of as requests_of  # with all that answers requests, which most cards do not need

        online = flow == requests_of(model)
        job = None if online else _job(connection, flow)
        found.append(Reader(ONLINE if online else HAND, flow, job.reads if job is not None else "", job, _targets(connection, flow), _then(line, flow)))
    return tuple(found)


def _job(connection: Connection, flow: str) -> ScoreJob | None:
    """As it was last run; None where the ledger does not say."""
    last = run_records.runs(connection, step=flow, most=1)
    try:
        return ScoreJob.of(last[0].parameters) if last else None
    except (TypeError, MisuseError):  # written by a version whose jobs had other settings
        return None


def _targets(connection: Connection, flow: str) -> tuple[str, ...]:
    return tuple(without_password(str(row.address)) for row in records.targets(connection, flow))


def _then(line: Line | None, flow: str) -> tuple[str, ...]:
    if line is None:
        return ()
    value = line.value()
    below = value.descendants(frozenset({flow}))
    return tuple(name for name in value.order() if name in below)
