"""Numbers for Prometheus: right, readable by its own parser, and only given to this machine."""

from __future__ import annotations

import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assayline.errors import LedgerError, MisuseError
from assayline.line.gating import gate_paths
from assayline.line.metrics import Metric, exposition, metrics_of, process_metrics, write_metrics
from assayline.line.metrics_server import serving
from assayline.line.project import Project

prometheus: Any = pytest.importorskip("prometheus_client.parser", reason="prometheus-client is not installed; it is the reference for the format")


def parsed(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = prometheus.text_string_to_metric_families(text)
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for family in families for sample in family.samples}


def run(project: Project, at: datetime, state: str, **costs: float) -> None:
    with project.ledger.write() as writing:
        writing.append(
            "run",
            {
                "line": "bikes", "step": "hourly", "place": "", "identity": state, "state": state, "at": at.isoformat(), "output": None, "inputs": {}, "code": "",
                "parameters": {}, "environment": "", "costs": costs, "columns": {}, "error": "",
            },
        )  # fmt: skip


def test_the_numbers_are_those_of_the_ledger(project: Project, tmp_path: Path) -> None:
    pl.DataFrame({"order": range(50), "city": ["Lund", "Köln"] * 25}).write_csv(tmp_path / "a.csv")
    list(gate_paths(project, "sales", [str(tmp_path / "a.csv")]))
    now = datetime.now(UTC)
    run(project, now, "done", cpu_seconds=1.5, wall_seconds=2.0, money=0.25)
    run(project, now, "failed", cpu_seconds=0.5, wall_seconds=1.0)
    with project.ledger.write() as writing:
        writing.append("slot", {"schedule": "sales", "slot": "2026-05-01T03:00:00+00:00", "outcome": "done"})

    found = parsed(exposition(metrics_of(project, now + timedelta(hours=1))))

    assert found["assay_lots_total", (("flow", "sales"), ("verdict", "release"))] == 1
    assert found["assay_rows_total", (("fate", "released"), ("flow", "sales"))] == 50
    assert found["assay_rows_total", (("fate", "held"), ("flow", "sales"))] == 0
    assert found["assay_open_incidents", (("flow", "sales"),)] == 0
    assert found["assay_runs_total", (("state", "failed"), ("step", "hourly"))] == 1
    assert found["assay_step_cpu_seconds_total", (("step", "hourly"),)] == 2.0
    assert found["assay_step_money_total", (("step", "hourly"),)] == 0.25
    assert found["assay_slots_total", (("outcome", "done"), ("schedule", "sales"))] == 1
    assert 3600 <= found["assay_freshness_seconds", (("flow", "sales"),)] < 3700
    assert found["assay_budget_share", ()] == 0


def test_a_clock_that_was_put_back_makes_nothing_younger_than_new(project: Project, tmp_path: Path) -> None:
    pl.DataFrame({"order": range(50)}).write_csv(tmp_path / "a.csv")
    list(gate_paths(project, "sales", [str(tmp_path / "a.csv")]))

    found = parsed(exposition(metrics_of(project, datetime(1970, 1, 1, tzinfo=UTC))))

    assert found["assay_freshness_seconds", (("flow", "sales"),)] == 0


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=20), st.floats(allow_nan=False))  # the reference reads lines as Python does
def test_any_label_and_any_number_come_back_from_the_parser(label: str, value: float) -> None:
    text = exposition([Metric("assay_lots_total", "counter", "Lots.", (({"flow": label}, value),))])

    assert parsed(text) == {("assay_lots_total", (("flow", label),)): value}


def test_the_file_is_there_whole_or_not_at_all(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "assay.prom"

    write_metrics(project, str(path), datetime.now(UTC))

    assert path.read_text().startswith("# HELP assay_lots_total")
    assert [one.name for one in tmp_path.iterdir() if "prom" in one.name] == ["assay.prom"]


def asked(port: int, path: str = "/metrics", **headers: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers), timeout=30) as answer:
            return int(answer.status), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_prometheus_is_answered_on_this_machine() -> None:
    with serving(0, lambda: exposition(process_metrics())) as port:
        code, text = asked(port)

    assert code == 200
    assert parsed(text)["process_cpu_seconds_total", ()] > 0


def test_other_paths_and_other_names_are_refused() -> None:
    with serving(0, lambda: "secret") as port:
        assert asked(port, "/")[0] == 404
        assert asked(port, Host="evil.example.com") == (403, "ask for 127.0.0.1\n")
        assert asked(port, Host=f"localhost:{port}") == (200, "secret")


def test_a_ledger_that_cannot_be_read_is_said_and_the_next_question_is_answered() -> None:
    broken = [True]

    def text() -> str:
        if broken.pop() if broken else False:
            raise LedgerError("ledger.db: it is gone; look at the disk")
        return "fine"

    with serving(0, text) as port:
        assert asked(port) == (500, "ledger.db: it is gone; look at the disk\n")
        assert asked(port) == (200, "fine")


def test_a_port_that_is_taken_is_said() -> None:
    with serving(0, str) as port, pytest.raises(MisuseError, match="choose another one"), serving(port, str):
        pass
