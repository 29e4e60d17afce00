"""Reading what was released: lots of a flow as one table, in order, and nothing that was held or put aside."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from assayline.errors import Damaged, LedgerError, MisuseError
from assayline.ledger import intact, records
from assayline.ledger.records import LotRecord
from assayline.ledger.store import whole_file

from .project import Project
from .typed_text import TIME, as_type, times

ROWS_A_TIME = 131_072
FEW_VALUES = 64


def released_lots(project: Project, flow: str, *, since: str | None = None, until: str | None = None, lots: Sequence[int] = ()) -> list[LotRecord]:
    """The released lots of a flow, in the order in which they were taken.

    Args:
        project: where to look.
        flow: its name.
        since: only lots that arrived at this UTC time (ISO 8601) or later.
        until: only lots that arrived earlier.
        lots: only these.

    Raises:
        MisuseError: there is no such flow.
    """
    with project.ledger.read() as connection:
        if records.flow_of(connection, flow) is None:
            names = ", ".join(one.name for one in records.flows(connection)) or "none yet"
            raise MisuseError(f"there is no flow {flow!r}; flows: {names}")
        found = records.lots(connection, flow, states=("released",), since=since, until=until)
    wanted = set(lots)
    return [lot for lot in found if "released" in lot.objects and (not wanted or lot.lot in wanted)]


def schema_of(project: Project, lots: Sequence[LotRecord], *, typed: bool = False) -> dict[str, Any]:
    """The columns that lots have together, under the names the flow knows them by, and the type that holds all values of each.

    Args:
        project: where the store is.
        lots: from `released_lots`.
        typed: see `batches`; every row is read for it.
    """
    schema, changed = _schema(project, lots)
    return _typed(project, lots, schema, None if typed else changed) if typed or changed else schema


def batches(project: Project, lots: Sequence[LotRecord], *, typed: bool = False) -> Iterator[pl.DataFrame]:
    """The rows, at most 131,072 at a time; columns under the names the flow knows them by.

    A column that a lot does not have is null there; one that is typed in some lots and text in others is read as what its text says, or as text.

    Args:
        project: where the store is.
        lots: from `released_lots`.
        typed: numbers, booleans and times that stand as text are read as such, where every filled cell of all lots reads so.

    Raises:
        Damaged: an object is missing or is no longer what was written.
    """
    schema = schema_of(project, lots, typed=typed)
    for lot in lots:
        for frame in _frames(project, lot):
            yield frame.select(
                (_as(pl.col(name), frame.schema[name], kind) if name in frame.columns else pl.lit(None, dtype=kind)).alias(name) for name, kind in schema.items()
            )


def read_frame(project: Project, flow: str, *, since: str | None = None, until: str | None = None, typed: bool = False) -> pl.DataFrame:
    """All released rows of a flow as one Polars frame."""
    lots = released_lots(project, flow, since=since, until=until)
    frames = list(batches(project, lots, typed=typed))
    return pl.concat(frames) if frames else pl.DataFrame()


def write_lots(project: Project, lots: Sequence[LotRecord], path: str, *, typed: bool = False) -> int:
    """Writes released rows to a file that is there whole or not at all; gives the number of rows.

    Args:
        project: where the store is.
        lots: from `released_lots`.
        path: a name that ends in .parquet or .csv.
        typed: see `batches`.

    Raises:
        MisuseError: another ending.
        LedgerError: the file cannot be written.
    """
    kind = os.path.splitext(path)[1].lower()
    if kind not in (".parquet", ".csv"):
        raise MisuseError(f"{path!r}: rows are written as .parquet or .csv; give the file one of these endings")
    rows = 0
    writer: Any = None
    try:
        with whole_file(path) as temporary:
            for frame in batches(project, lots, typed=typed):
                content = frame.to_arrow()
                if writer is None:
                    writer = pq.ParquetWriter(temporary, content.schema, compression="zstd") if kind == ".parquet" else pyarrow.csv.CSVWriter(temporary, content.schema)
                writer.write_table(content)
                rows += frame.height
            if writer is None:
                pq.write_table(pa.table({}), temporary) if kind == ".parquet" else open(temporary, "wb").close()
            else:
                writer.close()
    except (OSError, pa.ArrowNotImplementedError) as error:
        raise LedgerError(f"cannot write {path!r}: {getattr(error, 'strerror', None) or error}; choose another place or another ending") from error
    return rows


def known_names(frame: pl.DataFrame, lot: LotRecord) -> pl.DataFrame:
    """Rows of a lot under the names its flow knows the columns by."""
    return frame.rename({new: old for new, old in lot.figures.get("renames", {}).items() if new in frame.columns})


def _frames(project: Project, lot: LotRecord, columns: list[str] | None = None) -> Iterator[pl.DataFrame]:
    """The rows of a lot, a bounded number at a time; only these of its columns (by their names in the file), where they are there."""
    path = project.store.path(lot.objects["released"])
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for batch in file.iter_batches(ROWS_A_TIME, columns=columns):
                frame = pl.from_arrow(batch)
                assert isinstance(frame, pl.DataFrame)
                yield known_names(frame, lot)
    except (pa.ArrowException, OSError) as error:
        raise Damaged(f"{path}: lot {lot.lot} cannot be read: {error}; run: assay verify") from error


def _schema(project: Project, lots: Sequence[LotRecord]) -> tuple[dict[str, Any], set[str]]:
    """The columns of all lots with their types, and those that are typed in some lots and text in others."""
    found: dict[str, Any] = {}
    changed: set[str] = set()
    for lot in lots:
        with pq.ParquetFile(intact(project.store, lot.objects["released"])) as file:  # checked once, before any row of it is given away
            empty = pl.from_arrow(file.schema_arrow.empty_table())
        assert isinstance(empty, pl.DataFrame)
        names = lot.figures.get("renames", {})
        for column, dtype in empty.schema.items():
            name = names.get(column, column)
            known = found.setdefault(name, dtype)
            if known != dtype:
                found[name] = pl.Float64 if known.is_numeric() and dtype.is_numeric() else pl.String
                if found[name] == pl.String:
                    changed.add(name)
    return found, changed


def _typed(project: Project, lots: Sequence[LotRecord], schema: dict[str, Any], only: set[str] | None = None) -> dict[str, Any]:
    """Text columns (or only some of them) as what they say, where every filled cell of all lots does."""
    candidates: dict[str, list[Any]] = {
        name: [pl.Int64, pl.Float64, TIME] for name, kind in schema.items() if kind == pl.String and (only is None or name in only)
    }
    for lot in lots:
        _narrow(project, lot, candidates)
    return {name: (candidates[name][0] if candidates.get(name) else kind) for name, kind in schema.items()}


def _narrow(project: Project, lot: LotRecord, candidates: dict[str, list[Any]]) -> None:
    """Strikes out what the texts of a lot cannot be read as; only columns that may still be something are read, and none once there are no more."""
    renames = lot.figures.get("renames", {})
    now = {old: new for new, old in renames.items()}
    for name in [name for name, kinds in candidates.items() if kinds]:
        column = now.get(name, name)
        for frame in _frames(project, lot, [column]):
            kinds = candidates[name]
            if name not in frame.columns or not kinds:
                break
            values = frame.get_column(name).cast(pl.String).drop_nulls()
            if kinds != [TIME] and values.str.contains(r"^[+-]?0\d").any():  # 00501 is a code
                kinds[:] = [kind for kind in kinds if kind == TIME]
            # A few first: trying every format of a time on every text of a frame that holds none takes half a second.
            kinds[:] = [kind for kind in kinds if all(_parsed(some, kind).null_count() == 0 for some in (values.head(FEW_VALUES), values))]


def _parsed(values: pl.Series, kind: Any) -> pl.Series:
    if kind == TIME:
        return times(values)
    return values.cast(kind, strict=False)


def _as(column: pl.Expr, dtype: Any, kind: Any) -> pl.Expr:
    if dtype == kind:
        return column
    return as_type(column, kind) if dtype == pl.String else column.cast(kind)
