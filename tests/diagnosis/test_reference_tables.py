"""Which row of a table is which, and what it says now."""

from __future__ import annotations

import polars as pl

from assayline.diagnosis.reference_tables import changed_values, identifying

BEFORE = pl.DataFrame({"device": ["a", "b", "c"], "kind": ["pump", "fan", "pump"], "usual": [1.5, 2.5, 3.5], "height": [10, 20, 30]})


def test_a_row_is_known_by_what_each_row_has_for_itself_and_had_before() -> None:
    assert identifying(BEFORE, BEFORE) == ["device", "height"]
    assert identifying(BEFORE.with_columns(device=pl.Series(["A", "B", "C"])), BEFORE) == ["height"]
    assert identifying(BEFORE.with_columns(device=pl.Series(["a", "b", None])), BEFORE) == ["height"]


def test_new_rows_are_no_change_of_known_ones() -> None:
    more = pl.concat([BEFORE, pl.DataFrame({"device": ["d"], "kind": ["fan"], "usual": [9.5], "height": [40]})])

    assert changed_values(["usual"], more, BEFORE) is None


def test_a_row_that_was_delivered_again_counts_as_it_was_last() -> None:
    again = pl.concat([BEFORE, BEFORE.with_columns(pl.col("usual") + 1)])

    assert changed_values(["usual"], BEFORE.with_columns(pl.col("usual") + 1), again) is None
    found = changed_values(["usual"], BEFORE, again)
    assert found is not None
    assert found["sentence"] == "usual of 3 of the 3 rows that were there before is another: where device = a, '1.5' instead of '2.5'."


def test_what_became_empty_is_said() -> None:
    found = changed_values(["usual", "kind"], BEFORE.with_columns(usual=pl.lit(None, dtype=pl.Float64)), BEFORE)

    assert found is not None
    assert found["columns"] == ["usual", "kind"]
    assert "nothing instead of '1.5'" in found["sentence"]
