"""Lots and flows as lines and tables on a terminal."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import pytest
from rich.console import Console

from assayline.core import Report, Verdict
from assayline.report.lots import flows_lines, lot_lines, lots_lines, page_lines, summary_lines, tail
from assayline.report.paper import Line, Paper, as_text, paper_of, printed
from assayline.report.visible import width

Document = dict[str, Any]
PIPE = Paper(100, "utf-8", plain=True)
SGR = re.compile(r"\x1b\[[0-9;]*m")


def on_terminal(lines: Callable[[Paper], Iterable[Line]], columns: int) -> str:
    file = io.StringIO()
    console = Console(file=file, width=columns, force_terminal=True, color_system="truecolor", _environ={})
    paper = paper_of(console)
    printed(lines(paper), paper, console)
    return file.getvalue()


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ("release", "+ release  lot 3     in/00003.csv    100 rows released"),
        ("split", "% split    lot 3     in/00003.csv    100 rows: 88 released, 12 quarantined"),
        ("hold", "# hold     lot 3     in/00003.csv    100 rows held"),
    ],
)
def test_a_lot_is_one_line_with_verdict_number_input_and_fate(a_lot: Callable[..., Document], verdict: str, said: str) -> None:
    first = as_text(lot_lines(a_lot(3, verdict), Paper(110, "utf-8", plain=True))).splitlines()[0]

    assert re.sub(" +", " ", first) == re.sub(" +", " ", said)


def test_the_worst_finding_is_said_below_and_the_others_are_counted(a_lot: Callable[..., Document], finding: Callable[..., Document]) -> None:
    document = a_lot(3, "warn", findings=[finding("typo", ("city",), "city is misspelt.", 0.4), finding(), finding("constant", ("x",), "x is constant.", 0.1)])

    second = as_text(lot_lines(document, PIPE)).splitlines()[1]

    assert second.strip() == "Unit changed: grams looks converted. (and 1 more finding)"


def test_notes_alone_say_nothing(a_lot: Callable[..., Document], finding: Callable[..., Document]) -> None:
    document = a_lot(3, findings=[finding(severity=0.1)])

    assert len(as_text(lot_lines(document, PIPE)).splitlines()) == 1


def test_the_same_bytes_again_name_the_lot_they_were_taken_as(a_lot: Callable[..., Document], finding: Callable[..., Document]) -> None:
    document = a_lot(3, duplicate_of="3", findings=[finding("duplicate_lot", (), "These bytes were taken before.", 0.3)])

    assert as_text(lot_lines(document, PIPE)).split() == "= again in/00003.csv taken before as lot 3".split()  # noqa: SIM905


def test_what_cannot_be_read_leaves_the_cause_to_standard_error(a_lot: Callable[..., Document], finding: Callable[..., Document]) -> None:
    kept = a_lot(3, "hold", state="unreadable", error="damaged", findings=[finding("unreadable", (), "damaged", 0.95)])
    refused = a_lot(3, "reject", lot=None, error="no such file", findings=[])

    assert "could not be read; kept as it came" in as_text(lot_lines(kept, PIPE))
    assert "damaged" not in as_text(lot_lines(kept, PIPE))
    assert as_text(lot_lines(refused, PIPE)).rstrip().endswith("not taken")


@pytest.mark.parametrize("columns", [32, 40, 80, 140])
def test_nothing_is_wider_than_the_terminal_or_acts_on_it(hostile_flow: Callable[..., Document], a_lot_page: Callable[..., Document], columns: int) -> None:
    lots = hostile_flow(31)["lots"]
    listed = [{**lot, "flow": lot["input"], "deliveries": 2, "findings": [one["code"] for one in lot["findings"]]} for lot in lots]
    views: list[Callable[[Paper], Iterable[Line]]] = [partial(lot_lines, lot) for lot in lots]
    views += [partial(page_lines, a_lot_page(**{**lot, "flow": "parcels"})) for lot in lots]
    if columns >= 80:  # a table of six columns needs some room
        views.append(partial(lots_lines, listed))

    for view in views:
        out = SGR.sub("", on_terminal(view, columns))

        assert {char for char in out if not char.isprintable()} <= {"\n"}
        assert [line for line in out.splitlines() if width(line) > columns and "assay " not in line and "/store/" not in line] == []


def test_markup_in_a_name_is_only_text(a_lot: Callable[..., Document]) -> None:
    out = SGR.sub("", on_terminal(lambda paper: lot_lines(a_lot(3, input="[bold red]x[/bold red] :boom:"), paper), 120))

    assert "[bold red]x[/bold red] :boom:" in out


def test_a_run_ends_with_what_it_came_to_and_what_to_do(a_lot: Callable[..., Document]) -> None:
    told = [{**a_lot(place, verdict), "flow": "parcels"} for place, verdict in enumerate(("release", "release", "warn", "hold", "hold"), start=1)]
    told.append({**a_lot(1), "flow": "parcels", "duplicate_of": "1"})

    out = as_text(summary_lines(told, PIPE))

    assert "6 lots: 2 released, 1 released with a warning, 2 held, 1 taken before" in out
    assert "Lots 4, 5 wait for a person." in out
    assert "  assay lot 4         why, and how to decide" in out
    assert "  assay flow parcels  the flow over time" in out


def test_the_end_of_a_path_is_kept_at_a_fixed_width() -> None:
    assert tail("/very/long/way/to/one.csv", 12, PIPE) == "...o/one.csv"
    assert tail("one.csv", 12, PIPE) == "one.csv     "
    assert width(tail("/" + "東" * 30, 13, PIPE)) == 13


def test_empty_lists_say_how_to_begin() -> None:
    assert "assay gate FLOW INPUT" in as_text(lots_lines([], PIPE))
    assert "assay gate FLOW INPUT" in as_text(flows_lines([], PIPE))


def test_lots_are_a_table_with_what_became_of_them(a_lot: Callable[..., Document]) -> None:
    lots = [{**a_lot(2, "hold", state="released"), "flow": "parcels", "deliveries": 3, "findings": ["unit_change", "unit_change"]}, {**a_lot(1), "flow": "parcels", "findings": []}]

    header, first, second = as_text(lots_lines(lots, PIPE)).splitlines()

    assert header.split() == ["lot", "verdict", "taken", "rows", "aside", "input", "found"]
    assert "# hold -> released" in first
    assert first.endswith("Unit changed; came 3 times")
    assert "flow" not in header
    assert re.search(r"1  \+ release +2026-02-02 08:30 +100 +- +in/00001.csv$", second)


def test_flows_are_a_table_with_what_is_open() -> None:
    document = {"flow": "parcels", "lots": 1200, "last_at": "2026-02-03T08:30:00", "last_verdict": "warn", "open_incidents": 2, "open_cases": 0}

    out = as_text(flows_lines([document, {**document, "flow": "new", "lots": 0, "last_at": None, "last_verdict": None, "open_incidents": 0}], PIPE)).splitlines()

    assert re.search(r"^parcels +1,200  2026-02-03 08:30  ! warn +2 +-$", out[1])
    assert re.search(r"^new +0  - +- +- +-$", out[2])


def test_the_page_of_a_held_lot_says_how_to_decide(a_lot_page: Callable[..., Document]) -> None:
    out = as_text(page_lines(a_lot_page(), PIPE))

    assert out.startswith("# HOLD  lot 7 of parcels\n")
    assert "waits for a person - 100 rows held" in out
    assert "1. Unit changed: grams, 7 rows" in out
    assert "/shop/store/objects/ab/abcd.parquet" in out
    for command in ("assay lot 7 release --reason WHY", "assay lot 7 reject --reason WHY", "assay lot 7 noise", "assay flow parcels"):
        assert command in out


def test_the_page_of_a_released_lot_offers_no_release(a_lot_page: Callable[..., Document]) -> None:
    out = as_text(page_lines(a_lot_page("release", findings=[]), PIPE))

    assert "assay lot 7 release" not in out
    assert "assay flow parcels" in out


def test_the_page_of_a_lot_shows_the_whole_report_its_cases_and_decisions(a_lot_page: Callable[..., Document], sample: Report) -> None:
    case = {
        "case": 4, "flow": "parcels", "lot": 7, "code": "unit_change", "columns": ["temperature"], "pattern": "", "rows": 12, "open": 3, "sentence": "12 rows look converted.",
        "suggestion": "",
    }  # fmt: skip
    decision = {"action": "release", "author": "ana", "at": "2026-02-03T10:00:00", "case": None, "reason": "checked by hand"}
    document = a_lot_page("split", report=sample.as_json(), cases=[case], decisions=[decision])

    out = as_text(page_lines(document, PIPE))

    assert "Spelling variants: city" in out
    assert re.search(r"row +value +should be\n", out)
    assert "case 4  Unit changed: temperature  12 rows, 3 open" in out
    assert "2026-02-03 10:00  ana said release: checked by hand" in out


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_has_a_page_of_a_lot(a_lot_page: Callable[..., Document], verdict: Verdict) -> None:
    assert str(verdict).upper() in as_text(page_lines(a_lot_page(str(verdict)), PIPE))
