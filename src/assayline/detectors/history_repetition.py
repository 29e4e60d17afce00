"""Rows that come twice, and keys that are used for several rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl

from assayline.core import Finding
from assayline.measures import Rows
from assayline.measures.block import Column

from .comparison import Comparison, View
from .expectation import beta_share, shares
from .locating import Where
from .suspicion import Suspicion
from .wording import between, lots, percent

ENOUGH_ROWS = 300  # rows of the past without a single repetition from which one repetition is a fact and not a chance
ENOUGH_PAIRS = 20  # pairs of numbers that differ by little, from which their density at zero is known to a quarter
CERTAIN = 1e-4  # probability of no repetition in the past, if numbers met by chance, below which they are a key
LEAST_SHARE = 0.005  # effect floor: half a percentage point of the rows


class Repetition:
    """Finds repeated rows and repeated keys where the past had none or fewer.

    Reads:    `rows` (sketch with counts), `sample`.
    Finds:    "duplicated_rows"; "duplicate_key" for a column whose values never repeated before.
    Silent:   about repeated keys while whole rows repeat.
    Source:   binomial tail at the worst past rate; negative binomial number of coincidences where rows never repeated; a key that was unique in 300
              rows of the past and is not today is a fact.
    """

    finds = ("duplicated_rows", "duplicate_key")

    def __call__(self, comparison: Comparison, /) -> Iterable[Suspicion]:
        today = comparison.today.of(None, Rows)
        if today is None or comparison.thin:
            return
        surplus = _surplus(today)
        before = [rows for profile in comparison.profiles if (rows := profile.of(None, Rows)) is not None]
        past, sizes = np.array([_surplus(rows) for rows in before]), np.array([rows.n for rows in before])
        found = shares([surplus], [today.n], past[:, None], sizes[:, None])
        if surplus and found.now[0] > found.high[0] + LEAST_SHARE * bool(past.sum()):
            never = past.sum() == 0 and sizes.sum() >= (ENOUGH_ROWS if surplus >= 2 else 10 * ENOUGH_ROWS)
            p = min(float(found.more[0]), by_coincidence(round(surplus), today.n, before)) if never else float(found.more[0])
            yield Suspicion(Finding(
                "duplicated_rows", (), f"{percent(found.now[0])} of the rows repeat another row ({surplus:,.0f} of {today.n:,}) against "
                f"{between(float((past / sizes).min()), float((past / sizes).max()))} in {lots(comparison.lots)}.",
                severity=0.7 if found.now[0] > 0.3 else 0.55, layer="history", rows=round(surplus),
                evidence={"repeated_share": round(float(found.now[0]), 4), "usual_repeated_share": round(float(found.usual[0]), 5)},
                suggestion="keep one of each", picture={"kind": "share", "value": float(found.now[0]), "usual": float(found.usual[0])},
            ), p)  # fmt: skip
        for view in comparison.views():
            if not view.is_key:
                continue
            now, old, _ = view.codes
            filled = now[now >= 0]
            again = len(filled) - len(np.unique(filled))
            usual = int((old >= 0).sum()) - len(view.pairs)
            if again <= 0 or again <= surplus or usual > 0 or (old >= 0).sum() < ENOUGH_ROWS:
                continue
            p = _by_chance(view, again)
            share = again / max(1, len(filled))
            yield Suspicion(Finding(
                "duplicate_key", (view.name,), f"{percent(share)} of the values of {view.name} are used for several rows; it was unique in each of {lots(view.lots)}.",
                severity=0.6, layer="history", rows=again, evidence={"repeated_share": round(share, 4), "usual_repeated_share": 0.0},
                suggestion="find out which of the rows is right", locate=Where(view.name, _repeated, 0.5),
            ), p)  # fmt: skip


def by_coincidence(pairs: int, rows: int, before: Sequence[Rows]) -> float:
    """P-value of so many equal pairs in a lot whose rows never repeated within a lot before.

    Null hypothesis: two rows of this flow are equal with a constant probability, whatever the lots they stand in. Rows of short texts and
    rounded numbers do meet; how often is seen best between the lots, where there are far more pairs than within. Where the lots of a
    flow repeat each other only the pairs within count: the smaller of both p-values, times two.
    """
    exact = [one.whole.hashes for one in before if one.whole.exact]
    sizes = np.array([len(hashes) for hashes in exact], dtype=np.float64)
    if not len(sizes) or rows < 2:
        return 1.0
    now = rows * (rows - 1) / 2
    within = float((sizes * (sizes - 1) / 2).sum())
    lots = np.unique(np.concatenate(exact), return_counts=True)[1].astype(np.float64)
    across, equal = float((sizes.sum() ** 2 - np.square(sizes).sum()) / 2), float((lots * (lots - 1) / 2).sum())
    return min(1.0, 2 * min(_at_least_pairs(pairs, now, 0.0, within), _at_least_pairs(pairs, now, equal, across)))


def _at_least_pairs(pairs: int, now: float, equal: float, among: float) -> float:
    """P(X >= pairs), X negative binomial: Poisson with a rate known from so many equal pairs among so many (Jeffreys' prior)."""
    if among <= 0:
        return 1.0
    tail = beta_share(np.array([now / (now + among)]), np.array([float(pairs)]), np.array([equal + 0.5]))
    return float(tail[0])


def _surplus(rows: Rows) -> float:
    if rows.whole.exact:
        return float(rows.n - len(rows.whole.hashes))
    return rows.whole.surplus_share * rows.n


def _by_chance(view: View, again: int) -> float:
    """P-value of so many repetitions today; 0 where the past shows that the numbers are given out and not measured.

    Null hypothesis: the values of a lot are measured, so that as many pairs are equal as differ by any other small amount. The pairs of past lots that
    differ by 1 to D say how many equal ones to expect (D: the first power of two with enough pairs). Where so few equal ones as were seen, none, have a
    probability below 1e-4, the numbers are a key. Text is not measured.
    """
    if view.kind != "number":
        return 0.0
    lots = [np.sort(view.past[(view.lot == lot) & np.isfinite(view.past)]) for lot in range(view.lots)]
    reach = max((float(values[-1] - values[0]) for values in lots if len(values)), default=0.0)
    within = 1.0
    while (close := sum(_pairs(values, within) for values in lots)) < ENOUGH_PAIRS and within < reach:
        within *= 2
    expected = close / (2 * within)
    if math.exp(-expected) <= CERTAIN:
        return 0.0
    today = int(np.isfinite(view.now).sum())
    mean = expected * today**2 / max(1.0, float(np.square(view.number_sizes).sum()))
    return 1 - sum(math.exp(-mean) * mean**k / math.factorial(k) for k in range(min(again, 100)))


def _pairs(values: np.ndarray, within: float) -> int:
    """How many pairs of sorted numbers differ, by at most so much."""
    return int((np.searchsorted(values, values + within, side="right") - np.searchsorted(values, values, side="right")).sum())


def _repeated(column: Column) -> pl.Series:
    return column.series.is_duplicated() & column.series.is_not_null()
