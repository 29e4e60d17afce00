"""Why a version of a model is worse than the one before it: what differs between the two trainings.

A replay of a model is another training, which costs what the first one did; where none is given, the candidates are judged by what speaks for them, and said so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from assayline.diagnosis import Component, Symptom
from assayline.diagnosis.answering import answer
from assayline.diagnosis.symptom import FINDING, METRIC
from assayline.errors import MisuseError
from assayline.ledger import records, trial_records
from assayline.ledger.records import LotRecord
from assayline.ledger.trial_records import TrialRecord

from ..definition import Line
from ..models.versions import WARN, label, version_of
from ..project import Project
from .asked import Asked, Healthy, Seen
from .asking import NOTHING, Event, Searching, candidates_of, searched
from .derivation import derivation_of
from .document import Asking, document_of, healthy_document
from .symptom_words import two

NO_TRAINING = "whether it is responsible shows only when the model is trained again"
NOT_WORSE = frozenset({"undecided_trial", "outlier_run"})

Retraining = Callable[[Seen, Sequence[Component]], AbstractContextManager[Searching]]


def why_model(project: Project, line: Line, file: str, version: str, asked: Asked, *, on_event: Event, retraining: Retraining | None = None) -> dict[str, Any]:
    """Finds what is responsible for a version that its trial found worse.

    Args:
        project: where.
        line: of the project.
        file: it was loaded from.
        version: "churn:v8", or "churn" for the one in force.
        asked: the question, for its budgets.
        on_event: as of `why`.
        retraining: makes replays of a training for a symptom and its candidates (`replaying.Replays` has the form); None where nothing is trained again.

    Raises:
        MisuseError: there is no such version, or none before it.
    """
    seen = version_seen(project, version)
    if isinstance(seen, Healthy):
        return healthy_document(project, line, asked, seen)
    on_event("symptom", {"flow": seen.symptom.flow, "kind": seen.symptom.kind, "unit": seen.symptom.unit, "sentence": seen.symptom.sentence})
    components = candidates_of(project, line, file, seen)
    if retraining is None:
        components = [replace(one, why_not=one.why_not or NO_TRAINING) for one in components]
    on_event("candidates", {"count": len(components)})
    asking = Asking(project, line, asked, seen, components)
    if retraining is None or not any(not one.why_not for one in components):
        return document_of(asking, answer(seen.symptom, components, NOTHING), NOTHING)
    with retraining(seen, components) as replays:
        return searched(asking, replays, on_event)


def version_seen(project: Project, version: str) -> Seen | Healthy:
    """What the trial of a version says against it, with the version it is held against."""
    bad = version_of(project, version)
    with project.ledger.read() as connection:
        trial = trial_records.trial_of(connection, bad.lot)
        good = _before(connection, bad, trial)
        if trial is None:
            raise MisuseError(f"{label(bad)} was never tried; run: assay trial run {label(bad)}")
        worst = sorted((one for one in trial.findings if one["severity"] >= WARN and one["code"] not in NOT_WORSE), key=lambda one: -one["severity"])
        if not worst or good is None:
            against = f" than {label(good)}" if good is not None else ""
            return Healthy(bad.flow, f"Nothing is wrong with `{label(bad)}`: its trial does not find it worse{against}.")
        symptom = _symptom(bad, good, trial, trial_records.trial_of(connection, good.lot), worst[0])
        history = [{"lot": one.lot, "at": one.at, "value": _score(one, symptom.name)} for one in trial_records.trials(connection, bad.flow, most=30)]
        return Seen(symptom, derivation_of(connection, bad.lot), derivation_of(connection, good.lot), history, finding=dict(worst[0]))


def _before(connection: Any, bad: LotRecord, trial: TrialRecord | None) -> LotRecord | None:
    """The version that a version is held against: that of its trial, else the one before it."""
    if trial is not None and trial.champion is not None and trial.champion != bad.lot:
        return records.lot_of(connection, trial.champion)
    earlier = [one for one in records.lots(connection, bad.flow) if one.place < bad.place and one.state != "rejected"]
    return earlier[-1] if earlier else None


def _symptom(bad: LotRecord, good: LotRecord, trial: TrialRecord, before: TrialRecord | None, finding: Mapping[str, Any]) -> Symptom:
    """The score that fell, where both versions have it on the same rows; else the finding itself."""
    name = str(finding.get("where") or "")
    scored = {(one["set"], one["digest"]): one for one in trial.sets}
    earlier = {(one["set"], one["digest"]): one for one in (before.sets if before is not None else ())}
    for key in sorted(scored.keys() & earlier.keys(), key=lambda one: one[0] != name):
        now, then = _first(scored[key]), _first(earlier[key])
        if now is not None and then is not None and now[0] == then[0] and now[1] != then[1]:
            figure, value, was = f"{now[0]} on {key[0]}", now[1], then[1]
            low, high = sorted((was, (was + value) / 2))
            first, second = two(was, value)
            sentence = f"`{label(bad)}` has {now[0]} {second} on {key[0]}, and `{label(good)}` had {first}: {finding['sentence']}"
            return Symptom(METRIC, bad.flow, figure, sentence, was, value, -float("inf") if low == was else low, high if low == was else float("inf"), since=bad.at)
    return Symptom(FINDING, bad.flow, finding["code"], f"The trial of `{label(bad)}` says: {finding['sentence']}", 0.0, float(finding["severity"]), high=WARN, since=bad.at)


def _first(one: Mapping[str, Any]) -> tuple[str, float] | None:
    """The metric that decides, which stands first, and its value."""
    return next(((str(score["metric"]), float(score["value"])) for score in one["scores"] if score.get("value") is not None), None)


def _score(trial: TrialRecord, name: str) -> float | None:
    found = {f"{first[0]} on {one['set']}": first[1] for one in trial.sets if (first := _first(one)) is not None}
    return found.get(name)
