"""What many tests together may promise: Holm for a few that all count, Benjamini and Hochberg for a search among many.

Null hypothesis: of each single test, with its own p-value. Promised: `holm` calls a true null hypothesis false in at most alpha of all families,
whatever depends on what; `discoveries` keeps the expected share of false ones among those it names (the false discovery rate) at q, for tests that
are independent or positively dependent (`by=False`), or under any dependence (`by=True`).
Simulated in `tests/trials/test_multiplicity.py` and `tests/trials/test_slices.py`.

Source: Holm 1979 (Scandinavian Journal of Statistics 6); Benjamini and Hochberg 1995 (JRSS B 57); Benjamini and Yekutieli 2001 (Annals of Statistics 29).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .laws import Floats


def holm(p_values: npt.ArrayLike) -> Floats:
    """The p-values, adjusted: each may be compared with alpha as if it were the only one.

    Args:
        p_values: (tests,), 0..1; NaN stays NaN and counts as no test.

    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    order = np.argsort(p, kind="stable")[: int(np.isfinite(p).sum())]
    raised = np.maximum.accumulate(p[order] * (len(order) - np.arange(len(order))))
    adjusted[order] = np.minimum(1.0, raised)
    return adjusted


def adjusted_for_discovery(p_values: npt.ArrayLike, *, by: bool = False) -> Floats:
    """The p-values, adjusted: those at or below q are the discoveries at a false discovery rate of q.

    Args:
        p_values: (tests,), 0..1; NaN stays NaN and counts as no test.
        by: hold the promise under any dependence (Benjamini and Yekutieli), at the price of a factor of about log(tests).

    >>> adjusted_for_discovery([0.01, 0.04, 0.03, 0.5]).round(3).tolist()
    [0.04, 0.053, 0.053, 0.5]
    """
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    order = np.argsort(p, kind="stable")[: int(np.isfinite(p).sum())]
    ranks = np.arange(1, len(order) + 1)
    price = float((1 / ranks).sum()) if by and len(order) else 1.0
    raised = np.minimum.accumulate((p[order] * len(order) * price / ranks)[::-1])[::-1]
    adjusted[order] = np.minimum(1.0, raised)
    return adjusted


def discoveries(p_values: npt.ArrayLike, q: float = 0.10, *, by: bool = False) -> npt.NDArray[np.bool_]:
    """Which tests are discoveries at a false discovery rate of q.

    >>> discoveries([0.01, 0.04, 0.03, 0.5], 0.10).tolist()
    [True, True, True, False]
    """
    with np.errstate(invalid="ignore"):
        return np.asarray(adjusted_for_discovery(p_values, by=by) <= q)
