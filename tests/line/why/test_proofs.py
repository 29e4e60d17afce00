"""What replays with a fault undone, left out, or put in elsewhere say of sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest

from assayline.diagnosis import Component, Reading, Symptom
from assayline.line.why.clocks import Ticking
from assayline.line.why.looking_again import Looked
from assayline.line.why.proofs import Tried, faults_put_in, faults_undone

SYMPTOM = Symptom("metric", "judged", "mae(a, b)", "…", before=2.0, now=10.0, low=1.0, high=4.0)
NEW = {"severity": 0.6, "sentence": "x looks converted (times 10).", "lot": 7}


def source(name: str, *findings: Mapping[str, Any], evidence: float = 0.5) -> Component:
    return Component("source", name, "lot 6", "lot 7", evidence=evidence, findings=findings, detail={"lots": [7], "before_lots": [6]})


def fault(code: str, *columns: str, **other: Any) -> dict[str, Any]:
    return {**NEW, "code": code, "columns": list(columns), **other}


class Lots:
    """The bad state: what it would be with each fault undone, by the name that the replay is given."""

    def __init__(self, values: Mapping[str, float | None], ticking: Mapping[str, Ticking] | None = None, known: float | None = None) -> None:
        self.values, self.clocks, self.known, self.asked = dict(values), dict(ticking or {}), known, list[str]()

    def undone(self, component_key: str, name: str, undo: Any) -> Reading:
        self.asked.append(f"{component_key}: {name}")
        assert undo(pl.DataFrame({"other": [1]})).height <= 1
        value = self.values.get(name, 10.0)
        return Reading(value, SYMPTOM.gone(value))

    def ticking(self, component_key: str) -> Ticking | None:
        return self.clocks.get(component_key)

    def height(self, component_key: str) -> int:
        return 100

    def known_elsewhere(self, component_key: str, column: str) -> float | None:
        return self.known


class Good:
    """The good state: what columns of the bad lot make of it."""

    def __init__(self, values: Mapping[str, float]) -> None:
        self.values = values

    def columns_back(self, component_key: str, columns: Sequence[str]) -> Reading:
        value = self.values.get(", ".join(columns), 2.0)
        return Reading(value, SYMPTOM.gone(value))


def look(rows: Sequence[int] = (), code: str = "outliers", column: str = "x") -> Any:
    return lambda component: Looked((), {(code, column): np.array(rows, dtype=np.int64)}, 1.0, 0)


def test_a_fault_that_is_undone_and_takes_the_symptom_along_is_the_cause() -> None:
    lots = Lots({"unit_change x": 2.2})

    tried = faults_undone([source("rides", fault("unit_change", "x"))], SYMPTOM, lots, look())

    assert tried.proof is not None
    assert (tried.proof.key, tried.proof.finding["code"], tried.proof.sentence) == ("source rides", "unit_change", "with this undone it would be 2.2")


def test_a_fault_that_is_undone_while_the_symptom_stays_was_not_it_whatever_the_gate_says() -> None:
    component = source("rides", fault("unit_change", "x"), fault("missing_spike", "y"))

    tried = faults_undone([component], SYMPTOM, Lots({"unit_change x": 8.0}), look())

    assert tried.proof is None
    assert [one["code"] for one in tried.left(component).findings] == ["missing_spike"]
    inside = tried.narrowed("source rides", {"findings": list(component.findings), "steps": ["first"]})
    assert [one["code"] for one in inside["findings"]] == ["missing_spike"]
    assert inside["steps"] == ["first", "with unit_change of `x` undone: 8"]


@pytest.mark.parametrize(
    ("sentence", "value", "proved", "kept"),
    [("x looks converted (times 1000)", 3.0, True, True), ("x looks converted (times 1000)", 5.0, False, True), ("x looks converted (times 1000)", 9.0, False, False),
     ("x looks converted (kg to pounds)", 3.0, True, True), ("x looks converted (kg to pounds)", 4.5, False, False)],
)  # fmt: skip
def test_on_a_bad_day_most_of_the_way_back_is_enough_for_what_the_world_does_not_do(sentence: str, value: float, proved: bool, kept: bool) -> None:
    component = source("rides", fault("unit_change", "x", sentence=sentence))
    narrow = Symptom("metric", "judged", "mae(a, b)", "…", before=2.0, now=10.0, low=1.0, high=2.5 if "1000" in sentence else 4.0)

    class Day(Lots):
        def undone(self, component_key: str, name: str, undo: Any) -> Reading:
            return Reading(value, narrow.gone(value))

    tried = faults_undone([component], narrow, Day({}), look())

    assert (tried.proof is not None) == proved
    assert bool(tried.left(component).findings) == kept


def test_a_column_that_only_moved_is_asked_for_its_unit() -> None:
    component, asked = source("rides", fault("global_shift", "x")), []

    def converted(one: Component, column: str) -> dict[str, Any]:
        asked.append((one.key, column))
        return fault("unit_change", column, sentence="x looks converted (°C to °F)")

    tried = faults_undone([component], SYMPTOM, Lots({"unit_change x": 2.2}), look(), converted)

    assert asked == [("source rides", "x")]
    assert tried.proof is not None
    assert tried.proof.finding["code"] == "unit_change"
    assert faults_undone([component], SYMPTOM, Lots({"unit_change x": 2.2}), look()).proof is None


def test_a_fault_of_some_rows_or_of_one_lot_of_several_is_not_undone_in_all_of_them() -> None:
    some = source("rides", fault("unit_change", "x", rows=40))
    several = Component("source", "rides", "lot 6", "lots 7 and 8", findings=(fault("unit_change", "x"),), detail={"lots": [7, 8], "before_lots": [6]})
    lots = Lots({})

    for component in (some, several):
        assert faults_undone([component], SYMPTOM, lots, look()).left(component).findings == component.findings
    assert lots.asked == []
    assert faults_undone([some], SYMPTOM, lots, look(range(40), "unit_change")).left(some).findings == ()
    whole = source("rides", fault("unit_change", "x", rows=100))
    assert faults_undone([whole], SYMPTOM, lots, look()).left(whole).findings == ()


def test_what_cannot_be_measured_says_nothing() -> None:
    component = source("rides", fault("unit_change", "x"))

    tried = faults_undone([component], SYMPTOM, Lots({"unit_change x": None}), look())

    assert tried.left(component).findings == component.findings


def test_rows_that_the_world_may_have_made_are_cleared_where_they_do_not_matter_and_never_prove_anything() -> None:
    component = source("rides", fault("outliers", "x"))

    stays = faults_undone([component], SYMPTOM, Lots({"outliers x": 9.0}), look([3, 4]))
    goes = faults_undone([component], SYMPTOM, Lots({"outliers x": 2.0}), look([3, 4]))
    nowhere = faults_undone([component], SYMPTOM, Lots({}), look())

    assert stays.left(component).findings == ()
    assert goes.proof is None
    assert goes.left(component).findings == nowhere.left(component).findings == component.findings


@pytest.mark.parametrize(("known", "left"), [(1.0, 0), (0.0, 1)])
@pytest.mark.parametrize("code", ["new_category_flood", "fk_break"])
def test_a_value_that_other_sources_know_is_news_and_one_that_none_knows_is_a_fault(code: str, known: float, left: int) -> None:
    component = source("contracts", fault(code, "plan"))
    lots = Lots({}, known=known)

    tried = faults_undone([component], SYMPTOM, lots, look())

    assert len(tried.left(component).findings) == left
    assert lots.asked == []


def test_a_clock_that_is_off_is_the_cause_where_setting_it_right_helps() -> None:
    clock = {"source rides": Ticking("hour", 7, (9, 10, 8), 6)}

    tried = faults_undone([source("rides")], SYMPTOM, Lots({"hour +10 h": 2.5}, clock), look())
    other = faults_undone([source("rides")], SYMPTOM, Lots({}, clock), look())

    assert tried.proof is not None
    assert tried.proof.finding["sentence"] == "The times of hour stand 10 h later than the last 6 lots let expect."
    assert tried.notes["source rides"] == ["with `hour` moved by -9 h: 10", "with `hour` moved by -10 h: 2.5"]
    assert other.proof is None


def test_the_column_that_makes_the_same_of_the_lot_of_before_is_the_cause_and_no_other() -> None:
    readings, tickets = source("readings", fault("added_column", "loaded_by", severity=0.3)), source("tickets", fault("constant_column", "cause"))
    tried = Tried()

    faults_put_in([readings, tickets], SYMPTOM, Good({"cause": 9.0}), lambda one: ["hour"], tried)

    assert tried.proof is not None
    assert tried.proof.key == "source tickets"
    assert tried.proof.sentence == "`cause` of this lot put into the lot of before makes it 9, where it was 2"


def test_half_of_the_way_is_enough_only_for_what_takes_the_symptom_along_when_it_is_put_back_with_others() -> None:
    component, alone, carrying = source("readings", fault("missing_spike", "x")), Tried(), Tried()
    wide = Symptom("metric", "judged", "mae(a, b)", "…", before=2.0, now=10.0, low=1.0, high=8.0)

    class Half(Good):
        def columns_back(self, component_key: str, columns: Sequence[str]) -> Reading:
            return Reading(7.0, gone=True)

    faults_put_in([component], wide, Half({}), lambda one: [], alone)
    faults_put_in([component], wide, Half({}), lambda one: [], carrying, {"source readings"})

    assert alone.proof is None
    assert carrying.proof is not None


def test_keys_and_times_are_never_put_in() -> None:
    tried = Tried()

    faults_put_in([source("readings", fault("missing_spike", "hour"))], SYMPTOM, Good({"hour": 9.0}), lambda one: ["hour"], tried)

    assert tried.proof is None
    assert tried.notes == {}
