"""Which lots stand in the place of which when what came from outside is put back."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import statistics
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from assayline.diagnosis.component import ARRIVAL, SOURCE, Component
from assayline.errors import MisuseError
from assayline.ledger import records
from assayline.ledger.records import LotRecord

from ..definition import Line
from ..models.versions import ARTEFACT
from ..project import Project
from .area import Area, key_of
from .clocks import FEWEST, Ticking, hours_off
from .derivation import Derivation
from .moving import LIKE, Span, columns_of_before, is_torn, meets, moved, shift_between, span_of

RHYTHM_LOTS = 8
VERSION = 1  # of how lots are moved: what an earlier one made is not used


@dataclass(frozen=True)
class Exchange:
    """What becomes of the lots of one flow.

    Args:
        flow: whose.
        instead: for a lot of now the lot that takes its place, or None for none.
        added: lots that stand besides.
        moves: whether a lot that takes a place is moved in time.
    """

    flow: str
    instead: Mapping[int, int | None]
    added: tuple[int, ...] = ()
    moves: bool = True


def exchange_of(component: Component, good: Derivation, bad: Derivation, *, snapshot: bool, span: Callable[[int], Span | None]) -> Exchange:
    """How a source or an arrival is put back.

    Args:
        component: which.
        good: the state it is put back from.
        bad: the state it is put back in.
        snapshot: whether each lot of the flow replaces the one before.
        span: when the rows of a lot happened.
    """
    flow = component.name
    now, then = bad.of_flow(flow), good.of_flow(flow)
    if component.kind == ARRIVAL:
        return _arrived(component, now, snapshot=snapshot)
    said = [int(one) for one in component.detail.get("lots", ())]
    news = [lot for lot in said if lot in now] or [lot for lot in now if lot not in then]
    pool = [lot for lot in then if not good.lots[lot].parents] or list(then)
    if snapshot:
        return Exchange(flow, dict.fromkeys(news, pool[-1] if pool else None), moves=False)
    gone = [lot for lot in then if lot not in now]  # they were delivered again, or are missing by now
    instead: dict[int, int | None] = {
        lot: None for lot in news if bad.lots[lot].parents
    }  # rows of before that were brought back are no lot of their own
    for lot in (one for one in reversed(news) if one not in instead):
        again = next((one for one in gone if _is_again(span(one), span(lot))), None)
        if again is not None:
            gone.remove(again)
            instead[lot] = again
    for number, lot in enumerate((one for one in reversed(news) if one not in instead), 1):
        instead[lot] = pool[-min(number, len(pool))] if pool else None
    return Exchange(flow, instead, tuple(gone))


def _arrived(component: Component, now: Sequence[int], *, snapshot: bool) -> Exchange:
    """The lot that came too late, as if it had been there."""
    later = [int(lot) for lot in component.detail.get("later", ()) if lot not in now]
    if snapshot:
        return Exchange(component.name, dict.fromkeys(now, later[-1]) if later else {}, moves=False)
    return Exchange(component.name, {}, tuple(later), moves=False)


def _is_again(earlier: Span | None, later: Span | None) -> bool:
    """Whether two lots are about the same time, so that one is the other delivered again; so it is taken to be where no time is known."""
    if earlier is None or later is None:
        return True
    return abs(later.middle - earlier.middle) <= max(earlier.late - earlier.early, 0.0) / 2


class Exchanges:
    """The lots that are read when some components are put back.

    Args:
        project: with the area in front of its store.
        area: where lots that were moved are kept.
        line: says which column of a source is its time and which its key.
        good: the state that is put back from.
        bad: the state that is put back in.
        components: all that differ; those that are no lots are passed over.
        by_rank: columns are exchanged by rank over all rows, never row by row: so that what a row of one day is to other lots of that day is not torn apart.
    """

    def __init__(self, project: Project, area: Area, line: Line, good: Derivation, bad: Derivation, components: Sequence[Component], *, by_rank: bool = False) -> None:
        self.project, self.area, self.line, self.good, self.bad, self.by_rank = project, area, line, good, bad, by_rank
        self._lots = {**good.lots, **bad.lots}
        self._spans: dict[tuple[int, str], Span | None] = {}
        self._known_before: dict[str, list[int]] = {}
        self._placed: dict[tuple[Any, ...], LotRecord] = {}
        self._own: dict[tuple[int, int, frozenset[str]], bool] = {}
        mine = [one for one in components if one.kind in (SOURCE, ARRIVAL)]
        wanted = {
            int(lot) for one in mine for name in ("lots", "before_lots", "later") for lot in one.detail.get(name, ())
        } - self._lots.keys()
        with project.ledger.read() as connection:
            self._lots.update({lot: records.lot_of(connection, lot) for lot in wanted})
        self.by_key = {one.key: exchange_of(one, good, bad, snapshot=self._is_snapshot(one.name), span=self._when) for one in mine}

    def acts_on(self, key: str, flow: str, lots: Collection[int], *, adds: bool) -> bool:
        """Whether a component puts other lots in the place of these, or besides them where that can be."""
        exchange = self.by_key.get(key)
        return (
            exchange is not None
            and exchange.flow == flow
            and (any(lot in exchange.instead for lot in lots) or (adds and bool(exchange.added)))
        )

    def lots(
        self, flow: str, lots: Sequence[int], put: Collection[str], only: Mapping[str, Sequence[str]], *, adds: bool
    ) -> list[LotRecord] | None:
        """What is read in the place of some lots of a flow; None where they stay what they are.

        Args:
            flow: whose.
            lots: of now, in their order.
            put: keys of what is put back.
            only: by key the columns that are put back, where it is not all of the lot.
            adds: whether there can be more of them than there were: a step that is given lots one by one gets one.
        """
        here = [key for key in self.by_key if key in put and self.acts_on(key, flow, lots, adds=adds)]
        if not here:
            return None
        found: list[LotRecord] = []
        instead: dict[int, tuple[int | None, bool, tuple[str, ...]]] = {}
        for key in here:
            exchange = self.by_key[key]
            instead |= {lot: (other, exchange.moves, tuple(only.get(key, ()))) for lot, other in exchange.instead.items()}
        besides = frozenset(self.by_key[key].flow for key in self.by_key if key in put and not only.get(key))
        twice = {other for lot, (other, moves, columns) in instead.items() if lot in lots and other in lots and moves and not columns and self._keeps_keys(flow, lot, other, besides)}
        for lot in lots:
            other, moves, columns = instead.get(lot, (lot, False, ()))
            if other is not None and lot not in twice:
                found.append(self._lots[lot] if other == lot else self._taking_place(flow, lot, other, besides, moves=moves, columns=columns))
        return [*found, *(self._lots[lot] for key in here for lot in (self.by_key[key].added if adds else ()))]

    def _keeps_keys(self, flow: str, now: int, before: int | None, besides: frozenset[str]) -> bool:
        """Whether a lot takes its place under the keys of its own day, that no other lot has: what meets it would meet it twice if it were read beside."""
        if before is None or before == now:
            return False
        about = (now, before, besides)
        if about not in self._own:
            time = self._time(flow, now, before)
            self._own[about] = bool(self._lost(flow, now, before, time, ())) and not self._lost(flow, now, before, time, besides)
        return self._own[about]

    def is_new(self, lot: int) -> bool:
        """Whether a lot was not there in the state that is put back from."""
        return lot not in self.good.lots

    def changed(self, lot: int, functions: Sequence[Callable[[pl.DataFrame], pl.DataFrame]]) -> LotRecord:
        """A lot whose rows went through some functions."""
        frame = self.frame(lot)
        for function in functions:
            frame = function(frame)
        return as_lot(self._lots[lot], self._kept(frame), {})

    def ticking(self, key: str) -> Ticking | None:
        """How the clock of the newest lot of a source stands to the rhythm of the lots before; None where it goes as theirs do, or where it is not known which column says the time."""
        flow = key.partition(" ")[2]
        time, news = self._declared_time(flow), [lot for lot in self.bad.of_flow(flow) if self.is_new(lot) and not self._lots[lot].parents]
        if not time or not news or self._is_snapshot(flow):
            return None
        with self.project.ledger.read() as connection:
            known = records.flow_of(connection, flow)
            taught = records.teachers(connection, known, RHYTHM_LOTS, before=self._lots[news[0]].place) if known is not None else []
        before = [one.lot for one in sorted(taught, key=lambda one: one.place) if "released" in one.objects]
        self._lots.update({one.lot: one for one in taught if one.lot not in self._lots})
        if len(before) < FEWEST:
            return None
        lots = [*before, news[-1]]
        steps = [self._lots[later].place - self._lots[earlier].place for earlier, later in itertools.pairwise(lots)]
        hours = hours_off(self._when(news[-1]), [self._when(lot) for lot in before], steps)
        return Ticking(time, news[-1], hours, len(before)) if hours else None

    def height(self, key: str) -> int:
        """How many rows the new lots of a source have."""
        flow = key.partition(" ")[2]
        return sum(self._lots[lot].rows["released"] for lot in self.bad.of_flow(flow) if self.is_new(lot))

    def known_elsewhere(self, key: str, column: str) -> float | None:
        """Which share of the values that are new in a source's lots stands in other flows from outside as well; None where none is new, or no other flow has the column."""
        flow = key.partition(" ")[2]
        news = [lot for lot in self.bad.of_flow(flow) if self.is_new(lot)]
        frames = [self.frame(lot, [column]) for lot in (*news, *self.good.of_flow(flow))]
        others = [frame[column] for frame in self._others(flow) if column in frame.columns]
        if not others or not all(frame.width for frame in frames[: len(news)]):
            return None
        here, there = (pl.concat([frame[column].cast(pl.String) for frame in several if frame.width]) for several in (frames[: len(news)], frames[len(news) :]))
        values = here.drop_nulls().unique()
        fresh = values.filter(~values.is_in(there.drop_nulls().unique().implode()))
        known = pl.concat([one.cast(pl.String) for one in others]).unique()
        return int(fresh.is_in(known.implode()).sum()) / fresh.len() if fresh.len() else None

    def _taking_place(self, flow: str, now: int, before: int, besides: frozenset[str], *, moves: bool, columns: tuple[str, ...]) -> LotRecord:
        """The lot of before as it takes the place of the one of now, while those of other flows do too."""
        about = (now, before, besides, moves, columns)
        if about not in self._placed:
            self._placed[about] = self._placed_lot(flow, now, before, besides, moves=moves, columns=columns)
        return self._placed[about]

    def _placed_lot(self, flow: str, now: int, before: int, besides: frozenset[str], *, moves: bool, columns: tuple[str, ...]) -> LotRecord:
        if not moves and not columns:
            return self._lots[before]
        time = self._time(flow, now, before)
        lost = () if columns else tuple(self._lost(flow, now, before, time, besides))
        by = self._shift(flow, now, before, time)
        if not by and not lost and not columns:
            return self._lots[before]
        objects = [rows_of(self._lots[lot]) for lot in (now, before)]
        names = [sorted(self._lots[lot].figures.get("renames", {}).items()) for lot in (now, before)]
        keys = self._keys(flow, now, time, columns)
        known = key_of("moved", VERSION, objects, names, time, by, lost, columns, keys, *(["by rank"] if self.by_rank else []))
        about = self.area.known(known)
        if about is None or self.area.path(about["digest"]) is None:
            frame, there = self.frame(before), self.frame(now)
            made = moved(frame, by, time, there)
            if columns or lost:
                wanted = columns or tuple(one for one in dict.fromkeys((*there.columns, *made.columns)) if one not in (*lost, time, *self._own_key(flow)))
                made = columns_of_before(there, made, wanted, *(([], "") if self.by_rank and columns else ([one for one in keys if one not in lost], time)))
            about = {"digest": self._kept(made)}
            self.area.note(known, about)
        return as_lot(self._lots[now], str(about["digest"]), {})

    def _kept(self, frame: pl.DataFrame) -> str:
        with self.area.store.staging() as folder:
            path = os.path.join(folder, "moved.parquet")
            frame.write_parquet(path, compression="zstd", compression_level=1)
            return self.area.keep(path)

    def frame(self, lot: int, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """The rows of a lot under the names its flow knows the columns by; only some columns where these are named and there."""
        record = self._lots[lot]
        lazy = pl.scan_parquet(self.project.store.path(rows_of(record)))
        known = lazy.collect_schema().names()
        lazy = lazy.rename({new: old for new, old in record.figures.get("renames", {}).items() if new in known})
        if columns is not None:
            there = lazy.collect_schema().names()
            lazy = lazy.select([one for one in columns if one in there])
        return lazy.collect()

    def _shift(self, flow: str, now: int, before: int, time: str) -> float:
        if not time:
            return 0.0
        there, then, rhythm = self._span(now, time), self._span(before, time), self._rhythm(flow, now, before, time)
        if rhythm and there is not None and then is not None:
            others = self._turn(flow, rhythm)
            if is_torn(there, then):
                rhythm = next((shift_between(*pair) for pair in others if not is_torn(*pair)), rhythm)
            elif any(abs(one - shift_between(there, then)) <= LIKE * abs(rhythm) for pair in others for one in pair[0].since(pair[1])):
                return shift_between(there, then)
        return shift_between(there, then, rhythm)

    def _turn(self, flow: str, rhythm: float) -> list[tuple[Span, Span]]:
        """When the lots of other flows of the same rhythm happened, now and before: after a gap the turn is further than the rhythm, and what is joined on times has to meet."""
        found = []
        for other in (one for one in self.by_key.values() if one.flow != flow and one.moves):
            time = self._declared_time(other.flow)
            for now, before in other.instead.items() if time else ():
                there, then = self._span(now, time), self._span(before, time) if before is not None else None
                if before is None or there is None or then is None or not (usual := self._rhythm(other.flow, now, before, time)):
                    continue
                if abs(usual - rhythm) <= LIKE * abs(rhythm):
                    found.append((there, then))
        return found

    def _rhythm(self, flow: str, now: int, before: int, time: str) -> float | None:
        """How far two lots are usually from each other, by those of before."""
        lots = self._earlier(flow, before)
        spans = [self._span(lot, time) for lot in lots]
        steps = [
            (later.middle - earlier.middle) / max(1, self._lots[two].place - self._lots[one].place)
            for (one, earlier), (two, later) in zip(zip(lots, spans, strict=True), list(zip(lots, spans, strict=True))[1:], strict=False)
            if earlier is not None and later is not None
        ]
        apart = self._lots[now].place - self._lots[before].place
        return statistics.median(steps) * apart if steps and apart > 0 and self._span(before, time) is not None else None

    def _earlier(self, flow: str, before: int) -> list[int]:
        """The last lots of a flow up to one; a good state that needs but one of them says nothing of their rhythm."""
        if flow not in self._known_before:
            with self.project.ledger.read() as connection:
                found = records.lots(
                    connection, flow, states=("released", "superseded"), until=self._lots[before].at, most=RHYTHM_LOTS, newest_first=True
                )[::-1]
            kept = [one for one in found if not one.parents and "released" in one.objects]
            self._lots = {**{one.lot: one for one in kept}, **self._lots}
            self._known_before[flow] = [*(one.lot for one in kept if one.lot != before), before]
        return self._known_before[flow]

    def _span(self, lot: int, time: str) -> Span | None:
        if (lot, time) not in self._spans:
            frame = self.frame(lot, [time])
            self._spans[lot, time] = span_of(frame[time]) if frame.width else None
        return self._spans[lot, time]

    def _when(self, lot: int) -> Span | None:
        time = self._declared_time(self._lots[lot].flow)
        return self._span(lot, time) if time and {"released", "held"} & self._lots[lot].objects.keys() else None

    def _time(self, flow: str, now: int, before: int) -> str:
        """The column that says when a row happened: as the line says, else the first one whose times are later now."""
        said = self._declared_time(flow)
        if said:
            return said
        frames = [self.frame(lot) for lot in (before, now)]
        for name in frames[0].columns:
            if name in frames[1].columns and not frames[0].schema[name].is_numeric():
                earlier, later = (span_of(frame[name]) for frame in frames)
                if earlier is not None and later is not None and later.early > earlier.early and later.late > earlier.late:
                    return name
        return ""

    def _lost(self, flow: str, now: int, before: int, time: str, besides: Collection[str]) -> list[str]:
        """The columns whose values are new in each lot and by which rows of other flows are met.

        As long as one flow with such a key stays what it is, all that are put back keep the keys of now, and so they still meet each other, once. Where all of them are put back,
        each meets what came with it.
        """
        others = self._others(flow, besides)
        times = {time, *(self._declared_time(one) for one in self.bad.from_outside())} - {""}
        return meets(self.frame(now), self.frame(before), others, times)

    def _keys(self, flow: str, now: int, time: str, columns: Collection[str]) -> list[str]:
        """What rows of a flow are about: its key, and what it has in common with other flows."""
        shared = {name for frame in self._others(flow) for name in frame.columns}
        there = self.frame(now).head(0).columns
        found = [*self._own_key(flow), *(one for one in there if one in shared)]
        return [one for one in dict.fromkeys(found) if one in there and one != time and one not in columns]

    def _others(self, flow: str, besides: Collection[str] = ()) -> list[pl.DataFrame]:
        """The new lots of each other flow from outside, or its newest; of those that are put back `besides`, what takes their place.

        A lot of before that met only what came with it would bring that along.
        """
        found = []
        placed = {lot: other for one in self.by_key.values() if one.flow in besides for lot, other in one.instead.items()}
        for other in self.bad.from_outside():
            every = self.bad.of_flow(other)
            lots = [lot for lot in every if self.is_new(lot)] or every[-RHYTHM_LOTS:]
            if other == flow or ARTEFACT in self._lots[lots[-1]].objects:
                continue
            read = [one for lot in lots if (one := placed.get(lot, lot)) is not None]
            with contextlib.suppress(pl.exceptions.PolarsError):
                found.append(pl.concat([self.frame(lot) for lot in read], how="diagonal_relaxed"))
        return found

    def _declared_time(self, flow: str) -> str:
        return self.line.sources[flow].time if flow in self.line.sources else ""

    def _own_key(self, flow: str) -> list[str]:
        key = self.line.sources[flow].key if flow in self.line.sources else ""
        return [key] if key else []

    def _is_snapshot(self, flow: str) -> bool:
        return flow in self.line.sources and self.line.sources[flow].is_snapshot


def rows_of(lot: LotRecord) -> str:
    """The object with the rows of a lot; of one that is held, with all of them.

    Raises:
        MisuseError: it has none: it could not be read, or is no table.
    """
    found = lot.objects.get("released") or lot.objects.get("held")
    if found is None:
        raise MisuseError(f"lot {lot.lot} of {lot.flow} has no rows in the store; look at: assay lot {lot.lot}")
    return found


def as_lot(record: LotRecord, digest: str, renames: Mapping[str, str]) -> LotRecord:
    """A lot with other rows."""
    return dataclasses.replace(record, digest=digest, objects={"released": digest}, figures={"renames": dict(renames)})
