"""The health of a flow on a terminal."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from assayline.report.flow_terminal import flow_lines
from assayline.report.paper import Paper, as_text, paper_of, printed
from assayline.report.visible import width

Document = dict[str, Any]
PIPE = Paper(100, "utf-8", plain=True)
SGR = re.compile(r"\x1b\[[0-9;]*m")


def on_terminal(document: Document, columns: int) -> str:
    file = io.StringIO()
    console = Console(file=file, width=columns, force_terminal=True, color_system="truecolor", _environ={})
    paper = paper_of(console, widest=160)
    printed(flow_lines(document, paper), paper, console)
    return file.getvalue()


def test_it_begins_with_what_happened_to_the_lots(busy: Callable[..., Document]) -> None:
    first = as_text(flow_lines(busy(), PIPE)).splitlines()[:2]

    assert first == [
        "parcels  40 lots: 30 released, 6 released with a warning, 1 split, 2 held, 1 rejected",
        "3,900 rows - 212 put aside (5.4%) - 1 lot waits for a person - 1 open incident - 1 open case - 1 to",
    ]


def test_a_change_that_lasts_comes_with_the_command_that_accepts_it(busy: Callable[..., Document]) -> None:
    out = as_text(flow_lines(busy(), PIPE))

    assert "Unit changed: grams, in 5 lots, since lot 36 (2026-02-09 08:30)" in out
    assert "    assay flow accept parcels --from 36\n" in out


def test_the_strip_has_a_cell_for_each_lot_with_the_worst_in_front(busy: Callable[..., Document]) -> None:
    strip = next(line for line in SGR.sub("", on_terminal(busy(), 140)).splitlines() if line.startswith("verdicts"))
    cells = strip.split()[1]

    assert len(cells) % 40 == 0
    each = len(cells) // 40
    assert [cells[place * each] for place in (0, 8, 11, 14, 17)] == ["▁", "▃", "▅", "▇", "█"]


def test_of_lots_that_share_a_cell_the_worst_is_shown(a_flow: Callable[..., Document], a_lot: Callable[..., Document]) -> None:
    document = a_flow([a_lot(place, "hold" if place == 500 else "release") for place in range(1, 1001)])

    out = as_text(flow_lines(document, PIPE))

    strip = next(line for line in out.splitlines() if line.startswith("verdicts"))
    assert strip.count("#") == 1
    assert "the worst of each" in strip


def test_all_charts_share_one_axis(busy: Callable[..., Document]) -> None:
    lines = SGR.sub("", on_terminal(busy(), 100)).splitlines()

    charts = [line for line in lines if re.search("[▁▃▅▇█⠁-⣿]{4}", line)]
    ends = {max(place for place, char in enumerate(line) if re.match("[▁▃▅▇█⠁-⣿]", char)) for line in charts}
    starts = {min(place for place, char in enumerate(line) if re.match("[▁▃▅▇█⠁-⣿]", char)) for line in charts if line.strip()[0] not in "⠁⣿"}
    assert len(charts) >= 4
    assert min(starts) == 17
    assert max(ends) <= 17 + 78


def test_the_column_that_changed_is_drawn_with_its_usual_and_its_last_value(busy: Callable[..., Document]) -> None:
    out = as_text(flow_lines(busy(), PIPE))

    grams = next(line for line in out.splitlines() if line.startswith("grams"))
    assert "42 -> 4,000" in grams
    assert "#" in grams


@pytest.mark.parametrize("columns", [32, 40, 60, 80, 140, 200])
@pytest.mark.parametrize("count", [0, 1, 3, 31, 1000])
def test_no_line_is_wider_than_the_terminal_and_nothing_acts_on_it(hostile_flow: Callable[..., Document], columns: int, count: int) -> None:
    out = SGR.sub("", on_terminal(hostile_flow(count), columns))

    assert {char for char in out if not char.isprintable()} == {"\n"}
    # A command to copy is never broken.
    assert [line for line in out.splitlines() if width(line) > columns and "assay " not in line] == []


def test_markup_in_the_data_is_only_text(busy: Callable[..., Document], an_incident: Callable[..., Document]) -> None:
    document = busy() | {"incidents": [an_incident(1, 40, sentence="[bold red]markup[/bold red] :boom:")]}

    assert "[bold red]markup[/bold red] :boom:" in SGR.sub("", on_terminal(document, 100))


def test_a_pipe_gets_plain_letters(busy: Callable[..., Document]) -> None:
    file = io.StringIO()
    console = Console(file=file, width=100)
    paper = paper_of(console)

    printed(flow_lines(busy(), paper), paper, console)

    assert file.getvalue().isascii()
    assert [line for line in file.getvalue().splitlines() if line != line.rstrip()] == []


def test_a_terminal_that_is_not_utf8_gets_what_it_can_show(hostile_flow: Callable[..., Document]) -> None:
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding="ascii"), width=80, force_terminal=True, _environ={})
    paper = paper_of(console)

    printed(flow_lines(hostile_flow(), paper), paper, console)
    console.file.flush()

    assert raw.getvalue().isascii()
    assert b"\x1b" not in raw.getvalue()


def test_rules_say_what_they_do(busy: Callable[..., Document]) -> None:
    assert re.search(r"  light: grams < 500 -> split \(active, ana\)", as_text(flow_lines(busy(), PIPE)))


def test_a_flow_without_lots_says_how_to_begin(a_flow: Callable[..., Document]) -> None:
    out = as_text(flow_lines(a_flow([]), PIPE))

    assert out.startswith("parcels  0 lots\n")
    assert "assay gate parcels INPUT" in out


def test_lots_without_figures_are_shown_all_the_same(a_flow: Callable[..., Document], a_lot: Callable[..., Document]) -> None:
    nothing = dict.fromkeys(("taken", "released", "quarantined", "held", "unparseable"), 0)

    out = as_text(flow_lines(a_flow([a_lot(1, "hold", state="unreadable", figures={}, rows=nothing)]), PIPE))

    assert "1 held" in out
    assert "Columns that changed" not in out


def test_a_long_flow_names_how_many_lots_are_not_shown(a_flow: Callable[..., Document], a_lot: Callable[..., Document]) -> None:
    out = as_text(flow_lines(a_flow([a_lot(place) for place in range(91, 101)], taken_lots=100), PIPE))

    assert out.startswith("parcels  the last 10 of 100 lots: 10 released\n")
