"""Labels that may be wrong: the order in which people look, and what they may conclude."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from assayline.errors import MisuseError
from assayline.trials import reviewed, sample_for_review, suspects
from assayline.trials.laws import Floats


def delivery(seed: int, wrong: float, apart: float = 4.0) -> tuple[np.ndarray, Floats, np.ndarray]:
    """Labels of three classes as a vendor gives them, cross-validated probabilities, and which are wrong."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, 1500)
    x = rng.normal(size=(1500, 2)) + apart * np.array([[0, 0], [1, 0], [0, 1]])[truth]
    given = np.where(rng.random(1500) < wrong, (truth + rng.integers(1, 3, 1500)) % 3, truth)
    return given, cross_val_predict(LogisticRegression(), x, given, cv=5, method="predict_proba"), given != truth


def test_wrong_labels_come_first_in_the_list() -> None:
    given, p, wrong = delivery(1, 0.05)

    found = suspects(given, p, ("a", "b", "c"))
    first = [one.row for one in found.ranked[: wrong.sum()]]

    assert wrong[first].mean() >= 0.85
    assert wrong[[one.row for one in found.ranked]].sum() >= 0.7 * wrong.sum()
    assert [one.margin for one in found.ranked] == sorted((one.margin for one in found.ranked), reverse=True)


@pytest.mark.parametrize("share", [0.02, 0.10, 0.20])
def test_the_guess_is_near_where_errors_fall_at_random_and_classes_are_apart(share: float) -> None:
    given, p, wrong = delivery(2, share)

    found = suspects(given, p, ("a", "b", "c"))

    assert found.share == pytest.approx(wrong.mean(), abs=0.02)
    assert found.high >= wrong.mean() - 0.005


def test_on_a_hard_task_the_guess_is_not_sold_as_a_fact() -> None:
    given, p, _ = delivery(3, 0.0, apart=1.0)

    found = suspects(given, p, ("a", "b", "c"))

    assert found.share > 0.05  # nothing is wrong, and much looks so
    assert "people have to look" in found.sentence


def test_the_interval_of_a_review_holds_in_at_least_95_of_100_samples() -> None:
    given, p, wrong = delivery(4, 0.06, apart=2.0)
    found = suspects(given, p, ("a", "b", "c"))
    suspected = np.zeros(1500, dtype=bool)
    suspected[[one.row for one in found.ranked]] = True
    inside = []
    for seed in range(300):
        first, second = (list(rows) for rows in sample_for_review(found, 1500, 120, seed=seed))
        rate = reviewed([(int(suspected.sum()), len(first), int(wrong[first].sum())), (int((~suspected).sum()), len(second), int(wrong[second].sum()))])
        inside.append(rate.low <= wrong.mean() <= rate.high)

    assert np.mean(inside) >= 0.95 - 0.02


def test_a_review_looks_at_rows_nobody_suspects_too() -> None:
    given, p, _ = delivery(5, 0.05)
    found = suspects(given, p, ("a", "b", "c"))

    first, second = sample_for_review(found, 1500, 60)

    assert (len(first), len(second)) == (30, 30)
    assert not set(first) & set(second)
    assert set(first) <= {one.row for one in found.ranked}


def test_what_was_checked_altogether_is_known_and_what_nobody_checked_may_be_anything() -> None:
    whole, none = reviewed([(50, 50, 5)]), reviewed([(50, 50, 5), (50, 0, 0)])

    assert (whole.low, whole.high) == (0.1, 0.1)
    assert (none.low, none.high) == pytest.approx((0.05, 0.55))
    with pytest.raises(MisuseError, match="falling"):
        reviewed([(10, 20, 0)])


def test_labels_that_mix_up_two_classes_are_named() -> None:
    given, p, _ = delivery(6, 0.0)
    given = np.where((given == 0) & (np.arange(1500) % 8 == 0), 1, given)

    assert suspects(given, p, ("a", "b", "c")).confused[0][:2] == ("b", "a")


def test_misuse_is_said() -> None:
    with pytest.raises(MisuseError, match=r"class indices 0\.\.1"):
        suspects([0, 2], [[0.5, 0.5]] * 2, ("a", "b"))
    assert suspects([], np.zeros((0, 2)), ("a", "b")).ranked == ()
