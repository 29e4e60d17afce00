"""Which findings of the gate are faults of the one who delivered, and which may be the world itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..core.catalogue import CATALOGUE

WARNING = 0.3  # the severity from which the gate warns (`assayline.judgement.Policy`)
# A moved level, a wider spread or another share of a class is what the world does too; notes on the nature of a column are no news;
# what environments and models were found to be is no fault of a lot.
FAMILIAR = 0.6  # what the good state was told too is no news below the severity from which rows are put aside
NO_FAULTS = frozenset({"distribution", "nature", "environment", "model"})
A_PERSON = "person"


# What may be wrong with a delivery whose cells are all as they should be: rows, their times, their columns.
NOT_OF_VALUES = frozenset({"volume", "time", "schema", "file"})


def is_of_values(finding: Mapping[str, Any]) -> bool:
    """Whether a finding speaks of what stands in cells, and not of which rows, times or columns there are.

    >>> is_of_values({"code": "unit_change"}), is_of_values({"code": "missing_source"})
    (True, False)
    """
    entry = CATALOGUE.get(str(finding.get("code", "")))
    return entry is None or entry.family not in NOT_OF_VALUES


def is_fault(finding: Mapping[str, Any]) -> bool:
    """Whether a finding, if it is right, names something that a delivery should not have.

    Args:
        finding: as JSON; `code`, and `by`: "person" where a person said it, who may call anything a fault.

    >>> is_fault({"code": "unit_change"}), is_fault({"code": "segment_shift"}), is_fault({"code": "segment_shift", "by": "person"})
    (True, False, True)
    """
    entry = CATALOGUE.get(str(finding.get("code", "")))
    return finding.get("by") == A_PERSON or (entry is not None and entry.family not in NO_FAULTS)


def faults_of(findings: Iterable[Mapping[str, Any]], *, columns: Sequence[str] = (), least: float = WARNING) -> tuple[Mapping[str, Any], ...]:
    """The findings that are faults and loud enough, the loudest first.

    Args:
        findings: as JSON: code, columns, severity, sentence; `new`: False where the good state had it too.
        columns: that carry the change; () for unknown. A finding about other columns explains nothing; one about the whole table may.
        least: severity that a finding must have; a person's word has no severity and always counts.
    """
    kept = [one for one in findings if is_fault(one) and (one.get("by") == A_PERSON or float(one.get("severity", 0.0)) >= (least if one.get("new", True) else FAMILIAR))]
    if columns:
        kept = [one for one in kept if not one.get("columns") or set(one["columns"]) & set(columns)]
    return tuple(sorted(kept, key=lambda one: (one.get("by") != A_PERSON, -float(one.get("severity", 0.0)))))
