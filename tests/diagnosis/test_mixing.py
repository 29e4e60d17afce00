"""A changed mix is told from changed behaviour, and from no change."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from assayline.diagnosis.mixing import Mix, mix_of
from assayline.errors import MisuseError

LEVEL = {"a": 3.0, "b": 5.0, "c": 9.0, "d": 4.0}


def lot(rng: np.random.Generator, rows: int, shares: list[float]) -> pl.DataFrame:
    return pl.DataFrame({
        "store": rng.choice(list(LEVEL), rows, p=shares),
        "plan": rng.choice(["free", "paid"], rows),
        "weekday": rng.integers(0, 7, rows),
        "price": rng.normal(10.0, 2.0, rows),
    })  # fmt: skip


def errors(rng: np.random.Generator, frame: pl.DataFrame, more: float = 0.0) -> np.ndarray:
    return np.array([LEVEL[store] for store in frame["store"]]) + rng.normal(more, 2.0, frame.height)


BEFORE, NOW = [0.4, 0.3, 0.1, 0.2], [0.1, 0.2, 0.6, 0.1]


def mixed(seed: int, now: list[float], more: float = 0.0, rows: int = 800) -> Mix:
    rng = np.random.default_rng(seed)
    bad, good = lot(rng, rows, now), lot(rng, 3 * rows, BEFORE)
    found = mix_of(bad, errors(rng, bad, more), good, errors(rng, good))
    assert found is not None
    return found


def test_a_changed_mix_is_recognised_and_its_column_named() -> None:
    found = [mixed(seed, NOW) for seed in range(20)]

    assert all(one.columns[0] == "store" for one in found)
    assert np.mean([one.explains for one in found]) == pytest.approx(1.0, abs=0.05)
    assert min(one.explains for one in found) > 0.8
    assert all(200 < one.effective_rows < 800 for one in found)


def test_changed_behaviour_is_not_called_mix() -> None:
    found = [mixed(seed, BEFORE, more=2.0) for seed in range(40)]

    assert np.mean([one.explains for one in found]) == pytest.approx(0.0, abs=0.03)
    assert max(one.explains for one in found) < 0.3


def test_no_change_explains_nothing() -> None:
    found = [mixed(seed, BEFORE) for seed in range(60)]

    assert np.median([one.explains for one in found]) == 0.0
    assert np.mean([one.explains > 0.8 for one in found]) <= 0.05


def test_half_mix_and_half_behaviour_is_told_as_half() -> None:
    found = [mixed(seed, NOW, more=2.4) for seed in range(20)]

    assert 0.4 < np.mean([one.explains for one in found]) < 0.7


def test_two_columns_are_taken_together() -> None:
    rng = np.random.default_rng(3)

    def made(rows: int, both: float) -> tuple[pl.DataFrame, np.ndarray]:
        high = rng.random(rows) < both
        store, plan = np.where(high | (rng.random(rows) < 0.3), "x", "y"), np.where(high | (rng.random(rows) < 0.3), "paid", "free")
        return pl.DataFrame({"store": store, "plan": plan}), 3.0 * (store == "x") + 3.0 * (plan == "paid") + rng.normal(0, 1, rows)

    (now, error), (before, earlier) = made(2000, 0.6), made(4000, 0.1)

    found = mix_of(now, error, before, earlier)

    assert found is not None
    assert set(found.columns) == {"store", "plan"}
    assert found.explains == pytest.approx(1.0, abs=0.1)


def test_the_measure_of_the_caller_is_asked_with_the_weights() -> None:
    rng = np.random.default_rng(4)
    now, before = lot(rng, 800, NOW), lot(rng, 2400, BEFORE)
    error, earlier = errors(rng, now), errors(rng, before)

    found = mix_of(now, error, before, earlier, columns=["store"], weighted=lambda frame, weights: float(np.sqrt((weights * error**2).mean())))

    assert found is not None
    assert found.reweighted == pytest.approx(float(np.sqrt((earlier**2).mean())), rel=0.05)


def test_a_population_that_is_gone_cannot_be_weighted_back() -> None:
    rng = np.random.default_rng(5)
    now, before = lot(rng, 800, [0.0, 0.0, 0.5, 0.5]), lot(rng, 2400, BEFORE)

    found = mix_of(now, errors(rng, now), before, errors(rng, before), columns=["store"])

    assert found is not None
    assert (found.columns, found.explains) == ((), 0.0)


def test_without_rows_or_columns_there_is_no_answer() -> None:
    rng = np.random.default_rng(6)
    now, before = lot(rng, 20, NOW), lot(rng, 2400, BEFORE)

    assert mix_of(now, errors(rng, now), before, errors(rng, before)) is None
    assert mix_of(before.select("price"), errors(rng, before), before.select("price"), errors(rng, before)) is None
    with pytest.raises(MisuseError, match="one finite number"):
        mix_of(now, [1.0], before, errors(rng, before))
