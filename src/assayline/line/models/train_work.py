"""What the process of a training does: reads the table, trains under the budget, and writes one artefact."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from assayline import training
from assayline.artefacts import Bundle, Golden, environment_here, write
from assayline.framing import Problem
from assayline.measures import profile
from assayline.measures.packing import packed
from assayline.tables import Limits, open_table

from ..step_work import read as read_lots

TRAINED = "trained.json"
GOLDEN_ROWS = 64
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
    told = training.train(
        table, problem, budget_seconds=float(request["budget_seconds"]), cost=request.get("cost"), seed=int(request.get("seed", 0)),
        watch=lambda news: tell({"done": round(100 * float(news.get("share", 0.0))), "total": 100, "phase": str(news.get("phase", ""))}),
    )  # fmt: skip
    document = told.as_json()
    bundle = Bundle(
        name=request["name"], version=request["version"], plan=told.plan, predictor=told.predictor, baselines=told.baselines, owner=request.get("owner", ""),
        purpose=request.get("purpose", ""), cost=request.get("cost"), created=request.get("created", ""), parents=tuple(request.get("parents", ())),
        code=request.get("code", ""), schema={name: str(kind) for name, kind in table.schema.items()}, profile=packed(profile(_spread(table, PROFILED_ROWS))),
        golden=Golden.of(told.plan, told.predictor, _spread(table, GOLDEN_ROWS)), metrics=document.get("metrics", {}), environment=environment_here(),
        more={"trained": document},
    )  # fmt: skip
    path = os.path.join(request["folder"], f"{bundle.name}-{bundle.version}.assay")
    digest = write(bundle, path)
    with open(os.path.join(request["folder"], TRAINED), "w", encoding="utf-8") as out:
        json.dump({**document, "digest": digest, "bytes": os.path.getsize(path), "name": bundle.name, "version": bundle.version, "task": bundle.task}, out, ensure_ascii=True)
    return {"path": path, "rows_in": table.height, "rows_out": 0}


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
