"""Attributes that change with time are told from attributes that are wrong here and there."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from assayline.core import Past
from assayline.detectors.dependency_violation import DependencyViolation
from assayline.detectors.persistence import evolves
from assayline.measures import profile

PEOPLE = np.repeat(np.arange(60), 12)


def panel(seed: int, moving: float) -> np.ndarray:
    """Where each of 60 people lives in each of 12 years; some move once, for good."""
    numbers = np.random.default_rng(seed)
    home = numbers.integers(0, 8, 60)
    year = numbers.integers(1, 12, 60)
    moves = numbers.random(60) < moving
    later = np.where(moves, (home + numbers.integers(1, 8, 60)) % 8, home)
    return np.where(np.tile(np.arange(12), 60) < np.repeat(year, 12), np.repeat(home, 12), np.repeat(later, 12))


@pytest.mark.parametrize("seed", range(5))
def test_people_who_move_are_not_accused(seed: int) -> None:
    homes = panel(seed, 0.3)

    assert evolves(PEOPLE, homes)
    frame = pl.DataFrame({"person": [f"P{n:03}" for n in PEOPLE], "home": [f"town {n}" for n in homes]})
    assert list(DependencyViolation()(profile(frame), Past())) == []


def test_errors_here_and_there_are_accused_as_before() -> None:
    numbers = np.random.default_rng(1)
    homes = panel(1, 0.0)
    wrong = numbers.choice(len(homes), 12, replace=False)
    homes[wrong] = (homes[wrong] + 3) % 8

    frame = pl.DataFrame({"person": [f"P{n:03}" for n in PEOPLE], "home": [f"town {n}" for n in homes]})
    [finding] = [one for one in DependencyViolation()(profile(frame), Past()) if one.columns[0] == "home"]
    assert float(finding.evidence["cells"]) >= 10  # two of a group of twelve may outvote each other


def test_accidental_errors_are_rarely_taken_for_changes() -> None:
    taken = 0
    for seed in range(400):
        numbers = np.random.default_rng(seed)
        homes = panel(seed, 0.0)
        wrong = numbers.choice(len(homes), 20, replace=False)
        homes[wrong] = (homes[wrong] + 3) % 8
        taken += evolves(PEOPLE, homes)

    assert taken <= 20  # promised: 1 in 40 of 400; 20 is three standard errors above


def test_what_never_changes_does_not_evolve() -> None:
    assert not evolves(PEOPLE, panel(0, 0.0))
    assert not evolves(np.full(3, -1), np.zeros(3, dtype=np.int64))


def test_a_rounded_measurement_names_nothing() -> None:
    """Carbon monoxide in steps of 100: equal readings of two stations are no key."""
    numbers = np.random.default_rng(3)
    south = np.arange(108) % 3 == 2
    level = np.where(south, numbers.integers(6, 9, 108), numbers.integers(3, 6, 108)) * 100
    level[[10, 50]] = 700
    readings = pl.DataFrame({"station": np.where(south, "south", "north"), "co": level})

    assert [one.columns for one in DependencyViolation()(profile(readings), Past())] == []
    codes = readings.with_columns(co=pl.col("co") + 7)
    assert [one.columns for one in DependencyViolation()(profile(codes), Past())] == [("station", "co")]
