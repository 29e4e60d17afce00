"""The bytes of one input: opened once, checked before any parser sees them, and watched for changes."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import stat
import threading
from collections.abc import Callable, Iterator

from assayline.core import Finding
from assayline.errors import ChangedWhileRead, InputError, LimitExceeded, NotFound, Refused, Unreadable

from .limits import Limits

HEAD_BYTES = 64 << 10  # enough for every magic number and for a sample of a text file's lines
BLOCK_BYTES = 4 << 20  # one read of the digest: large enough that the calls do not show
SMALL_BYTES = 256 << 10  # hashed sooner than a thread is started
PSEUDO = ("/proc/", "/sys/", "/dev/")  # file systems whose files are not data and may never end


class Source:
    """One stretch of bytes that can be read from its start as often as needed.

    Attributes:
        path: the input as the user named it, with "!member" for something inside an archive.
        name: the name whose extension counts (the member's, without .gz).
        size: bytes, or 0 where they are not known before reading.
        head: the first 64 KiB.
        limits: what reading may cost.
        notes: findings made before a reader took over (wrong extension, changed file).
        details: how it was reached ("compression": "gzip"), for the report.
    """

    seekable = False

    def __init__(self, path: str, name: str, size: int, head: bytes, limits: Limits) -> None:
        self.path, self.name, self.size, self.head, self.limits = path, name, size, head, limits
        self.notes: list[Finding] = []
        self.details: dict[str, str] = {}

    @property
    def suffix(self) -> str:
        """The extension in lower case, with its dot."""
        return os.path.splitext(self.name.lower())[1]

    def blocks(self, size: int) -> Iterator[bytes]:
        """The bytes in order, in blocks of about this size; a new iterator starts again."""
        raise NotImplementedError

    def at(self, offset: int, length: int) -> bytes:
        """These bytes (only where `seekable`)."""
        raise NotImplementedError

    def local(self) -> str:
        """A path under which a library can open these bytes, in random order."""
        raise NotImplementedError

    def digest(self) -> str:
        """ "sha256:…" of the bytes as they are stored."""
        return ""

    def stored_bytes(self) -> int:
        """How many bytes it takes where it is stored."""
        return self.size

    def settle(self) -> None:
        """Called after a full pass: checks that the bytes were the same from beginning to end.

        Raises:
            ChangedWhileRead: they were not.
        """

    def close(self) -> None:
        """Lets go of the file."""


class FileSource(Source):
    """A regular file behind a descriptor that stays open, so that a rename cannot swap the content.

    Its digest is computed by a thread of its own while the readers work.
    """

    seekable = True

    def __init__(self, path: str, name: str, descriptor: int, limits: Limits, real: str = "") -> None:
        self.descriptor = descriptor
        self.before = os.fstat(descriptor)
        self.real = real
        self._digest: str | None = None
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._stop = False
        self._given = 0
        super().__init__(path, name, self.before.st_size, _pread(descriptor, min(HEAD_BYTES, self.before.st_size), 0), limits)

    def blocks(self, size: int) -> Iterator[bytes]:
        self.start_digest()
        offset = 0
        while offset < self.size:
            block = self.at(offset, min(size, self.size - offset))
            yield block
            offset += len(block)

    def at(self, offset: int, length: int) -> bytes:
        block = _pread(self.descriptor, length, offset)
        if len(block) < length:
            raise ChangedWhileRead(
                self.path,
                f"it shrank from {self.size} bytes while it was read",
                place=f"byte {offset + len(block)}",
                next_step="wait until whoever writes it has finished",
            )
        return block

    def local(self) -> str:
        self.start_digest()
        # The descriptor and not the name: whatever is renamed over the name meanwhile, this is the file that was checked.
        path = f"/proc/self/fd/{self.descriptor}"
        return path if os.path.exists(path) else self.real or self.path

    def start_digest(self) -> None:
        """Starts hashing beside the reader; does nothing when it has already started."""
        if self._thread is None and self._digest is None and self._failure is None:
            if self.size <= SMALL_BYTES:
                self._hash()
                return
            self._thread = threading.Thread(target=self._hash, name="digest", daemon=True)
            self._thread.start()

    def _hash(self) -> None:
        state, offset = hashlib.sha256(), 0
        buffer = bytearray(min(BLOCK_BYTES, max(1, self.size)))
        view = memoryview(buffer)
        try:
            while offset < self.size and not self._stop:
                count = os.preadv(self.descriptor, [view[: min(len(buffer), self.size - offset)]], offset) if hasattr(os, "preadv") else 0
                if not hasattr(os, "preadv"):
                    block = _pread(self.descriptor, len(buffer), offset)
                    state.update(block)
                    count = len(block)
                else:
                    state.update(view[:count])
                if not count:
                    break
                offset += count
            self._digest = "sha256:" + state.hexdigest()
        except OSError as error:
            self._failure = error

    def digest(self) -> str:
        self.start_digest()
        if self._thread is not None:
            self._thread.join()
        if self._failure is not None:
            raise Unreadable(
                self.path, f"it could not be read: {self._failure}", next_step="check the disk or the network share"
            ) from self._failure
        return self._digest or ""

    def settle(self) -> None:
        now = os.fstat(self.descriptor)
        if now.st_size > self.size:
            if not any(note.code == "file_changed" for note in self.notes):
                self.notes.append(
                    Finding(
                        "file_changed",
                        (),
                        f"The file grew from {self.size} to {now.st_size} bytes while it was read; the first {self.size} were judged.",
                        0.5,
                        evidence={"bytes_before": self.size, "bytes_after": now.st_size},
                        suggestion="deliver files under a temporary name and rename them when they are complete",
                    )
                )
        elif now.st_size != self.size or now.st_mtime_ns != self.before.st_mtime_ns:
            raise ChangedWhileRead(
                self.path,
                "it was written to while it was read, so that what was read may never have existed as one file",
                next_step="scan it again when whoever writes it has finished",
            )

    def close(self) -> None:
        self._stop = True
        if self._thread is not None:
            self._thread.join()
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class StreamSource(Source):
    """Bytes that can only be read from front to back: inflated, or taken out of an archive.

    Args:
        reopen: starts the stream again and gives blocks of any size.
        parent: where the stored bytes are; digest and change checks are asked there.
    """

    def __init__(self, path: str, name: str, reopen: Callable[[], Iterator[bytes]], parent: Source, limits: Limits, size: int = 0) -> None:
        self.reopen = reopen
        self.parent = parent
        self._spooled: FileSource | None = None
        head = b""
        for block in reopen():
            head += block
            if len(head) >= HEAD_BYTES:
                break
        super().__init__(path, name, size, head[:HEAD_BYTES], limits)
        self.notes = parent.notes
        self.details = parent.details

    def blocks(self, size: int) -> Iterator[bytes]:
        held: list[bytes] = []
        length = 0
        for block in self.reopen():
            held.append(block)
            length += len(block)
            if length >= size:
                yield b"".join(held)
                held, length = [], 0
        if held:
            yield b"".join(held)

    def local(self) -> str:
        return self.spooled().local()

    def spooled(self) -> FileSource:
        """The same bytes in memory or an unnamed temporary file, for formats that are read in random order."""
        if self._spooled is None:
            self._spooled = _spool(self)
        return self._spooled

    def digest(self) -> str:
        return self.parent.digest()

    def stored_bytes(self) -> int:
        return self.parent.stored_bytes()

    def settle(self) -> None:
        self.parent.settle()

    def close(self) -> None:
        if self._spooled is not None:
            self._spooled.close()
        self.parent.close()


class AddressSource(Source):
    """The address of something that is not a file: a table of a database, an object in a store.

    Attributes:
        address: as it was given; only for connecting.
        path: as it may be shown, stored and sent: without a password.
    """

    def __init__(self, address: str, limits: Limits) -> None:
        self.address = address
        shown = without_password(address)
        super().__init__(shown, shown, 0, b"", limits)


def without_password(path: str) -> str:
    """A path or an address as it may be shown.

    >>> without_password("postgresql://me:p@ss/w@host/db?table=a:b@c")
    'postgresql://me:***@host/db?table=a:b@c'
    >>> without_password("postgresql://host/db?user=me&password=secret&table=t")
    'postgresql://host/db?user=me&password=***&table=t'
    """
    if "://" not in path or os.path.lexists(path):
        return path
    # Up to the last @: libpq ends a password at the first, people do not know that, and neither half may be shown.
    hidden = re.sub(r"(://[^/?:@]*):[^?]*@", r"\1:***@", path, count=1)
    return re.sub(r"([?&](?:ssl)?password=)[^&]*", r"\1***", hidden, flags=re.IGNORECASE)


def seekable(source: Source) -> FileSource:
    """The source as a file with random access.

    Raises:
        LimitExceeded: it would have to be unpacked first and is larger than the limit allows.
    """
    if isinstance(source, FileSource):
        return source
    if isinstance(source, StreamSource):
        return source.spooled()
    raise Refused(source.path, "it is an address and has no bytes", next_step="name a file")


def open_file(path: str, limits: Limits, *, within: str | None = None, shown: str | None = None) -> FileSource:
    """Opens a regular file after looking at what it is, never blocking and never following a link out of its folder.

    Args:
        path: its name.
        limits: what reading may cost.
        within: the folder that a link may not leave; its own folder when None.
        shown: the name for messages, when it differs.

    Raises:
        NotFound: there is nothing, or a link points nowhere.
        Refused: it is a FIFO, socket, device, pseudo file, or a link that leaves the folder.
        Unreadable: permissions, loops of links.
    """
    shown = path if shown is None else shown
    real = checked_path(path, within=within, shown=shown)
    flags = (
        os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    )
    try:
        descriptor = os.open(real, flags)
    except OSError as error:
        raise _from_os(shown, error) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):  # it was swapped since it was looked at
            raise Refused(shown, "it is not a regular file", next_step="name a file that holds a table")
        return FileSource(shown, os.path.basename(path), descriptor, limits, real)
    except InputError:
        os.close(descriptor)
        raise
    except OSError as error:
        os.close(descriptor)
        raise _from_os(shown, error) from error


def checked_path(path: str, *, within: str | None = None, shown: str | None = None) -> str:
    """The path without links, after checking that it is a regular file or a folder in its place.

    Raises:
        InputError: see `open_file`.
    """
    shown = path if shown is None else shown
    if "\0" in path:
        raise NotFound(shown, "a file name cannot hold a NUL character", next_step="check the name")
    try:
        seen = os.lstat(path)
        real = path
        if stat.S_ISLNK(seen.st_mode):
            real = os.path.realpath(path, strict=True)
            home = os.path.realpath(within if within is not None else os.path.dirname(os.path.abspath(path)))
            if real.startswith(PSEUDO) or not _inside(real, home):
                raise Refused(
                    shown, f"it is a symbolic link out of its folder, to {real!r}", next_step="name the file itself if you mean it"
                )
            seen = os.lstat(real)
    except OSError as error:
        raise _from_os(shown, error) from error
    mode = seen.st_mode
    for is_kind, what in (
        (stat.S_ISFIFO, "a FIFO (named pipe)"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a character device"),
        (stat.S_ISBLK, "a block device"),
    ):
        if is_kind(mode):
            raise Refused(shown, f"it is {what}, not a regular file", next_step="write its content to a file and name that")
    absolute = os.path.realpath(real)
    if absolute.startswith(PSEUDO) and not absolute.startswith("/dev/shm/"):
        raise Refused(shown, "it is a file of the operating system and not data", next_step="name a file that holds a table")
    return real


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _from_os(path: str, error: OSError) -> InputError:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        link = os.path.islink(path)
        cause = "the symbolic link points to nothing" if link else "there is no such file or folder"
        return NotFound(path, cause, next_step="check the name; quote it if it holds blanks or *")
    if error.errno == errno.ELOOP:
        return Unreadable(path, "it is a loop of symbolic links", next_step="name the file itself")
    if error.errno in (errno.EACCES, errno.EPERM):
        return Unreadable(path, "permission denied", next_step="ask for the right to read it")
    if error.errno == errno.ENAMETOOLONG:
        return NotFound(path, "the name is longer than this file system allows", next_step="check the name")
    return Unreadable(path, f"it could not be opened: {error.strerror or error}", next_step="check the disk or the network share")


def _pread(descriptor: int, length: int, offset: int) -> bytes:
    if hasattr(os, "pread"):
        block = os.pread(descriptor, length, offset)
        while 0 < len(block) < length:
            more = os.pread(descriptor, length - len(block), offset + len(block))
            if not more:
                break
            block += more
        return block
    with _seek_lock:  # Windows has no pread: one seek and read at a time
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, length)


_seek_lock = threading.Lock()


def _spool(source: StreamSource) -> FileSource:
    import tempfile

    most = min(source.limits.inflate_bytes, max(256 << 20, source.limits.memory_for(source.stored_bytes()) // 2))
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("assayline", getattr(os, "MFD_CLOEXEC", 0))
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    written = 0
    try:
        for block in source.reopen():
            written += len(block)
            if written > most:
                raise LimitExceeded(
                    source.path,
                    f"unpacked it is larger than {most >> 20} MiB, and its format has to be unpacked before it is read",
                    next_step="unpack it yourself and name the file",
                )
            view = memoryview(block)
            while view:
                view = view[os.write(descriptor, view) :]
        return FileSource(source.path, source.name, descriptor, source.limits)
    except BaseException:
        with contextlib.suppress(OSError):
            os.close(descriptor)
        raise
