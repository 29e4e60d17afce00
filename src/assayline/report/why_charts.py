"""Draws an answer as SVG: the measure over the last lots, what each replay said on one axis, and who has which share.

Every mark has a shape and a word beside its colour, and every chart says in words what it shows.

>>> from .why_facts import why_of
>>> history_chart(why_of({"history": []}), wide=BROAD)
''
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from . import why_words, words
from .drawn import BROAD, NARROW, below, by_width, label, line, picture, shape
from .lots import moment
from .markup import NOTHING, Child, Markup, element
from .model_charts import Scale, Tick, ticks
from .pictures import LETTER
from .visible import cut, shown, width
from .why_facts import FAILURE, HEALTHY, SILENCE, PointOf, Why

__all__ = ["BROAD", "NARROW", "Replay", "ends", "history_chart", "replay_chart", "replay_panel", "replay_rows", "replays_said", "shared", "shares_chart"]

MOST_POINTS = {BROAD: 60, NARROW: 18}
MOST_ROWS, MOST_NAMED = 14, 3
MOST_SHARES, COLOURS = 8, 3
HISTORY_HIGH, MOST_SLOT = 150.0, 110.0
FARTHEST = 12.0  # times the span of what is normal, before and now: a value beyond stands at the edge, with its number
NAMES, WORDS = 300.0, 190.0  # room beside the axis, for a desk
ROW = {BROAD: 44.0, NARROW: 60.0}
DOT = "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0Z"
DIAMOND = "M0 -7.5L7.5 0L0 7.5L-7.5 0Z"
SQUARE = "M-5 -5H5V5H-5Z"
SHAPES = {"responsible": DIAMOND, "shares": SQUARE, "cleared": DOT, "correlational": DOT, "not replayed": DOT}


@dataclass(frozen=True)
class Replay:
    """One row of the chart of replays: who or what, what was done, the measure after it, the word for it, its class, and whether it is one candidate alone."""

    name: str
    done: str
    value: float
    word: str
    class_: str
    single: bool = False


def replay_rows(told: Why) -> list[Replay]:
    """What was put back and what the measure became: as it is, each candidate, then several at once, then the mix."""
    rows = [
        Replay("as it is", "made again, nothing put back", one.value, "gone without a cause" if one.gone else "the same", "open")
        for one in told.sets if not one.put_back and one.value is not None
    ]  # fmt: skip
    for one in told.candidates:
        if one.value is not None:
            word = why_words.said(one.said, told.verdict).word
            rows.append(Replay(f"{why_words.kind(one.kind)} {one.name}".strip(), why_words.put_back(one).replace("`", ""), one.value, word, one.said.replace(" ", "-"), single=True))
    for several in told.sets:
        if len(several.put_back) > 1 and several.value is not None:
            first, word = [told.name(key) for key in several.put_back[:MOST_NAMED]], "gone" if several.gone else "still there"
            names = " + ".join([*first, *([f"{len(several.put_back) - len(first):,} more"] if len(several.put_back) > len(first) else [])])
            done = f"{why_words.all_of(len(several.put_back))} put back together"
            rows.append(Replay(names, done, several.value, word, "responsible" if several.gone else "open"))
    if told.mix is not None and told.mix.reweighted is not None:
        of = " by " + ", ".join(told.mix.columns[:4]) if told.mix.columns else ""
        share = f"explains {words.percent(told.mix.explains)}" if told.mix.explains is not None else "weighted"
        rows.append(Replay("the mix of before", f"weighted{of}", told.mix.reweighted, share, "mix"))
    return rows


def ends(told: Why, values: Iterable[float]) -> tuple[float, float]:
    """The ends of an axis on which all of these lie, with some room; what is absurdly far away ends at the edge."""
    one = told.symptom
    firm = [end for end in (one.before, one.now, one.low, one.high) if end is not None]
    given = [*values]
    if firm:
        span = (max(firm) - min(firm)) or abs(firm[0]) or 1.0
        low, high = min(firm) - FARTHEST * span, max(firm) + FARTHEST * span
        given = [min(max(value, low), high) for value in given]
    every = firm + given
    low, high = (min(every), max(every)) if every else (0.0, 1.0)
    room = (high - low) * 0.08 or abs(high) * 0.1 or 0.5
    return (low - room, high + room) if math.isfinite(high - low) else (low, high)


def _marks(told: Why, low: float, high: float, most: int) -> Sequence[Tick]:
    if told.symptom.kind in (FAILURE, SILENCE):
        return tuple(Tick(end, why_words.value(end, "", told.symptom.kind)) for end in (0.0, 1.0) if low <= end <= high)
    return ticks(low, high, most)


def history_chart(told: Why, *, wide: float) -> Markup:
    """The measure over the last lots, the band of what is normal behind it, the first bad lot marked; nothing for fewer than two lots."""
    points = told.history[-MOST_POINTS[wide] :]
    values = [one.value for one in points if one.value is not None]
    if len(values) < 2:
        return NOTHING
    low, high = ends(told, values)
    marks = _marks(told, low, high, 4)
    left = max([width(one.said) for one in marks] + [3]) * LETTER + 14
    top, foot = 30.0, 30.0 + HISTORY_HIGH
    y = Scale(low, high, foot, top)
    slot = min((wide - left - 8) / len(points), MOST_SLOT)
    right = left + slot * len(points)
    middles = [left + (place + 0.5) * slot for place in range(len(points))]
    drawn: list[Child] = [label(left, 12, _axis_name(told, wide))]
    drawn += _band_across(told, y, left, right, top, foot)
    for mark in marks:
        drawn += [line(left, y(mark.value), right, y(mark.value)), label(left - 7, y(mark.value) + 4, mark.said, anchor="end")]
    first = _first_bad(told, points)
    if first is not None:
        x = middles[first]
        anchor = "end" if x > (left + right) / 2 else "start"
        drawn += [line(x, top - 6, x, foot, "al-w-first"), label(x + (-7 if anchor == "end" else 7), top - 1, "first bad lot", anchor=anchor, class_="al-t al-t-strong al-t-bad")]
    for run in _runs(points):
        path = "".join(f"{'M' if place == run[0] else 'L'}{middles[place]:.1f} {y(points[place].value or 0.0):.1f}" for place in run)
        drawn.append(element("path", d=path, class_="al-line"))
    for place, one in enumerate(points):
        if one.value is None:
            drawn.append(label(middles[place], foot - 6, "no value", anchor="middle") if slot > 60 else None)
            continue
        bad = told.symptom.outside(one.value)
        title = element("title", f"lot {shown(one.lot, 20)}, {moment(one.at)}: {why_words.measured(told, one.value)}{', outside what is normal' if bad else ''}")
        sign, class_ = (DIAMOND, "al-mark al-m-outside") if bad else (DOT, "al-mark al-m-plain")
        drawn.append(element("g", title, shape(sign, middles[place], y(one.value), class_, 1.0 if slot > 16 else 0.6)))
    drawn += below([(middle, shown(one.lot, 12)) for middle, one in zip(middles, points, strict=True)], foot + 18, wide, first=[] if first is None else [middles[first]])
    drawn.append(label(left, foot + 37, _span(points)))
    name, said = f"{why_words.name(told.symptom)} over the last lots", _history_said(told, points, first)
    return picture(f"history-{'broad' if wide == BROAD else 'narrow'}", wide, foot + 44, name, said, *drawn, class_=by_width(wide))


def _first_bad(told: Why, points: Sequence[PointOf]) -> int | None:
    """Where the first bad lot stands: the one that the answer names, else the first outside of what is normal."""
    if told.verdict == HEALTHY:
        return None
    named = [place for place, one in enumerate(points) if told.bad.lot and one.lot == told.bad.lot and told.symptom.flow in ("", told.bad.flow)]
    return next((place for place in (*named, *(place for place, one in enumerate(points) if one.value is not None and told.symptom.outside(one.value)))), None)


def _axis_name(told: Why, wide: float) -> str:
    unit = f", {shown(told.symptom.unit, 16)}" if told.symptom.unit else ""
    return cut(f"{why_words.name(told.symptom)}{unit}", int(wide / LETTER) - 20)


def _span(points: Sequence[PointOf]) -> str:
    days = [moment(one.at)[:10] for one in points if one.at]
    ends = f", {days[0]} to {days[-1]}" if days and days[0] != days[-1] else f", {days[0]}" if days else ""
    return f"lots{ends}"


def _runs(points: Sequence[PointOf]) -> list[list[int]]:
    """Places of neighbours that all have a value."""
    runs: list[list[int]] = []
    for place, one in enumerate(points):
        if one.value is None:
            continue
        if runs and runs[-1][-1] == place - 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return [run for run in runs if len(run) > 1]


def _history_said(told: Why, points: Sequence[PointOf], first: int | None) -> str:
    known = [(one.lot, one.value) for one in points if one.value is not None]
    normal = why_words.normal(told.symptom)
    parts = [f"{words.counted(len(known), 'lot')}", f"normal is {normal}" if normal else "", f"first bad lot: {shown(points[first].lot, 20)}" if first is not None else "no lot is bad"]
    parts += [f"lot {shown(lot, 20)}: {why_words.measured(told, value)}" for lot, value in known[-12:]]
    return "; ".join(part for part in parts if part)


def _band_across(told: Why, y: Scale, left: float, right: float, top: float, foot: float) -> list[Child]:
    """What is normal, as a band from left to right with its edges drawn where there are any."""
    one = told.symptom
    if one.low is None and one.high is None:
        return []
    high, low = (y(one.high) if one.high is not None else top), (y(one.low) if one.low is not None else foot)
    edges = [line(left, at, right, at, "al-w-edge") for at, end in ((high, one.high), (low, one.low)) if end is not None]
    return [element("rect", x=left, y=high, width=max(right - left, 0.0), height=max(low - high, 2.0), class_="al-w-normal"), *edges]


def replay_chart(told: Why, *, wide: float) -> Markup:
    """One row for each thing that was put back, with the measure after it on one axis between the lines of before and now; nothing without replays."""
    drawn, high = replay_panel(told, wide=wide)
    if not drawn:
        return NOTHING
    return picture(f"replays-{'broad' if wide == BROAD else 'narrow'}", wide, high, "What each replay said", replays_said(told), *drawn, class_=by_width(wide))


def replay_panel(told: Why, *, wide: float) -> tuple[list[Child], float]:
    """What `replay_chart` draws, and how high it is."""
    rows = replay_rows(told)[:MOST_ROWS]
    if not rows:
        return [], 0.0
    broad = wide == BROAD
    low, high = ends(told, [one.value for one in rows])
    left, right = (NAMES, wide - WORDS) if broad else (14.0, wide - 14.0)
    x = Scale(low, high, left, right)
    top = 42.0
    foot = top + ROW[wide] * len(rows) + 4
    # For a phone the names stand above each strip, and neither the band nor the lines run through them.
    strips = [(top - 6, foot)] if broad else [(_middle(top + place * ROW[wide], wide) - 14, _middle(top + place * ROW[wide], wide) + 14) for place in range(len(rows))]
    drawn: list[Child] = []
    for start, end in strips:
        drawn += _normal_down(told, x, left, right, start, end)
    for place, row in enumerate(rows):
        drawn += _row(told, row, x, top + place * ROW[wide], wide, left, right)
    for known, said, y in ((told.symptom.before, "before", 13.0), (told.symptom.now, "now", 28.0)):
        if known is not None:
            at = x(known)
            words_ = f"{said} {why_words.measured(told, known)}"
            half = (width(words_) + 1) * LETTER / 2
            drawn += [line(at, start if place or not broad else y + 4, at, end, f"al-w-{said}") for place, (start, end) in enumerate(strips)]
            drawn.append(label(min(max(at, left + half - 12), right + 12 - half), y, words_, anchor="middle", class_=f"al-t al-t-strong al-t-{said}"))
    drawn.append(line(left, foot, right, foot))
    for mark in _marks(told, low, high, 6 if broad else 4):
        drawn.append(line(x(mark.value), foot, x(mark.value), foot + 4))
    drawn += below([(x(mark.value), mark.said) for mark in _marks(told, low, high, 6 if broad else 4)], foot + 17, wide)
    drawn.append(label((left + right) / 2, foot + 35, _axis_name(told, right - left + 130), anchor="middle"))
    # The marks come last, so that no line runs through them.
    drawn += [shape(SHAPES.get(row.class_, SQUARE), x(row.value), _middle(top + place * ROW[wide], wide), f"al-mark al-m-{row.class_}") for place, row in enumerate(rows)]
    return drawn, foot + 42


def _normal_down(told: Why, x: Scale, left: float, right: float, top: float, foot: float) -> list[Child]:
    """What is normal, as a band from top to foot with its edges drawn where there are any."""
    one = told.symptom
    if one.low is None and one.high is None:
        return []
    start, end = (x(one.low) if one.low is not None else left), (x(one.high) if one.high is not None else right)
    edges = [line(at, top, at, foot, "al-w-edge") for at, bound in ((start, one.low), (end, one.high)) if bound is not None]
    return [element("rect", x=start, y=top, width=max(end - start, 3.0), height=foot - top, class_="al-w-normal"), *edges]


def _middle(top: float, wide: float) -> float:
    return top + ROW[wide] / 2 if wide == BROAD else top + 43


def _row(told: Why, row: Replay, x: Scale, top: float, wide: float, left: float, right: float) -> list[Child]:
    broad = wide == BROAD
    middle, high = _middle(top, wide), ROW[wide]
    at, now = x(row.value), x(told.symptom.now) if told.symptom.now is not None else None
    said = why_words.measured(told, row.value)
    title = element("title", f"{shown(row.name, 80)}, {shown(row.done, 120)}: {said}, {row.word}")
    drawn: list[Child] = [line(0, top, wide, top, "al-w-rule")] if top > 50 else []
    colour = f"al-t al-t-strong al-w-t-{row.class_}"
    if broad:
        most = int((NAMES - 24) / (LETTER + 0.4))
        drawn += [
            label(0, middle - 3, cut(shown(row.name, 200), most), class_="al-t al-t-strong al-w-name"), label(0, middle + 13, cut(shown(row.done, 200), most + 2)),
            label(right + 22, middle - 3, cut(said, 20), class_="al-t al-t-strong al-w-name"), label(right + 22, middle + 13, cut(row.word, 20), class_=colour),
        ]  # fmt: skip
    else:
        word = cut(f"{said}, {row.word}", 34)
        room = int((wide - (width(word) + 3) * LETTER) / (LETTER + 0.4))
        drawn += [label(0, top + 17, cut(shown(row.name, 200), max(room, 8)), class_="al-t al-t-strong"), label(wide, top + 17, word, anchor="end", class_=colour)]
    drawn.append(line(left, middle, right, middle, "al-w-guide"))
    if now is not None and abs(now - at) > 3:
        drawn.append(line(now, middle, at, middle, f"al-w-move al-w-move-{row.class_}"))
    drawn.append(element("g", title, element("rect", x=0, y=top, width=wide, height=high, class_="al-w-hit")))
    return drawn


def replays_said(told: Why) -> str:
    """All replays in words."""
    one = told.symptom
    parts = [f"{word} {why_words.measured(told, known)}" for word, known in (("before", one.before), ("now", one.now)) if known is not None]
    parts += [f"normal is {why_words.normal(one)}"] if why_words.normal(one) else []
    parts += [f"{shown(row.name, 60)}: {why_words.measured(told, row.value)}, {row.word}" for row in replay_rows(told)[:MOST_ROWS]]
    return "; ".join(parts)


def shared(told: Why) -> list[tuple[str, float]]:
    """Who has which share of the change, largest first, where more than one has any; names and shares from 0 to 1."""
    known = [(one.name, one.share, one.kind) for one in told.candidates if one.share is not None]
    if sum(share >= 0.005 for _, share, _ in known) < 2:
        return []
    return [(f"{why_words.kind(kind)} {name}".strip(), share) for name, share, kind in sorted(known, key=lambda one: -one[1])][:MOST_SHARES]


def shares_chart(told: Why, *, wide: float) -> Markup:
    """A bar for each component's share of the change; nothing where one has it all."""
    known = shared(told)
    if not known:
        return NOTHING
    broad = wide == BROAD
    left, right = (NAMES, wide - WORDS) if broad else (0.0, wide - 56.0)
    step = 34.0 if broad else 48.0
    drawn: list[Child] = []
    for place, (name, share) in enumerate(known):
        top = place * step
        middle = top + 17 if broad else top + 32
        long = max(share * (right - left), 2.0)
        drawn += [
            label(0, middle + 4 if broad else top + 16, cut(shown(name, 200), int(((NAMES - 20) if broad else wide) / (LETTER + 0.4))), class_="al-t al-t-strong al-w-name"),
            element("rect", x=left, y=middle - 8, width=right - left, height=16, rx=3, class_="al-track"),
            element("rect", x=left, y=middle - 8, width=long, height=16, rx=3, class_="al-w-share" + (f" al-w-share-{place}" if place < COLOURS else "")),
            label(right + (22 if broad else 8), middle + 4, words.percent(round(share, 3)), class_="al-t al-t-strong al-w-name"),
        ]  # fmt: skip
    said = "; ".join(f"{shown(name, 60)}: {words.percent(round(share, 3))}" for name, share in known)
    return picture(f"shares-{'broad' if broad else 'narrow'}", wide, step * len(known) + 2, "Shares of the change", said, *drawn, class_=by_width(wide))
