"""A warning on a source shows on everything made from it, and is gone when its cause is, with the reason."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assayline.core import Verdict
from assayline.errors import MisuseError
from assayline.ledger import SqlLedger, Writing, create_ledger, records, verify
from assayline.ledger.records import LotRecord
from assayline.ledger.sql_ledger import now
from assayline.line.adjudicating import accept, answer, reject_lot
from assayline.line.ancestry import lineage_document
from assayline.line.gating import Arrival, gate_paths
from assayline.line.project import Project, create_project
from assayline.line.tagging import Asked, flow_verdicts, restore, tag_days, tags_document, tags_of, weaken
from assayline.lineage import columns_of_sql, in_force

KNOTS = {"code": "unit_change", "columns": ["speed"], "severity": 0.5, "sentence": "Speeds are in knots.", "layer": "history", "rows": 10, "where": None}
MISSING = {**KNOTS, "code": "missing_day", "columns": ["started_at"], "sentence": "An hour is missing."}
BROKEN = {**KNOTS, "code": "broken_rule", "columns": ["n"], "layer": "rule", "where": "rule 1", "sentence": "There are rows that do not meet rule 1."}


class Written:
    """Lots and runs as gate and line write them, without the work in between."""

    def __init__(self, ledger: SqlLedger) -> None:
        self.ledger = ledger

    def lot(self, flow: str, *findings: Mapping[str, Any], at: str | None = None, state: str = "released", cases: Sequence[Mapping[str, Any]] = (), **more: Any) -> int:
        with self.ledger.write() as writing:
            return self.lot_in(writing, flow, *findings, at=at, state=state, cases=cases, **more)

    def lot_in(self, writing: Writing, flow: str, *findings: Mapping[str, Any], at: str | None = None, state: str = "released", cases: Sequence[Mapping[str, Any]] = (), **more: Any) -> int:
        known = records.flow_of(writing.connection, flow)
        if known is None:
            writing.append("flow", {"flow": flow, "settings": {}})
        number = records.last_lot(writing.connection) + 1
        verdict = "hold" if state == "held" else "split" if cases else "warn" if findings else "release"
        rows = {"taken": 100, "released": 100, "quarantined": 0, "held": 0, "unparseable": 0}
        body = {
            "lot": number, "flow": flow, "place": (known.lots if known else 0) + 1, "digest": f"sha256:{number}", "input": f"{flow}-{number}.csv", "verdict": verdict, "state": state,
            "teaches": True, "rows": rows, "objects": {}, "parents": [], "findings": list(findings), "codes": [], "figures": {"columns": {}}, "cases": list(cases), "incidents": [],
            "notices": [], **more,
        }  # fmt: skip
        writing.append("lot", body if at is None else {**body, "at": at})
        return number

    def rule(self, flow: str, text: str) -> None:
        with self.ledger.write() as writing:
            body = {"flow": flow, "rule": 1, "version": 1, "text": text, "action": "warn", "owner": "ann", "reason": "", "since": now(), "until": None, "state": "on"}
            writing.append("rule", body)

    def run(self, step: str, inputs: Mapping[str, Sequence[int]], output: int | None, columns: Mapping[str, Any] | None = None, *, state: str = "done", place: str = "") -> int:
        with self.ledger.write() as writing:
            return self.run_in(writing, step, inputs, output, columns, state=state, place=place)

    def run_in(
        self, writing: Writing, step: str, inputs: Mapping[str, Sequence[int]], output: int | None, columns: Mapping[str, Any] | None = None, *, state: str = "done", place: str = ""
    ) -> int:
        body = {
            "line": "bikes", "step": step, "place": place, "identity": f"{step} {output} {dict(inputs)}", "state": state, "output": output,
            "inputs": {name: list(lots) for name, lots in inputs.items()}, "code": "sha256:c0de", "parameters": {}, "environment": "sha256:e0", "costs": {"wall_seconds": 1.5},
            "columns": dict(columns or {}), "error": "",
        }  # fmt: skip
        return writing.append("run", body).number


@pytest.fixture
def made(project: Project) -> Written:
    return Written(project.ledger)


def chain(made: Written, *findings: Mapping[str, Any], columns: Mapping[str, Any] | None = None) -> tuple[int, int, int]:
    """A lot of rides with these findings, and what the steps hourly and daily made of it."""
    rides = made.lot("rides", *findings)
    hourly = made.lot("hourly")
    made.run("hourly", {"rides": [rides]}, hourly, columns)
    daily = made.lot("daily")
    made.run("daily", {"hourly": [hourly]}, daily)
    return rides, hourly, daily


def said(project: Project, lot: int) -> list[tuple[str, str]]:
    """The codes of the tags of a lot, each with why it no longer holds."""
    return [(tag.code, tag.weakened) for tag in tags_of(project, [lot])[lot]]


def test_a_warning_on_a_source_shows_on_everything_made_from_it(project: Project, made: Written) -> None:
    lots = chain(made, KNOTS)
    other = made.lot("weather")

    assert [said(project, lot) for lot in lots] == [[("unit_change", "")]] * 3
    assert {flow: str(verdict) for flow, (verdict, _) in flow_verdicts(project).items()} == {"rides": "warn", "hourly": "warn", "daily": "warn", "weather": "release"}
    assert said(project, other) == []


@pytest.mark.parametrize("word", ["expected", "noise"])
def test_an_answer_about_the_source_changes_every_descendant_at_once_and_stands_there_as_the_reason(project: Project, made: Written, word: str) -> None:
    lots = chain(made, KNOTS)

    answer(project, lots[0], word, author="ann", reason="the new sensors")

    assert [said(project, lot) for lot in lots] == [[("unit_change", f"answered {word} by ann: the new sensors")]] * 3
    answer(project, lots[0], "bad", author="bob")
    assert [said(project, lot) for lot in lots] == [[("unit_change", "")]] * 3
    assert list(verify(project.ledger, project.store)) == []


def test_the_warning_is_gone_from_what_is_made_of_the_next_good_lot(project: Project, made: Written) -> None:
    chain(made, KNOTS)
    chain(made)

    assert {str(verdict) for verdict, _ in flow_verdicts(project).values()} == {"release"}


def test_a_lot_that_another_one_stands_for_tags_no_more(project: Project, made: Written) -> None:
    first = made.lot("rides", KNOTS)
    total = made.lot("total")
    made.run("total", {"rides": [first, made.lot("rides")]}, total)
    assert [(code, why) for code, why in said(project, total)] == [("unit_change", "")]

    made.lot("rides", replaces=[first])

    assert said(project, total) == [("unit_change", "superseded: another lot stands for it")]


def repaired(made: Written, lot: int, by: int, rows: int = 20) -> None:
    with made.ledger.write() as writing:
        scoring = writing.append(
            "scored",
            {
                "run": "sha256:0123456789abcdef", "model": "churn", "flow": "churn.scores", "lot": lot, "rollout": None, "stage": None, "counts": {}, "evidence": {}, "objects": {},
                "state": "published",
            },
        ).number  # fmt: skip
        writing.append("repaired", {"rollout": None, "scoring": scoring, "lot": lot, "by": by, "rows": rows, "body": {}, "flow": "churn.scores", "notices": []})


def test_what_was_made_from_repaired_predictions_is_tainted_until_it_is_made_from_those_that_stand_for_them(project: Project, made: Written) -> None:
    long_ago = (datetime.now(UTC) - timedelta(days=90)).isoformat(timespec="microseconds")
    scores = made.lot("churn.scores", at=long_ago)
    other = made.lot("churn.scores", at=long_ago)
    calls, visits = made.lot("calls", at=long_ago), made.lot("visits")
    made.run("calls", {"churn.scores": [scores]}, calls)
    made.run("visits", {"calls": [calls]}, visits)
    fine = made.lot("calls")
    made.run("calls", {"churn.scores": [other]}, fine)

    better = made.lot("churn.scores", replaces=[scores], parents=[scores])
    repaired(made, scores, better)

    assert [said(project, lot) for lot in (calls, visits)] == [[("tainted", "")]] * 2
    assert [said(project, lot) for lot in (better, other, fine)] == [[], [], []]
    (tag,) = tags_of(project, [visits])[visits]
    assert (tag.level, tag.origin, tag.lot, tag.share) == (Verdict.WARN, "churn.scores", scores, 0.2)
    assert f"20 predictions of lot {scores} of churn.scores (run 0123456789ab) were repaired" in tag.reason
    assert f"lot {better} stands for them" in tag.reason
    again, last = made.lot("calls", replaces=[calls]), made.lot("visits", replaces=[visits])
    made.run("calls", {"churn.scores": [better]}, again)
    made.run("visits", {"calls": [again]}, last)
    assert [said(project, lot) for lot in (again, last)] == [[], []]
    assert [str(verdict) for _, (verdict, _) in sorted(flow_verdicts(project).items())] == ["release"] * 3


def test_who_says_that_a_repair_does_not_matter_here_weakens_the_tag(project: Project, made: Written) -> None:
    scores, calls = made.lot("churn.scores"), made.lot("calls")
    made.run("calls", {"churn.scores": [scores]}, calls)
    repaired(made, scores, made.lot("churn.scores", replaces=[scores]))

    weaken(project, "calls", origin="churn.scores", code="tainted", reason="calls are made already", author="ann")

    assert [code for code, why in said(project, calls) if "calls are made already (ann" in why] == ["tainted"]


def test_a_lot_rejected_after_it_was_used_rejects_what_was_made_from_it(project: Project, made: Written) -> None:
    held = made.lot("rides", KNOTS, state="held")
    hourly = made.lot("hourly")
    made.run("hourly", {"rides": [held]}, hourly)

    reject_lot(project, held, author="ann", reason="a test drive")

    tags = in_force(tags_of(project, [hourly])[hourly])
    assert tags[0].level == Verdict.REJECT
    assert tags[0].reason == "The lot was rejected by ann: a test drive."


def test_rows_that_were_put_aside_do_not_follow(project: Project, made: Written) -> None:
    case = {"number": 1, "code": "mojibake", "columns": ["city"], "pattern": "", "rows": 3, "sentence": "Broken.", "suggestion": ""}
    rides = made.lot("rides", {**KNOTS, "code": "mojibake", "columns": ["city"], "layer": "signature", "severity": 0.7}, cases=[case])
    hourly = made.lot("hourly")
    made.run("hourly", {"rides": [rides]}, hourly)

    assert said(project, hourly) == [("mojibake", "rows filtered: 3 rows put aside")]
    assert [str(flow_verdicts(project)[flow][0]) for flow in ("rides", "hourly")] == ["split", "release"]


def test_a_new_normal_weakens_what_was_different_from_the_old_one(project: Project, made: Written) -> None:
    rides, hourly, _ = chain(made, KNOTS)

    accept(project, "rides", rides, author="ann")

    assert said(project, hourly) == [("unit_change", "accepted as the new normal by ann")]


def test_a_finding_expires_and_says_when(project: Project, made: Written) -> None:
    rides, _, daily = chain(made, KNOTS)
    with project.ledger.read() as connection:
        arrived = datetime.fromisoformat(records.lot_of(connection, rides).at)

    before, after = ((arrived + timedelta(days=days)).isoformat(timespec="microseconds") for days in (29.9, 30.1))

    assert in_force(tags_of(project, [daily], moment=before)[daily])
    assert tags_of(project, [rides], moment=after)[rides][0].weakened == f"expired on {(arrived + timedelta(days=30)).date()}"
    assert in_force(tags_of(project, [daily], moment=after)[daily]) == ()


def test_how_long_a_finding_holds_is_a_setting(tmp_path: Path) -> None:
    with create_project(str(tmp_path / "shop")) as made:
        assert tag_days(made) == 30
        assert tag_days(Project(made.folder, made.name, made.ledger, made.store, {"lineage": {"tag_days": 7}})) == 7
        with pytest.raises(MisuseError, match="tag_days = 'a week'"):
            tag_days(Project(made.folder, made.name, made.ledger, made.store, {"lineage": {"tag_days": "a week"}}))


def test_a_column_that_the_query_does_not_use_keeps_its_faults_to_itself(project: Project, made: Written) -> None:
    columns = columns_of_sql("select station, count(*) as n from rides group by station", {"rides": ["station", "speed", "started_at"]})

    lots = chain(made, KNOTS, MISSING, columns=columns)

    assert said(project, lots[1]) == said(project, lots[2]) == [("missing_day", ""), ("unit_change", "column not used: speed")]


def test_a_recorded_reason_counts_from_its_flow_on_and_is_taken_back(project: Project, made: Written) -> None:
    rides, hourly, daily = chain(made, KNOTS)

    number = weaken(project, "daily", origin="rides", code="unit_change", columns=["speed"], reason="rounded to nothing", author="ann")["number"]

    assert (said(project, rides), said(project, hourly)) == ([("unit_change", "")], [("unit_change", "")])
    assert said(project, daily)[0][1].startswith("rounded to nothing (ann, ")
    restore(project, number, author="ann")
    assert said(project, daily) == [("unit_change", "")]
    assert [entry.event for entry in project.ledger.entries()][-2:] == ["weakened", "weakened"]
    assert list(verify(project.ledger, project.store)) == []
    with pytest.raises(MisuseError, match="no weakening"):
        restore(project, number)


def test_a_covering_check_weakens_only_lots_in_which_it_was_in_force_and_found_nothing(project: Project, made: Written) -> None:
    before = chain(made, KNOTS)[1]
    made.rule("hourly", "n > 0")
    weaken(project, "hourly", origin="rides", code="unit_change", reason="totals are checked", rule=1, author="ann")
    passed = chain(made, KNOTS)[1]
    rides = made.lot("rides", KNOTS)
    failed = made.lot("hourly", BROKEN)
    made.run("hourly", {"rides": [rides]}, failed)

    assert said(project, before) == [("unit_change", "")]
    assert said(project, passed)[0][1].startswith("rule 1 of hourly found nothing: totals are checked")
    assert ("unit_change", "") in said(project, failed)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"origin": "nowhere"}, "no flow 'nowhere'"), ({"reason": " "}, "say why"), ({"rule": 7}, "no rule 7"), ({"until": "soon"}, "'soon' is no time")],
)
def test_a_reason_that_cannot_count_is_refused(project: Project, made: Written, changes: dict[str, Any], message: str) -> None:
    chain(made, KNOTS)

    with pytest.raises(MisuseError, match=message):
        weaken(project, "daily", **{"origin": "rides", "code": "unit_change", "reason": "why not", **changes})


def test_the_same_result_made_again_from_better_inputs_rests_on_those(project: Project, made: Written) -> None:
    _, hourly, daily = chain(made, KNOTS)

    made.run("hourly", {"rides": [made.lot("rides")]}, hourly)

    assert said(project, hourly) == said(project, daily) == []


def test_one_bad_piece_among_many_is_a_small_share(project: Project, made: Written) -> None:
    lots = [made.lot("rides", KNOTS), *(made.lot("rides") for _ in range(3))]
    total = made.lot("total")
    made.run("total", {"rides": lots}, total)

    assert tags_of(project, [total])[total][0].share == pytest.approx(0.1 / 4)


verdicts = st.lists(st.booleans(), min_size=1, max_size=4)


@settings(max_examples=25, deadline=None)
@given(verdicts, st.data())
def test_the_verdict_of_a_lot_is_the_worst_of_its_own_and_of_all_ancestors(first: list[bool], data: st.DataObject) -> None:
    with create_ledger("sqlite://") as ledger:
        made = Written(ledger)
        marks: dict[int, bool] = {made.lot("source", *([KNOTS] if bad else [])): bad for bad in first}
        ancestors: dict[int, set[int]] = {lot: set() for lot in marks}
        for level in range(data.draw(st.integers(0, 4))):
            inputs = data.draw(st.sets(st.sampled_from(sorted(marks)), min_size=1))
            bad = data.draw(st.booleans())
            lot = made.lot(f"step{level}", *([KNOTS] if bad else []))
            made.run(f"step{level}", {"any": sorted(inputs)}, lot)
            marks[lot], ancestors[lot] = bad, inputs.union(*(ancestors[one] for one in inputs))
        with ledger.read() as connection:
            found = Asked(connection, 30, now()).tags(marks)

        assert {lot: bool(in_force(tags)) for lot, tags in found.items()} == {lot: marks[lot] or any(marks[one] for one in ancestors[lot]) for lot in marks}


def test_a_real_lot_and_what_is_made_of_it(project: Project, tmp_path: Path) -> None:
    cities = ["KÃ¶ln"] * 5 + ["Malmö", "Århus", "Lyon", "Köln"] * 70
    pl.DataFrame({"city": cities, "ride": range(len(cities))}).write_csv(tmp_path / "rides.csv")
    rides = next(iter(gate_paths(project, "rides", [str(tmp_path / "rides.csv")]))).lot
    assert rides is not None
    (tmp_path / "hourly.csv").write_text("station,n\n" + "".join(f"s{place},{place}\n" for place in range(50)))

    def also(writing: Writing, lot: LotRecord) -> None:
        Written(project.ledger).run_in(writing, "hourly", {"rides": [rides.lot]}, lot.lot)

    hourly = next(iter(gate_paths(project, "hourly", [str(tmp_path / "hourly.csv")], arrivals={str(tmp_path / "hourly.csv"): Arrival(salt="hourly", also=also)}))).lot
    assert hourly is not None

    document = tags_document(project, "hourly")

    assert [(one["code"], one["origin"], one["lot"]) for one in document["tags"]] == [("mojibake", "rides", rides.lot)]
    assert document["tags"][0]["weakened"] == "rows filtered: 5 rows put aside"
    assert document["verdict"] == "release"
    assert lineage_document(project, "hourly")["branches"][0]["nodes"][0]["lot"] == rides.lot


def test_lineage_goes_up_to_the_sources_with_code_and_environment_and_down_to_what_was_made(project: Project, made: Written) -> None:
    rides, hourly, daily = chain(made, KNOTS)

    up, down = lineage_document(project, "daily"), lineage_document(project, str(rides), down=True)

    assert (up["lot"], up["run"]["code"], up["run"]["environment"]) == (daily, "sha256:c0de", "sha256:e0")
    assert [one["name"] for one in up["branches"]] == ["hourly"]
    assert up["branches"][0]["nodes"][0]["branches"][0]["nodes"][0]["lot"] == rides
    assert [down["branches"][0]["name"], down["branches"][0]["nodes"][0]["lot"]] == ["hourly", hourly]
    assert down["branches"][0]["nodes"][0]["branches"][0]["nodes"][0]["lot"] == daily
    json.dumps([up, down])
    with pytest.raises(MisuseError, match="no flow 'nothing'"):
        lineage_document(project, "nothing")


def test_a_lot_that_is_met_twice_stands_once_in_the_tree(project: Project, made: Written) -> None:
    rides = made.lot("rides")
    outputs = []
    for step in ("a", "b"):
        outputs.append(made.lot(step))
        made.run(step, {"rides": [rides]}, outputs[-1])
    both = made.lot("both")
    made.run("both", {"a": [outputs[0]], "b": [outputs[1]]}, both)

    tree = lineage_document(project, "both")

    leaves = [branch["nodes"][0]["branches"][0]["nodes"][0] for branch in tree["branches"]]
    assert sorted(leaf["lot"] for leaf in leaves) == [rides, rides]


@pytest.mark.no_cover  # what is timed is not traced
def test_a_hundred_thousand_lots_are_no_hindrance(tmp_path: Path) -> None:
    with create_project(str(tmp_path / "shop")) as project:
        made = Written(project.ledger)
        count, old = 3_000, (datetime.now(UTC) - timedelta(days=90)).isoformat(timespec="microseconds")
        with project.ledger.write() as writing:
            for place in range(count):
                made.lot_in(writing, "rides", *([KNOTS] if place % 10 == 0 else []), at=old if place < count - 100 else None)
            total = made.lot_in(writing, "total")
            made.run_in(writing, "total", {"rides": range(1, count + 1)}, total)

        started = time.process_time()
        tags = in_force(tags_of(project, [total])[total])
        tree = lineage_document(project, "total")

        assert len(tags) == 10
        assert (tree["branches"][0]["lots"], len(tree["branches"][0]["nodes"])) == (count, 5)
        assert time.process_time() - started < 2  # 0.05 s on an idle core; docs/lineage.md has the figure for 100,000
