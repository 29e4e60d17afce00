"""A table of a database as target: each lot in one transaction, values as parameters only."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.elements import quoted_name

from assayline.errors import MissingExtra, MisuseError, TargetError
from assayline.tables.addresses import parse
from assayline.tables.source import without_password

from .shipment import LOT, MOMENT, SEQUENCE, ZONED, Fitted, Shipment, Types, Withdrawal, fitted

ROWS_A_TIME = 5_000  # as Python objects a few MB
CONNECT_SECONDS = 10
LOCK_SECONDS = 30  # a lock that is held longer is a migration or a person; the next push tries again
STATEMENT_SECONDS = 600
POSTGRES_NAME_BYTES = 63  # it cuts longer names without a word, and then two columns may have one name
PUSHED = "assay_pushed"  # which lots the tables beside it have
GONE = "assay_gone"  # keys whose rows were taken away, while a transaction lasts
AT_ONCE = 500  # numbers of lots in one question


class DatabaseTarget:
    """A table in SQLite or PostgreSQL, which is made by the first lot.

    A lot is written, and written down in the table `assay_pushed`, in one transaction: it is there whole or not at all, and never twice.

    Args:
        address: `sqlite:PATH?table=NAME` or `postgresql://user@host/database?table=NAME`.
        key: columns by which a later lot replaces rows of earlier ones; empty to append.

    Raises:
        MisuseError: no table is named, or the address holds a password.
        MissingExtra: psycopg is not installed.
    """

    def __init__(self, address: str, *, key: Sequence[str] = ()) -> None:
        self.name = without_password(address)
        if self.name != address:
            raise MisuseError(f"{self.name}: a password would stand in the ledger for ever; leave it out, and put it into ~/.pgpass or PGPASSWORD")
        parsed = parse(address)
        if not parsed.table or parsed.table.startswith("assay_"):
            raise MisuseError(f"{self.name}: name the table the rows go to: ?table=NAME; names that begin with assay_ are ours")
        self.key = tuple(key)
        schema, _, table = parsed.table.rpartition(".") if parsed.scheme == "postgresql" else ("", "", parsed.table)
        self.table, self.schema = _name(table), _name(schema) if schema else None
        self.is_sqlite = parsed.scheme == "sqlite"
        self.engine = _sqlite(parsed.base, self.name) if self.is_sqlite else _postgres(parsed.base, self.name)

    def take(self, shipment: Shipment) -> bool:
        """Publishes the lot; False if the database had it."""
        return self.replace(shipment, ())

    def replace(self, shipment: Shipment, replaced: Sequence[int]) -> bool:
        """Publishes the lot and deletes the rows of those it stands for, in one transaction; False if the database had it, and none of them.

        With a key, a row that a later lot has brought by now stays; and where an earlier lot has a row under a key that no lot holds any more, that row is back.
        """
        with self._changing(f"lot {shipment.lot} of {shipment.flow}", "nothing of this lot was written; the next push tries again") as connection:
            pushed = self._pushed(connection)
            deleted = self._deleted(connection, pushed, shipment.source, replaced)
            claimed = self._claimed(connection, pushed, shipment)
            if claimed:
                self._write(connection, pushed, shipment)
            if deleted and self.key:
                self._restored(connection, pushed, shipment.source, shipment.standing())
        return claimed or deleted

    def withdraw(self, withdrawal: Withdrawal) -> bool:
        """Deletes the rows of lots that stand no longer, in one transaction; False if the database had none of them."""
        with self._changing(f"taking back lots of {withdrawal.flow}", "they are all still there; the next push tries again") as connection:
            pushed = self._pushed(connection)
            deleted = self._deleted(connection, pushed, withdrawal.source, withdrawal.lots)
            if deleted and self.key:
                self._restored(connection, pushed, withdrawal.source, withdrawal.standing())
        return deleted

    @contextlib.contextmanager
    def _changing(self, what: str, so: str) -> Iterator[Connection]:
        try:
            with self._transaction() as connection:
                yield connection
        except DBAPIError as error:
            raise TargetError(self.name, f"{what}: {' '.join(str(error.orig).split())[:300]}", next_step=so) from error
        except SQLAlchemyError as error:
            raise TargetError(self.name, " ".join(str(error).split())[:300], next_step="check the address and the table") from error

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self.engine.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.exec_driver_sql("BEGIN")
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
                connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'")
                # One push at a time: two that make the same table at once would trip over each other.
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({zlib.crc32(f'assayline {self.schema} {self.table}'.encode())})")
            try:
                yield connection
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                with contextlib.suppress(DBAPIError):
                    connection.exec_driver_sql("ROLLBACK")
                raise

    def _pushed(self, connection: Connection) -> sa.Table:
        """The table that says which lots are here, made where there is none."""
        pushed = sa.Table(
            PUSHED, sa.MetaData(schema=self.schema),
            sa.Column("into", sa.String(200), primary_key=True), sa.Column("source", sa.String(64), primary_key=True),
            sa.Column("lot", sa.BigInteger, primary_key=True, autoincrement=False), sa.Column("flow", sa.String(200), nullable=False),
            sa.Column("digest", sa.String(80), nullable=False), sa.Column("rows", sa.BigInteger, nullable=False), sa.Column("at", sa.String(40), nullable=False),
            sa.Column("turn", sa.BigInteger),  # the lot it counts as when two have a row of one key; NULL where an earlier version wrote it
        )  # fmt: skip
        if not sa.inspect(connection).has_table(PUSHED, schema=self.schema):
            pushed.create(connection)
        elif all(column["name"] != "turn" for column in sa.inspect(connection).get_columns(PUSHED, schema=self.schema)):
            connection.exec_driver_sql(f"ALTER TABLE {connection.dialect.identifier_preparer.format_table(pushed)} ADD COLUMN turn BIGINT")
        return pushed

    def _claimed(self, connection: Connection, pushed: sa.Table, shipment: Shipment) -> bool:
        """Writes down that the lot is here; False where that stands already."""
        key = (pushed.c.into == str(self.table), pushed.c.source == shipment.source, pushed.c.lot == shipment.lot)
        there = connection.execute(sa.select(pushed.c.digest).where(*key)).first()
        if there is not None:
            if there.digest != shipment.digest:
                raise TargetError(
                    self.name, f"it has another lot {shipment.lot} of this ledger, as if the ledger were an older copy of itself",
                    next_step="add a target with a new table",
                )  # fmt: skip
            return False
        connection.execute(
            pushed.insert().values(
                into=str(self.table), source=shipment.source, lot=shipment.lot, flow=shipment.flow, digest=shipment.digest, rows=shipment.rows,
                at=datetime.now(UTC).isoformat(timespec="microseconds"), turn=shipment.order,
            )
        )  # fmt: skip
        return True

    def _deleted(self, connection: Connection, pushed: sa.Table, source: str, lots: Sequence[int]) -> bool:
        """Takes these lots away, and keeps the keys of their rows in mind; False where none of them is here."""
        here = (pushed.c.into == str(self.table), pushed.c.source == source)
        mine = self._among(connection, sa.select(pushed.c.lot).where(*here), pushed.c.lot, lots)
        if not mine:
            return False
        others = self._among(connection, sa.select(pushed.c.lot).where(here[0], pushed.c.source != source), pushed.c.lot, mine)
        if others:
            raise TargetError(
                self.name, f"another project has written a lot {others[0]} into this table too, so that nobody can tell whose rows are to go",
                next_step="give each project a table of its own",
            )  # fmt: skip
        for some in _some(mine):
            connection.execute(pushed.delete().where(*here, pushed.c.lot.in_(some)))
        known = self._known(connection)
        if known:
            table = self._table(known, tuple(known))
            lot, keys = self._column(table, LOT), [self._column(table, name) for name in self.key]
            gone = _gone(table, keys)
            if keys:
                gone.create(connection)
            for some in _some(mine):
                if keys:
                    connection.execute(gone.insert().from_select([column.key for column in gone.c], sa.select(*keys).where(lot.in_(some))))
                connection.execute(table.delete().where(lot.in_(some)))
        return True

    def _among(self, connection: Connection, query: sa.Select[Any], column: sa.Column[Any], lots: Sequence[int]) -> list[int]:
        return [int(row.lot) for some in _some(lots) for row in connection.execute(query.where(column.in_(some)))]

    def _restored(self, connection: Connection, pushed: sa.Table, source: str, standing: Iterator[Shipment]) -> None:
        """Brings back the rows of lots that stand, under keys that were taken away and nobody has filled since."""
        known = self._known(connection)
        if not known:
            return
        table = self._table(known, tuple(known))
        keys = [self._column(table, name) for name in self.key]
        gone = _gone(table, keys)
        filled = sa.exists().where(*[column == own for column, own in zip(gone.c, keys, strict=True)])
        empty = sa.select(sa.literal(1)).select_from(gone).where(~filled).limit(1)
        for shipment in standing:
            if connection.execute(empty).first() is None:
                break
            claim = sa.select(pushed.c.lot).where(pushed.c.into == str(self.table), pushed.c.source == source, pushed.c.lot == shipment.lot)
            if connection.execute(claim).first() is not None:
                self._write(connection, pushed, shipment, only=gone)
        gone.drop(connection)

    def _known(self, connection: Connection) -> dict[str, pl.DataType]:
        """The columns of the table and what they hold; empty where there is no table."""
        found = sa.inspect(connection)
        if not found.has_table(self.table, schema=self.schema):
            return {}
        known = {column["name"]: _dtype(column["type"]) for column in found.get_columns(self.table, schema=self.schema)}
        if LOT not in known:
            raise TargetError(self.name, f"the table is there and has no column {LOT!r}, so it is somebody else's", next_step=f"name a new table, or add the column ({LOT} BIGINT)")
        return known

    def _fits(self, known: Types, plan: Fitted, shipment: Shipment) -> None:
        lacking = [name for name in self.key if name not in plan.columns]
        if lacking:
            raise TargetError(self.name, f"lot {shipment.lot} of {shipment.flow} has nothing in {lacking[0]!r}, which is in the key", next_step="add a target with another key")
        folded = [name.lower() for name in [*known, *plan.added]] if self.is_sqlite else []
        twice = next((name for name in plan.added if folded.count(name.lower()) > 1), None)
        if twice is not None:
            raise TargetError(self.name, f"SQLite cannot tell {twice!r} from a column that differs in capitals only", next_step="name a folder as target, or rename the column")
        long = next((name for name in plan.added if len(name.encode()) > POSTGRES_NAME_BYTES), None) if not self.is_sqlite else None
        if long is not None:
            raise TargetError(self.name, f"the name {long!r} is longer than PostgreSQL's {POSTGRES_NAME_BYTES} bytes", next_step="name a folder as target, or rename the column")

    def _shape(self, connection: Connection, known: Types, plan: Fitted) -> None:
        """Makes the table, or adds the columns it lacks."""
        columns = [sa.Column(_name(name), self._sql_type(dtype)) for name, dtype in plan.added.items()]
        if not known:
            key = [sa.UniqueConstraint(*[_name(name) for name in self.key])] if self.key else []
            own = sa.Column(_name(LOT), sa.BigInteger, nullable=False)
            sa.Table(self.table, sa.MetaData(schema=self.schema), own, *columns, *key).create(connection)
            return
        write = connection.dialect.identifier_preparer
        table = write.format_table(sa.Table(self.table, sa.MetaData(schema=self.schema)))
        for column in columns:
            connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {write.format_column(column)} {column.type.compile(connection.dialect)}")

    def _write(self, connection: Connection, pushed: sa.Table, shipment: Shipment, *, only: sa.Table | None = None) -> None:
        """Writes the rows of a lot, or only those whose key stands in a table; makes the table, or the columns it lacks, before."""
        known = self._known(connection)
        plan = fitted(shipment, {name: dtype for name, dtype in known.items() if name != LOT}, self.name, self._here)
        self._fits(known, plan, shipment)
        self._shape(connection, known, plan)
        names = (LOT, *plan.columns)
        table = self._table({**plan.added, **known}, names)
        statement = self._statement(connection, pushed, shipment, table, names, only)
        keys = tuple(f"c{n}" for n in range(len(names)))
        for frame in plan.frames():
            for some in frame.iter_slices(ROWS_A_TIME):
                values = [dict(zip(keys, (shipment.lot, *row), strict=True)) for row in some.iter_rows()]
                if values:
                    connection.execute(statement, values)

    def _statement(
        self, connection: Connection, pushed: sa.Table, shipment: Shipment, table: sa.Table, names: Sequence[str], only: sa.Table | None
    ) -> sa.Insert:
        if not self.key:
            return sa.insert(table)
        insert = (sqlite.insert if self.is_sqlite else postgresql.insert)(table)
        own = [table.c[f"c{n}"] for n in range(len(names))]
        if only is not None:
            given = {column.key: sa.bindparam(column.key, type_=column.type) for column in own}
            wanted = [column == given[self._column(table, name).key] for column, name in zip(only.c, self.key, strict=True)]
            insert = insert.from_select([column.key for column in own], sa.select(*given.values()).where(sa.exists().where(*wanted)))
        replaced: dict[str, Any] = {column.key: insert.excluded[column.key] for column, name in zip(own, names, strict=True) if name not in self.key}
        # The whole row is that of the newer lot, in whatever order lots arrive: what it lacks is NULL.
        replaced |= {column.key: sa.null() for column in table.c if column.key.startswith("n")}
        newer = self._turn(connection, pushed, shipment.source, table) <= shipment.order
        if SEQUENCE in names:
            sequence = self._column(table, SEQUENCE)
            given_sequence = insert.excluded[sequence.key]
            # Equal ones are two rows of one lot under one key, of which the last stays as everywhere.
            newer = sa.case((sa.or_(sequence.is_(None), given_sequence.is_(None)), newer), else_=sequence <= given_sequence)
        return insert.on_conflict_do_update(index_elements=[self._column(table, name) for name in self.key], set_=replaced, where=newer)

    def _turn(self, connection: Connection, pushed: sa.Table, source: str, table: sa.Table) -> sa.ColumnElement[Any]:
        """The lot that a row of the table counts as: its own, but for lots that stand for earlier ones and rows that were put back."""
        here = (pushed.c.into == str(self.table), pushed.c.source == source)
        if connection.execute(sa.select(pushed.c.lot).where(*here, pushed.c.turn != pushed.c.lot).limit(1)).first() is None:
            return table.c.c0
        write = connection.dialect.identifier_preparer
        outer: sa.ColumnElement[Any] = sa.literal_column(f"{write.format_table(table)}.{write.quote(LOT)}", sa.BigInteger)  # as a column it would join the table once more
        return sa.func.coalesce(sa.select(pushed.c.turn).where(*here, pushed.c.lot == outer).scalar_subquery(), outer)

    def _table(self, known: Types, names: Sequence[str]) -> sa.Table:
        """The table, with the columns of these names as c0, c1, …, and the others it has as n0, n1, …"""
        # Such keys since names of parameters are made of them, and two odd names of columns must not make the same one.
        columns = [sa.Column(_name(name), self._sql_type(known.get(name) or pl.Int64()), key=f"c{n}") for n, name in enumerate(names)]
        columns += [sa.Column(_name(name), sa.Text, key=f"n{n}") for n, name in enumerate(name for name in known if name not in names)]
        return sa.Table(self.table, sa.MetaData(schema=self.schema), *columns)

    def _column(self, table: sa.Table, name: str) -> sa.Column[Any]:
        found = next((column for column in table.c if column.name == name), None)
        if found is None:
            raise TargetError(self.name, f"the table has no column {name!r}, which is in the key", next_step="add it there, or add a target with a new table")
        return found

    def _here(self, dtype: pl.DataType) -> pl.DataType:
        if self.is_sqlite:  # it has neither exact decimals nor zones: the first go as text, the second in UTC
            return pl.String() if isinstance(dtype, pl.Decimal) else MOMENT if dtype == ZONED else dtype
        return dtype

    def _sql_type(self, dtype: pl.DataType) -> sa.types.TypeEngine[Any]:
        if isinstance(dtype, pl.Decimal):
            return sa.Numeric(dtype.precision, dtype.scale)
        if isinstance(dtype, pl.Datetime):
            return sa.DateTime(timezone=dtype.time_zone is not None)
        kinds: dict[pl.DataType, sa.types.TypeEngine[Any]] = {
            pl.Int64(): sa.BigInteger(), pl.Float64(): sa.Double(), pl.Boolean(): sa.Boolean(), pl.Date(): sa.Date(), pl.Binary(): sa.LargeBinary(),
        }  # fmt: skip
        return kinds.get(dtype, sa.Text())


def _dtype(kind: sa.types.TypeEngine[Any]) -> pl.DataType:
    """What a column of this type holds; a type of which we know nothing fits nothing."""
    if isinstance(kind, sa.DateTime):
        return ZONED if kind.timezone else MOMENT
    if isinstance(kind, sa.Numeric) and not isinstance(kind, (sa.Float, sa.Double)):
        return pl.Decimal(kind.precision or 38, kind.scale or 0)
    kinds: tuple[tuple[type, pl.DataType], ...] = (
        (sa.Boolean, pl.Boolean()), (sa.Integer, pl.Int64()), (sa.Float, pl.Float64()), (sa.Date, pl.Date()), (sa.LargeBinary, pl.Binary()), (sa.String, pl.String()),
    )  # fmt: skip
    return next((dtype for one, dtype in kinds if isinstance(kind, one)), pl.Object())


def _gone(table: sa.Table, keys: Sequence[sa.Column[Any]]) -> sa.Table:
    """A table of this connection alone, for keys of rows of that table."""
    columns = [sa.Column(f"k{n}", column.type) for n, column in enumerate(keys)]
    return sa.Table(GONE, sa.MetaData(), *columns, prefixes=["TEMPORARY"], postgresql_on_commit="DROP")


def _some(lots: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(lots), AT_ONCE):
        yield lots[start : start + AT_ONCE]


def _name(text: str) -> quoted_name:
    """A name that is always written in quotes."""
    return quoted_name(text, quote=True)


def _sqlite(path: str, name: str) -> Engine:
    if not path or not os.path.isabs(path):
        raise MisuseError(f"{name}: name the file with its whole path")
    return sa.create_engine("sqlite://", creator=lambda: _opened(path, name), isolation_level="AUTOCOMMIT", poolclass=NullPool)


def _opened(path: str, name: str) -> sqlite3.Connection:
    if not os.path.isdir(os.path.dirname(path)):
        raise TargetError(name, "there is no such folder", next_step="make it, or mount what it is on")
    connection = sqlite3.connect(path, timeout=LOCK_SECONDS, check_same_thread=False)
    try:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'assay_entries'").fetchone():
            raise TargetError(name, "this file is a ledger", next_step="name another file")
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def _postgres(base: str, name: str) -> Engine:
    try:
        url = make_url(re.sub(r"^postgres(ql)?:", "postgresql+psycopg:", base))
        return sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool, connect_args={"connect_timeout": CONNECT_SECONDS})
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise MissingExtra("a target in PostgreSQL", extra="postgres", package="psycopg") from error
    except (ArgumentError, ValueError) as error:
        raise MisuseError(f"{name}: this is no address of a table; use postgresql://user@host/database?table=NAME") from error
