"""The answer to "why": who is responsible, how sure that is, and what is said of every candidate.

A wrong accusation is worse than silence. Code, parameters, packages, models and arms are put back exactly: a replay without the symptom proves them. A source is
accused only where a finding names a fault in it, for a lot of yesterday also removes what the world did to the lot of today.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from .component import ARRIVAL, SOURCE, Component
from .faults import faults_of
from .mixing import Mix
from .searching import MOVES, NONE, Found
from .symptom import Symptom
from .wording import accused, amount, listed, outcome, put_back, tried

PROVED, CORRELATIONAL, WORLD, MIX, NOT_FOUND, HEALTHY = "proved", "correlational", "world changed", "mix changed", "not found", "healthy"
VERDICTS = (PROVED, CORRELATIONAL, WORLD, MIX, NOT_FOUND, HEALTHY)
RESPONSIBLE, CLEARED, SHARES, NOT_REPLAYED = "responsible", "cleared", "shares", "not replayed"
BY_REPLAY = "proved by replay"
HALF = 0.5  # of the way back that a component must go alone to be suspected where nothing removes the symptom
SURE = 0.5  # evidence from which a component that cannot be replayed is suspected
LOUD = 0.5  # severity of a fault that speaks for itself where lots that belong together were torn apart ...
# ... and what it may be: faults of the lot as a whole, that the world does not make and that cannot be tried out in the lot of before.
OF_THE_LOT = frozenset({
    "truncated_batch", "empty_batch", "duplicated_rows", "duplicate_key", "stale_copy", "dropped_column", "renamed_column", "shifted_columns", "delimiter_change", "row_count_mismatch",
    "stuck_clock", "clock_reset", "date_format", "local_time",
})  # fmt: skip
LEAD = 0.2  # by which it must be ahead of the next
EXPLAINED = 0.8  # of the way back that the mix must explain
LEAST_EFFECTIVE = 30.0  # rows below which a weighted measure is a guess
Findings = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class Cause:
    """What is accused, as one: the components that have to be put back together.

    Args:
        components: their keys.
        said: "proved by replay" or "correlational".
        sentence: what is wrong with them.
        share: 0 to 1, of the change.
        findings: that name the fault of a source, by its key.
        proof: what shows it, where that is not the component put back: the fault undone, or put in elsewhere; else "".
    """

    components: tuple[str, ...]
    said: str
    sentence: str
    share: float
    findings: Findings
    proof: str = ""


@dataclass(frozen=True)
class Told:
    """What is said of one candidate.

    Args:
        key: of the component.
        said: "responsible", "cleared", "shares" (it has a part in it, or carries it without being at fault), "not replayed" or "correlational".
        value: the measure with this component alone put back, or None.
        gone: whether that removes the symptom.
        share: 0 to 1, of the change.
        sentence: one line.
    """

    key: str
    said: str
    value: float | None
    gone: bool
    share: float
    sentence: str


@dataclass(frozen=True)
class Answer:
    """Why: the verdict, who is accused, and all candidates, the most likely first."""

    verdict: str
    sentence: str
    causes: tuple[Cause, ...]
    candidates: tuple[Told, ...]


def answer(
    symptom: Symptom,
    components: Sequence[Component],
    found: Found,
    mix: Mix | None = None,
    *,
    named: Findings = MappingProxyType({}),
    columns: Mapping[str, Sequence[str]] = MappingProxyType({}),
    proof: str = "",
) -> Answer:
    """Says who is responsible.

    Args:
        symptom: what is wrong.
        components: all candidates, those that were not replayed too.
        found: what the replays said.
        mix: the measure with the rows mixed as before, where that could be asked.
        named: by key of a source: the findings that a narrowing holds against it, whatever their severity; without an entry the warnings of the gate count.
        columns: by key of a source: the columns that carry the change, where that is known.
        proof: what shows it, where that is not the lot of before put back.

    Returns:
        The verdict "proved", "correlational", "world changed", "mix changed" or "not found", with a sentence; never "healthy", which needs no search.
    """
    known = {one.key: one for one in components}
    faults = {one.key: named[one.key] if one.key in named else faults_of(one.findings, columns=columns.get(one.key, ())) for one in components if one.kind == SOURCE}
    if found.causes:
        smallest = _rivals(found)
        causes = tuple(_cause(one, symptom, known, found, faults, columns) for one in smallest if _to_accuse(one, symptom, known, found, faults, columns))
        if causes and not _is_certain(found):
            return _finished(CORRELATIONAL, f"Most likely, but not proved: {causes[0].sentence}. {_unsure(symptom, found)}", causes[:1], symptom, components, found)
        if causes:
            shown = f"; {proof}" if proof else ""
            causes = (replace(causes[0], proof=proof), *causes[1:])
            return _finished(PROVED, f"Cause, proved by replay: {causes[0].sentence}{shown}.{_together(causes, found)}", causes, symptom, components, found)
        return _innocent(symptom, components, found, mix, smallest[0], columns)
    if (suspect := _suspect(symptom, components, found, faults)) is not None:
        cause = Cause((suspect.key,), CORRELATIONAL, accused(suspect, faults.get(suspect.key, ())), 0.0, {suspect.key: tuple(faults.get(suspect.key, ()))})
        return _finished(CORRELATIONAL, f"Most likely, but not proved: {cause.sentence}. {_unsure(symptom, found)}", (cause,), symptom, components, found)
    if _is_mix(symptom, mix):
        return _finished(MIX, _mixed(symptom, mix), (), symptom, components, found)
    return _finished(NOT_FOUND, f"Not found. {_unsure(symptom, found)}", (), symptom, components, found)


def _rivals(found: Found) -> list[frozenset[str]]:
    """The smallest causes without those that only just crossed a bound: that stand for much less of the change than another one."""
    smallest = [one for one in found.causes if len(one) == len(found.causes[0])]
    parts = {one: sum(found.shares.get(key, 0.0) for key in one) for one in smallest}
    return [one for one in smallest if parts[one] >= HALF * max(parts.values())]


def _to_accuse(
    one: frozenset[str], symptom: Symptom, known: Mapping[str, Component], found: Found, faults: Findings, columns: Mapping[str, Sequence[str]]
) -> list[str]:
    """The members of a set that removes the symptom which may be accused; none where the others stand for most of the change.

    A lot that has to go with another (readings, and what was found at that hour) takes the other along when it is put back whole; if its faulty columns alone are enough, it is accused.
    So it is where no member alone goes any of the way back, so that the shares only say that they were torn apart, and one of them has a loud fault.
    """
    guilty = sorted((key for key in one if known[key].kind != SOURCE or faults[key]), key=lambda key: (-found.shares.get(key, 0.0), key))
    enough = len(guilty) == len(one) or sum(found.shares.get(key, 0.0) for key in guilty) >= HALF or any(columns.get(key) for key in guilty)
    if not enough and all((_way_back(symptom, found, key) or 0.0) < MOVES for key in one):
        loud = [key for key in guilty if any(said["code"] in OF_THE_LOT and said.get("new", True) and float(said.get("severity", 0.0)) >= LOUD for said in faults.get(key, ()))]
        return loud if len(loud) == 1 else []
    return guilty if enough else []


def _is_certain(found: Found) -> bool:
    """Whether the symptom comes and goes with what was put back, or the check of everything put back could only not be run."""
    everything = found.readings[max(found.readings, key=len)]
    return found.reversible or everything.value is None


def _cause(one: frozenset[str], symptom: Symptom, known: Mapping[str, Component], found: Found, faults: Findings, columns: Mapping[str, Sequence[str]]) -> Cause:
    keys = tuple(_to_accuse(one, symptom, known, found, faults, columns))
    said = BY_REPLAY if _is_certain(found) else CORRELATIONAL
    sentence = "; together with ".join(accused(known[key], faults.get(key, ())) for key in keys)
    if innocent := sorted(one - set(keys)):
        sentence += f", on top of other values in {listed([f'`{known[key].name}`' for key in innocent])} that nothing names faulty"
    return Cause(keys, said, sentence, sum(found.shares.get(key, 0.0) for key in keys), {key: tuple(faults.get(key, ())) for key in keys})


def _together(causes: Sequence[Cause], found: Found) -> str:
    """How several components, or several causes, belong together."""
    if len(causes) > 1:
        alone = [key for cause in causes for key in cause.components if found.alone_enough(key)]
        if not alone:
            return f" Putting back any one of {listed([f'`{key}`' for cause in causes for key in cause.components])} removes it: they do harm only together."
        return f" Putting back {listed([f'`{key}`' for cause in causes[1:] for key in cause.components])} removes it too; by itself {listed([f'`{key}`' for key in alone])} makes it."
    members = causes[0].components
    if len(members) < 2:
        return ""
    parts = [f"{found.shares[key]:.0%} by `{key}`" for key in members if key in found.shares]
    return f" Only all of them put back remove it ({listed(parts)})." if parts else " Only all of them put back remove it."


def _innocent(
    symptom: Symptom, components: Sequence[Component], found: Found, mix: Mix | None, smallest: frozenset[str], columns: Mapping[str, Sequence[str]]
) -> Answer:
    """A source carries the change, and nothing says that it is at fault."""
    late = [one for one in components if one.kind == ARRIVAL and one.why_not and one.evidence >= SURE]
    if len(late) == 1:  # all lots of another day bring along what did not come on this one
        cause = Cause((late[0].key,), CORRELATIONAL, accused(late[0]), 0.0, {})
        why = "With the lots of another day the symptom is gone; so it would be without it, for they bring along what did not come on this one"
        return _finished(CORRELATIONAL, f"Most likely, but not proved: {cause.sentence}. {why}.", (cause,), symptom, components, found)
    if _is_mix(symptom, mix):
        return _finished(MIX, _mixed(symptom, mix), (), symptom, components, found)
    known = {one.key: one for one in components}
    keys = sorted(smallest, key=lambda key: (known[key].kind != SOURCE, key))
    back = outcome(symptom, found.readings[smallest])
    where = listed([f"`{name}`" for key in keys for name in columns.get(key, ())])
    sentence = (
        f"The world changed, as far as can be seen: {listed([f'`{known[key].name}`' for key in keys if known[key].kind == SOURCE])} brought other values"
        f"{f' in {where}' if where else ''}; {listed([put_back(known[key]) for key in keys])} it would be {back}, and nothing in it is named faulty."
    )
    return _finished(WORLD, sentence, (), symptom, components, found)


def _is_mix(symptom: Symptom, mix: Mix | None) -> bool:
    return mix is not None and mix.effective_rows >= LEAST_EFFECTIVE and symptom.gone(mix.reweighted) and mix.explains >= EXPLAINED


def _mixed(symptom: Symptom, mix: Mix | None) -> str:
    if mix is None:
        return ""
    return (
        f"The mix changed, not how the rows behave: with as many rows of each {listed([f'`{name}`' for name in mix.columns])} as before it would be "
        f"{amount(mix.reweighted, symptom.unit)} (bounds {amount(symptom.low)} to {amount(symptom.high)})."
    )


def _unsure(symptom: Symptom, found: Found) -> str:
    """Why nothing is proved."""
    first = found.readings.get(NONE)
    if first is None:
        return "Nothing could be replayed."
    if first.value is None:
        return f"The state as it is {outcome(symptom, first)}, so that nothing can be compared by replay."
    if not found.reproduced:
        return f"Made again as it is, the symptom does not show ({outcome(symptom, first)}): what made it is not among what a replay puts together."
    if len(found.readings) == 1:
        return "Nothing upstream differs that can be put back."
    if not found.reversible:
        everything = found.readings[max(found.readings, key=len)]
        return f"With everything put back that can be put back: {outcome(symptom, everything)}; the symptom stays."
    if (smaller := found.smallest_removing()) is not None:
        return f"The {found.replays} replays that were allowed ended first; it lies among {listed([f'`{key}`' for key in sorted(smaller)])}."
    return "No set of components removes the symptom."


def _suspect(symptom: Symptom, components: Sequence[Component], found: Found, faults: Findings) -> Component | None:
    """The one component that most speaks against where no replay could decide; None where two are about as likely."""
    if found.reproduced and found.reversible:
        return None  # the budget ended: what is left is a group, and one of them would be a guess
    first = found.readings.get(NONE)
    blind = first is None or first.value is None  # nothing could be replayed: then the evidence is all there is
    weights = []
    for one in components:
        if one.kind == SOURCE and not faults[one.key]:
            continue
        back = _way_back(symptom, found, one.key)
        if back is not None and not blind:
            weights.append((back if back >= HALF else 0.0, one))
        elif one.why_not or blind:
            weights.append((one.evidence if one.evidence >= SURE else 0.0, one))
    weights.sort(key=lambda pair: -pair[0])
    if not weights or weights[0][0] <= 0 or (len(weights) > 1 and weights[0][0] - weights[1][0] < LEAD):
        return None
    return weights[0][1]


def _way_back(symptom: Symptom, found: Found, key: str) -> float | None:
    """How much of the way from the symptom to the value of before one component goes alone."""
    first, single = found.readings.get(NONE), found.single(key)
    if first is None or first.value is None or single is None or single.value is None or symptom.before is None or first.value == symptom.before:
        return None
    return (first.value - single.value) / (first.value - symptom.before)


def _finished(verdict: str, sentence: str, causes: tuple[Cause, ...], symptom: Symptom, components: Sequence[Component], found: Found) -> Answer:
    return Answer(verdict, sentence, causes, _ranked(verdict, causes, symptom, components, found))


def _ranked(verdict: str, causes: Sequence[Cause], symptom: Symptom, components: Sequence[Component], found: Found) -> tuple[Told, ...]:
    """Every candidate, the most likely first: the accused, those with a part in it, those that might be, and last those that were cleared."""
    place = {key: number for number, cause in enumerate(causes) for key in reversed(cause.components)}
    order = {RESPONSIBLE: 0, CORRELATIONAL: 1, SHARES: 2, NOT_REPLAYED: 3, CLEARED: 4}
    told = []
    for one in components:
        reading = found.single(one.key)
        share = found.shares.get(one.key, 0.0)
        said = _said(verdict, one, causes, symptom, found)
        line = tried(symptom, one, reading)
        if said == CLEARED and reading is None:
            line = f"{line}; the symptom is gone with this as it is now"
        row = Told(one.key, said, None if reading is None else reading.value, reading is not None and reading.gone, share, line)
        back = _way_back(symptom, found, one.key) or 0.0
        told.append(((order[said], place.get(one.key, len(place)), not row.gone, -share, -max(0.0, min(1.0, back)), -one.evidence), row))
    return tuple(row for _, row in sorted(told, key=lambda pair: pair[0]))


def _said(verdict: str, one: Component, causes: Sequence[Cause], symptom: Symptom, found: Found) -> str:
    accused_now = any(one.key in cause.components for cause in causes)
    if accused_now:
        return CORRELATIONAL if verdict == CORRELATIONAL else RESPONSIBLE if one.key in causes[0].components else SHARES
    reading = found.single(one.key)
    if one.why_not or (reading is not None and reading.value is None):
        return NOT_REPLAYED
    if found.shares.get(one.key, 0.0) >= MOVES or (reading is not None and reading.gone) or any(one.key in cause for cause in found.causes):
        return SHARES
    if verdict == PROVED or (reading is not None and abs(_way_back(symptom, found, one.key) or 0.0) < MOVES):
        return CLEARED
    return SHARES if reading is not None else NOT_REPLAYED
