"""Faults of distribution: levels that move, noise that grows, columns out of step with each other."""

from __future__ import annotations

import numpy as np
import polars as pl

from ..roles import numeric
from ..sound import Sound
from ..written import Floats, numbers, with_numbers
from .cells import usual_spread
from .fault import Fault, Strength, one_segment, replaced, some, three

Rng = np.random.Generator
Given = pl.DataFrame | None

RELATED = 0.3  # rank correlation with some other column, below which nobody could see that a column is out of step
MOST_RANKED = 2_000  # rows: the rank correlation is then sure to ±0.02


def _moved(lot: Sound, column: str, by: Floats) -> Given:
    series, plan = lot.frame.get_column(column), lot.plan.columns[column]
    return replaced(lot, with_numbers(series, plan, numbers(series, plan) + by))


def _shifted(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    return _moved(lot, column, np.full(lot.frame.height, strength.amount * usual_spread(lot, column)))


def _shifted_part(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    rows = one_segment(lot, rng, but=column)
    by = np.zeros(lot.frame.height)
    by[rows] = strength.amount * usual_spread(lot, column)
    return _moved(lot, column, by) if len(rows) else None


def _noisy(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    return _moved(lot, column, rng.normal(0, strength.amount * usual_spread(lot, column), lot.frame.height))


def _out_of_step(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    rows = some(rng, np.arange(lot.frame.height), strength.amount, 3)
    order = np.arange(lot.frame.height)
    order[rows] = rng.permutation(rows)
    return replaced(lot, lot.frame.get_column(column)[order.tolist()])


def _related(lot: Sound) -> tuple[str, ...]:
    """Columns whose ranks go with those of another."""
    names = numeric(lot)
    if len(names) < 2:
        return ()
    head = lot.frame.head(MOST_RANKED)
    values = np.column_stack([numbers(head.get_column(name), lot.plan.columns[name]) for name in names])
    values = values[np.isfinite(values).all(axis=1)]
    if len(values) < 20 or (values.std(axis=0) == 0).any():
        return ()
    ranks = np.argsort(np.argsort(values, axis=0, kind="stable"), axis=0, kind="stable").astype(np.float64)
    together = np.abs(np.corrcoef(ranks, rowvar=False)) - np.eye(len(names))
    return tuple(name for name, closest in zip(names, together.max(axis=0), strict=True) if closest > RELATED)


FAULTS = (
    Fault("global_shift", "a shift of {column} by {strength}", "cells", three("{} standard deviations", 0.3, 1.0, 3.0), numeric, _shifted),
    Fault("segment_shift", "a shift of {column} by {strength} in one part of the rows", "cells", three("{} standard deviations", 0.7, 2.0, 5.0), numeric, _shifted_part),
    Fault("noise_increase", "noise of {strength} on {column}", "cells", three("{} standard deviations", 0.5, 1.5, 4.0), numeric, _noisy),
    Fault("shuffled_column", "{strength} of {column} out of step with the other columns", "cells", three("{%} of the cells", 0.2, 0.5, 1.0), _related, _out_of_step),
)
