"""What is left of a budget: training asks before it starts anything, and while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

EDGE = 0.03  # of the budget stays unspent: what started the process has to be paid too
EDGE_SECONDS = 0.35


@dataclass(frozen=True)
class Clock:
    """A budget that runs.

    Args:
        budget_seconds: of wall time, from `started` on.
        started: reading of `now` at the start.
        now: the clock.
    """

    budget_seconds: float
    now: Callable[[], float] = time.perf_counter
    started: float = field(default=-1.0)

    def __post_init__(self) -> None:
        if self.started < 0:
            object.__setattr__(self, "started", self.now())

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return self.now() - self.started

    @property
    def left(self) -> float:
        """Seconds until the deadline, which lies a little before the end of the budget."""
        return self.usable - self.spent

    @property
    def usable(self) -> float:
        """Seconds that may be spent at all."""
        return max(self.budget_seconds * (1 - EDGE) - EDGE_SECONDS, self.budget_seconds * 0.5)

    def until(self, seconds: float) -> float:
        """The reading of the clock in so many seconds, or at the deadline if that comes first."""
        return self.now() + min(max(seconds, 0.0), max(self.left, 0.0))
