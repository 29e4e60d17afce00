"""Faults of volume: rows lost, repeated, of another day, of a part of the population, or of nobody."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from ..roles import categories, keys, numeric, segments, texts, timed
from ..sound import Sound
from ..written import numbers, times, with_numbers, with_times
from .fault import Fault, Rows, Strength, once, ranked, replaced, some, taken, three, whole_table

Rng = np.random.Generator
Given = pl.DataFrame | None

TEST_WORDS = ("test", "TEST", "asdf", "qwerty", "test test", "foo", "xxx", "dummy")
TEST_NUMBERS = (0.0, 1.0, 123.0, 999.0)
EMAIL = re.compile(r"^[^@\s]+@[^@\s]+\.\w+$")
LEAST_LETTERS = 5
DAY = timedelta(days=1)


def _shortened(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    kept = max(1, round((1 - strength.amount) * lot.frame.height))
    return lot.frame.head(kept) if kept < lot.frame.height else None


def _emptied(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    return lot.frame.clear()


def _repeated(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    rows = some(rng, np.arange(lot.frame.height), strength.amount)
    return pl.concat([lot.frame, taken(lot.frame, rows)])


def _nearly_repeated(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    rows = some(rng, np.arange(lot.frame.height), strength.amount)
    again = taken(lot.frame, rows)
    cells = []
    for text in again.get_column(column).to_list():
        at = int(rng.integers(1, len(text))) if text and len(text) > 1 else 0
        cells.append(text[:at] + text[at + 1 :] if at else text)
    return pl.concat([lot.frame, again.with_columns(pl.Series(column, cells, dtype=pl.String))])


def _free(lot: Sound) -> tuple[str, ...]:
    chosen = (name for name in texts(lot) if name not in categories(lot) and name not in keys(lot))
    return tuple(name for name in chosen if (lot.frame.get_column(name).str.len_chars().median() or 0) >= LEAST_LETTERS)  # type: ignore[operator]  # a length is a number


def _used_twice(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    series = lot.frame.get_column(column)
    shuffled = rng.permutation(lot.frame.height)
    struck = min(max(1, round(strength.amount * lot.frame.height)), lot.frame.height // 2)
    source = np.arange(lot.frame.height)
    source[shuffled[:struck]] = shuffled[struck : 2 * struck]
    return replaced(lot, series[source.tolist()])


def _silenced(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    values = ranked(lot.frame.get_column(column))["value"]
    place = {"subtle": values.len() - 1, "medium": values.len() // 2, "gross": 0}[strength.name]
    left = lot.frame.filter(lot.frame.get_column(column).ne_missing(values[place]))
    return left if left.height and always_there(lot, column, values[place]) else None


def always_there(lot: Sound, column: str, value: object) -> bool:
    """Whether every recent lot has the value: what comes on some days only may be missing on others."""
    return all((one == value).any() for one in lot.earlier(column))


def _again(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    """The lot before once more; its times moved to today, or as they were."""
    if not lot.past or lot.past[-1].schema != lot.frame.schema or not lot.past[-1].height:
        return None
    before = lot.past[-1]
    if strength.name == "gross":
        return None if before.equals(lot.frame) else before
    moved = before
    for name in timed(lot):
        plan = lot.plan.columns[name]
        then, now = times(before.get_column(name), plan), times(lot.frame.get_column(name), plan)
        first, today = then.min(), now.min()
        if not isinstance(first, datetime) or not isinstance(today, datetime):
            return None
        series = with_times(before.get_column(name), plan, then + timedelta(days=round((today - first) / DAY)), np.arange(before.height))
        if series is None:
            return None
        moved = moved.with_columns(series)
    return None if moved.equals(before) or moved.equals(lot.frame) else moved


def refilled(lot: Sound, kept: Rows, of_this_kind: Callable[[pl.DataFrame], Rows], rng: Rng) -> Given:
    """The kept rows and, in the place of the others, rows of the same kind from the past: with the times and keys of those they replace.

    So that the lot has its usual size, hours and identifiers, and no lot of the past comes back in it.
    """
    lost = np.setdiff1d(np.arange(lot.frame.height), kept)
    own = [*timed(lot), *keys(lot)]
    sources = [one for one in lot.past if one.schema == lot.frame.schema]
    if not len(lost) or not len(kept) or not sources:
        return None
    known = pl.concat([taken(one, of_this_kind(one)) for one in sources])
    if known.height < len(lost):
        return None
    guests = taken(known, rng.choice(known.height, len(lost), replace=False))
    guests = guests.with_columns(lot.frame.get_column(name)[lost.tolist()] for name in own)
    return taken(pl.concat([taken(lot.frame, kept), guests]), np.argsort(np.concatenate([kept, lost]), kind="stable"))


def _part_only(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    plan = lot.plan.columns[column]
    values = numbers(lot.frame.get_column(column), plan)
    limit = float(np.nanquantile(values, strength.amount))

    def above(frame: pl.DataFrame) -> Rows:
        return np.flatnonzero(numbers(frame.get_column(column), plan) > limit)

    return refilled(lot, above(lot.frame), above, rng)


def _class_lost(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    series = lot.frame.get_column(column)
    rarest = ranked(series)["value"][-1]
    rows = np.flatnonzero((series == rarest).fill_null(False).to_numpy())
    lost = some(rng, rows, strength.amount)
    if len(rows) < 4 or not always_there(lot, column, rarest):
        return None

    def others(frame: pl.DataFrame) -> Rows:
        return np.flatnonzero(frame.get_column(column).ne_missing(rarest).to_numpy())

    return refilled(lot, np.setdiff1d(np.arange(series.len()), lost), others, rng)


def _labels(lot: Sound) -> tuple[str, ...]:
    return tuple(name for name in categories(lot) if lot.frame.get_column(name).drop_nulls().n_unique() <= 10)


def _tried_out(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    """Rows a developer typed: copies of real rows with nonsense in the texts and easy numbers."""
    count = max(1, round(strength.amount * lot.frame.height))
    rows = taken(lot.frame, rng.integers(0, lot.frame.height, count))
    free = [name for name in texts(lot) if name not in segments(lot)]
    if not free:
        return None
    for name in free:
        real = rows.get_column(name)
        mail = sum(EMAIL.match(text or "") is not None for text in real.to_list()) > count / 2
        typed = ["test@example.com" if mail else TEST_WORDS[int(place)] for place in rng.integers(0, len(TEST_WORDS), count)]
        rows = rows.with_columns(pl.Series(name, typed, dtype=pl.String))
    for name in numeric(lot):
        given = with_numbers(rows.get_column(name), lot.plan.columns[name], rng.choice(np.array(TEST_NUMBERS), count))
        if given is not None:
            rows = rows.with_columns(given)
    place = np.concatenate([np.arange(lot.frame.height) + 0.5, rng.integers(0, lot.frame.height + 1, count)])
    return taken(pl.concat([lot.frame, rows]), np.argsort(place, kind="stable"))


_PARTS = (
    Strength("subtle", 0, "the smallest part"), Strength("medium", 0, "a part of the middle size"), Strength("gross", 0, "the largest part"),
)  # fmt: skip
_COPIES = (Strength("subtle", 1, "with today's times"), Strength("gross", 1, "as they were"))

FAULTS = (
    Fault("truncated_batch", "a lot that lacks {strength}", "rows", three("its last {%}", 0.3, 0.6, 0.9), whole_table, _shortened),
    Fault("empty_batch", "a lot without rows", "rows", once(), whole_table, _emptied),
    Fault("duplicated_rows", "{strength} coming twice", "rows", three("{%} of the rows", 0.03, 0.2, 1.0), whole_table, _repeated),
    Fault("near_duplicates", "{strength} coming twice, with a letter of {column} missing", "rows", three("{%} of the rows", 0.03, 0.2, 1.0), _free, _nearly_repeated),
    Fault("duplicate_key", "a {column} used twice in {strength}", "cells", three("{%} of the rows", 0.01, 0.1, 0.4), keys, _used_twice),
    Fault("missing_source", "no rows from {strength} of {column}", "rows", _PARTS, segments, _silenced),
    Fault("stale_copy", "the rows of the lot before {strength}", "rows", _COPIES, whole_table, _again),
    Fault("sample_bias", "a lot without {strength}", "rows", three("the lower {%} of {column}", 0.3, 0.5, 0.8), numeric, _part_only),
    Fault("label_imbalance", "the loss of {strength} of {column}", "rows", three("{%} of the rarest class", 0.5, 0.8, 1.0), _labels, _class_lost),
    Fault("test_records", "test records, {strength},", "rows", three("one for {%} of the rows", 0.005, 0.03, 0.15), whole_table, _tried_out),
)
