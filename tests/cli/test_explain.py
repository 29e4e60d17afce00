"""`assay explain` from outside: what it prints, writes and refuses, and with which exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assayline.cli import main
from assayline.line.explaining import explain
from assayline.line.project import create_project

DOCUMENT: dict[str, Any] = {
    "schema": 1, "model": "churn", "before": {"version": "churn:v7", "at": "2026-03-01T00:00:00+00:00"}, "after": {"version": "churn:v8", "at": "2026-03-14T00:00:00+00:00"},
    "verdict": "better", "headline": "churn:v8 does better than churn:v7.", "sentences": ["The change saves about 880 EUR per 1,000 customers."], "contact": "ann@example.com",
}  # fmt: skip


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    with create_project(str(tmp_path / "shop")):
        pass
    monkeypatch.chdir(tmp_path / "shop")
    return tmp_path / "shop"


@pytest.fixture
def asked(shop: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the command asks of the line; what the line makes of it is tested in `tests/line/explaining` on real versions."""
    calls: list[tuple[Any, ...]] = []

    def told(project: object, *words: Any, **options: Any) -> dict[str, Any]:
        calls.append((*words, options))
        return DOCUMENT

    monkeypatch.setattr(explain, "explain_document", told)
    return calls


def test_both_ways_to_name_versions_ask_the_same(asked: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str]) -> None:
    codes = [main(["explain", *words, "--json"]) for words in (["churn", "v7", "v8"], ["churn:v7", "churn:v8"])]

    assert codes == [0, 0]
    assert asked[0] == asked[1] == ("churn", "v7", "v8", {"test_set": None, "seconds": 30.0})
    assert json.loads(capsys.readouterr().out.splitlines()[0]) == DOCUMENT


def test_people_get_sentences_a_page_or_a_note(asked: list[tuple[Any, ...]], shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "churn", "--set", "q1"]) == 0
    said = capsys.readouterr().out
    assert main(["explain", "churn", "--html", "page.html"]) == 0
    assert capsys.readouterr().out == "Written to page.html.\n"
    assert main(["explain", "churn", "--note", "before"]) == 0
    note = capsys.readouterr().out

    assert asked[0][-1]["test_set"] == "q1"
    assert "churn:v8 does better than churn:v7." in said
    assert (shop / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert note.startswith("Subject: churn will be changed to version v8\n")
    assert "Questions: ann@example.com" in note


def test_a_note_as_json_has_its_subject(asked: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "churn", "--note", "after", "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert (told["when"], told["subject"]) == ("after", "churn was changed to version v8")
    assert asked


@pytest.mark.parametrize(
    ("words", "said"),
    [(["churn"], "there is no model 'churn'"), (["churn:v1", "demand:v2"], "versions of two models"), (["churn", "--seconds", "0"], "give a number above 0"),
     (["churn", "--html", "a.html", "--note", "after"], "not allowed with"), ([], "required")],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_in_one_line(shop: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", *words]) == 2

    told = capsys.readouterr()
    assert told.out == ""
    assert said in told.err
    assert told.err.count("\n") == 1
    assert shop.is_dir()
