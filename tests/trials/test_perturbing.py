"""Faults that are put into good rows, and what is said of a model that cannot stand them."""

from __future__ import annotations

import numpy as np
import polars as pl

from assayline.core import CATALOGUE
from assayline.trials import Fragility, robustness
from assayline.trials.perturbing import EXACT, LIMITS

RNG = np.random.default_rng(1)
TABLE = pl.DataFrame(
    {
        "id": [f"k{place}" for place in range(400)], "km": RNG.exponential(5.0, 400), "rooms": RNG.integers(1, 6, 400),
        "city": RNG.choice(["Bonn", "Lyon", "Gent"], 400), "day": pl.date_range(pl.date(2024, 1, 1), pl.date(2025, 2, 3), eager=True)[:400],
    }
)  # fmt: skip


def sturdy(rows: pl.DataFrame) -> np.ndarray:
    """A model that reads texts as numbers, knows its categories in any case, and fills what is missing or absurd."""

    def number(name: str) -> np.ndarray:
        if name not in rows.columns:
            return np.zeros(rows.height)
        read = rows[name].cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False).fill_null(3.0).fill_nan(3.0)
        return np.asarray(np.clip(read.to_numpy(), 0.0, 100.0))

    city = rows["city"].fill_null("").str.strip_chars().str.to_lowercase().to_numpy() if "city" in rows.columns else np.full(rows.height, "")
    return np.asarray(number("km") + 2 * number("rooms") + 10.0 * (city == "lyon"))


def of(found: tuple[Fragility, ...], code: str, column: str = "") -> Fragility:
    return next(one for one in found if one.code == code and column in ("", one.column))


def test_a_model_that_reads_what_it_gets_is_not_fragile() -> None:
    found = robustness(sturdy, TABLE, keep=("id",))

    assert [one.sentence for one in found if one.fragile] == []
    assert {one.code for one in found} == set(CATALOGUE) & {one.code for one in found} | set(EXACT) - {"added_column"}
    assert len({(one.code, one.column) for one in found}) == len(found) > 25


def test_every_fault_that_is_no_invariance_has_a_name_of_the_catalogue() -> None:
    codes = {one.code for one in robustness(sturdy, TABLE)}

    assert codes - set(CATALOGUE) == {"reordered_rows", "reordered_columns", "row_alone"}
    assert set(LIMITS) <= codes
    assert {"missing_spike", "unit_change", "typo", "outliers", "sign_flip", "clock_reset", "dropped_column", "added_column"} <= codes


def test_a_model_that_raises_is_fragile_with_what_it_raised() -> None:
    found = robustness(lambda rows: np.asarray(rows["km"].to_numpy(), dtype=np.float64) * 1.0, TABLE.select("km"))

    lost = of(found, "dropped_column", "km")
    assert lost.fragile
    assert lost.failure.startswith("ColumnNotFoundError")
    assert "the model fails with" in lost.sentence


def test_a_model_that_answers_with_no_number_is_fragile() -> None:
    found = robustness(lambda rows: rows["km"].cast(pl.Float64).to_numpy(), TABLE)

    assert of(found, "missing_spike", "km").fragile
    assert of(found, "missing_spike", "km").non_finite > 50


def test_a_model_that_knows_a_category_in_one_spelling_only_is_fragile() -> None:
    found = robustness(lambda rows: np.asarray((rows["city"] == "Lyon").fill_null(False).to_numpy() * 5.0), TABLE.select("city"))

    spelling = of(found, "category_spelling", "city")
    assert spelling.fragile
    assert 0.2 < spelling.changed_share < 0.5


def test_a_model_that_depends_on_the_order_of_rows_or_on_the_batch_is_fragile() -> None:
    by_row = robustness(lambda rows: np.arange(rows.height, dtype=np.float64), TABLE)
    by_batch = robustness(lambda rows: np.asarray(rows["km"].to_numpy() - np.nanmedian(rows["km"].to_numpy())), TABLE.select("km"))

    assert of(by_row, "reordered_rows").fragile
    assert of(by_batch, "row_alone").fragile
    assert not of(by_batch, "reordered_rows").fragile


def test_classes_change_when_another_one_is_the_most_probable() -> None:
    def classes(rows: pl.DataFrame) -> np.ndarray:
        lyon = 0.2 + 0.6 * np.asarray((rows["city"] == "Lyon").fill_null(False).to_numpy(), dtype=np.float64)
        return np.column_stack([1 - lyon, lyon])

    found = robustness(classes, TABLE.select("city"))

    assert 0.2 < of(found, "typo", "city").changed_share < 0.5
    assert not of(found, "typo", "city").fragile  # another word may mean another answer


def test_a_fault_is_said_with_what_it_costs() -> None:
    truth = sturdy(TABLE)

    found = robustness(sturdy, TABLE, losses=lambda rows, answers: np.abs(answers - truth[rows]))

    assert of(found, "sign_flip", "km").loss_before == 0
    assert of(found, "sign_flip", "km").loss_after > 1
    assert "loss goes from 0 to" in of(found, "sign_flip", "km").sentence


def test_an_empty_table_says_nothing_and_the_seed_decides_everything_else() -> None:
    assert robustness(sturdy, TABLE.head(0)) == ()
    assert repr(robustness(sturdy, TABLE, seed=3)) == repr(robustness(sturdy, TABLE, seed=3))
