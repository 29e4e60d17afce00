"""What a user added to the judgement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .verdict import Verdict


@dataclass(frozen=True)
class Rule:
    """A condition every row (or the lot) has to meet, with who wants it and since when.

    Args:
        text: the condition in the rule language, such as "amount >= 0".
        author: who is answerable for it.
        since: from when on it holds.
        action: what a lot with a failing row deserves: warn, split or hold.
        until: when it expires; None for never.
    """

    text: str
    author: str
    since: datetime
    action: Verdict = Verdict.WARN
    until: datetime | None = None

    def __post_init__(self) -> None:
        if self.action not in (Verdict.WARN, Verdict.SPLIT, Verdict.HOLD):
            raise ValueError(f"a rule can warn, split or hold, not {self.action}")

    def holds_at(self, moment: datetime) -> bool:
        """Whether the rule is in force then."""
        return self.since <= moment and (self.until is None or moment < self.until)
