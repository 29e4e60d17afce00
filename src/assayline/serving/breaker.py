"""The breaker before a model that fails: after some failures in a row it is not asked for a while, then one row tries it."""

from __future__ import annotations

import time
from collections.abc import Callable

FAILURES = 5  # one may be chance and two a bad moment; at a thousand requests a second five are 5 ms
SECONDS = 10.0


class Breaker:
    """Closed it lets everything through; open it lets nothing through, and after some seconds one at a time until one works.

    Args:
        failures: how many in a row open it.
        seconds: how long it stays open.
        clock: seconds.

    >>> now = [0.0]
    >>> breaker = Breaker(failures=2, seconds=10, clock=lambda: now[0])
    >>> breaker.failed(); breaker.failed(); breaker.lets_through()
    False
    >>> now[0] = 10.0
    >>> breaker.lets_through(), breaker.lets_through()
    (True, False)
    >>> breaker.worked(); breaker.lets_through()
    True
    """

    def __init__(self, failures: int = FAILURES, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self.failures, self.seconds, self.clock = failures, seconds, clock
        self.closed = True
        self.clean = True  # closed, and nothing failed lately
        self.opened = 0  # how often, since the start
        self._in_a_row = 0
        self._again_at = 0.0

    def lets_through(self) -> bool:
        """Whether the model may be asked now. When it is open and the time is over: yes for this caller, no for the others until it has said how it went."""
        if self.closed:
            return True
        now = self.clock()
        if now < self._again_at:
            return False
        self._again_at = now + self.seconds
        return True

    def worked(self) -> None:
        """The model answered."""
        self._in_a_row = 0
        self.closed = self.clean = True

    def failed(self) -> None:
        """The model did not answer, by its own fault."""
        self._in_a_row += 1
        self.clean = False
        if self._in_a_row >= self.failures or not self.closed:
            if self.closed:
                self.opened += 1
            self.closed = False
            self._again_at = self.clock() + self.seconds
