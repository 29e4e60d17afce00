"""A version looked at as a machine before anything of it reaches anybody: in a process of its own, with its golden rows and with rows of the last batch."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from assayline.errors import MisuseError
from assayline.ledger import intact, records, rollout_records, run_records
from assayline.ledger.records import LotRecord

from ..budget import StepLimits
from ..models.trying import TrialSettings, error_of
from ..models.versions import ARTEFACT, label
from ..project import SETTINGS, Project
from ..reading import schema_of
from ..step_child import StepWorker
from ..step_inputs import parts_of
from ..step_work import CASTS
from .check_work import CHECKED

WORK = "assayline.line.delivery.check_work:work"
SHOWN = 3  # problems in a message


def check(project: Project, champion: LotRecord, challenger: LotRecord) -> dict[str, Any]:
    """Looks at a version; nothing of it is published, and nothing is written.

    Args:
        project: where.
        champion: the version it would follow.
        challenger: which.

    Returns:
        `problems` and `notes` in sentences, `figures` (`memory_bytes`, `row_milliseconds`, `champion_row_milliseconds`, `onnx` 1 or 0), `rows` it was asked.

    Raises:
        InputError: an artefact cannot be read, or its process had to be ended.
    """
    settings = TrialSettings.of(project)
    limits = StepLimits(memory_bytes=int(settings.memory_mib * (1 << 20)), max_runtime_seconds=settings.seconds, idle_seconds=0.0)
    with project.store.staging() as folder, StepWorker() as worker:
        request = {
            "work": WORK, "file": os.path.join(project.folder, SETTINGS), "folder": folder, "challenger": version(project, challenger), "champion": version(project, champion),
            "table": last_rows(project, challenger.flow), "allowed": list(settings.allowed), "row_milliseconds": settings.row_milliseconds,
        }  # fmt: skip
        made = worker.run(request, limits=limits)
        if made.path is None:
            raise error_of(made, label(challenger))
        with open(os.path.join(folder, CHECKED), encoding="utf-8") as file:
            found: dict[str, Any] = json.load(file)
    return found


def passed(found: Mapping[str, Any], challenger: LotRecord) -> Mapping[str, Any]:
    """What was found, where nothing speaks against the version.

    Raises:
        MisuseError: it does not work as it should; nothing was started.
    """
    problems = list(found["problems"])
    if problems:
        more = f" (and {len(problems) - SHOWN} more)" if len(problems) > SHOWN else ""
        raise MisuseError(f"{label(challenger)} does not set out: {' '.join(problems[:SHOWN])}{more} Nothing was started; look at: assay model show {label(challenger)}")
    return found


def version(project: Project, lot: LotRecord) -> dict[str, str]:
    """A version, as a process is told of it."""
    return {"label": label(lot), "artefact": intact(project.store, lot.objects[ARTEFACT])}


def last_rows(project: Project, model: str) -> dict[str, Any] | None:
    """The rows of the batch that was scored last, for `step_work.read`; None where there is none any more."""
    with project.ledger.read() as connection:
        for scoring in reversed(rollout_records.scorings(connection, model=model, most=10)):
            run = run_records.run_of(connection, scoring.lot) if scoring.lot else None
            numbers = [lot for name, lots in (run.inputs.items() if run is not None else ()) for lot in lots if name != model]
            lots = [one for one in records.lots_with(connection, numbers) if "released" in one.objects]
            if lots:
                break
        else:
            return None
    return table_of(project, lots[0])


def table_of(project: Project, lot: LotRecord) -> dict[str, Any]:
    """The rows of a lot, for `step_work.read`."""
    kinds = {one: str(kind).partition("(")[0] for one, kind in schema_of(project, [lot]).items()}
    return {"parts": parts_of(project, [lot]), "casts": {one: kind for one, kind in kinds.items() if kind in CASTS and kind != "String"}, "uses": None}
