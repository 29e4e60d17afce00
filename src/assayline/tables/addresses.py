"""Addresses: tables of databases and objects in stores.

    sqlite:shop.db?table=orders            duckdb:shop.duckdb?query=SELECT * FROM orders WHERE day = '2024-06-01'
    postgresql://user@host/shop?table=public.orders          s3://bucket/orders.parquet

A table may be left out where there is only one. Text behind `query=` is taken as it stands; it is percent-decoded
only when it holds no blank.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from assayline.errors import ChangedWhileRead, MissingExtra, MisuseError, NotFound, Unreadable

from .plain import named
from .source import AddressSource, FileSource, StreamSource, open_file
from .table import Table

CHOICE = re.compile(r"[?&](table|query)=(.*)\Z", re.DOTALL)
READ_BYTES = 4 << 20


class Address(NamedTuple):
    """A parsed address: scheme, what is before the choice, and the table or the query."""

    scheme: str
    base: str
    table: str
    query: str


def parse(address: str) -> Address:
    """The parts of an address.

    >>> parse("sqlite:shop.db?table=order%20lines")
    Address(scheme='sqlite', base='shop.db', table='order lines', query='')
    >>> parse("postgresql://me@host/shop?sslmode=require&query=SELECT 1").base
    'postgresql://me@host/shop?sslmode=require'
    """
    scheme, _, rest = address.partition(":")
    scheme = scheme.lower()
    found = CHOICE.search(rest)
    base = rest[: found.start()] if found else rest
    choice, value = (found.group(1), found.group(2)) if found else ("", "")
    if choice == "table" or " " not in value.strip():
        value = unquote(value)
    if scheme in ("sqlite", "duckdb"):
        base = base[2:] if base.startswith("//") and not base.startswith("///") else base[2:] if base.startswith("///") else base
        base = unquote(base) if "%" in base and not os.path.lexists(base) else base
    else:
        base = f"{scheme}:{base}"
    return Address(
        "postgresql" if scheme == "postgres" else scheme, base, value if choice == "table" else "", value if choice == "query" else ""
    )


def needs_network(path: str) -> bool:
    """Whether reading this address needs connections; the child is denied them otherwise.

    >>> needs_network("s3://b/k.csv"), needs_network("sqlite:a.db"), needs_network("data.csv")
    (True, False, False)
    """
    from .opening import SCHEMES

    return (
        not os.path.lexists(path)
        and path.lower().startswith(SCHEMES)
        and not path.lower().startswith(("sqlite:", "duckdb:", "file:", "memory:"))
    )


def open_address(source: AddressSource) -> Table:
    """The table behind an address."""
    from .databases import open_duckdb, open_postgres, open_sqlite

    address = parse(source.address)
    if address.query and not re.match(r"\s*(select|with|values|from|table)\b", address.query, re.IGNORECASE):
        raise MisuseError(f"{source.path}: a query starts with SELECT or WITH; nothing else is run")
    if address.scheme == "sqlite":
        return open_sqlite(source.path, open_file(address.base, source.limits, shown=source.path), address.table, address.query)
    if address.scheme == "duckdb":
        return open_duckdb(source.path, open_file(address.base, source.limits, shown=source.path), address.table, address.query)
    if address.scheme == "postgresql":
        return open_postgres(source.path, source.limits, address.base, address.table, address.query)
    if address.scheme == "file":
        from .opening import open_table

        return open_table(unquote(urlsplit(source.address).path), source.limits)
    return _open_object(source)


def _open_object(source: AddressSource) -> Table:
    """An object in a store, through fsspec; read from front to back, unpacked to a temporary file where a format needs more."""
    from .opening import open_source

    try:
        fsspec = import_module("fsspec")
    except ImportError as error:
        raise MissingExtra(f"reading {source.path.split(':')[0]}:// addresses", extra="objects", package="fsspec") from error
    with named(source.path, "the object cannot be opened", next_step="check the address and the right to read it"):
        try:
            system, path = fsspec.core.url_to_fs(source.address)
            facts = system.info(path)
        except ImportError as error:
            raise MissingExtra(
                f"reading {source.path.split(':')[0]}:// addresses", extra="objects", package=str(error.name or error)
            ) from error
        except FileNotFoundError as error:
            raise NotFound(source.path, "there is no such object", next_step="check the address") from error
    if facts.get("type") == "directory":
        raise Unreadable(source.path, "it is a folder of a store", next_step="name one object")

    def blocks() -> Iterator[bytes]:
        with named(source.path, "the object cannot be read", next_step="check the connection"), system.open(path, "rb") as stream:
            while block := stream.read(READ_BYTES):
                yield block

    def now() -> Any:
        with named(source.path, "the object cannot be looked at again", next_step="check the connection"):
            system.invalidate_cache()
            return _version(system.info(path))

    size = facts.get("size")
    found = ObjectSource(source.path, os.path.basename(path), blocks, source, source.limits, int(size) if size else 0)
    found.version, found.now = _version(facts), now
    return open_source(found)


def _version(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Whatever a store says that changes with the bytes of an object; each store has other names for it."""
    return tuple(
        str(facts[key])
        for key in ("size", "ETag", "etag", "md5Hash", "generation", "VersionId", "LastModified", "last_modified", "mtime", "updated", "created")
        if facts.get(key) is not None
    )


class ObjectSource(StreamSource):
    """An object in a store; its digest is computed from a pass of its own, its version is asked for again after every pass."""

    version: tuple[str, ...] = ()
    now: Callable[[], tuple[str, ...]]

    def settle(self) -> None:
        if self.now() != self.version:
            raise ChangedWhileRead(self.path, "it was replaced while it was read", next_step="scan it again when whoever writes it has finished")

    def digest(self) -> str:
        import hashlib

        if not hasattr(self, "_object_digest"):
            state = hashlib.sha256()
            for block in self.reopen():
                state.update(block)
            self._object_digest = "sha256:" + state.hexdigest()
        return self._object_digest

    def stored_bytes(self) -> int:
        return self.size


class DatabaseReader:
    """Database files that are named without an address, by their magic numbers."""

    name = "database"
    rank = 18

    def claims(self, source: Any) -> bool:
        """SQLite's and DuckDB's magic numbers."""
        return bool(source.head.startswith(b"SQLite format 3\0") or source.head[8:12] == b"DUCK")

    def open(self, source: Any) -> Table:
        """Its only table; several are listed in the error."""
        from .databases import open_duckdb, open_sqlite
        from .source import seekable

        file: FileSource = seekable(source)
        return open_sqlite(source.path, file, "", "") if source.head.startswith(b"SQLite") else open_duckdb(source.path, file, "", "")
