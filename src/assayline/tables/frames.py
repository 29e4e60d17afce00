"""Tables that are already in memory: pandas, Polars, PyArrow, DuckDB, anything that speaks Arrow, and plain Python values."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import polars as pl

from assayline.core import Finding, InputFacts
from assayline.errors import MisuseError

from .header import header_findings, unique_names
from .plain import frame_of, is_panic
from .table import Piece, Table

PIECE_ROWS = 600_000
PIECE_CELLS = 16_000_000


def open_frame(obj: Any) -> Table:
    """The table behind an object in memory; nothing is copied where the types allow it.

    Args:
        obj: a pandas, Polars (eager or lazy) or PyArrow frame, a record batch reader, a DuckDB relation, an object with
            `__arrow_c_stream__`, `__arrow_c_array__` or `__dataframe__`, a list of dicts, or a dict of lists.

    Raises:
        MisuseError: it is nothing of that kind.

    >>> table = open_frame([{"id": 1, "city": "Oslo"}, {"id": 2}])
    >>> [piece.load().rows() for piece in table.pieces()]
    [[(1, 'Oslo'), (2, None)]]
    """
    if isinstance(obj, pl.DataFrame):
        return FrameTable(obj.columns, obj.get_columns(), "polars", height=obj.height)
    if isinstance(obj, pl.LazyFrame):
        frame = obj.collect()
        return FrameTable(frame.columns, frame.get_columns(), "polars", height=frame.height)
    if isinstance(obj, pl.Series):
        return FrameTable([obj.name or "value"], [obj], "polars", height=obj.len())
    kind = f"{type(obj).__module__}.{type(obj).__name__}"
    if kind.startswith("pandas.") and hasattr(obj, "iloc"):
        return _from_pandas(obj)
    if kind.startswith(("duckdb.", "_duckdb.")) and hasattr(obj, "to_arrow_table"):
        return _from_arrow(obj.to_arrow_table(), "duckdb")
    if kind.startswith("pyarrow.") or hasattr(obj, "__arrow_c_stream__") or hasattr(obj, "__arrow_c_array__"):
        return _from_arrow(_arrow_table(obj), kind.split(".")[0])
    if isinstance(obj, Mapping):
        return _from_columns(obj)
    if hasattr(obj, "__dataframe__"):
        return open_frame(pl.from_dataframe(obj))
    if isinstance(obj, (list, tuple)) and all(isinstance(row, Mapping) for row in obj):
        names = list(dict.fromkeys(name for row in obj for name in row))
        return FrameTable(
            [str(name) for name in names], [_series(str(name), [row.get(name) for row in obj]) for name in names], "python", height=len(obj)
        )
    raise MisuseError(f"a {kind} is no table; give a pandas, Polars, PyArrow or DuckDB frame, a list of dicts, a dict of lists, or a path")


class FrameTable:
    """Columns in memory as a table; pieces are views."""

    text = False

    def __init__(self, names: Sequence[str], columns: Sequence[pl.Series], library: str, *, height: int) -> None:
        self.raw_names = [str(name) for name in names]
        self.columns = unique_names(self.raw_names)
        self.library = library
        self.mixed: list[str] = []
        plain = []
        for name, column in zip(self.columns, columns, strict=True):
            found, mixed = _usable(column)
            plain.append(found.alias(name))
            if mixed:
                self.mixed.append(name)
        self.frame = pl.DataFrame(plain) if plain else pl.DataFrame()
        self.height = height
        self.dtypes = tuple(self.frame.dtypes)
        self.rows_hint = height

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[Piece]:
        """Slices of the frame."""
        wanted = (
            list(self.columns) if columns is None else [name for name in self.columns if name in set(columns)] or list(self.columns[:1])
        )
        if not self.columns:
            return
        step = max(1, min(PIECE_ROWS, PIECE_CELLS // max(1, len(self.columns))))
        parts = max(1, -(-self.height // step)) if self.height else 0
        for part in range(parts):
            start, end = self.height * part // parts, self.height * (part + 1) // parts
            yield Piece(start, end - start, partial(self._load, start, end - start, wanted))

    def _load(self, start: int, rows: int, wanted: list[str]) -> pl.DataFrame:
        return self.frame.select(wanted).slice(start, rows)

    def facts(self) -> InputFacts:
        """What was given."""
        return InputFacts(path="<frame>", rows=self.height, columns=len(self.columns), bytes=0, format=self.library)

    def findings(self) -> tuple[Finding, ...]:
        """What is odd about names and types."""
        found = header_findings(self.raw_names, self.columns)
        if self.mixed:
            found.append(
                Finding(
                    "mixed_types",
                    tuple(self.mixed[:20]),
                    f"{len(self.mixed)} columns hold values of several types, such as {self.mixed[0]}; they were read as text.",
                    0.4,
                    evidence={"columns": len(self.mixed)},
                    suggestion="give every column one type",
                )
            )
        return tuple(found)

    def close(self) -> None:
        """Nothing to let go of: the frame is the caller's."""


def _usable(column: pl.Series) -> tuple[pl.Series, bool]:
    """A series that everything else can work with, and whether types were mixed in it."""
    if column.dtype == pl.Object:
        values = column.to_list()
        found = _series(column.name, values)
        return found, found.dtype == pl.String and any(not isinstance(value, str) and not _missing(value) for value in values)
    if column.dtype == pl.Null:
        return column.cast(pl.String), False
    if isinstance(column.dtype, (pl.Categorical, pl.Enum)):
        return column.cast(pl.String), False
    return column, False


def _series(name: str, values: Iterable[Any]) -> pl.Series:
    """Python values as a series: typed where all have one type, else text; never an error."""
    held = [None if _missing(value) else value for value in values]
    kinds = {type(value) for value in held if value is not None}
    if not kinds:
        return pl.Series(name, held, dtype=pl.String)
    try:
        if kinds == {bool}:
            return pl.Series(name, held, dtype=pl.Boolean)
        if (
            bool not in kinds
            and all(issubclass(kind, (int, float)) or kind.__module__ == "numpy" for kind in kinds)
            and not any(isinstance(value, (str, bytes)) for value in held)
        ):
            if all(issubclass(kind, int) for kind in kinds):
                return pl.Series(name, held, dtype=pl.Int64)
            if all(issubclass(kind, (int, float)) for kind in kinds):
                return pl.Series(name, [None if value is None else float(value) for value in held], dtype=pl.Float64)
        if kinds <= {datetime.date, datetime.datetime} and len(kinds) == 2:
            held = [
                value if value is None or isinstance(value, datetime.datetime) else datetime.datetime(value.year, value.month, value.day)
                for value in held
            ]
            return pl.Series(name, held, strict=True)
        if len(kinds) == 1 and kinds != {decimal.Decimal}:
            found = pl.Series(name, held, strict=True)
            if found.dtype != pl.Object:
                return found
        if kinds == {decimal.Decimal}:
            return pl.Series(name, held, strict=True)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        pass
    except BaseException as error:
        if not is_panic(error):
            raise
    return pl.Series(
        name, [None if value is None else value if isinstance(value, str) else _text(value) for value in held], dtype=pl.String
    )


def _text(value: Any) -> str:
    if value is True:
        return "true"
    if value is False:
        return "false"
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a stranger's __str__ must not stop a scan
        return f"<{type(value).__name__}>"


def _missing(value: Any) -> bool:
    if value is None:
        return True
    if type(value) is float:
        return value != value
    return type(value).__name__ in ("NAType", "NaTType")


def _from_pandas(obj: Any) -> Table:
    if obj.ndim == 1:
        obj = obj.to_frame(name=obj.name if obj.name is not None else "value")
    names = [str(name) for name in obj.columns]
    columns = [_pandas_column(names[place], obj.iloc[:, place]) for place in range(len(names))]
    table = FrameTable(names, [column for column, _ in columns], "pandas", height=len(obj))
    table.mixed += [table.columns[place] for place, (_, mixed) in enumerate(columns) if mixed]
    return table


def _pandas_column(name: str, column: Any) -> tuple[pl.Series, bool]:
    kind = str(column.dtype)
    if kind != "object":
        try:
            if kind.startswith(("int", "uint", "float")) and kind != "float16":
                values = pl.Series(name, column.to_numpy())
                return (values.fill_nan(None) if values.dtype.is_float() else values), False
            return pl.Series(name, pl.from_pandas(column, nan_to_null=True)), False
        except (TypeError, ValueError, ImportError, OverflowError, pl.exceptions.PolarsError):
            pass
        except BaseException as error:
            if not is_panic(error) and not type(error).__module__.startswith("pyarrow"):
                raise
    values = column.tolist()
    found = _series(name, values)
    return found, found.dtype == pl.String and any(not isinstance(value, str) and not _missing(value) for value in values)


def _arrow_table(obj: Any) -> Any:
    import pyarrow as pa

    if isinstance(obj, pa.Table):
        return obj
    if isinstance(obj, pa.RecordBatch):
        return pa.Table.from_batches([obj])
    if isinstance(obj, pa.RecordBatchReader):
        return obj.read_all()
    if hasattr(obj, "__arrow_c_stream__"):
        return pa.RecordBatchReader.from_stream(obj).read_all()
    if hasattr(obj, "__arrow_c_array__"):
        return pa.Table.from_batches([pa.record_batch(obj)])
    raise MisuseError(f"a {type(obj).__module__}.{type(obj).__name__} is no table; give a table or record batches")


def _from_arrow(table: Any, library: str) -> Table:
    names = [str(name) for name in table.column_names]
    frame = frame_of(table, unique_names(names))
    return FrameTable(names, frame.get_columns(), library, height=table.num_rows)


def _from_columns(obj: Mapping[Any, Any]) -> Table:
    columns = []
    for name, values in obj.items():
        if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
            raise MisuseError(f"the value of {name!r} is a {type(values).__name__}; a dict of columns has a list for each name")
        columns.append(values if isinstance(values, pl.Series) else _array(str(name), values))
    heights = {column.len() for column in columns}
    if len(heights) > 1:
        raise MisuseError(
            f"the columns have different lengths: {', '.join(f'{name!r} {one.len()}' for name, one in zip(obj, columns, strict=True))}"[
                :300
            ]
        )
    return FrameTable([str(name) for name in obj], columns, "python", height=heights.pop() if heights else 0)


def _array(name: str, values: Any) -> pl.Series:
    if type(values).__module__ == "numpy" and getattr(values, "ndim", 1) == 1 and values.dtype.kind in "iufbM":
        found = pl.Series(name, values)
        return found.fill_nan(None) if found.dtype.is_float() else found
    return _series(name, values.tolist() if hasattr(values, "tolist") else list(values))
