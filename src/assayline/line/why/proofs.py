"""Whether a fault of a source is the cause, where lots of another day cannot tell: they bring another day's world along, and are torn from the lots that belong to them.

    undone      the fault is undone in the cells of the lot: the symptom is gone, or it was not this fault
    left out    the rows that a finding names are left out: what the world did to all rows stays
    put in      the faulty columns are put into the lot of before, by rank, so that they do to it what they do to this one: the symptom comes

The last one shows that the fault suffices, and not that it was needed; it is asked only where nothing that was put back decides.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from assayline.diagnosis import Component, Reading, Symptom
from assayline.diagnosis.component import SOURCE
from assayline.diagnosis.faults import WARNING, faults_of, is_of_values
from assayline.diagnosis.searching import MOVES
from assayline.diagnosis.undoing import Undo, is_unworldly, undo_of, without
from assayline.diagnosis.wording import amount, listed, outcome
from assayline.errors import AssaylineError

from .clocks import Ticking
from .looking_again import WORLDLY, Looked
from .moving import moved_by

MOST_SOURCES = 4
MOST_FAULTS = 3  # of a source
MOSTLY = 0.8  # of the way back that undoing a fault must go which the world does not make
HALF = 0.5  # of the way from the figure of before to the symptom that a fault must go in the lot of before

# Faults that change which values a column has, and not only in which rows they stand: put in by rank they do what they did.
SHOWN_BY_RANK = frozenset({
    "missing_spike", "disguised_missing", "null_token_change", "constant_column", "unit_change", "sign_flip", "new_category_flood", "category_spelling", "whitespace_case", "type_to_string",
    "decimal_comma", "fk_break", "column_swap",
})  # fmt: skip
NEW_VALUES = ("new_category_flood", "fk_break")  # findings that are no fault where the other sources of the day know the values

Finding = Mapping[str, Any]


class Undoing(Protocol):
    """What makes the bad state again with a fault of a source undone."""

    def undone(self, component_key: str, name: str, undo: Undo) -> Reading:
        """The symptom, with the new lots of a source gone through a function."""

    def ticking(self, component_key: str) -> Ticking | None:
        """How the clock of a source's newest lot stands to the rhythm of the lots before."""

    def height(self, component_key: str) -> int:
        """How many rows the new lots of a source have."""

    def known_elsewhere(self, component_key: str, column: str) -> float | None:
        """Which share of the new values of a source's column other flows know too; None where nobody could know them."""


class PuttingIn(Protocol):
    """What makes the good state again with columns of the bad lot."""

    def columns_back(self, component_key: str, columns: Sequence[str]) -> Reading:
        """The measure, with these columns of the source's good lot as they are in the bad one."""


@dataclass(frozen=True)
class Proof:
    """A source whose fault is the cause.

    Args:
        key: of the component.
        finding: that names the fault.
        sentence: what was tried, and what it said.
    """

    key: str
    finding: Finding
    sentence: str


@dataclass
class Tried:
    """What was asked of the faults of sources.

    Args:
        proof: of the one that is the cause; None where none was seen to be.
        refuted: by key of a source, code and columns of findings that explain nothing.
        notes: by key, what was said, in order.
    """

    proof: Proof | None = None
    refuted: dict[str, set[tuple[str, tuple[str, ...]]]] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)

    def left(self, component: Component) -> Component:
        """A component without the findings that were refuted."""
        gone = self.refuted.get(component.key, set())
        return component if not gone else replace(component, findings=tuple(one for one in component.findings if _named(one) not in gone))

    def narrowed(self, key: str, inside: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a closer look said, without the findings that were refuted."""
        gone = self.refuted.get(key, set())
        return {**inside, "findings": [one for one in inside["findings"] if _named(one) not in gone], "steps": [*inside["steps"], *self.notes.get(key, ())]}

    def _refute(self, key: str, finding: Finding) -> None:
        self.refuted.setdefault(key, set()).add(_named(finding))

    def _note(self, key: str, sentence: str) -> None:
        self.notes.setdefault(key, []).append(sentence)


def faults_undone(
    components: Sequence[Component], symptom: Symptom, replays: Undoing, look: Callable[[Component], Looked], converted: Callable[[Component, str], Finding | None] = lambda *_: None
) -> Tried:
    """Undoes what can be undone.

    Args:
        components: all candidates.
        symptom: what is wrong.
        replays: of the bad state.
        look: asks the detectors once more about the newest lot of a source, for the rows that they accuse.
        converted: what a column that the gate only calls moved says of its unit; None for nothing.
    """
    tried = Tried()
    for component in _sources(components):
        ticking = replays.ticking(component.key)
        for hours in ticking.hours if ticking is not None else ():
            assert ticking is not None
            reading = replays.undone(component.key, f"{ticking.column} {hours:+d} h", _earlier(ticking.column, hours))
            tried._note(component.key, f"with `{ticking.column}` moved by {-hours:+d} h: {outcome(symptom, reading)}")
            if reading.gone or _back(symptom, reading) >= MOSTLY:
                sentence = f"The times of {ticking.column} stand {abs(hours)} h {'later' if hours > 0 else 'earlier'} than the last {ticking.lots} lots let expect"
                found = {"code": "local_time", "columns": [ticking.column], "severity": 0.5, "sentence": f"{sentence}.", "lot": ticking.lot}
                tried.proof = Proof(component.key, found, f"with them moved back it would be {outcome(symptom, reading)}")
                return tried
    for component in _sources(components):
        moved = [name for one in component.findings if one.get("code") == "global_shift" and one.get("severity", 0.0) >= WARNING for name in one["columns"][:1]]
        guessed = [one for name in moved[:MOST_FAULTS] if (one := converted(component, name)) is not None]
        for finding in [*faults_of(component.findings)[:MOST_FAULTS], *guessed]:
            _undone(tried, component, finding, symptom, replays, look)
            if tried.proof is not None:
                return tried
    return tried


def _undone(tried: Tried, component: Component, finding: Finding, symptom: Symptom, replays: Undoing, look: Callable[[Component], Looked]) -> None:
    """One finding: the cause, refuted, or neither, where it cannot be undone."""
    worldly = finding["code"] in WORLDLY
    if finding["code"] in NEW_VALUES and (known := replays.known_elsewhere(component.key, finding["columns"][0])) is not None:
        if known >= HALF:
            tried._note(component.key, f"{known:.0%} of the new values of `{finding['columns'][0]}` stand in other sources too: they are news, and no fault")
            tried._refute(component.key, finding)
        return
    if (undo_of(finding, np.zeros(0, dtype=np.int64)) is None and not worldly) or len(component.detail["lots"]) > 1:
        return  # in which of several lots it is, and in which rows of them, is not known together
    try:
        looked = look(component)
    except AssaylineError as error:
        tried._note(component.key, f"the detectors could not be asked again: {error}")
        return
    rows = looked.rows_of(finding)
    if not len(rows) and 0 < (finding.get("rows") or 0) < replays.height(component.key):
        return  # it is in some rows, and which these are is not known
    undo = undo_of(finding, rows) or (without(rows) if len(rows) else None)
    if undo is None:
        return
    reading = replays.undone(component.key, f"{finding['code']} {listed(list(finding['columns']))}", undo)
    if reading.value is None:
        return
    said = "undone" if not len(rows) or not worldly else f"put right by leaving out its {len(rows):,} rows"
    tried._note(component.key, f"with {finding['code']} of {listed([f'`{name}`' for name in finding['columns']])} {said}: {outcome(symptom, reading)}")
    way, sure = _back(symptom, reading), is_unworldly(finding)  # a day may be a bad one by itself: then what is left is a little beyond its bounds
    if not reading.gone and not (sure and way >= HALF):
        tried._refute(component.key, finding)
    elif not worldly and (reading.gone or way >= MOSTLY):
        tried.proof = Proof(component.key, finding, f"with this undone it would be {outcome(symptom, reading)}")


def faults_put_in(
    components: Sequence[Component], symptom: Symptom, replays: PuttingIn, stay: Callable[[Component], Sequence[str]], tried: Tried, carrying: Collection[str] = ()
) -> None:
    """Puts the columns that findings name into the lots of before.

    Args:
        components: all candidates, without what was refuted. What shows by rank and does nothing there is refuted; of other faults nothing is said.
        symptom: what is wrong.
        replays: of the good state; its columns are exchanged by rank.
        stay: keys and times of a source, which are never exchanged.
        tried: takes what comes out.
        carrying: keys of sources that, put back with others, remove the symptom: of these it need not come whole again.
    """
    found: list[tuple[float, Proof]] = []
    for component in _sources(components):
        left = set(stay(component))
        for finding in [one for one in faults_of(component.findings) if is_of_values(one) or one.get("code") in ("column_swap", "shifted_columns")][:MOST_FAULTS]:
            columns = [name for name in finding["columns"] if name not in left]
            if not columns:
                continue
            reading = replays.columns_back(component.key, columns)
            way = _way(symptom, reading)
            if way is None:
                continue
            there = "" if reading.value is None else amount(reading.value, symptom.unit)
            before = "" if symptom.before is None else amount(symptom.before, symptom.unit)
            sentence = f"{listed([f'`{name}`' for name in columns])} of this lot put into the lot of before {'makes' if len(columns) == 1 else 'make'} it {there}, where it was {before}"
            tried._note(component.key, sentence)
            if way < MOVES and finding["code"] in SHOWN_BY_RANK:
                tried._refute(component.key, finding)
            elif way >= HALF and (not reading.gone or component.key in carrying):
                found.append((min(way, 1.0) + float(finding.get("severity", 0.0)), Proof(component.key, finding, sentence)))
    if found:
        tried.proof = max(found, key=lambda one: one[0])[1]


def _back(symptom: Symptom, reading: Reading) -> float:
    """How much of the way from the symptom to the figure of before a reading of the bad state goes; 0 where that cannot be said."""
    way = _way(symptom, reading)
    return 0.0 if way is None else 1 - way


def _way(symptom: Symptom, reading: Reading) -> float | None:
    """How far a reading of the good state is on its way to the symptom."""
    if reading.value is None or symptom.before is None or symptom.now is None or symptom.now == symptom.before:
        return None
    return (reading.value - symptom.before) / (symptom.now - symptom.before)


def _sources(components: Sequence[Component]) -> list[Component]:
    known = [one for one in components if one.kind == SOURCE and not one.why_not and one.detail.get("lots")]
    return sorted(known, key=lambda one: -one.evidence)[:MOST_SOURCES]


def _earlier(column: str, hours: int) -> Undo:
    def undo(frame: Any) -> Any:
        return frame if column not in frame.columns else frame.with_columns(moved_by(frame[column], -3_600.0 * hours))

    return undo


def _named(finding: Finding) -> tuple[str, tuple[str, ...]]:
    return str(finding.get("code", "")), tuple(finding.get("columns", ()))
