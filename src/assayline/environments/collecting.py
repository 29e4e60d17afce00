"""What is installed for an interpreter: the standard library alone, so that any interpreter can run this file without Assayline."""

from __future__ import annotations

import base64
import contextlib
import csv
import hashlib
import json
import os
import re
import sys
from functools import lru_cache
from typing import Any, NamedTuple

# Written anew by each installation, so that two installations of one wheel differ in them.
_OF_THE_INSTALLATION = re.compile(rb"[^/,]+\.dist-info/(INSTALLER|REQUESTED|RECORD|direct_url\.json|uv_cache\.json|uv_build\.json)\b")
# Scripts begin with the path of their interpreter.
_SCRIPT = re.compile(rb"\"?(\.\.[/\\]).*[/\\](bin|Scripts)[/\\]")
_TOP = re.compile(rb"^\"?([^/\\,\"\n]+?)(?:[/\\]|(?:\.[\w-]+)*,)", re.MULTILINE)


class Found(NamedTuple):
    """Where the metadata of one installed distribution stand; `folder` is the `.dist-info` or `.egg-info`, which may be a file."""

    name: str
    folder: str


class Metadata(NamedTuple):
    """What a distribution says of itself."""

    name: str
    version: str
    requires: tuple[str, ...]


def normalised(name: str) -> str:
    """The name of a distribution as all spellings of it share it.

    >>> normalised("Typing_Extensions")
    'typing-extensions'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def installed(paths: list[str] | None = None) -> dict[str, Found]:
    """The distributions that imports would use, by normalised name: of two with the same name the first on the path counts."""
    found: dict[str, Found] = {}
    for path in sys.path if paths is None else paths:
        for name, folder in _listed(path or os.curdir):
            found.setdefault(name, Found(name, folder))
    return found


def _listed(path: str) -> list[tuple[str, str]]:
    try:
        entries = sorted(entry for entry in os.listdir(path) if entry.endswith((".dist-info", ".egg-info")))
    except OSError:  # an entry of sys.path that is no folder: a zip file, or nothing at all
        return []
    return [(normalised(entry.rsplit(".", 1)[0].split("-")[0]), os.path.join(path, entry)) for entry in entries]


def metadata(folder: str) -> Metadata:
    """Name, version and requirements of an installed distribution."""
    if os.path.isfile(folder):
        return _metadata(folder, *_stamp(folder))
    for name in ("METADATA", "PKG-INFO"):
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            return _metadata(path, *_stamp(path))
    return Metadata(os.path.basename(folder).split("-")[0], "", ())


def record_digest(folder: str) -> str | None:
    """A digest of the files a distribution was installed with; None where there is no RECORD.

    It is the digest of RECORD without what every installation writes anew: compiled files, scripts, who installed it and from where.
    """
    path = os.path.join(folder, "RECORD")
    try:
        return _record_digest(path, *_stamp(path))
    except OSError:
        return None


def top_level(folder: str) -> frozenset[str]:
    """The names that `import` knows a distribution by."""
    names: frozenset[str] = frozenset()
    for name, read in (("RECORD", _tops_of_record), ("top_level.txt", _tops_of_text)):
        path = os.path.join(folder, name)
        try:
            names |= read(path, *_stamp(path))
        except OSError:  # an editable installation records no module; an old one has no RECORD at all
            continue
    return names


def direct_url(folder: str) -> dict[str, Any]:
    """From where it was installed, if not from an index: PEP 610; empty where nothing is said."""
    try:
        with open(os.path.join(folder, "direct_url.json"), encoding="utf-8") as file:
            said = json.load(file)
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def is_editable(folder: str) -> bool:
    """Whether its code stands in a source tree and not where it was installed."""
    where = direct_url(folder).get("dir_info")
    return isinstance(where, dict) and where.get("editable") is True


def _stamp(path: str) -> tuple[int, int]:
    # With these two as keys, what is read once is read again only after an installation.
    status = os.stat(path)
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=4096)
def _metadata(path: str, changed_ns: int, size: int) -> Metadata:
    name, version, requires = "", "", []
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            if not line.strip():
                break
            key, _, value = line.partition(":")
            if key == "Name":
                name = value.strip()
            elif key == "Version":
                version = value.strip()
            elif key == "Requires-Dist":
                requires.append(value.strip())
    return Metadata(name, version, tuple(requires))


def _lines(path: str) -> list[bytes]:
    with open(path, "rb") as file:
        return file.read().splitlines()


@lru_cache(maxsize=4096)
def _record_digest(path: str, changed_ns: int, size: int) -> str:
    kept = [line for line in _lines(path) if not _written_anew(line)]
    return "sha256:" + hashlib.sha256(b"\n".join(sorted(kept))).hexdigest()


def _written_anew(line: bytes) -> bool:
    if line.endswith(b",,") or b".pyc," in line or line.startswith((b"/", b'"/')):
        return True
    return _OF_THE_INSTALLATION.match(line) is not None or _SCRIPT.match(line) is not None


@lru_cache(maxsize=4096)
def _tops_of_record(path: str, changed_ns: int, size: int) -> frozenset[str]:
    with open(path, "rb") as file:
        names = {match.decode("utf-8", "replace") for match in _TOP.findall(file.read())}
    return frozenset(name for name in names if name != ".." and not name.endswith((".dist-info", ".data")))


@lru_cache(maxsize=4096)
def _tops_of_text(path: str, changed_ns: int, size: int) -> frozenset[str]:
    return frozenset(line.decode("utf-8", "replace").strip() for line in _lines(path) if line.strip())


def packages(check_files: bool = True) -> dict[str, dict[str, Any]]:
    """Every installed distribution, as plain JSON values.

    Args:
        check_files: whether to read each installed file and hold it against RECORD.
    """
    found = {name: _described(one.folder, check_files) for name, one in sorted(installed().items())}
    return {**{f"conda:{name}": one for name, one in _of_conda().items() if normalised(name) not in found}, **found}


def _of_conda() -> dict[str, dict[str, Any]]:
    """What conda installed: among it are the numeric libraries that no Python package brings."""
    packages = {}
    with contextlib.suppress(OSError):  # no conda here
        for entry in os.listdir(os.path.join(sys.prefix, "conda-meta")):
            pieces = entry[: -len(".json")].rsplit("-", 2) if entry.endswith(".json") else []
            if len(pieces) == 3:
                digest = "sha256:" + hashlib.sha256(entry.encode()).hexdigest()
                packages[pieces[0]] = {"version": pieces[1], "tag": pieces[2], "record": digest, "installer": "conda", "requires": []}
    return packages


def _described(folder: str, check_files: bool) -> dict[str, Any]:
    about = metadata(folder)
    wheel = _headers(os.path.join(folder, "WHEEL"))
    editable = is_editable(folder)
    return {
        "version": about.version,
        "tag": " ".join(sorted(wheel.get("tag", []))),
        "build": " ".join(wheel.get("build", [])),
        "record": None if editable else record_digest(folder),
        "code": None if editable else _code_digest(folder),
        "editable": editable,
        "source": _source(direct_url(folder)),
        "installer": _first_line(os.path.join(folder, "INSTALLER")),
        "requires": list(about.requires),
        "altered": _altered(folder) if check_files and not editable else [],
    }


def _headers(path: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                key, _, value = line.partition(":")
                found.setdefault(key.strip().lower(), []).append(value.strip())
    except OSError:  # not installed from a wheel
        pass
    return found


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.readline().strip()
    except OSError:
        return ""


def _code_digest(folder: str) -> str | None:
    """As `record_digest`, without the metadata: the same for two wheels that were packed differently and do the same."""
    info = os.path.basename(folder).encode()
    try:
        kept = [line for line in _lines(os.path.join(folder, "RECORD")) if not _written_anew(line) and not line.lstrip(b'"').startswith(info)]
    except OSError:
        return None
    return "sha256:" + hashlib.sha256(b"\n".join(sorted(kept))).hexdigest()


def _source(said: dict[str, Any]) -> str:
    """Where it came from in a form that is the same on every machine and holds no password; "" for an index."""
    if not said:
        return ""
    address = re.sub(r"//[^/@]*@", "//", str(said.get("url", ""))).partition("?")[0]
    version = said.get("vcs_info")
    if isinstance(version, dict):
        return f"{version.get('vcs', 'vcs')}+{address}@{version.get('commit_id', '')}"
    if "dir_info" in said:
        return "a folder"
    archive = said.get("archive_info")
    digests = archive.get("hashes") if isinstance(archive, dict) else None
    digest = f" sha256:{digests['sha256']}" if isinstance(digests, dict) and "sha256" in digests else ""
    return ("a file" if address.startswith("file:") else address) + digest


def _altered(folder: str) -> list[str]:
    """The files of a distribution that are not what it was installed with, or are gone."""
    site, found = os.path.dirname(folder), []
    try:
        with open(os.path.join(folder, "RECORD"), encoding="utf-8", errors="replace", newline="") as file:
            rows = list(csv.reader(file))
    except OSError:
        return []
    for row in rows:
        if len(row) == 3 and row[1].startswith("sha256=") and not _written_anew(",".join(row).encode()) and not _as_recorded(os.path.join(site, row[0]), row[1][7:], row[2]):
            found.append(row[0])
    return sorted(found)


def _as_recorded(path: str, digest: str, size: str) -> bool:
    try:
        if size and os.path.getsize(path) != int(size):
            return False
        state = hashlib.sha256()
        with open(path, "rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                state.update(block)
    except (OSError, ValueError):
        return False
    return base64.urlsafe_b64encode(state.digest()).rstrip(b"=").decode() == digest
