"""`assay today`, `assay sources` and what `assay run` says of silence, from outside."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assayline.cli import main
from assayline.ledger import records
from assayline.line.gating import ensure_flow
from assayline.line.project import create_project, open_project

NOW = datetime.now(UTC)
ROWS = {"taken": 9, "released": 9, "quarantined": 0, "held": 0, "unparseable": 0}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a source that came every morning, until five days ago."""
    folder = tmp_path / "shop"
    with create_project(str(folder)) as project, project.ledger.write() as writing:
        for day in range(30, 5, -1):
            known = ensure_flow(writing, "sales")
            lot = records.last_lot(writing.connection) + 1
            body = {
                "lot": lot, "flow": "sales", "place": known.lots + 1, "digest": f"sha256:{lot}", "input": "x.csv", "at": (NOW - timedelta(days=day)).isoformat(timespec="microseconds"),
                "verdict": "release", "state": "released", "teaches": True, "rows": ROWS, "objects": {}, "parents": [], "findings": [], "codes": [],
                "figures": {"columns_now": ["id"]}, "cases": [], "notices": [], "incidents": [],
            }  # fmt: skip
            writing.append("lot", body)
    monkeypatch.chdir(folder)
    return folder


def test_a_missing_source_is_shown_first_and_is_an_open_incident(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["today", "--json", "--html", "day.html"])

    (sales,) = json.loads(capsys.readouterr().out)["flows"]
    assert (code, sales["state"], sales["open_incidents"]) == (1, "missing", 1)
    assert "missing" in (shop / "day.html").read_text(encoding="utf-8")
    assert main(["today", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["flows"][0]["open_incidents"] == 1


def test_a_day_is_mailed_once(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["today", "--mail"]) == 2
    main(["notify", "add", "*", "https://203.0.113.9/in", "--digest", "daily 08:00"])
    capsys.readouterr()

    said = [(main(["today", "--mail"]), capsys.readouterr().out.splitlines()[-1]) for _ in range(2)]

    assert said == [(1, "sent"), (1, f"{datetime.now(UTC).date()} was sent before")]


def test_what_is_said_of_a_source_by_hand_counts(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sources", "set", "sales", "--owner", "ops@example.com", "--grade", "production"]) == 0
    capsys.readouterr()

    code = main(["sources", "sales", "--json"])

    (sales,) = json.loads(capsys.readouterr().out)
    assert (code, sales["owner"], sales["grade"], sales["grade_by"], sales["findings"][0]["code"]) == (1, "ops@example.com", "production", "hand", "missing_day")
    assert main(["sources", "set", "sales", "--grade", "learned", "--no-watch", "--json"]) == 0
    (sales,) = json.loads(capsys.readouterr().out)
    assert (sales["grade"], sales["watched"]) == ("experimental", False)


@pytest.mark.parametrize("given", [["sources", "a", "b"], ["sources", "set", "sales"], ["sources", "set", "nobody", "--owner", "x"], ["sources", "nobody"]])
def test_a_call_that_makes_no_sense_is_refused(shop: Path, given: list[str]) -> None:
    assert main(given) == 2

    with open_project(str(shop)) as project, project.ledger.read() as connection:
        assert [one.name for one in records.flows(connection)] == ["sales"]


def test_a_run_says_what_is_missing_once(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "line.py").write_text('import assayline\n\nline = assayline.Line("shop")\nline.source("sales", "incoming/*.csv")\n', encoding="utf-8")
    (shop / "incoming").mkdir()

    said = [(main(["run"]), capsys.readouterr().out) for _ in range(2)]

    assert [code for code, _ in said] == [1, 0], said
    assert "late: sales: Nothing has come for 6 days" in said[0][1]
    assert "sales" not in said[1][1]
