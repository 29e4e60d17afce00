"""A column that used to vary and today has one value."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from assayline.core import Finding

from .comparison import Comparison
from .history_classes import LEAST_LOTS
from .suspicion import Suspicion
from .wording import lots, percent, short

LEAST_ROWS = 4


class TurnedConstant:
    """Finds columns in which every filled cell is the same although no good lot was like that.

    Reads:    `sample`.
    Finds:    "constant_column".
    Silent:   where one value is so frequent that a lot of this size would be constant by chance.
    Source:   P(all equal) = (largest share one value had in any good lot) to the power of the rows.
    """

    finds = ("constant_column",)

    def __call__(self, comparison: Comparison, /) -> Iterable[Suspicion]:
        if comparison.thin:
            return
        for view in comparison.views():
            if view.kind in ("time", "nested", "empty"):
                continue
            now, past, values = view.codes
            filled = now[now >= 0]
            if view.is_group and comparison.lots >= LEAST_LOTS and len(np.unique(past[past >= 0])) == 2:
                continue  # of two classes one is lost: `Classes` says which, and whether rows are missing
            if len(filled) < LEAST_ROWS or (filled != filled[0]).any():
                continue
            shares = []
            for lot in range(view.lots):
                codes = past[(view.lot == lot) & (past >= 0)]
                if len(codes) > 1:
                    shares.append((np.bincount(codes).max() + 0.5) / (len(codes) + 1))
            if len(shares) < 3:
                continue
            worst = float(max(shares))
            worst += 0.5 * (worst - float(np.median(shares)))  # the next lot may be a little worse than the worst so far
            p = worst ** len(filled)
            if worst > 0.995:
                continue
            value = values[int(filled[0])]
            yield Suspicion(Finding(
                "constant_column", (view.name,),
                f"Every filled cell of {view.name} is {short(value)}; in {lots(comparison.lots)} no value had more than {percent(worst)}.",
                severity=0.7, layer="history", rows=len(filled), evidence={"rows": len(filled), "usual_top_share": round(worst, 4), "value": value},
                suggestion="ask whether the source still measures it", picture={"kind": "share", "value": 1.0, "usual": worst},
            ), p)  # fmt: skip
