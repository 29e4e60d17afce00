"""Rows that were delivered before, as they were or under new dates."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from assayline.core import Finding
from assayline.measures import Rows, Sketch

from .comparison import Comparison
from .suspicion import Suspicion
from .wording import percent

MOST_OF = 0.5  # more than half of the rows being old cannot be a few late corrections
MARGIN = 0.3  # and this much above what two good lots have ever shared
FEWEST_ROWS = 3


class StaleCopy:
    """Recognises the rows of an earlier lot.

    Reads:    `rows`: the row sketch, and the one without the time columns.
    Finds:    "stale_copy": more than half of the rows stood in one earlier lot, where good lots never shared nearly as many.
    Silent:   in flows whose lots always repeat each other (snapshots).
    Source:   bottom-k sketches (Beyer et al. 2007); exact up to 65,536 rows.
    """

    finds = ("stale_copy",)

    def __call__(self, comparison: Comparison, /) -> Iterable[Suspicion]:
        today = comparison.today.of(None, Rows)
        if today is None or today.n < FEWEST_ROWS:
            return
        before = [(profile.of(None, Rows), name) for profile, name in zip(comparison.profiles, comparison.names, strict=True)]
        usual = set(comparison.usual_columns)
        if set(comparison.columns) != usual:
            return
        for which, words in (("whole", ""), ("untimed", " under new dates")):
            sketch: Sketch = getattr(today, which)
            if which == "untimed" and len(sketch.hashes) < 0.5 * len(today.whole.hashes):
                continue  # little is left of a row without its times
            past = [(getattr(rows, which), name) for rows, name in before if rows is not None and rows.n >= FEWEST_ROWS]
            shares = [sketch.contained_in(other) for other, _ in past]
            if not shares:
                continue
            top = int(np.argmax(shares))
            if shares[top] <= MOST_OF:
                continue
            among = max((past[i][0].contained_in(past[j][0]) for i in range(1, len(past)) for j in range(max(0, i - 7), i)), default=0.0)
            if shares[top] < among + MARGIN:
                continue
            yield Suspicion(Finding(
                "stale_copy", (), f"{percent(shares[top])} of the rows were already in {past[top][1]}{words}; earlier lots shared at most {percent(among)}.",
                severity=0.95 if shares[top] > 0.9 else 0.8, layer="history",
                evidence={"repeated_share": round(shares[top], 4), "usual_repeated_share": round(among, 4), "earlier_lot": past[top][1]},
                suggestion="ask for the new delivery",
            ))  # fmt: skip
            return
