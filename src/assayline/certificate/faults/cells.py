"""Faults of single values: missing, stuck, in another unit, out of range."""

from __future__ import annotations

import re

import numpy as np
import polars as pl

from ..roles import categories, keys, numeric, texts, timed
from ..sound import Sound
from ..written import Floats, numbers, with_numbers, with_times
from .fault import Fault, Rows, Strength, one_segment, ranked, replaced, some, three

Rng = np.random.Generator
Given = pl.DataFrame | None

SENTINELS = (-999.0, -1.0, 9999.0, -9999.0, 99999.0)
PLACEHOLDERS = ("N/A", "unknown", "-", "none", "missing")
NULL_WORDS = ("NULL", "None", "nan", "(null)")
SUFFIXES = (" kg", " USD", " units", " %")
NEVER = np.datetime64("1900-01-01", "us")
MONEY = re.compile(r"(?i)price|fare|amount|total|charge|sales|cost|income|tip|salary|fee|revenue")
CELSIUS = re.compile(r"(?i)temp|celsius|_c$|dew")
KILOMETRE = 1.609344  # a mile
FARTHEST = {"subtle": 1.5, "medium": 5.0, "gross": 50.0}  # whole ranges of the past beyond its end


def _values(lot: Sound, column: str) -> Floats:
    return numbers(lot.frame.get_column(column), lot.plan.columns[column])


def _written(lot: Sound, column: str, values: Floats) -> Given:
    return replaced(lot, with_numbers(lot.frame.get_column(column), lot.plan.columns[column], values))


def _filled(lot: Sound, column: str) -> Rows:
    return np.flatnonzero(lot.frame.get_column(column).is_not_null().to_numpy())


def _set(lot: Sound, column: str, rows: Rows, value: object) -> Given:
    series = lot.frame.get_column(column)
    where = np.zeros(series.len(), dtype=np.bool_)
    where[rows] = True
    filler = pl.Series(column, [value], dtype=series.dtype).new_from_index(0, series.len())
    return replaced(lot, filler.zip_with(pl.Series(where), series).alias(column))


def usual_range(lot: Sound, column: str) -> tuple[float, float]:
    """The smallest and the largest number of a column, the past included."""
    plan = lot.plan.columns[column]
    every = np.concatenate([numbers(one, plan) for one in (lot.frame.get_column(column), *lot.earlier(column))])
    return float(np.nanmin(every)), float(np.nanmax(every))


def usual_spread(lot: Sound, column: str) -> float:
    """The standard deviation of a column in the past, or in this lot where there is none."""
    plan = lot.plan.columns[column]
    every = np.concatenate([numbers(one, plan) for one in (lot.earlier(column) or (lot.frame.get_column(column),))])
    return float(np.nanstd(every)) if np.isfinite(every).any() else 0.0


def _empty(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    return _set(lot, column, some(rng, _filled(lot, column), strength.amount), None)


def _mostly_filled(lot: Sound) -> tuple[str, ...]:
    chosen = dict.fromkeys((*numeric(lot), *categories(lot), *texts(lot)))
    return tuple(name for name in chosen if name not in keys(lot) and lot.frame.get_column(name).null_count() < 0.5 * lot.frame.height)


def _placeholder(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    rows = some(rng, _filled(lot, column), strength.amount)
    series, plan = lot.frame.get_column(column), lot.plan.columns[column]
    if plan.kind == "time":
        never = pl.Series(np.full(series.len(), NEVER))
        return replaced(lot, with_times(series, plan, never, rows))
    if plan.kind == "number":
        low, high = usual_range(lot, column)
        beyond = [one for one in SENTINELS if not low <= one <= high]
        if not beyond:
            return None
        values = _values(lot, column)
        values[rows] = beyond[int(rng.integers(len(beyond)))]
        return _written(lot, column, values)
    seen = set(series.to_list()).union(*(one.to_list() for one in lot.earlier(column)))
    unseen = [one for one in PLACEHOLDERS if one not in seen]
    return _set(lot, column, rows, unseen[int(rng.integers(len(unseen)))]) if unseen else None


def _named_null(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    empty = np.flatnonzero(lot.frame.get_column(column).is_null().to_numpy())
    return _set(lot, column, some(rng, empty, strength.amount), NULL_WORDS[int(rng.integers(len(NULL_WORDS)))])


def _sometimes_empty(lot: Sound) -> tuple[str, ...]:
    chosen = (name for name in lot.frame.columns if lot.frame.get_column(name).dtype == pl.String)
    return tuple(name for name in chosen if 3 <= lot.frame.get_column(name).null_count() < lot.frame.height)


def _stuck(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    values = _values(lot, column)
    rows = np.flatnonzero(np.isfinite(values))
    if lot.plan.key is not None and lot.plan.key != column:  # one device stops, the others go on
        devices = lot.frame.get_column(lot.plan.key)
        names = devices.drop_nulls().unique().sort()
        of_one = (devices == names[int(rng.integers(names.len()))]).fill_null(False).to_numpy()
        rows = rows[of_one[rows]]
    length = round(strength.amount * len(rows))
    if length < 4:
        return None
    begin = int(rng.integers(len(rows) - length + 1))
    values[rows[begin : begin + length]] = values[rows[begin]]
    return _written(lot, column, values)


def _numeric_in_order(lot: Sound) -> tuple[str, ...]:
    return numeric(lot) if timed(lot) else ()


def _constant(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    series = lot.frame.get_column(column)
    values = ranked(series)["value"]
    return _set(lot, column, np.arange(series.len()), values[min(values.len() - 1, int(strength.amount))]) if values.len() > 2 else None


def _varying(lot: Sound) -> tuple[str, ...]:
    return tuple(name for name in dict.fromkeys((*numeric(lot), *categories(lot))) if lot.frame.get_column(name).n_unique() > 2)


def _other_unit(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    factor, offset = (1.8, 32.0) if CELSIUS.search(column) else (100.0, 0.0) if MONEY.search(column) else (1000.0, 0.0)
    if strength.name == "subtle" and offset == 0.0:
        factor = KILOMETRE
    values = _values(lot, column)
    rows = np.arange(len(values)) if strength.name == "gross" else one_segment(lot, rng, but=column)
    if not len(rows):
        rows = some(rng, np.arange(len(values)), 0.3)
    values[rows] = values[rows] * factor + offset
    return _written(lot, column, values)


def _with_unit(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    suffix = SUFFIXES[int(rng.integers(len(SUFFIXES)))]
    return _respelt(lot, column, some(rng, np.flatnonzero(np.isfinite(_values(lot, column))), strength.amount), lambda text: text + suffix)


def _comma(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    if lot.plan.columns[column].parse != "number":
        return None
    dotted = np.flatnonzero(lot.frame.get_column(column).str.contains(r"^-?\d+\.\d+$").fill_null(False).to_numpy())
    return _respelt(lot, column, some(rng, dotted, strength.amount), lambda text: text.replace(".", ",")) if len(dotted) >= 3 else None


def _respelt(lot: Sound, column: str, rows: Rows, respell: object) -> Given:
    assert callable(respell)
    cells = lot.frame.get_column(column).to_list()
    for row in rows:
        cells[row] = respell(cells[row])
    return replaced(lot, pl.Series(column, cells, dtype=pl.String))


def _numbers_as_text(lot: Sound) -> tuple[str, ...]:
    return tuple(name for name in numeric(lot) if lot.frame.get_column(name).dtype == pl.String)


def _cut_off(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    values = _values(lot, column)
    with_fraction = np.flatnonzero(np.isfinite(values) & (values % 1 != 0))
    if len(with_fraction) < max(3, 0.3 * len(values)):
        return None
    rows = some(rng, with_fraction, strength.amount)
    values[rows] = np.trunc(values[rows])
    return _written(lot, column, values)


def _far_out(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    values = _values(lot, column)
    rows = some(rng, np.flatnonzero(np.isfinite(values)), strength.amount)
    low, high = usual_range(lot, column)
    values[rows] = high + (high - low) * FARTHEST[strength.name] * (0.5 + rng.random(len(rows)))
    return _written(lot, column, values)


def _negated(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    values = _values(lot, column)
    positive = np.flatnonzero(values > 0)
    if len(positive) < 0.5 * len(values):
        return None
    rows = some(rng, positive, strength.amount)
    values[rows] = -values[rows]
    return _written(lot, column, values)


_OUTLYING = (
    Strength("subtle", 1e-9, "one value 1.5 ranges beyond the usual"), Strength("medium", 0.02, "2 % of the values 5 ranges beyond the usual"),
    Strength("gross", 0.08, "8 % of the values 50 ranges beyond the usual"),
)  # fmt: skip
_UNITS = (
    Strength("subtle", KILOMETRE, "one part in another unit of a similar size"), Strength("medium", 1.0, "one part in another unit"),
    Strength("gross", 1.0, "all values in another unit"),
)  # fmt: skip
_CONSTANTS = (
    Strength("subtle", 0, "its commonest value"), Strength("medium", 1, "its second commonest value"), Strength("gross", 1e9, "its rarest value"),
)  # fmt: skip


def _times_and_values(lot: Sound) -> tuple[str, ...]:
    return (*_mostly_filled(lot), *timed(lot))


FAULTS = (
    Fault("missing_spike", "{strength} of {column} empty", "cells", three("{%} more of the cells", 0.1, 0.35, 1.0), _mostly_filled, _empty),
    Fault("disguised_missing", "a placeholder such as -999 or N/A in {strength} of {column}", "cells", three("{%} of the cells", 0.05, 0.2, 0.5), _times_and_values, _placeholder),
    Fault("null_token_change", "NULL written into {strength} of {column}", "cells", three("{%} of the empty cells", 0.25, 0.6, 1.0), _sometimes_empty, _named_null),
    Fault("stuck_sensor", "{column} standing still for {strength}", "cells", three("{%} of the rows of a device", 0.25, 0.6, 1.0), _numeric_in_order, _stuck),
    Fault("constant_column", "all of {column} being {strength}", "cells", _CONSTANTS, _varying, _constant),
    Fault("unit_change", "{column} with {strength}", "cells", _UNITS, numeric, _other_unit),
    Fault("type_to_string", "a unit or currency written into {strength} of {column}", "cells", three("{%} of the numbers", 0.05, 0.4, 1.0), _numbers_as_text, _with_unit),
    Fault("decimal_comma", "decimal commas in {strength} of {column}", "cells", three("{%} of the numbers", 0.05, 0.4, 1.0), _numbers_as_text, _comma),
    Fault("precision_loss", "the decimals cut off {strength} of {column}", "cells", three("{%} of the numbers", 0.3, 0.7, 1.0), numeric, _cut_off),
    Fault("outliers", "{strength} in {column}", "cells", _OUTLYING, numeric, _far_out),
    Fault("sign_flip", "a minus before {strength} of {column}", "cells", three("{%} of the positive numbers", 0.03, 0.3, 1.0), numeric, _negated),
)
