"""What the charts of a flow draw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from assayline.report.flow_history import columns, history, ranked

Document = dict[str, Any]


def of_numbers(a_flow: Callable[..., Document], a_lot: Callable[..., Document], **medians: list[float]) -> Document:
    count = len(next(iter(medians.values())))
    lots = []
    for place in range(count):
        told = {name: {"kind": "number", "null_share": 0.0, "mean": all_[place], "p05": all_[place] - 1, "median": all_[place], "p95": all_[place] + 1} for name, all_ in medians.items()}
        lots.append(a_lot(place + 1, figures={"columns": told, "columns_now": list(medians)}))
    return a_flow(lots)


def test_the_column_that_moved_most_comes_first(a_flow: Callable[..., Document], a_lot: Callable[..., Document]) -> None:
    steady, moved = [5.0, 6.0] * 10, [5.0, 6.0] * 7 + [50.0] * 6

    told = history(of_numbers(a_flow, a_lot, steady=steady, moved=moved))

    assert ranked(told) == ["moved", "steady"]
    first, second = columns(told)
    assert first.moved > 5
    assert second.moved < 0.5


def test_one_odd_lot_moves_no_column(a_flow: Callable[..., Document], a_lot: Callable[..., Document]) -> None:
    told = history(of_numbers(a_flow, a_lot, one=[5.0, 6.0] * 10 + [500.0]))

    assert columns(told)[0].moved < 0.5


def test_columns_of_open_incidents_come_before_those_that_moved(busy: Callable[..., Document], an_incident: Callable[..., Document]) -> None:
    document = busy() | {"incidents": [an_incident(39, 40, columns=["city"])]}

    assert ranked(history(document))[:2] == ["city", "grams"]


def test_columns_that_did_not_move_stand_as_in_the_table(a_flow: Callable[..., Document], a_lot: Callable[..., Document]) -> None:
    told = history(of_numbers(a_flow, a_lot, zebra=[1.0] * 9, ant=[2.0] * 9))

    assert ranked(told) == ["zebra", "ant"]


def test_a_lot_that_could_not_be_read_is_a_gap(busy: Callable[..., Document]) -> None:
    grams = next(one for one in columns(history(busy())) if one.name == "grams")

    assert grams.middle[20] is None
    assert grams.middle[19] is not None
    assert grams.marked == {8, 11, 14, 17, 35, 36, 37, 38, 39}


def test_one_lot_of_another_kind_does_not_change_what_a_column_is(busy: Callable[..., Document]) -> None:
    document = busy()
    document["lots"][-1]["figures"]["columns"]["grams"] = {"kind": "category", "null_share": 0.0, "top": [["much", 1.0]]}

    grams = next(one for one in columns(history(document)) if one.name == "grams")

    assert (grams.drawn, grams.kind) == ("number", "number")
    assert grams.middle[-1] is None


def test_few_different_numbers_keep_their_median(busy: Callable[..., Document]) -> None:
    document = busy()
    document["lots"][-1]["figures"]["columns"]["grams"] = {"kind": "boolean", "null_share": 0.0, "top": [["12", 0.7], ["3", 0.3]]}

    assert next(one for one in columns(history(document)) if one.name == "grams").middle[-1] == 12


def test_a_value_that_is_new_is_among_those_shown(a_flow: Callable[..., Document], a_lot: Callable[..., Document]) -> None:
    old = [[letter, 0.16] for letter in "abcdef"]
    lots = [a_lot(place, figures={"columns": {"city": {"kind": "category", "null_share": 0.0, "top": old}}}) for place in range(1, 60)]
    lots += [a_lot(60, figures={"columns": {"city": {"kind": "category", "null_share": 0.0, "top": [["new", 1.0]]}}})]

    (city,) = columns(history(a_flow(lots)))

    assert "new" in city.values
    assert city.shares[city.values.index("new")][-2:] == (0.0, 1.0)


def test_a_flow_without_lots_has_nothing_to_draw(a_flow: Callable[..., Document]) -> None:
    told = history(a_flow([]))

    assert ranked(told) == []
    assert told.lot_at(1) is None


def test_hostile_figures_are_read_as_far_as_they_can_be(hostile_flow: Callable[..., Document]) -> None:
    told = history(hostile_flow(80))

    drawn = {one.name: one for one in columns(told)}
    assert len(drawn) > 5
    assert drawn["n"].drawn == "number"
