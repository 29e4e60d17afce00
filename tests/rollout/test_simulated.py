"""Rollouts from their first batch to their end, as the benchmark simulates them: a thinned sample here, all of it as slow ones."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from assayline.rollout import Limits

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    for name in ("delivery_judge", "results"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import delivery_judge

    return delivery_judge


@pytest.mark.parametrize("rollouts", [60, pytest.param(1_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("wobble", [0.0, 0.02, 0.05])
def test_rollouts_without_a_difference_are_rolled_back_in_at_most_one_of_a_hundred_however_days_wobble(simulated: ModuleType, wobble: float, rollouts: int) -> None:
    back = simulated.rolled_back(np.random.default_rng(11), rollouts, wobble, Limits(margin=0.001, labels=True))

    assert back <= max(2, rollouts // 100)


@pytest.mark.parametrize(
    ("discordance", "rollouts"), [(0.035, 30), (0.075, 20), (0.135, 12), *(pytest.param(one, 300, marks=pytest.mark.slow) for one in (0.035, 0.075, 0.135))]
)  # fmt: skip
def test_a_model_1_5_points_worse_goes_back_within_one_and_a_half_times_the_rows_that_are_known_to_do(simulated: ModuleType, discordance: float, rollouts: int) -> None:
    found = simulated.labelled_rows(np.random.default_rng(1), rollouts, discordance)

    assert found[0.05] <= 1.5 * simulated.KNOWN_ROWS[discordance]
    assert found[0.05] < found[0.01] < 10_000


@pytest.mark.parametrize("rollouts", [60, pytest.param(500, marks=pytest.mark.slow)])
def test_a_model_that_is_worse_by_its_margin_reaches_everybody_in_at_most_one_of_twenty_rollouts(simulated: ModuleType, rollouts: int) -> None:
    rng = np.random.default_rng(12)
    limits = Limits(margin=0.01, labels=True)
    actions = [simulated.ended(simulated.days(rng, 30, 5_000, worse=0.01, wobble=0.05, margin=0.01), limits)[0] for _ in range(rollouts)]

    assert actions.count("advance") <= rollouts * 0.05 + 2 * np.sqrt(rollouts * 0.05)
    assert actions.count("stay") > rollouts / 2


def test_a_model_that_is_as_good_reaches_everybody_and_one_much_worse_goes_back_on_its_first_day(simulated: ModuleType) -> None:
    rng = np.random.default_rng(13)
    limits = Limits(margin=0.01, labels=True)
    same = [simulated.ended(simulated.days(rng, 30, 5_000, margin=0.01), limits) for _ in range(10)]
    worse = [simulated.ended(simulated.days(rng, 30, 5_000, worse=0.12, discordance=0.15, margin=0.01), limits) for _ in range(10)]

    assert {action for action, _ in same} == {"advance"}
    assert min(days for _, days in same) == 7
    assert max(days for _, days in same) <= 10
    assert worse == [("rollback", 1)] * 10
