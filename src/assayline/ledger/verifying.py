"""Finding what is no longer as it was written: the chain, the tables made from it, the objects it names."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from assayline.core import FIRST, Entry, chained
from assayline.errors import AssaylineError, Damaged, LedgerError

from .leases import seal
from .projections import apply
from .schema import ABOUT, APPLICATION, DELIVERIES, ENTRIES, LEASES, LOTS, METADATA, PASTS, PROJECTIONS, SCORINGS, TRIALS, VERSION
from .sql_ledger import SqlLedger, canonical
from .store import Store

RESTORE = "restore a backup: assay restore"
REPAIR = "run: assay verify --repair"

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Damage:
    """One thing that is not as it was written.

    Args:
        place: the table and row, or the object.
        cause: what is wrong with it.
        next_step: what to do.
    """

    place: str
    cause: str
    next_step: str


def verify(ledger: SqlLedger, store: Store | None = None, *, on_progress: Progress | None = None) -> Iterator[Damage]:
    """Everything that is damaged; nothing when all is well.

    Every entry's chain value is computed again; the tables made from entries are made again in memory and compared row by row;
    rows outside the chain carry a seal; every object the ledger names is read and its digest compared.

    Args:
        ledger: what to check.
        store: its store; None to check the ledger alone.
        on_progress: receives (done, expected, phase).
    """
    try:
        yield from _ledger(ledger, on_progress)
    except (DBAPIError, LedgerError) as error:
        yield Damage(ledger.name, f"the database cannot be read: {' '.join(str(error).split())[:300]}", RESTORE)
        return
    if store is not None:
        yield from _objects(ledger, store, on_progress)


def _ledger(ledger: SqlLedger, on_progress: Progress | None) -> Iterator[Damage]:
    memory = sa.create_engine("sqlite://", isolation_level="AUTOCOMMIT", poolclass=sa.StaticPool)
    with ledger.read() as connection, memory.connect() as again:
        if ledger.is_sqlite:
            for row in connection.exec_driver_sql("PRAGMA integrity_check"):
                if row[0] != "ok":
                    yield Damage(ledger.name, f"SQLite says: {row[0]}", RESTORE)
                    return
            yield from _same_layout(connection, ledger.name)
        about = {row.name: row.value for row in connection.execute(sa.select(ABOUT))}
        if about != {"product": "assayline", "version": str(VERSION)}:
            yield Damage(f"{ledger.name}: table {ABOUT.name}", f"it says {about!r}", RESTORE)
        METADATA.create_all(again)
        again.exec_driver_sql("BEGIN")
        before, expected = FIRST, 0
        total = connection.execute(sa.select(sa.func.count()).select_from(ENTRIES)).scalar_one()
        for row in connection.execute(sa.select(ENTRIES).order_by(ENTRIES.c.number)).yield_per(1_000):
            place = f"{ledger.name}: entry {row.number}"
            if row.number != expected:
                yield Damage(place, f"entry {expected} should stand here: entries were removed", RESTORE)
                return
            if not _intact(before, row):
                yield Damage(place, "it is not what was written, or the entry before it is not", RESTORE)
                return
            try:
                apply(again, Entry(row.number, row.event, json.loads(row.body), row.chain))
            except (AssaylineError, DBAPIError, KeyError) as error:
                yield Damage(place, f"it does not fit what was before it: {error}", RESTORE)
                return
            before, expected = row.chain, expected + 1
            if on_progress is not None and expected % 500 == 0:
                on_progress(expected, total, "checking the ledger")
        for table in PROJECTIONS:
            yield from _same(table, connection, again, ledger.name)
        for row in connection.execute(sa.select(LEASES)):
            if row.seal != seal(row.name, row.token, row.holder, row.beat):
                yield Damage(f"{ledger.name}: table {LEASES.name}, {row.name!r}", "it is not what was written", REPAIR)
        for row in connection.execute(sa.select(DELIVERIES)):
            if row.seal != seal(row.notice, row.channel, row.attempts, row.next_at, row.state, row.error):
                yield Damage(f"{ledger.name}: table {DELIVERIES.name}, {row.notice!r}", "it is not what was written", REPAIR)
    memory.dispose()


def _intact(before: str, row: sa.Row[Any]) -> bool:
    try:
        body = json.loads(row.body)
        return bool(canonical(body) == row.body and chained(before, row.number, row.event, body) == row.chain)
    except (ValueError, TypeError, RecursionError):  # no text, no JSON, or brackets without end
        return False


def _same_layout(connection: Connection, name: str) -> Iterator[Damage]:
    """The definitions of tables and indexes stand in the file too, and nothing else looks at their letters."""
    application = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
    if application != APPLICATION:
        yield Damage(name, f"its header says that it belongs to the application {application}", RESTORE)
    fresh = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    METADATA.create_all(fresh)
    query = "SELECT type, name, tbl_name, sql FROM sqlite_master"
    with fresh.connect() as other:
        ours = {tuple(row) for row in other.exec_driver_sql(query)}
    fresh.dispose()
    theirs = {tuple(row) for row in connection.exec_driver_sql(query)}
    for kind, which, *_ in sorted(theirs ^ ours, key=str):
        yield Damage(f"{name}: {kind} {which}", "its definition is not what was written", RESTORE)


def _same(table: sa.Table, connection: Connection, again: Connection, name: str) -> Iterator[Damage]:
    keys = list(table.primary_key.columns)
    theirs = connection.execute(sa.select(table)).all()
    ours = {tuple(row): None for row in again.execute(sa.select(table)).all()}
    for row in theirs:
        if tuple(row) not in ours:
            where = ", ".join(f"{key.name} {getattr(row, key.name)!r}" for key in keys)
            yield Damage(f"{name}: table {table.name}, {where}", "it is not what the entries say", REPAIR)
        else:
            del ours[tuple(row)]
    for missing in ours:
        yield Damage(f"{name}: table {table.name}", f"a row is missing: {str(missing)[:80]}", REPAIR)


def rebuild(ledger: SqlLedger) -> None:
    """Makes the tables that are made from entries again, in one transaction.

    Raises:
        Damaged: an entry is not intact; nothing was changed.
    """
    with ledger.write() as writing:
        for table in PROJECTIONS:
            writing.connection.execute(table.delete())
        before = FIRST
        for number, row in enumerate(writing.connection.execute(sa.select(ENTRIES).order_by(ENTRIES.c.number)).all()):
            if row.number != number or not _intact(before, row):
                raise Damaged(f"{ledger.name}: entry {number} is not what was written, so nothing can be made from it; {RESTORE}")
            apply(writing.connection, Entry(row.number, row.event, json.loads(row.body), row.chain))
            before = row.chain
        # Who works now and what was sent is no history: leases are given anew, what is not known to be sent is sent again.
        for lease in writing.connection.execute(sa.select(LEASES)).all():
            values = (lease.name, lease.token + 1, "", 0)
            writing.connection.execute(LEASES.update().where(LEASES.c.name == lease.name).values(token=values[1], holder="", beat=0, seal=seal(*values)))
        for row in writing.connection.execute(sa.select(DELIVERIES)).all():
            if row.seal != seal(row.notice, row.channel, row.attempts, row.next_at, row.state, row.error):
                writing.connection.execute(DELIVERIES.delete().where(DELIVERIES.c.notice == row.notice, DELIVERIES.c.channel == row.channel))


def named_objects(connection: Connection) -> dict[str, str]:
    """The digest of every object the ledger names, and what it is; a lot whose profile was thinned away has none."""
    found: dict[str, str] = {}
    for row in connection.execute(sa.select(LOTS.c.lot, LOTS.c.flow, LOTS.c.objects)):
        for kind, digest in json.loads(row.objects).items():
            found.setdefault(digest, f"{kind} of lot {row.lot} of {row.flow}")
    for tried in connection.execute(sa.select(TRIALS.c.flow, TRIALS.c.lot, TRIALS.c.objects)):
        for kind, digest in json.loads(tried.objects).items():
            found.setdefault(digest, f"{kind} of the trial of lot {tried.lot} of {tried.flow}")
    for scored in connection.execute(sa.select(SCORINGS.c.flow, SCORINGS.c.lot, SCORINGS.c.objects)):
        for kind, digest in json.loads(scored.objects).items():
            found.setdefault(digest, f"{kind} of the predictions in lot {scored.lot} of {scored.flow}")
    for row in connection.execute(sa.select(PASTS)):
        found.setdefault(row.profile, f"past of {row.flow}, lots {row.first} to {row.last}")
    return found


def _objects(ledger: SqlLedger, store: Store, on_progress: Progress | None) -> Iterator[Damage]:
    with ledger.read() as connection:
        named = named_objects(connection)
    for number, (digest, what) in enumerate(named.items()):
        if on_progress is not None:
            on_progress(number, len(named), "checking the store")
        cause = store.check(digest)
        if cause and _still_named(ledger, digest):
            yield Damage(f"{what} ({digest})", cause, RESTORE)


def _still_named(ledger: SqlLedger, digest: str) -> bool:
    """Whether an object that is not there was not thinned away in the meantime."""
    with ledger.read() as connection:
        return digest in named_objects(connection)
