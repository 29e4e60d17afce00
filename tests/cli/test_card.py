"""`assay card` from outside: what it prints, writes and checks, and its exit codes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "line" / "workers"))

pytest.importorskip("lightgbm")
pytest.importorskip("assayline.trials")

from churn_versions import written

from assayline.cli import main
from assayline.line.models.trying import Trying
from assayline.line.project import create_project, open_project


@pytest.fixture(scope="module")
def project_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one version of one model."""
    folder = tmp_path_factory.mktemp("card")
    with create_project(str(folder / "shop")) as project, Trying(project, aspects=()) as trying:
        assert trying.take(str(written(folder, "v1"))).lot is not None
    return folder / "shop"


@pytest.fixture(autouse=True)
def _here(project_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASSAY_PROJECT", str(project_folder))


def test_a_card_is_printed_and_is_the_same_under_both_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["card", "churn"]) == 0
    card = capsys.readouterr().out
    assert main(["model", "card", "churn"]) == 0

    assert capsys.readouterr().out == card
    assert card.startswith("# Model card: churn v1\n")
    assert card.splitlines()[-1].partition("Digest: ")[2].startswith("sha256:")


def test_a_card_is_written_once_and_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert [main(["card", "churn", "--out", "churn.md"]) for _ in range(2)] == [0, 0]
    assert capsys.readouterr().out.splitlines() == ["Written to churn.md.", "churn.md is current; nothing was written."]
    assert main(["card", "churn", "--check", "churn.md"]) == 0
    assert capsys.readouterr().out == "churn.md is current.\n"

    Path("churn.md").write_text(Path("churn.md").read_text(encoding="utf-8").replace("Who leaves.", "Who stays."), encoding="utf-8")
    assert main(["card", "churn", "--check", "churn.md"]) == 1

    assert capsys.readouterr().out.splitlines() == [
        "churn.md is not current:", "  What it is for: new: Who leaves.", "  What it is for: no longer: Who stays.", "Write it anew with: assay card churn --out churn.md",
    ]  # fmt: skip


def test_a_new_version_makes_a_kept_page_old(project_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["card", "churn", "--out", "churn.html"]) == 0
    with open_project(str(project_folder)) as project, Trying(project, aspects=()) as trying:
        trying.take(str(written(tmp_path, "v2", seed=2)))
    capsys.readouterr()

    assert main(["card", "churn", "--check", "churn.html", "--json"]) == 1

    told = json.loads(capsys.readouterr().out)
    assert told["current"] is False
    assert any(one.startswith("History: new: churn:v2") for one in told["changes"])


def test_the_document_has_what_the_card_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["card", "churn:v1", "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["version"] == "churn:v1"
    assert {"answers", "readers", "fails", "open", "cause", "back", "retrain", "upstream", "people"} <= told["handover"].keys()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["card", "chum"], "there is no model 'chum'; models: churn"), (["card", "churn:v9"], "there is no version 'churn:v9'"), (["card", "churn", "--out", "churn.pdf"], "ends in .md or .html"),
        (["card", "churn", "--check", "gone.md"], "gone.md: there is no such file"), (["card", "churn", "--out", "a.md", "--check", "a.md"], "use one of them"),
        (["card", "churn", "--out", "nowhere/churn.md"], "choose another place"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_with_the_exit_code_2(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2

    assert said in capsys.readouterr().err
