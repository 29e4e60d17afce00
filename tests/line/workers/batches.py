"""Batches of customers, and how they are scored."""

from __future__ import annotations

from pathlib import Path

from customers import customers

from assayline.line.delivery.scoring import Scored
from assayline.line.gating import gate_paths
from assayline.line.project import Project
from assayline.line.score_job import ScoreJob

JOB = ScoreJob("churn", "flow:customers")


def one(found: list[Scored]) -> Scored:
    """The only batch."""
    [scored] = found
    return scored


def delivered(project: Project, *seeds: int, rows: int = 1500) -> None:
    """A batch of customers for each seed, through the gate."""
    for seed in seeds:
        path = Path(project.folder).parent / f"customers-{seed}.parquet"
        customers(seed, rows).write_parquet(path)
        [outcome] = gate_paths(project, "customers", [str(path)])
        assert outcome.document["state"] == "released"
