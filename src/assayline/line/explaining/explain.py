"""What changed between two versions of a model, for whom and in money: one document, made from the ledger and from both versions' answers to the same rows."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from assayline.errors import MisuseError
from assayline.ledger import intact, records, trial_records
from assayline.ledger.records import LotRecord

from ..budget import StepLimits
from ..models.test_sets import TestSet, sets_of
from ..models.trying import TrialSettings, error_of
from ..models.versions import ARTEFACT, champion_of, label
from ..project import SETTINGS, Project
from ..step_child import StepWorker
from .changed import changed
from .notes import note as note
from .two_versions import two_versions
from .wording import settings_of

WORK = "assayline.line.explaining.explain_work:work"
RESULT = "explained.json"
SCHEMA = 1
MOST_RELEASES = 12
SECONDS = 30.0  # after which no more precision is bought
GRACE_SECONDS = 600.0  # after which the process is ended

Event = Callable[[str, Mapping[str, Any]], None]


def explain_document(
    project: Project, model: str, before: str | None = None, after: str | None = None, *, test_set: str | None = None, seconds: float = SECONDS, on_event: Event | None = None
) -> dict[str, Any]:
    """What changed between two versions of a model; see docs/explain.md for every key.

    Args:
        project: where.
        model: the name.
        before, after: "v7" and "v8"; see `two_versions`.
        test_set: on which rows; None for the largest set that both were tried on, else the largest.
        seconds: of the clock after which no more precision is bought: fewer draws, fewer releases asked again. What is told is told with its error either way.
        on_event: receives ("explain", {"done", "total", "phase"}).

    Raises:
        MisuseError: there are no two versions, no test set, or the two answer different questions.
        InputError: an artefact cannot be read.
    """
    first, second = two_versions(project, model, before, after)
    sets = sets_of(project, model)
    with project.ledger.read() as connection:
        trials_of = {one.lot: trial_records.trial_of(connection, one.lot) for one in (first, second)}
        champion = champion_of(connection, model)
        versions = [lot for lot in records.lots(connection, model) if ARTEFACT in lot.objects]
    chosen = _chosen(model, sets, test_set, [one for one in trials_of.values() if one is not None])
    settings, wording = TrialSettings.of(project), settings_of(project, model)
    releases = _releases(versions, first, second)
    with project.ledger.read() as connection:
        tried = {lot.lot: trial_records.trial_of(connection, lot.lot) for lot in releases}
    request = {
        "work": WORK, "file": os.path.join(project.folder, SETTINGS), "before": _version(project, first, trials_of[first.lot]), "after": _version(project, second, trials_of[second.lot]),
        "set": chosen.request(project), "earlier": _earlier(project, chosen, trials_of[first.lot]), "wording": wording, "first": list(settings.protected), "margin": settings.margin,
        "releases": [{**_version(project, lot, tried[lot.lot]), "at": lot.at, "state": lot.state} for lot in releases], "seconds": seconds, "allowed": list(settings.allowed),
    }  # fmt: skip
    told = _asked(project, request, f"{label(first)} and {label(second)}", settings, on_event)
    what = changed(project, first, second)
    packages = what["packages"] or told.pop("environment")
    told.pop("environment", None)
    return {
        "schema": SCHEMA, "model": model, "before": _facts(first, champion), "after": _facts(second, champion), "set": {"name": chosen.name, "lot": chosen.lot.lot, "looks": chosen.looks},
        "sets": [{"set": one.name, "rows": one.lot.rows["released"]} for one in sets], "contact": str(wording.get("contact") or told.get("owner") or ""),
        **told, "made_from": {**what, "packages": packages, "features": told["features"], "choice": told["choice"]},
    }  # fmt: skip


def _chosen(model: str, sets: Sequence[TestSet], name: str | None, past: Sequence[trial_records.TrialRecord]) -> TestSet:
    if not sets:
        raise MisuseError(f"there is no test set of {model}, so nobody knows what its versions do to whom; add one: assay trial add-set {model} FILE")
    if name is not None:
        found = next((one for one in sets if one.name == name), None)
        if found is None:
            raise MisuseError(f"there is no test set {name!r} of {model}; there {'is' if len(sets) == 1 else 'are'} {', '.join(one.name for one in sets)}")
        return found
    kept = {one.name: sum(any(tried["digest"] == one.lot.digest for tried in trial.sets) for trial in past) for one in sets}
    return max(sets, key=lambda one: (kept[one.name], one.lot.rows["released"]))


def _releases(versions: Sequence[LotRecord], first: LotRecord, second: LotRecord) -> list[LotRecord]:
    """Released versions up to the later of both, and these two whatever became of them."""
    both = {first.lot, second.lot}
    last = max(first.place, second.place)
    found = [lot for lot in versions if lot.lot in both or (lot.place <= last and lot.state in ("released", "superseded"))]
    extra = max(0, len(found) - MOST_RELEASES)
    dropped = [lot.lot for lot in found if lot.lot not in both][:extra]
    return [lot for lot in found if lot.lot not in dropped]


def _version(project: Project, lot: LotRecord, trial: trial_records.TrialRecord | None) -> dict[str, Any]:
    kept = trial.objects.get("predictions") if trial is not None else None
    return {"label": label(lot), "artefact": intact(project.store, lot.objects[ARTEFACT]), "predictions": intact(project.store, kept) if kept else None}


def _facts(lot: LotRecord, champion: LotRecord | None) -> dict[str, Any]:
    return {"version": label(lot), "lot": lot.lot, "place": lot.place, "at": lot.at, "state": lot.state, "verdict": lot.verdict, "in_force": champion is not None and champion.lot == lot.lot}


def _earlier(project: Project, chosen: TestSet, trial: trial_records.TrialRecord | None) -> dict[str, Any] | None:
    """The rows that the version before was tried on, where the set has others by now and those are still kept."""
    tried = next((one for one in (trial.sets if trial is not None else ()) if one["set"] == chosen.name and one["scores"]), None)
    if tried is None or tried["digest"] == chosen.lot.digest:
        return None
    with project.ledger.read() as connection:
        lot = records.lot_of(connection, int(tried["lot"]))
    return TestSet(chosen.name, lot, 0).request(project) if "released" in lot.objects else None


def _asked(project: Project, request: Mapping[str, Any], shown: str, settings: TrialSettings, on_event: Event | None) -> dict[str, Any]:
    limits = StepLimits(memory_bytes=int(settings.memory_mib * (1 << 20)), max_runtime_seconds=max(GRACE_SECONDS, settings.seconds), idle_seconds=0.0)
    told = (lambda done: on_event("explain", {"done": done, "total": 6})) if on_event is not None else None
    with StepWorker() as worker, project.store.staging() as folder:
        made = worker.run({**request, "folder": folder}, limits=limits, on_progress=told)
        if made.path is None:
            raise error_of(made, shown)
        with open(os.path.join(folder, RESULT), encoding="utf-8") as file:
            found: dict[str, Any] = json.load(file)
    return found
