"""Replays of a training: a version is trained once more with some components put back, away from everything that is in use, and tried on the test set that found it worse.

A training is not repeatable to the last digit, and replays train with less time than the version had. So two trainings as it was and two with everything put back come first: the bounds
between which the figure is "as before" lie halfway between both pairs, and where the pairs are no further apart than two trainings of the same kind, nothing is concluded.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from typing import Any

from assayline.diagnosis import Component, Reading
from assayline.diagnosis.component import PARAMETER
from assayline.diagnosis.symptom import FINDING
from assayline.environments.identity import identity_lines, identity_of
from assayline.errors import AssaylineError, MisuseError
from assayline.ledger import intact, records, trial_records
from assayline.ledger.records import LotRecord

from ..budget import StepLimits
from ..definition import Line
from ..models.due import PACKAGES
from ..models.fitting import Wish, fitted_in
from ..models.trial_work import RESULT
from ..models.trying import WORK as TRIAL
from ..models.trying import TrialSettings
from ..models.versions import ARTEFACT, label
from ..project import SETTINGS, Project
from ..step_child import StepWorker
from ..step_inputs import parts_of
from .area import key_of
from .asked import Asked, Seen
from .replaying import Replays
from .rerunning import Failed

VERSION = 1  # of what is kept: another one makes everything anew
MOST_SECONDS = 5.0  # of the clock, for one training: most of what a longer one gains is gained by then (docs/training.md)
APART = 2.0  # times the difference of two seeds that the pairs have to be apart


@dataclass(frozen=True)
class Bounds:
    """Between which values a figure is as it was before.

    Args:
        low, high: both belong to it.
        noise: between two trainings that differ in the seed alone.
        told: whether trainings as it was and as it was before can be told apart.
    """

    low: float
    high: float
    noise: float
    told: bool

    def as_before(self, value: float | None) -> bool:
        """Whether a figure is as it was before."""
        return value is not None and self.low <= value <= self.high

    def is_near(self, value: float | None) -> bool:
        """Whether another seed might say otherwise."""
        return value is not None and self.told and min(abs(value - self.low), abs(value - self.high)) < self.noise


def bounds_of(now: Sequence[float], before: Sequence[float]) -> Bounds:
    """The bounds from trainings as they were and trainings with everything put back, each with at least two seeds.

    >>> bounds_of([0.70, 0.71], [0.80, 0.80]).as_before(0.79), bounds_of([0.70, 0.71], [0.80, 0.80]).as_before(0.72)
    (True, False)
    >>> bounds_of([0.70, 0.78], [0.80, 0.74]).told
    False
    """
    noise = max(max(one) - min(one) for one in (now, before))
    middle = [sum(one) / len(one) for one in (now, before)]
    halfway = sum(middle) / 2
    if abs(middle[1] - middle[0]) <= APART * noise:
        return Bounds(-float("inf"), float("inf"), noise, told=False)
    return Bounds(halfway, float("inf"), noise, told=True) if middle[1] > middle[0] else Bounds(-float("inf"), halfway, noise, told=True)


class Retrainings:
    """Replays of the training of one version; use it in a `with`. Ledger and store are only read; what is made is kept in the area of replays, by what it depends on.

    Args:
        project: where.
        line: as it is now.
        file: it was loaded from.
        asked: the question, for its budgets and folders of packages.
        seen: what the trial of the version says, and the version it is held against.
        components: what differs.

    Raises:
        MisuseError: no run of the ledger made the version, so how it was trained is not known.
    """

    def __init__(self, project: Project, line: Line, file: str, asked: Asked, seen: Seen, components: Sequence[Component]) -> None:
        if seen.bad.run is None or seen.good is None or seen.bad.lot is None or not seen.bad.run.parameters.get("target"):
            raise MisuseError(f"{seen.symptom.flow}: the version came as a file, so how it was trained is not known")
        self.run, self.before = seen.bad.run, seen.good.run
        self.symptom, self.seconds = seen.symptom, asked.seconds
        self.components = {one.key: one for one in components}
        self.made = self.cached = 0
        self.spent_seconds = 0.0
        self.notes: list[str] = []
        self._bad, self._champion = seen.bad.lots[seen.bad.lot], seen.good.lots[seen.good.lot] if seen.good.lot is not None else None
        self._replays = Replays(project, line, file, seen.bad, seen.good, components, seen.symptom, lambda *_: None, packages=asked.packages, seconds=asked.seconds)
        self._project = project
        self._cost, self._sets = _as_tried(project, self._bad)
        self._environment = identity_of(identity_lines(PACKAGES))
        self._bounds: Bounds | None = None
        self._values: dict[tuple[frozenset[str], int], tuple[float | None, str, bool]] = {}
        self._readings: dict[frozenset[str], Reading] = {}
        self._stack = ExitStack()
        self._worker: StepWorker | None = None

    def __enter__(self) -> Retrainings:
        self._stack.enter_context(self._replays)
        self._work = self._stack.enter_context(self._replays.area.work())
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self._worker = None

    def __call__(self, put_back: frozenset[str], /) -> Reading:
        """The figure of the test set, with these components put back before the training.

        Args:
            put_back: their keys; none for the training as it was.
        """
        if put_back in self._readings:
            self.cached += 1
            return replace(self._readings[put_back], cached=True)
        if self._bounds is not None and self.spent_seconds >= self.seconds:
            return Reading(None, gone=False, error=f"the budget of {self.seconds:g} seconds for replays is spent; give more with --seconds")
        started = time.monotonic()
        bounds = self._bounds if self._bounds is not None else self._calibrated()
        seed = int(self.run.parameters.get("seed") or 0)
        value, error, cached = self._value(put_back, seed)
        if bounds.is_near(value):
            other, _, also = self._value(put_back, seed + 1)
            value, cached = (value if other is None or value is None else (value + other) / 2), cached and also
        seconds = time.monotonic() - started
        self.spent_seconds += seconds
        self.made, self.cached = self.made + (not cached), self.cached + cached
        self._readings[put_back] = Reading(value, bounds.as_before(value), error, seconds, cached)
        return self._readings[put_back]

    # -- how sure a figure is ------------------------------------------------------------------------------------------

    def _calibrated(self) -> Bounds:
        """Two trainings as it was, two with everything put back."""
        seed = int(self.run.parameters.get("seed") or 0)
        everything = frozenset(key for key, one in self.components.items() if not one.why_not)
        now, before = ([value for number in (seed, seed + 1) if (value := self._value(put, number)[0]) is not None] for put in (frozenset[str](), everything))
        budget = float(self.run.parameters.get("budget_seconds") or 60.0)
        if budget > MOST_SECONDS:
            self.notes.append(f"replays train for {MOST_SECONDS:g} seconds each, and not for the {budget:g} that the version had; figures are compared with such trainings only")
        if len(now) < 2 or len(before) < 2:
            self._bounds = Bounds(self.symptom.low, self.symptom.high, 0.0, told=False)
            return self._bounds
        self._bounds = bounds_of(now, before)
        figures = f"as it was {_shown(now)}, with everything put back {_shown(before)}"
        if self._bounds.told:
            self.notes.append(f"two trainings each, which differ in the seed: {figures}")
        else:
            self.notes.append(f"two trainings that differ in the seed alone are as far apart as the trainings of now and before ({figures}), so nothing is concluded from replays")
        return self._bounds

    # -- one training --------------------------------------------------------------------------------------------------

    def _value(self, put: frozenset[str], seed: int) -> tuple[float | None, str, bool]:
        """The figure, the error, and whether it was known."""
        if (put, seed) not in self._values:
            try:
                self._values[put, seed] = self._trained(put, seed)
            except (AssaylineError, Failed) as error:
                self._values[put, seed] = (None, str(error), False)
        value, error_said, _ = self._values[put, seed]
        found, self._values[put, seed] = self._values[put, seed], (value, error_said, True)
        return found

    def _trained(self, put: frozenset[str], seed: int) -> tuple[float | None, str, bool]:
        for key in put:
            if self.components[key].why_not:
                raise MisuseError(f"{key} cannot be put back: {self.components[key].why_not}")
        lots = [lot for several in self._replays.given(put).values() for lot in several]
        wish = self._wish(put, seed)
        rows = [[lot.objects.get("released", lot.digest), sorted(lot.figures.get("renames", {}).items())] for lot in lots]
        key = key_of("training", VERSION, rows, asdict(wish), self._environment, [one["digest"] for one in self._sets], [self.symptom.kind, self.symptom.name], self._against())
        known = self._replays.area.known(key)
        if known is not None and "value" in known:
            return known["value"], "", True
        value = self._tried(self._artefact(lots, wish))
        self._replays.area.note(key, {"value": value})
        return value, "", False

    def _wish(self, put: frozenset[str], seed: int) -> Wish:
        """What was asked, with the values of before where they are put back."""
        asked: dict[str, Any] = {**self.run.parameters, "seed": seed}
        before: Mapping[str, Any] = self.before.parameters if self.before is not None else {}
        for one in (self.components[key] for key in put):
            name = str(one.detail.get("parameter", ""))
            if one.kind == PARAMETER and self.run.step in one.detail.get("steps", ()):
                if name == "seed":
                    asked["seed"] = int(before["seed"]) + seed - int(self.run.parameters.get("seed") or 0)
                elif name in before:
                    asked[name] = before[name]
        return Wish(
            str(asked["target"]), self.run.step, key=tuple(asked.get("key") or ()), time=str(asked.get("time") or ""), horizon=str(asked.get("horizon") or ""),
            task=str(asked.get("task") or ""), drop=tuple(asked.get("drop") or ()), budget_seconds=min(float(asked.get("budget_seconds") or 60.0), MOST_SECONDS), cost=self._cost,
            seed=int(asked["seed"]),
        )  # fmt: skip

    def _artefact(self, lots: Sequence[LotRecord], wish: Wish) -> str:
        folder = self._folder()
        inputs: dict[str, Any] = {"parts": parts_of(self._replays.project, lots), "casts": {}, "uses": None}
        made = fitted_in(self._working(), inputs, wish, "v0", (), os.path.join(self._project.folder, SETTINGS), folder, None)
        assert made.path is not None
        return made.path

    def _tried(self, artefact: str) -> float | None:
        """What a trial of an artefact says, on the test sets of the version's own trial."""
        folder, settings = self._folder(), TrialSettings.of(self._project)
        request = {
            "work": TRIAL, "file": os.path.join(self._project.folder, SETTINGS), "folder": folder, "artefact": artefact, "label": label(self._bad), "sets": self._sets,
            "allowed": list(settings.allowed), "aspects": [], "champion": self._against(), "earlier": {}, "tags": [], "trained_on": None,
            "settings": {"margin": settings.margin, "protected": list(settings.protected), "row_milliseconds": settings.row_milliseconds, "size_mib": settings.size_mib},
        }  # fmt: skip
        made = self._working().run(request, limits=StepLimits(memory_bytes=int(settings.memory_mib * (1 << 20)), max_runtime_seconds=settings.seconds, idle_seconds=0.0))
        if made.path is None:
            raise MisuseError(f"the trial of a replay: {made.error}")
        with open(os.path.join(folder, RESULT), encoding="utf-8") as file:
            told = json.load(file)
        if self.symptom.kind == FINDING:
            return max((float(one["severity"]) for one in told["report"]["findings"] if one["code"] == self.symptom.name), default=0.0)
        found = {f"{score['metric']} on {one['set']}": score["value"] for one in told["sets"] for score in one["scores"]}
        value = found.get(self.symptom.name)
        return None if value is None else float(value)

    def _against(self) -> dict[str, Any] | None:
        """The version of before, where the symptom is a finding of the comparison with it."""
        if self.symptom.kind != FINDING or self._champion is None or ARTEFACT not in self._champion.objects:
            return None
        return {"label": label(self._champion), "artefact": intact(self._project.store, self._champion.objects[ARTEFACT]), "predictions": None}

    def _folder(self) -> str:
        path = os.path.join(self._work, f"training-{len(os.listdir(self._work))}")
        os.mkdir(path)
        return path

    def _working(self) -> StepWorker:
        self._worker = self._worker or self._stack.enter_context(StepWorker())
        return self._worker


def _as_tried(project: Project, version: LotRecord) -> tuple[Mapping[str, Any] | None, list[dict[str, Any]]]:
    """What wrong answers cost it, and the test sets of its trial, as the process of a trial is told of them."""
    with project.ledger.read() as connection:
        trial = trial_records.trial_of(connection, version.lot)
        lots = {one["set"]: records.lot_of(connection, int(one["lot"])) for one in (trial.sets if trial is not None else ())}
    if trial is None or not lots:
        raise MisuseError(f"{label(version)} was tried on no test set, so a replay of its training has nothing to be measured on")
    sets = [
        {"name": name, "lot": lot.lot, "digest": lot.digest, "path": intact(project.store, lot.objects["released"]), "renames": dict(lot.figures.get("renames", {})), "looks": 0}
        for name, lot in lots.items()
    ]  # fmt: skip
    with open(intact(project.store, trial.objects["report"]), encoding="utf-8") as file:
        return json.load(file).get("trial", {}).get("cost"), sets


def _shown(values: Sequence[float]) -> str:
    return " and ".join(f"{one:.4g}" for one in values)
