"""Thinning: profiles of long ago are merged by day, later by month, so that what a flow remembers does not grow with every lot.

    plan (pure) ──▶ merge one by one ──▶ merged profiles into the store ──▶ one transaction ──▶ delete what nobody names ──▶ write down that it is gone

What a crash leaves between the last three is known to the ledger as freed, and taken away by the next run.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from assayline.core import Profile
from assayline.errors import MisuseError, Unreadable
from assayline.ledger import Lease, Staged, held, records
from assayline.ledger.verifying import named_objects

from .ahead import RECENT_LOTS
from .project import Project

EVERY_LOTS = 50  # thinning reads and writes the day or month it adds to: once in fifty lots that costs a fiftieth
MONTH = len("2026-03")


@dataclass(frozen=True)
class Thinning:
    """How much of its past a flow keeps, and how exactly.

    Args:
        keep_lots: so many of the newest lots that teach keep a profile of their own; the gate compares with the last 60.
        days: older ones share one profile per UTC day, and one per month when the day is longer ago than this.

    >>> Thinning()
    Thinning(keep_lots=120, days=92)
    """

    keep_lots: int = 120
    days: int = 92

    def __post_init__(self) -> None:
        if self.keep_lots < RECENT_LOTS or self.days < 0:
            raise MisuseError(f"keep_lots is at least {RECENT_LOTS}, with which the gate compares, and days at least 0; not {self.keep_lots} and {self.days}")


@dataclass(frozen=True)
class Part:
    """A profile and the places of the flow it is of; `period` is the UTC day or month they came in, `lot` the number of the lot whose own it is, else 0."""

    first: int
    last: int
    period: str
    profile: str
    lot: int = 0


@dataclass(frozen=True)
class Merge:
    """Profiles that become one, in order of their places."""

    period: str
    parts: tuple[Part, ...]

    @property
    def first(self) -> int:
        return min(part.first for part in self.parts)

    @property
    def last(self) -> int:
        return max(part.last for part in self.parts)


def thin(project: Project, flow: str, policy: Thinning | None = None, now: datetime | None = None) -> dict[str, Any]:
    """Merge the profiles of lots of long ago. The judgement of the next lot does not change by it.

    Lots that are held keep theirs, since somebody may release them. Lots that were released without teaching, or rejected, lose theirs.

    Args:
        project: where.
        flow: its name.
        policy: what stays as it is; `Thinning()` when None.
        now: the time from which days are counted; the clock when None.

    Returns:
        `flow`; `lots` whose own profile is gone; `merged`: how many merged profiles were written; `deleted` objects; `bytes_before`, `bytes_after`: of the
        profiles that were merged, and of what they became; `left`: merges that were left out, since one of their profiles cannot be read by this version.

    Raises:
        MisuseError: there is no such flow.
    """
    with project.ledger.read() as connection:
        if records.flow_of(connection, flow) is None:
            raise MisuseError(f"there is no flow {flow!r}; see: assay flow")
    with held(project.ledger, flow) as lease:
        return _thin(project, flow, policy or Thinning(), now or datetime.now(UTC), lease)


def thin_if_due(project: Project, flow: str, lease: Lease, policy: Thinning | None = None, now: datetime | None = None) -> dict[str, Any] | None:
    """The same for the gate, which holds the flow already: at every fiftieth lot, else nothing (None)."""
    with project.ledger.read() as connection:
        known = records.flow_of(connection, flow)
    if known is None or not known.lots or known.lots % EVERY_LOTS:
        return None
    return _thin(project, flow, policy or Thinning(), now or datetime.now(UTC), lease)


def planned(parts: Iterable[Part], *, by_month_before: str) -> list[Merge]:
    """Which profiles become one: those that follow each other in one day, or in one month if that day is before the given one.

    A lot of a place that a merged profile spans already goes into that, whenever it came to teach. A profile that stays as it is makes no merge.

    >>> days = [Part(1, 1, "2026-03-01", "a", 7), Part(2, 2, "2026-03-01", "b", 8), Part(3, 3, "2026-03-02", "c", 9)]
    >>> [(one.period, one.first, one.last) for one in planned(days, by_month_before="2026-01-01")]
    [('2026-03-01', 1, 2), ('2026-03-02', 3, 3)]
    >>> [(one.period, one.first, one.last) for one in planned(days, by_month_before="2026-06-01")]
    [('2026-03', 1, 3)]
    """
    groups: list[tuple[str, list[Part]]] = []
    for part in sorted(parts, key=lambda one: (one.first, -one.last)):
        period = part.period[:MONTH] if part.period < by_month_before else part.period
        if groups and (groups[-1][0] == period or part.first <= max(one.last for one in groups[-1][1])):
            groups[-1][1].append(part)
        else:
            groups.append((period, [part]))
    merges = [Merge(period, tuple(some)) for period, some in groups]
    return [one for one in merges if len(one.parts) > 1 or one.parts[0].period != one.period or one.parts[0].lot]


def _joined(whole: Profile, profile: Profile) -> Profile:
    from assayline.measures.thinning import moved, thinned

    # Each lot numbers its rows from 0: behind those before it, so that the sample is not made of the same few places of every lot.
    return thinned(whole.merge(thinned(moved(profile, _rows(whole)))))


def _rows(profile: Profile) -> int:
    from assayline.measures import Rows

    rows = profile.of(None, Rows)
    return rows.n if rows is not None else 0


def _thin(project: Project, flow: str, policy: Thinning, now: datetime, lease: Lease) -> dict[str, Any]:
    deleted = _take_away(project, flow, lease)
    with project.ledger.read() as connection:
        old = records.thick_lots(connection, flow, policy.keep_lots)
        pasts = [Part(int(row.first), int(row.last), row.period, row.profile) for row in records.merged_pasts(connection, flow)]
    parts = [*pasts, *(Part(lot.place, lot.place, lot.at[:10], lot.objects["profile"], lot.lot) for lot in old if lot.teaches)]
    before = (now.astimezone(UTC) - timedelta(days=policy.days)).strftime("%Y-%m-%d")
    dropped = [lot for lot in old if not lot.teaches and lot.state not in ("held", "unreadable")]
    lots, freed = [lot.lot for lot in dropped], {lot.objects["profile"] for lot in dropped}
    written: list[dict[str, Any]] = []
    read_bytes = written_bytes = left = 0
    for merge in planned(parts, by_month_before=before):
        try:
            digest, some_read, some_written = _merged(project, merge)
        except Unreadable:
            left += 1
            continue
        read_bytes, written_bytes = read_bytes + some_read, written_bytes + some_written
        written.append({"first": merge.first, "last": merge.last, "period": merge.period, "profile": digest})
        lots += [part.lot for part in merge.parts if part.lot]
        freed |= {part.profile for part in merge.parts} - {digest}
    if written or lots:
        with project.ledger.write() as writing:
            lease.check(writing.connection)
            writing.append("thinned", {"flow": flow, "pasts": written, "lots": sorted(lots), "freed": sorted(freed), "gone": []})
        deleted += _take_away(project, flow, lease)
    return {
        "flow": flow, "lots": len(lots), "merged": len(written), "deleted": deleted, "bytes_before": read_bytes, "bytes_after": written_bytes, "left": left,
    }  # fmt: skip


def _merged(project: Project, merge: Merge) -> tuple[str, int, int]:
    """Merges one by one, so that no more than two profiles are in memory; gives the digest of the new one, and the bytes before and after."""
    # Not above: it loads the engine, and the gate asks at each lot whether thinning is due, which it hardly ever is.
    from assayline.measures.packing import packed, unpacked

    whole, read = Profile(), 0
    for part in merge.parts:
        with open(project.store.path(part.profile), "rb") as file:
            data = file.read()
        read += len(data)
        whole = _joined(whole, unpacked(data))
    content = packed(whole)
    with project.store.staging() as folder:
        staged = os.path.join(folder, "profile")
        with open(staged, "wb") as out:
            out.write(content)
        return project.store.put([Staged(staged)])[0], read, len(content)


def _take_away(project: Project, flow: str, lease: Lease) -> int:
    """Deletes what was freed and is named by nobody, and writes down that it is gone; gives the number of objects."""
    with project.ledger.read() as connection:
        freed = records.freed(connection, flow)
        named = named_objects(connection) if freed else {}
    if not freed:
        return 0
    unnamed = [digest for digest in freed if digest not in named]
    for digest in unnamed:
        project.store.delete(digest)
    with project.ledger.write() as writing:
        lease.check(writing.connection)
        writing.append("thinned", {"flow": flow, "pasts": [], "lots": [], "freed": [], "gone": freed})
    return len(unnamed)
