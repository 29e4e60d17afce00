"""Contributions: exact where they can be enumerated, adding up to the answer, and blind to what neither version reads."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import factorial

import numpy as np
import pytest

pytest.importorskip("assayline.trials")

from assayline.errors import MisuseError
from assayline.explain import Encoded, attributed

Floats = np.ndarray


def exact(predict: Callable[[Floats], Floats], case: Floats, background: Floats) -> Floats:
    """Shapley values by their definition, over all subsets and all typical rows."""
    width = len(case)

    def value(chosen: tuple[int, ...]) -> float:
        rows = background.copy()
        rows[:, list(chosen)] = case[list(chosen)]
        return float(predict(rows).mean())

    found = np.zeros(width)
    for one in range(width):
        others = [place for place in range(width) if place != one]
        for size in range(width):
            weight = factorial(size) * factorial(width - size - 1) / factorial(width)
            for chosen in combinations(others, size):
                found[one] += weight * (value((*chosen, one)) - value(chosen))
    return found


def first(X: Floats) -> Floats:
    return np.asarray(X[:, 0] + X[:, 1] * X[:, 2])


def second(X: Floats) -> Floats:
    return np.asarray(2 * X[:, 0] + X[:, 1] * X[:, 2] + np.sin(X[:, 3]))


def encoded(predict: Callable[[Floats], Floats], cases: Floats, background: Floats) -> Encoded:
    return Encoded(predict, cases, background, {name: (place,) for place, name in enumerate("abcd"[: cases.shape[1]])})


def test_contributions_lie_within_their_errors_of_the_exact_ones() -> None:
    rng = np.random.default_rng(0)
    background, cases = rng.normal(size=(60, 4)), rng.normal(size=(25, 4)) * 2
    wanted = np.array([exact(second, case, background) - exact(first, case, background) for case in cases])

    found = attributed(encoded(first, cases, background), encoded(second, cases, background), rounds=60, seed=1)

    off = np.abs(found.difference - wanted)
    assert (off <= 2 * found.error + 1e-9).mean() >= 0.93
    assert off.max() < 0.25
    assert np.allclose(found.difference[:, 1:3], 0.0)  # both read these in the same way


def test_contributions_add_up_to_the_answer_less_the_typical_one() -> None:
    rng = np.random.default_rng(1)
    background, cases = rng.normal(size=(30, 4)), rng.normal(size=(5, 4))

    found = attributed(encoded(first, cases, background), encoded(second, cases, background))

    assert np.allclose(found.before.sum(axis=1), first(cases) - found.typical_before)
    assert np.allclose(found.after.sum(axis=1), second(cases) - found.typical_after)


def test_an_input_that_only_one_version_reads_is_an_input_of_both() -> None:
    rng = np.random.default_rng(2)
    background, cases = rng.normal(size=(30, 2)), rng.normal(size=(3, 2))
    alone = Encoded(lambda X: X[:, 0], cases[:, :1], background[:, :1], {"a": (0,)})
    both = Encoded(lambda X: X[:, 0] + X[:, 1], cases, background, {"a": (0,), "b": (1,)})

    found = attributed(alone, both)

    assert found.inputs == ("a", "b")
    assert np.allclose(found.before[:, 1], 0.0)
    assert np.allclose(found.difference[:, 0], 0.0)


def test_of_several_classes_the_one_that_is_asked_for_is_followed() -> None:
    rng = np.random.default_rng(3)
    background, cases = rng.random((20, 2)), rng.random((4, 2))

    def shares(X: Floats) -> Floats:
        return np.column_stack([X[:, 0], 1 - X[:, 0]])

    one = Encoded(shares, cases, background, {"a": (0,), "b": (1,)})
    found = attributed(one, one, np.array([0, 1, 0, 1]))

    assert np.allclose(found.before[0], -attributed(one, one, np.array([1, 1, 1, 1])).before[0])
    with pytest.raises(MisuseError, match="the class that is followed"):
        attributed(one, one)


def test_it_ends_when_it_is_told_to_and_when_it_is_exact_enough() -> None:
    rng = np.random.default_rng(4)
    background, cases = rng.normal(size=(30, 4)), rng.normal(size=(5, 4))
    both = encoded(first, cases, background), encoded(lambda X: first(X) + 3 * X[:, 0] * X[:, 3], cases, background)

    assert attributed(*both, stop=lambda: True).rounds == 1
    assert attributed(*both, rounds=3).rounds == 3
    assert attributed(encoded(first, cases, background), encoded(first, cases, background)).rounds == 1
