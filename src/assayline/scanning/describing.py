"""What each column is, in a few numbers and words for people."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from assayline.core import ColumnFacts, Profile
from assayline.measures import Clock, Counts, Distinct, Lengths, Moments, Plan, Sample, Values
from assayline.measures.meaning import meanings
from assayline.measures.nature import natures

BINS = 24  # of a histogram for people: fine enough for a shape, coarse enough for a thumbnail


def described(profile: Profile, plan: Plan) -> tuple[ColumnFacts, ...]:
    """The facts about every column, in order."""
    sample = profile.of(None, Sample)
    found, meant = natures(profile), meanings(profile, plan)
    facts = []
    for name in profile.columns:
        counts = profile.of(name, Counts) or Counts()
        distinct = profile.of(name, Distinct)
        nature = found[name]
        facts.append(
            ColumnFacts(
                name, nature.kind, meant[name], counts.null_share, distinct.distinct if distinct else 0,
                _summary(profile, name, sample), _picture(profile, name, nature.kind, sample),
            )
        )
    return tuple(facts)


def _summary(profile: Profile, name: str, sample: Sample | None) -> dict[str, str]:
    moments, clock, values, lengths = (profile.of(name, kind) for kind in (Moments, Clock, Values, Lengths))
    if isinstance(clock, Clock) and clock.n:
        return {"from": _moment(clock.low), "to": _moment(clock.high)}
    if isinstance(moments, Moments) and moments.n:
        return {
            "min": f"{moments.low:.6g}", "mean": f"{moments.mean:.6g}", "max": f"{moments.high:.6g}", "sd": f"{moments.sd:.6g}",
        }  # fmt: skip
    summary = {}
    if isinstance(values, Values) and values.counts:
        value, count = values.top(1)[0]
        summary["most frequent"] = f"{value} ({count:,})"
    if isinstance(lengths, Lengths) and lengths.n:
        summary["length"] = f"{lengths.low}–{lengths.high}"
    return summary


def _moment(micros: int) -> str:
    try:
        moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=micros)
    except OverflowError:
        return f"{micros} µs since 1970"
    return moment.date().isoformat() if moment.time() == datetime.time() else moment.isoformat(" ", "seconds")


def _picture(profile: Profile, name: str, kind: str, sample: Sample | None) -> Mapping[str, Any]:
    values = profile.of(name, Values)
    if kind in ("category", "boolean") and values is not None and values.counts:
        top = values.top(8)
        return {"kind": "bars", "labels": [value for value, _ in top], "values": [count for _, count in top], "marked": []}
    moments = profile.of(name, Moments)
    if kind == "number" and moments is not None and sample is not None and name in sample.frame.columns:
        series = sample.frame.get_column(name)
        numbers = series.cast(pl.Float64, strict=False).drop_nulls().to_numpy() if series.dtype != pl.Boolean else np.zeros(0)
        numbers = numbers[np.isfinite(numbers)]
        if len(numbers) > 1:
            low, high = float(numbers.min()), float(numbers.max())
            if np.isfinite(high - low) and high > low:
                counts, edges = np.histogram(numbers, bins=BINS)
                return {"kind": "histogram", "edges": edges.tolist(), "counts": counts.tolist(), "marked": []}
    clock = profile.of(name, Clock)
    if kind == "time" and clock is not None and 1 < len(clock.days) <= 400:
        days = {_moment(day * 86_400_000_000): count for day, count in sorted(clock.days.items())}
        return {"kind": "calendar", "days": days, "marked": []}
    return {}
