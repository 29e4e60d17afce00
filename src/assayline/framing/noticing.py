"""What a plan had to do to answer for a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from .blocks import block, distinct, followed_series
from .column import Column, cell_reader, codes_of, words_of
from .labels import label
from .numbertext import UNITS, split_number

if TYPE_CHECKING:
    from .plan import Plan

EXAMPLES = 3  # unseen categories shown in a sentence
ORDER = ("empty table", "missing column", "renamed", "retyped", "ambiguous names", "unreadable", "unit texts", "infinite", "unseen categories", "corrected categories", "new column")


@dataclass(frozen=True)
class Note:
    """Something that a table did not have as the training table had it.

    Args:
        kind: "empty table", "missing column", "renamed", "retyped", "ambiguous names", "unreadable", "unit texts", "infinite", "unseen categories",
            "corrected categories" or "new column".
        columns: the columns concerned, as the training table called them (new ones as they are).
        share: the share of rows concerned, 0..1.
        sentence: what was found and what was done.
    """

    kind: str
    columns: tuple[str, ...]
    share: float
    sentence: str


def noticed(plan: Plan, table: pl.DataFrame) -> tuple[Note, ...]:
    """Everything a plan had to do for a table; the most important first."""
    names = plan.names_in(table)
    notes = _of_columns(plan, table, names)
    for column in plan.columns:
        if column.name in names and table.height:
            notes += _of_cells(column, followed_series(table, names[column.name], column.path), table.height)
    return tuple(sorted(notes, key=lambda note: (ORDER.index(note.kind), -note.share, note.columns)))


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:8])
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8} more"


def _of_columns(plan: Plan, table: pl.DataFrame, names: dict[str, str]) -> list[Note]:
    notes = []
    if not table.height:
        notes.append(Note("empty table", (), 0.0, "The table has no rows; there is nothing to answer."))
    read = sorted({column.name for column in plan.columns})
    missing = [name for name in read if name not in names]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        notes.append(Note("missing column", tuple(missing), 1.0, f"{_listed(missing)} {verb} not there; read as unknown in every row."))
    renamed = sorted((ours, theirs) for ours, theirs in names.items() if ours != theirs)
    if renamed:
        shown = _listed([f"{theirs} as {ours}" for ours, theirs in renamed])
        notes.append(Note("renamed", tuple(ours for ours, _ in renamed), 1.0, f"Columns were recognised under another name: {shown}."))
    types = {source.name: source.dtype for source in plan.sources}
    retyped = [name for name in read if name in names and _family(types[name]) != _family(str(table[names[name]].dtype)) != "nothing"]
    if retyped:
        shown = _listed([f"{name} ({types[name]} was learned, {table[names[name]].dtype} came)" for name in retyped])
        notes.append(Note("retyped", tuple(retyped), 1.0, f"Columns came as another type and were read as the learned one: {shown}."))
    taken = set(names.values())
    new = [name for name in table.columns if name not in taken]
    if new:
        notes.append(Note("new column", tuple(new), 1.0, f"{_listed(new)} {'was' if len(new) == 1 else 'were'} not in the training table and {'is' if len(new) == 1 else 'are'} not used."))
    return notes


def _family(dtype: str) -> str:
    if dtype.startswith(("Int", "UInt", "Float", "Decimal")):
        return "number"
    if dtype.startswith(("Date", "Time")):
        return "time"
    if dtype.startswith(("List", "Array", "Struct")):
        return dtype.partition("(")[0]
    return {"String": "text", "Categorical": "text", "Enum": "text", "Null": "nothing"}.get(dtype.partition("(")[0], dtype)


def _of_cells(column: Column, series: pl.Series, rows: int) -> list[Note]:
    if column.reading == "number":
        return _of_numbers(column, series, rows)
    if column.reading == "code":
        return _of_categories(column, series, rows)
    if column.reading in ("truth", "time"):
        unknown = np.isnan(block(column, series)[:, 0])
        return _unreadable(column, series, unknown, rows, "moment" if column.reading == "time" else "yes or no")
    return []


def _unreadable(column: Column, series: pl.Series, unknown: np.ndarray[tuple[int], np.dtype[np.bool_]], rows: int, what: str) -> list[Note]:
    if not unknown.any():
        return []
    values, which = distinct(series.filter(pl.Series(unknown)))
    words = [label(value) for value in values]
    counts = np.bincount(which, minlength=len(values))
    odd = [(int(count), words_of(value)) for value, one, count in zip(values, words, counts, strict=True) if one is not None]
    share = sum(count for count, _ in odd) / rows
    if not odd:
        return []
    example = next((found[0] for _, found in sorted(odd, key=lambda one: -one[0]) if found), "")
    return [Note("unreadable", (column.shown,), share, f"{share:.1%} of {column.shown} is no {what} (such as {example[:40]!r}) and is read as unknown.")]


def _of_numbers(column: Column, series: pl.Series, rows: int) -> list[Note]:
    notes = []
    if series.dtype.is_float():
        endless = int(series.is_infinite().fill_null(False).sum())
        if endless:
            notes.append(Note("infinite", (column.shown,), endless / rows, f"{endless / rows:.1%} of {column.shown} is infinite and is read as unknown."))
        return notes
    if series.dtype != pl.String:
        return _unreadable(column, series, np.isnan(block(column, series)[:, 0]), rows, "number") if not series.dtype.is_numeric() else []
    foreign: dict[str, int] = {}
    odd = series.filter(series.str.contains(r"[^0-9+\-.eE ]").fill_null(False))
    values, which = distinct(odd)
    for value, count in zip(values, np.bincount(which, minlength=len(values)).tolist() if len(values) else [], strict=True):
        read = split_number(value, column.number.comma) if value is not None else None
        if read is not None and read[1] and column.number.dimension not in UNITS[read[1]] and read[1] != column.number.unit:
            foreign[read[1]] = foreign.get(read[1], 0) + count
    if foreign:
        share = sum(foreign.values()) / rows
        known = f"of {column.number.dimension}" if column.number.dimension else "at all"
        units = _listed(sorted(foreign))
        sentence = f"{share:.1%} of {column.shown} carries a unit ({units}), and training had none {known}: the number is taken as it stands."
        notes.append(Note("unit texts", (column.shown,), share, sentence))
    return notes + _unreadable(column, series, np.isnan(block(column, series)[:, 0]), rows, "number")


def _of_categories(column: Column, series: pl.Series, rows: int) -> list[Note]:
    values, which = distinct(series)
    codes, unseen = codes_of(column)
    reader = cell_reader(column)
    read = [reader(value)[0] for value in values]
    counts = np.bincount(which, minlength=len(values))
    labels = [label(value) for value in values]
    new = [(int(count), one) for count, one, code in zip(counts, labels, read, strict=True) if one is not None and code == unseen]
    slips = [(int(count), one) for count, one, code in zip(counts, labels, read, strict=True) if one is not None and one not in codes and code != unseen]
    notes = []
    for kind, found, done in (("unseen categories", new, "has a category that training did not have"), ("corrected categories", slips, "is one slip away from a known category and read as that")):
        if found:
            share = sum(count for count, _ in found) / rows
            shown = _listed([repr(one[:40]) for _, one in sorted(found, key=lambda one: (-one[0], one[1]))[:EXAMPLES]])
            notes.append(Note(kind, (column.shown,), share, f"{share:.1%} of {column.shown} {done}: {shown}."))
    return notes
