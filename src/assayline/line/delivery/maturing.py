"""Labels that come for batches that were scored: joined to what each version said, and written down as evidence."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from assayline.errors import MisuseError
from assayline.ledger import intact, records, rollout_records, run_records
from assayline.ledger.records import LotRecord
from assayline.ledger.rollout_records import RolloutRecord, ScoringRecord

from ..budget import StepLimits
from ..models.trying import TrialSettings, error_of
from ..models.versions import ARTEFACT, label
from ..names import TABLE
from ..project import SETTINGS, Project
from ..step_child import StepWorker
from .mature_work import MATURED
from .repairing import BOTH
from .terms import Labels, Terms

WORK = "assayline.line.delivery.mature_work:work"
LABELS = "labels"  # in what labels say of a batch: the newest lot of labels that it knows of


@dataclass(frozen=True)
class Waiting:
    """Batches of a rollout for which labels may have come: which, and where the labels are."""

    rollout: RolloutRecord
    labels: Labels
    scorings: tuple[ScoringRecord, ...]
    lots: tuple[LotRecord, ...]


def waiting(connection: Connection, rollout: RolloutRecord) -> Waiting | None:
    """What is to be joined, or None: labels are not expected, none have come since, or all are there."""
    labels = Terms.of(rollout.settings).labels
    if labels is None or records.flow_of(connection, labels.flow) is None:
        return None
    lots = records.lots_with(connection, [one.lot for one in run_records.standing(connection, labels.flow)])
    if not lots:
        return None
    made = [one for one in rollout_records.scorings(connection, rollout=rollout.rollout) if BOTH in one.objects]
    words = rollout_records.matured(connection, [one.scoring for one in made])
    newest = lots[-1].lot
    due = tuple(one for one in made if words.get(one.scoring, {}).get(LABELS) != newest and not _is_whole(words.get(one.scoring, {})))
    return Waiting(rollout, labels, due, tuple(lots)) if due else None


def _is_whole(words: Mapping[str, Any]) -> bool:
    """Whether every pair of a batch has its label."""
    return any(not one["segment"] and one["rows"] >= one["expected"] > 0 for one in words.get("matured", ()))


def mature(project: Project, model: str) -> int:
    """Joins the labels that came to the batches of the newest rollout of a model.

    Args:
        project: where.
        model: its name.

    Returns:
        How many batches are known better now.

    Raises:
        MisuseError: a column of the labels is not there.
        InputError: the artefact cannot be read.
    """
    with project.ledger.read() as connection:
        newest = next(iter(rollout_records.rollouts(connection, model=model, most=1)), None)
        found = waiting(connection, newest) if newest is not None else None
        if found is None:
            return 0
        champion = records.lot_of(connection, found.rollout.champion)
        inputs = {one.scoring: _input_of(connection, one, model) for one in found.scorings}
    with project.store.staging() as folder, StepWorker() as worker:
        made = worker.run(_request(project, found, champion, inputs, folder), limits=_limits(project))
        if made.path is None:
            raise error_of(made, label(champion))
        with open(os.path.join(folder, MATURED), encoding="utf-8") as file:
            said: dict[str, Any] = json.load(file)
    known = 0
    with project.ledger.write() as writing:
        words = rollout_records.matured(writing.connection, [one.scoring for one in found.scorings])
        for one in found.scorings:
            body = {**said[str(one.scoring)], LABELS: found.lots[-1].lot}
            before = words.get(one.scoring, {})
            if before.get(LABELS, 0) >= found.lots[-1].lot:
                continue  # somebody else was faster
            if body["matured"][0]["rows"] or before:
                writing.append("matured", {"scoring": one.scoring, "body": body})
                known += 1
    return known


def _input_of(connection: Connection, scoring: ScoringRecord, model: str) -> LotRecord | None:
    """The rows that were scored, as far as the ledger knows them."""
    run = run_records.run_of(connection, scoring.lot) if scoring.lot else None
    numbers = [lot for name, lots in (run.inputs.items() if run is not None else ()) if name != model for lot in lots]
    number = next(iter(numbers), scoring.counts.get("input"))
    return None if number is None else records.lot_of(connection, int(number))


def _request(project: Project, found: Waiting, champion: LotRecord, inputs: Mapping[int, LotRecord | None], folder: str) -> dict[str, Any]:
    labels, settings = found.labels, found.rollout.settings
    return {
        "work": WORK, "file": os.path.join(project.folder, SETTINGS), "folder": folder, "artefact": intact(project.store, champion.objects[ARTEFACT]),
        "allowed": list(TrialSettings.of(project).allowed), "time": labels.time, "segments": list(settings.get("segments", ())), "limits": dict(settings.get("limits", {})),
        "labels": {"parts": _parts(project, found.lots), "unit": labels.unit or str(settings["unit"]), "label": labels.label, "time": labels.time},
        "batches": [
            {"scoring": one.scoring, "at": one.at, "both": intact(project.store, one.objects[BOTH]), "rows": next(iter(_parts(project, [lot] if lot is not None else [])), None)}
            for one in found.scorings
            for lot in (inputs[one.scoring],)
        ],
    }  # fmt: skip


def _parts(project: Project, lots: Sequence[LotRecord]) -> list[dict[str, Any]]:
    return [
        {"path": intact(project.store, lot.objects["released"]), "renames": dict(lot.figures.get("renames", {})), "at": lot.at} for lot in lots if "released" in lot.objects
    ]


def _limits(project: Project) -> StepLimits:
    settings = TrialSettings.of(project)
    return StepLimits(memory_bytes=int(settings.memory_mib * (1 << 20)), max_runtime_seconds=settings.seconds, idle_seconds=0.0)


def checked(labels: Labels, connection: Connection) -> None:
    """Refuses labels of a flow that is no table.

    Raises:
        MisuseError: with what to do.
    """
    flow = records.flow_of(connection, labels.flow)
    if flow is not None and flow.kind != TABLE:
        raise MisuseError(f"--labels: {labels.flow!r} is a flow of lots of the kind {flow.kind}; name the flow of the outcomes")
