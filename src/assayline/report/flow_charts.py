"""Draws a flow over its lots as SVG: verdicts, rows and incidents on one axis, and a small chart for each column.

However many lots there are, a chart has no more marks than a screen can show. What is left out is never an extreme: where lots
share a bar the worst of them is drawn, where they share a point of a line the least and the greatest are.

>>> thinned([1.0, 5.0, 2.0, 3.0, 3.0, 0.0, 4.0, 2.0], bins=2)
[[(0, 1.0), (1, 5.0), (5, 0.0), (6, 4.0)]]
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from statistics import median

from ..core import Verdict
from . import words
from .braille import slots
from .flow_history import ColumnHistory, History, Incident, LotMark
from .lots import moment, title_of
from .markup import NOTHING, Child, Markup, element
from .pictures import LETTER, part
from .visible import cut, shown

MOST_BARS = 300  # at 3 pixels each the width of the chart
MOST_POINTS = 150  # twice that many, the least and the greatest, on 300 pixels
MOST_LANES = 14
MOST_MARKS = 60
MOST_SPANS = 200

WIDE, NAMES = 1040.0, 206.0
MOST_WIDE = 36.0  # of a bar: a flow with three lots shall not look like three walls
STRIP, BARS, LANE = 24.0, 120.0, 22.0
SMALL_WIDE, SMALL_HIGH, MISSING_HIGH = 320.0, 84.0, 14.0

HEIGHTS = {Verdict.RELEASE: 0.34, Verdict.WARN: 0.55, Verdict.SPLIT: 0.75, Verdict.HOLD: 1.0, Verdict.REJECT: 1.0}

Points = list[list[tuple[int, float]]]
"""Lines through a chart: runs of (place of a lot, value) without a gap."""


def timeline(told: History) -> Markup:
    """Verdicts, rows and incidents of a flow over its lots, as one picture."""
    count = len(told.lots)
    if not count:
        return NOTHING
    lanes = _lanes(told)
    room = min(WIDE - NAMES - 2, count * MOST_WIDE)
    usual = median(lot.taken for lot in told.lots)
    bars = [_telling(told.lots[start:stop], usual) for start, stop in slots(count, min(count, MOST_BARS))]
    spans = slots(count, len(bars))
    top = 4.0
    drawn: list[Child] = [_name(top + 16, "verdicts"), *_strip(bars, spans, told, top, room)]
    top += STRIP + 22
    drawn += [_name(top + BARS / 2 + 4, "rows"), *_stacks(bars, spans, told, top, room)]
    top += BARS + 18
    for label, incidents in lanes:
        drawn += _lane(label, incidents, told, top, room)
        top += LANE
    drawn += _axis(told, top + 4, room)
    said = _described(told)
    return element(
        "svg", element("title", f"Lots of {shown(told.flow, 100)} over time", id="al-time-title"), element("desc", said, id="al-time-desc"), *drawn,
        class_="al-picture al-timeline", role="img", aria_labelledby="al-time-title al-time-desc", view_box=f"0 0 {WIDE:g} {top + 42:g}",
        width=WIDE, height=top + 42, focusable="false",
    )  # fmt: skip


def column_chart(column: ColumnHistory, told: History) -> Markup:
    """One column over the lots, small; nothing where no lot says anything that could be drawn."""
    count = len(told.lots)
    label = f"{shown(column.name, 80)} over {words.counted(count, 'lot')}"
    drawn, said = _plot(column, told)
    missing = any(column.missing)
    if not drawn and not missing:
        return NOTHING
    high = (SMALL_HIGH + 20 if drawn else 0.0) + (MISSING_HIGH + 16 if missing else 0.0)
    if missing:
        most = max(one for one in column.missing if one is not None)
        drawn = [*drawn, *_missing(column.missing, SMALL_HIGH + 20 if drawn else 0.0, most)]
        said += f" Missing: up to {words.percent(most)} of a lot."
    return element(
        "svg", element("title", label), element("desc", said.strip()), *drawn,
        class_="al-picture al-small", role="img", aria_label=f"{label}. {said.strip()}", view_box=f"0 0 {SMALL_WIDE:g} {high:g}",
        width=SMALL_WIDE, height=high, focusable="false",
    )  # fmt: skip


def thinned(values: Sequence[float | None], *, bins: int) -> Points:
    """The values as lines with gaps where there is none; of many in a bin only the least and the greatest, in their order."""
    runs: Points = [[]]
    for start, stop in slots(len(values), min(bins, len(values))) if len(values) > 2 * bins else [(place, place + 1) for place in range(len(values))]:
        known = [(value, place) for place, value in enumerate(values[start:stop], start) if value is not None]
        if not known:
            runs.append([])
            continue
        ends = {min(known), max(known)}
        runs[-1] += [(place, value) for place, value in sorted((place, value) for value, place in ends)]
    return [run for run in runs if run]


def _telling(lots: Sequence[LotMark], usual: float) -> LotMark:
    """The lot that speaks for several: the one judged worst, and of these the one whose rows are furthest from usual."""
    if len(lots) == 1:
        return lots[0]
    return max(lots, key=lambda lot: (lot.verdict, abs(lot.taken - usual)))


def _strip(bars: Sequence[LotMark], spans: Sequence[tuple[int, int]], told: History, top: float, room: float) -> list[Child]:
    drawn: list[Child] = []
    for lot, (start, stop) in zip(bars, spans, strict=True):
        left, wide = _span(start, stop, len(told.lots), room)
        high = STRIP * HEIGHTS[lot.verdict]
        drawn.append(
            element("rect", element("title", _said(lot, stop - start)), x=left, y=top + STRIP - high, width=wide, height=high, class_=f"al-s-{lot.verdict}")
        )
    return drawn


def _stacks(bars: Sequence[LotMark], spans: Sequence[tuple[int, int]], told: History, top: float, room: float) -> list[Child]:
    most = max(lot.taken for lot in told.lots)
    drawn: list[Child] = []
    for share in (0.0, 0.5, 1.0) if most else (0.0,):
        y = top + BARS * (1 - share)
        drawn += [_line(NAMES, y, WIDE - 2, y), element("text", f"{words.number(round(most * share))}", x=NAMES - 8, y=y + 4, text_anchor="end", class_="al-t")]
    if not most:
        return drawn
    for lot, (start, stop) in zip(bars, spans, strict=True):
        left, wide = _span(start, stop, len(told.lots), room)
        base = top + BARS
        pieces = []
        for rows, class_ in ((lot.released, "al-s-rows"), (lot.quarantined, "al-s-split"), (lot.held, "al-s-hold")):
            if rows <= 0:
                continue
            high = max(rows / most * BARS, 1.0)  # one row of a million is still there
            base -= high
            pieces.append(element("rect", x=left, y=max(base, top), width=wide, height=high, class_=class_))
        if pieces:
            drawn.append(element("g", element("title", _said(lot, stop - start)), *pieces))
    return drawn


def _lanes(told: History) -> list[tuple[str, list[Incident]]]:
    """Incidents by what they are about, those that are open or newest first; at most so many lanes."""
    by_cause: dict[str, list[Incident]] = {}
    for one in told.incidents[:2000]:
        by_cause.setdefault(_cause(one), []).append(one)
    first = told.lots[0].place
    reaching = {cause: of for cause, of in by_cause.items() if any(one.open or one.last >= first for one in of)}
    ordered = sorted(reaching.items(), key=lambda item: (not any(one.open for one in item[1]), -max(one.last for one in item[1]), item[0]))
    return ordered[:MOST_LANES]


def _cause(one: Incident) -> str:
    names = ", ".join(shown(name, 40) for name in one.columns[:2]) + (f" and {len(one.columns) - 2:,} more" if len(one.columns) > 2 else "")
    return f"{shown(title_of(one.code), 60)}{': ' + names if names else ''}"


def _lane(label: str, incidents: Sequence[Incident], told: History, top: float, room: float) -> list[Child]:
    drawn: list[Child] = [
        element("g", element("title", label), _name(top + 14, cut(label, int((NAMES - 12) / LETTER)))),
        _line(NAMES, top + 10, WIDE - 2, top + 10),
    ]
    for one in sorted(incidents, key=lambda one: -one.last)[:MOST_SPANS]:
        start = max(told.index_of(one.first), 0)
        stop = len(told.lots) if one.open else min(told.index_of(one.last) + 1, len(told.lots))
        if stop <= start:
            continue
        left, wide = _span(start, stop, len(told.lots), room)
        first, last = told.lots[start], told.lots[stop - 1]
        when = f"since lot {first.lot}, still open" if one.open else f"lot {first.lot}" if start + 1 == stop else f"lots {first.lot} to {last.lot}"
        said = f"{label}, {when}: {shown(one.sentence, 240)}"
        drawn.append(
            element("rect", element("title", said), x=left, y=top + 4, width=max(wide, 3.0), height=12, rx=3, class_="al-s-open" if one.open else "al-s-closed")
        )
    return drawn


def _axis(told: History, top: float, room: float) -> list[Child]:
    count = len(told.lots)
    places = sorted({round(step * (count - 1) / 6) for step in range(7)}) if count > 1 else [0]
    drawn: list[Child] = [_line(NAMES, top, WIDE - 2, top)]
    day = ""
    for place in places:
        lot = told.lots[place]
        x = NAMES + (place + 0.5) / count * room
        anchor = "start" if place == 0 and count > 6 else "end" if place == count - 1 and count > 6 else "middle"
        drawn += [_line(x, top, x, top + 4), element("text", f"lot {lot.lot}", x=x, y=top + 17, text_anchor=anchor, class_="al-t")]
        if lot.at and moment(lot.at)[:10] != day:
            day = moment(lot.at)[:10]
            drawn.append(element("text", day, x=x, y=top + 32, text_anchor=anchor, class_="al-t"))
    return drawn


def _plot(column: ColumnHistory, told: History) -> tuple[list[Child], str]:
    if column.drawn == "number":
        return _numbers(column, told)
    if column.drawn == "time":
        return _times(column, told)
    if column.drawn == "shares":
        return _value_shares(column, told)
    return [], ""


def _numbers(column: ColumnHistory, told: History) -> tuple[list[Child], str]:
    known = [one for one in (*column.low, *column.middle, *column.high) if one is not None]
    if not known:
        return [], ""
    low, high = min(known), max(known)
    drawn: list[Child] = [_band(column.low, column.high, low, high), _path(column.middle, low, high, "al-line al-line-now")]
    drawn += _marks(column, column.middle, told, low, high)
    drawn += _ends(words.number(high), words.number(low))
    middle = [one for one in column.middle if one is not None]
    said = f"Medians from {words.number(min(middle))} to {words.number(max(middle))}, the last {words.number(middle[-1])}." if middle else ""
    return drawn, said


def _times(column: ColumnHistory, told: History) -> tuple[list[Child], str]:
    known = [one for one in (*column.low, *column.high) if one is not None]
    if not known:
        return [], ""
    low, high = min(known), max(known)
    drawn: list[Child] = [
        _band(column.low, column.high, low, high), _path(column.low, low, high, "al-line"), _path(column.high, low, high, "al-line al-line-now"),
        *_marks(column, column.high, told, low, high), *_ends(day_of(high), day_of(low)),
    ]  # fmt: skip
    return drawn, f"Times from {day_of(low)} to {day_of(high)}."


def _value_shares(column: ColumnHistory, told: History) -> tuple[list[Child], str]:
    drawn: list[Child] = []
    for place, shares in reversed(list(enumerate(column.shares))):
        drawn.append(_path(shares, 0.0, 1.0, f"al-line al-l{place + 1}"))
    if column.shares:
        drawn += _marks(column, column.shares[0], told, 0.0, 1.0)
    drawn += _ends("100%", "0%")
    last = [(value, next((one for one in reversed(shares) if one is not None), 0.0)) for value, shares in zip(column.values, column.shares, strict=True)]
    return drawn, "Shares in the last lot: " + ", ".join(f"{shown(value, 20)} {words.percent(share)}" for value, share in last) + "." if last else ""


def _missing(missing: Sequence[float | None], top: float, most: float) -> list[Child]:
    """Shares of missing cells as bars, scaled to the greatest: a few in a thousand are what there is to see."""
    count = len(missing)
    drawn: list[Child] = [_line(0, top + MISSING_HIGH, SMALL_WIDE, top + MISSING_HIGH)]
    for start, stop in slots(count, min(count, MOST_POINTS)):
        share = max((one for one in missing[start:stop] if one is not None), default=0.0)
        if share > 0:
            left, wide = start / count * SMALL_WIDE, (stop - start) / count * SMALL_WIDE
            high = max(share / most * MISSING_HIGH, 1.5)
            drawn.append(element("rect", x=left, y=top + MISSING_HIGH - high, width=max(wide - 0.4, 0.9), height=high, class_="al-missing"))
    drawn.append(element("text", f"missing, at most {words.percent(most)}", x=0, y=top + MISSING_HIGH + 12, class_="al-t"))
    return drawn


def _marks(column: ColumnHistory, values: Sequence[float | None], told: History, low: float, high: float) -> list[Child]:
    """A dot on every lot with a finding about this column: the newest ones where there are too many."""
    drawn: list[Child] = []
    for place in sorted(column.marked)[-MOST_MARKS:]:
        value = values[place] if place < len(values) else None
        lot = told.lots[place]
        titles = ", ".join(dict.fromkeys(words.title(one) for one in lot.findings if column.name in one.columns))
        y = _y(value, low, high) if value is not None else SMALL_HIGH - 3
        drawn.append(element("circle", element("title", f"lot {lot.lot}: {shown(titles, 120)}"), cx=_x(place, len(told.lots)), cy=y, r=3, class_="al-bad"))
    return drawn


def _path(values: Sequence[float | None], low: float, high: float, class_: str) -> Markup:
    count = len(values)
    parts = []
    for run in thinned(values, bins=MOST_POINTS):
        if len(run) == 1:  # a line of one point would not be seen
            place, value = run[0]
            parts.append(f"M{_x(place, count) - 2:.1f} {_y(value, low, high):.1f}h4")
            continue
        parts.append("M" + "L".join(f"{_x(place, count):.1f} {_y(value, low, high):.1f}" for place, value in run))
    return element("path", d="".join(parts), class_=class_) if parts else NOTHING


def _band(lows: Sequence[float | None], highs: Sequence[float | None], low: float, high: float) -> Markup:
    count = len(lows)
    runs: list[list[tuple[float, float, float]]] = [[]]
    for start, stop in slots(count, min(count, MOST_POINTS)):
        below = [one for one in lows[start:stop] if one is not None]
        above = [one for one in highs[start:stop] if one is not None]
        if not below or not above:
            runs.append([])
            continue
        # A bin is drawn from its first lot to its last, so that one that stands alone is not a line of no width.
        y_low, y_high = _y(min(below), low, high), _y(max(above), low, high)
        runs[-1] += [(_x(start - 0.5, count), y_low, y_high), (_x(stop - 0.5, count), y_low, y_high)] if stop - start > 1 or count < 40 else [(_x(start, count), y_low, y_high)]
    parts = []
    for run in runs:
        if run:
            there = "L".join(f"{x:.1f} {y:.1f}" for x, _, y in run)
            back = "L".join(f"{x:.1f} {y:.1f}" for x, y, _ in reversed(run))
            parts.append(f"M{there}L{back}Z")
    return element("path", d="".join(parts), class_="al-band") if parts else NOTHING


def _ends(top: str, bottom: str) -> list[Child]:
    return [
        _line(0, SMALL_HIGH, SMALL_WIDE, SMALL_HIGH),
        element("text", cut(top, 24), x=0, y=9, class_="al-t"),
        element("text", cut(bottom, 24), x=0, y=SMALL_HIGH + 12, class_="al-t"),
    ]


def _x(place: float, count: int) -> float:
    return (place + 0.5) / max(count, 1) * SMALL_WIDE


def _y(value: float, low: float, high: float) -> float:
    return 14 + (SMALL_HIGH - 20) * (1 - part(value, low, high))


def _span(start: int, stop: int, count: int, room: float) -> tuple[float, float]:
    left = NAMES + start / count * room
    wide = (stop - start) / count * room
    return left, max(wide - (1.0 if wide > 4 else 0.3), 0.8)


def _said(lot: LotMark, lots: int) -> str:
    """One lot in a line, as it is shown when the pointer rests on it."""
    gone = [f"{rows:,} {name}" for rows, name in ((lot.released, "released"), (lot.quarantined, "quarantined"), (lot.held, "held")) if rows]
    found = ", ".join(dict.fromkeys(shown(words.title(one), 60) for one in lot.findings[:4]))
    of = f", the worst of {lots} lots" if lots > 1 else ""
    return f"lot {lot.lot}{of}: {lot.verdict}, {words.counted(lot.taken, 'row')}{' (' + ', '.join(gone) + ')' if len(gone) > 1 else ''}{'. ' + found if found else ''}"


def _described(told: History) -> str:
    counts = ", ".join(f"{sum(lot.verdict == verdict for lot in told.lots):,} {verdict}" for verdict in Verdict if any(lot.verdict == verdict for lot in told.lots))
    first, last = told.lots[0], told.lots[-1]
    return f"From lot {first.lot} to lot {last.lot}: {counts}. {words.counted(len(told.open_incidents), 'incident')} open. The table of lots below has the same numbers."


def _name(y: float, said: str) -> Markup:
    return element("text", said, x=0, y=y, class_="al-t al-t-strong")


def _line(x1: float, y1: float, x2: float, y2: float) -> Markup:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_="al-axis")


def day_of(seconds: float) -> str:
    """The day of a time in seconds since 1970.

    >>> day_of(86_400.0)
    '1970-01-02'
    """
    return (datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)).date().isoformat()
