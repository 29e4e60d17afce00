"""The deciding metric over the releases of a model, on the same rows, and which of the steps between them is real.

Null hypothesis, of each step: the later version is as good as the one before. Promised: a step is called real, where none is, in at most 5 % of histories (two-sided, Holm over all
steps). Simulated in `tests/explain/test_releases.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..trials import Metric, Scored, compare, holm
from .values import value_with_interval

ALPHA = 0.05


@dataclass(frozen=True)
class Release:
    """One version: the value of the metric with its 95 % interval (NaN where the rows do not define it)."""

    version: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Step:
    """From one version to the next.

    Args:
        before, after: the versions.
        difference, low, high: turned so that higher is better, with a 95 % interval of this step by itself.
        p_value: two-sided, adjusted for all steps.
        said: "better" or "worse" where it is real, else "no difference shown".
    """

    before: str
    after: str
    difference: float
    low: float
    high: float
    p_value: float
    said: str


@dataclass(frozen=True)
class Progression:
    """The releases in order, the steps between them, and by which metric."""

    metric: str
    unit: str
    higher_is_better: bool
    releases: tuple[Release, ...]
    steps: tuple[Step, ...]


def progression(versions: Sequence[Scored], metric: Metric, *, seed: int = 0) -> Progression:
    """The metric over releases.

    Args:
        versions: answers to the same rows, the oldest version first.
        metric: which.
        seed: of the resamples.

    >>> import numpy as np
    >>> from assayline.trials import metric
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.integers(0, 2, 3000).astype(float)
    >>> def said(version, wrong):
    ...     return Scored("spring", version, "binary", ("no", "yes"), truth, np.where(rng.random(3000) < wrong, 1 - truth, truth))
    >>> [one.said for one in progression([said("v1", 0.3), said("v2", 0.3), said("v3", 0.1)], metric("accuracy")).steps]
    ['no difference shown', 'better']
    """
    releases = tuple(Release(one.version, *value_with_interval(one, metric, seed=seed)) for one in versions)
    compared = [compare(after, before, metric, alpha=ALPHA / 2, seed=seed) for before, after in pairwise(versions)]
    adjusted = holm([min(1.0, 2 * min(one.p_worse, one.p_better)) for one in compared])
    steps = []
    for one, p in zip(compared, adjusted, strict=True):
        # Below the rows at which a verdict may be given, a step may not be called real either.
        real = bool(p <= ALPHA) and math.isfinite(one.estimate) and one.outcome != "undecided"
        said = ("better" if one.estimate > 0 else "worse") if real else "no difference shown"
        steps.append(Step(one.champion, one.candidate, one.estimate, one.low, one.high, float(p), said))
    return Progression(metric.name, metric.unit, metric.higher_is_better, releases, tuple(steps))
