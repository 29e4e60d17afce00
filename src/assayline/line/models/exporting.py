"""Versions of models in other people's languages, each tried on golden rows before it is given away."""

from __future__ import annotations

import json
import os
from typing import Any

from assayline.errors import MisuseError
from assayline.ledger import intact
from assayline.ledger.store import whole_file

from ..budget import StepLimits
from ..project import SETTINGS, Project
from ..step_child import StepWorker
from .trying import TrialSettings
from .versions import ARTEFACT, label, version_of

WORK = "assayline.line.models.export_work:work"
EXPORTED = "exported.json"


def export(project: Project, text: str, form: str, out: str) -> dict[str, Any]:
    """Writes a version as ONNX, as C or as a page.

    Args:
        project: where.
        text: `churn:v8`, or `churn` for the version in force.
        form: "onnx", "c" or "web".
        out: the folder, made where it is missing.

    Returns:
        `version`, `form`, `files`, and a `sentence` on how it compares with the original.

    Raises:
        MisuseError: there is no such version, or its kind cannot be written in this form; the sentence says which can.
        MissingExtra: what it needs is not installed.
    """
    lot = version_of(project, text)
    if ARTEFACT not in lot.objects:
        raise MisuseError(f"{label(lot)} could not be opened when it came, so there is nothing to export")
    settings = TrialSettings.of(project)
    os.makedirs(out, exist_ok=True)
    with StepWorker() as worker, project.store.staging() as folder:
        request = {
            "work": WORK, "file": os.path.join(project.folder, SETTINGS), "folder": folder, "artefact": intact(project.store, lot.objects[ARTEFACT]), "form": form,
            "name": f"{lot.flow}-v{lot.place}", "allowed": list(settings.allowed),
        }  # fmt: skip
        made = worker.run(request, limits=StepLimits(max_runtime_seconds=settings.seconds, idle_seconds=0.0))
        if made.path is None:
            raise MisuseError(f"{label(lot)} as {form}: {made.error.message if made.error is not None and made.error.message else made.error}")
        with open(os.path.join(folder, EXPORTED), encoding="utf-8") as file:
            told = json.load(file)
        files = []
        for name in told["files"]:
            target = os.path.join(out, name)
            with open(os.path.join(folder, name), "rb") as content, whole_file(target) as temporary, open(temporary, "wb") as written:
                written.write(content.read())
            files.append(target)
    return {"version": label(lot), "form": form, "files": files, "sentence": told["sentence"]}
