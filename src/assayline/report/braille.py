"""Charts of a few lines of letters: braille dots, four high and two wide in every cell, or plain ASCII.

>>> dotted([0.0, 1.0, 2.0, 3.0], cells=2, lines=1)
['⡠⠊']
>>> ranked_letters([0.0, 1.0, None, 3.0], cells=4)
'_: #'
"""

from __future__ import annotations

from collections.abc import Sequence

from .pictures import part

# Dots of a braille cell from the bottom up, left and right (Unicode: U+2800, the bits of dots 7 3 2 1 and 8 6 5 4).
_LEFT = (0x40, 0x04, 0x02, 0x01)
_RIGHT = (0x80, 0x20, 0x10, 0x08)
LETTERS = "_.:-=+*#"

Values = Sequence[float | None]


def slots(count: int, into: int) -> list[tuple[int, int]]:
    """So many values spread over so many slots: where each slot's values begin and end. With fewer values than slots, several slots share one.

    >>> slots(4, 2), slots(2, 4)
    ([(0, 2), (2, 4)], [(0, 1), (0, 1), (1, 2), (1, 2)])
    """
    return [(place * count // into, max((place + 1) * count // into, place * count // into + 1)) for place in range(into)] if count else []


def dotted(values: Values, *, cells: int, lines: int, low: float | None = None, high: float | None = None) -> list[str]:
    """A line through the values in braille. Where values share a slot of half a cell, the dots span from the least to the greatest.

    Args:
        values: in order; None leaves a gap.
        cells: how wide.
        lines: how high.
        low: what the lowest dot stands for; the least value when None.
        high: what the highest dot stands for; the greatest value when None.
    """
    steps = lines * 4
    dots: list[tuple[int, int] | None] = []
    least, most = _ends(values, low, high)
    for start, stop in slots(len(values), cells * 2):
        known = [one for one in values[start:stop] if one is not None]
        dots.append((_level(min(known), least, most, steps), _level(max(known), least, most, steps)) if known else None)
    drawn = [[0] * cells for _ in range(lines)]
    before: tuple[int, int] | None = None
    for place, span in enumerate(dots):
        if span is None:
            before = None
            continue
        # A step up or down is drawn through: single dots far apart are no line to the eye.
        first = min(span[0], before[1] + 1) if before else span[0]
        last = max(span[1], before[0] - 1) if before else span[1]
        before = span
        for step in range(first, last + 1):
            line, dot = divmod(step, 4)
            drawn[lines - 1 - line][place // 2] |= (_LEFT, _RIGHT)[place % 2][dot]
    return ["".join(chr(0x2800 + bits) if bits else " " for bits in row) for row in drawn]


def ranked_letters(values: Values, *, cells: int, low: float | None = None, high: float | None = None) -> str:
    """The values as ASCII letters that grow darker; of values that share a cell the greatest."""
    least, most = _ends(values, low, high)
    drawn = []
    for start, stop in slots(len(values), cells):
        known = [one for one in values[start:stop] if one is not None]
        drawn.append(LETTERS[_level(max(known), least, most, len(LETTERS))] if known else " ")
    return "".join(drawn)


def _ends(values: Values, low: float | None, high: float | None) -> tuple[float, float]:
    known = [one for one in values if one is not None]
    return (min(known, default=0.0) if low is None else low), (max(known, default=0.0) if high is None else high)


def _level(value: float, low: float, high: float, steps: int) -> int:
    if not high > low:
        return steps // 2 if high else 0
    return round(part(value, low, high) * (steps - 1))
