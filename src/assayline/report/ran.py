"""What one pass over a line did: a table of its flows, the lots that need a look above it, and a bar while it goes on.

>>> lots = [{"lot": "1", "flow": "rides", "verdict": "release", "rows": {"taken": 168}, "findings": [], "input": "rides-1.csv"}]
>>> print(as_text(ran_lines({"line": "bikes", "runs": {}, "waiting": {}, "lots": lots}, Paper(80, "utf-8", plain=True))), end="")
<BLANKLINE>
  flow   what    lots  rows  verdicts
+ rides  source     1   168  1 released
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..core import Verdict
from . import terminal, words
from .lots import COLOURS, FATES, lot_lines, sign
from .paper import Entry, Line, Paper, as_text, is_utf8, paper_of, printed, table
from .visible import shown

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

__all__ = ["RunProgress", "as_text", "ran_lines", "run_progress"]


def ran_lines(document: Mapping[str, Any], paper: Paper) -> Iterator[Line]:
    """A row for each flow that has new lots, the steps that wait, and what to look at next.

    Args:
        document: as `assay run --json` gives it.
        paper: to write on.
    """
    lots, waiting = document["lots"], document["waiting"]
    if not lots and not document.get("problems"):
        yield [("Nothing changed.", "bold"), (" Every result stands for the inputs, the code and the environment of now.", "dim")]
    if lots:
        yield []
        yield from table(
            ("", "flow", "what", "lots", "rows", "verdicts"), list(_rows(document, paper)), right=(3, 4), styles=("", "bold", "dim", "", "", ""),
        )  # fmt: skip
    if waiting:
        yield []
    for step, source in waiting.items():
        yield [(f"{paper.say(step, 60)} waits for the first lot of {paper.say(source, 60)}.", "dim")]
    offered = list(_next(lots))
    if offered:
        yield []
        yield from terminal.offers(offered, paper)


def _rows(document: Mapping[str, Any], paper: Paper) -> Iterator[list[Entry]]:
    for flow in dict.fromkeys(str(one["flow"]) for one in document["lots"]):
        mine = [one for one in document["lots"] if one["flow"] == flow]
        worst = max(Verdict.named(one["verdict"]) for one in mine)
        rows = sum(one.get("rows", {}).get("taken", 0) for one in mine)
        yield [
            (sign(worst, paper), COLOURS[worst]), paper.say(flow, 40), "step" if flow in document["runs"] else "source", f"{len(mine):,}", f"{rows:,}",
            (_verdicts(mine), COLOURS[worst] if worst >= Verdict.WARN else ""),
        ]  # fmt: skip


def _verdicts(lots: Sequence[Mapping[str, Any]]) -> str:
    """
    >>> _verdicts([{"verdict": "release"}, {"verdict": "warn"}, {"verdict": "release", "duplicate_of": "1"}])
    '1 released, 1 released with a warning, 1 taken before'
    """
    taken = [one for one in lots if not one.get("duplicate_of")]
    counts = [(sum(one["verdict"] == str(verdict) for one in taken), FATES[verdict]) for verdict in Verdict]
    counts.append((len(lots) - len(taken), "taken before"))
    return ", ".join(f"{count:,} {fate}" for count, fate in counts if count)


def _next(lots: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    bad = [one for one in lots if _needs_a_look(one) and one.get("lot") is not None]
    if bad:
        # Of the worst the first flow on the way, since what is wrong there is wrong in everything behind it; of that the newest lot.
        worst = max(Verdict.named(one["verdict"]) for one in bad)
        flow = next(one["flow"] for one in bad if Verdict.named(one["verdict"]) == worst)
        lot = [one for one in bad if one["flow"] == flow][-1]["lot"]
        yield f"assay lot {lot}", "why, with the rows"
        yield f"assay lineage {lot} --down", "what was made from it"


def _needs_a_look(document: Mapping[str, Any]) -> bool:
    return bool(document["verdict"] != str(Verdict.RELEASE)) and not document.get("duplicate_of")


class RunProgress:
    """Called with the events of a run: moves the bar, and tells the lots that need a look above it."""

    def __init__(self, bar: Progress | None, results: Console, encoding: str = "utf-8") -> None:
        self._bar, self._results, self._encoding = bar, results, encoding
        self._task = bar.add_task("", total=None, said="") if bar is not None else None
        self._flow, self._runs, self._lots, self._due = "", 0, 0, 0

    def __call__(self, kind: str, what: Mapping[str, Any]) -> None:
        """One event: "source", "due", "run", "lot" or "failed"."""
        if kind in ("source", "due"):
            self._flow, self._runs, self._lots, self._due = str(what.get("source") or what.get("step")), 0, 0, int(what.get("runs", 0))
        elif kind == "run":
            self._runs += 1
        elif kind == "lot":
            self._lots += 1
            if _needs_a_look(what):
                self._print(what)
        self._move()

    def _print(self, document: Mapping[str, Any]) -> None:
        if self._bar is not None:
            self._bar.stop()
        paper = paper_of(self._results)
        printed(_told(document, paper), paper, self._results)
        self._results.file.flush()
        if self._bar is not None:
            self._bar.start()

    def _move(self) -> None:
        if self._bar is None or self._task is None:
            return
        # A run is half made when its step has ended, and whole when its result is judged.
        done = {"completed": self._runs + self._lots, "total": 2 * self._due} if self._due else {"total": None}
        said = f"{self._runs:,} of {self._due:,} made, {self._lots:,} judged" if self._due else words.counted(self._lots, "lot")
        self._bar.update(self._task, description=shown(self._flow, 24, encoding=self._encoding), said=said, **done)


def _told(document: Mapping[str, Any], paper: Paper) -> Iterator[Line]:
    """A lot as the gate tells it, with its flow before its name."""
    source = document["input"].rpartition("/")[2]
    flow = str(document["flow"])
    named = source.partition(",")[0] if source.startswith(f"{flow} of ") else source if source.startswith(flow) else f"{flow}: {source}"
    yield from lot_lines({**document, "input": named}, paper)


@contextmanager
def run_progress(messages: Console, results: Console) -> Iterator[RunProgress]:
    """A bar while a line runs; silent where nobody watches.

    Args:
        messages: where the bar is drawn: standard error.
        results: where lots are told.
    """
    if not messages.is_terminal or messages.is_dumb_terminal:
        yield RunProgress(None, results)
        return
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    shape = [SpinnerColumn("dots" if is_utf8(messages.encoding) else "line"), TextColumn("{task.description}", markup=False), BarColumn(bar_width=24), TimeElapsedColumn()]
    shape.append(TextColumn("{task.fields[said]}", markup=False))
    with Progress(*shape, console=messages, transient=True, refresh_per_second=8, redirect_stdout=False, redirect_stderr=True) as bar:
        yield RunProgress(bar, results, messages.encoding)
