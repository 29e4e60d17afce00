"""Cuts records one by one where the quoting is broken: slow, but it never loses a line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

Field = bytes | None  # None: an empty field without quotes


class Record(NamedTuple):
    """One record: its fields without their quotes, where it stands, and whether a quote in it was broken."""

    fields: list[Field]
    start: int
    end: int
    broken: bool


class Lexer:
    """Reads records from bytes by these rules.

    A quote opens a field only as its first byte; it is closed by a quote that a delimiter, a line end or the end follows. A quote
    that finds no such partner on its line, nor (for a text of several lines) further down before another stray
    quote, is an ordinary character of a field that ends at the next delimiter.

    >>> [record.fields for record in Lexer(b",", b'"')(b'1,"a"b\\n2,5" pipe\\n3,"never\\n4,"ok, fine"\\n', final=True)]
    [[b'1', b'"a"b'], [b'2', b'5" pipe'], [b'3', b'"never'], [b'4', b'ok, fine']]
    """

    def __init__(self, delimiter: bytes, quote: bytes | None, escape: bytes | None = None, *, pairing: bool = True) -> None:
        self.pairing = pairing  # whether a quote followed by a stray one is paired with a later one on its line
        self.delimiter, self.quote, self.escape = delimiter, quote, escape
        self.stop = re.compile(b"[" + re.escape(delimiter) + b"\r\n]")
        self.line = re.compile(b"[\r\n]")
        self.partner = re.compile(re.escape(quote or b'"') + b"(?=[" + re.escape(delimiter) + b"\r\n]|\\Z)")

    def __call__(self, data: bytes, *, final: bool, start: int = 0, stop: int | None = None) -> Iterator[Record]:
        """The complete records from `start` on, up to the first that begins at or behind `stop`."""
        at, length = start, len(data)
        while at < length and (stop is None or at < stop):
            record = self._record(data, at, final)
            if record is None:
                return
            yield record
            at = record.end

    def _record(self, data: bytes, start: int, final: bool) -> Record | None:
        if self.escape is None:
            plain = self._plain(data, start, final)
            if plain is not None:
                return plain
        fields: list[Field] = []
        broken = False
        at, length = start, len(data)
        while True:
            value: Field
            if self.quote is not None and data[at : at + 1] == self.quote:
                closed = self._closing(data, at, final)
                if closed is None:
                    return None
                end, regular = closed
                if end >= 0:
                    value = data[at + 1 : end]
                    value = self._unescaped(value) if regular else value
                    broken = broken or not regular
                    at = end + 1
                else:
                    broken = True
                    value, at = self._bare(data, at)
            else:
                value, at = self._bare(data, at)
                if self.escape and value and self.escape in value:
                    value = self._unescaped(value)
                broken = broken or (self.quote is not None and value is not None and self.quote in value)
            fields.append(value)
            if at >= length:
                return Record(fields, start, length, broken) if final else None
            byte = data[at : at + 1]
            if byte == self.delimiter:
                at += 1
                if at >= length and final:
                    fields.append(None)
                    return Record(fields, start, length, broken)
                if at >= length:
                    return None
                continue
            if byte == b"\r":
                if at + 1 >= length and not final:
                    return None
                at += 2 if data[at + 1 : at + 2] == b"\n" else 1
            else:
                at += 1
            return Record(fields, start, at, broken)

    def _plain(self, data: bytes, start: int, final: bool) -> Record | None:
        """The record of a line without quotes, cut in one go; None where a quote, or the end of the data, needs more care."""
        found = self.line.search(data, start)
        if found is None:
            return None
        stop, end = found.start(), found.end()
        if self.quote is not None and data.find(self.quote, start, stop) >= 0:
            return None
        if data[stop] == 13:
            if end >= len(data) and not final:
                return None
            end += data[end : end + 1] == b"\n"
        return Record([field or None for field in data[start:stop].split(self.delimiter)], start, end, False)

    def _bare(self, data: bytes, at: int) -> tuple[Field, int]:
        found = self.stop.search(data, at)
        while (
            found is not None
            and self.escape
            and found.group() == self.delimiter
            and data[found.start() - 1 : found.start()] == self.escape
            and found.start() > at
        ):
            found = self.stop.search(data, found.end())
        end = found.start() if found else len(data)
        return (data[at:end] or None), end

    def _closing(self, data: bytes, opening: int, final: bool) -> tuple[int, bool] | None:
        """Offset of the closing quote and whether everything between is regular; (-1, False) if there is none; None: need more bytes."""
        assert self.quote is not None
        found = self.line.search(data, opening)
        line_end = found.start() if found else len(data)
        at = opening + 1
        while True:
            at = data.find(self.quote, at)
            if at < 0:
                return (-1, False) if final else None
            if self.escape and _escaped(data, at, opening, self.escape):
                at += 1
                continue
            follower = data[at + 1 : at + 2]
            if follower == self.quote:
                at += 2
                continue
            if follower in (self.delimiter, b"\n", b"\r"):
                return at, True
            if not follower:
                return (at, True) if final else None
            break
        # A stray quote: its partner is looked for on the line where the field began, and nowhere else.
        if not self.pairing:
            return -1, False
        later = self.partner.search(data, at + 1, line_end + 1 if line_end < len(data) else len(data))
        if later is not None and later.start() < line_end and at < line_end:
            return later.start(), False
        return -1, False

    def _unescaped(self, value: bytes) -> bytes:
        assert self.quote is not None
        if self.escape:
            value = re.sub(re.escape(self.escape) + b"(.)", lambda found: found.group(1), value, flags=re.DOTALL)
        return value.replace(self.quote * 2, self.quote)


def _escaped(data: bytes, at: int, opening: int, escape: bytes) -> bool:
    count = 0
    while at - 1 - count > opening and data[at - 1 - count : at - count] == escape:
        count += 1
    return count % 2 == 1


def written(fields: list[Field], delimiter: bytes, quote: bytes = b'"') -> bytes:
    """The record as regular text: quoted wherever that could matter, an empty text as "".

    >>> written([b"1", None, b"", b'5" pipe'], b",")
    b'1,,"","5"" pipe"\\n'
    """
    return delimiter.join(b"" if field is None else _quoted(field, delimiter, quote) for field in fields) + b"\n"


def _quoted(field: bytes, delimiter: bytes, quote: bytes) -> bytes:
    if field and not (quote in field or delimiter in field or b"\n" in field or b"\r" in field):
        return field
    return quote + field.replace(quote, quote * 2) + quote
