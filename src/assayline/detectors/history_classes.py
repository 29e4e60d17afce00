"""Classes and sources that vanished, shrank or took over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from assayline.core import Finding

from .comparison import Comparison, View
from .expectation import at_most, levels, shares
from .spread_shares import spread_tails
from .suspicion import Suspicion
from .wording import between, lots, percent, short

FEW_CLASSES = 10  # a column of more values is a source or a place, not a class
ALWAYS = 0.95  # share of the past lots a source must have been in
LEAST_LOTS = 8  # fewer lots do not show that something always comes
LEAST_SHARE = 0.02  # effect floors: two percentage points ...
LEAST_RATIO = 1.5  # ... and half as much again, or a third less
SAME_ROWS = 0.9  # share of the rows of one source that another one names too
LEAST_USUAL_ROWS = 3.0  # rows a source usually brings; one that brings fewer may stay away by chance


class Classes:
    """Finds values of a category that used to come with every lot and do not, and classes whose share collapsed or exploded.

    Reads:    `sample`.
    Finds:    "missing_source", "label_imbalance".
    Silent:   about values that were absent before, and while the column is full of foreign values.
    Source:   binomial tails at the extreme past rates; counts of sources by level, docs/statistics.md.
    """

    finds = ("missing_source", "label_imbalance")

    def __call__(self, comparison: Comparison, /) -> Iterable[Suspicion]:
        if comparison.thin or comparison.lots < LEAST_LOTS:
            return
        gone: list[tuple[np.ndarray, int, list[Suspicion]]] = []  # past rows of what is missing, values of its column, what to say
        for view in comparison.groups:
            if view.tally is None or view.now_missing.all():
                continue
            before, today = view.tally
            known = before.sum(axis=0) > 0
            n = int(today.sum())
            if n == 0 or today[~known].sum() > 0.2 * n or ((today > 0).sum() < 2 and known.sum() > 2):
                continue
            absent = list(_absent(comparison, view, before, today))
            if absent:
                gone.append((np.isin(view.codes[1], np.flatnonzero(known & (today == 0))), int(known.sum()), absent))
            elif known.sum() <= FEW_CLASSES:
                yield from _shares(comparison, view, before, today)
        said: list[np.ndarray] = []
        for rows, _, suspicions in sorted(gone, key=lambda one: (-int(one[0].sum()), one[1])):
            if not any((rows & one).sum() > SAME_ROWS * rows.sum() for one in said):  # other columns name the same rows, or some of them
                said.append(rows)
                yield from suspicions


def kept_size(comparison: Comparison, share: float) -> bool:
    """Whether the lot has its usual number of rows rather than that number without a share of them: then rows were replaced, not lost."""
    usual = float(np.median(comparison.past_rows))
    return bool(abs(np.log(comparison.rows / usual)) < abs(np.log(comparison.rows / (usual * max(1 - share, 0.01)))))


def _absent(comparison: Comparison, view: View, before: np.ndarray, today: np.ndarray) -> Iterator[Suspicion]:
    values = view.codes[2]
    always = (before > 0).mean(axis=0) >= ALWAYS
    always |= ((before > 0) | (before.sum(axis=1)[:, None] < 0.5 * today.sum())).all(axis=0)  # a lot half as large may lack what this one may not
    always &= (before[-5:] > 0).all(axis=0)
    absent = np.flatnonzero(always & (today == 0))
    if not len(absent):
        return
    sizes = before.sum(axis=1)
    low = np.min((before[:, absent] + 0.5) / (sizes[:, None] + 1), axis=0)
    usual = np.median(before[:, absent], axis=0)
    binomial = at_most(np.zeros(len(absent)), np.full(len(absent), float(np.median(sizes))), low)
    counts = levels(np.sqrt(before[:, absent]), np.zeros(len(absent)), 0.0, 0.02)
    p = np.where(counts.score < 0, np.minimum(counts.p, 1.0), 1.0)
    p = np.where(usual >= LEAST_USUAL_ROWS, np.minimum(p, binomial), 1.0) * int(always.sum())
    lost = float(usual.sum())
    order = np.argsort(p, kind="stable")
    if p[order[0]] >= 1:
        return
    names = [values[absent[i]] for i in order if p[i] < 0.05] or [values[absent[order[0]]]]
    shown = ", ".join(short(name) for name in names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    share = lost / float(np.median(sizes))
    binary = int((before.sum(axis=0) > 0).sum()) == 2
    code = "label_imbalance" if binary and kept_size(comparison, share) else "missing_source"
    words = "the class" if code == "label_imbalance" else "nothing from"
    sentence = (
        f"There are no rows of {view.name} = {shown}; {lots(comparison.lots)} always had it "
        f"({between(float(low[order[0]]), float((before[:, absent[order[0]]] / sizes).max()))} of the rows)."
    )
    kept = np.flatnonzero(always)
    marked = np.flatnonzero(np.isin(kept, absent)).tolist()
    yield Suspicion(Finding(
        code, (view.name,), sentence, severity=0.55 if share > 0.1 else 0.45, layer="history", where=f"{view.name} = {names[0]}",
        evidence={"missing_values": len(names), "usual_rows": lost, "usual_share": round(share, 4)}, suggestion=f"ask why {words} {shown} came",
        picture={"kind": "bars", "labels": [values[i] for i in kept.tolist()], "values": today[kept].tolist(), "marked": marked, "unit": "rows"},
    ), float(p[order[0]]))  # fmt: skip


def _shares(comparison: Comparison, view: View, before: np.ndarray, today: np.ndarray) -> Iterable[Suspicion]:
    values = view.codes[2]
    n = int(today.sum())
    sizes = before.sum(axis=1)
    found = shares(today, np.full(len(today), n), before, np.repeat(sizes[:, None], len(today), axis=1))
    own = (before + 0.5) / (sizes[:, None] + 1)
    logit = np.log(own / (1 - own))
    now = (today + 0.5) / (n + 1)
    noise = 1 / np.maximum(sizes[:, None] * own * (1 - own), 0.5)
    expected = np.clip(found.usual, 0.5 / (n + 1), 1 - 0.5 / (n + 1))  # the sampling error if nothing has changed: a share near zero would excuse itself
    level = levels(logit, np.log(now / (1 - now)), noise, 1 / np.maximum(n * expected * (1 - expected), 0.5))
    tail = spread_tails(today, n, before, sizes)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.maximum(found.now / np.maximum(found.usual, 1e-9), found.usual / np.maximum(found.now, 1e-9))
    moved = (np.abs(found.now - found.usual) >= LEAST_SHARE) & (ratio >= LEAST_RATIO) & (found.usual > 0)
    p = np.where(moved, np.maximum(level.p, tail), 1.0) * len(today)
    top = int(np.argmin(p))
    if p[top] >= 1:
        return
    yield Suspicion(Finding(
        "label_imbalance", (view.name,),
        f"{percent(float(found.now[top]))} of {view.name} is {short(values[top])} against "
        f"{between(float(own[:, top].min()), float(own[:, top].max()))} in {lots(comparison.lots)}.",
        severity=0.45, layer="history", where=f"{view.name} = {values[top]}",
        evidence={"share": round(float(found.now[top]), 4), "usual_share": round(float(found.usual[top]), 4), "value": values[top]},
        suggestion="find out whether rows of some classes are missing",
        picture={"kind": "bars", "labels": values, "values": today.tolist(), "marked": [top], "unit": "rows"},
    ), float(p[top]))  # fmt: skip
