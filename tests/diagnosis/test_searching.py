"""The search finds the smallest set whose reversal removes the symptom, with few replays, and says nothing that no replay said."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import combinations
from statistics import median

import pytest

from assayline.diagnosis import Component, Reading
from assayline.diagnosis.searching import Found, search

Measure = Callable[[frozenset[int]], float | None]
WELL = 47.0


def named(*numbers: int) -> frozenset[str]:
    return frozenset(f"code {number}" for number in numbers)


class Line:
    """A line with faults: `measure` says what it makes of the components that are put back. Remembers what it was asked."""

    def __init__(self, measure: Measure) -> None:
        self.measure = measure
        self.asked: list[frozenset[str]] = []

    def __call__(self, put_back: frozenset[str]) -> Reading:
        self.asked.append(put_back)
        value = self.measure(frozenset(int(key.split()[1]) for key in put_back))
        return Reading(value, value is not None and value < WELL, "" if value is not None else "TypeError: hourly() got an unexpected argument")


def components(count: int, evidence: list[float] | None = None) -> list[Component]:
    return [Component("code", str(number), "a", "b", evidence=evidence[number] if evidence else 0.0) for number in range(count)]


def single(a: int, _: int) -> Measure:
    return lambda back: 41.0 if a in back else 63.0


def additive(a: int, b: int) -> Measure:
    """Each alone still shows the symptom, less of it."""
    return lambda back: 63.0 - 11.0 * (a in back) - 10.0 * (b in back)


def either_suffices(a: int, b: int) -> Measure:
    """Each of two faults makes the whole symptom."""
    return lambda back: 41.0 if {a, b} <= back else 63.0


def only_together(a: int, b: int) -> Measure:
    """Two changes do harm only together."""
    return lambda back: 41.0 if {a, b} & back else 63.0


def expected(kind: Callable[[int, int], Measure], a: int, b: int) -> set[frozenset[str]]:
    sets: dict[Callable[[int, int], Measure], set[frozenset[str]]] = {single: {named(a)}, additive: {named(a, b)}, either_suffices: {named(a, b)}, only_together: {named(a), named(b)}}
    return sets[kind]


def verified(found: Found) -> bool:
    """Whether the replays that were made bear out every cause: it removes the symptom, and no smaller set inside it that was asked does; singles were all asked."""
    for cause in found.causes:
        inside = [frozenset(some) for size in range(1, len(cause)) for some in combinations(cause, size)]
        assert found.readings[cause].gone
        assert not any(found.readings[some].gone for some in inside if some in found.readings)
        assert len(cause) == 1 or all(frozenset({key}) in found.readings and cause - {key} in found.readings for key in cause)
    return True


@pytest.mark.parametrize("kind", [single, additive, either_suffices, only_together])
@pytest.mark.parametrize("count", [2, 3, 5, 8, 12, 20])
def test_the_smallest_sets_are_found_whatever_the_evidence_said(kind: Callable[[int, int], Measure], count: int) -> None:
    rng = random.Random(count)
    for _ in range(40):
        a, b = rng.sample(range(count), 2)
        line = Line(kind(a, b))

        found = search(components(count, [rng.random() for _ in range(count)]), line)

        assert found.reproduced
        assert found.reversible
        assert found.out_of == ""
        assert found.causes
        assert set(found.causes) <= expected(kind, a, b)
        assert verified(found)
        assert len(line.asked) == len(set(line.asked)) == found.replays <= 24


def test_a_typical_case_takes_at_most_twelve_replays() -> None:
    rng = random.Random(2)
    made = []
    for _ in range(300):
        count = rng.randint(1, 12)
        a, b = (rng.sample(range(count), 2) if count > 1 else (0, 0))
        kind = rng.choice([single, single, single, additive, either_suffices, only_together]) if count > 1 else single
        evidence = [rng.random() + (number in (a, b)) * rng.random() for number in range(count)]

        made.append(search(components(count, evidence), Line(kind(a, b))).replays)

    assert median(made) <= 12


@pytest.mark.parametrize(("count", "replays"), [(1, 2), (2, 4), (5, 7), (8, 10)])
def test_a_few_components_are_all_put_back_one_by_one(count: int, replays: int) -> None:
    found = search(components(count), Line(single(count - 1, 0)))

    assert found.replays == replays
    assert all(found.single(one.key) is not None for one in components(count)) or count == 1


def test_both_of_two_that_do_harm_only_together_are_told() -> None:
    found = search(components(4), Line(only_together(1, 2)))

    assert set(found.causes) == {named(1), named(2)}
    assert found.alone_enough("code 1") is found.alone_enough("code 2") is False
    assert found.shares == pytest.approx({"code 1": 0.5, "code 2": 0.5})


def test_of_two_that_remove_it_the_one_that_makes_it_by_itself_comes_first() -> None:
    """Component 0 hides the symptom when it is put back, but only 1 makes it."""
    found = search(components(3, [0.9, 0.1, 0.5]), Line(lambda back: 41.0 if 1 in back or back == {0} else 63.0))

    assert found.causes == (named(1), named(0))


def test_parts_of_a_change_are_shared_as_shapley_shares_them() -> None:
    found = search(components(3), Line(lambda back: 63.0 - 15.0 * (0 in back) - 5.0 * (1 in back)))

    assert found.causes == (named(0, 1),) or found.causes == (named(0),)
    assert found.shares == pytest.approx({"code 0": 0.75, "code 1": 0.25})
    assert sum(found.shares.values()) == pytest.approx(1)


def test_an_interaction_is_shared_half_and_half() -> None:
    found = search(components(3), Line(lambda back: 63.0 - 20.0 * ({0, 1} <= back) - 1.0 * (0 in back)))

    assert found.causes == (named(0, 1),)
    assert found.shares == pytest.approx({"code 0": 11 / 21, "code 1": 10 / 21})


def test_components_that_make_it_worse_have_no_share_and_are_no_cause() -> None:
    found = search(components(4), Line(lambda back: 63.0 - 22.0 * (0 in back) + 5.0 * (1 in back) * (0 not in back)))

    assert found.causes == (named(0),)
    assert found.shares["code 0"] > 0.9
    assert found.shares.get("code 1", 0.0) >= 0.0


def test_a_set_that_cannot_be_run_removes_nothing_and_its_partner_is_found() -> None:
    """Old code does not know the new parameter: only both together can be put back."""
    found = search(components(4), Line(lambda back: None if (0 in back) != (1 in back) else 41.0 if 0 in back else 63.0))

    assert found.causes == (named(0, 1),)


def test_what_cannot_be_run_alone_is_left_out_where_the_whole_cannot_be_run() -> None:
    found = search(components(4), Line(lambda back: None if 3 in back else 41.0 if 1 in back else 63.0))

    assert found.reversible
    assert found.causes == (named(1),)


def test_where_every_replay_fails_nothing_is_found() -> None:
    found = search(components(3), Line(lambda back: None))

    assert (found.reproduced, found.causes, found.replays) == (False, (), 1)


def test_a_symptom_that_does_not_show_again_is_searched_no_further() -> None:
    found = search(components(3), Line(lambda back: 41.0))

    assert (found.reproduced, found.causes, found.replays, found.shares) == (False, (), 1, {})


def test_a_symptom_that_stays_with_everything_put_back_has_no_cause_but_readings_of_all() -> None:
    found = search(components(4), Line(lambda back: 63.0 - 5.0 * (2 in back)))

    assert found.reproduced
    assert not found.reversible
    assert found.causes == ()
    assert [found.readings[named(number)].value for number in range(4)] == [63.0, 63.0, 58.0, 63.0]


def test_components_that_cannot_be_replayed_are_left_as_they_are() -> None:
    line = Line(single(0, 0))
    several = [*components(2), Component("package", "numpy", "1", "2", why_not="its version of before is in no folder of packages")]

    search(several, line)

    assert not any("package numpy" in one for one in line.asked)


@pytest.mark.parametrize("most", [1, 2, 3, 5, 9, 14])
@pytest.mark.parametrize("kind", [single, additive, either_suffices])
def test_a_budget_is_kept_and_no_set_is_called_a_cause_that_was_not_verified(most: int, kind: Callable[[int, int], Measure]) -> None:
    line = Line(kind(17, 11))

    found = search(components(20), line, most=most)

    assert len(line.asked) <= most
    assert verified(found)
    assert set(found.causes) <= expected(kind, 17, 11)
    assert found.causes or found.out_of == "replays"


def test_a_search_out_of_time_says_so_and_keeps_what_it_has() -> None:
    line = Line(single(0, 0))

    found = search(components(6), line, enough=lambda: len(line.asked) >= 3)

    assert (found.out_of, found.replays, found.causes) == ("seconds", 3, (named(0),))


@pytest.mark.parametrize("seed", range(60))
def test_whatever_the_line_does_a_cause_is_borne_out_by_replays(seed: int) -> None:
    """Any function of the sets: not monotone, with sets that fail."""
    rng = random.Random(seed)
    count = rng.randint(1, 9)
    table: dict[frozenset[int], float | None] = {}

    def measure(back: frozenset[int]) -> float | None:
        if back not in table:
            table[back] = rng.choice([63.0, 63.0, 60.0, 52.0, 41.0, None]) if back else 63.0
        return table[back]

    line = Line(measure)

    found = search(components(count), line)

    assert verified(found)
    assert len(line.asked) == len(set(line.asked)) <= 24
    assert not found.shares or sum(found.shares.values()) == pytest.approx(1)
    assert all(0 <= share <= 1 for share in found.shares.values())


def test_three_faults_that_each_suffice_are_one_cause_of_three() -> None:
    for count in (4, 10):
        found = search(components(count), Line(lambda back: 41.0 if {0, 1, 3} <= back else 63.0), most=40)

        assert found.causes == (named(0, 1, 3),)
        assert found.shares == pytest.approx({"code 0": 1 / 3, "code 1": 1 / 3, "code 3": 1 / 3})


def test_a_measure_that_fell_is_searched_as_one_that_rose() -> None:
    def replay(back: frozenset[str]) -> Reading:
        value = 1000.0 if "code 1" in back else 400.0 + 10 * len(back)
        return Reading(value, value > 900)

    found = search(components(3), replay)

    assert found.causes == (named(1),)
    assert found.shares["code 1"] > 0.9
