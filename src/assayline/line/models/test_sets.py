"""Hosted test sets: tables kept for trying models on, each version of them judged by the gate like any other data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from assayline.errors import MisuseError
from assayline.ledger import intact, records, run_records, trial_records
from assayline.ledger.records import LotRecord

from ..gating import Arrival, Outcome, gate_paths
from ..names import check_name
from ..project import Project
from .versions import KIND, TESTS


@dataclass(frozen=True)
class TestSet:
    """One test set of a model, in its present version.

    Args:
        name: such as "q1-labelled".
        lot: its rows.
        looks: how many trials it has served; each says a little about it.
    """

    __test__ = False  # no test of pytest's

    name: str
    lot: LotRecord
    looks: int

    def request(self, project: Project) -> dict[str, Any]:
        """What the process of the trials is told of it."""
        return {
            "name": self.name, "lot": self.lot.lot, "digest": self.lot.digest, "path": intact(project.store, self.lot.objects["released"]),
            "renames": dict(self.lot.figures.get("renames", {})), "looks": self.looks,
        }  # fmt: skip


def flow_of(model: str, name: str) -> str:
    """The flow that the versions of a test set are lots of.

    >>> flow_of("churn", "q1-labelled")
    'churn.test.q1-labelled'
    """
    flow = f"{model}{TESTS}{name}"
    check_name(flow)
    return flow


def add_set(project: Project, model: str, path: str, name: str) -> Outcome:
    """Takes a table as a test set of a model, or as the next version of one.

    Args:
        project: where.
        model: whose; it need not be there yet.
        path: of the table, with the column the model predicts.
        name: of the set.

    Raises:
        MisuseError: the name cannot be one, or belongs to something else.
    """
    flow = flow_of(model, name)
    with project.ledger.read() as connection:
        known = records.flow_of(connection, model)
        if known is not None and known.kind != KIND:
            raise MisuseError(f"{model!r} is a flow of lots of the kind {known.kind}, and no model; test sets belong to models")
        replaces = run_records.replaceable(connection, flow)
    facts = {"test_set": name, "model": model}
    return next(iter(gate_paths(project, flow, [path], arrivals={path: Arrival(facts=facts, replaces=replaces)})))


def sets_of(project: Project, model: str) -> list[TestSet]:
    """The test sets of a model that were released, by name."""
    start = model + TESTS
    found = []
    with project.ledger.read() as connection:
        for flow in records.flows(connection):
            if flow.name.startswith(start):
                for lot in records.lots(connection, flow.name, states=("released",), most=1, newest_first=True):
                    found.append(TestSet(flow.name.removeprefix(start), lot, trial_records.looks(connection, model, lot.digest)))
    return found
