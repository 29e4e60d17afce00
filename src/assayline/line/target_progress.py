"""What the ledger knows of a target that cannot be asked: which lots it has, and how far a push came that was cut off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from assayline.ledger import Lease, SqlLedger, Writing, run_records
from assayline.ledger.schema import PUSHED

from .target_messages import Begun


class LedgerProgress:
    """How far the push to one target is, as a position in the ledger; written by who holds the lease of the target.

    Args:
        ledger: where.
        lease: of the target.
        target: its number.
        source: which ledger it is.
    """

    def __init__(self, ledger: SqlLedger, lease: Lease, target: int, source: str) -> None:
        self._ledger, self._lease, self._target, self._source = ledger, lease, target, source

    def has(self, lot: int) -> bool:
        with self._ledger.read() as connection:
            return has_pushed(connection, self._target, lot)

    def begin(self, lot: int, replaced: Sequence[int]) -> Begun:
        with self._ledger.write() as writing:
            self._lease.check(writing.connection)
            known = _position(writing.connection, self._target)
            unsure = unfinished(writing.connection, self._target)
            if not (known.get("lot") == lot and known.get("replaced") == list(replaced) and (unsure or not lot)):
                sent = [one for one in replaced if one in unsure or has_pushed(writing.connection, self._target, one)]
                known = {"lot": lot, "replaced": list(replaced), "sent": sent, "unsure": [one for one in unsure if one in replaced or one == lot], "began": writing.next, "done": 0}
                writing.append("position", {"source": _name(self._target), "position": known})
            push = f"{self._source[:16]}:{self._target}:{known['began']}"
            return Begun(push, int(known["began"]), int(known["done"]), tuple(known["sent"]), bool(known["unsure"]))

    def reached(self, begun: Begun, done: int) -> None:
        with self._ledger.write() as writing:
            self._lease.check(writing.connection)
            known = _position(writing.connection, self._target)
            writing.append("position", {"source": _name(self._target), "position": {**known, "done": done}})


def has_pushed(connection: Connection, target: int, lot: int) -> bool:
    """Whether a target is known to have a lot."""
    return connection.execute(sa.select(PUSHED.c.lot).where(PUSHED.c.target == target, PUSHED.c.lot == lot)).first() is not None


def unfinished(connection: Connection, target: int) -> list[int]:
    """The lots whose push to a target was begun and not finished: it may have some of their rows."""
    known = _position(connection, target)
    return [lot for lot in (known.get("lot", 0), *known.get("unsure", ())) if lot and not has_pushed(connection, target, lot)] if known else []


def forget(writing: Writing, target: int) -> None:
    """What was begun and is settled otherwise by now needs no more care."""
    if unfinished(writing.connection, target):
        writing.append("position", {"source": _name(target), "position": {}})


def _position(connection: Connection, target: int) -> dict[str, Any]:
    known: Mapping[str, Any] | None = run_records.position_of(connection, _name(target))
    return dict(known or {})


def _name(target: int) -> str:
    return f"target {target}"  # with a blank: no source can be called so
