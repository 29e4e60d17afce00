"""What a finding does to a lot: the whole zero-configuration behaviour, as one value that prints."""

from __future__ import annotations

from dataclasses import dataclass

from assayline.core import Finding, Verdict


@dataclass(frozen=True)
class Policy:
    """The limits between the verdicts.

    Args:
        warn_at: severity from which a finding is a warning and no longer a note.
        split_at: severity from which the rows a signature names are put aside.
        hold_at: severity from which a finding about the whole lot holds it.
        most_split: 0..1; when more of the rows than this would be put aside, the lot is held instead.

    >>> Policy()
    Policy(warn_at=0.3, split_at=0.6, hold_at=0.8, most_split=0.2)
    """

    warn_at: float = 0.3
    split_at: float = 0.6
    hold_at: float = 0.8
    most_split: float = 0.2

    def of(self, finding: Finding, rows: int) -> Verdict:
        """What this finding alone does to a lot of so many rows."""
        if finding.severity < self.warn_at:
            return Verdict.RELEASE
        if self.splits(finding):
            return Verdict.HOLD if rows and (finding.rows or 0) > self.most_split * rows else Verdict.SPLIT
        if finding.severity >= self.hold_at and finding.layer in ("history", "rule"):
            return Verdict.HOLD
        return Verdict.WARN

    def splits(self, finding: Finding) -> bool:
        """Whether the rows this finding names are put aside: only a signature or a rule may do that."""
        return finding.severity >= self.split_at and finding.layer in ("signature", "rule") and bool(finding.rows) and bool(finding.examples)
