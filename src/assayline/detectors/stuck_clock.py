"""Many records with one and the same timestamp."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from assayline.core import Finding, Past, Profile
from assayline.measures import Clock, Distinct, Runs, Sample, natures, shown

from .intervals import iso, lasting, listed, spoken
from .locating import OneOf, RowsAre
from .standing import Standstill, standstills
from .streams import Streams, streams_of
from .stuck_sensor import RunOf, chance_of_run

LEAST_ROWS = 100
MOVING = 0.5  # share of different times: a clock that is read for each record moves with each record
LEAST_RUN = 20
BY_CHANCE = 1e-6
SHOWN = 5  # devices that are named one by one


class StuckClock:
    """Finds a timestamp that repeats for far longer than this clock ever stands still.

    Reads:    `runs`, `clock`, `distinct`; where the row sample is the whole table, the readings of each device.
    Finds:    "stuck_clock" per column and device (`where`); evidence `key`, `start`, `end`, `intervals`, `run_rows`, `usual_run_rows`.
    Silent:   on dates without a time of day, on columns whose times repeat anyway (batches), and with fewer than 100 rows.
    Source:   longest run under a geometric law (Schilling 1990), docs/detectors/stuck_clock.md.

    >>> import datetime, polars as pl
    >>> from assayline.measures import profile
    >>> start = datetime.datetime(2024, 5, 1, 10)
    >>> times = [start + datetime.timedelta(seconds=min(n, 150)) for n in range(200)]
    >>> [finding.evidence["run_rows"] for finding in StuckClock()(profile(pl.DataFrame({"at": times})), Past())]
    [50]
    """

    codes = ("stuck_clock",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        every = natures(profile)
        streams = streams_of(profile)
        if streams is not None and streams.in_order:
            yield from _by_device(streams)
        for column, clock in profile.all_of(Clock).items():
            if every[column].kind != "time" or (streams is not None and streams.in_order and column == streams.time):
                continue
            runs, distinct = profile.of(column, Runs), profile.of(column, Distinct)
            if runs is None or distinct is None or clock.n < LEAST_ROWS or clock.midnights > 0.9 * clock.n:
                continue
            if distinct.distinct < MOVING * (clock.n - runs.longest):
                continue
            repeat, chance = chance_of_run(runs)
            if runs.longest >= LEAST_RUN and chance < BY_CHANCE:
                yield Finding(
                    "stuck_clock", (column,),
                    f"{column} stands still for {runs.longest:,} rows from row {runs.longest_start:,} on; elsewhere a time is followed by the same time in "
                    f"{repeat:.1%} of the rows.",
                    severity=0.6 if runs.longest <= 0.2 * runs.rows else 0.5, rows=runs.longest, exact_rows=True,
                    evidence={"run_rows": runs.longest, "usual_run_rows": 1 / max(1e-9, 1 - repeat), "chance": chance},
                    suggestion="do not trust the times of these rows", locate=RunOf(column, runs.longest_start, runs.longest),
                )  # fmt: skip
                continue
            sample = profile.of(None, Sample)
            if sample is None or not sample.exact or column not in sample.frame.columns:
                continue
            times = sample.frame.get_column(column).drop_nulls().alias("t").value_counts(name="n").sort(["n", "t"], descending=[True, False])
            if times.height < LEAST_ROWS:
                continue
            counts = times.get_column("n")
            top, second, usual, total = int(counts[0]), int(counts[1]), float(np.median(counts.to_numpy())), clock.n
            if top >= max(LEAST_RUN, 20 * usual) and top > 5 * second:
                moment = shown(times.get_column("t").head(1))[0]
                yield Finding(
                    "stuck_clock", (column,),
                    f"{top:,} of {total:,} rows of {column} carry the time {moment}; other times stand in {usual:g} rows.",
                    severity=0.5, rows=top, exact_rows=True, evidence={"run_rows": top, "usual_run_rows": usual},
                    suggestion="do not trust the times of these rows", locate=OneOf(column, {moment: (0.8, None)}),
                )  # fmt: skip


def _by_device(streams: Streams) -> Iterable[Finding]:
    """The clock of each device, where every row is known."""
    by_device: dict[str, list[Standstill]] = {}
    for one in standstills(streams, streams.micros.astype(np.float64), bounded=False):
        by_device.setdefault(one.key, []).append(one)
    stopped = sorted(by_device.items(), key=lambda item: -item[1][0].readings)
    for key, found in stopped[:SHOWN]:
        worst, where = found[0], streams.named(key)
        cadence = float(streams.cadence[streams.keys.index(key)])
        stretches = [(one.start, one.start + (one.readings - 1) * cadence) for one in found]
        rows = np.sort(np.concatenate([one.rows for one in found]))
        evidence: dict[str, float | str] = {"key": key} if where else {}
        yield Finding(
            "stuck_clock", (streams.time,),
            f"{streams.time}{' of ' + where if where else ''} stands still at {spoken(worst.start)} for {worst.readings:,} readings, which take about "
            f"{lasting((worst.readings - 1) * cadence)}" + (f"; and in {len(found) - 1} further places" if len(found) > 1 else "")
            + (f". Elsewhere at most {worst.usual_longest:,} readings share a time." if worst.usual_longest > 1 else ". Elsewhere every reading has a time of its own.")
            + (f" {len(stopped) - SHOWN} further values of {streams.key} have stopped clocks." if len(stopped) > SHOWN else ""),
            severity=0.6 if len(rows) <= 0.2 * len(streams.at) else 0.5, where=where, rows=len(rows), exact_rows=True,
            evidence=evidence | {
                "start": iso(stretches[0][0]), "end": iso(stretches[0][1]), "intervals": listed(stretches), "run_rows": worst.readings,
                "usual_run_rows": worst.usual_longest, "chance": worst.chance,
            },
            suggestion="do not trust the times of these rows", locate=RowsAre(streams.time, tuple(rows.tolist()), 0.8),
        )  # fmt: skip
