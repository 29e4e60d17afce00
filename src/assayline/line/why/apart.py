"""A project as replays see it: the ledger is read, objects come from the area or from the store, and nothing can be put into either."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator
from typing import NoReturn

from assayline.errors import MisuseError
from assayline.ledger import Staged, Store
from assayline.ledger.store import RemoteStore

from ..project import Project
from .area import Area


class ReadOnlyStore:
    """Objects of the area, then of a store that is only read.

    Args:
        area: is asked first.
        store: is asked for what the area does not have. Of a remote one, what is fetched is kept in the area.
    """

    def __init__(self, area: Area, store: Store) -> None:
        self.name, self.area = store.name, area.store
        self.behind = RemoteStore(store.name, area.root) if isinstance(store, RemoteStore) else store

    def path(self, digest: str) -> str:
        """Where an object stands."""
        return self.area.path(digest) if self.area.has(digest) else self.behind.path(digest)

    def has(self, digest: str) -> bool:
        """Whether one of the two has it."""
        return self.area.has(digest) or self.behind.has(digest)

    def check(self, digest: str) -> str:
        """What is wrong with an object, or ""."""
        return self.area.check(digest) if self.area.has(digest) else self.behind.check(digest)

    def objects(self) -> Iterator[str]:
        """What the store has."""
        return self.behind.objects()

    def put(self, files: Iterable[Staged]) -> list[str]:
        """Refused."""
        _refuse(self.name)

    def delete(self, digest: str) -> None:
        """Refused."""
        _refuse(self.name)

    def staging(self) -> contextlib.AbstractContextManager[str]:
        """A folder of the area."""
        return self.area.staging()

    def sweep(self) -> int:
        """What killed replays left in the area."""
        return self.area.sweep()


def _refuse(name: str) -> NoReturn:
    raise MisuseError(f"{name}: a replay writes nothing into the store; its tables are in the folder of replays")


def apart(project: Project, area: Area) -> Project:
    """The same project, of which the store cannot be changed."""
    return dataclasses.replace(project, store=ReadOnlyStore(area, project.store))


