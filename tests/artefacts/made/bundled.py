"""A small bundle with everything a bundle can hold."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
from trained import linear

from assayline.artefacts import AsIs, Bundle, Constant, Golden, Predictor, environment_here
from assayline.framing import Problem

COLUMNS = ("a", "b", "c", "d", "e")


def table(rows: int = 30) -> pl.DataFrame:
    random = np.random.default_rng(4)
    return pl.DataFrame({name: random.integers(0, 30, rows) / (1 if name in "ce" else 3) for name in COLUMNS})


def bundle(predictor: Predictor | None = None, **more: object) -> Bundle:
    model = predictor or linear(2)
    classes = tuple("xyz"[: model.classes])
    plan = AsIs(Problem("y"), "regression" if not classes else "binary" if len(classes) == 2 else "multiclass", COLUMNS, classes)
    base = Bundle(
        "churn", "v8", plan, model, {"dummy": Constant.of(np.full(len(classes), 1 / len(classes)) if classes else 2.0)}, owner="ann", purpose="tests", cost={"yes": 3.0},
        parents=("sha256:" + "0" * 64,), schema={"a": "Float64"}, profile=b"\x00\xff", golden=Golden.of(plan, model, table()), metrics={"auc": 0.75},
        environment=environment_here(), created="2026-11-21T00:00:00Z",
    )  # fmt: skip
    return dataclasses.replace(base, **more)  # type: ignore[arg-type]  # the fields of a bundle by name
