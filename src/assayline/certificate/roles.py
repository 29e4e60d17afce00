"""Which columns of a lot a fault can strike: measured numbers, categories, texts, identifiers, times."""

from __future__ import annotations

import numpy as np
import polars as pl

from .sound import Sound
from .written import has_hours, numbers, times

FEW = 12  # whole numbers with no more different values are codes and no measurements
MOST_CATEGORIES = 60
MOST_SEGMENTS = 30
LARGEST = 0.9  # share of the rows: a part that is nearly everything divides nothing
LEAST_ROWS = 20  # below it a fault strikes too few cells to say anything
FILLED = 0.3  # share of the cells that must be there


def numeric(lot: Sound) -> tuple[str, ...]:
    """Columns of measured or counted numbers that vary."""
    return tuple(name for name in lot.frame.columns if lot.kind(name) == "number" and _measured(lot, name))


def categories(lot: Sound) -> tuple[str, ...]:
    """Columns in which few values repeat."""
    return tuple(name for name in lot.frame.columns if lot.kind(name) in ("text", "number") and _repeats(lot.frame.get_column(name), lot.kind(name)))


def worded(lot: Sound) -> tuple[str, ...]:
    """Categories that are words."""
    return tuple(name for name in categories(lot) if lot.frame.get_column(name).dtype == pl.String and lot.kind(name) == "text")


def texts(lot: Sound) -> tuple[str, ...]:
    """Columns of text, categories and identifiers included."""
    chosen = (name for name in lot.frame.columns if lot.kind(name) == "text" and lot.frame.get_column(name).dtype == pl.String)
    return tuple(name for name in chosen if lot.frame.get_column(name).n_unique() > 2)


def keys(lot: Sound) -> tuple[str, ...]:
    """Columns in which every row has a value of its own."""
    height = lot.frame.height
    found = []
    for name in lot.frame.columns:
        column = lot.frame.get_column(name)
        kind = lot.kind(name)
        if height < LEAST_ROWS or column.null_count() or column.n_unique() < height:
            continue
        if kind == "text" or (kind == "number" and bool(np.all(numbers(column, lot.plan.columns[name]) % 1 == 0))):
            found.append(name)
    return tuple(found)


def segments(lot: Sound) -> tuple[str, ...]:
    """Categories that divide the rows: stores, devices, vendors."""
    found = []
    for name in categories(lot):
        counts = lot.frame.get_column(name).alias("value").drop_nulls().value_counts()["count"]
        if 2 <= counts.len() <= MOST_SEGMENTS and not (counts >= LARGEST * lot.frame.height).any():
            found.append(name)
    return tuple(found)


def timed(lot: Sound) -> tuple[str, ...]:
    """Columns of times."""
    chosen = (name for name in lot.frame.columns if lot.kind(name) == "time")
    return tuple(name for name in chosen if _share_of_times(lot, name) > 0.9)


def clocks(lot: Sound) -> tuple[str, ...]:
    """Columns of times that know the hour."""
    return tuple(name for name in timed(lot) if has_hours(lot.frame.get_column(name), lot.plan.columns[name]))


def _share_of_times(lot: Sound, name: str) -> float:
    column = lot.frame.get_column(name)
    return 1 - times(column, lot.plan.columns[name]).null_count() / max(1, column.len())


def _measured(lot: Sound, name: str) -> bool:
    column = lot.frame.get_column(name)
    if not (column.dtype.is_numeric() or column.dtype == pl.String):
        return False
    values = numbers(column, lot.plan.columns[name])
    found = values[np.isfinite(values)]
    if len(found) < max(4, FILLED * column.len()):
        return False
    distinct = np.unique(found)
    whole = bool(np.all(found % 1 == 0))
    if len(distinct) <= (FEW if whole else 3) or (whole and len(distinct) == column.len()):
        return False
    return bool(np.std(found) > 0)


def _repeats(column: pl.Series, kind: str) -> bool:
    filled = column.drop_nulls()
    if filled.len() < LEAST_ROWS or column.dtype == pl.Boolean:
        return False
    distinct = filled.n_unique()
    most = FEW if kind == "number" else max(MOST_CATEGORIES, filled.len() // 10)
    return 2 <= distinct <= min(most, filled.len() // 2) and not column.dtype.is_float()
