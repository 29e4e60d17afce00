"""The two looks at a table: one pass that measures everything, a second that locates what was suspected."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeVar

import polars as pl

from assayline.core import Cell, Finding, Locator, Profile
from assayline.measures import HEAD_ROWS, Block, Measure, Plan, Values, installed, profile_block, stacked
from assayline.tables import Piece, Table

# A block, and what each finding accuses in it.
BlockSink = Callable[[Block, list[tuple[Finding, Sequence[Cell]]]], None]
Progress = Callable[[int, int, str], None]  # rows done, rows expected (0: unknown), phase
EXAMPLES = 5  # accused cells shown with a finding: enough to see the pattern, few enough to read


def silent(done: int, total: int, phase: str) -> None:
    """Shows no progress."""


def workers() -> int:
    """How many threads read and measure: the cores this process may use, at most 8 (memory grows with each)."""
    if "ASSAY_THREADS" in os.environ:
        return max(1, int(os.environ["ASSAY_THREADS"]))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(8, cores))


@dataclass
class Looked:
    """What the first look gave."""

    profile: Profile
    plan: Plan
    read_seconds: float = 0.0
    mismatches: list[Finding] = field(default_factory=list)


def first_look(
    table: Table, on_progress: Progress = silent, measures: Sequence[Measure] | None = None, *, on_piece: Callable[[], None] | None = None, threads: int = 0
) -> Looked:
    """Measure a table in one pass.

    Args:
        table: what to read.
        on_progress: called with rows done.
        measures: every installed one when None.
        on_piece: called for each piece of the table once it is measured, in their order.
        threads: how many read and measure; `workers()` when 0.
    """
    chosen = tuple(measures) if measures is not None else installed()
    pieces = table.pieces()
    head, loaded = _head(pieces)
    plan = Plan.of(head.head(HEAD_ROWS), table.text, table.rows_hint)
    del head
    ceiling = _ceiling(plan, table)
    looked = Looked(Profile(columns=tuple(table.columns)), plan)
    spent = 0.0

    def measured(job: tuple[Piece, list[pl.DataFrame]]) -> tuple[Piece, int, float, Profile]:
        piece, given = job
        begun = time.perf_counter()
        rows = given.pop() if given else piece.load()  # taken out, so that nothing holds the first piece while the last is measured
        read = time.perf_counter() - begun
        # Counting values is given up for good once there are too many, so what earlier pieces know saves this one the attempt.
        plentiful = frozenset(name for name, values in looked.profile.all_of(Values).items() if not values.complete)
        return piece, rows.height, read, profile_block(Block(rows, plan, piece.start, ceiling, plentiful), chosen)

    threads = threads or workers()
    done = 0
    for piece, height, read, profile in in_order(measured, _chain(loaded, pieces), threads):
        spent += read
        done += height
        if height != piece.rows:
            looked.mismatches.append(_mismatch(piece, height))
        looked.profile = looked.profile.merge(profile)
        if on_piece is not None:
            on_piece()
        on_progress(done, table.rows_hint, "measuring")
    if not looked.profile.states and table.columns:
        empty = pl.DataFrame(schema=dict.fromkeys(table.columns, pl.String))
        looked.profile = profile_block(Block(empty, plan), chosen)
        looked.plan = Plan.of(empty, table.text)
    looked.read_seconds = spent / threads
    return looked


def _chain(first: Iterable[tuple[Piece, list[pl.DataFrame]]], rest: Iterable[Piece]) -> Iterator[tuple[Piece, list[pl.DataFrame]]]:
    yield from first
    for piece in rest:
        yield piece, []


def _head(pieces: Iterator[Piece]) -> tuple[pl.DataFrame, list[tuple[Piece, list[pl.DataFrame]]]]:
    """The first rows, whatever the size of the pieces, and the pieces loaded for them, each with its frame."""
    loaded: list[tuple[Piece, list[pl.DataFrame]]] = []
    rows = 0
    for piece in pieces:
        frame = piece.load()
        loaded.append((piece, [frame]))
        rows += frame.height
        if rows >= HEAD_ROWS:
            break
    frames = tuple(frame for _, given in loaded for frame in given)
    if not frames:
        return pl.DataFrame(), []
    return (frames[0] if len(frames) == 1 else stacked(frames)), loaded


def _ceiling(plan: Plan, table: Table) -> int:
    """The sampling priority above which no row can survive, when the number of rows is known to be large.

    An estimate that is off by a half costs sampled rows, never correctness: the sample keeps fewer rows then.
    """
    if table.rows_hint <= 4 * plan.sample_rows:
        return 2**64 - 1
    return min(2**64 - 1, int(2**64 * 2.0 * plan.sample_rows / table.rows_hint))


def _mismatch(piece: Piece, height: int) -> Finding:
    return Finding(
        "row_count_mismatch", (), f"We counted {piece.rows:,} rows from row {piece.start:,} on, the reader gave {height:,}.",
        severity=0.9, evidence={"counted_rows": piece.rows, "read_rows": height}, suggestion="do not use this file before you know which rows are lost",
    )  # fmt: skip


T = TypeVar("T")
R = TypeVar("R")


def in_order(job: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """Run the job for each item in some threads; results in the order of the items, few of them waiting."""
    rest = iter(items)
    first = next(rest, None)
    second = next(rest, None) if threads > 1 else None
    items = chain((one for one in (first, second) if one is not None), rest)
    if second is None:  # a single item: a thread would only cost its start
        for item in items:
            yield job(item)
        return
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="assay") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(job, item))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def detector_failed(who: str, error: Exception) -> Finding:
    """A detector's error as a finding about the detector."""
    return Finding(
        "detector_error", (), f"{who} failed: {type(error).__name__}: {error}.", severity=0.3, evidence={"detector": who},
        suggestion="report it to the author of the detector; the others were not affected",
    )  # fmt: skip


@dataclass
class _Suspect:
    finding: Finding
    locate: Locator
    memoryless: bool
    told: bool
    rows: int = 0
    examples: list[Cell] = field(default_factory=list)
    done: bool = False
    failure: Exception | None = None


def second_look(
    table: Table,
    plan: Plan,
    findings: Iterable[Finding],
    *,
    every_cell: Callable[[list[tuple[str, Cell]]], None] | None = None,
    every_block: BlockSink | None = None,
    silently: Iterable[Finding] = (),
    on_progress: Progress = silent,
) -> list[Finding]:
    """Count the rows of each finding that can name them, and fetch examples; findings that name none are dropped.

    Args:
        table: the table again.
        plan: how its columns were read in the first look.
        findings: what was suspected.
        every_cell: called for each block with (code, cell), one per accused cell, in order of rows; reads the whole table.
        every_block: called for each block, in order, with the block and what each finding accuses in it, not spelled out; reads the whole table.
        silently: further suspicions, of which `every_cell` and `every_block` are told nothing; they come last in what is returned.
        on_progress: called with rows done.
    """
    everything = [*((finding, every_cell is not None or every_block is not None) for finding in findings), *((finding, False) for finding in silently)]
    suspects = [
        _Suspect(finding, locate, locate is finding.locate, told)
        for finding, told in everything
        if finding.locate is not None and (locate := finding.locate.fresh()) is not None and (told or not finding.examples)
    ]
    # Those whose count is known need a few examples from the beginning; only the others need the whole table, and fewer columns of it.
    few = [one for one in suspects if one.finding.exact_rows and not one.told]
    for together in (few, [one for one in suspects if not one.finding.exact_rows or one.told]):
        if together:
            _locate(table, plan, together, every_cell, every_block, on_progress)
    located = {id(suspect.finding): suspect for suspect in suspects}
    result = []
    for finding, _ in everything:
        suspect = located.get(id(finding))
        if suspect is None or finding.examples:
            result.append(finding)
        elif suspect.failure is not None:
            result.extend((finding, detector_failed(f"The second look of {finding.code}", suspect.failure)))
        elif suspect.examples:
            rows = finding.rows if finding.exact_rows and finding.rows else suspect.rows
            result.append(finding.but(rows=rows, examples=tuple(suspect.examples)))
    return result


def _locate(
    table: Table,
    plan: Plan,
    suspects: list[_Suspect],
    every_cell: Callable[[list[tuple[str, Cell]]], None] | None,
    every_block: BlockSink | None,
    on_progress: Progress,
) -> None:
    wanted = {name for suspect in suspects for name in suspect.locate.columns}
    columns = [name for name in table.columns if name in wanted] or list(table.columns[:1])
    done = 0

    def looked(piece: Piece) -> tuple[Block, dict[int, Sequence[Cell] | Exception]]:
        block = Block(piece.load(), plan, piece.start)
        # Locators without memory (`fresh` gives themselves) can look at any block in any thread; the others wait for their turn.
        return block, {number: _cells(one, block) for number, one in enumerate(suspects) if one.memoryless and not one.done}

    for block, found in in_order(looked, table.pieces(columns), workers()):
        accusations: dict[tuple[int, str], tuple[str, Cell]] = {}
        accused: list[tuple[Finding, Sequence[Cell]]] = []
        for number, suspect in enumerate(suspects):
            if suspect.done:
                continue
            cells = found[number] if number in found else _cells(suspect, block)
            if isinstance(cells, Exception):
                suspect.failure, suspect.done = cells, True
                continue
            suspect.rows += _rows_of(cells)
            suspect.examples.extend(cells[: max(0, EXAMPLES - len(suspect.examples))])
            if suspect.told and every_cell is not None:
                for cell in cells:
                    accusations.setdefault((cell.row, cell.column), (suspect.finding.code, cell))
            elif suspect.told:
                accused.append((suspect.finding, cells))
            elif suspect.finding.exact_rows and len(suspect.examples) >= EXAMPLES:
                suspect.done = True
        if every_cell is not None and accusations:
            every_cell([accusations[key] for key in sorted(accusations)])
        if every_block is not None and accused:
            every_block(block, accused)
        done += block.rows
        on_progress(done, table.rows_hint, "locating")
        if all(suspect.done for suspect in suspects):
            return


def _cells(suspect: _Suspect, block: Block) -> Sequence[Cell] | Exception:
    try:
        return suspect.locate(block)
    except Exception as error:  # noqa: BLE001 - whatever a stranger's detector raises, the others go on
        return error


def _rows_of(cells: Sequence[Cell]) -> int:
    rows = getattr(cells, "rows", None)  # spelled out only when somebody looks
    return len(rows) if rows is not None else len({cell.row for cell in cells})
