"""The question why, from the symptom to the answer, as one document.

    what is wrong ──▶ the last good and the first bad state ──▶ what differs ──▶ replays ──▶ where inside ──▶ answer
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

import polars as pl

from assayline.diagnosis import Component, Reading
from assayline.diagnosis.answering import Answer, answer
from assayline.diagnosis.component import MODEL, SOURCE
from assayline.diagnosis.conversions import converted
from assayline.diagnosis.faults import faults_of
from assayline.diagnosis.mixing import Mix, mix_of
from assayline.diagnosis.searching import Found, search
from assayline.diagnosis.symptom import FINDING, METRIC
from assayline.ledger import records

from ..definition import Line
from ..models.versions import KIND
from ..project import Project
from .accused_lot import narrowed_by_finding
from .asked import Asked, Healthy, Seen
from .candidates import components_between
from .document import EMPTY_NARROWED, Asking, document_of, healthy_document
from .judged import Gate
from .looking_again import Looked, second_look
from .lots_in_time import rows_of
from .measuring import measure
from .metrics import metric_of
from .narrowing import both_states, frame_of, lots_of, narrow
from .ownership import owner_of
from .proofs import Tried, faults_put_in, faults_undone
from .replaying import Replays
from .symptoms import symptom_of
from .truth import truth_of

LOTS_BEFORE = 10  # whose rows say how they were mixed

Event = Callable[[str, Mapping[str, Any]], None]


class Searching(Protocol):
    """What makes replays: of a state of the line (`replaying.Replays`), of a training."""

    made: int
    cached: int
    spent_seconds: float
    notes: list[str]

    def __call__(self, put_back: frozenset[str], /) -> Reading: ...

MOST_BY_COLUMNS = 2  # sources, those with most against them

NOTHING = Found(reproduced=False, reversible=False, causes=(), readings={}, shares={}, replays=0)


def why(project: Project, line: Line, file: str, asked: Asked, *, on_event: Event | None = None) -> dict[str, Any]:
    """Finds what is responsible for what is wrong with a flow.

    Args:
        project: where. Ledger and store are only read; replays write to its folder `replays`.
        line: of the project.
        file: it was loaded from.
        asked: the question.
        on_event: receives ("symptom" | "candidates" | "replay" | "narrow", what there is to say of it).

    Returns:
        The document of `assay why --json`: see docs/why.md.

    Raises:
        MisuseError: the question makes no sense.
        LedgerError: something cannot be read.
    """
    tell = on_event or (lambda kind, what: None)
    model = asked.model or _newest_version(project, asked.flow)
    if model:
        from .asking_models import why_model
        from .retraining import Retrainings

        return why_model(project, line, file, model, asked, on_event=tell, retraining=partial(Retrainings, project, line, file, asked))
    seen = symptom_of(project, line, file, asked)
    if isinstance(seen, Healthy):
        return healthy_document(project, line, asked, seen)
    tell("symptom", {"flow": seen.symptom.flow, "kind": seen.symptom.kind, "unit": seen.symptom.unit, "sentence": seen.symptom.sentence})
    components = candidates_of(project, line, file, seen)
    tell("candidates", {"count": len(components)})
    asking = Asking(project, line, asked, seen, components)
    if seen.good is None or not any(not one.why_not for one in components):
        if seen.bad.run is None and seen.finding:
            tell("narrow", {"component": components[0].key})
            asking.narrowed[components[0].key] = narrowed_by_finding(project, components[0], seen.finding).as_json()
        return document_of(asking, _of_source(seen, answer(seen.symptom, components, NOTHING)), NOTHING)
    with replays_of(project, line, file, asked, seen, components) as replays:
        return searched(asking, replays, tell, file)


def _of_source(seen: Seen, said: Answer) -> Answer:
    """What is said of a lot from outside that nothing names faulty."""
    if seen.bad.run is not None or said.causes:
        return said
    return replace(said, sentence=f"Not found. `{seen.bad.flow}` comes from outside, so that nothing can be put back to see; and nothing in its lot is named faulty: the world may have changed.")


def searched(asking: Asking, replays: Searching, tell: Event, file: str = "") -> dict[str, Any]:
    """The search among the candidates, a closer look at what carries the change, and the answer."""
    asked = asking.asked
    found = search(asking.components, partial(_told, replays, tell, asked.most), most=asked.most, enough=lambda: replays.spent_seconds >= asked.seconds)
    for key in sorted({key for one in found.causes if len(one) == len(found.causes[0]) for key in one}):
        single = found.single(key)
        _look_into(asking, key, replays, tell, alone=single is None or single.gone)
    if not found.causes and isinstance(replays, Replays):
        found = _by_columns(asking, found, replays, tell)
    mix = mix_between(asking.project, asking.line, asked, asking.seen)
    tried = _faults_tried(asking, found, replays, tell, file) if isinstance(replays, Replays) else Tried()
    asking.components = [tried.left(one) for one in asking.components]
    for key in list(asking.narrowed):
        asking.narrowed[key] = tried.narrowed(key, asking.narrowed[key])
    if tried.proof is not None:
        found, asking.narrowed[tried.proof.key] = _proved(asking, found, tried)
    sources = {one.key for one in asking.components if one.kind == SOURCE}
    inside = {key: one for key, one in asking.narrowed.items() if key in sources}
    said = answer(
        asking.seen.symptom, asking.components, found, mix, named={key: one["findings"] for key, one in inside.items()}, columns={key: one["columns"] for key, one in inside.items()},
        proof="" if tried.proof is None else tried.proof.sentence,
    )  # fmt: skip
    return document_of(asking, said, found, replays, mix)


def _faults_tried(asking: Asking, found: Found, replays: Replays, tell: Event, file: str) -> Tried:
    """What undoing the faults of sources says, and putting them in elsewhere; asked where nothing but sources is suspected."""
    seen, kinds = asking.seen, {one.key: one.kind for one in asking.components}
    if seen.symptom.kind != METRIC or not found.reproduced or seen.good is None or any(kinds[key] != SOURCE for one in found.causes for key in one):
        return Tried()
    tell("narrow", {"component": "faults"})
    looks: dict[str, Looked] = {}

    def look(component: Component) -> Looked:
        if component.key not in looks:
            lots, _ = lots_of(asking.project, component)
            looks[component.key] = second_look(asking.project, lots[-1], ()) if len(lots) == 1 else Looked((), {}, 1.0, 0)
        return looks[component.key]

    def unit_of(component: Component, column: str) -> Mapping[str, Any] | None:
        accused, good = lots_of(asking.project, component)
        if not accused or not good:
            return None
        now, before = frame_of(asking.project, accused), frame_of(asking.project, good)
        found = converted(column, now[column], before[column]) if column in now.columns and column in before.columns else None
        return None if found is None else {**found, "lot": accused[-1].lot}

    tried = faults_undone(asking.components, seen.symptom, replays, look, unit_of)
    settled = any(tried.narrowed(key, asking.narrowed[key])["findings"] for one in found.causes if len(one) == 1 for key in one if key in asking.narrowed)
    if tried.proof is None and not settled:
        mine = [tried.left(one) for one in asking.components if one.kind == SOURCE]
        if any(faults_of(one.findings) for one in mine):
            with _of_before(asking, mine, file) as before:
                if before([]).gone:
                    faults_put_in(mine, seen.symptom, before, lambda one: _stays(asking.line, one), tried, {key for one in found.causes for key in one})
            replays.made, replays.cached, replays.spent_seconds = replays.made + before.made, replays.cached + before.cached, replays.spent_seconds + before.spent_seconds
    return tried


def _of_before(asking: Asking, sources: Sequence[Component], file: str) -> Replays:
    """Replays of the good state, into which columns of the bad lots are put."""
    turned = [
        replace(one, before=one.now, now=one.before, detail={**one.detail, "lots": one.detail["before_lots"], "before_lots": one.detail["lots"]})
        for one in sources if one.detail.get("before_lots")
    ]  # fmt: skip
    seen, asked = asking.seen, asking.asked
    assert seen.good is not None
    return replays_of(asking.project, asking.line, file, asked, replace(seen, bad=seen.good, good=seen.bad), turned, by_rank=True)


def _stays(line: Line, component: Component) -> list[str]:
    """The key and the time of a source."""
    source = line.sources.get(component.name)
    return [name for name in (source.time, source.key) if name] if source is not None else []


def _proved(asking: Asking, found: Found, tried: Tried) -> tuple[Found, Mapping[str, Any]]:
    """The search with a source whose fault was proved otherwise, and where inside that source it sits."""
    assert tried.proof is not None
    key, finding = tried.proof.key, tried.proof.finding
    inside = asking.narrowed.get(key) or {**EMPTY_NARROWED, "steps": tried.notes.get(key, [])}
    same = [one for one in inside["findings"] if one["code"] == finding["code"] and list(one["columns"]) == list(finding["columns"])]
    kept = {name: finding[name] for name in ("code", "sentence", "lot", "columns", "severity") if name in finding}
    columns = inside["columns"] or list(finding["columns"])
    return replace(found, reversible=True, causes=(frozenset([key]),), shares={key: 1.0}), {**inside, "columns": columns, "findings": same or [kept]}


def _by_columns(asking: Asking, found: Found, replays: Replays, tell: Event) -> Found:
    """What was found, or the one source whose faulty columns alone remove the symptom, where whole lots cannot be exchanged without tearing apart what belongs together."""
    named = [one for one in asking.components if one.kind == SOURCE and not one.why_not and faults_of(one.findings)]
    for component in sorted(named, key=lambda one: -one.evidence)[:MOST_BY_COLUMNS] if found.reproduced and not found.reversible else []:
        _look_into(asking, component.key, replays, tell)
        inside = asking.narrowed[component.key]
        if inside["columns"] and inside["findings"]:
            reading = replays.columns_back(component.key, inside["columns"])
            if reading.gone:
                one = frozenset([component.key])
                return replace(found, reversible=True, causes=(one,), readings={**found.readings, one: reading}, shares={component.key: 1.0})
    return found


def _look_into(asking: Asking, key: str, replays: Searching, tell: Event, *, alone: bool = True) -> None:
    """Where inside a component that removes the symptom it sits."""
    tell("narrow", {"component": key})
    component = next(one for one in asking.components if one.key == key)
    if component.kind != SOURCE:
        asking.narrowed[key] = both_states(component).as_json()
    elif isinstance(replays, Replays):
        asking.narrowed[key] = narrow(asking.project, component, asking.seen.symptom, replays, stay=_stays(asking.line, component), alone=alone).as_json()


def _newest_version(project: Project, flow: str) -> str:
    """The newest version of a model, where the flow is one; else ""."""
    with project.ledger.read() as connection:
        known = records.flow_of(connection, flow) if flow else None
    return f"{flow}:v{known.lots}" if known is not None and known.kind == KIND else ""


def candidates_of(project: Project, line: Line, file: str, seen: Seen) -> list[Component]:
    """What may be responsible; for what comes from outside that is its own lot, which nothing can be put in the place of."""
    if seen.bad.run is None:
        return [_itself(project, line, seen)]
    return components_between(project, line, file, seen.good, seen.bad) if seen.good is not None else []


def _itself(project: Project, line: Line, seen: Seen) -> Component:
    flow, bad = seen.bad.flow, seen.bad.lots[seen.bad.lot or 0]
    before = [seen.good.lot] if seen.good is not None and seen.good.lot is not None else []
    findings = tuple({**one, "lot": bad.lot} for one in bad.findings)
    with project.ledger.read() as connection:
        owner = owner_of(connection, line, flow)
    detail = {"lots": [bad.lot], "before_lots": before, "change": "changed"}
    if _newest_version(project, flow):
        was = f"v{seen.good.lots[before[0]].place}" if seen.good is not None and before else ""
        return Component(MODEL, flow, was, f"v{bad.place}", owner, 1.0, "it was brought in as it is: how it was trained is not known", findings, detail)
    why_not = "it comes from outside: nothing upstream of it is known that could be put back"
    return Component(SOURCE, flow, f"lot {before[0]}" if before else "", f"lot {bad.lot}", owner, 1.0, why_not, findings, detail)


def replays_of(project: Project, line: Line, file: str, asked: Asked, seen: Seen, components: Sequence[Component], *, by_rank: bool = False) -> Replays:
    """Replays of the bad state, with the way in which its symptom is measured; columns are exchanged row by row where rows have partners, or always `by_rank`."""
    assert seen.good is not None
    judge = Gate(project, seen.bad.lots[seen.bad.lot]) if seen.symptom.kind == FINDING and seen.bad.lot is not None else None
    settings = project.settings.get("why", {})
    folders = [*asked.packages, *(settings.get("packages", []) if isinstance(settings, dict) else [])]
    measured = partial(measure, judge=judge, truth=truth_of(project, line, seen.symptom.flow))
    return Replays(project, line, file, seen.bad, seen.good, components, seen.symptom, measured, packages=folders, seconds=asked.seconds, by_rank=by_rank)


def _told(replays: Searching, tell: Event, most: int, put_back: frozenset[str]) -> Reading:
    reading = replays(put_back)
    what = {"number": replays.made + replays.cached, "most": most, "put_back": sorted(put_back), "value": reading.value, "gone": reading.gone, "error": reading.error, "cached": reading.cached}
    tell("replay", what)
    return reading


def mix_between(project: Project, line: Line, asked: Asked, seen: Seen) -> Mix | None:
    """The figure with the rows of the bad lot mixed as in the lots before it; None where it is no mean over rows, or the complaint names the rows."""
    if seen.symptom.kind != METRIC or asked.rows or asked.model or seen.bad.lot is None or seen.good is None:
        return None
    metric, truth = metric_of(seen.symptom.name), truth_of(project, line, seen.symptom.flow)
    well = [int(one["lot"]) for one in seen.history if one["at"] < seen.symptom.since and seen.symptom.gone(one["value"])][-LOTS_BEFORE:]
    with project.ledger.read() as connection:
        lots = records.lots_with(connection, sorted({*well, *([seen.good.lot] if seen.good.lot is not None else [])}))
    frames = [rows_of(project, one) for one in (seen.bad.lots[seen.bad.lot], *lots)]
    parts = [one for one in (metric.parts(truth.beside(frame) if truth is not None else frame) for frame in frames) if one is not None]
    if len(parts) < 2 or len(parts) < len(frames):
        return None
    (now, amounts), *earlier = [(rows.drop(metric.columns, strict=False), amounts) for rows, amounts in parts]
    common = [name for name in now.columns if all(name in rows.columns and rows.schema[name] == now.schema[name] for rows, _ in earlier)]
    before = pl.concat([rows.select(common) for rows, _ in earlier])
    amounts_before = pl.concat([one for _, one in earlier])
    return mix_of(now.select(common), amounts.to_numpy(), before, amounts_before.to_numpy())
