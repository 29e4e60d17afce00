"""When a model should be trained again: drift, age, new labels, a falling score. Whoever runs lines asks; nothing here acts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assayline.core import Finding


@dataclass(frozen=True)
class Triggers:
    """What counts as a reason. `Triggers()` is the whole default.

    Args:
        oldest_days: age from which a model is trained again; 0 for never.
        new_labels: labelled rows since training, as a share of those it was trained on; 0 for never.
        drift_severity: of a finding about a column that the model uses, 0..1; above 1 for never.
        score_drop: share of its score that may be lost, 0..1; 0 for never.
    """

    oldest_days: float = 90.0
    new_labels: float = 0.2
    drift_severity: float = 0.3
    score_drop: float = 0.05


@dataclass(frozen=True)
class Standing:
    """Where a model stands today.

    Args:
        age_days: since it was trained.
        rows: that it was trained on.
        labelled_since: rows with a known target that came since.
        columns: that it uses.
        findings: about the data that came since.
        score_then, score_now: its score when it was trained, and on what came since; greater is better if `greater`. None where unknown.
        greater: whether more is better.
    """

    age_days: float
    rows: int
    labelled_since: int = 0
    columns: tuple[str, ...] = ()
    findings: Sequence[Finding] = ()
    score_then: float | None = None
    score_now: float | None = None
    greater: bool = True


@dataclass(frozen=True)
class Reason:
    """Why a model should be trained again.

    Args:
        kind: "drift", "age", "labels" or "score".
        sentence: with the two numbers that were compared.
    """

    kind: str
    sentence: str


def reasons(standing: Standing, triggers: Triggers | None = None) -> tuple[Reason, ...]:
    """Why a model should be trained again, the weightiest first; empty if it need not be.

    >>> [one.kind for one in reasons(Standing(age_days=120, rows=1_000, labelled_since=500))]
    ['labels', 'age']
    """
    asked, found = triggers or Triggers(), list[Reason]()
    if standing.score_then is not None and standing.score_now is not None and asked.score_drop:
        lost = (standing.score_then - standing.score_now) * (1 if standing.greater else -1)
        allowed = asked.score_drop * abs(standing.score_then)
        if lost > allowed:
            found.append(Reason("score", f"The score went from {standing.score_then:.4g} to {standing.score_now:.4g}; {asked.score_drop:.0%} may be lost."))
    for one in sorted(standing.findings, key=lambda finding: -finding.severity):
        used = [column for column in one.columns if column in standing.columns]
        # What comes from comparing with the past speaks of change; a fault of a lot by itself is the gate's business.
        if used and one.layer in ("history", "multivariate") and one.severity >= asked.drift_severity:
            found.append(Reason("drift", f"The model uses {', '.join(used)}: {one.sentence}"))
    if asked.new_labels and standing.labelled_since >= asked.new_labels * max(standing.rows, 1):
        found.append(Reason("labels", f"{standing.labelled_since:,} labelled rows came since; it was trained on {standing.rows:,}, and {asked.new_labels:.0%} of that are enough."))
    if asked.oldest_days and standing.age_days >= asked.oldest_days:
        found.append(Reason("age", f"It is {standing.age_days:.0f} days old; {asked.oldest_days:.0f} are allowed."))
    return tuple(found)
