"""Values with intervals: they hold what all such rows would give."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("assayline.trials")

from assayline.explain import value_with_interval
from assayline.trials import METRICS, Scored, metric, money, per_unit


def answers(rng: np.random.Generator, rows: int) -> Scored:
    truth = (rng.random(rows) < 0.4).astype(float)
    return Scored("s", "v1", "binary", ("no", "yes"), truth, 1 / (1 + np.exp(-(1.5 * truth - 0.8 + rng.normal(0, 1, rows)))))


@pytest.mark.parametrize("name", ["accuracy", "auc", "log_loss", "average_precision"])
def test_intervals_hold_the_value_of_all_rows(name: str) -> None:
    true = metric(name).value(answers(np.random.default_rng(99), 200_000))
    held = 0
    for seed in range(60):
        _, low, high = value_with_interval(answers(np.random.default_rng(seed), 400), metric(name), resamples=200, seed=seed)
        held += low <= true <= high

    assert held >= 52  # 95 % of 60 is 57


@pytest.mark.parametrize("name", sorted(METRICS))
def test_every_metric_has_an_interval_around_its_value(name: str) -> None:
    rng = np.random.default_rng(0)
    scored = answers(rng, 300) if "binary" in METRICS[name].tasks else Scored("s", "v1", "regression", (), rng.normal(size=300), rng.normal(size=300))

    value, low, high = value_with_interval(scored, METRICS[name])

    assert value == pytest.approx(METRICS[name].value(scored))
    assert low < value < high


def test_rows_of_one_group_make_an_interval_wider() -> None:
    rng = np.random.default_rng(0)
    off = np.repeat(rng.normal(size=30), 20)
    together, apart = (Scored("s", "v1", "regression", (), np.zeros(600), off, groups) for groups in (np.repeat(np.arange(30), 20), None))
    cost = money(per_unit(over=1.0, under=1.0))

    (_, low, high), (_, other_low, other_high) = (value_with_interval(one, cost) for one in (together, apart))

    assert high - low > 2.5 * (other_high - other_low)


def test_rows_that_do_not_define_a_metric_have_no_value() -> None:
    one_class = Scored("s", "v1", "binary", ("no", "yes"), np.zeros(50), np.full(50, 0.3))

    assert all(math.isnan(one) for one in value_with_interval(one_class, metric("auc")))
