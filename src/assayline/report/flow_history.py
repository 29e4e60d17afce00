"""What the charts of a flow draw: its lots in order, and each column over them, read from the document of `assay flow FLOW --json`.

>>> figures = [{"columns": {"grams": {"kind": "number", "null_share": 0.0, "mean": mean}}} for mean in (5.0, 6.0, 900.0)]
>>> lots = [{"lot": 1 + place, "verdict": "release", "rows": {"taken": 9}, "figures": one} for place, one in enumerate(figures)]
>>> columns(history({"flow": "sales", "lots": lots}))[0].middle
(5.0, 6.0, 900.0)
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any

from ..core import Finding, Verdict
from .lots import finding_of, urgent

RECENT = 5  # lots that are "now" when columns are ranked by how far they moved: one odd lot alone is no move, a week of days is
LOOKED_AT = 60  # lots that are looked at to rank columns: the past a lot is judged against
MOST_VALUES = 5


@dataclass(frozen=True)
class LotMark:
    """One lot as a mark on the time axis."""

    lot: int
    place: int
    at: str
    input: str
    verdict: Verdict
    state: str
    taken: int
    released: int
    quarantined: int
    held: int
    findings: tuple[Finding, ...] = ()

    @property
    def aside_share(self) -> float | None:
        """Share of the rows that nobody reads, or None without rows."""
        return (self.quarantined + self.held) / self.taken if self.taken else None


@dataclass(frozen=True)
class Incident:
    """Something that goes on, or went on, from one place of a flow to another."""

    code: str
    columns: tuple[str, ...]
    first: int
    last: int
    lots: int
    sentence: str
    open: bool


@dataclass(frozen=True)
class ColumnHistory:
    """One column over the lots of a flow; None where a lot does not tell.

    Args:
        name: of the column.
        kind: what it is in most of the last lots.
        drawn: "number" (`middle`, `low`, `high`), "shares" (`values`, `shares`), "time" (`low`, `high` in seconds), or "" for its missing cells alone.
        middle: medians.
        low: 5 % of the values lie below; of times, the earliest.
        high: 95 % of the values lie below; of times, the latest.
        missing: shares without a value.
        values: the values with the largest shares.
        shares: for each of `values`, its share of the filled rows in every lot.
        marked: places in the list of lots of those with a finding about this column.
        moved: how far the last lots lie from those before: of numbers in widths of what those before spanned, of shares as a share of rows.
    """

    name: str
    kind: str
    drawn: str
    middle: tuple[float | None, ...] = ()
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()
    missing: tuple[float | None, ...] = ()
    values: tuple[str, ...] = ()
    shares: tuple[tuple[float | None, ...], ...] = ()
    marked: frozenset[int] = frozenset()
    moved: float = 0.0


@dataclass(frozen=True)
class History:
    """A flow, oldest lot first."""

    flow: str
    since: str
    taken_lots: int
    lots: tuple[LotMark, ...]
    incidents: tuple[Incident, ...]
    proposals: tuple[Mapping[str, Any], ...]
    rules: tuple[Mapping[str, Any], ...]
    open_cases: int
    figures: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)

    @property
    def open_incidents(self) -> tuple[Incident, ...]:
        """Those that go on, the longest first."""
        return tuple(sorted((one for one in self.incidents if one.open), key=lambda one: -one.lots))

    def accepted_from(self, incident: Incident) -> int | None:
        """The lot from which on an incident may be taken as the new normal; None where that is not asked."""
        asked = (one for one in self.proposals if one["code"] == incident.code and tuple(map(str, one["columns"])) == incident.columns)
        return next((int(one["from_lot"]) for one in asked), None)

    def lot_at(self, place: int) -> LotMark | None:
        """The lot at a place of the flow, if it is among those told."""
        index = self.index_of(place)
        return self.lots[index] if 0 <= index < len(self.lots) and self.lots[index].place == place else None

    def index_of(self, place: int) -> int:
        """Where in `lots` a place of the flow is; before the first one -1 or less."""
        return place - self.lots[0].place if self.lots else -1


def history(document: Mapping[str, Any]) -> History:
    """The document as values."""
    lots = document.get("lots") or ()
    return History(
        flow=str(document["flow"]),
        since=str(document.get("since") or ""),
        taken_lots=int(document.get("taken_lots") or len(lots)),
        lots=tuple(_mark(one, place) for place, one in enumerate(lots, start=1)),
        incidents=tuple(
            Incident(str(one["code"]), tuple(map(str, one["columns"])), int(one["first"]), int(one["last"]), int(one["lots"]), str(one["sentence"]), one["state"] == "open")
            for one in document.get("incidents") or ()
        ),
        proposals=tuple(document.get("proposals") or ()),
        rules=tuple(document.get("rules") or ()),
        open_cases=int(document.get("open_cases") or 0),
        figures=tuple(one.get("figures") or {} for one in lots),
    )  # fmt: skip


def _mark(one: Mapping[str, Any], place: int) -> LotMark:
    rows = one["rows"]
    return LotMark(
        lot=int(one["lot"]), place=int(one.get("place") or place), at=str(one.get("at") or ""), input=str(one.get("input") or ""),
        verdict=Verdict.named(one["verdict"]), state=str(one.get("state") or ""), taken=int(rows.get("taken", 0)), released=int(rows.get("released", 0)),
        quarantined=int(rows.get("quarantined", 0)), held=int(rows.get("held", 0)),
        findings=tuple(finding_of(finding) for finding in urgent(one.get("findings") or ())),
    )  # fmt: skip


def ranked(told: History) -> list[str]:
    """Names of all columns: first those of open incidents, then by how far they moved, then as they stand in the table."""
    order = _names(told)
    urgent_names = [name for one in told.open_incidents for name in one.columns]
    first = {name: place for place, name in reversed(list(enumerate(urgent_names)))}
    moved = moves(told)
    places = {name: place for place, name in enumerate(order)}
    return sorted(order, key=lambda name: (first.get(name, len(first) + len(urgent_names)), -round(moved.get(name, 0.0), 3), places[name]))


def columns(told: History, names: Iterable[str] | None = None) -> list[ColumnHistory]:
    """Columns over the lots.

    Args:
        told: the flow.
        names: which columns; all, in the order of `ranked`, when None.
    """
    moved = moves(told)
    marked: dict[str, set[int]] = {}
    for place, lot in enumerate(told.lots):
        for finding in lot.findings:
            for name in finding.columns:
                marked.setdefault(name, set()).add(place)
    return [_column(told, name, frozenset(marked.get(name, ())), moved.get(name, 0.0)) for name in (ranked(told) if names is None else names)]


def moves(told: History) -> dict[str, float]:
    """How far the last lots lie from those before, for every column; see `ColumnHistory.moved`."""
    known = [one["columns"] for one in told.figures[-LOOKED_AT:] if one.get("columns")]
    now, before = known[-RECENT:], known[:-RECENT]
    if not before:
        return {}
    return {name: _moved([one[name] for one in before if name in one], [one[name] for one in now if name in one]) for name in _names(told)}


def _moved(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> float:
    if not before or not now:
        return 1.0 if before or now else 0.0  # it came or it went
    parts = [abs(_mean(one.get("null_share") for one in now) - _mean(one.get("null_share") for one in before))]
    if now[-1].get("kind") != "identifier":
        parts.append(_number_moved(before, now))
    if any("top" in one for one in now) and any("top" in one for one in before):
        old, new = _mean_shares(before), _mean_shares(now)
        parts.append(sum(abs(new.get(value, 0.0) - old.get(value, 0.0)) for value in {*old, *new}) / 2)
    return max(parts)


def _number_moved(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> float:
    old, new = [_middle(one) for one in before], [_middle(one) for one in now]
    old_known, new_known = [one for one in old if one is not None], [one for one in new if one is not None]
    if not old_known or not new_known:
        return 0.0
    # Without the outermost tenth: the first lots of a new level are already among those before.
    lows, highs = (sorted(_end(one, *names) for one in before) for names in (("p05", "min"), ("p95", "max")))
    odd = -(-len(before) // 10) if len(before) > 2 else 0
    span = highs[-1 - odd] - lows[odd]
    away = abs(median(new_known) - median(old_known))
    if not away:
        return 0.0
    return away / span if span > 0 and math.isfinite(away / span) else 1.0


def _column(told: History, name: str, marked: frozenset[int], moved: float) -> ColumnHistory:
    told_of = [one.get("columns", {}).get(name) for one in told.figures]
    known = [one for one in told_of if one is not None]
    missing = tuple(None if one is None else _finite(one.get("null_share")) for one in told_of)
    kind = _usual_kind(known[-LOOKED_AT:])
    # A lot may read as something else than the others (numbers with a text among them); the chart is of what most of the last lots are.
    last = known[-LOOKED_AT:]
    votes = {drawn: sum(key in one for one in last) for drawn, key in (("number", "mean"), ("shares", "top"), ("time", "earliest"))}
    drawn = max(votes, key=lambda one: votes[one]) if any(votes.values()) else ""
    if drawn == "number":
        return ColumnHistory(
            name, kind, "number", missing=missing, marked=marked, moved=moved,
            middle=tuple(None if one is None else _middle(one) for one in told_of),
            low=tuple(None if one is None else _finite(one.get("p05", one.get("min"))) for one in told_of),
            high=tuple(None if one is None else _finite(one.get("p95", one.get("max"))) for one in told_of),
        )  # fmt: skip
    if drawn == "shares":
        values = _most_frequent(known)
        shares = [None if one is None or "top" not in one else _shares(one) for one in told_of]
        by_value = tuple(tuple(None if one is None else one.get(value, 0.0) for one in shares) for value in values)
        return ColumnHistory(name, kind, "shares", missing=missing, marked=marked, moved=moved, values=values, shares=by_value)
    if drawn == "time":
        low = tuple(None if one is None else _seconds(one.get("earliest")) for one in told_of)
        high = tuple(None if one is None else _seconds(one.get("latest")) for one in told_of)
        return ColumnHistory(name, kind, "time", low=low, high=high, missing=missing, marked=marked, moved=moved)
    return ColumnHistory(name, kind, "", missing=missing, marked=marked, moved=moved)


def _usual_kind(known: Sequence[Mapping[str, Any]]) -> str:
    """The kind most of the lots have; one lot without rows does not make a column an empty one."""
    kinds = [str(one.get("kind", "")) for one in known]
    return max(dict.fromkeys(kinds[::-1]), key=kinds.count, default="")


def _names(told: History) -> list[str]:
    """All columns that any lot has: those of the newest lot in its order, then those that are gone."""
    names: dict[str, None] = {}
    for one in reversed(told.figures):
        known = one.get("columns") or {}
        names.update(dict.fromkeys(name for name in one.get("columns_now") or () if name in known))
        names.update(dict.fromkeys(known))
    return list(names)


def _most_frequent(known: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The values that are frequent in all lots together, or in the last ones: a value that is new is what there is to see."""
    most: dict[str, float] = {}
    for part in (known, known[-RECENT:], known[-1:]):
        for value, share in _mean_shares(part).items():
            most[value] = max(most.get(value, 0.0), share)
    return tuple(sorted(most, key=lambda value: (-most[value], value))[:MOST_VALUES])


def _shares(one: Mapping[str, Any]) -> dict[str, float]:
    return {str(value): min(max(float(share), 0.0), 1.0) for value, share in one.get("top", ())}


def _mean_shares(several: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    total: dict[str, float] = {}
    told = [one for one in several if "top" in one]
    for one in told:
        for value, share in _shares(one).items():
            total[value] = total.get(value, 0.0) + share / len(told)
    return total


def _middle(one: Mapping[str, Any]) -> float | None:
    """The median; where a lot has so few different numbers that they were taken for categories, the one in the middle of these."""
    if "median" in one or "mean" in one or "top" not in one:
        return _finite(one.get("median", one.get("mean")))
    try:
        numbers = sorted((float(value), share) for value, share in _shares(one).items())
    except ValueError:
        return None
    below = 0.0
    for value, share in numbers:
        below += share
        if below >= 0.5:
            return _finite(value)
    return None


def _end(one: Mapping[str, Any], quantile: str, extreme: str) -> float:
    found = _finite(one.get(quantile, one.get(extreme)))
    return found if found is not None else _middle(one) or 0.0


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def _mean(values: Iterable[Any]) -> float:
    known = [one for one in map(_finite, values) if one is not None]
    return fmean(known) if known else 0.0


def _seconds(said: Any) -> float | None:
    try:
        return datetime.datetime.fromisoformat(str(said)).replace(tzinfo=datetime.UTC).timestamp()
    except (ValueError, OverflowError):
        return None


__all__ = ["ColumnHistory", "History", "Incident", "LotMark", "columns", "history", "moves", "ranked"]
