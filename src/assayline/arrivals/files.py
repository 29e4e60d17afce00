"""Files that have settled: in a folder, behind a pattern, or in a store of objects.

A file is taken when two looks, some seconds apart, saw it with the same size and the same time of change, or when a marker says it is complete.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from glob import glob
from importlib import import_module
from typing import Any

from ..core import Source
from ..errors import MissingExtra, NotFound, Unreadable
from ..tables.source import checked_path
from .delivery import Delivery, Json
from .settings import address_of, duration, shown, text

SETTLE_SECONDS = 2.0  # two looks: what a writer on the same machine or share leaves alone for so long is, as a rule, complete
UNFINISHED = (".part", ".tmp", ".partial", ".crdownload", ".filepart", ".swp", "~")  # what browsers, editors and transfer programs add while they write
WHOLE, DONE = "_SUCCESS", ".done"
BLOCK_BYTES = 4 << 20
WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Seen:
    """One file, or one folder of parts, as one look saw it.

    Args:
        path: what opens it.
        bytes: its size, all parts together.
        version: what changes with its content: the time of change, or what a store calls it.
        modified: when it was changed, or None where nobody knows.
        complete: a marker says so.
        local: its bytes are on a file system, so that they can be hashed.
    """

    path: str
    bytes: int
    version: str
    modified: datetime | None
    complete: bool
    local: bool

    @property
    def stamp(self) -> tuple[int, str]:
        """What is the same at two looks when nobody writes."""
        return self.bytes, self.version


def poll_files(source: Source, position: Mapping[str, Json], moment: datetime, sleep: Callable[[float], None] = time.sleep) -> Iterator[Delivery]:
    """Files that are new or have changed, in natural order of their names."""
    taken: dict[str, Json] = dict(_files(position))
    first = _look(source)
    present = set(first)
    news = {name: seen for name, seen in first.items() if not _known(seen, taken.get(name))}
    if any(not seen.complete for seen in news.values()):
        sleep(duration(source, "settle_seconds", SETTLE_SECONDS))
        second = _look(source)
        present &= set(second)
        news = {name: seen for name, seen in news.items() if seen.complete or (name in second and second[name].stamp == seen.stamp)}
    # What has gone from the folder need not be remembered; what went between two looks may be a listing that lags behind.
    taken = {name: value for name, value in taken.items() if name in present or name in first}
    for name in sorted(news, key=natural):
        seen = news[name]
        digest = _digest(seen) if seen.local else ""
        before = taken.get(name)
        taken[name] = [seen.bytes, seen.version, digest]
        if digest and isinstance(before, list) and len(before) == 3 and before[2] == digest:
            continue  # touched or copied over by itself: the same bytes are no news
        yield Delivery(seen.path, _facts(source, name, seen, moment, changed=before is not None), {"files": dict(taken)})


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts as people count.

    >>> sorted(["day10.csv", "day9.csv", "Day1.csv"], key=natural)
    ['Day1.csv', 'day9.csv', 'day10.csv']
    """
    return (*((1, int(piece), "") if piece.isdecimal() else (0, 0, piece.lower()) for piece in re.split(r"([0-9]+)", name) if piece), (0, 0, name))


def _files(position: Mapping[str, Json]) -> dict[str, Json]:
    known = position.get("files", {})
    return known if isinstance(known, dict) else {}


def _known(seen: Seen, taken: Json) -> bool:
    return isinstance(taken, list) and tuple(taken[:2]) == seen.stamp


def _facts(source: Source, name: str, seen: Seen, moment: datetime, *, changed: bool) -> dict[str, str]:
    facts = {"address": shown(source), "name": name, "bytes": str(seen.bytes), "settled_at": moment.astimezone(UTC).isoformat()}
    if seen.modified is not None:
        facts["modified"] = seen.modified.isoformat()
    if changed:
        facts["changed"] = "it was taken before, with other content"
    return facts


def _look(source: Source) -> dict[str, Seen]:
    address = address_of(source)
    if os.path.lexists(address) or "://" not in address:
        return _look_local(source, address)
    if address.startswith("file://"):
        return _look_local(source, address[len("file://") :])
    return _look_remote(source, address)


def _marker(source: Source) -> str:
    return text(source, "marker")


def _is_data(name: str, marker: str) -> bool:
    return not name.startswith((".", "_")) and not name.lower().endswith(UNFINISHED) and not name.endswith((DONE, *([marker] if marker else [])))


# -- on a file system --------------------------------------------------------------------------------------------------


def _look_local(source: Source, address: str) -> dict[str, Seen]:
    marker = _marker(source)
    if os.path.isdir(address):
        checked_path(address.rstrip(os.sep) or os.sep)
        if os.path.exists(os.path.join(address, WHOLE)):
            return {os.path.basename(os.path.abspath(address)): _folder(address)}
        paths = {name: os.path.join(address, name) for name in os.listdir(address)}
    elif WILD.search(address) and not os.path.lexists(address):
        root = _root(address)
        if not os.path.isdir(root):
            raise NotFound(shown(source), f"there is no folder {root}", next_step="make it, or mount what it is on")
        paths = {os.path.relpath(path, root): path for path in glob(address, recursive=True)}
    elif os.path.lexists(address):
        paths = {os.path.basename(address): address}
    elif os.path.isdir(os.path.dirname(address) or "."):
        return {}  # the file that is asked for has not come yet
    else:
        raise NotFound(shown(source), "there is no such folder", next_step="make it, or mount what it is on")
    found = {name: _seen(path, marker) for name, path in paths.items() if _is_data(os.path.basename(path), marker)}
    return {name: seen for name, seen in found.items() if seen is not None}


def _root(pattern: str) -> str:
    """The folder below which a pattern looks.

    >>> _root("in/*/day-*.csv")
    'in'
    """
    pieces = pattern.split(os.sep)
    fixed = pieces[: next(n for n, piece in enumerate(pieces) if WILD.search(piece))]
    return os.sep.join(fixed) or (os.sep if pattern.startswith(os.sep) else ".")


def _seen(path: str, marker: str) -> Seen | None:
    """A file, or a folder of parts that is complete; None for what is no delivery, or not yet."""
    try:
        facts = os.stat(path)
    except OSError:
        return None  # it went between listing and looking
    if stat.S_ISDIR(facts.st_mode):
        return _folder(path) if os.path.exists(os.path.join(path, WHOLE)) else None
    if not stat.S_ISREG(facts.st_mode):
        return None
    complete = os.path.exists(path + (marker or DONE))
    if marker and not complete:
        return None
    return Seen(path, facts.st_size, str(facts.st_mtime_ns), _moment(facts.st_mtime), complete, local=True)


def _folder(path: str) -> Seen:
    parts = sorted(name for name in os.listdir(path) if _is_data(name, ""))
    facts = [(name, os.stat(os.path.join(path, name))) for name in parts]
    version = hashlib.sha256(repr([(name, one.st_size, one.st_mtime_ns) for name, one in facts]).encode()).hexdigest()[:16]
    modified = _moment(max((one.st_mtime for _, one in facts), default=os.stat(path).st_mtime))
    return Seen(path, sum(one.st_size for _, one in facts), version, modified, complete=True, local=True)


def _moment(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None  # a file system may say anything


def _digest(seen: Seen) -> str:
    state = hashlib.sha256()
    paths = [os.path.join(seen.path, name) for name in sorted(os.listdir(seen.path)) if _is_data(name, "")] if os.path.isdir(seen.path) else [seen.path]
    try:
        for path in paths:
            if len(paths) > 1:
                state.update(os.path.basename(path).encode() + b"\0")
            with open(path, "rb") as file:
                while block := file.read(BLOCK_BYTES):
                    state.update(block)
    except OSError:
        return ""  # the gate, which opens it next, says what is wrong with it
    return state.hexdigest()[:32]


# -- in a store --------------------------------------------------------------------------------------------------------


def _look_remote(source: Source, address: str) -> dict[str, Seen]:
    try:
        fsspec = import_module("fsspec")
    except ImportError as error:
        raise MissingExtra(f"reading {address.split(':')[0]}:// addresses", extra="objects", package="fsspec") from error
    try:
        system, path = fsspec.core.url_to_fs(address)
        system.invalidate_cache()
        listed = _listed(system, path)
    except ImportError as error:
        raise MissingExtra(f"reading {address.split(':')[0]}:// addresses", extra="objects", package=str(error.name or error)) from error
    except Exception as error:  # noqa: BLE001 - every driver has errors of its own; their texts may repeat the address
        raise Unreadable(shown(source), f"the store cannot be listed ({type(error).__name__})", next_step="check the address and the right to list it") from None
    marker, scheme = _marker(source), address.split("://")[0]
    names = set(listed)
    found: dict[str, Seen] = {}
    for name, facts in listed.items():
        base = name.rpartition("/")[2]
        if facts.get("type") == "directory" or not _is_data(base, marker):
            continue
        complete = name + (marker or DONE) in names
        if not marker or complete:
            found[name] = Seen(f"{scheme}://{facts['name'].lstrip('/') if scheme != 'memory' else facts['name']}", int(facts.get("size") or 0), _version(facts), None, complete, local=False)
    return found


def _listed(system: Any, path: str) -> dict[str, dict[str, Any]]:
    """What a store has at this place by name, the markers with it."""
    if WILD.search(path):
        root = path[: WILD.search(path).start()].rpartition("/")[0]  # type: ignore[union-attr]  # searched one line above
        marked = fnmatch.translate(path)
        found = system.glob(path, detail=True)
        beside = {name: facts for name, facts in system.glob(path + "*", detail=True).items() if not re.fullmatch(marked, name)}
        return {os.path.relpath(name, root or "/"): facts for name, facts in {**beside, **found}.items() if name in found or name.endswith(DONE)}
    try:
        entries = system.ls(path, detail=True)
    except FileNotFoundError:
        return {}  # stores have no empty folders
    return {str(facts["name"]).rstrip("/").rpartition("/")[2]: facts for facts in entries}


def _version(facts: Mapping[str, Any]) -> str:
    """Whatever a store says that changes with the bytes of an object."""
    keys = ("ETag", "etag", "md5Hash", "generation", "VersionId", "LastModified", "last_modified", "mtime", "updated", "created")
    return "|".join(str(facts[key]) for key in keys if facts.get(key) is not None)
