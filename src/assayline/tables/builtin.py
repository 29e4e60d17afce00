"""The readers that come with Assayline, cheapest question first; their libraries are loaded when they open something."""

from __future__ import annotations

from .addresses import DatabaseReader
from .arrowfile import ArrowReader, OrcReader
from .avro import AvroReader
from .delimited import DelimitedReader
from .jsontext import JsonReader
from .parquet import ParquetReader
from .spreadsheet import SheetReader
from .table import Reader


def built_in() -> list[Reader]:
    """One instance of each."""
    return [ParquetReader(), ArrowReader(), OrcReader(), AvroReader(), DatabaseReader(), SheetReader(), JsonReader(), DelimitedReader()]
