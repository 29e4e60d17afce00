"""What happens to a thousand rows: each pair of truth and answer, before and after, with the interval of the difference.

Promised: each interval holds its difference in about 95 % of test sets (paired; Student's t over rows or groups of rows); they describe and decide nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..trials import CostMatrix, UnitPrice
from ..trials.changes import mean_with_interval
from .pair import A_THOUSAND, Floats, Pair

SEVERAL = 4  # classes up to which each pair is told by itself: sixteen lines can be read


@dataclass(frozen=True)
class Outcome:
    """One thing that can happen to a row, counted per thousand rows.

    Args:
        truth, answer: the classes; of numbers `truth` is "" and `answer` "too much" or "too little".
        right: whether the answer is the truth.
        before, after: of a thousand rows; of numbers the mean amount by which it is too much (or too little), over all rows.
        difference, low, high: after minus before.
        cost: of one such row, or of a unit; None where nobody said.
        money: what the difference costs per thousand rows (negative: saves); None where nobody said.
    """

    truth: str
    answer: str
    right: bool
    before: float
    after: float
    difference: float
    low: float
    high: float
    cost: float | None
    money: float | None


def outcomes(pair: Pair) -> tuple[Outcome, ...]:
    """What happens to a thousand rows under both versions; what changed most first.

    >>> from assayline.trials import Scored
    >>> truth = np.array([0.0, 1.0, 1.0, 0.0])
    >>> old, new = (Scored("set", name, "binary", ("no", "yes"), truth, np.array(p)) for name, p in (("v7", [0.1, 0.9, 0.2, 0.1]), ("v8", [0.9, 0.9, 0.9, 0.1])))
    >>> [(one.truth, one.answer, one.difference) for one in outcomes(Pair(old, new))]
    [('no', 'no', -250.0), ('no', 'yes', 250.0), ('yes', 'no', -250.0), ('yes', 'yes', 250.0)]
    """
    return _of_numbers(pair) if pair.before.task == "regression" else _of_classes(pair)


def _of_classes(pair: Pair) -> tuple[Outcome, ...]:
    classes = pair.before.classes
    truth, before, after = pair.before.y.astype(np.int64), pair.before.decided, pair.after.decided
    matrix = pair.cost if isinstance(pair.cost, CostMatrix) else None
    found = []
    for true, true_name in enumerate(classes):
        for said, said_name in enumerate(classes):
            hits, now = ((truth == true) & (decided == said) for decided in (before, after))
            cost = None if matrix is None else float(matrix.costs[true][said])
            found.append(_outcome(pair, true_name, said_name, true == said, hits.astype(np.float64), now.astype(np.float64), cost, A_THOUSAND))
    if len(classes) > SEVERAL:
        found = [one for one in found if one.before or one.after]
        found.sort(key=lambda one: -abs(one.difference))
        return tuple(found[: SEVERAL * SEVERAL])
    return tuple(sorted(found, key=lambda one: (-abs(one.difference), one.truth, one.answer)))


def _of_numbers(pair: Pair) -> tuple[Outcome, ...]:
    price = pair.cost if isinstance(pair.cost, UnitPrice) else None
    found = []
    for answer, sign, cost in (("too much", 1.0, None if price is None else price.over), ("too little", -1.0, None if price is None else price.under)):
        off, now = (np.maximum(sign * (one.predictions - one.y), 0.0) for one in (pair.before, pair.after))
        found.append(_outcome(pair, "", answer, False, off, now, cost, 1))
    return tuple(found)


def _outcome(pair: Pair, truth: str, answer: str, right: bool, first: Floats, second: Floats, cost: float | None, times: int) -> Outcome:
    difference, low, high = (times * one for one in mean_with_interval(second - first, pair.before.groups))
    money = None if cost is None else cost * difference * (A_THOUSAND / times)
    return Outcome(truth, answer, right, times * float(first.mean()), times * float(second.mean()), difference, low, high, cost, money)
