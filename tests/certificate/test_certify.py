"""A certificate says what the gate does, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import polars as pl
import pytest

from assayline.certificate import Certificate, certify, faults
from assayline.certificate.certify import changed
from assayline.core import Finding, InputFacts, Past, Report, Verdict
from assayline.errors import MisuseError
from assayline.tables import Table

Flow = list[tuple[str, pl.DataFrame]]
FEW = [fault for fault in faults() if fault.code in ("global_shift", "missing_spike", "dropped_column", "truncated_batch")]
# What the gate lets pass at its strongest, with the reason; a gap that heals breaks the build.
UNNOTICED = {
    "out_of_order": "a lot that is shuffled as a whole may as well have been sorted by something else",
}


def quiet(table: Table, past: Past, codes: Sequence[frozenset[str]]) -> Report:
    """A gate that sees nothing."""
    return Report(Verdict.RELEASE, (), InputFacts(rows=table.rows_hint))


def nervous(table: Table, past: Past, codes: Sequence[frozenset[str]]) -> Report:
    """A gate that warns of everything in the same words."""
    return Report(Verdict.WARN, (Finding("outliers", ("kilos",), "Always.", 0.5),), InputFacts(rows=table.rows_hint))


def test_gross_faults_are_noticed_but_for_known_gaps(certificate: Certificate) -> None:
    missed = {row.code for row in certificate.rows if not row.noticed}

    assert len(certificate.rows) >= 40
    assert missed == set(UNNOTICED)


def test_most_gross_faults_are_named_and_located(certificate: Certificate) -> None:
    noticed = [case for case in certificate.cases if case.noticed]
    locatable = [case for case in noticed if case.located is not None]

    assert sum(case.named for case in noticed) >= 0.8 * len(noticed)
    assert sum(case.located is True for case in locatable) >= 0.9 * len(locatable)


def test_a_sound_flow_is_hardly_ever_accused(certificate: Certificate) -> None:
    """H0: at most 2 % of good lots are accused (the promise of the gate); the interval then holds 0.02 in nineteen of twenty certificates."""
    alarms = certificate.false_alarms

    assert alarms.lots == 6
    assert alarms.accused == 0
    assert alarms.interval[0] <= 0.02 <= alarms.interval[1]


def test_the_same_seed_gives_the_same_certificate_and_another_seed_another_design(flow: Flow) -> None:
    first, second, other = (certify(flow[:8], text=True, seed=seed, judge=quiet, most_cases=60, most_lots=3) for seed in (1, 1, 2))

    assert json.dumps(replace(first, seconds=0.0).as_json()) == json.dumps(replace(second, seconds=0.0).as_json())
    assert [(case.code, case.column) for case in first.cases] != [(case.code, case.column) for case in other.cases]


def test_the_tries_spread_evenly_over_faults_strengths_and_lots(flow: Flow) -> None:
    found = certify(flow, text=True, judge=quiet, most_cases=360, most_lots=4)
    often = [row.tried for row in found.rows if row.code in ("missing_spike", "global_shift", "renamed_column", "outliers")]

    assert len(found.cases) == 360
    assert found.stopped == "most_cases"
    assert max(often) - min(often) <= 1
    assert {row.code for row in found.rows} | found.untried.keys() == {fault.code for fault in faults()}
    assert all(len({case.lot for case in found.cases if case.code == code}) == 4 for code in ("missing_spike", "global_shift"))


def test_a_design_that_is_small_ends_by_itself(flow: Flow) -> None:
    found = certify(flow, text=True, judge=quiet, chosen=FEW[:1], most_lots=2, most_judged=2, most_cases=10_000)

    assert found.stopped == "design"
    assert len(found.cases) == found.planned


def test_a_fault_that_changes_nothing_in_one_place_is_put_elsewhere(day: Callable[[int], pl.DataFrame]) -> None:
    """Of three columns of numbers only one has decimals that can be cut off."""
    flow = [(f"day {one}", day(one).with_columns(pl.col("kilos", "distance").str.replace(r"\..*", ""))) for one in range(6)]
    loss = [fault for fault in faults() if fault.code == "precision_loss"]

    found = certify(flow, text=True, judge=quiet, chosen=loss, most_cases=3, most_lots=1)

    assert [case.column for case in found.cases] == ["fee"] * 3


def test_what_was_not_tried_carries_the_reason(flow: Flow) -> None:
    few = [fault for fault in faults() if fault.code in ("mojibake", "out_of_order", "global_shift")]
    plain = [(name, frame.drop("driver").reverse()) for name, frame in flow[:8]]

    found = certify(plain, text=True, judge=quiet, chosen=few, most_cases=1_000, most_lots=2)

    assert found.untried == {"mojibake": "no column of these lots can have it", "out_of_order": "it would change nothing in these lots"}


def test_no_try_begins_when_the_seconds_are_over(flow: Flow) -> None:
    found = certify(flow, text=True, judge=quiet, budget_seconds=1e-9)

    assert found.stopped == "budget_seconds"
    assert found.cases == ()
    assert found.false_alarms.lots == 8
    assert set(found.untried) == {fault.code for fault in faults()}


def test_a_gate_that_sees_nothing_notices_nothing(flow: Flow) -> None:
    found = certify(flow, text=True, judge=quiet, chosen=FEW, most_cases=12, most_lots=2, most_judged=2)

    assert all(row.noticed == row.named == row.located == row.locatable == 0 for row in found.rows)
    assert len(found.unnoticed) == len(found.rows)
    assert found.false_alarms.accused == 0


def test_a_gate_that_always_warns_notices_nothing_either_and_accuses_every_lot(flow: Flow) -> None:
    """What it says of a faulty lot it says of the untouched one too."""
    found = certify(flow, text=True, judge=nervous, chosen=FEW, most_cases=12, most_lots=2, most_judged=2)

    assert all(row.noticed == 0 for row in found.rows)
    assert (found.false_alarms.accused, found.false_alarms.lots) == (2, 2)


def test_the_gate_is_given_the_lots_before_and_no_others(flow: Flow) -> None:
    seen: list[tuple[str, ...]] = []

    def judge(table: Table, past: Past, codes: Sequence[frozenset[str]]) -> Report:
        seen.append(past.names)
        return quiet(table, past, codes)

    certify(flow, text=True, judge=judge, chosen=FEW, most_cases=4, most_lots=2, most_judged=2)

    names = [name for name, _ in flow]
    assert set(seen) == {tuple(names[:-2]), tuple(names[:-1])}


def test_more_lots_are_judged_as_they_are_than_are_struck(flow: Flow) -> None:
    found = certify(flow, text=True, judge=quiet, chosen=FEW, most_cases=8, most_lots=2)

    assert [lot.name for lot in found.lots] == [name for name, _ in flow[-8:]]
    assert {case.lot for case in found.cases} == {name for name, _ in flow[-2:]}
    assert [lot.past for lot in found.lots] == list(range(8, 16))


def test_a_typed_lot_is_certified_as_it_is(day: Callable[[int], pl.DataFrame]) -> None:
    flow = [(f"day {one}", day(one).with_columns(pl.col("sent").str.to_datetime(), pl.col("kilos", "fee").cast(pl.Float64))) for one in range(9)]

    found = certify(flow, chosen=[fault for fault in FEW if fault.code == "global_shift"], most_lots=1, most_judged=1, most_cases=3, budget_seconds=600)

    assert {case.column for case in found.cases} <= {"kilos", "fee"}
    assert next(row for row in found.rows if row.strength == "gross").noticed == 1


def test_a_sentence_names_the_fault_its_size_and_the_columns_it_was_missed_in(flow: Flow) -> None:
    shift = [fault for fault in faults() if fault.code == "global_shift"]

    found = certify(flow, text=True, judge=quiet, chosen=shift, most_cases=1, most_lots=1, most_judged=1)

    case = found.cases[0]
    amount = {"subtle": "0.3", "medium": "1", "gross": "3"}[case.strength]
    unit = "standard deviation" if amount == "1" else "standard deviations"
    assert found.unnoticed == (f"A shift of {case.column} by {amount} {unit} would not be noticed (1 of 1 tries went unnoticed).",)


@pytest.mark.parametrize(
    ("lots", "most_cases", "seconds", "words"),
    [(3, 10, 1.0, "at least 4 good lots"), (6, 0, 1.0, "more than nothing"), (6, 10, 0.0, "more than nothing")],
)
def test_what_cannot_be_certified_is_refused(flow: Flow, lots: int, most_cases: int, seconds: float, words: str) -> None:
    with pytest.raises(MisuseError, match=words):
        certify(flow[:lots], text=True, most_cases=most_cases, budget_seconds=seconds)


def test_progress_is_told(flow: Flow) -> None:
    told: list[tuple[int, int, str]] = []

    certify(flow, text=True, judge=quiet, chosen=FEW, most_cases=5, most_lots=2, most_judged=2, on_progress=lambda *one: told.append(one))

    assert told[0] == (1, len(flow), "profiling good lots")
    assert told[-1] == (5, 5, "trying faults")


def test_lots_whose_rows_came_or_went_have_no_changed_columns() -> None:
    frame = pl.DataFrame({"a": [1, 2], "b": [3, 4]})

    assert changed(frame, frame.head(1)) == set()
    assert changed(frame, frame.with_columns(b=pl.Series([3, 5]))) == {"b"}
    assert changed(frame, frame.with_columns(a=pl.Series([9, 9]), b=pl.Series([9, 9]))) == set()


def test_the_document_is_plain_json(certificate: Certificate) -> None:
    document = json.loads(json.dumps(certificate.as_json()))

    assert document["schema"] == 1
    assert document["false_alarms"]["lots"] == 6
    assert {"code", "family", "strength", "tried", "noticed", "interval"} <= document["rows"][0].keys()
