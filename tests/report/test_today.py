"""A day as lines and as a page: it fits every width, nothing foreign gets out, and the worst comes with what to do."""

from __future__ import annotations

import re
from typing import Any

import pytest

from assayline.report.paper import Paper, as_text
from assayline.report.today import sources_lines, today_lines
from assayline.report.today_page import today_page
from assayline.report.visible import width

STATES = ("failed", "unreadable", "held", "missing", "late", "cases", "incidents", "tagged", "fine")


def a_flow(name: str, state: str) -> dict[str, Any]:
    return {
        "flow": name, "kind": "source", "state": state, "unreadable_lots": int(state == "unreadable"), "open_incidents": 2, "open_cases": 1,
        "arrived": {"state": state if state in ("late", "missing") else "on_time", "lots": 3, "last_at": "2026-03-02T06:01:00+00:00", "sentence": "Nothing has come for 27 hours."},
        "quality": {"verdict": "split", "standing": "warn", "tags": [{"reason": "rides lost a column"}]}, "ran": {"done": 12, "held": 0, "failed": 1, "stopped": 0},
        "published": {"rows": 1_234_567, "aside": 321, "held_lots": 2}, "cost": {"cpu_seconds": 71.0, "money": 0.0},
    }  # fmt: skip


def a_day(*flows: dict[str, Any]) -> dict[str, Any]:
    needy = sum(one["state"] not in ("fine", "tagged") for one in flows)
    return {"project": "shop", "day": "2026-03-02", "at": "2026-03-02T12:00:00+00:00", "totals": {"flows": len(flows), "need_a_person": needy}, "flows": list(flows)}


@pytest.mark.parametrize("columns", [40, 60, 80, 100, 160])
def test_a_day_fits_every_width(columns: int) -> None:
    document = a_day(*(a_flow(f"flow-{state}", state) for state in STATES))

    lines = as_text(today_lines(document, Paper(columns, "utf-8", plain=True, widest=160))).splitlines()

    assert max(map(width, lines)) <= max(columns, 46), max(lines, key=width)
    assert [line.split()[0] for line in lines[2:11]] == [f"flow-{state}" for state in STATES]


@pytest.mark.parametrize(("state", "command"), [("held", "assay lots x --state held"), ("late", "assay sources x"), ("cases", "assay quarantine list x"), ("failed", "assay flow x")])
def test_the_worst_comes_with_what_to_do(state: str, command: str) -> None:
    assert command in as_text(today_lines(a_day(a_flow("x", state)), Paper(100, "utf-8", plain=True)))


def test_a_day_on_which_nobody_is_needed_says_so_and_offers_nothing() -> None:
    said = as_text(today_lines(a_day(a_flow("x", "fine"), a_flow("y", "fine")), Paper(100, "utf-8", plain=True)))

    assert said.startswith("2026-03-02: all 2 flows are fine\n")
    assert "assay flow" not in said


def test_the_page_has_a_row_for_each_flow_and_nothing_foreign_gets_out() -> None:
    flow = a_flow("<script>alert(1)</script>", "late")
    flow["arrived"]["sentence"] = "\"><img src=x onerror=alert(1)> \x1b[2J"

    page = today_page(a_day(flow, a_flow("fine", "fine")))

    assert len(re.findall(r"<tr>", page)) == 3
    assert "<script" not in page
    assert "<img" not in page
    assert "\x1b" not in page
    assert "http" not in page.split("</style>")[1]


def test_a_list_of_sources_and_one_of_them() -> None:
    one = {
        "flow": "sales", "owner": "ops@example.com", "address": "in/", "grade": "production", "grade_by": "behaviour", "watched": True, "lots": 40, "last_at": "2026-03-02T06:01:00+00:00",
        "freshness_seconds": 9.0, "rhythm": {"by": "any time", "arrivals": 40, "gap_seconds": 86_400.0, "earliest": "2026-03-03T05:50:00+00:00", "latest": "2026-03-03T07:00:00+00:00"},
        "rows": {"low": 90, "usual": 100, "high": 110}, "bytes": None, "columns": ["id"], "readers": ["daily"],
        "findings": [{"code": "late_arrival", "severity": 0.5, "layer": "arrival", "columns": [], "sentence": "Nothing has come."}],
    }  # fmt: skip

    table = as_text(sources_lines([one], Paper(140, "utf-8", plain=True, widest=160)))
    page = as_text(sources_lines([{**one, "schema": [{"lot": 7, "at": "2026-03-01T06:00:00", "came": ["size"], "gone": []}]}], Paper(100, "utf-8", plain=True)))

    assert re.search(r"sales +production +40 +2026-03-02 06:01 +late +100 +1 +ops@example.com +daily", table)
    assert "every 24 hours, known by any time from 40 arrivals" in page
    assert "lot 7  came: size" in page
