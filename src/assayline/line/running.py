"""Runs a line: what changed is made again, each result passes the gate, and nothing else is touched.

A run is known by what it depends on: the digests of its inputs, of its code, of its parameters and of its environment. If a result of that identity stands, there
is nothing to do. A result that is made again replaces the earlier one of the same place as soon as it is released; until then readers have the earlier one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assayline.environments.identity import identity
from assayline.errors import MisuseError
from assayline.ledger import Writing, held, run_records
from assayline.ledger.records import LotRecord

from .code_identity import Code, code_of, code_of_text
from .definition import Line, StepDefinition
from .due import Task, tasks
from .project import Project

if TYPE_CHECKING:  # what judges and reads tables is loaded when there is something to do
    from .ahead import Judges
    from .gating import Arrival, Outcome

Event = Callable[[str, Mapping[str, Any]], None]

RESULTS_AT_ONCE = 32  # made before they are judged together: their judges then work side by side


@dataclass
class Ran:
    """What one pass over a line did.

    Args:
        lots: outcomes of the gate, in order.
        runs: how often each step ran.
        waiting: steps that could not run, and the input they wait for.
        problems: what failed, in sentences.
    """

    lots: list[Outcome] = field(default_factory=list)
    runs: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def run_line(project: Project, line: Line, file: str, *, steps: Collection[str] | None = None, on_event: Event | None = None) -> Ran:
    """Makes again what changed.

    Args:
        project: where.
        line: from `load_line`.
        file: it was loaded from.
        steps: only these; all when None.
        on_event: receives ("run" | "lot" | "failed", what there is to say of it).

    Raises:
        MisuseError: there is no such step.
        LedgerError: ledger or store cannot be written; what was published before stays, and the same command finishes the work.
    """
    for name in steps or ():
        if name not in line.steps:
            raise MisuseError(f"line {line.name!r} has no step {name!r}; its steps: {', '.join(line.steps) or 'none'}")
    with Runner(project, line, file, on_event) as runner:
        for name in line.value().order():
            if steps is None or name in steps:
                runner.step(name)
        return runner.ran


class Runner:
    """One pass over a line; use it in a `with`.

    Args:
        project: where.
        line: what.
        file: it was loaded from.
        on_event: as of `run_line`.
    """

    def __init__(self, project: Project, line: Line, file: str, on_event: Event | None = None) -> None:
        self.project, self.line, self.file = project, line, os.path.abspath(file)
        self.ran = Ran()
        self._tell = on_event or (lambda kind, what: None)
        self._stack = ExitStack()
        self._judges: Judges | None = None

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def step(self, name: str) -> None:
        """Makes the results of one step that are due."""
        step = self.line.steps[name]
        code = code_of(step.function, os.path.dirname(self.file)) if step.function is not None else code_of_text(step.sql)
        environment = identity(code.modules)
        if not self._due(step, code, environment):
            return  # the usual case costs no more than reading
        with held(self.project.ledger, f"run:{name}"):
            todo = self._due(step, code, environment)
            for first in range(0, len(todo), RESULTS_AT_ONCE):
                for outcome in self._made(todo[first : first + RESULTS_AT_ONCE]):
                    self.ran.lots.append(outcome)
                    self._tell("lot", outcome.document)

    def _due(self, step: StepDefinition, code: Code, environment: str) -> list[Task]:
        waiting: dict[str, str] = {}
        with self.project.ledger.read() as connection:
            found = list(tasks(connection, self.line, step, code, environment, waiting))
        self.ran.waiting.pop(step.name, None)
        self.ran.waiting.update(waiting)
        return found

    def _made(self, several: Sequence[Task]) -> Iterator[Outcome]:
        """Results of one step, made one after another and judged in the same order."""
        from .ahead import Judges
        from .gating import gate_paths

        with self.project.store.staging() as folder:
            arrivals: dict[str, Arrival] = {}
            for number, task in enumerate(several):
                place = os.path.join(folder, str(number))
                os.mkdir(place)
                made = self._worked(task, place)
                if made is not None:
                    arrivals[made["path"]] = self._arrival(task, made)
            if arrivals:
                self._judges = self._judges or self._stack.enter_context(Judges(self.project.store))
                yield from gate_paths(self.project, several[0].step.name, list(arrivals), arrivals=arrivals, judges=self._judges)

    def _worked(self, task: Task, folder: str) -> dict[str, Any] | None:
        """What the process of the steps made; None when it failed, which is written down."""
        from .step_inputs import request_of
        from .step_work import work

        name = task.step.name
        self.ran.runs[name] = self.ran.runs.get(name, 0) + 1
        self._tell("run", {"step": name, "inputs": {one: [lot.lot for lot in lots] for one, lots in task.inputs.items()}})
        try:
            return work(request_of(self.project, task, self.file, folder), lambda progress: None)
        except Exception as error:  # noqa: BLE001 - whatever a step raises is the step's failure, and is written down
            said = f"{type(error).__name__}: {error}"
            with self.project.ledger.write() as writing:
                writing.append("run", self._entry(task, "failed", None, {}, said))
            self.ran.problems.append(f"step {name!r} failed: {said}")
            self._tell("failed", {"step": name, "error": said})
            return None

    def _arrival(self, task: Task, made: Mapping[str, Any]) -> Arrival:
        from .gating import Arrival

        costs = {"rows_in": float(made["rows_in"]), "rows_out": float(made["rows_out"])}

        def also(writing: Writing, lot: LotRecord) -> None:
            writing.append("run", self._entry(task, "done" if lot.state == "released" else "held", lot.lot, costs, ""))

        with self.project.ledger.read() as connection:
            replaces = run_records.replaceable(connection, task.step.name, task.place)
        facts = {"step": task.step.name, "code": task.code.digest, "environment": task.environment}
        return Arrival(facts=facts, salt=f"{task.step.name} {task.place}", name=_name(task), replaces=replaces, also=also)

    def _entry(self, task: Task, state: str, output: int | None, costs: Mapping[str, float], error: str) -> dict[str, Any]:
        return {
            "line": self.line.name, "step": task.step.name, "place": task.place, "identity": task.identity, "state": state, "output": output,
            "inputs": {name: [lot.lot for lot in lots] for name, lots in task.inputs.items()}, "code": task.code.digest, "parameters": dict(task.step.parameters),
            "environment": task.environment, "costs": dict(costs), "columns": {}, "error": error,
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
