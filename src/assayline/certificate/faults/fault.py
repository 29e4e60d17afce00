"""One way in which data goes wrong, at a few strengths, as a value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from ..roles import segments
from ..sound import Sound

Rows = npt.NDArray[np.int64]
NAMES = ("subtle", "medium", "gross")


@dataclass(frozen=True)
class Strength:
    """How strong a fault is.

    Args:
        name: "subtle", "medium" or "gross".
        amount: the number that the fault works with: a share of the rows (0..1), standard deviations, hours, …
        says: the same in words: "5 % of the cells".
    """

    name: str
    amount: float
    says: str


Inject = Callable[[Sound, str | None, Strength, np.random.Generator], pl.DataFrame | None]
Columns = Callable[[Sound], tuple[str | None, ...]]


@dataclass(frozen=True)
class Fault:
    """One way in which data goes wrong.

    Args:
        code: the finding that should name it, from the catalogue.
        says: what happens, with `{column}` and `{strength}` left open: "a shift of {column} by {strength}".
        scope: what it may touch: "cells" of its column and nothing else, "columns" (cells of several, or their names), "rows" (which rows there are, and their
            order), "table" (everything).
        strengths: weakest first; one where there is nothing between it and a sound lot.
        applies: the columns of a lot that it can strike; (None,) when it strikes the whole table, () when it cannot strike this lot.
        inject: the lot with the fault, or None where this column of this lot cannot have it; the same generator gives the same lot.
    """

    code: str
    says: str
    scope: str
    strengths: tuple[Strength, ...]
    applies: Columns
    inject: Inject


def three(words: str, *amounts: float) -> tuple[Strength, ...]:
    """Three strengths in one unit; `{}` in the words is the number of something, `{%}` the number as per cent.

    >>> [one.says for one in three("{%} of the cells", 0.05, 0.2, 0.5)]
    ['5 % of the cells', '20 % of the cells', '50 % of the cells']
    >>> three("{} standard deviations", 0.3, 1, 3)[1].says
    '1 standard deviation'
    """
    said = [words.replace("{%}", f"{100 * amount:g} %").replace("{}", f"{amount:g}") for amount in amounts]
    said = [one.removesuffix("s") if amount == 1 and "{}" in words else one for one, amount in zip(said, amounts, strict=True)]
    return tuple(Strength(*one) for one in zip(NAMES, amounts, said, strict=True))


def once(words: str = "") -> tuple[Strength, ...]:
    """The one strength of a fault that is there or not."""
    return (Strength("gross", 1.0, words),)


def whole_table(lot: Sound) -> tuple[None, ...]:
    """For faults that strike no column in particular."""
    return (None,) if lot.frame.height else ()


def some(rng: np.random.Generator, rows: Rows, share: float, least: int = 1) -> Rows:
    """A share of some rows, drawn without order."""
    return np.sort(rng.choice(rows, min(len(rows), max(least, round(share * len(rows)))), replace=False)) if len(rows) else rows


def one_segment(lot: Sound, rng: np.random.Generator, least: int = 3, *, but: str | None = None) -> Rows:
    """The rows of one value of a category drawn by chance; no rows where the lot is not divided."""
    for name in rng.permutation(np.array([one for one in segments(lot) if one != but], dtype=object)):
        counts = ranked(lot.frame.get_column(name)).filter(pl.col("count").is_between(least, lot.frame.height - 1))
        if counts.height:
            chosen = counts["value"][int(rng.integers(counts.height))]
            return np.flatnonzero((lot.frame.get_column(name) == chosen).fill_null(False).to_numpy())
    return np.empty(0, dtype=np.int64)


def ranked(column: pl.Series) -> pl.DataFrame:
    """The values of a column and their `count`, the commonest first.

    Under names of our own, for a column may be called `count`.
    """
    return column.alias("value").drop_nulls().value_counts().sort(["count", "value"], descending=[True, False])


def taken(frame: pl.DataFrame, rows: Rows) -> pl.DataFrame:
    """The rows with these numbers, in this order."""
    chosen: pl.DataFrame = frame[rows.tolist()]
    return chosen


def replaced(lot: Sound, column: pl.Series | None) -> pl.DataFrame | None:
    """The lot with another content of one column; None where there is none or it is what stood there before."""
    if column is None or column.equals(lot.frame.get_column(column.name), check_dtypes=True, null_equal=True):
        return None
    return lot.frame.with_columns(column)
