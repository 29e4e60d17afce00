"""Numbers that lost their decimals."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from assayline.core import Finding

from .comparison import Comparison, Floats, View
from .expectation import shares
from .suspicion import Suspicion
from .wording import between, lots, percent

LEAST_LOSS = 0.1  # effect floor: a tenth of the numbers
FLOOD = 0.05  # share by which one value must have grown to have taken over
PLACES = 3  # decimals looked at


class Precision:
    """Finds columns in which far fewer numbers have decimals than in any good lot.

    Reads:    `sample`.
    Finds:    "precision_loss" at the first decimal place that was cut.
    Silent:   in columns whose numbers were whole before.
    Source:   binomial tail at the worst past rate, docs/statistics.md.
    """

    finds = ("precision_loss",)

    def __call__(self, comparison: Comparison, /) -> Iterable[Suspicion]:
        if comparison.thin:
            return
        for view in comparison.views():
            if view.kind != "number" or view.is_whole:
                continue
            now = view.now_known
            if len(now) < 4:
                continue
            flood = _new_flood(view)  # one value that took over is another fault; the rest must have lost its decimals too
            for place in range(PLACES):
                fine_past = _finer(view.past, place)
                cells = int(_finer(now, place).sum())
                found = shares([cells], [len(now)], view.per_lot(fine_past)[:, None], view.number_sizes[:, None])
                share, low = float(found.now[0]), float(found.low[0])
                if share > low - LEAST_LOSS * (1 if share else 0.3) - 0.5 * (float(found.high[0]) - low):  # beyond what lots differ by
                    continue
                if flood is not None:
                    rest = now[now != flood]
                    left = shares([int(_finer(rest, place).sum())], [max(1, len(rest))], view.per_lot(fine_past)[:, None], view.number_sizes[:, None])
                    if float(left.now[0]) > float(left.low[0]) - LEAST_LOSS:
                        break
                unit = "whole numbers" if place == 0 else f"{place} decimal{'s' if place > 1 else ''}"
                yield Suspicion(Finding(
                    "precision_loss", (view.name,),
                    f"Only {percent(share)} of {view.name} is finer than {unit} against {between(low, float(found.high[0]))} in {lots(comparison.lots)}.",
                    severity=0.5, layer="history", evidence={"fine_share": round(share, 4), "usual_fine_share": round(float(found.usual[0]), 4), "decimals": place},
                    suggestion="ask for the numbers as they were measured", picture={"kind": "share", "value": share, "usual": float(found.usual[0])},
                ), float(found.fewer[0]) * PLACES)  # fmt: skip
                break


def _new_flood(view: View) -> float | None:
    """The value that fills far more of today than of any good lot, or None."""
    now = view.now_known
    values, counts = np.unique(now, return_counts=True)
    top = int(np.argmax(counts))
    usual = (view.per_lot(view.past == values[top]) / np.maximum(view.number_sizes, 1)).max()
    return float(values[top]) if counts[top] / len(now) > usual + FLOOD else None


def _finer(values: Floats, place: int) -> np.ndarray:
    """Which numbers have more than so many decimals."""
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = values * 10**place
        fine: np.ndarray = np.abs(scaled - np.rint(scaled)) > 1e-6 * np.maximum(1.0, np.abs(scaled) * 1e-6)
    return fine & np.isfinite(values)
