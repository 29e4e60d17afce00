"""Ranks, areas and precision, by their definition and for many weights at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score

from assayline.trials.ranking import area_components, area_influence, midranks, weighted_precision


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40))
def test_ranks_are_those_of_scipy(values: list[int]) -> None:
    found = midranks(np.array(values, dtype=np.float64))

    assert found.tolist() == rankdata(values).tolist()


def test_components_are_the_pairs_won() -> None:
    rng = np.random.default_rng(1)
    scores, positive = np.round(rng.random(60), 1), rng.random(60) < 0.4
    pairs = (scores[positive][:, None] > scores[~positive]) + 0.5 * (scores[positive][:, None] == scores[~positive])

    area, won = area_components(scores, positive)

    assert area == pytest.approx(pairs.mean())
    assert won[positive] == pytest.approx(pairs.mean(axis=1))
    assert won[~positive] == pytest.approx(pairs.mean(axis=0))


def test_the_influence_says_what_leaving_a_row_out_does() -> None:
    rng = np.random.default_rng(2)
    scores, positive = rng.random(400), rng.random(400) < 0.4

    area, influence = area_influence(scores, positive)
    without = area_influence(np.delete(scores, 7), np.delete(positive, 7))[0]

    assert influence.mean() == pytest.approx(0, abs=1e-12)
    assert (area - without) * 400 == pytest.approx(influence[7], rel=0.02)


def test_precision_for_many_weights_is_that_of_each_resample() -> None:
    rng = np.random.default_rng(3)
    scores, positive = np.round(rng.random(200), 2), rng.random(200) < 0.1
    weights = rng.poisson(1.0, (20, 200)).astype(np.float32)

    found = weighted_precision(scores, positive)(weights)

    assert found == pytest.approx([average_precision_score(positive, scores, sample_weight=one) for one in weights], rel=1e-6)
