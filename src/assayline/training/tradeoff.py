"""Score against time and size of every model that was tried, as a picture and in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from .choosing import LABELS
from .trained import Row

WIDTH, HEIGHT, MARGIN = 360, 220, 44
RADIUS = (3.0, 11.0)


def front(rows: Sequence[Row], *, greater: bool) -> tuple[str, ...]:
    """The models that no other beats in both score and time of a row, the fastest first.

    >>> fast, slow, bad = (Row(name, score, 0, 1, 0, 1, 1, micros, 1) for name, score, micros in (("fast", 0.7, 5), ("slow", 0.9, 50), ("bad", 0.6, 90)))
    >>> front([fast, slow, bad], greater=True)
    ('fast', 'slow')
    """
    found, best = list[str](), -math.inf
    for one in sorted(_shown(rows, "row_microseconds"), key=lambda row: (row.row_microseconds, -row.score if greater else row.score)):
        worth = one.score if greater else -one.score
        if worth > best:
            found.append(one.name)
            best = worth
    return tuple(found)


def text(rows: Sequence[Row], metric: str) -> str:
    """The picture in words: one line for each model."""
    lines = [f"{LABELS[metric]}, microseconds a row, seconds of training, bytes"]
    for one in rows:
        micros = f"{one.row_microseconds:,.0f} µs" if math.isfinite(one.row_microseconds) else "not timed"
        size = f"{one.size_bytes:,} bytes" if one.size_bytes > 0 else "not measured"
        seconds = f"{one.seconds:.1f} s" if math.isfinite(one.seconds) else "-"
        lines.append(f"{one.name}: {one.score:.4g} [{one.low:.4g}, {one.high:.4g}], {micros}, {seconds}, {size}{' (chosen)' if one.chosen else ''}")
    return "\n".join(lines)


def svg(rows: Sequence[Row], metric: str) -> str:
    """Two panels, score against the time of a row and against the time of training; the area of a dot is the size of its files, the chosen one is filled.

    Colours are those of the text around it (`currentColor`); the text alternative says all numbers.
    """
    greater = metric in ("auc", "average_precision")
    label = LABELS[metric]
    panels = [_panel(rows, "row_microseconds", "microseconds a row", label, 0, greater), _panel(rows, "seconds", "seconds of training", label, WIDTH, greater)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH} {HEIGHT}" role="img" font-family="system-ui, sans-serif" font-size="11" fill="currentColor">'
        f"<title>{escape(label)} against time and size</title><desc>{escape(text(rows, metric))}</desc>{''.join(panels)}</svg>"
    )


def _shown(rows: Sequence[Row], name: str) -> list[Row]:
    return [one for one in rows if math.isfinite(one.score) and math.isfinite(getattr(one, name)) and getattr(one, name) > 0]


def _panel(rows: Sequence[Row], name: str, what: str, label: str, left: int, greater: bool) -> str:
    shown = _shown(rows, name)
    if not shown:
        return f'<text x="{left + MARGIN}" y="{HEIGHT / 2:g}">{escape(what)}: not measured</text>'
    times = [math.log10(getattr(one, name)) for one in shown]
    scores = [one.score for one in shown]
    low, high = min(scores), max(scores)
    pad = (high - low) * 0.1 or abs(high) * 0.01 or 1.0
    first, last = math.floor(min(times)), max(math.ceil(max(times)), math.floor(min(times)) + 1)

    def across(value: float) -> float:
        return left + MARGIN + (value - first) / (last - first) * (WIDTH - MARGIN - 16)

    def down(value: float) -> float:
        share = (value - low + pad) / (high - low + 2 * pad)
        return HEIGHT - MARGIN - share * (HEIGHT - MARGIN - 16) if greater else 16 + share * (HEIGHT - MARGIN - 16)

    drawn = [f'<path d="M{left + MARGIN} 12V{HEIGHT - MARGIN}H{left + WIDTH - 12}" fill="none" stroke="currentColor" stroke-opacity="0.4"/>']
    for power in range(first, last + 1):
        drawn.append(f'<text x="{across(power):.1f}" y="{HEIGHT - MARGIN + 14}" text-anchor="middle">{10.0**power:g}</text>')
    for value in (low, high) if high > low else (low,):
        drawn.append(f'<text x="{left + MARGIN - 4}" y="{down(value) + 4:.1f}" text-anchor="end">{value:.3g}</text>')
    drawn.append(f'<text x="{left + WIDTH - 12}" y="{HEIGHT - 10}" text-anchor="end">{escape(what)}</text><text x="{left + 4}" y="10">{escape(label)}</text>')
    largest = max((one.size_bytes for one in shown), default=1)
    for one, at in zip(shown, times, strict=True):
        radius = RADIUS[0] + (RADIUS[1] - RADIUS[0]) * math.sqrt(max(one.size_bytes, 0) / max(largest, 1))
        tip = f"{one.name}: {one.score:.4g}"
        fill = "currentColor" if one.chosen else "none"
        drawn.append(f'<circle cx="{across(at):.1f}" cy="{down(one.score):.1f}" r="{radius:.1f}" fill="{fill}" stroke="currentColor"><title>{escape(tip)}</title></circle>')
        if one.chosen:
            drawn.append(f'<text x="{across(at):.1f}" y="{down(one.score) - radius - 3:.1f}" text-anchor="middle">{escape(one.name)}</text>')
    return "".join(drawn)
