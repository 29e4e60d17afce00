"""Lots → runs → lots, asked of the ledger by its indexes: what a lot was made from, and what was made from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from assayline.errors import MisuseError
from assayline.ledger import records, run_records
from assayline.ledger.records import LotLine, LotRecord
from assayline.ledger.run_records import Making, RunRecord
from assayline.ledger.schema import DECISIONS, LOTS

from .project import Project

AT_ONCE = 500  # values in one question; SQLite takes 32,766, and long ones are slow to plan
MOST_LOTS = 5  # lots of one input, newest first, that a tree shows
RUNS_A_STEP = 20  # runs that are looked at for each lot shown: several steps read one lot, and a step runs again
MOST_NODES = 2_000  # lots in one tree


def lots_by_number(connection: Connection, numbers: Iterable[int]) -> dict[int, LotRecord]:
    """These lots, by number; those that do not exist are left out."""
    return {lot.lot: lot for some in _some(numbers) for lot in records.lots_with(connection, some)}


def lines_by_number(connection: Connection, numbers: Iterable[int]) -> dict[int, LotLine]:
    """What lineage needs of these lots, by number; those that do not exist are left out."""
    return {lot.lot: lot for some in _some(numbers) for lot in records.lot_lines(connection, some)}


def makers(connection: Connection, lots: Iterable[int]) -> dict[int, RunRecord]:
    """The newest run that made each of these lots; lots that came from outside are left out."""
    return {lot: run for some in _some(lots) for lot, run in run_records.makers(connection, some).items()}


def makers_chosen(connection: Connection, lots: Iterable[int], choose: Callable[[Sequence[Making]], Making]) -> dict[int, RunRecord]:
    """For each of these lots one of the runs that made it, oldest first in what is chosen from; lots that came from outside are left out."""
    found: dict[int, RunRecord] = {}
    for some in _some(lots):
        each: dict[int, list[Making]] = {}
        for one in run_records.makings(connection, some):
            each.setdefault(one.output, []).append(one)
        chosen = {choose(several).run: lot for lot, several in each.items()}
        found |= {chosen[run.run]: run for run in run_records.runs_numbered(connection, sorted(chosen))}
    return found


def put_back_from(connection: Connection, lot: int) -> list[int]:
    """The lots that brought rows of this one back."""
    settled = sa.select(DECISIONS.c.settled).where(DECISIONS.c.lot == lot, DECISIONS.c.settled.is_not(None)).distinct()
    return sorted(int(row.settled) for row in connection.execute(settled))


def newest_lot(connection: Connection, flow: str) -> LotRecord | None:
    """The newest released lot of a flow; rows that were put back are none."""
    for lot in _newest_first(connection, flow):
        if not lot.parents:
            return lot
    return None


def lot_named(connection: Connection, name: str) -> LotRecord:
    """The lot of a number, or the newest released lot of a flow.

    Raises:
        MisuseError: there is neither.
    """
    if name.isdecimal() and len(name) < 19:
        return records.lot_of(connection, int(name))
    lot = newest_lot(connection, name)
    if lot is None:
        known = ", ".join(one.name for one in records.flows(connection)) or "none yet"
        raise MisuseError(f"there is no flow {name!r} with a released lot; flows: {known}")
    return lot


def lineage_document(project: Project, name: str, *, down: bool = False, most: int = MOST_LOTS) -> dict[str, Any]:
    """What a lot was made from, or what was made from it, as a tree.

    Args:
        project: where.
        name: number of a lot, or a flow, which is its newest released lot.
        down: what was made from it.
        most: how many lots of one input (runs of one step), newest first, stand in the tree; 0 for all.

    Returns:
        A node: `lot`, `flow`, `at`, `input`, `verdict`, `state`, `rows`, `again` (its branch stands elsewhere in the tree), `run` (what made it: `run`, `step`,
        `at`, `code`, `environment`, `columns`; None for what came from outside), `branches` (`name`, `lots` in all, `nodes`).

    Raises:
        MisuseError: there is no such lot or flow.
    """
    with project.ledger.read() as connection:
        first = lot_named(connection, name)
        return _Tree(connection, most, down=down).grown(first)


class _Tree:
    """A tree that is grown a level at a time, so that each level costs a few questions."""

    def __init__(self, connection: Connection, most: int, *, down: bool) -> None:
        self.connection, self.most, self.down = connection, most, down
        self.seen: set[int] = set()
        self.runs: dict[int, RunRecord] = {}

    def grown(self, first: LotRecord) -> dict[str, Any]:
        root = self._nodes([first])[0]
        level = [root]
        while level:
            wanted = self._wanted(level)
            lots = lots_by_number(self.connection, {lot for _, _, chosen, _ in wanted for lot in chosen})
            below: list[dict[str, Any]] = []
            for node, name, chosen, count in wanted:
                fresh = [lots[lot] for lot in chosen if lot in lots and lot not in self.seen and len(self.seen) < MOST_NODES]
                repeated = [_node(lots[lot], None, again=True) for lot in chosen if lot in lots and lot in self.seen]
                nodes = self._nodes(fresh)
                node["branches"].append({"name": name, "lots": count, "nodes": sorted([*nodes, *repeated], key=lambda one: -int(one["lot"]))})
                below += nodes
            level = below
        return root

    def _nodes(self, lots: Sequence[LotRecord]) -> list[dict[str, Any]]:
        self.runs |= makers(self.connection, [lot.lot for lot in lots])
        self.seen |= {lot.lot for lot in lots}
        return [_node(lot, self.runs.get(lot.lot), again=False) for lot in lots]

    def _wanted(self, level: Sequence[dict[str, Any]]) -> list[tuple[dict[str, Any], str, list[int], int]]:
        """For each node its branches: a name, the lots that are shown, and how many there are."""
        return [(node, *branch) for node in level for branch in (self._readers_of(node) if self.down else self._inputs_of(node))]

    def _inputs_of(self, node: Mapping[str, Any]) -> Iterator[tuple[str, list[int], int]]:
        run = self.runs.get(node["lot"])
        for name, lots in run.inputs.items() if run is not None else ():
            yield name, sorted(lots, reverse=True)[: self.most or None], len(lots)
        if node["parents"]:
            yield "put back from", list(node["parents"]), len(node["parents"])

    def _readers_of(self, node: Mapping[str, Any]) -> Iterator[tuple[str, list[int], int]]:
        runs, count = run_records.made_from(self.connection, node["lot"], self.most * RUNS_A_STEP)
        made: dict[str, list[int]] = {}
        for run in runs:
            outputs = made.setdefault(run.step, [])
            if run.output is not None and int(run.output) not in outputs and (not self.most or len(outputs) < self.most):
                outputs.append(int(run.output))
        for step, outputs in made.items():
            yield step, outputs, sum(run.step == step for run in runs) if count == len(runs) else count
        back = put_back_from(self.connection, node["lot"])
        if back:
            yield "put back by", back, len(back)


def _node(lot: LotRecord, run: RunRecord | None, *, again: bool) -> dict[str, Any]:
    return {
        "lot": lot.lot, "flow": lot.flow, "at": lot.at, "input": lot.input, "verdict": lot.verdict, "state": lot.state, "rows": dict(lot.rows), "parents": list(lot.parents),
        "again": again, "branches": [],
        "run": None if run is None else {
            "run": run.run, "step": run.step, "at": run.at, "state": run.state, "code": run.code, "environment": run.environment, "parameters": dict(run.parameters),
            "inputs": {name: len(lots) for name, lots in run.inputs.items()}, "columns": dict(run.columns),
        },
    }  # fmt: skip


def _newest_first(connection: Connection, flow: str) -> Iterator[LotRecord]:
    place: int | None = None
    while True:
        query = sa.select(LOTS.c.lot, LOTS.c.place).where(LOTS.c.flow == flow, LOTS.c.state == "released").order_by(LOTS.c.place.desc()).limit(20)
        rows = connection.execute(query if place is None else query.where(LOTS.c.place < place)).all()
        if not rows:
            return
        for row in rows:
            yield records.lot_of(connection, int(row.lot))
        place = int(rows[-1].place)


def _some(numbers: Iterable[int]) -> Iterator[list[int]]:
    every = sorted(set(numbers))
    for start in range(0, len(every), AT_ONCE):
        yield every[start : start + AT_ONCE]
