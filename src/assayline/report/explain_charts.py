"""Draws what changed between two versions: groups before and after, cases, releases, importance held against association. Every chart says in words what it shows.

>>> from assayline.report.explain_facts import Ends, Group
>>> one = Group("", "city is 'Lyon'", 500, Ends(0.10, 0.08, 0.12), Ends(0.05, 0.04, 0.07), Ends(-0.05, -0.07, -0.03), "gained")
>>> "before 100, after 50" in group_strip(one, (0.0, 0.15), 1000.0, "city is 'Lyon'")
True
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from . import model_words, words
from .drawn import label as _label
from .drawn import line as _line
from .drawn import svg as _svg
from .explain_facts import CaseOf, Change, ColumnOf, DriverOf, Ends, Group, ReleaseOf, StepOf
from .markup import NOTHING, Child, Markup, element
from .model_charts import BROAD, WIDE, Scale, ticks
from .pictures import LETTER
from .visible import shown, width

STRIP, STRIP_HIGH, AXIS_HIGH = 400.0, 34.0, 34.0
HIGH, BROAD_HIGH = 250.0, 270.0
SCATTER = 460.0
FAR = 2.5  # widths of the values themselves: bounds that reach further are cut, since one small group must not press all others into a dot
MOST_RELEASES = 40
MOST_POINTS = 40
TICKS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0)
CLASSES = {"gained": "al-o-better", "lost": "al-o-worse"}


def reach(groups: Sequence[Group]) -> tuple[float, float]:
    """From where to where groups are drawn: all values, and bounds as far as that leaves the values readable."""
    values = [one.value for group in groups for one in (group.before, group.after)]
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    room = FAR * (high - low) or abs(high) or 1.0
    ends = [end for group in groups for one in (group.before, group.after) for end in (one.low, one.high) if end is not None and low - room <= end <= high + room]
    low, high = min([low, *ends]), max([high, *ends])
    pad = (high - low) * 0.04 or abs(high) * 0.1 or 0.5
    return (low - pad, high + pad) if math.isfinite(high - low + 2 * pad) else (low, high)


def group_strip(one: Group, span: tuple[float, float], times: float, label: str) -> Markup:
    """A group as two dots with their intervals: before above, after below."""
    scale = Scale(*span, 6.0, STRIP - 6)
    class_ = CLASSES.get(one.said, "al-o-same")
    before, after = scale(one.before.value), scale(one.after.value)
    drawn: list[Child] = [element("rect", x=2, y=1, width=STRIP - 4, height=STRIP_HIGH - 2, rx=5, class_="al-track")]
    drawn += _bounds(one.before, scale, span, 11.0, "al-whisker al-whisker-before") + _bounds(one.after, scale, span, 23.0, f"al-whisker {class_}")
    drawn.append(element("path", d=f"M{before:.1f} 11L{after:.1f} 23", class_="al-joined"))
    drawn += [element("circle", cx=before, cy=11, r=4.6, class_="al-dot-before"), element("circle", cx=after, cy=23, r=5.4, class_=f"al-mark {class_}")]
    said = f"before {model_words.about(one.before.value * times)}, after {model_words.about(one.after.value * times)}"
    return _svg(STRIP, STRIP_HIGH, label, said, *drawn, class_="al-picture al-strip")


def _bounds(of: Ends, scale: Scale, span: tuple[float, float], y: float, class_: str) -> list[Child]:
    if of.low is None or of.high is None:
        return []
    left, right = scale(max(of.low, span[0])), scale(min(of.high, span[1]))
    return [element("path", d=f"M{left:.1f} {y:g}H{right:.1f}", class_=class_)]


def strip_axis(span: tuple[float, float], times: float) -> Markup:
    """The scale below the groups; for eyes only, since each group says its numbers."""
    scale = Scale(*span, 6.0, STRIP - 6)
    drawn: list[Child] = [_line(4, 0.5, STRIP - 4, 0.5)]
    end = -math.inf
    marks = ticks(span[0] * times, span[1] * times, 5) if all(math.isfinite(one * times) for one in span) else ()
    for one in marks:
        x, half = scale(one.value / times), width(one.said) * LETTER / 2
        middle = min(max(x, half), STRIP - half)
        drawn.append(_line(x, 0, x, 4))
        if middle - half > end + 6:
            drawn.append(_label(middle, 16, one.said, anchor="middle"))
            end = middle + half
    drawn += [_label(4, 30, "← better"), _label(STRIP - 4, 30, "worse →", anchor="end")]
    return element("svg", *drawn, class_="al-picture al-strip", view_box=f"0 0 {STRIP:g} {AXIS_HIGH:g}", width=STRIP, height=AXIS_HIGH, aria_hidden="true", focusable="false")


def chance_strip(one: CaseOf, label: str, limit: float | None = None) -> Markup:
    """A probability before and after, from 0 to 100 %, and from where on the answer is the one that is followed; nothing for what is no probability."""
    if not (0 <= one.before <= 1 and 0 <= one.after <= 1):
        return NOTHING
    scale, class_ = Scale(0.0, 1.0, 8.0, STRIP - 8), "al-o-better" if one.kind == "gained" else "al-o-worse"
    before, after = scale(one.before), scale(one.after)
    drawn: list[Child] = [element("rect", x=2, y=6, width=STRIP - 4, height=12, rx=6, class_="al-track"), element("path", d=f"M{before:.1f} 12H{after:.1f}", class_=f"al-whisker {class_}")]
    drawn += [element("circle", cx=before, cy=12, r=5, class_="al-dot-before"), element("circle", cx=after, cy=12, r=6, class_=f"al-mark {class_}")]
    known = limit is not None and 0 < limit < 1
    if limit is not None and known:
        at = scale(limit)
        drawn.insert(1, _line(at, 2, at, 22, "al-zero"))
        drawn.append(_label(min(max(at, 40.0), STRIP - 40), 34, f"limit {words.percent(round(limit, 2))}", anchor="middle"))
    for x, said, anchor in ((2.0, "0%", "start"), (STRIP / 2, "50%", "middle"), (STRIP - 2, "100%", "end")):
        if not known or abs(min(max(scale(limit or 0.0), 40.0), STRIP - 40) - x) > 66:
            drawn.append(_label(x, 34, said, anchor=anchor))
    return _svg(STRIP, 38.0, label, f"from {words.percent(one.before)} to {words.percent(one.after)}", *drawn, class_="al-picture al-strip")


def driver_reach(drivers: Sequence[DriverOf]) -> float:
    """The largest effect among these."""
    return max((abs(one.difference) for one in drivers), default=0.0)


def driver_strip(one: DriverOf, most: float) -> Markup:
    """How far an input moved the answer: a bar to the right for up, to the left for down; its sentence says the number."""
    if not most or not math.isfinite(most):
        return NOTHING
    scale = Scale(-most, most, 2.0, 158.0)
    left, right = sorted((scale(0.0), scale(one.difference)))
    drawn: list[Child] = [element("rect", x=2, y=4, width=156, height=10, rx=3, class_="al-track")]
    drawn += [element("rect", x=left, y=4, width=max(right - left, 1.5), height=10, rx=2, class_="al-push" if one.difference > 0 else "al-pull"), _line(80, 1, 80, 17, "al-zero")]
    return element("svg", *drawn, class_="al-picture al-push-strip", view_box="0 0 160 18", width=160, height=18, aria_hidden="true", focusable="false")


# Releases.


def releases_chart(told: Change, *, broad: bool) -> Markup:
    """The metric over releases with its interval; a step that is real is drawn strong, in its colour; nothing for fewer than two."""
    known = told.releases[-MOST_RELEASES:]
    if len(known) < 2:
        return NOTHING
    wide, high = (BROAD, BROAD_HIGH) if broad else (WIDE, HIGH)
    values = [end for one in known for end in (one.value.low, one.value.value, one.value.high) if end is not None]
    low, top = min(values), max(values)
    room = (top - low) * 0.08 or abs(top) * 0.05 or 0.5
    low, top = (low - room, top + room) if math.isfinite(top - low + 2 * room) else (low, top)
    times = 100.0 if told.metric in model_words.SHARES else 1.0
    rows = ticks(low * times, top * times, 4)
    said_rows = [f"{one.said}%" if times > 1 else one.said for one in rows]
    left = max((width(one) for one in said_rows), default=0) * LETTER + 12
    y, foot = Scale(low, top, high - 34, 14), high - 34
    x = Scale(0.0, float(len(known) - 1), left + 24, wide - 34)
    drawn: list[Child] = []
    for mark, said in zip(rows, said_rows, strict=True):
        at = y(mark.value / times)
        drawn += [_line(left, at, wide - 4, at), _label(left - 6, at + 4, said, anchor="end")]
    steps = {(one.before, one.after): one for one in told.steps}
    for place, (one, after) in enumerate(pairwise(known)):
        drawn.append(_step(steps.get((one.version, after.version)), (x(place), y(one.value.value)), (x(place + 1), y(after.value.value))))
    for place, one in enumerate(known):
        class_ = "al-o-now" if one.version in (told.before, told.after) else "al-o-past"
        drawn.append(_release(one, x(place), y, class_, told))
    drawn += _names(known, x, foot, told)
    parts = [f"{_short(one.version)} {_valued(one.value, told)}" for one in known[-12:]] + [f"step to {_short(one.after)}: {one.said}" for one in told.steps[-12:]]
    unit = f" in {shown(told.metric_unit, 24)}" if told.metric_unit else ""
    class_ = f"al-picture {'al-only-broad' if broad else 'al-only-narrow'}"
    return _svg(wide, high, f"{model_words.title(told.metric)}{unit} over releases, on the same {told.rows:,} {shown(told.rows_are, 24)}", "; ".join(parts), *drawn, class_=class_)


def _step(step: StepOf | None, start: tuple[float, float], end: tuple[float, float]) -> Markup:
    real = step is not None and step.said in ("better", "worse")
    class_ = f"al-step-{step.said}" if step is not None and real else "al-step-open"
    title = element("title", f"{shown(step.before, 30)} to {shown(step.after, 30)}: {shown(step.said, 40)}") if step is not None else None
    return element("path", title, d=f"M{start[0]:.1f} {start[1]:.1f}L{end[0]:.1f} {end[1]:.1f}", class_=class_)


def _release(one: ReleaseOf, x: float, y: Scale, class_: str, told: Change) -> Markup:
    whisker = None
    if one.value.low is not None and one.value.high is not None:
        whisker = element("path", d=f"M{x:.1f} {y(one.value.low):.1f}V{y(one.value.high):.1f}", class_=f"al-whisker {class_}")
    title = element("title", f"{shown(one.version, 40)}, {model_words.day(one.at)}: {_valued(one.value, told)}")
    return element("g", title, whisker, element("circle", cx=x, cy=y(one.value.value), r=5.5, class_=f"al-mark {class_}"))


def _names(known: Sequence[ReleaseOf], x: Scale, foot: float, told: Change) -> list[Child]:
    drawn: list[Child] = []
    free = math.inf
    for place in range(len(known) - 1, -1, -1):
        one = known[place]
        said, strong = _short(one.version), one.version in (told.before, told.after)
        half = (width(said) + 1) * LETTER / 2
        if x(place) + half < free:
            drawn += [_line(x(place), foot, x(place), foot + 4), _label(x(place), foot + 18, said, anchor="middle", strong=strong)]
            free = x(place) - half - 4
    return drawn


def _valued(of: Ends, told: Change) -> str:
    value = model_words.valued(of.value, told.metric, told.metric_unit)
    return value if of.low is None or of.high is None else f"{value} (between {model_words.valued(of.low, told.metric)} and {model_words.valued(of.high, told.metric)})"


def _short(version: str) -> str:
    return shown(version.rpartition(" ")[2] or version, 12)


# Importance held against association.


def importance_chart(columns: Sequence[ColumnOf]) -> Markup:
    """What the version leans on against what goes together with the target; both axes by square roots, so that small shares are told apart. Nothing for fewer than two columns."""
    known = columns[:MOST_POINTS]
    if len(known) < 2:
        return NOTHING
    high, left, foot = 356.0, 44.0, 312.0
    tops = [max(max(of), 0.04) for of in ([one.association for one in known], [one.share for one in known])]
    x, y = Scale(0.0, math.sqrt(min(tops[0] * 1.25, 1.0)), left + 10, SCATTER - 14), Scale(0.0, math.sqrt(min(tops[1] * 1.25, 1.0)), foot - 10, 18)
    drawn: list[Child] = []
    for mark in (0.0, *TICKS):
        said = f"{100 * mark:g}%"
        if math.sqrt(mark) <= x.high:
            at = x(math.sqrt(mark))
            drawn += [_line(at, 14, at, foot), _label(at, foot + 16, said, anchor="middle")]
        if math.sqrt(mark) <= y.high:
            at = y(math.sqrt(mark))
            drawn += [_line(left, at, SCATTER - 4, at), _label(left - 6, at + 4, said, anchor="end")]
    drawn += [_label(SCATTER - 6, foot + 34, "says about the target by itself →", anchor="end"), _label(2, 10, "↑ the version leans on it")]
    drawn += [_label(left + 14, 30, "used, says nothing alone", class_="al-t al-corner"), _label(SCATTER - 8, foot - 16, "says much, is not used", anchor="end", class_="al-t al-corner")]
    taken: list[tuple[float, float]] = []
    for place, one in enumerate(known):
        middle = _free(x(math.sqrt(one.association)), y(math.sqrt(one.share)), taken)
        taken.append(middle)
        title = element("title", f"{place + 1}. {shown(one.column, 60)}: {words.percent(one.share)} of what it leans on, {words.percent(one.association)} by itself")
        circle = element("circle", cx=middle[0], cy=middle[1], r=9.5, class_="al-warned" if one.warns else "al-plain-point")
        drawn.append(element("g", title, circle, _label(middle[0], middle[1] + 4, f"{place + 1}", anchor="middle", class_="al-t al-in-point")))
    said = "; ".join(
        f"{place + 1} {shown(one.column, 30)} leans {words.percent(one.share)}, by itself {words.percent(one.association)}{', warned' if one.warns else ''}"
        for place, one in enumerate(known[:14])
    )
    return _svg(SCATTER, high, "Importance of columns against what each says about the target by itself", said, *drawn, class_="al-picture al-scatter")


def _free(x: float, y: float, taken: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Where a point is drawn: where it is, else close by, so that no number hides another."""
    for ring in range(5):
        for turn in range(max(1, 6 * ring)):
            angle = 2 * math.pi * turn / max(1, 6 * ring)
            at = x + 15 * ring * math.cos(angle), y - 15 * ring * math.sin(angle)
            if 40 <= at[0] <= SCATTER - 10 and 12 <= at[1] <= 312 and all(math.hypot(at[0] - a, at[1] - b) > 17 for a, b in taken):
                return at
    return x, y
