"""Files that pin versions, and where what is installed has drifted away from them."""

from __future__ import annotations

import glob
import hashlib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from .fingerprint import Lock, Package
from .markers import holds

PATTERNS = ("uv.lock", "pylock.toml", "pylock.*.toml", "poetry.lock", "requirements*.txt", "requirements/*.txt", "environment.yml", "environment.yaml")
MOST_BYTES = 64 << 20


class Pin(NamedTuple):
    """A version that a file asks for; `prefix`: further digits may follow, as in conda's `numpy=2.4`."""

    name: str
    version: str
    prefix: bool = False


def locks_of(folder: str, packages: Mapping[str, Package], marker: Mapping[str, str]) -> dict[str, Lock]:
    """The lock files of a project's folder, by path, with what has drifted.

    A pin counts where the package is installed: groups and extras that nobody installed here are no drift.

    Args:
        folder: of the project.
        packages: what is installed.
        marker: what markers ask about.
    """
    paths = sorted({path for pattern in PATTERNS for path in glob.glob(os.path.join(glob.escape(folder), pattern)) if os.path.isfile(path)})
    found = {}
    for path in paths:
        if os.path.getsize(path) <= MOST_BYTES:
            with open(path, "rb") as file:
                data = file.read()
            name = os.path.relpath(path, folder).replace(os.sep, "/")
            found[name] = Lock("sha256:" + hashlib.sha256(data).hexdigest(), drift(pins(name, data.decode("utf-8", "replace"), marker), packages))
    return found


def drift(pinned: Iterator[Pin], packages: Mapping[str, Package]) -> dict[str, tuple[str, str]]:
    """Where the installed version is none of the pinned ones: (pinned, installed)."""
    wanted: dict[str, list[Pin]] = {}
    for pin in pinned:
        wanted.setdefault(pin.name, []).append(pin)
    return {
        name: (" or ".join(dict.fromkeys(pin.version for pin in some)), packages[name].version)
        for name, some in sorted(wanted.items())
        if name in packages and not any(_fits(packages[name].version, pin) for pin in some)
    }


def pins(name: str, text: str, marker: Mapping[str, str]) -> Iterator[Pin]:
    """The exact versions a lock file asks for here; nothing where it cannot be read, for then it pins nothing for an installer either."""
    if name.endswith((".lock", ".toml")):
        yield from _of_toml(text, marker)
    elif name.endswith((".yml", ".yaml")):
        yield from _of_conda(text)
    else:
        yield from _of_requirements(text, marker)


def _of_toml(text: str, marker: Mapping[str, str]) -> Iterator[Pin]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    for key in ("package", "packages"):
        for one in document.get(key, []) if isinstance(document.get(key), list) else []:
            if isinstance(one, dict) and isinstance(one.get("name"), str) and isinstance(one.get("version"), str) and _holds(one, marker):
                yield Pin(canonicalize_name(one["name"]), one["version"])


def _holds(one: Mapping[str, Any], marker: Mapping[str, str]) -> bool:
    texts = one.get("resolution-markers", one.get("marker", one.get("markers", [])))
    texts = [texts] if isinstance(texts, str) else texts if isinstance(texts, list) else []
    return not texts or any(holds(str(text), marker) for text in texts)


def _of_requirements(text: str, marker: Mapping[str, str]) -> Iterator[Pin]:
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        wanted = re.split(r"\s#|\s--", " " + line)[0].strip()
        if not wanted or wanted.startswith(("-", "#")):
            continue
        try:
            one = Requirement(wanted)
        except InvalidRequirement:  # an option, a path or an address: it pins no version
            continue
        exact = [part.version for part in one.specifier if part.operator in ("==", "===")]
        if len(exact) == 1 and holds(one.marker, marker):
            yield Pin(canonicalize_name(one.name), exact[0].removesuffix(".*"), exact[0].endswith(".*"))


def _of_conda(text: str) -> Iterator[Pin]:
    for name, equals, version in re.findall(r"^\s*-\s*[\"']?(?:[\w.-]+::)?([\w.-]+)\s*(==?)\s*([\w.!+]+)", text, re.MULTILINE):
        yield Pin(canonicalize_name(name), version, equals == "=")


def _fits(installed: str, pin: Pin) -> bool:
    try:
        there, wanted = Version(installed), Version(pin.version)
    except InvalidVersion:
        return installed == pin.version
    if pin.prefix:
        return there.release[: len(wanted.release)] == wanted.release
    return there == wanted if wanted.local else there.public == wanted.public or Version(there.public) == wanted
