"""Numbers that changed their sign."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from assayline.core import Finding

from .comparison import Comparison
from .expectation import shares
from .locating_numbers import NumbersAre
from .resemblance import largest_gap, usual_gap
from .suspicion import Suspicion
from .wording import between, lots, percent

LEAST_SHARE = 0.005  # effect floor: half a percentage point
LEAST_CELLS = 2
SAME_SIZE = 1.5  # the Kolmogorov distance chance exceeds in 2 % of cases, times the root of the numbers
MOSTLY = 0.8  # share of a lot that is negative from which it may differ from the past as good lots do
FACT_ROWS = 300  # numbers of the past without one negative, from which two today are a fact


class Sign:
    """Finds columns with more negative numbers than any good lot, where the numbers without their sign look as usual.

    Reads:    `sample`.
    Finds:    "sign_flip".
    Silent:   when the negative numbers are one repeated value (a code for missing) or far larger than usual.
    Source:   binomial tail at the worst past rate, docs/statistics.md.
    """

    finds = ("sign_flip",)

    def __call__(self, comparison: Comparison, /) -> Iterable[Suspicion]:
        if comparison.thin:
            return
        for view in comparison.views():
            if view.kind != "number":
                continue
            now, past = view.now_known, view.past_known
            below = now[now < 0]
            if len(below) < LEAST_CELLS or len(past) < 20:
                continue
            found = shares([len(below)], [len(now)], view.per_lot(view.past < 0)[:, None], view.number_sizes[:, None])
            share, high = float(found.now[0]), float(found.high[0])
            limit = np.quantile(np.abs(past), 0.999)
            if share < high + LEAST_SHARE or len(np.unique(below)) < min(3, len(below), len(np.unique(np.abs(past)))) or np.median(-below) > limit:
                continue
            never = found.usual[0] == 0
            if not never and largest_gap(np.abs(now), np.abs(past)) > 0.5 * largest_gap(now, past):
                continue  # the whole column moved; its sign is not the reason
            upright = np.abs(past[past != 0])
            if largest_gap(-below, upright) > max(SAME_SIZE / np.sqrt(len(below)) + 0.15, usual_gap(view, sizes=True) if len(below) > MOSTLY * len(now) else 0):
                continue  # noise around zero, not a lost sign
            fact = never and len(past) >= FACT_ROWS and bool((np.abs(below) <= np.abs(past).max()).all())
            yield Suspicion(Finding(
                "sign_flip", (view.name,), f"{percent(share)} of {view.name} is negative against "
                f"{between(0 if never else float(found.low[0]), float(found.usual[0]) if never else high)} "
                f"in {lots(comparison.lots)}, at the usual size.",
                severity=min(0.79, 0.55 + 0.2 * share), layer="history", rows=len(below),
                evidence={"negative_share": round(share, 4), "usual_negative_share": round(float(found.usual[0]), 5)}, suggestion="turn the sign back",
                locate=NumbersAre(view.name, lambda numbers: numbers < 0, 0.8 if never else 0.4, _positive) if never else None,
                picture={"kind": "share", "value": share, "usual": float(found.usual[0])},
            ), 0.0 if fact else float(found.more[0]))  # fmt: skip


def _positive(text: str | None) -> str | None:
    return text.lstrip("-") if text else text
