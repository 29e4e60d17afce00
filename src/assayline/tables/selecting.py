"""Taking rows out of whatever kind of frame the user has, as the same kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assayline.errors import MisuseError


def rows_of(frame: Any) -> int:
    """How many rows a frame has.

    Raises:
        MisuseError: it is no frame we know.

    >>> rows_of([{"a": 1}, {"a": 2}]), rows_of({"a": [1, 2, 3]})
    (2, 3)
    """
    kind = _kind(frame)
    if kind == "polars lazy":
        import polars as pl

        return int(frame.select(pl.len()).collect().item())
    if kind == "polars":
        return int(frame.height)
    if kind == "arrow":
        return int(frame.num_rows)
    if kind == "duckdb":
        return int(frame.count("*").fetchone()[0])
    if kind == "columns":
        return max((len(values) for values in frame.values()), default=0)
    return len(frame)


def take_rows(frame: Any, rows: Sequence[int]) -> Any:
    """The frame with only these rows, in this order, of the same kind.

    Args:
        frame: pandas, Polars (also lazy), PyArrow, DuckDB, a list of rows, or a mapping of columns.
        rows: 0-based row numbers.

    >>> take_rows({"a": [1, 2, 3]}, [0, 2])
    {'a': [1, 3]}
    """
    kind = _kind(frame)
    if kind == "pandas":
        return frame.iloc[list(rows)]
    if kind == "polars":
        return frame[list(rows)] if len(rows) else frame.clear()
    if kind == "polars lazy":
        taken = take_rows(frame.collect(), rows)
        return taken.lazy()
    if kind == "arrow":
        import pyarrow as pa

        return frame.take(pa.array(list(rows), type=pa.int64()))
    if kind == "duckdb":
        import duckdb

        taken = take_rows(frame.to_arrow_table(), rows)
        return duckdb.from_arrow(taken)
    if kind == "columns":
        return {name: [values[row] for row in rows] for name, values in frame.items()}
    return [frame[row] for row in rows]


def _kind(frame: Any) -> str:
    home = type(frame).__module__.split(".")[0]
    name = type(frame).__name__
    if home == "pandas":
        return "pandas"
    if home == "polars":
        return "polars lazy" if name == "LazyFrame" else "polars"
    if home == "pyarrow" and name in ("Table", "RecordBatch"):
        return "arrow"
    if home in ("duckdb", "_duckdb"):
        return "duckdb"
    if isinstance(frame, Mapping):
        return "columns"
    if isinstance(frame, Sequence) and not isinstance(frame, (str, bytes)):
        return "rows"
    raise MisuseError(f"rows cannot be taken out of a {type(frame).__module__}.{name}; pass a pandas, Polars, PyArrow or DuckDB frame")
