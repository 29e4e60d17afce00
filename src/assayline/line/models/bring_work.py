"""What the process does with a model that was trained elsewhere: recognised by its bytes, never executed, written as one of our artefacts."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from assayline.artefacts import Bundle, Constant, Golden, bring_in_file, environment_here, write
from assayline.framing import Problem

from ..step_work import read as read_lots

GOLDEN_ROWS = 64


def work(request: Mapping[str, Any], tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Bring in one model.

    Args:
        request: `path`; `problem`: {"target", "key", "time", "task"}; `columns`; `classes`; `name`; `version`; `owner`; `purpose`; `allowed`: digests of pickles that may be opened;
            `rows`: lots of a test set for golden rows and the dummy, or None; `folder` to write to.
        tell: is told nothing.

    Returns:
        `path` of the artefact, `rows_in`, `rows_out`.

    Raises:
        UnsafeArtefact: it runs code when it is loaded, and was not allowed; nothing was run.
        MisuseError: columns or classes are needed, or do not fit.
    """
    asked = request["problem"]
    problem = Problem(str(asked["target"]), task=str(asked.get("task", "")), key=tuple(asked.get("key", ())), time=str(asked.get("time", "")))
    brought = bring_in_file(request["path"], problem, columns=tuple(request["columns"]), classes=tuple(request["classes"]), allowed=tuple(request["allowed"]))
    bundle = Bundle(
        name=request["name"], version=request["version"], plan=brought.plan, predictor=brought.predictor, owner=request.get("owner", ""), purpose=request.get("purpose", ""),
        environment=environment_here(), more={"trained": {"notes": [brought.note]}},
    )  # fmt: skip
    if request.get("rows"):
        bundle = _beside(bundle, read_lots(request["rows"]).collect())
    path = os.path.join(request["folder"], f"{bundle.name}-{bundle.version}.assay")
    write(bundle, path)
    return {"path": path, "rows_in": 0, "rows_out": 0}


def _beside(bundle: Bundle, table: pl.DataFrame) -> Bundle:
    """With golden rows, and with an answer that ignores the input, which it has to beat."""
    y, usable = bundle.plan.target(table)
    if bundle.classes:
        shares = [float((y[usable] == one).mean()) for one in range(len(bundle.classes))] if usable.any() else [1 / len(bundle.classes)] * len(bundle.classes)
        dummy = Constant.of(shares)
    else:
        dummy = Constant.of(float(y[usable].mean()) if usable.any() else 0.0)
    return replace(bundle, baselines={"dummy": dummy}, golden=Golden.of(bundle.plan, bundle.predictor, table.head(GOLDEN_ROWS)))
