"""Rows that come twice, and keys that are used for several rows."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl

from assayline.core import Finding
from assayline.measures import Rows
from assayline.measures.block import Column

from .comparison import Comparison
from .expectation import shares
from .locating import Where
from .suspicion import Suspicion
from .wording import between, lots, percent

ENOUGH_ROWS = 300  # rows of the past without a single repetition from which one repetition is a fact and not a chance
LEAST_SHARE = 0.005  # effect floor: half a percentage point of the rows


class Repetition:
    """Finds repeated rows and repeated keys where the past had none or fewer.

    Reads:    `rows` (sketch with counts), `sample`.
    Finds:    "duplicated_rows"; "duplicate_key" for a column whose values never repeated before.
    Silent:   about repeated keys while whole rows repeat.
    Source:   binomial tail at the worst past rate; a key that was unique in 300 rows of the past and is not today is a fact.
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
            p = 0.0 if never else float(found.more[0])
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
            lot_pairs = np.unique(old[old >= 0] * view.lots + view.lot[old >= 0])
            usual = int((old >= 0).sum()) - len(lot_pairs)
            if again <= 0 or again <= surplus or usual > 0 or (old >= 0).sum() < ENOUGH_ROWS:
                continue
            share = again / max(1, len(filled))
            yield Suspicion(Finding(
                "duplicate_key", (view.name,), f"{percent(share)} of the values of {view.name} are used for several rows; it was unique in each of {lots(view.lots)}.",
                severity=0.6, layer="history", rows=again, evidence={"repeated_share": round(share, 4), "usual_repeated_share": 0.0},
                suggestion="find out which of the rows is right", locate=Where(view.name, _repeated, 0.5),
            ))  # fmt: skip


def _surplus(rows: Rows) -> float:
    if rows.whole.exact:
        return float(rows.n - len(rows.whole.hashes))
    return rows.whole.surplus_share * rows.n


def _repeated(column: Column) -> pl.Series:
    return column.series.is_duplicated() & column.series.is_not_null()
