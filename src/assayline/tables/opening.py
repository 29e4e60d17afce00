"""Opens whatever the user named: a file, a folder, a pattern, an archive, or an address."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from assayline import hooks
from assayline.core import Finding
from assayline.errors import NotFound, PluginError, Unreadable

from .limits import Limits
from .refusing import refuse
from .source import AddressSource, Source, checked_path, open_file

if TYPE_CHECKING:
    from .table import Reader, Table

# A scheme has at least two letters, so that C:\data.csv is a path.
ADDRESS = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+:(?://|[^\\])")
SCHEMES = (
    "sqlite:",
    "duckdb:",
    "postgresql:",
    "postgres:",
    "s3:",
    "gs:",
    "gcs:",
    "az:",
    "abfs:",
    "abfss:",
    "http:",
    "https:",
    "hdfs:",
    "memory:",
    "file:",
)


def open_table(path: str | os.PathLike[str], limits: Limits | None = None) -> Table:
    """The table behind a path or an address; reading starts with its `pieces`.

    Args:
        path: a file, a folder of parts, a pattern (`data/*.csv`; only when no file has that literal name), an
            archive with one table, `sqlite:FILE?table=NAME`, `duckdb:FILE?table=NAME`,
            `postgresql://…?table=NAME`, `s3://…` and the like; see docs/inputs.md.
        limits: what it may cost.

    Raises:
        InputError: it cannot be read; names file, place, cause and next step.
        MissingExtra: the address needs an optional package.
    """
    limits = limits or Limits()
    named = os.fspath(path)
    if os.path.lexists(named):
        if os.path.isdir(checked_path(named)):
            from .parts import open_folder

            return open_folder(named, limits)
        return open_source(open_file(named, limits))
    if named.lower().startswith(SCHEMES):
        from .addresses import open_address

        return open_address(AddressSource(named, limits))
    if any(character in named for character in "*?["):
        from .parts import open_pattern

        return open_pattern(named, limits)
    checked_path(named)
    raise NotFound(named, "there is no such file or folder", next_step="check the name")


def open_source(source: Source) -> Table:
    """The table in these bytes: unpacked if need be, refused if it is a model, else given to the reader that claims it."""
    from .archives import unpacked

    try:
        if not source.head:
            raise Unreadable(
                source.path,
                "it is empty (0 bytes)",
                place="byte 0",
                next_step="ask for it again: the delivery was cut off before the first byte",
            )
        if not source.head.strip(b"\0"):
            raise Unreadable(
                source.path,
                f"it starts with {len(source.head)} NUL bytes and holds no table (what a file system leaves after a power loss)",
                place="byte 0",
                next_step="ask for it again",
            )
        refuse(source.path, source.name, source.head)
        inner = unpacked(source)
        if inner is not source:
            return inner if not isinstance(inner, Source) else open_source(inner)
        for reader in _readers():
            if reader.claims(source):
                note_extension(source, reader.name)
                return reader.open(source)
        raise Unreadable(
            source.path,
            f"no reader knows this format (it starts with {source.head[:8]!r})",
            place="byte 0",
            next_step="save it as CSV or Parquet, or install a plug-in that reads it",
        )
    except BaseException:
        source.close()
        raise


EXTENSIONS = {
    "csv": (".csv", ".tsv", ".txt", ".tab", ".psv", ".dat", ".data", ".asc", ".log", ".ssv", ".dsv"),
    "json": (".json", ".geojson", ".jsonl", ".ndjson", ".ldjson"),
    "jsonl": (".jsonl", ".ndjson", ".json", ".ldjson", ".log", ".txt"),
    "parquet": (".parquet", ".pq", ".parq", ".pqt"),
    "arrow": (".arrow", ".feather", ".ipc", ".arrows", ".ftr"),
    "orc": (".orc",),
    "avro": (".avro",),
    "excel": (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods", ".xltx", ".xlt", ".xla", ".xlam"),
}
KNOWN = frozenset(suffix for suffixes in EXTENSIONS.values() for suffix in suffixes)


def note_extension(source: Source, format: str) -> None:
    """A finding when the name promises another format than the bytes hold; the bytes are believed."""
    suffix = source.suffix
    if suffix in KNOWN and suffix not in EXTENSIONS.get(format, (suffix,)):
        promised = next(name for name, suffixes in EXTENSIONS.items() if suffix in suffixes)
        source.notes.append(
            Finding(
                "wrong_extension",
                (),
                f"The file is called {suffix}, which promises {promised}, but it holds {format}; it was read as {format}.",
                0.4,
                evidence={"promised": promised, "found": format},
                suggestion="give the file the extension of its content",
            )
        )


def _readers() -> list[Reader]:
    from .table import Reader

    found: list[Reader] = []
    for plugin, thing in hooks.offered("assayline.readers"):
        if not isinstance(thing, Reader):
            raise PluginError(f"the plug-in {plugin!r} offers {thing!r} as a reader; it lacks name, rank, claims or open")
        found.append(thing)
    if not found:
        raise PluginError("no readers are installed at the hook assayline.readers: reinstall the package")
    return sorted(found, key=lambda reader: (reader.rank, reader.name))
