"""A canary over ten daily batches: the judge takes a candidate back that turns bad, and what it published is put right everywhere."""

from __future__ import annotations

import sqlite3
from collections import Counter
from pathlib import Path

import polars as pl
from churn_batches import FLOW, batch_scored, said, set_out

from assayline.ledger import records, rollout_records
from assayline.line.ahead import Judges
from assayline.line.delivery import rollouts
from assayline.line.delivery.deciding import asked_again, decide
from assayline.line.delivery.status import status_document
from assayline.line.delivery.terms import Terms, guards_of
from assayline.line.project import Project
from assayline.line.reading import read_frame
from assayline.line.targets import add_target, push_all

TERMS = Terms("customer", ramp=(30, 100), guards=guards_of("flip_rate <= 5%"))


def canary(project: Project, terms: Terms = TERMS) -> None:
    """v4 sets out to follow v3, and people let it answer."""
    set_out(project, "v4", terms, author="ann")
    for _ in range(2):
        rollouts.advance(project, "churn", author="ann", reason="go on")


def day(project: Project, number: int, flips: float, judges: Judges) -> None:
    batch_scored(project, number, flips=flips, judges=judges)
    with project.ledger.read() as connection:
        [scoring] = rollout_records.scorings(connection, model="churn", most=1)
    assert rollouts.after_batch(project, scoring) == []
    assert push_all(project, FLOW) == []


def test_a_candidate_that_turns_bad_on_the_fourth_of_ten_days_is_taken_back_and_superseded_everywhere(shop: Project, tmp_path: Path, judges: Judges) -> None:
    database = f"sqlite:{tmp_path}/scores.db?table=scores"
    add_target(shop, FLOW, str(tmp_path / "out"))
    add_target(shop, FLOW, database, key=["customer", "assay_run"])
    canary(shop)

    for number in range(1, 11):
        day(shop, number, flips=0.0 if number < 4 else 0.5, judges=judges)

    published = read_frame(shop, FLOW)
    assert Counter(published["assay_arm"].to_list()) == {"champion": 6000}
    assert published["score"].to_list() == [score for number in range(1, 11) for score in said(number, 600)["champion"]]
    assert rows_in(tmp_path / "scores.db") == Counter({"churn:v3": 6000})
    files = pl.concat([pl.read_parquet(path) for path in sorted((tmp_path / "out").glob("*.parquet"))])
    assert Counter(files["assay_version"].to_list()) == {"churn:v3": 6000}
    document = status_document(shop, "churn")
    assert [one["action"] for one in document["timeline"]] == ["start", "advance", "advance", "stay", "stay", "stay", "rollback", *["repair"] * 4]
    assert "flip_rate" in document["timeline"][6]["reason"]
    assert [one["state"] for one in document["batches"]] == ["repaired"] * 4
    assert [one["taken"] for one in document["repairs"]] == [600] * 4
    assert sum(one["rows"] for one in document["repairs"]) == sum(one["arms"]["challenger"] for one in document["batches"])
    assert all(place["done"] for one in document["repairs"] for place in one["places"])
    with shop.ledger.read() as connection:
        [record] = rollout_records.rollouts(connection)
        again = asked_again(connection, record)
    assert [(one.move.action, one.same) for one in again] == [("stay", True)] * 3 + [("rollback", True)]  # years later the judge says the same


def rows_in(path: Path) -> Counter[str]:
    with sqlite3.connect(path) as connection:
        return Counter(version for (version,) in connection.execute("SELECT assay_version FROM scores"))


def test_the_judge_is_asked_once_per_batch_and_a_person_who_holds_stops_it_from_going_on_but_not_from_going_back(shop: Project, judges: Judges) -> None:
    set_out(shop, "v4", Terms("customer", ramp=(30, 100), guards=guards_of("flip_rate <= 5%")), author="ann")
    rollouts.advance(shop, "churn", author="ann", reason="go on")
    rollouts.hold(shop, "churn", author="ann")
    day(shop, 1, 0.0, judges=judges)
    with shop.ledger.read() as connection:
        [record] = rollout_records.rollouts(connection)
    assert (record.stage, record.held) == (1, True)
    assert decide(shop, record.rollout) is None

    rollouts.resume(shop, "churn", author="ann")
    day(shop, 2, 0.0, judges=judges)
    with shop.ledger.read() as connection:
        [record] = rollout_records.rollouts(connection)
    assert (record.stage, record.stages[record.stage].share) == (2, 30.0)

    rollouts.hold(shop, "churn", author="ann")
    day(shop, 3, 0.6, judges=judges)
    with shop.ledger.read() as connection:
        [record] = rollout_records.rollouts(connection)
    assert record.state == "rolled_back"


def test_after_a_promotion_the_old_version_watches_for_as_long_as_agreed_and_harm_found_then_is_put_right_too(shop: Project, judges: Judges) -> None:
    canary(shop, Terms("customer", ramp=(30, 100), guards=guards_of("flip_rate <= 5%"), watch=2, control=50.0))
    for _ in range(2):
        rollouts.advance(shop, "churn", author="ann", reason="go on")

    day(shop, 1, 0.0, judges=judges)
    day(shop, 2, 0.6, judges=judges)

    document = status_document(shop, "churn")
    assert [one["action"] for one in document["timeline"]][-3:] == ["rollback", "repair", "repair"]
    assert set(read_frame(shop, FLOW)["assay_version"]) == {"churn:v3"}


def test_a_promoted_version_is_let_go_after_its_watch_and_can_still_be_taken_back(shop: Project, judges: Judges) -> None:
    canary(shop, Terms("customer", ramp=(30, 100), guards=guards_of("flip_rate <= 5%"), watch=1))
    for _ in range(2):
        rollouts.advance(shop, "churn", author="ann", reason="go on")
    day(shop, 1, 0.0, judges=judges)
    with shop.ledger.read() as connection:
        [record] = rollout_records.rollouts(connection)
        assert [one.action for one in rollout_records.moves(connection, record.rollout)][-1] == "finish"
    assert set(read_frame(shop, FLOW)["assay_version"]) == {"churn:v4"}

    rollouts.rollback(shop, "churn", author="ann", reason="calls from Lyon")
    assert rollouts.settle(shop, "churn") == []

    with shop.ledger.read() as connection:
        assert Counter(one.state for one in records.lots(connection, FLOW)) == {"superseded": 1, "released": 1}
    assert set(read_frame(shop, FLOW)["assay_version"]) == {"churn:v3"}
