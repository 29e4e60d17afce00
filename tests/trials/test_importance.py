"""What a column is worth to a model, how sure that is, and where correlation says something else."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from assayline.trials import Importances, importances
from assayline.trials.laws import Floats


def asked(table: pl.DataFrame, truth: Floats, weights: dict[str, float], seed: int = 0) -> Importances:
    def predict(rows: pl.DataFrame) -> Floats:
        return np.asarray(sum(weight * rows[name].to_numpy() for name, weight in weights.items()))

    return importances(predict, table, truth, lambda rows, answers: (answers - truth[rows]) ** 2, seed=seed)


def test_the_rise_is_what_theory_says() -> None:
    rng = np.random.default_rng(1)
    table = pl.DataFrame({"a": rng.normal(size=4000), "b": rng.normal(size=4000), "c": rng.normal(size=4000)})

    found = asked(table, 2 * table["a"].to_numpy() + table["b"].to_numpy(), {"a": 2.0, "b": 1.0})

    # Shuffling a column of weight w adds 2 w² of its variance to the squared error.
    assert [one.column for one in found.columns] == ["a", "b", "c"]
    assert [one.rise for one in found.columns] == pytest.approx([8, 2, 0], abs=0.5)
    assert found.columns[0].low < 8 < found.columns[0].high
    assert (found.stability, found.columns[0].rank_high) == (1.0, 1)


def test_a_column_that_is_not_used_is_called_used_in_at_most_5_of_100_trials() -> None:
    rng = np.random.default_rng(2)
    called = []
    for trial in range(150):
        table = pl.DataFrame({"a": rng.normal(size=200), "weak": rng.normal(size=200)})
        truth = table["a"].to_numpy() + rng.normal(size=200)
        # A tiny weight on noise: in truth it does not lower the loss, so that shuffling does not raise it by more than chance.
        found = asked(table, truth, {"a": 1.0, "weak": 1e-9}, trial)
        called.append(next(one for one in found.columns if one.column == "weak").used)

    assert np.mean(called) <= 0.05 + 0.045


def test_an_order_that_is_chance_is_called_unstable() -> None:
    rng = np.random.default_rng(3)
    table = pl.DataFrame({name: rng.normal(size=300) for name in "abcdef"})

    same = asked(table, rng.normal(size=300), dict.fromkeys("abcdef", 0.02))

    assert same.stability < 0.7
    assert same.columns[0].rank_high > same.columns[0].rank_low


def test_a_twin_that_is_not_used_is_explained_by_the_one_that_is() -> None:
    rng = np.random.default_rng(4)
    used = rng.normal(size=2000)
    table = pl.DataFrame({"used": used, "twin": used + 0.02 * rng.normal(size=2000), "other": rng.normal(size=2000)})

    found = {one.column: one for one in asked(table, used, {"used": 1.0}).columns}

    assert not found["twin"].used
    assert found["twin"].note.startswith("twin alone explains 9")
    assert "used says nearly the same" in found["twin"].note
    assert "lower bound" in found["used"].note
    assert found["other"].note == ""


def test_a_column_that_matters_only_together_with_another_is_said_to_be_so() -> None:
    rng = np.random.default_rng(5)
    table = pl.DataFrame({"left": rng.choice([-1.0, 1.0], 3000), "right": rng.choice([-1.0, 1.0], 3000)})
    truth = (table["left"] * table["right"]).to_numpy()

    found = importances(lambda rows: (rows["left"] * rows["right"]).to_numpy(), table, truth, lambda rows, answers: np.abs(answers - truth[rows]))

    assert all(one.used and one.association < 0.01 and "together with others" in one.note for one in found.columns)


def test_texts_times_and_missing_cells_have_an_association_too() -> None:
    rng = np.random.default_rng(6)
    city = pl.Series(rng.choice(["Bonn", "Lyon", ""], 1500)).replace("", None)
    lyon = (city == "Lyon").fill_null(False).to_numpy()
    table = pl.DataFrame({"city": city, "code": np.where(lyon, 69, 0), "day": [None] * 1500})
    truth = lyon.astype(np.float64)

    def predict(rows: pl.DataFrame) -> Floats:
        return np.asarray((rows["city"] == "Lyon").fill_null(False).to_numpy(), dtype=np.float64)

    found = {one.column: one for one in importances(predict, table, truth, lambda rows, answers: np.abs(answers - truth[rows])).columns}

    assert found["city"].association == pytest.approx(1.0)
    assert (found["city"].twin, found["city"].rank_low) == ("code", 1)
    assert found["day"].association == 0


def test_nothing_to_ask_gives_nothing() -> None:
    table = pl.DataFrame({"a": [1.0]})

    assert importances(lambda rows: rows["a"].to_numpy(), table, [1.0], lambda rows, answers: answers).columns == ()
