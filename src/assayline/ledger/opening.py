"""Opening and making ledgers: what is not ours or newer than we are is refused before a byte of it changes."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from assayline._version import VERSION as PACKAGE_VERSION
from assayline.errors import Damaged, LedgerError, LedgerTooNew, MissingExtra

from .schema import ABOUT, APPLICATION, METADATA, VERSION
from .sql_ledger import SqlLedger, Writing, begin

WAL_IS_SAFE = (3, 51, 3)  # earlier ones can corrupt a WAL database when two connections write and checkpoint at once
# For a server that is gone without a word; what an address says of these counts more.
WAITS = {"connect_timeout": 10, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000}
# From version n to n + 1: each changes the tables of an open transaction.
MIGRATIONS: Mapping[int, Callable[[Connection], None]] = {}


def create_ledger(url: str) -> SqlLedger:
    """A new ledger.

    Args:
        url: "sqlite:///PATH" or "postgresql://…".

    Raises:
        LedgerError: there is one already, or the place cannot be written.
    """
    engine, name = _engine(url, create=True)
    ledger = SqlLedger(engine, name)
    with ledger.errors(), engine.connect() as connection:
        begin(connection, write=True)
        try:
            if _version(connection, name) is not None:
                raise LedgerError(f"{name}: there is a ledger already; open it, or choose another place")
            METADATA.create_all(connection)
            connection.execute(ABOUT.insert(), [{"name": "product", "value": "assayline"}, {"name": "version", "value": str(VERSION)}])
            if ledger.is_sqlite:
                connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION}")
            Writing(connection).append("created", {"by": PACKAGE_VERSION, "layout": VERSION})
            connection.exec_driver_sql("COMMIT")
        except BaseException:
            with contextlib.suppress(SQLAlchemyError):
                connection.exec_driver_sql("ROLLBACK")
            raise
    return ledger


def open_ledger(url: str, *, migrations: Mapping[int, Callable[[Connection], None]] = MIGRATIONS, version: int = VERSION) -> SqlLedger:
    """An existing ledger, brought up to this version's layout in one transaction after a backup.

    Args:
        url: as for `create_ledger`.
        migrations: what leads from one layout to the next.
        version: the layout this package knows.

    Raises:
        LedgerTooNew: a later version wrote it; nothing was touched.
        LedgerError: there is none, or it is another product's.
    """
    engine, name = _engine(url, create=False)
    ledger = SqlLedger(engine, name)
    with ledger.read() as connection:
        found = _version(connection, name)
    if found is None:
        raise LedgerError(f"{name}: this is no ledger of assayline; name another place, or make one with: assay init")
    if found > version:
        raise LedgerTooNew(f"{name}: it has layout {found}, this version of assayline knows {version}; update assayline. Nothing was touched")
    if found < version:
        _migrate(ledger, found, version, migrations)
    return ledger


def _migrate(ledger: SqlLedger, found: int, version: int, migrations: Mapping[int, Callable[[Connection], None]]) -> None:
    from .backup import dump

    if ledger.is_sqlite:
        folder = os.path.dirname(os.path.abspath(str(ledger.engine.url.database)))
    else:
        folder = os.getcwd()
    dump(ledger, os.path.join(folder, f"ledger-layout-{found}.jsonl.zst"))
    with ledger.write() as writing:
        if _version(writing.connection, ledger.name) != found:
            return  # another process was faster
        for step in range(found, version):
            if step not in migrations:
                raise LedgerError(f"{ledger.name}: there is no way from layout {step} to {step + 1}; use the version of assayline that wrote it")
            migrations[step](writing.connection)
        writing.connection.execute(ABOUT.update().where(ABOUT.c.name == "version").values(value=str(version)))
        writing.append("migrated", {"from": found, "to": version, "by": PACKAGE_VERSION})


def _version(connection: Connection, name: str) -> int | None:
    """The layout of a ledger; None where there is nothing at all.

    Raises:
        LedgerError: it is a database of somebody else's.
        Damaged: it cannot be read.
    """
    tables = set(sa.inspect(connection).get_table_names())
    if ABOUT.name not in tables:
        if tables and connection.engine.dialect.name == "sqlite":
            raise LedgerError(f"{name}: this database belongs to another program (it has the tables {', '.join(sorted(tables)[:3])}); name another file")
        return None
    found: dict[str, Any] = {row.name: row.value for row in connection.execute(sa.select(ABOUT))}
    if found.get("product") != "assayline" or not str(found.get("version", "")).isdigit():
        raise Damaged(f"{name}: it does not say what it is; run: assay verify, or restore a backup")
    return int(found["version"])


def _engine(url: str, *, create: bool) -> tuple[Engine, str]:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise LedgerError(f"{url!r} is no address of a ledger; use sqlite:///PATH or postgresql://user@host/database") from error
    name = parsed.render_as_string(hide_password=True)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(str(parsed.database or ""), create=create)
    if parsed.get_backend_name() != "postgresql":
        raise LedgerError(f"{name}: a ledger is kept in sqlite or postgresql, not in {parsed.get_backend_name()}")
    try:
        parsed = parsed.set(drivername="postgresql+psycopg")
        waits = {name: value for name, value in WAITS.items() if name not in parsed.query}
        engine = sa.create_engine(parsed, isolation_level="AUTOCOMMIT", pool_pre_ping=True, pool_size=2, connect_args=waits)
        with engine.connect():
            return engine, name
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise MissingExtra("a ledger in PostgreSQL", extra="postgres", package="psycopg") from error
    except DBAPIError as error:
        raise LedgerError(f"{name}: {' '.join(str(error.orig).split())}; check the address and that the server runs") from error


def _sqlite(path: str, *, create: bool) -> tuple[Engine, str]:
    memory = path in ("", ":memory:")
    if not memory and not create and not os.path.isfile(path):
        raise LedgerError(f"{path}: there is no ledger; make one with: assay init")
    if not memory and not os.path.isdir(os.path.dirname(os.path.abspath(path))):
        raise LedgerError(f"{path}: there is no such folder; make it first")
    safe = sqlite3.sqlite_version_info >= WAL_IS_SAFE
    engine = sa.create_engine(
        f"sqlite:///{path}", isolation_level="AUTOCOMMIT", poolclass=sa.StaticPool if memory else NullPool, connect_args={"timeout": 30, "check_same_thread": False}
    )

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout = 30000")
        cursor.execute("PRAGMA synchronous = FULL")
        # TRUNCATE sets the journal to length 0 at the commit and syncs it; WAL only where that cannot corrupt.
        if not memory and create:
            cursor.execute(f"PRAGMA journal_mode = {'WAL' if safe else 'TRUNCATE'}")
        elif not memory and not safe:
            cursor.execute("PRAGMA journal_mode = TRUNCATE")
        cursor.close()

    return engine, path or ":memory:"
