"""What the process of a training does: reads the table, trains under the budget, and writes one artefact."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from assayline import training
from assayline.artefacts import Bundle, Golden, environment_here, write
from assayline.framing import Problem
from assayline.measures import profile
from assayline.measures.packing import packed
from assayline.tables import Limits, open_table
from assayline.training.costs import Cost, matrix_of

from ..progress import progress as progressed
from ..step_work import read as read_lots

TRAINED = "trained.json"
GOLDEN_ROWS = 64
WRITING_SECONDS = 0.5  # for profile, golden rows and the file
NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]+")
PROFILED_ROWS = 200_000  # of the training table, spread evenly: what guards learn from at serving time


def work(request: Mapping[str, Any], tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Train one version.

    Args:
        request: `table`: {"path"} of any table, or {"parts", "casts", "uses"} of lots; `problem`: {"target", "task", "key", "time", "horizon", "drop"}; `budget_seconds`; `cost`; `seed`; `name`;
            `version`; `owner`; `purpose`; `parents`; `code`; `created`; `folder` to write to.
        tell: receives {"done", "total", "phase"}.

    Returns:
        `path` of the artefact, `rows_in`, `rows_out`; what training told is in `trained.json` beside it.
    """
    table = table_in(request["table"])
    asked = request["problem"]
    problem = Problem(
        str(asked["target"]), task=str(asked.get("task", "")), key=tuple(asked.get("key", ())), time=str(asked.get("time", "")), horizon=str(asked.get("horizon", "")),
        drop=tuple(asked.get("drop", ())),
    )  # fmt: skip
    budget = float(request["budget_seconds"])
    # The budget is of the clock and for everything: what starting and reading took is gone, and writing takes a little.
    left = max(budget / 2, budget - max(0.0, time.time() - float(request.get("begun", time.time()))) - WRITING_SECONDS)
    told = training.train(
        table, problem, budget_seconds=left, cost=costs_in(request.get("cost")), seed=int(request.get("seed", 0)),
        watch=lambda news: progressed(min(100, round(100 * news.spent_seconds / left))),
    )  # fmt: skip
    document = trained_document(told, budget)
    best: Mapping[str, Any] = next((row for row in document["leaderboard"] if row["chosen"]), {})
    bundle = Bundle(
        name=request["name"], version=request["version"], plan=told.plan, predictor=told.predictor,
        baselines={NOT_IN_NAMES.sub("-", name).strip("-").lower(): one for name, one in told.baselines.items()}, owner=request.get("owner", ""),
        purpose=request.get("purpose", ""), cost=cost_document(request.get("cost"), told), created=request.get("created", ""), parents=tuple(request.get("parents", ())),
        code=request.get("code", ""), schema={name: str(kind) for name, kind in table.schema.items()}, profile=packed(profile(_spread(table, PROFILED_ROWS))),
        golden=Golden.of(told.plan, told.predictor, _spread(table, GOLDEN_ROWS)), metrics={"metric": told.metric, **best}, environment=environment_here(),
        more={"trained": document},
    )  # fmt: skip
    path = os.path.join(request["folder"], f"{bundle.name}-{bundle.version}.assay")
    digest = write(bundle, path)
    with open(os.path.join(request["folder"], TRAINED), "w", encoding="utf-8") as out:
        json.dump({**document, "digest": digest, "bytes": os.path.getsize(path), "name": bundle.name, "version": bundle.version, "task": bundle.task}, out, ensure_ascii=True)
    return {"path": path, "rows_in": table.height, "rows_out": 0}


def costs_in(cost: Mapping[str, Any] | None) -> Cost | None:
    """What wrong answers cost, as training takes it."""
    if cost is None:
        return None
    if "over" in cost:
        return training.per_unit(float(cost["over"]), float(cost["under"]))
    if "pairs" in cost:
        found: dict[str, dict[str, float]] = {}
        for truth, answer, value in cost["pairs"]:
            found.setdefault(truth, {})[answer] = float(value)
        return found
    return {truth: {answer: float(value) for answer, value in zip(cost["classes"], row, strict=True)} for truth, row in zip(cost["classes"], cost["costs"], strict=True)}


def cost_document(cost: Mapping[str, Any] | None, told: training.Trained) -> dict[str, Any] | None:
    """The same as the artefact keeps it: by the classes of its plan, with its unit."""
    if cost is None or "over" in cost:
        return None if cost is None else dict(cost)
    taken = costs_in(cost)
    assert taken is not None
    return {"classes": list(told.plan.classes), "costs": matrix_of(taken, told.plan.classes).tolist(), "unit": cost.get("unit", "EUR")}


def trained_document(told: training.Trained, budget_seconds: float) -> dict[str, Any]:
    """What training told, as pages and terminals show it."""
    return {**told.told(), "budget_seconds": budget_seconds, "target": told.plan.problem.target, "features": len(told.plan.features)}


def table_in(given: Mapping[str, Any]) -> pl.DataFrame:
    """A table as it came: the lots of a flow, or any file that can be scanned; text stays text, the plan reads it."""
    if "parts" in given:
        return read_lots(given).collect()
    opened = open_table(given["path"], Limits())
    try:
        pieces: Sequence[pl.DataFrame] = [piece.load() for piece in opened.pieces()]
    finally:
        opened.close()
    return pl.concat(pieces, how="vertical_relaxed") if pieces else pl.DataFrame(schema=dict.fromkeys(opened.columns, pl.String))


def _spread(table: pl.DataFrame, most: int) -> pl.DataFrame:
    """At most so many rows, evenly from the whole table."""
    return table if table.height <= most else table.gather_every(-(-table.height // most))
