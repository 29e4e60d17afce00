"""Releases: which of the steps between them is real."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("assayline.trials")

from assayline.explain import progression
from assayline.trials import Scored, metric


def versions(seed: int, wrong: tuple[float, ...], rows: int = 1000) -> list[Scored]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, rows).astype(float)
    return [Scored("s", f"v{place + 1}", "binary", ("no", "yes"), truth, np.where(rng.random(rows) < one, 1 - truth, truth)) for place, one in enumerate(wrong)]


def test_of_releases_that_are_alike_hardly_ever_a_step_is_called_real() -> None:
    called = sum(any(step.said in ("better", "worse") for step in progression(versions(seed, (0.2,) * 6), metric("accuracy")).steps) for seed in range(50))

    assert called <= 6  # 5 % of 50 are 2.5


def test_the_one_step_that_made_a_difference_is_called_real() -> None:
    found = [progression(versions(seed, (0.2, 0.2, 0.3, 0.3)), metric("accuracy")).steps for seed in range(15)]

    assert sum([one.said for one in steps] == ["no difference shown", "worse", "no difference shown"] for steps in found) >= 13


def test_a_metric_that_is_better_the_lower_it_is_turns_the_step() -> None:
    found = progression(versions(0, (0.3, 0.1)), metric("log_loss"))

    assert not found.higher_is_better
    assert found.releases[1].value < found.releases[0].value
    assert found.steps[0].said == "better"
    assert found.steps[0].difference > 0


def test_one_release_has_no_step() -> None:
    assert progression(versions(0, (0.3,)), metric("accuracy")).steps == ()
