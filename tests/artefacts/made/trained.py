"""Models of every kind, trained on a small matrix that has numbers, codes, missing values and zeros."""

from __future__ import annotations

from functools import cache

import lightgbm
import numpy as np

from assayline.artefacts import Blend, Boosted, Calibrated, Constant, Interval, Linear, Predictor, Seasonal, Selected
from assayline.artefacts.stored import Array

CATEGORIES = [0, 0, 3, 0, 40]


def encoded(rows: int, seed: int = 0) -> Array:
    """Two numbers (one with gaps), a code of 3, a number that is mostly 0, a code of 40."""
    random = np.random.default_rng(seed)
    X = np.column_stack(
        [
            random.normal(size=rows), random.lognormal(size=rows), random.integers(0, 3, rows), random.poisson(0.4, rows) * 1.5, random.integers(0, 40, rows),
        ]
    ).astype(np.float64)  # fmt: skip
    X[random.random(rows) < 0.15, 1] = np.nan
    X[random.random(rows) < 0.05, 2] = np.nan
    return X


def target(X: Array, classes: int = 0) -> Array:
    """What the models learn: a number, or the index of a class."""
    score = X[:, 0] + 0.5 * np.nan_to_num(X[:, 1], nan=2.0) + np.where(X[:, 4] % 7 < 3, 1.0, -0.5) + np.nan_to_num(X[:, 2])
    return np.digitize(score, np.quantile(score, np.arange(1, classes) / classes)).astype(np.float64) if classes else score


@cache
def boosted(objective: str = "regression", classes: int = 0, rounds: int = 12, **options: object) -> Boosted:
    X = encoded(600)
    y = target(X, classes)
    if objective in ("gamma", "poisson", "tweedie"):
        y = np.exp(y / 4)
    if objective == "cross_entropy_lambda":
        y = (y > y.mean()).astype(np.float64)
    parameters = {
        "objective": objective, "verbosity": -1, "num_threads": 1, "num_leaves": 15, "min_data_in_leaf": 5, "cat_smooth": 1, "min_data_per_group": 5,
        "deterministic": True, "seed": 1, **({"num_class": classes} if objective.startswith("multi") else {}), **options,
    }  # fmt: skip
    data = lightgbm.Dataset(X, y, categorical_feature=[2, 4], free_raw_data=False)
    return Boosted.of(lightgbm.train(parameters, data, rounds), classes)


@cache
def numbers_only(gaps: bool) -> Boosted:
    """Trees without sets of categories: with gaps every split knows NaN, without gaps none knows a missing value."""
    X = encoded(600)
    parameters = {"verbosity": -1, "num_threads": 1, "num_leaves": 15, "use_missing": gaps}
    return Boosted.of(lightgbm.train(parameters, lightgbm.Dataset(X if gaps else np.nan_to_num(X), target(X)), 12), 0)


@cache
def linear(classes: int = 0) -> Linear:
    X = encoded(600)
    layout = Linear.layout(X, CATEGORIES)
    random = np.random.default_rng(5)
    outputs = classes if classes > 2 else 1
    link = "identity" if not classes else "logit" if classes == 2 else "softmax"
    return Linear.of(layout, random.normal(size=(outputs, layout.size)) / 3, random.normal(size=outputs), link=link)


@cache
def seasonal(classes: int = 0) -> Seasonal:
    X = encoded(600)
    usual = Seasonal.usual(X[:500], target(X, classes)[:500], columns=[2, 4], classes=classes)
    if not classes:
        return Seasonal.of([Seasonal.last(1), usual], 0.25, width=5)
    return Seasonal.of([usual, Seasonal.last(3, np.full((classes, classes), 1 / classes))], np.full(classes, 1 / classes), width=5)


@cache
def every_predictor() -> tuple[Predictor, ...]:
    """One of each kind, for regression, two and three classes where it has them."""
    two, three = boosted("binary", 2), boosted("multiclass", 3)
    X, y = encoded(300, seed=9), target(encoded(300, seed=9))
    return (
        Constant.of(1 / 3), Constant.of([0.1, 0.2, 0.7]),
        linear(), linear(2), linear(3),
        seasonal(), seasonal(2), seasonal(3),
        boosted(), two, three, boosted("poisson"), boosted("multiclassova", 3),
        Selected(linear(2), (0, 1, 2, 3, 4), 5),
        Blend.of([boosted(), linear(), seasonal()], [5, 3, 2]), Blend.of([three, linear(3)], [1, 2]),
        Calibrated.platt(two, 1.7, -0.2), Calibrated.isotonic(two, [0.1, 0.30000000000000004, 0.8], [0.05, 0.2, 0.9]),
        Calibrated.platt(three, [1.1, 0.9, 1.3], [0.1, -0.1, 0.0]), Calibrated.temperature(Blend.of([three, linear(3)], [1, 1]), 1.6),
        Interval.learn(boosted(), X, y), Interval.learn(Blend.of([boosted(), linear()], [1, 1]), X, y, difficulty=Constant.of(0.5)),
    )  # fmt: skip
