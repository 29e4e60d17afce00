"""What of the steps is not what it was: definitions of their code, parameters, packages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.engine import Connection

from assayline.diagnosis import Component
from assayline.diagnosis.code_changes import ADDED, REMOVED, Changed, changed
from assayline.diagnosis.component import CODE, PACKAGE, PARAMETER
from assayline.diagnosis.definitions import WHOLE, defaults_of, home_of, used_by
from assayline.ledger import run_records
from assayline.ledger.run_records import RunRecord

from .reach import Reach

MOST_DEFINITIONS = 8  # above, a component is a file
SHORT = 19  # of a digest, for people: "sha256:" and twelve digits
PYTHON = "python"


@dataclass(frozen=True)
class StepPair:
    """One step in the good and in the bad state: its newest run in each."""

    step: str
    good: RunRecord
    bad: RunRecord
    made: Sequence[int]  # the lots it made in the bad state


def step_pairs(good: Reach, bad: Reach) -> list[StepPair]:
    """The steps that have a part in both states, and whose runs are others."""
    before, now = good.newest_runs(), bad.newest_runs()
    return [StepPair(step, before[step], run, bad.made_by(step)) for step, run in now.items() if step in before and before[step].run != run.run]


@dataclass
class _Found:
    """A definition that changed, and the steps it concerns."""

    change: Changed
    names: list[tuple[str, str]]
    diffs: list[str]
    pairs: list[StepPair] = field(default_factory=list)


def code_components(connection: Connection, pairs: Sequence[StepPair]) -> list[Component]:
    """One component for each changed definition, shared by the steps that use it; one for each file where very many changed."""
    found: dict[tuple[str, str], _Found] = {}
    unknown = []
    for pair in pairs:
        if pair.good.code == pair.bad.code:
            continue
        before, now = (run_records.described(connection, run.code) for run in (pair.good, pair.bad))
        if before is None or now is None or "files" not in before or "files" not in now:
            unknown.append(_unknown(pair, f"the code of {pair.step!r} was not written down when it ran, so it cannot be put back"))
            continue
        relevant = list(_relevant(pair.step, before["files"], now["files"]))
        for one in relevant:
            found.setdefault(one.change.key, one).pairs.append(pair)
        if not relevant and defaults_of(before["files"], pair.step) == defaults_of(now["files"], pair.step):  # else the parameters say what there is to say
            unknown.append(_unknown(pair, f"what changed in the code of {pair.step!r} is not in the texts that are kept: a value that is closed over, or a file of more than 1 MiB"))
    if len(found) <= MOST_DEFINITIONS:
        return [_of_definition(one) for one in found.values()] + unknown
    files = dict.fromkeys(file for file, _ in found)
    return [_of_file(file, [one for one in found.values() if one.change.file == file]) for file in files] + unknown


def _relevant(step: str, before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[_Found]:
    """The changes that concern a step. What came or went only because a definition that uses it changed belongs to that one."""
    every = changed(before, now)
    uses_before, uses_now = _uses(before, step), _uses(now, step)
    if uses_before is not None and uses_now is not None:
        every = [one for one in every if _named(one) & (uses_before | uses_now)]
    leading = [one for one in every if one.change not in (ADDED, REMOVED)]
    reached = {one.key: _closure(before, one) | _closure(now, one) for one in leading}
    follows = [one for one in every if one not in leading and any(_named(one) & reach for reach in reached.values())]
    for one in every:
        if one in follows:
            continue
        mine = [other for other in follows if _named(other) & reached.get(one.key, frozenset())]
        names = [one.key, *(other.key for other in mine if other.change == REMOVED)]
        yield _Found(one, names, [one.diff, *(other.diff for other in mine)])


def _uses(files: Mapping[str, str], step: str) -> frozenset[tuple[str, str]] | None:
    """What a step uses; None where that cannot be said, and all that changed may concern it."""
    if set(files) == {f"{step}.sql"}:
        return None
    home = home_of(files, step)
    return None if home is None else used_by(files, home, step)


def _closure(files: Mapping[str, str], one: Changed) -> frozenset[tuple[str, str]]:
    return frozenset().union(*(used_by(files, one.file, name) for name in one.name.split(", ")))


def _named(one: Changed) -> set[tuple[str, str]]:
    return {(one.file, name) for name in one.name.split(", ")}


def _of_definition(one: _Found) -> Component:
    change, pair = one.change, one.pairs[0]
    before = "" if change.change == ADDED else pair.good.code[:SHORT]
    now = "" if change.change == REMOVED else pair.bad.code[:SHORT]
    detail = {**_detail(one.pairs), "file": change.file, "names": [list(name) for name in one.names], "change": change.change, "diff": "\n".join(one.diffs), "lines": list(change.lines)}
    return Component(CODE, f"{change.file}: {change.name}", before, now, detail=detail)


def _of_file(file: str, several: Sequence[_Found]) -> Component:
    pairs = list({pair.step: pair for one in several for pair in one.pairs}.values())
    said = {one.change.name: one.change.change for one in several}
    detail = {**_detail(pairs), "file": file, "names": [[file, WHOLE]], "change": "changed", "diff": "\n".join(diff for one in several for diff in one.diffs), "definitions": said}
    return Component(CODE, file, pairs[0].good.code[:SHORT], pairs[0].bad.code[:SHORT], detail=detail)


def _unknown(pair: StepPair, why: str) -> Component:
    return Component(CODE, pair.step, pair.good.code[:SHORT], pair.bad.code[:SHORT], why_not=why, detail={**_detail([pair]), "names": [], "change": "changed", "diff": ""})


def _detail(pairs: Sequence[StepPair]) -> dict[str, Any]:
    """The steps; and what came or went in their calls together with the code, because it goes back with it."""
    calls = {}
    for pair in pairs:
        came, went = (sorted(set(one) - set(other)) for one, other in ((pair.bad.parameters, pair.good.parameters), (pair.good.parameters, pair.bad.parameters)))
        inputs_came, inputs_went = (sorted(set(one) - set(other)) for one, other in ((pair.bad.inputs, pair.good.inputs), (pair.good.inputs, pair.bad.inputs)))
        if came or went or inputs_came or inputs_went:
            calls[pair.step] = {
                "without": [*came, *inputs_came], "parameters": {name: pair.good.parameters[name] for name in went},
                "inputs": {name: list(pair.good.inputs[name]) for name in inputs_went},
            }  # fmt: skip
    return {"steps": [pair.step for pair in pairs], "lots": [lot for pair in pairs for lot in pair.made], "calls": calls}


def parameter_components(pairs: Sequence[StepPair]) -> list[Component]:
    """One component for each parameter that has another value; one that came or went with the code belongs to that."""
    found = []
    for pair in pairs:
        for name in pair.bad.parameters:
            if name not in pair.good.parameters or pair.good.parameters[name] == pair.bad.parameters[name]:
                continue
            before, now = pair.good.parameters[name], pair.bad.parameters[name]
            detail = {"steps": [pair.step], "lots": list(pair.made), "parameter": name, "before": before, "now": now, "change": "changed"}
            found.append(Component(PARAMETER, f"{pair.step}.{name}", _shown(before), _shown(now), detail=detail))
    return found


def _shown(value: Any) -> str:
    """A value as it would be written; long ones shortened."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:79] + "…"


@dataclass
class _Moved:
    before: tuple[str, str]
    now: tuple[str, str]
    pairs: list[StepPair] = field(default_factory=list)


def package_components(connection: Connection, pairs: Sequence[StepPair]) -> list[Component]:
    """One component for each distribution whose version or files are others, with the steps that run on it.

    A package that came or went with the code that uses it belongs to that.
    """
    found: dict[str, _Moved] = {}
    unknown = []
    for pair in pairs:
        if pair.good.environment == pair.bad.environment:
            continue
        described = [run_records.described(connection, run.environment) for run in (pair.good, pair.bad)]
        before, now = (packages(one["lines"]) if one is not None and "lines" in one else None for one in described)
        if before is None or now is None:
            unknown.append(pair)
            continue
        common = {name for name in before.keys() & now.keys() if before[name] != now[name]}
        if not common and pair.good.code == pair.bad.code:
            common = before.keys() ^ now.keys()
        for name in sorted(common):
            found.setdefault(name, _Moved(before.get(name, ("", "")), now.get(name, ("", "")))).pairs.append(pair)
    return [_of_package(name, one) for name, one in found.items()] + _unknown_environments(unknown)


def packages(lines: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Version and digest of the files of each distribution, from the lines an environment is described by.

    >>> packages(["python cpython 3.11", "module mine of no distribution", "polars 1.2.3 sha256:ab"])
    {'python': ('cpython 3.11', ''), 'mine': ('of no distribution', ''), 'polars': ('1.2.3', 'sha256:ab')}
    """
    found = {}
    for line in lines:
        kind, _, rest = line.partition(" ")
        if kind == PYTHON:
            found[PYTHON] = (rest, "")
        elif kind == "module" and rest.endswith(" of no distribution"):
            found[rest.partition(" ")[0]] = ("of no distribution", "")
        else:
            version, _, digest = rest.partition(" ")
            found[kind] = (version, digest)
    return found


def _of_package(name: str, one: _Moved) -> Component:
    same_version = one.before[0] == one.now[0]
    before, now = (f"{version} ({digest[:SHORT]})" if same_version and digest else version for version, digest in (one.before, one.now))
    why = ""
    if name == PYTHON:
        why = "a replay runs on the Python of now; another one cannot be put below it"
    elif not before:
        why = "it was not there before, and a replay cannot take a package away"
    change = ADDED if not before else REMOVED if not now else "changed"
    detail = {
        "steps": [pair.step for pair in one.pairs], "lots": [lot for pair in one.pairs for lot in pair.made], "change": change, "version_before": one.before[0],
        "digest_before": one.before[1], "version_now": one.now[0], "digest_now": one.now[1],
    }  # fmt: skip
    return Component(PACKAGE, name, before, now, why_not=why, detail=detail)


def _unknown_environments(pairs: Sequence[StepPair]) -> list[Component]:
    return [
        Component(
            PACKAGE, f"environment of {pair.step}", pair.good.environment[:SHORT], pair.bad.environment[:SHORT],
            why_not="which packages it had was not written down when it ran", detail={"steps": [pair.step], "lots": list(pair.made), "change": "changed"},
        )
        for pair in pairs
    ]  # fmt: skip
