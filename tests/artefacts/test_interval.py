"""Conformal intervals hold the truth as often as they say."""

from __future__ import annotations

import numpy as np
import pytest

from assayline.artefacts import Constant, Interval, Linear
from assayline.errors import MisuseError


def simulated(coverage: float, rows: int, repeats: int, *, by_difficulty: bool) -> float:
    """The share of new rows inside their interval, over fresh calibration rows each time; noise is skew, heavy-tailed and larger where x is."""
    random = np.random.default_rng(11)
    layout = Linear.layout(np.array([[0.0], [1.0]]), [0])
    steady = Linear.of(layout, [0.5], 0.0)
    difficulty = Linear.of(layout, [1.0], 2.0) if by_difficulty else None
    inside = 0
    for _ in range(repeats):
        X = random.random((rows + 20, 1))
        y = (random.standard_t(3, rows + 20) ** 3 + random.exponential(1, rows + 20)) * (0.2 + X[:, 0])
        low, high = Interval.learn(steady, X[:rows], y[:rows], difficulty=difficulty).interval(X[rows:], coverage)
        inside += int(((low <= y[rows:]) & (y[rows:] <= high)).sum())
    return inside / (20 * repeats)


@pytest.mark.parametrize("by_difficulty", [False, True])
@pytest.mark.parametrize(("coverage", "rows"), [(0.5, 30), (0.9, 50), (0.95, 200)])
def test_the_truth_is_inside_as_often_as_promised(coverage: float, rows: int, by_difficulty: bool) -> None:
    found = simulated(coverage, rows, 400, by_difficulty=by_difficulty)

    assert coverage - 0.012 <= found <= coverage + 1 / (rows + 1) + 0.012  # 8,000 rows; three standard errors with their dependence


def test_a_coverage_that_so_few_rows_cannot_promise_is_misuse() -> None:
    model = Interval.learn(Constant.of(0.0), np.zeros((19, 1)), np.arange(19.0))

    assert model.reach(0.95) == 18.0
    with pytest.raises(MisuseError, match="19 calibration rows"):
        model.reach(0.96)
