"""Delimited text: cut into records by our own count, parsed as text by Polars, and never losing a line."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl

from assayline.core import Finding, InputFacts
from assayline.errors import LimitExceeded, Unreadable

from .accused import Accused
from .dialect import DELIMITERS, NAMES, SEP_LINE, Dialect, Sample, sniff
from .encoding import as_utf8, decoded_blocks, encoding_of, looks_like_text
from .exact import Field, Lexer, written
from .header import find_header, header_findings, unique_names
from .records import Layout, layout
from .source import Source
from .table import Piece, Table

PIECE_BYTES = 16 << 20  # of small files and streams: memory grows with it
LARGE_PIECE_BYTES = 32 << 20  # of large files: a call of the engine costs 0.2 ms whatever its size, and hundreds are made for each piece
SAMPLE_BYTES = 256 << 10
WIDE_SAMPLE_BYTES = 4 << 20  # a header of 100,000 names does not fit into the ordinary sample
PROBE_BYTES = 64 << 10  # where the end of the last line of a piece is looked for
EXACT_BYTES = 256 << 10  # how far the exact reader goes at most before the fast one is tried again
RUN_BYTES = 256  # and at least
WINDOW_BYTES = 256 << 10  # how far the fast one looks then: all of the piece again for every stray quote would be quadratic
HUGE_VALUE = 1 << 20  # a value of a mebibyte is no table cell (PyArrow and DuckDB refuse 1 to 2 MiB by default)
LONG_NAME = 1000
END_ROWS = 200  # last rows that are compared with the very last
TOTAL = re.compile(r"\s*(grand |sub)?-?(totals?|sum|summe|gesamt|insgesamt|total general|totale|totaal)\b", re.IGNORECASE)


class DelimitedReader:
    """CSV, TSV and their kin: the reader of last resort, for whatever is text."""

    name = "csv"
    rank = 90

    def claims(self, source: Source) -> bool:
        """Any text."""
        return bool(source.head) and looks_like_text(source.head)

    def open(self, source: Source) -> Table:
        """The table, with its dialect and header found."""
        return DelimitedTable(source)


@dataclass(frozen=True)
class Cut:
    """A piece of text in which every record has the right number of fields and regular quotes."""

    data: bytes
    start: int
    rows: int
    offset: int
    line: int


class Stretch:
    """Where a piece stands in the file, so that a second pass need not look for it."""

    def __init__(self, at: int, size: int, cut: Cut) -> None:
        self.at, self.size = at, size
        self.start, self.rows, self.offset, self.line = cut.start, cut.rows, cut.offset, cut.line


class DelimitedTable:
    """A delimited text as a table of text columns."""

    text = True

    def __init__(self, source: Source) -> None:
        self.source = source
        self.encoding = encoding_of(source.head)
        self._undecodable: list[int] = []
        sample, complete = self._sample_bytes(SAMPLE_BYTES)
        self.skip = 0
        found = SEP_LINE.match(sample)
        sniffed: Sample | None = None
        if found:
            self.skip = found.end()
            dialect = Dialect(found.group(1))
            sniffed = _under(dialect, sample[self.skip :], complete)
        else:
            sniffed = sniff(sample, final=complete, suffix=source.suffix)
            if len(sniffed.records) < 2 and not complete:
                sample, complete = self._sample_bytes(WIDE_SAMPLE_BYTES)
                sniffed = sniff(sample, final=complete, suffix=source.suffix)
        self.dialect = sniffed.dialect
        self.lexer: Lexer = self.dialect.lexer()
        self.literal = Lexer(self.dialect.delimiter, self.dialect.quote, self.dialect.escape, pairing=False)
        if not any(cell and cell.strip() for record in sniffed.records for cell in record.fields):
            raise Unreadable(source.path, "it holds blank lines and nothing else", place="line 1", next_step="ask for it again")
        self._read_header(sniffed, sample)
        self.accused = Accused()
        self.rows = 0
        self.lines = 0
        self._index: list[Stretch] | None = None
        self._line_ends: dict[str, int] = {}
        self._ends_with_newline = True
        per_row = max(1.0, len(sample) / max(1, sample.count(b"\n") or sample.count(b"\r") or 1))
        self.rows_hint = int(source.size / per_row) if source.size else 0

    # -- opening ---------------------------------------------------------------------------------------------

    def _sample_bytes(self, size: int) -> tuple[bytes, bool]:
        sample = b""
        for block in self._text_blocks(size):
            sample += block
            if len(sample) >= size:
                return sample[:size], False
        return sample, True

    def _text_blocks(self, size: int) -> Iterator[bytes]:
        """The text as bytes that can be cut at ASCII characters, without its byte order mark."""
        blocks = self._unmarked(size)
        if self.encoding.wide:
            self._undecodable = []
            return decoded_blocks(blocks, self.encoding.codec, self._undecodable)
        return blocks

    def _unmarked(self, size: int) -> Iterator[bytes]:
        mark = self.encoding.mark
        for block in self.source.blocks(size):
            if mark:
                block, mark = block[mark:], 0
            yield block

    def _read_header(self, sniffed: Sample, sample: bytes) -> None:
        records = sniffed.records
        header = find_header(records, sniffed.width)
        self.header = header
        self.first_offset = self.skip + (records[header.first].start if header.first < len(records) else records[-1].end if records else 0)
        self.first_line = (
            1 + sample.count(b"\n", 0, self.first_offset) if b"\n" in sample else 1 + sample.count(b"\r", 0, self.first_offset)
        )
        self.header_line = b""
        self.header_short = False
        if header.at >= 0:
            record = records[header.at]
            raw = [_text(cell) for cell in record.fields]
            self.header_line = sample[self.skip + record.start : self.skip + record.end].rstrip(b"\r\n")
            body = [one.fields for one in records[header.first :] if len(one.fields) > 1 or one.fields[0]]
            if sniffed.width == len(raw) + 1 and len(raw) > 1 and body:
                # Every row has one field more: a delimiter at the end of each line, or R's nameless row names in front.
                at_end = all(len(fields) <= len(raw) or not fields[-1] for fields in body)
                raw = [*raw, ""] if at_end else ["", *raw]
                self.header_short = not at_end
            elif sniffed.width > len(raw):
                raw += [""] * (sniffed.width - len(raw))
            self.header_broken = record.broken
        else:
            raw = [f"column_{number}" for number in range(1, sniffed.width + 1)]
            self.header_broken = False
        if len(raw) > self.source.limits.columns:
            raise LimitExceeded(
                self.source.path,
                f"it has {len(raw)} columns, more than the limit of {self.source.limits.columns}",
                place=f"line {self.first_line}",
                next_step="check the delimiter, or raise the limit on columns",
            )
        self.long_names = [name for name in raw if len(name) > LONG_NAME]
        self.raw_names = [name if len(name) <= LONG_NAME else name[:LONG_NAME] + "…" for name in raw]
        self.columns = unique_names(self.raw_names)
        self.schema = dict.fromkeys(self.columns, pl.String)

    # -- cutting ---------------------------------------------------------------------------------------------

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[Piece]:
        """The rows in order; a new iterator starts a new pass."""
        wanted = None if columns is None else [name for name in self.columns if name in set(columns)] or [self.columns[0]]
        if self._index is not None:  # cut before, and nothing had to be mended: the same stretches of the file again
            for stretch in self._index:
                yield Piece(stretch.start, stretch.rows, partial(self._load_again, stretch, wanted))
        else:
            self.accused = Accused()
            for cut in self._cuts():
                yield Piece(cut.start, cut.rows, partial(self._load, cut, wanted, self.accused))
        self.source.settle()

    def _cuts(self) -> Iterator[Cut]:
        self.rows, self._line_ends = 0, {"LF": 0, "CRLF": 0, "CR": 0}
        index: list[Stretch] | None = [] if self.source.seekable and not self.encoding.wide else None
        offset, line = self.first_offset, self.first_line
        windows = self._windows()
        window = next(windows, None)
        while window is not None:
            data, final = window
            cut, used, lines = self._cut(data, final, offset, line)
            if cut is not None and cut.rows:
                if final:
                    self._look_at_end(cut)
                if index is not None:
                    whole = len(cut.data) == used and data.startswith(cut.data)
                    index.append(Stretch(offset + self.encoding.mark, used, cut))
                    index = index if whole else None
                yield cut
                self.rows += cut.rows
            offset += used
            line += lines
            if len(data) - used > 4 * self.source.limits.record_bytes:
                raise LimitExceeded(
                    self.source.path,
                    f"one record is longer than {(len(data) - used) >> 20} MiB",
                    place=f"line {line}",
                    next_step="check that this is a table of lines",
                )
            try:
                window = windows.send(used)
            except StopIteration:
                window = None
        self.lines = line - 1
        self._index = index

    def _windows(self) -> Generator[tuple[bytes, bool], int, None]:
        """Stretches of text and whether each is the last; how much of it was used is sent back, the rest comes again."""
        if not self.source.seekable or self.encoding.wide:
            yield from self._streamed_windows()
            return
        for _ in self.source.blocks(1):  # starts the digest
            break
        offset, size, want = self.encoding.mark + self.first_offset, self.source.size, self._piece_bytes()
        while offset < size:
            length = min(want, size - offset)
            if offset + length < size:
                # The end of the last line is looked for before the bytes are fetched, so that they need not be copied to cut them.
                probe = min(PROBE_BYTES, length)
                newline = self.source.at(offset + length - probe, probe).rfind(b"\n")
                length += newline + 1 - probe if newline >= 0 else 0
            used = yield self.source.at(offset, length), offset + length >= size
            if not used and offset + length >= size:
                return
            offset += used
            want = self._piece_bytes() if used else want * 2

    def _piece_bytes(self) -> int:
        return min(LARGE_PIECE_BYTES, max(PIECE_BYTES, self.source.size >> 3))

    def _streamed_windows(self) -> Generator[tuple[bytes, bool], int, None]:
        tail, skip = b"", self.first_offset
        for block, final in _with_last(self._text_blocks(PIECE_BYTES)):
            data = tail + block if tail else block
            if skip:
                if len(data) < skip and not final:
                    tail = data
                    continue
                data, skip = data[skip:], 0
            used = yield data, final
            tail = data[used:]

    def _cut(self, data: bytes, final: bool, offset: int, line: int) -> tuple[Cut | None, int, int]:
        """Everything up to the last complete record, made regular; how many bytes and lines that is."""
        parts: list[bytes] = []
        rows = at = lines = 0
        quote = self.dialect.quote[0] if self.dialect.quote else None
        if self.dialect.escape:
            return self._cut_exactly(data, final, offset, line)
        run, window = RUN_BYTES, len(data)
        while at < len(data):
            rest = data[at : at + window] if at or window < len(data) else data
            last = at + len(rest) >= len(data)
            found = layout(rest, self.dialect.delimiter[0], quote, final=final and last)
            good = len(found.ends)
            trouble = found.broken >= 0
            if trouble:
                good = int(np.searchsorted(found.ends, found.broken, side="right"))
            elif found.open and last:
                trouble = final or len(rest) - (int(found.ends[-1]) if good else 0) > self.source.limits.record_bytes
            used = int(found.ends[good - 1]) if good else 0
            rows += self._regular(found, good, self.rows + rows, line + lines, parts, final and last)
            lines += found.lines - found.data.count(b"\n", used) if used else 0
            at += used
            if not trouble:
                self._count_line_ends(found)
                if last:
                    break
                window = window if used else window * 4
                continue
            # Something is wrong with the quotes here: record by record for a while, longer when it goes on being wrong.
            run = min(run * 4, EXACT_BYTES) if used < run * 8 else max(run // 4, RUN_BYTES)
            window = WINDOW_BYTES
            begin = at
            forced = final or found.broken < 0
            for record in self.lexer(data, final=forced, start=at, stop=at + run):
                if forced and not final and record.end >= len(data):
                    break
                self._irregular(record.fields, record.broken, data[record.start : record.end], self.rows + rows, line + lines, parts)
                rows += 0 if _skipped(record.fields, len(self.columns)) else 1
                lines += max(1, data.count(b"\n", record.start, record.end))
                at = record.end
            if at == begin:
                break
        if final and at >= len(data):
            self._ends_with_newline = data[-1:] in (b"\n", b"\r")
        if not rows:
            return None, at, lines
        text = b"".join(parts) if len(parts) > 1 else parts[0]
        return Cut(text, self.rows, rows, offset, line), at, lines

    def _cut_exactly(self, data: bytes, final: bool, offset: int, line: int) -> tuple[Cut | None, int, int]:
        parts: list[bytes] = []
        rows = at = lines = 0
        for record in self.lexer(data, final=final):
            self._irregular(record.fields, record.broken, data[record.start : record.end], self.rows + rows, line + lines, parts)
            rows += 0 if _skipped(record.fields, len(self.columns)) else 1
            lines += max(1, data.count(b"\n", record.start, record.end))
            at = record.end
        if final and at >= len(data):
            self._ends_with_newline = data[-1:] in (b"\n", b"\r")
        return (Cut(b"".join(parts), self.rows, rows, offset, line) if rows else None), at, lines

    def _regular(self, found: Layout, good: int, start: int, line: int, parts: list[bytes], final: bool) -> int:
        """Takes over `good` records whose quotes are right; repairs those with another number of fields. Returns the rows."""
        if not good:
            return 0
        data, ends = found.data, found.ends[:good]
        starts = np.empty_like(ends)
        starts[0], starts[1:] = 0, ends[:-1]
        lengths = ends - starts
        want = len(self.columns) - 1
        wrong = found.delimiters[:good] != want
        blank = None
        if int(lengths.min()) <= 2:
            array = np.frombuffer(data, dtype=np.uint8)
            blank = ((lengths == 1) & (array[starts] == 10)) | ((lengths == 2) & (array[starts] == 13) & (array[ends - 1] == 10))
            if want == 0:
                # In a table of one column an empty line is an empty cell, except at the end of the file.
                filled = np.flatnonzero(~blank)
                blank[: int(filled[-1]) + 1 if len(filled) else 0] = False
                if not final:
                    blank &= False
            if not blank.any():
                blank = None
        self._watch(data, starts, ends, lengths, start, line, blank)
        last = int(ends[-1])
        marked = wrong if blank is None else wrong | blank
        if not marked.any():
            parts.append(data[:last] if last < len(data) else data)
            if data[last - 1] != 10:
                parts.append(b"\n")
            return good
        rows, done = 0, 0
        counted, counted_lines = 0, 0
        previous = 0
        for index in np.flatnonzero(marked).tolist():
            begin, end = int(starts[index]), int(ends[index])
            if begin > done:
                parts.append(data[done:begin])
            rows += index - previous
            previous = index + 1
            done = end
            if blank is not None and blank[index]:
                continue
            troubles = self.accused.get("ragged")
            if troubles is None or len(troubles.lines) < 50:
                counted_lines += data.count(b"\n", counted, begin)
                counted = begin
            record = next(self.lexer(data[begin:end], final=True))
            self._irregular(record.fields, False, data[begin:end], start + rows, line + counted_lines, parts)
            rows += 1
        if done < last:
            parts.append(data[done:last])
        rows += good - previous
        if parts and not parts[-1].endswith(b"\n"):
            parts.append(b"\n")
        return rows

    def _watch(
        self, data: bytes, starts: np.ndarray, ends: np.ndarray, lengths: np.ndarray, start: int, line: int, blank: np.ndarray | None
    ) -> None:
        """Notices headers that come again, NUL bytes and huge values, all of which are rare and cheap to look for."""
        last = int(ends[-1])

        def row_of(index: int) -> int:
            return start + index - (int(blank[:index].sum()) if blank is not None else 0)

        def line_of(at: int) -> int:
            return line + data.count(b"\n", 0, at)

        if self.header_line and len(self.columns) > 1:
            at = 0 if data.startswith(self.header_line) else data.find(b"\n" + self.header_line, 0, last) + 1
            while 0 < at < last or (at == 0 and data.startswith(self.header_line)):
                index = int(np.searchsorted(starts, at))
                if index < len(starts) and starts[index] == at and data[at : int(ends[index])].rstrip(b"\r\n") == self.header_line:
                    self.accused.add("header", row_of(index), line_of(at), _text(self.header_line))
                at = data.find(b"\n" + self.header_line, at + 1, last) + 1
        if b"\0" in data:
            hit = np.flatnonzero(np.frombuffer(data, dtype=np.uint8)[:last] == 0)
            for index in np.unique(np.searchsorted(ends, hit, side="right")).tolist():
                begin, end = int(starts[index]), int(ends[index])
                fields = next(self.lexer(data[begin:end], final=True)).fields if end - begin < HUGE_VALUE else []
                column = next((self.columns[n] for n, cell in enumerate(fields[: len(self.columns)]) if cell and b"\0" in cell), "*")
                self.accused.add("nul", row_of(index), line_of(begin), None, column)
        if int(lengths.max()) > HUGE_VALUE:
            for index in np.flatnonzero(lengths > HUGE_VALUE).tolist():
                begin, end = int(starts[index]), int(ends[index])
                fields = next(self.lexer(data[begin:end], final=True)).fields
                for number, cell in enumerate(fields[: len(self.columns)]):
                    if cell is not None and len(cell) > HUGE_VALUE:
                        self.accused.add("huge", row_of(index), line_of(begin), None, self.columns[number])
                        self.accused.note("huge", length_bytes=len(cell))

    def _irregular(self, fields: list[Field], broken: bool, raw: bytes, row: int, line: int, parts: list[bytes]) -> None:
        """Takes over one record field by field, padded or cut to the width of the table, and accuses it."""
        want = len(self.columns)
        if _skipped(fields, want):
            return
        text = _text(raw.rstrip(b"\r\n"))
        if broken:
            self.accused.add("quotes", row, line, text)
        if broken and len(fields) != want:
            # The number of fields tells whether the first quote opened a field or was an ordinary character.
            literal = next(self.literal(raw, final=True)).fields
            fields = literal if len(literal) == want else fields
        if len(fields) != want:
            other = self._other_delimiter(raw, want)
            if other is not None:
                self.accused.add("delimiter", row, line, text)
                self.accused.note("delimiter", delimiter=NAMES[other[0]])
                fields = other[1]
            elif fields[0] is not None and fields[0].startswith(b"#") and len(fields) < want:
                self.accused.add("comment", row, line, text)
            else:
                self.accused.add("ragged", row, line, text)
                self.accused.count("ragged", short_rows=float(len(fields) < want), long_rows=float(len(fields) > want))
                self.accused.note("ragged", fields=len(fields), expected_fields=want)
        if self.header_line and want > 1 and raw.rstrip(b"\r\n") == self.header_line:
            self.accused.add("header", row, line, text)
        kept = (fields + [None] * (want - len(fields)))[:want]
        quote = self.dialect.quote or b'"'
        parts.append(written(kept, self.dialect.delimiter, quote))

    def _other_delimiter(self, raw: bytes, want: int) -> tuple[bytes, list[Field]] | None:
        if want < 2 or len(raw) > HUGE_VALUE:
            return None
        for delimiter in DELIMITERS[:4]:
            if delimiter != self.dialect.delimiter and raw.count(delimiter) >= want - 1:
                fields = next(Lexer(delimiter, self.dialect.quote)(raw, final=True)).fields
                if len(fields) == want:
                    return delimiter, fields
        return None

    def _look_at_end(self, cut: Cut) -> None:
        """Notices a last line that was cut in the middle, and totals below the table."""
        text = cut.data if len(cut.data) <= PROBE_BYTES else cut.data[cut.data.index(b"\n", len(cut.data) - PROBE_BYTES) + 1 :]
        records = [record.fields for record in self.lexer(text, final=True)][-END_ROWS:]
        if len(records) < 2:
            return
        *before, last = records
        row = self.rows + cut.rows - 1
        first = next((_text(cell) for cell in last if cell), "")
        if TOTAL.match(first) and len(self.columns) > 1 and last[0] is not None and not any(fields[0] == last[0] for fields in before):
            self.accused.add("total", row, None, self.dialect.delimiter.decode("latin-1").join(_text(cell) for cell in last))
        if self._ends_with_newline or len(before) < 10:
            return
        ragged = self.accused.get("ragged")
        if ragged is not None and ragged.rows[-1][0] == row:
            self.accused.add("end", row, None, None)
        elif last[-1] is not None and cut_short(last[-1], [fields[-1] for fields in before if fields[-1] is not None]):
            self.accused.add("end", row, None, _text(last[-1]), self.columns[-1])

    def _count_line_ends(self, found: Layout) -> None:
        self._line_ends["CR"] += found.lone_returns
        self._line_ends["CRLF"] += found.crlf
        self._line_ends["LF"] += max(0, len(found.ends) - found.crlf - found.lone_returns)

    # -- parsing ---------------------------------------------------------------------------------------------

    def _load(self, cut: Cut, columns: list[str] | None, accused: Accused) -> pl.DataFrame:
        frame = self._parsed(cut.data, columns)
        if frame is None:
            repaired = as_utf8(cut.data)
            if repaired.read_as:
                row = self._row_at(cut, repaired.first)
                accused.note(
                    f"encoding {cut.start}",
                    read_as=repaired.read_as,
                    wrong=repaired.wrong,
                    byte=cut.offset + self.encoding.mark + repaired.first,
                    row=row,
                )
            frame = self._parsed(repaired.data, columns)
            if frame is None or frame.height != cut.rows:
                frame = self._exactly(repaired.data, columns)
        elif frame.height != cut.rows:
            frame = self._exactly(cut.data, columns)
        return frame

    def _load_again(self, stretch: Stretch, columns: list[str] | None) -> pl.DataFrame:
        cut = Cut(self.source.at(stretch.at, stretch.size), stretch.start, stretch.rows, stretch.offset, stretch.line)
        return self._load(cut, columns, Accused())

    def _parsed(self, data: bytes, columns: list[str] | None) -> pl.DataFrame | None:
        """The text parsed by Polars; None when it raises."""
        try:
            places = None if columns is None else [number for number, name in enumerate(self.columns) if name in columns]
            return pl.read_csv(
                data,
                has_header=False,
                schema=self.schema,
                columns=places,
                separator=self.dialect.delimiter.decode("latin-1"),
                quote_char=(self.dialect.quote or b'"').decode("latin-1"),
                infer_schema=False,
                raise_if_empty=False,
            )
        except pl.exceptions.PolarsError:
            return None

    def _exactly(self, data: bytes, columns: list[str] | None) -> pl.DataFrame:
        lexer = Lexer(self.dialect.delimiter, self.dialect.quote)
        rows = [record.fields for record in lexer(data, final=True)]
        series = [
            pl.Series(name, [None if row[number] is None else _text(row[number]) for row in rows], dtype=pl.String)
            for number, name in enumerate(self.columns)
            if columns is None or name in columns
        ]
        return pl.DataFrame(series)

    def _row_at(self, cut: Cut, offset: int) -> int:
        return (
            cut.start + sum(1 for record in self.lexer(cut.data[: offset + 1], final=True)) - 1
            if offset < 1 << 20
            else cut.start + cut.data.count(b"\n", 0, offset)
        )

    # -- what was noticed ------------------------------------------------------------------------------------

    def facts(self) -> InputFacts:
        """What was read and how."""
        details = dict(self.source.details)
        details["encoding"] = self.encoding.codec
        read_as = {str(trouble.extra["read_as"]) for kind, trouble in self.accused.kinds.items() if kind.startswith("encoding ")}
        if read_as:
            details["encoding"] = " and ".join(sorted(read_as))
        details["delimiter"] = (
            NAMES.get(self.dialect.delimiter, ascii(self.dialect.delimiter.decode("latin-1"))) if len(self.columns) > 1 else "none"
        )
        used = [name for name, count in self._line_ends.items() if count]
        details["line_ends"] = " and ".join(used) or "none"
        if self.header.at < 0:
            details["header"] = "none"
        return InputFacts(
            path=self.source.path,
            digest=self.source.digest(),
            rows=self.rows,
            columns=len(self.columns),
            bytes=self.source.stored_bytes(),
            format="csv" if self.dialect.delimiter != b"\t" else "tsv",
            details=details,
        )

    def findings(self) -> tuple[Finding, ...]:
        """What is odd about the file itself."""
        found = list(self.source.notes)
        found += self._header_findings()
        found += self._dialect_findings()
        found += self._row_findings()
        found += self._encoding_findings()
        return tuple(found)

    def _header_findings(self) -> list[Finding]:
        found = []
        if self.header.at < 0:
            found.append(
                Finding(
                    "missing_header",
                    (),
                    f"The first line looks like data and not like names; the columns are called {self.columns[0]} to {self.columns[-1]}.",
                    0.5,
                    evidence={"columns": len(self.columns)},
                    suggestion="add a first line with the names of the columns",
                )
            )
        else:
            found += header_findings(self.raw_names, self.columns)
        if self.header_short:
            found.append(
                Finding(
                    "bad_header",
                    (self.columns[0],),
                    f"The header has {len(self.columns) - 1} names for {len(self.columns)} fields; the first column was taken as nameless.",
                    0.5,
                    evidence={"names": len(self.columns) - 1, "columns": len(self.columns)},
                    suggestion="name every column",
                )
            )
        if self.long_names:
            found.append(
                Finding(
                    "oversized_value",
                    (),
                    f"A column name has {max(map(len, self.long_names))} characters; it was cut to {LONG_NAME}.",
                    0.5,
                    evidence={"length_characters": max(map(len, self.long_names))},
                    suggestion="check the first line",
                )
            )
        if self.header.titles:
            found.append(
                Finding(
                    "preamble",
                    (),
                    f"{self.header.titles} title {'line' if self.header.titles == 1 else 'lines'} above the header "
                    f"{'was' if self.header.titles == 1 else 'were'} left out.",
                    0.4,
                    evidence={"lines_above": self.header.titles},
                    suggestion="deliver the table without titles",
                )
            )
        if self.header.comments:
            found.append(
                Finding(
                    "comment_lines",
                    (),
                    f"{self.header.comments} comment {'line stands' if self.header.comments == 1 else 'lines stand'} above the header.",
                    0.2,
                    evidence={"lines_above": self.header.comments},
                )
            )
        return found

    def _dialect_findings(self) -> list[Finding]:
        found = []
        delimiter = self.dialect.delimiter
        if self.source.suffix == ".csv" and delimiter != b"," and len(self.columns) > 1:
            found.append(
                Finding(
                    "dialect",
                    (),
                    f"The fields are separated by a {NAMES[delimiter]}, although the file is called .csv.",
                    0.3,
                    evidence={"delimiter": NAMES[delimiter]},
                    suggestion="tell whoever reads it, call it .tsv or .txt, or use commas",
                )
            )
        used = {name: count for name, count in self._line_ends.items() if count}
        if list(used) == ["CR"]:
            found.append(
                Finding(
                    "mixed_newlines", (), "Lines end in a carriage return alone, as no system has written them for twenty years.", 0.3,
                    evidence={"cr_lines": used["CR"]}, suggestion="write lines that end in a line feed; many readers see one line here",
                )
            )
        if len(used) > 1 and (min(used.values()) > 1 or "CR" in used or sum(used.values()) < 1000):
            found.append(
                Finding(
                    "mixed_newlines",
                    (),
                    f"Lines end in {len(used)} ways: {', '.join(f'{count} by {name}' for name, count in used.items())}.",
                    0.3,
                    evidence={f"{name.lower()}_lines": count for name, count in used.items()},
                    suggestion="write all lines with one kind of line end",
                )
            )
        return found

    def _row_findings(self) -> list[Finding]:
        found = []
        accused, width = self.accused, len(self.columns)
        if trouble := accused.get("ragged"):
            short, long = int(trouble.extra.get("short_rows", 0)), int(trouble.extra.get("long_rows", 0))
            found.append(
                accused.finding(
                    "ragged",
                    "ragged_rows",
                    f"{len(trouble.rows)} of {self.rows} rows have not {width} fields ({short} fewer, {long} more): {trouble.line_list()}.",
                    0.65 if len(trouble.rows) * 5 < self.rows or self.rows < 50 else 0.8,
                    confidence=0.95,
                    suggestion="look for unquoted delimiters and cut lines; missing fields were left empty, surplus ones left out",
                )
            )
        if trouble := accused.get("delimiter"):
            found.append(
                accused.finding(
                    "delimiter",
                    "delimiter_change",
                    f"{len(trouble.rows)} of {self.rows} rows are cut by a {trouble.extra['delimiter']} "
                    f"instead of a {NAMES[self.dialect.delimiter]}: {trouble.line_list()}.",
                    0.7,
                    suggestion="files of two origins were joined; these rows were cut by their own delimiter",
                )
            )
        if trouble := accused.get("quotes"):
            found.append(
                accused.finding(
                    "quotes",
                    "broken_quotes",
                    f"{len(trouble.rows)} of {self.rows} rows have a quote that is not closed or stands inside a field: "
                    f"{trouble.line_list()}.",
                    0.6,
                    confidence=0.8,
                    suggestion='double quotes inside quoted fields ("") and close every one',
                )
            )
        if trouble := accused.get("comment"):
            found.append(
                accused.finding(
                    "comment",
                    "comment_lines",
                    f"{len(trouble.rows)} of {self.rows} rows are comments: {trouble.line_list()}.",
                    0.6,
                    confidence=0.95,
                    suggestion="take comments out of the data",
                )
            )
        if trouble := accused.get("header"):
            found.append(
                accused.finding(
                    "header",
                    "repeated_header",
                    f"The header stands again in {len(trouble.rows)} of {self.rows} rows: {trouble.line_list()}.",
                    0.7,
                    confidence=0.99,
                    suggestion="files were joined with their headers; leave these rows out",
                )
            )
        if accused.get("total"):
            found.append(
                accused.finding(
                    "total",
                    "preamble",
                    "The last row is a total and not a row of the table.",
                    0.6,
                    confidence=0.95,
                    suggestion="deliver the table without totals",
                )
            )
        if trouble := accused.get("end"):
            found.append(
                accused.finding(
                    "end",
                    "truncated_batch",
                    "The file stops in the middle of its last line: no line end follows, and the last value is shorter than all before.",
                    0.6,
                    confidence=0.8,
                    columns=tuple(column for _, column in trouble.rows if column != "*"),
                    suggestion="ask for the file again: what came after is missing",
                )
            )
        if trouble := accused.get("nul"):
            columns = tuple(dict.fromkeys(column for _, column in trouble.rows if column != "*"))
            found.append(
                accused.finding(
                    "nul",
                    "control_characters",
                    f"{len(trouble.rows)} of {self.rows} rows hold NUL characters: {trouble.line_list()}.",
                    0.6,
                    confidence=0.9,
                    columns=columns[:20],
                    suggestion="find out which program writes binary into text",
                )
            )
        if trouble := accused.get("huge"):
            columns = tuple(dict.fromkeys(column for _, column in trouble.rows if column != "*"))
            found.append(
                accused.finding(
                    "huge",
                    "oversized_value",
                    f"{len(trouble.rows)} of {self.rows} values are longer than a mebibyte "
                    f"(the first has {int(trouble.extra['length_bytes'])} bytes): {trouble.line_list()}.",
                    0.5,
                    confidence=0.7,
                    columns=columns[:20],
                    suggestion="look for a missing quote or line end",
                )
            )
        return found

    def _encoding_findings(self) -> list[Finding]:
        found = []
        notes = [
            (int(kind.split()[1]), trouble.extra) for kind, trouble in sorted(self.accused.kinds.items()) if kind.startswith("encoding ")
        ]
        if notes:
            notes.sort(key=lambda note: note[0])
            first, wrong = notes[0][1], sum(int(extra["wrong"]) for _, extra in notes)
            legacy = all(extra["read_as"] == "cp1252" for _, extra in notes)
            sentence = (
                f"{wrong} {'byte is' if wrong == 1 else 'bytes are'} not UTF-8, "
                f"the first at byte {int(first['byte'])} in row {int(first['row'])}; "
                + ("the text was read as Windows-1252 (Latin-1)." if legacy else "only these were read as Windows-1252, the rest is UTF-8.")
            )
            found.append(
                Finding(
                    "encoding",
                    (),
                    sentence,
                    0.4 if legacy and wrong > 3 else 0.5,
                    evidence={"wrong_bytes": wrong, "first_byte": int(first["byte"]), "first_row": int(first["row"]), "read_as": "cp1252"},
                    suggestion="deliver UTF-8",
                )
            )
        if self.encoding.wide:
            broken = len(self._undecodable)
            found.append(
                Finding(
                    "encoding",
                    (),
                    f"The text is {self.encoding.codec.upper()}{f', and {broken} characters are broken' if broken else ''}.",
                    0.5 if broken else 0.3,
                    evidence={"encoding": self.encoding.codec, "broken_characters": broken},
                    suggestion="deliver UTF-8",
                )
            )
        return found

    def close(self) -> None:
        """Lets go of the file."""
        self.source.close()


def cut_short(value: bytes, others: list[bytes]) -> bool:
    """Whether a value looks like the beginning of one like the others: fewer decimals, or shorter where all have one length.

    >>> cut_short(b"50", [b"100.25", b"200.50", b"4900.75"]), cut_short(b"50", [b"7", b"200.5", b"4.75"])
    (True, False)
    """
    decimals = {len(other.partition(b".")[2]) for other in others}
    if len(decimals) == 1 and decimals != {0} and all(other.replace(b".", b"", 1).lstrip(b"-").isdigit() for other in others):
        return value.replace(b".", b"", 1).lstrip(b"-").isdigit() and len(value.partition(b".")[2]) < decimals.pop()
    lengths = {len(other) for other in others}
    return len(lengths) == 1 and min(lengths) >= 4 and len(value) < min(lengths)


def _skipped(fields: list[Field], width: int) -> bool:
    """An empty line is no row, except in a table of one column."""
    return width > 1 and len(fields) == 1 and fields[0] is None


def _under(dialect: Dialect, text: bytes, final: bool) -> Sample:
    records = []
    for record in dialect.lexer()(text, final=final):
        records.append(record)
        if len(records) >= 400:
            break
    widths = [len(record.fields) for record in records if len(record.fields) > 1 or record.fields[0]]
    return Sample(dialect, records, max(set(widths), key=widths.count) if widths else 1, 1.0)


def _text(value: bytes | None) -> str:
    if value is None:
        return ""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return as_utf8(value).data.decode("utf-8")


def _with_last(blocks: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each block with whether it is the last."""
    held: bytes | None = None
    for block in blocks:
        if held is not None:
            yield held, False
        held = block
    if held is not None:
        yield held, True
