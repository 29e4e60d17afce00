"""One file out of many, and back: a plain zip that has one spelling only, so that equal content is equal bytes and anything else is seen."""

from __future__ import annotations

import io
import re
import stat
import zipfile
from collections.abc import Mapping

from assayline.errors import LimitExceeded, Refused, Unreadable

from .stored import AGAIN

MOST_MEMBERS = 10_000
MOST_BYTES = 2 << 30
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,119}(?:/[A-Za-z0-9_][A-Za-z0-9_.-]{0,119}){0,15}")
DATE = (1980, 1, 1, 0, 0, 0)  # the first a zip can tell: the time of writing is no content
UNIX, MODE = 3, (stat.S_IFREG | 0o644) << 16


def packed(members: Mapping[str, bytes]) -> bytes:
    """A zip of the members: not compressed, names sorted, no date, no comment.

    >>> packed({"b": b"2", "a": b"1"}) == packed({"a": b"1", "b": b"2"})
    True
    """
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, DATE)
            entry.create_system, entry.external_attr = UNIX, MODE
            archive.writestr(entry, members[name])
    return stream.getvalue()


def unpacked(content: bytes, where: str) -> dict[str, bytes]:
    """The members of what `packed` made, and of nothing else.

    Args:
        content: the bytes of the file.
        where: the file, for errors.

    Raises:
        Unreadable: it is cut off, changed, or packed by another program.
        Refused: a name leaves the folder, or an entry is a link or encrypted.
        LimitExceeded: it has too many members, or says that they are larger than they can be.
    """
    if len(content) > MOST_BYTES:
        raise LimitExceeded(where, f"it has {len(content):,} bytes, more than {MOST_BYTES:,}", next_step="a model of this size is none of ours; ask what is in it")
    if not content.startswith(b"PK\x03\x04"):
        raise Unreadable(where, "it is no bundle: it does not start as a zip", place="byte 0", next_step="name a file that `assay train` or `write` made")
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, EOFError) as error:
        raise Unreadable(where, f"it is cut off or damaged: {error}", place="its directory", next_step=AGAIN) from None
    with archive:
        entries = archive.infolist()
        _check(entries, len(content), where)
        members = {entry.filename: _content(archive, entry, where) for entry in entries}
    if packed(members) != content:
        cause = "there is more in it than its members, or they are not packed as they were written"
        raise Unreadable(where, cause, place="its bytes as a whole", next_step="do not repack a bundle; ask for the file as it was written")
    return members


def _check(entries: list[zipfile.ZipInfo], size: int, where: str) -> None:
    if len(entries) > MOST_MEMBERS:
        raise LimitExceeded(where, f"it has {len(entries):,} members, more than {MOST_MEMBERS:,}", next_step=AGAIN)
    seen: set[str] = set()
    for entry in entries:
        shown = entry.orig_filename[:80]
        if not NAME.fullmatch(entry.orig_filename) or entry.orig_filename != entry.filename:
            raise Refused(where, "the name of a member leaves its folder, or has letters that no member has", place=repr(shown), next_step="do not unpack it; ask who made it")
        if entry.filename.lower() in seen:
            raise Refused(where, "a member stands in it twice", place=shown, next_step=AGAIN)
        seen.add(entry.filename.lower())
        if entry.flag_bits & 1:
            raise Refused(where, "a member is encrypted", place=shown, next_step="ask for it without a password")
        if stat.S_ISLNK(entry.external_attr >> 16) or entry.is_dir():
            raise Refused(where, "a member is a link or a folder", place=shown, next_step="do not unpack it; ask who made it")
        if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
            raise Refused(where, "a member is compressed, which no bundle is", place=shown, next_step="do not repack a bundle; ask for the file as it was written")
        if entry.file_size > size:
            raise LimitExceeded(where, f"a member says it has {entry.file_size:,} bytes, more than the file", place=shown, next_step=AGAIN)
    if sum(entry.file_size for entry in entries) > size:
        raise LimitExceeded(where, "its members say they are larger together than the file", next_step=AGAIN)


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, where: str) -> bytes:
    try:
        return archive.read(entry)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, EOFError, RuntimeError) as error:
        raise Unreadable(where, f"its bytes were changed or cut off: {error}", place=entry.filename, next_step=AGAIN) from None
