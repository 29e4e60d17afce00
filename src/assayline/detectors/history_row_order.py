"""Records that used to come in order of time and do not."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from assayline.core import Finding
from assayline.measures import Steps

from .comparison import Comparison, Floats, View
from .expectation import shares
from .suspicion import Suspicion
from .wording import between, lots, percent

LEAST_SHARE = 0.002  # effect floor: two records in a thousand
FACT_ROWS = 300  # records of the past without one out of place, from which two today are a fact
LEAST_ROWS = 2  # one record out of its place may be a slip of the clock
ORDERED = 0.02  # share of displaced records up to which a flow counts as ordered
ANOTHER_ORDER = 0.4  # share of displaced records from which the lot simply comes in another order, which harms nobody: a note


class Displaced(NamedTuple):
    """How far a lot is from the order of time.

    Args:
        rows: records that would have to move for the rest to be in order.
        of: records with a time.
    """

    rows: int
    of: int


class RowOrder:
    """Finds records out of the order of time in flows that always kept it.

    Reads:    `steps` (ordered; whether any goes back), `sample` in the order of the rows.
    Finds:    "out_of_order"; evidence `displaced_rows`, `displaced_share`, `usual_displaced_share`. A lot that comes in another order altogether is a note.
    Silent:   in flows that never were in order, and about a single record.
    Source:   displaced records are those outside the longest ordered subsequence (Fredman 1975); binomial tail at the worst past rate.
    """

    finds = ("out_of_order",)

    def __call__(self, comparison: Comparison, /) -> Iterable[Suspicion]:
        if comparison.thin:
            return
        for view in comparison.clocks:
            suspicion = _back(comparison, view)
            if suspicion is not None:
                yield suspicion
                return  # the rows have one order; the first clock that shows it is enough


def _back(comparison: Comparison, view: View) -> Suspicion | None:
    steps = comparison.today.of(view.name, Steps)
    if steps is None or steps.downs == 0 or view.lots < 3:
        return None
    before = view.each("displaced", displaced)
    away, back, sizes = displaced(view.now), np.array([one.rows for one in before]), np.array([one.of for one in before])
    if away.rows < LEAST_ROWS or not sizes.sum():
        return None
    found = shares([away.rows], [away.of], back[:, None], sizes[:, None])
    share = float(found.now[0])
    if found.usual[0] > ORDERED or share < float(found.high[0]) + LEAST_SHARE:
        return None
    another = share > ANOTHER_ORDER
    usual = between(0.0, float((back / np.maximum(sizes, 1)).max()))
    said = (
        f"The records do not come in the order of {view.name} today: {percent(share)} are out of it, against {usual} in {lots(comparison.lots)}."
        if another else f"{percent(share)} of the records ({away.rows:,}) are out of the order of {view.name} against {usual} in {lots(comparison.lots)}."
    )
    return Suspicion(Finding(
        "out_of_order", (view.name,), said,
        severity=0.2 if another else 0.4, layer="history", rows=away.rows,
        evidence={"displaced_rows": away.rows, "displaced_share": round(share, 4), "usual_displaced_share": round(float(found.usual[0]), 5)},
        suggestion="sort by time before anything that looks back, and ask what held these records up",
        picture={"kind": "share", "value": share, "usual": float(found.usual[0])},
    ), 0.0 if found.usual[0] == 0 and sizes.sum() >= FACT_ROWS else float(found.more[0]))  # fmt: skip


def displaced(times: Floats) -> Displaced:
    """Records outside the longest subsequence that is in order.

    >>> displaced(np.array([1.0, 2.0, 9.0, 3.0, 4.0]))
    Displaced(rows=1, of=5)
    """
    known = times[np.isfinite(times)]
    ends: list[float] = []  # the smallest end of an ordered subsequence of each length; equal times are in order
    for value in known.tolist():
        place = bisect_right(ends, value)
        ends[place : place + 1] = [value]
    return Displaced(len(known) - len(ends), len(known))
