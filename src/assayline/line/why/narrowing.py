"""Where inside an accused component it sits: which columns, which rows, where they came from, and the finding that names it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.diagnosis import Component, Reading, Symptom
from assayline.diagnosis.component import SOURCE
from assayline.diagnosis.conversions import converted, reformed
from assayline.diagnosis.distances import chance, distance
from assayline.diagnosis.faults import faults_of, is_of_values
from assayline.diagnosis.reference_tables import changed_values, identifying
from assayline.diagnosis.searching import halved, minimised
from assayline.diagnosis.wording import listed, outcome
from assayline.errors import AssaylineError, MisuseError
from assayline.ledger import records
from assayline.ledger.records import LotRecord

from ..project import Project
from ..reading import batches
from .looking_again import Looked, carries, second_look
from .row_search import Carried, rows_that_carry

MOST_REPLAYS = 6
PART = 0.5  # of the rows: what more of them have is a fault of the lot, and the rest of it says nothing (the zeros beside flipped signs)
MOSTLY = 0.8  # of the way from the symptom to the value of before
MOST_LOTS = 4  # accused lots that are looked into, the newest
LOTS_BEFORE = 14  # good lots that they are held against
MOST_COLUMNS = 64  # put back one half after the other; those furthest from what they were

Ask = Callable[[Sequence[str]], Reading]


class ColumnReplays(Protocol):
    """What makes the bad state again with some columns of a source as they were."""

    def columns_back(self, component_key: str, columns: Sequence[str]) -> Reading:
        """The symptom, with only these columns of the source's lots put back."""


@dataclass(frozen=True)
class Narrowed:
    """Where it sits.

    Args:
        columns: that carry the change; () where it is not in values of columns, or where that is not known.
        rows: the rows that carry it, and what they have in common; None where that is not known, or where it is all of them.
        findings: faults that name it, the loudest first, as JSON; () means that nothing here is called faulty.
        steps: what was done and what it said, in order.
        diff: of code; "" for the rest.
        replays: that it took.
    """

    columns: tuple[str, ...] = ()
    rows: Carried | None = None
    findings: tuple[Mapping[str, Any], ...] = ()
    steps: tuple[str, ...] = ()
    diff: str = ""
    replays: int = 0

    def as_json(self) -> dict[str, Any]:
        """`narrowed` of the document of `assay why --json`."""
        best = self.rows.best if self.rows is not None else None
        return {
            "columns": list(self.columns), "where": best.value if best is not None else "", "rows": best.rows if best is not None else None, "of": best.of if best is not None else None,
            "findings": [{name: one[name] for name in ("code", "sentence", "lot", "columns", "severity") if name in one} for one in self.findings],
            "provenance": self.rows.provenance if self.rows is not None else "", "risk_ratio": best.risk_ratio if best is not None else None,
            "p": best.p if best is not None else None, "also": list(best.also) if best is not None else [], "steps": list(self.steps),
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class Amounts:
    """What each row of the accused lots adds to the measure, and each row of the lots of before; larger is worse."""

    now: npt.ArrayLike
    before: npt.ArrayLike


def narrow(
    project: Project, component: Component, symptom: Symptom, replays: ColumnReplays, *, stay: Sequence[str] = (), most: int = MOST_REPLAYS, amounts: Amounts | None = None, alone: bool = True
) -> Narrowed:  # fmt: skip
    """Looks into a component that removes the symptom when it is put back.

    Args:
        project: where the lots are.
        component: which; only a source has columns and rows, of everything else both states are told.
        symptom: what is wrong.
        replays: for columns.
        stay: columns that are never put back: keys and time.
        most: replays, at most.
        amounts: for the rows of the newest accused lots and of the lots of before, in their order, where that is known.
        alone: whether the lot put back whole, by itself, removes the symptom; where it does not, no replay of its columns can clear them.

    Raises:
        Damaged: rows of a lot are not what was written.
    """
    if component.kind != SOURCE:
        return both_states(component)
    accused, good = lots_of(project, component)
    if not accused or not good:
        return Narrowed(steps=(f"there are no released lots of `{component.name}` to be held against each other",))
    now, before = frame_of(project, accused), frame_of(project, good)
    return narrowed(component, symptom, replays, now, before, look=_looker(project, accused), stay=stay, most=most, amounts=amounts, alone=alone)


def narrowed(
    component: Component, symptom: Symptom, replays: ColumnReplays, now: pl.DataFrame, before: pl.DataFrame, *,
    look: Callable[[Sequence[str]], Looked] | None = None, stay: Sequence[str] = (), most: int = MOST_REPLAYS, amounts: Amounts | None = None, alone: bool = True,
) -> Narrowed:  # fmt: skip
    """The same for rows that are given.

    Args:
        component, symptom, replays, stay, most, amounts: as above.
        now: rows of the accused lots.
        before: rows of good lots.
        look: asks the detectors again about columns; without it the gate's warnings are all there is.
    """
    notes: list[str] = []
    known = faults_of(component.findings)
    search = _ColumnSearch(component.key, symptom, replays, most, notes)
    if component.detail.get("snapshot"):
        stay = [*stay, *identifying(now, before)]
    order = _ordered(now, before, stay)
    columns = search.found(order, [name for one in known for name in one["columns"] if name not in stay])
    looked = _looked(look, columns, notes)
    named = _named(known, columns, order if search.in_values is False and alone else (), looked, now, before, notes)
    if not alone and not columns:  # nothing was replayed that shows it in a column; and the world grows by factors, too
        named = tuple(one for one in named if one["code"] != "unit_change")
    findings = _with_conversions(named, columns, now, before)
    if not findings and columns and component.detail.get("snapshot") and (changed := changed_values(columns, now, before)) is not None:
        findings = (changed,)
    rows = rows_that_carry(now, before, columns, looked.rows_of(findings[0]) if looked is not None and findings else np.zeros(0, dtype=np.int64), amounts_of(amounts, now, before))
    if rows is not None:
        notes.append(rows.sentence)
    return Narrowed(columns, rows, findings, tuple(notes), "", search.made)


def both_states(component: Component) -> Narrowed:
    """Of a component that is what it is: what it was and what it is now; for code the changed definition."""
    diff = str(component.detail.get("diff", ""))
    if component.before and component.now and not diff:
        return Narrowed(steps=(f"`{component.name}` was {component.before} and is {component.now}",))
    return Narrowed(steps=(f"`{component.name}` was {component.detail.get('change') or 'changed'}",), diff=diff)


def lots_of(project: Project, component: Component) -> tuple[list[LotRecord], list[LotRecord]]:
    """The accused lots of a source and good lots of before, in the order in which they were taken; those that still have released rows."""
    accused, named = ({int(lot) for lot in component.detail.get(name, ())} for name in ("lots", "before_lots"))
    if not accused:
        return [], []
    with project.ledger.read() as connection:
        bad = [one for one in records.lots_with(connection, sorted(accused)) if "released" in one.objects]
        flow = records.flow_of(connection, component.name)
        first = min((one.place for one in bad), default=0)
        taught = records.teachers(connection, flow, LOTS_BEFORE, before=first) if flow is not None and bad else []
        said = records.lots_with(connection, sorted(named)) if named else []
    good = {one.lot: one for one in (*taught, *said) if "released" in one.objects and one.lot not in accused}
    return sorted(bad, key=lambda one: one.place)[-MOST_LOTS:], sorted(good.values(), key=lambda one: one.place)[-LOTS_BEFORE:]


def frame_of(project: Project, lots: Sequence[LotRecord]) -> pl.DataFrame:
    """The released rows of some lots, typed, under the names their flow knows the columns by."""
    return pl.concat(list(batches(project, list(lots), typed=True)))


def _looker(project: Project, lots: Sequence[LotRecord]) -> Callable[[Sequence[str]], Looked]:
    """Asks the detectors about each lot; rows are counted over all of them."""

    def look(columns: Sequence[str]) -> Looked:
        found = [second_look(project, lot, columns) for lot in lots]
        starts = np.cumsum([0, *(lot.rows["released"] for lot in lots)])
        places = {place for one in found for place in one.rows}
        rows = {place: np.concatenate([one.rows[place] + start for one, start in zip(found, starts, strict=False) if place in one.rows]) for place in places}
        findings = sorted((finding for one in found for finding in one.findings), key=lambda one: -float(one["severity"]))
        return Looked(tuple(findings), rows, min(one.p for one in found), max(one.lots for one in found))

    return look


def amounts_of(amounts: Amounts | None, now: pl.DataFrame, before: pl.DataFrame) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    """The amounts, as many as there are rows.

    Raises:
        MisuseError: they are not.
    """
    if amounts is None:
        return None
    here, there = np.asarray(amounts.now, dtype=np.float64), np.asarray(amounts.before, dtype=np.float64)
    if len(here) != now.height or len(there) != before.height:
        raise MisuseError(f"{len(here)} and {len(there)} amounts are given for {now.height} rows of now and {before.height} rows of before; give one for each row")
    return here, there


def _ordered(now: pl.DataFrame, before: pl.DataFrame, stay: Sequence[str]) -> list[str]:
    """Columns that can be put back, those furthest from what they were first."""
    common = [name for name in now.columns if name in before.columns and name not in stay]
    far = {name: distance(now[name], before[name]) - chance(now.height, before.height) for name in common}
    return sorted(common, key=lambda name: -far[name])[:MOST_COLUMNS]


def _looked(look: Callable[[Sequence[str]], Looked] | None, columns: Sequence[str], notes: list[str]) -> Looked | None:
    if look is None:
        return None
    try:
        looked = look(columns)
    except AssaylineError as error:
        notes.append(f"the detectors could not be asked again: {error}")
        return None
    for one in looked.findings[:1]:
        if looked.lots:
            notes.append(f"a second look names {one['code']}, too quiet for the gate to warn of; of {looked.lots} good lots at most a share of {looked.p:.2g} would sound like that")
    return looked


def _named(
    known: Sequence[Mapping[str, Any]], columns: tuple[str, ...], cleared: Sequence[str], looked: Looked | None, now: pl.DataFrame, before: pl.DataFrame, notes: list[str]
) -> tuple[Mapping[str, Any], ...]:  # fmt: skip
    """The faults that explain what was put back: those on the columns that carry the change, of which the accused rows carry it.

    Where all `cleared` columns were put back and the symptom stayed, faults in their values explain nothing; what is left are rows, keys, times, and columns that are gone.
    """
    found = list(faults_of(known, columns=columns))
    again = looked.findings if looked is not None else ()
    found += [one for one in again if not any((one["code"], list(one["columns"])) == (other["code"], list(other["columns"])) for other in found)]
    found = [one for one in found if not cleared or not one["columns"] or not is_of_values(one) or not set(one["columns"]) <= set(cleared)]
    kept = []
    for one in found:
        about = [name for name in one["columns"] if name in columns]
        rows = looked.rows_of(one) if looked is not None else np.zeros(0, dtype=np.int64)
        if about and len(rows) and len(rows) < PART * now.height and not any(carries(now[name], before[name], rows) for name in about):
            notes.append(f"{one['code']} names {len(rows):,} rows, but {listed([f'`{name}`' for name in about])} is as far from what it was without them")
            continue
        kept.append(one)
    return tuple(kept)


def _with_conversions(findings: tuple[Mapping[str, Any], ...], columns: Sequence[str], now: pl.DataFrame, before: pl.DataFrame) -> tuple[Mapping[str, Any], ...]:
    """The findings, and what columns that carry the change say of their unit or form where nothing names them yet."""
    named = {name for one in findings for name in one["columns"]}
    found = [reformed(name, now[name], before[name]) or converted(name, now[name], before[name]) for name in columns if name not in named]
    return (*findings, *(one for one in found if one is not None))


def _mostly(symptom: Symptom, reading: Reading) -> bool:
    """Whether most of the way back was gone: columns of other rows, put in the place of these, do not belong to them in every way."""
    if symptom.before is None or symptom.now is None or reading.value is None or symptom.now == symptom.before:
        return False
    return (symptom.now - reading.value) / (symptom.now - symptom.before) >= MOSTLY


class _Spent(Exception):
    """No more replays for columns."""


@dataclass
class _ColumnSearch:
    """Puts columns back, those that findings name first, then half of those that moved most."""

    key: str
    symptom: Symptom
    replays: ColumnReplays
    most: int
    notes: list[str]
    made: int = 0
    in_values: bool | None = None  # whether putting back all values removes the symptom; None where that was not asked
    failed: bool = False  # whether the last replay could not be made
    known: dict[frozenset[str], bool] = field(default_factory=dict)

    def found(self, order: Sequence[str], named: Sequence[str]) -> tuple[str, ...]:
        """The columns that carry it; the smallest group that was seen to where the budget ended first, () where that is all of them or none."""
        first = [name for name in dict.fromkeys(named) if name in order]
        if not order:
            return ()
        try:
            if first and self.removes(first):
                return tuple(self._smallest(first))
            self.in_values = self.removes(order)
            if not self.in_values and self.failed:
                self.in_values = None
            return tuple(self._smallest([*first, *(name for name in order if name not in first)])) if self.in_values else ()
        except _Spent:
            removing = [one for one, gone in self.known.items() if gone and len(one) < len(order)]
            return tuple(name for name in order if name in min(removing, key=len)) if removing else ()

    def _smallest(self, columns: Sequence[str]) -> list[str]:
        return minimised(halved(columns, self.removes), self.removes) if len(columns) > 1 else list(columns)

    def removes(self, columns: Sequence[str]) -> bool:
        """Whether the symptom is gone with these columns put back; each set is asked once."""
        one = frozenset(columns)
        if one not in self.known:
            if self.made >= self.most:
                raise _Spent
            self.made += 1
            reading = self.replays.columns_back(self.key, list(columns))
            self.known[one], self.failed = reading.gone or _mostly(self.symptom, reading), reading.value is None
            shown = listed([f"`{name}`" for name in columns]) if len(columns) <= 4 else f"{len(columns)} columns ({listed([f'`{name}`' for name in columns[:3]])} …)"
            self.notes.append(f"with {shown} of before: {outcome(self.symptom, reading)}")
        return self.known[one]
