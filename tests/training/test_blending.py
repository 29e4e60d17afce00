"""Weights are not negative, add up to one, and are judged on rows they were not learned from."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from assayline.training.blending import MOST, blended, honest, weights


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 12))
def test_weights_are_shares_of_few_models(seed: int, models: int) -> None:
    rng = np.random.default_rng(seed)
    y = rng.normal(size=50)
    said = [y + rng.normal(size=50) for _ in range(models)]

    found = weights(y, said)

    assert (found >= 0).all()
    assert abs(found.sum() - 1) < 1e-9
    assert (found > 0).sum() <= MOST
    assert ((y - blended(said, found)) ** 2).mean() <= min(((y - one) ** 2).mean() for one in said) + 1e-12


def test_models_that_err_apart_are_both_taken() -> None:
    rng = np.random.default_rng(0)
    y = (rng.random(2000) < 0.5).astype(np.float64)
    chances = [1 / (1 + np.exp(-(2 * y - 1 + rng.normal(size=2000) * 2))) for _ in range(2)]
    said = [np.stack([1 - chance, chance], axis=1) for chance in chances]

    found = weights(y, said)

    assert (found > 0.3).all()


def test_a_blend_of_noise_looks_no_better_than_it_is() -> None:
    # Twenty models that know nothing: weights learned from the rows themselves flatter the blend, weights from other rows do not.
    rng = np.random.default_rng(1)
    y = rng.normal(size=60)
    said = [rng.normal(size=60) * 0.5 for _ in range(20)]
    folds = [np.arange(start, 60, 5) for start in range(5)]

    flattered = ((y - blended(said, weights(y, said))) ** 2).mean()
    fair = ((y - honest(y, said, folds)) ** 2).mean()

    assert flattered < y.var() * 1.02
    assert fair > flattered
