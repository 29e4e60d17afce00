"""Draws what is known of a model as SVG: differences with their intervals, learning, what a better score costs, scores over releases.

A chart is drawn only where there are at least two things to compare; else it is nothing. Every chart says in words what it shows.

>>> [one.said for one in ticks(0.79, 0.86, 4)]
['0.80', '0.82', '0.84', '0.86']
>>> [one.said for one in ticks(5.0, 5.0, 4)]
['5']
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..core import Verdict
from . import model_words, words
from .drawn import label as _label
from .drawn import line as _line
from .drawn import svg as _svg
from .markup import NOTHING, Child, Markup, element
from .model_facts import Candidate, Comparison, CurvePoint, Detail, FeaturesPoint, Release, Score
from .pictures import LETTER, part
from .visible import shown, width

WIDE, HIGH = 360.0, 216.0  # of a small chart: nearly the width of a phone, so that its letters keep their size there
BROAD, BROAD_HIGH = 980.0, 236.0  # of history on a desktop
STRIP, STRIP_HIGH, AXIS_HIGH = 400.0, 24.0, 34.0
MOST_RELEASES = 120
MOST_CANDIDATES = 40
FAR = 3.0  # as far as this many times the champion's own interval a baseline still shares its scale; beyond, an arrow says so
FAR_BELOW = 3.0  # likewise a candidate in training, in widths of the others
LEAST_RADIUS, MOST_RADIUS = 6.0, 19.0
SAME = 1e-9  # values that differ by less, as a share of their size, cannot be told apart by any label
LOG_FROM = 20.0  # times for one row that differ by more are compared by their ratio

# Around (0, 0): a shape for each verdict, so that nobody needs the colours.
MARKS = {
    Verdict.RELEASE: "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0Z",
    Verdict.WARN: "M0 -6L6 5H-6Z",
    Verdict.SPLIT: "M-5 -5H5V5H-5Z",
    Verdict.HOLD: "M0 -6.5L6.5 0L0 6.5L-6.5 0Z",
    Verdict.REJECT: "M-5.5 -3.5L-3.5 -5.5L0 -2L3.5 -5.5L5.5 -3.5L2 0L5.5 3.5L3.5 5.5L0 2L-3.5 5.5L-5.5 3.5L-2 0Z",
}
OUTCOME_CLASSES = {"better": "better", "not worse": "same", "slightly worse": "slightly", "worse": "worse", "undecided": "open"}


class Tick(NamedTuple):
    """A place on an axis, and what is written there."""

    value: float
    said: str


@dataclass(frozen=True)
class Scale:
    """Values on one axis of a chart, from a pixel to a pixel."""

    low: float
    high: float
    first: float
    last: float
    by_ratio: bool = False

    def __call__(self, value: float) -> float:
        if self.by_ratio:
            return self.first + part(math.log(max(value, 1e-300)), math.log(self.low), math.log(self.high)) * (self.last - self.first)
        return self.first + part(value, self.low, self.high) * (self.last - self.first)


@dataclass(frozen=True)
class Frame:
    """The inside of a chart with its two axes."""

    wide: float
    high: float
    x: Scale
    y: Scale
    rows: tuple[Tick, ...]


def outcome_class(outcome: str) -> str:
    """The class that colours an outcome."""
    return f"al-o-{OUTCOME_CLASSES.get(outcome, 'open')}"


def ticks(low: float, high: float, most: int) -> tuple[Tick, ...]:
    """Round numbers between two values, at most about so many."""
    if not math.isfinite(high - low) or not high - low > SAME * max(abs(low), abs(high)):
        return tuple({said: Tick(one, said) for one in (low, high) for said in (words.number(one),)}.values())
    rough = (high - low) / max(most, 1)
    if rough <= 0 or not math.isfinite(rough):
        return (Tick(low, words.number(low)), Tick(high, words.number(high)))
    size = 10.0 ** math.floor(math.log10(rough))
    if size == 0 or not math.isfinite(size):
        return (Tick(low, words.number(low)), Tick(high, words.number(high)))
    step = next((times * size for times in (1.0, 2.0, 2.5, 5.0) if times * size >= rough * 0.999), 10.0 * size)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    values = [place * step for place in range(int(first), int(last) + 1)][: 4 * most]
    return tuple(Tick(one, _said(one, step)) for one in values)


def _said(value: float, step: float) -> str:
    if abs(value) >= 1e7 or step < 1e-9:
        return words.number(value)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    if digits and abs(step * 10**digits - 2.5) < 0.01:
        digits += 1
    if not digits and abs(step - 2.5) < 0.01:
        digits = 1
    said = f"{abs(value):,.{digits}f}"
    return f"−{said}" if value < 0 and said.strip("0.,") else said


def _framed(xs: Sequence[float], ys: Sequence[float], *, wide: float = WIDE, high: float = HIGH, by_ratio: bool = False, pad_x: float = 0.0, foot: float = 40.0) -> Frame:
    low, top = min(ys), max(ys)
    room = (top - low) * 0.08 if top - low > SAME * max(abs(low), abs(top)) else abs(top) * 0.05 or 0.5
    low, top = (low - room, top + room) if math.isfinite(top - low) else (low, top)
    rows = ticks(low, top, 4)
    left = max((width(one.said) for one in rows), default=0) * LETTER + 10
    first, last = min(xs), max(xs)
    if first == last:
        first, last = (first / 2, last * 2) if by_ratio else (first - 1, last + 1)
    return Frame(wide, high, Scale(first, last, left + pad_x, wide - 12 - pad_x, by_ratio), Scale(low, top, high - foot, 12), rows)


def _grid(frame: Frame) -> list[Child]:
    left = max((width(one.said) for one in frame.rows), default=0) * LETTER + 10
    drawn: list[Child] = []
    for one in frame.rows:
        y = frame.y(one.value)
        drawn += [_line(left, y, frame.wide - 2, y), _label(left - 6, y + 4, one.said, anchor="end")]
    return drawn


def _under(frame: Frame, marks: Iterable[Tick], axis: str, *, strong: Callable[[float], bool] = lambda _: False) -> list[Child]:
    """Labels below a chart, as many as do not touch; the last of them is always there."""
    drawn: list[Child] = []
    foot = frame.y.first
    free: list[tuple[float, float]] = []
    for one in reversed(list(marks)):
        half = width(one.said) * LETTER / 2
        middle = min(max(frame.x(one.value), half + 2), frame.wide - half - 2)
        if any(middle - half < right + 6 and middle + half > left - 6 for left, right in free):
            continue
        free.append((middle - half, middle + half))
        drawn += [_line(frame.x(one.value), foot, frame.x(one.value), foot + 4), _label(middle, foot + 17, one.said, anchor="middle", strong=strong(one.value))]
    if axis:
        drawn.append(_label(frame.wide - 2, foot + 34, axis, anchor="end"))
    return drawn


def _path(points: Sequence[tuple[float, float]], class_: str) -> Markup:
    return element("path", d="M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points), class_=class_)


# Differences with intervals: one strip for each, all on one scale.


def reach(compared: Sequence[Comparison]) -> tuple[float, float]:
    """From where to where the strips of some comparisons go: what the champion needs, and others as far as that leaves it readable."""
    champion = [one for one in compared if one.role == "champion"]
    core = _extremes(champion or compared)
    limit = FAR * max((abs(one) for one in core), default=0.0)
    others = [end for one in compared for ends in [_extremes([one])] if ends and max(map(abs, ends)) <= limit for end in ends]
    ends = [0.0, *core, *others]
    low, high = min(ends), max(ends)
    room = (high - low) * 0.06 or 0.5
    return (low - room, high + room) if math.isfinite(high - low + 2 * room) else (low, high)


def _extremes(compared: Sequence[Comparison]) -> list[float]:
    margin = [-one.margin for one in compared if one.margin is not None]
    return [end for one in compared for end in (one.low, one.estimate, one.high) if end is not None] + margin


def strip(one: Comparison, low: float, high: float, label: str) -> Markup:
    """A difference as a dot with its interval, right of the middle line when it is a gain; nothing where there is no estimate."""
    if one.estimate is None:
        return NOTHING
    scale, middle, class_ = Scale(low, high, 4.0, STRIP - 4), STRIP_HIGH / 2, outcome_class(one.outcome)
    drawn: list[Child] = []
    if one.margin:
        left = scale(-one.margin)
        drawn.append(element("rect", x=left, y=0, width=max(scale(0.0) - left, 0.8), height=STRIP_HIGH, class_="al-margin"))
    drawn.append(_line(scale(0.0), 0, scale(0.0), STRIP_HIGH, "al-zero"))
    beyond = 1 if one.estimate > high else -1 if one.estimate < low else 0
    if beyond:
        x = STRIP - 6 if beyond > 0 else 6.0
        drawn += [_path([(x - 14 * beyond, middle), (x - 4 * beyond, middle)], f"al-whisker {class_}"),
                  element("path", d=f"M{x:g} {middle:g}l{-8 * beyond} -5v10Z", class_=f"al-mark {class_}")]  # fmt: skip
    else:
        left, right = (scale(low if one.low is None else one.low)), scale(high if one.high is None else one.high)
        drawn.append(_path([(left, middle), (right, middle)], f"al-whisker {class_}"))
        drawn += [_path([(x, middle - 4), (x, middle + 4)], f"al-whisker {class_}") for x, end in ((left, one.low), (right, one.high)) if end is not None]
        drawn.append(element("circle", cx=scale(one.estimate), cy=middle, r=5, class_=f"al-mark {class_}"))
    said = f"{model_words.difference(one)}: {model_words.outcome(one)}"
    return _svg(STRIP, STRIP_HIGH, label, said, *drawn, class_="al-picture al-strip")


def strip_axis(low: float, high: float, times: float) -> Markup:
    """The scale below strips; for eyes only, since each strip says its numbers."""
    scale = Scale(low, high, 4.0, STRIP - 4)
    drawn: list[Child] = [_line(4, 0.5, STRIP - 4, 0.5)]
    end = -math.inf
    for one in ticks(low * times, high * times, 4) if math.isfinite(low * times) and math.isfinite(high * times) else ():
        x = scale(one.value / times)
        half = (width(one.said) + 1) * LETTER / 2
        said = "0" if abs(one.value) < 1e-12 else f"+{one.said}" if one.value > 0 else one.said
        drawn.append(_line(x, 0, x, 4))
        middle = min(max(x, half), STRIP - half)
        if middle - half > end + 4:
            drawn.append(_label(middle, 15, said, anchor="middle"))
            end = middle + half
    zero = scale(0.0)
    if zero > 60:
        drawn.append(_label(zero - 8, 30, "← worse", anchor="end"))
    if STRIP - zero > 60:
        drawn.append(_label(zero + 8, 30, "better →"))
    return element("svg", *drawn, class_="al-picture al-strip", view_box=f"0 0 {STRIP:g} {AXIS_HIGH:g}", width=STRIP, height=AXIS_HIGH, aria_hidden="true", focusable="false")


def amount_reach(details: Sequence[Detail]) -> tuple[float, float]:
    """From where to where the bars of some amounts go."""
    ends = [end for one in details if one.amount is not None for end in (one.low, one.amount, one.high) if end is not None]
    return min([0.0, *ends]), max([0.0, *ends])


def amount_strip(one: Detail, reach: tuple[float, float]) -> Markup:
    """An amount as a bar from nothing, with its bounds as a whisker; its sentence says the number."""
    if one.amount is None or not reach[1] > reach[0]:
        return NOTHING
    scale, middle = Scale(*reach, 2.0, STRIP - 4), 8.0
    class_ = "al-amount-chance" if one.found is False else "al-amount"
    left, right = sorted((scale(0.0), scale(one.amount)))
    drawn: list[Child] = [element("rect", x=2, y=3, width=STRIP - 6, height=10, rx=2, class_="al-track")]
    drawn += [element("rect", x=left, y=3, width=max(right - left, 1.5), height=10, rx=2, class_=class_)]
    if reach[0] < 0:
        drawn.append(_line(scale(0.0), 0, scale(0.0), 16, "al-zero"))
    if one.low is not None or one.high is not None:
        ends = [scale(one.amount if end is None else end) for end in (one.low, one.high)]
        drawn.append(_path([(ends[0], middle), (ends[1], middle)], "al-whisker al-whisker-ink"))
        drawn += [_path([(x, middle - 5), (x, middle + 5)], "al-whisker al-whisker-ink") for x, end in zip(ends, (one.low, one.high), strict=True) if end is not None]
    return element("svg", *drawn, class_="al-picture al-strip", view_box=f"0 0 {STRIP:g} 16", width=STRIP, height=16, aria_hidden="true", focusable="false")


# What training told.


def learning_chart(points: Sequence[CurvePoint], metric: str) -> Markup:
    """Score against the rows trained on, with its interval; nothing for fewer than two sizes."""
    if len({one.rows for one in points}) < 2:
        return NOTHING
    ends = [end for one in points for end in (one.low, one.score, one.high) if end is not None]
    frame = _framed([0.0, *(one.rows for one in points)], ends)
    drawn = _grid(frame)
    banded = [one for one in points if one.low is not None and one.high is not None]
    if len(banded) > 1:
        there = [(frame.x(one.rows), frame.y(one.high or 0.0)) for one in banded]
        back = [(frame.x(one.rows), frame.y(one.low or 0.0)) for one in reversed(banded)]
        drawn.append(element("path", d="M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in there + back) + "Z", class_="al-band"))
    drawn.append(_path([(frame.x(one.rows), frame.y(one.score)) for one in points], "al-line al-line-now"))
    for one in points:
        said = f"{words.number(round(one.rows))} rows: {model_words.valued(one.score, metric)}"
        drawn.append(element("circle", element("title", said), cx=frame.x(one.rows), cy=frame.y(one.score), r=3.6, class_="al-point"))
    drawn += _under(frame, [Tick(one.rows, f"{round(one.rows):,}") for one in points], "rows trained on")
    told = "; ".join(f"{round(one.rows):,} rows {model_words.valued(one.score, metric)}" for one in points[:12])
    return _svg(WIDE, HIGH, f"Learning curve: {model_words.title(metric)} by rows trained on", told, *drawn)


def trade_off(candidates: Sequence[Candidate], chosen: int | None, metric: str) -> Markup:
    """Score against the time for one row, the size as area; numbers are those of the leaderboard. Nothing for fewer than two candidates."""
    known = [(place, one) for place, one in enumerate(candidates[:MOST_CANDIDATES]) if one.score is not None and one.row_microseconds is not None and one.row_microseconds > 0]
    if len(known) < 2:
        return NOTHING
    close = near(known, chosen)
    far = [(place, one) for place, one in known if place not in {other for other, _ in close}]
    times = [one.row_microseconds or 0.0 for _, one in close]
    by_ratio = max(times) / min(times) > LOG_FROM
    frame = _framed(times, [end for _, one in close for end in (one.low, one.score, one.high) if end is not None], by_ratio=by_ratio, pad_x=MOST_RADIUS + 6)
    most = max((one.size_bytes for _, one in close), default=0)
    drawn = _grid(frame)
    circles, labels = [], []
    placed: list[tuple[float, float, float]] = []
    for place, one in sorted(close, key=lambda entry: -entry[1].size_bytes):
        x, y = frame.x(one.row_microseconds or 0.0), frame.y(one.score or 0.0)
        radius = max(LEAST_RADIUS, MOST_RADIUS * math.sqrt(one.size_bytes / most)) if most else 8.0
        title = element("title", f"{place + 1}. {_candidate(one, metric)}")
        if one.low is not None and one.high is not None:
            drawn.append(_path([(x, frame.y(one.low)), (x, frame.y(one.high))], "al-whisker al-whisker-soft"))
        circles.append(element("circle", title, cx=x, cy=y, r=radius, class_="al-bubble al-bubble-chosen" if place == chosen else "al-bubble"))
        placed.append((x, y, radius))
    taken: list[tuple[float, float]] = []
    for (place, _), (x, y, radius) in zip(sorted(close, key=lambda entry: -entry[1].size_bytes), placed, strict=True):
        at_x, at_y = _free_place(x, y, radius, taken, frame)
        taken.append((at_x, at_y))
        labels.append(_label(at_x, at_y + 4, f"{place + 1}", anchor="middle", strong=True))
    if far:
        names = ", ".join(f"{place + 1}" for place, _ in far[:6])
        labels.append(_label(2, HIGH - 6, f"not drawn, far off: {names}"))
    marks = _ratio_ticks(frame.x.low, frame.x.high) if by_ratio else ticks(frame.x.low, frame.x.high, 4)
    drawn += [*circles, *labels, *_under(frame, [Tick(one.value, f"{one.said} µs") for one in marks], "time for one row")]
    told = "; ".join(_candidate(one, metric) for _, one in known[:12])
    return _svg(WIDE, HIGH, f"What a better score costs: {model_words.title(metric)} against the time for one row; the area is the size", told, *drawn)


def near(known: Sequence[tuple[int, Candidate]], chosen: int | None) -> list[tuple[int, Candidate]]:
    """The candidates among which there is a choice: one far off every other would press the rest into one line."""
    left = list(known)
    while len(left) > 2:
        scores = sorted(one.score or 0.0 for _, one in left)
        low_gap, high_gap = scores[1] - scores[0], scores[-1] - scores[-2]
        end, gap, rest = (scores[0], low_gap, scores[-1] - scores[1]) if low_gap >= high_gap else (scores[-1], high_gap, scores[-2] - scores[0])
        if rest <= 0 or gap <= FAR_BELOW * rest or any(one.score == end and place == chosen for place, one in left):
            break
        left = [entry for entry in left if entry[1].score != end]
    return left


def _free_place(x: float, y: float, radius: float, taken: Sequence[tuple[float, float]], frame: Frame) -> tuple[float, float]:
    """Where a number stands: in its circle where there is room, else beside it."""
    beside = radius + 8
    for dx, dy in ((0.0, 0.0), (beside, 0.0), (-beside, 0.0), (0.0, -beside), (0.0, beside), (beside, -beside), (-beside, beside), (beside + 14, 0.0), (-beside - 14, 0.0)):
        at = (x + dx, y + dy)
        if (dx, dy) == (0.0, 0.0) and radius < 7.5:
            continue
        if frame.x.first - MOST_RADIUS < at[0] < frame.wide - 8 and 8 < at[1] < frame.y.first - 2 and all(abs(at[0] - a) > 13 or abs(at[1] - b) > 12 for a, b in taken):
            return at
    return x, y


def _ratio_ticks(low: float, high: float) -> list[Tick]:
    found: list[Tick] = []
    power = math.floor(math.log10(low))
    while 10.0**power <= high * 1.001 and len(found) < 24:
        found += [Tick(times * 10.0**power, words.number(times * 10.0**power)) for times in (1, 2, 5) if low * 0.999 <= times * 10.0**power <= high * 1.001]
        power += 1
    return found if len(found) > 1 else [Tick(low, words.number(float(f"{low:.2g}"))), Tick(high, words.number(float(f"{high:.2g}")))]


def _candidate(one: Candidate, metric: str) -> str:
    parts = [shown(one.name, 40), model_words.valued(one.score, metric)]
    parts += [f"{words.number(one.row_microseconds)} µs a row"] if one.row_microseconds is not None else []
    parts += [words.size(one.size_bytes)] if one.size_bytes else []
    return ", ".join(parts)


def ways(points: Sequence[FeaturesPoint]) -> list[str]:
    """The ways in which features were chosen, as often as there is a line to draw; at most five, as there are colours."""
    return [by for by in dict.fromkeys(one.by for one in points) if sum(one.by == by for one in points) > 1][:5]


def features_chart(points: Sequence[FeaturesPoint], metric: str) -> Markup:
    """Score against the number of features, a line for each way of choosing them; nothing where there is no line."""
    lines = ways(points)
    known = [one for one in points if one.by in lines]
    if not known:
        return NOTHING
    frame = _framed([0.0, *(one.features for one in known)], [one.score for one in known])
    drawn = _grid(frame)
    told = []
    for place, by in enumerate(lines):
        mine = sorted((one for one in known if one.by == by), key=lambda one: one.features)
        drawn.append(_path([(frame.x(one.features), frame.y(one.score)) for one in mine], f"al-line al-l{place + 1}"))
        drawn += [
            element("circle", element("title", f"{words.number(one.features)} features by {shown(one.by, 30)}: {model_words.valued(one.score, metric)}"),
                    cx=frame.x(one.features), cy=frame.y(one.score), r=3.2, class_=f"al-p{place + 1}")
            for one in mine
        ]  # fmt: skip
        ends = [f"{model_words.valued(one.score, metric)} with {words.number(one.features)}" for one in (mine[0], mine[-1])]
        told.append(f"by {shown(by, 30)} from {ends[0]} to {ends[1]}")
    drawn += _under(frame, [Tick(one, words.number(one)) for one in sorted({one.features for one in known})], "features")
    return _svg(WIDE, HIGH, f"{model_words.title(metric)} by number of features", "; ".join(told), *drawn)


# Scores over releases.


def history_chart(releases: Sequence[Release], name: str, champion: str, version: str, *, broad: bool) -> Markup:
    """The score on one test set over releases, each with the shape and colour of its verdict; nothing for fewer than two.

    The line breaks where the rows of the test set changed: scores before and after cannot be compared.
    """
    known: list[tuple[int, Release, Score, str]] = []
    for place, release in enumerate(releases[-MOST_RELEASES:]):
        of = next((one for one in release.sets if one.name == name and one.scores), None)
        if of is not None:
            known.append((place, release, of.scores[0], of.digest))
    if len(known) < 2:
        return NOTHING
    wide, high = (BROAD, BROAD_HIGH) if broad else (WIDE, HIGH)
    frame = _framed([float(place) for place, *_ in known], [score.value for _, _, score, _ in known], wide=wide, high=high, pad_x=12.0, foot=26.0)
    drawn = _grid(frame)
    runs: list[list[tuple[float, float]]] = [[]]
    before: tuple[int, str] | None = None
    for place, release, score, digest in known:
        if before is not None and digest and before[1] and digest != before[1]:
            x = (frame.x(place) + frame.x(before[0])) / 2
            drawn.append(element("path", element("title", f"other rows from {shown(release.version, 40)} on"), d=f"M{x:.1f} {frame.y.last - 6:g}V{frame.y.first:g}", class_="al-changed"))
            runs.append([])
        runs[-1].append((frame.x(place), frame.y(score.value)))
        before = (place, digest)
    drawn += [_path(run, "al-line al-line-now") for run in runs if len(run) > 1]
    for place, release, score, _ in known:
        x, y = frame.x(place), frame.y(score.value)
        said = f"{shown(release.version, 40)}, {model_words.day(release.at)}: {model_words.valued(score.value, score.metric, score.unit)}, {_judged(release)}"
        ring = element("circle", cx=x, cy=y, r=9.5, class_="al-ring") if champion and release.version == champion else None
        drawn.append(element("g", element("title", said), ring, mark(release.verdict, x, y)))
    labels = [Tick(float(place), _short(release.version)) for place, release, *_ in known]
    current = {float(place) for place, release, *_ in known if release.version == version}
    drawn += _under(frame, labels, "", strong=lambda value: value in current)
    last = known[-1]
    told = "; ".join(f"{_short(release.version)} {model_words.valued(score.value, score.metric)} {_judged(release)}" for _, release, score, _ in known[-12:])
    unit = f" in {shown(last[2].unit, 24)}" if last[2].unit else ""
    return _svg(wide, high, f"{model_words.title(last[2].metric)}{unit} on {shown(name, 60)} over releases", told, *drawn, class_=f"al-picture {'al-only-broad' if broad else 'al-only-narrow'}")


def mark(verdict: Verdict | None, x: float, y: float) -> Markup:
    """The shape of a verdict."""
    shape = MARKS.get(verdict) if verdict is not None else None
    colour = "none" if verdict is None else str(verdict)
    return element("path", d=shape or "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z", transform=f"translate({x:.1f} {y:.1f})", class_=f"al-release al-s-{colour}")


def _judged(release: Release) -> str:
    return "not judged" if release.verdict is None else str(release.verdict)


def _short(version: str) -> str:
    return shown(version.rpartition(":")[2] or version, 10)
