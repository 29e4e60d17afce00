"""Single readings that jump away from the level around them and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assayline.core import Finding, Past, Profile
from assayline.measures import natures
from assayline.measures.nature import kept

from .disguised_missing import placeholders
from .intervals import iso, listed, spoken
from .locating import RowsAre
from .streams import LEAST_ROWS, Streams, streams_of
from .tail import standing_apart
from .wording import number

REACH = 3  # readings on each side that make the local level: a median of seven forgets a spike of up to three
ALARMS = 0.02  # promised share of sound series that are accused, from …
KNOWN_FROM = 1000  # … readings on; of shorter series the tail is less sure, and fewer are accused …
TOGETHER = 3  # … and of columns with more devices at most three times that
PLAIN, PLAIN_ALARMS = 4.0, 0.03  # times the largest other jump, from which a little less is asked: few tails with a variance have such a gap
LEAST_JUMP = 0.5  # of the quartile distance of the device's readings: smaller ones are of no consequence, however steady the rest
DIFFERENT = 30  # different readings below which the column is a state or a setting
SHOWN = 5  # devices of a column that are named one by one

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Spike:
    """The readings of one device that stand apart.

    Args:
        key: the device.
        p: probability under the tail of its own jumps, all questions asked included.
        places: of the peaks, in its readings, the largest first.
        stretches: first and last time of each.
        rows: row numbers of all accused readings.
        values: what stands in them.
        value, level, jump, next_jump: the largest: what stands there, the median around it, the difference; the largest difference elsewhere.
    """

    key: str
    p: float
    places: Whole
    stretches: tuple[tuple[int, int], ...]
    rows: Whole
    values: frozenset[float]
    value: float
    level: float
    jump: float
    next_jump: float


class Spikes:
    """Finds one or a few readings far off the local level of their own series, for each device on its own.

    Reads:    the row sample, where it is the whole table; `values` (placeholders are left to others).
    Finds:    "outliers" per column and device (`where`); evidence `key`, `start`, `end`, `intervals`, `value`, `local_level`, `jump`,
              `next_jump`, `chance`.
    Silent:   without a clock by which sources report, in tables above 65,536 rows, with fewer than 60 readings of a device, on states, on jumps below half the quartile
              distance, and where jumps have a tail that reaches as far (rain, bursts, incomes).
    Source:   running median of seven; log-spacings of the tail (Rényi 1953, Hill 1975); docs/detectors/outliers.md.

    >>> import datetime, polars as pl
    >>> from assayline.measures import profile
    >>> start, rng = datetime.datetime(2024, 5, 1), np.random.default_rng(3)
    >>> level = np.cumsum(rng.normal(size=400))
    >>> level[200] += 90
    >>> table = pl.DataFrame({"at": [start + datetime.timedelta(minutes=5 * n) for n in range(400)], "bar": level})
    >>> [(finding.evidence["start"], finding.rows) for finding in Spikes()(profile(table), Past())]
    [('2024-05-01T16:40:00', 1)]
    """

    codes = ("outliers",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        streams = streams_of(profile)
        if streams is None:
            return
        for column, found in spikes(profile).items():
            for one in found[:SHOWN]:
                yield _said(streams, column, one, len(found))


def spikes(profile: Profile) -> dict[str, list[Spike]]:
    """What stands apart in each column, the surest first."""
    return kept(profile, "spikes", lambda: _spikes(profile))


def _spikes(profile: Profile) -> dict[str, list[Spike]]:
    streams = streams_of(profile)
    if streams is None:
        return {}
    found: dict[str, list[Spike]] = {}
    for column, nature in natures(profile).items():
        if nature.kind != "number" or nature.meaning is not None or column == streams.key or nature.distinct < DIFFERENT:
            continue
        numbers = streams.numbers(column)
        taken = [one.number for one in placeholders(profile, column)]
        if taken:
            numbers = np.where(np.isin(numbers, taken), np.nan, numbers)
        devices = [(key, place) for key, place in streams.each() if np.isfinite(numbers[place]).sum() >= LEAST_ROWS]
        asked = max(1.0, len(devices) / TOGETHER)
        believed = []
        for key, place in devices:
            one = _in_series(streams, key, place, numbers[place])
            if one is None:
                continue
            readings = place.stop - place.start
            plain = readings >= KNOWN_FROM and abs(one.jump) >= PLAIN * one.next_jump
            if one.p * asked <= (PLAIN_ALARMS if plain else ALARMS * min(1.0, readings / KNOWN_FROM)):
                believed.append(one)
        believed.sort(key=lambda one: one.p)
        if believed:
            found[column] = believed
    return found


def jumps(x: Floats) -> Floats:
    """How far each reading lies from the median of the seven around it.

    At the ends, where the median lies to one side, only what exceeds the whole range of the others counts: a slope is no jump.

    >>> jumps(np.array([1.0, 2, 3, 4, 50, 6, 7, 8, 9])).tolist()
    [0.0, 0.0, 0.0, 0.0, 44.0, -1.0, 0.0, 0.0, 0.0]
    """
    n, width = len(x), 2 * REACH + 1
    first = np.clip(np.arange(n) - REACH, 0, n - width)
    windows = np.lib.stride_tricks.sliding_window_view(x, width)
    result: Floats = x - np.median(windows, axis=1)[first]
    for i in (*range(REACH), *range(n - REACH, n)):
        others = np.delete(windows[first[i]], i - first[i])
        result[i] = np.sign(result[i]) * max(0.0, abs(result[i]) - float(others.max() - others.min()))
    return result + 0.0  # no negative zeros


def _in_series(streams: Streams, key: str, place: slice, numbers: Floats) -> Spike | None:
    filled = np.flatnonzero(np.isfinite(numbers))
    x = numbers[filled]
    different = np.unique(x)
    if len(different) < DIFFERENT:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        jump = jumps(x)
        resolution = float(np.diff(different).min())
        low, high = np.quantile(x, [0.25, 0.75])
    if not np.isfinite(jump).all():
        return None
    # Both directions together know the tail best; each alone knows it where one is long (bursts) and the other short (drops to nothing).
    views = ((np.abs(jump), 0.6), (np.maximum(jump, 0.0), 0.2), (np.maximum(-jump, 0.0), 0.2))
    tried = [(apart.p / weight, view, apart) for view, weight in views if (apart := standing_apart(view, resolution, REACH)) is not None]
    if not tried:
        return None
    p, view, apart = min(tried, key=lambda one: one[0])
    peaks = np.array([peak for peak in apart.places.tolist() if view[peak] >= LEAST_JUMP * (high - low)], dtype=np.int64)
    if not len(peaks):
        return None
    accused, stretches = [], []
    for peak in peaks.tolist():
        near = np.arange(max(0, peak - REACH), min(len(x), peak + REACH + 1))
        near = near[view[near] * np.sign(jump[near]) * np.sign(jump[peak]) >= 0.5 * view[peak]]
        accused.append(near)
        first, last = place.start + filled[near[0]], place.start + filled[near[-1]]
        stretches.append((int(streams.micros[first]), int(streams.micros[last])))
    all_accused = np.concatenate(accused)
    rows = np.unique(streams.rows[place][filled[all_accused]])
    top = int(peaks[0])
    return Spike(
        key, min(1.0, p), peaks, tuple(stretches), rows, frozenset(x[all_accused].tolist()), float(x[top]), float(x[top] - jump[top]), float(jump[top]), apart.next_largest
    )  # fmt: skip


def _said(streams: Streams, column: str, one: Spike, devices: int) -> Finding:
    where = streams.named(one.key)
    start, end = one.stretches[0]
    more = len(one.stretches) - 1
    when = f"at {spoken(start)}" if start == end else f"from {spoken(start)} to {spoken(end)}"
    who = f"{column} of {where}" if where else column
    sentence = (
        f"{who} jumps to {number(one.value)} {when}, while the readings around lie near {number(one.level)}: {number(abs(one.jump))} off; "
        f"{'so do ' + str(more) + ' further places, and ' if more > 1 else 'so does 1 further place, and ' if more else ''}"
        f"nowhere else does a reading lie more than {number(one.next_jump)} off."
        + (f" {devices - SHOWN} further devices have such jumps." if devices > SHOWN else "")
    )
    evidence: dict[str, float | str] = {"key": one.key} if streams.key is not None else {}
    return Finding(
        "outliers", (column,), sentence, severity=0.5, where=where, rows=len(one.rows), exact_rows=True,
        evidence=evidence | {
            "start": iso(start), "end": iso(end), "intervals": listed(one.stretches), "value": one.value, "local_level": one.level,
            "jump": one.jump, "next_jump": one.next_jump, "chance": one.p,
        },
        suggestion="check these readings; treat them as missing if the device was disturbed", locate=RowsAre(column, tuple(one.rows.tolist()), 0.8),
    )  # fmt: skip
