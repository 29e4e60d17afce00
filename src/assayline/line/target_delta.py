"""A Delta table as target: each lot is one commit."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl
import pyarrow as pa

from assayline.errors import MissingExtra, MisuseError, TargetError

from .shipment import LOT, Shipment, Withdrawal, fitted, settled_type


class DeltaTarget:
    """A Delta table in a folder or at an address such as s3://bucket/table, which is made by the first lot.

    A commit names the lot as a transaction of ours; a lot whose transaction the table has is not written again. It also replaces the rows of this lot,
    since the library takes the same transaction twice, and those of the lots it stands for.

    Args:
        place: folder or address; credentials come from the environment, as the driver of the store reads them.

    Raises:
        MissingExtra: deltalake is not installed.
    """

    def __init__(self, place: str) -> None:
        if not place:
            raise MisuseError("delta: name the folder or the address of the table: delta:/srv/sales or delta:s3://bucket/sales")
        try:
            import deltalake
        except ModuleNotFoundError as error:
            raise MissingExtra("a Delta table as target", extra="delta", package="deltalake") from error
        self.name, self.place, self._library = f"delta:{place}", place, deltalake

    def take(self, shipment: Shipment) -> bool:
        """Commits the lot; False if the table had it."""
        return self.replace(shipment, ())

    def replace(self, shipment: Shipment, replaced: Sequence[int]) -> bool:
        """Commits the lot in the place of those it stands for: one commit, one version; False if the table had it, and none of them."""
        with self._changing(f"lot {shipment.lot} of {shipment.flow}", "nothing of this lot was written; the next push tries again"):
            table = self._table(shipment.source)
            gone = self._there(table, replaced)
            # One name of a transaction for each lot: a single rising number would take a lot that was held, and released after later ones, for done.
            name = f"{_prefix(shipment.source)}-{shipment.lot}-{shipment.digest[7:23]}"
            taken, withdrawn = _version(table, name), _version(table, _withdrawn(shipment.source, shipment.lot))
            if taken > withdrawn:
                if gone:
                    self._delete(table, shipment.source, gone)
                return bool(gone)
            self._write(table, shipment, gone, (name, withdrawn + 1))
        return True

    def withdraw(self, withdrawal: Withdrawal) -> bool:
        """Deletes the rows of lots that stand no longer, in one commit; False if the table had none of them."""
        with self._changing(f"taking back lots of {withdrawal.flow}", "they are all still there; the next push tries again"):
            table = self._table(withdrawal.source)
            gone = self._there(table, withdrawal.lots)
            if gone:
                self._delete(table, withdrawal.source, gone)
        return bool(gone)

    @contextlib.contextmanager
    def _changing(self, what: str, so: str) -> Iterator[None]:
        try:
            yield
        except TargetError:
            raise
        except Exception as error:  # the library raises bare Exception for what a store or a cast says
            raise TargetError(self.name, f"{what}: {' '.join(str(error).split())[:300]}", next_step=so) from error

    def _table(self, source: str) -> Any:
        """The table, or None where there is none yet."""
        table = self._library.DeltaTable(self.place) if self._library.DeltaTable.is_deltatable(self.place) else None
        if table is not None and table.metadata().description != _mark(source):
            # The numbers of its lots mean other lots, whose rows ours would replace.
            raise TargetError(self.name, "this table was not begun by this project", next_step="name a new place")
        return table

    def _there(self, table: Any, lots: Sequence[int]) -> list[int]:
        """Those of these lots that a file of the table may have rows of: what the log says of its files is enough, none is read."""
        if table is None or not lots:
            return []
        files = pl.DataFrame(pl.from_arrow(table.get_add_actions(flatten=True)))
        low, high = f"min.{LOT}", f"max.{LOT}"
        if low not in files.columns or files.get_column(low).null_count():
            return sorted(lots)
        ranges = files.select(low, high).unique().rows()
        return sorted(lot for lot in set(lots) if any(first <= lot <= last for first, last in ranges))

    def _delete(self, table: Any, source: str, gone: Sequence[int]) -> None:
        table.delete(predicate=_is_of(gone), commit_properties=self._commit(table, source, gone))

    def _commit(self, table: Any, source: str, gone: Sequence[int], *more: tuple[str, int]) -> Any:
        """What a commit says of itself. A lot that is taken away gets a higher number than its own, so that it is taken anew if it comes back into force.

        Without a retry the commit stands on the very version that was asked: the library would put it behind that of another push of the same lot, and both
        would stay.
        """
        marks = [(_withdrawn(source, lot), _version(table, _withdrawn(source, lot)) + 1) for lot in gone]
        return self._library.CommitProperties(app_transactions=[self._library.Transaction(name, number) for name, number in (*more, *marks)], max_commit_retries=0)

    def _write(self, table: Any, shipment: Shipment, gone: Sequence[int], transaction: tuple[str, int]) -> None:
        known = self._known(table)
        plan = fitted(shipment, {name: dtype for name, dtype in known.items() if name != LOT}, self.name)
        types = {LOT: pl.Int64(), **{name: plan.added.get(name) or known[name] for name in plan.columns}}
        schema = pl.DataFrame(schema=types).to_arrow().schema

        def batches() -> Iterator[pa.RecordBatch]:
            for frame in plan.frames():
                numbered = frame.with_columns(pl.lit(shipment.lot, dtype=pl.Int64).alias(LOT)).select(list(types))
                yield from numbered.to_arrow().cast(schema).to_batches()

        self._library.write_deltalake(
            table if table is not None else self.place, pa.RecordBatchReader.from_batches(schema, batches()), mode="overwrite", schema_mode="merge",
            predicate=_is_of([shipment.lot, *gone]), commit_properties=self._commit(table, shipment.source, gone, transaction),
            description=_mark(shipment.source) if table is None else None,
        )  # fmt: skip

    def _known(self, table: Any) -> dict[str, pl.DataType]:
        if table is None:
            return {}
        empty = pa.schema(table.schema().to_arrow()).empty_table()
        frame = pl.from_arrow(empty)
        assert isinstance(frame, pl.DataFrame)
        return {name: settled_type(dtype) for name, dtype in frame.schema.items()}


def _mark(source: str) -> str:
    return f"Released lots of an Assayline project ({source})"


def _prefix(source: str) -> str:
    return f"assayline-{source[:16]}"


def _withdrawn(source: str, lot: int) -> str:
    return f"{_prefix(source)}-{lot}-withdrawn"


def _version(table: Any, name: str) -> int:
    """The number of the last transaction of this name; 0 where there was none."""
    return int(table.transaction_version(name) or 0) if table is not None else 0


def _is_of(lots: Sequence[int]) -> str:
    """Rows of these lots, as a predicate; numbers in a row as one range.

    >>> _is_of([3, 1, 2, 7])
    '(assay_lot >= 1 AND assay_lot <= 3) OR (assay_lot >= 7 AND assay_lot <= 7)'
    """
    ranges: list[list[int]] = []
    for lot in sorted(set(lots)):
        if ranges and ranges[-1][1] == lot - 1:
            ranges[-1][1] = lot
        else:
            ranges.append([lot, lot])
    return " OR ".join(f"({LOT} >= {first} AND {LOT} <= {last})" for first, last in ranges)
