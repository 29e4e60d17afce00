"""The rows a model is trained on, as numbers: what every step of training looks at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.framing import Plan
from assayline.framing.problem import span

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

IN_ORDER = 0.999  # of neighbouring rows; a file that is sorted by time but for a few late arrivals was written in the order of time
LEAST_MOMENTS = 20  # different moments: fewer make no blocks to go forward over


@dataclass(frozen=True, eq=False)
class Sample:
    """Encoded rows with their targets.

    Args:
        X: (rows, features) float64 as the plan encodes it.
        y: (rows,) number, or index of the class; no NaN.
        classes: number of classes, 0 for regression.
        names: (features,) names.
        categories: (features,) number of codes of each feature, 0 for a number.
        groups: (rows,) which thing each row is about, or None.
        order: (rows,) what sorts the rows in time, or None.
        gap: how much earlier than a row, in units of `order`, another must lie for its target to be known by then.
        gap_rows: the same as a number of moments.
    """

    X: Floats
    y: Floats
    classes: int
    names: tuple[str, ...]
    categories: tuple[int, ...]
    groups: Whole | None = None
    order: Floats | None = None
    gap: float = 0.0
    gap_rows: int = 0

    @property
    def rows(self) -> int:
        return len(self.y)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Positions of the features that are numbers."""
        return tuple(at for at, count in enumerate(self.categories) if not count)

    @property
    def minority(self) -> float:
        """Share of the rarest class, 0.5 for regression."""
        if not self.classes:
            return 0.5
        counts = np.bincount(self.y.astype(np.int64), minlength=self.classes)
        return float(counts.min() / max(counts.sum(), 1))


def sampled(plan: Plan, table: pl.DataFrame) -> Sample:
    """The rows of a table whose target is known, as a plan sees them."""
    X, (y, usable), features = plan.encode(table), plan.target(table), plan.features
    groups, order = plan.groups(table), plan.order(table)
    if order is None:
        order = _written_in_order(X, [feature.name for feature in features])
    elif not np.isfinite(order).any() or len(np.unique(order[np.isfinite(order)])) < LEAST_MOMENTS:
        order = None
    if order is not None:
        order = np.where(np.isfinite(order), order, np.nanmin(order))
    return Sample(
        X[usable], y[usable], len(plan.classes), tuple(feature.name for feature in features),
        tuple(feature.categories for feature in features),
        None if groups is None else groups[usable], None if order is None else order[usable], *_gap(plan),
    )  # fmt: skip


def _written_in_order(X: Floats, names: list[str]) -> Floats | None:
    """The one moment that the rows of the file are sorted by, where nobody named a time; None without one."""
    found = [at for at, name in enumerate(names) if name.endswith(":elapsed_days")]
    if len(found) != 1:
        return None
    moments = X[:, found[0]]
    if not np.isfinite(moments).all() or len(np.unique(moments)) < LEAST_MOMENTS:
        return None
    steps = np.diff(moments)
    return moments if (steps >= 0).mean() >= IN_ORDER else None


def _gap(plan: Plan) -> tuple[float, int]:
    """Seconds, or moments, until a target is known; 0 where it belongs to its own row."""
    if not plan.problem.horizon:
        return 0.0, 0
    micros, rows = span(plan.problem.horizon)
    return micros / 1e6, rows
