"""Counters that fall: a number that only ever grew for its key is smaller than in the last lot."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assayline.core import Cell, Finding
from assayline.measures import Block, shown

from .comparison import Comparison, Floats, View
from .expectation import shares
from .locating import accused
from .suspicion import Suspicion
from .wording import lots, number

LEAST_LOTS = 5
LEAST_STEPS = 300  # steps from lot to lot without a fall that make "never falls" a fact, as elsewhere in the history layer
CERTAIN = 1e-4  # probability of so few falls in a number that may fall, below which it is a counter
MOST_CELLS = 2_000_000  # lots x keys of one column that are laid out


@dataclass(frozen=True)
class AtKeys:
    """Accuses the cells of a column in the rows of some keys.

    Args:
        column: the column.
        key: the column that names the row.
        before: key -> the value of the last lot, below which its counter fell.
    """

    column: str
    key: str
    before: tuple[tuple[str, float], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.key, self.column)

    def fresh(self) -> AtKeys:
        return self

    def __call__(self, block: Block, /) -> Sequence[Cell]:
        fallen = {key for key, _ in self.before}
        keys = shown(block.column(self.key).series)
        rows = np.array([row for row, key in enumerate(keys) if key in fallen], dtype=np.int64)
        return accused(block.column(self.column).series, self.column, rows, block.start, 0.6)


class FallingCounter:
    """Notices numbers that never fall from lot to lot for the same key, and do today: cumulative counts, meter readings, totals.

    Reads:    `sample`, where it is all rows of all lots.
    Finds:    "dependency_violation": the key and the last lot say what the value must be at least; evidence `fallen_keys`, `steps`, `deepest_fall`.
    Silent:   without a column that names each row of a lot once, with fewer than 300 steps, about numbers that only happen to rise,
              and where a counter has fallen about as often before.
    Source:   falls of a smooth law extrapolated log-linearly across zero (docs/detectors/dependency_violation.md); binomial tail at the worst past rate.
    """

    finds = ("dependency_violation",)
    beside = "all"  # among them is the key

    def __call__(self, comparison: Comparison, /) -> Iterable[Suspicion]:
        if comparison.thin or comparison.lots < LEAST_LOTS or not comparison.in_order:
            return
        key = _key(comparison)
        if key is None or comparison.lots * len(key.codes[2]) > MOST_CELLS:
            return
        for view in comparison.measures:
            if view.name != key.name:
                yield from _fallen(comparison, key, view)


def _key(comparison: Comparison) -> View | None:
    """The column of fewest values that names each row of a lot, with names that come again in every lot."""
    found: View | None = None
    for view in comparison.views():
        if view.kind not in ("text", "number") or not view.is_closed or (view.kind == "number" and not view.is_whole):
            continue
        now, past, values = view.codes
        known = past >= 0
        today = now[now >= 0]
        if len(view.pairs) < known.sum() or len(np.unique(today)) < len(today) or known.sum() < 0.99 * len(past):
            continue
        if found is None or len(values) < len(found.codes[2]):
            found = view
    return found


def _fallen(comparison: Comparison, key: View, view: View) -> Iterable[Suspicion]:
    now_code, past_code, names = key.codes
    table = np.full((view.lots, len(names)), np.nan)
    known = past_code >= 0
    table[view.lot[known], past_code[known]] = view.past[known]
    last = _last(table)
    steps = table[1:] - last[:-1]
    filled = np.isfinite(steps)
    falls = filled & (steps < 0)
    if filled.sum() < LEAST_STEPS or not _only_grows(steps):
        return
    today = np.full(len(names), np.nan)
    today[now_code[now_code >= 0]] = view.now[now_code >= 0]
    step = today - last[-1]
    fallen = np.flatnonzero(np.isfinite(step) & (step < 0))
    if not len(fallen):
        return
    compared = int(np.isfinite(step).sum())
    found = shares([len(fallen)], [compared], falls.sum(axis=1)[:, None], filled.sum(axis=1)[:, None])
    p = float(found.more[0]) if falls.any() else 0.0
    deepest = fallen[np.argmin(step[fallen])]
    again = f" for {len(fallen)} of {compared} {key.name}" if len(fallen) > 1 else ""
    yield Suspicion(Finding(
        "dependency_violation", (view.name, key.name),
        f"{view.name} only grows, and has fallen{again}: {key.name} = {names[deepest]} has {number(float(today[deepest]))} after "
        f"{number(float(last[-1][deepest]))}; it fell in {int(falls.sum()):,} of {int(filled.sum()):,} steps of {lots(comparison.lots)}.",
        severity=0.5, layer="history", rows=len(fallen),
        evidence={"fallen_keys": len(fallen), "keys": compared, "deepest_fall": float(step[deepest]), "steps": int(filled.sum()), "past_falls": int(falls.sum())},
        suggestion="ask whether the source corrected its total, and take its difference from the last lot with care",
        locate=AtKeys(view.name, key.name, tuple((names[code], float(last[-1][code])) for code in fallen.tolist())),
    ), p)  # fmt: skip


def _last(table: Floats) -> Floats:
    """The value of each key in each lot, or its last one before where the lot has none."""
    rows = np.where(np.isfinite(table), np.arange(len(table))[:, None], 0)
    carried: Floats = np.take_along_axis(table, np.maximum.accumulate(rows, axis=0), axis=0)
    return carried


def _only_grows(steps: Floats) -> bool:
    """Whether the steps end at zero as those of a counter do, or only happen to be positive.

    Null hypothesis: the number may fall; its steps, in units of the usual rise of each key, have a density that goes on below zero as it ends
    above (log-linearly). With a steps in (0, 1/2] and b in (1/2, 1] at least a²/b of them fall then; the number of falls is Poisson. A trend
    without small rises has nothing to extrapolate and is not called a counter.
    """
    with np.errstate(invalid="ignore"):
        rises: npt.NDArray[np.bool_] = steps > 0
    if rises.sum() < LEAST_STEPS / 4:
        return False
    usual = np.array([np.median(column[up]) if up.any() else np.nan for column, up in zip(steps.T, rises.T, strict=True)])
    scaled = (steps / usual)[rises]
    low, high = int((scaled <= 0.5).sum()), int(((scaled > 0.5) & (scaled <= 1)).sum())
    with np.errstate(invalid="ignore"):
        falls = int((steps < 0).sum())
    expected = low * low / max(high, 1)
    return _at_most(falls, expected) <= CERTAIN


def _at_most(count: int, expected: float) -> float:
    """P(X <= count) for X Poisson.

    >>> round(_at_most(0, 2.0), 4)
    0.1353
    """
    term = total = math.exp(-expected)
    for k in range(1, count + 1):
        term *= expected / k
        total += term
    return total
