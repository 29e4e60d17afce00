"""Bundles on disk: written whole or not at all, read only when every byte is what was written."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path

from assayline.errors import AssaylineError, LimitExceeded, NotFound, Refused, Unreadable

from .archive import MOST_BYTES, packed, unpacked
from .bundle import Bundle, bundle_of
from .unsafe import refuse_unsafe

SUFFIX = ".assay"


def write(bundle: Bundle, path: str | os.PathLike[str]) -> str:
    """Writes a bundle into one file: whole or not at all, also when the machine stops in between.

    Args:
        bundle: it.
        path: the file, or an existing folder, in which it is called NAME-VERSION.assay.

    Returns:
        Its digest.

    Raises:
        NotFound: the folder does not exist.
        AssaylineError: the disk is full, or does not let us write; what was there before is still there.
    """
    target = Path(path)
    if target.is_dir():
        target = target / f"{bundle.name}-{bundle.version}{SUFFIX}"
    if not target.parent.is_dir():
        raise NotFound(str(target), "its folder does not exist", next_step="make the folder first")
    content = packed(bundle.members())
    beside = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    try:
        with open(beside, "xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(beside, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        if isinstance(error, OSError):
            raise AssaylineError(f"{target}: it cannot be written: {error.strerror}; what was there before is still there") from error
        raise
    with contextlib.suppress(OSError):  # the name, too, has to be on the disk; some systems cannot open folders
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    return bundle.digest


def read(path: str | os.PathLike[str], *, digest: str = "", allowed: Iterable[str] = ()) -> Bundle:
    """Reads a bundle and verifies every byte; nothing in it is executed.

    Args:
        path: the file.
        digest: what its digest has to be ("sha256:…", as the ledger has it); "" for any.
        allowed: digests of pickles inside a bundle that somebody allowed; they are opened in a locked child process when the first row is predicted.

    Raises:
        NotFound: there is no such file.
        UnsafeArtefact: it, or the model inside, runs code when it is loaded.
        Refused: it is no file, or packed with tricks.
        Unreadable: it is damaged, cut off, changed, of a later format, or another bundle than the digest says.
        LimitExceeded: it is too large.

    >>> read("nowhere.assay")
    Traceback (most recent call last):
        ...
    assayline.errors.NotFound: nowhere.assay: there is no such file; check the name
    """
    where = os.fspath(path)
    content = content_of(path)
    if not content.startswith(b"PK\x03\x04"):
        refuse_unsafe(content, where)
    bundle = bundle_of(unpacked(content, where), where, allowed=allowed)
    if digest and bundle.digest != digest:
        raise Unreadable(where, f"its digest is {bundle.digest}, and {digest} was asked for", next_step="somebody replaced it; take it from the store")
    return bundle


def content_of(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a model file: a regular one of at most 2 GiB, read once.

    Raises:
        NotFound: there is none.
        Refused: it is a folder, a FIFO, a socket or a device.
        LimitExceeded: it is larger.
    """
    where = os.fspath(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise NotFound(where, "there is no such file", next_step="check the name") from None
    except OSError as error:
        raise Refused(where, f"it cannot be opened: {error.strerror}", next_step="check its permissions") from None
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode):
        os.close(descriptor)
        raise Refused(where, "it is no regular file", next_step="name the file")
    with open(descriptor, "rb") as stream:
        if facts.st_size > MOST_BYTES:
            raise LimitExceeded(where, f"it has {facts.st_size:,} bytes, more than {MOST_BYTES:,}", next_step="name a smaller model")
        return stream.read(MOST_BYTES + 1)
