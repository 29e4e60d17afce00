"""The data of two projects side by side: what development works on, and what production gets."""

from __future__ import annotations

import datetime
import itertools
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from assayline.core import Finding, Past, Profile
from assayline.errors import MisuseError
from assayline.judgement import Policy, subsume, worst_first
from assayline.ledger import records
from assayline.ledger.records import LotRecord
from assayline.measures import Clock, Counts, Moments
from assayline.scanning.table_scan import suspected

from .ahead import RECENT_LOTS
from .lot_work import past_from
from .project import Project

ASPECTS = ("freshness", "volume", "schema", "distribution")
STALE_PERIODS = 2.0  # so many times between two lots may development be behind before that is a difference
UNKNOWN_PERIOD = datetime.timedelta(days=1)  # where production has one lot only
FEWER_ROWS = 2.0  # times more or fewer rows a lot than production has; within it the detectors judge
# Follow from development being behind, or from both having the same lot.
OF_TIME = frozenset({"late_arrival", "missing_day", "stale_copy", "duplicate_lot", "out_of_order", "stuck_clock"})
OF_SCHEMA = frozenset({"added_column", "dropped_column"})  # said by the schema itself, past or not
BLOCK = Policy().hold_at
WARN = Policy().warn_at


@dataclass(frozen=True)
class Side:
    """What one project knows of a flow: its newest released lots that teach, oldest first, with their profiles."""

    name: str
    lots: tuple[LotRecord, ...]
    past: Past

    @property
    def newest(self) -> LotRecord:
        """The last released lot."""
        return self.lots[-1]

    @property
    def profile(self) -> Profile:
        """Of the newest lot."""
        return self.past.profiles[-1]


def parity_document(dev: Project, prod: Project, flow: str) -> dict[str, Any]:
    """What differs between the lots of a flow in two projects.

    Args:
        dev: where models are made.
        prod: where they run.
        flow: its name in both.

    Returns:
        `flow`, `same`, `facts` (`name`, `dev`, `prod`: what was compared), and `differences`, worst first: `aspect` (freshness, volume, schema,
        distribution), `weight` (warn or block), `column`, `dev`, `prod`, `sentence`.

    Raises:
        MisuseError: one of them has no such flow, or released nothing of it.
    """
    left, right = _side(dev, "dev", flow), _side(prod, "prod", flow)
    found = [*_freshness(left, right), *_volume(left, right), *_schema(left.profile, right.profile), *_distribution(left, right)]
    found.sort(key=lambda one: (one["weight"] != "block", ASPECTS.index(one["aspect"]), one["column"] or ""))
    return {"flow": flow, "same": not found, "facts": list(_facts(left, right)), "differences": found}


def _side(project: Project, name: str, flow: str) -> Side:
    with project.ledger.read() as connection:
        known = records.flow_of(connection, flow)
        if known is None:
            names = ", ".join(one.name for one in records.flows(connection)) or "none yet"
            raise MisuseError(f"{project.folder!r} has no flow {flow!r}; flows: {names}")
        lots = records.teachers(connection, known, RECENT_LOTS)
    if not lots:
        raise MisuseError(f"{project.folder!r} has released nothing of {flow!r} yet; take a lot with: assay gate {flow} INPUT")
    past = past_from({"name": f"lot {one.lot} of {name}", "digest": one.objects["profile"], "path": project.store.path(one.objects["profile"])} for one in lots)
    return Side(name, tuple(lots), past)


def _difference(aspect: str, weight: str, column: str | None, dev: object, prod: object, sentence: str) -> dict[str, Any]:
    return {"aspect": aspect, "weight": weight, "column": column, "dev": dev, "prod": prod, "sentence": sentence}


def _facts(dev: Side, prod: Side) -> Iterator[dict[str, Any]]:
    def fact(name: str, left: object, right: object) -> dict[str, Any]:
        return {"name": name, "dev": left, "prod": right}

    yield fact("released lots compared", len(dev.lots), len(prod.lots))
    yield fact("newest lot", dev.newest.lot, prod.newest.lot)
    yield fact("arrived", dev.newest.at, prod.newest.at)
    column = _time_column(dev, prod)
    yield fact("data up to", *(_shown(_latest(side, column)) for side in (dev, prod)))
    yield fact("rows a lot (median)", _rows(dev), _rows(prod))
    yield fact("columns", len(dev.profile.columns), len(prod.profile.columns))


def _time_column(dev: Side, prod: Side) -> str | None:
    """The column that says when things happened: of those that hold times in both, the one that moves on from lot to lot most often. A due date of 9999 does not."""
    columns = [name for name in prod.profile.columns if all(_latest(side, name) is not None for side in (dev, prod))]
    return max(columns, key=lambda name: _steps(prod, name), default=None)


def _steps(side: Side, column: str) -> int:
    ends = [_latest(side, column, place) for place in range(len(side.lots))]
    return sum(before is not None and after is not None and after > before for before, after in itertools.pairwise(ends))


def _latest(side: Side, column: str | None, place: int = -1) -> datetime.datetime | None:
    """The last moment in this column of a lot."""
    clock = side.past.profiles[place].of(column, Clock) if column is not None else None
    try:
        return datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=clock.high) if clock is not None and clock.n else None
    except OverflowError:  # no year of four digits
        return None


def _arrived(lot: LotRecord) -> datetime.datetime:
    return datetime.datetime.fromisoformat(lot.at).replace(tzinfo=None)


def _shown(moment: datetime.datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(" ", "minutes")


def _freshness(dev: Side, prod: Side) -> Iterator[dict[str, Any]]:
    """By the moments in the data; by the arrival where there are none."""
    column = _time_column(dev, prod)
    moments = [_latest(side, column) or _arrived(side.newest) for side in (dev, prod)]
    behind, period = moments[1] - moments[0], _period(prod, column)
    if abs(behind) > STALE_PERIODS * period:
        word = "older" if behind > datetime.timedelta() else "newer"
        what = f"The data ({column}) end at" if column is not None else "The newest lot arrived at"
        left, right = map(_shown, moments)
        sentence = f"{what} {left} in dev and {right} in prod: {_days(abs(behind))} {word}, and prod gets a lot every {_days(period)}."
        yield _difference("freshness", "warn", column, left, right, sentence)


def _period(side: Side, column: str | None) -> datetime.timedelta:
    moments = [_latest(side, column, place) or _arrived(lot) for place, lot in enumerate(side.lots)]
    gaps = [(after - before).total_seconds() for before, after in itertools.pairwise(moments) if after > before]
    return datetime.timedelta(seconds=statistics.median(gaps)) if gaps else UNKNOWN_PERIOD


def _days(span: datetime.timedelta) -> str:
    """A span as people say it.

    >>> _days(datetime.timedelta(days=1)), _days(datetime.timedelta(hours=36)), _days(datetime.timedelta(minutes=5))
    ('1 day', '36 hours', '5 minutes')
    """
    seconds = span.total_seconds()
    unit, size = next(((unit, size) for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)) if seconds >= size and seconds % size == 0), ("", 0))
    if not size:
        unit, size = next(((unit, size) for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)) if seconds >= 2 * size), ("second", 1))
    number = f"{seconds / size:.3g}"
    return f"{number} {unit}{'' if number == '1' else 's'}"


def _rows(side: Side) -> int:
    return int(statistics.median(lot.rows["released"] for lot in side.lots))


def _volume(dev: Side, prod: Side) -> Iterator[dict[str, Any]]:
    left, right = _rows(dev), _rows(prod)
    if max(left, right) > FEWER_ROWS * min(left, right):
        yield _difference("volume", "warn", None, left, right, f"A lot of dev has {left:,} rows (median of {len(dev.lots)}), one of prod {right:,} (of {len(prod.lots)}).")


def _sort(profile: Profile, column: str) -> str | None:
    """What a column holds: times, numbers or texts; None where it holds nothing."""
    clock, moments, counts = profile.of(column, Clock), profile.of(column, Moments), profile.of(column, Counts)
    if clock is not None and clock.n:
        return "times"
    if moments is not None and moments.n:
        return "numbers"
    return "texts" if counts is None or counts.rows > counts.nulls else None


def _schema(dev: Profile, prod: Profile) -> Iterator[dict[str, Any]]:
    for name in prod.columns:
        if name not in dev.columns:
            yield _difference("schema", "block", name, None, "there", f"The column {name} is in prod and not in dev.")
            continue
        left, right = _sort(dev, name), _sort(prod, name)
        if left is not None and right is not None and left != right:
            yield _difference("schema", "block", name, left, right, f"{name} holds {left} in dev and {right} in prod.")
    for name in dev.columns:
        if name not in prod.columns:
            yield _difference("schema", "block", name, "there", None, f"The column {name} is in dev and not in prod: a model that uses it cannot run there.")
    shared = [[name for name in one.columns if name in other.columns] for one, other in ((dev, prod), (prod, dev))]
    if shared[0] != shared[1]:
        place = next(number for number, (left, right) in enumerate(zip(*shared, strict=True)) if left != right)
        left, right = shared[0][place], shared[1][place]
        yield _difference("schema", "warn", None, left, right, f"The columns stand in another order: of those that both have, number {place + 1} is {left} in dev and {right} in prod.")


def _distribution(dev: Side, prod: Side) -> Iterator[dict[str, Any]]:
    """What the detectors say of the newest lot of dev, were it the next one in prod; nothing where prod has the very same lot."""
    same = [lot.digest == dev.newest.digest for lot in prod.lots]
    if any(same):
        return
    findings = [one for one in suspected(dev.profile, prod.past) if one.layer in ("history", "multivariate") and one.code not in OF_TIME | OF_SCHEMA and one.severity >= WARN]
    for finding in worst_first(subsume(findings)):
        column = finding.columns[0] if finding.columns else None
        left, right = _two(dev, prod, column, finding)
        aspect = "volume" if finding.code in ("truncated_batch", "empty_batch", "duplicated_rows") else "schema" if finding.code in ("renamed_column", "column_swap") else "distribution"
        yield _difference(aspect, "block" if finding.severity >= BLOCK else "warn", column, left, right, finding.sentence)


def _two(dev: Side, prod: Side, column: str | None, finding: Finding) -> tuple[object, object]:
    """One number of each side: rows of a table, the mean of numbers, else the share without a value."""
    if column is None:
        return dev.newest.rows["released"], _rows(prod)
    means = [[one.mean for profile in profiles if (one := profile.of(column, Moments)) is not None and one.n] for profiles in (dev.past.profiles[-1:], prod.past.profiles)]
    if all(means):
        return _median(means[0]), _median(means[1])
    shares = [[counts.null_share for profile in profiles if (counts := profile.of(column, Counts)) is not None] for profiles in (dev.past.profiles[-1:], prod.past.profiles)]
    return (_median(shares[0]), _median(shares[1])) if all(shares) else (finding.rows, None)


def _median(values: Sequence[float]) -> float:
    return float(f"{statistics.median(values):.6g}")
