"""Models on a terminal: they fit every width, nothing foreign gets out, and there is always a next step."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from assayline.report import views
from assayline.report.model_terminal import interval_cells, model_lines, models_lines, sets_lines, trained_lines, trial_lines, trial_news
from assayline.report.paper import Line, Paper, as_text, paper_of, printed
from assayline.report.visible import width

Document = dict[str, Any]
View = Callable[[Any, Paper], Iterable[Line]]
PIPE = Paper(110, "utf-8", plain=True)
COMMAND = re.compile(r"\s*(assay |Artefact)")
SETS = [{"set": "q1-labelled", "lot": 12, "rows": 2000, "at": "2026-03-02T06:00:00+00:00", "verdict": "release", "looks": 14}, {"set": "austria", "rows": 640}]


def listed(churn: Document) -> list[Document]:
    one = {"model": "churn", "version": "churn:v8", "at": churn["at"], "verdict": "warn", "state": "released", "target": "churned", "task": "binary", "metric": "money", "score": 12.31,
           "unit": "EUR per row", "owner": "ana", "sets": 2}  # fmt: skip
    return [one, {"model": "demand", "version": "demand:v3", "verdict": "hold", "metric": "rmse", "score": 38.2}, {}]


def told(churn: Document) -> list[tuple[View, Any]]:
    trial = {**churn["trial"], "version": churn["version"], "state": "released"}
    return [(trained_lines, churn), (trained_lines, churn["trained"]), (trial_lines, trial), (trial_news, trial), (model_lines, churn), (models_lines, listed(churn)), (sets_lines, SETS)]


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("columns", [40, 60, 80, 100, 130])
def test_everything_fits_every_width_but_what_is_to_be_copied(churn: Document, columns: int, plain: bool) -> None:
    for view, document in told(churn):
        lines = as_text(view(document, Paper(columns, "utf-8", plain, 130))).splitlines()

        assert [line for line in lines if width(line) > columns and not COMMAND.match(line)] == []
        assert [line for line in lines if line != line.rstrip()] == []


@pytest.mark.parametrize("columns", [24, 80])
@pytest.mark.parametrize("everything", [True, False])
def test_nothing_foreign_acts(hostile_model: Callable[..., Document], columns: int, everything: bool) -> None:
    document = hostile_model(everything=everything)

    for view, one in told(document):
        file = io.StringIO()
        console = Console(file=file, width=columns, force_terminal=True, color_system="truecolor", _environ={})
        printed(view(one, paper_of(console)), paper_of(console), console)
        written = re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue())

        assert {char for char in written if not char.isprintable()} <= {"\n"}


def test_the_choice_is_marked_and_its_reason_and_its_file_are_told(churn: Document) -> None:
    out = as_text(trained_lines(churn, PIPE))

    assert re.search(r"^\*  lightgbm 63 leaves \+ linear  0\.8491 ", out, re.M)
    assert "It costs 0.4 EUR less per row than plain LightGBM" in out
    assert "\nArtefact  artefacts/churn-v8.assay\n" in out
    assert "assay trial run churn:v8 " in out
    assert "Learning curve  0.8122 " in out


def test_the_path_of_an_artefact_is_never_cut(churn: Document) -> None:
    churn["input"] = "artefacts/" + "a" * 200 + ".assay"

    assert churn["input"] in as_text(trained_lines(churn, Paper(40, "utf-8", plain=True)))


def test_training_alone_is_enough_to_be_told(churn: Document) -> None:
    out = as_text(trained_lines(churn["trained"], PIPE))

    assert out.startswith("The model: lightgbm 63 leaves + linear\n")
    assert "Next" not in out


def test_each_test_set_has_a_row_for_the_champion_and_for_each_baseline(churn: Document) -> None:
    out = as_text(trial_lines({**churn["trial"], "version": "churn:v8"}, PIPE))

    assert re.search(r"churn:v7  cost +better .*\+1,240 \(\+810 to \+1,700\) EUR per 1,000\n", out)
    assert re.search(r"churn:v7  not worse .*\+310 \(-60 to \+700\) EUR per 1,000\n", out)
    assert re.search(r"plain +undecided: label 1,210 more rows ", out)
    assert "→" not in out
    assert "-> Look at the three customers in the output below" in out
    assert "    AssertionError: 3 customers with 60 months of tenure are told to leave\n" in out


def test_a_held_version_comes_with_the_command_that_decides(churn: Document) -> None:
    out = as_text(model_lines({**churn, "state": "held", "verdict": "hold"}, PIPE))

    assert "assay lot 31 release --reason WHY" in out


def test_an_undecided_version_comes_with_the_rows_to_label(compared: Callable[..., Document], a_model: Callable[..., Document]) -> None:
    out = as_text(model_lines(a_model(compared("undecided", more_rows=1200), verdict="warn"), PIPE))

    assert re.search(r"assay trial add-set demand FILE +once 1,200 more rows of spring are labelled", out)


def test_a_version_that_was_not_tried_comes_with_the_trial(a_model: Callable[..., Document]) -> None:
    assert "assay trial run demand:v3 " in as_text(model_lines(a_model(trial={}), PIPE))


def test_a_name_that_would_have_to_be_quoted_is_not_put_into_a_command(churn: Document) -> None:
    out = as_text(model_lines({**churn, "version": "x; rm -rf ~"}, PIPE))

    assert "assay model show VERSION --html" in out
    assert not re.search(r"assay .*rm -rf", out)


def test_the_history_has_a_sign_for_each_verdict_and_says_when_the_test_set_changed(churn: Document) -> None:
    out = as_text(model_lines(churn, PIPE))

    assert "  verdicts   ++#+!X+!\n" in out
    assert "q1-labelled: cost 17.9 to 12.31, less is better; other rows since churn:v5" in out


def test_models_are_a_table_and_no_model_is_an_offer(churn: Document) -> None:
    out = as_text(models_lines(listed(churn), PIPE)).splitlines()

    assert out[1].split()[:4] == ["churn:v8", "!", "warn", "released"]
    assert "cost 12.31 EUR" in out[1]
    assert "assay train TABLE --target COLUMN" in as_text(models_lines([], PIPE))


def test_test_sets_are_a_table_and_no_test_set_is_an_offer() -> None:
    out = as_text(sets_lines(SETS, PIPE))

    assert re.search(r"^q1-labelled +\+ release +2,000 +12 +2026-03-02 06:00 +14$", out, re.M)
    assert "assay trial add-set MODEL FILE" in as_text(sets_lines([], PIPE))


@given(st.floats(allow_nan=False), st.floats(allow_nan=False), st.floats(allow_nan=False), st.integers(3, 30), st.booleans(), st.booleans())
@settings(max_examples=200, deadline=None)
def test_an_interval_fills_its_cells_and_no_more(low: float, middle: float, high: float, cells: int, zero: bool, plain: bool) -> None:
    drawn = interval_cells(low, middle, high, (-1.0, 2.0), cells, Paper(80, "utf-8", plain=plain), zero=zero)

    assert width(drawn) == cells
    assert sum(drawn.count(sign) for sign in ("o●<>◂▸")) == 1


@pytest.mark.parametrize("document", [{}, {"trial": None, "trained": 3, "history": [1]}, {"version": "x", "sets": "no", "leaderboard": [{}], "suite": [{}], "report": {"findings": [{}]}}])
def test_older_documents_can_be_told(document: Document) -> None:
    for view in (trained_lines, trial_lines, trial_news, model_lines):
        assert as_text(view(document, PIPE))


def test_the_views_print_what_the_lines_are(churn: Document, capsys: pytest.CaptureFixture[str]) -> None:
    views()["model"](churn)
    views()["trial"]({**churn["trial"], "version": "churn:v8"})
    views()["trained"](churn)
    views()["models"](listed(churn))
    views()["test_sets"](SETS)

    out = capsys.readouterr().out
    assert [out.count(said) for said in ("the hand-over card", "Learning curve", "demand:v3", "austria ")] == [2, 2, 1, 1]
