"""Whose answer changes when one version follows another: right before and wrong now, the other way round, and what that costs, group by group.

Null hypothesis, of each group: the two versions lose the same there on average. Promised: each interval holds the difference in 95 % of test sets (Student's t
over rows, or over groups of rows); they describe and decide nothing: `slices` searches with a promise about all groups together.

Source: negative flips and churn, Milani Fard et al. 2016 (NeurIPS), Yan et al. 2021 (CVPR).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import MisuseError
from .costs import Cost
from .laws import Floats, student_quantile
from .metrics import losses
from .proportions import wilson
from .scored import Scored

EXAMPLES = 10


@dataclass(frozen=True)
class Flips:
    """Whose answer changes.

    Args:
        rows: compared.
        changed: another decision, or a number that moved by a tenth of the spread of the truth.
        lost, gained: right before and wrong now; wrong before and right now. Of numbers: the error grew or shrank by that much.
        lost_low, lost_high: 95 % interval of the share of lost rows.
        examples: numbers of lost rows, the largest loss first.
        difference, low, high: mean loss (or cost) per row now minus before, with a 95 % interval; above 0 is worse.
        unit: of the loss.
        sentence: for people.
    """

    rows: int
    changed: int
    lost: int
    gained: int
    lost_low: float
    lost_high: float
    examples: tuple[int, ...]
    difference: float
    low: float
    high: float
    unit: str
    sentence: str


def flips(candidate: Scored, champion: Scored, cost: Cost | None = None) -> Flips:
    """Counts whose answer changes between two versions.

    Args:
        candidate, champion: answers to the same rows; rows where one of them has none are left out.
        cost: to say it in money; None for errors.

    >>> truth = np.array([0.0, 1.0, 1.0, 0.0])
    >>> old, new = (Scored("set", name, "binary", ("no", "yes"), truth, np.array(p)) for name, p in (("v7", [0.1, 0.9, 0.2, 0.1]), ("v8", [0.1, 0.2, 0.9, 0.8])))
    >>> found = flips(new, old)
    >>> found.changed, found.lost, found.gained, found.examples
    (3, 2, 1, (1, 3))
    """
    if candidate.task != champion.task or not np.array_equal(candidate.y, champion.y):
        raise MisuseError(f"{candidate.version!r} and {champion.version!r} were not scored on the same rows of {candidate.test_set!r}")
    both = np.flatnonzero(candidate.finite & champion.finite)
    now, before = candidate.rows(both), champion.rows(both)
    if now.task == "regression":
        moved = 0.1 * (float(now.y.std()) if len(now) else 1.0)
        change = np.abs(now.predictions - before.predictions) > moved
        wider = np.abs(now.predictions - now.y) - np.abs(before.predictions - before.y)
        lost, gained = wider > moved, wider < -moved
    else:
        change = now.decided != before.decided
        right, was = now.decided == now.y, before.decided == before.y
        lost, gained = was & ~right, right & ~was
    gap = losses(now, cost) - losses(before, cost)
    difference, low, high = mean_with_interval(gap, now.groups)
    worst = np.flatnonzero(lost)
    worst = worst[np.argsort(-gap[worst], kind="stable")][:EXAMPLES]
    unit = cost.unit if cost is not None else "" if now.task != "regression" else "units of the target"
    bounds = wilson(int(lost.sum()), len(now))
    amount = f"{difference:+.3g}{f' {unit}' if unit else ' errors'} per row (95 % interval {low:+.3g} to {high:+.3g})"
    sentence = (
        f"{int(change.sum()):,} of {len(now):,} answers change with {candidate.version}: {int(gained.sum()):,} for the better and {int(lost.sum()):,} for the worse; {amount}."
    )
    return Flips(len(now), int(change.sum()), int(lost.sum()), int(gained.sum()), *bounds, tuple(int(row) for row in both[worst]), difference, low, high, unit, sentence)


def flips_by_group(candidate: Scored, champion: Scored, masks: Mapping[str, npt.NDArray[np.bool_]], cost: Cost | None = None) -> dict[str, Flips]:
    """The same for each group of rows, in the order given; examples are numbers of the whole test set.

    Args:
        masks: name of the group -> (rows,) where it is.
    """
    found = {}
    for name, mask in masks.items():
        rows = np.flatnonzero(mask)
        one = flips(candidate.rows(rows), champion.rows(rows), cost)
        examples = tuple(int(rows[row]) for row in one.examples)
        found[name] = Flips(
            one.rows, one.changed, one.lost, one.gained, one.lost_low, one.lost_high, examples, one.difference, one.low, one.high, one.unit, f"{name}: {one.sentence}"
        )
    return found


def mean_with_interval(values: Floats, groups: npt.NDArray[np.int64] | None = None, confidence: float = 0.95) -> tuple[float, float, float]:
    """The mean of the values with its interval, over rows or over groups of rows that belong together.

    >>> [round(one, 3) for one in mean_with_interval(np.array([1.0, 2.0, 3.0]))]
    [2.0, -0.484, 4.484]
    """
    if not len(values):
        return math.nan, -math.inf, math.inf
    mean = float(values.mean())
    off = np.asarray(values - mean if groups is None else np.bincount(np.unique(groups, return_inverse=True)[1], values - mean), dtype=np.float64)
    if len(off) < 2:
        return mean, -math.inf, math.inf
    error = math.sqrt(float((off**2).sum()) / len(values) ** 2 * len(off) / (len(off) - 1))
    half = student_quantile((1 + confidence) / 2, len(off) - 1) * error
    return mean, mean - half, mean + half
