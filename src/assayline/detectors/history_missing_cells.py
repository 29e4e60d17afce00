"""More empty cells than the past had."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from assayline.core import Finding
from assayline.measures import Counts
from assayline.measures.block import Column

from .comparison import Comparison
from .expectation import shares
from .locating import Where
from .suspicion import Suspicion
from .wording import between, lots, percent

LEAST_SHARE = 0.005  # effect floor: half a percentage point ...
LEAST_CELLS = 3  # empty cells come in company: two of them ...
FEW_ROWS_SHARE = 0.08  # ... say something only in a very small lot
LEAST_ODDS = 1.5  # ... and odds half as high again


class MissingCells:
    """Finds columns with a larger share of empty cells than any good lot had.

    Reads:    `counts`: exact.
    Finds:    "missing_spike".
    Silent:   below half a percentage point and an odds ratio of 1.5.
    Source:   binomial tail at the worst past rate, docs/statistics.md.
    """

    finds = ("missing_spike",)

    def __call__(self, comparison: Comparison, /) -> Iterable[Suspicion]:
        names = [] if comparison.thin else list(comparison.shared)
        kept, now, size, past, sizes = [], [], [], [], []
        for name in names:
            today = comparison.today.of(name, Counts)
            before = [profile.of(name, Counts) for profile in comparison.profiles]
            if today is None or not today.rows:
                continue
            kept.append(name)
            view = comparison.view(name)
            if comparison.empty_words and view is not None:  # the flow writes a word for an empty cell, which the counts do not know
                now.append(int(view.now_missing.sum()))
                size.append(len(view.now_missing))
                past.append((view.sizes - view.filled_sizes).tolist())
                sizes.append(view.sizes.tolist())
                continue
            now.append(today.rows - today.filled)
            size.append(today.rows)
            past.append([0 if one is None else one.rows - one.filled for one in before])
            sizes.append([0 if one is None else one.rows for one in before])
        if not kept:
            return
        found = shares(now, size, np.array(past).T, np.array(sizes).T)
        with np.errstate(divide="ignore", invalid="ignore"):
            raw = np.where(np.array(sizes) > 0, np.array(past) / np.maximum(np.array(sizes), 1), np.nan)
        for i, name in enumerate(kept):
            share, high = float(found.now[i]), float(found.high[i])
            if (now[i] < LEAST_CELLS and share < FEW_ROWS_SHARE) or share - high < LEAST_SHARE or _odds(share) < LEAST_ODDS * _odds(high):
                continue
            yield Suspicion(Finding(
                "missing_spike", (name,), f"{percent(share)} of {name} is empty against {between(float(np.nanmin(raw[i])), float(np.nanmax(raw[i])))} "
                f"in {lots(comparison.lots)}.",
                severity=0.8 if share > 0.95 else 0.65 if share - high > 0.2 else 0.5, layer="history", rows=int(now[i]), exact_rows=True,
                evidence={"null_share": round(share, 4), "usual_null_share": round(float(found.usual[i]), 4), "worst_null_share": round(high, 4)},
                suggestion="ask the source why the values are missing", locate=Where(name, _empty, 0.6),
                picture={"kind": "series", "values": [*np.nan_to_num(raw[i]).tolist(), share], "marked": [comparison.lots]},
            ), float(found.more[i]))  # fmt: skip


def _odds(share: float) -> float:
    return share / (1 - share) if share < 1 else float("inf")


def _empty(column: Column):  # type: ignore[no-untyped-def]  # a polars Series
    if column.is_text:
        return column.series.is_null() | (column.series.str.strip_chars() == "")
    return column.series.is_null()
