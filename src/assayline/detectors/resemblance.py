"""How much one column's content looks like another's: to recognise a column under a new name or in another's place."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.measures import collapsed, shape_of

from .comparison import View

Floats = npt.NDArray[np.float64]


def largest_gap(a: Floats, b: Floats) -> float:
    """The Kolmogorov-Smirnov distance of two samples, 0..1; 1 when one is empty.

    >>> largest_gap(np.array([1.0, 2.0]), np.array([1.0, 2.0])), largest_gap(np.array([1.0]), np.array([2.0]))
    (0.0, 1.0)
    """
    if not len(a) or not len(b):
        return 1.0
    return gap_of_rising(np.sort(a), np.sort(b))


def gap_of_rising(a: Floats, b: Floats) -> float:
    """The same of two samples that are in order already and not empty."""
    few, many = (a, b) if len(a) <= len(b) else (b, a)
    # Between two values of one sample only the share of the other climbs: the gap is largest at a value of the smaller one, or just below it.
    return max(
        float(np.abs(np.searchsorted(few, few, side=side) / len(few) - np.searchsorted(many, few, side=side) / len(many)).max())
        for side in ("left", "right")
    )  # fmt: skip


def usual_gap(view: View, sizes: bool = False) -> float:
    """The largest distance of a past lot's numbers (or of their sizes, without the sign) to those of all lots; 1 when there is none to compare.

    Args:
        view: a column of numbers.
        sizes: compare absolute values.
    """
    numbers = np.abs(view.past) if sizes else view.past
    everyone = np.sort(numbers[view.past_finite])
    lots = (numbers[begin:end] for (begin, end), size in zip(itertools.pairwise(view.bounds), view.number_sizes.tolist(), strict=True) if size >= 5)
    return max((largest_gap(one[np.isfinite(one)], everyone) for one in lots), default=1.0)


def overlap(a: npt.NDArray[np.int64], b: npt.NDArray[np.int64]) -> float:
    """How much two count vectors over the same values have in common, 0..1."""
    if not a.sum() or not b.sum():
        return 0.0
    return float(np.minimum(a / a.sum(), b / b.sum()).sum())


def resemblance(view: View) -> float:
    """0..1: how much today's cells of a view look like those of its past.

    Numbers by the distance of their distributions, categories by shared values, other text by its shapes.
    """
    filled = int((~view.now_missing).sum())
    if view.kind in ("number", "time"):
        now, past = view.now_known, view.past_known
        if filled == 0 or not len(past):
            return 0.0
        readable = len(now) / filled
        if view.kind == "time":
            return readable if readable > 0.9 else 0.0
        return max(0.0, readable * (1 - largest_gap(now, past)))
    if filled == 0 or not (~view.past_missing).any():
        return 0.0
    if view.is_closed and view.tally is not None:
        before, today = view.tally
        return overlap(before.sum(axis=0), today)
    now_shapes = collapsed(shape_of(view.now_text.drop_nulls())).value_counts(name="n")
    past_shapes = collapsed(shape_of(view.past_text.drop_nulls())).value_counts(name="m")
    key = now_shapes.columns[0]
    joined = now_shapes.join(past_shapes.rename({past_shapes.columns[0]: key}), on=key, how="full", coalesce=True).fill_null(0)
    shapes = overlap(joined.get_column("n").to_numpy(), joined.get_column("m").to_numpy())
    lengths = largest_gap(_lengths(view.now_text), _lengths(view.past_text))
    return shapes * (1 - lengths)


def _lengths(series: pl.Series) -> Floats:
    return series.drop_nulls().str.len_bytes().cast(pl.Float64).to_numpy()
