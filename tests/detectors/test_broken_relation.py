"""Arithmetic between columns: found where it is broken, never between columns that have nothing to do with each other."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from assayline.core import Cell, Past
from assayline.detectors.broken_relation import BrokenRelation
from assayline.detectors.relations import relations
from assayline.measures import Block, Plan, profile_block


def accused(frame: pl.DataFrame) -> list[Cell]:
    text = frame.with_columns(pl.all().cast(pl.String))
    plan = Plan.of(text, text=True)
    found = BrokenRelation()(profile_block(Block(text, plan)), Past())
    return [cell for one in found if one.locate is not None for cell in one.locate.fresh()(Block(text, plan))]


def mined(frame: pl.DataFrame) -> list[str]:
    return [str(one) for one in relations(profile_block(Block(frame, Plan.of(frame))))]


def orders(n: int, seed: int) -> pl.DataFrame:
    r = np.random.default_rng(seed)
    frame = pl.DataFrame({
        "quantity": r.integers(1, 12, n), "price": r.gamma(3, 9, n).round(2), "shipping": r.choice([0.0, 4.9, 7.5, 12.0], n),
        "weight": r.gamma(2, 2, n).round(3),
    })  # fmt: skip
    return frame.with_columns(goods=(pl.col("quantity") * pl.col("price")).round(2)).with_columns(total=(pl.col("goods") + pl.col("weight").round(2)).round(2))


@pytest.mark.parametrize("seed", range(5))
def test_a_broken_product_is_found_with_what_comes_out(seed: int) -> None:
    frame = orders(600, seed)
    meant = f"{frame[77, 'goods']:.2f}"
    frame[77, "goods"] = frame[77, "goods"] + 100

    (cell,) = accused(frame.drop("total"))

    assert (cell.row, cell.column, float(cell.suggestion or "nan")) == (77, "goods", float(meant))


def test_a_relation_that_holds_clears_its_columns_of_blame() -> None:
    r = np.random.default_rng(2)
    frame = pl.DataFrame({name: r.integers(10, 900, 400) for name in "abd"})
    frame = frame.with_columns(c=pl.col("a") + pl.col("b"), e=pl.col("a") + pl.col("d"))
    meant = str(frame[31, "b"])
    frame[31, "b"] = 5_000

    (cell,) = accused(frame)

    assert (cell.row, cell.column, cell.suggestion) == (31, "b", meant)


def test_of_two_equal_columns_the_one_that_repeats_another_row_is_wrong() -> None:
    r = np.random.default_rng(3)
    numbers = r.permutation(100_000)[:300]
    frame = pl.DataFrame({"code": numbers, "copy": numbers, "x": r.integers(0, 9, 300)})
    frame[50, "copy"] = int(numbers[9])

    (cell,) = accused(frame)

    assert (cell.row, cell.column, cell.suggestion) == (50, "copy", str(numbers[50]))


def test_a_column_in_another_unit_is_recognised_with_its_rounding() -> None:
    r = np.random.default_rng(4)
    celsius = r.normal(15, 8, 500).round(1)
    frame = pl.DataFrame({"c": celsius, "f": (celsius * 1.8 + 32).round(1)})
    frame[12, "f"] = 12.0

    cells = accused(frame)

    assert [(cell.row, cell.column) for cell in cells] == [(12, "f")]
    assert float(cells[0].suggestion or "nan") == pytest.approx(celsius[12] * 1.8 + 32, abs=0.06)


@pytest.mark.parametrize("seed", range(30))
def test_columns_that_have_nothing_to_do_with_each_other_obey_nothing(seed: int) -> None:
    r = np.random.default_rng(seed)
    n = int(r.choice([60, 200, 1_500]))
    frame = pl.DataFrame({
        "whole": r.integers(0, 40, n), "small": r.poisson(2.5, n), "zeros": r.poisson(8, n) * (r.random(n) < 0.05), "money": r.gamma(2, 30, n).round(2),
        "share": r.random(n).round(3), "normal": r.normal(0, 1, n), "year": r.integers(1990, 2025, n), "wide": r.lognormal(8, 2, n).round(),
        "grade": r.integers(1, 11, n), "tens": r.integers(1, 30, n) * 10, "negative": r.integers(-20, 20, n), "id": np.arange(n),
    })  # fmt: skip

    assert mined(frame) == []


@pytest.mark.parametrize("seed", range(10))
def test_columns_that_only_move_together_obey_nothing(seed: int) -> None:
    r = np.random.default_rng(100 + seed)
    size = r.lognormal(3, 1, 800)
    frame = pl.DataFrame({
        "height": (size * 2 + r.normal(0, 1, 800)).round(1), "width": (size + r.normal(0, 1, 800)).round(1),
        "list_price": (price := r.choice([9.99, 19.99, 24.5, 49.0, 99.0, 149.0, 5.0, 7.5, 12.0, 80.0], 800)),
        "paid": np.where(r.random(800) < 0.1, (price * 0.8).round(2), price),
    })  # fmt: skip

    assert mined(frame) == []
