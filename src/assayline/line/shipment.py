"""One released lot on its way to a target, and how it fits into a table that is there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from assayline.errors import TargetError

LOT = "assay_lot"  # the column that says which lot a row is of
SEQUENCE = "assay_sequence"  # the column of predictions that says which of two about the same thing is the newer one
MOMENT, ZONED = pl.Datetime("us"), pl.Datetime("us", "UTC")

Types = Mapping[str, pl.DataType]


@dataclass(frozen=True)
class Shipment:
    """A released lot, ready to be read as often as a target needs.

    Args:
        source: which ledger it comes from; lots of two ledgers may have the same number.
        flow: name of the flow.
        lot: its number.
        order: number of the lot whose turn it has: less than `lot` where rows were put back, or where it stands for an earlier lot.
        digest: of the released rows.
        rows: how many.
        types: the columns, under the names the flow knows them by.
        frames: the rows in pieces, in these types.
        read_as: types of columns that stand as text, by what all recent lots say; None where text is to stay text.
        replaces: numbers of the lots that it stands for.
        replaced: the same as shipments.
        standing: the other released lots of the flow, those whose turn was last first.
    """

    source: str
    flow: str
    lot: int
    order: int
    digest: str
    rows: int
    types: Types
    frames: Callable[[], Iterator[pl.DataFrame]]
    read_as: Callable[[], Types] | None = None
    replaces: tuple[int, ...] = ()
    replaced: Callable[[], Iterator[Shipment]] = lambda: iter(())
    standing: Callable[[], Iterator[Shipment]] = lambda: iter(())


@dataclass(frozen=True)
class Withdrawal:
    """Lots that stand no longer, and for which no lot comes now: their rows are to go.

    Args:
        source: which ledger they come from.
        flow: name of the flow.
        lots: their numbers.
        replaced: these lots, as shipments.
        standing: the released lots of the flow, those whose turn was last first.
    """

    source: str
    flow: str
    lots: tuple[int, ...]
    replaced: Callable[[], Iterator[Shipment]] = lambda: iter(())
    standing: Callable[[], Iterator[Shipment]] = lambda: iter(())


def settled_type(dtype: pl.DataType) -> pl.DataType:
    """The type in which a target gets values of this type.

    Int64, Decimal, Float64, Boolean, String, Date, Datetime (microseconds, with UTC or without a zone), Binary, Null. What has no such type goes as text.

    >>> settled_type(pl.UInt8()), settled_type(pl.List(pl.Int64)), settled_type(pl.Datetime("ns", "Europe/Stockholm"))
    (Int64, String, Datetime(time_unit='us', time_zone='UTC'))
    """
    if isinstance(dtype, (pl.Decimal, pl.Boolean, pl.String, pl.Date, pl.Binary, pl.Null)):
        return dtype
    if dtype in (pl.UInt64, pl.Int128) or str(dtype) == "UInt128":
        return pl.Decimal(38, 0)
    if dtype.is_integer():
        return pl.Int64()
    if dtype.is_float():
        return pl.Float64()
    if isinstance(dtype, pl.Datetime):
        return ZONED if dtype.time_zone else MOMENT
    return pl.String()


def settled(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows in the types of `settled_type`; nested values as JSON, times of day and durations in ISO 8601."""
    columns = []
    for series in frame.get_columns():
        wanted = settled_type(series.dtype)
        if series.dtype.is_nested() or isinstance(series.dtype, pl.Object):
            texts = [None if value is None else json.dumps(value, default=str, ensure_ascii=False) for value in series.to_list()]
            columns.append(pl.Series(series.name, texts, dtype=pl.String))
        elif isinstance(series.dtype, pl.Duration):
            columns.append(series.dt.to_string("iso"))
        elif isinstance(series.dtype, pl.Datetime) and series.dtype.time_zone:
            columns.append(series.dt.convert_time_zone("UTC").cast(wanted))
        else:
            columns.append(series if series.dtype == wanted else series.cast(wanted))
    return pl.DataFrame(columns)


@dataclass(frozen=True)
class Fitted:
    """What a table becomes and gets by one lot: columns to add, and the rows in the types of the table."""

    added: Types
    columns: tuple[str, ...]
    frames: Callable[[], Iterator[pl.DataFrame]]


def fitted(shipment: Shipment, known: Types, target: str, here: Callable[[pl.DataType], pl.DataType] = lambda dtype: dtype) -> Fitted:
    """How a lot fits into a table. An added column is added, a missing one is left out, of a column without any value nothing is known yet.

    Args:
        shipment: the lot.
        known: the columns the table has; empty where there is no table yet.
        target: for messages.
        here: the type in which this target keeps values of a settled type.

    Raises:
        TargetError: a column has another type there, or has the name of ours.
    """
    if LOT in shipment.types:
        raise TargetError(target, f"lot {shipment.lot} of {shipment.flow} has a column {LOT!r}, which is the name of ours", next_step="name a folder as target, or rename the column")
    types = {name: settled_type(dtype) for name, dtype in shipment.types.items() if dtype != pl.Null}
    fresh = [name for name in types if name not in known]
    read_as = shipment.read_as() if shipment.read_as is not None and any(types[name] == pl.String for name in fresh) else {}
    added = {name: here(settled_type(read_as.get(name, types[name])) if types[name] == pl.String else types[name]) for name in fresh}
    wanted = {name: added[name] if name in added else known[name] for name in types}
    for name, dtype in wanted.items():
        if not _goes_into(types[name], dtype, here, reads=shipment.read_as is not None):
            raise TargetError(
                target, f"lot {shipment.lot} of {shipment.flow} has {name!r} as {_word(types[name])}, the table has it as {_word(dtype)}",
                next_step="change the column there, or add a target with a new table",
            )  # fmt: skip

    def frames() -> Iterator[pl.DataFrame]:
        for frame in shipment.frames():
            rows = settled(frame)
            yield pl.DataFrame([_cast(rows.get_column(name), dtype, shipment, target) for name, dtype in wanted.items()])

    return Fitted(added, tuple(wanted), frames)


def _goes_into(dtype: pl.DataType, column: pl.DataType, here: Callable[[pl.DataType], pl.DataType], *, reads: bool) -> bool:
    own = here(dtype)
    if own == column or (isinstance(own, pl.Decimal) and isinstance(column, pl.Decimal)):
        return True
    if own == pl.Int64:
        return isinstance(column, (pl.Float64, pl.Decimal))
    return own == pl.String and reads


def _cast(series: pl.Series, dtype: pl.DataType, shipment: Shipment, target: str) -> pl.Series:
    if series.dtype == dtype:
        return series
    if series.dtype == ZONED and dtype == MOMENT:
        return series.dt.replace_time_zone(None)
    try:
        if series.dtype == pl.String and isinstance(dtype, pl.Datetime):
            return _moments(series, dtype)
        if series.dtype == pl.String and isinstance(dtype, pl.Boolean):
            return series.replace_strict({"true": True, "false": False, "True": True, "False": False}, return_dtype=pl.Boolean)
        return series.cast(dtype)
    except pl.exceptions.PolarsError as error:
        raise TargetError(
            target, f"lot {shipment.lot} of {shipment.flow} has a value in {series.name!r} that is no {_word(dtype)} ({' '.join(str(error).split())[:160]})",
            next_step="change the column there to text, or add a target with a new table",
        ) from error  # fmt: skip


def _moments(series: pl.Series, dtype: pl.Datetime) -> pl.Series:
    if not series.drop_nulls().len():
        return pl.Series(series.name, [None] * series.len(), dtype=dtype)
    return series.str.to_datetime(time_unit="us", time_zone=dtype.time_zone)


def _word(dtype: Any) -> str:
    words = {pl.Int64: "whole number", pl.Float64: "number", pl.String: "text", pl.Boolean: "boolean", pl.Date: "date", pl.Binary: "bytes"}
    if dtype in words:
        return words[dtype]
    return "decimal" if isinstance(dtype, pl.Decimal) else "time with zone" if dtype == ZONED else "time" if dtype == MOMENT else str(dtype)
