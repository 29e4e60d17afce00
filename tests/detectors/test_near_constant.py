"""Numbers that stand alone beside the one value of their column, and columns that are honestly inflated at one value."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from assayline.core import Cell, Past
from assayline.detectors.near_constant import NearConstant
from assayline.measures import Block, Plan, profile_block


def accused(numbers: list[float]) -> list[Cell]:
    frame = pl.DataFrame({"x": [f"{number:g}" for number in numbers]})
    plan = Plan.of(frame, text=True)
    found = NearConstant()(profile_block(Block(frame, plan)), Past())
    return [cell for one in found if one.locate is not None for cell in one.locate.fresh()(Block(frame, plan))]


def test_lone_values_on_both_sides_of_a_constant_are_found_with_what_is_meant() -> None:
    numbers = [37.5] * 200
    numbers[20], numbers[90] = 3.75, 375.0

    assert [(cell.row, cell.suggestion) for cell in accused(numbers)] == [(20, "37.5"), (90, "37.5")]


def test_slips_of_the_usual_number_are_told_from_values_that_were_meant() -> None:
    numbers = [-9_999.0] * 180 + [1.0, 2.0, 3.0] * 5
    numbers[7], numbers[77] = -9_933.0, -9_919.0

    assert [(cell.row, cell.suggestion) for cell in accused(numbers)] == [(7, "-9999"), (77, "-9999")]


def gains(r: np.random.Generator) -> list[float]:
    return list(r.integers(100, 99_999, 2_000) * (r.random(2_000) < 0.08))


def rain(r: np.random.Generator) -> list[float]:
    return list((r.gamma(1, 8, 1_000) * (r.random(1_000) < 0.05)).round(1))


def full_percentages(r: np.random.Generator) -> list[float]:
    return list(np.where(r.random(800) < 0.9, 100.0, r.uniform(40, 99.9, 800).round(1)))


def single_rooms(r: np.random.Generator) -> list[float]:
    return list(np.where(r.random(900) < 0.92, 1, 1 + r.poisson(3, 900)))


def corrections(r: np.random.Generator) -> list[float]:
    return list(np.where(r.random(900) < 0.95, 0.0, r.normal(0, 50, 900).round(2)))


def usual_sizes(r: np.random.Generator) -> list[float]:
    return list(r.choice([750.0, 375.0, 500.0, 1_500.0, 187.0], 900, p=[0.86, 0.04, 0.04, 0.04, 0.02]))


def usual_fee_and_special_ones(r: np.random.Generator) -> list[float]:
    return list(np.where(r.random(900) < 0.85, 49.0, r.choice([19.0, 29.0, 39.0, 59.0, 99.0, 149.0], 900)))


@pytest.mark.parametrize("make", [gains, rain, full_percentages, single_rooms, corrections, usual_sizes, usual_fee_and_special_ones])
@pytest.mark.parametrize("seed", range(8))
def test_columns_that_are_honestly_inflated_at_one_value_are_met_with_silence(make: Callable[[np.random.Generator], list[float]], seed: int) -> None:
    assert accused(make(np.random.default_rng(seed))) == []
