"""Rows of lots as messages: each with a name for ever, and for a lot that stands for others only the rows that changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl
import polars.selectors as cs

from assayline.errors import TargetError

from .outgoing.sending import Outgoing
from .shipment import LOT, SEQUENCE, Shipment, settled

ID, SUPERSEDES, GONE = "assay_id", "assay_supersedes", "assay_gone"
RUN = "assay_run"
REVISIONS = 1_000  # the sequence of a prediction is the place of its batch times this, and its revision
TURNS = 1_000_000_000  # the sequence of other rows is the turn of their lot times this, and a number that rises from push to push
NAMES_OF_A_RUN = (RUN, SEQUENCE)  # differ in every row of a repaired lot, also where the prediction is the same


@dataclass(frozen=True)
class Letters:
    """How rows become messages.

    Args:
        key: columns that say what a row is about; () for its number in the lot.
        block: so many rows make one message; 1 for a message a row.
        began: a number that rises from push to push: the sequence of rows that have none of their own.
    """

    key: tuple[str, ...] = ()
    block: int = 1
    began: int = 0

    def of(self, shipment: Shipment, target: str) -> Iterator[Outgoing]:
        """Every row of a lot."""
        return self._posted(self._rows(shipment, target), shipment)

    def instead(self, shipment: Shipment, earlier: Sequence[Shipment], target: str, *, differing: bool) -> Iterator[Outgoing]:
        """The rows of a lot in the place of earlier ones: those that differ, or all; and word of those that are no longer.

        Args:
            shipment: the lot.
            earlier: those it stands for, which receivers have.
            target: for errors.
            differing: only rows that differ: receivers surely have all of the earlier lots.
        """
        before = pl.concat([self._marks(one, target) for one in sorted(earlier, key=lambda one: one.lot)]).unique("key", keep="last", maintain_order=True)
        now = self._marks(shipment, target)
        old = before.select("key", old_id="id", old_mark="mark")
        changed = now.unique("key", keep="last", maintain_order=True).join(old, on="key", how="left", maintain_order="left")
        if differing:
            changed = changed.filter(pl.col("old_mark").is_null() | (pl.col("old_mark") != pl.col("mark")))
        supersedes = changed.select("row", pl.col("old_id").alias(SUPERSEDES))
        last = self._posted(self._rows(shipment, target, supersedes), shipment)
        number = -1
        for message in last:
            number = message.number
            yield message
        yield from self._gone(before.join(now, on="key", how="anti", maintain_order="left"), number + 1)

    def gone(self, earlier: Sequence[Shipment], target: str) -> Iterator[Outgoing]:
        """Word of every row of these lots, that it is no longer."""
        return self._gone(pl.concat([self._marks(one, target) for one in earlier]), 0)

    def _rows(self, shipment: Shipment, target: str, supersedes: pl.DataFrame | None = None) -> Iterator[pl.DataFrame]:
        """The rows with what is told of them: row, key, and the JSON's columns."""
        odd = sorted({ID, LOT, SUPERSEDES, GONE} & set(shipment.types))
        if odd:
            raise TargetError(target, f"lot {shipment.lot} of {shipment.flow} has a column {odd[0]!r}, which is the name of ours", next_step="rename the column")
        lacking = [name for name in self.key if name not in shipment.types]
        if lacking:
            raise TargetError(target, f"lot {shipment.lot} of {shipment.flow} has no column {lacking[0]!r}, which is in the key", next_step="add a target with another key")
        begin = 0
        for frame in shipment.frames():
            numbered = frame.with_row_index("assay row", begin).with_columns(pl.col("assay row").cast(pl.Int64))
            begin += frame.height
            rows = written(numbered)
            more = [self._id(shipment).alias(ID), pl.lit(shipment.lot, dtype=pl.Int64).alias(LOT)]
            if SEQUENCE not in shipment.types:
                more.append(pl.lit(shipment.order * TURNS + self.began, dtype=pl.Int64).alias(SEQUENCE))
            if supersedes is not None:
                rows = rows.join(supersedes.rename({"row": "assay row"}), on="assay row", how="inner", maintain_order="left")
                more.append(pl.col(SUPERSEDES))
            yield rows.select("assay row", *more, *frame.columns)

    def _id(self, shipment: Shipment) -> pl.Expr:
        row = pl.col("assay row").cast(pl.String)
        if RUN in shipment.types and SEQUENCE in shipment.types:
            return pl.concat_str([pl.col(RUN).cast(pl.String), row, (pl.col(SEQUENCE) % REVISIONS).cast(pl.String)], separator=":")
        # A lot that comes back into force is sent a second time, and is no repetition of the first.
        again = f":{self.began}" if any(lot > shipment.lot for lot in shipment.replaces) else ""
        return pl.concat_str([pl.lit(f"{shipment.lot}:"), row, pl.lit(again)])

    def _key(self) -> pl.Expr:
        return pl.struct(*self.key).struct.json_encode() if self.key else pl.col("assay row").cast(pl.String)

    def _marks(self, shipment: Shipment, target: str) -> pl.DataFrame:
        """Of each row its key, its name, and a hash of what it says: eight bytes, so that two that differ have the same one in none of 10^19 cases."""
        found = [pl.DataFrame(schema={"key": pl.String, "row": pl.Int64, "id": pl.String, SEQUENCE: pl.Int64, "mark": pl.UInt64})]
        for rows in self._rows(shipment, target):
            said = rows.select(sorted(set(shipment.types) - set(NAMES_OF_A_RUN)))
            found.append(rows.select(self._key().alias("key"), pl.col("assay row").alias("row"), pl.col(ID).alias("id"), pl.col(SEQUENCE).cast(pl.Int64), said.hash_rows(seed=0).alias("mark")))
        return pl.concat(found)

    def _posted(self, frames: Iterator[pl.DataFrame], shipment: Shipment) -> Iterator[Outgoing]:
        number = 0
        for frame in frames:
            for some in frame.iter_slices(self.block if self.block > 1 else max(frame.height, 1)):
                lines = some.drop("assay row").write_ndjson().encode().splitlines()
                names, keys = some.get_column(ID).to_list(), some.select(self._key()).to_series().to_list()
                if self.block > 1 and lines:
                    last = int(some.get_column("assay row")[-1])
                    name = f"{names[0]}-{last}"
                    yield Outgoing(number, name, str(shipment.lot), b'{"assay_id":"%s","rows":[%s]}' % (name.encode(), b",".join(lines)))
                    number += 1
                    continue
                for name, key, line in zip(names, keys, lines, strict=True):
                    yield Outgoing(number, name, key if self.key else name, line)
                    number += 1

    def _gone(self, marks: pl.DataFrame, number: int) -> Iterator[Outgoing]:
        """Each says which message no longer counts; its sequence is above that message's."""
        plain = marks.select(
            (pl.col("id") + f":gone:{self.began}").alias(ID), (pl.col(SEQUENCE).fill_null(0) + 1).alias(SEQUENCE), pl.col("id").alias(SUPERSEDES), pl.lit(True).alias(GONE)
        )
        for name, key, line in zip(plain.get_column(ID), marks.get_column("key"), plain.write_ndjson().encode().splitlines(), strict=True):
            yield Outgoing(number, name, key if self.key else name, line[:-1] + b"," + key.encode()[1:] if self.key else line)
            number += 1


def written(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows as JSON has values: times in ISO 8601, bytes in base64, what is no number is null."""
    rows = settled(frame)
    moments = [name for name, dtype in rows.schema.items() if isinstance(dtype, pl.Datetime)]
    return rows.with_columns(
        *(pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%S%.6f" + ("Z" if rows.schema[name].time_zone else "")) for name in moments),  # type: ignore[attr-defined]  # a Datetime has one
        cs.binary().bin.encode("base64"),
    )
