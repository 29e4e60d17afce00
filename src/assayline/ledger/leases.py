"""Who works on a flow now: one holder at a time, and one that was away too long cannot publish any more.

No clock is compared between processes. A holder raises a counter while it lives; whoever waits takes over when the counter has stood
still for `STALE_SECONDS` of the waiter's own time, or at once when the holder was a process of this machine that is gone. Each new holder
gets a higher token, and a publication is refused in its own transaction when the token is no longer the newest (fencing: Kleppmann 2016,
"How to do distributed locking").
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from assayline.errors import AssaylineError, Fenced, LedgerError, MisuseError

from .processes import is_gone, me
from .schema import LEASES, storable
from .sql_ledger import SqlLedger

STALE_SECONDS = 15.0  # a machine that swaps misses a few beats
STALE_VARIABLE = "ASSAY_STALE_SECONDS"  # the same for all processes of a project; longer where disks or networks stall for so long
BEATS = 7  # in that time
POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Lease:
    """The right to publish in a flow while `token` is the newest."""

    name: str
    token: int

    def check(self, connection: Connection) -> None:
        """To be called in the transaction that publishes.

        Raises:
            Fenced: somebody else holds the flow now.
        """
        row = connection.execute(sa.select(LEASES.c.token).where(LEASES.c.name == self.name)).first()
        if row is None or int(row.token) != self.token:
            raise Fenced(f"{self.name}: another process took over while this one was away; nothing is lost, run the same command again")


@contextlib.contextmanager
def held(ledger: SqlLedger, name: str, *, patience_seconds: float = 3600.0, stale_seconds: float | None = None) -> Iterator[Lease]:
    """Waits for its turn, holds the flow, and lets go of it at the end.

    Args:
        ledger: where the lease is written.
        name: what is held; the name of a flow.
        patience_seconds: how long to wait for a living holder.
        stale_seconds: how long a holder may be silent; 15, or ASSAY_STALE_SECONDS, when None.

    Raises:
        LedgerError: somebody else held it all the time.
        MisuseError: ASSAY_STALE_SECONDS is no time.
    """
    stale = _stale_seconds() if stale_seconds is None else stale_seconds
    lease = _acquire(ledger, name, patience_seconds, stale)
    with _beating(ledger, lease, stale):
        yield lease


class Watch:
    """What was seen of other holders between two tries, so that one who never waits notices too that a holder stands still.

    >>> watch = Watch()
    >>> watch.silent_seconds("sales", 1, 0, 10.0), watch.silent_seconds("sales", 1, 0, 12.5), watch.silent_seconds("sales", 1, 1, 13.0)
    (0.0, 2.5, 0.0)
    """

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, int, float]] = {}

    def silent_seconds(self, name: str, token: int, beat: int, moment: float) -> float:
        """For how long the counter of a holder has stood still, by the waiter's own clock."""
        seen = self._seen.get(name)
        if seen is None or seen[:2] != (token, beat):
            self._seen[name] = seen = (token, beat, moment)
        return moment - seen[2]


@contextlib.contextmanager
def tried(ledger: SqlLedger, name: str, watch: Watch, *, stale_seconds: float | None = None) -> Iterator[Lease | None]:
    """Holds what nobody else holds, and lets go of it at the end; None, at once, where somebody does.

    Args:
        ledger: where the lease is written.
        name: what is held.
        watch: the same one at every try: by it a holder is noticed that is silent for too long.
        stale_seconds: how long a holder may be silent; 15, or ASSAY_STALE_SECONDS, when None.
    """
    stale = _stale_seconds() if stale_seconds is None else stale_seconds
    lease, _ = _attempt(ledger, name, watch, stale)
    if lease is None:
        yield None
        return
    with _beating(ledger, lease, stale):
        yield lease


@contextlib.contextmanager
def _beating(ledger: SqlLedger, lease: Lease, stale_seconds: float) -> Iterator[None]:
    """Raises the counter of a lease meanwhile, and lets go of it at the end."""
    ended = threading.Event()
    heart = threading.Thread(target=_beat, args=(ledger, lease, ended, stale_seconds / BEATS), name="assay-lease", daemon=True)
    heart.start()
    try:
        yield
    finally:
        ended.set()
        heart.join()
        with contextlib.suppress(AssaylineError):  # the next one finds this process gone
            _let_go(ledger, lease)


def _acquire(ledger: SqlLedger, name: str, patience_seconds: float, stale_seconds: float) -> Lease:
    watch, begun = Watch(), time.monotonic()
    while True:
        lease, holder = _attempt(ledger, name, watch, stale_seconds)
        if lease is not None:
            return lease
        if time.monotonic() - begun > patience_seconds:
            raise LedgerError(f"{name}: another process ({holder or '?'}) has held this flow for {patience_seconds:g} seconds; try again later")
        time.sleep(POLL_SECONDS)


def _attempt(ledger: SqlLedger, name: str, watch: Watch, stale_seconds: float) -> tuple[Lease | None, str]:
    """The lease where it is free or its holder is gone or silent; else None and who holds it."""
    with ledger.read() as connection:
        row = connection.execute(sa.select(LEASES).where(LEASES.c.name == name)).first()
    silent = 0.0 if row is None else watch.silent_seconds(name, int(row.token), int(row.beat), time.monotonic())
    if row is not None and row.holder and not is_gone(row.holder) and silent <= stale_seconds:
        return None, str(row.holder)
    with ledger.write() as writing:
        again = writing.connection.execute(sa.select(LEASES).where(LEASES.c.name == name)).first()
        if (again is None) != (row is None) or (again is not None and row is not None and (again.token, again.beat) != (row.token, row.beat)):
            return None, "" if again is None else str(again.holder)  # somebody was faster
        token = 1 if again is None else int(again.token) + 1
        _put(writing.connection, name, token, me(), 0, new=again is None)
        return Lease(name, token), ""


def _stale_seconds() -> float:
    given = os.environ.get(STALE_VARIABLE, "")
    try:
        seconds = float(given or STALE_SECONDS)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise MisuseError(f"{STALE_VARIABLE} is {given!r}; give it a number of seconds, such as {STALE_SECONDS:g}")
    return seconds


def _beat(ledger: SqlLedger, lease: Lease, ended: threading.Event, every_seconds: float) -> None:
    beat = 0
    while not ended.wait(every_seconds):
        beat += 1
        with contextlib.suppress(AssaylineError), ledger.write() as writing:
            lease.check(writing.connection)
            _put(writing.connection, lease.name, lease.token, me(), beat, new=False)


def _let_go(ledger: SqlLedger, lease: Lease) -> None:
    with ledger.write() as writing:
        lease.check(writing.connection)
        _put(writing.connection, lease.name, lease.token, "", 0, new=False)


def _put(connection: Connection, name: str, token: int, holder: str, beat: int, *, new: bool) -> None:
    values = {"token": token, "holder": holder, "beat": beat, "seal": seal(name, token, holder, beat)}
    if new:
        connection.execute(LEASES.insert().values(name=name, **values))
    else:
        connection.execute(LEASES.update().where(LEASES.c.name == name).values(**values))


def seal(*values: object) -> str:
    """The digest of a row that stands in no chain, so that a flipped bit in it is found.

    >>> seal("sales", 1) == seal("sales", 1) != seal("sales", 2)
    True
    """
    kept = tuple(storable(value) if isinstance(value, str) else value for value in values)
    return hashlib.sha256(repr(kept).encode("utf-8", "surrogatepass")).hexdigest()
