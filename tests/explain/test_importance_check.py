"""Importance held against association: each corner of the picture is found, and a reader is warned where the two part."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

pytest.importorskip("assayline.trials")

from assayline.explain import ImportanceCheck, checked_importances

RNG = np.random.default_rng(0)
ROWS = 1500


def checked(table: pl.DataFrame, truth: np.ndarray, predict: object) -> ImportanceCheck:
    return checked_importances(predict, table, truth, lambda rows, said: np.abs(said - truth[rows]))  # type: ignore[arg-type]  # a function of its kind


def column(found: ImportanceCheck, name: str) -> tuple[str, str, bool]:
    one = next(one for one in found.columns if one.column == name)
    return one.kind, one.partner, one.warns


def test_a_column_whose_twin_is_used_says_much_and_is_not_used() -> None:
    size = RNG.normal(size=ROWS)
    table = pl.DataFrame({"metres": size, "feet": size * 3.28, "idle": RNG.normal(size=ROWS)})

    found = checked(table, size, lambda rows: rows["metres"].to_numpy())

    assert column(found, "feet") == ("says much, is not used", "metres", True)
    assert column(found, "metres") == ("shares with a twin", "feet", False)
    assert column(found, "idle") == ("neither", "", False)
    assert "It is not unimportant in the world." in next(one.sentence for one in found.columns if one.column == "feet")


def test_a_column_that_only_matters_together_with_another_names_it() -> None:
    side, flag = RNG.choice([-1.0, 1.0], ROWS), RNG.choice([-1.0, 1.0], ROWS)
    table = pl.DataFrame({"side": side, "flag": flag, "idle": RNG.normal(size=ROWS)})

    found = checked(table, side * flag, lambda rows: rows["side"].to_numpy() * rows["flag"].to_numpy())

    assert column(found, "side") == ("used, says nothing alone", "flag", True)
    assert column(found, "flag") == ("used, says nothing alone", "side", True)


def test_noise_that_was_learned_by_heart_is_warned_of_without_a_partner() -> None:
    signal, noise = RNG.normal(size=ROWS), RNG.normal(size=ROWS)
    table = pl.DataFrame({"signal": signal, "noise": noise})
    truth = signal + 0.0
    heart = dict(zip(noise.tolist(), (0.5 * RNG.normal(size=ROWS)).tolist(), strict=True))

    def predict(rows: pl.DataFrame) -> np.ndarray:
        # Right where a noise stands with its own signal, off by what another one says elsewhere.
        known = np.array([heart[one] for one in rows["noise"].to_list()])
        mine = np.array([heart[one] for one in noise.tolist()])[: len(known)]
        return np.asarray(rows["signal"].to_numpy() + known - mine)

    found = checked(table, truth, predict)

    kind, partner, warns = column(found, "noise")
    assert (kind, partner, warns) == ("used, says nothing alone", "", True)


def test_where_both_agree_nobody_is_warned() -> None:
    signal = RNG.normal(size=ROWS)
    table = pl.DataFrame({"signal": signal, "idle": RNG.normal(size=ROWS)})

    found = checked(table, signal + RNG.normal(0, 0.3, ROWS), lambda rows: rows["signal"].to_numpy())

    assert [one.kind for one in found.columns] == ["agrees", "neither"]
    assert found.columns[0].share == pytest.approx(1.0)
