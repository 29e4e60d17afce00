"""What new rows do to a model that is there: trained anew on a window, continued, its leaves refitted, its lines nudged; and what it forgot by that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from assayline.artefacts import Blend, Boosted, Calibrated, Interval, Linear, Predictor, Selected
from assayline.artefacts.expanded import Expanded, expand
from assayline.artefacts.linear import linked
from assayline.artefacts.rescaled import Rescaled
from assayline.errors import MisuseError
from assayline.framing.problem import span

from .boosting import engine
from .choosing import LABELS, _short
from .costs import Cost
from .sample import Floats, Sample, sampled
from .scores import CONFIDENCE, METRICS, interval, redraws
from .trained import Forgetting, Trained
from .training import train

ROUNDS = 30  # added by a continuation
RATE = 0.03  # of the added rounds: slower than training, so that a few new rows do not outvote the old ones
DECAY = 0.9  # share of its old value that a refitted leaf keeps: LightGBM's default
LEAST = 8  # labelled rows: fewer change a model for reasons of chance

Leaf = Callable[[Predictor, Floats, Floats], Predictor]


def retrained(
    trained: Trained, table: pl.DataFrame, *, window: int | str, budget_seconds: float, cost: Cost | None = None, anchor: pl.DataFrame | None = None, seed: int = 0, threads: int = 1,
) -> Trained:  # fmt: skip
    """A new model for the same question from the latest rows only.

    Args:
        trained: the model so far.
        table: all rows, old and new.
        window: how many rows, or how long ("90d"), counted back from the latest.
        budget_seconds: see `train`.
        cost: see `train`.
        anchor: rows that must not be forgotten.
        seed, threads: see `train`.

    Raises:
        MisuseError: a window of time without a time.
    """
    order = trained.plan.order(table)
    if isinstance(window, str):
        micros, rows = span(window)
        if rows:
            window = rows
        elif order is None:
            raise MisuseError(f"the window {window!r} needs a time, and the plan knows none: name it in the problem (time=…), or give a number of rows")
        else:
            kept = np.flatnonzero(order > np.nanmax(order) - micros / 1e6)
    if isinstance(window, int):
        if window <= 0:
            raise MisuseError(f"the window is {window} rows: give at least {LEAST}")
        place = np.argsort(order, kind="stable") if order is not None else np.arange(table.height)
        kept = np.sort(place[-window:])
    found = train(table[kept], trained.plan.problem, budget_seconds=budget_seconds, cost=cost, seed=seed, threads=threads)
    note = f"trained anew on the latest {len(kept):,} of {table.height:,} rows"
    return replace(found, update="window", forgetting=_forgotten(trained, found, anchor), notes=(*found.notes, note))


def continued(trained: Trained, table: pl.DataFrame, *, rounds: int = ROUNDS, rate: float = RATE, anchor: pl.DataFrame | None = None, seed: int = 0) -> Trained:
    """The same model with further trees, grown on new rows on top of the old ones.

    Args:
        trained: the model so far.
        table: new rows.
        rounds: to be added.
        rate: of learning, 0..1.
        anchor: rows that must not be forgotten.
        seed: of whatever is drawn.

    Raises:
        MisuseError: the model has no boosted trees, or too few rows have a known target.
    """
    if rounds <= 0 or not 0 < rate <= 1:
        raise MisuseError(f"{rounds} rounds at a rate of {rate}: give at least one round, and a rate above 0 and up to 1")

    def leaf(model: Predictor, X: Floats, y: Floats) -> Predictor:
        if not isinstance(model, Boosted) or _averages(model):
            return model
        library = engine()
        settings = {
            **_objective(model), "learning_rate": rate, "num_threads": 1, "verbose": -1, "seed": seed, "deterministic": True, "force_col_wise": True,
            "min_data_in_leaf": max(2, min(20, len(y) // 10)),
        }  # fmt: skip
        data = library.Dataset(X, y, categorical_feature=_categories(model), params={"verbose": -1, "feature_pre_filter": False})
        grown = library.train(settings, data, num_boost_round=rounds, init_model=library.Booster(model_str=model.text))
        return Boosted(grown.model_to_string(num_iteration=-1), model.classes, model.width, model.threads)

    return _updated(trained, table, leaf, "continued", f"{rounds} rounds were added", anchor)


def refitted(trained: Trained, table: pl.DataFrame, *, decay: float = DECAY, anchor: pl.DataFrame | None = None) -> Trained:
    """The same trees with leaves that follow new rows; no split changes.

    Args:
        trained: the model so far.
        table: new rows.
        decay: share of its old value that each leaf keeps, 0..1.
        anchor: rows that must not be forgotten.

    Raises:
        MisuseError: the model has no boosted trees, or too few rows have a known target.
    """
    if not 0 <= decay <= 1:
        raise MisuseError(f"the decay is {decay}: give the share of its old value that a leaf keeps, 0 to 1")

    def leaf(model: Predictor, X: Floats, y: Floats) -> Predictor:
        if not isinstance(model, Boosted) or _averages(model):
            return model
        booster = engine().Booster(model_str=model.text).refit(X, y, decay_rate=decay, verbose=-1, num_threads=1)
        return Boosted(booster.model_to_string(num_iteration=-1), model.classes, model.width, model.threads)

    return _updated(trained, table, leaf, "refitted", f"leaves keep {decay:.0%} of their old values", anchor)


def nudged(trained: Trained, table: pl.DataFrame, *, weight: float = 1.0, anchor: pl.DataFrame | None = None) -> Trained:
    """The same lines with coefficients moved as far as new rows outweigh the old ones (a partial fit: the old fit is the prior).

    Args:
        trained: the model so far.
        table: new rows.
        weight: of a new row against an old one, above 0.
        anchor: rows that must not be forgotten.

    Raises:
        MisuseError: the model has no linear part, or too few rows have a known target.
    """
    if not weight > 0:
        raise MisuseError(f"a new row weighs {weight}: give a number above 0")

    def leaf(model: Predictor, X: Floats, y: Floats) -> Predictor:
        return _moved(model, X, y, trained.rows / weight) if isinstance(model, Linear) else model

    return _updated(trained, table, leaf, "partial", f"lines were moved towards new rows, each weighing as much as {weight:g} old ones", anchor)


# ---- through the wrappers, down to the models


def _updated(trained: Trained, table: pl.DataFrame, leaf: Leaf, update: str, what: str, anchor: pl.DataFrame | None) -> Trained:
    sample = sampled(trained.plan, table)
    if sample.rows < LEAST:
        raise MisuseError(f"{sample.rows} new rows have a known target: give at least {LEAST}")
    changed = [0]

    def counted(model: Predictor, X: Floats, y: Floats) -> Predictor:
        made = leaf(model, X, y)
        changed[0] += made is not model
        return made

    predictor = rebuilt(trained.predictor, sample.X, sample.y, counted)
    if not changed[0]:
        raise MisuseError(f"nothing in {trained.choice.name!r} can be {update}: trees are continued or refitted, lines are nudged; anything can be trained anew (retrained)")
    note = f"{update} on {sample.rows:,} new rows: {what}; calibration and intervals are those of the rows before"
    found = replace(
        trained, predictor=predictor, update=update, rows=trained.rows + sample.rows, leaderboard=(), learning_curve=None, feature_curves=None, decision=trained.decision,
        notes=(*trained.notes, note), forgetting=None,
    )  # fmt: skip
    return replace(found, forgetting=_forgotten(trained, found, anchor))


def rebuilt(model: Predictor, X: Floats, y: Floats, leaf: Leaf) -> Predictor:
    """The same model with every part that fits rows replaced by what `leaf` makes of it, with the rows and targets as that part sees them."""
    if isinstance(model, Blend):
        return Blend(tuple(rebuilt(one, X, y, leaf) for one in model.inner), model.weights)
    if isinstance(model, Calibrated | Interval):
        return replace(model, inner=rebuilt(model.inner, X, y, leaf))
    if isinstance(model, Selected):
        return replace(model, inner=rebuilt(model.inner, X[:, list(model.columns)], y, leaf))
    if isinstance(model, Expanded):
        return replace(model, inner=rebuilt(model.inner, expand(X, model.terms), y, leaf))
    if isinstance(model, Rescaled):
        return replace(model, inner=rebuilt(model.inner, X, model.unmapped(y), leaf))
    return leaf(model, X, y)


def _header(model: Boosted) -> dict[str, str]:
    return dict(line.split("=", 1) for line in model.text.split("\nTree=", 1)[0].splitlines() if "=" in line)


def _averages(model: Boosted) -> bool:
    # A forest is a mean of trees that do not know of each other: nothing can be put on top of it.
    return "average_output" in model.text.split("\nTree=", 1)[0].splitlines()


def _objective(model: Boosted) -> dict[str, Any]:
    word, *options = _header(model).get("objective", "regression").split()
    found: dict[str, Any] = {"objective": word}
    for option in options:
        name, _, value = option.partition(":")
        if name == "num_class":
            found["num_class"] = int(value)
    return found


def _categories(model: Boosted) -> list[int]:
    """Columns that the model takes as categories: their entry in `feature_infos` lists codes, while that of a number is a range in brackets."""
    infos = _header(model).get("feature_infos", "").split(" ")
    return [at for at, info in enumerate(infos) if info not in ("none", "") and not info.startswith("[")]


def _moved(model: Linear, X: Floats, y: Floats, rows_before: float) -> Linear:
    """The coefficients that new rows and the old coefficients agree on; the old ones weigh as much as the rows they came from."""
    from scipy.optimize import minimize

    dense = model.dense_view.dense(X)
    outputs, columns = model.coefficients.shape
    base = dense @ model.coefficients.T + model.intercept
    which, classes = (y.astype(np.int64), model.classes) if model.classes else (np.zeros(0, dtype=np.int64), 0)
    if classes:
        said = linked(base, model.link)
        curvature = float((said * (1 - said)).mean())
        unit = 1.0
    else:
        curvature, unit = 1.0, float(np.var(y - base[:, 0])) or 1.0
    strength = rows_before * max(curvature, 1e-3)

    def both(point: Floats) -> tuple[float, Floats]:
        steps, levels = point[: outputs * columns].reshape(outputs, columns), point[outputs * columns :]
        scores = base + dense @ steps.T + levels
        held = 0.5 * strength * (float((steps**2).sum()) + float((levels**2).sum()))
        if not classes:
            off = (scores[:, 0] - y)[:, None]
            return 0.5 * float((off**2).sum()) / unit + held / unit, np.concatenate([(off.T @ dense + strength * steps).ravel(), off.sum(axis=0) + strength * levels]) / unit
        said = linked(scores, model.link)
        loss = float(-np.log(np.maximum(said[np.arange(len(y)), which], 1e-300)).sum())
        off = said.copy()
        off[np.arange(len(y)), which] -= 1.0
        off = off[:, 1:] if outputs == 1 else off
        return loss + held, np.concatenate([(off.T @ dense + strength * steps).ravel(), off.sum(axis=0) + strength * levels])

    found = np.asarray(minimize(both, np.zeros(outputs * (columns + 1)), jac=True, method="L-BFGS-B", options={"maxiter": 200}).x, dtype=np.float64)
    steps, levels = found[: outputs * columns].reshape(outputs, columns), found[outputs * columns :]
    return Linear.of(model.dense_view, model.coefficients + steps, model.intercept + levels, link=model.link)


# ---- what was forgotten


def _forgotten(before: Trained, after: Trained, anchor: pl.DataFrame | None) -> Forgetting | None:
    return None if anchor is None else forgetting(before, after, anchor)


def forgetting(before: Trained, after: Trained, anchor: pl.DataFrame) -> Forgetting:
    """What a model lost, on rows that it used to know.

    Null hypothesis: the later model is as good on rows like the anchor's. Promise: if it is, it is said to have forgotten in at most 5 % of cases.

    Args:
        before, after: two models for the same target.
        anchor: rows with known targets that neither was trained on.

    Raises:
        MisuseError: no row of the anchor has a known target, or the two have different classes.
    """
    if before.plan.class_keys != after.plan.class_keys:
        raise MisuseError(f"the models know different classes ({', '.join(before.plan.classes)} and {', '.join(after.plan.classes)}): their scores cannot be compared")
    sample: Sample = sampled(before.plan, anchor)
    if not sample.rows:
        raise MisuseError("no row of the anchor set has a known target")
    usable = before.plan.target(anchor)[1]
    metric = METRICS[before.metric]
    weights = redraws(sample, np.arange(sample.rows), sample.order is not None, 0)
    said = [np.asarray(one.predict(anchor))[usable] for one in (before, after)]
    lost = np.asarray(metric.gain(metric.of(sample.y, said[0], weights), metric.of(sample.y, said[1], weights)))  # type: ignore[arg-type]  # the same arithmetic on arrays
    scores = [metric.value(sample.y, one) for one in said]
    low, high = interval(lost, CONFIDENCE)
    forgot, name = low > 0, LABELS[metric.name]
    middle = metric.gain(scores[0], scores[1])
    verdict = "it has forgotten" if forgot else "it has not surely forgotten anything"
    text = f"On {sample.rows:,} anchor rows {name} went from {scores[0]:.4g} to {scores[1]:.4g}, a loss of {_short(middle)} [{_short(low)}, {_short(high)}]: {verdict}."
    return Forgetting(scores[0], scores[1], low, high, forgot, text)
