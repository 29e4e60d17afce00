"""Runs a line: what changed is made again, each result passes the gate, and nothing else is touched.

A run is known by what it depends on: the digests of its inputs, of its code, of its parameters and of its environment. If a result of that identity stands, there
is nothing to do. A result that is made again replaces the earlier one of the same place as soon as it is released; until then readers have the earlier one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from assayline.environments.identity import identity_lines, identity_of
from assayline.errors import Damaged, InputError, MissingExtra, MisuseError
from assayline.ledger import Writing, held, rollout_records, run_records
from assayline.ledger.records import LotRecord

from .code_identity import Code, code_of, code_of_text
from .definition import Line, StepDefinition
from .due import Task, tasks
from .project import Project

if TYPE_CHECKING:  # what judges and reads tables is loaded when there is something to do
    from .ahead import Judges
    from .budget import StepLimits
    from .gating import Arrival, Outcome
    from .step_child import StepResult, StepWorker

Event = Callable[[str, Mapping[str, Any]], None]

NOTICE_LINES = 20  # of a traceback, the last ones
RESULTS_AT_ONCE = 32  # made before they are judged together: their judges then work side by side


@dataclass
class Ran:
    """What one pass over a line did.

    Args:
        lots: outcomes of the gate, in order.
        runs: how often each step ran.
        waiting: steps that could not run, and the input they wait for.
        problems: what failed, in sentences.
        silent: sources that should have come by now, in sentences.
    """

    lots: list[Outcome] = field(default_factory=list)
    runs: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)


def run_line(
    project: Project, line: Line, file: str, *, sources: Collection[str] | None = None, steps: Collection[str] | None = None, moment: datetime | None = None,
    on_event: Event | None = None, asked_to_stop: Callable[[], bool] = lambda: False,
) -> Ran:  # fmt: skip
    """Asks sources for news, and makes again what changed.

    Args:
        project: where.
        line: from `load_line`.
        file: it was loaded from.
        sources: only these are asked; all when None.
        steps: only these are run; all when None.
        moment: now, with its zone; the clock's when None.
        on_event: receives ("source" | "due" | "run" | "lot" | "silence" | "failed" | "card", what there is to say of it).
        asked_to_stop: whether to end, asked between two lots.

    Raises:
        MisuseError: there is no such source or step.
        LedgerError: ledger or store cannot be written; what was published before stays, and the same command finishes the work.
    """
    for kind, asked, known in (("source", sources, line.sources), ("step", steps, {**line.steps, **line.models, **line.scores})):
        for name in asked or ():
            if name not in known:
                raise MisuseError(f"line {line.name!r} has no {kind} {name!r}; it has {', '.join(known) or 'none'}")
    if any(source.owner for source in line.sources.values()):
        from .owners import keep_owners

        keep_owners(project, line)
    with Runner(project, line, file, on_event, asked_to_stop) as runner:
        for name in line.sources if sources is None else sources:
            runner.source(name, moment or datetime.now(UTC))
        for name in line.value().order():
            if steps is None or name in steps:
                (runner.model if name in line.models else runner.score if name in line.scores else runner.step)(name)
        if sources is None and steps is None:
            runner.watch(moment or datetime.now(UTC))
        runner.tell()
        if project.settings.get("cards") is not None and (runner.ran.lots or runner.ran.runs or (sources is None and steps is None)):
            from .explaining.kept_cards import keep_cards

            runner.ran.problems += keep_cards(project, line, on_event=on_event)
        return runner.ran


class Runner:
    """One pass over a line; use it in a `with`.

    Args:
        project: where.
        line: what.
        file: it was loaded from.
        on_event: as of `run_line`.
        asked_to_stop: as of `run_line`.
    """

    def __init__(
        self, project: Project, line: Line, file: str, on_event: Event | None = None, asked_to_stop: Callable[[], bool] = lambda: False
    ) -> None:
        self.project, self.line, self.file = project, line, os.path.abspath(file)
        self.ran = Ran()
        self._tell = on_event or (lambda kind, what: None)
        self._asked_to_stop = asked_to_stop
        self._stack = ExitStack()
        self._judges: Judges | None = None
        self._worker: StepWorker | None = None
        self._made_runs: list[int] = []

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def source(self, name: str, moment: datetime) -> None:
        """Takes what a source has to give; one that cannot be read is a problem, and the others go on."""
        if self._asked_to_stop():
            return
        from .receiving import receive

        self._tell("source", {"source": name})
        try:
            for outcome in receive(self.project, self.line.sources[name], moment, judges=self._judging(), asked_to_stop=self._asked_to_stop):
                self._published(outcome)
        except (InputError, MissingExtra, MisuseError) as error:
            self.ran.problems.append(str(error))
            self._tell("failed", {"source": name, "error": str(error)})

    def step(self, name: str) -> None:
        """Makes the results of one step that are due."""
        if self._asked_to_stop():
            return
        step = self.line.steps[name]
        code = code_of(step.function, os.path.dirname(self.file)) if step.function is not None else code_of_text(step.sql)
        lines = identity_lines(code.modules)
        environment = identity_of(lines)
        if not self._due(step, code, environment):
            return  # the usual case costs no more than reading
        with held(self.project.ledger, f"run:{name}"):
            todo = self._due(step, code, environment)
            files = code.files(os.path.dirname(self.file)) if step.function is not None else {f"{name}.sql": step.sql}
            self._describe({code.digest: {"files": files}, environment: {"lines": lines}})
            self._tell("due", {"step": name, "runs": len(todo)})
            for first in range(0, len(todo), RESULTS_AT_ONCE):
                for outcome in self._made(todo[first : first + RESULTS_AT_ONCE]):
                    self._published(outcome)
                if self._asked_to_stop():
                    return

    def model(self, name: str) -> None:
        """Trains the next version of a model where it is due; its trial decides whether it is released."""
        if self._asked_to_stop():
            return
        from .models.due import due, train

        definition = self.line.models[name]
        found = due(self.project, definition)
        self.ran.waiting.pop(name, None)
        if found is None:
            return
        if not found.lots:
            self.ran.waiting[name] = definition.data
            return
        with held(self.project.ledger, f"run:{name}"):
            found = due(self.project, definition)
            if found is None:
                return
            self.ran.runs[name] = self.ran.runs.get(name, 0) + 1
            self._tell("run", {"step": name, "inputs": {definition.data: list(found.lots)}})
            try:
                outcome, run = train(self.project, self.line.name, definition, found, self._tell)
            except (MisuseError, InputError, MissingExtra) as error:
                self.ran.problems.append(str(error))
                self._tell("failed", {"step": name, "error": str(error)})
                return
            self._made_runs += run
            self._published(outcome)

    def score(self, name: str) -> None:
        """Scores the lots that are not scored yet by the versions in service."""
        if self._asked_to_stop():
            return
        from assayline.ledger import records

        from .delivery.scoring import score

        job = self.line.scores[name]
        with self.project.ledger.read() as connection:
            lacking = next((one for one in (job.reads, job.model) if records.flow_of(connection, one) is None), None)
        if lacking is not None:
            self.ran.waiting[name] = lacking
            return

        def told(kind: str, what: Mapping[str, Any]) -> None:
            if kind == "batch":
                self.ran.runs[name] = self.ran.runs.get(name, 0) + 1
                self._tell("run", {"step": name, "inputs": {job.reads: [what["lot"]]}})

        try:
            for one in score(self.project, job, line=self.line.name, on_event=told, judges=self._judging(), asked_to_stop=self._asked_to_stop):
                self._made_runs.append(one.number)
                self.ran.problems += one.problems
                self._published(one.outcome)
        except (MisuseError, InputError, MissingExtra) as error:
            self.ran.problems.append(str(error))
            self._tell("failed", {"step": name, "error": str(error)})

    def _describe(self, digests: Mapping[str, Mapping[str, Any]]) -> None:
        """Writes down what digests of runs stand for, once, so that a run can be repeated when the files are others."""
        with self.project.ledger.read() as connection:
            unknown = [digest for digest in digests if run_records.described(connection, digest) is None]
        if unknown:
            with self.project.ledger.write() as writing:
                for digest in unknown:
                    writing.append("described", {"digest": digest, "body": digests[digest]})

    def watch(self, moment: datetime) -> None:
        """Opens an incident for each source that is silent for too long, and follows those that are open."""
        from .registry import watch_sources

        for one in watch_sources(self.project, self.line.value(), moment):
            if one["state"] != "over":
                self.ran.silent.append(f"{one['flow']}: {one['sentence']}")
            self._tell("silence", one)

    def tell(self) -> None:
        """Targets get what was released, and a catalogue of lineage hears of the runs, where there are any."""
        from .targets import push_all

        for flow in dict.fromkeys(outcome.lot.flow for outcome in self.ran.lots if outcome.lot is not None and outcome.lot.state == "released"):
            self.ran.problems += push_all(self.project, flow)
        self._settle()
        if self._made_runs:
            from .lineage_events import emit

            emitted = emit(self.project, self._made_runs)
            if emitted.problem:
                self.ran.problems.append(f"lineage events wait: {emitted.problem}")

    def _settle(self) -> None:
        """Labels may have come for batches of a rollout, or a repair may have been cut off."""
        with self.project.ledger.read() as connection:
            models = dict.fromkeys(one.model for one in rollout_records.rollouts(connection, states=("running", "promoted", "rolled_back")))
        if models:
            from .delivery.rollouts import settle

            for model in models:
                self.ran.problems += settle(self.project, model, on_event=self._tell)

    def _published(self, outcome: Outcome) -> None:
        if outcome.error is not None and outcome.lot is None:
            self.ran.problems.append(str(outcome.error))
        self.ran.lots.append(outcome)
        self._tell("lot", outcome.document)

    def _judging(self) -> Judges:
        from .ahead import Judges

        self._judges = self._judges or self._stack.enter_context(Judges(self.project.store, on_work=self._warm))
        return self._judges

    def _warm(self) -> None:
        """Something is about to be judged, so that steps will most likely be due: their process loads what it needs meanwhile."""
        if self.line.steps:
            self._working().warm(self.file)

    def _working(self) -> StepWorker:
        from .step_child import StepWorker

        self._worker = self._worker or self._stack.enter_context(StepWorker())
        return self._worker

    def _due(self, step: StepDefinition, code: Code, environment: str) -> list[Task]:
        waiting: dict[str, str] = {}
        with self.project.ledger.read() as connection:
            found = list(tasks(connection, self.line, step, code, environment, waiting))
        self.ran.waiting.pop(step.name, None)
        self.ran.waiting.update(waiting)
        return found

    def _made(self, several: Sequence[Task]) -> Iterator[Outcome]:
        """Results of one step, made one after another and judged in the same order."""
        from .gating import gate_paths

        with self.project.store.staging() as folder:
            arrivals: dict[str, Arrival] = {}
            for number, task in enumerate(several):
                place = os.path.join(folder, str(number))
                os.mkdir(place)
                made = self._worked(task, place)
                if made is not None:
                    arrivals[str(made.path)] = self._arrival(task, made)
                if self._asked_to_stop():
                    break
            if arrivals:
                yield from gate_paths(self.project, several[0].step.name, list(arrivals), arrivals=arrivals, judges=self._judging())

    def _worked(self, task: Task, folder: str) -> StepResult | None:
        """What the process of the steps made; None when it failed, which is written down."""
        from .step_inputs import request_of

        name = task.step.name
        self.ran.runs[name] = self.ran.runs.get(name, 0) + 1
        self._tell("run", {"step": name, "inputs": {one: [lot.lot for lot in lots] for one, lots in task.inputs.items()}})
        try:
            request = request_of(self.project, task, self.file, folder)
        except (MisuseError, Damaged) as error:
            self._failed(task, {}, str(error), "failed")
            return None
        made = self._working().run(request, limits=self._limits(task), asked_to_stop=self._asked_to_stop)
        if made.path is None:
            self._failed(task, made.costs, str(made.error), "stopped" if made.stopped_by else "failed")
            return None
        return made

    def _limits(self, task: Task) -> StepLimits:
        from .spending import limits_of

        return limits_of(self.project, task.step.name, task.step.budget)

    def _failed(self, task: Task, costs: Mapping[str, float], said: str, state: str) -> None:
        last = said.splitlines()[-1] if said else "no reason was given"
        name = task.step.name
        with self.project.ledger.write() as writing:
            before = run_records.runs(writing.connection, step=name, most=1)
            again = bool(before) and before[0].state == state and before[0].error == said  # told once, not at every try
            subject = f"Step {name!r} {state}: {last}"
            identity = hashlib.sha256(f"run {name} {writing.next}".encode()).hexdigest()
            notice = {"id": identity, "flow": name, "subject": subject, "lines": said.splitlines()[:-1][-NOTICE_LINES:], "verdict": "hold"}
            entry = writing.append("run", {**self._entry(task, state, None, costs, said), "notices": [] if again else [notice]})
        self._made_runs.append(entry.number)
        self.ran.problems.append(f"step {task.step.name!r} {state}: {last}")
        self._tell("failed", {"step": task.step.name, "error": said})

    def _arrival(self, task: Task, made: StepResult) -> Arrival:
        from .gating import Arrival
        from .spending import price_per_cpu_hour

        money = made.costs["cpu_seconds"] / 3600 * price_per_cpu_hour(self.project)
        costs = {**made.costs, "rows_in": float(made.rows_in), "rows_out": float(made.rows_out), "money": money}

        def also(writing: Writing, lot: LotRecord) -> None:
            entry = writing.append("run", self._entry(task, "done" if lot.state == "released" else "held", lot.lot, costs, "", made.columns))
            self._made_runs.append(entry.number)

        with self.project.ledger.read() as connection:
            replaces = run_records.replaceable(connection, task.step.name, task.place)
        facts = {"step": task.step.name, "code": task.code.digest, "environment": task.environment}
        return Arrival(facts=facts, salt=f"{task.step.name} {task.place}", name=_name(task), replaces=replaces, own=True, also=also)

    def _entry(self, task: Task, state: str, output: int | None, costs: Mapping[str, float], error: str, columns: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return {
            "line": self.line.name, "step": task.step.name, "place": task.place, "identity": task.identity, "state": state, "output": output,
            "inputs": {name: [lot.lot for lot in lots] for name, lots in task.inputs.items()}, "code": task.code.digest, "parameters": dict(task.step.parameters),
            "environment": task.environment, "costs": dict(costs), "columns": dict(columns or {}), "error": error,
        }  # fmt: skip


def _name(task: Task) -> str:
    """What the result is called in lists: the step and the lots it was made from."""
    parts = [f"{name} {_numbers([lot.lot for lot in lots])}" for name, lots in task.inputs.items()]
    return f"{task.step.name} of {', '.join(parts)}"


def _numbers(lots: Sequence[int]) -> str:
    """
    >>> _numbers([3]), _numbers([3, 4, 9])
    ('3', '3…9')
    """
    return str(lots[0]) if len(lots) == 1 else f"{lots[0]}…{lots[-1]}"
