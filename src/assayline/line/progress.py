"""How far a step has come, said by the step itself."""

from __future__ import annotations

import time
from collections.abc import Callable

EVERY_SECONDS = 0.1  # more often tells nobody more

_tell: Callable[[int], None] | None = None
_told_at = 0.0


def progress(rows: int) -> None:
    """Says that a step has done so many rows by now.

    A step that calls this now and then is ended when the number stands still for much longer than it ever has; one that never calls it is only
    ended when it takes much longer than it ever has. Outside a line it does nothing.

    Args:
        rows: done since the step began.

    >>> progress(1_000)
    """
    global _told_at
    moment = time.monotonic()
    if _tell is not None and moment - _told_at >= EVERY_SECONDS:
        _told_at = moment
        _tell(int(rows))


def listen(tell: Callable[[int], None] | None) -> None:
    """Sends what is said to this function from now on; None for nobody."""
    global _tell, _told_at
    _tell, _told_at = tell, 0.0
