"""Draws a rollout as SVG: who answered what batch by batch, the evidence against its bound, paired differences against their margin.

Every mark has a word beside it or a title on it, and every chart says in words what it shows; colour is never the only sign.

>>> from .rollout_facts import status_of
>>> story(status_of({"model": "churn"}), wide=BROAD)
''
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from . import rollout_words, words
from .drawn import label as _label
from .drawn import line as _line
from .drawn import svg as _svg
from .lots import moment
from .markup import NOTHING, Child, Markup, element
from .model_charts import Scale, ticks
from .pictures import LETTER, part
from .rollout_facts import ARMS, BatchOf, GuardOf, PairedOf, Status, nearest_first
from .visible import shown, width

BROAD, NARROW = 980.0, 360.0
MOST_BATCHES = {BROAD: 90, NARROW: 30}
MOST_LINES = 5  # as many as there are colours that can be told apart
MOST_SLOT, MOST_BAR = 128.0, 38.0
STRIP, BARS, EVIDENCE, PAIRED = 22.0, 118.0, 118.0, 132.0
BEYOND = 1.25  # evidence past this many times its bound says no more
FARTHEST = 3.0  # times the largest difference or margin: bounds of a difference are drawn no farther
LEAST = 2.0  # pixels: one row in ten thousand is still there
GUARD_STRIP, GUARD_HIGH = 300.0, 14.0
STOP = "M-3 -7H3L7 -3V3L3 7H-3L-7 3V-3Z"


@dataclass(frozen=True)
class _Across:
    """Where the batches of a chart stand from left to right."""

    left: float
    slot: float
    batches: tuple[BatchOf, ...]

    def middle(self, place: float) -> float:
        return self.left + (place + 0.5) * self.slot

    @property
    def right(self) -> float:
        return self.left + self.slot * len(self.batches)

    @property
    def bar(self) -> float:
        return max(min(self.slot * 0.64, MOST_BAR), 1.5)


def lines(told: Status) -> list[GuardOf]:
    """The guards whose evidence is drawn: those of all rows, and of segments those against which there is any; nearest to their bound first."""
    known = [one for one in told.guards if one.looks and one.needed is not None and (not one.segment or _top(one) > 0)]
    return sorted(known, key=lambda one: (-max(_top(one), 0.0), bool(one.segment)))[:MOST_LINES]


def _top(one: GuardOf) -> float:
    """The most evidence there ever was, in parts of the bound."""
    return max(look.log_e / (one.needed or 1.0) for look in one.looks)


def nearest(told: Status) -> list[GuardOf]:
    """The guards that have something to go by, of all rows and of segments, those nearest to their bound first."""
    return [one for one in nearest_first((*told.overall, *told.segments)) if one.said]


def story(told: Status, *, wide: float) -> Markup:
    """The rollout batch by batch: the stage, who answered how many rows, and the evidence against the challenger; nothing without batches."""
    drawn, high, said = panels(told, wide=wide)
    if not drawn:
        return NOTHING
    class_ = "al-picture al-only-broad" if wide == BROAD else "al-picture al-only-narrow"
    return _svg(wide, high, f"{_name(told)} batch by batch", said, *drawn, class_=class_)


def panels(told: Status, *, wide: float) -> tuple[list[Child], float, str]:
    """What `story` draws, how high it is, and what it says."""
    batches = told.batches[-MOST_BATCHES.get(wide, 30) :]
    if not batches:
        return [], 0.0, ""
    most = max(one.rows for one in batches)
    guards = lines(told)
    labels = [one.said for one in ticks(0.0, float(most), 3)]
    left = max([width(one) for one in labels] + ([_odds_width(guards)] if guards else []) + [4]) * LETTER + 12
    across = _Across(left, min((wide - left - 6) / len(batches), MOST_SLOT), tuple(batches))
    top = 4.0
    drawn = _stages(told, across, top)
    top += STRIP + 26
    drawn += [_label(left, top - 9, "rows, by who answered them"), *_bars(told, across, top, float(most), wide)]
    top += BARS
    if guards:
        top += 34
        what = "evidence against the challenger" + ("" if _bound(guards) is not None else ", in parts of what rolls it back")
        drawn += [_label(left, top - 9, what), *_evidence(guards, across, top, wide)]
        top += EVIDENCE
    drawn += _turns(told, across, 4.0 + STRIP, top)
    drawn += _days(across, top, wide)
    return drawn, top + 40, _said(told, batches)


def keys(told: Status) -> list[tuple[Markup, str]]:
    """What the colours and signs of a story mean: each drawn within 14 by 12 pixels, with its words."""
    colours: list[tuple[str, str]] = [("al-arm-champion", f"answered by {shown(told.champion, 40) or 'the champion'}")]
    arms = {arm for batch in told.published if batch.state != "repaired" for arm in batch.arms}
    if "challenger" in arms:
        colours.append(("al-arm-challenger", f"answered by {shown(told.challenger, 40) or 'the challenger'}"))
    if "holdout" in {arm for batch in told.published for arm in batch.arms}:
        colours.append(("al-arm-holdout", "held out: always the champion"))
    if any(one.state == "replayed" for one in told.batches):
        colours.append(("al-arm-again", "scored once more, not published"))
    if any(one.state == "repaired" for one in told.batches):
        colours.append(("al-arm-repaired", "the challenger's, replaced by the champion's"))
    if any(one.quarantined for one in told.batches):
        colours.append(("al-s-split", "put aside by the gate"))
    if any(one.failed for one in told.batches):
        colours.append(("al-bad", "without an answer"))
    marks = [(element("rect", x=0, y=1, width=14, height=10, rx=2, class_=class_), said) for class_, said in colours]
    stopped = any(one.stopped_at is not None for one in told.batches)
    if stopped or any(one.needed is not None and look.log_e >= one.needed for one in lines(told) for look in one.looks):
        marks.append((element("path", d=STOP, transform="translate(7 6) scale(0.8)", class_="al-stop"), "stopped, or past the bound"))
    marks += [(element("path", d="M0 6h14", class_=f"al-line al-l{place}"), _guard_name(one)) for place, one in enumerate(lines(told), 1)]
    return marks


def _name(told: Status) -> str:
    return f"The rollout of {shown(told.challenger, 60) or 'a version'}"


def _stages(told: Status, across: _Across, top: float) -> list[Child]:
    """A strip of the stages the batches were scored in."""
    drawn: list[Child] = []
    for first, last in _runs([(one.stage, one.mode, one.share) for one in across.batches]):
        one = across.batches[first]
        x, wide = across.left + first * across.slot, (last - first + 1) * across.slot - 2
        mode, share = (one.mode, one.share) if one.mode else (told.stages[one.stage].mode, one.share) if one.stage < len(told.stages) else ("", one.share)
        long, short = rollout_words.stage(mode, share), rollout_words.stage_short(mode, share)
        said = next((each for each in (long, short) if (width(each) + 1) * LETTER <= wide), "")
        level = 0 if share <= 0 else 1 if share < 5 else 2 if share < 25 else 3 if share < 100 else 4
        drawn.append(element(
            "g", element("title", f"{long}: {words.counted(last - first + 1, 'batch', 'batches')}"),
            element("rect", x=x, y=top, width=max(wide, 1.0), height=STRIP, rx=4, class_=f"al-stage al-stage-{level}"),
            element("text", said, x=x + wide / 2, y=top + 15.5, text_anchor="middle", class_="al-t al-t-strong") if said else None,
        ))  # fmt: skip
    return drawn


def _bars(told: Status, across: _Across, top: float, most: float, wide: float) -> list[Child]:
    drawn: list[Child] = []
    for mark in ticks(0.0, most, 3):
        y = top + BARS * (1 - part(mark.value, 0.0, most or 1.0))
        drawn += [_line(across.left, y, wide - 4, y), _label(across.left - 6, y + 4, mark.said, anchor="end")]
    for place, batch in enumerate(across.batches):
        x, base = across.middle(place) - across.bar / 2, top + BARS
        pieces: list[Child] = [element("title", batch_line(batch))]
        room = BARS * part(float(batch.rows), 0.0, most or 1.0)
        heights = _heights(_pieces(batch), room)
        for class_, high in heights:
            base -= high
            pieces.append(element("rect", x=x, y=base, width=across.bar, height=high, class_=class_))
        if batch.stopped_at is not None:
            pieces.append(element("path", d=STOP, transform=f"translate({across.middle(place):.1f} {max(base - 10, top - 2):.1f})", class_="al-stop"))
        drawn.append(element("g", *pieces))
    return drawn


def _pieces(batch: BatchOf) -> list[tuple[str, int]]:
    """The rows of a batch from the bottom up, each with its class."""
    known = {"champion": "al-arm-champion", "holdout": "al-arm-holdout", "challenger": "al-arm-challenger"}
    if batch.state == "repaired":
        known["challenger"] = "al-arm-repaired"
    if batch.state == "replayed":  # published long before; only scored once more
        known = dict.fromkeys(known, "al-arm-again")
    pieces = [(known[arm], batch.arms[arm]) for arm in ("champion", "holdout", "challenger") if batch.arms.get(arm)]
    pieces += [(known["champion"], rows) for arm, rows in batch.arms.items() if arm not in ARMS]
    rest = batch.rows - sum(rows for _, rows in pieces) - batch.quarantined - batch.failed
    if rest > 0:  # scored, and nobody said by whom
        pieces.append((known["champion"], rest))
    return [*pieces, *((class_, rows) for class_, rows in (("al-s-split", batch.quarantined), ("al-bad", batch.failed)) if rows > 0)]


def _heights(pieces: Sequence[tuple[str, int]], room: float) -> list[tuple[str, float]]:
    """Heights that add up to the room where they can, and of which none is too low to be seen."""
    total = sum(rows for _, rows in pieces)
    if not total:
        return []
    heights = [(class_, max(rows / total * room, LEAST)) for class_, rows in pieces]
    over = sum(high for _, high in heights) - room
    tallest = max(range(len(heights)), key=lambda place: heights[place][1])
    return [(class_, max(high - over, LEAST) if place == tallest and over > 0 else high) for place, (class_, high) in enumerate(heights)]


def _odds_width(guards: Sequence[GuardOf]) -> int:
    bound = _bound(guards)
    return max(width(rollout_words.odds(bound)) if bound is not None else 0, 5)


def _bound(guards: Sequence[GuardOf]) -> float | None:
    """The evidence that undoes the rollout, where it is the same for all."""
    known = {round(one.needed, 6) for one in guards if one.needed is not None}
    return known.pop() if len(known) == 1 else None


def _evidence(guards: Sequence[GuardOf], across: _Across, top: float, wide: float) -> list[Child]:
    """Lines of evidence in parts of the bound, so that guards with bounds of their own share the chart."""
    scale = Scale(0.0, BEYOND, top + EVIDENCE, top)
    bound = _bound(guards)
    drawn: list[Child] = []
    if bound is None:
        marks = [(value, f"{value:.0%}") for value in (0.0, 0.5)]
    else:
        step = max(math.ceil(bound / math.log(10) / 4), 1)
        marks = [(power * math.log(10) / bound, f"{10**power:,}") for power in range(0, int(bound / math.log(10) - 0.25) + 1, step)]
    for value, said in marks:
        y = scale(value)
        drawn += [_line(across.left, y, wide - 4, y), *([_label(across.left - 6, y + 4, said, anchor="end")] if y - scale(1.0) > 12 else [])]
    y = scale(1.0)
    drawn.append(element("rect", x=across.left, y=top, width=wide - 4 - across.left, height=y - top, class_="al-band-bad"))
    drawn.append(_line(across.left, y, wide - 4, y, "al-bound"))
    drawn.append(_label(across.left - 6, y + 4, rollout_words.odds(bound) if bound is not None else "100%", anchor="end", strong=True))
    drawn.append(_label(across.left + 6, y - 6, "from here it is rolled back", class_="al-t al-t-bad"))
    where = {batch.name: place for place, batch in enumerate(across.batches)}
    for colour, guard in reversed(list(enumerate(guards, 1))):
        points = [(place, look) for look in guard.looks if (place := where.get(look.batch)) is not None]
        path = [(across.middle(place), scale(min(max(look.log_e / (guard.needed or 1.0), 0.0), BEYOND))) for place, look in points]
        if len(path) > 1:
            drawn.append(element("path", d="M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in path), class_=f"al-line al-l{colour}"))
        for (x, y), (_, look) in zip(path, points, strict=True):
            said = f"{_guard_name(guard)}, {shown(look.batch, 40)}: {look.bad:,} of {look.rows:,}, {rollout_words.odds(look.log_e)} to 1"
            crossed = guard.needed is not None and look.log_e >= guard.needed
            if crossed:
                drawn.append(element("path", element("title", said), d=STOP, transform=f"translate({x:.1f} {y:.1f})", class_="al-stop"))
            else:
                drawn.append(element("circle", element("title", said), cx=x, cy=y, r=2.6 if across.slot > 12 else 1.6, class_=f"al-p{colour}"))
    return drawn


def _turns(told: Status, across: _Across, top: float, foot: float) -> list[Child]:
    """A line after the batch at which a rollout was undone, promoted or held."""
    drawn: list[Child] = []
    for one in told.timeline:
        if one.action not in ("rollback", "promote", "hold"):
            continue
        before = [place for place, batch in enumerate(across.batches) if batch.at and one.at and batch.at <= one.at]
        if not before:
            continue
        x = across.left + (before[-1] + 1) * across.slot - 1
        said = rollout_words.ACTIONS[one.action]
        class_ = {"rollback": "al-turn al-turn-bad", "promote": "al-turn al-turn-good"}.get(one.action, "al-turn")
        title = element("title", f"{moment(one.at)}: {said}{', ' + shown(one.reason, 240) if one.reason else ''}")
        anchor = "end" if x > across.left + 90 else "start"
        drawn.append(element("g", title, _line(x, top, x, foot, class_), _label(x + (-5 if anchor == "end" else 5), top + 13, said, anchor=anchor, strong=True)))
    return drawn


def _days(across: _Across, foot: float, wide: float) -> list[Child]:
    """Days or names below the batches, as many as do not touch."""
    drawn: list[Child] = [_line(across.left, foot, max(across.right, across.left + 1), foot)]
    names, whole = _below([one.name for one in across.batches], [one.at for one in across.batches])
    drawn += _written(names, [across.middle(place) for place in range(len(names))], foot, wide, ticked=True)
    drawn.append(_label(across.left, foot + 34, whole))
    return drawn


def _written(names: Sequence[str], middles: Sequence[float], foot: float, wide: float, *, ticked: bool) -> list[Child]:
    drawn: list[Child] = []
    free = -math.inf
    for said, middle in zip(names, middles, strict=True):
        half = (width(said) + 1) * LETTER / 2
        if middle - half < free or middle + half > wide:
            continue
        drawn += [_line(middle, foot, middle, foot + 4)] if ticked else []
        drawn.append(_label(middle, foot + 17, said, anchor="middle"))
        free = middle + half + 4
    return drawn


def _below(names: Sequence[str], times: Sequence[str]) -> tuple[list[str], str]:
    """What stands below batches, and what it is: days where each has one of its own, else what is different in their names.

    >>> _below(["customers 8", "customers 9"], ["2026-11-21T06:00", "2026-11-21T07:00"])
    (['8', '9'], 'customers 8 to customers 9')
    """
    days = [moment(one)[:10] for one in times]
    if all(days) and len(set(days)) == len(days):
        return [one[5:] for one in days], f"{days[0]} to {days[-1]}" if len(days) > 1 else days[0]
    least, most = min(names), max(names)
    alike = least[: words.difference(least, most)] if least != most else ""
    alike = alike[: max((alike.rfind(sign) for sign in " /-_.:"), default=-1) + 1]  # never in the middle of a word or a number
    return [shown(one[len(alike) :], 12) for one in names], f"{shown(names[0], 40)} to {shown(names[-1], 40)}" if len(names) > 1 else shown(names[0], 40)


def batch_line(batch: BatchOf) -> str:
    """A batch in a line, as it is shown when the pointer rests on it."""
    said = [shown(batch.name, 60) or "a batch", moment(batch.at), rollout_words.stage(batch.mode, batch.share) if batch.mode else "", words.counted(batch.rows, "row")]
    said += [rollout_words.arms(dict(batch.arms), batch.rows)]
    said += [f"{batch.quarantined:,} put aside" if batch.quarantined else "", f"{batch.failed:,} without an answer" if batch.failed else ""]
    said += [f"fallback: {rollout_words.fallbacks(batch)}" if batch.fallbacks else ""]
    said += [f"stopped after {words.counted(batch.stopped_at, 'row')}" if batch.stopped_at is not None else "", rollout_words.BATCH_STATES.get(batch.state, "")]
    return "; ".join(one for one in said if one)


def _said(told: Status, batches: Sequence[BatchOf]) -> str:
    parts = [f"{words.counted(len(batches), 'batch', 'batches')}, {words.counted(sum(one.rows for one in batches), 'row')}, {told.answered:,} answered by the challenger"]
    for one in lines(told):
        parts.append(f"{_guard_name(one)}: {rollout_words.evidence(one)}")
    for batch in batches:
        if batch.stopped_at is not None:
            parts.append(f"{shown(batch.name, 40)} was stopped after {words.counted(batch.stopped_at, 'row')}")
    parts += [f"{rollout_words.ACTIONS[one.action]} on {moment(one.at)[:10]}" for one in told.timeline if one.action in ("rollback", "promote", "hold")]
    return "; ".join(parts[:24])


def _guard_name(one: GuardOf) -> str:
    return f"{rollout_words.guard(one.guard)}{' where ' + shown(one.segment, 40) if one.segment else ''}"


def guard_strip(one: GuardOf) -> Markup:
    """The share that was seen against the one that is allowed, as a bar with a mark; its numbers stand beside it. Of a broken guard it is the share of the batch that broke it."""
    if one.share is None or one.limit is None or not one.limit > 0:
        return NOTHING
    share = max(one.last.bad / one.last.rows if one.state == "broken" and one.last is not None else one.share, 0.0)
    scale = Scale(0.0, max(one.limit * 2, share * 1.08), 0.0, GUARD_STRIP)
    seen, allowed = scale(share), scale(one.limit)
    class_ = {"broken": "al-bad", "watch": "al-amount"}.get(one.state, "al-arm-champion")
    return element(
        "svg", element("rect", x=0, y=3, width=GUARD_STRIP, height=8, rx=2, class_="al-track"), element("rect", x=0, y=3, width=max(seen, 1.5), height=8, rx=2, class_=class_),
        _line(allowed, 0, allowed, GUARD_HIGH, "al-limit"), class_="al-picture al-strip", view_box=f"0 0 {GUARD_STRIP:g} {GUARD_HIGH:g}", width=GUARD_STRIP, height=GUARD_HIGH,
        aria_hidden="true", focusable="false",
    )  # fmt: skip


def evidence_strip(one: GuardOf) -> Markup:
    """How much of the evidence that undoes a rollout there is, as a bar up to its end; the words stand beside it."""
    if one.needed is None:
        return NOTHING
    class_ = {"broken": "al-bad", "watch": "al-amount"}.get(one.state, "al-arm-champion")
    return element(
        "svg", element("rect", x=0, y=3, width=GUARD_STRIP - 2, height=8, rx=2, class_="al-track"),
        element("rect", x=0, y=3, width=max(one.part * (GUARD_STRIP - 2), 1.5), height=8, rx=2, class_=class_), _line(GUARD_STRIP - 2, 0, GUARD_STRIP - 2, GUARD_HIGH, "al-bound"),
        class_="al-picture al-strip", view_box=f"0 0 {GUARD_STRIP:g} {GUARD_HIGH:g}", width=GUARD_STRIP, height=GUARD_HIGH, aria_hidden="true", focusable="false",
    )  # fmt: skip


def paired_chart(paired: Sequence[PairedOf], *, wide: float) -> Markup:
    """What the challenger lost more than the champion on the same rows, after each batch, with its bounds and the margin; nothing for no batch."""
    known = list(paired[-MOST_BATCHES.get(wide, 30) :])
    if not known:
        return NOTHING
    # The bounds of the first batches are so wide that they would flatten all that comes later: they end at the edge.
    last = known[-1]
    near = [end for one in known for end in (one.mean, one.margin, 0.0) if end is not None] + [end for end in (last.low, last.high) if end is not None]
    edge = FARTHEST * max(abs(end) for end in near)
    ends = near + [min(max(end, -edge), edge) for one in known for end in (one.low, one.high) if end is not None]
    low, high = min(ends), max(ends)
    room = (high - low) * 0.1 or 0.5
    marks = ticks(low - room, high + room, 4)
    left = max([width(one.said) for one in marks] + [4]) * LETTER + 14
    scale = Scale(low - room, high + room, 16 + PAIRED, 16)
    slot = min((wide - left - 12) / len(known), MOST_SLOT)
    right = wide - 4
    drawn: list[Child] = [_label(left, 10, "above 0 the challenger loses more")]
    for mark in marks:
        y = scale(mark.value)
        drawn += [_line(left, y, right, y, "al-zero" if abs(mark.value) < 1e-12 else "al-axis"), _label(left - 6, y + 4, mark.said, anchor="end")]
    margins = [(left + place * slot, left + (place + 1) * slot, scale(one.margin)) for place, one in enumerate(known) if one.margin]
    if margins:
        steps = "".join(f"{'M' if place == 0 else 'L'}{first:.1f} {y:.1f}L{last:.1f} {y:.1f}" for place, (first, last, y) in enumerate(margins))
        drawn.append(element("path", d=steps, class_="al-bound"))
        drawn.append(_label(min(margins[-1][1], right) - 2, margins[-1][2] - 5, "what is allowed", anchor="end", class_="al-t al-t-bad"))
    for place, one in enumerate(known):
        x, class_ = left + (place + 0.5) * slot, f"al-o-{ {'better': 'better', 'not worse': 'same', 'worse': 'worse'}.get(rollout_words.outcome(one), 'open') }"
        title = element("title", f"up to {shown(one.batch, 40)}, {words.counted(one.rows, 'labelled row')}: {rollout_words.difference(one)}, {rollout_words.outcome(one)}")
        whisker = None
        if one.low is not None and one.high is not None:
            whisker = element("path", d=f"M{x:.1f} {scale(max(one.low, low)):.1f}V{scale(min(one.high, high)):.1f}", class_=f"al-whisker {class_}")
        drawn.append(element("g", title, whisker, element("circle", cx=x, cy=scale(one.mean), r=4.2 if slot > 12 else 2.2, class_=f"al-mark {class_}")))
    names, whole = _below([one.batch for one in known], [one.at for one in known])
    drawn += _written(names, [left + (place + 0.5) * slot for place in range(len(known))], PAIRED + 17, wide, ticked=False)
    drawn.append(_label(left, PAIRED + 52, whole))
    unit = f" ({shown(last.unit, 30)})" if last.unit else ""
    said = "; ".join(f"{shown(one.batch, 30)} {rollout_words.difference(one)} {rollout_words.outcome(one)}" for one in known[-12:])
    class_ = "al-picture al-only-broad" if wide == BROAD else "al-picture al-only-narrow"
    return _svg(wide, PAIRED + 60, f"Difference of the losses on the same rows{unit}", said, *drawn, class_=class_)


def _runs(values: Sequence[object]) -> list[tuple[int, int]]:
    """First and last place of each run of equal neighbours."""
    runs: list[tuple[int, int]] = []
    for place, value in enumerate(values):
        if runs and values[runs[-1][0]] == value:
            runs[-1] = (runs[-1][0], place)
        else:
            runs.append((place, place))
    return runs
