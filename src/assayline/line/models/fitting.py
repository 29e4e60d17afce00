"""Training from the command line and from the line: a table in, the next version of a model out, tried before it is released."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from assayline.environments.identity import identity_lines, identity_of
from assayline.errors import MisuseError, NotFound
from assayline.ledger import Writing, records
from assayline.ledger.records import LotRecord

from ..budget import StepLimits
from ..gating import Outcome
from ..names import check_name
from ..project import SETTINGS, Project
from ..reading import released_lots
from ..spending import price_per_cpu_hour
from ..step_child import StepResult, StepWorker
from ..step_inputs import parts_of
from .trying import Event, Trying
from .versions import check_model

WORK = "assayline.line.models.train_work:work"
TRAINED = "trained.json"
BUDGET = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|sec|seconds?|min|minutes?|h|hours?)?\s*")
UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
GRACE = 2.0  # times the budget, and as many minutes: a training that does not keep its budget is ended
GRACE_SECONDS = 120.0


@dataclass(frozen=True)
class Wish:
    """What is to be trained.

    Args:
        target: the column to predict.
        name: of the model.
        key: columns that say what a row is about.
        time: column that says when.
        horizon: how far ahead, such as "1h"; "" for the row's own time.
        task: "binary", "multiclass" or "regression"; found when "".
        drop: columns that are not to be used.
        budget_seconds: of the clock.
        cost: {"over", "under", "unit"} per unit, or {"classes", "costs", "unit"}.
        seed: of everything random.
        owner: who answers for it.
        purpose: what it is for, in a sentence.
    """

    target: str
    name: str
    key: tuple[str, ...] = ()
    time: str = ""
    horizon: str = ""
    task: str = ""
    drop: tuple[str, ...] = ()
    budget_seconds: float = 60.0
    cost: Mapping[str, Any] | None = None
    seed: int = 0
    owner: str = ""
    purpose: str = ""

    def problem(self) -> dict[str, Any]:
        """As the process of the training is told."""
        return {"target": self.target, "task": self.task, "key": list(self.key), "time": self.time, "horizon": self.horizon, "drop": list(self.drop)}


@dataclass(frozen=True)
class Fitted:
    """What came of a training: what it told, where its artefact is, and what the gate said of it (None without a project)."""

    told: Mapping[str, Any]
    path: str | None
    outcome: Outcome | None = None
    costs: Mapping[str, float] = field(default_factory=dict)


def seconds_of(budget: str) -> float:
    """A budget as people write it, in seconds.

    Raises:
        MisuseError: it is none.

    >>> seconds_of("60s"), seconds_of("5 min"), seconds_of("1.5 h"), seconds_of("90")
    (60.0, 300.0, 5400.0, 90.0)
    """
    found = BUDGET.fullmatch(budget)
    if found is None or float(found[1]) <= 0:
        raise MisuseError(f"{budget!r} is no budget; write seconds, minutes or hours, such as 60s or \"5 min\"")
    return float(found[1]) * UNITS[(found[2] or "s")[0]]


def fit_file(path: str, wish: Wish, out: str, *, on_event: Event | None = None) -> Fitted:
    """Trains on any table, without a project.

    Args:
        path: of the table.
        wish: what to train.
        out: folder for the artefact.
        on_event: receives ("train", {"done", "total", "phase"}).

    Raises:
        NotFound: there is no such table.
        MisuseError: training refused: the sentence says why.
    """
    if not os.path.exists(path):
        raise NotFound(path, "there is no such file, and no flow of this name", next_step="name a table, or a flow of the project")
    os.makedirs(out, exist_ok=True)
    check_name(wish.name)
    version = _next_version(out, wish.name)
    with StepWorker() as worker, _folder(out) as folder:
        made = fitted_in(worker, {"path": os.path.abspath(path)}, wish, version, (), path, folder, on_event)
        target = os.path.join(out, os.path.basename(str(made.path)))
        os.replace(str(made.path), target)
        return Fitted(_told(folder), target, None, made.costs)


def fit_flow(
    project: Project, flow: str, wish: Wish, *, on_event: Event | None = None, lots: Sequence[int] = (), line: str = "", identity: str = "", code: str = "", environment: str = ""
) -> Fitted:
    """Trains on the released lots of a flow; the artefact goes through its trial and becomes the next version of the model.

    Args:
        project: where.
        flow: whose rows.
        wish: what to train.
        on_event: receives ("train" | "look" | "trial", what there is to say of it).
        lots: only these.
        line: name of the line, where it is part of one.
        identity: of the run, where it is part of a line.
        code: digest of the code that asked for it.
        environment: digest of what it runs on.

    Raises:
        MisuseError: there is nothing to learn from, the name is taken, or training refused.
    """
    found = released_lots(project, flow, lots=lots)
    if not found:
        raise MisuseError(f"no lot of {flow!r} is released, so there is nothing to learn from; look at: assay lots {flow}")
    with project.ledger.read() as connection:
        check_model(connection, wish.name, new=True)
        known = records.flow_of(connection, wish.name)
    version = f"v{(known.lots if known is not None else 0) + 1}"
    project.store.sweep()
    lines = identity_lines(("lightgbm", "sklearn", "numpy", "polars", "assayline"))
    with StepWorker() as worker, project.store.staging() as folder:
        inputs: dict[str, Any] = {"parts": parts_of(project, found), "casts": {}, "uses": None}
        parents = [lot.digest for lot in found if lot.digest.startswith("sha256:")]
        made = fitted_in(worker, inputs, wish, version, parents, os.path.join(project.folder, SETTINGS), folder, on_event, code=code)
        told = _told(folder)
        money = made.costs["cpu_seconds"] / 3600 * price_per_cpu_hour(project)
        costs = {**made.costs, "rows_in": float(made.rows_in), "rows_out": 0.0, "money": money}

        def also(writing: Writing, lot: LotRecord) -> None:
            writing.append(
                "run",
                {
                    "line": line, "step": wish.name, "place": "", "identity": identity or f"train:{told['digest']}", "state": "done" if lot.state == "released" else "held",
                    "output": lot.lot, "inputs": {flow: [one.lot for one in found]}, "code": code, "parameters": {**wish.problem(), "budget_seconds": wish.budget_seconds, "seed": wish.seed},
                    "environment": environment or identity_of(lines), "costs": costs, "columns": {}, "error": "",
                },
            )  # fmt: skip

        with Trying(project, on_event=on_event) as trying:
            outcome = trying.take(str(made.path), wish.name, also=also, facts={"trained_on": flow}, trained_on=[one.lot for one in found])
        return Fitted(told, None, outcome, costs)


def fitted_in(
    worker: StepWorker, table: Mapping[str, Any], wish: Wish, version: str, parents: Sequence[str], file: str, folder: str, on_event: Event | None, code: str = ""
) -> StepResult:
    request = {
        "work": WORK, "file": os.path.abspath(file), "folder": folder, "table": dict(table), "problem": wish.problem(), "budget_seconds": wish.budget_seconds,
        "cost": None if wish.cost is None else dict(wish.cost), "seed": wish.seed, "name": wish.name, "version": version, "owner": wish.owner, "purpose": wish.purpose,
        "parents": list(parents), "code": code, "begun": time.time(), "created": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }  # fmt: skip
    limits = StepLimits(max_runtime_seconds=GRACE * wish.budget_seconds + GRACE_SECONDS, idle_seconds=0.0)
    told = (lambda done: on_event("train", {"done": done, "total": 100})) if on_event is not None else None
    made = worker.run(request, limits=limits, on_progress=told)
    if made.path is None:
        said = made.error
        raise MisuseError(f"training {wish.name!r}: " + (said.message if said is not None and said.kind in ("MisuseError", "MissingExtra") else str(said)))
    return made


def _told(folder: str) -> dict[str, Any]:
    with open(os.path.join(folder, TRAINED), encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    return found


def _next_version(folder: str, name: str) -> str:
    """The next version that no file in the folder has."""
    taken = [int(found[1]) for one in os.listdir(folder) if (found := re.fullmatch(re.escape(name) + r"-v(\d+)\.assay", one))]
    return f"v{max(taken, default=0) + 1}"


@contextlib.contextmanager
def _folder(beside: str) -> Iterator[str]:
    path = os.path.abspath(os.path.join(beside, f".training-{os.getpid()}"))
    os.makedirs(path)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
