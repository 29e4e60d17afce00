"""Results of a run that goes on, kept so that one that was killed begins where it ended: files named after what is in them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
import time

FOLDER = "scoring"  # in the folder of a project
NAME = re.compile(r"(?P<part>[a-z]+)-(?P<number>\d{6})-(?P<digest>[0-9a-f]{64})")
FORGOTTEN_SECONDS = 7 * 86_400.0


class Chunks:
    """The results in a folder, by part and number.

    A file that was cut off is not what its name says, and counts as not there: nothing has to be synced.

    Args:
        folder: where; it is made where it is missing.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self._names: dict[tuple[str, int], str] = {}
        for name in sorted(os.listdir(folder)):
            found = NAME.fullmatch(name)
            if found is not None:
                self._names[found["part"], int(found["number"])] = name
            else:
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(folder, name))  # of a process that was killed while it wrote

    def get(self, part: str, number: int) -> bytes | None:
        """What was kept, whole; None where it was not."""
        name = self._names.get((part, number))
        if name is None:
            return None
        try:
            with open(os.path.join(self.folder, name), "rb") as file:
                content = file.read()
        except OSError:
            return None
        return content if hashlib.sha256(content).hexdigest() == name[-64:] else None

    def put(self, part: str, number: int, content: bytes) -> None:
        """Keeps a result under its digest."""
        name = f"{part}-{number:06}-{hashlib.sha256(content).hexdigest()}"
        descriptor, path = tempfile.mkstemp(prefix=".", dir=self.folder)
        with open(descriptor, "wb") as file:
            file.write(content)
        os.replace(path, os.path.join(self.folder, name))
        earlier = self._names.get((part, number))
        if earlier is not None and earlier != name:
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(self.folder, earlier))
        self._names[part, number] = name


def sweep(root: str, keep: str = "", mine: str = "") -> None:
    """Takes away what runs left that nobody will go on with: those that were not touched for a week, and those of a flow that only the caller may score now.

    Args:
        root: where the folders are.
        keep: the one that is worked on.
        mine: how the names of that flow's folders begin; "" for none.
    """
    with contextlib.suppress(OSError):
        for name in os.listdir(root):
            place = os.path.join(root, name)
            with contextlib.suppress(OSError):
                if name != keep and ((bool(mine) and name.startswith(mine)) or time.time() - os.stat(place).st_mtime > FORGOTTEN_SECONDS):
                    shutil.rmtree(place, ignore_errors=True)
