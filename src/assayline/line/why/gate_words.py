"""What the gate said of lots that have a part in a bad state, and whether it had said so before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from assayline.ledger.records import LotRecord

from ..models.versions import WARN

KEPT = ("code", "layer", "severity", "columns", "where", "rows", "sentence", "evidence")
MOST = 12  # findings of one component
FAMILIAR = 0.5  # of its severity a finding weighs that the good state had too


@dataclass(frozen=True)
class GateWords:
    """Findings on some lots, the gravest first, and how heavily they weigh, 0 to 1."""

    findings: tuple[Mapping[str, Any], ...]
    weight: float

    @property
    def is_anomalous(self) -> bool:
        """Whether the gate would have warned of it."""
        return self.weight >= WARN


def gate_words(lots: Iterable[LotRecord], before: Iterable[LotRecord]) -> GateWords:
    """What the gate said of lots: warnings, and notes that the lots before had not.

    Args:
        lots: that are suspected.
        before: their kind, of the good state.
    """
    known = {_key(one) for lot in before for one in lot.findings}
    said = [(lot.lot, one) for lot in lots for one in lot.findings]
    told = [{**{name: one[name] for name in KEPT if name in one}, "lot": lot, "new": _key(one) not in known} for lot, one in said if one["severity"] >= WARN or _key(one) not in known]
    told.sort(key=lambda one: -one["severity"] * (1.0 if one["new"] else FAMILIAR))
    weight = max((float(one["severity"]) * (1.0 if one["new"] else FAMILIAR) for one in told), default=0.0)
    return GateWords(tuple(told[:MOST]), min(1.0, weight))


def _key(finding: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    return str(finding["code"]), tuple(finding["columns"])
