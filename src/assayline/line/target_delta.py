"""A Delta table as target: each lot is one commit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl
import pyarrow as pa

from assayline.errors import MissingExtra, MisuseError, TargetError

from .shipment import LOT, Shipment, fitted, settled_type


class DeltaTarget:
    """A Delta table in a folder or at an address such as s3://bucket/table, which is made by the first lot.

    A commit names the lot as a transaction of ours; a lot whose transaction the table has is not written again. It also replaces the rows of this lot,
    since the library takes the same transaction twice.

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
        # One name of a transaction for each lot: a single rising number would take a lot that was held, and released after later ones, for done.
        transaction = f"assayline-{shipment.source[:16]}-{shipment.lot}-{shipment.digest[7:23]}"
        try:
            table = self._library.DeltaTable(self.place) if self._library.DeltaTable.is_deltatable(self.place) else None
            if table is not None and table.transaction_version(transaction) is not None:
                return False
            self._write(table, shipment, transaction)
        except TargetError:
            raise
        except Exception as error:  # the library raises bare Exception for what a store or a cast says
            raise TargetError(
                self.name, f"lot {shipment.lot} of {shipment.flow}: {' '.join(str(error).split())[:300]}",
                next_step="nothing of this lot was written; the next push tries again",
            ) from error  # fmt: skip
        return True

    def _write(self, table: Any, shipment: Shipment, transaction: str) -> None:
        known = self._known(table, shipment)
        plan = fitted(shipment, {name: dtype for name, dtype in known.items() if name != LOT}, self.name)
        types = {LOT: pl.Int64(), **{name: plan.added.get(name) or known[name] for name in plan.columns}}
        schema = pl.DataFrame(schema=types).to_arrow().schema

        def batches() -> Iterator[pa.RecordBatch]:
            for frame in plan.frames():
                numbered = frame.with_columns(pl.lit(shipment.lot, dtype=pl.Int64).alias(LOT)).select(list(types))
                yield from numbered.to_arrow().cast(schema).to_batches()

        # Without a retry the commit stands on the very version that was asked: the library would put it behind that of another push of the same lot,
        # and both would stay.
        commit = self._library.CommitProperties(app_transactions=[self._library.Transaction(transaction, 1)], max_commit_retries=0)
        self._library.write_deltalake(
            table if table is not None else self.place, pa.RecordBatchReader.from_batches(schema, batches()), mode="overwrite", schema_mode="merge",
            predicate=f"{LOT} = {shipment.lot}", commit_properties=commit, description=_mark(shipment) if table is None else None,
        )  # fmt: skip

    def _known(self, table: Any, shipment: Shipment) -> dict[str, pl.DataType]:
        if table is None:
            return {}
        if table.metadata().description != _mark(shipment):
            # The numbers of its lots mean other lots, whose rows ours would replace.
            raise TargetError(self.name, "this table was not begun by this project", next_step="name a new place")
        empty = pa.schema(table.schema().to_arrow()).empty_table()
        frame = pl.from_arrow(empty)
        assert isinstance(frame, pl.DataFrame)
        return {name: settled_type(dtype) for name, dtype in frame.schema.items()}


def _mark(shipment: Shipment) -> str:
    return f"Released lots of an Assayline project ({shipment.source})"
