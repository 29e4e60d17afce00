"""Models that were trained elsewhere, taken in as versions: LightGBM text, ONNX, skops; a pickle only where an administrator allowed its digest."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from assayline.errors import NotFound
from assayline.ledger import records

from ..budget import StepLimits
from ..gating import Outcome
from ..names import check_name
from ..project import SETTINGS, Project
from ..step_child import StepWorker
from ..step_inputs import parts_of
from .fitting import Wish
from .test_sets import sets_of
from .trying import TrialSettings, Trying, error_of
from .versions import check_model

WORK = "assayline.line.models.bring_work:work"


def bring(project: Project, path: str, wish: Wish, *, columns: Sequence[str] = (), classes: Sequence[str] = (), quick: bool = False) -> Outcome:
    """Takes a model file as the next version of a model, after its trial.

    Args:
        project: where.
        path: of the file; what it is, its bytes say.
        wish: target, name, key, time, owner and purpose.
        columns: it was trained on, in its order, where the file does not name them.
        classes: labels in the order of its probabilities, where the file does not name them.
        quick: scores and comparisons only.

    Raises:
        NotFound: there is no such file.
        UnsafeArtefact: it would run code when it is loaded; nothing was run.
        MisuseError: columns or classes are needed, or the name belongs to something else.
    """
    if not os.path.isfile(path):
        raise NotFound(path, "there is no such file", next_step="name the file of a model")
    check_name(wish.name)
    with project.ledger.read() as connection:
        check_model(connection, wish.name, new=True)
        known = records.flow_of(connection, wish.name)
    settings = TrialSettings.of(project)
    sets = sets_of(project, wish.name)
    with StepWorker() as worker, project.store.staging() as folder:
        request: dict[str, Any] = {
            "work": WORK, "file": os.path.join(project.folder, SETTINGS), "folder": folder, "path": os.path.abspath(path), "problem": wish.problem(), "columns": list(columns),
            "classes": list(classes), "name": wish.name, "version": f"v{(known.lots if known is not None else 0) + 1}", "owner": wish.owner, "purpose": wish.purpose,
            "allowed": list(settings.allowed), "rows": {"parts": parts_of(project, [sets[0].lot]), "casts": {}, "uses": None} if sets else None,
        }  # fmt: skip
        limits = StepLimits(memory_bytes=int(settings.memory_mib * (1 << 20)), max_runtime_seconds=settings.seconds, idle_seconds=0.0)
        made = worker.run(request, limits=limits)
        if made.path is None:
            raise error_of(made, path)
        with Trying(project, aspects=() if quick else None) as trying:
            return trying.take(made.path, wish.name, facts={"brought": os.path.basename(path)})
