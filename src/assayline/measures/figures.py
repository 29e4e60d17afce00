"""A lot in a few numbers per column, for charts over time: small enough to keep for every lot for ever."""

from __future__ import annotations

import datetime
import math
from typing import Any

import numpy as np
import polars as pl

from assayline.core import Profile

from .block import Block
from .clock import Clock
from .counts import Counts
from .distinct import Distinct
from .moments import Moments
from .nature import Nature, natures, tally
from .plan import Plan
from .rows import Rows, Sample

MOST_COLUMNS = 200  # a wider table has a chart for nobody
TOP = 5  # values of a category: more lines cannot be told apart in a chart
VALUE_BYTES = 16  # of a value: five of them stay within 200 bytes a column (as JSON without blanks)
QUANTILES = {"p05": 0.05, "median": 0.5, "p95": 0.95}
_EPOCH = datetime.datetime(1970, 1, 1)


def figures(profile: Profile) -> dict[str, Any]:
    """What charts over time need of a lot, as plain JSON values.

    Args:
        profile: of the lot; a thinned one gives the same but for quantiles, which are then those of fewer rows.

    Returns:
        `rows`; `columns_left_out`, how many columns beyond the first 200 are not told; and `columns`, by name, each with its `kind`
        (see `Nature`), `null_share` (0..1) and `distinct`. Numbers have `mean`, `min`, `max` (exact) and `p05`, `median`, `p95` (of the row
        sample); categories and booleans have `top`, up to five pairs of a value (cut to 16 bytes) and its share of the filled
        rows; times have `earliest` and `latest` (UTC). Numbers have six digits; one that is not finite is None.

    >>> from assayline.measures import profile
    >>> figures(profile(pl.DataFrame({"grams": [10.0, 20.0, 60.0, None]})))["columns"]["grams"]
    {'kind': 'number', 'null_share': 0.25, 'distinct': 3, 'mean': 30.0, 'min': 10.0, 'max': 60.0, 'p05': 11.0, 'median': 20.0, 'p95': 56.0}
    """
    rows = profile.of(None, Rows)
    sample = profile.of(None, Sample)
    frame = sample.frame if sample is not None else pl.DataFrame()
    told = natures(profile)
    return {
        "rows": rows.n if rows is not None else max((one.rows for one in profile.all_of(Counts).values()), default=0),
        "columns_left_out": max(0, len(profile.columns) - MOST_COLUMNS),
        "columns": {name: _column(profile, name, told[name], frame) for name in profile.columns[:MOST_COLUMNS]},
    }


def _column(profile: Profile, name: str, nature: Nature, frame: pl.DataFrame) -> dict[str, Any]:
    counts, distinct = profile.of(name, Counts), profile.of(name, Distinct)
    clock, moments = profile.of(name, Clock), profile.of(name, Moments)
    found: dict[str, Any] = {
        "kind": nature.kind, "null_share": _short(counts.null_share) if counts is not None else None,
        "distinct": distinct.distinct if distinct is not None else None,
    }  # fmt: skip
    if clock is not None:
        if clock.n:
            found |= {"earliest": _time(clock.low), "latest": _time(clock.high)}
    elif nature.kind in ("category", "boolean"):
        values = tally(profile, name)
        total = max(1, values.total)
        found["top"] = [[_cut(value), round(count / total, 4)] for value, count in zip(values.values.head(TOP).to_list(), values.counts.tolist(), strict=False)]
    elif moments is not None and moments.n:
        found |= {"mean": _short(moments.mean), "min": _short(moments.low), "max": _short(moments.high)}
        if name in frame.columns and len(numbers := _numbers(frame, name)):
            found |= dict(zip(QUANTILES, map(_short, np.quantile(numbers, list(QUANTILES.values())).tolist()), strict=True))
    return found


def _numbers(frame: pl.DataFrame, name: str) -> Any:
    """The finite numbers of a column of the sample, read as the first look read them."""
    few = frame.select(name)
    return Block(few, Plan.of(few, text=True)).column(name).numbers


def _short(number: float) -> float | None:
    return float(f"{number:.6g}") if math.isfinite(number) else None


def _time(micros: int) -> str | None:
    try:
        return (_EPOCH + datetime.timedelta(microseconds=micros)).isoformat()
    except OverflowError:  # no year of four digits
        return None


def _cut(value: str) -> str:
    data = value.encode("utf-8", "replace")
    return value if len(data) <= VALUE_BYTES else data[: VALUE_BYTES - 3].decode("utf-8", "ignore") + "…"
