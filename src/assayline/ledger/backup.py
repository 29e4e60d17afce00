"""Backups: the entries as lines of JSON and the objects they name, in one archive that any machine can read."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Iterator
from typing import IO

import sqlalchemy as sa
import zstandard

from assayline.core import FIRST, Entry, chained
from assayline.errors import Damaged, LedgerError

from .schema import ENTRIES, VERSION
from .sql_ledger import SqlLedger, canonical
from .store import Staged, Store, intact, whole_file
from .verifying import named_objects

LEDGER_NAME = "ledger.jsonl"
ATTEMPTS = 5  # a flow is thinned every fifty lots or so; to meet that twice in a row is already odd


def dump(ledger: SqlLedger, path: str) -> int:
    """Writes every entry as a line of JSON, compressed; gives their number."""
    count = 0
    with _whole(path) as file, zstandard.ZstdCompressor().stream_writer(file, closefd=False) as out:
        for entry in ledger.entries():
            out.write(_line(entry))
            count += 1
    return count


def back_up(ledger: SqlLedger, store: Store, path: str) -> tuple[int, int]:
    """Writes the ledger, as it is now, and every object it names to one archive (tar), while gates may go on working.

    Args:
        ledger: what to back up.
        store: its store.
        path: file to write; it is there whole or not at all.

    Returns:
        Numbers of entries and of objects.

    Raises:
        LedgerError: it cannot be written.
        Damaged: an object is missing or is not what was put: a backup of it would be worth nothing.
    """
    for _ in range(ATTEMPTS):
        count, kept, whole = _written(ledger, store, path)
        if whole:
            return count, kept
    raise LedgerError(f"{path}: while it was written, profiles were thinned away {ATTEMPTS} times; run the same command again")


def _written(ledger: SqlLedger, store: Store, path: str) -> tuple[int, int, bool]:
    """One attempt; the last value says whether every object was still there that its entries name."""
    with tempfile.TemporaryFile() as lines:
        count, kept, whole = 0, 0, True
        # One state of the ledger for both, so that it names what the archive holds.
        with ledger.read() as connection:
            for row in connection.execute(sa.select(ENTRIES).order_by(ENTRIES.c.number)).yield_per(1_000):
                lines.write(_line(Entry(int(row.number), row.event, json.loads(row.body), row.chain)))
                count += 1
            named = named_objects(connection)
        with _whole(path) as file, tarfile.open(fileobj=file, mode="w") as archive:
            _add(archive, LEDGER_NAME, lines, lines.tell())
            for digest, what in named.items():
                try:
                    with open(intact(store, digest), "rb") as content:
                        _add(archive, "objects/" + digest.removeprefix("sha256:"), content, os.fstat(content.fileno()).st_size)
                except (FileNotFoundError, Damaged) as error:
                    if not _thinned_away(ledger, digest):
                        raise Damaged(f"{what} ({digest}): {error}. No backup was written") from error
                    whole = False
                    continue
                kept += 1
    return count, kept, whole


def _thinned_away(ledger: SqlLedger, digest: str) -> bool:
    """Whether nobody names an object any more that the entries named when they were read."""
    with ledger.read() as connection:
        return digest not in named_objects(connection)


def restore(path: str, ledger: SqlLedger, store: Store) -> tuple[int, int]:
    """Fills an empty ledger and a store from a backup; every digest and the whole chain are checked on the way.

    Args:
        path: the backup.
        ledger: a ledger that was just made.
        store: where the objects go.

    Raises:
        Damaged: the backup is not what was written.
        LedgerError: the ledger is not empty.
    """
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(open(path, "rb"))
            archive = stack.enter_context(tarfile.open(fileobj=file, mode="r:"))
            first = archive.next()
        except (OSError, tarfile.TarError) as error:
            raise Damaged(f"{path}: this is no backup: {error}; name another file") from error
        lines = archive.extractfile(first) if first is not None and first.name == LEDGER_NAME else None
        if lines is None:
            raise Damaged(f"{path}: this is no backup of assayline; name another file")
        entries = list(_entries(lines, path))
        kept = 0
        try:
            for member in archive:
                if member.name == LEDGER_NAME:
                    continue
                content = archive.extractfile(member)
                if content is None or not member.name.startswith("objects/"):
                    raise Damaged(f"{path}: it holds {member.name!r}, which no backup has; nothing of it was written")
                wanted = "sha256:" + member.name.removeprefix("objects/")
                with store.staging() as folder:
                    staged = os.path.join(folder, "object")
                    with open(staged, "wb") as out:
                        while block := content.read(1 << 20):
                            out.write(block)
                    found = store.put([Staged(staged, wanted[71:])])[0]
                if found != wanted:
                    raise Damaged(f"{path}: the object {wanted} is damaged; use another backup")
                kept += 1
        except tarfile.TarError as error:
            raise Damaged(f"{path}: {error}; use another backup") from error
    with ledger.write() as writing:
        if writing.next > 1:
            raise LedgerError(f"{ledger.name}: this ledger is not empty; restore into a new project (assay restore FILE FOLDER)")
        writing.connection.execute(ENTRIES.delete())
        from .projections import apply

        for entry in entries:
            writing.connection.execute(ENTRIES.insert().values(number=entry.number, event=entry.event, body=canonical(entry.body), chain=entry.chain))
            apply(writing.connection, entry)
    return len(entries), kept


def _entries(lines: IO[bytes], path: str) -> Iterator[Entry]:
    before = FIRST
    for number, line in enumerate(lines):
        try:
            at, event, body, chain = json.loads(line)
        except ValueError as error:
            raise Damaged(f"{path}: entry {number} cannot be read; use another backup") from error
        if at != number or chained(before, number, event, body) != chain:
            raise Damaged(f"{path}: entry {number} is not what was written; use another backup")
        if event == "created" and int(body.get("layout", 0)) > VERSION:
            raise LedgerError(f"{path}: a later version of assayline made it; update assayline")
        before = chain
        yield Entry(number, event, body, chain)


def _line(entry: Entry) -> bytes:
    return json.dumps([entry.number, entry.event, dict(entry.body), entry.chain], separators=(",", ":"), ensure_ascii=True).encode() + b"\n"


def _add(archive: tarfile.TarFile, name: str, content: IO[bytes], size: int) -> None:
    content.seek(0, io.SEEK_SET)
    about = tarfile.TarInfo(name)
    about.size = size
    archive.addfile(about, content)


@contextlib.contextmanager
def _whole(path: str) -> Iterator[IO[bytes]]:
    """A file that is there whole or not at all."""
    try:
        with whole_file(path) as temporary, open(temporary, "wb") as file:
            yield file
    except OSError as error:
        raise LedgerError(f"{error.filename or path}: {error.strerror or error}; choose another place for it") from error
