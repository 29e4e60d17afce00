"""What a change of version costs or saves: per thousand rows, with an interval, by the prices the model's owner gave.

Promised: the interval of the difference holds it in about 95 % of test sets (the wider of bootstrap and Student's t, as `trials.compare`).
Simulated in `tests/explain/test_money.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..trials import Comparison, compare, money
from ..trials.changes import mean_with_interval
from .pair import A_THOUSAND, Pair


@dataclass(frozen=True)
class Money:
    """What wrong answers cost per thousand rows.

    Args:
        unit: the currency.
        before, before_low, before_high: with the version before, with its 95 % interval.
        after, after_low, after_high: with the version after.
        difference, low, high: after minus before; below 0 it saves.
        real: the interval does not hold 0.
        per: rows that all amounts are for.
    """

    unit: str
    before: float
    before_low: float
    before_high: float
    after: float
    after_low: float
    after_high: float
    difference: float
    low: float
    high: float
    real: bool
    per: int = A_THOUSAND


def money_of(pair: Pair, *, seed: int = 0) -> Money | None:
    """What the change costs; None where nobody said what wrong answers cost.

    >>> from assayline.trials import Scored, per_unit
    >>> truth = np.arange(400.0)
    >>> old, new = (Scored("set", name, "regression", (), truth, truth + off) for name, off in (("v7", 2.0), ("v8", 1.0)))
    >>> found = money_of(Pair(old, new, per_unit(over=3.0, under=1.0)))
    >>> found.before, found.after, found.difference, found.real
    (6000.0, 3000.0, -3000.0, True)
    """
    if pair.cost is None or not len(pair):
        return None
    (old, old_low, old_high), (new, new_low, new_high) = (np.array(mean_with_interval(values, pair.before.groups)) * A_THOUSAND for values in (pair.before_loss, pair.after_loss))
    compared = money_compared(pair, seed=seed)
    # A comparison is turned so that higher is better: what is saved.
    low, high = -A_THOUSAND * compared.high, -A_THOUSAND * compared.low
    ends = [float(one) for one in (old, old_low, old_high, new, new_low, new_high)]
    return Money(pair.cost.unit, ends[0], ends[1], ends[2], ends[3], ends[4], ends[5], -A_THOUSAND * compared.estimate, low, high, bool(low > 0 or high < 0))


def money_compared(pair: Pair, *, seed: int = 0) -> Comparison:
    """The two by what they cost, with bounds of 95 % on both sides together."""
    assert pair.cost is not None
    return compare(pair.after, pair.before, money(pair.cost), alpha=0.025, seed=seed)
