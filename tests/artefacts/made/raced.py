"""What training chooses for small tables."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from assayline.artefacts import Bundle, Golden, Predictor
from assayline.framing import Problem

if TYPE_CHECKING:
    from assayline.training import Progress

TASKS = ("binary", "regression")


def orders(rows: int = 800, seed: int = 0) -> pl.DataFrame:
    """What orders cost, skewed and above 0, and whether they came late, which hangs on the product of two columns."""
    random = np.random.default_rng(seed)
    load, crew, town = random.normal(3, 1, rows), random.normal(1, 1, rows), random.choice(["Bonn", "Delft", "Gent"], rows)
    cost = 40 * np.exp(2 * np.sin(1.5 * load) + 1.5 * (crew > 1) * (town == "Gent") + 0.5 * crew + random.normal(0, 0.3, rows))
    late = random.random(rows) < 1 / (1 + np.exp(-1.5 * (load - 3) * (crew - 1)))
    gaps = np.where(random.random(rows) < 0.05, np.nan, crew)
    return pl.DataFrame({"load": load, "crew": gaps, "town": town, "cost": cost, "late": np.where(late, "yes", "no")})


@cache
def raced(task: str) -> tuple[Bundle, tuple[Predictor, ...], pl.DataFrame]:
    """The bundle of the model that two seconds of training chose; it and whatever was in front on the way; and rows they have not seen, some of them odd."""
    from assayline.training import train  # here, for what is tested with it may be there without it

    target, other = ("late", "cost") if task == "binary" else ("cost", "late")
    in_front: dict[str, Progress] = {}
    found = train(orders().drop(other), Problem(target), budget_seconds=2, watch=lambda now: in_front.update({now.name: now}))
    odd = pl.DataFrame({"load": [None, 0.0, -3.0, 1e300, 1e-300, 50.0], "crew": [2.0, 0.0, None, 1e300, 1e300, -1.0], "town": ["Bonn", None, "Ulm", "Gent", "", "Delft"]})
    rows = pl.concat([orders(200, seed=1).drop(other), odd], how="diagonal")
    bundle = Bundle("orders", "v1", found.plan, found.predictor, golden=Golden.of(found.plan, found.predictor, rows.tail(40)))
    return bundle, (found.predictor, *(one.predictor() for one in in_front.values())), rows
