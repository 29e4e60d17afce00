"""Faults are undone in their cells, and nowhere else."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from assayline.detectors.history_distribution import CONVERSIONS
from assayline.diagnosis.undoing import undo_of, without

ALL = np.zeros(0, dtype=np.int64)


def finding(code: str, *columns: str, sentence: str = "…") -> dict[str, Any]:
    return {"code": code, "columns": list(columns), "sentence": sentence}


@pytest.mark.parametrize(("name", "factor", "offset"), CONVERSIONS)
def test_every_conversion_that_a_finding_names_is_turned_back(name: str, factor: float, offset: float) -> None:
    before = pl.DataFrame({"x": [1.5, 20.0, None, 300.0], "y": [1, 2, 3, 4]})
    undo = undo_of(finding("unit_change", "x", sentence=f"x looks converted ({name}): median 3 against 1"), ALL)
    assert undo is not None

    back = undo(before.with_columns(pl.col("x") * factor + offset))

    assert back["x"].to_list() == pytest.approx([1.5, 20.0, None, 300.0])
    assert back["y"].equals(before["y"])


def test_only_the_accused_rows_are_touched() -> None:
    undo = undo_of(finding("unit_change", "x", sentence="x looks converted (times 10)"), np.array([1, 2]))
    assert undo is not None

    assert undo(pl.DataFrame({"x": [1.0, 20.0, 30.0]}))["x"].to_list() == [1.0, 2.0, 3.0]


def test_swapped_columns_are_swapped_back_in_the_accused_rows() -> None:
    undo = undo_of(finding("column_swap", "a", "b"), np.array([0]))
    assert undo is not None

    assert undo(pl.DataFrame({"a": [1, 2], "b": [3, 4]})).rows() == [(3, 1), (2, 4)]


def test_a_column_that_was_added_is_left_out() -> None:
    undo = undo_of(finding("added_column", "loaded_by"), ALL)
    assert undo is not None

    assert undo(pl.DataFrame({"x": [1], "loaded_by": ["2.4"]})).columns == ["x"]
    assert undo(pl.DataFrame({"x": [1]})).columns == ["x"]


def test_numbers_written_as_text_are_read() -> None:
    undo = undo_of(finding("sign_flip", "x"), ALL)
    assert undo is not None

    assert undo(pl.DataFrame({"x": ["-1.5", "2", "?"]}))["x"].to_list() == [1.5, 2.0, None]


@pytest.mark.parametrize("code", ["missing_spike", "constant_column", "disguised_missing", "shuffled_column"])
def test_what_took_something_away_cannot_be_undone(code: str) -> None:
    assert undo_of(finding(code, "x"), ALL) is None
    assert undo_of(finding("unit_change", "x", sentence="x looks converted (cubits to ells)"), ALL) is None


def test_a_lot_without_the_column_stays_as_it_is() -> None:
    frame = pl.DataFrame({"y": [1]})

    for one in (finding("sign_flip", "x"), finding("column_swap", "x", "y")):
        undo = undo_of(one, ALL)
        assert undo is not None
        assert undo(frame).equals(frame)
    assert without(np.array([0]))(frame).height == 0
