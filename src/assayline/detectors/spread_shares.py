"""Shares that differ between lots: the tail of a count under a rate that is itself drawn anew for each lot."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .expectation import at_least, at_most

Floats = npt.NDArray[np.float64]

NODES = np.linspace(-4, 4, 33)  # of the standard normal law, for the rate of one lot
WEIGHTS = np.exp(-0.5 * NODES**2) / np.exp(-0.5 * NODES**2).sum()
LEAST_SPREAD = 0.1  # of the logit of a rate between lots: what a handful of lots cannot rule out


def spread_tails(today: npt.ArrayLike, rows: float, before: npt.ArrayLike, sizes: npt.ArrayLike) -> Floats:
    """One-sided tail of each count today, the smaller side.

    Null hypothesis: the logit of the rate is normal between lots, with the pooled rate as its middle and the spread that is left of the
    past shares when sampling is taken off (DerSimonian and Laird 1986), plus one standard error of that spread.

    Args:
        today: counts, shape (statistics,).
        rows: rows of today.
        before: counts of past lots, shape (lots, statistics).
        sizes: rows of past lots.

    >>> tails = spread_tails([12, 42], 160, [[40, 40], [45, 45], [41, 41], [38, 38]] * 5, [160, 160, 160, 160] * 5)
    >>> bool(tails[0] < 1e-4 < 0.2 < tails[1])
    True
    """
    k, n = np.asarray(today, float), float(rows)
    ks, ns = np.asarray(before, float), np.asarray(sizes, float)[:, None]
    pooled = (ks.sum(axis=0) + 0.5) / (ns.sum() + 1)
    own = (ks + 10 * pooled) / (ns + 10)
    logits = np.log(own / (1 - own))
    middle = np.log(pooled / (1 - pooled))
    sampling = (1 / np.maximum((ns + 10) * pooled * (1 - pooled), 0.5)).mean(axis=0)
    variance = np.square(logits - middle).sum(axis=0) / max(1, len(ks) - 1)
    between = np.maximum(variance - sampling, 0) + variance * np.sqrt(2 / max(1, len(ks) - 1))
    spread = np.sqrt(between + LEAST_SPREAD**2)
    rates = 1 / (1 + np.exp(-(middle + NODES[:, None] * spread)))
    more = WEIGHTS @ at_least(np.broadcast_to(k, rates.shape), np.full(rates.shape, n), rates)
    fewer = WEIGHTS @ at_most(np.broadcast_to(k, rates.shape), np.full(rates.shape, n), rates)
    result: Floats = np.minimum(more, fewer)
    return result
