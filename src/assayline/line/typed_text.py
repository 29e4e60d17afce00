"""Times that stand as text, as times."""

from __future__ import annotations

from typing import Any

import polars as pl

TIME = pl.Datetime("us")


def times(values: pl.Series) -> pl.Series:
    """Text as times, in UTC where it names a zone; null where it says none.

    >>> times(pl.Series(["2026-05-01T03:00:00+02:00", None])).to_list()
    [datetime.datetime(2026, 5, 1, 1, 0), None]
    """
    try:
        found = values.str.to_datetime(strict=False, time_unit="us")
    except pl.exceptions.ComputeError:  # no format fits even one value
        return pl.Series(values.name, [None] * values.len(), dtype=TIME)
    zone = getattr(found.dtype, "time_zone", None)
    return found if zone is None else found.dt.convert_time_zone("UTC").dt.replace_time_zone(None)


def as_type(column: pl.Expr, kind: Any) -> pl.Expr:
    """A column of text as another type."""
    return column.map_batches(times, return_dtype=TIME) if kind == TIME else column.cast(kind)
