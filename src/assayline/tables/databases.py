"""Tables and queries of SQLite, DuckDB and PostgreSQL, opened read-only."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from importlib import import_module
from typing import Any

import polars as pl

from assayline.core import Finding, InputFacts
from assayline.errors import MissingExtra, NotFound, Unreadable

from .header import header_findings, unique_names
from .limits import Limits
from .plain import frame_of, named
from .source import FileSource
from .table import Piece, Table

PIECE_ROWS = 50_000
PIECE_BYTES = 16 << 20  # as rows of Python objects about ten times that
FIRST_ROWS = 100  # seen before anything is known about how wide a row is
SQLITE_MAGIC = b"SQLite format 3\0"
NOTHING_NAMED = "name one: add ?table=NAME or ?query=SELECT …"


def quoted(name: str) -> str:
    """A name as SQL writes it; the only way a name gets into a statement.

    >>> quoted('a"b')
    '"a""b"'
    """
    if "\0" in name:
        raise NotFound(name, "a name cannot hold a NUL character", next_step="check the name")
    return '"' + name.replace('"', '""') + '"'


def choose(path: str, tables: Sequence[str], wanted: str) -> str:
    """The table that was named, or the only one.

    >>> choose("a.db", ["orders"], "")
    'orders'
    """
    shown = ", ".join(tables[:20]) + (", …" if len(tables) > 20 else "")
    if wanted:
        if wanted in tables:
            return wanted
        raise NotFound(path, f"there is no table {wanted!r}", next_step=f"it has {shown or 'no tables'}")
    if not tables:
        raise NotFound(path, "the database holds no tables", next_step="check that it is the right one")
    if len(tables) > 1:
        raise NotFound(path, f"it holds {len(tables)} tables: {shown}", next_step=NOTHING_NAMED)
    return tables[0]


class RowsTable:
    """Rows that a cursor gives, in a fixed type per column."""

    text = False

    def __init__(
        self,
        path: str,
        format: str,
        file: FileSource | None,
        names: list[str],
        dtypes: list[pl.DataType],
        mixed: list[str],
        rows: int,
        details: dict[str, str],
    ) -> None:
        self.path, self.format, self.file = path, format, file
        self.raw_names = names
        self.columns = unique_names(names)
        self.dtypes = tuple(dtypes)
        self.mixed = mixed
        self.rows_hint = rows
        self.details = details
        self.rows = 0

    def _rows(self) -> Iterator[list[Any]]:
        raise NotImplementedError

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[Piece]:
        """The rows in the order in which the database gives them."""
        wanted = (
            list(range(len(self.columns))) if columns is None else [n for n, name in enumerate(self.columns) if name in set(columns)] or [0]
        )
        start = 0
        with named(self.path, "the rows cannot be read", next_step="check the table or the query"):
            for rows in self._rows():
                yield Piece(start, len(rows), partial(self._load, rows, wanted))
                start += len(rows)
        self.rows = start
        if self.file is not None:
            self.file.settle()

    def _load(self, rows: list[Any], wanted: list[int]) -> pl.DataFrame:
        return pl.DataFrame(
            [
                pl.Series(
                    self.columns[place], [fitted(row[place], self.dtypes[place]) for row in rows], dtype=self.dtypes[place], strict=False
                )
                for place in wanted
            ]
        )

    def facts(self) -> InputFacts:
        """What was read."""
        return InputFacts(
            path=self.path,
            digest=self.file.digest() if self.file is not None else "",
            rows=self.rows,
            columns=len(self.columns),
            bytes=self.file.size if self.file is not None else 0,
            format=self.format,
            details=self.details,
        )

    def findings(self) -> tuple[Finding, ...]:
        """What is odd about names and types."""
        found = [*(self.file.notes if self.file is not None else []), *header_findings(self.raw_names, self.columns)]
        if self.mixed:
            found.append(
                Finding(
                    "mixed_types",
                    tuple(self.mixed[:20]),
                    f"{len(self.mixed)} columns hold values of several types, such as {self.mixed[0]}; they were read as text.",
                    0.4,
                    evidence={"columns": len(self.mixed)},
                    suggestion="declare the tables STRICT",
                )
            )
        return tuple(found)

    def close(self) -> None:
        """Lets go of the database."""
        if self.file is not None:
            self.file.close()


def fetched(cursor: Any) -> Iterator[list[Any]]:
    """The rows of a cursor in portions that hold about PIECE_BYTES, however wide a row is."""
    count = FIRST_ROWS
    while rows := cursor.fetchmany(count):
        yield rows
        looked = rows[:: max(1, len(rows) // FIRST_ROWS)]
        width = sum(sum(len(value) if isinstance(value, (str, bytes)) else 8 for value in row) for row in looked) / len(looked)
        count = max(1, min(PIECE_ROWS, count * 8, int(PIECE_BYTES / (width + 1))))


def fitted(value: Any, dtype: pl.DataType) -> Any:
    """A value of a database as the column's type takes it."""
    if value is None:
        return None
    if dtype == pl.String():
        if isinstance(value, bytes):
            return value.decode("utf-8", "backslashreplace")
        return value if isinstance(value, str) else "true" if value is True else "false" if value is False else str(value)
    if dtype == pl.Float64():
        return float(value)
    if dtype == pl.Int64():
        return int(value)  # a whole numeric of PostgreSQL arrives as a Decimal
    return value


# -- SQLite ------------------------------------------------------------------------------------------------------------


def open_sqlite(path: str, file: FileSource, table: str, query: str) -> Table:
    """A table or query of a SQLite file, read-only and without trusting what its schema says.

    Raises:
        InputError: no database, no such table, several tables and none named.
    """
    if not file.head.startswith(SQLITE_MAGIC):
        raise Unreadable(path, "it is no SQLite database", place="byte 0", next_step="check the file")
    return SqliteTable(path, file, table, query)


class SqliteTable(RowsTable):
    """A table or query of a SQLite file."""

    def __init__(self, path: str, file: FileSource, table: str, query: str) -> None:
        self.uri = self._uri(file)
        with (
            named(path, "the database cannot be read", next_step="check it with PRAGMA integrity_check"),
            closing(self._connect()) as connection,
        ):
            if query:
                self.statement = f"SELECT * FROM ({query.strip().rstrip(';')}\n)"  # the line break ends a comment
            else:
                tables = [
                    str(row[0])
                    for row in connection.execute(
                        "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY name"
                    )
                ]
                self.statement = f"SELECT * FROM {quoted(choose(path, tables, table))}"
            names = [str(one[0]) for one in connection.execute(self.statement).description]
            labels = [f"c{number}" for number in range(len(names))]
            counts = ", ".join(f"sum(typeof({label}) = '{kind}')" for label in labels for kind in ("integer", "real", "text", "blob"))
            kinds: list[int] = []
            total = 0
            counted = "counted"  # must be the name of no table: in SQLite a statement of this name would refer to itself
            while counted in self.statement.lower():
                counted += "_"
            # Types are counted by the database: SQLite checks none, whatever the column declares.
            # 100 columns a time: it gives at most 2000 results.
            for begin in range(0, len(labels), 100):
                part = ", ".join(counts.split(", ")[begin * 4 : (begin + 100) * 4])
                row = connection.execute(f"WITH {counted}({', '.join(labels)}) AS ({self.statement}) SELECT count(*), {part} FROM {counted}").fetchone()
                total = int(row[0])
                kinds += [int(one or 0) for one in row[1:]]
        dtypes: list[pl.DataType] = []
        mixed = []
        for number, name in enumerate(unique_names(names)):
            integer, real, text, blob = kinds[number * 4 : number * 4 + 4]
            dtypes.append(pl.String() if text or blob or not (integer or real) else pl.Float64() if real else pl.Int64())
            if (text or blob) and (integer or real):
                mixed.append(name)
        details = {"table": table} if table else {"query": query[:500]} if query else {}
        super().__init__(path, "sqlite", file, names, dtypes, mixed, total, details)

    def _uri(self, file: FileSource) -> str:
        log = (file.real or file.path) + "-wal"
        local = file.local().replace("%", "%25").replace("?", "%3f").replace("#", "%23")
        if os.path.exists(log) and os.path.getsize(log):
            real = os.path.abspath(file.real).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
            return f"file:{real}?mode=ro"  # rows in the log belong to the table; SQLite finds the log by the name
        return f"file:{local}?mode=ro&immutable=1"

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.uri, uri=True, check_same_thread=False)
        connection.text_factory = _sqlite_text
        for pragma in ("trusted_schema = OFF", "query_only = ON", "cell_size_check = ON", "mmap_size = 0"):
            connection.execute(f"PRAGMA {pragma}")
        connection.set_authorizer(_only_reading)
        return connection

    def _rows(self) -> Iterator[list[Any]]:
        with closing(self._connect()) as connection:
            cursor = connection.execute(self.statement)
            yield from fetched(cursor)


def _sqlite_text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")


def _only_reading(action: int, *_: Any) -> int:
    allowed = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, getattr(sqlite3, "SQLITE_RECURSIVE", 33)}
    return sqlite3.SQLITE_OK if action in allowed else sqlite3.SQLITE_DENY


# -- DuckDB ------------------------------------------------------------------------------------------------------------


def open_duckdb(path: str, file: FileSource, table: str, query: str) -> Table:
    """A table or query of a DuckDB file, read-only and without access to other files."""
    try:
        import duckdb
    except ImportError as error:
        raise MissingExtra("reading DuckDB files", extra="duckdb", package="duckdb") from error
    if file.head[8:12] != b"DUCK":
        raise Unreadable(path, "it is no DuckDB database", place="byte 8", next_step="check the file")
    return DuckTable(path, file, table, query, duckdb)


class DuckTable:
    """A table or query of a DuckDB file; its batches come as Arrow."""

    text = False

    def __init__(self, path: str, file: FileSource, table: str, query: str, library: Any) -> None:
        self.path, self.file = path, file
        with named(path, "the database cannot be opened", next_step="check that this version of DuckDB can read it"):
            self.connection = library.connect(
                os.path.abspath(file.real or file.path),
                read_only=True,
                config={
                    "enable_external_access": "false",
                    "autoinstall_known_extensions": "false",
                    "autoload_known_extensions": "false",
                    "lock_configuration": "true",
                },
            )
        with named(path, "the table cannot be read", next_step="check the table or the query"):
            if query:
                self.statement = f"SELECT * FROM ({query.strip().rstrip(';')}\n)"  # the line break ends a comment
            else:
                rows = self.connection.execute("SELECT table_schema, table_name FROM information_schema.tables ORDER BY 1, 2").fetchall()
                names = {str(name) if schema == "main" else f"{schema}.{name}": (str(schema), str(name)) for schema, name in rows}
                schema, name = names[choose(path, list(names), table)]
                self.statement = f"SELECT * FROM {quoted(schema)}.{quoted(name)}"
            self.rows_hint = int(self.connection.execute(f"SELECT count(*) FROM ({self.statement})").fetchone()[0])
            empty = self._reader(f"{self.statement} LIMIT 0").read_all()
        self.raw_names = [str(name) for name in empty.column_names]
        self.columns = unique_names(self.raw_names)
        self.dtypes = tuple(frame_of(empty, self.columns).dtypes)
        self.rows = 0

    def _reader(self, statement: str) -> Any:
        import pyarrow as pa

        return pa.RecordBatchReader.from_stream(self.connection.cursor().sql(statement))

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[Piece]:
        """The rows in the order in which the database gives them."""
        self.file.start_digest()
        wanted = (
            list(range(len(self.columns))) if columns is None else [n for n, name in enumerate(self.columns) if name in set(columns)] or [0]
        )
        start = 0
        with named(self.path, "the rows cannot be read", next_step="check the table or the query"):
            for batch in self._reader(self.statement):
                yield Piece(start, batch.num_rows, partial(self._load, batch, wanted))
                start += batch.num_rows
        self.rows = start
        self.file.settle()

    def _load(self, batch: Any, wanted: list[int]) -> pl.DataFrame:
        return frame_of(batch.select(wanted), [self.columns[number] for number in wanted])

    def facts(self) -> InputFacts:
        """What was read."""
        return InputFacts(
            path=self.path, digest=self.file.digest(), rows=self.rows, columns=len(self.columns), bytes=self.file.size, format="duckdb"
        )

    def findings(self) -> tuple[Finding, ...]:
        """What is odd about the names."""
        return (*self.file.notes, *header_findings(self.raw_names, self.columns))

    def close(self) -> None:
        """Lets go of the database."""
        self.connection.close()
        self.file.close()


# -- PostgreSQL --------------------------------------------------------------------------------------------------------

# Object identifiers of the built-in types (pg_type.dat): everything else comes as the text that PostgreSQL itself writes.
NUMERIC = 1700
POSTGRES_TYPES: dict[int, pl.DataType] = {
    16: pl.Boolean(),
    20: pl.Int64(),
    21: pl.Int64(),
    23: pl.Int64(),
    700: pl.Float64(),
    701: pl.Float64(),
    NUMERIC: pl.Float64(),
    1082: pl.Date(),
    1114: pl.Datetime("us"),
    1184: pl.Datetime("us", "UTC"),
}
# What Python's dates hold; PostgreSQL goes from 4713 BC to 294276 AD and knows infinity.
FIRST_DAY, LAST_DAY = "0001-01-02", "9999-12-30"
CONNECT_SECONDS = 10
LOCK_SECONDS = 30  # a lock that is held longer is a migration or a person; waiting would look like a hang
STATEMENT_SECONDS = 3600.0  # without --timeout: a scan that everybody has forgotten must not keep a server busy for ever
LOOK_SECONDS = 5  # how often the server looks whether we are still there while it works


def open_postgres(path: str, limits: Limits, base: str, table: str, query: str) -> Table:
    """A table or query of a PostgreSQL database, in one read-only transaction.

    Args:
        path: the address as it may be shown, without its password.
        limits: `seconds` is also the longest that one statement may run.
        base: the address to connect to.
        table: a table's name, with its schema unless that is "public".
        query: or a SELECT.

    Raises:
        MissingExtra: psycopg is not installed.
        InputError: not reachable, no such table, several tables and none named, no SELECT.
    """
    try:
        psycopg = import_module("psycopg")
    except ImportError as error:
        raise MissingExtra("reading postgresql:// addresses", extra="postgres", package="psycopg") from error
    return PostgresTable(path, limits, base, table, query, psycopg)


class PostgresTable(RowsTable):
    """A table or query of a PostgreSQL database.

    Everything is read in one REPEATABLE READ, READ ONLY transaction: what was counted is what is read, in every pass.
    A statement of the user's only ever runs as the query of a cursor (DECLARE … CURSOR FOR), sent by the extended protocol: PostgreSQL
    takes exactly one statement there, and only one that reads. Sent the simple way, `1); COMMIT; DROP TABLE …` would be three.
    """

    def __init__(self, path: str, limits: Limits, base: str, table: str, query: str, library: Any) -> None:
        self.cursors = 0
        with named(path, "the database cannot be reached", next_step="check the address, the user and the password"):
            own = library.conninfo.conninfo_to_dict(base)
            self.connection = library.connect(
                base, connect_timeout=own.get("connect_timeout") or CONNECT_SECONDS, application_name=own.get("application_name") or "assay"
            )
        try:
            with named(path, "the table cannot be read", next_step="check the table or the query"):
                self._settle_in(limits, library)
                if query:
                    source = f"({query.strip().rstrip(';')}\n)"  # the line break ends a comment at the end of a query
                else:
                    source = self._choose(path, table)
                described = self._described(f"SELECT * FROM {source} AS q")
                if not described:
                    raise Unreadable(path, "it has no columns", next_step="check the table or the query")
                total, dtypes = self._counted(source, [int(one.type_code) for one in described])
        except BaseException:
            self.connection.close()
            raise
        # Numbered names: a query may give one name to two columns.
        wanted = ", ".join(f"c{n}::text" if dtype == pl.String() else f"c{n}" for n, dtype in enumerate(dtypes))
        self.statement = f"SELECT {wanted} FROM {source} AS q({_labels(len(dtypes))})"
        details = {"table": table} if table else {"query": query[:500]} if query else {}
        super().__init__(path, "postgresql", None, [str(one.name) for one in described], dtypes, [], total, details)

    def _settle_in(self, limits: Limits, library: Any) -> None:
        connection = self.connection
        connection.autocommit = True
        settings = {
            "default_transaction_read_only": "on",
            "statement_timeout": f"{max(1, round((limits.seconds or STATEMENT_SECONDS) * 1000))}ms",
            "lock_timeout": f"{LOCK_SECONDS}s",
            "TimeZone": "UTC",
            "DateStyle": "ISO, YMD",
            "extra_float_digits": "1",  # floats come as the shortest text that gives the same float
            "synchronize_seqscans": "off",  # else a large table starts where another reader happens to be, and no two passes agree
            "cursor_tuple_fraction": "1",  # a cursor is planned for its first rows unless one says that all will be read
        }
        for name, value in settings.items():
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        with contextlib.suppress(library.Error):  # since PostgreSQL 14, not on every system: a killed scan ends on the server too
            connection.execute("SELECT set_config('client_connection_check_interval', %s, false)", (f"{LOOK_SECONDS}s",))
        connection.autocommit = False
        connection.isolation_level = library.IsolationLevel.REPEATABLE_READ
        connection.read_only = True

    def _choose(self, path: str, table: str) -> str:
        """The quoted name of the table that was named, or of the only one."""
        rows = self.connection.execute(
            "SELECT n.nspname, c.relname, c.relispartition FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'"
            " AND has_table_privilege(c.oid, 'SELECT') ORDER BY n.nspname <> 'public', 1, 2"
        ).fetchall()
        tables = {str(name) if schema == "public" else f"{schema}.{name}": (str(schema), str(name)) for schema, name, _ in rows}
        # A part of a partitioned table can be named, but is none of those that somebody who named nothing could mean.
        whole = [shown for (shown, _), (*_, part) in zip(tables.items(), rows, strict=False) if table or not part]
        if table not in tables and table.startswith("public."):
            table = table[len("public.") :]
        schema, name = tables[choose(path, whole, table)]
        return f"{quoted(schema)}.{quoted(name)}"

    def _cursor(self, statement: str) -> Any:
        self.cursors += 1
        cursor = self.connection.cursor(name=f"assay_{self.cursors}")
        cursor.execute(statement)
        return cursor

    def _described(self, statement: str) -> list[Any]:
        with self._cursor(statement) as cursor:
            return list(cursor.description or ())

    def _counted(self, source: str, types: Sequence[int]) -> tuple[int, list[pl.DataType]]:
        """The number of rows, and the type that holds every value of each column: the server looks, since it reads them anyway."""
        asked: list[str] = ["count(*)"]
        for n, kind in enumerate(types):
            if kind == NUMERIC:
                asked += [f"max(scale(c{n})) = 0 AND NOT coalesce(bool_or(c{n}::text IN ('NaN', 'Infinity', '-Infinity')), false)", f"max(abs(c{n}))::text"]
            elif isinstance(POSTGRES_TYPES.get(kind), (pl.Date, pl.Datetime)):
                asked.append(f"bool_and(c{n} BETWEEN '{FIRST_DAY}' AND '{LAST_DAY}')")
        with self._cursor(f"SELECT {', '.join(asked)} FROM {source} AS q({_labels(len(types))})") as cursor:
            total, *answers = cursor.fetchone()
        dtypes: list[pl.DataType] = []
        for kind in types:
            dtype = POSTGRES_TYPES.get(kind, pl.String())
            if kind == NUMERIC:
                whole, largest = answers.pop(0), answers.pop(0)
                # Whole numbers stay exact, since they may be names of things; fractions are measured, and a float measures to 15 digits.
                if whole:
                    dtype = pl.Int64() if int(largest) < 2**63 else pl.Decimal(38, 0) if len(largest) <= 38 else pl.String()
            elif isinstance(dtype, (pl.Date, pl.Datetime)) and answers.pop(0) is False:
                dtype = pl.String()  # infinity, or a year that no Python date holds
            dtypes.append(dtype)
        return int(total), dtypes

    def _rows(self) -> Iterator[list[Any]]:
        with self._cursor(self.statement) as cursor:  # a cursor on the server: memory stays bounded
            yield from fetched(cursor)

    def close(self) -> None:
        self.connection.close()


def _labels(count: int) -> str:
    return ", ".join(f"c{n}" for n in range(count))
