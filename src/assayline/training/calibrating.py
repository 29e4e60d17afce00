"""Probabilities that mean what they say: a map from what models said to what happened, taken only where it helps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from assayline.artefacts import Calibrated, Constant, Predictor

from .sample import Floats, Whole
from .scores import Weights, interval, losses

LEAST = 50  # rows of the rarer class: below, a map is learned from noise
ISOTONIC = 1_000  # rows of the rarer class from which steps may be learned (Niculescu-Mizil & Caruana 2005)
STEPS = 25


@dataclass(frozen=True)
class Calibration:
    """How probabilities are mapped.

    Args:
        method: "none", "platt", "isotonic" or "temperature".
        gain: by how much the log loss of unseen rows fell.
        low, high: interval of the gain.
        error_before, error_after: mean distance between what was said and what happened, over ten bins with as many rows each (of the last class).
    """

    method: str
    gain: float
    low: float
    high: float
    error_before: float
    error_after: float


Fit = Callable[[Floats, Floats], Calibrated]


def calibration(y: Floats, said: Floats, folds: Sequence[Whole], weights: Weights, *, tries: Sequence[str] = ()) -> tuple[Calibration, Calibrated | None]:
    """The map that lowers the log loss of rows it was not learned from, and surely so; else none.

    Args:
        y: (rows,) indexes of classes.
        said: (rows, classes) by models that had not seen the row.
        folds: positions of rows; each fold is mapped by what was learned from the others.
        weights: (redraws, rows).
        tries: methods; none: those that the number of rows allows.
    """
    classes = said.shape[1]
    rarest = int(np.bincount(y.astype(np.int64), minlength=classes).min())
    before = error(y, said)
    none = Calibration("none", 0.0, 0.0, 0.0, before, before)
    if rarest < LEAST or len(folds) < 2:
        return none, None
    methods: dict[str, Fit] = {"temperature": tempered} if classes > 2 else {"platt": platt, "isotonic": isotonic}
    kept, best = none, None
    base = losses(y, said)
    for method, fit in methods.items():
        if (tries and method not in tries) or (method == "isotonic" and rarest < ISOTONIC):
            continue
        mapped = said.copy()
        for fold in folds:
            others = np.setdiff1d(np.arange(len(y)), fold, assume_unique=True)
            mapped[fold] = fit(y[others], said[others]).mapped(said[fold])
        after = losses(y, mapped)
        gains = np.asarray(weights @ (base - after).astype(np.float32), dtype=np.float64) / np.maximum(weights.sum(axis=1), 1e-9)
        low, high = interval(gains)
        if low > 0:
            kept, best = Calibration(method, float((base - after).mean()), low, high, before, error(y, mapped)), fit(y, said)
            base, none = after, kept  # the next method has to be surely better than this one
    return kept, best


def onto(model: Predictor, learned: Calibrated) -> Calibrated:
    """The learned map around a model."""
    return Calibrated(model, learned.method, learned.xs, learned.ys)


def error(y: Floats, said: Floats) -> float:
    """Mean distance between the mean probability of the last class and its share, over ten bins with as many rows each."""
    if not len(y):
        return 0.0
    chance, truth = said[:, -1], (y == said.shape[1] - 1).astype(np.float64)
    bins = np.array_split(np.argsort(chance, kind="stable"), 10)
    return float(sum(abs(chance[one].mean() - truth[one].mean()) * len(one) for one in bins if len(one)) / len(y))


def _holder(classes: int) -> Constant:
    return Constant.of(np.full(classes, 1.0 / classes))


def platt(y: Floats, said: Floats) -> Calibrated:
    """Slope and offset of the log-odds, by Newton steps; the targets are pulled in as Platt 1999 has them, so that perfect order does not give an infinite slope."""
    inside = np.clip(said[:, 1], 1e-12, 1 - 1e-12)
    odds = np.log(inside) - np.log1p(-inside)
    positive, negative = float(y.sum()), float(len(y) - y.sum())
    target = np.where(y > 0, (positive + 1) / (positive + 2), 1 / (negative + 2))
    at = np.array([1.0, 0.0])

    def cost(point: Floats) -> float:
        score = point[0] * odds + point[1]
        return float((np.logaddexp(0.0, score) - target * score).mean())

    now = cost(at)
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-np.clip(at[0] * odds + at[1], -500, 500)))
        off, weight = chance - target, np.maximum(chance * (1 - chance), 1e-9)
        bend = np.array([[(weight * odds * odds).sum() + 1e-9, (weight * odds).sum()], [(weight * odds).sum(), weight.sum() + 1e-9]])
        step = np.linalg.solve(bend, [(off * odds).sum(), off.sum()])
        length = 1.0
        # Far from the end the step of Newton is too long: the odds of sure models reach into the flat ends of the sigmoid.
        while (then := cost(at - length * step)) > now and length > 1e-6:
            length /= 2
        if then > now:
            break
        at, gained, now = at - length * step, now - then, then
        if gained < 1e-12:
            break
    return Calibrated.platt(_holder(2), max(float(at[0]), 1e-6), float(at[1]))


def isotonic(y: Floats, said: Floats) -> Calibrated:
    """The rising steps that fit best (pool adjacent violators), as straight lines between their middles, so that order is kept inside a step."""
    order = np.argsort(said[:, 1], kind="stable")
    score, truth = said[order, 1], y[order]
    values, sizes, middles = list[float](), list[int](), list[float]()
    for value, at in zip(truth.tolist(), score.tolist(), strict=True):
        values.append(value)
        sizes.append(1)
        middles.append(at)
        while len(values) > 1 and values[-2] >= values[-1]:
            size = sizes[-2] + sizes[-1]
            values[-2:] = [(values[-2] * sizes[-2] + values[-1] * sizes[-1]) / size]
            middles[-2:] = [(middles[-2] * sizes[-2] + middles[-1] * sizes[-1]) / size]
            sizes[-2:] = [size]
    knots, first = np.unique(np.array(middles), return_index=True)
    # A step of n rows without a case does not say that there are none: its share is (cases + 1/2) / (n + 1), made rising again.
    shares = np.maximum.accumulate(((np.array(values) * np.array(sizes) + 0.5) / (np.array(sizes) + 1))[first])
    if len(knots) < 2:
        return platt(y, said)
    return Calibrated.isotonic(_holder(2), knots, np.clip(shares, 0.0, 1.0))


def tempered(y: Floats, said: Floats) -> Calibrated:
    """One temperature for all classes, by golden section."""
    logs, which, rows = np.log(np.maximum(said, 1e-12)), y.astype(np.int64), np.arange(len(y))

    def cost(log_temperature: float) -> float:
        scaled = logs / np.exp(log_temperature)
        scaled = scaled - scaled.max(axis=1, keepdims=True)
        return float((np.log(np.exp(scaled).sum(axis=1)) - scaled[rows, which]).mean())

    low, high, ratio = -2.0, 2.0, (np.sqrt(5.0) - 1) / 2
    for _ in range(STEPS):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, right) if cost(left) < cost(right) else (left, high)
    return Calibrated.temperature(_holder(said.shape[1]), float(np.exp((low + high) / 2)))
