"""Sets of keys: equal keys are equal in any form, known keys are found, memory is bounded."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assayline.measures import KeySet, marks_of


@settings(deadline=None)
@given(st.lists(st.integers(-(2**53) + 1, 2**53 - 1), min_size=1, max_size=20))
def test_whole_numbers_are_the_same_keys_as_text_and_as_floats(values: list[int]) -> None:
    numbers = marks_of(pl.Series(values, dtype=pl.Int64), "number").marks.tolist()

    assert marks_of(pl.Series([str(one) for one in values]), "number").marks.tolist() == numbers
    assert marks_of(pl.Series([float(one) for one in values], dtype=pl.Float64), "number").marks.tolist() == numbers


def test_numbers_are_the_same_keys_as_their_text_where_the_parent_holds_text() -> None:
    texts = marks_of(pl.Series(["17", "4"]), "text").marks.tolist()

    assert marks_of(pl.Series([17, 4]), "text").marks.tolist() == texts
    assert marks_of(pl.Series([17.0, 4.0]), "text").marks.tolist() == texts


def test_empty_cells_and_words_for_nothing_are_no_keys() -> None:
    assert marks_of(pl.Series(["a", None, "", " N/A ", "b"]), "text").rows.tolist() == [0, 4]
    assert marks_of(pl.Series([1.0, None, 2.5, float("nan"), 1e300]), "number").rows.tolist() == [0]


@pytest.mark.parametrize("most_exact", [10**6, 10])
def test_a_known_key_is_always_found_and_a_foreign_one_nearly_never(most_exact: int) -> None:
    rng = np.random.default_rng(5)
    known = pl.Series(rng.choice(10**9, 50_000, replace=False))
    foreign = pl.Series(rng.choice(10**9, 20_000, replace=False) + 10**9)

    keys = KeySet.of((marks_of(part, "number").marks for part in (known[:20_000], known[20_000:])), 50_000, most_exact)

    assert keys.has(marks_of(known, "number").marks).all()
    # Bloom: 12 bits a key, four probes: (1 - exp(-4 / 12)) ** 4 = 0.65 % of the foreign ones; an exact set has none.
    taken = float(keys.has(marks_of(foreign, "number").marks).mean())
    assert taken == 0 if keys.is_exact else taken < 0.01


def test_a_filter_has_the_size_its_limit_says_whatever_it_is_told_to_expect() -> None:
    keys = KeySet.of([marks_of(pl.Series([1, 2]), "number").marks], 10**12)

    assert keys.bits is not None
    assert keys.bits.nbytes == 128 << 20
