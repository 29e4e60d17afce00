"""Columns that say everything another says, and numbers that move together."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import numpy as np
import polars as pl

from assayline.core import Finding, Past, Profile
from assayline.measures import Sample, natures
from assayline.measures.plan import parse_number

from .dependencies import coded

LEAST_ROWS = 100
ROWS = 4_096
MOST_COLUMNS = 60
LEAST_CLASSES = 3

CORRELATED = 0.99


class LeakingColumn:
    """Notes pairs of columns of which one is the other in other words, and numbers that are nearly a multiple of each other.

    Reads:    the row sample, `distinct`, `moments`.
    Finds:    "leaking_column" and "highly_correlated" per pair; evidence `rows`, `correlation`.
    Silent:   with fewer than 100 rows, on columns that name the rows, on columns of two classes, and when there is a past.
    Source:   one-to-one mapping; Pearson's correlation.

    >>> from assayline.measures import profile
    >>> frame = pl.DataFrame({"code": ["a", "b", "c", "d"] * 50, "word": ["alpha", "beta", "gamma", "delta"] * 50})
    >>> [finding.columns for finding in LeakingColumn()(profile(frame), Past())]
    [('word', 'code')]
    """

    codes = ("leaking_column", "highly_correlated")

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        sample = profile.of(None, Sample)
        if past or sample is None or sample.frame.height < LEAST_ROWS:
            return
        yield from _same(profile)
        yield from _correlated(profile, sample)


def _same(profile: Profile) -> Iterable[Finding]:
    table = coded(profile)
    every = natures(profile)
    found: dict[tuple[int, bytes], str] = {}
    for column in [name for name in table.codes if every[name].kind in ("category", "number", "text")][:MOST_COLUMNS]:
        codes = table.codes[column][:: max(1, table.rows // ROWS)]
        if (codes < 0).any() or int(codes.max()) + 1 < LEAST_CLASSES:
            continue
        _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
        order = np.argsort(np.argsort(first))  # numbered in order of appearance: equal for one-to-one columns
        key = (len(first), order[inverse].astype(np.int32).tobytes())
        other = found.setdefault(key, column)
        if other != column:
            yield Finding(
                "leaking_column", (column, other), f"{column} says the same as {other}: {len(first):,} values correspond one to one in the {len(codes):,} rows looked at.",
                severity=0.1, evidence={"rows": len(codes), "values": len(first)}, suggestion="use one of the two in a model",
            )  # fmt: skip


def _correlated(profile: Profile, sample: Sample) -> Iterable[Finding]:
    names = [name for name, nature in natures(profile).items() if nature.kind == "number" and nature.distinct > 20][:MOST_COLUMNS]
    if len(names) < 2:
        return
    rows = sample.frame.head(ROWS)
    numbers = []
    for name in names:
        series = rows.get_column(name)
        parsed = parse_number(series, "number") if series.dtype == pl.String else series.cast(pl.Float64, strict=False)
        numbers.append(parsed.to_numpy().astype(np.float64))
    matrix = np.vstack(numbers)
    good = np.isfinite(matrix)
    for i in range(len(names)):
        for j in range(i + 1, len(names)):
            both = good[i] & good[j]
            if both.sum() < LEAST_ROWS:
                continue
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                r = float(np.corrcoef(matrix[i][both], matrix[j][both])[0, 1])
            if abs(r) >= CORRELATED:
                yield Finding(
                    "highly_correlated", (names[j], names[i]), f"{names[j]} and {names[i]} move together: correlation {r:.4f} in {int(both.sum()):,} rows.",
                    severity=0.1, evidence={"correlation": r, "rows": int(both.sum())}, suggestion="one of the two may be enough for a model",
                )  # fmt: skip
