"""Lineage, tags and lines on a terminal: readable on a poor one, and no foreign text is obeyed."""

from __future__ import annotations

from typing import Any

from assayline.report.ancestry import as_text, line_lines, lineage_lines, tags_lines
from assayline.report.paper import Paper

PLAIN = Paper(100, "utf-8", plain=True)


def lot(number: int, flow: str, *branches: dict[str, Any], run: bool = False, **more: Any) -> dict[str, Any]:
    made = {
        "run": 9, "step": flow, "at": "2026-03-01T06:00:00", "code": "sha256:0123456789abcdef", "environment": "sha256:fedcba9876543210", "inputs": {},
        "columns": {"kind": "parsed", "from": {"n": [["rides", "speed"]], "k": []}, "uses": {"rides": ["speed"], "weather": None}},
    }  # fmt: skip
    return {
        "lot": number, "flow": flow, "at": "2026-03-01T06:00:00+00:00", "input": "", "verdict": "warn", "state": "released", "rows": {"released": 1_000}, "parents": [],
        "again": False, "branches": list(branches), "run": made if run else None, **more,
    }  # fmt: skip


def text(lines: Any) -> str:
    return as_text(lines)


def test_a_tree_shows_lots_runs_code_and_environment_and_counts_what_it_leaves_out() -> None:
    rides = {"name": "rides", "lots": 100_000, "nodes": [lot(3, "rides"), lot(2, "rides", again=True)]}

    assert text(lineage_lines(lot(7, "hourly", rides, run=True), PLAIN)).splitlines() == [
        "! hourly lot 7  warn, 1,000 rows, 2026-03-01 06:00",
        "|  run 9 of hourly - code 0123456789 - environment fedcba9876",
        "|- ! rides lot 3  warn, 1,000 rows, 2026-03-01 06:00, from outside",
        "|- ! rides lot 2  warn, 1,000 rows, 2026-03-01 06:00, see above",
        "`- and 99,998 more of rides",
    ]


def test_columns_are_shown_when_asked_for() -> None:
    shown = text(lineage_lines(lot(7, "hourly", run=True), PLAIN, columns=True))

    assert "n <- rides.speed" in shown
    assert "k <- no column" in shown
    assert "reads speed of rides" in shown
    assert "reads all columns, as far as is known of weather" in shown
    assert "columns: parsed" in shown


def test_tags_show_what_holds_and_what_was_weakened_and_why() -> None:
    tag = {
        "level": "warn", "reason": "Speeds are in knots.", "origin": "rides", "lot": 3, "code": "unit_change", "columns": ["speed"], "here": [], "where": "", "share": 0.025,
        "until": "2026-04-01T00:00:00", "weakened": "",
    }  # fmt: skip
    recorded = {"number": 12, "flow": "daily", "origin": "rides", "code": "typo", "columns": [], "rule": 2, "reason": "checked", "author": "ann", "at": "", "until": None, "state": "on"}
    document = {"flow": "daily", "lot": 9, "verdict": "warn", "tags": [tag, {**tag, "code": "typo", "weakened": "column not used: speed"}], "weakenings": [recorded]}

    shown = text(tags_lines(document, PLAIN))

    assert "! WARN  daily, lot 9" in shown
    assert "! Unit changed of speed  from rides, lot 3, 2.5% of the rows at most, until 2026-04-01" in shown
    assert "-> column not used: speed" in shown
    assert "12  typo from rides, where rule 2 finds nothing: checked" in shown


def test_foreign_text_is_shown_and_not_obeyed() -> None:
    evil = "a\x1b[2J\u202eb\nc"
    tag = {"level": "warn", "reason": evil, "origin": evil, "lot": 3, "code": evil, "columns": [evil], "here": [], "where": evil, "share": 1.0, "until": "", "weakened": evil}
    recorded = {"number": 1, "flow": evil, "origin": evil, "code": evil, "columns": [evil], "rule": None, "reason": evil, "author": evil, "at": "", "until": None, "state": "on"}
    tags = {"flow": evil, "lot": 9, "verdict": "warn", "tags": [tag], "weakenings": [recorded]}
    nodes = [
        {"flow": evil, "kind": "source", "address": evil, "verdict": None, "lots": 0, "tags": []},
        {"flow": "b", "kind": "step", "address": "", "verdict": "warn", "lots": 1, "tags": [{**tag, "weakened": ""}]},
    ]  # fmt: skip

    shown = [
        text(tags_lines(tags, PLAIN)), text(lineage_lines(lot(1, evil, {"name": evil, "lots": 9, "nodes": []}, run=True), PLAIN, columns=True)),
        text(line_lines({"line": evil, "nodes": nodes, "edges": [{"from": evil, "to": "b"}]}, PLAIN)),
    ]  # fmt: skip

    assert all(char.isprintable() or char == "\n" for one in shown for char in one)
    assert all("\nc" not in one for one in shown)
