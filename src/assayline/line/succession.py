"""Which lots of a flow stand for which: results that were made again, snapshots, repaired predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from assayline.ledger import records
from assayline.ledger.records import LotRecord


@dataclass(frozen=True)
class Succession:
    """What the lots of a flow said they would stand for, and how these lots stand.

    Lots that stood for one another are one family. As a rule one of a family stands; where an old lot came back into force it is that one, though the newer
    lots say that they stand for it.

    Args:
        states: of every lot that stands for another, or that another stands for.
        earlier: lot → those it was to stand for.
        family: lot → all that stood for one another, itself among them, in order.
    """

    states: Mapping[int, str]
    earlier: Mapping[int, Sequence[int]]
    family: Mapping[int, tuple[int, ...]]

    @classmethod
    def of(cls, connection: Connection, flow: str) -> Succession:
        """That of a flow, as the ledger has it now."""
        lines = records.successions(connection, flow)
        states = {lot: state for lot, state, _ in lines}
        earlier = {lot: replaced for lot, _, replaced in lines if replaced}
        return cls(states, earlier, _families(earlier))

    def replaced(self, lot: int) -> tuple[int, ...]:
        """The lots this one stands for, all the way back; none that is in force itself."""
        return tuple(one for one in self.family.get(lot, ()) if one != lot and self.states.get(one) == "superseded")

    def turn(self, lot: int) -> int:
        """The first of the lots this one was to stand for, all the way back; itself where there is none."""
        seen, todo = {lot}, [lot]
        while todo:
            fresh = set(self.earlier.get(todo.pop(), ())) - seen
            seen |= fresh
            todo += fresh
        return min(seen)


def _families(earlier: Mapping[int, Sequence[int]]) -> dict[int, tuple[int, ...]]:
    """Lots that are joined by standing for one another; lots are joined in turn to the first of their family, which is found by halving the way to it."""
    first: dict[int, int] = {}

    def root(lot: int) -> int:
        while first.setdefault(lot, lot) != lot:
            first[lot] = first[first[lot]]
            lot = first[lot]
        return lot

    for lot, replaced in sorted(earlier.items()):
        for one in replaced:
            low, high = sorted((root(lot), root(one)))
            first[high] = low
    members: dict[int, list[int]] = {}
    for lot in sorted(first):
        members.setdefault(root(lot), []).append(lot)
    families = {low: tuple(lots) for low, lots in members.items()}
    return {lot: families[root(lot)] for lot in first}


def turns(connection: Connection, flow: str, lots: Sequence[LotRecord]) -> dict[int, int]:
    """The lot as which each of these lots counts, where rows of two lots are about the same thing and the later one stays.

    Rows that are put back are no newer than their lot, and a lot that stands for an earlier one has its turn: what came between the two is newer than both.
    """
    succession = Succession.of(connection, flow)
    return {lot.lot: min(_first_came(connection, lot), succession.turn(lot.lot)) for lot in lots}


def _first_came(connection: Connection, lot: LotRecord) -> int:
    first = lot
    while first.parents:
        parent = records.lot_of(connection, first.parents[0])
        if parent.flow != lot.flow or parent.lot >= first.lot:
            break
        first = parent
    return first.lot


def by_turn(lots: Sequence[LotRecord], found: Mapping[int, int]) -> list[LotRecord]:
    """Lots, those whose turn was last first."""
    return sorted(lots, key=lambda lot: (found[lot.lot], lot.lot), reverse=True)

