"""What came from outside and is not what it was: lots that are new, lots that are gone, and lots that should have come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import pairwise

from sqlalchemy.engine import Connection

from assayline.diagnosis import Component
from assayline.diagnosis.component import ARRIVAL, SOURCE
from assayline.ledger import records
from assayline.ledger.records import LotRecord

from ..ancestry import makers
from ..definition import Line
from ..rhythm import Late, expected_by
from .derivation import derivation_of
from .gate_words import GateWords, gate_words
from .reach import Reach

LOOKED_AT = 40  # earlier lots of the flow that is asked about
TURNS = 6  # of these, states that are compared
FEWEST_TURNS = 3  # from which on it is known how often a flow brings something
MOSTLY = 0.8  # of the turns: a flow that brings something so often is expected to
ARRIVALS = 64
LATER_LOTS = 20
USUAL, RARE = 0.1, 0.35  # evidence of a new lot of which the gate says nothing: of a flow that always brings one, and of one that seldom does
HEARD = 0.35  # and what a warning adds to at least
LATE = 0.55


@dataclass(frozen=True)
class Turns:
    """How often each flow from outside brought something new from one state of the target to the next, up to the good state.

    States that were caught up with in one pass (an archive, a week without the machine) are no turns: all that they were made from was there already, and who had brought what
    when cannot be told. Then one lot for each of them says that the flow brings one each time, as long as no turn that was seen says otherwise.

    Args:
        seen: by turn that was seen, what each flow had brought before it and with it.
        lots: by flow, how many it had brought by the good state.
        states: how many there were by then.
    """

    seen: Sequence[tuple[Mapping[str, frozenset[int]], Mapping[str, frozenset[int]]]] = ()
    lots: Mapping[str, int] = field(default_factory=dict)
    states: int = 0

    @classmethod
    def of(cls, connection: Connection, good: Reach) -> Turns:
        """Those before a good state."""
        last = good.whole.lot
        if last is None:
            return cls()
        until = good.lots[last].at
        earlier = [lot.lot for lot in records.lots(connection, good.whole.flow, until=until, most=LOOKED_AT, newest_first=True) if not lot.parents and lot.lot != last]
        made = makers(connection, [last, *earlier])
        places = {made[last].place} if last in made else set()
        chosen = []
        for lot in earlier:
            place = made[lot].place if lot in made else ""
            if not place or place not in places:
                chosen.append(lot)
            places.add(place)
        states = [*(Reach.of(connection, derivation_of(connection, lot)) for lot in chosen[TURNS - 2 :: -1]), good]
        seen = [(_brought(before), _brought(now)) for before, now in pairwise(states) if _came_between(before, now)]
        return cls(seen, {flow: _lots_until(connection, flow, until) for flow in good.sources()}, len(chosen) + 1)

    def share(self, flow: str) -> float | None:
        """Of the turns at which a flow brought something; None where there were too few."""
        brought = [bool(now[flow] - before[flow]) for before, now in self.seen if flow in before and flow in now]
        if len(brought) >= FEWEST_TURNS:
            return sum(brought) / len(brought)
        one_each = self.states > FEWEST_TURNS and MOSTLY <= self.lots.get(flow, 0) / self.states <= 1 / MOSTLY
        return 1.0 if one_each and all(brought) else None


def _brought(state: Reach) -> dict[str, frozenset[int]]:
    return {flow: frozenset(state.of_flow(flow)) for flow in state.sources()}


def _came_between(before: Reach, now: Reach) -> bool:
    """Whether anything that the later state was made from came after the earlier one was made."""
    run = before.whole.run
    return run is None or any(lot.at > run.at for number, lot in now.lots.items() if number not in now.runs and number not in before.lots)


def _lots_until(connection: Connection, flow: str, until: str) -> int:
    return sum(not lot.parents for lot in records.lots(connection, flow, states=("released", "superseded"), until=until, most=LOOKED_AT))


class SourceCandidates:
    """The flows from outside that have a part in two states.

    Args:
        connection: of the ledger.
        line: the flows are part of.
        good: the last good state.
        bad: the first bad one.
        at: when the bad state was made (UTC).
    """

    def __init__(self, connection: Connection, line: Line, good: Reach, bad: Reach, at: str) -> None:
        self.connection, self.line, self.good, self.bad, self.at = connection, line, good, bad, at

    @cached_property
    def turns(self) -> Turns:
        """Asked for where something is new."""
        return Turns.of(self.connection, self.good)

    def news(self, flow: str) -> list[int]:
        """The lots of a flow that only the bad state has."""
        before = set(self.good.of_flow(flow))
        return [lot for lot in self.bad.of_flow(flow) if lot not in before]

    def components(self) -> list[Component]:
        """Sources and arrivals."""
        common = [flow for flow in self.bad.sources() if self.good.of_flow(flow)]  # another flow is read because the code is another
        moved = [flow for flow in common if set(self.bad.of_flow(flow)) != set(self.good.of_flow(flow))]
        came = any(self._turned(flow) for flow in moved)
        found = [self._source(flow) for flow in moved]
        return found + [one for flow in common if flow not in moved and came for one in self._arrival(flow)]

    def _turned(self, flow: str) -> bool:
        return any(not self.bad.lots[lot].parents for lot in self.news(flow))

    def _source(self, flow: str) -> Component:
        good, bad, news = self.good.of_flow(flow), self.bad.of_flow(flow), self.news(flow)
        back = [lot for lot in news if self.bad.lots[lot].parents]
        fresh = [lot for lot in news if lot not in back]
        gone = [] if fresh else [lot for lot in good if lot not in bad]
        own = [lot for lot in good if not self.good.lots[lot].parents]
        before = own[-len(fresh) :] if fresh else gone
        said = gate_words([self.bad.lots[lot] for lot in news], [self.good.lots[lot] for lot in good])
        detail = {
            "lots": news, "before_lots": before, "gone": gone, "put_back": back, "snapshot": self._is_snapshot(flow), "steps": [], "change": "changed" if news else "removed",
        }  # fmt: skip
        return Component(SOURCE, flow, lots_said(before), lots_said(news), evidence=self._evidence(flow, said), findings=said.findings, detail=detail)

    def _is_snapshot(self, flow: str) -> bool:
        return self.line.root(flow) is None

    def _evidence(self, flow: str, said: GateWords) -> float:
        if said.is_anomalous:  # nothing is behind it, so it is where the trouble begins
            return min(1.0, HEARD + 0.65 * said.weight)
        share = self.turns.share(flow)
        base = USUAL if share is None or share >= MOSTLY else RARE - (RARE - USUAL) * share
        return min(HEARD, base + 0.3 * said.weight)

    def _arrival(self, flow: str) -> list[Component]:
        """A flow that brought nothing though it was due."""
        share = self.turns.share(flow)
        late = self._late(flow) if share is None or share < MOSTLY else None
        if late is None and (share is None or share < MOSTLY):
            return []
        stale = self.bad.of_flow(flow)[-1:]
        waiting, since = self._waiting(flow, stale), self._since(flow)
        later = waiting or since
        now = f"{lots_said(stale)} again; " + (f"lot {waiting} was held then" if waiting else f"lot {since} came later" if since else "nothing came since")
        why = "" if later else f"no lot of {flow!r} has come since, so nothing can stand in for the one that is missing"
        detail = {"lots": list(stale), "before_lots": list(self.good.of_flow(flow)[-1:]), "later": [later] if later else [], "late": "" if late is None else late.sentence,
                  "steps": [], "change": "changed", "snapshot": self._is_snapshot(flow)}  # fmt: skip
        return [Component(ARRIVAL, flow, "a new lot by then", now, evidence=LATE, why_not=why, detail=detail)]

    def _since(self, flow: str) -> int:
        """The first lot of a flow that came after the bad state was made; 0 where none did."""
        since = records.lots(self.connection, flow, states=("released", "superseded"), since=self.at, most=LATER_LOTS)
        return next((lot.lot for lot in since if not lot.parents and lot.lot not in self.bad.lots), 0)

    def _waiting(self, flow: str, stale: Sequence[int]) -> int:
        """The first lot of a flow that had come by then and is not part of the bad state, because it was held; 0 where there is none."""
        newest = max((self.bad.lots[lot].at for lot in stale), default="")
        came = records.lots(self.connection, flow, states=("released", "superseded", "held"), since=newest, until=self.at, most=LATER_LOTS)
        return next((lot.lot for lot in came if not lot.parents and lot.lot not in self.bad.lots and lot.lot > max(stale, default=0)), 0)

    def _late(self, flow: str) -> Late | None:
        lots = records.lots(self.connection, flow, until=self.at, most=ARRIVALS, newest_first=True)
        return expected_by([_time(lot) for lot in lots[::-1] if not lot.parents], datetime.fromisoformat(self.at))


def _time(lot: LotRecord) -> datetime:
    return datetime.fromisoformat(lot.at)


def lots_said(lots: Sequence[int]) -> str:
    """
    >>> lots_said([7]), lots_said([7, 9]), lots_said([3, 4, 5, 8]), lots_said([])
    ('lot 7', 'lots 7 and 9', '4 lots, 3 to 8', '')
    """
    if len(lots) <= 1:
        return f"lot {lots[0]}" if lots else ""
    return f"lots {lots[0]} and {lots[1]}" if len(lots) == 2 else f"{len(lots)} lots, {min(lots)} to {max(lots)}"
