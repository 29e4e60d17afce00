"""Small models ready to be served: plain numbers, mixed columns, classes, numbers."""

from __future__ import annotations

from functools import cache

import lightgbm
import numpy as np
import polars as pl

from assayline.artefacts import Boosted, Bundle, Constant, Golden
from assayline.framing import Problem, frame
from assayline.measures import packed, profile


def numbers(rows: int = 400, seed: int = 0, columns: int = 30) -> pl.DataFrame:
    """Plain numbers and a label that rests on some of them."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, columns))
    bought = X[:, 0] + X[:, 1] * X[:, 2] + random.normal(size=rows) / 3 > 0
    return pl.DataFrame({**{f"f{at}": X[:, at] for at in range(columns)}, "bought": np.where(bought, "yes", "no")})


def orders(rows: int = 400, seed: int = 0) -> pl.DataFrame:
    """Numbers with gaps, a price with its currency, a town, a flag, a day; what it costs, and how late it will be."""
    random = np.random.default_rng(seed)
    load, crew = random.normal(50, 9, rows), random.integers(1, 6, rows).astype(float)
    town = random.choice(["Bonn", "Ulm", "Gent", "Delft"], rows)
    cost = load * crew + np.where(town == "Ulm", 40.0, 0.0)
    late = np.where(cost > 220, "very", np.where(cost > 140, "somewhat", "not"))
    days = np.datetime64("2026-01-01") + random.integers(0, 300, rows).astype("timedelta64[D]")
    return pl.DataFrame(
        {
            "load": load, "crew": np.where(random.random(rows) < 0.05, np.nan, crew), "town": town, "price": [f"{one:.2f} EUR" for one in random.lognormal(size=rows)],
            "express": random.random(rows) < 0.3, "day": [str(one) for one in days], "cost": cost, "late": late,
        }
    )  # fmt: skip


def bundle_of(table: pl.DataFrame, target: str, name: str, version: str = "v1", rounds: int = 15, drop: tuple[str, ...] = (), golden: bool = True) -> Bundle:
    plan = frame(table, Problem(target, drop=drop))
    y, known = plan.target(table)
    X = plan.encode(table)[known]
    classes = len(plan.classes)
    objective = {0: "regression", 2: "binary"}.get(classes, "multiclass")
    codes = [at for at, feature in enumerate(plan.features) if feature.kind == "code"]
    parameters = {"objective": objective, "verbosity": -1, "num_threads": 1, "num_leaves": 15, "seed": 1, **({"num_class": classes} if classes > 2 else {})}
    model = Boosted.of(lightgbm.train(parameters, lightgbm.Dataset(X, y[known], categorical_feature=codes), rounds), classes)
    usual = Constant.of(plan.class_shares if classes else float(y[known].mean()))
    return Bundle(
        name, version, plan, model, {"usual": usual}, schema={column: str(kind) for column, kind in table.schema.items()}, profile=packed(profile(table)),
        golden=Golden.of(plan, model, table.drop(target).head(50)) if golden else None,
    )  # fmt: skip


@cache
def churn(version: str = "v1", rounds: int = 15) -> Bundle:
    """Two classes from 30 plain numbers."""
    return bundle_of(numbers(), "bought", "churn", version, rounds)


@cache
def cost(version: str = "v1") -> Bundle:
    """A number from mixed columns."""
    return bundle_of(orders(), "cost", "cost", version, drop=("late",))


@cache
def late(version: str = "v1") -> Bundle:
    """Three classes from mixed columns."""
    return bundle_of(orders(), "late", "late", version, drop=("cost",))


def rows_of(table: pl.DataFrame, *targets: str) -> list[dict[str, object]]:
    return table.drop(targets).to_dicts()
