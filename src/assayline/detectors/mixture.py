"""How much better some rows fit another explanation: the likelihood ratio of a mixture, with good lots as its null.

Two explanations of a row are compared by the logarithm of their likelihood ratio. When only a part of the rows is faulty, the
lot follows a mixture of both; the share of the mixture that fits best gives the evidence in nats. What the evidence is worth is
not taken from a table: every good lot is asked the same, against the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Gains = Callable[[Floats], Floats]

# Shares of faulty rows that are tried: evenly spread in the logarithm, because a small share has to be met as closely as a large one.
PARTS = np.array([0.005, 0.01, 0.02, 0.04, 0.07, 0.12, 0.2, 0.33, 0.5, 0.75, 0.98])
IMPOSSIBLE = -30.0  # log-likelihood ratio of a row that the other explanation cannot give
ALPHA = 0.5  # Jeffreys' prior for a cell of a table of counts
BEYOND = 1.5  # times the largest evidence of a good lot: the next one may be a little worse than the worst so far


class Mixture(NamedTuple):
    """The evidence that a part of the rows follows another explanation.

    Args:
        nats: log-likelihood the mixture gains.
        part: 0..1, the share of the rows that fits best; 0 when nothing is gained.
        usual: the largest evidence of a good lot, scaled to the rows of today.
    """

    nats: float
    part: float
    usual: float

    @property
    def p(self) -> float:
        """Bound on the chance of that much evidence in a good lot: the evidence beyond `BEYOND` times the worst good lot (Markov)."""
        return float(np.exp(-max(0.0, self.nats - BEYOND * self.usual)))


def mixture(gain: npt.ArrayLike, rows: npt.ArrayLike) -> tuple[float, float]:
    """The most a mixture gains, and the share of its faulty part.

    Args:
        gain: log-likelihood ratio (other explanation to the usual one) of each kind of row.
        rows: how many rows there are of each kind.

    >>> nats, part = mixture([5.0, -5.0], [30, 70])
    >>> bool(nats > 80), float(part)
    (True, 0.33)
    """
    found = np.log1p(PARTS[:, None] * np.expm1(np.minimum(np.asarray(gain, float), 30.0))) @ np.asarray(rows, float)
    best = int(np.argmax(found))
    return (float(found[best]), float(PARTS[best])) if found[best] > 0 else (0.0, 0.0)


def independence(table: Floats) -> Floats:
    """For each cell of tables of counts (..., rows, columns): log-likelihood ratio of "independent" to "as they go together".

    >>> independence(np.array([[9.0, 0.0], [0.0, 9.0]])).round(1).tolist()
    [[-0.6, 2.3], [2.3, -0.6]]
    """
    counts = table + ALPHA
    total = counts.sum(axis=(-2, -1), keepdims=True)
    result: Floats = np.log(counts.sum(axis=-1, keepdims=True)) + np.log(counts.sum(axis=-2, keepdims=True)) - np.log(total) - np.log(counts)
    return result


def transposed(table: Floats) -> Floats:
    """For each cell of square tables of counts: log-likelihood ratio of "changed round" to "as they stand".

    >>> transposed(np.array([[0.0, 9.0], [0.0, 0.0]])).round(1).tolist()
    [[0.0, -2.9], [2.9, 0.0]]
    """
    counts = np.log(table + ALPHA)
    result: Floats = np.swapaxes(counts, -2, -1) - counts
    return result


def against_lots(today: Floats, before: Floats, gains: Gains, asked: Floats | None = None, never: tuple[float, Floats] | None = None) -> Mixture:
    """The evidence of today's table of counts, and the largest that a good lot has against the other lots.

    Args:
        today: counts, shape (rows, columns).
        before: counts of each past lot, shape (lots, rows, columns).
        gains: `independence` or `transposed`.
        asked: like `before`, when only some rows of a lot may speak for the other explanation; `today` then holds only such rows.
        never: rows of today, and of each past lot, that cannot have come about in the other way.
    """
    asked = before if asked is None else asked
    never_now, never_before = (0.0, np.zeros(len(before))) if never is None else never
    total = before.sum(axis=0)
    nats, part = mixture(np.append(gains(total).ravel(), IMPOSSIBLE), np.append(today.ravel(), never_now))
    if nats <= 0:
        return Mixture(0.0, 0.0, 0.0)
    usual = 0.0
    size = today.sum() + never_now
    sizes = before.sum(axis=(1, 2))
    for lot in np.flatnonzero(sizes >= max(5.0, 0.1 * size)):
        own, _ = mixture(np.append(gains(total - before[lot]).ravel(), IMPOSSIBLE), np.append(asked[lot].ravel(), never_before[lot]))
        usual = max(usual, own * max(1.0, size / sizes[lot]))
    return Mixture(nats, part, usual)


def counted(first: npt.NDArray[np.int64], second: npt.NDArray[np.int64], bins: int, lot: npt.NDArray[np.int64] | None = None, lots: int = 1) -> Floats:
    """Tables of counts of two columns of bin numbers (negative: left out), one table a lot.

    >>> counted(np.array([0, 1, -1]), np.array([1, 1, 0]), 2).tolist()
    [[[0.0, 1.0], [0.0, 1.0]]]
    """
    kept = (first >= 0) & (second >= 0)
    place = (0 if lot is None else lot[kept]) * bins * bins + first[kept] * bins + second[kept]
    return np.bincount(place, minlength=lots * bins * bins).reshape(lots, bins, bins).astype(np.float64)


def quantile_bins(values: Floats, edges: Floats) -> npt.NDArray[np.int64]:
    """The bin of each number between edges; -1 for none."""
    found: npt.NDArray[np.int64] = np.where(np.isfinite(values), np.searchsorted(edges, np.nan_to_num(values), side="right"), -1)
    return found
