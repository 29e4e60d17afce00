"""Splits a table by rules alone, in one pass: for whoever knows what has to hold and wants nothing else looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
import polars as pl

from assayline.core import Verdict
from assayline.measures import HEAD_ROWS, Plan
from assayline.rules import Compiled, Evaluation, compile_rule, typed
from assayline.tables import Piece, Table

from .lot_work import Part, Progress, Ready, Written, hashed, part_of
from .rule_findings import kinds_of, values_of

NO_ROWS = np.zeros(0, dtype=np.int64)


def split_by_rules(
    table: Table, rules: Sequence[str], folder: str, *, references: Mapping[str, Sequence[str]] | None = None, on_progress: Progress = lambda done, total, phase: None
) -> dict[str, Any]:
    """Write the rows that meet all rules into one Parquet file, the others with their reasons into another.

    Args:
        table: what to split.
        rules: conditions on rows; those about the whole lot are answered and put no row aside.
        folder: where `released.parquet` and `quarantined.parquet` are written.
        references: for each "flow.column" that a rule asks for the Parquet files that hold its values.
        on_progress: receives (rows done, rows expected or 0, phase).

    Returns:
        `rows` ({"taken", "released", "quarantined"}), `files` (names in the folder), `rules`: [{"rule", "failing", "holds"}], `multiset`.

    Raises:
        RuleError: a rule is none, or reads what the table does not have.

    >>> import tempfile
    >>> from assayline.tables import open_frame
    >>> done = split_by_rules(open_frame(pl.DataFrame({"bikes": [3, -1, 7]})), ["bikes >= 0"], tempfile.mkdtemp())
    >>> done["rows"], done["rules"]
    ({'taken': 3, 'released': 2, 'quarantined': 1}, [{'rule': 'bikes >= 0', 'failing': 1, 'holds': False}])
    """
    first, plan = _planned(table)
    values, flows = values_of(references or {})
    runs = [Evaluation(compile_rule(rule, kinds_of(plan), flows), values) for rule in rules]
    if whole := [run for run in runs if run.compiled.aggregates_needed]:
        for piece in table.pieces():
            for run, frame in _typed(piece.load(), plan, whole):
                run.first(frame)
    for run in runs:
        run.finish()
    of_rows = [number for number, run in enumerate(runs) if not run.compiled.about_lot]
    counts: dict[int, tuple[int, ...]] = {}
    written = Written(folder, table, Verdict.SPLIT, NO_ROWS, None)

    def ready(piece: Piece) -> Ready:
        frame = first.pop(piece.start) if piece.start in first else piece.load()
        masks = _masks(frame, plan, [runs[number] for number in of_rows])
        hashes, sums = hashed(frame)
        aside = masks.select(pl.any_horizontal(pl.all())).to_series() if masks.width else None
        if aside is None or not aside.any():
            return Ready(frame.height, hashes, sums, {"released": Part(frame.to_arrow(), sums)})
        why = _why(masks, piece.start, [(number, runs[number].compiled) for number in of_rows])
        counts[piece.start] = masks.sum().row(0)
        return Ready(frame.height, hashes, sums, {"released": part_of(frame.filter(~aside)), "quarantined": part_of(frame.filter(aside), why)})

    # Rules that look back see the pieces one after another.
    written.write(on_progress, ready, threads=1 if any(run.compiled.needs_order for run in runs) else 0)
    failing = dict(zip(of_rows, map(sum, zip(*counts.values(), strict=True)), strict=True)) if counts else {}
    return {
        "rows": {"taken": written.taken, "released": written.released, "quarantined": written.quarantined},
        "files": written.files,
        "rules": [
            {"rule": rule, "failing": failing.get(number, 0), "holds": run.holds() is not False if run.compiled.about_lot else not failing.get(number)}
            for number, (rule, run) in enumerate(zip(rules, runs, strict=True))
        ],
        "multiset": written.multiset,
    }


def _planned(table: Table) -> tuple[dict[int, pl.DataFrame], Plan]:
    """The first piece by its place, so that it is not loaded twice; and how the columns are read."""
    first = {piece.start: piece.load() for piece in islice(table.pieces(), 1)}
    frame = next(iter(first.values()), pl.DataFrame(schema=dict.fromkeys(table.columns, pl.String)))
    return first, Plan.of(frame.head(HEAD_ROWS), table.text, table.rows_hint)


def _typed(frame: pl.DataFrame, plan: Plan, runs: Sequence[Evaluation]) -> list[tuple[Evaluation, pl.DataFrame]]:
    """A block as the rules take it; typed once for all of them, since one plan gives each column one kind."""
    kinds = {name: kind for run in runs for name, kind in run.compiled.kinds.items()}
    whole = typed(frame, plan, kinds)
    return [(run, whole) for run in runs]


def _masks(frame: pl.DataFrame, plan: Plan, runs: Sequence[Evaluation]) -> pl.DataFrame:
    """For each rule True in the rows that fail it."""
    return pl.DataFrame([run.failing(block).alias(str(number)) for number, (run, block) in enumerate(_typed(frame, plan, runs))])


def _why(masks: pl.DataFrame, start: int, rules: Sequence[tuple[int, Compiled]]) -> pl.DataFrame:
    """What the quarantine adds to each failing row: its place, the first rule it fails as its case, and all rules it fails."""
    found = []
    for mask, (number, compiled) in zip(masks.iter_columns(), rules, strict=True):
        rows = mask.arg_true()
        if rows.len():
            column = next(iter(compiled.columns)) if len(compiled.columns) == 1 else "*"
            found.append(pl.DataFrame({"row": rows.cast(pl.Int64) + start}).with_columns(rule=pl.lit(number, pl.Int32), why=pl.lit(f"rule {number + 1}"), column=pl.lit(column)))
    return pl.concat(found).sort("row", "rule").group_by("row", maintain_order=True).agg(
        pl.col("rule").first(), "why", "column", suggestion=pl.lit(None, pl.String).repeat_by(pl.len()).first()
    ).select(assay_row="row", assay_case="rule", assay_why="why", assay_columns="column", assay_suggestions="suggestion")  # fmt: skip
