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
        name: what it is called, such as "no negative amounts"; "" when its text says enough.
        owner: who is told when it fails; "" for the author.
        reason: why it has to be so, in a sentence.
        version: 1 for the first text; a changed text is a new version, and the old one stays on record.

    >>> Rule("amount >= 0", "ops@example.com", datetime(2026, 1, 31)).answers
    'ops@example.com'
    """

    text: str
    author: str
    since: datetime
    action: Verdict = Verdict.WARN
    until: datetime | None = None
    name: str = ""
    owner: str = ""
    reason: str = ""
    version: int = 1

    def __post_init__(self) -> None:
        if self.action not in (Verdict.WARN, Verdict.SPLIT, Verdict.HOLD):
            raise ValueError(f"a rule can warn, split or hold, not {self.action}")
        if self.version < 1:
            raise ValueError(f"the versions of a rule are counted from 1, not {self.version}")
        if self.until is not None and self.until <= self.since:
            raise ValueError(f"a rule cannot end ({self.until}) before it begins ({self.since})")

    @property
    def answers(self) -> str:
        """Who is told when it fails."""
        return self.owner or self.author

    def holds_at(self, moment: datetime) -> bool:
        """Whether the rule is in force then."""
        return self.since <= moment and (self.until is None or moment < self.until)
