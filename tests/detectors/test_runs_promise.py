"""The law of the longest run. H0: a value equals the one before independently, as often as elsewhere in the column.

The limits of the detectors (1e-9 and 1e-6 expected runs) are too small to be simulated; the law they rest on is tried at limits that can be.
"""

from __future__ import annotations

import numpy as np
import pytest

from assayline.detectors.stuck_sensor import chance_of_run
from assayline.measures import Runs


def runs_of(repeats: np.ndarray) -> Runs:
    """The runs of a column of which it is known which rows repeat the one before."""
    starts = np.flatnonzero(np.concatenate(([True], ~repeats)))
    lengths = np.diff(np.append(starts, len(repeats) + 1))
    return Runs(rows=len(repeats) + 1, filled=len(repeats) + 1, runs=len(lengths), longest=int(lengths.max()))


@pytest.mark.parametrize("repeat", [0.02, 0.1, 0.3])
@pytest.mark.parametrize("limit", [0.05, 0.01])
def test_runs_are_as_rare_as_is_said(repeat: float, limit: float) -> None:
    rng = np.random.default_rng(8)
    columns = 4_000

    accused = sum(chance_of_run(runs_of(rng.random(400) < repeat))[1] < limit for _ in range(columns))

    assert accused <= columns * limit + 3 * np.sqrt(columns * limit)


def test_a_run_that_is_none_by_chance_is_rare() -> None:
    repeats = np.zeros(400, dtype=np.bool_)
    repeats[100:140] = True

    assert chance_of_run(runs_of(repeats))[1] < 1e-9
