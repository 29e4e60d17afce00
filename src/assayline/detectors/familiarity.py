"""How familiar a value is to a column: the logarithm of the chance the past gives it, comparable between columns."""

from __future__ import annotations

import numpy as np
import polars as pl

from assayline.measures import collapsed, shape_of
from assayline.measures.block import Column

from .comparison import Comparison, Floats, View

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
        past = view.past_text
        rows = max(1, past.len())
        self.missing = np.log((past.null_count() + 0.1) / (rows + 0.2))
        self.filled = np.log((rows - past.null_count() + 0.1) / (rows + 0.2))
        self.numeric = view.kind == "number" and not (view.is_whole and len(view.codes[2]) <= 200)
        self.drift = _drift(view)
        self.never = max(np.log(0.1 / (rows + 1)) - 4.0, np.log(self.drift + 1e-12) - OWN_PLACE)
        if self.numeric:
            values = np.sort(view.past[np.isfinite(view.past)])
            self.edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1))) if len(values) else np.zeros(1)
            distinct = np.unique(values)
            if len(self.edges) > 1:
                count, _ = np.histogram(values, self.edges)
                different, _ = np.histogram(distinct, self.edges)
                self.density = np.log((count + 0.1) / (len(values) + 1) / np.maximum(different, 1))
            self.readable = np.log((np.isfinite(view.past).sum() + 0.1) / (max(1, rows - past.null_count()) + 0.2))
            return
        counts = past.drop_nulls().alias("v").value_counts(name="n")
        self.known = counts.get_column("v")
        shares = counts.get_column("n").to_numpy().astype(float)
        new = max((float(view.novelty[0].sum()) + 0.05) / (max(1, rows - past.null_count()) + 0.1), self.drift)
        self.log_shares = np.log(shares / shares.sum() * (1 - min(new, 0.98))) if len(shares) else np.zeros(0)
        self.new = np.log(new)
        if self.drift > MUCH_DRIFT:  # where any value may come, a known one is no less likely
            self.log_shares = np.maximum(self.log_shares, self.new - OWN_PLACE)
        shapes = collapsed(shape_of(past.drop_nulls())).alias("v").value_counts(name="n")
        total = max(1, past.len() - past.null_count())
        self.shapes = shapes.get_column("v")
        self.shape_shares = np.log(shapes.get_column("n").to_numpy().astype(float) / total)

    def of(self, cells: pl.Series) -> Floats:
        """The logarithm of the chance of each cell (text; null for missing)."""
        missing = cells.is_null().to_numpy()
        if self.numeric:
            values = Column(cells, self.view.plan, 0, self.text).typed.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()
            result = np.full(len(values), self.never + self.filled)
            if len(self.edges) > 1:
                inside = np.isfinite(values) & (values >= self.edges[0]) & (values <= self.edges[-1])
                where = np.clip(np.searchsorted(self.edges, values[inside], side="right") - 1, 0, len(self.density) - 1)
                result[inside] = self.density[where] + self.readable + self.filled
                outside = np.isfinite(values) & ~inside
                result[outside] = min(self.never + 2, float(self.density.min()) - 2) + self.filled  # never likelier than a value inside
            return np.where(missing, self.missing, result)
        found = cells.replace_strict(self.known, pl.Series(self.log_shares), default=None,
            return_dtype=pl.Float64) if self.known.len() else cells.cast(pl.Float64, strict=False)
        known = found.fill_null(float("nan")).to_numpy()
        strange = np.isnan(known) & ~missing
        result = known.copy()
        if strange.any():
            shape = collapsed(shape_of(cells.filter(pl.Series(strange))))
            fits = shape.replace_strict(self.shapes, pl.Series(self.shape_shares), default=None,
                return_dtype=pl.Float64).fill_null(float(np.log(0.1 / (len(self.view.lot) + 1))))
            result[strange] = self.new + np.maximum(fits.to_numpy() - 4.0, -OWN_PLACE if self.drift > MUCH_DRIFT else -np.inf)
        answer: Floats = np.where(missing, self.missing, result + self.filled)
        return answer


def _drift(view: View) -> float:
    """The largest share of a past lot that the lots before it had not prepared for: new values, or numbers outside their range."""
    if view.kind in ("number", "time"):
        low = np.array([np.nanmin(view.past[view.lot == lot], initial=np.inf) for lot in range(view.lots)])
        high = np.array([np.nanmax(view.past[view.lot == lot], initial=-np.inf) for lot in range(view.lots)])
        floor, roof = np.minimum.accumulate(low), np.maximum.accumulate(high)
        before = np.maximum(view.lot - 1, 0)
        with np.errstate(invalid="ignore"):
            new = (view.past < floor[before]) | (view.past > roof[before])
    else:
        _, past, values = view.codes
        first = np.full(len(values) + 1, view.lots)
        np.minimum.at(first, past, view.lot)
        new = (past >= 0) & (first[past] == view.lot)
    late = view.lot >= max(3, view.lots // 3)
    sizes = np.maximum(view.sizes, 1)
    return float((view.per_lot(new & late) / sizes).max())
