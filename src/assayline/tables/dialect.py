"""How a delimited text is cut: found by trying, not by asking."""

from __future__ import annotations

import functools
import math
import re
from collections import Counter
from dataclasses import dataclass

from .exact import Lexer, Record

SAMPLE_RECORDS = 400
# In the order in which they win a tie; the last three cut ordinary text too and need more evidence.
DELIMITERS = (b",", b"\t", b";", b"|", b"\x1f", b"\x01", b"^", b"~", b":", b" ")
DOUBTFUL = {b":": 0.35, b" ": 0.35, b"^": 0.8, b"~": 0.8}
NAMES = {
    b",": "comma",
    b"\t": "tab",
    b";": "semicolon",
    b"|": "bar",
    b"\x1f": "unit separator",
    b"\x01": "^A",
    b"^": "caret",
    b"~": "tilde",
    b":": "colon",
    b" ": "blank",
}
LONGEST_TYPED = 40  # bytes; no number or time is longer
SEP_LINE = re.compile(rb"\Asep=(.)\r?\n", re.IGNORECASE)

# One pattern, so that a cell is looked at by one call: a number, a number in groups of three, a time, or a word.
TYPED = re.compile(
    rb"\s*(?:[-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][-+]?\d+)?\s*%?"
    rb"|[-+]?\d{1,3}(?:[.,' ]\d{3})+(?:[.,]\d+)?"
    rb"|(?=[^0-9]*[0-9])(?:\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4})?[ T]?(?:\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)?\s*(?:Z|[-+]\d{2}:?\d{2})?"
    rb"|(?i:true|false|yes|no|null|nan|none|n/?a|inf|-inf))\s*\Z"
)


@dataclass(frozen=True)
class Dialect:
    """The delimiter, the quote and the escape of a delimited text, as single bytes.

    >>> Dialect()
    Dialect(delimiter=b',', quote=b'"', escape=None)
    """

    delimiter: bytes = b","
    quote: bytes | None = b'"'
    escape: bytes | None = None

    def lexer(self) -> Lexer:
        """The exact reader of this dialect."""
        return Lexer(self.delimiter, self.quote, self.escape)


@dataclass(frozen=True)
class Sample:
    """The first records of a text under one dialect."""

    dialect: Dialect
    records: list[Record]
    width: int
    score: float


def sniff(text: bytes, *, final: bool, suffix: str = "") -> Sample:
    """The dialect under which the first lines look most like a table.

    Args:
        text: the start of the text, in UTF-8 or another superset of ASCII.
        final: whether that is all of it.
        suffix: the extension of its name, which decides ties.

    >>> sniff(b"id;amount\\n1;1.234,56\\n2;7,5\\n", final=True).dialect.delimiter
    b';'
    """
    candidates = [delimiter for delimiter in DELIMITERS if delimiter in text]
    if suffix in (".tsv", ".tab") and b"\t" in candidates:
        candidates.sort(key=lambda delimiter: delimiter != b"\t")
    best: Sample | None = None
    for delimiter in candidates:
        if best is not None and best.score > _most(text, delimiter):
            continue
        dialect = Dialect(delimiter, _quote(text, delimiter))
        found = _sample(text, dialect, final)
        if best is None or found.score > best.score + 1e-9:
            best = found
    alone = _sample(text, Dialect(), final) if best is None or b"," not in candidates else None
    if best is None or best.score <= 0.02:
        best = alone or _sample(text, Dialect(), final)
    if best.dialect.quote is not None and b"\\" + best.dialect.quote in text:
        escaped = _sample(text, Dialect(best.dialect.delimiter, best.dialect.quote, b"\\"), final)
        if sum(record.broken for record in escaped.records) < sum(record.broken for record in best.records):
            best = escaped
    return best


def _sample(text: bytes, dialect: Dialect, final: bool) -> Sample:
    records = []
    for record in dialect.lexer()(text, final=final):
        records.append(record)
        if len(records) >= SAMPLE_RECORDS:
            break
    if not records and text:  # one record that is longer than the sample: what is there of it still shows its fields
        records = list(dialect.lexer()(text, final=True))[:1]
    filled = [record for record in records if len(record.fields) > 1 or record.fields[0]]
    if not filled:
        return Sample(dialect, records, 1, 0.0)
    widths = Counter(len(record.fields) for record in filled)
    # The most frequent width; among equals the larger, so that a title line does not win.
    width = max(widths, key=lambda one: (widths[one], one))
    if width == 1 and len(widths) > 1:  # titles and notes may outnumber the rows of a very short table
        rest = {one: count for one, count in widths.items() if one > 1}
        second = max(rest, key=lambda one: (rest[one], one))
        if rest[second] >= 2 and rest[second] * 2 >= widths[1]:
            width = second
    share = widths[width] / len(filled)
    if width == 1:
        return Sample(dialect, records, 1, 0.02)
    cells = [cell for record in filled[:200] if len(record.fields) == width for cell in record.fields[:200]]
    clean = sum(_clean(cell) for cell in cells) / len(cells)
    broken = sum(record.broken for record in filled) / len(filled)
    score = share * share * clean * clean * (1 - 0.5 * broken) * (1 + 0.05 * math.log(width)) * (1 - 0.3 / width)
    return Sample(dialect, records, width, score * DOUBTFUL.get(dialect.delimiter, 1.0))


def _most(text: bytes, delimiter: bytes) -> float:
    """The score this delimiter has at most: every line cut alike into as many fields as there are delimiters, each of them clean."""
    return DOUBTFUL.get(delimiter, 1.0) * (1 + 0.05 * math.log(text.count(delimiter) + 1))


def _clean(cell: bytes | None) -> float:
    """How much a cell looks like one value and not like several glued together."""
    if cell is None or not cell.strip():
        return 0.95
    if looks_typed(cell):
        return 1.0
    glued = sum(mark in cell for mark in (b",", b";", b"\t", b"|"))
    return 0.9 if not glued else 0.6 if glued == 1 else 0.4


def looks_typed(cell: bytes) -> bool:
    """Whether a cell reads as a number, a date, a time or a truth value."""
    return len(cell) <= LONGEST_TYPED and _is_typed(cell)


@functools.lru_cache(16_384)  # the cells of a table repeat, and the search for the header asks again
def _is_typed(cell: bytes) -> bool:
    return TYPED.match(cell) is not None


def _quote(text: bytes, delimiter: bytes) -> bytes:
    """The quote: ' only where it clearly encloses fields and " does not occur."""
    if b'"' in text or b"'" not in text:
        return b'"'
    enclosed = len(
        re.findall(rb"(?:^|" + re.escape(delimiter) + rb")'[^'\r\n]*'(?=" + re.escape(delimiter) + rb"|\r?$)", text, re.MULTILINE)
    )
    return b"'" if enclosed >= 2 and enclosed * 2 * 1.05 >= text.count(b"'") - text.count(b"''") * 2 else b'"'
