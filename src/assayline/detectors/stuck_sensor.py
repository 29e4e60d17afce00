"""A value that repeats for far longer than its column ever moves that little."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from assayline.core import Cell, Finding, Past, Profile
from assayline.measures import HEAD_ROWS, Block, DeviceRuns, DeviceSteps, Moments, Plan, Runs, Sample, natures, shown
from assayline.measures.nature import Nature

from .disguised_missing import placeholders
from .intervals import iso, listed, spoken
from .locating import RowsAre
from .standing import Standstill, standstills
from .streams import LEAST_ROWS as LEAST_OF_STREAM
from .streams import SORTED, Streams, device_column, streams_of
from .wording import number

LEAST_ROWS = 200
LEAST_RUN = 20
BY_CHANCE = 1e-9  # expected runs of that length in the whole column; small, for readings do depend on the one before
MOVING = 0.4  # share of rows that may repeat the row before: a reading that rests more often than that is a state
DIFFERENT = 30  # different values below which the column is a state or a setting
COMMON = 0.02  # share of the rows outside the run above which the value itself is a resting level (zero rain, zero flow)


def chance_of_run(runs: Runs) -> tuple[float, float]:
    """How often a value is followed by itself outside the longest run, and how many runs as long one would expect.

    >>> repeat, expected = chance_of_run(Runs(rows=100, filled=100, runs=51, longest=50))
    >>> repeat, expected < 1e-9
    (0.02, True)
    """
    outside = max(1, runs.filled - runs.longest)
    repeats = max(0, runs.filled - runs.runs - (runs.longest - 1))
    repeat = (repeats + 1) / outside  # one more than seen: the next one is not excluded
    if repeat >= 1:
        return min(1.0, repeat), float(runs.filled)
    return repeat, runs.filled * math.exp((runs.longest - 1) * math.log(repeat))


@dataclass(frozen=True)
class RunOf:
    """Accuses the rows of one run.

    Args:
        column: the column.
        first: row where it starts.
        rows: how many.
    """

    column: str
    first: int
    rows: int

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def fresh(self) -> RunOf:
        return self

    def __call__(self, block: Block, /) -> Sequence[Cell]:
        low, high = max(self.first, block.start), min(self.first + self.rows, block.start + block.rows)
        if low >= high:
            return []
        values = shown(block.column(self.column).series[low - block.start : high - block.start])
        return [Cell(low + i, self.column, 0.85, value) for i, value in enumerate(values)]


@dataclass
class RunOfDevice:
    """Accuses the readings of one run of one device.

    Args:
        column: the readings.
        key: the column that names the device.
        device: which one.
        first: row where the run starts.
        readings: how many readings it has.
    """

    column: str
    key: str
    device: str
    first: int
    readings: int
    left: int = -1

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column, self.key)

    def fresh(self) -> RunOfDevice:
        return RunOfDevice(self.column, self.key, self.device, self.first, self.readings, self.readings)

    def __call__(self, block: Block, /) -> Sequence[Cell]:
        if self.left == 0 or block.start + block.rows <= self.first:
            return []
        after = max(0, self.first - block.start)
        series, who = block.column(self.column).series, block.column(self.key).series
        text = who if who.dtype == pl.String else pl.Series(shown(who), dtype=pl.String)
        rows = np.flatnonzero(((text == self.device).fill_null(False) & series.is_not_null()).to_numpy())
        rows = rows[rows >= after][: self.left]
        self.left -= len(rows)
        return [
            Cell(block.start + row, self.column, 0.85, value)
            for row, value in zip(rows.tolist(), shown(series.gather(rows)), strict=True)
        ]  # fmt: skip


class StuckSensor:
    """Finds readings that stopped moving, in the whole column or for one of the devices that report in turn.

    Reads:    `runs`, `device_runs`, `distinct`, `moments`, the row sample.
    Finds:    "stuck_sensor" per column, and per device in `where`; evidence `key`, `start`, `end`, `intervals`, `run_rows`,
              `usual_run_rows`, `chance`.
    Silent:   on columns of few different values, on values that are common elsewhere (zero rain), on columns that rest in more
              than four of ten rows, and in sorted tables.
    Source:   longest run under a geometric law (Schilling 1990), docs/detectors/stuck_sensor.md.

    >>> from assayline.measures import profile
    >>> reading = [20 + math.sin(n * 1.7) * 5 for n in range(400)]
    >>> reading[100:160] = [reading[100]] * 60
    >>> [finding.evidence["run_rows"] for finding in StuckSensor()(profile(pl.DataFrame({"celsius": reading})), Past())]
    [60]
    """

    codes = ("stuck_sensor",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        streams = streams_of(profile)
        for column, nature in natures(profile).items():
            if streams is not None:
                yield from _row_by_row(profile, streams, column, nature)
                continue
            runs, moments = profile.of(column, Runs), profile.of(column, Moments)
            if nature.kind != "number" or runs is None or moments is None or runs.filled < LEAST_ROWS or nature.distinct < DIFFERENT:
                continue
            if moments.whole == moments.n and nature.distinct < 0.2 * nature.filled:
                continue  # counts and codes repeat
            repeat, chance = chance_of_run(runs)
            if runs.longest >= LEAST_RUN and repeat < MOVING and chance < BY_CHANCE and not _rests(profile, column, runs.longest_start, runs.longest):
                when = _when(profile, runs.longest_start, runs.longest)
                yield _said(column, runs.longest, repeat, chance, runs.rows, RunOf(column, runs.longest_start, runs.longest), None, when)
            else:
                yield from _by_device(profile, column)


def _row_by_row(profile: Profile, streams: Streams, column: str, nature: Nature) -> Iterable[Finding]:
    """The runs of each device, where every row and its time are known."""
    if nature.kind != "number" or nature.distinct < DIFFERENT or nature.filled < LEAST_OF_STREAM or column == streams.key:
        return
    numbers = streams.numbers(column)
    taken = [one.number for one in placeholders(profile, column)]
    if taken:
        numbers = np.where(np.isin(numbers, taken), np.nan, numbers)
    by_device: dict[str, list[Standstill]] = {}
    for one in standstills(streams, numbers):
        by_device.setdefault(one.key, []).append(one)
    for key, found in by_device.items():
        yield _said_with_times(streams, column, key, found)


def _said_with_times(streams: Streams, column: str, key: str, found: list[Standstill]) -> Finding:
    worst, where = found[0], streams.named(key)
    rows = np.unique(np.concatenate([one.rows for one in found]))
    more = f", and in {len(found) - 1} further stretch{'es' if len(found) > 2 else ''}" if len(found) > 1 else ""
    evidence: dict[str, float | str] = {"key": key} if where else {}
    return Finding(
        "stuck_sensor", (column,),
        f"{column}{' of ' + where if where else ''} stands at {number(worst.value)} from {spoken(worst.start)} to {spoken(worst.end)}, {worst.readings:,} readings in a "
        f"row{more}; elsewhere at most {worst.usual_longest:,} in a row are equal, and {worst.repeat:.1%} repeat the one before.",
        severity=0.6 if len(rows) <= 0.2 * len(streams.at) else 0.5, where=where, rows=len(rows), exact_rows=True,
        evidence=evidence | {
            "start": iso(worst.start), "end": iso(worst.end), "intervals": listed((one.start, one.end) for one in found), "run_rows": worst.readings,
            "usual_run_rows": 1 / max(1e-9, 1 - worst.repeat), "longest_other_run_rows": worst.usual_longest, "chance": worst.chance,
        },
        suggestion="treat these readings as missing", locate=RowsAre(column, tuple(rows.tolist()), 0.85),
    )  # fmt: skip


def _rests(profile: Profile, column: str, first: int, readings: int) -> bool:
    """Whether the value of the run is common outside it, i.e. the level at which the column rests."""
    sample = profile.of(None, Sample)
    if sample is None or column not in sample.frame.columns:
        return False
    series = sample.frame.get_column(column)
    inside = np.flatnonzero((sample.numbers >= first) & (sample.numbers < first + readings))
    if not len(inside):
        return False
    value = series[int(inside[0])]
    outside = int((series == value).sum()) - len(inside)
    return outside > COMMON * max(1, sample.frame.height - len(inside))


def _when(profile: Profile, first: int, readings: int, device: str | None = None) -> dict[str, str]:
    """When a run began and ended, to the precision of the sampled rows; nothing where the rows do not come in order of time."""
    sample = profile.of(None, Sample)
    clock = next((name for name, nature in natures(profile).items() if nature.kind == "time"), None)
    if sample is None or clock is None or clock not in sample.frame.columns:
        return {}
    block = Block(sample.frame.select(clock), Plan.of(sample.frame.select(clock).head(HEAD_ROWS), sample.frame[clock].dtype == pl.String))
    if block.column(clock).kind != "time":
        return {}
    typed = block.column(clock).typed.to_physical()
    known = typed.is_not_null().to_numpy()
    micros, numbers = typed.drop_nulls().to_numpy().astype(np.float64), sample.numbers[known]
    if len(micros) < LEAST_ROWS or (np.diff(micros) < 0).mean() > 1 - SORTED:
        return {}
    start = float(np.interp(first, numbers, micros))
    end = float(np.interp(first + readings - 1, numbers, micros))
    if device is not None:
        steps = profile.of(clock, DeviceSteps)
        if steps is None or device not in steps.keys:
            return {}
        number = steps.keys.index(device)
        end = min(start + (readings - 1) * float(steps.cadence()[number]), float(steps.last[number]))
    return {"start": iso(start), "end": iso(end), "intervals": listed([(start, end)])}


def _by_device(profile: Profile, column: str) -> Iterable[Finding]:
    """The longest run of one device, where the devices of the table are known to report in turn."""
    devices = profile.of(column, DeviceRuns)
    if devices is None or len(devices.keys) < 2:
        return
    key = device_column(profile, column, devices.keys)
    if key is None:
        return
    worst = int(devices.longest.argmax())
    longest, rows = int(devices.longest[worst]), int(devices.rows.sum())
    outside = max(1, rows - longest)
    repeat = (int((devices.rows - devices.runs).sum()) - (longest - 1) + 1) / outside
    if longest < LEAST_RUN or not 0 < repeat < MOVING:
        return
    chance = rows * math.exp((longest - 1) * math.log(repeat))
    # Another device that rests as long shows that devices do.
    others = np.delete(devices.longest, worst)
    if chance >= BY_CHANCE or (others > 0.5 * longest).sum() > 0.1 * len(others):
        return
    first = int(devices.longest_start[worst])
    value_rows = _resting_share(profile, column, key, devices.keys[worst], first)
    if value_rows > COMMON:
        return
    device = devices.keys[worst]
    when = {"key": device, **_when(profile, first, longest, device)}
    yield _said(column, longest, repeat, chance, rows, RunOfDevice(column, key, device, first, longest), f"{key} = {device}", when)


def _resting_share(profile: Profile, column: str, key: str, device: str, first: int) -> float:
    """Share of the sampled readings of the other devices that have the value at which this one rests."""
    sample = profile.of(None, Sample)
    if sample is None or column not in sample.frame.columns or key not in sample.frame.columns:
        return 0.0
    who = sample.frame.get_column(key)
    text = who if who.dtype == pl.String else pl.Series(shown(who), dtype=pl.String)
    mine = (text == device).fill_null(False)
    readings = sample.frame.get_column(column)
    after = readings.filter(mine & pl.Series(sample.numbers >= first)).drop_nulls()
    others = readings.filter(~mine).drop_nulls()
    if not after.len() or not others.len():
        return 0.0
    return float((others == after[0]).mean() or 0.0)


def _said(column: str, longest: int, repeat: float, chance: float, rows: int, locate: RunOf | RunOfDevice, where: str | None, when: Mapping[str, str]) -> Finding:
    about = f" from about {when['start'].replace('T', ' ')[:19]} to about {when['end'].replace('T', ' ')[:19]}" if "start" in when else ""
    return Finding(
        "stuck_sensor", (column,),
        f"{column} does not move for {longest:,} rows{' of ' + where if where else ''}{about}; elsewhere a value is followed by itself in {repeat:.1%} of the rows.",
        severity=0.6 if longest <= 0.2 * rows else 0.5, where=where, rows=longest, exact_rows=True,
        evidence={**when, "run_rows": longest, "usual_run_rows": 1 / max(1e-9, 1 - repeat), "chance": chance},
        suggestion="treat these readings as missing", locate=locate,
    )  # fmt: skip
