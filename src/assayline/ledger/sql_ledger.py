"""The ledger in a database: transactions that append entries and keep the tables made from them in step."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError, PendingRollbackError, SQLAlchemyError

from assayline.core import FIRST, Entry, chained
from assayline.errors import LedgerError

from .projections import apply
from .schema import ENTRIES

LOCK = 0x41535359  # key of PostgreSQL's advisory lock: one writer at a time, since the chain is one
PATIENCE_SECONDS = 60.0  # how long a writer waits for the others; a transaction takes milliseconds
IDLE_SECONDS = 30.0  # how long PostgreSQL lets a writing transaction say nothing


def now() -> str:
    """The time in UTC as it stands in entries."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


class Writing:
    """One transaction: what is appended here is published together or not at all."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        last = connection.execute(sa.select(ENTRIES.c.number, ENTRIES.c.chain).order_by(ENTRIES.c.number.desc()).limit(1)).first()
        self.next = 0 if last is None else int(last.number) + 1
        self._chain = FIRST if last is None else str(last.chain)

    def append(self, event: str, body: Mapping[str, Any]) -> Entry:
        """Adds an entry and brings the tables made from entries up to date.

        Args:
            event: what happened, a name of `projections.EVENTS`.
            body: plain JSON values; `at` (UTC) is added where it is missing.
        """
        whole = {"at": now(), **body}
        text = canonical(whole)
        entry = Entry(self.next, event, json.loads(text), chained(self._chain, self.next, event, json.loads(text)))
        self.connection.execute(ENTRIES.insert().values(number=entry.number, event=event, body=text, chain=entry.chain))
        apply(self.connection, entry)
        self.next, self._chain = entry.number + 1, entry.chain
        return entry


class SqlLedger:
    """An open ledger. Made by `open_ledger` or `create_ledger`; close it, or use it in a `with`.

    Args:
        engine: SQLAlchemy's engine, in autocommit: transactions are begun here, so that SQLite locks before it reads.
        name: how it is called in messages; never a password.
    """

    def __init__(self, engine: Engine, name: str) -> None:
        self.engine, self.name = engine, name
        self.is_sqlite = engine.dialect.name == "sqlite"

    def __enter__(self) -> SqlLedger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the database."""
        self.engine.dispose()

    @contextlib.contextmanager
    def write(self) -> Iterator[Writing]:
        """A transaction that publishes everything appended in it at its end, and nothing if an error leaves it.

        Raises:
            LedgerError: the database is full, read-only, gone, or busy for longer than a minute.
        """
        with self.errors(), self.engine.connect() as connection:
            begin(connection, write=True)
            try:
                yield Writing(connection)
            except BaseException:
                # A connection that is broken cannot roll back; the database does it then.
                with contextlib.suppress(SQLAlchemyError):
                    connection.exec_driver_sql("ROLLBACK")
                raise
            try:
                _unless_busy(lambda: connection.exec_driver_sql("COMMIT"))
            except BaseException:
                with contextlib.suppress(SQLAlchemyError):
                    connection.exec_driver_sql("ROLLBACK")
                raise

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one state of the ledger."""
        with self.errors(), self.engine.connect() as connection:
            begin(connection, write=False)
            try:
                yield connection
            finally:
                with contextlib.suppress(SQLAlchemyError):
                    connection.exec_driver_sql("ROLLBACK")

    def entries(self, after: int = -1, most: int = 0) -> Iterator[Entry]:
        """The entries in order, those after this number; read a thousand at a time."""
        given = 0
        while True:
            with self.read() as connection:
                query = sa.select(ENTRIES).where(ENTRIES.c.number > after).order_by(ENTRIES.c.number).limit(1_000)
                rows = connection.execute(query).all()
            for row in rows:
                yield Entry(int(row.number), row.event, json.loads(row.body), row.chain)
                after = int(row.number)
                given += 1
                if most and given >= most:
                    return
            if len(rows) < 1_000:
                return

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Says what the database raises in words for people, as a LedgerError."""
        try:
            yield
        except OperationalError as error:
            raise LedgerError(f"{self.name}: {_said(error)}; {_advice(error)}") from error
        except DBAPIError as error:
            raise LedgerError(f"{self.name}: {_said(error)}; run the same command again; if it stays, see: assay verify") from error
        except PendingRollbackError as error:
            raise LedgerError(f"{self.name}: the connection was lost; run the same command again") from error
        except UnicodeDecodeError as error:  # SQLite names its tables in UTF-8: it has read something else
            raise LedgerError(f"{self.name}: the file is damaged; restore a backup with: assay restore") from error


def begin(connection: Connection, *, write: bool) -> None:
    """Starts a transaction; a writing one has the database for itself from here."""
    if connection.engine.dialect.name == "sqlite":
        _unless_busy(lambda: connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN"))
    else:
        connection.exec_driver_sql("BEGIN" if write else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if write:
            # A process that was stopped (swapped out, asleep) in here keeps the lock: the server ends its session, and nobody waits for ever.
            connection.exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = '{IDLE_SECONDS:g}s'")
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{PATIENCE_SECONDS:g}s'")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")


def _unless_busy(statement: Callable[[], object]) -> None:
    """Tries again while others read or write: SQLite leaves the transaction as it was, so that a COMMIT may be repeated too."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            statement()
            return
        except OperationalError as error:
            if "locked" not in str(error.orig) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def canonical(body: Mapping[str, Any]) -> str:
    """JSON in which equal values have equal bytes; lone surrogates of file names survive as escapes.

    >>> canonical({"b": 1, "a": "é"})
    '{"a":"\\\\u00e9","b":1}'
    """
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _said(error: DBAPIError) -> str:
    return " ".join(str(error.orig).split())


def _advice(error: DBAPIError) -> str:
    said = str(error.orig).lower()
    if "full" in said or "space" in said:
        return "free some space and run the same command again: nothing was lost"
    if "locked" in said or "lock timeout" in said:
        return "another process keeps it busy; run the same command again"
    if "readonly" in said or "read-only" in said:
        return "give this user the right to write there"
    return "run the same command again; if it stays, look at the disk or the connection"
