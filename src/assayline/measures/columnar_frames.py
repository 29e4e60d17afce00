"""Polars frames as bytes and back: each column as the values it has, nothing of how the engine laid them out.

Arrow's own format would do, but two equal frames differ in it: by their chunks, by what stands under a null, by spare bytes of a text column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

if TYPE_CHECKING:
    from .columnar import Reader, Writer

SIMPLE: dict[str, Any] = {
    str(dtype): dtype
    for dtype in (
        pl.Boolean(), pl.Int8(), pl.Int16(), pl.Int32(), pl.Int64(), pl.UInt8(), pl.UInt16(), pl.UInt32(), pl.UInt64(), pl.Float32(), pl.Float64(),
        pl.String(), pl.Binary(), pl.Date(), pl.Time(), pl.Null(), pl.Int128(),
        *(getattr(pl, name)() for name in ("Float16", "UInt128") if hasattr(pl, name)),  # younger than the oldest version we run on
    )
}  # fmt: skip
AS_TEXT = (pl.Categorical, pl.Enum, pl.Decimal, pl.Int128, *((pl.UInt128,) if hasattr(pl, "UInt128") else ()))  # their text says everything, and has one form in every version of the engine


def write_frame(writer: Writer, frame: pl.DataFrame) -> None:
    """Write one frame."""
    writer.values(frame.columns)
    writer.values([_written(one.dtype) for one in frame.get_columns()])
    writer.number(frame.height)
    for series in frame.get_columns():
        _write_cells(writer, series)


def read_frame(reader: Reader) -> pl.DataFrame:
    """Read one frame."""
    names, dtypes = reader.values(), reader.values()
    height = reader.number()
    return pl.DataFrame([_read_cells(reader, _dtype(dtype), height).alias(name) for name, dtype in zip(names, dtypes, strict=True)])


def write_series(writer: Writer, series: pl.Series) -> None:
    """Write one series."""
    writer.values([series.name, _written(series.dtype)])
    writer.number(series.len())
    _write_cells(writer, series)


def read_series(reader: Reader) -> pl.Series:
    """Read one series."""
    name, dtype = reader.values()
    return _read_cells(reader, _dtype(dtype), reader.number()).alias(name)


def _written(dtype: pl.DataType) -> Any:
    if isinstance(dtype, pl.Datetime):
        return ("Datetime", dtype.time_unit, dtype.time_zone)
    if isinstance(dtype, pl.Duration):
        return ("Duration", dtype.time_unit)
    if isinstance(dtype, pl.Decimal):
        return ("Decimal", dtype.precision, dtype.scale)
    if isinstance(dtype, pl.Categorical):
        named = getattr(dtype, "categories", None)  # since Polars 1.32 a set of categories may have a name; "" is the one all others share
        return ("Categorical", named.name(), named.namespace()) if named is not None and named.name() else ("Categorical",)
    if isinstance(dtype, pl.Enum):
        return ("Enum", *dtype.categories.to_list())
    if isinstance(dtype, pl.List):
        return ("List", _written(dtype.inner))  # type: ignore[arg-type]  # a dtype of a series is an instance all the way down
    if isinstance(dtype, pl.Array):
        return ("Array", dtype.size, _written(dtype.inner))  # type: ignore[arg-type]  # as above
    if isinstance(dtype, pl.Struct):
        return ("Struct", *((field.name, _written(field.dtype)) for field in dtype.fields))  # type: ignore[arg-type]  # as above
    if str(dtype) not in SIMPLE:
        from .columnar import Refusal

        raise Refusal(f"a Polars column of {dtype}")
    return str(dtype)


def _dtype(written: Any) -> Any:
    if isinstance(written, str):
        return SIMPLE[written]
    kind, *rest = written
    if kind == "List":
        return pl.List(_dtype(rest[0]))
    if kind == "Array":
        return pl.Array(_dtype(rest[1]), rest[0])
    if kind == "Struct":
        return pl.Struct({name: _dtype(inner) for name, inner in rest})
    if kind == "Enum":
        return pl.Enum(rest)
    if kind == "Categorical":
        return pl.Categorical(pl.Categories(*rest)) if rest else pl.Categorical()
    return {"Datetime": pl.Datetime, "Duration": pl.Duration, "Decimal": pl.Decimal}[kind](*rest)


def _write_cells(writer: Writer, series: pl.Series) -> None:
    """Which cells are null, then the others."""
    dtype = series.dtype
    writer.raw(bytes([series.null_count() > 0]))
    if series.null_count():
        writer.raw(np.packbits(series.is_null().to_numpy()).tobytes())
        series = series.drop_nulls()
    if dtype == pl.Null:
        return
    if isinstance(dtype, AS_TEXT):
        series, dtype = series.cast(pl.String), pl.String()
    if dtype in (pl.String, pl.Binary):
        _write_texts(writer, series)
    elif dtype == pl.Boolean:
        writer.raw(np.packbits(series.to_numpy()).tobytes())
    elif isinstance(dtype, pl.List):
        sizes = series.list.len()
        writer.whole(sizes.to_numpy().astype(np.int64))
        _write_inner(writer, series.filter(sizes > 0).explode())
    elif isinstance(dtype, pl.Array):
        _write_inner(writer, series.explode() if dtype.size else series.arr.to_list().explode().clear())
    elif isinstance(dtype, pl.Struct):
        for field in series.struct.fields:
            _write_cells(writer, series.struct.field(field))
    else:
        numbers = series.to_physical().to_numpy()
        writer.packed_numbers(numbers.astype(numbers.dtype.newbyteorder("<"), copy=False))


def _write_inner(writer: Writer, inner: pl.Series) -> None:
    writer.number(inner.len())
    _write_cells(writer, inner)


def _write_texts(writer: Writer, series: pl.Series) -> None:
    array = series.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, data = array.buffers()
    bounds = np.zeros(1, dtype=np.int64)
    if offsets is not None and len(array):
        bounds = np.frombuffer(memoryview(offsets), dtype="<i8")[array.offset : array.offset + len(array) + 1]
    writer.whole(np.diff(bounds))
    writer.number(int(bounds[-1] - bounds[0]))
    if data is not None:
        writer.raw(memoryview(data)[int(bounds[0]) : int(bounds[-1])].tobytes())


def _read_cells(reader: Reader, dtype: Any, height: int) -> pl.Series:
    missing = np.zeros(0, dtype=np.bool_)
    if reader.byte():
        missing = _bits(reader, height)
    filled = height - int(missing.sum())
    if dtype == pl.Null:
        return pl.Series([None] * len(missing), dtype=pl.Null)
    if isinstance(dtype, AS_TEXT):
        return _texts(reader, pa.large_string(), filled, missing).cast(dtype)
    if dtype in (pl.String, pl.Binary):
        return _texts(reader, pa.large_string() if dtype == pl.String else pa.large_binary(), filled, missing)
    if dtype == pl.Boolean:
        return _spread(pl.Series(_bits(reader, filled)), missing)
    if isinstance(dtype, pl.List):
        sizes = reader.sizes(filled)
        inner = _read_cells(reader, dtype.inner, reader.number())
        return _spread(_lists(inner, sizes, dtype), missing)
    if isinstance(dtype, pl.Array):
        inner = _read_cells(reader, dtype.inner, reader.number())
        return _spread(inner.reshape((filled, dtype.size)).cast(dtype) if inner.len() else pl.Series([[]] * filled, dtype=dtype), missing)
    if isinstance(dtype, pl.Struct):
        fields = [_read_cells(reader, field.dtype, filled).alias(field.name) for field in dtype.fields]
        return _spread(pl.DataFrame(fields).to_struct("") if fields else pl.Series([{}] * filled, dtype=dtype), missing)
    physical = pl.Series([], dtype=dtype).to_physical().to_numpy().dtype
    numbers = reader.packed_numbers(physical, filled)
    if not len(missing):
        return pl.Series(numbers).cast(dtype)
    wide = np.zeros(height, dtype=physical)
    wide[~missing] = numbers
    return _arrow(pa.from_numpy_dtype(physical), height, missing, [wide]).cast(dtype)


def _bits(reader: Reader, count: int) -> npt.NDArray[np.bool_]:
    packed = np.frombuffer(reader.take((count + 7) // 8), dtype=np.uint8)
    return np.unpackbits(packed, count=count).view(np.bool_)


def _texts(reader: Reader, kind: pa.DataType, filled: int, missing: npt.NDArray[np.bool_]) -> pl.Series:
    from .columnar import Malformed

    sizes = reader.sizes(filled)
    data = reader.take(reader.number())
    if int(sizes.sum()) != len(data):
        raise Malformed(f"texts of {int(sizes.sum()):,} bytes in {len(data):,}")
    if len(missing):
        wide = np.zeros(len(missing), dtype=np.int64)
        wide[~missing] = sizes
        sizes = wide
    return _arrow(kind, len(sizes), missing, [np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(sizes))), data])


def _arrow(kind: pa.DataType, height: int, missing: npt.NDArray[np.bool_], buffers: list[Any]) -> pl.Series:
    valid = pa.py_buffer(np.packbits(~missing, bitorder="little").tobytes()) if len(missing) else None
    array = pa.Array.from_buffers(kind, height, [valid, *(pa.py_buffer(memoryview(one)) for one in buffers)])
    array.validate(full=True)  # text that is none would crash the engine later
    return pl.Series(array)


def _lists(inner: pl.Series, sizes: npt.NDArray[np.int64], dtype: Any) -> pl.Series:
    if not len(sizes):
        return pl.Series([], dtype=dtype)
    rows = pl.DataFrame({"row": np.repeat(np.arange(len(sizes)), sizes), "cell": inner})
    full = rows.group_by("row", maintain_order=True).agg("cell")
    places = full.get_column("row").to_numpy()
    empty = np.flatnonzero(sizes == 0)
    together = pl.concat([full.get_column("cell").cast(dtype), pl.Series([[]] * len(empty), dtype=dtype)])
    return together.gather(np.argsort(np.concatenate((places, empty)), kind="stable"))


def _spread(series: pl.Series, missing: npt.NDArray[np.bool_]) -> pl.Series:
    """The cells with the nulls between them."""
    if not len(missing):
        return series
    places = np.cumsum(~missing) - 1
    return series.gather(pl.Series(places).to_frame("p").select(pl.when(pl.Series(~missing)).then("p")).to_series())
