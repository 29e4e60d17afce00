"""A table that is spread over several files: folders, patterns, partitions, archives with several members."""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import unquote

import polars as pl

from assayline.core import Finding, InputFacts
from assayline.errors import ChangedWhileRead, InputError, LimitExceeded, NotFound, Refused, Unreadable

from .accused import EXAMPLES, NamedCells
from .inflating import inner_name
from .limits import Limits
from .opening import KNOWN, open_source
from .source import Source, StreamSource, checked_path, open_file
from .table import Piece, Table

PARTITION = re.compile(r"([^/=]+)=([^/]*)\Z")
HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
ARCHIVED = (".zip", ".tar", ".tgz")


@dataclass
class Part:
    """One file of a table.

    Args:
        name: relative to the folder, for messages.
        open: opens it; called once for its columns and once for its rows.
        partition: the columns that its folders name.
    """

    name: str
    open: Callable[[], Table]
    partition: dict[str, str | None]
    columns: tuple[str, ...] = ()
    dtypes: tuple[pl.DataType, ...] = ()
    facts: InputFacts | None = None
    findings: tuple[tuple[int, Finding], ...] = ()
    stamp: tuple[int, int] | None = None


def open_folder(path: str, limits: Limits) -> Table:
    """The files of a folder as one table, in the order of their names.

    Raises:
        InputError: it holds no table, or tables that have nothing in common.
    """
    root = checked_path(path)
    found: list[tuple[str, str]] = []
    _walk(root, "", limits, found, path)
    return _of_files(path, found, limits, root)


def open_pattern(pattern: str, limits: Limits) -> Table:
    """The files that match a pattern as one table, in the order of their names."""
    names = sorted(name for name in glob.glob(pattern, recursive=True) if os.path.isfile(name))
    if not names:
        raise NotFound(pattern, "no file matches the pattern", next_step="check it; quote it so that the shell does not change it")
    if len(names) == 1:
        return open_source(open_file(names[0], limits))
    root = os.path.commonpath([os.path.dirname(os.path.abspath(name)) for name in names])
    return _of_files(pattern, [(os.path.relpath(os.path.abspath(name), root), name) for name in names], limits, root)


def open_members(source: Source, members: Sequence[StreamSource]) -> Table:
    """The members of an archive as one table."""
    parts = [Part(member.details.get("member", member.name), partial(open_source, member), {}) for member in members]
    return PartsTable(source.path, parts, source.limits, source)


def _walk(folder: str, relative: str, limits: Limits, found: list[tuple[str, str]], shown: str, depth: int = 0) -> None:
    if depth > limits.folder_depth:
        raise LimitExceeded(
            shown, f"its folders are more than {limits.folder_depth} deep", place=relative, next_step="name the folder that holds the table"
        )
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise Unreadable(
            shown, f"the folder cannot be listed: {error.strerror}", place=relative, next_step="ask for the right to read it"
        ) from error
    for entry in entries:
        name = os.path.join(relative, entry.name)
        if entry.name.startswith((".", "_")) or entry.name.endswith((".crc", "~", ".tmp", ".part")):
            continue
        if entry.is_dir(follow_symlinks=False):
            _walk(entry.path, name, limits, found, shown, depth + 1)
        elif entry.is_file(follow_symlinks=False) or (entry.is_symlink() and os.path.isfile(entry.path)):
            found.append((name, entry.path))
            if len(found) > limits.members:
                raise LimitExceeded(
                    shown, f"it holds more than {limits.members} files", next_step="name fewer files, or raise the limit on members"
                )


def _of_files(shown: str, found: list[tuple[str, str]], limits: Limits, root: str) -> Table:
    if not found:
        raise NotFound(shown, "the folder holds no files", next_step="check the name")
    kinds = Counter(_kind(name) for name, _ in found)
    known = {kind: count for kind, count in kinds.items() if kind in KNOWN} or dict(kinds)
    wanted = max(sorted(known), key=lambda kind: known[kind])
    if wanted in ARCHIVED:
        raise Refused(shown, "it holds archives", next_step="unpack them, or scan them one by one")
    chosen = [(name, path) for name, path in found if _kind(name) == wanted]
    parts = [Part(name, partial(_open_part, path, limits, root), _partition(name)) for name, path in chosen]
    table = PartsTable(shown, parts, limits, None)
    skipped = [name for name, _ in found if _kind(name) != wanted]
    if skipped:
        table.details["skipped"] = f"{len(skipped)} files that are not {wanted or 'named alike'}, such as {skipped[0]}"
    return table


def _open_part(path: str, limits: Limits, root: str) -> Table:
    return open_source(open_file(path, limits, within=root))


def _kind(name: str) -> str:
    return os.path.splitext(inner_name(name).lower())[1]


def _partition(name: str) -> dict[str, str | None]:
    """The columns named by folders such as `day=2024-06-01`.

    >>> _partition("day=2024-06-01/shop=a%20b/part-0.parquet")
    {'day': '2024-06-01', 'shop': 'a b'}
    """
    found: dict[str, str | None] = {}
    for folder in name.replace(os.sep, "/").split("/")[:-1]:
        if match := PARTITION.match(folder):
            value = unquote(match.group(2))
            found[unquote(match.group(1))] = None if value == HIVE_NULL else value
    return found


class PartsTable:
    """Several tables below each other; their columns are the union, in the order in which they came."""

    def __init__(self, path: str, parts: list[Part], limits: Limits, source: Source | None) -> None:
        self.path, self.parts, self.limits, self.source = path, parts, limits, source
        self.details: dict[str, str] = {}
        self.rows = 0
        self.text = True
        self.rows_hint = 0
        self.format = ""
        kept: list[Part] = []
        for part in parts:
            table = self._opened(part)
            try:
                part.columns = tuple(table.columns)
                part.dtypes = _dtypes(table)
                self.text = self.text and table.text
                self.rows_hint += table.rows_hint
                kept.append(part)
            finally:
                if source is None:
                    table.close()
        self._check_kinship(kept)
        self.own = tuple(dict.fromkeys(name for part in kept for name in part.columns))
        self.partition_columns = tuple(dict.fromkeys(name for part in kept for name in part.partition if name not in self.own))
        self.columns = (*self.own, *self.partition_columns)
        self.types, self.conflicts = self._types()
        numbers = {name: all(_is_int(part.partition.get(name)) for part in kept) for name in self.partition_columns}
        for name in self.partition_columns:
            self.types[name] = pl.Int64() if numbers[name] and not self.text else pl.String()

    def _opened(self, part: Part) -> Table:
        try:
            return part.open()
        except InputError as error:
            if error.file.endswith(part.name) or "!" in error.file:
                raise
            raise type(error)(
                self.path, error.cause, place=f"part {part.name!r}{', ' + error.place if error.place else ''}", next_step=error.next_step
            ) from error

    def _check_kinship(self, parts: list[Part]) -> None:
        first = set(parts[0].columns)
        for part in parts[1:]:
            if first and part.columns and first.isdisjoint(part.columns):
                shown = "; ".join(f"{one.name}: {', '.join(one.columns[:4])}" for one in (parts[0], part))
                raise Unreadable(
                    self.path,
                    f"its files are different tables ({shown})",
                    place=f"part {part.name!r}",
                    next_step="name one of them, or a pattern that fits one kind only",
                )
            first |= set(part.columns)

    def _types(self) -> tuple[dict[str, pl.DataType], list[Finding]]:
        types: dict[str, pl.DataType] = {}
        conflicts = []
        for name in self.own:
            kinds: dict[pl.DataType, str] = {}
            missing = []
            for part in self.parts:
                if name in part.columns:
                    kinds.setdefault(part.dtypes[part.columns.index(name)], part.name)
                else:
                    missing.append(part.name)
            joined = _joined(list(kinds))
            types[name] = joined if joined is not None else pl.String()
            if joined is None:
                usual, odd, *_ = kinds.items()
                conflicts.append(
                    Finding(
                        "schema_conflict",
                        (name,),
                        f"{name} is {usual[0]} in {usual[1]} but {odd[0]} in {odd[1]}; it was read as text.",
                        0.6,
                        where=odd[1],
                        evidence={"parts": len(self.parts), "types": len(kinds), "first_part": odd[1]},
                        suggestion="write all parts with one schema",
                    )
                )
            if missing:
                conflicts.append(
                    Finding(
                        "schema_conflict",
                        (name,),
                        f"{len(missing)} of {len(self.parts)} parts have no column {name}, such as {missing[0]}; it is empty there.",
                        0.5,
                        where=missing[0],
                        evidence={"parts": len(self.parts), "parts_without": len(missing), "first_part": missing[0]},
                        suggestion="write all parts with one schema",
                    )
                )
        return types, conflicts

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[Piece]:
        """The parts in order."""
        wanted = list(self.columns) if columns is None else [name for name in self.columns if name in set(columns)] or [self.columns[0]]
        base = 0
        for part in self.parts:
            table = self._opened(part)
            try:
                if tuple(table.columns) != part.columns:
                    raise ChangedWhileRead(
                        self.path, "its columns changed since it was opened", place=f"part {part.name!r}", next_step="scan it again"
                    )
                own = [name for name in wanted if name in part.columns]
                rows = 0
                for piece in table.pieces(own or list(part.columns[:1])):
                    yield Piece(base + piece.start, piece.rows, partial(self._load, piece, part, wanted))
                    rows += piece.rows
                if columns is None or part.facts is None:
                    part.facts = table.facts()
                    part.findings = tuple((base, finding) for finding in table.findings())
                base += rows
            finally:
                if self.source is None:
                    table.close()
        self.rows = base
        if self.source is not None:
            self.source.settle()

    def _load(self, piece: Piece, part: Part, wanted: list[str]) -> pl.DataFrame:
        frame = piece.load()
        height = frame.height
        series = []
        for name in wanted:
            target = self.types[name]
            if name in frame.columns:
                found = frame.get_column(name)
                series.append(found if found.dtype == target else as_type(found, target))
            elif name in self.partition_columns:
                value = part.partition.get(name)
                typed = int(value) if value is not None and isinstance(target, pl.Int64) else value
                series.append(
                    pl.Series(name, [typed], dtype=target).new_from_index(0, height) if height else pl.Series(name, [], dtype=target)
                )
            else:
                series.append(
                    pl.Series(name, [None], dtype=target).new_from_index(0, height) if height else pl.Series(name, [], dtype=target)
                )
        return pl.DataFrame(series)

    def facts(self) -> InputFacts:
        """All parts together; the digest covers names and digests of the parts in the order of their names."""
        done = [(part.name, part.facts) for part in self.parts if part.facts is not None]
        digest = ""
        if self.source is not None:
            digest = self.source.digest()
        elif done:
            state = hashlib.sha256()
            for name, facts in sorted(done, key=lambda pair: pair[0]):
                state.update(f"{name}\0{facts.digest}\n".encode("utf-8", "surrogateescape"))
            digest = "sha256:" + state.hexdigest()
        details = dict(done[0][1].details) if done else {}
        details.update(self.details)
        details["parts"] = str(len(self.parts))
        return InputFacts(
            path=self.path,
            digest=digest,
            rows=self.rows,
            columns=len(self.columns),
            bytes=self.source.stored_bytes() if self.source is not None else sum(facts.bytes for _, facts in done),
            format=done[0][1].format if done else "",
            details=details,
        )

    def findings(self) -> tuple[Finding, ...]:
        """What the parts noticed, one finding for all parts that noticed the same, and where they disagree."""
        groups: dict[tuple[str, tuple[str, ...]], list[tuple[str, int, Finding]]] = {}
        for part in self.parts:
            for base, finding in part.findings:
                groups.setdefault((finding.code, finding.columns), []).append((part.name, base, finding))
        merged = [_merged(group) for group in groups.values()]
        return (*self.conflicts, *merged)

    def close(self) -> None:
        """Lets go of the archive, if it is one; files are closed after each pass."""
        if self.source is not None:
            self.source.close()


def _merged(group: list[tuple[str, int, Finding]]) -> Finding:
    name, _, first = group[0]
    rows: list[int] = []
    names: list[str] = []
    values: dict[int, str] = {}
    confidence = 0.9
    for _, base, finding in group:
        if isinstance(finding.locate, NamedCells):
            rows += [base + row for row in finding.locate.rows]
            names += finding.locate.names
            values |= {base + row: value for row, value in finding.locate.values.items()}
            confidence = finding.locate.confidence
    counted = [finding.rows for _, _, finding in group if finding.rows is not None]
    sentence = f"In {name}: {first.sentence}" if len(group) == 1 else f"In {len(group)} parts, first in {name}: {first.sentence}"
    examples = tuple(replace(cell, row=base + cell.row) for _, base, finding in group for cell in finding.examples)[:EXAMPLES]
    locate = NamedCells(tuple(rows), tuple(names), confidence, values) if rows else None
    return first.but(
        sentence=sentence,
        where=name if len(group) == 1 else None,
        rows=sum(counted) if counted else None,
        locate=locate,
        examples=examples,
        severity=max(finding.severity for _, _, finding in group),
    )


def _dtypes(table: Table) -> tuple[pl.DataType, ...]:
    if table.text:
        return (pl.String(),) * len(table.columns)
    known = getattr(table, "dtypes", None)
    if known is not None:
        return tuple(pl.String() if kind == pl.Null() else kind for kind in known)
    first = next(iter(table.pieces()), None)
    return tuple(first.load().dtypes) if first is not None else (pl.Null(),) * len(table.columns)


def _joined(kinds: list[pl.DataType]) -> pl.DataType | None:
    """One type for all of them without loss, or None."""
    kinds = [kind for kind in kinds if kind != pl.Null()]
    if not kinds:
        return pl.String()
    if len(kinds) == 1:
        return kinds[0]
    if all(kind.is_integer() for kind in kinds):
        return pl.Int64() if pl.UInt64() not in kinds else pl.Int128()
    if all(kind.is_numeric() and not kind.is_decimal() for kind in kinds):
        return pl.Float64()
    if all(isinstance(kind, pl.Datetime) for kind in kinds) and len({getattr(kind, "time_zone", None) for kind in kinds}) == 1:
        return pl.Datetime("us", getattr(kinds[0], "time_zone", None))
    return None


def as_type(series: pl.Series, target: pl.DataType) -> pl.Series:
    """The values as this type, which holds them; as text where it is String."""
    if target == pl.String() and isinstance(series.dtype, (pl.List, pl.Struct, pl.Array, pl.Object)):
        return pl.Series(series.name, [None if value is None else str(value) for value in series.to_list()], dtype=pl.String)
    return series.cast(target, strict=False)


def _is_int(value: str | None) -> bool:
    return value is None or (value.isascii() and value.isdigit() and len(value) < 18)
