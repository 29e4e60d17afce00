"""Groups that nobody labelled, and rows that two tables share."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from assayline.framing import duplicates, segments
from assayline.framing.segments import adjusted_rand, silhouette

GENERATOR = np.random.default_rng(2)


def customers() -> tuple[pl.DataFrame, np.ndarray]:
    kind = np.repeat([0, 1, 2], 150)
    table = pl.DataFrame(
        {
            "customer": [f"c{at * 31 % 997}" for at in range(450)], "visits": GENERATOR.poisson(np.array([20, 90, 20])[kind]), "spent": GENERATOR.gamma(50, np.array([1.0, 1.0, 9.0])[kind]),
            "plan": np.where(np.arange(450) % 30 == 0, "plus", "basic"), "last": ["2026-01-01"] * 450,
        }
    )  # fmt: skip
    return table, kind


def test_groups_that_are_there_are_found_and_put_first() -> None:
    table, kind = customers()

    found = segments(table, k=(2, 3), seed=1)

    best = next(one for one in found if one.kind == "nearness")
    assert best.name == "nearness, 3 groups"
    assert adjusted_rand(np.array(best.groups), kind) > 0.95
    assert best.stability > 0.9
    assert "come again" in best.sentence
    assert any("higher spent" in one for one in best.descriptions)
    assert {one.kind for one in found} == {"nearness", "scores", "category"}
    assert "category customer" not in {one.name for one in found}


@pytest.mark.parametrize("seed", range(3))
def test_groups_that_are_not_there_are_said_to_be_hardly_apart(seed: int) -> None:
    generator = np.random.default_rng(seed)
    noise = pl.DataFrame({f"n{at}": generator.normal(size=400) for at in range(6)})

    found = segments(noise, k=(3, 4), seed=seed)

    assert all("hardly apart" in one.sentence for one in found)


@pytest.mark.parametrize("table", [pl.DataFrame(), pl.DataFrame({"a": []}), pl.DataFrame({"a": [1]}), pl.DataFrame({"a": [None, None]}), pl.DataFrame({"a": [1, 1, 1]})])
def test_a_table_with_nothing_to_group_by_has_no_groupings(table: pl.DataFrame) -> None:
    assert segments(table) == ()


def test_the_silhouette_is_that_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    values, groups = GENERATOR.normal(size=(80, 3)), GENERATOR.integers(0, 3, 80)

    assert silhouette(values, groups) == pytest.approx(metrics.silhouette_score(values, groups))
    assert adjusted_rand(groups, groups[::-1]) == pytest.approx(metrics.adjusted_rand_score(groups, groups[::-1]))


def test_rows_of_both_tables_are_found_in_any_spelling_and_order_of_columns() -> None:
    train = pl.DataFrame({"a": ["1", "2", "3"], "b": [" Red", "blue", None]})
    test = pl.DataFrame({"B": ["red.", "green", None], "a": [1.0, 2.0, 3.0]})

    found = duplicates(train, test)

    assert found.rows == (0, 2)
    assert found.share == pytest.approx(2 / 3)
    assert "2 of 3 test rows (66.7%)" in found.sentence


def test_a_column_that_numbers_the_rows_can_be_ignored() -> None:
    train, test = pl.DataFrame({"row": [1, 2], "a": ["x", "y"]}), pl.DataFrame({"row": [7, 8], "a": ["y", "z"]})

    assert duplicates(train, test).rows == ()
    assert duplicates(train, test, ignore=("row",)).rows == (0,)


@pytest.mark.parametrize(("train", "test"), [(pl.DataFrame(), pl.DataFrame({"a": [1]})), (pl.DataFrame({"a": [1]}), pl.DataFrame({"b": [1]})), (pl.DataFrame({"a": []}), pl.DataFrame({"a": []}))])
def test_nothing_to_compare_is_no_duplicate(train: pl.DataFrame, test: pl.DataFrame) -> None:
    assert duplicates(train, test).share == 0.0
