"""Trials that people write, run in the watched process: one that crashes, hangs or takes all memory has failed, and the next one runs."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Any

from ..budget import StepLimits
from ..project import SETTINGS, Project
from ..step_child import StepWorker

FILE = "trials.py"
WORK = "assayline.line.models.suite_work:work"
OUTCOMES = "outcomes.jsonl"
SECONDS = 90.0  # after which a trial is ended that its own timer could not end
TIMED_OUT = 124  # exit code of a process whose trial took longer than it may, as of timeout(1)
MOST_OUTPUT = 8_000
ENDED = {"memory": "memory", "max_runtime": "timeout", "idle": "timeout", "cpu": "timeout", "asked": "error", "": "crashed"}


def run_suite(project: Project, worker: StepWorker, request: Mapping[str, Any], limits: StepLimits) -> list[dict[str, Any]]:
    """The trials in `trials.py` of the project, each on each test set that a version was tried on.

    Args:
        project: where.
        worker: the process.
        request: of the trial of the version, with the folder its predictions are in.
        limits: what the trials may cost together.

    Returns:
        For each trial `name`, `outcome` (passed, failed, error, timeout, memory, crashed), `said` (a clause), `seconds` and `output`.
    """
    file = os.path.join(project.folder, FILE)
    if not os.path.isfile(file):
        return []
    each = dataclasses.replace(limits, idle_seconds=SECONDS)  # every trial that begins is progress
    outcomes = os.path.join(str(request["folder"]), OUTCOMES)
    settings = os.path.join(project.folder, SETTINGS)
    found: list[dict[str, Any]] = []
    while True:
        # One after another in one process; where it had to be ended, the next one begins with those that are left.
        with open(outcomes, "wb"):
            pass
        made = worker.run({**request, "work": WORK, "file": settings, "trials": file, "done": len(found), "outcomes": outcomes}, limits=each)
        with open(outcomes, encoding="utf-8") as lines:
            told = [json.loads(line) for line in lines if line.endswith("\n")]
        begun = [one for one in told if "begun" in one]
        found += [one for one in told if "outcome" in one]
        if made.path is not None:
            return found
        said = str(made.error)
        if len(begun) == sum("outcome" in one for one in told):  # none was begun: the file itself is wrong
            return [*found, {"name": FILE, "outcome": "error", "said": f"cannot be loaded: {said.splitlines()[-1]}", "seconds": 0.0, "output": said[-MOST_OUTPUT:]}]
        late = said.endswith(f"exit code {TIMED_OUT}")
        found.append(
            {
                "name": begun[-1]["begun"], "outcome": "timeout" if late else ENDED.get(made.stopped_by, "crashed"),
                "said": f"did not come back within {begun[-1]['timeout_seconds']:g} seconds" if late else said.splitlines()[-1], "seconds": made.costs.get("wall_seconds", 0.0),
                "output": made.log[-MOST_OUTPUT:],
            }
        )  # fmt: skip
