"""Replays: how a state came to be is done once more with some components put back, away from everything that is in use, and the symptom is measured on what comes out.

Only what is different is run: a result whose inputs, code, parameters and packages are those of a recorded run is taken from the store. Everything that is made is kept in
PROJECT/replays under a digest of all it depends on, so that no replay is made twice. Ledger and store are only read.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace

import polars as pl

from assayline.diagnosis import Component, Reading, Symptom
from assayline.errors import AssaylineError, MisuseError
from assayline.ledger.records import LotRecord
from assayline.ledger.run_records import RunRecord

from ..definition import Line
from ..project import Project
from .apart import apart
from .area import FOLDER, Area
from .clocks import Ticking
from .derivation import Derivation
from .exchanging import Exchanges
from .replay_pass import Pass
from .rerunning import Failed, Rerunner, same_rows
from .sampling import Sampling
from .versions_then import Then

Measure = Callable[[Symptom, str | None, str], float | None]


class Replays:
    """Replays of one state; use it in a `with`.

    Args:
        project: where. Nothing is written but in its folder `replays`.
        line: as it is now.
        file: it was loaded from.
        bad: the state that is replayed.
        good: the state that components are put back from.
        components: what differs between the two.
        symptom: what is measured.
        measure: called with the symptom, the path of the outcome (None where it failed) and the error ("" where there is an outcome); gives the measure.
        packages: folders with packages in earlier versions.
        seconds: of the clock, for all replays together; one that would begin later is not made.
        most_rows: above so many rows of a new lot, replays are made on some keys only, if the symptom shows on them too.
        also: more that can be put back, by keys that begin with "source FLOW": functions over the rows of each lot of that flow that was not there before.
        by_rank: columns are exchanged by rank (see `exchanging.Exchanges`).

    Raises:
        LedgerError: the folder of replays cannot be written.
    """

    def __init__(
        self, project: Project, line: Line, file: str, bad: Derivation, good: Derivation, components: Sequence[Component], symptom: Symptom, measure: Measure,
        *, packages: Sequence[str] = (), seconds: float = 120.0, most_rows: int = 200_000, also: Mapping[str, Callable[[pl.DataFrame], pl.DataFrame]] | None = None,
        by_rank: bool = False,
    ) -> None:  # fmt: skip
        self.bad, self.good, self.symptom, self.measure, self.seconds, self.also = bad, good, symptom, measure, seconds, dict(also or {})
        self.components = {one.key: one for one in components}
        self.made = self.cached = 0
        self.spent_seconds = 0.0
        self.notes: list[str] = []
        self.area = Area(os.path.join(project.folder, FOLDER))
        self.project = apart(project, self.area)
        self.exchanges = Exchanges(self.project, self.area, line, good, bad, list(components), by_rank=by_rank)
        self.then = Then(self.project, line, file, bad, good, list(components))
        self.sampling = Sampling(self.project, self.area, line, self.exchanges, bad, most_rows)
        self._packages = tuple(packages)
        self._unlike: frozenset[str] | None = None  # steps whose rows are others when they are run again; None: nobody has looked
        self._readings: dict[tuple[frozenset[str], tuple[str, ...]], tuple[Reading, str | None]] = {}
        self._stack = ExitStack()
        self._rerunner: Rerunner | None = None

    def __enter__(self) -> Replays:
        self._running().warm()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self._rerunner = None

    def __call__(self, put_back: Collection[str]) -> Reading:
        """The symptom, with these components put back.

        Args:
            put_back: their keys; none for the state as it is, which shows whether it can be made again at all.

        Raises:
            MisuseError: there is no such component.
        """
        return self._reading(frozenset(put_back), {})[0]

    def columns_back(self, component_key: str, columns: Sequence[str], besides: Collection[str] = ()) -> Reading:
        """The symptom, with only these columns of a source's new lots as they were before; rows, keys and times stay those of now.

        Args:
            component_key: of a source.
            columns: by the names the flow knows them by.
            besides: keys of what else is put back, whole: the rest of a cause that is more than one component.

        Raises:
            MisuseError: it is no source of the components.
        """
        if component_key not in self.exchanges.by_key:
            raise MisuseError(f"{component_key!r} is no source whose columns could be put back; there are {', '.join(self.exchanges.by_key) or 'none'}")
        return self._reading(frozenset([component_key, *besides]), {component_key: tuple(columns)})[0]

    def undone(self, component_key: str, name: str, undo: Callable[[pl.DataFrame], pl.DataFrame]) -> Reading:
        """The symptom, with the rows of a source's new lots gone through a function.

        Args:
            component_key: of a source.
            name: of what is done, once for each function.
            undo: over the rows of each lot.
        """
        key = f"{component_key}: {name}"
        self.also[key] = undo
        return self([key])

    def ticking(self, component_key: str) -> Ticking | None:
        """How the clock of a source's newest lot stands to the rhythm of the lots before (see `exchanging.Exchanges.ticking`)."""
        return self.exchanges.ticking(component_key)

    def height(self, component_key: str) -> int:
        """How many rows the new lots of a source have."""
        return self.exchanges.height(component_key)

    def known_elsewhere(self, component_key: str, column: str) -> float | None:
        """Which share of the new values of a source's column other flows know too (see `exchanging.Exchanges.known_elsewhere`)."""
        return self.exchanges.known_elsewhere(component_key, column)

    def outcome(self, put_back: Collection[str]) -> str | None:
        """The path of what a replay gave, which is made where it was not yet; None where it failed. It is there as long as the `with` goes on."""
        return self._reading(frozenset(put_back), {})[1]

    def given(self, put_back: Collection[str]) -> dict[str, list[LotRecord]]:
        """What the last run of the state reads with these components put back, by input; what is not there yet is made.

        Raises:
            Failed: a step before it ended with an error.
            MisuseError: something cannot be put back.
        """
        return self._pass(frozenset(put_back), {}).given()

    # -- one replay ----------------------------------------------------------------------------------------------------

    def _reading(self, put: frozenset[str], only: Mapping[str, tuple[str, ...]]) -> tuple[Reading, str | None]:
        unknown = sorted(put - self.components.keys() - self.also.keys())
        if unknown:
            raise MisuseError(f"{unknown[0]!r} is nothing that can be put back; there are {', '.join([*self.components, *self.also]) or 'none'}")
        name = (put, tuple(f"{key}: {', '.join(columns)}" for key, columns in only.items()))
        if name in self._readings:
            self.cached += 1
            reading, path = self._readings[name]
            return replace(reading, cached=True), path
        if self.spent_seconds >= self.seconds:
            return Reading(None, gone=False, error=f"the budget of {self.seconds:g} seconds for replays is spent; give more with --seconds"), None
        started = time.monotonic()
        try:
            found = self._measured(put, only)
        except AssaylineError as error:  # it cannot be put back, or what is needed is not there any more
            found = Reading(None, gone=False, error=str(error)), None, False
        reading, path, ran = found
        seconds = time.monotonic() - started
        self.spent_seconds += seconds
        self.made, self.cached = self.made + ran, self.cached + (not ran)
        self._readings[name] = replace(reading, seconds=seconds, cached=not ran), path
        return self._readings[name]

    def _measured(self, put: frozenset[str], only: Mapping[str, tuple[str, ...]]) -> tuple[Reading, str | None, bool]:
        """The reading, the path of the outcome, and whether something had to be run for it."""
        for key in put & self.components.keys():
            if self.components[key].why_not:
                raise MisuseError(f"{key} cannot be put back: {self.components[key].why_not}")
        before = self._running().runs
        self._prepare()
        path, error = self._outcome(put, only)
        value = self.measure(self.symptom, path, error)
        return Reading(value, self.symptom.gone(value), error), path, self._running().runs > before

    def _outcome(self, put: frozenset[str], only: Mapping[str, tuple[str, ...]]) -> tuple[str | None, str]:
        try:
            return self.project.store.path(self._pass(put, only).target()), ""
        except Failed as failed:
            return None, str(failed)

    def _pass(self, put: frozenset[str], only: Mapping[str, tuple[str, ...]]) -> Pass:
        left = max(0.0, self.seconds - self.spent_seconds)
        return Pass(self.bad, self.then, self.exchanges, self.sampling, self._running(), put, only, self.also, self._packages, self._unlike or frozenset(), left)

    # -- before the first one ------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Once: which steps give other rows when they are run again, and whether a sample shows the symptom."""
        if self._unlike is not None:
            return
        self._unlike = frozenset(step for step, run in self._newest_touched().items() if not self._is_faithful(step, run))
        if self.sampling.begin():
            path, error = self._outcome(frozenset(), {})
            value = self.measure(self.symptom, path, error)
            if self.sampling.shows(self.symptom, value):
                self.notes.append(self.sampling.sentence)
            else:
                self.sampling.end()

    def _newest_touched(self) -> dict[str, RunRecord]:
        """The newest run of each step that some component acts on, the target's too, in the order in which they were made."""
        touched: dict[int, bool] = {}

        def look(run: RunRecord) -> bool:
            if run.run not in touched:
                touched[run.run] = False
                for lots in run.inputs.values():
                    for lot in lots:
                        touched[run.run] |= lot in self.bad.runs and look(self.bad.runs[lot])
                touched[run.run] |= self._acts_on(run)
            return touched[run.run]

        if self.bad.run is None:
            return {}
        look(self.bad.run)
        found = {run.step: run for run in sorted(self.bad.all_runs(), key=lambda one: one.run) if touched.get(run.run) and not self.then.is_model(run)}
        return {**found, self.bad.run.step: self.bad.run}

    def _acts_on(self, run: RunRecord) -> bool:
        """Whether some component makes a run another one by itself, and not by what other runs made."""
        if any(self.then.acts_on(one, run) for one in self.components.values()):
            return True
        inputs = [(flow, lots, self.then.is_given_several(run, flow)) for flow, lots in run.inputs.items()]
        return any(self.exchanges.acts_on(key, flow, lots, adds=adds) for key in self.exchanges.by_key for flow, lots, adds in inputs)

    def _is_faithful(self, step: str, run: RunRecord) -> bool:
        """Whether a step gives the rows that were recorded; where it does not, it is said."""
        number = self.bad.lot if run is self.bad.run else run.output
        record = None if number is None else self.bad.lots.get(number)
        recorded = None if record is None else record.objects.get("released") or record.objects.get("held")
        if recorded is None:
            return True  # it failed, or its rows are not kept: there is nothing to compare
        running = self._running()
        job = self._pass(frozenset(), {}).job(run, {name: [self.bad.lots[lot] for lot in lots] for name, lots in run.inputs.items()}, record)
        left = self.seconds - self.spent_seconds
        try:
            digest, _ = running.digest(job, left)
            if same_rows(self.project.store.path(digest), self.project.store.path(recorded)):
                return True
            again, _ = running.digest(job, left, anew=True)
            if same_rows(self.project.store.path(digest), self.project.store.path(again)):
                self.notes.append(f"the step {step} gives other rows here than were recorded: it reads something that is no lot, or runs on other packages than then")
            else:
                self.notes.append(f"the step {step} gives other rows each time: it reads a clock, the network or random numbers; what replays say of it is not certain")
        except Failed as failed:
            self.notes.append(f"the step {step} can no longer be run as it was: {str(failed).splitlines()[-1]}")
        return False

    def _running(self) -> Rerunner:
        if self._rerunner is None:
            folder = self._stack.enter_context(self.area.work())
            self._rerunner = Rerunner(self.project, self.area, folder)
            self._stack.callback(self._rerunner.close)
        return self._rerunner
