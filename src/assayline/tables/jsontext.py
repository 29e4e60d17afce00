"""JSON and JSON lines: read value by value, never deeper than the limit, with every kind of value accounted for."""

from __future__ import annotations

import codecs
import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import polars as pl

from assayline.core import Finding, InputFacts
from assayline.errors import LimitExceeded, Unreadable

from .accused import Accused
from .encoding import as_utf8, decoded_blocks, encoding_of
from .header import header_findings, unique_names
from .source import Source
from .table import Piece, Table

BLOCK_BYTES = 8 << 20
PIECE_ROWS = 100_000
KEEP_BYTES = 96 << 20  # stored bytes below which the frames of the first pass are kept instead of parsing twice
STRUCT_FIELDS = 200  # an object with more keys than that is a map, kept as JSON text
STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
BLANK = re.compile(r"[ \t\n\r]*")
LINES = (".jsonl", ".ndjson", ".ldjson")
I64 = 1 << 63
DENSE_CELLS = 20_000_000  # keys times rows above which a chunk with few filled cells is looked at row by row


class JsonReader:
    """JSON documents and JSON lines, by their first character."""

    name = "json"
    rank = 50

    def claims(self, source: Source) -> bool:
        """Whether it starts like JSON; under another name than .json, whether its first line really is."""
        start = _sample(source.head).lstrip()
        if source.suffix in (".json", *LINES, ".geojson"):
            return True
        if start[:1] not in ("{", "["):
            return False
        try:
            json.JSONDecoder().raw_decode(start.split("\n", 1)[0])
        except (ValueError, RecursionError):
            return False
        return True

    def open(self, source: Source) -> Table:
        """The table, after all its values were looked at once to know its columns."""
        return JsonTable(source)


def _sample(head: bytes) -> str:
    encoding = encoding_of(head)
    return head[encoding.mark :].decode(encoding.codec, "replace")


class Duplicated(dict[str, Any]):
    """An object in which a key came twice; `twice` names it."""

    twice: str = ""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    marked = Duplicated(found)
    for name, _ in pairs:
        if name in seen:
            marked.twice = name
            break
        seen.add(name)
    return marked


# -- kinds of values: a small algebra whose join tells the column's type -----------------------------------------------

NULL, BOOL, INT, FLOAT, TEXT, MIXED, BIG = "null", "boolean", "integer", "number", "text", "mixed", "big"
KINDS: dict[type, str] = {type(None): NULL, bool: BOOL, int: INT, float: FLOAT, str: TEXT}


@dataclass
class Shape:
    """What kinds of values a key has had."""

    kinds: dict[str, int] = field(default_factory=dict)
    first: dict[str, int] = field(default_factory=dict)
    item: Shape | None = None
    fields: dict[str, Shape] | None = None
    largest: int = 0

    def see(self, value: Any, row: int) -> None:
        """Takes notice of one value."""
        kind = kind_of(value)
        if kind not in self.kinds:
            self.kinds[kind], self.first[kind] = 0, row
        self.kinds[kind] += 1
        if kind == INT and abs(value) > self.largest:
            self.largest = abs(value)
        if kind == "list":
            if self.item is None:
                self.item = Shape()
            for one in value:
                self.item.see(one, row)
        elif kind == "object":
            if self.fields is None:
                self.fields = {}
            for name, one in value.items():
                if name not in self.fields:
                    if len(self.fields) >= STRUCT_FIELDS:
                        self.kinds[MIXED] = self.kinds.get(MIXED, 0) + 1
                        continue
                    self.fields[name] = Shape()
                self.fields[name].see(one, row)

    def dtype(self) -> pl.DataType | type[pl.DataType]:
        """The column type that holds all of them without loss; String for JSON text when nothing else does."""
        kinds = set(self.kinds) - {NULL}
        if not kinds:
            return pl.Null()
        if kinds == {BOOL}:
            return pl.Boolean()
        if kinds == {INT}:
            return pl.Int64()
        if kinds <= {INT, FLOAT} and self.largest <= 1 << 53:
            return pl.Float64()
        if kinds == {"list"} and self.item is not None:
            inner = self.item.dtype()
            return pl.List(pl.String() if inner == pl.Null() else inner) if self.item.plain() else pl.String()
        if kinds == {"object"} and self.fields is not None and self.plain():
            return (
                pl.Struct({name: (pl.String() if one.dtype() == pl.Null() else one.dtype()) for name, one in self.fields.items()})
                if self.fields
                else pl.String()
            )
        return pl.String()

    def plain(self) -> bool:
        """Whether all values, the nested ones included, have one kind."""
        kinds = set(self.kinds) - {NULL}
        if len(kinds) > 1 and not (kinds <= {INT, FLOAT} and self.largest <= 1 << 53):
            return False
        if BIG in kinds or MIXED in kinds:
            return False
        if self.item is not None and not self.item.plain():
            return False
        return self.fields is None or all(one.plain() for one in self.fields.values())


def kind_of(value: Any) -> str:
    """The kind of a parsed value; integers beyond 64 bits are a kind of their own."""
    if value is None:
        return NULL
    if value is True or value is False:
        return BOOL
    if isinstance(value, str):
        return TEXT
    if isinstance(value, int):
        return INT if -I64 <= value < I64 else BIG
    if isinstance(value, float):
        return FLOAT
    return "list" if isinstance(value, list) else "object"


class JsonTable:
    """JSON as a table of typed columns: the union of all keys, in the order in which they came."""

    text = False

    def __init__(self, source: Source) -> None:
        self.source = source
        self.encoding = encoding_of(source.head)
        self.accused = Accused()
        self.undecodable: list[int] = []
        self.bad_lines: list[tuple[int, str]] = []
        self.odd_lines: list[int] = []
        self.not_finite = 0
        self.format = "json"
        self.rows = 0
        self.where = ""
        self._bytes_wrong: tuple[int, int] | None = None
        self._shapes: dict[str, Shape] = {}
        self._list_rows = False
        self._chunks: list[list[Any]] | None = [] if source.size <= KEEP_BYTES and source.stored_bytes() <= KEEP_BYTES // 4 else None
        self._look()

    # -- the first pass -------------------------------------------------------------------------------------

    def _look(self) -> None:
        held_text = 0
        for values in self._chunked():
            start = self.rows
            if not self._see_columns(values, start):
                for number, value in enumerate(values):
                    self._see(value, start + number)
            self.rows += len(values)
            if self._chunks is not None:
                self._chunks.append(values)
                held_text += len(values)
        if not self.rows:
            if self.bad_lines:
                line, cause = self.bad_lines[0]
                raise Unreadable(self.source.path, f"no line is valid JSON: {cause}", place=f"line {line}", next_step="check the format")
            if not self._shapes:
                raise Unreadable(self.source.path, "it holds no values", next_step="ask for it again")
        raw = list(self._shapes)
        if not raw:
            raise Unreadable(
                self.source.path,
                "its objects have no keys",
                place="byte 0",
                next_step="deliver objects with keys, which become the columns",
            )
        if len(raw) > self.source.limits.columns:
            raise LimitExceeded(
                self.source.path,
                f"its objects have {len(raw)} different keys, more than the limit of {self.source.limits.columns} columns",
                next_step="raise the limit on columns, or deliver keys as values",
            )
        self.raw_names = [name if len(name) <= 1000 else name[:1000] + "…" for name in raw]
        self.long_names = [name for name in raw if len(name) > 1000]
        self.keys = raw
        self.columns = unique_names(self.raw_names)
        self.dtypes = [self._shapes[key].dtype() for key in raw]
        self.rows_hint = self.rows

    def _see_columns(self, values: list[Any], start: int) -> bool:
        """Takes notice of a chunk of plain objects column by column, which is much faster; False where they are not plain."""
        if set(map(type, values)) != {dict}:
            return False
        keys = dict.fromkeys(chain.from_iterable(values))
        if len(keys) * len(values) > DENSE_CELLS and len(keys) * len(values) > 10 * sum(map(len, values)):
            return False
        for key in keys:
            shape = self._shapes.setdefault(key, Shape())
            column = [value.get(key) for value in values]
            kinds = Counter(map(type, column))
            special: set[type] = (
                {list, dict, str}
                if list in kinds or dict in kinds or (str in kinds and "\x00" in "".join(one for one in column if type(one) is str))
                else set()
            )
            if float in kinds and not math.isfinite(sum(one for one in column if type(one) is float)):
                special.add(float)
            if int in kinds:
                numbers = [one for one in column if type(one) is int]
                low, high = min(numbers), max(numbers)
                shape.largest = max(shape.largest, abs(low) if low >= -I64 else 0, abs(high) if high < I64 else 0)
                if low < -I64 or high >= I64:
                    special.add(int)
            for number, one in enumerate(column) if special else ():
                if type(one) in special:
                    self._see_cell(shape, key, one, start + number)
            for kind, count in kinds.items():
                if kind not in special:
                    name = KINDS[kind]
                    shape.kinds[name] = shape.kinds.get(name, 0) + count
                    if name not in shape.first:
                        shape.first[name] = start + next(number for number, one in enumerate(column) if type(one) is kind)
        return True

    def _see_cell(self, shape: Shape, key: str, one: Any, row: int) -> None:
        shape.see(one, row)
        if isinstance(one, float) and not math.isfinite(one):
            self.accused.add("infinite", row, None, str(one), key)
        elif type(one) is int and not -I64 <= one < I64:
            self.accused.add("big", row, None, str(one) if abs(one) < 10**60 else f"{len(_digits(one))} digits", key)
        elif type(one) is str and "\0" in one:
            self.accused.add("nul", row, None, None, key)

    def _see(self, value: Any, row: int) -> None:
        if isinstance(value, dict):
            if isinstance(value, Duplicated):
                self.accused.add("twice", row, None, None)
                self.accused.note("twice", key=value.twice[:100])
            for key, one in value.items():
                self._see_cell(self._shapes.setdefault(key, Shape()), key, one, row)
            return
        self._list_rows = True
        items = value if isinstance(value, list) else [value]
        for number, one in enumerate(items):
            key = f"column_{number + 1}" if isinstance(value, list) else "value"
            self._shapes.setdefault(key, Shape()).see(one, row)
        if len(items) != self._width(len(items)):
            self.accused.add("ragged", row, None, json.dumps(value)[:200])

    def _width(self, seen: int) -> int:
        if not hasattr(self, "_first_width"):
            self._first_width = seen
        return self._first_width

    # -- values ---------------------------------------------------------------------------------------------

    def _chunked(self) -> Iterator[list[Any]]:
        held: list[Any] = []
        for value in self._values():
            held.append(value)
            if len(held) >= PIECE_ROWS:
                yield held
                held = []
        if held:
            yield held

    def _text_blocks(self) -> Iterator[bytes]:
        mark = self.encoding.mark

        def unmarked() -> Iterator[bytes]:
            skip = mark
            for block in self.source.blocks(BLOCK_BYTES):
                yield block[skip:]
                skip = 0

        self.undecodable = []
        return decoded_blocks(unmarked(), self.encoding.codec, self.undecodable) if self.encoding.wide else unmarked()

    def _values(self) -> Iterator[Any]:
        self.bad_lines, self.odd_lines = [], []
        start = _sample(self.source.head).lstrip()
        if start[:1] == "[" and not self._is_lines(start):
            self.format = "json"
            yield from self._elements()
        elif self._is_lines(start):
            self.format = "jsonl"
            yield from self._lines()
        else:
            self.format = "json"
            yield from self._document()

    def _is_lines(self, start: str) -> bool:
        """Whether values stand on lines of their own."""
        if self.source.suffix in LINES:
            return True
        lines = [line for line in start.split("\n")[:10] if line.strip()]
        complete = 0
        for line in lines[:-1] if len(self.source.head) >= 64 << 10 else lines:
            try:
                value, _ = json.JSONDecoder().raw_decode(line.strip())
            except (ValueError, RecursionError):
                continue
            complete += isinstance(value, (dict, list))
        return complete >= 2 or (complete == 1 and len(lines) == 1 and start[:1] == "{" and self._one_record(lines[0]))

    @staticmethod
    def _one_record(line: str) -> bool:
        try:
            value, end = json.JSONDecoder().raw_decode(line.strip())
        except (ValueError, RecursionError):
            return False
        return end < len(line.strip()) or not any(isinstance(one, (list, dict)) for one in value.values())

    def _lines(self) -> Iterator[Any]:
        number, tail = 0, b""
        decoder = json.JSONDecoder(object_pairs_hook=_pairs)
        row = 0
        for block in self._text_blocks():
            lines = (tail + block).split(b"\n")
            tail = lines.pop()
            values = self._plain_lines(lines)
            if values is not None:
                number += len(lines)
                row += len(values)
                yield from values
                continue
            for line in lines:
                number += 1
                for value in self._line(line, number, decoder, row):
                    row += 1
                    yield value
            if len(tail) > 4 * self.source.limits.record_bytes:
                raise LimitExceeded(
                    self.source.path,
                    f"one line is longer than {len(tail) >> 20} MiB",
                    place=f"line {number + 1}",
                    next_step="check that this is JSON lines",
                )
        if tail.strip():
            yield from self._line(tail, number + 1, decoder, row)

    def _plain_lines(self, lines: list[bytes]) -> list[Any] | None:
        """All lines parsed in one go; None where anything at all is unusual, so that each is looked at by itself."""
        filled = [line for line in lines if line.strip()]
        # Joined with a newline: a text that is not closed on its line is then an error, for JSON allows no raw newline in one.
        block = b"[" + b",\n".join(filled) + b"]"
        low = block.lower()
        if not filled or b"\\ud" in low or b"nan" in low or b"infinity" in low:
            return None
        try:
            # Every line opens one bracket at least; if those are nearly all there are, none can be deep.
            brackets = block.count(b"{") + block.count(b"[") - 1
            if brackets - len(filled) >= self.source.limits.depth or not all(line[0] in b"{[" for line in filled):
                DepthGauge(self.source.path, self.source.limits.depth + 1).feed(block)
            text = block.decode("utf-8")
            values = json.loads(text)
            # As many colons behind quotes as keys: no key comes twice. Nested objects and odd texts are looked at one by one.
            if sum(len(value) for value in values if type(value) is dict) != block.count(b'":'):
                values = json.loads(text, object_pairs_hook=_pairs)
        except (ValueError, RecursionError, LimitExceeded):
            return None
        return values if len(values) == len(filled) else None

    def _line(self, line: bytes, number: int, decoder: json.JSONDecoder, row: int) -> Iterator[Any]:
        if not line.strip():
            return
        check_depth(self.source.path, line, self.source.limits.depth, f"line {number}")
        text = self._decoded(line, number)
        at = _past_blanks(text, 0)
        while at < len(text):
            try:
                value, at = decoder.raw_decode(text, at)
            except RecursionError as error:
                raise LimitExceeded(
                    self.source.path, "values are nested too deep", place=f"line {number}", next_step="raise the limit on depth"
                ) from error
            except ValueError as error:
                self._bad(number, _cause(error))
                return
            yield _clean(value, text, self.accused, row)
            row += 1
            at = _past_blanks(text, at)
            if at < len(text):
                if len(self.odd_lines) < 50:
                    self.odd_lines.append(number)
                if text[at] == ",":
                    at = _past_blanks(text, at + 1)

    def _bad(self, line: int, cause: str) -> None:
        self.bad_lines.append((line, cause))

    def _decoded(self, data: bytes, line: int) -> str:
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            repaired = as_utf8(data)
            self._bytes_wrong = (
                repaired.wrong + (self._bytes_wrong[0] if self._bytes_wrong else 0),
                self._bytes_wrong[1] if self._bytes_wrong else line,
            )
            return repaired.data.decode("utf-8")

    def _elements(self) -> Iterator[Any]:
        """The elements of one big array, without ever holding all of it."""
        decoder = json.JSONDecoder(object_pairs_hook=_pairs)
        incremental = codecs.getincrementaldecoder("utf-8")("strict")
        blocks = self._text_blocks()
        text, at, given, ended, row = "", 0, 0, False, 0
        opened = closed = False
        depth = DepthGauge(self.source.path, self.source.limits.depth)

        def more() -> bool:
            nonlocal text, at, given, ended
            block = next(blocks, None)
            if block is None:
                ended = True
                return False
            depth.feed(block)
            try:
                fresh = incremental.decode(block)
            except UnicodeDecodeError:
                fresh = self._decoded(block, 1)
            given += at
            text, at = text[at:] + fresh, 0
            return True

        def skip_blank() -> None:
            nonlocal at
            while True:
                at = _past_blanks(text, at)
                if at < len(text) or not more():
                    return

        skip_blank()
        at += 1  # the opening bracket
        opened = True
        expects_value = True
        while opened:
            skip_blank()
            if at >= len(text):
                break
            if text[at] == "]" and (not expects_value or row == 0):
                closed = True
                at += 1
                skip_blank()
                break
            if not expects_value:
                if text[at] != ",":
                    raise Unreadable(
                        self.source.path,
                        f"a comma or the end of the array was expected, not {text[at]!r}",
                        place=f"character {given + at}",
                        next_step="check the file with whoever wrote it",
                    )
                at += 1
                expects_value = True
                continue
            while True:
                try:
                    value, end = decoder.raw_decode(text, at)
                    if end >= len(text) - 1 and not ended and not isinstance(value, (dict, list)) and more():
                        continue  # a number may go on in the next block
                    break
                except RecursionError as error:
                    raise LimitExceeded(
                        self.source.path,
                        "values are nested too deep",
                        place=f"character {given + at}",
                        next_step="raise the limit on depth",
                    ) from error
                except ValueError as error:
                    if len(text) - at > 4 * self.source.limits.record_bytes or not more():
                        hint = "it looks like Python's own notation, which is not JSON" if text[at + 1 : at + 2] == "'" else _cause(error)
                        raise Unreadable(
                            self.source.path,
                            f"it is cut off or broken: {hint}",
                            place=f"byte {given + at + max(0, getattr(error, 'pos', at) - at)}",
                            next_step="ask for it again",
                        ) from error
            yield _clean(value, text[at:end], self.accused, row)
            row += 1
            at = end
            expects_value = False
        if not closed:
            raise Unreadable(
                self.source.path,
                "the array is not closed: the end of the file is missing",
                place=f"byte {given + at}",
                next_step="ask for it again",
            )
        if at < len(text):
            raise Unreadable(
                self.source.path,
                f"something follows the end of the array: {text[at : at + 20]!r}",
                place=f"character {given + at}",
                next_step="check the file with whoever wrote it",
            )

    def _document(self) -> Iterator[Any]:
        data = b"".join(self._text_blocks())
        check_depth(self.source.path, data, self.source.limits.depth, "")
        text = self._decoded(data, 1)
        try:
            whole = json.loads(text, object_pairs_hook=_pairs)
        except RecursionError as error:
            raise LimitExceeded(self.source.path, "values are nested too deep", next_step="raise the limit on depth") from error
        except ValueError as error:
            place = f"line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
            raise Unreadable(
                self.source.path, f"it is not valid JSON: {_cause(error)}", place=place, next_step="ask for it again"
            ) from error
        yield from (_clean(value, text, self.accused, row) for row, value in enumerate(self._records(whole)))

    def _records(self, whole: Any) -> list[Any]:
        """The rows that an object holds: columns of equal length, a list of objects under a key, or itself as the only row."""
        if isinstance(whole, list):
            return whole
        if not isinstance(whole, dict):
            raise Unreadable(
                self.source.path,
                f"it is a single {kind_of(whole)} value and not a table",
                place="byte 0",
                next_step="deliver an array of objects",
            )
        if not whole:
            raise Unreadable(self.source.path, "it is an empty object", place="byte 0", next_step="deliver an array of objects")
        values = list(whole.values())
        names, data = whole.get("columns"), whole.get("data")
        if (
            isinstance(names, list)
            and isinstance(data, list)
            and all(isinstance(row, list) for row in data)
            and all(isinstance(name, str) for name in names)
        ):
            self.where = "data"
            return [dict(zip(names, row, strict=False)) for row in data]
        if (
            all(isinstance(value, list) for value in values)
            and len({len(value) for value in values}) == 1
            and not any(isinstance(one, dict) for value in values for one in value[:1])
        ):
            return [dict(zip(whole, row, strict=True)) for row in zip(*values, strict=True)]
        if len(values) > 1 and all(isinstance(value, dict) for value in values) and len({tuple(value) for value in values}) == 1:
            keys = list(values[0])
            if len(keys) > 0 and all(key.isdigit() for key in keys):  # pandas' default: {"column": {"0": …}}
                return [{name: whole[name][key] for name in whole} for key in keys]
            return [{"key": name, **value} for name, value in whole.items()]
        tables = [
            (key, value)
            for key, value in whole.items()
            if isinstance(value, list) and value and all(isinstance(one, dict) for one in value)
        ]
        if tables:
            self.where, found = max(tables, key=lambda pair: len(pair[1]))
            return found
        return [whole]

    # -- pieces ---------------------------------------------------------------------------------------------

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[Piece]:
        """The rows in order."""
        wanted = (
            list(range(len(self.columns))) if columns is None else [n for n, name in enumerate(self.columns) if name in set(columns)] or [0]
        )
        start = 0
        for values in self._chunks if self._chunks is not None else self._again():
            yield Piece(start, len(values), partial(self._load, values, wanted))
            start += len(values)
        self.source.settle()

    def _again(self) -> Iterator[list[Any]]:
        kept, self.accused = self.accused, Accused()
        try:
            yield from self._chunked()
        finally:
            self.accused = kept

    def _load(self, values: list[Any], wanted: list[int]) -> pl.DataFrame:
        series = []
        for number in wanted:
            key, dtype = self.keys[number], self.dtypes[number]
            column = self._column(values, key, number)
            if dtype == pl.String:
                column = [one if one is None or type(one) is str else _as_text(one) for one in column]
            series.append(pl.Series(self.columns[number], column, dtype=pl.String() if dtype == pl.Null() else dtype, strict=False))
        return pl.DataFrame(series)

    def _column(self, values: list[Any], key: str, number: int) -> list[Any]:
        if not self._list_rows:
            return [value.get(key) for value in values]
        found = []
        for value in values:
            if isinstance(value, dict):
                found.append(value.get(key))
            elif isinstance(value, list):
                place = int(key[7:]) - 1 if key.startswith("column_") and key[7:].isdigit() else -1
                found.append(value[place] if 0 <= place < len(value) else None)
            else:
                found.append(value if key == "value" else None)
        return found

    # -- what was noticed -----------------------------------------------------------------------------------

    def facts(self) -> InputFacts:
        """What was read and how."""
        details = dict(self.source.details) | {"encoding": self.encoding.codec}
        if self.where:
            details["rows_under"] = self.where
        return InputFacts(
            path=self.source.path,
            digest=self.source.digest(),
            rows=self.rows,
            columns=len(self.columns),
            bytes=self.source.stored_bytes(),
            format=self.format,
            details=details,
        )

    def findings(self) -> tuple[Finding, ...]:
        """What is odd about names, types, keys and lines."""
        found = list(self.source.notes) + header_findings(self.raw_names, self.columns)
        accused, named = self.accused, dict(zip(self.keys, self.columns, strict=True))
        if self.long_names:
            found.append(
                Finding(
                    "oversized_value",
                    (),
                    f"A key has {max(map(len, self.long_names))} characters; it was cut to 1000.",
                    0.5,
                    evidence={"length_characters": max(map(len, self.long_names))},
                )
            )
        if self.bad_lines:
            shown = ", ".join(str(line) for line, _ in self.bad_lines[:5])
            found.append(
                Finding(
                    "syntax",
                    (),
                    f"{len(self.bad_lines)} {'line is' if len(self.bad_lines) == 1 else 'lines are'} not valid JSON; put aside: "
                    f"line {shown} ({self.bad_lines[0][1]}).",
                    0.7,
                    evidence={"lines": len(self.bad_lines), "first_line": self.bad_lines[0][0], "rows_kept": self.rows},
                    suggestion="a broken last line means that the file was cut off",
                )
            )
        if self.odd_lines:
            found.append(
                Finding(
                    "syntax",
                    (),
                    f"Something follows the value on {len(self.odd_lines)} lines "
                    f"(line {', '.join(map(str, self.odd_lines[:5]))}); the values were kept.",
                    0.3,
                    evidence={"lines": len(self.odd_lines), "first_line": self.odd_lines[0]},
                    suggestion="write one value a line and nothing else",
                )
            )
        if trouble := accused.get("twice"):
            found.append(
                accused.finding(
                    "twice",
                    "repeated_keys",
                    f"{len(trouble.rows)} of {self.rows} objects name a key twice, such as {str(trouble.extra['key'])!r}; "
                    "the last value was taken.",
                    0.65,
                    suggestion="find out which of the values is right",
                )
            )
        for kind, code, sentence, severity in (
            ("big", "number_overflow", "numbers do not fit into 64 bits", 0.4),
            ("infinite", "number_overflow", "numbers are not finite, or too large for a double", 0.4),
            ("nul", "control_characters", "texts hold NUL characters", 0.5),
            ("surrogate", "encoding", "texts hold half a character (a lone surrogate)", 0.5),
            ("ragged", "ragged_rows", "rows have another length than the first", 0.6),
        ):
            if trouble := accused.get(kind):
                trouble.rows = [(row, named.get(column, column)) for row, column in trouble.rows]
                columns = tuple(dict.fromkeys(column for _, column in trouble.rows if column != "*"))[:20]
                found.append(accused.finding(kind, code, f"{len(trouble.rows)} of {self.rows} {sentence}.", severity, columns=columns))
        for key, name in named.items():
            kinds = {kind: count for kind, count in self._shapes[key].kinds.items() if kind not in (NULL, MIXED, BIG)}
            if not kinds or set(kinds) <= {INT, FLOAT} or len(kinds) < 2:
                continue
            shape = self._shapes[key]
            listed = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items(), key=lambda pair: -pair[1]))
            rarest = min(kinds, key=lambda kind: kinds[kind])
            found.append(
                Finding(
                    "mixed_types",
                    (name,),
                    f"The values of {name} are of {len(kinds)} types: {listed}; they were read as text.",
                    0.5,
                    evidence={f"{kind}_values": count for kind, count in kinds.items()} | {"first_row_of_rarest": shape.first[rarest]},
                    suggestion="write one type per key",
                )
            )
        if self._bytes_wrong:
            found.append(
                Finding(
                    "encoding",
                    (),
                    f"{self._bytes_wrong[0]} bytes are not UTF-8, the first on line {self._bytes_wrong[1]}; "
                    "they were read as Windows-1252.",
                    0.5,
                    evidence={"wrong_bytes": self._bytes_wrong[0], "first_line": self._bytes_wrong[1]},
                    suggestion="deliver UTF-8",
                )
            )
        if self.encoding.wide:
            found.append(
                Finding(
                    "encoding",
                    (),
                    f"The text is {self.encoding.codec.upper()}, and JSON has to be UTF-8 (RFC 8259).",
                    0.3,
                    evidence={"encoding": self.encoding.codec},
                    suggestion="deliver UTF-8",
                )
            )
        return tuple(found)

    def close(self) -> None:
        """Lets go of the file."""
        self.source.close()


class DepthGauge:
    """Measures how deep brackets nest outside strings, block by block, without parsing.

    >>> DepthGauge("a.json", 3).feed(b'[[["]]]"')
    >>> DepthGauge("a.json", 3).feed(b"[[[[")
    Traceback (most recent call last):
        ...
    assayline.errors.LimitExceeded: a.json: values are nested deeper than 3 levels; raise the limit on depth if that is meant
    """

    def __init__(self, path: str, limit: int, place: str = "") -> None:
        self.path, self.limit, self.place = path, limit, place
        self.level = 0
        self.held = b""

    def feed(self, data: bytes) -> None:
        """The next bytes; a string cut at their end is held back."""
        if (
            self.level + data.count(b"[") + data.count(b"{") + self.held.count(b"[") + self.held.count(b"{") <= self.limit
            and not self.held
            and self.level == 0
            and data.count(b'"') % 2 == 0
            and b"\\" not in data
        ):
            array = np.frombuffer(STRING.sub(b"", data), dtype=np.uint8)
            self.level += int(((array | 32) == 123).sum()) - int(((array | 32) == 125).sum())
            return
        bare = STRING.sub(b"", self.held + data)
        cut = bare.find(b'"')
        self.held = b""
        if cut >= 0:
            self.held, bare = bare[cut:], bare[:cut]
        array = np.frombuffer(bare, dtype=np.uint8) | np.uint8(32)  # [ and { differ by this bit, and so do ] and }
        for start in range(0, len(array), 1 << 20):
            strip = array[start : start + (1 << 20)]
            steps = np.cumsum((strip == 123).astype(np.int32) - (strip == 125).astype(np.int32)) + self.level
            if len(steps):
                if int(steps.max()) > self.limit:
                    raise LimitExceeded(
                        self.path,
                        f"values are nested deeper than {self.limit} levels",
                        place=self.place,
                        next_step="raise the limit on depth if that is meant",
                    )
                self.level = int(steps[-1])


def check_depth(path: str, data: bytes, limit: int, place: str) -> None:
    """Stops a value that nests too deep before a parser recurses into it."""
    if data.count(b"[") + data.count(b"{") > limit:
        DepthGauge(path, limit, place).feed(data)


def _clean(value: Any, text: str, accused: Accused, row: int) -> Any:
    """The value without lone surrogates, which have no UTF-8 form."""
    if "\\ud" in text or "\\uD" in text:
        cleaned, dirty = _without_surrogates(value)
        if dirty:
            accused.add("surrogate", row, None, None)
            return cleaned
    return value


def _without_surrogates(value: Any) -> tuple[Any, bool]:
    if isinstance(value, str):
        cleaned = value.encode("utf-8", "replace").decode("utf-8") if any("\ud800" <= letter <= "\udfff" for letter in value) else value
        return cleaned, cleaned is not value
    if isinstance(value, list):
        parts = [_without_surrogates(one) for one in value]
        return [one for one, _ in parts], any(dirty for _, dirty in parts)
    if isinstance(value, dict):
        pairs = [(_without_surrogates(key), _without_surrogates(one)) for key, one in value.items()]
        return {key[0]: one[0] for key, one in pairs}, any(key[1] or one[1] for key, one in pairs)
    return value, False


def _as_text(value: Any) -> str:
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return str(value)


def _digits(number: int) -> str:
    return str(number)


def _past_blanks(text: str, at: int) -> int:
    found = BLANK.match(text, at)
    return found.end() if found else at


def _cause(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at column {error.colno}"
    return str(error)[:200]
