"""What of a line is due: the results that do not stand yet for the lots, code, parameters and environment of now."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from assayline.ledger import records, run_records
from assayline.ledger.run_records import RunRecord, Standing

from .code_identity import Code
from .definition import Line, StepDefinition


@dataclass(frozen=True)
class Task:
    """One run that is due: a step, which of its results, and the lots it reads."""

    step: StepDefinition
    place: str
    inputs: Mapping[str, tuple[Standing, ...]]
    identity: str
    code: Code
    environment: str


def tasks(connection: Connection, line: Line, step: StepDefinition, code: Code, environment: str, waiting: dict[str, str]) -> Iterator[Task]:
    """The runs of a step whose result does not stand yet, oldest first.

    Args:
        connection: of `SqlLedger.read`.
        line: all of it.
        step: which.
        code: of the step.
        environment: identity of what it runs on.
        waiting: receives the input a step waits for.
    """
    takes = line.takes(step.name)
    now = {name: run_records.standing(connection, name) for name in step.inputs}
    done = run_records.current_runs(connection, step.name)
    driving = next((name for name in step.inputs if takes[name] == "each"), None)
    places = [(lot.place or lot.digest) for lot in now[driving]] if driving is not None else [""]
    if not places:
        waiting[step.name] = str(driving)
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
            waiting[step.name] = lacking
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
