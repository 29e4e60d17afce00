"""Periods in which a source that reports by the clock sent nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assayline.core import Finding, Past, Profile
from assayline.measures import DeviceSteps
from assayline.measures.clock import DAY, HOUR

from .intervals import every, iso, lasting, listed, spoken
from .streams import Streams, device_column, streams_of
from .summer_time import is_change

LEAST_MISSING = 3  # readings: one or two are lost on the way everywhere
LATE = 1.5  # times the cadence from which an interval lost at least one reading
AROUND, WITHIN = 8, 40  # readings on each side within so many cadences: a few stray dates do not make a gap
STANDING = 10_000  # readings before a gap in which a stopped clock is looked for
EXAMINED = 200  # longest intervals looked at
SLOTS = 200  # readings of one gap for which the calendar is asked, evenly spread
DUE = 0.75  # share of the comparable times at which there was a reading, from which this one was due
LEAST_DEVICES, LEAST_OF_LARGE = 10, 10  # devices, and readings, of a table too large for its calendar to be asked
FAR_LONGER, FEW_DEVICES = 5.0, 0.05  # times the second longest silence of the device; share of the devices that may have one
LONG = 0.5  # a gap half as long counts as one of the same kind …
USUAL = 5  # … and with more than five of them, or …
USUAL_SHARE = 0.001  # … one in a thousand readings, gaps of this length are how the source is
TOGETHER = 0.8  # share of the devices that must be silent at the same time to call it a gap of the whole table
SHOWN = 5  # devices that are named one by one
UNKNOWN_DAYS = 6  # weeks of the same weekday that are asked

Whole = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Gap:
    """A stretch without readings of one device.

    Args:
        device: number of the device.
        before, after: times of the readings around it; `after` is the end of the table when the device never came back.
        missing: readings that were due in it, by the calendar of the device.
        cadence: of the device, microseconds.
        back: whether the device came back.
    """

    device: int
    before: int
    after: int
    missing: int
    cadence: float
    back: bool = True

    @property
    def start(self) -> int:
        """When the first missing reading was due."""
        return int(self.before + self.cadence)


class Gaps:
    """Finds periods inside a table in which a source sent nothing, by its own cadence and its own week.

    Reads:    the row sample, where it is the whole table; else `device_steps` and `values`.
    Finds:    "missing_day" per time column and device (`where`), or for the whole table when most devices are silent together; evidence
              `key`, `start`, `end`, `intervals`, `missing_records`, `cadence_seconds`.
    Silent:   for fewer than three missing readings, at times the source never reports (nights, weekends, Sundays), where the table is
              too short to tell, where gaps as long are usual, and without a cadence.
    Source:   definition of a cadence; comparison with the same time on other days and weeks; docs/detectors/missing_day.md.

    >>> import datetime, polars as pl
    >>> from assayline.measures import profile
    >>> start = datetime.datetime(2024, 5, 6)
    >>> hours = [start + datetime.timedelta(hours=n) for n in range(24 * 7) if not 100 <= n < 110]
    >>> [(found.evidence["start"], found.evidence["missing_records"]) for found in Gaps()(profile(pl.DataFrame({"at": hours})), Past())]
    [('2024-05-10T04:00:00', 10)]
    """

    codes = ("missing_day",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        streams = streams_of(profile)
        if streams is None:
            yield from _of_large(profile)
            return
        gaps = _unusual(_due(streams), len(streams.at))
        common, single = _together(gaps, len(streams.keys))
        if common:
            yield _said(streams, None, common, len(streams.keys))
        by_device: dict[int, list[Gap]] = {}
        for gap in single:
            by_device.setdefault(gap.device, []).append(gap)
        ranked = sorted(by_device.items(), key=lambda item: (-max(gap.missing for gap in item[1]), item[0]))
        for device, found in ranked[:SHOWN]:
            yield _said(streams, streams.keys[device], found, len(ranked))


def _due(streams: Streams) -> list[Gap]:
    """The longest intervals without readings in which readings were due, longest first."""
    device = np.repeat(np.arange(len(streams.keys)), np.diff(streams.bounds))
    by_time = np.lexsort((streams.micros, device))
    times = streams.micros[by_time]
    cadence = streams.cadence[device]
    steps = np.diff(times)
    late = np.flatnonzero((device[1:] == device[:-1]) & (steps >= (LEAST_MISSING + 0.5) * cadence[1:]))
    late = late[np.argsort(-(steps[late] / cadence[late]), kind="stable")][:EXAMINED]
    found = [
        Gap(int(device[place]), int(times[place]), int(times[place + 1]), 0, float(cadence[place]))
        for place in late.tolist() if not _came_under_other_times(streams, times, by_time, place)
    ]  # fmt: skip
    found += _ended(streams, times)
    judged = []
    for gap in found:
        own = times[streams.bounds[gap.device] : streams.bounds[gap.device + 1]]
        missing = _missing(gap, own, times) if _lasts_around(gap, own) else 0
        if missing >= LEAST_MISSING:
            judged.append(Gap(gap.device, gap.before, gap.after, missing, gap.cadence, gap.back))
    return sorted(judged, key=lambda gap: (-gap.missing * gap.cadence, gap.device, gap.before))


def _lasts_around(gap: Gap, own: Whole) -> bool:
    """Whether the device reports for a while before and after the gap."""
    reach = WITHIN * gap.cadence
    before = np.searchsorted(own, gap.before, side="right") - np.searchsorted(own, gap.before - reach)
    after = np.searchsorted(own, gap.after + reach, side="right") - np.searchsorted(own, gap.after)
    return bool(before >= AROUND and (after >= AROUND or not gap.back))


def _came_under_other_times(streams: Streams, times: Whole, by_time: Whole, place: int) -> bool:
    """Whether the records of the interval are there, under the time of a stopped clock or of one that was put back."""
    if not streams.in_order:
        return False
    device = int(np.searchsorted(streams.bounds, place, side="right")) - 1
    lowest = max(int(streams.bounds[device]), place - STANDING)
    standing = place - lowest - int(np.searchsorted(times[lowest : place + 1], times[place]))
    between = int(by_time[place + 1] - by_time[place]) - 1
    return max(standing, between) >= LEAST_MISSING


def _ended(streams: Streams, times: Whole) -> list[Gap]:
    """Devices that stopped long before the others."""
    if len(streams.keys) < 2:
        return []
    last = np.array([int(times[high - 1]) for high in streams.bounds[1:]], dtype=np.int64)
    end = int(np.quantile(last, 0.9, method="nearest"))
    there = last >= end - 2 * streams.cadence
    if there.mean() < TOGETHER:
        return []
    return [
        Gap(number, int(last[number]), end + int(streams.cadence[number]), 0, float(streams.cadence[number]), back=False)
        for number in np.flatnonzero(end - last >= (LEAST_MISSING + 0.5) * streams.cadence).tolist()
    ]  # fmt: skip


def _missing(gap: Gap, own: Whole, all_times: Whole) -> int:
    """How many readings were due in a gap: those whose time of day has a reading on comparable days.

    Comparable are the same weekday in other weeks and, from Monday to Friday, the neighbouring working days. Where the table holds no
    such day, the other devices tell, if they report then; a gap inside one day needs no calendar.
    """
    lost = round((gap.after - gap.before) / gap.cadence) - 1
    if lost < LEAST_MISSING:
        return 0
    number = np.unique(np.linspace(1, lost, min(lost, SLOTS)).astype(np.int64))
    slots = gap.before + np.rint(number * gap.cadence).astype(np.int64)
    weekday = (slots // DAY + 3) % 7
    seen, there = np.zeros(len(slots)), np.zeros(len(slots))
    days = [7 * week * sign for week in range(1, UNKNOWN_DAYS + 1) for sign in (-1, 1)]
    if gap.cadence < 7 * DAY:
        for days_off in (*days, -1, 1, -2, 2, -3, 3, -4, 4):
            other = slots + days_off * DAY
            inside = (other >= own[0]) & (other <= own[-1]) & ((other <= gap.before) | (other >= gap.after))
            if days_off % 7:
                inside &= (weekday <= 4) & ((other // DAY + 3) % 7 <= 4)
            at = np.clip(np.searchsorted(own, other), 1, len(own) - 1)
            near = np.minimum(np.abs(own[at] - other), np.abs(other - own[at - 1])) <= max(gap.cadence / 2, 1)
            seen += inside
            there += inside & near
    known = seen > 0
    due = known & (there >= DUE * seen)
    same_day = gap.before // DAY == gap.after // DAY and gap.after - gap.before < DAY / 2
    if same_day or gap.cadence >= 7 * DAY or _others_report(slots, own, all_times, gap):
        due |= ~known
    return round(lost * float(due.mean()))


def _others_report(slots: Whole, own: Whole, all_times: Whole, gap: Gap) -> bool:
    """Whether the other devices report during the gap as often as around it."""
    others = len(all_times) - len(own)
    if not others:
        return False
    ordered = np.sort(all_times)
    span = max(1, int(ordered[-1] - ordered[0]))
    inside = int(np.searchsorted(ordered, gap.after) - np.searchsorted(ordered, gap.before, side="right"))
    return inside >= DUE * others * (gap.after - gap.before) / span


def _unusual(gaps: list[Gap], readings: int) -> list[Gap]:
    """The gaps that are longer than this table's gaps are; one outage of many devices is one gap."""
    moments: list[Gap] = []
    for gap in gaps:
        if not any(_overlap(gap, other) >= LONG for other in moments):
            moments.append(gap)
    lengths = np.array([gap.after - gap.before for gap in moments], dtype=np.float64)
    allowed = max(USUAL, USUAL_SHARE * readings)
    return [gap for gap in gaps if (lengths >= LONG * (gap.after - gap.before)).sum() <= allowed]


def _overlap(a: Gap, b: Gap) -> float:
    """Length of what two gaps share over the length of what they cover together."""
    shared = min(a.after, b.after) - max(a.before, b.before)
    return max(0.0, shared / (max(a.after, b.after) - min(a.before, b.before)))


def _together(gaps: list[Gap], devices: int) -> tuple[list[Gap], list[Gap]]:
    """The gaps most devices share (one for each), and the others."""
    if devices == 1:
        return [], gaps
    common: list[Gap] = []
    single: list[Gap] = []
    for gap in gaps:
        if any(_overlap(gap, other) >= LONG for other in common):
            continue
        silent = {other.device for other in gaps if _overlap(gap, other) >= LONG}
        (common if (len(silent) >= TOGETHER * devices and devices > 2) or len(silent) == devices else single).append(gap)
    return common, single


def put_forward(gap: Gap) -> bool:
    """Whether the gap is the hour that local time leaves out in spring."""
    return abs(gap.after - gap.start - HOUR) <= 2 * gap.cadence and is_change(gap.start, autumn=False)


def _of_large(profile: Profile) -> Iterable[Finding]:
    """Devices of a table too large to be held row by row: the longest silence of each, against its second longest and the other devices."""
    for column, steps in profile.all_of(DeviceSteps).items():
        key = device_column(profile, column, steps.keys)
        if key is None or len(steps.keys) < LEAST_DEVICES:
            continue
        cadence = steps.cadence()
        with np.errstate(invalid="ignore", divide="ignore"):
            missing = np.rint(steps.longest / cadence) - 1
            silent = (steps.rows >= 2 * AROUND) & (cadence > 0) & (missing >= LEAST_OF_LARGE) & (steps.longest >= FAR_LONGER * steps.second)
        # A silence of many devices may be a night: only what is the exception among them is news.
        if not silent.any() or silent.sum() > max(1, FEW_DEVICES * len(steps.keys)):
            continue
        order = np.flatnonzero(silent)[np.argsort(-steps.longest[silent], kind="stable")]
        for number in order[:SHOWN].tolist():
            gap = Gap(number, int(steps.longest_start[number]), int(steps.longest_start[number] + steps.longest[number]), int(missing[number]), float(cadence[number]))
            yield _worded(column, key, steps.keys[number], [gap], len(order))


def _said(streams: Streams, key: str | None, gaps: list[Gap], devices: int) -> Finding:
    return _worded(streams.time, streams.key, key, gaps, devices)


def _worded(time: str, column: str | None, key: str | None, gaps: list[Gap], devices: int) -> Finding:
    worst = gaps[0]
    alone = column is None
    where = None if alone or key is None else f"{column} = {key}"
    who = f"{column} {key} sent nothing" if where else "There are no records" if alone else f"None of the {devices} values of {column} sent anything"
    missing = worst.missing
    lost = round((worst.after - worst.before) / worst.cadence) - 1
    sentence = (
        f"{who} from {spoken(worst.start)} to {spoken(worst.after)}"
        f"{'' if worst.back else ', the end of the table'}: {missing:,} readings at {'its' if where else 'the' if alone else 'their'} {every(worst.cadence)} cadence"
        + (" are missing" if missing == lost else f" were due then ({lasting(worst.after - worst.start)})")
        + (f"; and {len(gaps) - 1} further gap{'s' if len(gaps) > 2 else ''}." if len(gaps) > 1 else ".")
        + (f" {devices - SHOWN} further values of {column} have gaps." if where and devices > SHOWN else "")
    )
    severity = 0.5
    if all(put_forward(gap) for gap in gaps):
        severity, sentence = 0.2, f"{sentence} It is the hour that local time leaves out when clocks are put forward."
    evidence: dict[str, float | str] = {"key": key} if where and key is not None else {}
    return Finding(
        "missing_day", (time,) if not where or column is None else (time, column), sentence, severity=severity, where=where,
        evidence=evidence | {
            "start": iso(worst.start), "end": iso(worst.after), "intervals": listed((gap.start, gap.after) for gap in gaps),
            "missing_records": missing, "cadence_seconds": worst.cadence / 1e6,
        },
        suggestion="ask for the missing period",
    )  # fmt: skip
