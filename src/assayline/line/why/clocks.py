"""Whether the clock of a lot goes as those of the lots before it did: each begins and ends about as much later as the one before."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from .moving import HOUR, Span

FEWEST = 4  # lots before from which it is known how regular they are
FARTHEST = 14  # hours; clocks of the earth differ by no more
LEAST = 0.75  # hours that a clock must be off


@dataclass(frozen=True)
class Ticking:
    """A clock that is off by whole hours.

    Args:
        column: of times.
        lot: whose clock it is.
        hours: by which the times may be too late (negative: too early), the likeliest first.
        lots: before, that say so.
    """

    column: str
    lot: int
    hours: tuple[int, ...]
    lots: int


def hours_off(now: Span | None, before: Sequence[Span | None], steps: Sequence[int]) -> tuple[int, ...]:
    """By how many hours the times of a lot are not where those of the lots before let expect; () where they are, or where nothing can be said.

    Begin and end must both be off to one side, by more than they ever were in the lots before: a lot that only begins late lacks rows.

    Args:
        now: of the lot.
        before: of the lots before, in order.
        steps: places from each of them to the next, the last one to the lot itself.

    >>> spans = [Span(86_400.0 * day, 86_400.0 * day + 40_000, 86_400.0 * day + 80_000) for day in range(7)]
    >>> late = Span(spans[6].early + 5 * HOUR, spans[6].middle + 5 * HOUR, spans[6].late + 5 * HOUR)
    >>> hours_off(late, spans[:6], [1] * 6), hours_off(spans[6], spans[:6], [1] * 6)
    ((5,), ())
    """
    known = [one for one in before if one is not None]
    if now is None or now.numbers or len(known) < max(FEWEST, len(before)) or any(one.numbers for one in known):
        return ()
    pairs = list(zip(known, known[1:], steps, strict=False))
    offs, noise = [], 0.0
    for name in ("early", "late"):
        moves = [(getattr(later, name) - getattr(earlier, name)) / max(1, step) for earlier, later, step in pairs]
        usual = statistics.median(moves)
        noise = max(noise, *(abs(one - usual) for one in moves))
        offs.append(getattr(now, name) - getattr(known[-1], name) - usual * max(1, steps[-1]))
    if offs[0] * offs[1] <= 0 or min(abs(one) for one in offs) < max(LEAST * HOUR, noise):
        return ()
    middle = round(sum(offs) / 2 / HOUR)
    near = [middle] if noise < HOUR / 2 else [middle, middle + 1, middle - 1]
    return tuple(one for one in near if 0 < abs(one) <= FARTHEST)
