"""Packages in an earlier version, in a folder that a process imports first: of wheels and source archives somebody kept, or of unpacked site folders. No network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from assayline.environments.collecting import normalised
from assayline.errors import MisuseError

from .area import Area, key_of

SECONDS = 300.0  # of the clock, for one installation; a source archive is built
ARCHIVE = re.compile(r"(?P<name>.+?)-(?P<version>\d[^-]*?)(?:(?P<wheel>-[^/]*\.whl)|\.tar\.gz|\.zip|\.tar\.bz2)")
UNPACKED = re.compile(r"(?P<name>.+?)-(?P<version>\d[^/]*)")


@dataclass(frozen=True)
class Kept:
    """A package in one version that somebody kept: where, and whether it is a folder that can be imported from as it is."""

    path: str
    unpacked: bool


def kept(name: str, version: str, folders: Sequence[str]) -> Kept | None:
    """Where a version of a package is kept; an unpacked one comes first, then a wheel, then a source archive.

    Args:
        name: of the package, in any spelling.
        version: of it.
        folders: to look into; what is missing is passed over.
    """
    found = sorted(_kept(name, version, folders), key=lambda one: (not one.unpacked, not one.path.endswith(".whl")))
    return found[0] if found else None


def _kept(name: str, version: str, folders: Sequence[str]) -> Iterator[Kept]:
    for folder in folders:
        for entry in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            path = os.path.join(folder, entry)
            unpacked = os.path.isdir(path)
            match = (UNPACKED if unpacked else ARCHIVE).fullmatch(entry)
            if match is not None and normalised(match["name"]) == normalised(name) and match["version"] == version:
                yield Kept(path, unpacked)


def overlay(area: Area, name: str, version: str, folders: Sequence[str]) -> str:
    """A folder that holds a package in this version; made once, then found again.

    Args:
        area: where it is kept.
        name: of the package.
        version: of it.
        folders: where it may be found.

    Raises:
        MisuseError: it is nowhere, or cannot be installed.
    """
    found = kept(name, version, folders)
    if found is None:
        where = ", ".join(folders) or "no folder was named"
        raise MisuseError(f"{name} {version} is not kept anywhere ({where}); name a folder with its wheel with --packages, or under [why] packages in assay.toml")
    return area.folder(key_of("package", normalised(name), version, sys.version, _stamps(found.path))[:32], lambda target: _put(found, name, version, target))


def _put(found: Kept, name: str, version: str, target: str) -> None:
    if found.unpacked:
        shutil.copytree(found.path, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        return
    command = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet", "--target", target, found.path]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as error:
        raise MisuseError(f"{found.path}: it could not be installed in {SECONDS:.0f} seconds; unpack it yourself into a folder {name}-{version}") from error
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        raise MisuseError(f"{found.path}: {name} {version} cannot be installed: {said}; unpack it yourself into a folder {name}-{version}")


def _stamps(path: str) -> list[tuple[str, int, int]]:
    """What is where, how large and how old: a package that was kept anew is another one."""
    places = [path] if os.path.isfile(path) else [os.path.join(folder, file) for folder, _, files in os.walk(path) for file in files if not file.endswith(".pyc")]
    return sorted((os.path.relpath(place, path), os.stat(place).st_size, os.stat(place).st_mtime_ns) for place in places)
