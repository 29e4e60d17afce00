"""How far a column is from what it was, and which of its cells are unlike all before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from assayline.diagnosis.distances import chance, distance, scaled, unusual


def test_two_samples_of_one_law_are_seldom_further_apart_than_chance() -> None:
    rng = np.random.default_rng(1)
    far = [distance(pl.Series(rng.normal(0, 1, 150)), pl.Series(rng.normal(0, 1, 600))) > chance(150, 600) for _ in range(400)]

    assert np.mean(far) <= 0.01 + 3 * (0.01 * 0.99 / 400) ** 0.5


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        ([5.0, 6.0], [1.0, 2.0], 1.0), ([1, None], [1, 2], 0.5), (["a", "a"], ["b", "b"], 1.0), (["a", None], ["a", "a"], 0.5), ([], [1.0], 0.0), ([[1]], [[2]], 0.0),
        (["1", "2 km"], [1.0, 1.0], 0.5), ([None, None], [1.0, 2.0], 1.0),
    ],
)  # fmt: skip
def test_distances_of_small_samples(now: list[object], before: list[object], expected: float) -> None:
    assert distance(pl.Series(now), pl.Series(before)) == pytest.approx(expected)


def test_times_are_quantities() -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    early, late = ([start + timedelta(hours=hours + at) for at in range(24)] for hours in (0, 12))

    assert distance(pl.Series(late), pl.Series(early)) == pytest.approx(0.5)


def test_cells_of_the_usual_range_and_known_words_are_not_unusual() -> None:
    rng = np.random.default_rng(2)
    usual = pl.Series(rng.normal(15, 3, 900))

    assert unusual(pl.Series(rng.normal(15, 3, 900)), usual).mean() < 0.01
    assert unusual(pl.Series([59.0, 15.0, None, -40.0]), usual).tolist() == [True, False, True, True]
    assert unusual(pl.Series(["a", "z", None]), pl.Series(["a", "b"] * 20)).tolist() == [False, True, True]
    assert unusual(pl.Series(["x", "y"]), pl.Series(["p", "q", "r"])).tolist() == [False, False]  # names of rows: all are new
    assert unusual(pl.Series(["12", "13 km", "59"]), usual).tolist() == [False, True, True]


def test_a_quantity_is_scaled_by_how_much_it_varied_before() -> None:
    before = pl.Series([10.0, 12.0, 14.0, 16.0, 18.0])

    assert scaled(pl.Series([14.0, 18.0, None, 1e9]), before) == pytest.approx([0.0, 1.0, 0.0, 10.0])
    assert scaled(pl.Series(["a"]), before) is None
