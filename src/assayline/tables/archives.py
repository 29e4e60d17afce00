"""Compressed files and archives: checked as a whole before the first byte of a table inside is believed."""

from __future__ import annotations

import io
import os
import re
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from assayline.core import Finding
from assayline.errors import LimitExceeded, Refused, Unreadable

from .inflating import SUFFIXES, InflationGauge, codec_of, inflated, inner_name
from .plain import named
from .refusing import is_model_name, refuse_zip
from .source import FileSource, Source, StreamSource, seekable

if TYPE_CHECKING:
    from .table import Table

T = TypeVar("T")

NESTING = 3  # gzip inside gzip inside zip happens; more is a trick
READ_BYTES = 1 << 20
SHEETS = (".xlsx", ".xlsm", ".xlsb", ".ods", ".xltx", ".xltm", ".xlam", ".xls")
LITTER = re.compile(r"(^|/)(__MACOSX/|\.|_SUCCESS$|_started|_committed|Thumbs\.db$|desktop\.ini$)|\.crc$|/$")


def unpacked(source: Source) -> Source | Table:
    """What is inside a compressed file or archive; the source itself when it is neither."""
    depth = int(source.details.get("layers", "0"))
    codec = codec_of(source.head)
    if (codec or source.head.startswith(b"PK\x03\x04")) and depth >= NESTING:
        raise LimitExceeded(source.path, f"archives are nested more than {NESTING} deep", next_step="unpack it yourself and name the table")
    if codec:
        return _inflated(source, codec, depth)
    suffix = os.path.splitext(source.name.lower())[1]
    if suffix in SUFFIXES and not _is_zip(source):
        source.notes.append(
            Finding(
                "wrong_extension",
                (),
                f"The file is called {suffix}, but it is not compressed with {SUFFIXES[suffix]}; it was read as it is.",
                0.4,
                evidence={"promised": SUFFIXES[suffix], "found": "plain"},
                suggestion="give the file the extension of its content",
            )
        )
        source.name = inner_name(source.name)
    if _is_zip(source):
        return _from_zip(source, depth)
    if source.head[257:262] == b"ustar" or (suffix == ".tar" and len(source.head) >= 512):
        return _from_tar(source, depth)
    return source


def _inflated(source: Source, codec: str, depth: int) -> Source:
    suffix = os.path.splitext(source.name.lower())[1]
    if SUFFIXES.get(suffix) != codec:
        source.notes.append(
            Finding(
                "wrong_extension",
                (),
                f"The file is called {suffix or source.name}, but it is compressed with {codec}; it was unpacked.",
                0.4,
                evidence={"promised": suffix, "found": codec},
                suggestion="give the file the extension of its content",
            )
        )
    inner = StreamSource(source.path, inner_name(source.name), inflated(source, codec), source, source.limits)
    inner.details["layers"] = str(depth + 1)
    inner.details["compression"] = f"{source.details['compression']}, {codec}" if "compression" in source.details else codec
    return inner


def _is_zip(source: Source) -> bool:
    return source.head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"))


class Window(io.RawIOBase):
    """A source with random access as a file object, without a position shared with anyone."""

    def __init__(self, source: FileSource) -> None:
        self.source = source
        self.offset = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = 0 if whence == io.SEEK_SET else self.offset if whence == io.SEEK_CUR else self.source.size
        if base + offset < 0:
            raise ValueError("a position before the start")
        self.offset = base + offset
        return self.offset

    def tell(self) -> int:
        return self.offset

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        length = max(0, min(len(view), self.source.size - self.offset))
        if length:
            view[:length] = self.source.at(self.offset, length)
        self.offset += length
        return length


# -- zip -----------------------------------------------------------------------------------------------------------------


def open_zip(source: FileSource) -> zipfile.ZipFile:
    """The zip after its directory was checked: no doubled, escaping, linked or encrypted entry, no lie about sizes.

    Raises:
        InputError: one entry is enough to refuse all of it.
    """
    path = source.path
    with named(path, "the zip is damaged", "its directory"):
        archive = zipfile.ZipFile(io.BufferedReader(Window(source), 1 << 16))
    entries = archive.infolist()
    if len(entries) > source.limits.members:
        raise LimitExceeded(
            path,
            f"it has {len(entries)} entries, more than the limit of {source.limits.members}",
            next_step="unpack it yourself, or raise the limit on members",
        )
    seen: set[str] = set()
    for entry in entries:
        check_name(path, entry.filename)
        check_name(path, entry.orig_filename)
        if entry.flag_bits & 0x1:
            raise Unreadable(
                path,
                "it is encrypted",
                place=f"entry {entry.filename!r}",
                next_step="unpack it with its password first",
            )
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise Refused(
                path,
                "it is a symbolic link",
                place=f"entry {entry.filename!r}",
                next_step="pack files, not links",
            )
        if entry.filename in seen:
            raise Unreadable(
                path,
                f"two entries are called {entry.filename!r}, and programs disagree which one counts",
                place=f"entry {entry.filename!r}",
                next_step="pack it again",
            )
        seen.add(entry.filename)
        if entry.file_size > source.limits.inflate_bytes or (
            entry.file_size > source.limits.inflate_free_bytes
            and entry.file_size > source.limits.inflate_ratio * max(1, entry.compress_size)
        ):
            raise LimitExceeded(
                path,
                f"it unpacks {entry.compress_size} bytes to {entry.file_size}, more than {source.limits.inflate_ratio} times as much",
                place=f"entry {entry.filename!r}",
                next_step="unpack it yourself if that is meant, or raise the limit on the ratio",
            )
    return archive


def check_name(path: str, name: str) -> None:
    """Stops entries whose names leave the folder.

    >>> check_name("a.zip", "data/2024/a.csv")
    >>> check_name("a.zip", "../a.csv")
    Traceback (most recent call last):
        ...
    assayline.errors.Refused: a.zip: entry '../a.csv': its name leaves the folder it would be unpacked to; pack it again without such names
    """
    unified = name.replace("\\", "/")
    if unified.startswith("/") or re.match(r"[A-Za-z]:", unified) or ".." in unified.split("/") or "\0" in name:
        raise Refused(
            path,
            "its name leaves the folder it would be unpacked to",
            place=f"entry {name!r}",
            next_step="pack it again without such names",
        )


def zip_blocks(source: Source, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """The bytes of an entry; its checksum and its two names are compared on the way."""
    gauge = InflationGauge(source.path, source.limits)
    with named(source.path, "the entry is damaged", f"entry {entry.filename!r}"), archive.open(entry) as stream:
        while block := stream.read(READ_BYTES):
            gauge.see(max(1, entry.compress_size), len(block))
            yield block


def _from_zip(source: Source, depth: int) -> Source | Table:
    file = seekable(source)
    archive = open_zip(file)
    names = [entry.filename for entry in archive.infolist()]
    suffix = os.path.splitext(source.name.lower())[1]
    if (
        any(name in ("xl/workbook.xml", "xl/workbook.bin") for name in names)
        or suffix in SHEETS
        or ("content.xml" in names and "META-INF/manifest.xml" in names)
    ):
        return source
    if any(name.startswith(("word/", "ppt/")) for name in names):
        raise Refused(source.path, "it is a document of an office program, not a table", next_step="name a table")
    refuse_zip(source.path, names)
    entries = [entry for entry in archive.infolist() if not LITTER.search(entry.filename)]
    members = [
        _member(source, entry.filename, partial(zip_blocks, source, archive, entry), entry.file_size, depth)
        for entry in _tables(source, entries, [entry.filename for entry in entries])
    ]
    return _one_or_parts(source, members)


# -- tar -----------------------------------------------------------------------------------------------------------------


class _Feed(io.RawIOBase):
    """A source as a file that can only be read forward, for tar streams."""

    def __init__(self, source: Source) -> None:
        self.blocks = source.blocks(READ_BYTES)
        self.held = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        while not self.held:
            block = next(self.blocks, None)
            if block is None:
                return 0
            self.held = block
        length = min(len(view), len(self.held))
        view[:length] = self.held[:length]
        self.held = self.held[length:]
        return length


def _from_tar(source: Source, depth: int) -> Source | Table:
    entries: list[tarfile.TarInfo] = []
    with (
        named(source.path, "the tar is damaged", "its headers"),
        tarfile.open(fileobj=io.BufferedReader(_Feed(source), READ_BYTES), mode="r|") as archive,
    ):
        for entry in archive:
            check_name(source.path, entry.name)
            if not (entry.isreg() or entry.isdir()) or entry.issparse():
                kind = (
                    "a symbolic link"
                    if entry.issym()
                    else "a hard link"
                    if entry.islnk()
                    else "a FIFO"
                    if entry.isfifo()
                    else "a device"
                    if entry.ischr() or entry.isblk()
                    else "not a plain file"
                )
                raise Refused(source.path, f"it is {kind}", place=f"entry {entry.name!r}", next_step="pack plain files only")
            entries.append(entry)
            if len(entries) > source.limits.members:
                raise LimitExceeded(
                    source.path,
                    f"it has more than {source.limits.members} entries",
                    next_step="unpack it yourself, or raise the limit on members",
                )
    files = [entry for entry in entries if entry.isreg() and not LITTER.search(entry.name)]
    if len({entry.name for entry in files}) < len(files):
        raise Unreadable(source.path, "two entries have the same name, and programs disagree which one counts", next_step="pack it again")
    refuse_zip(source.path, [entry.name for entry in files])
    members = [
        _member(source, entry.name, partial(_tar_blocks, source, entry.name), entry.size, depth)
        for entry in _tables(source, files, [entry.name for entry in files])
    ]
    return _one_or_parts(source, members)


def _tar_blocks(source: Source, name: str) -> Iterator[bytes]:
    with (
        named(source.path, "the tar is damaged", f"entry {name!r}"),
        tarfile.open(fileobj=io.BufferedReader(_Feed(source), READ_BYTES), mode="r|") as archive,
    ):
        for entry in archive:
            if entry.name == name and entry.isreg():
                stream = archive.extractfile(entry)
                assert stream is not None
                while block := stream.read(READ_BYTES):
                    yield block
                return


# -- what both do with the entries ---------------------------------------------------------------------------------------


def _member(source: Source, name: str, reopen: Callable[[], Iterator[bytes]], size: int, depth: int) -> StreamSource:
    member = StreamSource(f"{source.path}!{name}", os.path.basename(name), reopen, source, source.limits, size)
    member.notes, member.details = [], {"member": name, "layers": str(depth + 1)}
    return member


def _tables(source: Source, entries: list[T], names: list[str]) -> list[T]:
    """The entries that can be tables: of the most frequent kind of name; empty ones and papers beside them do not count."""
    kinds = [_kind(name) for name in names]
    nested = [name for name, kind in zip(names, kinds, strict=True) if kind in (".zip", ".tar", ".7z", ".rar")]
    if nested:
        raise Refused(
            source.path, f"it holds another archive, {nested[0]!r}", place=f"entry {nested[0]!r}", next_step="unpack it and name the table"
        )
    data = [kind for kind in kinds if kind not in (".md", ".txt", ".pdf", ".html", ".yml", ".yaml", ".xml", "")]
    wanted = max(sorted(set(data)), key=data.count) if data else None
    chosen = [(name, entry) for name, entry, kind in zip(names, entries, kinds, strict=True) if wanted is None or kind == wanted]
    if not chosen:
        raise Unreadable(source.path, "the archive holds no file", next_step="ask for it again")
    return [entry for _, entry in sorted(chosen, key=lambda pair: pair[0])]


def _kind(name: str) -> str:
    return os.path.splitext(inner_name(name).lower())[1]


def _one_or_parts(source: Source, members: list[StreamSource]) -> Source | Table:
    if len(members) == 1:
        members[0].notes = source.notes + members[0].notes
        members[0].details = source.details | members[0].details
        return members[0]
    if any(is_model_name(member.name) for member in members):
        raise Refused(source.path, "the archive holds a model, not a table", next_step="name a table")
    from .parts import open_members

    return open_members(source, members)
