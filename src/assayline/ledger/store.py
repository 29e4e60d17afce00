"""The store: bytes under the name of their digest. Put whole or not at all, never changed, and checked when they are read.

An object that no ledger entry names is invisible: readers come through the ledger. So objects are put first, then published by one
transaction; what a crash leaves between the two is swept away later (`sweep`).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from assayline.errors import Damaged, LedgerError, MissingExtra

from .processes import machine, runs, started

DIGEST = re.compile(r"sha256:[0-9a-f]{64}(\.[a-z0-9]{1,8})?")
BLOCK_BYTES = 1 << 20
FORGOTTEN_SECONDS = 7 * 86_400.0  # a staging folder of another machine that nobody touched for so long is nobody's


@dataclass(frozen=True)
class Staged:
    """A finished file that waits to be put.

    Args:
        path: where it stands.
        suffix: of the object's name, such as ".parquet", so that people and tools know what it is.
    """

    path: str
    suffix: str = ""


class Store(Protocol):
    """Where objects are kept."""

    name: str

    def put(self, files: Iterable[Staged]) -> list[str]:
        """Keeps finished files; gives their digests, in order. When it returns, the bytes are on the disk."""
        ...

    def path(self, digest: str) -> str:
        """A local path of an object.

        Raises:
            Damaged: it is missing, or its bytes are not those that were put (only checked on the way from a remote store).
        """
        ...

    def has(self, digest: str) -> bool: ...

    def check(self, digest: str) -> str:
        """What is wrong with an object, or ""."""
        ...

    def objects(self) -> Iterator[str]:
        """The digests of everything kept."""
        ...

    def delete(self, digest: str) -> None: ...

    def staging(self) -> contextlib.AbstractContextManager[str]:
        """A folder for files that are being made; it and what is left in it is gone at the end."""
        ...

    def sweep(self) -> int:
        """Takes away what dead processes left while staging; gives the number of folders."""
        ...


class FolderStore:
    """A store in a folder of this machine.

    Args:
        root: the folder; it is made where it is missing.

    Raises:
        LedgerError: the folder cannot be made or written.
    """

    def __init__(self, root: str) -> None:
        self.root = os.path.abspath(root)
        self.name = self.root
        with _errors(self.root):
            os.makedirs(os.path.join(self.root, "objects"), exist_ok=True)
            os.makedirs(os.path.join(self.root, "staging"), exist_ok=True)

    def put(self, files: Iterable[Staged]) -> list[str]:
        """Syncs each file, renames it to its digest, syncs the folders."""
        digests: list[str] = []
        folders: dict[str, None] = {}
        with _errors(self.root):
            for file in files:
                digest = digest_of(file.path) + file.suffix
                target = self._place(digest)
                folder = os.path.dirname(target)
                if not os.path.isdir(folder):
                    os.makedirs(folder, exist_ok=True)
                    folders[os.path.dirname(folder)] = None
                sync(file.path)
                os.chmod(file.path, 0o444)
                os.replace(file.path, target)
                folders[folder] = None
                digests.append(digest)
            for folder in folders:
                sync(folder)
        return digests

    def path(self, digest: str) -> str:
        """Where the object stands."""
        place = self._place(digest)
        if not os.path.isfile(place):
            raise Damaged(f"{place}: this object is missing from the store; run: assay verify, or restore a backup")
        return place

    def has(self, digest: str) -> bool:
        """Whether there is such an object."""
        return os.path.isfile(self._place(digest))

    def check(self, digest: str) -> str:
        """Reads the object and compares."""
        place = self._place(digest)
        try:
            found = digest_of(place)
        except OSError as error:
            return f"{place}: {error.strerror or error}"
        return "" if digest.startswith(found) else f"{place}: its bytes are not those that were put"

    def objects(self) -> Iterator[str]:
        """Every object, by looking."""
        root = os.path.join(self.root, "objects")
        for folder in sorted(os.listdir(root)):
            for name in sorted(os.listdir(os.path.join(root, folder))):
                yield f"sha256:{name}"

    def delete(self, digest: str) -> None:
        """Takes an object away; fine when it is gone already."""
        with _errors(self.root), contextlib.suppress(FileNotFoundError):
            os.unlink(self._place(digest))

    @contextlib.contextmanager
    def staging(self) -> Iterator[str]:
        """A folder on the same file system, so that a rename is all it takes."""
        with _errors(self.root):
            folder = tempfile.mkdtemp(prefix="-".join(_owner()) + "-", dir=os.path.join(self.root, "staging"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def sweep(self) -> int:
        """Folders of this machine whose process is gone, and those that anybody left for a week."""
        swept = 0
        root = os.path.join(self.root, "staging")
        node, boot, *_ = _owner()
        with _errors(self.root):
            names = os.listdir(root)
        for name in names:
            place = os.path.join(root, name)
            words = name.split("-")
            dead = len(words) == 5 and words[0] == node and words[2].isdigit() and (words[1] != boot or not runs(int(words[2]), words[3]))
            with contextlib.suppress(OSError):  # another process sweeps too
                if dead or time.time() - os.stat(place).st_mtime > FORGOTTEN_SECONDS:
                    shutil.rmtree(place, ignore_errors=True)
                    swept += 1
        return swept

    def _place(self, digest: str) -> str:
        if not DIGEST.fullmatch(digest):
            raise Damaged(f"{digest!r} is no digest of an object; run: assay verify")
        name = digest.removeprefix("sha256:")
        return os.path.join(self.root, "objects", name[:2], name)


class RemoteStore:
    """A store behind an address that fsspec knows (s3://, gs://, abfs://, memory://, …), with a local cache.

    Object stores put an object whole or not at all; it is read back and compared with its digest.

    Args:
        address: where.
        cache: a local folder.
    """

    def __init__(self, address: str, cache: str) -> None:
        try:
            import fsspec  # type: ignore[import-untyped]  # it has no types
        except ModuleNotFoundError as error:
            raise MissingExtra(f"a store at {address.partition(':')[0]}:// addresses", extra="objects", package="fsspec") from error
        self.name = address
        self.local = FolderStore(cache)
        try:
            self.system, self.root = fsspec.core.url_to_fs(address)
        except (ImportError, ValueError) as error:
            raise LedgerError(f"{address}: {error}; install the driver of this store, or name a folder") from error

    def put(self, files: Iterable[Staged]) -> list[str]:
        """Sends each file, then keeps it in the cache."""
        kept = list(files)
        digests = [digest_of(file.path) + file.suffix for file in kept]
        with _errors(self.name):
            for file, digest in zip(kept, digests, strict=True):
                place = self._place(digest)
                self.system.makedirs(place.rpartition("/")[0], exist_ok=True)
                self.system.put_file(file.path, place)
                if self._now().size(place) != os.path.getsize(file.path):
                    raise LedgerError(f"{self.name}: {place} arrived with another size; run the same command again")
        self.local.put(kept)
        return digests

    def path(self, digest: str) -> str:
        """A path in the cache; fetched and compared where it is not there."""
        if not self.local.has(digest):
            with self.local.staging() as folder, _errors(self.name):
                target = os.path.join(folder, "object")
                try:
                    self.system.get_file(self._place(digest), target)
                except FileNotFoundError as error:
                    raise Damaged(f"{self.name}: the object {digest} is missing; run: assay verify, or restore a backup") from error
                if not digest.startswith(digest_of(target)):
                    raise Damaged(f"{self.name}: the bytes of {digest} are not those that were put; restore a backup")
                self.local.put([Staged(target, digest[71:])])
        return self.local.path(digest)

    def has(self, digest: str) -> bool:
        """Whether the store has it; the cache is not asked."""
        with _errors(self.name):
            return bool(self._now().exists(self._place(digest)))

    def check(self, digest: str) -> str:
        """Reads the object where it is kept and compares."""
        state = hashlib.sha256()
        try:
            with self._now().open(self._place(digest), "rb") as file:
                while block := file.read(BLOCK_BYTES):
                    state.update(block)
        except OSError as error:
            return f"{self.name}: {digest}: {error}"
        return "" if digest.startswith("sha256:" + state.hexdigest()) else f"{self.name}: the bytes of {digest} are not those that were put"

    def objects(self) -> Iterator[str]:
        """Every object, by listing."""
        with _errors(self.name):
            for found in sorted(self._now().find(f"{self.root}/objects")):
                yield "sha256:" + str(found).rpartition("/")[2]

    def delete(self, digest: str) -> None:
        """Takes an object away, here and there."""
        with _errors(self.name), contextlib.suppress(FileNotFoundError):
            self.system.rm_file(self._place(digest))
        self.local.delete(digest)

    def staging(self) -> contextlib.AbstractContextManager[str]:
        """A folder of this machine."""
        return self.local.staging()

    def sweep(self) -> int:
        """What dead processes of this machine left."""
        return self.local.sweep()

    def _now(self) -> Any:
        """The driver without what it remembers: another machine may have put or taken away since it looked."""
        self.system.invalidate_cache()
        return self.system

    def _place(self, digest: str) -> str:
        if not DIGEST.fullmatch(digest):
            raise Damaged(f"{digest!r} is no digest of an object; run: assay verify")
        name = digest.removeprefix("sha256:")
        return f"{self.root}/objects/{name[:2]}/{name}"


def open_store(place: str, cache: str) -> Store:
    """The store at a folder or an address.

    Args:
        place: a folder, or an address such as s3://bucket/assay.
        cache: local folder for what is fetched from an address.
    """
    return RemoteStore(place, cache) if "://" in place else FolderStore(place)


def intact(store: Store, digest: str) -> str:
    """The path of an object that is still what was put; for whatever is shown or used further.

    Raises:
        Damaged: it is missing, or a bit of it is another.
    """
    place = store.path(digest)
    try:
        found = digest_of(place)
    except OSError as error:
        raise Damaged(f"{place}: {error.strerror or error}; look at the disk, or restore a backup: assay restore") from error
    if not digest.startswith(found):
        raise Damaged(f"{place}: its bytes are not those that were put; run: assay verify, and restore a backup: assay restore")
    return place


def digest_of(path: str) -> str:
    """ "sha256:…" of a file."""
    with open(path, "rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: str) -> None:
    """Brings a file or the entries of a folder onto the disk.

    A failure is final: after a failed fsync the kernel may have dropped the pages, and a second one would report success.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def whole_file(path: str) -> Iterator[str]:
    """A name to write under; at the end the file is at `path`, whole and on the disk, and after an error nothing is left of it.

    Raises:
        OSError: as writing, syncing or renaming does.
    """
    folder = os.path.dirname(os.path.abspath(path))
    temporary = os.path.join(folder, f".assay-{os.getpid()}.part")
    try:
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
        sync(folder)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


@contextlib.contextmanager
def _errors(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = error.filename or name
        cause = error.strerror or str(error)
        advice = "free some space" if cause.startswith(("No space", "Disk quota")) else "look at the disk and the rights"
        raise LedgerError(f"{where}: {cause}; {advice} and run the same command again: nothing was published") from error


def _owner() -> tuple[str, str, str, str]:
    """Whose a staging folder is; `-` stands between these in its name."""
    node, boot = (hashlib.sha256(word.encode("utf-8", "replace")).hexdigest()[:8] for word in machine())
    return node, boot, str(os.getpid()), started(os.getpid())
