"""Faults of texts and categories: broken encodings, variants of spelling, unknown categories, cut texts."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import polars as pl

from ..roles import categories, keys, texts, worded
from ..sound import Sound
from ..written import numbers, with_numbers
from .fault import Fault, Rows, Strength, replaced, some, three

Rng = np.random.Generator
Given = pl.DataFrame | None
Respell = Callable[[str], str]

NEW_NAMES = ("Other (new)", "Zeta", "Type X")
KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_NEIGHBOUR = {a: b for row in KEYBOARD for a, b in (*pairwise(row), (row[-1], row[-2]))}
REPEATED = 30  # a key refers to more things than a category has values
NAMED_KEY = re.compile(r"(?i)(id|key|code|no|nr|number)$")  # a number that repeats may as well be a count, unless its name says otherwise
FILLED = 0.3  # share of the cells that hold letters
KNOWN = 0.8  # share of the values of a key that the past has too


def _cells(lot: Sound, column: str) -> list[str | None]:
    return lot.frame.get_column(column).to_list()


def _respelt(lot: Sound, column: str, rows: Rows, respell: Respell) -> Given:
    cells = _cells(lot, column)
    for row in rows:
        cells[row] = respell(cells[row] or "")
    return replaced(lot, pl.Series(column, cells, dtype=pl.String))


def _with(lot: Sound, column: str, pattern: str) -> Rows:
    return np.flatnonzero(lot.frame.get_column(column).str.contains(pattern).fill_null(False).to_numpy())


def _garbled(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    rows = some(rng, _with(lot, column, r"[^\x00-\x7f]"), strength.amount)
    return _respelt(lot, column, rows, lambda text: text.encode("utf-8", "replace").decode("cp1252", "replace")) if len(rows) else None


def _beyond_ascii(lot: Sound) -> tuple[str, ...]:
    return tuple(name for name in texts(lot) if len(_with(lot, name, r"[^\x00-\x7f]")) >= 3)


def _variant(text: str, rng: Rng) -> str:
    at = int(rng.integers(1, max(2, len(text) - 1)))
    return (
        text.swapcase(),
        text[: at - 1] + text[at : at + 1] + text[at - 1 : at] + text[at + 1 :],  # two letters the other way round
        text + ".",
        text[: max(2, len(text) // 2)] + ".",
        text[:at] + text[at + 1 :],
    )[int(rng.integers(5))]


def _variants(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    return _respelt(lot, column, some(rng, _with(lot, column, "[A-Za-z]{2}"), strength.amount), lambda text: _variant(text, rng))


def _spelt(lot: Sound) -> tuple[str, ...]:
    return tuple(name for name in worded(lot) if len(_with(lot, name, "[A-Za-z]{3}")) > 0.5 * lot.frame.height)


def _mistyped(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None

    def respell(text: str) -> str:
        places = [place for place, letter in enumerate(text) if letter.lower() in _NEIGHBOUR]
        at = places[int(rng.integers(len(places)))]
        other = _NEIGHBOUR[text[at].lower()]
        return text[:at] + (other.upper() if text[at].isupper() else other) + text[at + 1 :]

    return _respelt(lot, column, some(rng, _with(lot, column, "[A-Za-z]{4}"), strength.amount), respell)


def _typed_by_hand(lot: Sound) -> tuple[str, ...]:
    return tuple(name for name in worded(lot) if len(_with(lot, name, "[A-Za-z]{4}")) > 0.5 * lot.frame.height)


def _unknown(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    series, plan = lot.frame.get_column(column), lot.plan.columns[column]
    rows = some(rng, np.arange(series.len()), strength.amount)
    if plan.kind == "number":
        values = numbers(series, plan)
        top = max(float(np.nanmax(numbers(one, plan))) for one in (series, *lot.earlier(column)) if np.isfinite(numbers(one, plan)).any())
        values[rows] = np.where(np.isfinite(values[rows]), top + 7, np.nan)
        return replaced(lot, with_numbers(series, plan, values))
    seen = set(series.to_list()).union(*(one.to_list() for one in lot.earlier(column)))
    unseen = [name for name in NEW_NAMES if name not in seen]
    if not unseen or series.dtype != pl.String:
        return None
    name = unseen[int(rng.integers(len(unseen)))]
    return _respelt(lot, column, rows, lambda text: name)


def _blanks(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    ways: tuple[Respell, ...] = (
        lambda text: text + " ", lambda text: " " + text, lambda text: text + "\u00a0", lambda text: text.upper() if text != text.upper() else text.lower(),
    )  # fmt: skip
    return _respelt(lot, column, some(rng, _with(lot, column, "[A-Za-z]"), strength.amount), ways[int(rng.integers(len(ways)))])


def _lettered(lot: Sound) -> tuple[str, ...]:
    return tuple(name for name in texts(lot) if len(_with(lot, name, "[A-Za-z]{2}")) > FILLED * lot.frame.height)


def _cut(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    lengths = lot.frame.get_column(column).str.len_chars()
    width = int(lengths.quantile(1 - strength.amount) or 0) - (1 if lengths.max() == lengths.quantile(1 - strength.amount) else 0)
    longer = np.flatnonzero((lengths > width).fill_null(False).to_numpy())
    return _respelt(lot, column, longer, lambda text: text[:width]) if width >= 2 and len(longer) >= 2 else None


def _long(lot: Sound) -> tuple[str, ...]:
    return tuple(name for name in texts(lot) if (lot.frame.get_column(name).str.len_chars().median() or 0) >= 5)  # type: ignore[operator]  # a length is a number


def _unknown_keys(lot: Sound, column: str | None, strength: Strength, rng: Rng) -> Given:
    assert column is not None
    series, plan = lot.frame.get_column(column), lot.plan.columns[column]
    rows = some(rng, np.flatnonzero(series.is_not_null().to_numpy()), strength.amount)
    known = set(series.to_list()).union(*(one.to_list() for one in lot.earlier(column)))
    if plan.kind == "number":
        values = numbers(series, plan)
        top = max(float(np.nanmax(numbers(one, plan))) for one in (series, *lot.earlier(column)))
        values[rows] = top + rng.integers(1, 500, len(rows))
        return replaced(lot, with_numbers(series, plan, values))

    def unknown(text: str) -> str:
        while text in known:
            text = "".join(
                str(rng.integers(10)) if sign.isdigit() else chr(int(rng.integers(26)) + ord("A" if sign.isupper() else "a")) if sign.isalpha() else sign
                for sign in text + ("7" if not any(one.isalnum() for one in text) else "")
            )
            if len(known) > 10 ** min(8, sum(one.isalnum() for one in text)):
                text += "7"
        return text

    return _respelt(lot, column, rows, unknown)


def _references(lot: Sound) -> tuple[str, ...]:
    """Columns of keys of something else: many values, and nearly all of them known to the past."""
    found = []
    for name in lot.frame.columns:
        column, plan = lot.frame.get_column(name), lot.plan.columns[name]
        whole = plan.kind == "number" and NAMED_KEY.search(name) is not None and bool(np.all(np.nan_to_num(numbers(column, plan)) % 1 == 0))
        if not ((plan.kind == "text" and column.dtype == pl.String) or whole) or name in keys(lot):
            continue
        filled = column.drop_nulls().unique()
        earlier = lot.earlier(name)
        if filled.len() > REPEATED and len(earlier) >= 3 and filled.is_in(pl.concat(earlier).implode()).mean() >= KNOWN:  # type: ignore[operator]  # a mean of flags is a number
            found.append(name)
    return tuple(found)


FAULTS = (
    Fault("mojibake", "a broken encoding of {strength} of {column}", "cells", three("{%} of the texts with letters beyond ASCII", 0.3, 0.7, 1.0), _beyond_ascii, _garbled),
    Fault("category_spelling", "variants of spelling in {strength} of {column}", "cells", three("{%} of the cells", 0.03, 0.15, 0.5), _spelt, _variants),
    Fault("typo", "typing errors in {strength} of {column}", "cells", three("{%} of the cells", 0.01, 0.05, 0.2), _typed_by_hand, _mistyped),
    Fault("new_category_flood", "a category never seen before in {strength} of {column}", "cells", three("{%} of the cells", 0.05, 0.3, 0.8), categories, _unknown),
    Fault("whitespace_case", "blanks or upper case in {strength} of {column}", "cells", three("{%} of the cells", 0.05, 0.3, 1.0), _lettered, _blanks),
    Fault("text_truncation", "{strength} of {column} cut to one width", "cells", three("the longest {%} of the texts", 0.1, 0.5, 0.95), _long, _cut),
    Fault("fk_break", "unknown keys in {strength} of {column}", "cells", three("{%} of the cells", 0.02, 0.1, 0.5), _references, _unknown_keys),
)
