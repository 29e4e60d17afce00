"""Typical cases: counted as they are, each standing for others, with the inputs that drove them and no others."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("assayline.trials")

from assayline.explain import Encoded, Pair, flipped_cases
from assayline.explain.flipped import typical_of
from assayline.trials import Scored

Floats = np.ndarray


def chance(X: Floats) -> Floats:
    return np.column_stack([1 - X, X])


def lab(rows: int = 600, seed: int = 0) -> tuple[Pair, object, Floats]:
    """The later version takes `b` for a reason where it is above 1, and `c` where it is below -1; neither was one before."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 4))

    def before(rows: Floats) -> Floats:
        return chance(1 / (1 + np.exp(-3 * rows[:, 0])))

    def after(rows: Floats) -> Floats:
        return chance(1 / (1 + np.exp(-3 * rows[:, 0] - 6 * (rows[:, 1] > 1) + 6 * (rows[:, 2] < -1))))

    truth = (X[:, 0] > 0).astype(float)
    pair = Pair(Scored("s", "v7", "binary", ("no", "yes"), truth, before(X)), Scored("s", "v8", "binary", ("no", "yes"), truth, after(X)))

    def encode(chosen: Floats) -> tuple[Encoded, Encoded]:
        inputs = {name: (place,) for place, name in enumerate("abcd")}
        return Encoded(before, X[chosen], X[:80], inputs), Encoded(after, X[chosen], X[:80], inputs)

    return pair, encode, X


def test_cases_name_the_inputs_that_drove_the_change_and_show_both_reasons() -> None:
    pair, encode, X = lab()

    found = flipped_cases(pair, encode)  # type: ignore[arg-type]  # a function of its kind

    assert found.lost == int((pair.before.decided != pair.after.decided).sum())
    assert found.gained == 0
    assert {one.drivers[0].input for one in found.cases} == {"b", "c"}  # one of each kind at least: that is what diverse means
    for one in found.cases:
        assert one.drivers[0].input == ("b" if X[one.row, 1] > 1 else "c")
        assert "d" not in {driver.input for driver in one.drivers}
        assert one.kind == "lost"


def test_every_flipped_row_has_a_case_that_stands_for_it() -> None:
    pair, encode, _ = lab()

    found = flipped_cases(pair, encode)  # type: ignore[arg-type]  # a function of its kind

    assert abs(sum(one.stands_for for one in found.cases) - found.lost) <= len(found.cases)  # rounded, of a sample
    assert [one.stands_for for one in found.cases] == sorted((one.stands_for for one in found.cases), reverse=True)


def test_two_versions_that_agree_have_no_cases() -> None:
    pair, encode, _ = lab()

    same = flipped_cases(Pair(pair.before, pair.before), encode)  # type: ignore[arg-type]  # a function of its kind

    assert (same.changed, same.lost, same.gained, same.cases) == (0, 0, 0, ())


def test_versions_that_cannot_be_asked_have_cases_without_drivers() -> None:
    pair, _, _ = lab()

    found = flipped_cases(pair, None)

    assert len(found.cases) == 5
    assert {one.drivers for one in found.cases} == {()}


def test_the_first_typical_point_lies_in_the_largest_crowd_and_the_next_one_elsewhere() -> None:
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(0, 0.1, (40, 2)), rng.normal(5, 0.1, (10, 2)), rng.normal((0, 5), 0.1, (3, 2))])

    places, stands_for = typical_of(points, 3)

    assert [0 if place < 40 else 1 if place < 50 else 2 for place in places] == [0, 1, 2]
    assert list(stands_for) == [40, 10, 3]


def test_points_that_are_all_the_same_need_one_case() -> None:
    assert typical_of(np.ones((5, 2)), 3)[1] == [5]
