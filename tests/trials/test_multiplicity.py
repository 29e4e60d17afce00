"""Corrections for many tests, against other implementations and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control, norm

from assayline.trials import discoveries, holm
from assayline.trials.multiplicity import adjusted_for_discovery


def test_adjusted_p_values_are_those_of_scipy() -> None:
    p = np.random.default_rng(1).random(50) ** 2

    assert adjusted_for_discovery(p) == pytest.approx(false_discovery_control(p, method="bh"))
    assert adjusted_for_discovery(p, by=True) == pytest.approx(false_discovery_control(p, method="by"))


def test_a_test_that_could_not_be_done_counts_as_none() -> None:
    assert adjusted_for_discovery([0.01, np.nan, 0.02]).tolist()[::2] == [0.02, 0.02]
    assert holm([0.02, np.nan]).tolist()[0] == 0.02
    assert discoveries([np.nan, 0.01]).tolist() == [False, True]


@pytest.mark.parametrize("bad", [0, 5, 20])
def test_the_share_of_false_discoveries_is_what_was_promised(bad: int) -> None:
    rng = np.random.default_rng(2)
    z = rng.normal(size=(2000, 100)) + np.where(np.arange(100) < bad, 3.0, 0.0)
    found = np.array([discoveries(norm.sf(row), 0.10) for row in z])

    false = (found[:, bad:].sum(axis=1) / np.maximum(1, found.sum(axis=1))).mean()

    assert false <= 0.10 + 0.015
    assert not bad or found[:, :bad].mean() >= 0.5


def test_holm_is_wrong_in_at_most_5_of_100_families() -> None:
    p = np.random.default_rng(3).random((4000, 6))

    assert np.mean([(holm(row) <= 0.05).any() for row in p]) <= 0.06
