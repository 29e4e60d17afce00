"""What is decided about a lot, from best to worst."""

from __future__ import annotations

import enum
from collections.abc import Iterable


class Verdict(enum.IntEnum):
    """One of five decisions; they form a chain, and the worse of two is their join.

    The second law of the design: verdicts join. A tag on derived data is the join of its own verdict
    with those of all ancestors, and so is a report's verdict over its findings.

    >>> Verdict.WARN | Verdict.HOLD
    <Verdict.HOLD: 3>
    >>> str(Verdict.joined([]))
    'release'
    """

    RELEASE = 0
    WARN = 1
    SPLIT = 2
    HOLD = 3
    REJECT = 4

    def __str__(self) -> str:
        return self.name.lower()

    def __or__(self, other: int) -> Verdict:
        return Verdict(max(int(self), int(other)))

    @classmethod
    def joined(cls, verdicts: Iterable[Verdict]) -> Verdict:
        """The worst of them; `release` when there are none."""
        worst = cls.RELEASE
        for verdict in verdicts:
            worst = worst | verdict
        return worst

    @classmethod
    def named(cls, name: str) -> Verdict:
        """The verdict with this lower-case name.

        Raises:
            KeyError: there is no such verdict.
        """
        return cls[name.upper()]
