"""Cells of a numeric column that carry text, a unit or a currency."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from assayline.core import Cell, Finding, Past, Profile
from assayline.measures import MISSING_WORDS, Block, Counts, Moments, natures, tally

from .recognising import odd_values
from .recognising.numbers import number_fault
from .recognising.speaking import about_values

MOST_WORDS = 0.1  # share of the rows above which words are a second kind of value, not slips


@dataclass(frozen=True)
class Unreadable:
    """Accuses the cells that do not read as numbers, for one finding code.

    Args:
        column: a column taken for numbers.
        code: of `number_fault`.
        decimals: see `number_fault`.
    """

    column: str
    code: str
    decimals: bool

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def fresh(self) -> Unreadable:
        return self

    def __call__(self, block: Block, /) -> Sequence[Cell]:
        column = block.column(self.column)
        if not column.unparsed.len():
            return []
        rows = np.flatnonzero((column.typed.is_null() & column.series.is_not_null()).to_numpy())
        cells = []
        for row, value in zip(rows.tolist(), column.series.gather(rows).to_list(), strict=True):
            word = value.strip().lower()
            if not word or word in MISSING_WORDS or not word.strip("*-_.#?"):
                continue
            code, confidence, suggestion = number_fault(value, self.decimals)
            if code == self.code:
                cells.append(Cell(block.start + row, self.column, confidence, value, suggestion))
        return cells


class TypeToString:
    """Finds text, units and currencies among numbers, and numbers with decimal commas among others.

    Reads:    `counts`, `moments`, `values` or the row sample.
    Finds:    "type_to_string", "mixed_types" where more than a tenth of the rows are words, and "decimal_comma", per column;
              evidence `unparsed_rows`, `rows_share`.
    Silent:   on words that stand for missing (`disguised_missing`), and in columns of which less than half reads as numbers.
    Source:   definition; docs/detectors/type_to_string.md.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> frame = pl.DataFrame({"kg": ["7", "8.5", "9", "7 kg", "12,5"]})
    >>> [finding.code for finding in TypeToString()(profile(frame, text=True), Past())]
    ['decimal_comma', 'type_to_string']
    """

    codes = ("type_to_string", "decimal_comma", "mixed_types")

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        odd = odd_values(profile)
        for column, nature in natures(profile).items():
            counts, moments = profile.of(column, Counts), profile.of(column, Moments)
            if counts is None or moments is None or nature.kind == "time" or counts.unparsed == 0:
                continue
            decimals = moments.whole < 0.5 * moments.n
            seen = odd.get(column, {})
            evidence: dict[str, float | str] = {"unparsed_rows": counts.unparsed}
            commas, words = seen.get("decimal_comma"), seen.get("type_to_string")
            if commas:
                yield about_values(
                    profile, "decimal_comma", column, commas, "are written with a decimal comma among numbers with a point",
                    severity=0.6, suggestion="write them with a point", locate=Unreadable(column, "decimal_comma", decimals), evidence=evidence,
                )  # fmt: skip
            if words:
                many = sum(one.rows for one in words if one.suggestion is None) > MOST_WORDS * nature.filled
                yield about_values(
                    profile, "mixed_types" if many else "type_to_string", column, words,
                    "are text although most are numbers" if many else "do not read as numbers although the others do",
                    severity=0.4 if many else 0.6, suggestion="write the number alone", locate=Unreadable(column, "type_to_string", decimals),
                    evidence=evidence,
                )  # fmt: skip
            if not seen and not tally(profile, column).exact:
                yield Finding(
                    "type_to_string", (column,), f"Up to {counts.unparsed:,} of {counts.rows - counts.nulls:,} values of {column} do not read as numbers.",
                    severity=0.6, evidence=evidence, suggestion="write the number alone", locate=Unreadable(column, "type_to_string", decimals),
                )  # fmt: skip


