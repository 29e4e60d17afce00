"""What a model gives away: members, rows known by heart, columns about people."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from assayline.errors import MisuseError
from assayline.trials import Memory, membership, memorised, personal_features, shared_rows


def test_a_model_that_treats_all_rows_alike_is_called_exposed_in_at_most_5_of_100_trials() -> None:
    rng = np.random.default_rng(1)

    called = [membership(rng.exponential(size=300), rng.exponential(size=300), limit=0.5).exposed for _ in range(400)]

    assert np.mean(called) <= 0.05 + 0.027


def test_a_model_that_is_surer_of_trained_rows_is_exposed() -> None:
    rng = np.random.default_rng(2)

    found = membership(rng.exponential(0.2, 2000), rng.exponential(1.0, 2000))

    assert found.exposed
    assert found.low < 1 / (1 + 0.2) < found.high  # P(0.2 E < E') of two exponential losses
    assert "gives away" in found.sentence


def test_a_few_rows_known_by_heart_are_seen_although_the_area_is_near_one_half() -> None:
    rng = np.random.default_rng(3)
    trained = np.where(rng.random(3000) < 0.06, 1e-9, rng.exponential(size=3000))

    found = membership(trained, rng.exponential(size=3000))

    assert found.area < 0.55
    assert found.exposed


def test_few_rows_say_nothing() -> None:
    assert not membership([0.0] * 50, [1.0] * 50).exposed


def memory_of(model: RandomForestClassifier | LogisticRegression, seed: int) -> Memory:
    """Two blobs, 8 % of whose labels were flipped."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(1600, 3)) + np.repeat([[0.0], [3.0]], 800, axis=0)
    y = np.repeat([0, 1], 800)
    flipped = rng.random(1600) < 0.08
    y[flipped] = 1 - y[flipped]
    half = rng.random(1600) < 0.5
    model.fit(x[half], y[half])
    p = model.predict_proba(x)
    return memorised(x[half], y[half].astype(float), p[half], x[~half], y[~half].astype(float), p[~half])


def test_a_forest_of_full_trees_knows_flipped_labels_by_heart_and_a_line_does_not() -> None:
    forest = memory_of(RandomForestClassifier(20, bootstrap=False, random_state=0), 4)
    line = memory_of(LogisticRegression(), 4)

    assert forest.found
    assert forest.share > 0.8 > 0.2 > forest.unseen_share
    assert len(forest.rows) > 20
    assert not line.found
    assert line.rows == ()


def test_numbers_far_from_their_neighbours_that_are_hit_are_known_by_heart() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(1000, 2))
    y = x[:, 0] + 0.1 * rng.normal(size=1000)
    y[::20] += 5.0
    fresh, truth = rng.normal(size=(1000, 2)), rng.normal(size=1000)
    truth = fresh[:, 0] + np.where(np.arange(1000) % 20 == 0, 5.0, 0.0)

    found = memorised(x, y, y, fresh, truth, fresh[:, 0])

    assert found.found
    assert set(found.rows) >= set(range(0, 1000, 20)) - set(found.rows[:0]) or len(found.rows) >= 45


def test_inputs_that_do_not_go_together_are_said() -> None:
    with pytest.raises(MisuseError, match="do not go together"):
        memorised(np.zeros((3, 2)), np.zeros(3), np.zeros(3), np.zeros((3, 1)), np.zeros(3), np.zeros(3))


def test_rows_of_the_test_set_that_were_trained_on_are_counted_whatever_their_type() -> None:
    trained = pl.DataFrame({"a": [1, 2, None], "b": ["x", "y", "z"], "target": [0, 1, 0]})
    tested = pl.DataFrame({"a": ["2", None, "7"], "b": ["y", "z", "x"]})

    found = shared_rows(trained, tested)

    assert found.rows == (0, 1)
    assert "(66.7%)" in found.sentence


def test_columns_about_people_are_known_by_their_values_or_their_name() -> None:
    table = pl.DataFrame(
        {
            "contact": ["ann@example.org", "bob@example.com", "eve@example.net"], "first_name": ["Ann", "Bob", "Eve"], "price": [1.0, 2.0, 3.0],
            "religion": ["a", "b", "c"], "racecourse": ["x", "y", "z"], "account": ["DE89370400440532013000", "GB82WEST12345698765432", "FR1420041010050500013M02606"],
        }
    )  # fmt: skip

    found = {one.column: (one.what, one.by) for one in personal_features(table)}

    assert found == {
        "contact": ("e-mail addresses", "values"), "account": ("bank account numbers", "values"), "first_name": ("names of people", "name"),
        "religion": ("protected characteristics", "name"),
    }  # fmt: skip
