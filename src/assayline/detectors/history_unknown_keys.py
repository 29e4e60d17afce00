"""Whole numbers that are keys, and never came before: references to rows that another table may not have."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from assayline.core import Finding
from assayline.measures.nature import named_as_key

from .comparison import Comparison, View
from .expectation import shares
from .locating import OneOf
from .suspicion import Suspicion
from .wording import between, lots, percent, short

MANY_KEYS = 20  # different keys; fewer are classes, whose changes have names of their own
STABLE = 0.05  # most rows of the past lots with a key that no other lot had
LEAST_ROWS = 3
SEVERAL = 3  # different unknown keys; one that comes often is a new class
SAME_LENGTH = 0.8  # share of the keys with one number of digits: codes have it, amounts do not
THIN = 0.1  # share of the numbers of their range that are keys
ONE_KEY = 0.5  # share of the rows of the most frequent key, above which the rest are exceptions
MOST_NAMED = 1_000


class UnknownKeys:
    """Finds whole numbers that name things and are none of the things that were named before.

    Reads:    `sample`.
    Finds:    "fk_break".
    Silent:   where new keys come with most lots, on measures and counts, and with fewer than three unknown keys.
    Source:   binomial tail at the worst rate at which a good lot brought keys of its own, docs/statistics.md.
    """

    finds = ("fk_break",)

    def __call__(self, comparison: Comparison, /) -> Iterable[Suspicion]:
        if comparison.thin:
            return
        for view in comparison.views():
            if view.is_whole and not view.is_key and view.is_closed and names_things(view):
                yield from _unknown(comparison, view)


def names_things(view: View) -> bool:
    """Whether the whole numbers of a column are keys of a stable set, and not measures: its name says so, or they are codes.

    Codes are thinly spread over their range, all of one number of digits, positive, and none of them is half of the rows.
    """
    new, _ = view.novelty
    filled = int(view.filled_sizes.sum())
    known = np.unique(view.past_known)
    if len(known) < MANY_KEYS or new.sum() > STABLE * filled:
        return False
    if named_as_key(view.name):
        return True
    if known[0] < 1 or len(known) > THIN * (known[-1] - known[0] + 1):
        return False
    digits = np.floor(np.log10(known)).astype(np.int64)
    _, past, values = view.codes
    return bool(np.bincount(digits).max() >= SAME_LENGTH * len(known) and np.bincount(past[past >= 0], minlength=len(values)).max() < ONE_KEY * filled)


def _unknown(comparison: Comparison, view: View) -> Iterable[Suspicion]:
    usual, today = view.novelty
    today = today & np.isfinite(view.now)
    rows, filled = int(today.sum()), int((~view.now_missing).sum())
    codes, counts = np.unique(view.codes[0][today], return_counts=True)
    if rows < LEAST_ROWS or len(codes) < SEVERAL:
        return
    rate = shares([rows], [filled], usual[:, None], view.filled_sizes[:, None])
    share, high = float(rate.now[0]), float(rate.high[0])
    if share <= high:
        return
    order = np.lexsort((codes, -counts))
    unknown = {view.codes[2][codes[i]]: (0.8, None) for i in order[:MOST_NAMED]}
    yield Suspicion(Finding(
        "fk_break", (view.name,),
        f"{percent(share)} of {view.name} are keys never seen in {lots(comparison.lots)} ({len(codes)} of them, such as {short(next(iter(unknown)))}); "
        f"usually {between(float(rate.usual[0]), high)} is new.",
        severity=min(0.79, 0.55 + 0.25 * share), layer="history", rows=rows,
        evidence={"share": round(share, 4), "usual_share": round(float(rate.usual[0]), 5), "worst_share": round(high, 5), "unknown_keys": len(codes)},
        suggestion="look whether the table these keys refer to is complete", locate=OneOf(view.name, unknown),
        picture={"kind": "share", "value": share, "usual": float(rate.usual[0])},
    ), float(rate.more[0]))  # fmt: skip
