"""Why a version of a model is worse: its training once more with one thing put back at a time."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "workers"))

pytest.importorskip("lightgbm")
pytest.importorskip("sklearn")
pytest.importorskip("assayline.training")
pytest.importorskip("assayline.trials")
pytest.importorskip("assayline.diagnosis")

from customers import customers

from assayline.line.definition import Line, load_line
from assayline.line.models.test_sets import add_set
from assayline.line.project import Project, create_project
from assayline.line.running import run_line
from assayline.line.why.asked import Asked
from assayline.line.why.asking import why
from assayline.line.why.retraining import bounds_of

TEXT = '''
import assayline
from assayline import Table
import polars as pl

line = assayline.Line("shop")
orders = line.source("orders", "orders-*.parquet", settle_seconds=0)

@line.step
def adults(orders: Table) -> Table:
    """Customers of age."""
    return orders.filter(pl.col("age") >= 18){more}

class Churn(assayline.Model):
    """Who leaves."""
    target, key, drop = "churned", "customer", {drop}

line.model(Churn, data=adults, budget="1s")
'''
FLIPPED = '.with_columns(churned=pl.when(pl.col("churned") == "yes").then(pl.lit("no")).otherwise(pl.lit("yes")))'


def versions(folder: Path, *changes: dict[str, Any]) -> tuple[Project, Line, str]:
    """A project whose model was trained once for each of these lines, on the same customers."""
    project = create_project(str(folder / "shop"), ledger="sqlite:///ledger.db")
    customers(1, 900).write_parquet(folder / "shop" / "orders-1.parquet")
    customers(99, 900).write_parquet(folder / "q1.parquet")
    add_set(project, "churn", str(folder / "q1.parquet"), "q1")
    file = folder / "shop" / "line.py"
    for change in changes:
        file.write_text(TEXT.format(**{"more": "", "drop": "()", **change}), encoding="utf-8")
        line = load_line(str(file))
        sys.path.remove(str(file.parent))
        assert run_line(project, line, str(file)).problems == []
    return project, line, str(file)


def of_production(folder: Path) -> dict[str, str]:
    """What stands in a project outside the area of replays, by file."""
    kept = [one for one in sorted(folder.rglob("*")) if one.is_file() and "replays" not in one.parts and "__pycache__" not in one.parts and not one.name.endswith(("-shm", "-wal"))]
    return {str(one.relative_to(folder)): hashlib.sha256(one.read_bytes()).hexdigest() for one in kept}


def test_trainings_that_seeds_alone_can_explain_are_not_told_apart() -> None:
    assert bounds_of([0.70, 0.71], [0.80, 0.79]).told
    assert not bounds_of([0.70, 0.74], [0.78, 0.76]).told
    low, high = bounds_of([0.70, 0.71], [0.80, 0.79]), bounds_of([4.0, 4.1], [2.0, 2.2])

    assert [low.as_before(value) for value in (0.70, 0.76, 0.9, None)] == [False, True, True, False]
    assert [high.as_before(value) for value in (4.0, 2.5, 1.0)] == [False, True, True]
    assert low.is_near(0.751)
    assert not low.is_near(0.70)


@pytest.mark.slow
def test_columns_that_a_version_may_not_use_any_more_are_proved_by_training_again(tmp_path: Path) -> None:
    project, line, file = versions(tmp_path, {}, {"drop": '("age", "spend")'})
    before = of_production(tmp_path / "shop")
    events: list[str] = []

    with project:
        told = why(project, line, file, Asked(model="churn:v2"), on_event=lambda kind, _: events.append(kind))

        healthy = why(project, line, file, Asked(model="churn:v1"))

    assert (healthy["verdict"], healthy["replays"]["made"]) == ("healthy", 0)
    assert told["verdict"] == "proved", told["sentence"]
    assert told["causes"][0]["components"] == ["parameter churn.drop"]
    assert told["candidates"][0]["said"] == "responsible"
    assert "replay" in events
    assert any("two trainings each" in note for note in told["replays"]["notes"])
    assert of_production(tmp_path / "shop") == before, "nothing is published"


@pytest.mark.slow
def test_a_step_that_spoils_the_labels_is_proved_and_a_second_question_trains_nothing(tmp_path: Path) -> None:
    project, line, file = versions(tmp_path, {}, {"more": FLIPPED})

    with project:
        first, again = (why(project, line, file, Asked(model="churn:v2")) for _ in range(2))

    assert first["verdict"] == "proved", first["sentence"]
    assert first["causes"][0]["components"] == ["code line.py: adults"]
    assert again["causes"][0]["components"] == first["causes"][0]["components"]
    assert again["replays"]["made"] == 0
