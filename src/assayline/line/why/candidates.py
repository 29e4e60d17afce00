"""The components that differ between the last good and the first bad state of a flow, those that more speaks for first."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping, Sequence

from sqlalchemy.engine import Connection

from assayline.diagnosis import Component
from assayline.diagnosis.component import ARM, ARRIVAL, CODE, KINDS, MODEL, PACKAGE, PARAMETER, SOURCE

from ..definition import Line
from ..project import Project
from .code_candidates import code_components, package_components, parameter_components, step_pairs
from .derivation import Derivation
from .gate_words import GateWords, gate_words
from .model_candidates import model_components
from .ownership import last_author, owner_of
from .reach import Reach
from .source_candidates import SourceCandidates

# What speaks for a thing that changed just then, whatever the gate says: a change of code is seldom and made by hand, new lots are not.
EXACT: Mapping[str, float] = {CODE: 0.5, PARAMETER: 0.5, MODEL: 0.4, ARM: 0.4, PACKAGE: 0.35}
BEGINS_HERE, BEGINS_ABOVE = 0.25, -0.15  # the gate warns of what these steps made: and not of what they read, or of that too
NAMED = 0.15  # the error names it
FAILED = ("failed", "stopped")


def components_between(project: Project, line: Line, file: str, good: Derivation, bad: Derivation) -> list[Component]:
    """What is upstream of a bad state and is not what it was in the good state.

    Args:
        project: where both are.
        line: they are part of.
        file: of the line.
        good: the last good state.
        bad: the first bad one; a run that failed is one too.

    Returns:
        Most evidence first. What stands in `detail`:
        source — `lots` (new), `before_lots` (of the good state, as many), `gone` (that the bad state lacks, where nothing new came), `put_back` (of the new ones those from the
        quarantine), `snapshot`;
        arrival — `lots` (that were read again), `later` (the lot that came too late, if one did), `before_lots`, `late` (a sentence), `snapshot`;
        code — `file`, `names` (pairs for `put_back`), `diff`, `lines`, `calls` (by step what came or went in its call with the code: `without`, `parameters`, `inputs`);
        parameter — `parameter`, `before`, `now`; package — `version_before`, `digest_before`, `version_now`, `digest_now`;
        model — `lots`, `before_lots`; arm — `rollout`, `share_before`, `share_now`, `champion`, `challenger` (lots);
        all — `steps` (whose runs it bears on directly), `lots` (from which what it touches can be followed), `change`.
    """
    with project.ledger.read() as connection:
        before, now = Reach.of(connection, good), Reach.of(connection, bad)
        pairs = step_pairs(before, now)
        sources = SourceCandidates(connection, line, before, now, _made_at(bad))
        found = [*code_components(connection, pairs), *parameter_components(pairs), *package_components(connection, pairs), *model_components(connection, before, now)]
        position = _Position(before, now)
        found = [dataclasses.replace(one, evidence=position.evidence(one)) for one in found] + sources.components()
        found = [dataclasses.replace(one, owner=one.owner or _owner(connection, line, project.folder, file, one)) for one in found]
    return sorted(found, key=lambda one: (-one.evidence, KINDS.index(one.kind), one.name))


def _made_at(state: Derivation) -> str:
    if state.lot is not None and state.lot in state.lots:
        return state.lots[state.lot].at
    assert state.run is not None
    return state.run.at


def _owner(connection: Connection, line: Line, folder: str, file: str, one: Component) -> str:
    if one.kind in (SOURCE, ARRIVAL, MODEL):
        return owner_of(connection, line, one.name)
    if one.kind == CODE and one.detail.get("file") and not str(one.detail["file"]).endswith(".sql"):
        return last_author(os.path.dirname(os.path.abspath(file)), str(one.detail["file"]))
    if one.kind in (CODE, PARAMETER):
        return last_author(os.path.dirname(os.path.abspath(file)), os.path.basename(file))
    return ""


class _Position:
    """Where on the way the gate begins to warn: at a step that made something strange of inputs that were not, or above it."""

    def __init__(self, good: Reach, bad: Reach) -> None:
        self.words: dict[str, GateWords] = {}
        for flow in dict.fromkeys(lot.flow for lot in bad.lots.values()):
            before = set(good.of_flow(flow))
            self.words[flow] = gate_words([bad.lots[lot] for lot in bad.of_flow(flow) if lot not in before], [good.lots[lot] for lot in before])
        self.inputs = {step: tuple(run.inputs) for step, run in bad.newest_runs().items()}
        run = bad.whole.run
        self.failed = run.step if run is not None and run.state in FAILED else ""
        self.error = run.error if run is not None and self.failed else ""

    def evidence(self, one: Component) -> float:
        base = EXACT[one.kind] + max((self._step(step) for step in one.detail["steps"]), default=0.0) + (NAMED if self._is_named(one) else 0.0)
        if one.kind == PACKAGE and one.detail.get("version_before") == one.detail.get("version_now"):
            base -= 0.1
        if one.kind == MODEL:
            base += 0.4 * max((float(finding["severity"]) for finding in one.findings), default=0.0)
        return min(1.0, max(0.05, base))

    def _step(self, step: str) -> float:
        if not (step == self.failed or self._is_strange(step)):
            return 0.0
        return BEGINS_ABOVE if any(map(self._is_strange, self.inputs.get(step, ()))) else BEGINS_HERE

    def _is_strange(self, flow: str) -> bool:
        return flow in self.words and self.words[flow].is_anomalous

    def _is_named(self, one: Component) -> bool:
        if one.kind == CODE:
            names: Sequence[str] = [name for _, name in one.detail["names"]]
        elif one.kind == PACKAGE:
            names = [re.sub(r"[-_.]+", "_", one.name)]
        else:
            return False
        return any(re.search(rf"\bin {re.escape(name)}\b|[/'\"]{re.escape(name)}\b", self.error) for name in names)
