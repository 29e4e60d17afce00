"""Arrow data as Polars frames, without metadata, extension types or anything else that a stranger could have put there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import polars as pl

from assayline.errors import InputError, LimitExceeded, Unreadable

if TYPE_CHECKING:
    import pyarrow as pa


def frame_of(table: pa.Table, names: Sequence[str]) -> pl.DataFrame:
    """The columns by position under these names; extension types as what they are stored as."""
    return pl.DataFrame([series_of(table.column(number), name) for number, name in enumerate(names)])


def series_of(column: Any, name: str) -> pl.Series:
    """One Arrow column (chunked or not) as a series of this name."""
    import pyarrow as pa

    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    # Without rows too, one empty chunk: its type has to become what it becomes when there are rows.
    plain = [_stored(chunk) for chunk in chunks] or [_stored(pa.array([], type=_stored_type(column.type)))]
    found = pl.Series(name, pl.from_arrow(pa.chunked_array(plain, type=plain[0].type)))
    return found.cast(pl.String) if isinstance(found.dtype, (pl.Categorical, pl.Enum)) else found


def _stored(array: Any) -> Any:
    import pyarrow as pa

    while isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
    kind = array.type
    if pa.types.is_run_end_encoded(kind):
        return _stored(array.values.take(_run_indices(array)))
    if pa.types.is_union(kind) or pa.types.is_interval(kind):
        return pa.array([None if value is None else str(value) for value in array.to_pylist()], type=pa.large_string())
    if pa.types.is_decimal256(kind):
        return array.cast(pa.string())
    return array


def _stored_type(kind: Any) -> Any:
    import pyarrow as pa

    while isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    return kind


def _run_indices(array: Any) -> Any:
    import numpy as np

    return np.repeat(np.arange(len(array.values)), np.diff(array.run_ends.to_numpy(zero_copy_only=False), prepend=0))[
        array.offset : array.offset + len(array)
    ]


def is_panic(error: BaseException) -> bool:
    """Whether this is a panic of the Rust engine, which is no `Exception`."""
    return type(error).__name__ == "PanicException"


@contextmanager
def named(path: str, what: str, place: str = "", next_step: str = "ask for it again") -> Iterator[None]:
    """Turns whatever a library raises inside into our error, with the file and the place that libraries leave out.

    >>> with named("a.parquet", "a page cannot be decoded", "row group 3"):
    ...     raise ValueError("bad varint")
    Traceback (most recent call last):
        ...
    assayline.errors.Unreadable: a.parquet: row group 3: a page cannot be decoded: bad varint; ask for it again
    """
    try:
        yield
    except InputError:
        raise
    except MemoryError as error:
        raise LimitExceeded(
            path, "reading it takes more memory than the limit allows", place=place, next_step="raise the memory limit"
        ) from error
    except RecursionError as error:
        raise LimitExceeded(path, "its values are nested too deep", place=place, next_step="flatten it") from error
    except Exception as error:
        raise Unreadable(path, f"{what}: {first_line(error)}", place=place, next_step=next_step) from error
    except BaseException as error:
        if not is_panic(error):
            raise
        raise Unreadable(path, f"{what}: {first_line(error)}", place=place, next_step=next_step) from error


def first_line(error: BaseException) -> str:
    """What an error says, in one short line."""
    return str(error).strip().split("\n")[0][:300] or type(error).__name__
