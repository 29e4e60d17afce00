"""The value of a metric for one version, with its interval.

Promised: the interval holds the value that all such rows would give in about 95 % of test sets: Student's t over influences where the metric ranks rows, percentiles of a bootstrap
over rows (or groups of rows) elsewhere. Simulated in `tests/explain/test_values.py`.

Source: DeLong 1988 for rankings; Efron and Tibshirani 1993.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ..trials import Metric, Scored
from ..trials.laws import student_quantile
from .pair import Floats

RESAMPLES = 400
CELLS_AT_ONCE = 4_000_000
MOST_BLOCKS = 20_000  # more are put together at random, which leaves the interval as wide


def value_with_interval(scored: Scored, metric: Metric, *, confidence: float = 0.95, resamples: int = RESAMPLES, seed: int = 0) -> tuple[float, float, float]:
    """The metric with its two-sided interval.

    Args:
        scored: answers; rows without one are left out.
        metric: which.
        confidence: 0..1.
        resamples, seed: of the bootstrap.

    Returns:
        value, low, high; all NaN where the rows do not define the metric.

    >>> from assayline.trials import metric
    >>> truth = np.tile([0.0, 1.0], 50)
    >>> value_with_interval(Scored("set", "v1", "binary", ("no", "yes"), truth, truth), metric("accuracy"))
    (1.0, 1.0, 1.0)
    """
    known = scored.rows(scored.finite)
    value = metric.value(known) if len(known) else math.nan
    if not math.isfinite(value):
        return math.nan, math.nan, math.nan
    if metric.influence is not None:
        return _by_influence(known, metric, value, confidence)
    drawn = _resampled(known, metric, resamples, seed)
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn) < resamples // 4:
        return value, math.nan, math.nan
    low, high = (float(end) for end in np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2]))
    return value, min(low, value), max(high, value)


def _by_influence(scored: Scored, metric: Metric, value: float, confidence: float) -> tuple[float, float, float]:
    assert metric.influence is not None
    influence = metric.influence(scored)[1]
    sums = influence if scored.groups is None else np.bincount(scored.groups, influence)
    sums = np.asarray(sums, dtype=np.float64)
    if len(sums) < 2:
        return value, math.nan, math.nan
    error = math.sqrt(float((sums**2).sum()) / len(scored) ** 2 * len(sums) / (len(sums) - 1))
    half = student_quantile((1 + confidence) / 2, len(sums) - 1) * error
    low, high = value - half, value + half
    return value, max(low, 0.0) if metric.bounded else low, min(high, 1.0) if metric.bounded else high


def _resampled(scored: Scored, metric: Metric, resamples: int, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    of_block, blocks = _blocks(scored, rng)
    if metric.terms is not None and metric.of_means is not None:
        terms = np.column_stack([metric.terms(scored), np.ones(len(scored))])
        if of_block is None and metric.of_decisions:
            # Few kinds of rows: how often each is drawn is multinomial, which is the same bootstrap without the rows.
            kinds, often = np.unique(terms, axis=0, return_counts=True)
            sums = rng.multinomial(len(scored), often / often.sum(), size=resamples) @ kinds
            return metric.of_means(sums[:, :-1] / sums[:, -1:])
        if of_block is not None:
            terms = np.column_stack([np.bincount(of_block, column, minlength=blocks) for column in terms.T])
        sums = np.concatenate([weights @ terms for weights in _weights(blocks, resamples, rng)])
        return metric.of_means(sums[:, :-1] / sums[:, -1:])
    assert metric.weighted is not None
    of_weights = metric.weighted(scored)
    parts = []
    for weights in _weights(blocks, resamples, rng):
        parts.append(of_weights((weights if of_block is None else np.take(weights, of_block, axis=1)).astype(np.float32)))
    return np.concatenate(parts)


def _blocks(scored: Scored, rng: np.random.Generator) -> tuple[npt.NDArray[np.int64] | None, int]:
    """In which block each row lies (None: each in its own), and how many there are."""
    blocks = len(scored) if scored.groups is None else int(scored.groups.max(initial=-1)) + 1
    if blocks <= MOST_BLOCKS:
        return scored.groups, blocks
    bags = rng.permutation(blocks) % MOST_BLOCKS
    return (bags if scored.groups is None else bags[scored.groups]), MOST_BLOCKS


def _weights(blocks: int, resamples: int, rng: np.random.Generator) -> list[Floats]:
    at_once = max(1, CELLS_AT_ONCE // max(blocks, 1))
    share = np.full(blocks, 1 / blocks)
    return [rng.multinomial(blocks, share, size=min(at_once, resamples - begin)).astype(np.float64) for begin in range(0, resamples, at_once)]
