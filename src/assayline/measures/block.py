"""Consecutive rows of a table, with the views of a column that several measures share, each computed once."""

from __future__ import annotations

import weakref
import zlib
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from .plan import ColumnPlan, Plan, parse_number, parse_time

Hashes = npt.NDArray[np.uint64]

FEW_VALUES = 4_096  # distinct values that are counted exactly; above it a sketch and the row sample serve
PROBE_ROWS = 32_768  # a prefix long enough to show more than FEW_VALUES values where there are more
CACHED = 32_768  # numbers that fit into the second-level cache while several operations run over them
FEW_ROWS = 512  # rows that Python counts faster than an engine is called
# Numbers without a NumPy type of their own; `UInt128` is younger than the oldest Polars we run on.
NOT_OF_NUMPY = (pl.Duration, pl.Time, pl.Decimal, pl.Int128, *((pl.UInt128,) if hasattr(pl, "UInt128") else ()))
NULL_HASH = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio: any fixed odd number would do


class Column:
    """One column of a block. Properties are computed on first use and kept."""

    def __init__(self, series: pl.Series, plan: ColumnPlan, start: int, whole: Plan, block: Block | None = None) -> None:
        if isinstance(series.dtype, (pl.Categorical, pl.Enum)):
            series = series.cast(pl.String)
        self.series = series
        self.plan = plan
        self.start = start
        self.whole = whole
        self._block = weakref.ref(block) if block is not None else None  # a strong one would be a circle, freed late

    def forget(self) -> None:
        """Let go of every view but the hashes: a block of many columns need not hold them all at once."""
        for view in [view for view in self.__dict__ if view not in ("series", "plan", "start", "whole", "_block", "hashes", "nulls", "is_null")]:
            del self.__dict__[view]

    @property
    def block(self) -> Block | None:
        """The block it is a column of."""
        return self._block() if self._block is not None else None

    @property
    def name(self) -> str:
        return self.plan.name

    @property
    def kind(self) -> str:
        return self.plan.kind

    @property
    def rows(self) -> int:
        return self.series.len()

    @cached_property
    def nulls(self) -> int:
        return self.series.null_count()

    @cached_property
    def is_null(self) -> npt.NDArray[np.bool_]:
        """True where nothing stands."""
        if self.nulls == 0:
            return np.zeros(self.rows, dtype=np.bool_)
        if self.nulls == self.rows:
            return np.ones(self.rows, dtype=np.bool_)
        return self.series.is_null().to_numpy()

    @property
    def is_text(self) -> bool:
        """Whether the values stand there as text (also when they read as numbers or times)."""
        return self.series.dtype == pl.String

    @cached_property
    def typed(self) -> pl.Series:
        """The values as what the column is taken for: Float64 or integers, Datetime in µs (UTC, naive), Boolean, String."""
        series, plan = self.series, self.plan
        if plan.kind == "number":
            if plan.parse:
                return parse_number(series, plan.parse)
            if isinstance(series.dtype, NOT_OF_NUMPY):
                return series.to_physical().cast(pl.Float64) if not isinstance(series.dtype, pl.Decimal) else series.cast(pl.Float64)
            if series.dtype == pl.String:  # another part of the table has numbers here
                return parse_number(series, "number")
            return series
        if plan.kind == "time":
            if series.dtype == pl.String:
                return parse_time(series, plan.parse or "%Y-%m-%d %H:%M:%S%.f")
            if isinstance(series.dtype, pl.Datetime):
                if series.dtype.time_zone is not None:
                    series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
                return series.dt.cast_time_unit("us")
            return series.cast(pl.Datetime("us"), strict=False)
        return series

    @cached_property
    def unparsed(self) -> pl.Series:
        """The filled cells that do not read as what the column is taken for."""
        if not (self.is_text and self.kind in ("number", "time")):
            return self.series.clear()
        if self.typed.null_count() <= self.nulls:
            return self.series.clear()
        return self.series.filter(self.typed.is_null() & self.series.is_not_null())

    @cached_property
    def numbers(self) -> npt.NDArray[np.float64]:
        """The finite numbers (microseconds for times), in order."""
        typed = self.typed
        if self.kind == "time":
            typed = typed.to_physical()
        if typed.null_count():
            typed = typed.drop_nulls()
        values: npt.NDArray[np.float64] = typed.to_numpy()
        values = values.astype(np.float64, copy=False)
        with np.errstate(over="ignore", invalid="ignore"):
            whole = bool(np.isfinite(values.sum()))  # a sum is finite when every value is, unless it overflows
        if whole or np.isfinite(values).all():
            return values
        return values[np.isfinite(values)]

    @cached_property
    def micros(self) -> npt.NDArray[np.int64]:
        """The times as microseconds since 1970, in order, without the nulls."""
        typed = self.typed.to_physical()
        return (typed.drop_nulls() if typed.null_count() else typed).to_numpy()

    @cached_property
    def hashes(self) -> Hashes:
        """64 bits for every row; equal values have equal bits."""
        series = self.series
        if isinstance(series.dtype, (pl.List, pl.Struct, pl.Array, pl.Object)) or series.dtype == pl.Null:
            try:
                series = pl.Series(series.name, [None if v is None else str(v) for v in series.to_list()], dtype=pl.String)
            except Exception:  # noqa: BLE001 - an exotic type that cannot even be shown counts as one value
                series = pl.Series(series.name, [""] * series.len(), dtype=pl.String)
        hashed = series.hash(0).to_numpy()
        if self.nulls:
            hashed = np.where(self.is_null, NULL_HASH, hashed)
        return hashed

    @cached_property
    def counts(self) -> tuple[pl.Series, npt.NDArray[np.int64]] | None:
        """The different values and how often each stands there, if they are few; else None."""
        if self.kind == "nested":
            return None
        if self.block is not None and self.name in self.block.plentiful:
            return None
        if self.rows > PROBE_ROWS and self.series.head(PROBE_ROWS).n_unique() > FEW_VALUES:
            return None
        if self.rows <= FEW_ROWS and self.is_text:  # calling an engine costs more than this loop
            totals: dict[str, int] = {}
            for value in self.series.to_list():
                if value is not None:
                    totals[value] = totals.get(value, 0) + 1
            return pl.Series("v", list(totals), dtype=pl.String), np.fromiter(totals.values(), dtype=np.int64, count=len(totals))
        values = self.series.drop_nulls() if self.nulls else self.series
        table = values.alias("v").value_counts(name="n")
        if table.height > FEW_VALUES:
            return None
        return table.get_column("v"), table.get_column("n").to_numpy().astype(np.int64)

    @cached_property
    def texts(self) -> tuple[pl.Series, npt.NDArray[np.int64] | None]:
        """The filled cells as text; with counts when only the different ones are given.

        Of numbers and times written as text only those that do not read as such: the shape of a number says nothing its value does not.
        """
        if self.kind in ("number", "time"):
            return self.unparsed, None
        if self.counts is not None:
            return self.counts
        return (self.series.drop_nulls() if self.nulls else self.series), None


class Block:
    """Consecutive rows of a table.

    Args:
        frame: the rows.
        plan: how its columns are read.
        start: 0-based number of the first row in the table.
        ceiling: rows whose sampling priority lies above it will not survive in the row sample and need not be kept.
        plentiful: columns that are known to have more than `FEW_VALUES` different values and need not be counted.
    """

    def __init__(
        self, frame: pl.DataFrame, plan: Plan, start: int = 0, ceiling: int = 2**64 - 1, plentiful: frozenset[str] = frozenset()
    ) -> None:
        self.frame = frame
        self.plan = plan
        self.start = start
        self.ceiling = ceiling
        self.plentiful = plentiful
        self._columns: dict[str, Column] = {}

    @property
    def rows(self) -> int:
        return self.frame.height

    def column(self, name: str) -> Column:
        """One column, with the views computed so far."""
        found = self._columns.get(name)
        if found is None:
            plan = self.plan.columns.get(name) or Plan.of(self.frame.select(name), self.plan.text).columns[name]
            found = self._columns[name] = Column(self.frame.get_column(name), plan, self.start, self.plan, self)
        return found

    def columns(self) -> list[Column]:
        """All columns of the frame, in order."""
        return [self.column(name) for name in self.frame.columns]

    @cached_property
    def by_key(self) -> tuple[list[str], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The devices (as text, in order), the rows sorted by device and time of arrival, and where each device begins in them."""
        assert self.plan.key is not None
        series = self.column(self.plan.key).series
        unique = series.drop_nulls().unique().sort()
        codes = unique.search_sorted(series).to_numpy().astype(np.int64)
        missing = series.is_null().to_numpy()
        codes[missing] = unique.len()  # rows without a device go to the end and are left out
        narrow = codes.astype(np.uint16) if unique.len() < 2**16 - 1 else codes  # 16 bits are sorted by counting, four times faster
        order = np.argsort(narrow, kind="stable")
        bounds = np.searchsorted(codes[order], np.arange(unique.len() + 1))
        return unique.cast(pl.String).to_list(), order[: bounds[-1]], bounds

    def row_hashes(self) -> tuple[Hashes, Hashes]:
        """64 bits for every row, whatever the order of the columns; and the same without the time columns."""
        untimed, timed = np.zeros(self.rows, dtype=np.uint64), np.zeros(self.rows, dtype=np.uint64)
        for column in self.columns():
            odd = np.uint64((zlib.crc32(column.name.encode("utf-8", "surrogateescape")) << 32 | 0x9E3779B9) | 1)
            mixed = column.hashes ^ odd
            mixed *= odd
            if column.kind == "time":
                timed += mixed
            else:
                untimed += mixed
        timed += untimed
        return finished(timed), finished(untimed)


def finished(hashes: Hashes) -> Hashes:
    """Hashes whose every bit depends on every bit (in place)."""
    for begin in range(0, len(hashes), CACHED):
        total = hashes[begin : begin + CACHED]
        # splitmix64's finaliser (Steele et al. 2014), so that sums of products do not leave patterns in the low bits
        total ^= total >> np.uint64(30)
        total *= np.uint64(0xBF58476D1CE4E5B9)
        total ^= total >> np.uint64(27)
    return hashes
