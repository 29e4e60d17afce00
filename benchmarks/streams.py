"""What is found in streams and sensor tables that nothing is known about: labelled anomalies, and faults put into real readings.

Two questions. Of the Numenta streams (kit: `data/stream_*`): how many labelled windows does a finding touch, how many findings lie outside, and do
the streams without an anomaly stay silent? Two simple peers answer the same question: the global interquartile rule (3 x IQR) and
a running median with MAD (window 288 readings, limit 6), each run of accused readings counted as one finding.

And: in real readings (streams, stations by the hour, rentals by the hour) one fault is planted at a time, with a random device, start and
length. It counts as found when a finding has its code, names its device and covers its interval (intersection over union at least 0.5).
What else is found, and was not found in the untouched copy, is a false alarm. A spike is 8 to 20 standard deviations of its series;
a clear one is also at least four times as large as any jump of the untouched series: where readings jump as far by themselves, nobody
can tell them apart.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from kit import kit
from results import Result

import assayline
from assayline.core import Finding

COMMAND = "make bench ONLY=streams"
WARN = 0.3
CODES = {"stuck": "stuck_sensor", "gap": "missing_day", "spike": "outliers", "clear spike": "outliers", "stopped clock": "stuck_clock", "clock back": "out_of_order"}
OURS = frozenset(CODES.values())
CASES = 100  # of each fault: a share of 95 % is then known to +-4 points
SEED = 20260801
FOUND, FALSE = 0.95, 0.05
LEAST_ROWS = 600
OVERLAP = 0.5

Interval = tuple[datetime, datetime]


@dataclass(frozen=True)
class Planted:
    """One fault: where it sits."""

    kind: str
    column: str
    key: str | None
    interval: Interval


@dataclass(frozen=True)
class Source:
    """A real table: its time column, the column that names devices if any, and columns of readings."""

    name: str
    frame: pl.DataFrame
    time: str
    key: str | None
    columns: tuple[str, ...]


def run() -> list[Result]:
    """Both questions."""
    return [*labelled(), *planted()]


# ---- labelled streams


def labelled(folders: Sequence[Path] | None = None) -> Iterator[Result]:
    """The streams whose anomalies were labelled by people."""
    for folder in folders or sorted((kit() / "data").glob("stream_*")):
        windows: dict[str, list[list[str]]] = json.loads((folder / "labels" / "combined_windows.json").read_text(encoding="utf-8"))
        tallies = {name: Tally() for name in ("assay", "3 x IQR", "running median and MAD")}
        quiet, silent, spoken = 0, 0, []
        for name, labels in sorted(windows.items()):
            frame = pl.read_csv(folder / name, try_parse_dates=True)
            wanted = [(moment(first), moment(last)) for first, last in labels]
            findings = [one for one in assayline.scan(frame).findings if one.severity >= WARN]
            tallies["assay"].add([stretch for one in findings if one.code in OURS for stretch in stretches(one)], wanted)
            tallies["3 x IQR"].add(by_quartiles(frame), wanted)
            tallies["running median and MAD"].add(by_running_median(frame), wanted)
            if name.startswith("artificialNoAnomaly"):
                quiet += 1
                silent += not findings
                spoken += [name] if findings else []
        figure = f"{silent} of {quiet}" + (f" (not {', '.join(spoken)})" if spoken else "")
        yield Result(f"{folder.name}: streams without an anomaly that stay silent", "nothing is held against a sound stream", figure, "all", silent == quiet, COMMAND)
        for who, tally in tallies.items():
            yield Result(f"{folder.name}: labelled windows touched, {who}", "", tally.figure(), command=COMMAND)


@dataclass
class Tally:
    """What one tool found in all streams."""

    windows: int = 0
    hit: int = 0
    findings: int = 0
    outside: int = 0
    streams: int = 0

    def add(self, found: list[Interval], wanted: list[Interval]) -> None:
        self.streams += 1
        self.windows += len(wanted)
        self.hit += sum(any(touch(one, window) for one in found) for window in wanted)
        self.findings += len(found)
        self.outside += sum(not any(touch(one, window) for window in wanted) for one in found)

    def figure(self) -> str:
        return f"{self.hit} of {self.windows}; {self.findings} findings, {self.outside} outside ({self.outside / max(1, self.streams):.2f} a stream)"


def by_quartiles(frame: pl.DataFrame) -> list[Interval]:
    """Readings further than three quartile distances beyond the quartiles of the whole stream."""
    x = frame["value"].cast(pl.Float64).to_numpy()
    low, high = np.quantile(x, [0.25, 0.75])
    return runs(frame, (x < low - 3 * (high - low)) | (x > high + 3 * (high - low)))


def by_running_median(frame: pl.DataFrame) -> list[Interval]:
    """Readings further than six scaled MAD from the median of the last 288."""
    x = frame["value"].cast(pl.Float64)
    off = (x - x.rolling_median(288, min_samples=144)).abs()
    limit = 6 * 1.4826 * off.rolling_median(288, min_samples=144)
    return runs(frame, ((off > limit) & (limit > 0)).fill_null(False).to_numpy())


def runs(frame: pl.DataFrame, accused: np.ndarray) -> list[Interval]:
    """Consecutive accused readings as one finding."""
    at = np.flatnonzero(accused)
    times = frame["timestamp"].to_list()
    return [(times[part[0]], times[part[-1]]) for part in np.split(at, np.flatnonzero(np.diff(at) != 1) + 1) if len(part)]


def moment(text: str) -> datetime:
    """A time of the labels."""
    return datetime.fromisoformat(text)


def stretches(finding: Finding) -> list[Interval]:
    """The intervals a finding names."""
    named = str(finding.evidence.get("intervals", ""))
    return [(moment(first), moment(last)) for first, last in (one.split("/") for one in named.split())]


def touch(one: Interval, other: Interval) -> bool:
    """Whether two intervals share a moment."""
    return one[0] <= other[1] and other[0] <= one[1]


# ---- planted faults


def planted(cases: int = CASES, seed: int = SEED) -> Iterator[Result]:
    """One fault at a time in real readings."""
    sources = list(real_tables())
    untouched: dict[tuple[str, int], list[Finding]] = {}
    r = random.Random(seed)
    before = 0
    for kind in CODES:
        found = false = 0
        missed: list[str] = []
        for _ in range(cases):
            source, begin, frame, dirty, fault = one_table(kind, sources, r)
            known = (source.name, begin)
            if known not in untouched:
                untouched[known] = alarms(frame)
                before += len(untouched[known])
            findings = alarms(dirty)
            hits = [one for one in findings if matches(one, fault)]
            found += bool(hits)
            if not hits:
                missed.append(source.name)
            false += sum(not matches(one, fault, least=0.0) and not any(same(one, old) for old in untouched[known]) for one in findings)
        tried = found + len(missed)
        yield Result(
            f"planted {kind}: found with device and interval", "gross faults of streams are found without a past" if kind != "spike" else "", f"{found / max(1, tried):.1%} ({found} of {tried})",
            f">= {FOUND:.0%}" if kind != "spike" else "", found >= FOUND * tried if kind != "spike" else None, COMMAND,
        )  # fmt: skip
        yield Result(
            f"planted {kind}: other findings that came with it", "a fault is not a reason for other accusations", f"{false} in {tried} tables",
            f"<= {FALSE:.0%} of the tables", false <= FALSE * tried, COMMAND,
        )  # fmt: skip
    yield Result("untouched tables: findings of these kinds", "", f"{before} in {len(untouched)} tables", command=COMMAND)


def one_table(kind: str, sources: Sequence[Source], r: random.Random) -> tuple[Source, int, pl.DataFrame, pl.DataFrame, Planted]:
    """A random table that has a place for this fault: where it was cut from, as it was, and with the fault."""
    while True:
        source = r.choice(sources)
        begin = r.randrange(max(1, source.frame.height - window(source)))
        frame = source.frame[begin : begin + window(source)]
        try:
            return source, begin, frame, *plant(kind, frame, source, r)
        except NothingToPlant:
            continue


class NothingToPlant(Exception):
    """This table has no place for this fault."""


def real_tables() -> Iterator[Source]:
    """Streams of the kit that have no labelled anomaly or many normal readings, stations by the hour, rentals by the hour."""
    folder = kit() / "data" / "stream_nab"
    for path in sorted(folder.glob("*/*.csv")):
        frame = pl.read_csv(path, try_parse_dates=True)
        if frame.height >= LEAST_ROWS and moving(frame["value"]):
            yield Source(f"{path.parent.name}/{path.name}", frame, "timestamp", None, ("value",))
    stations = [pl.read_csv(path, infer_schema_length=0) for path in sorted((kit() / "seqs" / "prsa" / "batches").glob("*.csv"))]
    if stations:
        frame = pl.concat(stations)
        frame = frame.with_columns(pl.exclude("ts", "station", "wd").cast(pl.Float64, strict=False), pl.col("ts").str.to_datetime("%Y-%m-%d %H:%M:%S"))
        readings = tuple(name for name, dtype in frame.schema.items() if dtype.is_numeric() and moving(frame[name].drop_nulls()))
        yield from (Source(f"prsa, part {part}", frame, "ts", "station", readings) for part in range(12))
    rentals = [pl.read_csv(path, try_parse_dates=True) for path in sorted((kit() / "seqs" / "bike" / "batches").glob("*.csv"))]
    if rentals:
        frame = pl.concat(rentals, how="vertical_relaxed")
        frame = frame.select(pl.col("dteday").cast(pl.Datetime("us")).add(pl.duration(hours=pl.col("hr"))).alias("at"), pl.exclude("dteday", "instant", "hr"))
        readings = tuple(name for name in ("temp", "atemp", "hum", "windspeed", "casual", "registered", "cnt") if moving(frame[name]))
        yield from (Source(f"bike, part {part}", frame, "at", None, readings) for part in range(12))


def moving(values: pl.Series) -> bool:
    """Whether these are readings that move: a value that rests cannot be seen to be stuck."""
    x = values.drop_nulls()
    return x.n_unique() >= 50 and int((x.diff() == 0).sum()) < 0.2 * x.len()


def window(source: Source) -> int:
    """Rows of a table that a fault is planted in: a stream whole, the others some weeks."""
    return source.frame.height if source.key is None and source.time == "timestamp" else 24 * 45 * (3 if source.key else 1)


def plant(kind: str, frame: pl.DataFrame, source: Source, r: random.Random) -> tuple[pl.DataFrame, Planted]:
    """The table with one fault."""
    key = r.choice(frame[source.key].drop_nulls().unique().sort().to_list()) if source.key else None
    mine = np.flatnonzero((frame[source.key] == key).fill_null(False).to_numpy()) if source.key else np.arange(frame.height)
    column = r.choice(source.columns)
    times = frame[source.time]
    readings = frame[column].cast(pl.Float64)
    length = r.randrange(1, 4) if "spike" in kind else r.randrange(24, 73)
    if len(mine) < 4 * length + 40:
        raise NothingToPlant
    first = r.randrange(20, len(mine) - length - 20)
    at = mine[first : first + length]
    start, end = times[int(at[0])], times[int(at[-1])]
    if kind == "gap":
        end = times[int(mine[first + length])]
        if end - start > 2 * length * cadence(times, mine):
            raise NothingToPlant  # it would join a gap that is there
        kept = np.ones(frame.height, dtype=bool)
        kept[at] = False
        return frame.filter(pl.Series(kept)), Planted(kind, source.time, key, (start, end))
    if kind in ("stopped clock", "clock back"):
        shift = r.randrange(2, 30) * cadence(times, mine) + length * cadence(times, mine)
        moved = [start] * length if kind == "stopped clock" else [times[int(row)] - shift for row in at]
        changed = times.scatter(at, moved)
        where = (start, end) if kind == "stopped clock" else (start - shift, end - shift)
        return frame.with_columns(changed.alias(source.time)), Planted(kind, source.time, key, where)
    if kind == "stuck":
        value = readings[int(at[0])]
        if value is None or (readings == value).sum() > 0.05 * frame.height:
            raise NothingToPlant
        new = readings.scatter(at[1:], [value] * (length - 1))
    else:
        own = readings.gather(mine)
        x = own.drop_nulls().drop_nans()
        size = r.uniform(8, 20) * float(np.std(x.to_numpy()))
        if not size:
            raise NothingToPlant
        natural = float(np.max(np.abs((x - x.rolling_median(7, center=True)).drop_nulls().to_numpy()), initial=0.0))
        if kind == "clear spike" and size < 4 * natural:
            raise NothingToPlant
        sign = r.choice((-1, 1))
        new = readings.scatter(at, [(readings[int(row)] or 0.0) + sign * size for row in at])
    return frame.with_columns(new.alias(column)), Planted(kind, column, key, (start, end))


def cadence(times: pl.Series, mine: np.ndarray) -> timedelta:
    """The usual interval of one device."""
    return times.gather(mine).diff().drop_nulls().median()  # type: ignore[return-value]  # the median of durations is a duration


def alarms(frame: pl.DataFrame) -> list[Finding]:
    """What a scan without a past warns of, among the faults of streams."""
    return [one for one in assayline.scan(frame).findings if one.severity >= WARN and one.code in OURS]


def matches(finding: Finding, fault: Planted, least: float = OVERLAP) -> bool:
    """Whether a finding is this fault: its code, its device, its interval."""
    if finding.code != CODES[fault.kind] or fault.column not in finding.columns:
        return False
    if fault.key is not None and finding.evidence.get("key") != str(fault.key):
        return False
    return any(overlap(one, fault.interval) >= max(least, 1e-9) for one in stretches(finding))


def same(one: Finding, other: Finding) -> bool:
    """Whether the untouched table had this finding too."""
    return one.code == other.code and one.columns == other.columns


def overlap(one: Interval, other: Interval) -> float:
    """Intersection over union; a single reading lasts a minute."""
    a, b, c, d = one[0], max(one[1], one[0] + timedelta(minutes=1)), other[0], max(other[1], other[0] + timedelta(minutes=1))
    shared = (min(b, d) - max(a, c)).total_seconds()
    return max(0.0, shared / (max(b, d) - min(a, c)).total_seconds())
