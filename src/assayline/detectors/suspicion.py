"""How many accusations a lot may hear: p-values of all columns become findings, or silence.

A lot is judged by hundreds of numbers. Holm's first step (Bonferroni) inside a column and Benjamini-Hochberg over the columns
keep the chance that a good lot is accused near `ALARMS_PER_LOT`, whatever the number of columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assayline.core import Finding

ALARMS_PER_LOT = 0.02  # promised share of good lots with a false alarm from statistics; about one a quarter of working days
FAMILIES = 8  # groups of statistics that look at the same column: nulls, form, values, level, spread, shape, segments, pairs


@dataclass(frozen=True)
class Suspicion:
    """A finding and how surprising it would be if nothing were wrong.

    Args:
        finding: what would be said.
        p: predictive p-value, already corrected for the tests its detector made in this column; 0 for a plain fact.
    """

    finding: Finding
    p: float = 0.0


def believed(suspicions: Sequence[Suspicion], columns: int, alarms: float = ALARMS_PER_LOT) -> list[Finding]:
    """The findings that survive the number of questions asked.

    Args:
        suspicions: everything the detectors said.
        columns: how many columns were looked at.
        alarms: 0..1, promised share of good lots that are accused.

    >>> doubt = Suspicion(Finding("global_shift", ("a",), "…", 0.5, layer="history"), 0.01)
    >>> believed([doubt], columns=20)
    []
    """
    smallest: dict[tuple[str, ...], float] = {}
    for one in suspicions:
        place = one.finding.columns[:1]
        smallest[place] = min(smallest.get(place, 1.0), one.p * FAMILIES)
    ranked = sorted(smallest.values())
    limit = 0.0
    for rank, p in enumerate(ranked, start=1):
        if p <= alarms * rank / max(columns, 1):
            limit = alarms * rank / max(columns, 1)  # not p: a second finding of the same column has the same right
    return [one.finding for one in suspicions if one.p * FAMILIES <= limit]
