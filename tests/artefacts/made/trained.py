"""Models of every kind, trained on a small matrix that has numbers, codes, missing values and zeros."""

from __future__ import annotations

from functools import cache

import lightgbm
import numpy as np

from assayline.artefacts import Blend, Boosted, Calibrated, Constant, Expanded, Interval, Linear, Predictor, Rescaled, Seasonal, Selected
from assayline.artefacts.expanded import Term, expand
from assayline.artefacts.stored import Array

CATEGORIES = [0, 0, 3, 0, 40]
# Each kind of column made of others, out of order; of the ratios one is often to 0, of the products one is of a number with gaps.
TERMS = (
    Term("product", (0, 1)), *(Term("same", (at,)) for at in (4, 2, 0, 1, 3)), Term("bins", (0,), (-1.0, -0.1, 0.1, 0.1, 2.0)), Term("above", (1,), (0.7,)),
    Term("ratio", (0, 3)), Term("sum", (0, 1)), Term("bins", (1,), (0.3,)), Term("difference", (1, 3)), Term("ratio", (1, 0)), Term("above", (0,), (-0.5,)), Term("product", (4, 4)),
)  # fmt: skip


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


@cache
def wider(classes: int = 0) -> Expanded:
    """Trees over columns that are made of others; two of them with sets of categories, one of these made too."""
    X = encoded(600)
    parameters = {
        "objective": ("regression", "", "binary", "multiclass")[classes], "verbosity": -1, "num_threads": 1, "num_leaves": 15, "min_data_in_leaf": 5, "cat_smooth": 1,
        "min_data_per_group": 5, "deterministic": True, "seed": 1, **({"num_class": classes} if classes > 2 else {}),
    }  # fmt: skip
    data = lightgbm.Dataset(expand(X, TERMS), target(X, classes), categorical_feature=[1, 2, 6], free_raw_data=False)
    return Expanded(Boosted.of(lightgbm.train(parameters, data, 12), classes), TERMS, 5)


@cache
def wider_line(classes: int = 0) -> Expanded:
    """A line over columns that are made of others."""
    layout = Linear.layout(expand(encoded(600), TERMS), [40 if at == 1 else 3 if at == 2 else 0 for at in range(len(TERMS))])
    random = np.random.default_rng(6)
    outputs = classes if classes > 2 else 1
    link = "identity" if not classes else "logit" if classes == 2 else "softmax"
    return Expanded(Linear.of(layout, random.normal(size=(outputs, layout.size)) / 5, random.normal(size=outputs), link=link), TERMS, 5)


@cache
def dressed() -> tuple[Predictor, ...]:
    """Models of made columns and of other scales, alone and inside whatever can hold them."""
    X, y = encoded(300, seed=9), target(encoded(300, seed=9))
    log, kept = Rescaled(wider(), "exp", 1.07, -1.0), Rescaled(wider_line(), "identity", -0.5, 3.0, -4.0, 4.5)
    twice = Expanded(Expanded(linear(), tuple(Term("same", (at,)) for at in (5, 3, 1, 4, 0)), 6), (*TERMS[1:6], Term("ratio", (0, 1))), 5)
    return (
        wider(), wider(2), wider(3), wider_line(), wider_line(2), wider_line(3), twice,
        log, kept, Rescaled(boosted(), "exp", 0.8, 0.0, 0.5, 3.0), Rescaled(linear(), "exp", high=900.0), Rescaled(boosted("poisson"), low=1.0),
        Selected(wider(), (0, 1, 2, 3, 4), 5), Expanded(Selected(boosted(), (1, 2, 3, 4, 5), 6), (Term("bins", (0,), (0.0,)), *(Term("same", (at,)) for at in range(5))), 5),
        Blend.of([wider(), log, linear(), kept], [4, 1, 3, 2]), Rescaled(Blend.of([wider(), linear()], [1, 2]), "exp", 1.2, -1.0), Blend.of([wider(3), linear(3)], [1, 1]),
        Calibrated.platt(wider(2), 1.3, 0.1), Calibrated.isotonic(wider_line(2), [0.1, 0.4, 0.8], [0.05, 0.2, 0.9]), Calibrated.temperature(wider(3), 1.6),
        Interval.learn(log, X, np.exp(y / 4)), Interval.learn(kept, X, y, difficulty=Rescaled(wider(), "exp", 0.3)),
    )  # fmt: skip
