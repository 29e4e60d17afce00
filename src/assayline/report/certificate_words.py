"""What every view of a certificate says in the same words: how much was noticed, how sure that is, what was left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import words
from .visible import shown

STRENGTHS = ("subtle", "medium", "gross")
NAME = 60
STOPS = {
    "design": "Everything the design holds was tried.",
    "most_cases": "The number of tries asked for was reached; more of them would make the intervals narrower.",
    "budget_seconds": "The time was over; a longer budget would make the intervals narrower.",
}


@dataclass(frozen=True)
class Fault:
    """One fault of a certificate: its code, title, family, and a row of the document for each strength it was tried at."""

    code: str
    title: str
    family: str
    rows: Mapping[str, Mapping[str, Any]]

    def total(self, what: str) -> int:
        """The sum over its strengths."""
        return sum(int(row[what]) for row in self.rows.values())


def faults(document: Mapping[str, Any]) -> list[Fault]:
    """The faults in the order of the document, families together."""
    found: dict[str, Fault] = {}
    for row in document["rows"]:
        one = found.setdefault(row["code"], Fault(shown(row["code"], NAME), shown(row["title"], NAME), shown(row["family"], NAME), {}))
        found[row["code"]] = Fault(one.code, one.title, one.family, {**one.rows, row["strength"]: row})
    families = list(dict.fromkeys(one.family for one in found.values()))
    return sorted(found.values(), key=lambda one: families.index(one.family))


def heading(document: Mapping[str, Any]) -> str:
    """What this is about.

    >>> heading({"flow": ""}), heading({"flow": "sales"})
    ('What this gate notices', 'What the gate notices in sales')
    """
    return f"What the gate notices in {shown(document['flow'], NAME)}" if document["flow"] else "What this gate notices"


def summary(document: Mapping[str, Any]) -> str:
    """One sentence: how many faults, how many noticed, under their name, in the right column."""
    of = {what: sum(int(one[what]) for one in document["strengths"]) for what in ("tried", "noticed", "named", "located", "locatable")}
    if not of["tried"]:
        return "No fault was tried."
    said = f"{words.counted(of['tried'], 'fault')} put into {words.counted(document['struck'], 'good lot')}: {of['noticed']:,} noticed"
    if of["noticed"]:
        said += f", {of['named']:,} of them under their name"
    if of["locatable"]:
        said += f", {of['located']:,} of {of['locatable']:,} in the right column"
    return said + "."


def alarms(document: Mapping[str, Any]) -> str:
    """One sentence on the good lots that were accused."""
    found = document["false_alarms"]
    low, high = found["interval"]
    return (
        f"{found['accused']:,} of {words.counted(found['lots'], 'good lot')} accused as they are: {words.percent(found['rate'])} "
        f"(at {words.percent(document['confidence'])} between {words.percent(low)} and {words.percent(high)})."
    )


def stopped(document: Mapping[str, Any]) -> str:
    """Why there are no more tries."""
    return STOPS.get(document["stopped"], "")


def untried(document: Mapping[str, Any]) -> dict[str, list[str]]:
    """The faults that were not tried, by the reason."""
    by_reason: dict[str, list[str]] = {}
    for code, reason in document["untried"].items():
        by_reason.setdefault(reason, []).append(code)
    return by_reason


def share(row: Mapping[str, Any]) -> float:
    """Noticed of tried, 0..1."""
    return float(row["noticed"]) / max(1, int(row["tried"]))


def range_of(ends: Sequence[float]) -> str:
    """An interval in per cent.

    >>> range_of([0.25, 1.0])
    '25–100 %'
    """
    return f"{100 * ends[0]:.0f}–{100 * ends[1]:.0f} %"
