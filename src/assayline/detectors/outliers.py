"""Numbers far outside everything else in their column."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from assayline.core import Finding, Past, Profile
from assayline.measures import Moments, kept, natures

from .disguised_missing import numbers_of, placeholders
from .intervals import iso, listed
from .locating import OneOf
from .spikes import spikes
from .streams import streams_of

LEAST = 30  # rows; the range of fewer says little of what is possible
MOST_ROWS = 3  # far values; more are a second population
MOST_SHARE = 0.002
GAP = 5.0  # times the whole range of the others
LOG_GAP = 0.5  # times their range in logarithms, so that the long tail of an income or a size is not cut off

Floats = npt.NDArray[np.float64]


class Outliers:
    """Finds a few numbers that lie several times the range of all others away from them.

    Reads:    `values` or the row sample, `moments`.
    Finds:    "outliers" per column; evidence `gap`, `range_of_others`, `far_rows`; in streams `key`, `start`, `end`, `intervals`.
    Silent:   with fewer than 30 rows, on long tails, on columns of few values, and where more than three values are far.
              Without a past nothing milder can be told from honest variety.
    Source:   gap test on the raw and on the logarithmic scale; docs/detectors/outliers.md.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> [finding.rows for finding in Outliers()(profile(pl.DataFrame({"age": [20 + n % 50 for n in range(100)] + [820]})), Past())]
    [1]
    """

    codes = ("outliers",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        for column, nature in natures(profile).items():
            moments = profile.of(column, Moments)
            if nature.kind != "number" or moments is None or nature.filled < LEAST or nature.distinct < 8 or not _may_be_far(moments):
                continue
            found = numbers_of(profile, column)
            if found is None:
                continue
            numbers, rows, texts, exact = found
            taken = {one.number for one in placeholders(profile, column)}
            keep = ~np.isin(numbers, list(taken)) if taken else np.ones(len(numbers), dtype=np.bool_)
            far = _far(numbers[keep], rows[keep])
            if far is None:
                continue
            chosen, gap, spread = far
            near = spikes(profile).get(column, [])
            if near and chosen <= set().union(*(one.values for one in near)):
                continue  # said there with device and time
            ways = [text for text, number in zip(texts, numbers.tolist(), strict=True) if number in chosen]
            count = int(rows[np.isin(numbers, list(chosen))].sum())
            when = _when(profile, column, chosen)
            named = ", ".join(f"{number:g}" for number in sorted(chosen)[:3])
            yield Finding(
                "outliers", (column,),
                f"{named} in {column} {'lies' if len(chosen) == 1 else 'lie'} {gap:g} beyond all other values, whose whole range is {spread:g}.",
                severity=0.5, rows=count if exact else None, exact_rows=exact, where=when.pop("where", None),
                evidence={**when, "gap": gap, "range_of_others": spread, "far_rows": count}, suggestion="check unit and source of these rows",
                locate=OneOf(column, dict.fromkeys(ways, (0.85, None))),
            )  # fmt: skip


def _when(profile: Profile, column: str, chosen: set[float]) -> dict[str, str]:
    """Device and times of the far readings, where the table is a stream."""
    streams = streams_of(profile)
    if streams is None:
        return {}
    places = np.flatnonzero(np.isin(streams.numbers(column), list(chosen)))
    if not len(places):
        return {}
    parts = np.split(places, np.flatnonzero(np.diff(places) != 1) + 1)
    stretches = sorted((int(streams.micros[part[0]]), int(streams.micros[part[-1]])) for part in parts)
    said = {"start": iso(stretches[0][0]), "end": iso(stretches[0][1]), "intervals": listed(stretches)}
    keys = {streams.keys[int(np.searchsorted(streams.bounds, place, side="right")) - 1] for place in places.tolist()}
    where = streams.named(keys.pop()) if streams.key is not None and len(keys) == 1 else None
    return said | ({"key": where.removeprefix(f"{streams.key} = "), "where": where} if where else {})


def far_numbers(profile: Profile, column: str) -> frozenset[float]:
    """The numbers of a column that are accused for where they lie, or as a placeholder: what they break besides is no news."""

    def looked() -> frozenset[float]:
        found, moments = numbers_of(profile, column), profile.of(column, Moments)
        if found is None or moments is None or moments.n < LEAST:
            return frozenset()
        numbers, rows, _, _ = found
        taken = {one.number for one in placeholders(profile, column)}
        keep = ~np.isin(numbers, list(taken)) if taken else np.ones(len(numbers), dtype=np.bool_)
        far = _far(numbers[keep], rows[keep]) if _may_be_far(moments) else None
        return frozenset(taken | (far[0] if far is not None else set()))

    return kept(profile, f"far {column}", looked)


def _may_be_far(moments: Moments) -> bool:
    """Whether an extreme is so many standard deviations out as k far values of n are at least: about the root of n / k."""
    k = max(MOST_ROWS, MOST_SHARE * moments.n)
    out = max(moments.high - moments.mean, moments.mean - moments.low)
    return not math.isfinite(moments.m2) or out > 0.5 * moments.sd * math.sqrt(moments.n / k)


def _far(numbers: Floats, rows: npt.NDArray[np.int64]) -> tuple[set[float], float, float] | None:
    """The far values, the gap before them, and the range of the others; None where there are none."""
    values, start = np.unique(numbers, return_index=True)
    if len(values) < 8:
        return None
    counts = np.add.reduceat(rows, start)
    total = int(counts.sum())
    most = max(MOST_ROWS, int(MOST_SHARE * total))
    scale = float(np.median(np.abs(values))) or 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        logs = np.arcsinh(values / scale)
        for side in (1, -1):
            x, n, y = (values, counts, logs) if side == 1 else (-values[::-1], counts[::-1], -logs[::-1])
            for k in range(1, min(4, len(x) - 7)):
                if int(n[-k:].sum()) > most:
                    break
                gap, spread = float(x[-k] - x[-k - 1]), float(x[-k - 1] - x[0])
                log_gap, log_spread = float(y[-k] - y[-k - 1]), float(y[-k - 1] - y[0])
                if spread > 0 and np.isfinite(gap) and gap >= GAP * spread and log_gap >= LOG_GAP * log_spread:
                    return {float(side * value) for value in x[-k:]}, gap, spread
    return None
