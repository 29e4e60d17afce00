"""The rows of a table as streams: which column is the clock, which one names the devices, and the readings of each in order.

Detectors of gaps, jumps and stopped clocks all need the same view, so it is made once for a profile.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.core import Profile
from assayline.measures import HEAD_ROWS, Block, Plan, Sample, Values, natures, shown
from assayline.measures.clock import DAY, HOUR
from assayline.measures.nature import Nature, kept

LEAST_ROWS = 60  # below that neither a cadence nor a level is known
LEAST_READINGS = 8  # of a device, as for the plan's key
UNIQUE = 0.9  # share of (device, time) pairs that differ, …
STOPS = 3  # … besides as many longest runs of one time, or one for each device: a stopped clock must not hide the stream
ALIKE = 0.25  # rows of the middle device over those of the largest: sources of one table report about as often, categories do not
SHARED_TIMES = 0.8  # share of different times above which rows do not come from several devices that report together
SORTED = 0.99  # share of steps forward in time; below it the rows have no order that could be broken
REGULAR = 0.5  # share of intervals within a quarter of the usual one: from a source that reports by the clock, not by chance
NEAR = 0.25
SMOOTHER = 0.8  # a key that is not needed to tell the rows apart must make most readings this much smoother
MOST_CANDIDATES = 16
MOST_CLOCKS = 3

Whole = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Streams:
    """The readings of each device, one device after the other, in order of time.

    Args:
        time: the column that holds the times.
        key: the column that names the devices; None when the table is one stream.
        keys: the devices as text; ("",) for one stream.
        bounds: where each device begins in the arrays below, and the end.
        at: position in the sample of each reading.
        rows: row number of each reading.
        micros: time of each reading, microseconds since 1970.
        cadence: usual interval of each device, microseconds.
        in_order: whether the rows arrived in order of time (99 of 100 steps forward); otherwise they were sorted here.
        block: the sampled rows, typed.
    """

    time: str
    key: str | None
    keys: tuple[str, ...]
    bounds: Whole
    at: Whole
    rows: Whole
    micros: Whole
    cadence: Floats
    in_order: bool
    block: Block
    _numbers: dict[str, Floats] = field(default_factory=dict)

    def each(self) -> list[tuple[str, slice]]:
        """Each device with its place in the arrays."""
        return [(key, slice(low, high)) for key, (low, high) in zip(self.keys, pairwise(self.bounds.tolist()), strict=True)]

    def numbers(self, column: str) -> Floats:
        """The readings of a column in order; NaN where there is none."""
        if column not in self._numbers:
            typed = self.block.column(column).typed
            self._numbers[column] = typed.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()[self.at]
        return self._numbers[column]

    def named(self, key: str) -> str | None:
        """A device as a place in the table."""
        return f"{self.key} = {key}" if self.key is not None else None


def streams_of(profile: Profile) -> Streams | None:
    """The streams of a table that is known row by row; None where it has no clock by which sources report.

    >>> import datetime
    >>> from assayline.measures import profile
    >>> start = datetime.datetime(2024, 5, 1)
    >>> at = [start + datetime.timedelta(minutes=5 * (n // 2)) for n in range(200)]
    >>> found = streams_of(profile(pl.DataFrame({"at": at, "device": ["a", "b"] * 100, "x": [0.1 * n for n in range(200)]})))
    >>> found.key, found.keys, found.cadence.tolist()
    ('device', ('a', 'b'), [300000000.0, 300000000.0])
    """
    return kept(profile, "streams", lambda: _streams(profile))


def _streams(profile: Profile) -> Streams | None:
    sample = profile.of(None, Sample)
    if sample is None or not sample.exact or sample.frame.height < LEAST_ROWS:
        return None
    every = natures(profile)
    clocks = [name for name, nature in every.items() if nature.kind == "time" and nature.filled >= 0.9 * sample.frame.height]
    if not clocks:
        return None
    frame = sample.frame
    text = all(dtype == pl.String for dtype in frame.dtypes)
    block = Block(frame, Plan.of(frame.head(HEAD_ROWS), text))
    for clock in clocks[:MOST_CLOCKS]:
        if clock in frame.columns and block.column(clock).kind == "time":
            found = _by(block, sample, clock, every)
            if found is not None:
                return found
    return None


def _by(block: Block, sample: Sample, clock: str, every: dict[str, Nature]) -> Streams | None:
    typed = block.column(clock).typed.to_physical()
    known = np.flatnonzero(typed.is_not_null().to_numpy())
    micros = typed.fill_null(0).to_numpy().astype(np.int64)
    alone = _arranged(block, sample, clock, None, known, micros)
    preferred = block.plan.key
    if alone is not None:
        keyed = _arranged(block, sample, clock, preferred, known, micros) if preferred and not _told_by_calendar(block, preferred, micros) else None
        return keyed if keyed is not None and _is_smoother(keyed, alone, every) else alone
    shares = len(np.unique(micros[known])) / max(1, len(known))
    if shares > SHARED_TIMES:  # the times are told apart without a key, and only a source known to report by the clock can be one
        keyed = _arranged(block, sample, clock, preferred, known, micros) if preferred else None
        return keyed if keyed is not None and preferred and not _told_by_calendar(block, preferred, micros) else None
    candidates = [
        name for name, nature in every.items()
        if name != clock and name in sample.frame.columns and 2 <= nature.distinct <= nature.filled // LEAST_READINGS
        and nature.filled >= 0.99 * sample.frame.height and (nature.kind in ("category", "text", "identifier", "boolean") or _is_whole(block, name))
    ]  # fmt: skip
    candidates.sort(key=lambda name: (name != preferred, every[name].distinct))
    for name in candidates[:MOST_CANDIDATES]:
        found = _arranged(block, sample, clock, name, known, micros)
        if found is not None:
            return found
    return None


def _is_whole(block: Block, name: str) -> bool:
    column = block.column(name)
    if column.kind != "number":
        return False
    numbers = column.numbers
    return bool(len(numbers)) and bool((numbers == np.rint(numbers)).all())


def _arranged(block: Block, sample: Sample, clock: str, key: str | None, known: Whole, micros: Whole) -> Streams | None:
    """The view by one key, if the rows of each of its values are the readings of one source."""
    at, keys = known, ("",)
    codes = np.zeros(len(at), dtype=np.int64)
    if key is not None:
        series = block.column(key).series
        who = series if series.dtype == pl.String else pl.Series(shown(series), dtype=pl.String).set(series.is_null(), None)
        names = who.drop_nulls().unique().sort()
        at = at[who.is_not_null().to_numpy()[at]]
        keys = tuple(names.to_list())
        codes = np.searchsorted(np.arange(names.len()), _codes(who, names)[at])
    if len(at) < LEAST_ROWS:
        return None
    order = np.argsort(codes, kind="stable")
    at, codes = at[order], codes[order]
    times = micros[at]
    same = codes[1:] == codes[:-1]
    steps = np.diff(times)[same]
    if not len(steps):
        return None
    if int((steps < 0).sum()) > SORTED * max(1, int(np.count_nonzero(steps))):  # the newest first
        at, codes = at[::-1], codes[::-1]
        order = np.argsort(codes, kind="stable")
        at, codes = at[order], codes[order]
        steps = np.diff(micros[at])[codes[1:] == codes[:-1]]
    in_order = bool((steps < 0).mean() <= 1 - SORTED)
    by_time = np.lexsort((micros[at], codes))
    times, sorted_codes = micros[at][by_time], codes[by_time]
    fresh = np.concatenate(([True], (np.diff(times) != 0) | (np.diff(sorted_codes) != 0)))
    same_time = np.sort(np.diff(np.append(np.flatnonzero(fresh), len(fresh))))[::-1][: max(STOPS, len(keys))]
    if fresh.sum() < UNIQUE * (len(at) - int((same_time - 1).sum())):
        return None
    bounds = np.searchsorted(codes, np.arange(len(keys) + 1))
    sizes = np.diff(bounds)
    if np.median(sizes) < ALIKE * sizes.max():
        return None
    cadence = _cadence(times, bounds)
    if cadence is None:
        return None
    if not in_order:
        at = at[by_time]
    return Streams(clock, key, keys, bounds, at, sample.numbers[at], micros[at], cadence, in_order, block)


def _codes(who: pl.Series, names: pl.Series) -> Whole:
    return names.search_sorted(who.fill_null(names[0])).to_numpy().astype(np.int64)


def _cadence(times: Whole, bounds: Whole) -> Floats | None:
    """The usual interval of each device; None unless at least half of the intervals are close to it."""
    steps = np.diff(times)
    device = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    usable = (device[1:] == device[:-1]) & (steps > 0)
    if usable.sum() < LEAST_ROWS // 2:
        return None
    table = pl.DataFrame({"k": device[1:][usable], "d": steps[usable]})
    usual = table.group_by("k").agg(c=pl.col("d").median(), n=pl.len())
    cadence = np.full(len(bounds) - 1, float(np.median(steps[usable])))
    enough = usual.filter(pl.col("n") >= LEAST_READINGS - 1)
    cadence[enough["k"].to_numpy()] = enough["c"].to_numpy()
    due = cadence[device[1:][usable]]
    close = np.abs(steps[usable] - due) <= NEAR * due
    return cadence if close.mean() >= REGULAR else None


def _told_by_calendar(block: Block, key: str, micros: Whole) -> bool:
    """Whether the time alone says what stands in the column: an hour of the day or a weekday is no device."""
    codes = block.column(key).series.hash(0)
    parts = {
        "hour": (micros // HOUR) % 24, "weekday": (micros // DAY + 3) % 7, "day": micros // DAY, "half hour": (micros // (HOUR // 2)) % 48,
        "month": pl.Series(micros).cast(pl.Datetime("us")).dt.month().to_numpy().astype(np.int64),
        "year": pl.Series(micros).cast(pl.Datetime("us")).dt.year().to_numpy().astype(np.int64),
    }  # fmt: skip
    for part in parts.values():
        table = pl.DataFrame({"p": part, "k": codes}).unique()
        if table.height == table["p"].n_unique() and table["p"].n_unique() > 1:
            return True
    return False


def _is_smoother(keyed: Streams, alone: Streams, every: dict[str, Nature]) -> bool:
    """Whether most columns of numbers change less from reading to reading of one device than from row to row."""
    votes = []
    for name, nature in every.items():
        if nature.kind == "number" and nature.distinct >= 30 and name not in (keyed.key, keyed.time):
            within, overall = (_roughness(streams, name) for streams in (keyed, alone))
            if overall > 0:
                votes.append(within < SMOOTHER * overall)
    return bool(votes) and sum(votes) > len(votes) / 2


def _roughness(streams: Streams, column: str) -> float:
    steps = np.abs(np.diff(streams.numbers(column)))
    inside = np.ones(len(steps), dtype=np.bool_)
    inside[streams.bounds[1:-1] - 1] = False
    steps = steps[inside & np.isfinite(steps)]
    return float(steps.mean()) if len(steps) else 0.0


def device_column(profile: Profile, column: str, keys: tuple[str, ...]) -> str | None:
    """The column that names these devices."""
    names = set(keys)
    return next((name for name, values in profile.all_of(Values).items() if values.complete and names <= set(values.counts) and name != column), None)
