"""The e-values of batches in one, without the past of a good challenger hiding that it turned bad.

A product of e-values over all batches would have to win back everything that good batches lost. So a part of the capital is set aside for each batch that may be the first bad one,
1 / (b * (b + 1)) for the b-th: the parts add up to one, and each begins to play at its batch.

Null hypothesis: each batch's own ("the share is at most the limit in every batch"). Promised: the capital ever reaches 1/alpha in at most alpha of all rollouts, over any number of
batches and any number of looks within each. Simulated in `tests/rollout/test_judging.py`.

Source: Shin, Ramdas and Rinaldo, "E-detectors: a nonparametric framework for sequential change detection", 2024 (arXiv:2203.03532), with parts that add up to one instead of a sum;
Ville's inequality.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def carried(log_es: Sequence[float]) -> float:
    """The logarithm of the capital after these batches.

    >>> carried([])
    0.0
    >>> round(carried([-50.0, -50.0, 9.0]), 2)  # two batches that were fine, then a bad one
    6.52
    """
    at_play, waiting = _parts(log_es)
    return _added(at_play, waiting)


def needed_now(log_es: Sequence[float], log_needed: float) -> float:
    """The logarithm of the e-value that the next batch alone must reach for the capital to reach `log_needed`; at least 0.

    >>> round(needed_now([], math.log(100)), 2), round(needed_now([-50.0], math.log(100)), 2)
    (5.29, 6.39)
    """
    at_play, _ = _parts(log_es)
    batch = len(log_es) + 1
    at_play = _added(at_play, -math.log(batch * (batch + 1)))
    still = math.exp(log_needed) - 1 / (batch + 1)  # what waits for later batches counts already
    return max(0.0, math.log(still) - at_play) if still > 0 else 0.0


def _parts(log_es: Sequence[float]) -> tuple[float, float]:
    at_play = -math.inf
    for batch, log_e in enumerate(log_es, 1):
        at_play = _added(at_play, -math.log(batch * (batch + 1))) + log_e
    return at_play, -math.log(len(log_es) + 1)


def _added(one: float, other: float) -> float:
    top = max(one, other)
    return top if top == -math.inf else top + math.log(math.exp(one - top) + math.exp(other - top))
