"""Tables that are delivered whole: rows of one lot are those of the lot before, and what they say is expected to stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

KNOWN = 0.5  # of the values of before that an identifying column still has
SHOWN = 40  # letters of a value


def identifying(now: pl.DataFrame, before: pl.DataFrame) -> list[str]:
    """The columns that say which row it is: filled, each value once, and mostly those of before. Measures are none, even where all differ.

    >>> identifying(pl.DataFrame({"id": ["a", "b"], "kind": ["x", "x"], "size": [1.5, 2.5]}), pl.DataFrame({"id": ["a", "b"], "kind": ["x", "x"], "size": [1.5, 2.5]}))
    ['id']
    """
    found = []
    for name in now.columns:
        if name not in before.columns or now[name].dtype.is_float() or now[name].null_count() or now[name].n_unique() < now.height:
            continue
        known = before[name].cast(pl.String).drop_nulls().unique()
        if known.len() and int(known.is_in(now[name].cast(pl.String).implode()).sum()) >= KNOWN * known.len():
            found.append(name)
    return found


def changed_values(columns: Sequence[str], now: pl.DataFrame, before: pl.DataFrame) -> Mapping[str, Any] | None:
    """The finding that rows which were there before say something else in these columns.

    Args:
        columns: that carry a change.
        now: the rows of the lot.
        before: rows of lots before it, in their order; of a row that was delivered again the last one counts.

    Returns:
        A finding as JSON, "changed_reference"; None where nothing says which row is which, or where none of them changed.

    >>> now, before = pl.DataFrame({"id": ["a", "b"], "size": [9.5, 2.5]}), pl.DataFrame({"id": ["a", "b"], "size": [1.5, 2.5]})
    >>> changed_values(["size"], now, before)["sentence"]
    "size of 1 of the 2 rows that were there before is another: where id = a, '9.5' instead of '1.5'."
    """
    on = [name for name in identifying(now, before) if name not in columns][:1]
    wanted = [name for name in columns if name in before.columns and name in now.columns]
    if not on or not wanted:
        return None
    here, there = (frame.select(pl.col(one).cast(pl.String) for one in (*on, *wanted)) for frame in (now, before))
    both = here.join(there.unique(on, keep="last", maintain_order=True), on=on, how="inner", suffix=" before", maintain_order="left")
    changed = both.filter(pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name} before")) for name in wanted))
    if changed.is_empty():
        return None
    first = changed.row(0, named=True)
    name = next(one for one in wanted if first[one] != first[f"{one} before"])
    example = f"where {on[0]} = {first[on[0]]}, {_shown(first[name])} instead of {_shown(first[f'{name} before'])}"
    sentence = f"{' or '.join(wanted)} of {changed.height:,} of the {both.height:,} rows that were there before is another: {example}."
    return {"code": "changed_reference", "columns": wanted, "severity": 0.5, "sentence": sentence}


def _shown(value: str | None) -> str:
    return "nothing" if value is None else repr(value[:SHOWN])
