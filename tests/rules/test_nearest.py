"""The distance between two names, against its definition."""

from __future__ import annotations

from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from assayline.rules.nearest import distance, nearest

names = st.text("abc", max_size=8)


@given(names, names)
def test_the_distance_is_the_fewest_edits(one: str, other: str) -> None:
    @cache
    def edits(left: int, right: int) -> int:
        if not left or not right:
            return left + right
        return min(edits(left - 1, right) + 1, edits(left, right - 1) + 1, edits(left - 1, right - 1) + (one[left - 1] != other[right - 1]))

    assert distance(one, other) == edits(len(one), len(other))


def test_a_name_too_far_from_all_has_no_nearest() -> None:
    assert nearest("amont", ["customer", "day"]) is None
    assert nearest("amont", ["amount", "mount"]) == "amount"
