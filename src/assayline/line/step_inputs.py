"""What the process of the steps is asked: the files behind the lots of each input, and how their texts are to be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from assayline.errors import MisuseError
from assayline.ledger import intact, records
from assayline.ledger.records import LotRecord

from .due import Task
from .project import Project
from .reading import schema_of
from .step_work import CASTS


def request_of(project: Project, task: Task, file: str, folder: str) -> dict[str, Any]:
    """The request of one run, for `step_work.work`.

    Args:
        project: where the lots are.
        task: what is due.
        file: of the line.
        folder: where the result may be written.

    Raises:
        MisuseError: a lot that was read for this result before is no longer there.
        Damaged: an object is missing or is no longer what was written.
    """
    with project.ledger.read() as connection:
        lots = {name: [records.lot_of(connection, one.lot) for one in several] for name, several in task.inputs.items()}
    inputs = {}
    for name, several in lots.items():
        for lot in several:
            if "released" not in lot.objects:
                raise MisuseError(f"lot {lot.lot} of {name!r} was read for this result and is no longer there; give step {task.step.name!r} refresh=\"all\"")
        uses = list(task.step.uses[name]) if name in task.step.uses else None
        inputs[name] = {"parts": parts_of(project, several), "casts": casts_of(project, several), "uses": uses}
    return {"file": file, "step": task.step.name, "inputs": inputs, "parameters": dict(task.step.parameters), "folder": folder}


def casts_of(project: Project, lots: Sequence[LotRecord]) -> dict[str, str]:
    """As what the text columns of some released lots are read, for `step_work.read`: where every filled cell of all of them reads so."""
    kinds = {one: str(kind).partition("(")[0] for one, kind in schema_of(project, lots, typed=True).items()}
    return {one: kind for one, kind in kinds.items() if kind in CASTS and kind != "String"}


def parts_of(project: Project, lots: Sequence[LotRecord]) -> list[dict[str, Any]]:
    """The files behind some released lots, for `step_work.read`.

    Raises:
        Damaged: an object is missing or is no longer what was written.
    """
    return [{"path": intact(project.store, lot.objects["released"]), "renames": dict(lot.figures.get("renames", {}))} for lot in lots]
