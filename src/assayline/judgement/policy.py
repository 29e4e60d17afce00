"""What a finding does to a lot: the whole zero-configuration behaviour, as one value that prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assayline.core import Finding, Verdict

PLAIN_AT = 0.5  # severity of a warning that is sure of its rows
# No harmless process makes these, whatever their share.
PLAINLY_BAD = frozenset({"mojibake", "test_records", "duplicated_rows", "clock_reset", "impossible_date", "control_characters", "number_overflow"})


@dataclass(frozen=True)
class Policy:
    """The limits between the verdicts.

    Args:
        warn_at: severity from which a finding is a warning and no longer a note.
        split_at: severity from which the rows a signature names are put aside.
        hold_at: severity from which a finding about the whole lot holds it.
        most_split: 0..1; when more of the rows than this would be put aside, the lot is held instead.
        hold_plain: whether a warning about more rows than that holds the lot too, where no harmless process makes such rows. A scan only
            warns of them, for they may be how this data always is; a gate lets somebody say so first.

    >>> Policy()
    Policy(warn_at=0.3, split_at=0.6, hold_at=0.8, most_split=0.2, hold_plain=False)
    """

    warn_at: float = 0.3
    split_at: float = 0.6
    hold_at: float = 0.8
    most_split: float = 0.2
    hold_plain: bool = False

    @classmethod
    def of_gate(cls, settings: Mapping[str, Any] | None = None) -> Policy:
        """The limits of a gate, which holds what is plainly bad until somebody has seen it; settings of a flow go before that.

        >>> Policy.of_gate().hold_plain, Policy.of_gate({"most_split": 0.5}).most_split
        (True, 0.5)
        """
        return cls(**{"hold_plain": True, **(settings or {})})

    def of(self, finding: Finding, rows: int) -> Verdict:
        """What this finding alone does to a lot of so many rows."""
        if finding.severity < self.warn_at:
            return Verdict.RELEASE
        if finding.layer == "rule":
            return self._of_rule(finding, rows)
        if self.hold_plain and finding.code in PLAINLY_BAD and finding.severity >= PLAIN_AT and (finding.rows or 0) > self.most_split * rows > 0:
            return Verdict.HOLD
        if self.splits(finding):
            return Verdict.HOLD if rows and (finding.rows or 0) > self.most_split * rows else Verdict.SPLIT
        if finding.severity >= self.hold_at and finding.layer == "history":
            return Verdict.HOLD
        return Verdict.WARN

    def splits(self, finding: Finding) -> bool:
        """Whether the rows this finding names are put aside: only a signature or a rule may do that."""
        if finding.layer == "rule":
            return finding.evidence.get("action") == "split" and bool(finding.rows) and bool(finding.examples)
        return finding.severity >= self.split_at and finding.layer == "signature" and bool(finding.rows) and bool(finding.examples)

    def _of_rule(self, finding: Finding, rows: int) -> Verdict:
        """What the action of a broken rule means; one that every row breaks is more likely wrong than the rows are, so somebody is asked."""
        action = Verdict.named(str(finding.evidence.get("action", "warn")))
        broken = finding.rows or 0
        if action == Verdict.SPLIT:
            return Verdict.HOLD if not finding.examples or broken > self.most_split * rows else Verdict.SPLIT
        return Verdict.HOLD if rows and broken >= rows else action
