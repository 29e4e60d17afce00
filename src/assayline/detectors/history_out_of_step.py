"""A column that no longer goes with the columns it always went with."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from assayline.core import Finding

from .comparison import Comparison, Floats, View
from .expectation import levels
from .history_distribution import Scale
from .in_step_again import Undone, undone
from .ranked_rows import cells_of_today
from .suspicion import Suspicion
from .wording import lots, number, percent

MOST_COLUMNS = 40
FEW_VALUES = 12  # of a category that is laid out as indicators
LEAST_ROWS = 10
LEAST_LOTS = 5
MANY_LOTS = 14  # from which it counts as the multivariate layer: fewer do not show how far good lots lie from their forerunners
SHOWN = 5  # rows that are most out of step
LEAST_EXPLAINED = 0.15  # share of a column's variance the others must explain before it can fall out of step
LEAST_GROWTH = 0.1  # effect floor on the log of the unexplained part
RIDGE = 1e-3  # of the variance: keeps copies of one column from blowing up


class OutOfStep:
    """Finds columns that the others used to predict and do not any more.

    Reads:    `sample`.
    Finds:    "shuffled_column", from 14 lots on in the layer "multivariate"; evidence `unexplained_ratio`, `p_value`, `columns_ranked`; the rows
              the others explain least are its examples. "unit_change", "global_shift" or "segment_shift"
              where undoing that brings the column back in step.
    Silent:   while the column itself has moved (then its level is the finding), and where nothing predicts it.
    Source:   ridge regression of every column on all others, fitted to the past; today's unexplained part against that of the past lots, docs/statistics.md.
    """

    finds = ("shuffled_column", "unit_change", "global_shift", "segment_shift")
    beside = "all"

    def __call__(self, comparison: Comparison, /) -> Iterable[Suspicion]:
        if comparison.thin or comparison.lots < LEAST_LOTS or len(comparison.now_frame) < LEAST_ROWS:
            return
        table = _Table.of(comparison)
        if table is None or len(table.names) < 2:
            return
        scores = [table.judge(i, ()) for i in range(len(table.names))]
        suspects = [i for i, (p, growth, explained, _) in enumerate(scores) if p < 0.01 and growth > LEAST_GROWTH and explained > LEAST_EXPLAINED]
        if not suspects:
            return
        # The culprit is the column without which the others are in step again.
        ranked = sorted(suspects, key=lambda i: (scores[i][0], -scores[i][3]))[:5]

        def left(i: int) -> float:
            return sum(max(0.0, table.judge(j, (i,))[3]) for j in suspects if j != i)

        culprit = min(ranked, key=lambda i: (round(left(i) - 0.25 * scores[i][3], 6), scores[i][0]))
        p, growth, explained, score = scores[culprit]
        name = table.names[culprit]
        tests = sum(1 for one in scores if one[2] > LEAST_EXPLAINED)
        others = table.partners(culprit)
        change = table.undone(comparison, culprit)
        if change is not None:
            yield Suspicion(_changed(comparison, name, others, change, float(np.exp(growth))), min(1.0, p * tests))
            return
        yield Suspicion(Finding(
            "shuffled_column", (name,),
            f"{name} no longer goes with {', '.join(others)}: the part they do not explain is {number(float(np.exp(growth)))} times that of {lots(comparison.lots)} "
            f"({percent(1 - explained)} of the variance).",
            severity=0.5, layer="multivariate" if comparison.lots >= MANY_LOTS else "history",
            evidence={"unexplained_ratio": round(float(np.exp(growth)), 3), "usual_explained_share": round(explained, 3), "score": round(score, 2),
                      "p_value": float(f"{min(1.0, p * tests):.3g}"), "columns_ranked": ", ".join(f"{table.names[i]} {scores[i][3]:.2g}" for i in ranked)},
            suggestion="look whether the column was sorted or joined on its own", examples=cells_of_today(comparison, name, table.worst_rows(culprit)),
        ), min(1.0, p * tests))  # fmt: skip


def _changed(comparison: Comparison, name: str, others: list[str], change: Undone, growth: float) -> Finding:
    where = f" where {change.where}" if change.where else ""
    if change.code == "unit_change":
        what, todo = f"looks converted ({change.name})", f"undo {change.name}"
    else:
        what, todo = f"has moved by {number(change.offset)}", "ask what changed, or accept it as the new normal"
    return Finding(
        change.code, (name,), f"{name}{where} {what}: what {', '.join(others)} do not explain of it is {number(growth)} times that of {lots(comparison.lots)}, and "
        f"{number(change.left)} times once that is undone.",
        severity={"unit_change": 0.65, "global_shift": 0.45, "segment_shift": 0.45}[change.code], layer="history", where=change.where, rows=change.rows,
        evidence={"factor": change.factor, "offset": change.offset, "unexplained_ratio": round(growth, 3), "left_ratio": round(change.left, 3), "rows": change.rows},
        suggestion=todo,
    )  # fmt: skip


class _Table:
    """All columns laid out as numbers, with the products that every regression needs."""

    def __init__(self, names: list[str], blocks: list[slice], now: Floats, past: Floats, lot: np.ndarray, lots_: int) -> None:
        self.names, self.blocks, self.now, self.past, self.lot, self.lots = names, blocks, now, past, lot, lots_
        self.mean = past.mean(axis=0)
        self.past = past - self.mean
        self.now = now - self.mean
        self.products = self.past.T @ self.past
        self.sizes = np.bincount(lot, minlength=lots_)
        self.seen: dict[tuple[int, tuple[int, ...]], tuple[float, float, float, float]] = {}

    @classmethod
    def of(cls, comparison: Comparison) -> _Table | None:
        names: list[str] = []
        blocks: list[slice] = []
        now: list[Floats] = []
        past: list[Floats] = []
        width = 0
        for view in comparison.views():
            if len(names) >= MOST_COLUMNS:
                break
            pair = _laid_out(view)
            if pair is None:
                continue
            names.append(view.name)
            blocks.append(slice(width, width + pair[0].shape[1]))
            width += pair[0].shape[1]
            now.append(pair[0])
            past.append(pair[1])
        if not names:
            return None
        return cls(names, blocks, np.hstack(now), np.hstack(past), comparison.lot, comparison.lots)

    def judge(self, target: int, without: tuple[int, ...]) -> tuple[float, float, float, float]:
        """P-value, growth of the log unexplained part, share usually explained, and score of one column, some others left out."""
        key = (target, without)
        if key not in self.seen:
            self.seen[key] = self._judged(target, without)
        return self.seen[key]

    def _weights(self, target: int, without: tuple[int, ...]) -> tuple[np.ndarray, Floats]:
        use = np.ones(self.past.shape[1], dtype=np.bool_)
        for i in (target, *without):
            use[self.blocks[i]] = False
        inner = self.products[np.ix_(use, use)]
        ridge = RIDGE * np.diag(np.maximum(np.diag(inner), 1e-9))
        return use, np.linalg.solve(inner + ridge, self.products[use, self.blocks[target]])

    def _judged(self, target: int, without: tuple[int, ...]) -> tuple[float, float, float, float]:
        block = self.blocks[target]
        use, weights = self._weights(target, without)
        if not use.any():
            return 1.0, 0.0, 0.0, 0.0
        # What is explained follows from the products alone, but for the last digits; the rows are only asked where that is near enough.
        left = self.products[block, block] - 2 * weights.T @ self.products[use, block] + weights.T @ self.products[np.ix_(use, use)] @ weights
        own = float(np.trace(self.products[block, block]))
        likely = 1 - float(np.trace(left)) / own if own > 0 else 0.0
        if likely < LEAST_EXPLAINED - 1e-6:
            return 1.0, 0.0, likely, 0.0
        rest_past = self.past[:, block] - self.past[:, use] @ weights
        rest_now = self.now[:, block] - self.now[:, use] @ weights
        total = float(np.square(self.past[:, block]).sum())
        explained = 1 - float(np.square(rest_past).sum()) / total if total > 0 else 0.0
        if explained < LEAST_EXPLAINED:
            return 1.0, 0.0, explained, 0.0
        away_past, away_now = np.abs(rest_past).sum(axis=1), np.abs(rest_now).sum(axis=1)
        mean = np.bincount(self.lot, weights=away_past, minlength=self.lots) / np.maximum(self.sizes, 1)
        floor = 1e-3 * float(away_past.mean()) + 1e-9
        enough = self.sizes >= 5
        past = np.where(enough, np.log(mean + floor), np.nan)
        relative = float(away_past.var() / (away_past.mean() + floor) ** 2)
        found = levels(past[:, None], [np.log(away_now.mean() + floor)], (relative / np.maximum(self.sizes, 1))[:, None], [relative / len(away_now)])
        growth = float(np.log(away_now.mean() + floor) - found.predicted[0])
        return (float(found.p[0]) if growth > 0 else 1.0), growth, explained, float(found.score[0])

    def worst_rows(self, target: int) -> list[tuple[int, float]]:
        """Today's rows that the other columns explain least, worst first, with the share of them that is more than usual."""
        block = self.blocks[target]
        use, weights = self._weights(target, ())
        usual = np.sort(np.abs(self.past[:, block] - self.past[:, use] @ weights).sum(axis=1))
        today = np.abs(self.now[:, block] - self.now[:, use] @ weights).sum(axis=1)
        order = np.argsort(-today, kind="stable")
        found = []
        for rank, row in enumerate(order[:SHOWN].tolist(), start=1):
            expected = (len(usual) - np.searchsorted(usual, today[row])) / len(usual) * len(today)  # rows so far off in a usual lot of this size
            found.append((row, float(np.clip(1 - expected / rank, 0.05, 0.95))))
        return found

    def undone(self, comparison: Comparison, target: int) -> Undone | None:
        """The conversion or shift of one column of numbers that brings it back in step, or None."""
        block, view = self.blocks[target], comparison.view(self.names[target])
        if view is None or not view.is_measure or block.stop - block.start != 1:
            return None
        scale = Scale.of(view)
        if scale is None:
            return None
        use, weights = self._weights(target, ())
        fitted = (self.now[:, use] @ weights)[:, 0]
        usual = float(np.abs(self.past[:, block] - self.past[:, use] @ weights).mean())
        return undone(comparison, view, fitted, float(np.nanstd(scale.past)) or 1.0, float(self.mean[block.start]), usual)

    def partners(self, target: int) -> list[str]:
        """The columns that went with it most."""
        block = self.blocks[target]
        own = np.sqrt(np.diag(self.products))
        with np.errstate(divide="ignore", invalid="ignore"):
            correlation = np.nan_to_num(np.abs(self.products[block]) / np.outer(own[block], own))
        strength = [(-float(correlation[:, other].max(initial=0)), self.names[i]) for i, other in enumerate(self.blocks) if i != target]
        return [name for _, name in sorted(strength)[:2]]


def _laid_out(view: View) -> tuple[Floats, Floats] | None:
    """A column as numbers, missing ones in the middle: compressed measures, indicators of categories."""
    if view.is_key or view.kind in ("time", "nested", "empty"):
        return None
    if view.kind == "number" and not view.is_group_code:
        scale = Scale.of(view)
        if scale is None:
            return None
        width = float(np.nanstd(scale.past)) or 1.0
        return np.nan_to_num(scale.now / width)[:, None], np.nan_to_num(scale.past / width)[:, None]
    if not view.is_group or view.tally is None:
        return None
    now, past, _ = view.codes
    totals = view.tally[0].sum(axis=0)
    top = np.argsort(-totals, kind="stable")[:FEW_VALUES]
    top = top[totals[top] > 0]
    return (now[:, None] == top[None, :]).astype(float), (past[:, None] == top[None, :]).astype(float)
