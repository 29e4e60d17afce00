"""Money: what a change costs, by the owner's prices, with an interval that holds."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("assayline.trials")

from assayline.explain import Pair, money_of, outcomes
from assayline.trials import CostMatrix, Scored, per_unit

COST = CostMatrix(("no", "yes"), ((0.0, 10.0), (100.0, 0.0)))


def pair_of(seed: int, rows: int = 800, worse: float = 0.02) -> Pair:
    rng = np.random.default_rng(seed)
    truth = (rng.random(rows) < 0.3).astype(float)
    before = np.where(rng.random(rows) < 0.1, 1 - truth, truth)
    after = np.where(rng.random(rows) < worse, 1 - before, before)
    return Pair(Scored("s", "v7", "binary", ("no", "yes"), truth, before), Scored("s", "v8", "binary", ("no", "yes"), truth, after), COST)


def test_the_interval_holds_what_the_change_costs_in_the_long_run() -> None:
    # A row flips with 2 %: it was right (90 %) and then costs 10 or 100, or wrong (10 %) and then saves it.
    true = 1000 * 0.02 * (0.9 - 0.1) * (0.7 * 10 + 0.3 * 100)
    held = sum(found.low <= true <= found.high for found in (money_of(pair_of(seed)) for seed in range(60)) if found is not None)

    assert held >= 52


def test_the_kinds_of_outcome_add_up_to_the_whole_cost() -> None:
    pair = pair_of(1)

    found, kinds = money_of(pair), outcomes(pair)

    assert found is not None
    assert sum(one.money or 0.0 for one in kinds) == pytest.approx(found.difference)
    assert sum(one.before for one in kinds) == pytest.approx(1000)
    assert sum(one.after for one in kinds) == pytest.approx(1000)


def test_numbers_cost_by_the_unit_too_much_and_too_little() -> None:
    truth = np.arange(300.0)
    noise = np.tile([-1.0, 1.0, 3.0], 100)
    pair = Pair(Scored("s", "v7", "regression", (), truth, truth + noise), Scored("s", "v8", "regression", (), truth, truth + noise - 1), per_unit(over=2.0, under=1.0))

    found, kinds = money_of(pair), {one.answer: one for one in outcomes(pair)}

    assert found is not None
    assert found.before == pytest.approx(1000 * (1 + 2 + 6) / 3)
    assert found.after == pytest.approx(1000 * (2 + 0 + 4) / 3)
    assert kinds["too much"].difference == pytest.approx(2 / 3 - 4 / 3)
    assert sum(one.money or 0.0 for one in kinds.values()) == pytest.approx(found.difference)


def test_without_a_price_there_is_no_money() -> None:
    pair = pair_of(0)

    assert money_of(Pair(pair.before, pair.after)) is None


def test_the_same_answers_cost_the_same() -> None:
    pair = pair_of(0)

    found = money_of(Pair(pair.before, pair.before, COST))

    assert found is not None
    assert (found.difference, found.real) == (0.0, False)
