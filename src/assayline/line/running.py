"""Runs a line: what changed is made again, each result passes the gate, and nothing else is touched.

A run is known by what it depends on: the digests of its inputs, of its code, of its parameters and of its environment. If a result of that identity stands, there
is nothing to do. A result that is made again replaces the earlier one of the same place as soon as it is released; until then readers have the earlier one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.engine import Connection

from assayline.environments.identity import identity
from assayline.errors import AssaylineError, MisuseError
from assayline.ledger import Writing, held, intact, records, run_records
from assayline.ledger.records import LotRecord
from assayline.ledger.run_records import RunRecord, Standing

from .code_identity import Code, code_of, code_of_text
from .definition import Line, StepDefinition
from .gating import Arrival, Outcome, gate_paths
from .project import Project
from .reading import schema_of
from .step_work import CASTS, RESULT, work

Event = Callable[[str, Mapping[str, Any]], None]


@dataclass(frozen=True)
class Task:
    """One run that is due: a step, which of its results, and the lots it reads."""

    step: StepDefinition
    place: str
    inputs: Mapping[str, tuple[Standing, ...]]
    identity: str
    code: Code
    environment: str


@dataclass
class Ran:
    """What one pass over a line did.

    Args:
        lots: outcomes of the gate, in order; those of sources and those of steps.
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
        LedgerError: ledger or store cannot be written; what was published before stays, and the same command finishes the work.
    """
    ran = Ran()
    for name in line.value().order():
        if steps is None or name in steps:
            run_step(project, line, file, name, ran, on_event or (lambda kind, what: None))
    return ran


def run_step(project: Project, line: Line, file: str, name: str, ran: Ran, on_event: Event) -> None:
    """Makes the results of one step that are due."""
    step = line.steps[name]
    root = os.path.dirname(os.path.abspath(file))
    code = code_of(step.function, root) if step.function is not None else code_of_text(step.sql)
    environment = identity(code.modules)
    with project.ledger.read() as connection:
        due = next(tasks(connection, line, step, code, environment, ran), None)
    if due is None:
        return  # the usual case costs no more than reading
    with held(project.ledger, f"run:{name}"):
        with project.ledger.read() as connection:
            todo = list(tasks(connection, line, step, code, environment, ran))
        for task in todo:
            on_event("run", {"step": name, "inputs": {one: [lot.lot for lot in lots] for one, lots in task.inputs.items()}})
            outcome = _run(project, line, file, task, ran, on_event)
            ran.runs[name] = ran.runs.get(name, 0) + 1
            if outcome is not None:
                ran.lots.append(outcome)
                on_event("lot", outcome.document)


def tasks(connection: Connection, line: Line, step: StepDefinition, code: Code, environment: str, ran: Ran) -> Iterator[Task]:
    """The runs of a step whose result does not stand yet, oldest first."""
    takes = line.takes(step.name)
    now = {name: run_records.standing(connection, name) for name in step.inputs}
    done = run_records.current_runs(connection, step.name)
    driving = next((name for name in step.inputs if takes[name] == "each"), None)
    places = [(lot.place or lot.digest) for lot in now[driving]] if driving is not None else [""]
    by_place = {name: {lot.place or lot.digest: lot for lot in now[name]} for name in step.inputs if takes[name] == "each"}
    for place in dict.fromkeys(places):
        inputs: dict[str, tuple[Standing, ...]] = {}
        for name in step.inputs:
            if takes[name] == "each":
                lot = by_place[name].get(place)
                inputs[name] = (lot,) if lot is not None else ()
            else:
                pinned = driving is not None and step.refresh != "all" and not (step.refresh == "newest" and place == places[-1])
                inputs[name] = _side_input(connection, line, name, now[name], done.get(place) if pinned else None)
        lacking = next((name for name, lots in inputs.items() if not lots), None)
        if lacking is not None:
            ran.waiting[step.name] = lacking
            continue
        wanted = _identity(step, takes, inputs, code, environment)
        earlier = done.get(place)
        if earlier is None or earlier.identity != wanted:
            yield Task(step, place, inputs, wanted, code, environment)


def _side_input(connection: Connection, line: Line, name: str, now: Sequence[Standing], earlier: RunRecord | None) -> tuple[Standing, ...]:
    """The lots of an input that does not drive the step: as they stand, or as they stood when this result was first made.

    What another step made is taken anew where that step, or one before it, has other code by now.
    """
    if earlier is None or name not in earlier.inputs:
        return tuple(now)
    standing = {lot.lot: lot for lot in now}
    kept: list[Standing] = []
    for number in earlier.inputs[name]:
        if number in standing:
            kept.append(standing[number])
            continue
        lot = records.lot_of(connection, number)
        successor = _successor(connection, name, number, now) if name in line.steps else None
        if successor is not None:
            kept.append(successor)
        elif lot.state == "superseded":
            kept.append(Standing(number, lot.digest, ""))
    return tuple(dict.fromkeys(kept)) or tuple(now)


def _successor(connection: Connection, step: str, lot: int, now: Sequence[Standing]) -> Standing | None:
    made = run_records.run_of(connection, lot)
    if made is None:
        return None
    found = next((one for one in now if one.place == made.place), None)
    if found is None or made.place:
        return found
    return found if _codes(connection, found.lot) != _codes(connection, lot) else None


def _codes(connection: Connection, lot: int) -> dict[str, str]:
    """The code of every step that had a part in a lot."""
    found: dict[str, str] = {}
    todo = [lot]
    while todo:
        made = run_records.run_of(connection, todo.pop())
        if made is not None and made.step not in found:
            found[made.step] = made.code
            todo += [one for lots in made.inputs.values() for one in lots[-1:]]
    return found


def _identity(step: StepDefinition, takes: Mapping[str, str], inputs: Mapping[str, Sequence[Standing]], code: Code, environment: str) -> str:
    whole = [step.name, {name: [lot.digest for lot in lots] for name, lots in inputs.items()}, code.digest, dict(step.parameters), environment]
    whole += [{name: list(columns) for name, columns in step.uses.items()}, dict(takes), dict(step.frames)]
    return "sha256:" + hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def _run(project: Project, line: Line, file: str, task: Task, ran: Ran, on_event: Event) -> Outcome | None:
    step = task.step
    with project.store.staging() as folder:
        try:
            request = request_of(project, task, os.path.abspath(file), folder)
            result = work(request, lambda progress: None)
        except (AssaylineError, Exception) as error:  # noqa: BLE001 - whatever a step raises is the step's failure, and is written down
            with project.ledger.write() as writing:
                writing.append("run", _entry(line, task, "failed", None, {}, f"{type(error).__name__}: {error}"))
            ran.problems.append(f"step {step.name!r} failed: {type(error).__name__}: {error}")
            on_event("failed", {"step": step.name, "error": ran.problems[-1]})
            return None
        costs = {"rows_in": float(result["rows_in"]), "rows_out": float(result["rows_out"])}

        def also(writing: Writing, lot: LotRecord) -> None:
            writing.append("run", _entry(line, task, "done" if lot.state == "released" else "held", lot.lot, costs, ""))

        with project.ledger.read() as connection:
            replaces = run_records.replaceable(connection, step.name, task.place)
        arrival = Arrival(facts=_facts(task), salt=f"{step.name} {task.place}", name=_name(task), replaces=replaces, also=also)
        path = os.path.join(folder, RESULT)
        return next(iter(gate_paths(project, step.name, [path], arrivals={path: arrival})))


def request_of(project: Project, task: Task, file: str, folder: str) -> dict[str, Any]:
    """What the process of the steps is asked."""
    inputs = {}
    with project.ledger.read() as connection:
        lots = {name: [records.lot_of(connection, one.lot) for one in several] for name, several in task.inputs.items()}
    for name, several in lots.items():
        for lot in several:
            if "released" not in lot.objects:
                raise MisuseError(f"lot {lot.lot} of {name!r} was read for this result and is no longer there; run the step with refresh=\"all\"")
        kinds = {one: str(kind).partition("(")[0] for one, kind in schema_of(project, several, typed=True).items()}
        inputs[name] = {
            "parts": [{"path": intact(project.store, lot.objects["released"]), "renames": dict(lot.figures.get("renames", {}))} for lot in several],
            "casts": {one: kind for one, kind in kinds.items() if kind in CASTS and kind != "String"},
            "uses": list(task.step.uses[name]) if name in task.step.uses else None,
        }
    return {"file": file, "step": task.step.name, "inputs": inputs, "parameters": dict(task.step.parameters), "folder": folder}


def _entry(line: Line, task: Task, state: str, output: int | None, costs: Mapping[str, float], error: str) -> dict[str, Any]:
    return {
        "line": line.name, "step": task.step.name, "place": task.place, "identity": task.identity, "state": state, "output": output,
        "inputs": {name: [lot.lot for lot in lots] for name, lots in task.inputs.items()}, "code": task.code.digest, "parameters": dict(task.step.parameters),
        "environment": task.environment, "costs": dict(costs), "columns": {}, "error": error,
    }  # fmt: skip


def _facts(task: Task) -> dict[str, str]:
    return {"step": task.step.name, "code": task.code.digest, "environment": task.environment}


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
