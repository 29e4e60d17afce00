"""Charts made of letters."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from assayline.report.braille import dotted, ranked_letters, slots

VALUES = st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), max_size=60)


@given(st.integers(0, 400), st.integers(1, 90))
def test_every_value_has_a_slot_and_every_slot_a_value(count: int, into: int) -> None:
    found = slots(count, into)

    assert {place for start, stop in found for place in range(start, stop)} == set(range(count))
    assert all(0 <= start < stop <= count for start, stop in found)
    assert len(found) == (into if count else 0)


@given(VALUES, st.integers(1, 30), st.integers(1, 4))
def test_a_chart_has_its_size_whatever_is_drawn(values: list[float | None], cells: int, lines: int) -> None:
    drawn = dotted(values, cells=cells, lines=lines)

    assert [len(row) for row in drawn] == [cells] * lines
    assert {char for row in drawn for char in row} <= {" "} | {chr(code) for code in range(0x2801, 0x2900)}


def test_an_extreme_among_a_thousand_is_drawn() -> None:
    values: list[float | None] = [1.0] * 1000
    values[503] = 9.0

    top, bottom = dotted(values, cells=40, lines=2)

    assert [place for place, char in enumerate(top) if char != " "] == [503 * 40 // 1000]
    assert " " not in bottom


def test_a_gap_is_a_gap() -> None:
    (row,) = dotted([1.0, 1.0, None, None, 1.0, 1.0], cells=3, lines=1, low=0.0)

    assert row[1] == " "
    assert ranked_letters([1.0, None, 2.0], cells=3)[1] == " "


def test_letters_show_the_greatest_of_what_shares_a_cell() -> None:
    assert ranked_letters([0.0, 8.0, 0.0, 0.0], cells=2) == "#_"
