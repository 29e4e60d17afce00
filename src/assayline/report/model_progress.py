"""Bars while a model is trained or tried: how much of the budget is gone and which candidate leads, how many trials are done.

Both are called with a kind and a mapping, whatever it holds: a kind that is not known moves nothing.

>>> import io
>>> from rich.console import Console
>>> with train_progress(Console(file=io.StringIO())) as told:
...     told("begin", {"budget_seconds": 60.0})
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from . import model_words, words
from .model_facts import count, number, spoken, text
from .model_terminal import trial_news
from .paper import is_utf8, paper_of, printed
from .visible import shown

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

__all__ = ["TrainProgress", "TrialsProgress", "train_progress", "trials_progress"]

NAME = 28


class TrainProgress:
    """Called with the events of a training.

    "begin" (`budget_seconds`, `rows`, `metric`), "stage" (`share`, `rows`, `candidates`), "fitted" (`name`, `score`), "incumbent" (`name`, `score`).
    """

    def __init__(self, bar: Progress | None, encoding: str = "utf-8") -> None:
        self._bar, self._encoding = bar, encoding
        self._stage, self._best, self._metric = "", "", ""
        self._fitted = 0
        self._task = bar.add_task("training", total=None, said="") if bar is not None else None

    def __call__(self, kind: str, what: Mapping[str, Any]) -> None:
        """One event."""
        self._metric = text(what.get("metric")) or self._metric
        budget = number(what.get("budget_seconds"))
        if budget is not None and self._bar is not None and self._task is not None:
            self._bar.update(self._task, total=budget)
        if kind == "stage":
            share, rows = number(what.get("share")), count(what.get("rows"))
            self._stage = f"{words.percent(share)} of the rows" if share is not None else words.counted(rows, "row") if rows else text(what.get("name"))
        elif kind == "fitted":
            self._fitted += 1
        elif kind == "incumbent":
            score = number(what.get("score"))
            value = f" {model_words.valued(score, self._metric)}" if score is not None else ""
            self._best = f"best {shown(text(what.get('name')), NAME, encoding=self._encoding)}{value}"
        self._move()

    def _move(self) -> None:
        if self._bar is None or self._task is None:
            return
        said = ", ".join(part for part in (words.counted(self._fitted, "fit") if self._fitted else "", self._best) if part)
        self._bar.update(self._task, description=shown(self._stage or "training", 24, encoding=self._encoding), said=said)


class TrialsProgress:
    """Called with the events of trials.

    "due" (`trials`), "set" (`version`, `set`, `rows`), "trial" (the document of a trial, which is told above the bar), "failed" (`version`).
    """

    def __init__(self, bar: Progress | None, results: Console, encoding: str = "utf-8") -> None:
        self._bar, self._results, self._encoding = bar, results, encoding
        self._due = self._done = 0
        self._at = ""
        self._task = bar.add_task("trials", total=None, said="") if bar is not None else None

    def __call__(self, kind: str, what: Mapping[str, Any]) -> None:
        """One event."""
        if kind == "due":
            self._due, self._done = count(what.get("trials")), 0
        elif kind == "set":
            self._at = " on ".join(part for part in (spoken(text(what.get("version"))), text(what.get("set"))) if part)
        elif kind in ("trial", "failed"):
            self._done += 1
            if kind == "trial":
                self._print(what)
        self._move()

    def _print(self, document: Mapping[str, Any]) -> None:
        if self._bar is not None:
            self._bar.stop()
        paper = paper_of(self._results)
        printed(trial_news(document, paper), paper, self._results)
        self._results.file.flush()
        if self._bar is not None:
            self._bar.start()

    def _move(self) -> None:
        if self._bar is None or self._task is None:
            return
        said = f"{self._done:,} of {self._due:,} trials" if self._due else words.counted(self._done, "trial")
        self._bar.update(self._task, description=shown(self._at or "trials", 44, encoding=self._encoding), said=said, completed=self._done, total=self._due or None)


@contextmanager
def train_progress(messages: Console) -> Iterator[TrainProgress]:
    """A bar that fills with the budget while a model is trained; silent where nobody watches.

    Args:
        messages: where the bar is drawn: standard error.
    """
    if not messages.is_terminal or messages.is_dumb_terminal:
        yield TrainProgress(None)
        return
    from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
    from rich.progress_bar import ProgressBar

    class BudgetColumn(ProgressColumn):
        """Time that is gone, of the time that may be used: it goes on while nothing is told."""

        max_refresh = 0.25

        def render(self, task: Task) -> ProgressBar:
            return ProgressBar(total=task.total, completed=min(task.elapsed or 0.0, task.total or 0.0), width=24, pulse=not task.total)

    shape: list[ProgressColumn] = [SpinnerColumn("dots" if is_utf8(messages.encoding) else "line"), TextColumn("{task.description}", markup=False)]
    shape += [*([BudgetColumn()] if messages.width >= 60 else []), TimeElapsedColumn(), TextColumn("{task.fields[said]}", markup=False)]
    with Progress(*shape, console=messages, transient=True, refresh_per_second=8, redirect_stdout=False, redirect_stderr=True) as bar:
        yield TrainProgress(bar, messages.encoding)


@contextmanager
def trials_progress(messages: Console, results: Console) -> Iterator[TrialsProgress]:
    """A bar while versions are tried, and each trial in a few lines above it; without a bar where nobody watches.

    Args:
        messages: where the bar is drawn: standard error.
        results: where trials are told.
    """
    if not messages.is_terminal or messages.is_dumb_terminal:
        yield TrialsProgress(None, results)
        return
    from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn, TimeElapsedColumn

    shape: list[ProgressColumn] = [SpinnerColumn("dots" if is_utf8(messages.encoding) else "line"), TextColumn("{task.description}", markup=False)]
    shape += [*([BarColumn(bar_width=24)] if messages.width >= 60 else []), TimeElapsedColumn(), TextColumn("{task.fields[said]}", markup=False)]
    with Progress(*shape, console=messages, transient=True, refresh_per_second=8, redirect_stdout=False, redirect_stderr=True) as bar:
        yield TrialsProgress(bar, results, messages.encoding)
