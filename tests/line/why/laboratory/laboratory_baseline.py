"""What one would do without replays: follow the warnings of the gate up the line, and accuse what is anomalous without an anomalous parent."""

from __future__ import annotations

from assayline.ledger import records, run_records
from assayline.ledger.records import LotRecord
from assayline.line.definition import Line
from assayline.line.project import Project

WARN = 0.3  # severity from which a finding is more than a note


def accused_by_baseline(project: Project, line: Line) -> list[str]:
    """The flows whose newest lot (or newest run) is anomalous while nothing that they read is, the worst first."""
    parents = {name: one.inputs for name, one in line.steps.items()} | {name: (job.reads, job.model) for name, job in line.scores.items()}
    flows = [*line.sources, *line.models, *{job.model for job in line.scores.values()}, *parents]
    bad: dict[str, float] = {}
    with project.ledger.read() as connection:
        for flow in dict.fromkeys(flows):
            lots = records.lots(connection, flow, most=1, newest_first=True)
            severity = max((_severity(lot) for lot in lots), default=0.0)
            runs = run_records.runs(connection, step=flow, most=1) if flow in line.steps else []
            if runs and runs[-1].state == "failed":
                severity = 1.0
            if severity >= WARN:
                bad[flow] = severity
    roots = [flow for flow in bad if not any(parent in bad for parent in parents.get(flow, ()))]
    return sorted(roots, key=lambda flow: -bad[flow])


def _severity(lot: LotRecord) -> float:
    return max((float(one["severity"]) for one in lot.findings), default=0.0)
