"""Draws the small pictures of findings and columns, as SVG and as text; `docs/pictures.md` is the vocabulary.

A picture is a dictionary that a detector made, possibly a stranger's: whatever is malformed gives no picture, never an error.

>>> lines = text_picture({"kind": "histogram", "edges": [0, 1, 2, 3], "counts": [1, 8, 4], "marked": [[2, 3]]}, 40)
>>> lines is not None and "".join(text for text, _ in lines[0])
'0 ▂█▅ 3'
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from .markup import NOTHING, Markup, element
from .visible import cut, shown, width
from .words import number, percent

# Bounds on what is drawn, whatever a plug-in sends: more cannot be told apart at the width of a card.
MOST_BARS = 12
MOST_BINS = 60
MOST_POINTS = 120
MOST_DAYS = 53 * 7  # a year of weeks, the width of the calendars people know
MOST_MARKS = 1000
MOST_LABEL = 200
LETTER = 6.8  # pixels across for a letter at 11.5 px in the widest of the usual system fonts (measured: DejaVu Sans)


@dataclass(frozen=True)
class Bars:
    """Named amounts."""

    labels: tuple[str, ...]
    values: tuple[float, ...]
    marked: frozenset[int]
    unit: str
    left_out: int


@dataclass(frozen=True)
class Histogram:
    """Counts between edges; `low` and `high` are said as the data has them, also infinite."""

    edges: tuple[float, ...]
    counts: tuple[float, ...]
    marked: frozenset[int]
    low: float
    high: float


@dataclass(frozen=True)
class Series:
    """Values in order, None for a gap, with the band that is usual."""

    values: tuple[float | None, ...]
    labels: tuple[str, ...]
    band: tuple[tuple[float, float] | None, ...]
    marked: frozenset[int]


@dataclass(frozen=True)
class Compare:
    """Two distributions on one axis, each as shares of its whole."""

    before: tuple[float, ...]
    after: tuple[float, ...]
    low: float
    high: float


@dataclass(frozen=True)
class Calendar:
    """A number for each day; None where the day is missing."""

    first: date
    counts: tuple[float | None, ...]
    marked: frozenset[int]


@dataclass(frozen=True)
class Share:
    """A share now, and the usual one."""

    value: float
    usual: float | None


Picture = Bars | Histogram | Series | Compare | Calendar | Share
Line = list[tuple[str, bool]]
"""A line of a text picture: pieces of text, and whether a piece is marked as the fault."""


def parsed(picture: Mapping[str, Any]) -> Picture | None:
    """The picture with everything checked and bounded; None when there is nothing that can be drawn.

    >>> parsed({"kind": "share", "value": "0.5"})
    Share(value=0.5, usual=None)
    >>> parsed({"kind": "hologram"}) is None
    True
    """
    try:
        parse = _KINDS.get(str(picture.get("kind")))
        return parse(picture) if parse else None
    except (TypeError, ValueError, KeyError, AttributeError, IndexError, OverflowError, RecursionError):
        return None  # the finding is worth showing without its picture


def svg_picture(picture: Mapping[str, Any], *, label: str = "", small: bool = False) -> Markup:
    """The picture as inline SVG; nothing when it cannot be drawn.

    Args:
        picture: see `docs/pictures.md`.
        label: what it shows, for those who cannot see it.
        small: the size for a column instead of a finding.
    """
    drawn = parsed(picture)
    if drawn is None:
        return NOTHING
    if isinstance(drawn, Bars):
        return _bars_svg(drawn, label, small)
    if isinstance(drawn, Histogram):
        return _histogram_svg(drawn, label, small)
    if isinstance(drawn, Series):
        return _series_svg(drawn, label, small)
    if isinstance(drawn, Compare):
        return _compare_svg(drawn, label)
    if isinstance(drawn, Calendar):
        return _calendar_svg(drawn, label, small)
    return _share_svg(drawn, label)


def text_picture(picture: Mapping[str, Any], most: int, *, encoding: str = "utf-8", blocks: bool = True) -> list[Line] | None:
    """The picture as a few lines of text; None when it cannot be drawn.

    Args:
        picture: see `docs/pictures.md`.
        most: cells across.
        encoding: what the output can carry.
        blocks: use block characters; False for plain ASCII.
    """
    drawn = parsed(picture)
    if drawn is None or most < 16:
        return None
    pen = _Pen(encoding, blocks)
    if isinstance(drawn, Bars):
        return _bars_text(drawn, most, pen)
    if isinstance(drawn, Histogram):
        return _histogram_text(drawn, most, pen)
    if isinstance(drawn, Series):
        return _series_text(drawn, most, pen)
    if isinstance(drawn, Compare):
        return _compare_text(drawn, most, pen)
    if isinstance(drawn, Calendar):
        return _calendar_text(drawn, most, pen)
    return _share_text(drawn, most, pen)


# Reading the dictionaries


def _float(value: Any) -> float:
    if isinstance(value, (dict, list, tuple)) or value is None:
        raise TypeError(f"{value!r} is not a number")
    return float(value)


def _finite(value: float, instead: float = 0.0) -> float:
    return value if math.isfinite(value) else instead


def _list(value: Any) -> list[Any]:
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
        raise TypeError(f"{type(value).__name__} is not a list")
    return list(value)


def _indices(value: Any, count: int) -> set[int]:
    return {int(one) for one in _list(value or [])[:MOST_MARKS] if 0 <= int(one) < count}


def _parse_bars(picture: Mapping[str, Any]) -> Bars:
    labels = [str(one) for one in _list(picture["labels"])]
    values = [_float(one) for one in _list(picture["values"])]
    if not values or len(labels) != len(values):
        raise ValueError("labels and values differ in number")
    marked = _indices(picture.get("marked"), len(values))
    # The marked ones are the point of the picture; they are kept when there are too many.
    kept = sorted(sorted(range(len(values)), key=lambda place: (place not in marked, place))[:MOST_BARS])
    return Bars(
        tuple(shown(labels[place], MOST_LABEL, blanks=True) for place in kept),
        tuple(values[place] for place in kept),
        frozenset(new for new, old in enumerate(kept) if old in marked),
        shown(str(picture.get("unit") or ""), 12),
        len(values) - len(kept),
    )


def _edges_and_counts(picture: Mapping[str, Any]) -> tuple[list[float], list[float], float, float]:
    edges = [_float(one) for one in _list(picture["edges"])]
    counts = [max(_finite(_float(one)), 0.0) for one in _list(picture["counts"])]
    if not counts or len(edges) != len(counts) + 1:
        raise ValueError("a histogram has one edge more than counts")
    low, high = edges[0], edges[-1]
    finite = [edge for edge in edges if math.isfinite(edge)]
    if not finite or any(math.isnan(edge) for edge in edges):
        raise ValueError("no finite edge")
    step = (finite[-1] - finite[0]) / max(len(finite) - 1, 1)
    step = step if math.isfinite(step) and step > 0 else 1.0
    edges = [finite[0] - step if edge == -math.inf else finite[-1] + step if edge == math.inf else edge for edge in edges]
    if any(after < before for before, after in pairwise(edges)):
        raise ValueError("edges go down")
    return edges, counts, low, high


def _parse_histogram(picture: Mapping[str, Any]) -> Histogram:
    edges, counts, low, high = _edges_and_counts(picture)
    ranges = []
    for one in _list(picture.get("marked") or [])[:MOST_MARKS]:
        left, right = (_float(end) for end in _list(one))
        ranges.append((left, right))
    while len(counts) > MOST_BINS:
        edges = edges[:-1:2] + edges[-1:]
        counts = [sum(counts[place : place + 2]) for place in range(0, len(counts), 2)]
    marked = frozenset(
        place
        for place, (left, right) in enumerate(pairwise(edges))
        if any((low_mark < right and high_mark > left) or low_mark == high_mark == right for low_mark, high_mark in ranges)
    )
    return Histogram(tuple(edges), tuple(counts), marked, low, high)


def _parse_series(picture: Mapping[str, Any]) -> Series:
    raw = [None if one is None else _float(one) for one in _list(picture["values"])]
    values = [one if one is not None and math.isfinite(one) else None for one in raw]
    if all(one is None for one in values):
        raise ValueError("nothing but gaps")
    marked = _indices(picture.get("marked"), len(values))
    labels = [str(one) for one in _list(picture.get("labels") or [])]
    labels = labels if len(labels) == len(values) else []
    band: list[tuple[float, float] | None] = []
    given = _list(picture.get("band") or [])
    given = given * len(values) if len(given) == 1 else given
    if len(given) == len(values):
        for one in given:
            ends = [_float(end) for end in _list(one)] if one is not None else []
            band.append((ends[0], ends[1]) if len(ends) == 2 and all(map(math.isfinite, ends)) else None)
    gone = max(len(values) - MOST_POINTS, 0)  # the newest stay: today is compared with what led to it
    return Series(
        tuple(values[gone:]),
        tuple(shown(one, MOST_LABEL) for one in labels[gone:]),
        tuple(band[gone:]),
        frozenset(place - gone for place in marked if place >= gone),
    )


def _parse_compare(picture: Mapping[str, Any]) -> Compare:
    edges, counts, low, high = _edges_and_counts(picture["before"])
    other_edges, other_counts, other_low, other_high = _edges_and_counts(picture["after"])
    if edges == other_edges and len(counts) <= MOST_BINS:
        return Compare(_shares(counts), _shares(other_counts), low, high)
    start, stop = min(edges[0], other_edges[0]), max(edges[-1], other_edges[-1])
    bins = 30
    step = (stop - start) / bins
    if not math.isfinite(step) or step <= 0:
        raise ValueError("no width")
    grid = [start + step * place for place in range(bins)] + [stop]
    before, after = _spread(edges, counts, grid), _spread(other_edges, other_counts, grid)
    return Compare(_shares(before), _shares(after), min(low, other_low), max(high, other_high))


def _spread(edges: Sequence[float], counts: Sequence[float], grid: Sequence[float]) -> list[float]:
    """Counts on other edges, each bin's count spread evenly over its width."""
    out = [0.0] * (len(grid) - 1)
    step = (grid[-1] - grid[0]) / len(out)
    for (left, right), count in zip(pairwise(edges), counts, strict=True):
        first = min(max(int((left - grid[0]) / step), 0), len(out) - 1)
        last = min(max(int((right - grid[0]) / step), first), len(out) - 1)
        for place in range(first, last + 1):
            overlap = min(right, grid[place + 1]) - max(left, grid[place])
            out[place] += count * (max(overlap, 0.0) / (right - left)) if right > left else count / (last - first + 1)
    return out


def _shares(counts: Sequence[float]) -> tuple[float, ...]:
    most = max(counts)
    if most <= 0:
        return tuple(0.0 for _ in counts)
    total = sum(count / most for count in counts)
    return tuple(count / most / total for count in counts)


def _parse_calendar(picture: Mapping[str, Any]) -> Calendar:
    days = {date.fromisoformat(str(day)): _finite(_float(count)) for day, count in dict(picture["days"]).items()}
    marked = {date.fromisoformat(str(day)) for day in _list(picture.get("marked") or [])[:MOST_MARKS]}
    if not days and not marked:
        raise ValueError("no days")
    first, last = min({*days, *marked}), max({*days, *marked})
    if (last - first).days >= MOST_DAYS:
        last = max(marked) if marked else last
        last = max(last, min(first + timedelta(days=MOST_DAYS - 1), max({*days, *marked})))
        first = max(first, last - timedelta(days=MOST_DAYS - 1))
    length = (last - first).days + 1
    every = [first + timedelta(days=offset) for offset in range(length)]
    return Calendar(first, tuple(days.get(day) for day in every), frozenset(place for place, day in enumerate(every) if day in marked))


def _parse_share(picture: Mapping[str, Any]) -> Share:
    value = _float(picture["value"])
    usual = picture.get("usual")
    expected = None if usual is None else _float(usual)
    if not math.isfinite(value):
        raise ValueError("no share")
    return Share(min(max(value, 0.0), 1.0), min(max(expected, 0.0), 1.0) if expected is not None and math.isfinite(expected) else None)


_KINDS: dict[str, Callable[[Mapping[str, Any]], Picture]] = {
    "bars": _parse_bars,
    "histogram": _parse_histogram,
    "series": _parse_series,
    "compare": _parse_compare,
    "calendar": _parse_calendar,
    "share": _parse_share,
}
KINDS = tuple(_KINDS)


def part(value: float, low: float, high: float) -> float:
    """Where a value lies between low and high, 0..1; exact also where high - low would overflow."""
    most = max(abs(low), abs(high))
    if most == 0 or high <= low:
        return 0.5 if high <= low else 0.0
    place = (value / most - low / most) / (high / most - low / most)
    return min(max(place, 0.0), 1.0)


# SVG. Sizes are in CSS pixels at full size; colours come from the style sheet by class.


def _svg(wide: float, high: float, label: str, *children: Markup, small: bool = False) -> Markup:
    return element(
        "svg",
        element("title", label) if label else None,
        *children,
        class_="al-picture al-small" if small else "al-picture",
        role="img",
        aria_label=label or "picture",
        view_box=f"0 0 {wide:g} {high:g}",
        width=wide,
        height=high,
        focusable="false",
    )


def _label(x: float, y: float, text: str, *, anchor: str = "start", strong: bool = False) -> Markup:
    return element("text", text, x=x, y=y, text_anchor=anchor, class_="al-t al-t-strong" if strong else "al-t")


def _bars_svg(bars: Bars, label: str, small: bool) -> Markup:
    most_bars = 5 if small else MOST_BARS
    places = sorted(sorted(range(len(bars.values)), key=lambda place: (place not in bars.marked, place))[:most_bars])
    wide, row, names, numbers = (320.0, 18.0, 112.0, 60.0) if small else (340.0, 21.0, 112.0, 76.0)
    room = wide - names - numbers
    values = [_finite(bars.values[place]) for place in places]
    low, high = min(0.0, *values), max(0.0, *values)
    zero = part(0.0, low, high) if high > low else 0.0
    drawn = []
    for line, (place, value) in enumerate(zip(places, values, strict=True)):
        raw = bars.values[place]
        top = line * row
        end = 1.0 if raw == math.inf else part(value, low, high) if high > low else 0.0
        left, right = sorted((zero, end))
        long = max((right - left) * room, 1.5 if value else 0.0)
        bad = place in bars.marked
        said = number(int(raw) if raw.is_integer() else raw) + (f" {bars.unit}" if bars.unit and not small else "")
        drawn.append(
            element(
                "g",
                element("title", f"{bars.labels[place]}: {said}"),
                _label(names - 8, top + row - 6, cut(bars.labels[place], int((names - 8) / LETTER)), anchor="end", strong=bad),
                element("rect", x=names, y=top + 3, width=room, height=row - 7, rx=2, class_="al-track"),
                element("rect", x=names + left * room, y=top + 3, width=long, height=row - 7, rx=2, class_="al-bad" if bad else "al-ink"),
                _label(names + room + 8, top + row - 6, cut(said, int((numbers - 4) / LETTER)), strong=bad),
            )
        )
    left_out = bars.left_out + len(bars.values) - len(places)
    high_total = row * len(places)
    if left_out and not small:
        drawn.append(_label(names, high_total + 12, f"and {left_out:,} more"))
        high_total += 18
    return _svg(wide, high_total + 2, label, *drawn, small=small)


def _columns_svg(shares: Sequence[float], marked: frozenset[int], wide: float, high: float, class_: str) -> list[Markup]:
    most = max(shares) or 1.0
    slot = wide / len(shares)
    gap = 1.0 if slot > 3 else 0.0
    drawn = []
    for place, count in enumerate(shares):
        if count <= 0:
            continue
        tall = max(count / most * high, 2.0)  # one row among a million must still be seen
        style = "al-bad" if place in marked else class_
        drawn.append(
            element("rect", x=place * slot, y=high - tall, width=max(slot - gap, 0.8), height=tall, rx=min(1.5, slot / 4), class_=style)
        )
    return drawn


def _histogram_svg(histogram: Histogram, label: str, small: bool) -> Markup:
    wide, high = (320.0, 44.0) if small else (340.0, 92.0)
    bands = []
    if not small:
        slot = wide / len(histogram.counts)
        bands = [
            element("rect", x=first * slot, y=0, width=(last - first + 1) * slot, height=high, class_="al-band-bad")
            for first, last in _runs(histogram.marked)
        ]
    return _svg(
        wide,
        high + 18,
        label,
        *bands,
        *_columns_svg(histogram.counts, histogram.marked, wide, high, "al-ink"),
        element("line", x1=0, y1=high + 0.5, x2=wide, y2=high + 0.5, class_="al-axis"),
        _label(0, high + 14, number(histogram.low)),
        _label(wide, high + 14, number(histogram.high), anchor="end"),
        small=small,
    )


def _runs(places: frozenset[int]) -> list[tuple[int, int]]:
    """First and last of each run of neighbours."""
    runs: list[tuple[int, int]] = []
    for place in sorted(places):
        if runs and runs[-1][1] == place - 1:
            runs[-1] = (runs[-1][0], place)
        else:
            runs.append((place, place))
    return runs


def _series_svg(series: Series, label: str, small: bool) -> Markup:
    wide, high, pad = (320.0, 44.0, 5.0) if small else (340.0, 92.0, 8.0)
    left = 0.0 if small else 46.0
    known = [value for value in series.values if value is not None]
    bounds = [end for one in series.band if one is not None for end in one]
    low, top = min(known + bounds), max(known + bounds)
    count = len(series.values)

    def across(place: float) -> float:
        return left + pad + (wide - left - 2 * pad) * (place / (count - 1) if count > 1 else 0.5)

    def down(value: float) -> float:
        return pad + (high - 2 * pad) * (1 - part(value, low, top))

    drawn: list[Markup] = []
    run: list[int] = []
    for place in [*range(count), count]:
        if place < len(series.band) and series.band[place] is not None:
            run.append(place)
        elif run:
            drawn.append(element("path", d=_band_path(series, run, across, down), class_="al-band"))
            run = []
    path, pen = [], "M"
    for place, value in enumerate(series.values):
        if value is None:
            pen = "M"
            continue
        path.append(f"{pen}{across(place):.1f} {down(value):.1f}")
        pen = "L"
    drawn.append(element("path", d=" ".join(path), class_="al-line"))
    for place, value in enumerate(series.values):
        alone = value is not None and (count <= 40 or place in series.marked)
        if value is not None and alone:
            bad = place in series.marked
            at = f"{series.labels[place]}: " if series.labels else ""
            dot = element("circle", element("title", f"{at}{number(value)}"), cx=across(place), cy=down(value), r=4.5 if bad else 1.8,
                          class_="al-bad" if bad else "al-ink")  # fmt: skip
            drawn.append(dot)
    if small:
        return _svg(wide, high, label, *drawn, small=True)
    axis = [_label(left - 2, down(top) + 4, number(top), anchor="end")]
    if top > low:
        axis.append(_label(left - 2, down(low) + 4, number(low), anchor="end"))
    if series.labels:
        axis += [
            _label(left + pad, high + 12, cut(series.labels[0], 20)),
            _label(wide, high + 12, cut(series.labels[-1], 20), anchor="end", strong=(count - 1) in series.marked),
        ]
    return _svg(wide, high + (18 if series.labels else 2), label, *drawn, *axis)


def _band_path(series: Series, run: Sequence[int], across: Callable[[float], float], down: Callable[[float], float]) -> str:
    upper, lower = [], []
    for place in run:
        ends = series.band[place]
        assert ends is not None
        # Half a step to each side, so that a band of one point has a width.
        for x in (max(place - 0.5, 0), min(place + 0.5, len(series.values) - 1)):
            upper.append(f"{across(x):.1f} {down(max(ends)):.1f}")
            lower.append(f"{across(x):.1f} {down(min(ends)):.1f}")
    return "M" + " L".join(upper + lower[::-1]) + " Z"


def _compare_svg(compare: Compare, label: str) -> Markup:
    wide, high = 340.0, 92.0
    most = max((*compare.before, *compare.after)) or 1.0
    slot = wide / len(compare.before)
    # Before as a filled ground, now as bars on it: the eye sees what stands outside the ground.
    ground = f"M0 {high:.1f}"
    for place, share in enumerate(compare.before):
        y = high - share / most * (high - 4)
        ground += f" L{place * slot:.1f} {y:.1f} L{(place + 1) * slot:.1f} {y:.1f}"
    ground += f" L{wide:.1f} {high:.1f} Z"
    now = [
        element(
            "rect",
            x=place * slot + slot * 0.2,
            y=high - tall,
            width=max(slot * 0.6, 0.8),
            height=tall,
            rx=min(1.5, slot / 4),
            class_="al-bad",
        )
        for place, share in enumerate(compare.after)
        if (tall := max(share / most * (high - 4), 2.0 if share > 0 else 0.0))
    ]
    middle = wide / 2
    return _svg(
        wide,
        high + 20,
        label,
        element("path", d=ground, class_="al-ground"),
        *now,
        element("line", x1=0, y1=high + 0.5, x2=wide, y2=high + 0.5, class_="al-axis"),
        _label(0, high + 14, number(compare.low)),
        element("rect", x=middle - 58, y=high + 6, width=9, height=9, rx=2, class_="al-ground"),
        _label(middle - 45, high + 14, "before"),
        element("rect", x=middle + 10, y=high + 6, width=9, height=9, rx=2, class_="al-bad"),
        _label(middle + 23, high + 14, "now"),
        _label(wide, high + 14, number(compare.high), anchor="end"),
    )


def _calendar_svg(calendar: Calendar, label: str, small: bool) -> Markup:
    start = calendar.first.weekday()
    weeks = (start + len(calendar.counts) + 6) // 7
    wide = 320.0 if small else 340.0
    pitch = min(11.0 if small else 17.0, wide / weeks)
    cell = pitch - (3 if pitch > 8 else 1)
    known = [count for count in calendar.counts if count is not None]
    most = max(known, default=0) or 1
    drawn = []
    for place, count in enumerate(calendar.counts):
        day = calendar.first + timedelta(days=place)
        column, row = divmod(start + place, 7)
        heat = "al-gap" if count is None else "al-heat-0" if count <= 0 else f"al-heat-{min(4, 1 + int(count / most * 3.999))}"
        said = f"{day.isoformat()}: {'nothing' if count is None else number(count)}"
        edge = " al-marked" if place in calendar.marked else ""
        square = element("rect", element("title", said), x=column * pitch + 1, y=row * pitch + 1, width=cell, height=cell,
                         rx=min(3.0, cell / 4), class_=heat + edge)  # fmt: skip
        drawn.append(square)
    last = calendar.first + timedelta(days=len(calendar.counts) - 1)
    wide, high = max(weeks * pitch, 170.0), 7 * pitch
    return _svg(wide + 2, high + 20, label, *drawn, _label(0, high + 14, calendar.first.isoformat()),
                _label(wide, high + 14, last.isoformat(), anchor="end"))  # fmt: skip


def _share_svg(share: Share, label: str) -> Markup:
    wide, names, numbers = 340.0, 58.0, 66.0
    room = wide - names - numbers
    rows: list[tuple[str, float, str]] = [("now", share.value, "al-bad")]
    if share.usual is not None:
        rows.append(("usual", share.usual, "al-ink"))
    drawn = []
    for line, (name, value, class_) in enumerate(rows):
        top = line * 24.0
        drawn += [
            _label(names - 8, top + 15, name, anchor="end", strong=line == 0),
            element("rect", x=names, y=top + 4, width=room, height=14, rx=3, class_="al-track"),
            element("rect", x=names, y=top + 4, width=max(value * room, 2.0 if value > 0 else 0.0), height=14, rx=3, class_=class_),
            _label(names + room + 8, top + 15, percent(value), strong=line == 0),
        ]
    return _svg(wide, 24.0 * len(rows), label, *drawn)


# Text


@dataclass(frozen=True)
class _Pen:
    encoding: str
    blocks: bool

    @property
    def levels(self) -> str:
        return "▁▂▃▄▅▆▇█" if self.blocks else ".:-=+*%#"

    @property
    def full(self) -> str:
        return "█" if self.blocks else "#"

    @property
    def mark(self) -> str:
        return "▲" if self.blocks else "^"

    @property
    def side_mark(self) -> str:
        return " ◀" if self.blocks else " <"

    def label(self, text: str, most: int) -> str:
        return shown(text, most, encoding=self.encoding)

    def number(self, value: float) -> str:
        said = number(int(value) if value.is_integer() and abs(value) < 1e15 else value)
        return said if self.blocks else said.replace("−", "-").replace("∞", "inf")

    def bar(self, part: float, room: int) -> str:
        """A bar of up to `room` cells, to an eighth of a cell where the terminal can."""
        if not self.blocks:
            return "#" * max(round(part * room), 1 if part > 0 else 0)
        eighths = max(round(part * room * 8), 1 if part > 0 else 0)
        return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def _sparks(parts: Sequence[float | None], pen: _Pen) -> str:
    levels = pen.levels
    return "".join(" " if part is None or part <= 0 else levels[min(int(part * len(levels)), len(levels) - 1)] for part in parts)


def _spark_line(before: str, sparks: str, marked: frozenset[int], after: str, pen: _Pen) -> list[Line]:
    line: Line = [(before, False)]
    for place, spark in enumerate(sparks):
        bad = place in marked
        if line[-1][1] == bad:
            line[-1] = (line[-1][0] + spark, bad)
        else:
            line.append((spark, bad))
    if line[-1][1]:
        line.append((after, False))
    else:
        line[-1] = (line[-1][0] + after, False)
    if not marked:
        return [line]
    signs = "".join(pen.mark if place in marked else " " for place in range(max(marked) + 1))
    return [line, [(" " * width(before), False), (signs, True)]]


def _folded(values: Sequence[float | None], marked: frozenset[int], room: int) -> tuple[list[float | None], frozenset[int]]:
    """The same picture in at most `room` cells: neighbours share a cell, which shows the greatest."""
    every = -(-len(values) // room)
    cells: list[float | None] = []
    for start in range(0, len(values), every):
        known = [value for value in values[start : start + every] if value is not None]
        cells.append(max(known) if known else None)
    return cells, frozenset(place // every for place in marked)


def _histogram_text(histogram: Histogram, most: int, pen: _Pen) -> list[Line] | None:
    before, after = pen.number(histogram.low) + " ", " " + pen.number(histogram.high)
    room = most - len(before) - len(after)
    if room < 6:
        return None
    counts, marked = _folded(histogram.counts, histogram.marked, room)
    top = max(count or 0.0 for count in counts) or 1.0
    return _spark_line(before, _sparks([(count or 0.0) / top for count in counts], pen), marked, after, pen)


def _series_text(series: Series, most: int, pen: _Pen) -> list[Line] | None:
    known = [value for value in series.values if value is not None]
    low, high = min(known), max(known)
    before, after = f"{pen.number(low)} - {pen.number(high)}  ", ""
    room = most - len(before)
    if room < 6:
        before, room = "", most
    values, marked = _folded(series.values, series.marked, room)
    parts = [None if value is None else max(part(value, low, high), 0.01) for value in values]
    return _spark_line(before, _sparks(parts, pen), marked, after, pen)


def _compare_text(compare: Compare, most: int, pen: _Pen) -> list[Line] | None:
    ends = f"  {pen.number(compare.low)} - {pen.number(compare.high)}"
    room = most - 7
    if room < 6:
        return None
    top = max((*compare.before, *compare.after)) or 1.0
    before, _ = _folded(compare.before, frozenset(), room)
    after, _ = _folded(compare.after, frozenset(), room)
    lines: list[Line] = []
    for name, values, bad in (("before ", before, False), ("now    ", after, True)):
        lines.append([(name, False), (_sparks([(value or 0.0) / top for value in values], pen).rstrip(), bad)])
    if len(ends) + 7 <= most:
        lines.append([(" " * 5 + ends, False)])
    return lines


def _calendar_text(calendar: Calendar, most: int, pen: _Pen) -> list[Line] | None:
    last = calendar.first + timedelta(days=len(calendar.counts) - 1)
    before, after = calendar.first.isoformat() + " ", " " + last.isoformat()
    room = most - len(before) - len(after)
    if room < 6:
        before, after, room = "", "", most
    # A missing day must not hide behind its neighbour: cells show the least where days share one.
    every = -(-len(calendar.counts) // room)
    top = max((count for count in calendar.counts if count is not None), default=0.0) or 1.0
    cells: list[float | None] = []
    for start in range(0, len(calendar.counts), every):
        days = calendar.counts[start : start + every]
        cells.append(min((count / top if count is not None else 0.0) for count in days))
    return _spark_line(before, _sparks(cells, pen), frozenset(place // every for place in calendar.marked), after, pen)


def _bars_text(bars: Bars, most: int, pen: _Pen) -> list[Line] | None:
    places = sorted(sorted(range(len(bars.values)), key=lambda place: (place not in bars.marked, place))[:6])
    said = [pen.number(bars.values[place]) + (f" {pen.label(bars.unit, 8)}" if bars.unit else "") for place in places]
    numbers = max(map(width, said))
    room = min(most - numbers - 5, 44)
    if room < 10:
        return None
    labels = [pen.label(bars.labels[place], max(room // 2, 5)) for place in places]
    names = max(map(width, labels))
    top = max((abs(_finite(bars.values[place])) for place in places), default=0.0) or 1.0
    lines: list[Line] = []
    for place, label, value in zip(places, labels, said, strict=True):
        raw = bars.values[place]
        bad = place in bars.marked
        part = 1.0 if math.isinf(raw) else abs(_finite(raw)) / top
        bar = pen.bar(part, room - names)
        text = f"{label}{' ' * (names - width(label))} {bar}{' ' if bar else ''}{value}"
        lines.append([(text + (pen.side_mark if bad else ""), bad)])
    left_out = bars.left_out + len(bars.values) - len(places)
    if left_out:
        lines.append([(f"and {left_out:,} more", False)])
    return lines


def _share_text(share: Share, most: int, pen: _Pen) -> list[Line] | None:
    room = min(most - 20, 40)
    if room < 6:
        return None
    lines: list[Line] = [[("now   ", False), (_ruled(pen.bar(share.value, room)) + percent(share.value), True)]]
    if share.usual is not None:
        lines.append([("usual ", False), (_ruled(pen.bar(share.usual, room)) + percent(share.usual), False)])
    return lines


def _ruled(bar: str) -> str:
    return bar + " " if bar else ""
