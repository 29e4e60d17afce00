"""Findings about odd values: the sentence, the numbers and the locator they share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from assayline.core import Finding, Locator, Profile
from assayline.measures import Counts, tally

from ..expectations import with_expectation
from ..locating import OneOf
from .odd import Odd

SHOWN = 3  # values named in a sentence
MUCH = 0.2  # share of the rows above which a fault is a custom of the table: to be looked at, not to be cut out
WARNING = 0.5


def about_values(
    profile: Profile,
    code: str,
    column: str,
    odd: Sequence[Odd],
    what: str,
    *,
    severity: float,
    suggestion: str,
    locate: Locator | None = None,
    evidence: dict[str, float | str] | None = None,
) -> Finding:
    """A finding that names odd values of one column.

    Args:
        profile: what was measured.
        code: the finding code.
        column: the column.
        odd: its odd values, not empty.
        what: what is the matter with them, following "n of m values of <column> ".
        severity: when few rows are touched; at most 0.5 is left when more than a fifth of them are.
        suggestion: what to do.
        locate: finds the rows; by value when None.
        evidence: further numbers.
    """
    found = tally(profile, column)
    rows = sum(one.rows for one in odd)
    total = found.total
    share = rows / total if total else 0.0
    named = ", ".join(_named(one) for one in sorted(odd, key=lambda one: (-one.rows, one.value))[:SHOWN])
    more = f" and {len(odd) - SHOWN:,} more" if len(odd) > SHOWN else ""
    of = f"{rows:,} of {total:,} values of {column}" if found.exact else f"about {share:.2%} of the values of {column} (seen in a sample)"
    confidence = max(one.confidence for one in odd)
    return Finding(
        code, (column,), f"{of} {what}: {named}{more}.",
        severity=min(severity, WARNING) if share > MUCH else severity,
        rows=rows if found.exact and locate is None else None, exact_rows=found.exact and locate is None,
        evidence={"rows_share": share, "values": len(odd), "confidence": confidence, **(evidence or {})},
        suggestion=suggestion,
        locate=with_expectation(profile, column, locate or OneOf(column, {one.value: (one.confidence, one.suggestion) for one in odd})),
        picture=_picture(odd, found.values.head(1).to_list(), found.counts[:1].tolist()),
    )  # fmt: skip


def _named(one: Odd) -> str:
    value = one.value if len(one.value) <= 40 else one.value[:37] + "..."
    if one.beside is None:
        return f"{value!r} ({one.rows:,})"
    beside = one.beside if len(one.beside) <= 40 else one.beside[:37] + "..."
    return f"{value!r} ({one.rows:,}) beside {beside!r} ({one.beside_rows:,})"


def _picture(odd: Sequence[Odd], usual: list[str], rows: list[int]) -> dict[str, Any]:
    worst = sorted(odd, key=lambda one: (-one.rows, one.value))[:5]
    beside = {one.beside: one.beside_rows for one in worst if one.beside is not None} or dict(zip(usual, rows, strict=True))
    labels = [*beside, *(one.value for one in worst)]
    return {
        "kind": "bars", "labels": [label[:60] for label in labels], "values": [*beside.values(), *(one.rows for one in worst)],
        "marked": list(range(len(beside), len(labels))),
    }  # fmt: skip


def filled_rows(profile: Profile, column: str) -> int:
    """Rows of a column with a value."""
    counts = profile.of(column, Counts)
    return counts.filled if counts else 0
