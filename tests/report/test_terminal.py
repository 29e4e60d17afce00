"""The report on a terminal and in a pipe."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys

import pytest
from rich.console import Console

from assayline.core import Cell, ColumnFacts, Finding, InputFacts, Report, Verdict
from assayline.report.terminal import progress, show, text
from assayline.report.visible import width

SGR = re.compile(r"\x1b\[[0-9;]*m")


def printed(report: Report, columns: int, *, terminal: bool, **settings: object) -> str:
    file = io.StringIO()
    kind = {"force_terminal": True, "color_system": "truecolor"} if terminal else {"force_terminal": False}
    show(report, Console(file=file, width=columns, _environ={}, **(kind | settings)))  # type: ignore[arg-type]  # a table of settings
    return file.getvalue()


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("terminal", [True, False])
def test_only_our_own_colours_reach_the_terminal(hostile: Report, columns: int, terminal: bool) -> None:
    out = printed(hostile, columns, terminal=terminal)

    bare = SGR.sub("", out) if terminal else out
    assert {char for char in bare if not char.isprintable()} == {"\n"}


@pytest.mark.parametrize("columns", [32, 40, 80, 200])
def test_no_line_is_wider_than_the_terminal(sample: Report, hostile: Report, columns: int) -> None:
    for report in (sample, hostile):
        lines = SGR.sub("", printed(report, columns, terminal=True)).splitlines()

        # A command to copy is never broken.
        assert [line for line in lines if width(line) > columns and "assay scan" not in line] == []


def test_markup_in_the_data_is_only_text(hostile: Report) -> None:
    out = SGR.sub("", printed(hostile, 200, terminal=True))

    assert "[bold red]markup[/bold red] :boom:" in out


@pytest.mark.parametrize("settings", [{}, {"no_color": True, "force_terminal": True}])
def test_a_pipe_and_no_color_get_plain_letters(sample: Report, settings: dict[str, object]) -> None:
    out = printed(sample, 80, terminal=False, **settings)

    assert "\x1b" not in out
    assert not re.search("[─-▟▲◀→·×÷✓✕‖]", out)
    assert out.startswith("% SPLIT  Usable without some rows\n")


def test_a_terminal_that_is_not_utf8_gets_what_it_can_show(sample: Report, hostile: Report) -> None:
    for report in (sample, hostile):
        raw = io.BytesIO()
        console = Console(file=io.TextIOWrapper(raw, encoding="ascii"), width=80, force_terminal=True, _environ={})

        show(report, console)
        console.file.flush()

        out = raw.getvalue()
        assert out.isascii()
        assert b"\x1b" not in out


def test_nothing_stands_at_the_end_of_a_line(sample: Report) -> None:
    assert [line for line in text(sample).splitlines() if line != line.rstrip()] == []


def test_the_findings_come_worst_first_with_all_that_is_known(sample: Report) -> None:
    out = text(sample)

    places = [
        out.index(one)
        for one in ("To fix", "Unit changed: temperature", "Spelling variants: city", "To look at", "Notes", "Columns", "Next")
    ]
    assert places == sorted(places)
    assert "only station = Hafen, 312 rows" in out
    assert "null share 12% (usual 1%)" in out
    assert re.search(r"row +value +should be\n +17 +␣berlin +Berlin\n", out)
    assert "-> Convert these rows from °F to °C" in out
    assert "assay scan deliveries/2026-03-28/trips.csv --html report.html" in out


def test_a_command_to_copy_is_quoted_or_left_general() -> None:
    finding = Finding("typo", ("a",), "s", severity=0.7, rows=1)

    quoted = text(Report(Verdict.SPLIT, (finding,), InputFacts("my orders; rm -rf ~.csv")))
    general = text(Report(Verdict.SPLIT, (finding,), InputFacts("a\n$(reboot)\x1b.csv")))

    assert "assay scan 'my orders; rm -rf ~.csv' --cells bad.csv" in quoted
    assert "assay scan INPUT --cells bad.csv" in general


def test_a_difference_far_inside_a_long_value_is_seen() -> None:
    cell = Cell(0, "a", 0.9, "b" * 500 + "caxxed" + "b" * 500, "b" * 500 + "called" + "b" * 500)

    out = text(Report(Verdict.SPLIT, (Finding("typo", ("a",), "s", severity=0.7, examples=(cell,)),), InputFacts("a.csv")))

    assert "caxxed" in out
    assert "called" in out


def test_long_reports_are_cut_with_a_count() -> None:
    findings = tuple(Finding("typo", (f"c{place}",), "s", severity=0.7 if place % 2 else 0.1) for place in range(500))
    columns = tuple(ColumnFacts(f"c{place}", "number") for place in range(3000))

    out = text(Report(Verdict.SPLIT, findings, InputFacts("a.csv"), columns))

    assert out.count("\n") < 400
    assert "and 210 more; --html and --json have all of them" in out
    assert "and 225 more" in out
    assert "and 2,970 more columns" in out


def test_the_text_view_is_what_a_pipe_gets(sample: Report) -> None:
    assert text(sample) == printed(sample, 100, terminal=False)


def test_progress_says_nothing_where_nobody_watches() -> None:
    file = io.StringIO()

    with progress(Console(file=file, force_terminal=False)) as on_progress:
        on_progress(10, 100, "reading")

    assert file.getvalue() == ""


def test_progress_shows_rows_and_leaves_nothing_behind() -> None:
    file = io.StringIO()

    with progress(Console(file=file, force_terminal=True, width=80, _environ={"TERM": "xterm"})) as on_progress:
        on_progress(10, None, "reading")
        on_progress(5000, 10_000, "[red]judging\x1b]0;owned\x07")

    out = file.getvalue()
    assert "5,000 of 10,000 rows" in out
    assert "[red]judging" in out
    assert "\x1b]0;" not in out
    assert out.endswith("\x1b[2K"), "the line is erased at the end"


def test_asking_for_the_views_imports_no_drawing() -> None:
    code = "import sys, assayline.report as r; r.views(); print([m for m in ('rich', 'polars', 'numpy', 'html') if m in sys.modules])"

    # A process that is measured has loaded what the measuring needs.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=plain)

    assert run.stdout == "[]\n"
