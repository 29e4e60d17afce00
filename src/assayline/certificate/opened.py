"""Frames as tables: as they are, or as the text of a file that is typed by majority."""

from __future__ import annotations

import polars as pl

from assayline.tables import Table
from assayline.tables.frames import FrameTable


class TextTable(FrameTable):
    """Columns of text in memory that are to be read as a text file is: numbers and times by majority."""

    text = True


def opened(frame: pl.DataFrame, text: bool = False) -> Table:
    """The table behind a frame.

    Args:
        frame: the rows.
        text: every column holds text as it stands in a file.

    >>> from assayline.scanning.table_scan import profile_of
    >>> from assayline.measures import Moments
    >>> profile_of(opened(pl.DataFrame({"kilos": ["1.5", "2.5"]}), text=True)).of("kilos", Moments) is not None
    True
    """
    return (TextTable if text else FrameTable)(frame.columns, frame.get_columns(), "polars", height=frame.height)
