"""Mix and rate: exact sums, told apart, with intervals that hold."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("assayline.trials")

from assayline.errors import MisuseError
from assayline.explain import mix_and_rate


def side(rng: np.random.Generator, rows: int, share: float, rates: tuple[float, float]) -> tuple[np.ndarray, list[str]]:
    young = rng.random(rows) < share
    return (rng.random(rows) < np.where(young, *rates)).astype(float), np.where(young, "young", "old").tolist()


def test_mix_and_rate_add_up_to_the_whole_change_and_so_do_their_parts() -> None:
    rng = np.random.default_rng(0)
    before, after = side(rng, 500, 0.3, (0.5, 0.1)), side(rng, 700, 0.6, (0.6, 0.15))

    found = mix_and_rate(*before, *after)

    assert found.total == pytest.approx(after[0].mean() - before[0].mean())
    assert found.mix + found.rate == pytest.approx(found.total)
    assert sum(one.mix for one in found.parts) == pytest.approx(found.mix)
    assert sum(one.rate for one in found.parts) == pytest.approx(found.rate)


def test_other_rows_are_mix_and_other_outcomes_are_rate() -> None:
    rng = np.random.default_rng(1)
    usual = side(rng, 20_000, 0.3, (0.5, 0.1))

    more_young, harder = (mix_and_rate(*usual, *side(rng, 20_000, *other)) for other in ((0.6, (0.5, 0.1)), (0.3, (0.7, 0.1))))

    assert more_young.mix == pytest.approx(0.12, abs=0.01)
    assert more_young.rate_low < 0 < more_young.rate_high
    assert harder.rate == pytest.approx(0.06, abs=0.01)
    assert harder.mix_low < 0 < harder.mix_high
    assert harder.parts[0].name == "young"


def test_the_intervals_hold_the_true_shares_of_the_change() -> None:
    held = 0
    for seed in range(50):
        rng = np.random.default_rng(seed)
        found = mix_and_rate(*side(rng, 300, 0.3, (0.5, 0.1)), *side(rng, 300, 0.6, (0.5, 0.1)), seed=seed)
        held += found.mix_low <= 0.12 <= found.mix_high and found.rate_low <= 0.0 <= found.rate_high

    assert held >= 41  # both of two 95 % intervals


def test_a_group_that_only_one_side_has_adds_mix_and_no_rate() -> None:
    found = mix_and_rate([0.0, 0.0], ["a", "a"], [0.0, 1.0], ["a", "new"])

    assert (found.mix, found.rate) == (0.5, 0.0)


def test_rows_without_a_group_are_refused() -> None:
    with pytest.raises(MisuseError, match="one group for each of them"):
        mix_and_rate([1.0, 2.0], ["a"], [1.0], ["a"])
