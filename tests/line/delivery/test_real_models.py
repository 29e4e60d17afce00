"""Rollouts of real versions over real batches: checked before they set out, replayed, judged, taken back and put right."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from churn_batches import set_out
from customers import customers

from assayline.ledger import rollout_records, verify
from assayline.line.ahead import Judges
from assayline.line.delivery import rollouts
from assayline.line.delivery.scoring import score
from assayline.line.delivery.status import status_document
from assayline.line.delivery.terms import Terms, guards_of, labels_of
from assayline.line.gating import gate_paths
from assayline.line.project import Project, open_project
from assayline.line.reading import read_frame
from assayline.line.score_job import ScoreJob

JOB = ScoreJob("churn", "flow:customers", keep=("city",))


def delivered(project: Project, tmp_path: Path, day: int, judges: Judges, flow: str = "customers", **changes: pl.Expr) -> None:
    path = tmp_path / f"{flow}-{day}.parquet"
    customers(day, 1200).with_columns(**changes).write_parquet(path)
    [outcome] = gate_paths(project, flow, [str(path)], judges=judges)
    assert outcome.lot is not None
    assert outcome.lot.state == "released", outcome.document


@pytest.fixture(scope="module")
def begun(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """v1 answers, nobody watches it, and it scored one batch; the folder that is copied."""
    folder = tmp_path_factory.mktemp("begun")
    shutil.copytree(template, folder / "shop")
    with open_project(str(folder / "shop")) as project, Judges(project.store) as judges:
        set_out(project, "v1", Terms("customer", mode="blue_green", watch=0), author="ann")
        for _ in range(3):
            rollouts.advance(project, "churn", author="ann", reason="it is the first one")
        delivered(project, folder, 11, judges)
        assert len(score(project, JOB, judges=judges)) == 1
    return folder / "shop"


@pytest.fixture
def shop(begun: Path, tmp_path: Path) -> Iterator[Project]:
    shutil.copytree(begun, tmp_path / "shop")
    with open_project(str(tmp_path / "shop")) as project:
        yield project
        assert list(verify(project.ledger, project.store)) == []


def test_a_version_is_looked_at_and_then_replayed_and_one_that_says_the_opposite_ends_there_without_anybody_having_seen_it(shop: Project) -> None:
    before, terms = read_frame(shop, JOB.into), Terms("customer", guards=guards_of("flip_rate <= 10%"))

    record = rollouts.start(shop, "churn", "v4", terms, author="ann")
    again = rollouts.start(shop, "churn", "v4", terms, author="ben")  # the same command once more
    problems = rollouts.go_on(shop, "churn")

    document = status_document(shop, "churn")
    assert again == record
    assert record.settings["check"]["rows"] == 1200
    assert record.settings["check"]["figures"]["row_milliseconds"] > 0
    assert (problems, document["state"]) == ([], "rolled_back")
    assert [(one["state"], one["lot"]) for one in document["batches"]] == [("replayed", 0)]
    assert [one["action"] for one in document["timeline"]] == ["start", "rollback"]
    assert read_frame(shop, JOB.into).equals(before)
    assert document["repairs"] == []


def test_labels_by_city_speak_against_a_spoiled_version_in_shadow_too(shop: Project, tmp_path: Path, judges: Judges) -> None:
    set_out(shop, "v3", Terms("customer", guards=guards_of("flip_rate <= 95%, loss per city"), labels=labels_of("flow:customers_later")), author="ann")
    rollouts.advance(shop, "churn", author="ann", reason="go on")
    delivered(shop, tmp_path, 12, judges)
    score(shop, JOB, judges=judges)
    delivered(shop, tmp_path, 12, judges, flow="customers_later")

    assert rollouts.settle(shop, "churn") == []

    with shop.ledger.read() as connection:
        last = rollout_records.scorings(connection, model="churn", most=1)[0]
        said = rollout_records.matured(connection, [last.scoring])[last.scoring]["matured"]
    assert (said[0]["segment"], said[0]["rows"]) == ("", 1200)
    assert {one["segment"] for one in said[1:]} == {"city=Bonn", "city=Gent", "city=Lyon"}
    assert sum(one["rows"] for one in said[1:]) == 1200
    assert said[0]["champion"] < said[0]["challenger"]


def test_after_a_promotion_the_old_version_is_asked_again_about_the_rows_it_did_not_score(shop: Project, tmp_path: Path, judges: Judges) -> None:
    set_out(shop, "v2", Terms("customer", mode="blue_green", guards=guards_of("flip_rate <= 90%"), control=5.0), author="ann")
    for _ in range(3):
        rollouts.advance(shop, "churn", author="ann", reason="go on")
    delivered(shop, tmp_path, 12, judges)
    score(shop, JOB, judges=judges)
    assert Counter(read_frame(shop, JOB.into)["assay_version"].to_list()) == {"churn:v1": 1200, "churn:v2": 1200}

    rollouts.rollback(shop, "churn", author="ann", reason="calls from Lyon")
    assert rollouts.go_on(shop, "churn") == []

    after = read_frame(shop, JOB.into)
    assert Counter(after["assay_version"].to_list()) == {"churn:v1": 2400}
    alone = score(shop, ScoreJob("churn", "flow:customers", flow="by.v1", version="v1", keep=("city",)), judges=judges)
    assert len(alone) == 2
    right = read_frame(shop, "by.v1")
    assert after.select("customer", "prediction", "score").equals(right.select("customer", "prediction", "score"))
    [repaired] = status_document(shop, "churn")["repairs"]
    assert (repaired["rows"], repaired["units"], repaired["without_standby"]) == (1200, 1200, 0)
    assert score(shop, JOB, judges=judges) == []  # what was put right is not scored again
    assert json.dumps(status_document(shop, "churn"))
