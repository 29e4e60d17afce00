"""What a program runs on, as one frozen value with a digest: the same environment gives the same digest, whenever and wherever it is captured."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from assayline.errors import Unreadable

from .markers import holds

SCHEMA = 1
LAYERS = ("interpreter", "machine", "place", "clock", "math", "threads", "switches")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Package:
    """One installed distribution.

    Args:
        version: as it says itself.
        tag: of the wheel it was installed from, such as "py3-none-any"; "" where it came from none.
        build: of that wheel; mostly "".
        record: digest of the files it was installed with; None where RECORD is missing, or where it is editable.
        code: the same without its metadata.
        editable: whether its code stands in a source tree.
        source: where it came from: "" for an index, an address without passwords, "a folder", "a file".
        installer: "pip", "uv", "conda", …
        requires: normalised names of what it requires here, without extras.
        altered: files that are not what it was installed with, or gone.
    """

    version: str
    tag: str = ""
    build: str = ""
    record: str | None = None
    code: str | None = None
    editable: bool = False
    source: str = ""
    installer: str = ""
    requires: tuple[str, ...] = ()
    altered: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lock:
    """A file that pins versions.

    Args:
        digest: of its bytes.
        drift: for each package whose installed version is none of the pinned ones: (pinned, installed).
    """

    digest: str
    drift: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "drift", MappingProxyType({name: (pair[0], pair[1]) for name, pair in self.drift.items()}))

    def __hash__(self) -> int:
        return hash(self.digest)


@dataclass(frozen=True)
class Environment:
    """Everything a program runs on.

    Args:
        packages: by normalised name.
        facts: by layer ("interpreter", "machine", "place", "clock", "math", "threads", "switches") and name.
        locks: by path below the project's folder.

    >>> one = Environment({"numpy": Package("2.4.0")}, {"interpreter": {"version": "3.11.7"}})
    >>> environment_from_json(one.as_json()) == one
    True
    """

    packages: Mapping[str, Package] = field(default_factory=dict)
    facts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    locks: Mapping[str, Lock] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "packages", MappingProxyType(dict(sorted(self.packages.items()))))
        object.__setattr__(self, "facts", MappingProxyType({layer: MappingProxyType(dict(sorted(self.facts.get(layer, {}).items()))) for layer in LAYERS}))
        object.__setattr__(self, "locks", MappingProxyType(dict(sorted(self.locks.items()))))

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def digest(self) -> str:
        """ "sha256:…" of the content in canonical JSON."""
        return "sha256:" + hashlib.sha256(json.dumps(self._content(), sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()

    def fact(self, layer: str, name: str) -> str:
        """One fact, "" where it is not known."""
        return self.facts[layer].get(name, "")

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values, with the digest."""
        return {"schema": SCHEMA, "digest": self.digest, **self._content()}

    def _content(self) -> dict[str, Any]:
        return {
            "packages": {name: {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(one).items()} for name, one in self.packages.items()},
            "facts": {layer: dict(facts) for layer, facts in self.facts.items()},
            "locks": {path: {"digest": lock.digest, "drift": {name: list(pair) for name, pair in sorted(lock.drift.items())}} for path, lock in self.locks.items()},
        }


def environment_from_json(document: object, name: str = "the capture") -> Environment:
    """The environment that `as_json` wrote.

    Args:
        document: parsed JSON, of whatever origin.
        name: what to call it in errors.

    Raises:
        Unreadable: it is no capture, one of a later version, or not what its digest says.
    """
    if not isinstance(document, dict) or not {"schema", "packages", "facts", "locks"} <= document.keys():
        raise Unreadable(name, "this is no capture of an environment", next_step="make one with: assay env capture NAME")
    if document["schema"] != SCHEMA:
        raise Unreadable(name, f"it has schema {document['schema']!r}, this version knows {SCHEMA}", next_step="update assayline")
    try:
        found = Environment(
            {str(key): _package(one) for key, one in document["packages"].items()},
            {str(layer): {str(key): str(value) for key, value in facts.items()} for layer, facts in document["facts"].items()},
            {str(path): Lock(str(lock["digest"]), {str(key): (str(pair[0]), str(pair[1])) for key, pair in lock["drift"].items()}) for path, lock in document["locks"].items()},
        )
    except (AttributeError, KeyError, TypeError, IndexError) as error:
        raise Unreadable(name, f"this capture is damaged ({type(error).__name__}: {error})", next_step="capture the environment again") from error
    if "digest" in document and document["digest"] != found.digest:
        raise Unreadable(name, "its content is not what its digest says", next_step="capture the environment again")
    return found


def _package(one: Mapping[str, Any]) -> Package:
    def text(name: str) -> str:
        return str(one.get(name, ""))

    def digest(name: str) -> str | None:
        value = one.get(name)
        return None if value is None else str(value)

    requires, altered = (tuple(str(value) for value in one.get(name, ())) for name in ("requires", "altered"))
    return Package(str(one["version"]), text("tag"), text("build"), digest("record"), digest("code"), bool(one.get("editable")), text("source"), text("installer"), requires, altered)


def environment_of(told: Mapping[str, Any], locks: Mapping[str, Lock]) -> Environment:
    """The environment that an interpreter told of itself (`collecting`, `surroundings`).

    Args:
        told: {"packages": …, "facts": …}; the layer "marker" of the facts decides which requirements count, and is left out.
        locks: what the project pins.
    """
    marker = told["facts"]["marker"]
    packages = {name: _package({**one, "requires": required(one["requires"], marker)}) for name, one in told["packages"].items()}
    return Environment(packages, told["facts"], locks)


def required(requirements: Iterable[str], marker: Mapping[str, str]) -> tuple[str, ...]:
    """The normalised names of the requirements that count in an environment, without extras.

    >>> required(["Typing_Extensions>=4", "colorama; sys_platform == 'win32'"], {"sys_platform": "linux"})
    ('typing-extensions',)
    """
    names = set()
    for text in requirements:
        try:
            one = Requirement(text)
        except InvalidRequirement:  # of old packages; what is installed still works without it
            continue
        if holds(one.marker, marker):
            names.add(canonicalize_name(one.name))
    return tuple(sorted(names))
