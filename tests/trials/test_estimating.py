"""Estimates without labels: they hold where their assumption does, and are refused where it may not."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from assayline.errors import MisuseError
from assayline.trials import Scored, by_confidence, by_error_model, by_few_labels, metric
from assayline.trials.estimating import isotonic
from assayline.trials.laws import Floats


def calibrated(rng: np.random.Generator, rows: int, shift: float = 0.0) -> Scored:
    """Answers that are too sure in the same way everywhere: the truth follows a power of the odds. A shift moves the rows, not the rule."""
    logit = rng.normal(-0.5 + shift, 1.5, rows)
    truth = (rng.random(rows) < 1 / (1 + np.exp(-logit))).astype(np.float64)
    return Scored("set", "v1", "binary", ("no", "yes"), truth, 1 / (1 + np.exp(-1.4 * logit)))


def errors(rng: np.random.Generator, rows: int, shift: float = 0.0) -> Scored:
    predicted = rng.normal(10 + shift, 3, rows)
    return Scored("set", "v1", "regression", (), predicted + (0.2 + 0.1 * np.abs(predicted)) * rng.normal(size=rows), predicted)


@pytest.mark.parametrize("name", ["accuracy", "auc"])
@pytest.mark.parametrize("shift", [0.0, 0.8])
def test_the_interval_holds_the_truth_in_about_95_of_100_sets_also_when_the_rows_shift(name: str, shift: float) -> None:
    rng = np.random.default_rng(1)
    inside, off = [], []
    for seed in range(40):
        reference, new = calibrated(rng, 2000), calibrated(rng, 500, shift)

        found = by_confidence(reference, new.predictions, data_green=True, metric=name, seed=seed)

        truth = metric(name).value(new)
        inside.append(found.low <= truth <= found.high)
        off.append(found.value - truth)

    assert np.mean(inside) >= 0.95 - 0.09  # 2.6 standard errors of 40 sets
    assert abs(np.mean(off)) <= 0.012


@pytest.mark.parametrize("name", ["mae", "rmse"])
def test_the_mean_error_of_numbers_is_held_too(name: str) -> None:
    rng = np.random.default_rng(2)
    inside = []
    for _ in range(200):
        reference, new = errors(rng, 2000), errors(rng, 400, 1.0)
        found = by_error_model(reference, new.predictions, data_green=True, metric=name)
        inside.append(found.low <= metric(name).value(new) <= found.high)

    assert np.mean(inside) >= 0.95 - 0.04


def test_a_measure_of_difficulty_tells_more_than_the_prediction() -> None:
    rng = np.random.default_rng(3)

    def hard(rows: int, share: float) -> tuple[Scored, Floats]:
        width = np.where(rng.random(rows) < share, 5.0, 0.5)
        return Scored("set", "v1", "regression", (), width * rng.normal(size=rows), np.zeros(rows) + 0.001 * rng.normal(size=rows)), width

    (reference, known), (new, asked) = hard(3000, 0.1), hard(1000, 0.5)

    blind = by_error_model(reference, new.predictions, data_green=True)
    told = by_error_model(reference, new.predictions, data_green=True, reference_difficulty=known, difficulty=asked)

    truth = metric("mae").value(new)
    assert told.low <= truth <= told.high
    assert abs(blind.value - truth) > 1


def test_a_changed_meaning_is_not_seen_which_is_why_the_assumption_is_named() -> None:
    rng = np.random.default_rng(4)
    reference, new = calibrated(rng, 4000), calibrated(rng, 4000)
    turned = np.where((new.y == 1) & (rng.random(4000) < 0.5), 0.0, new.y)

    found = by_confidence(reference, new.predictions, data_green=True)

    assert found.low > (new.decided == turned).mean()
    assert found.assumption in found.sentence


def test_without_green_data_there_is_no_estimate() -> None:
    rng = np.random.default_rng(5)

    with pytest.raises(MisuseError, match="refused while the data are not known to be good"):
        by_confidence(calibrated(rng, 500), np.full(10, 0.5), data_green=False)
    with pytest.raises(MisuseError, match="refused while the data are not known to be good"):
        by_error_model(errors(rng, 500), np.full(10, 0.5), data_green=False)
    with pytest.raises(MisuseError, match="leans on 200 labelled rows"):
        by_confidence(calibrated(rng, 50), np.full(10, 0.5), data_green=True)


@pytest.mark.parametrize("useful", [True, False])
def test_a_few_labels_hold_the_truth_whatever_the_guesses_are_worth(useful: bool) -> None:
    rng = np.random.default_rng(6)
    inside, widths, plain = [], [], []
    for _ in range(400):
        chance = rng.beta(0.5, 2.0, 3000)
        loss = (rng.random(3000) < chance).astype(np.float64)
        guess = chance if useful else rng.random(3000)
        found = by_few_labels(loss[:150], guess[:150], guess[150:])
        inside.append(found.low <= loss.mean() <= found.high)
        widths.append(found.high - found.low)
        plain.append(2 * 1.976 * loss[:150].std(ddof=1) / np.sqrt(150))

    assert np.mean(inside) >= 0.95 - 0.03
    assert np.mean(widths) <= (0.93 if useful else 1.01) * np.mean(plain)


def test_steps_that_rise_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(7)
    known, asked = np.round(rng.random(300), 2), rng.random(50)
    hits = (rng.random(300) < known).astype(np.float64)

    found = isotonic(known, hits, asked)

    assert found == pytest.approx(IsotonicRegression(out_of_bounds="clip").fit(known, hits).predict(asked))
