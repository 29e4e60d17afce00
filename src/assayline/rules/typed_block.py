"""A table with the values its columns are taken for, as a rule compares them."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from assayline.errors import MisuseError
from assayline.measures import Block, Column, Plan, parse_number, parse_time

from .polars_form import DTYPES

# Where a table's own plan says nothing of a time: ISO 8601 only, for a format guessed anew in each piece could differ from piece to piece.
_ISO = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.fZ")


def typed(frame: pl.DataFrame, plan: Plan, kinds: Mapping[str, str] | None = None) -> pl.DataFrame:
    """The columns of a frame as numbers, texts, times and booleans.

    A cell that does not read as what its column is taken for is null: a rule asks for such cells with `is null`.

    Args:
        frame: some rows; of a text format as text.
        plan: how the columns are read.
        kinds: the columns to give, with the kinds a rule was compiled for (`compiled.kinds`): a column that is read as something
            else in this table is read again as what the rule takes it for (numbers with a decimal point, times as ISO 8601 has them).
            None for all columns as planned.

    >>> from assayline.measures import Plan
    >>> frame = pl.DataFrame({"amount": ["1.5", "2", "n/a"]})
    >>> typed(frame, Plan.of(frame, text=True))["amount"].to_list()
    [1.5, 2.0, None]
    """
    block = Block(frame, plan)
    names = list(frame.columns) if kinds is None else list(kinds)
    if gone := [name for name in names if name not in frame.columns]:
        raise MisuseError(f"the table has no column {gone[0]!r}: compile the rule for the columns this table has, and it will say so")
    if not names:  # a rule such as count(*) > 0 reads no column, but counts the rows
        return frame.select(frame.columns[:1])
    return pl.DataFrame([_column(block.column(name), kinds[name] if kinds else "") for name in names])


def _column(column: Column, wanted: str) -> pl.Series:
    kind = column.kind
    if wanted in ("", "empty", "nested", kind):
        return _plain(column.typed, kind)
    if wanted == "text":
        return column.series.cast(pl.String, strict=False)
    if column.is_text:
        if wanted == "number":
            return parse_number(column.series, "number")
        if wanted == "time":
            return _iso(column.series)
        return column.series.str.to_lowercase().replace_strict({"true": True, "false": False}, default=None, return_dtype=pl.Boolean)
    return column.typed.cast(DTYPES[wanted], strict=False)


def _plain(values: pl.Series, kind: str) -> pl.Series:
    return values.cast(DTYPES[kind], strict=False) if kind in DTYPES else values


def _iso(texts: pl.Series) -> pl.Series:
    parsed = pl.DataFrame([parse_time(texts, pattern).alias(pattern) for pattern in _ISO])
    return parsed.select(pl.coalesce(list(_ISO)).alias(texts.name)).to_series()
