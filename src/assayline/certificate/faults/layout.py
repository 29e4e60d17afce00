"""Faults of the schema: columns renamed, added, lost, exchanged or pushed aside, and a file cut by another delimiter."""

from __future__ import annotations

import numpy as np
import polars as pl

from ..roles import categories, numeric, texts
from ..sound import Sound
from .fault import Fault, Strength, once, some, three, whole_table

Rng = np.random.Generator
Given = pl.DataFrame | None

ADDED = ("batch_id", "Unnamed: 0", "debug_flag", "loaded_by")
LEAST_COLUMNS = 4  # fewer leave no room to push values aside


def _any_column(lot: Sound) -> tuple[str, ...]:
    return tuple(lot.frame.columns) if lot.frame.width > 1 else ()


def _renamed(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    other = {"subtle": column.swapcase(), "medium": f"{column}_new", "gross": f"col_{lot.frame.columns.index(column)}"}[strength.name]
    return None if other in lot.frame.columns else lot.frame.rename({column: other})


def _added(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    names = [name for name in ADDED if name not in lot.frame.columns]
    if not names:
        return None
    name = names[int(rng.integers(len(names)))]
    numbered = pl.int_range(lot.frame.height, eager=True)
    values = numbered.cast(pl.String) if lot.plan.text else numbered
    return lot.frame.clone().insert_column(int(rng.integers(lot.frame.width + 1)), values.alias(name))


def _dropped(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    return pl.DataFrame([one for one in lot.frame.get_columns() if one.name != column])


def _partners(lot: Sound, column: str) -> list[str]:
    same = next((group for group in (numeric(lot), texts(lot), categories(lot)) if column in group), ())
    dtype = lot.frame.get_column(column).dtype
    return [name for name in same if name != column and lot.frame.get_column(name).dtype == dtype]


def _swapped(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    partners = _partners(lot, column)
    if not partners:
        return None
    # Neighbours are exchanged more often than columns far apart.
    place = lot.frame.columns.index(column)
    other = min(partners, key=lambda name: (abs(lot.frame.columns.index(name) - place), name))
    a, b = lot.frame.get_column(column), lot.frame.get_column(other)
    where = np.zeros(lot.frame.height, dtype=np.bool_)
    where[some(rng, np.arange(lot.frame.height), strength.amount)] = True
    flags = pl.Series(where)
    if not (a.ne_missing(b) & flags).any():
        return None
    return lot.frame.with_columns(b.zip_with(flags, a).alias(column), a.zip_with(flags, b).alias(other))


def _exchangeable(lot: Sound) -> tuple[str, ...]:
    return tuple(name for name in dict.fromkeys((*numeric(lot), *texts(lot))) if _partners(lot, name))


def _pushed(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    columns = lot.frame.columns
    first = int(rng.integers(1, len(columns) - 2))
    rows = some(rng, np.arange(lot.frame.height), strength.amount)
    cells = {name: lot.frame.get_column(name).to_list() for name in columns}
    for row in rows:
        broken = cells[columns[first]][row] or ""
        parts = [broken[: len(broken) // 2], broken[len(broken) // 2 :]]  # an unquoted delimiter inside the value
        line = [*parts, *(cells[name][row] for name in columns[first + 1 : -1])]
        for name, value in zip(columns[first:], line, strict=True):
            cells[name][row] = value or None
    return pl.DataFrame({name: pl.Series(name, values, dtype=pl.String) for name, values in cells.items()})


def _of_text(lot: Sound) -> tuple[None, ...]:
    return (None,) if lot.plan.text and lot.frame.width >= LEAST_COLUMNS and lot.frame.height else ()


def _one_column(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    whole = pl.concat_str([pl.lit(cells.fill_null("")) for cells in lot.frame.get_columns()], separator=";")
    return pl.select(whole.alias(";".join(lot.frame.columns)))


_NAMES = (
    Strength("subtle", 1, "letters of the other case"), Strength("medium", 1, "a suffix"), Strength("gross", 1, "a number instead of a name"),
)  # fmt: skip

FAULTS = (
    Fault("renamed_column", "{column} renamed to {strength}", "columns", _NAMES, _any_column, _renamed),
    Fault("added_column", "a new column", "columns", once(), whole_table, _added),
    Fault("dropped_column", "the loss of {column}", "columns", once(), _any_column, _dropped),
    Fault("column_swap", "{strength} of {column} exchanged with another column", "columns", three("{%} of the cells", 0.1, 0.4, 1.0), _exchangeable, _swapped),
    Fault("shifted_columns", "{strength} pushed one column to the right", "columns", three("{%} of the rows", 0.01, 0.05, 0.3), _of_text, _pushed),
    Fault("delimiter_change", "a file that comes as one column", "table", once(), _of_text, _one_column),
)
