"""From findings to a verdict."""

from __future__ import annotations

from collections.abc import Iterable

from assayline.core import Finding, Verdict

from .policy import Policy
from .subsume import subsume, worst_first


def judge(findings: Iterable[Finding], rows: int, policy: Policy | None = None) -> tuple[Verdict, tuple[Finding, ...]]:
    """The verdict on a lot, and the findings that remain when symptoms are told from causes, worst first.

    Args:
        findings: everything the detectors and the rules gave, rows counted.
        rows: rows of the lot.
        policy: the limits; `Policy()` when None.

    >>> verdict, kept = judge([Finding("mojibake", ("city",), "…", 0.7, rows=3)], rows=100)
    >>> str(verdict)
    'warn'
    """
    policy = policy or Policy()
    kept = worst_first(subsume(findings))
    return Verdict.joined(policy.of(finding, rows) for finding in kept), tuple(kept)
