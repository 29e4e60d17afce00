"""Models of a line: trained when they are due, tried, and taken in as the next version."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl
import pytest
from customers import customers

pytest.importorskip("lightgbm")
pytest.importorskip("sklearn")
pytest.importorskip("assayline.training")
pytest.importorskip("assayline.trials")

from assayline.errors import MisuseError
from assayline.ledger import records, run_records, verify
from assayline.line.definition import Line, load_line
from assayline.line.model_definition import Model
from assayline.line.models.showing import model_document
from assayline.line.models.test_sets import add_set
from assayline.line.project import Project
from assayline.line.running import Ran, run_line
from assayline.line.tagging import tags_of

TEXT = '''
import assayline
from assayline import Table
import polars as pl

line = assayline.Line("shop")
orders = line.source("orders", "orders-*.parquet", settle_seconds=0)

@line.step
def adults(orders: Table) -> Table:
    """Customers of age."""
    return orders.filter(pl.col("age") >= {age})

class Churn(assayline.Model):
    """Who leaves."""
    target, key, owner = "churned", "customer", "ops@example.com"

line.model(Churn, data=adults, budget="3s", cost=assayline.cost_matrix(("no", "yes"), {{("yes", "no"): 100.0, ("no", "yes"): 10.0}}), retrain={retrain!r})
'''


def run(project: Project, *, age: int = 18, retrain: str = "new data") -> Ran:
    file = Path(project.folder) / "line.py"
    file.write_text(TEXT.format(age=age, retrain=retrain))
    line = load_line(str(file))
    sys.path.remove(str(file.parent))
    return run_line(project, line, str(file))


def test_a_model_is_trained_when_something_it_depends_on_changed_and_each_version_passes_its_trial(project: Project, tmp_path: Path) -> None:
    customers(1).write_parquet(Path(project.folder) / "orders-1.parquet")
    customers(99).write_parquet(tmp_path / "q1.parquet")
    add_set(project, "churn", str(tmp_path / "q1.parquet"), "q1")

    first, second = run(project), run(project)
    customers(2).write_parquet(Path(project.folder) / "orders-2.parquet")
    third = run(project)

    assert [ran.problems for ran in (first, second, third)] == [[], [], []]
    assert [ran.runs.get("churn", 0) for ran in (first, second, third)] == [1, 0, 1]
    with project.ledger.read() as connection:
        lots = records.lots(connection, "churn")
        made = run_records.run_of(connection, lots[-1].lot)
    assert [lot.place for lot in lots] == [1, 2]
    assert made is not None
    assert [len(several) for several in made.inputs.values()] == [2]
    document = model_document(project, "churn:v2")
    assert document["champion"] == "churn:v1"
    assert document["about"]["purpose"] == "Who leaves."
    assert document["about"]["cost"]["costs"] == [[0.0, 10.0], [100.0, 0.0]]
    assert {one["with"] for one in document["trial"]["sets"][0]["comparisons"]} >= {"churn:v1", "dummy", "linear"}
    assert document["retrain"].startswith("assay train adults --target churned --name churn")
    assert list(verify(project.ledger, project.store)) == []


def test_data_with_a_warning_shows_on_the_model_and_in_its_trial(project: Project) -> None:
    frame = customers(1)
    frame.with_columns(city=pl.when(pl.int_range(pl.len()) < 20).then(pl.lit("N/A")).otherwise("city")).write_parquet(Path(project.folder) / "orders-1.parquet")
    run(project)

    with project.ledger.read() as connection:
        [lot] = records.lots(connection, "churn")

    assert any(tag.origin == "orders" for tag in tags_of(project, [lot.lot])[lot.lot])
    assert "tainted_training_data" in [one["code"] for one in lot.findings]


def test_a_model_that_is_told_never_to_be_retrained_waits_for_another_question(project: Project) -> None:
    customers(1).write_parquet(Path(project.folder) / "orders-1.parquet")
    run(project, retrain="never")
    customers(2).write_parquet(Path(project.folder) / "orders-2.parquet")

    again = run(project, retrain="never")

    assert again.runs.get("churn", 0) == 0
    assert again.runs["adults"] == 1


class Rides(Model):
    """Rides per station."""

    target = "rides"


class Nothing(Model):
    pass


def test_a_line_refuses_models_that_make_no_sense_by_name() -> None:
    line = Line("bikes")
    line.model(Rides, "hourly")

    with pytest.raises(MisuseError, match="two parts named 'rides'"):
        line.model(Rides, "hourly")
    with pytest.raises(MisuseError, match="has no target"):
        line.model(Nothing, "hourly")
    with pytest.raises(MisuseError, match="retrain='daily'"):
        line.model(Rides, "hourly", name="other", retrain="daily")
    assert line.value().order() == ("rides",)
