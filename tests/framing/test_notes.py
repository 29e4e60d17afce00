"""What a plan says it had to do."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from assayline.framing import Note, Plan, Problem, frame

GENERATOR = np.random.default_rng(5)
ROWS = 400
TRAIN = pl.DataFrame(
    {
        "Unit Price": GENERATOR.gamma(2.0, 10.0, ROWS), "colour": GENERATOR.choice(["crimson", "turquoise", "ochre", "magenta"], ROWS), "visits": GENERATOR.poisson(4, ROWS),
        "weight": [f"{one:.2f} kg" for one in GENERATOR.gamma(3.0, 2.0, ROWS)], "seen": [f"2026-0{1 + at % 9}-11 10:00" for at in range(ROWS)], "sold": GENERATOR.choice(["yes", "no"], ROWS),
    }
)  # fmt: skip
PLAN = frame(TRAIN, Problem("sold"))
AT = {feature.name: at for at, feature in enumerate(PLAN.features)}


def kinds(notes: tuple[Note, ...]) -> dict[str, tuple[str, ...]]:
    return {note.kind: note.columns for note in notes}


def test_the_table_it_learned_from_needs_no_note() -> None:
    assert PLAN.notes(TRAIN) == ()


def test_a_column_that_is_gone_is_unknown_everywhere_and_said() -> None:
    other = TRAIN.drop("visits")

    assert np.isnan(PLAN.encode(other)[:, AT["visits"]]).all()
    assert kinds(PLAN.notes(other)) == {"missing column": ("visits",)}


def test_a_new_column_is_named_and_changes_nothing() -> None:
    other = TRAIN.with_columns(extra=pl.lit(1))

    assert np.array_equal(PLAN.encode(other), PLAN.encode(TRAIN), equal_nan=True)
    assert kinds(PLAN.notes(other)) == {"new column": ("extra",)}


@pytest.mark.parametrize("name", ["unit_price", "UNIT PRICE", "UnitPrice", " unit-price "])
def test_a_column_is_recognised_by_its_normalised_name(name: str) -> None:
    other = TRAIN.rename({"Unit Price": name})

    assert np.array_equal(PLAN.encode(other), PLAN.encode(TRAIN), equal_nan=True)
    assert kinds(PLAN.notes(other)) == {"renamed": ("Unit Price",)}
    assert PLAN.row_encoder()(other.row(0, named=True)) == PLAN.encode(TRAIN)[0].tolist()


def test_a_column_under_a_strange_name_is_recognised_by_what_stands_in_it() -> None:
    other = TRAIN.rename({"colour": "q17", "Unit Price": "x3"})

    assert np.array_equal(PLAN.encode(other), PLAN.encode(TRAIN), equal_nan=True)
    assert kinds(PLAN.notes(other)) == {"renamed": ("Unit Price", "colour")}


def test_two_candidates_are_none() -> None:
    other = TRAIN.rename({"Unit Price": "x3"}).with_columns(x4=pl.col("x3") * 1.01)

    assert "missing column" in kinds(PLAN.notes(other))
    assert np.isnan(PLAN.encode(other)[:, AT["Unit Price"]]).all()


def test_two_names_that_differ_only_in_case_are_not_guessed_between() -> None:
    other = TRAIN.rename({"visits": "VISITS"}).with_columns(Visits=pl.col("VISITS"))

    assert np.isnan(PLAN.encode(other)[:, AT["visits"]]).all()


def test_text_instead_of_numbers_is_read_and_said() -> None:
    other = TRAIN.with_columns(pl.col("visits").cast(pl.String) + ".0")

    assert np.array_equal(PLAN.encode(other), PLAN.encode(TRAIN), equal_nan=True)
    assert kinds(PLAN.notes(other)) == {"retyped": ("visits",)}


def test_an_unseen_category_has_its_own_code_and_a_slip_is_put_right() -> None:
    other = TRAIN.with_columns(colour=pl.Series([" Crimson", "crimsom", "sepia", None] * 100))

    codes = PLAN.encode(other)[:4, AT["colour"]].tolist()

    assert codes[0] == codes[1] != codes[2] == PLAN.features[AT["colour"]].categories - 1
    assert np.isnan(codes[3])
    notes = {note.kind: note for note in PLAN.notes(other)}
    assert notes["unseen categories"].share == notes["corrected categories"].share == 0.25
    assert "sepia" in notes["unseen categories"].sentence


def test_units_become_the_learned_one_and_a_foreign_unit_is_said() -> None:
    other = TRAIN.head(3).with_columns(weight=pl.Series(["2 kg", "2000 g", "2 V"]), visits=pl.Series(["3", "3 km", "x"]))

    assert PLAN.encode(other)[:, AT["weight"]].tolist() == [2.0, 2.0, 2.0]
    assert kinds(PLAN.notes(other))["unit texts"] in (("weight",), ("visits",))
    assert [note.columns for note in PLAN.notes(other) if note.kind == "unit texts"] == [("visits",), ("weight",)]
    assert [note.columns for note in PLAN.notes(other) if note.kind == "unreadable"] == [("visits",)]


def test_infinite_numbers_are_unknown_and_said() -> None:
    other = TRAIN.head(2).with_columns(pl.Series("Unit Price", [float("inf"), 1.0]))

    assert np.isnan(PLAN.encode(other)[0, AT["Unit Price"]])
    assert kinds(PLAN.notes(other)) == {"infinite": ("Unit Price",)}


def test_an_empty_table_is_answered() -> None:
    assert PLAN.encode(TRAIN.clear()).shape == (0, len(PLAN.features))
    assert "empty table" in kinds(PLAN.notes(TRAIN.clear()))
    assert PLAN.encode(pl.DataFrame()).shape == (0, len(PLAN.features))


def test_a_text_table_and_a_typed_one_give_the_same_input() -> None:
    typed = TRAIN.with_columns(pl.col("seen").str.to_datetime("%Y-%m-%d %H:%M"))
    text = typed.select(pl.all().cast(pl.String))

    plans = [frame(typed, Problem("sold")), frame(text, Problem("sold"))]

    assert [feature.name for feature in plans[0].features] == [feature.name for feature in plans[1].features]
    made = [plan.encode(table) for plan in plans for table in (typed, text)]
    assert all(np.array_equal(made[0], other, equal_nan=True) for other in made[1:])


def test_a_plan_of_a_later_format_is_refused_with_what_to_do() -> None:
    from assayline.errors import MisuseError

    with pytest.raises(MisuseError, match="frame the data again"):
        Plan.from_json({**PLAN.to_json(), "format": 99})
