"""After a way back the published predictions of the challenger are put right, once, wherever the work was cut off."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from churn_batches import FLOW, batch_scored, said, set_out

from assayline.ledger import records, rollout_records
from assayline.line.ahead import Judges
from assayline.line.delivery import rollouts
from assayline.line.delivery.repairing import pending, repair
from assayline.line.delivery.status import status_document
from assayline.line.delivery.terms import Terms
from assayline.line.project import Project
from assayline.line.reading import read_frame
from assayline.line.targets import add_target, push_all


def canary(project: Project, share: float = 30.0) -> None:
    """v4 answers a share of the customers, v3 the others."""
    set_out(project, "v4", Terms("customer", ramp=(share, 100)), author="ann")
    for _ in range(2):
        rollouts.advance(project, "churn", author="ann", reason="go on")


def test_rows_of_the_challenger_are_those_of_the_champion_again_and_every_count_reconciles(shop: Project, tmp_path: Path, judges: Judges) -> None:
    add_target(shop, FLOW, str(tmp_path / "letters"), final=True)  # what was sent cannot be taken back
    canary(shop)
    lots = [batch_scored(shop, day, flips=0.5, judges=judges) for day in (1, 2)]
    before = read_frame(shop, FLOW)
    assert push_all(shop, FLOW) == []
    rollouts.rollback(shop, "churn", author="ann", reason="calls from Lyon")

    told: list[object] = []
    problems = repair(shop, "churn", on_event=lambda kind, what: told.append(what))
    again = repair(shop, "churn", on_event=lambda kind, what: told.append(what))

    after = read_frame(shop, FLOW)
    theirs = before.filter(pl.col("assay_arm") == "challenger").height
    assert 0 < theirs < before.height == after.height == 1200
    assert after["assay_version"].unique().to_list() == ["churn:v3"]
    assert after["assay_arm"].unique().to_list() == ["champion"]
    assert after["score"].to_list() == [*said(1, 600)["champion"], *said(2, 600)["champion"]]
    assert after["assay_sequence"].to_list() == [one + 1 for one in before["assay_sequence"]]
    assert after.select("customer", "city").rows() == before.select("customer", "city").rows()
    with shop.ledger.read() as connection:
        made = rollout_records.repairs(connection)
        states = [one.state for one in records.lots(connection, FLOW)]
        assert pending(connection) == []
    assert [(one.lot, one.body["taken"], one.body["released"] + one.body["quarantined"]) for one in made] == [(lot.lot, 600, 600) for lot in lots]
    assert sum(one.rows for one in made) == theirs
    assert states == ["superseded", "superseded", "released", "released"]
    assert (problems, again, len(told)) == ([], [], 2)
    document = status_document(shop, "churn")
    assert [one["action"] for one in document["timeline"]][-3:] == ["rollback", "repair", "repair"]
    assert f"{made[0].rows:,} rows of lot {lots[0].lot} were put right in lot {made[0].by}, everywhere." in document["plain"]
    [kept] = document["repairs"][0]["undone"]
    assert "letters keeps the rows of lot" in kept
    assert (Path(shop.folder) / kept.rpartition(" are in ")[2].removesuffix(".")).read_text().count("\n") > 0


def test_a_batch_that_is_published_while_the_rollout_is_taken_back_is_found_too(shop: Project, judges: Judges) -> None:
    canary(shop)
    batch_scored(shop, 1, flips=0.5, judges=judges)
    with shop.ledger.read() as connection:
        [record] = rollout_records.rollouts(connection)
    rollouts.rollback(shop, "churn", author="ann", reason="calls from Lyon")
    with shop.ledger.read() as connection:
        scoring = pending(connection)[0].scoring
    late = read_frame(shop, FLOW)
    repair(shop, "churn")

    with shop.ledger.write() as writing:  # what a scoring writes that had begun before
        lot = records.lots(writing.connection, FLOW, states=("released",))[0]
        body = {"run": "run:late", "model": "churn", "flow": FLOW, "lot": lot.lot, "rollout": record.rollout, "stage": 2, "counts": {}, "state": "published"}
        writing.append("scored", {**body, "evidence": dict(scoring.evidence), "objects": dict(scoring.objects)})
    with shop.ledger.read() as connection:
        assert len(pending(connection)) == 1

    repair(shop, "churn")

    assert read_frame(shop, FLOW).height == late.height
    with shop.ledger.read() as connection:
        assert pending(connection) == []


def test_rows_that_people_put_back_since_stay_as_they_mended_them_and_are_put_right_with_the_others(shop: Project, judges: Judges) -> None:
    from assayline.line.put_back import put_back
    from assayline.line.quarantine import decide

    canary(shop, 90.0)
    lot = batch_scored(shop, 1, flips=0.5, odd=4, judges=judges)
    assert lot.rows["quarantined"] == 4
    with shop.ledger.read() as connection:
        [case] = records.cases(connection, lot=lot.lot)
    decide(shop, int(case.number), "waive", author="ann", reason="they are called so")
    [back] = put_back(shop, FLOW)
    assert back.lot is not None
    assert read_frame(shop, FLOW).height == 600
    rollouts.rollback(shop, "churn", author="ann", reason="calls from Lyon")

    repair(shop, "churn")

    with shop.ledger.read() as connection:
        states = {one.lot: one.state for one in records.lots(connection, FLOW)}
        [made] = rollout_records.repairs(connection)
        assert {one.lot for one in records.lots(connection, FLOW) if one.state == "superseded"} == {lot.lot, back.lot.lot}
        new = records.lot_of(connection, made.by)
    assert (states[new.lot], new.rows["taken"], new.rows["released"] + new.rows["quarantined"]) == ("released", 600, 600)
    assert "challenger" not in read_frame(shop, FLOW)["assay_arm"].to_list()


def test_a_target_in_a_folder_gets_what_was_put_right(shop: Project, tmp_path: object) -> None:
    add_target(shop, FLOW, f"{tmp_path}/out")
    canary(shop)
    batch_scored(shop, 1, flips=0.5)
    rollouts.rollback(shop, "churn", author="ann", reason="calls from Lyon")

    assert repair(shop, "churn") == []

    places = status_document(shop, "churn")["repairs"][0]["places"]
    assert [one["done"] for one in places] == [True, True]


def test_a_target_that_lacks_what_was_put_right_gets_it_also_where_nothing_is_left_to_put_right(shop: Project, tmp_path: Path) -> None:
    canary(shop)
    batch_scored(shop, 1, flips=0.5)
    rollouts.rollback(shop, "churn", author="ann", reason="calls from Lyon")
    assert repair(shop, "churn") == []
    add_target(shop, FLOW, str(tmp_path / "out"))

    problems = repair(shop, "churn")

    assert problems == []
    assert pl.read_parquet(tmp_path / "out" / "*.parquet")["assay_version"].unique().to_list() == ["churn:v3"]
