"""A certificate as text and as a page: complete, inert, bounded."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from rich.console import Console

from assayline.report import views
from assayline.report.certificate_terminal import show, text
from assayline.report.visible import width


def row(code: str, title: str, strength: str, tried: int, noticed: int, family: str = "distribution") -> dict[str, Any]:
    return {
        "code": code, "family": family, "title": title, "strength": strength, "says": "a shift of {column} by 0.3 standard deviations", "tried": tried,
        "noticed": noticed, "named": max(0, noticed - 1), "located": noticed, "locatable": noticed, "interval": [0.1, 0.9], "missed": ["amount"],
    }  # fmt: skip


def document(**changes: Any) -> dict[str, Any]:
    rows = [
        row("global_shift", "Shifted values", "subtle", 8, 2), row("global_shift", "Shifted values", "medium", 8, 6), row("global_shift", "Shifted values", "gross", 8, 8),
        row("dropped_column", "Lost column", "gross", 5, 5, "schema"), row("stuck_clock", "Stopped clock", "gross", 5, 0, "time"),
    ]  # fmt: skip
    strengths = [{"name": name, "tried": 8, "noticed": 6, "named": 5, "located": 6, "locatable": 6, "interval": [0.4, 0.95]} for name in ("subtle", "medium", "gross")]
    return {
        "schema": 1, "flow": "sales", "seed": 7, "confidence": 0.95, "rows": rows, "strengths": strengths,
        "false_alarms": {"lots": 12, "accused": 1, "rate": 0.0833, "interval": [0.002, 0.385]},
        "lots": [
            {"name": "2026-03-01.csv", "rows": 900, "past": 20, "verdict": "warn", "heard": ["global_shift"]},
            {"name": "2026-03-02.csv", "rows": 911, "past": 21, "verdict": "release", "heard": []},
        ],
        "unnoticed": ["A shift of amount by 0.3 standard deviations would mostly go unnoticed (6 of 8 tries did)."],
        "untried": {"mojibake": "no column of these lots can have it"}, "cases": [], "struck": 12, "planned": 900, "stopped": "most_cases", "seconds": 12.3,
    } | changes  # fmt: skip


class Page(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.said = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said += data + "\n"


@pytest.mark.parametrize("view", ["certificate", "certificate_html"])
def test_a_view_says_what_was_noticed_what_was_not_and_how_often_for_nothing(view: str) -> None:
    said = views()[view](document())

    for words in ("sales", "24 faults", "18 noticed", "1 of 12 good lots", "8.3%", "38.5%", "Shifted values", "2/8", "8/8", "A shift of amount", "mojibake", "no column"):
        assert words in re.sub(r"\s+", " ", said), words


def test_a_page_is_inert_and_every_element_is_closed() -> None:
    page = Page(views()["certificate_html"](document()))

    assert page.open == []
    assert not page.tags & {"script", "iframe", "img", "a", "form", "object", "embed", "input"}
    assert not page.names & {"style", "src", "onload", "onclick", "action"}


def test_no_foreign_text_gets_out(hostile_texts: tuple[str, ...]) -> None:
    tags = Page(views()["certificate_html"](document())).tags
    for foreign in hostile_texts:
        lot = {"name": foreign, "rows": 1, "past": 1, "verdict": "warn", "heard": ["outliers", foreign]}
        changes = {"flow": foreign, "unnoticed": [foreign], "lots": [lot], "untried": {foreign: foreign}, "rows": [row("x", foreign, "gross", 1, 0) | {"says": foreign}]}

        page, printed = (views()[view](document(**changes)) for view in ("certificate_html", "certificate"))

        assert Page(page).tags == tags
        for said in (page, printed):
            assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", said)
            assert len(said) < 40_000


@pytest.mark.parametrize("columns", [30, 60, 80, 100, 160])
def test_no_line_of_the_table_is_wider_than_the_paper(columns: int) -> None:
    lines = text(document(unnoticed=[], untried={}), columns).splitlines()

    assert max(map(width, lines)) <= max(columns, 60)


@pytest.mark.parametrize("view", ["certificate", "certificate_html"])
def test_a_certificate_without_tries_says_so(view: str) -> None:
    nothing = document(
        rows=[], lots=[], unnoticed=[], untried={}, stopped="budget_seconds", flow="",
        strengths=[{"name": name, "tried": 0, "noticed": 0, "named": 0, "located": 0, "locatable": 0, "interval": [0, 1]} for name in ("subtle", "medium", "gross")],
        false_alarms={"lots": 0, "accused": 0, "rate": 0, "interval": [0, 1]},
    )  # fmt: skip

    said = views()[view](nothing)

    assert "No fault was tried." in said
    assert "What this gate notices" in said


def test_colour_and_blocks_stand_on_a_terminal_and_nowhere_else() -> None:
    terminal, pipe = io.StringIO(), io.StringIO()

    show(document(), Console(file=terminal, force_terminal=True, color_system="standard", width=100, legacy_windows=False, no_color=False, _environ={}))
    show(document(), Console(file=pipe, width=100, _environ={}))

    assert "█" in terminal.getvalue()
    assert "\x1b[3" in terminal.getvalue()
    assert pipe.getvalue() == text(document(), 100)
    assert "#" in pipe.getvalue()


def test_the_more_was_noticed_the_greener_the_cell() -> None:
    page = views()["certificate_html"](document())

    assert re.findall(r"al-recall-\d(?=\">)", page) == ["al-recall-1", "al-recall-2", "al-recall-4", "al-recall-4", "al-recall-0"]
