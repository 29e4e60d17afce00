"""A whole column at once, with the same result as its cells one by one: fast ways for the usual types, the cells' own way for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from .column import ADDENDS, HASHES, MULTIPLIERS, Column, cell_reader, padded
from .labels import label
from .numbertext import PLAIN
from .timetext import DAY, FIRST, LAST, TimeStyle, micros

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
_STEP = 262_144  # distinct texts hashed at once: keeps the arrays of their runs of three below a few hundred megabytes


def followed_series(table: pl.DataFrame, name: str, path: tuple[str, ...]) -> pl.Series:
    """A column, or the field inside it; all null where the column or the field is not there."""
    series: pl.Series | None = table.get_column(name, default=None)
    if series is None:
        return pl.Series(name, [None] * table.height, dtype=pl.Null)
    for field in path:
        if series.dtype == pl.Object:
            series = pl.Series(name, [one.get(field) if isinstance(one, dict) else None for one in series.to_list()], dtype=pl.Object)
        elif isinstance(series.dtype, pl.Struct) and field in [one.name for one in series.dtype.fields]:
            series = series.struct.field(field)
        else:
            return pl.Series(name, [None] * table.height, dtype=pl.Null)
    return series


def distinct(series: pl.Series) -> tuple[list[Any], Integers]:
    """The different values of a column, and for every row which of them it holds.

    Values that cannot be told apart cheaply (nested ones, objects) may come more than once.
    """
    dtype = series.dtype
    if dtype == pl.Null:
        return [None], np.zeros(len(series), dtype=np.int64)
    if isinstance(dtype, (pl.Categorical, pl.Enum)):
        series = series.cast(pl.String)
    elif dtype.is_nested() or dtype == pl.Object:
        return series.to_list(), np.arange(len(series), dtype=np.int64)
    plain = series.alias("v")
    values = plain.unique()
    if len(values) == len(plain):
        return plain.to_list(), np.arange(len(plain), dtype=np.int64)
    table = values.to_frame().with_row_index("i")
    found = plain.to_frame().join(table, on="v", how="left", nulls_equal=True, maintain_order="left")
    return values.to_list(), found["i"].cast(pl.Int64).to_numpy()


def block(column: Column, series: pl.Series) -> Floats:
    """The features of one column for every row: shape (rows, features), NaN where nothing is known.

    >>> block(Column("a", "number"), pl.Series("a", ["1", " 2.5 ", "?"])).tolist()
    [[1.0], [2.5], [nan]]
    """
    width = len(column.features)
    if series.dtype == pl.Null or not len(series) or not width:
        return np.full((len(series), width), np.nan)
    if column.reading == "number":
        return _numbers(column, series).reshape(-1, 1)
    if column.reading == "truth" and series.dtype == pl.Boolean:
        return series.cast(pl.Float64).to_numpy().astype(np.float64).reshape(-1, 1)
    if column.reading == "time":
        return _time_block(column, series)
    if column.reading == "hash":
        return _hashed(series)
    return _by_cells(column, series)


def _by_cells(column: Column, series: pl.Series) -> Floats:
    values, rows = distinct(series)
    read = cell_reader(column)
    made = np.array([read(value) for value in values], dtype=np.float64).reshape(len(values), -1)
    return made[rows]


def _numbers(column: Column, series: pl.Series) -> Floats:
    style, dtype = column.number, series.dtype
    if dtype == pl.Boolean or (dtype.is_numeric() and not dtype.is_decimal()):
        plain = series.cast(pl.Float64).to_numpy().astype(np.float64)
        return _finite(plain * style.factor + style.offset)
    if dtype != pl.String or style.comma:
        return _by_cells(column, series)[:, 0]
    trimmed = series.str.strip_chars(" ")
    plain_rows = trimmed.str.contains(PLAIN).fill_null(False)
    cast = trimmed.to_frame("v").select(pl.when(plain_rows).then(pl.col("v")).cast(pl.Float64, strict=False)).to_series()
    made = _finite(cast.to_numpy().astype(np.float64) * style.factor + style.offset)
    odd = ~plain_rows & series.is_not_null()
    if odd.any():
        made[odd.to_numpy()] = _by_cells(column, series.filter(odd))[:, 0]
    return made


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.nan)


def moments(series: pl.Series, style: TimeStyle) -> tuple[Integers, npt.NDArray[np.bool_]]:
    """The moments of a column in microseconds since 1970 on its own wall clock, and which rows have one."""
    dtype = series.dtype
    if isinstance(dtype, pl.Datetime):
        if dtype.time_zone is not None:
            try:
                series = series.dt.convert_time_zone(style.zone or "UTC").dt.replace_time_zone(None)
            except pl.exceptions.PolarsError:  # a zone this engine does not know, or a moment outside its calendar
                series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        physical = series.to_physical()
        values, known = physical.fill_null(0).to_numpy().astype(np.int64), physical.is_not_null().to_numpy()
        scaled = values // 1_000 if dtype.time_unit == "ns" else values * (1_000 if dtype.time_unit == "ms" else 1)
        return scaled, known & (scaled // (1_000 if dtype.time_unit == "ms" else 1) == (values if dtype.time_unit != "ns" else scaled))
    if dtype == pl.Date:
        physical = series.to_physical().cast(pl.Int64)
        return physical.fill_null(0).to_numpy().astype(np.int64) * DAY, physical.is_not_null().to_numpy()
    if dtype == pl.String:
        return _text_moments(series, style)
    return _cell_moments(series, style)


_ISO = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}:[0-9]{2})?$"


def _text_moments(series: pl.Series, style: TimeStyle) -> tuple[Integers, npt.NDArray[np.bool_]]:
    regular = series.str.contains(_ISO).fill_null(False)
    seconds = series.str.replace("T", " ", literal=True).str.pad_end(11, " ").str.slice(0, 11) + series.str.slice(11).str.pad_end(8, "0")
    fixed = seconds.to_frame("v").select(
        pl.when(regular).then(pl.when(pl.col("v").str.len_bytes() == 19).then(pl.col("v").str.replace(" 00000000", " 00:00:00", literal=True)))
    ).to_series().str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="us")  # fmt: skip
    known = fixed.is_not_null().to_numpy().copy()
    made = fixed.to_physical().fill_null(0).to_numpy().astype(np.int64)
    odd = fixed.is_null() & series.is_not_null()
    if odd.any():
        made = made.copy()
        at = odd.to_numpy()
        made[at], known[at] = _cell_moments(series.filter(odd), style)
    return made, known


def _cell_moments(series: pl.Series, style: TimeStyle) -> tuple[Integers, npt.NDArray[np.bool_]]:
    values, rows = distinct(series)
    found = [micros(value, style) for value in values]
    made = np.array([0 if one is None else one for one in found], dtype=np.int64)
    return made[rows], np.array([one is not None for one in found], dtype=np.bool_)[rows]


def _time_block(column: Column, series: pl.Series) -> Floats:
    values, known = moments(series, column.time)
    return time_parts(values, known, column)


def time_parts(values: Integers, known: npt.NDArray[np.bool_], column: Column) -> Floats:
    """The parts that a column keeps of many moments; the whole-table form of `column.time_features`."""
    known = known & (values >= FIRST) & (values <= LAST)
    values = np.where(known, values, 0)
    days = values // DAY
    stamps = days.astype("datetime64[D]")
    months = stamps.astype("datetime64[M]")
    made = np.empty((len(values), len(column.parts)))
    for at, part in enumerate(column.parts):
        if part == "elapsed_days":
            made[:, at] = (values - column.reference) / DAY
        elif part == "year":
            made[:, at] = stamps.astype("datetime64[Y]").astype(np.int64) + 1970
        elif part == "month":
            made[:, at] = months.astype(np.int64) % 12 + 1
        elif part == "day":
            made[:, at] = (stamps - months.astype("datetime64[D]")).astype(np.int64) + 1
        elif part == "weekday":
            made[:, at] = (days + 3) % 7
        else:
            made[:, at] = (values - days * DAY) / 3_600_000_000
    made[~known] = np.nan
    return made


def _hashed(series: pl.Series) -> Floats:
    values, rows = distinct(series)
    found = [label(value) for value in values]
    made = np.full((len(values), HASHES), np.nan)
    at = np.array([index for index, one in enumerate(found) if one is not None], dtype=np.int64)
    texts = [padded(one) for one in found if one is not None]
    for begin in range(0, len(texts), _STEP):
        made[at[begin : begin + _STEP]] = least_hashes(texts[begin : begin + _STEP])
    return made[rows]


def least_hashes(texts: Sequence[bytes]) -> Floats:
    """For each text and each hash the least value over its runs of three bytes (min-hash), in 0..1."""
    raw = np.frombuffer(b"".join(texts), dtype=np.uint8).astype(np.uint64)
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    ends = np.cumsum(lengths)
    grams = np.zeros(len(raw), dtype=np.uint64)
    grams[:-2] = raw[:-2] | (raw[1:-1] << np.uint64(8)) | (raw[2:] << np.uint64(16))
    whole = np.ones(len(raw), dtype=np.bool_)
    whole[ends - 1] = whole[ends - 2] = False  # a run must not reach into the next text
    grams = grams[whole]
    begins = np.concatenate(([0], np.cumsum(lengths - 2)[:-1]))
    made = np.empty((len(texts), HASHES))
    for index in range(HASHES):
        mixed = grams * np.uint64(MULTIPLIERS[index]) + np.uint64(ADDENDS[index])
        made[:, index] = (np.minimum.reduceat(mixed, begins) >> np.uint64(32)) / 4_294_967_296.0
    return made
