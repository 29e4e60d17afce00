"""Whether an attribute of something changes with time: a person moves, a firm enters an index, and both values are right."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

ORDERS = 39  # random orders compared with: at 1 in 40 a dependency of accidental errors is taken for one that evolves
FEWER = 0.8  # ... and only if values change at most this often, measured by how often they do in a random order


def evolves(owner: Ints, value: Ints) -> bool:
    """Whether the value of an owner stays what it is for some rows and then changes, rather than being wrong here and there.

    Errors do not know their neighbours: in the rows of one owner they stand anywhere. A real change has a before and an after, so that a
    value is followed by itself more often than in a random order of the same rows.

    Null hypothesis: the rows of each owner are in random order. Error rate: 1/40, by permutation (Phipson and Smyth 2010); less where the
    effect is small.

    Args:
        owner: a number for each row, in the order of the table; -1 for none.
        value: the same for the attribute.

    >>> people, rows = np.repeat(np.arange(30), 10), np.arange(300)
    >>> moved = np.where(rows % 10 >= 7, people % 5, (people + 1) % 5)
    >>> evolves(people, moved)
    True
    >>> evolves(people, np.where(rows % 11 == 3, 9, people % 5))
    False
    """
    both = (owner >= 0) & (value >= 0)
    owner, value = _mixed(owner[both], value[both])
    if not len(owner):
        return False
    seen = _changes(owner, value)
    if seen > FEWER * _expected(owner, value):
        return False
    numbers = np.random.default_rng(0)
    orders = [_changes(owner[order], value[order]) for order in (numbers.permutation(len(owner)) for _ in range(ORDERS))]
    return seen < min(orders)


def _mixed(owner: Ints, value: Ints) -> tuple[Ints, Ints]:
    """The rows of owners that have more than one value."""
    size = int(owner.max(initial=0)) + 1
    low, high = np.full(size, np.iinfo(np.int64).max), np.full(size, -1)
    np.minimum.at(low, owner, value)
    np.maximum.at(high, owner, value)
    keep = (low != high)[owner]
    return owner[keep], value[keep]


def _expected(owner: Ints, value: Ints) -> float:
    """How often the value changes in a random order: of m rows with c of each value, (m - 1) - sum of c (c - 1) / m."""
    rows = np.bincount(owner)
    pairs, counts = np.unique(owner * (int(value.max()) + 1) + value, return_counts=True)
    same = counts * (counts - 1.0) / rows[pairs // (int(value.max()) + 1)]
    return float((rows[rows > 0] - 1).sum() - same.sum())


def _changes(owner: Ints, value: Ints) -> int:
    """How often, going through the rows of each owner in order, the value is another than before."""
    order = np.argsort(owner, kind="stable")
    owner, value = owner[order], value[order]
    return int(((owner[1:] == owner[:-1]) & (value[1:] != value[:-1])).sum())
