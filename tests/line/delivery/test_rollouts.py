"""Rollouts set out, are moved by people and end; who answers is read from the ledger alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from churn_batches import set_out

from assayline.errors import MisuseError
from assayline.ledger import rollout_records
from assayline.ledger.schema import NOTICES
from assayline.line.delivery import rollouts
from assayline.line.delivery.in_service import serving_of
from assayline.line.delivery.status import rollouts_document, status_document, timeline_document
from assayline.line.delivery.terms import Terms, Watched, guards_of, labels_of, ramp_of
from assayline.line.metrics import metrics_of
from assayline.line.models.versions import label
from assayline.line.project import Project
from assayline.line.today import lines_of, today_document

main = pytest.importorskip("assayline.cli", reason="there is no command line without its part").main

TERMS = Terms("customer", ramp=(5, 100), guards=guards_of("nan_rate, flip_rate <= 5%, loss per city"), holdout=2.0)


def answering(project: Project) -> tuple[str, str | None]:
    with project.ledger.read() as connection:
        serving = serving_of(connection, "churn")
    return label(serving.champion), None if serving.challenger is None else label(serving.challenger)


def started(project: Project, candidate: str = "v2", terms: Terms = TERMS) -> None:
    """As after the first rollout: v1 answers, and the candidate sets out."""
    set_out(project, "v1", Terms("customer", mode="blue_green", watch=0), author="ann")
    for _ in range(3):
        rollouts.advance(project, "churn", author="ann", reason="it is the first one")
    set_out(project, candidate, terms, author="ann", reason="the new features")


def test_without_any_rollout_the_version_in_force_answers_and_the_first_rollout_of_it_follows_the_one_before(shop: Project) -> None:
    assert answering(shop) == ("churn:v4", None)

    set_out(shop, "v4", TERMS, author="ann")

    assert answering(shop) == ("churn:v3", "churn:v4")


def test_a_rollout_goes_through_its_stages_by_people_and_the_timeline_tells_who_and_why(shop: Project) -> None:
    started(shop)
    rollouts.hold(shop, "churn", author="ben", reason="sale on Friday")
    rollouts.resume(shop, "churn", author="ben")
    for _ in range(3):
        rollouts.advance(shop, "churn", author="cleo", reason="checked by hand")

    document = status_document(shop, "churn")
    assert [(one["mode"], one["share"]) for one in document["stages"]] == [("replay", 0.0), ("shadow", 0.0), ("canary", 5.0), ("canary", 100.0)]
    assert [(one["action"], one["author"], one["reason"]) for one in document["timeline"]] == [
        ("start", "ann", "the new features"), ("hold", "ben", "sale on Friday"), ("resume", "ben", "ben said so."), *[("advance", "cleo", "checked by hand")] * 3,
    ]  # fmt: skip
    assert [(one["arm"], one["version"], one["share"]) for one in document["who"]] == [("champion", "churn:v1", 0.0), ("challenger", "churn:v2", 98.0), ("holdout", "churn:v1", 2.0)]
    assert document["plain"][0] == "churn:v2 answers 100 % of the keys of customer, churn:v1 the others (canary, stage 4 of 4)."
    rollouts.advance(shop, "churn", author="cleo", reason="checked by hand")
    assert (status_document(shop, "churn")["state"], answering(shop)) == ("promoted", ("churn:v1", "churn:v2"))


@pytest.mark.parametrize("moves", [0, 3, 4])
def test_a_rollback_gives_every_key_back_at_once_from_wherever_it_is(shop: Project, moves: int) -> None:
    started(shop)
    for _ in range(moves):
        rollouts.advance(shop, "churn", author="ann", reason="go on")

    rollouts.rollback(shop, "churn", author="ann", reason="calls from Lyon")

    assert answering(shop) == ("churn:v1", None)
    with shop.ledger.read() as connection:
        notices = [json.loads(row.body) for row in connection.execute(NOTICES.select().order_by(NOTICES.c.at))]
    assert "churn:v2 is taken back; churn:v1 answers all keys again." in [one["subject"] for one in notices]


def test_the_next_rollout_follows_what_was_promoted_and_has_another_salt(shop: Project) -> None:
    started(shop, terms=Terms("customer", mode="blue_green"))
    for _ in range(3):
        rollouts.advance(shop, "churn", author="ann", reason="go on")

    set_out(shop, "churn:v3", TERMS, author="ann")

    assert answering(shop) == ("churn:v2", "churn:v3")
    with shop.ledger.read() as connection:
        found = rollout_records.rollouts(connection, model="churn")
        assert [one.action for one in rollout_records.moves(connection, found[1].rollout)][-1] == "finish"  # nobody watches v2 beside v1 any more
    assert len({one.salt for one in found}) == 3
    assert [one["state"] for one in rollouts_document(shop, "churn")] == ["promoted", "promoted", "running"]
    assert [one["rollout"] for one in timeline_document(shop, "churn")["timeline"]] == sorted(one["rollout"] for one in timeline_document(shop, "churn")["timeline"])


def test_a_comparison_that_ends_answers_nobody(shop: Project) -> None:
    started(shop, terms=Terms("customer", mode="shadow"))
    for _ in range(2):
        rollouts.advance(shop, "churn", author="ann", reason="go on")

    assert (status_document(shop, "churn")["state"], answering(shop)) == ("finished", ("churn:v1", None))


@pytest.mark.parametrize(
    ("action", "says"),
    [
        (lambda shop: set_out(shop, "v3", TERMS), "is on its way"),
        (lambda shop: rollouts.start(shop, "sales", "v3", TERMS), "there is no model"),
        (lambda shop: set_out(shop, "v9", TERMS), "no version"),
        (lambda shop: rollouts.advance(shop, "churn"), "--reason"),
        (lambda shop: rollouts.resume(shop, "churn"), "not held"),
        (lambda shop: Terms("customer", ramp=(5, 5)), "rising"),
        (lambda shop: Terms("customer", ramp=()), "rising"),
        (lambda shop: Terms(""), "--unit"),
        (lambda shop: Terms("customer", mode="fast"), "--mode"),
        (lambda shop: Terms("customer", holdout=60, control=60), "together at most 100"),
        (lambda shop: guards_of("vibes"), "nothing to watch"),
        (lambda shop: guards_of("flip_rate <= 120%"), "is a share"),
        (lambda shop: labels_of("outcomes"), "flow:NAME"),
        (lambda shop: ramp_of("1,many"), "per cents"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_what_to_do(shop: Project, action: object, says: str) -> None:
    started(shop)

    with pytest.raises(MisuseError, match=says):
        action(shop)  # type: ignore[operator]  # a function of the table above


def test_what_was_agreed_is_read_back_as_it_was(shop: Project) -> None:
    terms = Terms("customer", "ab", (1.0, 10.0), 50.0, (Watched("flip_rate", "city", 0.05),), 2.0, 5.0, "map_scores", labels_of("flow:outcomes?label=left"), {"margin": 0.1}, 3)

    assert Terms.of(json.loads(json.dumps(terms.settings()))) == terms


def test_the_commands_do_the_same_and_the_unit_is_the_key_of_the_model(shop: Project, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--project", str(Path(shop.folder)), "--author", "ann"]

    codes = [
        main(["rollout", verb, "churn", *more, *where])
        for verb, more in (
            ("start", ["--candidate", "v4", "--ramp", "5,100"]), ("hold", []), ("resume", []), ("advance", ["--reason", "go"]), ("status", []), ("rollback", ["--reason", "calls"]),
            ("status", ["--json"]), ("list", []),
        )
    ]  # fmt: skip
    said = capsys.readouterr().out

    assert codes == [0, 0, 0, 0, 0, 0, 1, 0]
    document = json.loads(next(line for line in said.splitlines() if line.startswith("{")))
    assert (document["unit"], document["state"], document["timeline"][-1]["reason"]) == ("customer", "rolled_back", "calls")
    assert "churn:v3 answers all keys; churn:v4 is compared with it in shadow (stage 2 of 4)." in " ".join(said.split())  # lines are broken to the width of the paper
    assert main(["rollout", "advance", "churn", *where]) == 2


def test_a_rollout_that_is_not_over_is_a_line_of_today_and_a_number_for_prometheus(shop: Project) -> None:
    moment = datetime.now(UTC)
    before = today_document(shop, None, moment)
    started(shop)
    for _ in range(2):
        rollouts.advance(shop, "churn", author="ann", reason="go on")
    rollouts.hold(shop, "churn", author="ann")

    today = today_document(shop, None, moment)
    numbers = {metric.name: metric.samples for metric in metrics_of(shop, moment)}

    assert before["rollouts"] == []
    [line] = [one for one in lines_of(today) if "%" in one]
    assert line == "churn: churn:v2 answers 5 % of the keys of customer, churn:v1 the others (canary, stage 3 of 4); it is held by a person."
    assert numbers["assay_rollout_share"] == (({"model": "churn"}, 5.0),)
    assert numbers["assay_rollout_running"] == (({"model": "churn"}, 1.0),)
    assert numbers["assay_unrepaired_batches"] == (({"model": "churn"}, 0.0),)
