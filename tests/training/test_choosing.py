"""A tie goes to the simpler model, a surely better model is taken, and the sentence says why."""

from __future__ import annotations

import numpy as np
import pytest

from assayline.training.choosing import Contender, choose
from assayline.training.sample import Floats, Sample
from assayline.training.scores import METRICS, losses, redraws


def contenders(y: Floats, models: dict[str, Floats], metric: str, seed: int) -> list[Contender]:
    sample = Sample(np.zeros((len(y), 1)), y, 2 if metric != "rmse" else 0, ("a",), (0,))
    weights, found = redraws(sample, np.arange(len(y)), False, seed), []
    for simplicity, (name, said) in enumerate(models.items()):
        each = losses(y, said)
        redrawn = np.asarray(weights @ each.astype(np.float32) / weights.sum(axis=1), dtype=np.float64)
        score = METRICS[metric]
        found.append(Contender(name, simplicity, score.value(y, said), score.of(y, said, weights), float(each.mean()), redrawn))
    return found


def probabilities(score: Floats) -> Floats:
    chance = 1 / (1 + np.exp(-score))
    return np.stack([1 - chance, chance], axis=1)


def test_a_model_that_is_no_better_is_taken_for_one_in_at_most_five_percent() -> None:
    assert _taken(250, 120) / 250 <= 0.05 + 2 * 0.014


@pytest.mark.slow
def test_a_model_that_is_no_better_is_taken_for_one_in_at_most_five_percent_of_many_choices() -> None:
    assert _taken(2000, 400) / 2000 <= 0.05 + 2 * 0.005


def _taken(choices: int, rows: int) -> int:
    """How often the second of two models with the same signal and independent noise of the same size is taken."""
    taken = 0
    for seed in range(choices):
        rng = np.random.default_rng(seed)
        truth = rng.normal(size=rows)
        y = (rng.random(rows) < 1 / (1 + np.exp(-truth))).astype(np.float64)
        models = {name: probabilities(truth + rng.normal(size=rows) * 0.5) for name in ("simple", "involved")}
        taken += choose(contenders(y, models, "auc", seed), METRICS["auc"]).name == "involved"
    return taken


def test_a_model_that_is_clearly_better_is_taken_although_it_is_more_involved() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=800)
    models = {"simple": y + rng.normal(size=800), "involved": y + rng.normal(size=800) * 0.7}

    found = choose(contenders(y, models, "rmse", 0), METRICS["rmse"])

    assert found.name == "involved"
    assert found.reason.startswith("involved beats simple, the best of the simpler models, by 0.")
    assert "RMSE [0." in found.reason


def test_probabilities_that_are_surely_better_decide_where_the_order_of_rows_cannot() -> None:
    rng = np.random.default_rng(3)
    truth = rng.normal(size=2000) * 2
    y = (rng.random(2000) < 1 / (1 + np.exp(-truth))).astype(np.float64)
    models = {"simple": probabilities(truth * 3), "involved": probabilities(truth + rng.normal(size=2000) * 1e-9)}

    made = contenders(y, models, "auc", 0)
    better = [made[0], Contender("involved", 1, made[0].score + 1e-6, made[0].scores + 1e-6 * rng.normal(size=len(made[0].scores)), made[1].loss, made[1].redrawn)]
    found = choose(better, METRICS["auc"])

    assert found.name == "involved"
    assert "loss a row" in found.reason


def test_a_tie_is_called_one() -> None:
    rng = np.random.default_rng(1)
    y = rng.normal(size=200)
    noise = rng.normal(size=200)
    models = {"simple": y + noise, "involved": y + 0.999 * rng.permutation(noise)}

    found = choose(contenders(y, models, "rmse", 0), METRICS["rmse"])

    assert (found.name, found.best) == ("simple", "involved")
    assert "which may be chance; a tie goes to the simpler model" in found.reason
