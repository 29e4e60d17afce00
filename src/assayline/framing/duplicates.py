"""Rows that are in the training table and in the test table: what a model knows by heart there proves nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from .blocks import distinct
from .labels import label
from .recognising import matched_names


@dataclass(frozen=True)
class Duplicates:
    """Rows of a test table that the training table has too.

    Args:
        rows: their 0-based numbers in the test table, in order.
        share: their share of the test table, 0..1.
        columns: the columns that were compared.
        sentence: what was found.
    """

    rows: tuple[int, ...]
    share: float
    columns: tuple[str, ...]
    sentence: str


def duplicates(train: pl.DataFrame, test: pl.DataFrame, *, ignore: Sequence[str] = ()) -> Duplicates:
    """The rows of a test table that stand in the training table, spelled the same or not (` 3.0` is `3`, `Yes ` is `yes`).

    Args:
        train: the training table.
        test: the test table; columns are matched by name.
        ignore: columns that are not compared: numbers of rows, times of loading.

    Returns:
        Which rows, and which share. Few columns with few values repeat by chance; the sentence then says how often the training table repeats itself.

    >>> duplicates(pl.DataFrame({"a": ["1", "2"], "b": ["x", "y"]}), pl.DataFrame({"A": [2.0, 3.0], "b": ["Y ", "x"]})).rows
    (0,)
    """
    names = matched_names([name for name in train.columns if name not in ignore], test.columns)
    pairs = sorted((ours, theirs) for ours, theirs in names.items() if theirs not in ignore)
    columns = tuple(ours for ours, _ in pairs)
    if not pairs or not train.height or not test.height:
        return Duplicates((), 0.0, columns, "There is nothing to compare.")
    left: list[pl.Series] = []
    right: list[pl.Series] = []
    for at, (ours, theirs) in enumerate(pairs):
        codes: dict[str | None, int] = {None: -1}
        for series, made in ((train.get_column(ours), left), (test.get_column(theirs), right)):
            values, rows = distinct(series)
            numbers = np.array([codes.setdefault(label(value), len(codes)) for value in values], dtype=np.int64)
            made.append(pl.Series(str(at), numbers[rows] if len(values) else np.zeros(0, dtype=np.int64)))
    known, asked = pl.DataFrame(left), pl.DataFrame(right)
    filled = asked.select(pl.any_horizontal(pl.all() >= 0)).to_series()
    found = asked.with_row_index("row").filter(filled).join(known.unique(), on=known.columns, how="semi")["row"].sort()
    share = len(found) / test.height
    itself = 1 - known.n_unique() / known.height
    sentence = f"{len(found):,} of {test.height:,} test rows ({share:.1%}) stand in the training table too; {itself:.1%} of the training rows repeat another one."
    return Duplicates(tuple(found.to_list()), share, columns, sentence if len(found) else "No test row stands in the training table.")
