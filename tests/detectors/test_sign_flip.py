"""Signs that nobody meant, without a past."""

import numpy as np
import polars as pl
import pytest

from assayline.core import Past
from assayline.detectors.sign_flip import SignFlip
from assayline.measures import Block, Plan, profile

AGES = [20 + number * 7 % 60 for number in range(300)]


def found(numbers: list[float] | list[int]) -> list[int | None]:
    return [finding.rows for finding in SignFlip()(profile(pl.DataFrame({"x": numbers})), Past())]


def test_a_few_negative_ages_are_flipped_and_can_be_turned_back() -> None:
    frame = pl.DataFrame({"age": [*AGES, -34, -51]})
    finding = next(iter(SignFlip()(profile(frame), Past())))
    assert finding.locate is not None

    cells = finding.locate(Block(frame, Plan.of(frame, False)))

    assert [(cell.row, cell.suggestion) for cell in cells] == [(300, "34"), (301, "51")]


@pytest.mark.parametrize(
    "numbers",
    [
        AGES,
        [*AGES, -34],
        [*AGES, -999, -999, -999],
        [*np.random.default_rng(0).lognormal(2, 1, 300).round(2).tolist(), -7.5, -12.0, -3.2],
        np.random.default_rng(0).normal(0, 5, 300).round(1).tolist(),
        [*AGES, *[-age for age in AGES]],
    ],
    ids=["none", "one", "a code for missing", "refunds among prices", "degrees", "debits and credits"],
)
def test_other_negative_numbers_are_left_alone(numbers: list[float]) -> None:
    assert found(numbers) == []
