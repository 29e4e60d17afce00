"""Where replays keep what they made: a folder of the project that nothing else reads, bounded, and safe for several at once.

PROJECT/replays/objects    tables under their digests, as in a store
               /known      what a replay of a step gave: a small JSON file under the digest of everything it depends on
               /packages   packages in earlier versions
               /staging    one folder of work for each replay that goes on; what a killed one left is swept away by the next

Whatever is in it may be deleted at any time: it is made again when it is asked for.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from assayline.errors import Damaged, MisuseError
from assayline.ledger import Staged
from assayline.ledger.store import FolderStore, digest_of

FOLDER = "replays"  # in the folder of a project
MOST_BYTES = 2 << 30
SPARED_SECONDS = 3_600.0  # what another replay that goes on may have asked for


class Area:
    """The folder of replays of one project.

    Args:
        root: PROJECT/replays; it is made where it is missing.
        most_bytes: of everything that is kept in it.

    Raises:
        LedgerError: the folder cannot be made or written.
    """

    def __init__(self, root: str, *, most_bytes: int = MOST_BYTES) -> None:
        self.root, self.most_bytes = os.path.abspath(root), most_bytes
        self.store = FolderStore(self.root)
        for name in ("known", "packages"):
            os.makedirs(os.path.join(self.root, name), exist_ok=True)

    @contextlib.contextmanager
    def work(self) -> Iterator[str]:
        """A folder to work in, gone at the end; what killed processes left is swept away before, and what is too much afterwards."""
        self.store.sweep()
        try:
            with self.store.staging() as folder:
                yield folder
        finally:
            self.bound()

    def keep(self, path: str) -> str:
        """Takes a finished table away from where it stands; gives its digest."""
        return self.store.put([Staged(path, ".parquet")])[0]

    def path(self, digest: str) -> str | None:
        """Where a table stands, whole; None where it is not there any more, or is not what was kept."""
        try:
            place = self.store.path(digest)
            if not digest.startswith(digest_of(place)):
                return None
            os.utime(place)
        except (OSError, Damaged):
            return None
        return place

    def note(self, key: str, about: Mapping[str, Any]) -> None:
        """Writes down what is known under a key."""
        place = self._known(key)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        temporary = f"{place}.{os.getpid()}.part"
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(about, file, ensure_ascii=True)
        os.replace(temporary, place)

    def known(self, key: str) -> dict[str, Any] | None:
        """What was written down under a key; None for nothing, or for a file that was cut off."""
        place = self._known(key)
        try:
            with open(place, encoding="utf-8") as file:
                about = json.load(file)
            os.utime(place)
        except (OSError, ValueError):
            return None
        return about if isinstance(about, dict) else None

    def folder(self, name: str, make: Callable[[str], None]) -> str:
        """A folder of packages that is there whole or not at all; of two that make it at once the first one counts.

        Args:
            name: of the folder: a digest of what is in it.
            make: called with an empty folder, where there is none yet.
        """
        place = os.path.join(self.root, "packages", name)
        if not os.path.isdir(place):
            with self.store.staging() as folder:
                made = os.path.join(folder, "made")
                os.mkdir(made)
                make(made)
                with contextlib.suppress(FileExistsError, OSError):
                    os.rename(made, place)
            if not os.path.isdir(place):
                raise MisuseError(f"{place}: the packages cannot be put there; look at the disk and the rights")
        os.utime(place)
        return place

    def bound(self) -> int:
        """Takes away what was asked for longest ago until it is few enough bytes; gives how many were taken away.

        What others that are at work may need is spared.
        """
        staging = os.path.join(self.root, "staging")
        spared = time.time() - SPARED_SECONDS if os.path.isdir(staging) and os.listdir(staging) else float("inf")
        things = sorted(self._things())
        left = sum(size for _, size, _ in things)
        taken = 0
        for used, size, place in things:
            if left <= self.most_bytes or used > spared:
                break
            if os.path.isdir(place):
                shutil.rmtree(place, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    os.unlink(place)
            left, taken = left - size, taken + size
        return taken

    def _things(self) -> Iterator[tuple[float, int, str]]:
        """When it was last asked for, its bytes, and where it is: of every file and every folder of packages."""
        for name in ("objects", "known"):
            for folder, _, files in os.walk(os.path.join(self.root, name)):
                for file in files:
                    with contextlib.suppress(OSError):
                        about = os.stat(os.path.join(folder, file))
                        yield about.st_mtime, about.st_size, os.path.join(folder, file)
        packages = os.path.join(self.root, "packages")
        for name in os.listdir(packages):
            place = os.path.join(packages, name)
            sizes = [os.stat(os.path.join(folder, file)).st_size for folder, _, files in os.walk(place) for file in files if os.path.isfile(os.path.join(folder, file))]
            with contextlib.suppress(OSError):
                yield os.stat(place).st_mtime, sum(sizes), place

    def _known(self, key: str) -> str:
        name = key_of(key) if len(key) != 64 else key
        return os.path.join(self.root, "known", name[:2], name + ".json")


def key_of(*about: Any) -> str:
    """One name for everything that something depends on.

    Args:
        about: JSON values.

    >>> key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1}) != key_of({"a": 1})
    True
    """
    return hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()
