"""Spreadsheets: the sheet that holds the table, after the package around it was searched for traps."""

from __future__ import annotations

import datetime
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import polars as pl

from assayline.core import Cell, Finding, InputFacts
from assayline.errors import LimitExceeded, Unreadable

from .accused import EXAMPLES, NamedCells
from .archives import READ_BYTES, Window, open_zip, zip_blocks
from .exact import Record
from .header import find_header, header_findings, unique_names
from .plain import named
from .source import FileSource, Source, seekable
from .table import Piece, Table

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
PIECE_ROWS = 50_000
REFERENCE = re.compile(rb'<c\s[^>]*?\br="([A-Z]{1,3})(\d{1,7})"')
VALUE = re.compile(rb"<v[^>/]*>[^<]|<is>")  # a cell that holds something besides its formula
DOCTYPE = re.compile(rb"<!(DOCTYPE|ENTITY)", re.IGNORECASE)
DATE_1904 = re.compile(rb'date1904\s*=\s*"(1|true)"', re.IGNORECASE)
DAYS_1904 = 1462  # days between the two date systems of Excel


class SheetReader:
    """XLSX, XLSM, XLSB, XLS and ODS."""

    name = "excel"
    rank = 20

    def claims(self, source: Source) -> bool:
        """Old binary containers, and packages that reach the readers (plain archives were unpacked before)."""
        return source.head.startswith((OLE, b"PK\x03\x04", b"PK\x05\x06"))

    def open(self, source: Source) -> Table:
        """The table on the first sheet that holds one."""
        return SheetTable(source, seekable(source))


class SheetTable:
    """One sheet as a table: typed columns where all cells agree, text where they do not."""

    text = False

    def __init__(self, source: Source, file: FileSource) -> None:
        self.source, self.file = source, file
        self.extra: list[Finding] = []
        self.formulas: list[tuple[int, int]] = []
        self.details: dict[str, str] = {}
        if source.head.startswith(OLE):
            _check_ole(source.path, source.suffix, file)
        else:
            self._check_package()
        import python_calamine

        with named(source.path, "the workbook cannot be read", next_step="open and save it in a spreadsheet program, or save it as CSV"):
            book = python_calamine.CalamineWorkbook.from_filelike(io.BufferedReader(Window(file), 1 << 16))
            names = list(book.sheet_names)
            self.sheet = None
            for name in names:
                sheet = book.get_sheet_by_name(name)
                if sheet.height and sheet.width:
                    self.sheet, self.sheet_name = sheet, name
                    break
        if self.sheet is None:
            raise Unreadable(source.path, "all its sheets are empty", next_step="ask for it again")
        if self.sheet.height * self.sheet.width > source.limits.cells:
            raise LimitExceeded(
                source.path,
                f"its sheet spans {self.sheet.height} rows and {self.sheet.width} columns",
                place=f"sheet {self.sheet_name!r}",
                next_step="delete stray cells far from the table",
            )
        self.details["sheet"] = self.sheet_name
        if len(names) > 1:
            self.details["other_sheets"] = ", ".join(name for name in names if name != self.sheet_name)[:500]
        self._read_header()
        self._read_types()
        self.rows = 0
        self.rows_hint = self.count

    # -- what could be a trap ---------------------------------------------------------------------------------

    def _check_package(self) -> None:
        archive = open_zip(self.file)
        names = [entry.filename for entry in archive.infolist()]
        if not any(name in ("xl/workbook.xml", "xl/workbook.bin", "content.xml") for name in names):
            raise Unreadable(
                self.source.path,
                "it is a zip, but there is no workbook inside",
                place="its directory",
                next_step="ask for it again, or correct its name",
            )
        for entry in archive.infolist():
            if entry.filename.lower().endswith((".xml", ".rels")):
                self._check_xml(archive, entry)
        if any(name.lower().endswith("vbaproject.bin") for name in names):
            self.extra.append(
                Finding(
                    "active_content",
                    (),
                    "The workbook carries macros (vbaProject.bin); nothing was run.",
                    0.4,
                    evidence={"parts": 1},
                    suggestion="ask for a workbook without macros (.xlsx)",
                )
            )
        if any("externallinks/" in name.lower() for name in names):
            self.extra.append(
                Finding(
                    "active_content",
                    (),
                    "The workbook links to other files; nothing was followed.",
                    0.3,
                    evidence={"parts": sum("externallinks/" in name.lower() for name in names)},
                )
            )

    def _check_xml(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
        sheet = entry.filename.startswith("xl/worksheets/") and "/_rels/" not in entry.filename
        tail = b""
        right = bottom = cells = 0
        for block in zip_blocks(self.source, archive, entry):
            data = tail + block
            if DOCTYPE.search(data):
                raise Unreadable(
                    self.source.path,
                    f"the part {entry.filename!r} declares entities, which are never expanded",
                    place=f"part {entry.filename!r}",
                    next_step="ask for CSV, or for a workbook saved by a spreadsheet program",
                )
            if entry.filename == "xl/workbook.xml" and DATE_1904.search(data):
                self.details["date_system"] = "1904"
                self.extra.append(
                    Finding(
                        "dialect",
                        (),
                        f"The workbook counts days from 1904, as old Macs did: dates read as plain numbers are {DAYS_1904} days off.",
                        0.3,
                        evidence={"days_off": DAYS_1904},
                        suggestion="switch the workbook to the 1900 date system",
                    )
                )
            cut = data.rfind(b"</c>") + 4 if sheet and b"</c>" in data else max(0, len(data) - 4096)
            if sheet:
                for found in REFERENCE.finditer(data, 0, cut):
                    right, bottom, cells = max(right, _column(found.group(1))), max(bottom, int(found.group(2))), cells + 1
                self._find_formulas(data[:cut])
            tail = data[cut:]
            if len(tail) > 64 * READ_BYTES:
                raise LimitExceeded(
                    self.source.path, "one cell is longer than 64 MiB", place=f"part {entry.filename!r}", next_step="ask for CSV"
                )
        if right * bottom > max(self.source.limits.cells, 0) or (right * bottom > 5_000_000 and cells * 1000 < right * bottom):
            raise LimitExceeded(
                self.source.path,
                f"its {cells} cells are spread over {bottom} rows and {right} columns",
                place=f"part {entry.filename!r}",
                next_step="delete stray cells far from the table",
            )

    def _find_formulas(self, data: bytes) -> None:
        if b"<f" not in data:
            return
        for cell in data.split(b"</c>"):
            if b"<f" in cell and not VALUE.search(cell):
                found = None
                for found in REFERENCE.finditer(cell):  # noqa: B007 - the last reference is the one of this cell
                    pass
                if found is not None and len(self.formulas) < 100_000:
                    self.formulas.append((int(found.group(2)), _column(found.group(1)) - 1))

    # -- rows and types ---------------------------------------------------------------------------------------

    def _rows(self) -> Iterator[list[Any]]:
        assert self.sheet is not None
        with named(self.source.path, "the sheet cannot be read", f"sheet {self.sheet_name!r}"):
            yield from self.sheet.iter_rows()

    def _read_header(self) -> None:
        assert self.sheet is not None
        first = []
        for row in self._rows():
            first.append(row)
            if len(first) >= 200:
                break
        filled = [sum(_filled(cell) for cell in row) for row in first]
        width = max((place + 1 for row in first for place, cell in enumerate(row) if _filled(cell)), default=0)
        if not width or not any(filled):
            raise Unreadable(
                self.source.path,
                "its first 200 rows are empty",
                place=f"sheet {self.sheet_name!r}",
                next_step="put the table at the top of the sheet",
            )
        records = [Record([_as_bytes(cell) for cell in row[:width]], number, number + 1, False) for number, row in enumerate(first)]
        self.header = find_header(records, width)
        self.full_width = max(width, self.sheet.width)
        raw = [_as_text(cell) or "" for cell in first[self.header.at]] if self.header.at >= 0 else [""] * width
        raw = (raw + [""] * self.full_width)[: self.full_width]
        while len(raw) > width and not raw[-1]:
            raw.pop()
        self.width = len(raw)
        self.raw_names = raw if self.header.at >= 0 else [f"column_{number}" for number in range(1, self.width + 1)]
        self.columns = unique_names(self.raw_names)
        start = self.sheet.start or (0, 0)
        self.top, self.left = start

    def _data(self) -> Iterator[list[Any]]:
        """The data rows: below the header, without the empty rows at the end."""
        pending = 0
        for number, row in enumerate(self._rows()):
            if number < self.header.first:
                continue
            row = row[: self.width]
            if not any(_filled(cell) for cell in row):
                pending += 1
                continue
            for _ in range(pending):
                yield [None] * self.width
            pending = 0
            yield [cell if _filled(cell) else None for cell in row] + [None] * (self.width - len(row))

    def _read_types(self) -> None:
        kinds: list[set[str]] = [set() for _ in range(self.width)]
        self.count = 0
        for row in self._data():
            self.count += 1
            for place, cell in enumerate(row):
                if cell is not None:
                    kinds[place].add(_kind(cell))
        self.dtypes = tuple(_dtype(one) for one in kinds)
        self.mixed = [
            self.columns[place]
            for place, one in enumerate(kinds)
            if len(one) > 1 and not one <= {"int", "float"} and not one <= {"date", "datetime"}
        ]

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[Piece]:
        """The rows in order."""
        self.file.start_digest()
        wanted = list(range(self.width)) if columns is None else [n for n, name in enumerate(self.columns) if name in set(columns)] or [0]
        start, held = 0, []
        for row in self._data():
            held.append(row)
            if len(held) >= PIECE_ROWS:
                yield Piece(start, len(held), partial(self._load, held, wanted))
                start, held = start + len(held), []
        if held:
            yield Piece(start, len(held), partial(self._load, held, wanted))
        self.rows = start + len(held)
        self.source.settle()

    def _load(self, rows: list[list[Any]], wanted: list[int]) -> pl.DataFrame:
        series = []
        for place in wanted:
            dtype = self.dtypes[place]
            cells = [row[place] for row in rows]
            if dtype == pl.String():
                cells = [_as_text(cell) for cell in cells]
            elif dtype == pl.Int64():
                cells = [None if cell is None else int(cell) for cell in cells]
            elif isinstance(dtype, pl.Datetime):
                cells = [
                    datetime.datetime(cell.year, cell.month, cell.day) if cell is not None and type(cell) is datetime.date else cell
                    for cell in cells
                ]
            series.append(pl.Series(self.columns[place], cells, dtype=dtype, strict=False))
        return pl.DataFrame(series)

    # -- what was noticed -------------------------------------------------------------------------------------

    def facts(self) -> InputFacts:
        """What was read."""
        return InputFacts(
            path=self.source.path,
            digest=self.source.digest(),
            rows=self.rows,
            columns=len(self.columns),
            bytes=self.source.stored_bytes(),
            format="excel",
            details=dict(self.source.details) | self.details,
        )

    def findings(self) -> tuple[Finding, ...]:
        """What is odd about the workbook, its header and its cells."""
        found = [*self.source.notes, *self.extra]
        if self.header.at < 0:
            found.append(
                Finding(
                    "missing_header",
                    (),
                    "The first row looks like data and not like names.",
                    0.5,
                    evidence={"columns": self.width},
                    suggestion="add a first row with the names of the columns",
                )
            )
        else:
            found += header_findings(self.raw_names, self.columns)
        if self.header.titles:
            found.append(
                Finding(
                    "preamble",
                    (),
                    f"{self.header.titles} {'row stands' if self.header.titles == 1 else 'rows stand'} above the header and were left out.",
                    0.4,
                    evidence={"lines_above": self.header.titles},
                    suggestion="deliver the table without titles",
                )
            )
        if self.formulas:
            found.append(self._formula_finding())
        if self.mixed:
            found.append(
                Finding(
                    "mixed_types",
                    tuple(self.mixed[:20]),
                    f"{len(self.mixed)} columns hold cells of several types, such as {self.mixed[0]}; they were read as text.",
                    0.3,
                    evidence={"columns": len(self.mixed)},
                    suggestion="give all cells of a column one format",
                )
            )
        return tuple(found)

    def _formula_finding(self) -> Finding:
        first = self.top + self.header.first + 1  # the sheet's own number of the first data row
        cells = sorted(
            {
                (row - first, self.columns[column - self.left])
                for row, column in self.formulas
                if row >= first and 0 <= column - self.left < self.width and row - first < self.count
            }
        )
        columns = tuple(dict.fromkeys(name for _, name in cells))[:20]
        return Finding(
            "formula_cells",
            columns,
            f"{len(self.formulas)} cells hold a formula without a calculated value; they are empty for every reader.",
            0.5,
            rows=len({row for row, _ in cells}),
            evidence={"cells": len(self.formulas)},
            suggestion="open and save the workbook in a spreadsheet program, or deliver values",
            exact_rows=True,
            locate=NamedCells(tuple(row for row, _ in cells), tuple(name for _, name in cells), 0.95),
            examples=tuple(Cell(row, name, 0.95) for row, name in cells[:EXAMPLES]),
        )

    def close(self) -> None:
        """Lets go of the file."""
        self.source.close()


def _check_ole(path: str, suffix: str, file: FileSource) -> None:
    data = file.at(0, min(file.size, 4 << 20))
    if "EncryptedPackage".encode("utf-16-le") in data or suffix in (".xlsx", ".xlsm", ".xlsb"):
        raise Unreadable(
            path,
            "it is encrypted with a password (an OLE container instead of a zip)",
            place="byte 0",
            next_step="remove the password in the spreadsheet program",
        )
    if "Workbook".encode("utf-16-le") not in data and "Book".encode("utf-16-le") not in data:
        raise Unreadable(
            path,
            "it is an OLE container without a workbook (a document, a message or a damaged file)",
            place="byte 0",
            next_step="name a table",
        )


def _column(letters: bytes) -> int:
    """1 for A, 27 for AA.

    >>> _column(b"A"), _column(b"XFD")
    (1, 16384)
    """
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _filled(cell: Any) -> bool:
    return cell is not None and cell != ""


def _kind(cell: Any) -> str:
    if isinstance(cell, bool):
        return "bool"
    if isinstance(cell, (int, float)):
        return "int" if float(cell).is_integer() and abs(cell) < 1 << 53 else "float"
    if isinstance(cell, datetime.datetime):
        return "datetime"
    if isinstance(cell, datetime.date):
        return "date"
    if isinstance(cell, datetime.time):
        return "time"
    if isinstance(cell, datetime.timedelta):
        return "duration"
    return "text"


def _dtype(kinds: set[str]) -> pl.DataType:
    table: dict[frozenset[str], pl.DataType] = {
        frozenset({"bool"}): pl.Boolean(),
        frozenset({"int"}): pl.Int64(),
        frozenset({"float"}): pl.Float64(),
        frozenset({"int", "float"}): pl.Float64(),
        frozenset({"date"}): pl.Date(),
        frozenset({"datetime"}): pl.Datetime("us"),
        frozenset({"date", "datetime"}): pl.Datetime("us"),
        frozenset({"time"}): pl.Time(),
        frozenset({"duration"}): pl.Duration("us"),
    }
    return table.get(frozenset(kinds), pl.String())


def _as_text(cell: Any) -> str | None:
    if cell is None or cell == "":
        return None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1 << 53:
        return str(int(cell))
    return str(cell)


def _as_bytes(cell: Any) -> bytes | None:
    text = _as_text(cell)
    return None if text is None else text.encode("utf-8", "replace")
