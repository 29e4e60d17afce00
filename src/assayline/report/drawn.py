"""What every chart is drawn with: the frame of a picture with its words for those who do not see it, a label, a line, names below an axis."""

from __future__ import annotations

import math
from collections.abc import Iterable

from .markup import Child, Markup, element
from .pictures import LETTER
from .visible import width

BROAD, NARROW = 980.0, 360.0
"""Widths of charts that are drawn twice: for a desk and for a phone."""
KEY_HIGH = 24.0  # pixels from one line of keys to the next


def svg(wide: float, high: float, label: str, said: str, *children: Child, class_: str = "al-picture al-chart-small") -> Markup:
    """A picture of this size; `label` and `said` are its name and what it shows, as text."""
    return element(
        "svg", element("title", label), element("desc", said), *children,
        class_=class_, role="img", aria_label=f"{label}. {said}", view_box=f"0 0 {wide:g} {high:g}", width=wide, height=high, focusable="false",
    )  # fmt: skip


def picture(key: str, wide: float, high: float, title: str, said: str, *children: Child, class_: str = "al-picture") -> Markup:
    """The same, named by its own title and description; `key` is a word that no other picture of the page has."""
    return element(
        "svg", element("title", title, id=f"{key}-title"), element("desc", said, id=f"{key}-desc"), *children, class_=class_, role="img",
        aria_labelledby=f"{key}-title {key}-desc", view_box=f"0 0 {wide:g} {high:g}", width=wide, height=high, focusable="false",
    )  # fmt: skip


def by_width(wide: float) -> str:
    """The class of a chart that is there for a desk, or for a phone, alone."""
    return "al-picture al-only-broad" if wide == BROAD else "al-picture al-only-narrow"


def label(x: float, y: float, said: str, *, anchor: str = "start", strong: bool = False, class_: str = "al-t") -> Markup:
    """Words at a place of a picture."""
    return element("text", said, x=x, y=y, text_anchor=None if anchor == "start" else anchor, class_=f"{class_} al-t-strong" if strong else class_)


def line(x1: float, y1: float, x2: float, y2: float, class_: str = "al-axis") -> Markup:
    """A line from one place to another."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def shape(path: str, x: float, y: float, class_: str, scale: float = 1.0) -> Markup:
    """A path that is written around (0, 0), at another place."""
    return element("path", d=path, transform=f"translate({x:.1f} {y:.1f})" + (f" scale({scale:g})" if scale != 1.0 else ""), class_=class_)


def below(names: Iterable[tuple[float, str]], y: float, wide: float, *, first: Iterable[float] = ()) -> list[Child]:
    """Names below an axis, as many as do not touch.

    Args:
        names: the middle of each and what it says, from left to right.
        y: of the letters' foot.
        wide: where the picture ends.
        first: middles of those that are written before all others.
    """
    known = list(names)
    chosen = set(first)
    taken: list[tuple[float, float]] = []
    drawn: list[Child] = []
    for middle, said in sorted(known, key=lambda one: (one[0] not in chosen, one[0])):
        half = (width(said) + 1) * LETTER / 2
        left, right = middle - half, middle + half
        if left < 0 or right > wide or any(left < end and start < right for start, end in taken) or not math.isfinite(middle):
            continue
        taken.append((left, right))
        drawn.append(label(middle, y, said, anchor="middle", strong=middle in chosen))
    return drawn


def key_lines(keys: Iterable[tuple[Child, str]], top: float, room: float) -> tuple[list[Child], float]:
    """What signs and colours mean, in as many lines of `room` pixels as it takes, and how high they are."""
    drawn: list[Child] = []
    x, y = 0.0, top + 12
    for mark, said in keys:
        wide = 22 + (width(said) + 2) * LETTER
        if x and x + wide > room:
            x, y = 0.0, y + KEY_HIGH
        drawn += [element("g", mark, transform=f"translate({x:.1f} {y - 10:.1f})"), element("text", said, x=x + 20, y=y, class_="al-t")]
        x += wide + 8
    return drawn, y - top + 12 if drawn else 0.0
