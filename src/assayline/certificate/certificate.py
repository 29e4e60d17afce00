"""What a gate notices on the data of one flow, and what it does not, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from assayline.core import CATALOGUE, rounded

from .interval import CONFIDENCE, interval

SCHEMA = 1
HALF = 0.5  # a fault that is noticed in fewer of its tries is listed as unnoticed
MOST_NAMED = 3  # columns listed in a sentence


@dataclass(frozen=True)
class Case:
    """One fault in one lot, and what the gate said.

    Args:
        code: the fault that was put in.
        strength: "subtle", "medium" or "gross".
        lot: name of the lot.
        column: the column that was struck, or None for the whole table.
        verdict: what became of the lot.
        heard: codes of the new warnings, worst first.
        noticed: at least a warning, and one the untouched lot has not.
        named: one of the new warnings is the fault by its name, or by one that the catalogue uses for the same cause.
        located: one of the new warnings names a changed column; None where no column was changed.
    """

    code: str
    strength: str
    lot: str
    column: str | None
    verdict: str
    heard: tuple[str, ...]
    noticed: bool
    named: bool
    located: bool | None


@dataclass(frozen=True)
class Row:
    """All tries of one fault at one strength.

    Args:
        code: the fault.
        strength: "subtle", "medium" or "gross".
        says: what was done, in words, with the columns left open: "a shift of {column} by 1 standard deviation".
        tried: how often.
        noticed: how often the lot was at least a warning because of it.
        named: how often by its name.
        located: how often in the right column, of `locatable` tries that changed one.
        locatable: noticed tries that changed a column.
        interval: for the probability to be noticed, 0..1, at 95 %.
        missed: columns in which it was not noticed at least once.
    """

    code: str
    strength: str
    says: str
    tried: int
    noticed: int
    named: int
    located: int
    locatable: int
    interval: tuple[float, float]
    missed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judged:
    """An untouched lot: its name, rows, the number of lots before it that it was judged against, and what was said of it."""

    name: str
    rows: int
    past: int
    verdict: str
    heard: tuple[str, ...]


@dataclass(frozen=True)
class FalseAlarms:
    """How many good lots are accused when nothing was done to them.

    Args:
        lots: how many were judged.
        accused: how many were at least a warning.
        interval: for the probability that a good lot is accused, 0..1, at 95 %.
    """

    lots: int
    accused: int
    interval: tuple[float, float]

    @property
    def rate(self) -> float:
        """The share of good lots that were accused."""
        return self.accused / self.lots if self.lots else 0.0


@dataclass(frozen=True)
class Certificate:
    """What a gate notices on the data of one flow, what it does not, and how often it accuses good lots.

    Args:
        flow: its name, or "".
        seed: of the design.
        rows: one for each fault and strength that was tried.
        cases: every single try.
        lots: the untouched lots.
        untried: faults that cannot strike this data, or that the budget left no room for, with the reason.
        planned: how many tries the design holds.
        stopped: what ended it: "design" (everything was tried), "most_cases" or "budget_seconds".
        seconds: how long it took.
    """

    flow: str = ""
    seed: int = 0
    rows: tuple[Row, ...] = ()
    cases: tuple[Case, ...] = ()
    lots: tuple[Judged, ...] = ()
    untried: Mapping[str, str] = field(default_factory=dict)
    planned: int = 0
    stopped: str = "design"
    seconds: float = field(default=0.0, compare=False)

    @property
    def false_alarms(self) -> FalseAlarms:
        """How many of the untouched lots were accused."""
        accused = sum(lot.verdict != "release" for lot in self.lots)
        return FalseAlarms(len(self.lots), accused, interval(accused, len(self.lots)))

    @property
    def unnoticed(self) -> tuple[str, ...]:
        """Plain sentences about the faults that were noticed in fewer than half of their tries."""
        return tuple(_unnoticed(row) for row in self.rows if row.tried and row.noticed < HALF * row.tried)

    def as_json(self) -> dict[str, Any]:
        """The certificate as plain JSON values; the views show this document."""
        alarms = self.false_alarms
        return {
            "schema": SCHEMA, "flow": self.flow, "seed": self.seed, "confidence": CONFIDENCE,
            "rows": [
                {
                    "code": row.code, "family": CATALOGUE[row.code].family, "title": CATALOGUE[row.code].title, "strength": row.strength, "says": row.says,
                    "tried": row.tried, "noticed": row.noticed, "named": row.named, "located": row.located, "locatable": row.locatable,
                    "interval": [rounded(end) for end in row.interval], "missed": list(row.missed),
                }
                for row in self.rows
            ],
            "strengths": [_together(name, [row for row in self.rows if row.strength == name]) for name in ("subtle", "medium", "gross")],
            "false_alarms": {"lots": alarms.lots, "accused": alarms.accused, "rate": rounded(alarms.rate), "interval": [rounded(end) for end in alarms.interval]},
            "lots": [{"name": lot.name, "rows": lot.rows, "past": lot.past, "verdict": lot.verdict, "heard": list(lot.heard)} for lot in self.lots],
            "unnoticed": list(self.unnoticed),
            "untried": dict(self.untried),
            "struck": len({case.lot for case in self.cases}),
            "cases": [
                {
                    "code": case.code, "strength": case.strength, "lot": case.lot, "column": case.column, "verdict": case.verdict, "heard": list(case.heard),
                    "noticed": case.noticed, "named": case.named, "located": case.located,
                }
                for case in self.cases
            ],
            "planned": self.planned, "stopped": self.stopped, "seconds": round(self.seconds, 3),
        }  # fmt: skip


def _together(name: str, rows: list[Row]) -> dict[str, Any]:
    """All faults of one strength in one line."""
    tried, noticed = sum(row.tried for row in rows), sum(row.noticed for row in rows)
    return {
        "name": name, "tried": tried, "noticed": noticed, "named": sum(row.named for row in rows), "located": sum(row.located for row in rows),
        "locatable": sum(row.locatable for row in rows), "interval": [rounded(end) for end in interval(noticed, tried)],
    }  # fmt: skip


def _unnoticed(row: Row) -> str:
    *first, last = [*row.missed[:MOST_NAMED], *(["others"] if len(row.missed) > MOST_NAMED else [])] or [""]
    names = f"{', '.join(first)} and {last}" if first else last
    said = row.says.replace("{column}", names or "a column")
    if not row.says.startswith("{column}"):  # the name of a column stays as it is
        said = said[:1].upper() + said[1:]
    if not row.noticed:
        return f"{said} would not be noticed ({row.tried} of {row.tried} tries went unnoticed)."
    return f"{said} would mostly go unnoticed ({row.tried - row.noticed} of {row.tried} tries did)."
