"""Times in turns, their ratio, their growth, and budgets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from assayline.errors import MisuseError
from assayline.trials import Spent, compare_speed, growth, interleaved, over_budget, tail


def test_calls_take_turns_and_who_begins_changes() -> None:
    order: list[str] = []
    ticks = iter(range(1000))

    def call(name: str) -> Callable[[], None]:
        return lambda: order.append(name)

    seconds = interleaved({"a": call("a"), "b": call("b")}, 4, clock=lambda: float(next(ticks)), warm=1)

    assert order == ["a", "b", "a", "b", "b", "a", "a", "b", "b", "a"]
    assert seconds["a"].tolist() == [1.0] * 4


def test_the_same_speed_is_called_slower_in_at_most_5_of_100_comparisons() -> None:
    rng = np.random.default_rng(1)
    called = []
    for seed in range(300):
        machine = np.exp(np.cumsum(rng.normal(0, 0.05, 60)))  # both meet the same machine, which wanders
        pair = [machine * rng.gamma(20, 0.05, 60) * (1 + 3 * (rng.random(60) < 0.05)) for _ in range(2)]
        called.append(compare_speed(pair[0], pair[1], seed=seed).outcome)

    assert np.mean([one == "slower" for one in called]) <= 0.05 + 0.03


def test_half_as_fast_is_slower_and_a_twentieth_is_as_fast() -> None:
    rng = np.random.default_rng(2)
    base = rng.gamma(100, 0.01, 200)

    slower, close = compare_speed(2 * base, base[::-1]), compare_speed(1.05 * base, rng.permutation(base))

    assert (slower.outcome, close.outcome) == ("slower", "as fast")
    assert slower.low < 2 < slower.high
    assert "2.0" in slower.sentence


def test_few_rounds_with_much_noise_are_undecided() -> None:
    few, wild = compare_speed([2.0] * 9, [1.0] * 9), compare_speed([1.0, 2.0] * 20, [2.0, 1.0] * 20)

    assert (few.outcome, wild.outcome) == ("undecided", "undecided")
    with pytest.raises(MisuseError, match="in turns"):
        compare_speed([1.0] * 5, [1.0] * 4)


def test_growth_beyond_the_rows_is_seen_through_noise() -> None:
    rng = np.random.default_rng(4)
    rows = [1000, 2000, 4000, 8000, 16000]

    linear = growth(rows, [size * 1e-6 * np.exp(rng.normal(0, 0.05)) for size in rows])
    square = growth(rows, [size**2 * 1e-9 * np.exp(rng.normal(0, 0.05)) for size in rows])

    assert linear.linear
    assert not square.linear
    assert square.low < 2 < square.high
    assert "ten times the rows cost" in square.sentence


def test_the_interval_of_the_exponent_holds_in_90_of_100() -> None:
    rng = np.random.default_rng(5)
    rows = [1000, 2000, 4000, 8000, 16000]

    inside = [one.low <= 1 <= one.high for one in (growth(rows, np.array(rows) * np.exp(rng.normal(0, 0.1, 5))) for _ in range(500))]

    assert 0.86 <= np.mean(inside) <= 0.94


def test_budgets_are_plain_thresholds_and_nothing_measured_breaks_none() -> None:
    budget = Spent(row_p99_seconds=0.001, rows_per_second=10_000, peak_bytes=1e9, artefact_bytes=1e7, exponent=1.2)

    assert over_budget(Spent(), budget) == ()
    assert len(over_budget(Spent(0.002, 5_000, 2e9, 2e7, 1.3), budget)) == 5
    assert over_budget(Spent(0.0005, 50_000, 2e8, 2e6, 1.0), budget) == ()
    assert tail([1.0, 2.0, 3.0], 0.5) == 2.0
