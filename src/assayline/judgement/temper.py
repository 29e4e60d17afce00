"""What a flow has learned about findings: how young it is, what people answered, which columns somebody needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from assayline.core import Finding

SHADOW_LOTS = 7  # lots of a past below which what compares with it only reports (AVH, Song and He 2021: 7 lots for a first pattern)
NOTE = 0.2
BELOW_HOLD = 0.7
LEAST_PRECISION = 0.3  # share of right accusations below which a detector is silenced in a flow
OLD_ROWS = frozenset({"stale_copy", "duplicate_lot"})
# Columns of predictions that say who answered: they change with every version and every step of a rollout.
PROVENANCE = frozenset({"assay_run", "assay_version", "assay_arm", "assay_sequence"})
SCHEMA = frozenset({"dropped_column", "renamed_column", "added_column"})


@dataclass(frozen=True)
class Temper:
    """Changes findings by what is known of the flow; called for each.

    Args:
        lots: how many released lots there are.
        shadow_lots: with fewer, findings against the past warn and do no more.
        answers: by code and columns joined with a comma: how often people said bad, expected, noise.
        waiting: whether lots came after the last of the past that do not teach (yet): then a gap before this lot is none.
        replaces: the lot takes the place of earlier ones, such as a table that is made anew: that it repeats their rows is its nature.
        needs: columns that somebody downstream needs; None where nobody said, which means that a lost column holds nothing.

    >>> Temper(lots=2)(Finding("global_shift", ("x",), "Moved.", 0.9, layer="history")).severity
    0.7
    """

    lots: int = 0
    shadow_lots: int = SHADOW_LOTS
    answers: Mapping[str, Sequence[int]] = field(default_factory=dict)
    waiting: bool = False
    replaces: bool = False
    needs: Sequence[str] = ()

    def __call__(self, finding: Finding) -> Finding:
        """The finding as this flow shall hear it."""
        if finding.layer == "rule" or finding.severity <= NOTE:
            return finding
        if PROVENANCE.intersection(finding.columns):
            return finding.but(severity=NOTE, sentence=f"{finding.sentence} It says who answered, which changes by nature.")
        bad, expected, noise = self.answers.get(f"{finding.code}:{','.join(finding.columns)}", (0, 0, 0))
        if expected > bad:
            return finding.but(severity=NOTE, sentence=f"{finding.sentence} Somebody said that this is expected.")
        if noise > bad and noise:
            return finding.but(severity=NOTE, sentence=f"{finding.sentence} Somebody said that this is noise.")
        if self._precision(finding.code) < LEAST_PRECISION:
            return finding.but(severity=NOTE, sentence=f"{finding.sentence} Most findings of this kind were noise in this flow.")
        if finding.code == "missing_day" and finding.layer == "history" and self.waiting:
            return finding.but(severity=NOTE, sentence=f"{finding.sentence} Lots in between came, and wait for somebody to decide about them.")
        if finding.code in OLD_ROWS and self.replaces:
            return finding.but(severity=NOTE, sentence=f"{finding.sentence} This lot takes the place of an earlier one.")
        if finding.code in SCHEMA and finding.layer == "history":
            needed = sorted(set(finding.columns) & set(self.needs))
            if finding.code == "dropped_column" and needed:
                return finding.but(sentence=f"{finding.sentence} It is needed.")
            return finding.but(severity=min(finding.severity, 0.5 if finding.code != "added_column" else 0.3))
        if finding.layer in ("history", "multivariate") and self.lots < self.shadow_lots and finding.severity > BELOW_HOLD:
            return finding.but(severity=BELOW_HOLD)
        return finding

    def _precision(self, code: str) -> float:
        """The share of right accusations of this kind: the mean of its Beta posterior with a uniform prior."""
        bad = sum(one[0] for key, one in self.answers.items() if key.partition(":")[0] == code)
        noise = sum(one[2] for key, one in self.answers.items() if key.partition(":")[0] == code)
        return (bad + 1) / (bad + noise + 2)
