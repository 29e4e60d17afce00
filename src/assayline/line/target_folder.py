"""A folder as target: one file per released lot, there whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import IO

import polars as pl
import polars.selectors as cs
import pyarrow as pa
import pyarrow.parquet as pq

from assayline.errors import MisuseError, TargetError

from .shipment import Shipment, Withdrawal, settled

FORMATS = ("parquet", "csv")
PART = ".part"  # with a dot in front and this at the end no pattern of a reader meets a file that is being written
OLD_SECONDS = 86_400.0  # a part this old was left by a process that was killed


class FolderTarget:
    """One file per lot, called FLOW-000012.parquet. The same lot gives the same name and the same bytes.

    A lot that stands for another one is renamed over its file, so that whoever looks finds the rows of one of the two, never of both and never none; a
    hidden file says which lot a file holds that is not called after it. Where a lot stands for several, the files of the others go right after.

    Args:
        folder: where; it is there already, since a folder that is missing may be a disk that is not mounted.
        format: "parquet" or "csv".
    """

    def __init__(self, folder: str, *, format: str = "parquet") -> None:
        if format not in FORMATS:
            raise MisuseError(f"a folder takes files of the format {' or '.join(FORMATS)}, not {format!r}")
        self.name, self.format = folder, format

    def take(self, shipment: Shipment) -> bool:
        """Writes the lot under a temporary name, then renames it; a file of this name is replaced."""
        return self.replace(shipment, ())

    def replace(self, shipment: Shipment, replaced: Sequence[int]) -> bool:
        """Writes the lot under a temporary name, then renames it over the file of the newest of the lots it stands for; files of the others are removed."""
        with self._changing(f"lot {shipment.lot} of {shipment.flow}"):
            self._sweep(shipment.flow)
            places = self._places(shipment.flow)
            mine = {lot: self._place(shipment.flow, lot, places) for lot in {*replaced, shipment.lot}}
            there = [lot for lot in sorted(mine) if os.path.exists(os.path.join(self.name, mine[lot]))]
            name = mine[shipment.lot if shipment.lot in there or not there else there[-1]]
            # Before the rename: a file under another lot's name that nothing says so of would be taken for that lot's.
            self._say(shipment.flow, places, {**{lot: place for lot, place in places.items() if lot not in mine}, shipment.lot: name})
            with self._part(name) as (file, part):
                self._write(file, shipment)
                file.flush()
                os.fsync(file.fileno())
                file.close()
                os.replace(part, os.path.join(self.name, name))
            _sync(self.name)  # the new rows are there for good before anything else goes
            self._remove({mine[lot] for lot in there} - {name})
        return True

    def withdraw(self, withdrawal: Withdrawal) -> bool:
        """Removes the files of lots that stand no longer; False where there were none."""
        with self._changing(f"taking back lots of {withdrawal.flow}"):
            places = self._places(withdrawal.flow)
            removed = self._remove({self._place(withdrawal.flow, lot, places) for lot in withdrawal.lots})
            self._say(withdrawal.flow, places, {lot: place for lot, place in places.items() if lot not in withdrawal.lots})
        return removed

    @contextlib.contextmanager
    def _changing(self, what: str) -> Iterator[None]:
        if not os.path.isdir(self.name):
            raise TargetError(self.name, "there is no such folder", next_step="make it, or mount what it is on")
        try:
            yield
            _sync(self.name)
        except (OSError, ValueError, pa.ArrowException, pl.exceptions.PolarsError) as error:
            raise TargetError(self.name, f"{what}: {getattr(error, 'strerror', None) or error}", next_step="look at the disk and the rights; the next push tries again") from error

    @contextlib.contextmanager
    def _part(self, name: str) -> Iterator[tuple[IO[bytes], str]]:
        """A file that no pattern of a reader meets; gone if it was not renamed."""
        descriptor, part = tempfile.mkstemp(prefix=f".{name}.", suffix=PART, dir=self.name)
        try:
            with open(descriptor, "wb") as file:
                os.chmod(part, 0o644)
                yield file, part
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(part)
            raise

    def _place(self, flow: str, lot: int, places: Mapping[int, str]) -> str:
        """The name of the file of a lot."""
        own = f"{flow}-{lot:06}.{self.format}"
        others = {name for other, name in places.items() if other != lot}
        free = (own, *(f"{flow}-{lot:06}-{number}.{self.format}" for number in range(2, len(others) + 3)))
        return places.get(lot) or next(name for name in free if name not in others)

    def _places(self, flow: str) -> dict[int, str]:
        """The lots whose files are not called after them, and how they are called."""
        try:
            with open(self._list(flow), encoding="utf-8") as file:
                return {int(lot): str(name) for lot, name in json.load(file).items()}
        except FileNotFoundError:
            return {}

    def _say(self, flow: str, before: Mapping[int, str], now: Mapping[int, str]) -> None:
        odd = {lot: name for lot, name in now.items() if name != f"{flow}-{lot:06}.{self.format}"}
        if odd == before:
            return
        with self._part(os.path.basename(self._list(flow))[1:]) as (file, part):
            file.write(json.dumps(odd).encode())
            file.flush()
            os.fsync(file.fileno())
            os.replace(part, self._list(flow))
        _sync(self.name)

    def _list(self, flow: str) -> str:
        return os.path.join(self.name, f".{flow}-{self.format}.places")

    def _remove(self, names: set[str]) -> bool:
        removed = False
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(self.name, name))
                removed = True
        return removed

    def _write(self, file: IO[bytes], shipment: Shipment) -> None:
        if self.format == "csv":
            file.write(settled(pl.DataFrame(schema=dict(shipment.types))).write_csv().encode())
            for frame in shipment.frames():
                file.write(settled(frame).with_columns(cs.binary().bin.encode("base64")).write_csv(include_header=False).encode())
            return
        schema = pl.DataFrame(schema=dict(shipment.types)).to_arrow().schema
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for frame in shipment.frames():
                writer.write_table(frame.to_arrow().cast(schema))

    def _sweep(self, flow: str) -> None:
        for entry in os.scandir(self.name):
            if entry.name.startswith(f".{flow}-") and entry.name.endswith(PART):
                with contextlib.suppress(OSError):
                    if time.time() - entry.stat().st_mtime > OLD_SECONDS:
                        os.unlink(entry.path)


def _sync(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
