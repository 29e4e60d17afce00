"""Rows of the store as a table that is typed as their file was."""

from __future__ import annotations

from assayline.tables.table import Table


class AsItCame:
    """Rows in memory that stood as text in a file, and are typed by majority as they were then."""

    def __init__(self, table: Table, *, text: bool) -> None:
        self._table, self.text = table, text
        self.columns = table.columns
        self.pieces, self.facts, self.findings, self.close = table.pieces, table.facts, table.findings, table.close

    @property
    def rows_hint(self) -> int:
        """All rows."""
        return self._table.rows_hint
