"""`assay why` from outside: exit codes, one line where nothing is wrong, files, and what is refused."""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assayline.cli import main

LINE = 'import assayline\n\nline = assayline.Line("town")\nline.source("weather", "incoming/*.parquet", time="hour", owner="weather@example.com")\n'
GOOD = 6


def day(folder: Path, number: int, factor: float = 1.0) -> None:
    """One more day of one station."""
    draw = np.random.default_rng(number)
    hours = [datetime(2026, 3, 1) + timedelta(days=number, hours=hour) for hour in range(48)]
    values = 12 + 5 * np.sin(np.arange(48) / 4) + draw.normal(0, 1, 48)
    pl.DataFrame({"hour": hours, "temperature": np.round(values * factor + (32.0 if factor != 1 else 0.0), 1)}).write_parquet(folder / "incoming" / f"{number}.parquet")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one source, of which all is well; copied."""
    folder = tmp_path_factory.mktemp("cli") / "town"
    assert main(["init", str(folder)]) == 0
    (folder / "incoming").mkdir()
    (folder / "line.py").write_text(LINE, encoding="utf-8")
    for number in range(GOOD):
        day(folder, number)
    main(["run", "--project", str(folder), "--json"])
    return folder


@pytest.fixture
def town(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """The copy; it is the working folder."""
    shutil.copytree(template, tmp_path / "town")
    monkeypatch.chdir(tmp_path / "town")
    capsys.readouterr()
    return tmp_path / "town"


def test_a_healthy_flow_gives_one_line_and_exit_code_0(town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["why", "weather"])

    shown = capsys.readouterr()
    assert (code, shown.err) == (0, "")
    (line,) = [one for one in shown.out.splitlines() if one.strip()]
    assert "weather" in line
    assert main(["why", "flow", "weather", "--since", "2020-01-01", "--metric", "mean(temperature)", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "healthy"


def test_an_answer_gives_exit_code_1_a_document_and_a_page(town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    day(town, GOOD, factor=1.8)
    main(["run", "--json"])
    capsys.readouterr()

    code = main(["why", "weather", "--json"])

    shown = capsys.readouterr()
    (document,) = [json.loads(one) for one in shown.out.splitlines()]
    assert (code, shown.err, document["verdict"], document["schema"]) == (1, "", "correlational", 1)
    assert (document["asked"], document["causes"][0]["components"], document["causes"][0]["owner"]) == ("weather", ["source weather"], "weather@example.com")
    views = pytest.importorskip("assayline.report").views()
    if {"why_html", "why_svg"} <= views.keys():
        assert main(["why", "weather", "--html", "why.html", "--svg", "why.svg"]) == 1
        assert "weather" in (town / "why.html").read_text(encoding="utf-8")
        assert (town / "why.svg").read_text(encoding="utf-8").startswith("<svg")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["nobody"], "there is nothing known of a flow 'nobody'"), (["flow"], "there is nothing known of a flow 'flow'"), (["flow", "a", "b"], "ask about one thing"),
        (["hourly", "weather"], "ask about one thing"), (["incident", "twelve"], "no number of an incident"), (["incident", "12"], "there is no incident 12"),
        (["model", "churn:v8"], "churn"), (["incident", "12", "--rows", "a = 1"], "--rows goes with a flow"), (["weather", "--since", "soon"], "is no time"),
        (["weather", "--since", "today", "--lot", "3"], "two different things"), (["weather", "--lot", "99"], "lot 99 is none of"), (["weather", "--metric", "average(x)"], "no figure 'average'"),
        (["weather", "--rows", "wind = 3"], "no column 'wind'"), (["weather", "--most", "0"], "1 to 1,000 replays"), (["weather", "--line", "other.py"], "there is no line at"),
        (["weather", "--html", "no/such/folder.html"], "there is no folder"), (["weather", "--project", "elsewhere"], "is no project"),
    ],
)  # fmt: skip
def test_a_question_that_makes_no_sense_gives_one_line_and_exit_code_2(town: Path, capsys: pytest.CaptureFixture[str], given: list[str], said: str) -> None:
    code = main(["why", *given])

    shown = capsys.readouterr()
    assert (code, shown.out, shown.err.count("\n")) == (2, "", 1)
    assert said in shown.err
