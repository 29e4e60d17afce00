"""A scoring that was made before, asked for again: the same rows by the same versions, or by others."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from assayline.ledger import records, rollout_records
from assayline.ledger.records import LotRecord
from assayline.ledger.rollout_records import RolloutRecord
from assayline.ledger.run_records import RunRecord

from ..delivery.in_service import Serving
from ..delivery.scoring import Batch, request_of
from ..models.versions import ARTEFACT
from ..project import Project
from ..score_job import ScoreJob


def request_again(project: Project, run: RunRecord, inputs: Mapping[str, Sequence[LotRecord]], folder: str, chunks: str) -> dict[str, Any]:
    """The request of a scoring, for `score_work.work`.

    Args:
        project: where the lots are.
        run: the scoring as it was made.
        inputs: the lot that is scored; and of the model the champion, with the challenger where two answer.
        folder: where the result may be written.
        chunks: where what is done so far may be written.
    """
    job = ScoreJob.of(run.parameters)
    [lot], versions = inputs[job.reads], inputs[job.model]
    with project.ledger.read() as connection:
        rollout = _rollout_then(connection, run) if len(versions) > 1 else None
        previous = _previous(connection, job, versions[0])
    serving = Serving(versions[0], versions[1] if rollout is not None else None, rollout)
    request = request_of(project, job, Batch(lot, run.place, 0, run.identity, serving, previous), folder, chunks)
    if request["rollout"] is not None:  # whether it was stopped then is known: nobody stops it now
        request["rollout"]["terms"] = {"guards": [], "limits": request["rollout"]["terms"]["limits"], "batches": [], "own": {}}
    return request


def _rollout_then(connection: Connection, run: RunRecord) -> RolloutRecord | None:
    """The rollout as it stood when the batch was scored."""
    made = [] if run.output is None else [one for one in rollout_records.scorings(connection, flow=run.step, lots=[run.output]) if one.rollout is not None]
    found = rollout_records.rollout_of(connection, int(made[-1].rollout or 0)) if made else None
    if found is None:
        return None
    before = [one for one in rollout_records.moves(connection, found.rollout) if one.at <= run.at]
    return dataclasses.replace(found, stage=int(made[-1].stage or 0), state=before[-1].state if before else "running")


def _previous(connection: Connection, job: ScoreJob, champion: LotRecord) -> LotRecord | None:
    before = [one for one in records.lots(connection, job.model, states=("released",)) if one.place < champion.place and ARTEFACT in one.objects]
    return before[-1] if before else None
