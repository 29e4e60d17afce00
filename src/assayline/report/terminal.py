"""A report on the terminal: what is wrong, worst first, and what to do next.

Colour and block characters are used only where they arrive: not in a pipe, not with NO_COLOR, not where the output is
not UTF-8. Every foreign text is made visible first, and nothing is ever read as rich markup.

>>> from assayline.core import Finding, InputFacts, Verdict
>>> finding = Finding("typo", ("city",), "3 of 900 values of city are one keystroke away from a frequent one.", severity=0.7)
>>> print(text(Report(Verdict.SPLIT, (finding,), InputFacts("orders.csv", rows=900, columns=2, format="csv"))).splitlines()[0])
% SPLIT  Usable without some rows
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from ..core import Cell, ColumnFacts, Finding, Report, Verdict
from . import words
from .paper import PIPED_WIDTH, Line, Paper, as_text, broken, is_utf8, paper_of, printed, table, wrapped
from .pictures import text_picture
from .visible import cut, shown, visible, width

__all__ = ["OnProgress", "progress", "show", "text"]

if TYPE_CHECKING:
    from rich.console import Console

# What fits into the reader's patience; the HTML page and --json have the rest.
MOST_FINDINGS = 40
MOST_NOTES = 25
MOST_COLUMNS = 30
MOST_EXAMPLES = 5
MOST_FACTS = 3
MOST_VALUE = 60
MOST_SENTENCE = 700

_COLOURS = {Verdict.RELEASE: "green", Verdict.WARN: "yellow", Verdict.SPLIT: "yellow", Verdict.HOLD: "red", Verdict.REJECT: "red"}
_RANK_COLOURS = {"fix": "red", "look": "yellow", "note": "cyan"}


class OnProgress(Protocol):
    """Told by the scan how far it is; the total is None while nobody knows it."""

    def __call__(self, done_rows: int, total_rows: int | None, phase: str, /) -> None: ...


def text(report: Report, columns: int = PIPED_WIDTH) -> str:
    """The report as plain text, for a file or a pipe."""
    paper = Paper(columns, "utf-8", plain=True)
    return as_text(_lines(report, paper))


def show(report: Report, console: Console) -> None:
    """Print the report.

    Args:
        report: what was found.
        console: where to; its width, colours and encoding are respected.
    """
    paper = paper_of(console)
    printed(_lines(report, paper), paper, console)


@contextmanager
def progress(console: Console) -> Iterator[OnProgress]:
    """A bar that shows how far a scan is, and leaves nothing behind; silent where nobody watches.

    Args:
        console: the one for messages (stderr), so that the result can be piped.
    """
    if not console.is_terminal or console.is_dumb_terminal:
        yield _silent
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.table import Column

    spinner = "dots" if is_utf8(console.encoding) else "line"
    shape: list[SpinnerColumn | TextColumn | BarColumn | MofNCompleteColumn | TimeElapsedColumn] = [
        SpinnerColumn(spinner),
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
        TextColumn("{task.fields[rows]}", markup=False, table_column=Column(no_wrap=True)),
    ]
    if console.width >= 60:
        shape += [BarColumn(bar_width=24), TimeElapsedColumn()]
    with Progress(*shape, console=console, transient=True, refresh_per_second=8) as bar:
        task = bar.add_task("reading", total=None, rows="")

        def on_progress(done_rows: int, total_rows: int | None, phase: str, /) -> None:
            rows = f"{done_rows:,} of {total_rows:,} rows" if total_rows else f"{done_rows:,} rows" if done_rows else ""
            bar.update(
                task, completed=done_rows, total=total_rows or None, description=shown(phase, 30, encoding=console.encoding), rows=rows
            )

        yield on_progress


def _silent(done_rows: int, total_rows: int | None, phase: str, /) -> None:
    return None


def _lines(report: Report, paper: Paper) -> Iterator[Line]:
    yield from _head(report, paper)
    yield from findings(report, paper)
    if report.columns:
        yield []
        yield [("Columns", "bold")]
        yield from _columns(report.columns, paper)
    yield []
    yield from _next(report, paper)


def findings(report: Report, paper: Paper) -> Iterator[Line]:
    """All findings of a report, worst first, with examples and pictures."""
    ordered = words.worst_first(report.findings)
    urgent = [finding for finding in ordered if words.rank(finding) != "note"]
    notes = [finding for finding in ordered if words.rank(finding) == "note"]
    last_rank = ""
    for place, finding in enumerate(urgent[:MOST_FINDINGS], start=1):
        rank = words.rank(finding)
        if rank != last_rank:
            yield []
            yield [(words.RANK_TITLES[rank], f"bold {_RANK_COLOURS[rank]}")]
            last_rank = rank
        yield from _finding(finding, place, report, paper)
    if len(urgent) > MOST_FINDINGS:
        yield []
        yield from wrapped(f"and {len(urgent) - MOST_FINDINGS:,} more; --html and --json have all of them", paper, style="dim")
    if notes:
        yield []
        yield [("Notes", "bold cyan")]
        for note in notes[:MOST_NOTES]:
            yield from _note(note, paper)
        if len(notes) > MOST_NOTES:
            yield [(f"  and {len(notes) - MOST_NOTES:,} more", "dim")]


def _head(report: Report, paper: Paper) -> Iterator[Line]:
    said = words.VERDICTS[report.verdict]
    symbol = said.plain if paper.plain else said.symbol
    colour = _COLOURS[report.verdict]
    badge = f"{symbol} {str(report.verdict).upper()}"
    if len(badge) + len(said.line) + 2 <= paper.width:
        yield [(badge, f"bold {colour}"), (f"  {said.line}", "")]
    else:
        yield [(badge, f"bold {colour}")]
        yield from wrapped(said.line, paper)
    yield [(paper.say(report.input.path, paper.width), "bold")]
    seconds = words.total_seconds(report)
    facts = [
        words.extent(report),
        words.size(report.input.bytes),
        paper.say(report.input.format, 20),
        words.duration(seconds) if seconds is not None else "",
    ]
    dot = " - " if paper.plain else " · "
    yield from wrapped(paper.ours(dot.join(fact for fact in facts if fact)), paper, style="dim")
    counts = words.summary(report).rsplit(" in ", 1)[0]
    yield from wrapped(f"{counts}; {words.against(report)}.", paper)


def _finding(finding: Finding, place: int, report: Report, paper: Paper) -> Iterator[Line]:
    colour = _RANK_COLOURS[words.rank(finding)]
    title = paper.say(words.title(finding), 60)
    names = _names(finding.columns, paper)
    rows = words.counted(finding.rows, "row") if finding.rows else ""
    yield []
    head = f"{place}. {title}"
    inside = paper.say(finding.where, 40) if finding.where else ""
    about = ", ".join(part for part in (names, f"only {inside}" if inside else "", rows) if part)
    line = f"{head}: {about}" if about else head
    pieces = list(broken(line, paper.width, "   "))
    for number, piece in enumerate(pieces):
        if number == 0 and piece.startswith(head):
            yield [(head, f"bold {colour}"), (piece[len(head) :], "bold")]
        else:
            yield [(piece, "bold")]
    yield from wrapped(paper.say(finding.sentence, MOST_SENTENCE), paper, indent="   ")
    yield from _evidence(finding, paper)
    yield from _examples(finding, paper)
    drawn = text_picture(finding.picture, min(paper.width - 3, 72), encoding=paper.encoding, blocks=not paper.plain)
    for picture_line in drawn or []:
        yield [("   ", ""), *((piece, colour if marked else "dim") for piece, marked in picture_line)]
    if finding.suggestion:
        yield from wrapped(
            f"{paper.arrow} {paper.say(words.suggestion(finding), MOST_SENTENCE)}", paper, indent="   ", style="green", hanging="  "
        )


def _evidence(finding: Finding, paper: Paper) -> Iterator[Line]:
    """Numbers with their usual value that the sentence does not say already; the page and the JSON have all evidence."""
    said = []
    for fact in words.facts(finding.evidence):
        if fact.usual is not None and not (fact.value in finding.sentence and fact.usual in finding.sentence):
            said.append(f"{paper.say(fact.label, 40)} {paper.say(fact.value, 40)} (usual {paper.say(fact.usual, 40)})")
    if said:
        yield from wrapped(paper.ours("; ".join(said[:MOST_FACTS])), paper, indent="   ", style="dim")


def _examples(finding: Finding, paper: Paper) -> Iterator[Line]:
    examples = finding.examples[:MOST_EXAMPLES]
    if not examples:
        return
    # On the narrowest paper the names give way; the title of the finding has them.
    several = len({cell.column for cell in examples}) > 1 and paper.width >= 40
    suggested = any(cell.suggestion is not None for cell in examples)
    room = paper.width - 3
    header = ["row", *(["column"] if several else []), "value", *(["should be"] if suggested else [])]
    share = max((room - 8) // (len(header) - 1) - 2, 6)
    rows = []
    for cell in examples:
        row = [
            f"{cell.row:,}",
            *([_column_name(cell, paper, min(share, 24))] if several else []),
            _value(cell, paper, min(share, MOST_VALUE)),
        ]
        if suggested:
            row.append(_suggested(cell, paper, min(share, MOST_VALUE)))
        rows.append(row)
    styles = ["dim", *(["dim"] if several else []), "red", *(["green"] if suggested else [])]
    for line in table(header, rows, right=(0,), styles=styles):
        yield [("   ", ""), *line]


def _column_name(cell: Cell, paper: Paper, most: int) -> str:
    return "whole row" if cell.column == "*" else paper.say(cell.column, most)


def _value(cell: Cell, paper: Paper, most: int) -> str:
    if not cell.value:
        return "-" if cell.column == "*" else "(empty)"
    return paper.say_near(cell.value, most, _first_difference(cell))


def _first_difference(cell: Cell) -> int:
    return words.difference(cell.value, cell.suggestion) if cell.value and cell.suggestion else 0


def _suggested(cell: Cell, paper: Paper, most: int) -> str:
    if cell.suggestion is None:
        return "?"
    return "(empty)" if cell.suggestion == "" else paper.say_near(cell.suggestion, most, _first_difference(cell))


def _note(finding: Finding, paper: Paper) -> Iterator[Line]:
    names = _names(finding.columns, paper)
    head = f"{paper.say(words.title(finding), 60)}{': ' + names if names else ''}. "
    said = paper.say(finding.sentence, 240)
    for number, piece in enumerate(broken(head + said, paper.width - 4, "")):
        start = ("  - " if paper.plain else "  · ") if number == 0 else "    "
        if number == 0 and piece.startswith(head.rstrip()):
            yield [(start, "cyan"), (head, ""), (piece[len(head) :], "dim")]
        else:
            yield [(start, "cyan"), (piece, "dim")]


def _names(columns: Sequence[str], paper: Paper) -> str:
    said = [paper.say(name, 40) for name in columns[:4]]
    more = f" and {len(columns) - 4:,} more" if len(columns) > 4 else ""
    return ", ".join(said) + more


def _columns(columns: Sequence[ColumnFacts], paper: Paper) -> Iterator[Line]:
    rows = []
    for column in columns[:MOST_COLUMNS]:
        kind = paper.say(column.kind, 12) + (f", {paper.say(column.meaning, 14)}" if column.meaning else "")
        missing = words.percent(column.null_share) if column.null_share else "-"
        rows.append(
            [
                paper.say(column.name, 28 if paper.width >= 70 else 16 if paper.width >= 36 else 8),
                kind,
                missing,
                words.number(column.distinct),
            ]
        )
    header = ["name", "kind", "missing", "distinct"]
    if paper.width < 60:
        # Narrow paper: the meaning and the number of different values give way.
        header = header[:3]
        rows = [[row[0], paper.say(column.kind, 10), row[2]] for row, column in zip(rows, columns[:MOST_COLUMNS], strict=True)]
        right: tuple[int, ...] = (2,)
    else:
        right = (2, 3)
    used = sum(max(width(row[place]) for row in [header, *rows]) + 2 for place in range(len(header)))
    room = paper.width - 2 - used
    if room >= 16 and any(column.summary for column in columns[:MOST_COLUMNS]):
        header.append("summary")
        for row, column in zip(rows, columns[:MOST_COLUMNS], strict=True):
            row.append(_fitting((f"{name} {value}" for name, value in column.summary.items()), room, paper))
    for line in table(header, rows, right=right, styles=["", "dim", "", "", "dim"][: len(header)]):
        yield [("  ", ""), *line]
    if len(columns) > MOST_COLUMNS:
        yield from wrapped(
            f"and {len(columns) - MOST_COLUMNS:,} more columns; --html and --json have them", paper, indent="  ", style="dim"
        )


def _fitting(parts: Iterable[str], room: int, paper: Paper) -> str:
    """As many of the parts as there is room for; the first one is cut rather than left out."""
    said = ""
    for part in parts:
        new = paper.say(part, 60)
        if said and width(said) + 2 + width(new) > room:
            break
        said = f"{said}, {new}" if said else cut(new, room, ellipsis="..." if paper.plain else "…")
    return said


def _next(report: Report, paper: Paper) -> Iterator[Line]:
    path = report.input.path
    # A command that can be copied must be exact: where the path has to be shown escaped, INPUT stands for it.
    exact = path != "<frame>" and visible(path, encoding=paper.encoding) == path and "\\" not in path
    name = shlex.quote(path) if exact and len(path) <= 60 else "INPUT"
    given = [(f"assay scan {name} --html report.html", "a page to show and to print")]
    if any(finding.examples or finding.rows for finding in report.findings):
        given.append((f"assay scan {name} --cells bad.csv", "every cell held to be wrong"))
    if path == "<frame>":
        return
    yield [("Next", "bold")]
    yield from offers(given, paper)


def offers(given: Sequence[tuple[str, str]], paper: Paper) -> Iterator[Line]:
    """Commands to copy, and what each is good for."""
    widest = max(width(command) for command, _ in given)
    for command, what in given:
        if widest + width(what) + 6 <= paper.width:
            yield [(f"  {command}", "bold"), (" " * (widest - width(command)) + "  " + what, "dim")]
        else:
            yield from wrapped(what + ":", paper, indent="  ", style="dim")
            # Never broken: a command that is copied in two pieces does not run.
            yield [("  " + command, "bold")]
