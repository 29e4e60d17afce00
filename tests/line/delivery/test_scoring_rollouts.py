"""A batch that two versions answer: who gets which rows, what stands by, and what stops a challenger in the middle."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
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
from assayline.core.rollout import bucket
from assayline.errors import MisuseError
from assayline.ledger import records, rollout_records, run_records
from assayline.ledger.rollout_records import RolloutRecord, ScoringRecord
from assayline.line.delivery import rollouts
from assayline.line.delivery.scoring import Scored, replay, score
from assayline.line.delivery.terms import Terms, guards_of
from assayline.line.models.versions import label
from assayline.line.project import Project, open_project
from assayline.line.reading import read_frame
from assayline.rollout import Batch

LOOSE = "flip_rate <= 60%, nan_rate, out_of_range"  # so that nothing but people move it


@pytest.fixture
def shop(stocked: Path, tmp_path: Path) -> Iterator[Project]:
    """A project with a batch of customers, in which v1 answers."""
    shutil.copytree(stocked, tmp_path / "shop")
    with open_project(str(tmp_path / "shop")) as project:
        yield project


def set_out(project: Project, candidate: str, *, stage: int, guards: str = LOOSE, holdout: float = 0.0, control: float = 10.0) -> RolloutRecord:
    """A challenger on its way, at a stage."""
    limits = {"guards": [one.guard for one in guards_of(guards) if one.guard != "loss"]}
    rollouts.start(project, "churn", candidate, Terms("customer", ramp=(25, 100), guards=guards_of(guards), limits=limits, holdout=holdout, control=control), author="ann")
    for _ in range(stage):
        rollouts.advance(project, "churn", author="ann", reason="to this stage")
    return rollouts.hold(project, "churn", author="ann")


def kept(project: Project, scored: Scored) -> tuple[ScoringRecord, Batch, pl.DataFrame]:
    """What the ledger has of a batch, what it says, and what each version said."""
    with project.ledger.read() as connection:
        [record] = rollout_records.scorings(connection, run=scored.run)
    return record, Batch.from_json(record.evidence), pl.read_parquet(project.store.path(record.objects["both"]))


def state(project: Project) -> str:
    with project.ledger.read() as connection:
        return rollout_records.rollouts(connection, model="churn", most=1)[0].state


def makers(project: Project, scored: Scored) -> set[str]:
    """The versions that the predictions of a batch come from, by the ledger."""
    assert scored.outcome.lot is not None
    with project.ledger.read() as connection:
        run = run_records.run_of(connection, scored.outcome.lot.lot)
        assert run is not None
        return {label(records.lot_of(connection, lot)) for lot in run.inputs["churn"]}


def test_in_a_canary_each_row_is_answered_by_the_arm_of_its_unit_and_both_stand_by(shop: Project, template: Path) -> None:
    record = set_out(shop, "v2", stage=2, holdout=2.0)

    scored = one(score(shop, JOB))

    numbers = np.array([bucket(record.salt, key) for key in customers(11)["customer"]])
    predictions = read_frame(shop, "churn.scores")
    assert predictions["assay_arm"].to_list() == np.select([numbers < 2500, numbers >= 9800], ["challenger", "holdout"], "champion").tolist()
    assert predictions["assay_version"].to_list() == np.where(numbers < 2500, "churn:v2", "churn:v1").tolist()
    said = {name: artefacts.read(str(template.parent / f"churn-{name}.assay")).predict(customers(11))[:, 1] for name in ("v1", "v2")}
    np.testing.assert_allclose(predictions["score"], np.where(numbers < 2500, said["v2"], said["v1"]), rtol=1e-6)
    entry, batch, both = kept(shop, scored)
    assert (entry.rollout, entry.stage, batch.mode, batch.share) == (record.rollout, 2, "canary", 25.0)
    np.testing.assert_allclose(both["champion"], said["v1"], rtol=1e-6)
    np.testing.assert_allclose(both["challenger"].fill_null(np.nan), np.where(numbers < 3500, said["v2"], np.nan), rtol=1e-6)
    accounting = batch.accounting
    assert accounting.arms == {"challenger": int((numbers < 2500).sum()), "holdout": int((numbers >= 9800).sum()), "champion": int(((numbers >= 2500) & (numbers < 9800)).sum())}
    assert (accounting.taken, accounting.published, accounting.misplaced) == (1500, 1500, 0)
    assert makers(shop, scored) == {"churn:v1", "churn:v2"}
    flips = next(guard for guard in batch.behaviours if (guard.guard, guard.segment) == ("flip_rate", ""))
    compared = numbers < 3500
    assert (flips.rows, flips.bad) == (compared.sum(), (((said["v1"] > 0.5) != (said["v2"] > 0.5)) & compared).sum())


def test_in_shadow_both_score_everything_and_the_champion_is_published(shop: Project) -> None:
    set_out(shop, "v2", stage=1)

    scored = one(score(shop, JOB))

    _, batch, both = kept(shop, scored)
    assert read_frame(shop, "churn.scores")["assay_version"].unique().to_list() == ["churn:v1"]
    assert makers(shop, scored) == {"churn:v1"}  # who answers nobody is no ancestor
    assert both["challenger"].null_count() == 0
    assert {guard.segment for guard in batch.behaviours} == {"", "city=Bonn", "city=Gent", "city=Lyon"}


def test_a_challenger_that_says_the_opposite_is_stopped_inside_the_batch_and_no_row_of_it_is_published(shop: Project) -> None:
    set_out(shop, "v4", stage=2, guards="flip_rate <= 5%, nan_rate")

    scored = one(score(shop, JOB))

    _, batch, both = kept(shop, scored)
    assert read_frame(shop, "churn.scores").select("assay_version", "assay_arm").unique().rows() == [("churn:v1", "champion")]
    [stopped] = [guard for guard in batch.behaviours if guard.guard == "flip_rate" and guard.stopped_at is not None and not guard.segment]
    assert stopped.stopped_at == stopped.rows < 100
    assert batch.accounting.arms == {"champion": 1500}
    assert batch.accounting.misplaced == 0
    assert both["arm"].unique().to_list() == ["champion"]
    assert state(shop) == "rolled_back"
    delivered(shop, 12)
    assert one(score(shop, JOB)).counts["versions"] == {"churn:v1": 1500}


def test_at_its_replay_the_last_batches_are_scored_by_both_and_nothing_is_published(shop: Project) -> None:
    delivered(shop, 12)
    score(shop, JOB)
    set_out(shop, "v2", stage=0)

    first, second = replay(shop, "churn"), replay(shop, "churn")

    assert (first, second) == (2, 0)
    with shop.ledger.read() as connection:
        found = rollout_records.scorings(connection, model="churn")
    assert [(entry.state, entry.lot > 0) for entry in found] == [("published", True)] * 2 + [("replayed", False)] * 2
    assert {Batch.from_json(entry.evidence).mode for entry in found[2:]} == {"replay"}
    assert read_frame(shop, "churn.scores").height == 3000


def test_after_a_promotion_the_old_version_scores_its_control_share_and_keeps_those_held_out(shop: Project) -> None:
    record = set_out(shop, "v2", stage=3, holdout=2.0)
    rollouts.resume(shop, "churn", author="ann")
    rollouts.advance(shop, "churn", author="ann", reason="enough")

    _, batch, both = kept(shop, one(score(shop, JOB)))

    numbers = np.array([bucket(record.salt, key) for key in customers(11)["customer"]])
    predictions = read_frame(shop, "churn.scores")
    assert predictions["assay_version"].to_list() == np.where(numbers >= 9800, "churn:v1", "churn:v2").tolist()
    assert both["champion"].is_not_null().to_list() == ((numbers < 1000) | (numbers >= 9800)).tolist()
    assert both["challenger"].null_count() == 0
    assert batch.accounting.misplaced == 0
    assert next(guard.rows for guard in batch.behaviours if guard.guard == "flip_rate" and not guard.segment) == (numbers < 1000).sum()


def test_scores_that_are_cut_at_a_threshold_are_not_mixed_in_silence(shop: Project) -> None:
    set_out(shop, "v3", stage=2)  # trained on spoiled labels, so that it is far less sure of itself
    job = replace(JOB, decides="threshold=0.6", keep=("age",))

    with pytest.raises(MisuseError, match=r"two versions would answer into one list: scores are cut at 0.6, .* say it with --mix"):
        score(shop, job)
    scored = one(score(shop, replace(job, mix="map_scores")))

    predictions = read_frame(shop, "churn.scores")
    by_arm = dict(predictions.group_by("assay_arm").agg(pl.col("assay_listed").mean()).iter_rows())
    assert predictions["assay_listed"].to_list() == (predictions["score"] >= 0.6).to_list()
    assert by_arm["challenger"] == pytest.approx(by_arm["champion"], abs=0.08)
    assert scored.counts["mix"]["how"] == "map_scores"
