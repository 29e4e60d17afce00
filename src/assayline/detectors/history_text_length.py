"""Texts cut at a fixed width, in columns whose values are always new."""

from __future__ import annotations

from collections.abc import Iterable

from assayline.core import Finding

from .comparison import Comparison
from .expectation import shares
from .suspicion import Suspicion
from .wording import between, lots, percent

LEAST_PILE = 1.5  # times the share of texts of the longest length that good lots ever had
LEAST_CELLS = 2

class TextLength:
    """Finds columns of text in which nothing is longer than a width at which many texts now end.

    Reads:    `sample`.
    Finds:    "text_truncation".
    Silent:   in columns whose values repeat (the known values tell more) and where texts were always that short.
    Source:   binomial tail at the smallest share of longer texts a good lot had.
    """

    finds = ("text_truncation",)

    def __call__(self, comparison: Comparison, /) -> Iterable[Suspicion]:
        if comparison.thin:
            return
        for view in comparison.views():
            if view.kind != "text" or (view.is_closed and len(view.codes[2]) < 60):
                continue
            now = view.now_text.drop_nulls().str.len_chars().to_numpy()
            past = view.past_characters
            if len(now) < 4:
                continue
            width = int(now.max())
            longer, at_width = view.per_lot(past > width), view.per_lot(past == width)
            sizes = view.filled_sizes
            none = shares([0], [len(now)], longer[:, None], sizes[:, None])
            piled = shares([int((now == width).sum())], [len(now)], at_width[:, None], sizes[:, None])
            fixed = bool((past[past > 0] == past.max()).all())
            crowded = piled.now[0] > max(LEAST_PILE * float(piled.high[0]), float(piled.usual[0])) or fixed
            if longer.sum() == 0 or (now == width).sum() < LEAST_CELLS or not crowded:
                continue
            p = float(none.fewer[0]) * (1.0 if fixed else float(piled.more[0]) ** 0.5)
            yield Suspicion(Finding(
                "text_truncation", (view.name,),
                f"No text of {view.name} is longer than {width} characters and {percent(float(piled.now[0]))} end exactly there; in {lots(comparison.lots)} "
                f"{between(float(none.low[0]), float(none.high[0]))} were longer.",
                severity=0.5, layer="history", evidence={"width_characters": width, "share_at_width": round(float(piled.now[0]), 4),
                    "usual_longer_share": round(float(none.usual[0]), 4)},
                suggestion="ask for the full texts", picture={"kind": "share", "value": float(piled.now[0]), "usual": float(piled.usual[0])},
            ), p)  # fmt: skip
