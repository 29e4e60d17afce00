"""Batches are scored once, each row says by whom, and what was written stands in one transaction."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

pytest.importorskip("lightgbm")
pytest.importorskip("assayline.trials")
pytest.importorskip("assayline.rollout")

from batches import JOB, delivered, one
from customers import customers

from assayline import artefacts
from assayline.errors import MisuseError
from assayline.ledger import records, rollout_records, run_records, verify
from assayline.line.definition import load_line
from assayline.line.delivery.scoring import score, taken
from assayline.line.project import Project, open_project
from assayline.line.reading import read_frame
from assayline.line.running import run_line
from assayline.line.score_job import ScoreJob
from assayline.rollout import Batch


@pytest.fixture
def shop(stocked: Path, tmp_path: Path) -> Iterator[Project]:
    """A project with four versions of a model, of which v1 answers, and one batch of customers."""
    shutil.copytree(stocked, tmp_path / "shop")
    with open_project(str(tmp_path / "shop")) as project:
        yield project
        assert list(verify(project.ledger, project.store)) == []


def test_a_batch_is_scored_once_every_row_says_by_whom_and_its_lineage_is_written_with_it(shop: Project, template: Path) -> None:
    first = score(shop, JOB)
    delivered(shop, 12)
    second, third = score(shop, JOB), score(shop, JOB)

    assert [len(found) for found in (first, second, third)] == [1, 1, 0]
    predictions = read_frame(shop, "churn.scores")
    assert predictions.columns == ["customer", "prediction", "score", "assay_run", "assay_version", "assay_arm", "assay_sequence", "assay_fallback"]
    assert predictions["customer"].to_list() == pl.concat([customers(11), customers(12)])["customer"].to_list()
    assert predictions.select("assay_version", "assay_arm", "assay_fallback").unique().rows() == [("churn:v1", "champion", "")]
    assert predictions["assay_run"].unique(maintain_order=True).to_list() == [one(first).run, one(second).run]
    assert predictions["assay_sequence"].unique(maintain_order=True).to_list() == [1000, 2000]
    bundle = artefacts.read(str(template.parent / "churn-v1.assay"))
    np.testing.assert_allclose(predictions["score"].head(1500), bundle.predict(customers(11))[:, 1], rtol=1e-6)
    assert (predictions["prediction"] == pl.Series(np.where(predictions["score"] > 0.5, "yes", "no"))).all()
    scored = one(first)
    assert scored.outcome.lot is not None
    with shop.ledger.read() as connection:
        run = run_records.run_of(connection, scored.outcome.lot.lot)
        [entry] = rollout_records.scorings(connection, run=scored.run)
        model = records.lots(connection, "churn")[0]
    assert run is not None
    assert run.inputs == {"customers": (scored.input.lot,), "churn": (model.lot,)}
    assert entry.lot == scored.outcome.lot.lot
    accounting = Batch.from_json(entry.evidence).accounting
    assert (accounting.taken, accounting.published, accounting.quarantined, accounting.failed) == (1500, 1500, 0, 0)
    assert accounting.arms == {"champion": 1500}


def test_what_is_scored_once_more_by_another_version_takes_the_place_of_the_old_predictions(shop: Project) -> None:
    delivered(shop, 12)
    score(shop, JOB)
    other = ScoreJob("churn", "flow:customers", version="v2")

    nothing = score(shop, other)
    again = score(shop, other, again=True)

    assert nothing == []
    assert len(again) == 2
    predictions = read_frame(shop, "churn.scores")
    assert predictions["assay_sequence"].unique(maintain_order=True).to_list() == [1001, 2001]
    assert predictions["assay_version"].unique().to_list() == ["churn:v2"]
    assert predictions.height == 3000
    with shop.ledger.read() as connection:
        assert [lot.state for lot in records.lots(connection, "churn.scores")] == ["superseded", "superseded", "released", "released"]


def test_a_file_passes_the_gate_before_it_is_scored(shop: Project, tmp_path: Path) -> None:
    customers(13).write_csv(tmp_path / "today.csv")
    job = ScoreJob("churn", str(tmp_path / "today.csv"), keep=("city",))

    scored = one(score(shop, job, lots=taken(shop, job)))
    again = score(shop, job, lots=taken(shop, job))

    assert again == []
    assert scored.input.flow == "churn.inputs"
    assert read_frame(shop, "churn.scores")["city"].to_list() == customers(13)["city"].to_list()


def test_what_cannot_be_scored_is_refused_with_what_to_do(shop: Project) -> None:
    for job, said in (
        (ScoreJob("churns", "flow:customers"), "there is no model 'churns'"),
        (ScoreJob("churn", "flow:customer"), "there is no flow 'customer' to score; flows: "),
        (ScoreJob("churn", "flow:customers", key=("id",)), "there is no column 'id' to keep beside the predictions; there are customer, age"),
        (ScoreJob("churn", "flow:customers", version="v7"), "there is no version 'churn:v7'"),
    ):
        with pytest.raises(MisuseError, match=said):
            score(shop, job)
    with pytest.raises(MisuseError, match="'prediction' cannot be kept"):
        ScoreJob("churn", "flow:customers", keep=("prediction",))


LINE = '''
import assayline
from assayline import Table
import polars as pl

line = assayline.Line("shop")
orders = line.source("customers", "customers-*.parquet", settle_seconds=0)

@line.step
def adults(customers: Table) -> Table:
    return customers.filter(pl.col("age") >= 30)

scores = line.score("churn", adults, keep="city")
'''


def test_a_scoring_of_a_line_follows_its_input_and_is_done_once(shop: Project) -> None:
    file = Path(shop.folder) / "line.py"
    file.write_text(LINE)
    customers(21).write_parquet(file.parent / "customers-1.parquet")
    line = load_line(str(file))
    sys.path.remove(str(file.parent))

    first, second = run_line(shop, line, str(file)), run_line(shop, line, str(file))

    assert (first.problems, second.problems) == ([], [])
    assert first.runs == {"adults": 2, "churn.scores": 2}
    assert second.runs == {}
    predictions = read_frame(shop, "churn.scores")
    assert predictions.height == sum(int((customers(seed)["age"] >= 30).sum()) for seed in (11, 21))
    assert line.root("churn.scores") == "customers"


def test_the_command_prints_what_it_did_and_brings_predictions_to_a_folder(shop: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main = pytest.importorskip("assayline.cli").main
    words = ["score", "churn", "--input", "flow:customers", "--output", str(tmp_path / "out"), "--output", str(tmp_path / "all.csv"), "--project", shop.folder, "--json"]

    code = main(words)
    told = json.loads(capsys.readouterr().out)
    again = main(words)

    assert (code, again) == (0, 0)
    assert told["batches"][0]["counts"]["versions"] == {"churn:v1": 1500}
    assert [path.suffix for path in (tmp_path / "out").iterdir()] == [".parquet"]
    assert pl.read_csv(tmp_path / "all.csv").height == 1500
    assert json.loads(capsys.readouterr().out)["batches"] == []
