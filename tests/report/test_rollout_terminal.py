"""Rollouts, scored batches and what is served on a terminal: plain words first, fitting every width, nothing foreign gets out, always a next step."""

from __future__ import annotations

import copy
import functools
import io
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
from simulated_rollout import simulated

from assayline.report import views
from assayline.report.delivery_terminal import scored_lines, served_lines
from assayline.report.paper import Line, Paper, as_text, paper_of, printed
from assayline.report.rollout_terminal import rollout_lines, rollouts_lines
from assayline.report.visible import width

Document = dict[str, Any]
View = Callable[[Any, Paper], Iterable[Line]]
PIPE = Paper(110, "utf-8", plain=True)
COMMAND = re.compile(r"\s*(assay |postgresql:)")


@functools.cache
def _played() -> tuple[Document, Document]:
    return simulated(), simulated((0.028,) * 6, worse=0.012)


def played(kind: str) -> Document:
    return copy.deepcopy(_played()[kind == "running"])


def batch(lot: int, verdict: str = "release", state: str = "released", **counts: Any) -> Document:
    """One batch as `assay score --json` tells it."""
    found = [{"code": "drift", "columns": ["score"], "sentence": "The scores are lower than ever.", "severity": 0.7}] if verdict != "release" else []
    counted = {"rows": 900, "arms": {"champion": 855, "challenger": 45}, "versions": {"churn:v6": 855, "churn:v7": 45}, "fallbacks": {}, **counts}
    return {
        "run": f"run:{lot}", "input": {"flow": "customers", "lot": str(lot), "rows": 900}, "counts": counted,
        "lot": {"lot": str(lot + 40), "flow": "churn.scores", "verdict": verdict, "state": state, "findings": found},
    }  # fmt: skip


SCORED = {"model": "churn", "flow": "churn.scores", "batches": [batch(1), batch(2, "hold", "held", fallbacks={"out_of_range": 3, "nan": 1})], "problems": ["postgresql://db: no route to host"]}
SERVED = {
    "address": "http://127.0.0.1:8080", "workers": 2, "accounts": True, "tls": True, "warnings": ["churn:v7 has no ONNX, so it answers natively."],
    "models": [{"model": "churn", "champion": {"label": "churn:v6"}, "challenger": {"label": "churn:v7"}, "mode": "canary", "share": 5.0}, {"model": "demand", "champion": "demand:v3"}],
}  # fmt: skip


def told() -> list[tuple[View, Any]]:
    bad, running = played("bad"), played("running")
    return [
        (rollout_lines, bad), (rollout_lines, running), (rollouts_lines, [bad, running]), (rollouts_lines, []), (scored_lines, SCORED), (scored_lines, {"batches": []}), (served_lines, SERVED),
        (rollout_lines, {}), (served_lines, {}),
    ]  # fmt: skip


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("columns", [40, 60, 80, 100, 130])
def test_everything_fits_every_width_but_what_is_to_be_copied(columns: int, plain: bool) -> None:
    for view, document in told():
        lines = as_text(view(document, Paper(columns, "utf-8", plain, 130))).splitlines()

        assert [line for line in lines if width(line) > columns and not COMMAND.match(line)] == []
        assert [line for line in lines if line != line.rstrip()] == []


@pytest.mark.parametrize("columns", [24, 80])
def test_nothing_foreign_acts(hostile_texts: tuple[str, ...], columns: int) -> None:
    place = [0]

    def spoiled(document: Any) -> Any:
        if isinstance(document, dict):
            return {spoiled(key) if key in ("churn:v6", "out_of_range") else key: one if key in ("state", "verdict") else spoiled(one) for key, one in document.items()}
        if isinstance(document, list):
            return [spoiled(one) for one in document]
        if isinstance(document, str):
            place[0] += 1
            return hostile_texts[place[0] % len(hostile_texts)]
        return document

    for view, document in told():
        file = io.StringIO()
        console = Console(file=file, width=columns, force_terminal=True, color_system="truecolor", _environ={})
        printed(view(spoiled(document), paper_of(console)), paper_of(console), console)
        written = re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue())

        assert {char for char in written if not char.isprintable()} <= {"\n"}


def test_plain_words_come_first_and_then_the_way_the_evidence_and_what_was_put_right() -> None:
    document = played("bad")
    guard = document["guards"][0]
    last = guard["history"][-1]

    text = as_text(rollout_lines(document, PIPE))

    lines = text.splitlines()
    assert lines[0] == "X ROLLED BACK  churn:v7 against churn:v6  rollout 12"
    assert lines[1] == "churn:v7 was taken back; churn:v6 answers all keys."
    assert "+ replay - + shadow - + 1% - + 5% - + 25% - X 50% - 100%" in lines
    [row] = [line for line in lines if line.startswith("  Decisions that differ")]
    assert row.endswith("broken")
    assert f"{last['bad'] / last['rows']:.1%}" in row
    order = [text.index(title) for title in ("\nWho answers\n", "\nGuards", "\nLoss on the same rows", "\nBatches", "\nWhat was put right\n", "\nWhat was decided", "\nNext\n")]
    assert order == sorted(order)
    assert f"stopped after {last['stopped_at']:,} rows" in text


def test_a_picture_of_the_evidence_reaches_its_bound_only_where_it_was_reached() -> None:
    lines = as_text(rollout_lines(played("bad"), Paper(130, "utf-8", plain=False, widest=130))).splitlines()

    bars = {line[2:30].strip(): re.findall(r"[\u2800-\u28ff]+", line) for line in lines if "┃" in line}
    drawn = {name: curve for name, curve in bars.items() if curve}
    assert sorted(set(bars) - set(drawn)) == ["Mistakes (errors per row)"]  # losses are drawn below, as differences
    assert len(drawn) == 3
    flat = {name: curve[0] for name, curve in drawn.items() if set(curve[0]) == {"⣀"}}
    assert sorted(flat) == ["Answers out of range", "Answers that are no number"]
    assert len({len(curve[0]) for curve in drawn.values()}) == 1
    assert sum(line.count("█") == 12 for line in lines if "┃" in line) == 1


def test_a_running_rollout_offers_the_ways_it_can_be_steered_and_says_when_more_is_known() -> None:
    document = played("running")

    text = as_text(rollout_lines(document, PIPE))
    held = as_text(rollout_lines({**document, "held": True}, PIPE))

    assert document["decision"]["possible"] in " ".join(text.split())
    assert [verb for verb in ("advance", "hold", "rollback", "resume") if f"assay rollout {verb} churn" in text] == ["advance", "hold", "rollback"]
    assert held.startswith("# HELD")
    assert [verb for verb in ("advance", "hold", "rollback", "resume") if f"assay rollout {verb} churn" in held] == ["rollback", "resume"]


def test_what_still_has_old_rows_and_what_cannot_be_undone_is_said() -> None:
    document = played("bad")
    document["repairs"][0]["places"][1]["done"] = False
    document["repairs"][0]["undone"] = ["3 mails were sent"]
    document["repairs"][0]["without_standby"] = 2

    text = as_text(rollout_lines(document, PIPE))

    assert "postgresql://crm@db/crm?table=scores still has the old ones" in text
    assert "cannot be undone: 3 mails were sent" in text
    assert "2 rows had no answer of the champion kept" in text


def test_the_list_has_the_newest_first_with_its_sign() -> None:
    running = played("running")
    lines = as_text(rollouts_lines([played("bad"), {**running, "rollout": 13}, {**running, "rollout": 14, "held": True}], PIPE)).splitlines()

    assert [line.split()[0] for line in lines] == ["rollout", "14", "13", "12"]
    assert [line.split()[1:3] for line in lines[1:]] == [["#", "held"], [">", "running"], ["X", "rolled"]]


def test_scored_batches_say_who_answered_what_could_not_and_where_the_predictions_are() -> None:
    text = as_text(scored_lines(SCORED, PIPE))

    lines = text.splitlines()
    assert lines[0] == "2 batches of customers scored: 1,800 rows, churn:v6 1,710, churn:v7 90"
    assert [line.split() for line in lines[2:5]] == [
        ["lot", "rows", "champion", "challenger", "fallback", "predictions", "verdict"], ["+", "1", "900", "855", "45", "-", "lot", "41", "release"],
        ["#", "2", "900", "855", "45", "3", "out", "of", "range,", "1", "nan", "lot", "42", "hold"],
    ]  # fmt: skip
    assert "The scores are lower than ever." in text
    assert "postgresql://db: no route to host" in text
    assert ["assay lot 42" in text, "assay read churn.scores" in text, "assay rollout status churn" in text] == [True] * 3


def test_without_a_rollout_the_table_has_no_empty_columns() -> None:
    one = batch(1, arms={"champion": 900}, versions={"churn:v6": 900})

    lines = as_text(scored_lines({"model": "churn", "flow": "churn.scores", "batches": [one]}, PIPE)).splitlines()

    assert lines[2].split() == ["lot", "rows", "predictions", "verdict"]
    assert "assay rollout" not in "".join(lines)


def test_what_is_served_names_address_versions_and_the_share_on_trial() -> None:
    text = as_text(served_lines(SERVED, PIPE))

    assert text.splitlines()[0] == "Serving 2 models with 2 workers at http://127.0.0.1:8080"
    assert re.search(r"churn +churn:v6 +churn:v7 +canary 5% +POST /models/churn", text)
    assert re.search(r"demand +demand:v3 +- +- +POST /models/demand", text)
    assert "with accounts and TLS" in text


def test_the_views_print(capsys: pytest.CaptureFixture[str]) -> None:
    for name, document in (("rollout", played("bad")), ("rollouts", [played("bad")]), ("scored", SCORED), ("served", SERVED)):
        views()[name](document)

        assert "churn:v6" in capsys.readouterr().out
