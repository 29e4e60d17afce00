"""Pictures: whatever a detector sends, a picture or none."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assayline.report.pictures import KINDS, parsed, svg_picture, text_picture
from assayline.report.visible import width

GOOD: dict[str, dict[str, Any]] = {
    "bars": {"kind": "bars", "labels": ["a", "b", "c"], "values": [3, 1, 0.5], "marked": [2], "unit": "rows"},
    "histogram": {"kind": "histogram", "edges": [0, 1, 2, 3], "counts": [5, 2, 1], "marked": [[2, 3]]},
    "series": {"kind": "series", "values": [1, 2, None, 9], "labels": ["w1", "w2", "w3", "w4"], "band": [[0, 3]] * 4, "marked": [3]},
    "compare": {"kind": "compare", "before": {"edges": [0, 1, 2], "counts": [5, 1]}, "after": {"edges": [1, 2, 4], "counts": [1, 5]}},
    "calendar": {"kind": "calendar", "days": {"2026-01-01": 4, "2026-01-03": 5}, "marked": ["2026-01-02"]},
    "share": {"kind": "share", "value": 0.12, "usual": 0.01},
}
NUMBER = st.one_of(
    st.floats(), st.integers(), st.sampled_from(["inf", "-inf", "nan", "1.5", "x", ""]), st.none(), st.booleans(), st.just(10**400)
)
ANYTHING = st.recursive(
    NUMBER | st.text(max_size=5), lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)
NUMBERS = st.lists(NUMBER, max_size=8)
DAYS = st.dictionaries(st.dates().map(str) | st.text(max_size=4), NUMBER, max_size=5)
HALF = st.fixed_dictionaries({"edges": NUMBERS, "counts": NUMBERS}) | ANYTHING
PICTURES = st.fixed_dictionaries(
    {"kind": st.sampled_from(KINDS)},
    optional={
        "labels": st.lists(st.text(max_size=5), max_size=8) | ANYTHING,
        "values": NUMBERS | ANYTHING,
        "edges": st.lists(st.floats(allow_nan=False), max_size=9).map(sorted) | ANYTHING,
        "counts": NUMBERS | ANYTHING,
        "marked": st.lists(st.integers(-3, 12) | st.tuples(NUMBER, NUMBER) | st.dates().map(str), max_size=3) | ANYTHING,
        "band": st.lists(st.tuples(NUMBER, NUMBER), max_size=8) | ANYTHING,
        "before": HALF,
        "after": HALF,
        "days": DAYS | ANYTHING,
        "value": NUMBER | ANYTHING,
        "usual": NUMBER | ANYTHING,
        "unit": ANYTHING,
    },
)


@settings(max_examples=400, deadline=None)
@given(PICTURES | st.dictionaries(st.text(max_size=5), ANYTHING, max_size=3))
def test_no_picture_is_an_error_and_no_coordinate_is_infinite(picture: dict[str, Any]) -> None:
    for small in (False, True):
        drawn = svg_picture(picture, label="x", small=small)

        assert not re.search(r'="[^"]*\b(nan|inf)\b', drawn)
        assert bool(drawn) == (parsed(picture) is not None)
    for most in (10, 20, 72):
        for line in text_picture(picture, most, blocks=most > 20) or []:
            assert sum(width(piece) for piece, _ in line) <= most


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(KINDS), st.lists(st.floats(-1e308, 1e308), min_size=2, max_size=300), st.integers(1, 10**6))
def test_every_well_formed_picture_is_drawn(kind: str, values: list[float], count: int) -> None:
    edges = [float(place) for place in range(len(values) + 1)]
    counts = [count] * len(values)
    picture = {
        "kind": kind, "labels": [str(place) for place in edges[1:]], "values": values, "edges": edges, "counts": counts, "marked": [],
        "before": {"edges": edges, "counts": counts}, "after": {"edges": [edge / 2 for edge in edges], "counts": counts},
        "days": {"2026-01-01": count}, "value": 0.5, "usual": None,
    }  # fmt: skip

    assert svg_picture(picture).startswith("<svg")
    assert text_picture(picture, 72)


@pytest.mark.parametrize("kind", KINDS)
def test_the_marked_part_looks_different(kind: str) -> None:
    picture = GOOD[kind]

    assert 'class="al-bad' in svg_picture(picture) or "al-marked" in svg_picture(picture)
    assert any(marked for line in text_picture(picture, 72) or [] for _, marked in line)


@pytest.mark.parametrize("kind", KINDS)
def test_plain_pictures_use_plain_letters(kind: str) -> None:
    lines = text_picture(GOOD[kind], 60, encoding="ascii", blocks=False)

    assert lines
    assert all(piece.isascii() for line in lines for piece, _ in line)


@pytest.mark.parametrize(
    "picture",
    [
        {},
        {"kind": "pie"},
        {"kind": "bars", "labels": ["a"], "values": [1, 2]},
        {"kind": "histogram", "edges": [2, 1], "counts": [1]},
        {"kind": "histogram", "edges": [1, 2], "counts": "12"},
        {"kind": "series", "values": [None, "nan"]},
        {"kind": "compare", "before": None, "after": None},
        {"kind": "calendar", "days": {"yesterday": 1}},
        {"kind": "share", "value": "much"},
    ],
)
def test_what_cannot_be_drawn_is_left_out(picture: dict[str, Any]) -> None:
    assert svg_picture(picture) == ""
    assert text_picture(picture, 72) is None


def test_infinite_edges_are_said_and_drawn() -> None:
    drawn = svg_picture({"kind": "histogram", "edges": ["-inf", 0, 1, "inf"], "counts": [1, 5, 2], "marked": [[1, "inf"]]})

    assert "−∞" in drawn
    assert drawn.count('class="al-bad"') == 1


def test_one_row_among_a_million_is_still_seen() -> None:
    lines = text_picture({"kind": "histogram", "edges": list(range(11)), "counts": [10**6] + [0] * 8 + [1], "marked": [[9, 10]]}, 60)

    assert lines is not None
    assert ("▁", True) in lines[0]


def test_too_many_bars_keep_the_marked_ones() -> None:
    drawn = svg_picture({"kind": "bars", "labels": [f"v{place}" for place in range(900)], "values": [1] * 900, "marked": [899]})

    assert "v899" in drawn
    assert "and 888 more" in drawn


def test_a_missing_day_is_a_gap_between_its_neighbours() -> None:
    drawn = svg_picture(GOOD["calendar"])

    assert "2026-01-02: nothing" in drawn
    assert drawn.count("<rect") == 3
