"""Standby answers that are lacking: after a promotion the old version scores a few keys only, so it is asked about the others when they are to be put right."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import polars as pl

from assayline.ledger import records, run_records
from assayline.ledger.rollout_records import RolloutRecord, ScoringRecord

from ..models.trying import TrialSettings, error_of
from ..models.versions import label
from ..project import SETTINGS, Project
from ..spending import limits_of
from ..step_child import StepWorker
from .checking import table_of, version

WORK = "assayline.line.delivery.recall_work:work"
ROWS = "rows.parquet"


def recall(project: Project) -> Callable[[ScoringRecord, RolloutRecord, Sequence[int]], pl.DataFrame]:
    """A function that asks the champion of a rollout about rows of a batch.

    It gives `assay_row`, `champion` and `champion_prediction`; no rows where the batch is no longer in the store.

    Raises:
        InputError: (when called) the artefact cannot be read, or its process had to be ended.
    """

    def asked(scoring: ScoringRecord, rollout: RolloutRecord, rows: Sequence[int]) -> pl.DataFrame:
        with project.ledger.read() as connection:
            run = run_records.run_of(connection, scoring.lot)
            numbers = [lot for name, lots in (run.inputs.items() if run is not None else ()) for lot in lots if name != rollout.model]
            lots = [one for one in records.lots_with(connection, numbers) if "released" in one.objects]
            champion = records.lot_of(connection, rollout.champion)
        if not lots:
            return pl.DataFrame(schema={"assay_row": pl.Int64, "champion": pl.Float64, "champion_prediction": pl.String})
        with project.store.staging() as folder, StepWorker() as worker:
            path = os.path.join(folder, ROWS)
            pl.DataFrame({"assay_row": list(rows)}, schema={"assay_row": pl.Int64}).write_parquet(path)
            request = {
                "work": WORK, "file": os.path.join(project.folder, SETTINGS), "folder": folder, "table": table_of(project, lots[0]), "rows": path,
                "champion": version(project, champion), "allowed": list(TrialSettings.of(project).allowed),
            }  # fmt: skip
            made = worker.run(request, limits=limits_of(project, scoring.flow))
            if made.path is None:
                raise error_of(made, label(champion))
            return pl.read_parquet(made.path)

    return asked
