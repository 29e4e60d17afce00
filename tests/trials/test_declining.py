"""Ten runs and one more: what is called a decline that stays, and how often by chance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from assayline.trials import history
from assayline.trials.declining import states
from assayline.trials.laws import Floats

Law = Callable[[np.random.Generator, tuple[int, int]], Floats]
LAWS: dict[str, Law] = {
    "normal": lambda rng, size: rng.normal(size=size),
    "t4": lambda rng, size: rng.standard_t(4, size),
    "t3": lambda rng, size: rng.standard_t(3, size),
    "skewed down": lambda rng, size: -rng.exponential(size=size),
    "skewed up": lambda rng, size: rng.exponential(size=size),
    "rounded": lambda rng, size: np.asarray(np.round(rng.normal(size=size))),
}


def share(state: str, law: Law, runs: int, shift: list[float], count: int = 6000, *, confirmed: bool | None = None) -> float:
    drawn = law(np.random.default_rng(7), (count, runs))
    if shift:
        drawn[:, -len(shift) :] -= shift
    return states(drawn, confirmed=confirmed).count(state) / count


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("runs", [6, 7, 8, 9, 10, 11])
def test_chance_is_called_sustained_in_at_most_2_of_100_histories(law: str, runs: int) -> None:
    assert share("sustained", LAWS[law], runs, []) <= 0.02 + 0.0045  # 2.5 standard errors


@pytest.mark.parametrize(("law", "promised"), [("normal", 0.02), ("t4", 0.03), ("t3", 0.03)])
def test_chance_is_called_an_outlier_about_as_often_as_promised(law: str, promised: float) -> None:
    assert share("outlier", LAWS[law], 11, []) <= promised + 0.005


@pytest.mark.parametrize(("shift", "power"), [([4.0] * 3, 0.83), ([3.0] * 3, 0.60), ([0.7, 1.3, 2.0, 2.7, 3.3, 4.0], 0.82)])
def test_a_decline_that_stays_is_found(shift: list[float], power: float) -> None:
    assert share("sustained", LAWS["normal"], 11, shift) >= power


@pytest.mark.parametrize("shift", [[4.0], [4.0, 0.0], [10.0], [10.0, 0.0, 0.0]])
def test_a_single_bad_run_is_hardly_ever_called_sustained(shift: list[float]) -> None:
    assert share("sustained", LAWS["normal"], 11, shift) <= 0.04


def test_a_single_bad_run_is_an_outlier() -> None:
    assert share("outlier", LAWS["normal"], 11, [4.0]) >= 0.70


def test_evidence_on_the_same_rows_confirms_or_denies() -> None:
    step = [4.0, 4.0]

    confirmed, unasked, denied = (share("sustained", LAWS["normal"], 11, step, confirmed=said) for said in (True, None, False))

    assert confirmed > unasked + 0.15
    assert denied == 0


def test_lower_is_better_for_errors() -> None:
    errors = [3.1, 3.0, 3.2, 3.1, 3.0, 3.1, 3.2, 3.1]

    assert history([*errors, 3.9, 3.8, 4.0], higher_is_better=False, name="rmse").state == "sustained"
    assert history([*errors, 2.1, 2.0, 2.2], higher_is_better=False).state == "ok"


def test_the_sentence_says_since_when() -> None:
    found = history([0.81, 0.82, 0.80, 0.81, 0.82, 0.81, 0.80, 0.81, 0.76, 0.75, 0.76], name="accuracy")

    assert found.since_runs == 3
    assert found.sentence == "accuracy 0.76 against 0.81 in the runs before: a decline that stays, for 3 runs."


def test_a_drop_below_the_margin_or_the_noise_of_the_rows_is_none() -> None:
    runs = [0.8100, 0.8101, 0.8100, 0.8102, 0.8101, 0.8100, 0.8101, 0.8100, 0.8090, 0.8089, 0.8090]

    assert history(runs).state == "sustained"
    assert history(runs, margin=0.004).state == "ok"
    assert history(runs, sampling_sd=0.002).state == "ok"


def test_few_runs_and_equal_runs_say_nothing() -> None:
    assert history([0.8] * 5).state == "ok"
    assert history([0.8] * 11).state == "ok"
    assert history([]).state == "ok"
    assert history([float("nan")] * 6 + [0.8] * 7).runs == 7
