"""A clock that goes backwards in a stream that otherwise comes in order of time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assayline.core import Finding, Past, Profile
from assayline.measures.clock import HOUR

from .intervals import iso, lasting, listed, spoken
from .locating import RowsAre
from .streams import Streams, streams_of
from .summer_time import is_change

FEW = 3  # steps backwards that are a fact in a sorted stream …
FEW_SHARE = 0.001  # … or one in a thousand rows; more are how the records arrive
LEAST_STEP = 0.5  # of the cadence: smaller ones are jitter
MOST_ROWS = 0.5  # share of a device's readings that may be late; beyond it nobody knows which part is the right one
SHOWN = 5

Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Backwards:
    """A stretch of readings that are older than those before them.

    Args:
        key: the device.
        before: time of the reading before the step.
        start, end: the earliest and the latest time of the late readings.
        rows: their row numbers.
    """

    key: str
    before: int
    start: int
    end: int
    rows: Whole

    @property
    def step(self) -> int:
        """How far the clock went back, microseconds."""
        return self.before - self.start


class OutOfOrder:
    """Finds readings whose time lies before that of the reading before them, where their device otherwise reports in order of time.

    Reads:    the row sample, where it is the whole table.
    Finds:    "out_of_order" per time column and device (`where`); evidence `key`, `start`, `end`, `intervals`, `late_rows`, `step_seconds`.
    Silent:   where less than 99 of 100 steps go forward, where steps backwards are usual (more than three and one in a thousand), for
              steps of less than half a cadence, and when half of the readings are late.
    Source:   definition of order; docs/detectors/out_of_order.md.

    >>> import datetime, polars as pl
    >>> from assayline.measures import profile
    >>> start = datetime.datetime(2024, 5, 6)
    >>> at = [start + datetime.timedelta(minutes=5 * n - (120 if 200 <= n < 220 else 0)) for n in range(400)]
    >>> [(found.rows, found.evidence["step_seconds"]) for found in OutOfOrder()(profile(pl.DataFrame({"at": at})), Past())]
    [(20, 6900.0)]
    """

    codes = ("out_of_order",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        streams = streams_of(profile)
        if streams is None or not streams.in_order:
            return
        found = [(key, stretches) for number, (key, place) in enumerate(streams.each()) if (stretches := _in_series(streams, key, number, place))]
        if sum(len(stretches) for _, stretches in found) > max(FEW, FEW_SHARE * len(streams.at)):
            return
        found.sort(key=lambda pair: (-max(one.step for one in pair[1]), pair[0]))
        for key, stretches in found[:SHOWN]:
            yield _said(streams, key, stretches, len(found))


def _in_series(streams: Streams, key: str, number: int, place: slice) -> list[Backwards]:
    times = streams.micros[place]
    if len(times) < 2:
        return []
    highest = np.maximum.accumulate(times)
    late = np.flatnonzero(highest[:-1] - times[1:] > LEAST_STEP * streams.cadence[number]) + 1
    if not len(late) or len(late) > MOST_ROWS * len(times):
        return []
    rows = streams.rows[place]
    stretches = np.split(late, np.flatnonzero(np.diff(late) != 1) + 1)
    return [
        Backwards(key, int(highest[part[0] - 1]), int(times[part].min()), int(times[part].max()), rows[part])
        for part in sorted(stretches, key=lambda part: (-len(part), int(part[0])))
    ]  # fmt: skip


def _said(streams: Streams, key: str, stretches: list[Backwards], devices: int) -> Finding:
    worst, where = stretches[0], streams.named(key)
    rows = np.sort(np.concatenate([one.rows for one in stretches]))
    more = len(stretches) - 1
    sentence = (
        f"{streams.time}{' of ' + where if where else ''} goes back by {lasting(worst.step)} after {spoken(worst.before)}: {len(worst.rows):,} "
        f"reading{'s' if len(worst.rows) != 1 else ''} from {spoken(worst.start)} to {spoken(worst.end)} come{'s' if len(worst.rows) == 1 else ''} late"
        + (f", and {more} further stretch{'es' if more > 1 else ''}" if more else "")
        + f"; all other readings{' of it' if where else ''} are in order of time."
        + (f" {devices - SHOWN} further values of {streams.key} go back too." if devices > SHOWN else "")
    )
    severity = 0.4
    if all(is_change(one.before, autumn=True) and abs(one.step - HOUR) < 0.5 * HOUR for one in stretches):
        severity, sentence = 0.2, f"{sentence} It is the hour that local time has twice when clocks are put back."
    evidence: dict[str, float | str] = {"key": key} if where else {}
    return Finding(
        "out_of_order", (streams.time,), sentence, severity=severity, where=where, rows=len(rows), exact_rows=True,
        evidence=evidence | {
            "start": iso(worst.start), "end": iso(worst.end), "intervals": listed((one.start, one.end) for one in stretches),
            "late_rows": len(rows), "step_seconds": worst.step / 1e6,
        },
        suggestion="sort by time, and look at the clock of the source", locate=RowsAre(streams.time, tuple(rows.tolist()), 0.6),
    )  # fmt: skip
