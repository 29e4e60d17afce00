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


def repacked(original: Path, folder: Path, patched: str, build: str) -> Path:
    """The same wheel with a comment added to one of its files and another build tag, as a distributor's build would be."""
    name, version, *tags = original.stem.split("-")
    path = folder / f"{name}-{version}-{build}-{'-'.join(tags)}.whl"
    info = f"{name}-{version}.dist-info"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(original) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        changed = {patched: old.read(patched).decode() + "# patched\n", f"{info}/WHEEL": old.read(f"{info}/WHEEL").decode().rstrip("\n") + f"\nBuild: {build}\n"}
        record = old.read(f"{info}/RECORD").decode().splitlines()
        lines = [f"{row},sha256={digest(changed[row])},{len(changed[row].encode())}" if row in changed else line for line in record for row in [line.split(",")[0]]]
        for one in old.infolist():
            if one.filename != f"{info}/RECORD":
                new.writestr(one, changed[one.filename] if one.filename in changed else old.read(one.filename))
        new.writestr(f"{info}/RECORD", "\n".join(lines) + "\n")
    return path
