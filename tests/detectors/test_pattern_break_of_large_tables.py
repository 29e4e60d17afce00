"""Broken forms in tables that are larger than the row sample."""

from __future__ import annotations

import polars as pl

from assayline.core import Past
from assayline.detectors.pattern_break import PatternBreak
from assayline.measures import Block, Plan, profile


def test_every_broken_form_is_counted_and_found_although_only_a_sample_was_seen() -> None:
    rows = 150_000
    codes = [f"AB-{n:06}" if n % 300 else f"ab-{n:06}" for n in range(rows)]
    frame = pl.DataFrame({"code": codes})

    (found,) = PatternBreak()(profile(frame), Past())

    assert (found.rows, found.exact_rows) == (500, True)
    assert found.locate is not None
    cells = found.locate.fresh()(Block(frame, Plan.of(frame)))
    assert [cell.row for cell in cells] == list(range(0, rows, 300))
