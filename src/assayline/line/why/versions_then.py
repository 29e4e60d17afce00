"""What a step was run with: its code, parameters, packages and versions of models as the ledger has them, and as they are when some of it is put back."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Collection, Mapping, Sequence

from assayline.diagnosis.component import ARM, CODE, MODEL, PACKAGE, PARAMETER, Component
from assayline.errors import MisuseError
from assayline.ledger import run_records
from assayline.ledger.records import LotRecord
from assayline.ledger.run_records import RunRecord

from ..definition import Line
from ..models.versions import ARTEFACT
from ..project import Project
from .area import Area
from .code_folders import files_of
from .derivation import Derivation
from .overlay import overlay
from .rerunning import Job

SQL = ".sql"

PutBack = Callable[[Mapping[str, str], Mapping[str, str], Collection[tuple[str, str]]], dict[str, str]]


class Then:
    """What the runs of a state were made with.

    Args:
        project: where.
        line: as it is now.
        file: it was loaded from.
        bad: the state that is replayed.
        good: the state that is put back from.
        components: what differs.
    """

    def __init__(self, project: Project, line: Line, file: str, bad: Derivation, good: Derivation, components: Sequence[Component]) -> None:
        self.project, self.line, self.bad, self.good = project, line, bad, good
        self.root, self.line_file = os.path.dirname(os.path.abspath(file)), os.path.basename(file)
        self.components = {one.key: one for one in components}
        self._before: dict[str, RunRecord] = {}
        for run in sorted(good.all_runs(), key=lambda one: one.run):
            self._before[run.step] = run

    def acts_on(self, component: Component, run: RunRecord) -> bool:
        """Whether a run is another when this component is put back; what it reads is left out of account."""
        before = self._before.get(run.step)
        if component.kind in (CODE, PARAMETER, PACKAGE):
            steps = list(component.detail.get("steps") or ([component.name.partition(".")[0]] if component.kind == PARAMETER else []))
            named = run.step in steps or (not steps and self._is_in(component, run))
            return named and (before is None or before.run != run.run)
        return component.kind in (MODEL, ARM) and component.name in run.inputs and component.name in self._models(run)

    def is_given_several(self, run: RunRecord, name: str) -> bool:
        """Whether a run is given all lots of an input, or its state, and not one lot by itself."""
        if run.step in self.line.steps and name in self.line.steps[run.step].inputs:
            return self.line.takes(run.step)[name] != "each"
        return len(run.inputs.get(name, ())) > 1

    def is_model(self, run: RunRecord) -> bool:
        """Whether a run trained a version of a model, which replays take as it is."""
        return run.step in self.line.models or (run.output is not None and run.output in self.bad.lots and ARTEFACT in self.bad.lots[run.output].objects)

    def lacking(self, run: RunRecord, put: Collection[str]) -> dict[str, tuple[int, ...]]:
        """Inputs that a step read before and does not read now, where its code is put back: the newest lots of these flows."""
        before = self._before.get(run.step)
        if before is None or not any(key in put and one.kind == CODE and self.acts_on(one, run) for key, one in self.components.items()):
            return {}
        return {name: tuple(lot for lot in (self.bad.of_flow(name) or lots) if lot in self.bad.lots) or lots for name, lots in before.inputs.items() if name not in run.inputs}

    def job(self, run: RunRecord, inputs: Mapping[str, Sequence[LotRecord]], put: Collection[str], packages: Sequence[str], area: Area) -> Job:
        """A run as it was made, with what is put back.

        Raises:
            MisuseError: something of it cannot be put back, or was not written down.
        """
        mine = [one for key, one in self.components.items() if key in put and self.acts_on(one, run)]
        first = tuple(overlay(area, one.name, one.before.split()[0] if one.before else "", packages) for one in sorted(mine, key=lambda one: one.name) if one.kind == PACKAGE)
        if not run.code:
            return Job(run, self._versions(run, inputs, mine), parameters=run.parameters, first=first)
        texts = self._texts(run, mine)
        parameters = self._parameters(run, mine)
        step = self.line.steps.get(run.step)
        budget = dict(step.budget) if step is not None else {}
        if list(texts) == [run.step + SQL]:
            return Job(run, inputs, sql=texts[run.step + SQL], parameters=parameters, first=first, budget=budget)
        uses = {name: columns for name, columns in step.uses.items() if name in inputs} if step is not None else {}
        return Job(run, inputs, files=files_of(texts, self._others(), self.root), line=self.line_file, parameters=parameters, first=first, uses=uses, budget=budget)

    def without(self, job: Job, aside: str) -> Job:
        """The same, from whose result rows are taken away that the gate put aside."""
        return dataclasses.replace(job, aside=aside)

    def _texts(self, run: RunRecord, mine: Sequence[Component]) -> dict[str, str]:
        now = self._described(run.code)
        names = {(str(file), str(name)) for one in mine if one.kind == CODE for file, name in one.detail.get("names") or [one.name.split(": ", 1)]}
        if not names:
            return now
        before = self._described(self._before[run.step].code) if run.step in self._before else {}
        if not before:
            raise MisuseError(f"step {run.step!r} was not there before, so there is no code of it to put back")
        texts = {**now, **{file: before[file] for file, _ in names if file.endswith(SQL) and file in before}}
        rest = {(file, name) for file, name in names if not file.endswith(SQL)}
        return _put_back()(texts, before, rest) if rest else texts

    def _parameters(self, run: RunRecord, mine: Sequence[Component]) -> dict[str, object]:
        before = self._before[run.step].parameters if run.step in self._before else {}
        went = {name: value for name, value in before.items() if name not in run.parameters} if any(one.kind == CODE for one in mine) else {}
        found = {**run.parameters, **went}  # what the function does not take in this version is not given to it
        for one in mine:
            if one.kind == PARAMETER:
                name = one.name.partition(".")[2]
                if name in before:
                    found[name] = before[name]
                else:
                    found.pop(name, None)  # it did not exist: the function's own default is taken
        return found

    def _versions(self, run: RunRecord, inputs: Mapping[str, Sequence[LotRecord]], mine: Sequence[Component]) -> dict[str, Sequence[LotRecord]]:
        """The rows and the versions of a scoring."""
        found = dict(inputs)
        for one in mine:
            if one.kind == MODEL:
                lots = [int(lot) for lot in one.detail.get("before_lots", ())] or list(self._before[run.step].inputs.get(one.name, ()) if run.step in self._before else ())
                known = [self.good.lots[lot] for lot in lots if lot in self.good.lots]
                if not known:
                    raise MisuseError(f"no version of {one.name} answered before, so there is none to put back")
                found[one.name] = [known[0], *(lot for lot in found[one.name][1:] if lot.lot != known[0].lot)]
        for one in mine:
            if one.kind == ARM:
                found[one.name] = list(found[one.name])[:1]
        return found

    def _models(self, run: RunRecord) -> list[str]:
        return [name for name, lots in run.inputs.items() if any(lot in self.bad.lots and ARTEFACT in self.bad.lots[lot].objects for lot in lots)]

    def _is_in(self, component: Component, run: RunRecord) -> bool:
        """Whether a component that names no step has a part in a run."""
        before = self._before.get(run.step)
        if component.kind == CODE:
            file = component.name.partition(": ")[0]
            return bool(run.code) and before is not None and (file in self._described(run.code) or file in self._described(before.code))
        return component.kind == PACKAGE and before is not None and before.environment != run.environment

    @functools.cache  # noqa: B019 - it lives as long as the replays of one question
    def _described(self, code: str) -> dict[str, str]:
        with self.project.ledger.read() as connection:
            about = run_records.described(connection, code)
        if about is None or "files" not in about:
            raise MisuseError(f"the code {code[:19]}… was never written down, so its step cannot be run again; it is from an earlier version of assay")
        return {str(name): str(text) for name, text in about["files"].items()}

    @functools.cache  # noqa: B019 - as above
    def _others(self) -> dict[str, str]:
        """The files that any step of the state recorded, the newest text of each."""
        found: dict[str, str] = {}
        for run in sorted(self.bad.all_runs(), key=lambda one: one.run):
            if run.code and not self.is_model(run):  # what a training was asked is no file
                found |= self._described(run.code)
        return found


def _put_back() -> PutBack:
    from assayline.diagnosis.code_changes import put_back

    return put_back
