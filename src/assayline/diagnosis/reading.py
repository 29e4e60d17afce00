"""What one replay said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Reading:
    """The symptom, measured with some components put back.

    Args:
        value: the measure; None where nothing could be measured.
        gone: whether the symptom is gone.
        error: why it could not be run, or "".
        seconds: what it took, of the clock.
        cached: whether it was known from before.
    """

    value: float | None
    gone: bool
    error: str = ""
    seconds: float = 0.0
    cached: bool = False


Replay = Callable[[frozenset[str]], Reading]  # called with the keys of the components that are put back
