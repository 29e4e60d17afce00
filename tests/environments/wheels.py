"""Tiny wheels, made here so that the tests need no index, and folders they are installed into."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path


def wheel(
    folder: Path, name: str, version: str, files: Mapping[str, str] | None = None, *, requires: tuple[str, ...] = (), build: str = "", scripts: tuple[str, ...] = ()
) -> Path:
    """A wheel of these files in `folder`, with a RECORD as build tools write it."""
    info = f"{name}-{version}.dist-info"
    content = dict(files if files is not None else {f"{name}/__init__.py": f"__version__ = {version!r}\n"})
    content[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + "".join(f"Requires-Dist: {one}\n" for one in requires)
    content[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n" + (f"Build: {build}\n" if build else "")
    if scripts:
        content[f"{info}/entry_points.txt"] = "[console_scripts]\n" + "".join(f"{script} = {name}:main\n" for script in scripts)
    lines = [f"{path},sha256={digest(text)},{len(text.encode())}" for path, text in content.items()]
    content[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,"]) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}{'-' + build if build else ''}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inside, text in content.items():
            archive.writestr(inside, text)
    return path


def digest(text: str) -> str:
    """As RECORD spells it."""
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def unpacked(folder: Path, *wheels: Path) -> Path:
    """A folder for `sys.path` with these wheels in it: what an installer does, less scripts and compiled files."""
    for one in wheels:
        with zipfile.ZipFile(one) as archive:
            archive.extractall(folder)
    return folder
