"""Which rows are put aside, and why: gathered block by block, in columns, since there may be millions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.core import Cell, Finding
from assayline.detectors.locating import Accused
from assayline.measures import Block
from assayline.measures.values import shown

MOST_PATTERNS = 20  # cases a finding is divided into at most; the rest share one
SCHEMA = {"row": pl.Int64, "finding": pl.Int32, "column": pl.String, "pattern": pl.String, "suggestion": pl.String}

Key = tuple[str, tuple[str, ...], str | None, str]


def key_of(finding: Finding) -> Key:
    """What stays the same of a finding when its rows are counted."""
    return finding.code, finding.columns, finding.where, finding.layer


@dataclass(frozen=True)
class Case:
    """Rows that are bad in the same way: one answer serves all of them.

    Args:
        finding: the finding that put them aside.
        pattern: the form of the accused values (letters as a, digits as 9), or "" where it says nothing.
        rows: how many; a row with several findings belongs to the worst.
        suggestion: what should stand there, where that is one value for all.
    """

    finding: Finding
    pattern: str
    rows: int
    suggestion: str


class Accusations:
    """Collects what the second look accuses; `settled` gives the rows once the verdict is known."""

    def __init__(self) -> None:
        self.keys: dict[Key, int] = {}
        self._frames: list[pl.DataFrame] = []

    def add(self, block: Block, accused: list[tuple[Finding, Sequence[Cell]]]) -> None:
        """What each finding accuses in one block."""
        for finding, cells in accused:
            if len(cells):
                number = self.keys.setdefault(key_of(finding), len(self.keys))
                self._frames.append(_columnar(cells, number, finding.layer == "rule"))

    def settled(
        self, findings: Iterable[Finding], *, among: tuple[int, int] | None = None, waived: Mapping[int, Sequence[str]] | None = None
    ) -> tuple[pl.DataFrame, list[Case]]:
        """The rows these findings put aside, with their reasons; and the cases they fall into.

        Args:
            findings: those that put rows aside, worst first.
            among: only rows from the first number up to the second.
            waived: by row the codes that are not held against it any more.

        Returns:
            A frame `assay_row` (ascending), `assay_case` (place in the list of cases), `assay_why`, `assay_columns`,
            `assay_suggestions` (lists of equal length); and the cases.
        """
        ordered = [finding for finding in findings if key_of(finding) in self.keys]
        empty = pl.DataFrame(
            schema={"assay_row": pl.Int64, "assay_case": pl.Int32, "assay_why": pl.List(pl.String), "assay_columns": pl.List(pl.String), "assay_suggestions": pl.List(pl.String)}
        )
        if not ordered or not self._frames:
            return empty, []
        rank = pl.DataFrame(
            {"finding": [self.keys[key_of(one)] for one in ordered], "order": list(range(len(ordered))), "code": [one.code for one in ordered]},
            schema={"finding": pl.Int32, "order": pl.Int32, "code": pl.String},
        )
        cells = pl.concat(self._frames).join(rank, on="finding").sort("row", "order", "column", maintain_order=True)
        if among is not None:
            cells = cells.filter(pl.col("row").is_between(among[0], among[1], closed="left"))
        if waived:
            pairs = [(row, code) for row, codes in waived.items() for code in codes]
            cells = cells.join(pl.DataFrame(pairs, schema={"row": pl.Int64, "code": pl.String}, orient="row"), on=["row", "code"], how="anti", maintain_order="left")
        if not cells.height:
            return empty, []
        often = (
            cells.group_by("order", "column", "pattern").len().sort("order", "len", "column", "pattern", descending=[False, True, False, False])
            .with_columns(place=pl.int_range(pl.len()).over("order"))
        )  # fmt: skip
        rare = often.filter(pl.col("place") >= MOST_PATTERNS).select("order", "column", "pattern", other=pl.lit(True))
        cells = cells.join(rare, on=["order", "column", "pattern"], how="left").with_columns(
            pattern=pl.when(pl.col("other").is_null()).then("pattern").otherwise(pl.lit("(other)"))
        )
        rows = cells.group_by("row", maintain_order=True).agg(
            "code", "column", "suggestion", order=pl.col("order").first(), first=pl.col("column").first(), pattern=pl.col("pattern").first(),
            hint=pl.col("suggestion").first(),
        )  # fmt: skip
        groups = rows.group_by("order", "first", "pattern", maintain_order=True).agg(
            pl.len().alias("rows"), one=pl.col("hint").first(), kinds=pl.col("hint").n_unique()
        ).sort("order", "rows", "first", "pattern", descending=[False, True, False, False]).with_row_index("case")  # fmt: skip
        cases = [
            Case(
                ordered[group["order"]].but(columns=(group["first"],)) if group["first"] != "*" and not ordered[group["order"]].columns else ordered[group["order"]],
                group["pattern"], group["rows"], group["one"] if group["kinds"] == 1 and group["one"] is not None else "",
            )
            for group in groups.to_dicts()
        ]  # fmt: skip
        placed = rows.join(groups.select("case", "order", "first", "pattern"), on=["order", "first", "pattern"], maintain_order="left")
        return placed.select(
            assay_row="row", assay_case=pl.col("case").cast(pl.Int32), assay_why="code", assay_columns="column", assay_suggestions="suggestion"
        ), cases  # fmt: skip


def _columnar(cells: Sequence[Cell], number: int, of_rule: bool) -> pl.DataFrame:
    if isinstance(cells, Accused):
        picked = cells.series.gather(cells.rows).alias("value")
        rows: npt.NDArray[np.int64] = cells.rows.astype(np.int64) + cells.start
        kinds = picked.unique(maintain_order=True)
        texts = [None if missing else text for missing, text in zip(kinds.is_null().to_list(), shown(kinds), strict=True)]
        suggest = cells.suggest
        known = pl.DataFrame(
            {"value": kinds, "text": pl.Series(texts, dtype=pl.String), "suggestion": pl.Series([suggest(text) if suggest else None for text in texts], dtype=pl.String)}
        )
        frame = picked.to_frame().join(known, on="value", how="left", nulls_equal=True, maintain_order="left")
        frame = pl.DataFrame({"row": rows, "text": frame["text"], "suggestion": frame["suggestion"]}).with_columns(column=pl.lit(cells.column))
    else:
        frame = pl.DataFrame(
            {
                "row": [cell.row for cell in cells], "text": [cell.value for cell in cells], "column": [cell.column for cell in cells],
                "suggestion": [cell.suggestion for cell in cells],
            },
            schema={"row": pl.Int64, "text": pl.String, "column": pl.String, "suggestion": pl.String},
        )  # fmt: skip
    pattern = pl.lit("") if of_rule else pl.when(pl.col("column") == "*").then(pl.lit("")).otherwise(form(pl.col("text")))
    return frame.select(row="row", finding=pl.lit(number, dtype=pl.Int32), column="column", pattern=pattern, suggestion="suggestion")


def form(text: pl.Expr) -> pl.Expr:
    """The form of values: runs of letters as a, runs of digits as 9, the first 40 characters of the rest as they are.

    >>> pl.select(form(pl.lit("SE-4711 Lund"))).item()
    'a-9 a'
    """
    return text.fill_null("(empty)").str.slice(0, 200).str.replace_all(r"\p{L}+", "a").str.replace_all(r"\d+", "9").str.slice(0, 40)
