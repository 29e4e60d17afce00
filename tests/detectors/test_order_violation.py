"""Columns that never exceed others: found where they do, never where one is only larger as a rule."""

from __future__ import annotations

import datetime

import numpy as np
import polars as pl
import pytest

from assayline.core import Cell, Past
from assayline.detectors.order_violation import OrderViolation
from assayline.measures import Block, Plan, profile_block


def accused(frame: pl.DataFrame) -> list[Cell]:
    plan = Plan.of(frame)
    found = OrderViolation()(profile_block(Block(frame, plan)), Past())
    return [cell for one in found if one.locate is not None for cell in one.locate.fresh()(Block(frame, plan))]


def stays(n: int, seed: int) -> pl.DataFrame:
    r = np.random.default_rng(seed)
    arrival = [datetime.datetime(2024, 1, 1) + datetime.timedelta(minutes=int(m)) for m in r.integers(0, 200_000, n)]
    return pl.DataFrame({"arrival": arrival}).with_columns(leaving=pl.col("arrival") + pl.Series([datetime.timedelta(minutes=int(m)) for m in r.gamma(1.5, 2_000, n)]))


@pytest.mark.parametrize("seed", range(5))
def test_times_that_changed_places_are_found(seed: int) -> None:
    frame = stays(800, seed)
    frame[90, "arrival"], frame[90, "leaving"] = frame[90, "leaving"] + datetime.timedelta(days=3), frame[90, "arrival"]

    assert {cell.row for cell in accused(frame)} == {90}


def test_the_cell_that_breaks_several_orders_is_the_wrong_one() -> None:
    r = np.random.default_rng(1)
    levels = (r.normal(50, 20, (500, 1)) + np.sort(r.normal(0, 5, (500, 3)), axis=1)).round(2)
    frame = pl.DataFrame({"low": levels[:, 0], "middle": levels[:, 1], "high": levels[:, 2]})
    frame[40, "low"] = 140.0

    (cell,) = accused(frame)

    assert (cell.row, cell.column) == (40, "low")
    assert cell.confidence > 0.5


@pytest.mark.parametrize("seed", range(30))
def test_independent_columns_have_no_order(seed: int) -> None:
    r = np.random.default_rng(seed)
    n = int(r.choice([100, 400, 3_000]))
    frame = pl.DataFrame({
        "a": r.normal(0, 1, n), "b": r.normal(2.5, 1, n), "c": r.normal(3.2, 1, n), "d": r.lognormal(0, 1, n), "e": r.lognormal(3, 1, n), "f": r.integers(0, 60, n),
        "g": r.integers(30, 99, n), "h": r.poisson(9, n), "i": r.random(n), "j": r.pareto(2, n),
    })  # fmt: skip

    assert accused(frame) == []


@pytest.mark.parametrize("seed", range(30))
def test_columns_of_which_one_is_larger_as_a_rule_have_no_order(seed: int) -> None:
    r = np.random.default_rng(seed)
    n = 1_500
    size = r.normal(0, 4, n)
    frame = pl.DataFrame({
        "now": size + r.normal(0, 1, n), "next": size + r.normal(3.4, 1, n), "later": size + r.normal(4.2, 1.2, n),
        "sure": size + 3 + r.laplace(0, 0.7, n), "far": size + 6 + r.standard_t(4, n),
    })  # fmt: skip

    assert accused(frame) == []
