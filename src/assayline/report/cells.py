r"""The list of accused cells as CSV, `row,column,code,confidence,value,suggestion`, and reading it back.

The file is opened in spreadsheets by people who did not make the data, so no value may act as a formula:
one that starts like a formula gets an apostrophe in front (`=1+1` becomes `'=1+1`); numbers such as -5 and +1.5
stay as they are. Names of columns stay verbatim as long as they cannot be a formula, because they are matched by
name. `read_cells` takes the apostrophe away again.

>>> import io
>>> from assayline.core import Cell
>>> file = io.StringIO()
>>> with CellsWriter(file) as writer:
...     writer.write("typo", [Cell(3, "city", 0.9, "Brelin", "Berlin")])
>>> print(file.getvalue(), end="")
row,column,code,confidence,value,suggestion
3,city,typo,0.9,Brelin,Berlin
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, TextIO

from ..core import Cell, rounded
from ..errors import Unreadable

HEADER = ("row", "column", "code", "confidence", "value", "suggestion")

# What makes a spreadsheet compute: = + - @, TAB, CR and LF, and their full-width twins (OWASP, "CSV Injection").
_STARTS = "=+\\-@\t\r\n＝＋－＠"
_FORMULA = re.compile(f"'*[{_STARTS}]")
_PLAIN_NUMBER = re.compile(r"[+-]?(\d[\d,]*(\.\d*)?|\.\d+)([eE][+-]?\d+)?%?\Z", re.ASCII)
_BARE_SIGN = re.compile(r"[+-]*\Z")  # "-" and "--" are the commonest placeholders there are, and compute nothing
# A name that starts with + - @ computes only with a call, a reference to another sheet, or a DDE topic.
_ACTIVE_NAME = re.compile("'*(?:[=\t\r\n＝＋－＠]|[+\\-@].*[(!|])", re.DOTALL)
_QUOTED = re.compile('[",\r\n]')
_FIELD = re.compile(r'(?:"([^"]*(?:""[^"]*)*)"|([^",\r\n]*))(,|\r?\n|\r|\Z)')


class AccusedCell(NamedTuple):
    """One line of the file."""

    code: str
    cell: Cell


class CellsWriter:
    """Writes accused cells as they are found; a context manager.

    Args:
        target: a path, which is overwritten, or an open text file, which is left open.

    An empty cell (`value` None) and an unknown suggestion (None) are written as nothing; a suggestion "" (the cell should be
    empty) as `""`. NUL becomes ␀ and a lone surrogate its \\u escape, because CSV readers cut or refuse the line otherwise.
    """

    def __init__(self, target: str | os.PathLike[str] | TextIO) -> None:
        self._own = isinstance(target, (str, os.PathLike))
        self._file: TextIO
        if isinstance(target, (str, os.PathLike)):
            # backslashreplace: a name of undecodable bytes must not end the run after the work is done.
            self._file = Path(target).open("w", encoding="utf-8", errors="backslashreplace", newline="")  # noqa: SIM115
        else:
            self._file = target
        self._file.write(",".join(HEADER) + "\n")
        self.count = 0

    def write(self, code: str, cells: Iterable[Cell]) -> None:
        """Add the cells one finding accuses, in order of their rows."""
        ordered = sorted(cells, key=lambda cell: (cell.row, cell.column))
        self._file.writelines(_line(code, cell) for cell in ordered)
        self.count += len(ordered)

    def close(self) -> None:
        """Finish the file; a file that was given open is only flushed."""
        if self._own:
            self._file.close()
        else:
            self._file.flush()

    def __enter__(self) -> CellsWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def read_cells(source: str | os.PathLike[str] | TextIO) -> Iterator[AccusedCell]:
    """The lines of such a file, with the apostrophes taken away.

    Raises:
        Unreadable: the file is not such a list; the error names the line.

    >>> import io
    >>> next(read_cells(io.StringIO("row,column,code,confidence,value,suggestion\\n7,a,typo,0.5,'=x,\\n"))).cell.value
    '=x'
    """
    name = os.fspath(source) if isinstance(source, (str, os.PathLike)) else "<cells>"
    with _opened(source, name) as file:
        records = _records(file, name)
        line, header = next(records, (1, []))
        if tuple(header) != HEADER:
            raise Unreadable(
                name, f"the first line is not {','.join(HEADER)}", place="line 1", next_step="give a file written by `assay scan --cells`"
            )
        for line, fields in records:
            if len(fields) != len(HEADER):
                raise Unreadable(name, f"there are {len(fields)} fields instead of {len(HEADER)}", place=f"line {line}")
            row, column, code, confidence, value, suggestion = fields
            try:
                place, share = int(row or ""), float(confidence or "")
            except ValueError:
                raise Unreadable(name, f"row {row!r} or confidence {confidence!r} is not a number", place=f"line {line}") from None
            cell = Cell(place, unguarded(column or "", name=True), share, _read_value(value), _read_value(suggestion))
            yield AccusedCell(unguarded(code or ""), cell)


def guarded(text: str, *, name: bool = False) -> str:
    """The text as a cell that no spreadsheet computes.

    Args:
        text: any text.
        name: it is the name of a column: verbatim unless it could really compute.

    >>> [guarded(text) for text in ("=1+1", "-5", "+1.5e3", "-2+3", "@SUM(A1)", "-", "plain")]
    ["'=1+1", '-5', '+1.5e3', "'-2+3", "'@SUM(A1)", '-', 'plain']
    >>> guarded("@type", name=True)
    '@type'
    """
    # Texts that have apostrophes before the sign get one more, so that taking one away is always right.
    return "'" + text if _acts(text, name) else text


def unguarded(text: str, *, name: bool = False) -> str:
    """What `guarded` was given."""
    return text[1:] if text.startswith("'") and _acts(text, name) else text


def _acts(text: str, name: bool) -> bool:
    if name:
        return _ACTIVE_NAME.match(text) is not None
    if not _FORMULA.match(text):
        return False
    bare = text.lstrip("'")
    return _PLAIN_NUMBER.match(bare) is None and _BARE_SIGN.match(bare) is None


def _line(code: str, cell: Cell) -> str:
    value, suggestion = _field(cell.value), _field(cell.suggestion)
    return f"{cell.row},{_field(cell.column, name=True)},{_field(code)},{rounded(float(cell.confidence))},{value},{suggestion}\n"


def _field(text: str | None, *, name: bool = False) -> str:
    if text is None:
        return ""
    text = guarded(text.replace("\0", "␀"), name=name)
    if text == "" or _QUOTED.search(text):
        text = '"' + text.replace('"', '""') + '"'
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text


def _read_value(field: str | None) -> str | None:
    return None if field is None else unguarded(field)


@contextmanager
def _opened(source: str | os.PathLike[str] | TextIO, name: str) -> Iterator[TextIO]:
    if not isinstance(source, (str, os.PathLike)):
        yield source
        return
    with Path(source).open(encoding="utf-8-sig", newline="") as file:
        try:
            yield file
        except UnicodeDecodeError as error:
            raise Unreadable(name, f"byte {error.object[error.start]:#04x} is not UTF-8", next_step="was the file saved again?") from error


def _records(file: TextIO, name: str) -> Iterator[tuple[int, list[str | None]]]:
    """Fields of each record with the line it starts on; None for a field of nothing, "" for `""`.

    The csv module reads both as "", and here the difference is "not known" against "should be empty".
    """
    held, start, quotes = "", 1, 0
    for line, text in enumerate(file, start=1):
        if not held:
            start = line
        held += text
        quotes += text.count('"')
        if quotes % 2:
            continue
        yield start, _fields(held, name, start)
        held, quotes = "", 0
    if held:
        raise Unreadable(name, "a quote is not closed", place=f"line {start}", next_step="was the file cut?")


def _fields(record: str, name: str, line: int) -> list[str | None]:
    fields: list[str | None] = []
    place = 0
    while True:
        match = _FIELD.match(record, place)
        if match is None:
            raise Unreadable(name, f"field {len(fields) + 1} is not well quoted", place=f"line {line}")
        quoted, bare, end = match.groups()
        fields.append(quoted.replace('""', '"') if quoted is not None else (bare or None))
        place = match.end()
        if end != ",":
            return fields
