"""How familiar a value is to a column: the logarithm of the chance the past gives it, comparable between columns."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import polars as pl

from assayline.measures import ColumnPlan, Plan, collapsed, shape_of
from assayline.measures.block import Column

from .coding import Part
from .comparison import Comparison, Floats, Ints, View, nulls, quantiles

BINS = 32  # of equal share: fine enough to tell two columns apart, coarse enough for a few hundred rows
MUCH_DRIFT = 0.05  # share of a good lot its forerunners had not prepared for, above which new values are usual
OWN_PLACE = 2.0  # nats: a new value of a drifting column may be any of a handful


class Familiarity:
    """What one column of the past gives for the chance of any cell.

    Args:
        view: the column.
        comparison: the lots, for how their text is read.
    """

    def __init__(self, view: View, comparison: Comparison) -> None:
        self.view = view
        self.text = comparison.plan
        rows = max(1, len(view.past_missing))
        missing = int(view.past_missing.sum())
        self.missing = np.log((missing + 0.1) / (rows + 0.2))
        self.filled = np.log((rows - missing + 0.1) / (rows + 0.2))
        self.numeric = view.kind == "number" and not (view.is_whole and len(view.codes[2]) <= 200)
        self.drift = _drift(view)
        self.never = max(np.log(0.1 / (rows + 1)) - 4.0, np.log(self.drift + 1e-12) - OWN_PLACE)
        if self.numeric:
            values = view.past_rising
            self.edges = np.unique(quantiles(values, np.linspace(0, 1, BINS + 1))) if len(values) else np.zeros(1)
            if len(self.edges) > 1:
                count, different = _between(values, self.edges), _between(view.past_different[0], self.edges)
                self.density = np.log((count + 0.1) / (len(values) + 1) / np.maximum(different, 1))
            self.readable = np.log((len(values) + 0.1) / (max(1, rows - missing) + 0.2))
            return
        there = np.flatnonzero(view.past_counts)
        counts = view.past_counts[there]
        known = view.values.gather(there).alias("v")
        shares = counts.astype(float)
        new = max((float(view.novelty[0].sum()) + 0.05) / (max(1, rows - missing) + 0.1), self.drift)
        self.log_shares = np.log(shares / shares.sum() * (1 - min(new, 0.98))) if len(shares) else np.zeros(0)
        self.new = np.log(new)
        if self.drift > MUCH_DRIFT:  # where any value may come, a known one is no less likely
            self.log_shares = np.maximum(self.log_shares, self.new - OWN_PLACE)
        self.by_code = np.full(len(view.codes[2]) + 1, np.nan)  # the last one for what is in no lot
        self.by_code[there] = self.log_shares
        shapes = _summed(shape_of(known), counts)  # first the few full shapes: collapsing is what costs
        shapes = _summed(collapsed(shapes.get_column("v")), shapes.get_column("n").to_numpy())
        total = max(1, len(view.past_missing) - missing)
        self.shapes = shapes.get_column("v")
        self.shape_shares = np.log(shapes.get_column("n").to_numpy().astype(float) / total)

    def of(self, cells: Cells) -> Floats:
        """The logarithm of the chance of each cell."""
        if self.numeric:
            values = cells.numbers(self.view.plan, self.text)
            result = np.full(len(values), self.never + self.filled)
            if len(self.edges) > 1:
                inside = np.isfinite(values) & (values >= self.edges[0]) & (values <= self.edges[-1])
                where = np.clip(np.searchsorted(self.edges, values[inside], side="right") - 1, 0, len(self.density) - 1)
                result[inside] = self.density[where] + self.readable + self.filled
                outside = np.isfinite(values) & ~inside
                result[outside] = min(self.never + 2, float(self.density.min()) - 2) + self.filled  # never likelier than a value inside
            return np.where(cells.missing, self.missing, result)
        result = self.by_code[self.view.code_of(cells.part)]
        strange = np.isnan(result) & ~cells.missing
        if strange.any():
            fits = cells.shapes.filter(pl.Series(strange)).replace_strict(self.shapes, pl.Series(self.shape_shares), default=None,
                return_dtype=pl.Float64).fill_null(float(np.log(0.1 / (len(self.view.lot) + 1))))
            result[strange] = self.new + np.maximum(fits.to_numpy() - 4.0, -OWN_PLACE if self.drift > MUCH_DRIFT else -np.inf)
        answer: Floats = np.where(cells.missing, self.missing, result + self.filled)
        return answer


class Cells:
    """Some cells, read for any column they are compared with.

    Args:
        texts: as text; null for missing.
    """

    def __init__(self, texts: pl.Series) -> None:
        self.texts, self.missing = texts, nulls(texts)
        self.part = Part(texts, self.missing)
        self._numbers: dict[tuple[str, str], Floats] = {}

    def numbers(self, plan: ColumnPlan, text: Plan) -> Floats:
        """As a column of numbers reads them; NaN where they do not read so."""
        key = (plan.kind, plan.parse)
        if key not in self._numbers:
            self._numbers[key] = Column(self.texts, plan, 0, text).typed.cast(pl.Float64, strict=False).to_numpy()
        return self._numbers[key]

    @cached_property
    def shapes(self) -> pl.Series:
        """The shape of each, collapsed; that of an empty text for missing ones."""
        return collapsed(shape_of(self.texts.fill_null("")))


def _between(rising: Floats, edges: Floats) -> Ints:
    """How many of some numbers lie between edges; the last edge is within."""
    return np.diff(np.append(np.searchsorted(rising, edges[:-1]), np.searchsorted(rising, edges[-1], side="right")))


def _summed(values: pl.Series, counts: Ints) -> pl.DataFrame:
    return pl.DataFrame({"v": values, "n": counts}).group_by("v").agg(pl.col("n").sum())


def _drift(view: View) -> float:
    """The largest share of a past lot that the lots before it had not prepared for: new values, or numbers outside their range."""
    if view.kind in ("number", "time"):
        low, high = view.lot_ranges
        floor, roof = np.minimum.accumulate(low), np.maximum.accumulate(high)
        news = np.zeros(view.lots)
        for lot in range(max(3, view.lots // 3), view.lots):
            if low[lot] < floor[lot - 1] or high[lot] > roof[lot - 1]:
                part = view.past[view.bounds[lot] : view.bounds[lot + 1]]
                news[lot] = ((part < floor[lot - 1]) | (part > roof[lot - 1])).sum()
        return float((news / np.maximum(view.sizes, 1)).max())
    _, past, values = view.codes
    first = np.full(len(values) + 1, view.lots)
    value, lots = np.divmod(view.pairs, view.lots)
    begins = np.flatnonzero(np.diff(value, prepend=-1))
    first[value[begins]] = lots[begins]
    new = (past >= 0) & (first[past] == view.lot)
    late = view.lot >= max(3, view.lots // 3)
    sizes = np.maximum(view.sizes, 1)
    return float((view.per_lot(new & late) / sizes).max())
