"""A bar over lots while a gate works; silent where nobody watches. Lines are printed above it, never through it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from .lots import lot_lines, summary_lines
from .paper import is_utf8, paper_of, printed
from .visible import shown

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from rich.console import Console
    from rich.progress import Progress


class LotsProgress:
    """How far a run of the gate is, and what it has told so far."""

    def __init__(self, total_lots: int, bar: Progress | None, encoding: str = "utf-8") -> None:
        self.told: list[Mapping[str, Any]] = []
        self._total = total_lots
        self._done = 0
        self._bar = bar
        self._encoding = encoding
        self._task = bar.add_task("", total=max(total_lots, 1), lots=self._lots(), rows="") if bar is not None else None

    def rows(self, done: int, total: int, phase: str) -> None:
        """How far the lot at hand is.

        Args:
            done: rows done.
            total: rows expected; 0 where nobody knows.
            phase: what is being done.
        """
        said = f"{done:,} of {total:,} rows" if total else f"{done:,} rows" if done else ""
        # A lot is one step of the bar, whatever its size: nobody knows the sizes of the lots to come.
        part = min(done / total, 1.0) if total > 0 else 0.0
        self._update(part, shown(phase, 24, encoding=self._encoding), said)

    def lot_done(self) -> None:
        """One lot is through."""
        self._done += 1
        self._update(0.0, "", "")

    def aside(self) -> AbstractContextManager[None]:
        """Takes the bar away while something is printed."""
        return nullcontext() if self._bar is None else _without(self._bar)

    def _update(self, part: float, phase: str, rows: str) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._done + part, description=phase, lots=self._lots(), rows=rows)

    def _lots(self) -> str:
        return f"lot {min(self._done + 1, self._total):,} of {self._total:,}"


@contextmanager
def lots_progress(total_lots: int, messages: Console, results: Console) -> Iterator[LotsProgress]:
    """A bar over lots, and rows within a lot; at the end, what the run came to.

    Args:
        total_lots: how many there will be.
        messages: where the bar is drawn: standard error.
        results: where the lots are told; the sum of several comes there too, when all went through.
    """
    if not messages.is_terminal or messages.is_dumb_terminal:
        told = LotsProgress(total_lots, None)
        yield told
    else:
        with _bar(messages) as bar:
            told = LotsProgress(total_lots, bar, messages.encoding)
            yield told
    if len(told.told) > 1:
        paper = paper_of(results)
        printed(summary_lines(told.told, paper), paper, results)


def lot(document: Mapping[str, Any], progress: LotsProgress | None, results: Console) -> None:
    """Tell one lot, above the bar."""
    paper = paper_of(results)
    if progress is None:
        printed(lot_lines(document, paper), paper, results)
        return
    progress.told.append({name: document.get(name) for name in ("lot", "flow", "verdict", "duplicate_of")})
    with progress.aside():
        printed(lot_lines(document, paper), paper, results)
        results.file.flush()


def _bar(messages: Console) -> Progress:
    from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.table import Column

    def words(field: str) -> TextColumn:
        return TextColumn(f"{{task.{field}}}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))

    shape: list[ProgressColumn] = [SpinnerColumn("dots" if is_utf8(messages.encoding) else "line"), words("fields[lots]")]
    if messages.width >= 60:
        shape += [BarColumn(bar_width=min(messages.width - 60, 40) if messages.width > 80 else 16), TimeElapsedColumn()]
    if messages.width >= 100:
        shape += [TextColumn("left"), TimeRemainingColumn()]
    shape += [words("description"), words("fields[rows]")]
    # Standard output stays as it is: rich would send what is printed there to standard error, and `assay gate … > file` would be empty.
    return Progress(*shape, console=messages, transient=True, refresh_per_second=8, redirect_stdout=False, redirect_stderr=True)


@contextmanager
def _without(bar: Progress) -> Iterator[None]:
    bar.stop()
    try:
        yield
    finally:
        bar.start()
