"""One lot through the gate, as far as bytes are concerned: opened, judged against its past, cut in two, written to a folder.

Runs in the child process that may write to that folder only. What is published is decided by the parent, in one transaction.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from assayline.core import Finding, Past, Place, Profile, Report, Verdict, finding_as_json
from assayline.errors import Damaged, LedgerError
from assayline.judgement import Policy
from assayline.judgement.temper import Temper
from assayline.measures import HEAD_ROWS, Sample
from assayline.measures.figures import figures
from assayline.measures.packing import packed, unpacked
from assayline.scanning.passes import first_look, in_order, workers
from assayline.scanning.table_scan import judge_table
from assayline.tables import Limits, Piece, Table, open_table
from assayline.tables.reshaped import Renamed, Without, kept
from assayline.tables.retyped import Retyped, retyped

from .accusing import Accusations, Case
from .added import ADDED, added_names
from .rule_findings import RuleSet

Progress = Callable[[int, int, str], None]
Rows = npt.NDArray[np.int64]

MEASURED = "measured"  # a profile as it was measured, before anything was put aside
KEPT_PROFILES = 256  # of earlier lots, unpacked in memory; a flow asks for sixty

_profiles: OrderedDict[str, Profile] = OrderedDict()


def gate_lot(request: dict[str, Any], tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Judge one input and write what is to be published; the child's side of `gating`.

    Args:
        request: `path`; `folder` to write to; `past`: [{"name", "digest", "path", "codes"}], oldest first; `renames`; `rules`; `references`; `policy`; `temper`; `limits`;
            `ahead`: whether to leave the profile in the folder, for who judges the next lot meanwhile; `own`: the input is a Parquet file that this line has made, which is
            kept as it is where all of it goes to one place.
        tell: receives {"done", "total", "phase"}, and {"measured": {"digest", "file", "codes"}} once, if `ahead`.
    """
    table = open_table(request["path"], Limits(**request.get("limits") or {}))

    def left(profile: Profile) -> None:
        data = packed(profile)
        with _writing(request["folder"]), open(os.path.join(request["folder"], MEASURED), "wb") as file:
            file.write(data)
        tell({"measured": {"digest": _digest(data), "file": MEASURED, "codes": sorted({finding.code for finding in table.findings()})}})

    try:
        return gate_table(
            table, request, lambda done, total, phase: tell({"done": done, "total": total, "phase": phase}), on_measured=left if request.get("ahead") else None
        )
    finally:
        table.close()


def gate_table(table: Table, request: Mapping[str, Any], on_progress: Progress, *, on_measured: Callable[[Profile], None] | None = None) -> dict[str, Any]:
    """The same for an open table.

    Returns:
        `report` (JSON of the contract), `rows`, `files` ({"released": …, "quarantined": …, "held": …, "profile": …}: names in the folder),
        `digest`, `multiset`, `cases`, `codes`, `figures`, `renames`, `aside` (row numbers put aside; only for tables in memory).
    """
    folder = request["folder"]
    policy = Policy.of_gate(request.get("policy"))
    renames = dict(request.get("renames") or {})
    if renames:
        table = Renamed(table, renames)
    past = past_from(request["past"])
    codes = [frozenset(one["codes"]) for one in request["past"]]
    accusations = Accusations()
    rules = RuleSet(request.get("rules") or [], request.get("references") or {})
    temper = Temper(**request.get("temper") or {})
    read = retyped(table, dtypes_of(past))
    judged = judge_table(
        read, past, policy=policy, past_codes=codes, on_rows=accusations.add, on_progress=on_progress,
        temper=temper, more=lambda profile, plan: missing_columns(table.columns, temper.needs) + rules.findings(read, plan), on_measured=on_measured,
    )  # fmt: skip
    report = judged.report
    aside, cases = (
        accusations.settled(finding for finding in report.findings if policy.splits(finding)) if report.verdict == Verdict.SPLIT else (None, [])
    )
    if aside is not None and aside.height > policy.most_split * report.input.rows:
        report = _held(report, aside.height)
        aside, cases = None, []
    rows = aside["assay_row"].to_numpy() if aside is not None else np.zeros(0, dtype=np.int64)
    found = _renames(report.findings, report.verdict)
    written = Written(folder, table, report.verdict, rows, aside)
    profile = judged.profile
    if not len(rows) and not renames and request.get("own"):
        written.keep(request["path"], report.input.rows)
    elif len(rows):
        profile = written.write_and_measure(on_progress, (lambda released: Retyped(released, read.dtypes)) if isinstance(read, Retyped) else None)
    else:
        written.write(on_progress)
    if found:
        profile = _with_names(profile, found)
    data = packed(profile)
    _remember(_digest(data), profile)
    with _writing(folder), open(os.path.join(folder, "profile"), "wb") as file:
        file.write(data)
    unparseable = sum(int(finding.evidence.get("lines", 0)) for finding in table.findings() if finding.code == "syntax")
    document = report.as_json()
    written.describe("report", {**document, "multiset": written.multiset, "renames": {**renames, **found}})
    return {
        "report": document,
        "rows": {
            "taken": written.taken + unparseable, "released": written.released, "quarantined": written.quarantined, "held": written.held,
            "unparseable": unparseable,
        },
        "files": {**written.files, "profile": "profile", "report": "report"},
        "digest": report.input.digest or written.digest,
        "multiset": written.multiset,
        "cases": [case_document(case) for case in cases],
        "codes": sorted({finding.code for finding in table.findings()}),
        "figures": figures(profile),
        "renames": {**renames, **found},
        "teach_digest": _digest(data),
        "columns": list(table.columns),
        "aside": rows.tolist() if request.get("in_memory") else None,
    }  # fmt: skip


@contextlib.contextmanager
def _writing(folder: str) -> Iterator[None]:
    """A disk that is full says nothing about the input: the lot is not taken, and the same command finishes the work."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        cause = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else " ".join(str(error).split())
        raise LedgerError(f"{folder}: {cause}; free some space, or look at the disk, and run the same command again: nothing was published") from error


def dtypes_of(past: Past) -> dict[str, pl.DataType]:
    """The types the columns had in the last lot that taught."""
    sample = past.profiles[-1].of(None, Sample) if past.profiles else None
    return dict(sample.frame.schema) if sample is not None else {}


def missing_columns(columns: Iterable[str], needs: Iterable[str]) -> list[Finding]:
    """Columns that somebody needs and that are not there, whether earlier lots had them or not."""
    there = set(columns)
    return [
        Finding("dropped_column", (name,), f"The column {name} is not there, and it is needed.", 0.9, layer="history", suggestion="ask the sender for it")
        for name in needs
        if name not in there
    ]


def case_document(case: Case) -> dict[str, Any]:
    """A case as it is published."""
    found = finding_as_json(case.finding)
    return {
        "code": found["code"], "columns": found["columns"], "pattern": case.pattern, "rows": case.rows, "sentence": found["sentence"],
        "suggestion": case.suggestion or found["suggestion"],
    }  # fmt: skip


def _held(report: Report, rows: int) -> Report:
    """Single findings would only split, but together they would put too many rows aside."""
    return Report(Verdict.HOLD, report.findings, report.input, report.columns, report.seconds, report.past_lots)


def _renames(findings: Iterable[Finding], verdict: Verdict) -> dict[str, str]:
    """Columns that were recognised under another name: what they are called now, and what they were called."""
    return {str(one.evidence["new_name"]): str(one.evidence["old_name"]) for one in findings if one.code == "renamed_column" and "new_name" in one.evidence and verdict < Verdict.HOLD}


def _with_names(profile: Profile, names: Mapping[str, str]) -> Profile:
    states = {(Place(names.get(place.column or "", place.column), place.key, place.segment), name): state for (place, name), state in profile.states.items()}
    return Profile(states, tuple(names.get(column, column) for column in profile.columns))


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def past_from(earlier: Iterable[Mapping[str, Any]]) -> Past:
    """The past that some lots make: `name`, `digest` and `path` of the packed profile of each, oldest first."""
    found = list(earlier)
    return Past(tuple(_profile(one) for one in found), tuple(str(one["name"]) for one in found))


def _profile(one: Mapping[str, Any]) -> Profile:
    digest = str(one["digest"])
    if digest in _profiles:
        _profiles.move_to_end(digest)
        return _profiles[digest]
    with open(one["path"], "rb") as file:
        data = file.read()
    if _digest(data) != digest:
        raise Damaged(f"{one['path']}: the profile of {one['name']} is not what was written; run: assay verify, or restore a backup")
    profile = unpacked(data)
    _remember(digest, profile)
    return profile


def _remember(digest: str, profile: Profile) -> None:
    _profiles[digest] = profile
    while len(_profiles) > KEPT_PROFILES:
        _profiles.popitem(last=False)


class Written:
    """Writes the rows of a lot to where they belong, counting and adding up what goes in and what goes out."""

    def __init__(self, folder: str, table: Table, verdict: Verdict, rows: Rows, aside: pl.DataFrame | None) -> None:
        self.folder, self.table, self.rows, self.aside = folder, table, rows, aside
        self.main = "held" if verdict >= Verdict.HOLD else "released"
        self.taken = self.released = self.quarantined = self.held = 0
        self.files: dict[str, str] = {}
        self.multiset: dict[str, str] = {}
        self.digest = ""
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._schemas: dict[str, Any] = {}
        self._sums: dict[str, list[int]] = {}
        self._order = hashlib.sha256(json.dumps(list(table.columns)).encode("utf-8", "surrogatepass"))

    def write(self, on_progress: Progress, ready_of: Callable[[Piece], Ready] | None = None, *, threads: int = 0) -> None:
        """One more pass over the table: pieces are made ready in some threads and written in order by this one.

        Args:
            on_progress: receives (rows done, rows expected or 0, phase).
            ready_of: makes a piece ready; by the rows put aside when None.
            threads: how many; as many as there are cores when 0.
        """
        with self._all_rows():
            for ready in in_order(ready_of or self._prepared, self.table.pieces(), threads or workers()):
                self._take(ready, on_progress)

    def keep(self, path: str, rows: int) -> None:
        """All rows to the main place, as the bytes they came in: there is no row that could get lost, and no sum of hashes to compare.

        Args:
            path: of the Parquet file the table is read from.
            rows: that were counted in it.
        """
        self.files[self.main] = f"{self.main}.parquet"
        with _writing(self.folder):
            shutil.copyfile(path, os.path.join(self.folder, self.files[self.main]))
        self.taken = rows
        setattr(self, self.main, rows)

    def write_and_measure(self, on_progress: Progress, seen_as: Callable[[Table], Table] | None = None) -> Profile:
        """The same in the one pass that measures what goes to the main place; gives the profile of that.

        Args:
            on_progress: receives (rows done, rows expected or 0, phase).
            seen_as: the table that is measured, made of the rows as they are written; these themselves when None.
        """
        rest = _Rest(self)
        threads = max(1, workers() // 2)  # a piece in flight is held three times here: as it came, without the rows put aside, and as it is written
        with self._all_rows():
            return first_look(seen_as(rest) if seen_as else rest, on_piece=lambda: self._take(rest.next_ready(), on_progress), threads=threads).profile

    @contextlib.contextmanager
    def _all_rows(self) -> Iterator[None]:
        try:
            yield
            if not self._writers:
                self._put(self.main, part_of(pl.DataFrame(schema=dict.fromkeys(self.table.columns, pl.String))))
        finally:
            with _writing(self.folder):
                for writer in self._writers.values():
                    writer.close()
        self.multiset = {name: f"{sums[0] & _ALL:016x}{sums[1] & _ALL:016x}" for name, sums in self._sums.items()}
        self.digest = "rows:" + self._order.hexdigest()

    def _take(self, ready: Ready, on_progress: Progress) -> None:
        self.taken += ready.rows
        self._order.update(ready.hashes)
        self._add_up("taken", ready.sums)
        for name, part in ready.parts.items():
            setattr(self, name, getattr(self, name) + part.content.num_rows)
            self._put(name, part)
        on_progress(self.taken, self.table.rows_hint, "writing")

    def describe(self, name: str, document: Mapping[str, Any]) -> None:
        """Writes a JSON document beside the rows."""
        with _writing(self.folder), open(os.path.join(self.folder, name), "w", encoding="utf-8") as out:
            json.dump(dict(document), out, ensure_ascii=True)

    def _prepared(self, piece: Piece) -> Ready:
        return self.cut(piece)[0]

    def cut(self, piece: Piece) -> tuple[Ready, pl.DataFrame]:
        """One piece, ready to be written, and those of its rows that go to the main place."""
        frame = piece.load()
        hashes, sums = hashed(frame)
        low, high = np.searchsorted(self.rows, [piece.start, piece.start + piece.rows])
        if low == high:  # the very same frame goes on: it is hashed once
            return Ready(frame.height, hashes, sums, {self.main: Part(frame.to_arrow(), sums)}), frame
        mask = kept(self.rows[low:high] - piece.start, frame.height)
        assert self.aside is not None
        bad = part_of(frame.filter(~mask), self.aside.slice(int(low), int(high - low)))
        good = frame.filter(mask)
        return Ready(frame.height, hashes, sums, {self.main: part_of(good), "quarantined": bad}), good

    def _put(self, name: str, part: Part) -> None:
        self._add_up(name, part.sums)
        with _writing(self.folder):
            self._append(name, part.content)

    def _append(self, name: str, content: pa.Table) -> None:
        writer = self._writers.get(name)
        if writer is None:
            self.files[name] = f"{name}.parquet"
            writer = self._writers[name] = pq.ParquetWriter(
                os.path.join(self.folder, self.files[name]), content.schema, compression="zstd", compression_level=1, write_page_checksum=True,
                use_dictionary=_repeating(content),  # type: ignore[arg-type]  # the stubs do not know of a list of columns
            )  # fmt: skip
            self._schemas[name] = content.schema
        writer.write_table(content.cast(self._schemas[name]) if content.schema != self._schemas[name] else content)

    def _add_up(self, name: str, sums: tuple[int, int]) -> None:
        known = self._sums.setdefault(name, [0, 0])
        for place, one in enumerate(sums):
            known[place] += one


def _repeating(content: pa.Table) -> list[str]:
    """The columns worth a dictionary: building one for a column of keys takes a fifth of the time of writing, and is then given up."""
    head = pl.from_arrow(content.slice(0, HEAD_ROWS))
    assert isinstance(head, pl.DataFrame)
    return [name for name in head.columns if not head.schema[name].is_nested() and 2 * head.get_column(name).n_unique() <= head.height]


class _Rest(Without):
    """The rows that are not put aside; each piece that is loaded is made ready to be written with the rows that are."""

    def __init__(self, written: Written) -> None:
        super().__init__(written.table, written.rows)
        self._written = written
        self._ready: deque[list[Ready]] = deque()

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[Piece]:
        """All columns, once: what is not loaded is not written."""
        assert columns is None
        start = 0
        for piece in self.inner.pieces():
            low, high = np.searchsorted(self.left_out, [piece.start, piece.start + piece.rows])
            rows = piece.rows - int(high - low)
            place: list[Ready] = []
            self._ready.append(place)
            yield Piece(start, rows, partial(self._cut, piece, place))
            start += rows

    def _cut(self, piece: Piece, place: list[Ready]) -> pl.DataFrame:
        ready, rest = self._written.cut(piece)
        place.append(ready)
        return rest

    def next_ready(self) -> Ready:
        """The pieces in their order; each of them was loaded before it is asked for."""
        return self._ready.popleft().pop()


@dataclass(frozen=True)
class Part:
    """Rows of one piece that go to the same place, and the two sums of their hashes."""

    content: pa.Table
    sums: tuple[int, int]


@dataclass(frozen=True)
class Ready:
    """One piece, ready to be written: how many rows, their hashes in order, the sums of these, and what goes where."""

    rows: int
    hashes: bytes
    sums: tuple[int, int]
    parts: Mapping[str, Part]


def part_of(frame: pl.DataFrame, more: pl.DataFrame | None = None) -> Part:
    _, sums = hashed(frame)
    if more is not None:
        names = added_names(frame.columns)
        frame = frame.with_columns(**{names[column]: more.get_column(column) for column in ADDED})
    return Part(frame.to_arrow(), sums)


def hashed(frame: pl.DataFrame) -> tuple[bytes, tuple[int, int]]:
    """The hashes of the rows in order, and the sums of them and of hashes with another seed."""
    if not frame.height or not frame.width:
        return b"", (0, 0)
    first, second = (frame.hash_rows(seed=seed).to_numpy() for seed in (0x5EED, 0xFACE))
    return first.tobytes(), (int(np.add.reduce(first, dtype=np.uint64)), int(np.add.reduce(second, dtype=np.uint64)))


_ALL = (1 << 64) - 1

