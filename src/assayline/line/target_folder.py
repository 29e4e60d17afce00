"""A folder as target: one file per released lot, there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from typing import IO

import polars as pl
import polars.selectors as cs
import pyarrow as pa
import pyarrow.parquet as pq

from assayline.errors import MisuseError, TargetError

from .shipment import Shipment, settled

FORMATS = ("parquet", "csv")
PART = ".part"  # with a dot in front and this at the end no pattern of a reader meets a file that is being written
OLD_SECONDS = 86_400.0  # a part this old was left by a process that was killed


class FolderTarget:
    """One file per lot, called FLOW-000012.parquet. The same lot gives the same name and the same bytes.

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
        name = f"{shipment.flow}-{shipment.lot:06}.{self.format}"
        try:
            if not os.path.isdir(self.name):
                raise TargetError(self.name, "there is no such folder", next_step="make it, or mount what it is on")
            self._sweep(shipment.flow)
            descriptor, part = tempfile.mkstemp(prefix=f".{name}.", suffix=PART, dir=self.name)
            try:
                with open(descriptor, "wb") as file:
                    self._write(file, shipment)
                    file.flush()
                    os.fsync(file.fileno())
                os.chmod(part, 0o644)
                os.replace(part, os.path.join(self.name, name))
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(part)
                raise
            _sync(self.name)
        except (OSError, pa.ArrowException, pl.exceptions.PolarsError) as error:
            raise TargetError(self.name, f"{name}: {getattr(error, 'strerror', None) or error}", next_step="look at the disk and the rights; the next push tries again") from error
        return True

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
