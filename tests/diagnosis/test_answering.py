"""The rule of the verdict: who is accused, and who is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from assayline.diagnosis import Component, Reading, Symptom
from assayline.diagnosis.answering import CORRELATIONAL, MIX, NOT_FOUND, PROVED, WORLD, Answer, answer
from assayline.diagnosis.mixing import Mix
from assayline.diagnosis.searching import search

SYMPTOM = Symptom("metric", "forecasts", "mae(prediction, rentals)", "The error rose.", 41.0, 63.0, 35.0, 47.0, unit="bikes")
UNIT = {"code": "unit_change", "columns": ["temperature"], "severity": 0.9, "sentence": "temperature of station 3 is in °F."}
SHIFT = {"code": "segment_shift", "columns": ["temperature"], "severity": 0.9, "sentence": "temperature of station 3 moved."}
LACKS = {"code": "truncated_batch", "columns": [], "severity": 0.9, "sentence": "nine of ten rows are missing."}
NOTE = {"code": "outliers", "columns": ["temperature"], "severity": 0.2, "sentence": "two values of temperature are high."}


def weather(*findings: dict[str, Any], **changes: Any) -> Component:
    return Component("source", "weather", "lot 31", "lot 35", evidence=0.9, findings=findings, **changes)


CODE = Component("code", "line.py: hourly", "a", "b", evidence=0.6)
MODEL = Component("model", "demand", "v7", "v8", evidence=0.5)
WINDOW = Component("parameter", "hourly.window", "3", "24", evidence=0.4)


def answered(components: list[Component], value: Callable[[frozenset[str]], float | None], mix: Mix | None = None, **more: Any) -> Answer:
    def replay(put_back: frozenset[str]) -> Reading:
        now = value(put_back)
        return Reading(now, SYMPTOM.gone(now), "" if now is not None else "TypeError: no such argument")

    return answer(SYMPTOM, components, search(components, replay), mix, **more)


def gone_with(key: str) -> Callable[[frozenset[str]], float]:
    return lambda back: 42.0 if key in back else 63.0


def test_a_source_with_a_fault_that_a_finding_names_is_accused() -> None:
    found = answered([weather(UNIT), CODE, MODEL], gone_with("source weather"))

    assert found.verdict == PROVED
    assert found.sentence == "Cause, proved by replay: source `weather`, lot 35: temperature of station 3 is in °F (unit_change)."
    assert [(one.key, one.said, one.value, one.gone) for one in found.candidates] == [
        ("source weather", "responsible", 42.0, True), ("code line.py: hourly", "cleared", 63.0, False), ("model demand", "cleared", 63.0, False),
    ]  # fmt: skip
    assert found.candidates[0].sentence == "with `weather` of before (lot 31): 42 bikes"


@pytest.mark.parametrize("findings", [(), (SHIFT,), (NOTE,)])
def test_a_source_without_a_fault_is_the_world(findings: tuple[dict[str, Any], ...]) -> None:
    found = answered([weather(*findings), CODE], gone_with("source weather"), columns={"source weather": ("temperature",)})

    assert found.verdict == WORLD
    assert found.causes == ()
    assert "`weather` brought other values in `temperature`" in found.sentence
    assert (found.candidates[0].key, found.candidates[0].said) == ("source weather", "shares")


def test_a_person_may_call_a_shift_a_fault() -> None:
    found = answered([weather(SHIFT | {"by": "person"})], gone_with("source weather"))

    assert found.verdict == PROVED


def test_a_fault_in_columns_that_do_not_carry_the_change_accuses_nobody() -> None:
    found = answered([weather(UNIT)], gone_with("source weather"), columns={"source weather": ("humidity",)})

    assert found.verdict == WORLD


def test_a_second_look_may_name_what_was_too_quiet_for_a_warning() -> None:
    found = answered([weather()], gone_with("source weather"), named={"source weather": (NOTE,)})

    assert found.verdict == PROVED
    assert "(outliers)" in found.sentence


@pytest.mark.parametrize("guilty", [CODE, MODEL, WINDOW])
def test_what_is_put_back_exactly_is_proved_by_the_replay(guilty: Component) -> None:
    found = answered([weather(), CODE, MODEL, WINDOW], gone_with(guilty.key))

    assert found.verdict == PROVED
    assert found.causes[0].components == (guilty.key,)
    assert found.causes[0].said == "proved by replay"
    assert found.candidates[0].key == guilty.key


def test_code_is_accused_rather_than_the_world_where_either_put_back_removes_it() -> None:
    found = answered([weather(), CODE], lambda back: 42.0 if back else 63.0)

    assert found.verdict == PROVED
    assert found.causes[0].components == ("code line.py: hourly",)


def test_two_faults_that_each_carry_a_part_are_accused_together_with_their_shares() -> None:
    found = answered([weather(UNIT), CODE, MODEL], lambda back: 63.0 - 12.0 * ("source weather" in back) - 8.0 * ("code line.py: hourly" in back))

    assert found.verdict == PROVED
    assert found.causes[0].components == ("source weather", "code line.py: hourly")
    assert "Only all of them put back remove it (60% by `source weather` and 40% by `code line.py: hourly`)" in found.sentence
    assert [one.said for one in found.candidates] == ["responsible", "responsible", "cleared"]


def test_code_that_carries_most_is_accused_and_the_world_that_carries_the_rest_is_not() -> None:
    found = answered([weather(), CODE], lambda back: 63.0 - 8.0 * ("source weather" in back) - 12.0 * ("code line.py: hourly" in back))

    assert found.verdict == PROVED
    assert found.causes[0].components == ("code line.py: hourly",)
    assert "on top of other values in `weather`" in found.sentence


RIDES = Component("source", "rides", "lot 30", "lot 36", evidence=0.3)


def torn(back: frozenset[str]) -> float:
    """Weather and rides go together: each put back alone is put beside what it does not belong to."""
    return {(): 63.0, ("source weather",): 68.0, ("source rides",): 64.0}.get(tuple(back), 42.0)


@pytest.mark.parametrize(("findings", "accused"), [((LACKS,), ("source weather",)), (({**LACKS, "severity": 0.35},), ()), (({**LACKS, "new": False},), ()), ((UNIT,), ()), ((), ())])
def test_of_lots_that_were_torn_apart_the_one_with_a_loud_fault_is_accused(findings: tuple[dict[str, Any], ...], accused: tuple[str, ...]) -> None:
    found = answered([weather(*findings), RIDES], torn)

    assert found.verdict == (PROVED if accused else WORLD)
    assert tuple(key for one in found.causes for key in one.components) == accused


def test_what_did_not_come_is_suspected_where_only_the_lots_of_another_day_help() -> None:
    tickets = Component("arrival", "tickets", "a new lot by then", "lot 9 again; nothing came since", evidence=0.55, why_not="no lot of 'tickets' has come since")

    found = answered([weather(), RIDES, tickets], torn)

    assert found.verdict == CORRELATIONAL
    assert found.causes[0].components == ("arrival tickets",)
    assert answered([weather(UNIT), tickets], gone_with("source weather")).causes[0].components == ("source weather",)


def test_where_both_lots_that_were_torn_apart_are_faulty_nothing_is_said_of_one() -> None:
    both = [weather(UNIT), Component("source", "rides", "lot 30", "lot 36", evidence=0.3, findings=({**UNIT, "columns": ["rentals"]},))]

    assert set(answered(both, torn).causes[0].components) == {"source weather", "source rides"}


def test_what_shows_it_stands_in_the_sentence() -> None:
    found = answered([weather(UNIT)], gone_with("source weather"), proof="with this undone it would be 42")

    assert found.sentence.endswith("is in °F (unit_change); with this undone it would be 42.")


def test_a_changed_mix_is_told_as_such_and_nobody_is_accused() -> None:
    found = answered([weather(SHIFT)], gone_with("source weather"), Mix(43.0, ("station",), 0.9, 400.0))

    assert found.verdict == MIX
    assert "as many rows of each `station` as before it would be 43 bikes" in found.sentence


@pytest.mark.parametrize("mix", [Mix(43.0, ("station",), 0.9, 12.0), Mix(55.0, ("station",), 0.4, 400.0)])
def test_a_mix_that_explains_half_or_rests_on_few_rows_is_no_answer(mix: Mix) -> None:
    assert answered([weather()], gone_with("source weather"), mix).verdict == WORLD


def test_code_that_changed_the_mix_is_accused() -> None:
    assert answered([CODE], gone_with(CODE.key), Mix(43.0, ("station",), 0.9, 400.0)).verdict == PROVED


def test_a_symptom_that_stays_with_everything_put_back_is_not_found() -> None:
    found = answered([weather(), CODE], lambda back: 63.0)

    assert found.verdict == NOT_FOUND
    assert "With everything put back that can be put back: 63 bikes" in found.sentence


def test_a_symptom_that_does_not_show_again_is_not_found() -> None:
    found = answered([weather(UNIT), CODE], lambda back: 41.0)

    assert found.verdict == NOT_FOUND
    assert "does not show" in found.sentence


def test_nothing_that_differs_is_not_found() -> None:
    found = answered([], lambda back: 63.0)

    assert found.verdict == NOT_FOUND
    assert found.candidates == ()


def test_the_one_component_that_cannot_be_replayed_is_suspected_and_marked_so() -> None:
    package = Component("package", "polars", "1.2.2", "1.2.3", evidence=0.7, why_not="1.2.2 is in no folder of packages")

    found = answered([package, CODE], lambda back: 63.0)

    assert found.verdict == CORRELATIONAL
    assert found.causes[0].components == ("package polars",)
    assert found.candidates[0].said == "correlational"
    assert "not replayed, 1.2.2 is in no folder" in found.candidates[0].sentence


def test_two_that_cannot_be_replayed_and_are_as_likely_accuse_nobody() -> None:
    several = [Component("package", name, "1", "2", evidence=0.7, why_not="in no folder of packages") for name in ("numpy", "polars")]

    assert answered(several, lambda back: 63.0).verdict == NOT_FOUND


def test_a_source_that_cannot_be_replayed_is_not_suspected_without_a_fault() -> None:
    assert answered([weather(SHIFT, why_not="its rows were thinned out")], lambda back: 63.0).verdict == NOT_FOUND
    assert answered([weather(UNIT, why_not="its rows were thinned out")], lambda back: 63.0).verdict == CORRELATIONAL


def test_half_of_the_way_back_is_a_suspicion_where_nothing_removes_the_symptom() -> None:
    found = answered([CODE, MODEL], lambda back: 63.0 - 14.0 * (CODE.key in back) + 0.1 * (MODEL.key in back))

    assert found.verdict == CORRELATIONAL
    assert found.causes[0].components == (CODE.key,)


def test_where_nothing_can_be_replayed_the_evidence_is_all_there_is() -> None:
    found = answered([weather(UNIT), CODE], lambda back: None)

    assert found.verdict == CORRELATIONAL
    assert found.causes[0].components == ("source weather",)
    assert "nothing can be compared by replay" in found.sentence


def test_a_search_that_ran_out_of_replays_names_the_group_and_accuses_nobody() -> None:
    several = [Component("code", f"line.py: step_{number}", "a", "b") for number in range(20)]

    def replay(put_back: frozenset[str]) -> Reading:
        return Reading(41.0 if "code line.py: step_13" in put_back else 63.0, "code line.py: step_13" in put_back)

    found = answer(SYMPTOM, several, search(several, replay, most=6))

    assert found.verdict == NOT_FOUND
    assert "it lies among" in found.sentence
