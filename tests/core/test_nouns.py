"""The nouns are frozen values that refuse what makes no sense."""

from __future__ import annotations

import dataclasses
import json
import math
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assayline.core import (
    CATALOGUE,
    Cell,
    ColumnFacts,
    Finding,
    InputFacts,
    Ledger,
    Line,
    Lot,
    Past,
    Profile,
    Report,
    Rollout,
    Rule,
    Stage,
    Step,
    Verdict,
    report_from_json,
    stages_of,
)

VERDICTS = st.sampled_from(list(Verdict))


@given(VERDICTS, VERDICTS, VERDICTS)
def test_verdicts_join_as_a_chain(a: Verdict, b: Verdict, c: Verdict) -> None:
    assert (a | b) | c == a | (b | c)
    assert a | b == b | a
    assert a | a == a == a | Verdict.RELEASE
    assert a | b >= a


@given(st.lists(VERDICTS))
def test_the_verdict_of_many_is_the_worst_of_them(verdicts: list[Verdict]) -> None:
    assert Verdict.joined(verdicts) == max(verdicts, default=Verdict.RELEASE)


def test_a_verdict_is_called_by_its_name() -> None:
    assert [str(verdict) for verdict in Verdict] == ["release", "warn", "split", "hold", "reject"]
    assert all(Verdict.named(str(verdict)) is verdict for verdict in Verdict)


@pytest.mark.parametrize(
    "value",
    [Lot("table", "a", "sha256:0"), Finding("typo", ("a",), "…", 0.5), Profile(), Past(), Report(Verdict.WARN), Ledger(), Line("a"), Rollout("a", "b", "s")],
)
def test_a_noun_cannot_be_changed(value: object) -> None:
    field = dataclasses.fields(value)[0].name  # type: ignore[arg-type]  # all of them are dataclasses

    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, field, None)


def test_a_lot_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="'picture'"):
        Lot("picture", "a", "sha256:0")


def test_the_facts_of_a_lot_cannot_be_changed_afterwards() -> None:
    facts = {"source": "a.csv"}
    lot = Lot("table", "sales", "sha256:0", facts=facts)

    facts["source"] = "b.csv"

    assert lot.facts["source"] == "a.csv"


def test_a_severity_beyond_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"1\.5"):
        Finding("typo", (), "…", 1.5)


def test_a_finding_of_an_unknown_layer_is_refused() -> None:
    with pytest.raises(ValueError, match="'magic'"):
        Finding("typo", (), "…", 0.5, layer="magic")


def test_a_rule_may_not_reject_and_expires() -> None:
    start = datetime(2026, 1, 1)
    rule = Rule("amount >= 0", "ops@example.com", start, until=start + timedelta(days=1))

    assert rule.holds_at(start)
    assert not rule.holds_at(start + timedelta(days=1))
    with pytest.raises(ValueError, match="reject"):
        Rule("amount >= 0", "ops@example.com", start, action=Verdict.REJECT)


def test_a_rule_is_counted_from_one_and_ends_after_it_begins() -> None:
    start = datetime(2026, 1, 1)

    assert Rule("a > 0", "author", start, owner="owner").answers == "owner"
    with pytest.raises(ValueError, match="from 1, not 0"):
        Rule("a > 0", "author", start, version=0)
    with pytest.raises(ValueError, match="before it begins"):
        Rule("a > 0", "author", start, until=start)


def test_the_ledger_notices_an_edited_a_removed_and_a_moved_entry() -> None:
    ledger = Ledger()
    for number in range(5):
        ledger = ledger.append("lot", {"number": number})
    entries = ledger.entries
    edited = dataclasses.replace(entries[2], body={"number": 99})

    assert ledger.broken() is None
    assert Ledger((*entries[:2], edited, *entries[3:])).broken() == 2
    assert Ledger((*entries[:2], *entries[3:])).broken() == 2
    assert Ledger((entries[1], entries[0], *entries[2:])).broken() == 0


def test_a_line_runs_each_step_after_its_inputs_and_names_a_circle() -> None:
    line = Line("bikes", (Step("forecast", ("hourly", "weather")), Step("hourly", ("rides",))))

    assert line.order().index("hourly") < line.order().index("forecast")
    with pytest.raises(ValueError, match=r"a.*b|b.*a"):
        Line("knot", (Step("a", ("b",)), Step("b", ("a",)))).order()


@given(st.text(), st.integers(0, 6))
def test_a_key_keeps_the_challenger_while_the_ramp_grows(key: str, stage: int) -> None:
    now = Rollout("old", "new", salt="s", stage=stage)

    later = now.advance(Verdict.RELEASE)

    assert now.route(key) == "old" or later.route(key) == "new"
    assert now.advance(Verdict.HOLD).route(key) == "old"


def test_the_ramp_sends_about_its_share_to_the_challenger() -> None:
    rollout = Rollout("old", "new", salt="s", stages=(Stage("canary", 25.0),))
    n = 4_000

    share = sum(rollout.route(f"customer {i}") == "new" for i in range(n)) / n

    assert abs(share - 0.25) < 4 * math.sqrt(0.25 * 0.75 / n)  # four standard errors


@given(st.integers(0, 9_999), st.floats(0, 99))
def test_who_is_held_out_stays_with_the_champion_to_the_end(number: int, holdout: float) -> None:
    rollout = Rollout("old", "new", salt="s", holdout=holdout)
    arms = []
    while rollout.state == "running":
        arms.append(rollout.arm_of(number))
        rollout = rollout.advance(Verdict.RELEASE)

    assert rollout.state == "promoted"
    assert (rollout.arm_of(number) == "holdout") == (number >= 10_000 - holdout * 100) == ("holdout" in arms)
    assert rollout.advance(Verdict.HOLD).arm_of(number) in ("champion", "holdout")


def test_a_rollout_that_only_compares_ends_without_a_promotion() -> None:
    rollout = Rollout("old", "new", salt="s", stages=stages_of("shadow"))
    for _ in range(5):
        rollout = rollout.advance(Verdict.RELEASE)

    assert rollout.state == "finished"
    assert all(rollout.route(str(key)) == "old" for key in range(100))


@pytest.mark.parametrize("values", [{"stages": ()}, {"stages": (Stage("canary", 50), Stage("canary", 5))}, {"stage": 99}, {"state": "gone"}, {"holdout": 100}])
def test_a_rollout_that_makes_no_sense_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"rollout|stage|ramp|holdout"):
        Rollout("old", "new", salt="s", **values)  # type: ignore[arg-type]  # wrong on purpose


def test_a_report_survives_the_journey_through_json() -> None:
    finding = Finding(
        "typo", ("city",), "…", 0.6, rows=2, evidence={"edit_distance": 1, "ratio": 1 / 3}, examples=(Cell(3, "city", 0.9, "birmingxam", "birmingham"),)
    )
    report = Report(Verdict.SPLIT, (finding,), InputFacts("a.csv", "sha256:0", 3, 1, 10, "csv"), (ColumnFacts("city", "category"),), {"read": 0.1}, 2)

    document = json.loads(json.dumps(report.as_json()))

    assert report_from_json(document).as_json() == document
    assert document["findings"][0]["evidence"] == {"edit_distance": 1, "ratio": 0.333333}


def test_numbers_json_cannot_hold_are_told_as_words() -> None:
    finding = Finding("outliers", ("x",), "…", 0.6, evidence={"high": math.inf})

    assert json.loads(json.dumps(Report(Verdict.WARN, (finding,)).as_json(), allow_nan=False))["findings"][0]["evidence"] == {"high": "inf"}


def test_every_code_of_the_catalogue_has_a_family_a_title_and_a_meaning() -> None:
    assert all(entry.family and entry.title and entry.meaning for entry in CATALOGUE.values())
    assert all(code == code.lower() and " " not in code for code in CATALOGUE)
