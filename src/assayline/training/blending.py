"""Weights for several models: those whose mean would have said best what rows were, of which no model had seen its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .sample import Floats, Whole
from .scores import losses

STEPS = 30  # models drawn, with repetition: the finest weight is 1/30 (Caruana et al. 2004)
MOST = 6  # models of a blend: every further one costs time at every prediction
ROWS = 20_000  # that weights are learned from; of more as many are drawn
NEEDED = 1e-5  # relative gain below which a further model is not taken


def weights(y: Floats, said: Sequence[Floats], *, seed: int = 0) -> Floats:
    """Weights of models, not negative, adding up to 1; most of them 0.

    Models are added one by one, each time the one that helps most, with repetition.

    Args:
        y: (rows,) targets.
        said: what each model said of rows that it had not seen.
        seed: of the choice among more than 20,000 rows.

    Source: Caruana et al. 2004.

    >>> truth = np.array([1.0, 2.0, 3.0, 4.0])
    >>> weights(truth, [truth + 1, truth - 1, truth + 9]).round(1).tolist()
    [0.5, 0.5, 0.0]
    """
    if len(y) > ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(len(y), ROWS, replace=False))
        y, said = y[rows], [one[rows] for one in said]
    # Of a classification only the probability of what happened counts, and its mean is the mean of the probabilities.
    seen = [one if one.ndim == 1 else one[np.arange(len(y)), y.astype(np.int64)] for one in said]

    def cost(mean: Floats) -> float:
        return float(((y - mean) ** 2).mean()) if said[0].ndim == 1 else float(-np.log(np.maximum(mean, 1e-6)).mean())

    counts = np.zeros(len(seen))
    total, now = np.zeros(len(y)), np.inf
    for step in range(STEPS):
        allowed = range(len(seen)) if (counts > 0).sum() < MOST else np.flatnonzero(counts > 0)
        costs = {int(one): cost((total + seen[int(one)]) / (step + 1)) for one in allowed}
        chosen = min(costs, key=lambda one: (costs[one], one))
        if costs[chosen] >= now * (1 - NEEDED) if now > 0 else True:
            break
        counts[chosen] += 1
        total, now = total + seen[chosen], costs[chosen]
    if not counts.sum():
        counts[int(np.argmin([float(losses(y, one).mean()) for one in said]))] = 1.0
    return np.asarray(counts / counts.sum())


def blended(said: Sequence[Floats], share: Floats) -> Floats:
    """The weighted mean of predictions."""
    return np.asarray(sum((weight * one for weight, one in zip(share, said, strict=True) if weight > 0), start=np.zeros_like(said[0])))


def honest(y: Floats, said: Sequence[Floats], folds: Sequence[Whole], *, seed: int = 0) -> Floats:
    """What the blend would have said of each fold with weights learned from the other folds."""
    found = np.full_like(said[0], np.nan)
    for fold in folds:
        others = np.setdiff1d(np.arange(len(y)), fold, assume_unique=True)
        share = weights(y[others], [one[others] for one in said], seed=seed) if len(others) else np.full(len(said), 1 / len(said))
        found[fold] = blended([one[fold] for one in said], share)
    return found
