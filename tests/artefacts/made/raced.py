"""What training chooses for small tables."""

from __future__ import annotations

from functools import cache

import numpy as np
import polars as pl

from assayline.artefacts import Bundle, Golden
from assayline.framing import Problem
from assayline.training import train

TASKS = ("binary", "regression")


def orders(rows: int = 500, seed: int = 0) -> pl.DataFrame:
    """What orders cost, skewed and above 0, and whether they came late, which hangs on the product of two columns."""
    random = np.random.default_rng(seed)
    load, crew, town = random.normal(3, 1, rows), random.normal(1, 0.5, rows), random.choice(["Bonn", "Delft", "Gent"], rows)
    cost = np.exp(0.9 * load - 0.5 * crew + 0.9 * (town == "Gent") + random.normal(0, 0.2, rows)) * 40
    late = random.random(rows) < 1 / (1 + np.exp(-3 * (load - 3) * (crew - 1) * 2))
    table = pl.DataFrame({"load": load, "crew": crew, "town": town, "cost": cost, "late": np.where(late, "yes", "no")})
    return table.with_columns(pl.when(pl.Series(random.random(rows) < 0.1)).then(None).otherwise(pl.col("crew")).alias("crew"))


@cache
def raced(task: str) -> tuple[Bundle, pl.DataFrame]:
    """The bundle of a model that two seconds of training made, and rows it has not seen, some of them odd."""
    target, other = ("late", "cost") if task == "binary" else ("cost", "late")
    table = orders().drop(other)
    found = train(table, Problem(target), budget_seconds=2)
    new = orders(200, seed=1).drop(other)
    odd = pl.DataFrame({"load": [None, 0.0, -3.0, 1e300, 1e-300, 50.0], "crew": [2.0, 0.0, None, 1e300, 1e300, -1.0], "town": ["Bonn", None, "Ulm", "Gent", "", "Delft"]})
    rows = pl.concat([new, odd], how="diagonal")
    return Bundle("orders", "v1", found.plan, found.predictor, golden=Golden.of(found.plan, found.predictor, rows.head(40))), rows
