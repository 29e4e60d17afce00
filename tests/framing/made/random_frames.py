"""Tables of any shape and type, for the laws that hold for all of them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
from hypothesis import strategies as st

WORDS = [
    "red", " Red", "blue", "BLUE.", "'green'", "?", "", "NA", "yes", "no", "12 kg", "800 g", "$1,200", "1e400", "3.5", "-1", "007", "2026-01-01", "1/2/2026 10:00",
    "ünï", "\x00", "nan",
]
TEXTS = st.one_of(st.sampled_from(WORDS), st.text(max_size=12))
MOMENTS = st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30))
# dtype, values
KINDS: list[tuple[Any, Any]] = [
    (pl.Int64, st.integers(-(2**63), 2**63 - 1)), (pl.UInt8, st.integers(0, 255)), (pl.Int64, st.integers(0, 3)), (pl.Int128, st.integers(-(2**100), 2**100)),
    (pl.Float64, st.floats()), (pl.Float32, st.floats(width=32)), (pl.Boolean, st.booleans()), (pl.String, TEXTS), (pl.String, st.sampled_from(WORDS[:6])),
    (pl.String, st.sampled_from(["yes", "No", "YES "])), (pl.Categorical, st.sampled_from(["a", "b", "A "])), (pl.Enum(["x", "y"]), st.sampled_from(["x", "y"])),
    (pl.Date, st.dates(dt.date(1, 1, 2), dt.date(9999, 12, 30))), (pl.Datetime("us"), MOMENTS),
    (pl.Datetime("ms", "Europe/Berlin"), st.datetimes(dt.datetime(1971, 1, 1), dt.datetime(2037, 1, 1), timezones=st.just(dt.UTC))),
    (pl.Datetime("ns"), st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1))),
    (pl.Duration("us"), st.timedeltas(dt.timedelta(-9999), dt.timedelta(9999))), (pl.Time, st.times()),
    (pl.Decimal(20, 4), st.decimals(-10**9, 10**9, places=4)), (pl.Binary, st.binary(max_size=4)), (pl.Null, st.none()),
    (pl.List(pl.Int64), st.lists(st.one_of(st.none(), st.integers(-9, 9)), max_size=3)), (pl.List(pl.String), st.lists(TEXTS, max_size=3)),
    (pl.Array(pl.Float64, 2), st.lists(st.floats(), min_size=2, max_size=2)),
    (pl.Struct({"a": pl.Int64, "b": pl.String}), st.fixed_dictionaries({"a": st.integers(-5, 5), "b": TEXTS})),
    (pl.Object, st.one_of(st.integers(), TEXTS, st.sets(st.integers(0, 3), max_size=2))),
]  # fmt: skip
NAMES = ["a", "A", "b b", "B_B", "c", "ä", "when", "x.y", "z"]


@st.composite
def frames(draw: st.DrawFn, least: int = 0, most: int = 24, columns: int = 5) -> pl.DataFrame:
    """A table with a column `target` of any kind, and up to `columns` others."""
    rows = draw(st.integers(least, most))
    names = draw(st.lists(st.sampled_from(NAMES), max_size=columns, unique=True))
    return pl.DataFrame([draw(series(name, rows)) for name in ["target", *names]])


@st.composite
def series(draw: st.DrawFn, name: str, rows: int) -> pl.Series:
    dtype, values = draw(st.sampled_from(KINDS))
    made = draw(st.lists(st.one_of(st.none(), values, values, values), min_size=rows, max_size=rows))
    return pl.Series(name, made, dtype=dtype, strict=False)


def as_text(table: pl.DataFrame) -> pl.DataFrame:
    """The same table as a file of text would give it, as far as its types have a text."""
    return pl.DataFrame([one if one.dtype.is_nested() or one.dtype in (pl.Object, pl.Binary, pl.Duration) else one.cast(pl.String, strict=False) for one in table.get_columns()])


