"""Faults that can be undone: the rows as they would be without a fault, while everything else about them stays what it is.

Putting a lot of yesterday in the place of today's takes the world of today away as well. Where a fault says what it did to the cells, it can be undone in them instead; if the
symptom is gone then, it was the fault, and if it stays, it was not, whatever the finding said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ..detectors.history_distribution import CONVERSIONS
from .conversions import WORLDLY

Rows = npt.NDArray[np.int64]
Undo = Callable[[pl.DataFrame], pl.DataFrame]


def undo_of(finding: Mapping[str, Any], rows: Rows) -> Undo | None:
    """How the fault that a finding names is undone.

    Args:
        finding: as JSON: code, columns, sentence.
        rows: that it accuses, 0-based; none for all.

    Returns:
        A function over the rows of the lot; None where the fault took away what was there, or does not say what it did.

    >>> flipped = {"code": "sign_flip", "columns": ["x"], "sentence": "…"}
    >>> undo_of(flipped, np.zeros(0, dtype=np.int64))(pl.DataFrame({"x": [-1.0, 2.0]}))["x"].to_list()
    [1.0, 2.0]
    """
    columns, code = list(finding.get("columns", ())), finding.get("code")
    if code == "unit_change" and len(columns) == 1:
        said = str(finding.get("sentence", ""))
        known = next(((factor, offset) for name, factor, offset in CONVERSIONS if f"({name})" in said), None)
        return None if known is None else _on_numbers(columns[0], rows, lambda column: (column - known[1]) / known[0])
    if code == "sign_flip" and len(columns) == 1:
        return _on_numbers(columns[0], rows, lambda column: column.abs())
    if code == "added_column" and columns:
        return lambda frame: frame.drop(one for one in columns if one in frame.columns)
    if code == "column_swap" and len(columns) == 2:
        return _swapped(columns[0], columns[1], rows)
    return None


def is_unworldly(finding: Mapping[str, Any]) -> bool:
    """Whether a fault that can be undone is none that the world does by itself: it grows by factors below ten, but turns no signs and swaps no columns.

    >>> is_unworldly({"code": "unit_change", "sentence": "x looks converted (kg to pounds)"}), is_unworldly({"code": "unit_change", "sentence": "x looks converted (°C to °F)"})
    (False, True)
    """
    if finding.get("code") != "unit_change":
        return finding.get("code") in ("sign_flip", "column_swap")
    said = str(finding.get("sentence", ""))
    return any(f"({name})" in said and (offset != 0 or not 1 / WORLDLY < factor < WORLDLY) for name, factor, offset in CONVERSIONS)


def _on_numbers(name: str, rows: Rows, change: Callable[[pl.Expr], pl.Expr]) -> Undo:
    def undo(frame: pl.DataFrame) -> pl.DataFrame:
        if name not in frame.columns:
            return frame
        numbers = pl.col(name).cast(pl.Float64, strict=False)
        return frame.with_columns(pl.when(_among(frame, rows)).then(change(numbers)).otherwise(numbers).alias(name))

    return undo


def _swapped(one: str, other: str, rows: Rows) -> Undo:
    def undo(frame: pl.DataFrame) -> pl.DataFrame:
        if one not in frame.columns or other not in frame.columns:
            return frame
        here = _among(frame, rows)
        return frame.with_columns(
            pl.when(here).then(pl.col(other)).otherwise(pl.col(one)).alias(one), pl.when(here).then(pl.col(one)).otherwise(pl.col(other)).alias(other)
        )  # fmt: skip

    return undo


def without(rows: Rows) -> Undo:
    """The rows without those that are accused, as a gate that puts them aside would let them flow on.

    >>> without(np.array([1]))(pl.DataFrame({"x": [1, 2, 3]}))["x"].to_list()
    [1, 3]
    """

    def undo(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.filter(~_among(frame, rows))

    return undo


def _among(frame: pl.DataFrame, rows: Rows) -> pl.Series:
    mask = np.ones(frame.height, dtype=bool) if not len(rows) else np.isin(np.arange(frame.height), rows)
    return pl.Series(mask)
