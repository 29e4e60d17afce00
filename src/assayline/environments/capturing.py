"""Captures an environment: of this process, or of another interpreter that need not have Assayline."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from assayline.errors import NotFound, Unreadable

from . import collecting, surroundings
from .fingerprint import Environment, environment_of
from .locks import locks_of

TIMEOUT_SECONDS = 300.0
# Runs in the other interpreter. Standard output is kept for the answer, whatever the imported libraries print.
_CHILD = """\
import json, os, sys, types
out = os.dup(1); os.dup2(2, 1)
sys.path[:] = [path for path in sys.path if path]
request = json.loads(sys.stdin.buffer.read().decode("utf-8"))
modules = {}
for name, text in request["modules"].items():
    module = modules[name] = types.ModuleType(name); module.__file__ = name
    sys.modules[name] = module
    try:
        exec(compile(text, name, "exec"), module.__dict__)
    except Exception:
        if not name.endswith("threadpoolctl"): raise
        modules[name] = None
packages = modules["assay_collecting"].packages(request["check_files"])
facts = modules["assay_surroundings"].surroundings(set(packages), modules.get("assay_threadpoolctl"))
with os.fdopen(out, "wb") as file:
    file.write(json.dumps({"packages": packages, "facts": facts}).encode("utf-8"))
"""


def capture(python: str | None = None, *, project: str | None = None, check_files: bool = True) -> Environment:
    """The environment of a fresh process of an interpreter: what a program that is started there finds.

    Args:
        python: path of the interpreter, or folder of a virtual environment; the one that runs this when None.
        project: folder whose lock files are held against what is installed; none when None.
        check_files: whether to read every installed file and hold it against its RECORD (a second for each few hundred megabytes).

    Raises:
        NotFound: there is no such interpreter.
        Unreadable: it does not answer, or not in time.

    >>> import platform
    >>> capture(check_files=False).fact("interpreter", "version") == platform.python_version()
    True
    """
    return _environment(_asked(_interpreter(python or sys.executable), check_files), project)


def fingerprint(*, project: str | None = None, check_files: bool = False) -> Environment:
    """The environment of this very process, with the switches it has set meanwhile; numeric libraries that are not loaded are not asked.

    Args:
        project: folder whose lock files are held against what is installed; none when None.
        check_files: as for `capture`.
    """
    packages = collecting.packages(check_files)
    facts = surroundings.surroundings(set(packages), _threadpoolctl(), load=False)
    return _environment({"packages": packages, "facts": facts}, project)


def _interpreter(path: str) -> str:
    """The interpreter itself where the folder of a virtual environment was named."""
    places = (os.path.join(path, "bin", "python"), os.path.join(path, "Scripts", "python.exe"))
    return next((place for place in places if os.path.isfile(place)), path) if os.path.isdir(path) else path


def _environment(told: Mapping[str, Any], project: str | None) -> Environment:
    without = environment_of(told, {})
    if project is None:
        return without
    return Environment(without.packages, without.facts, locks_of(project, without.packages, told["facts"]["marker"]))


def _threadpoolctl() -> ModuleType | None:
    return importlib.import_module("threadpoolctl") if importlib.util.find_spec("threadpoolctl") is not None else None


def _asked(python: str, check_files: bool) -> dict[str, Any]:
    request = {"modules": _texts(), "check_files": check_files}
    try:
        # Started in a folder without modules of its own; not `-I`: PYTHONPATH and the like are part of what is captured.
        done = subprocess.run([python, "-c", _CHILD], input=json.dumps(request).encode(), capture_output=True, timeout=TIMEOUT_SECONDS, check=False, env=_variables())
    except (FileNotFoundError, PermissionError, NotADirectoryError) as error:
        raise NotFound(python, f"this interpreter cannot be started ({error.strerror})", next_step="name the python of the environment, such as venv/bin/python") from error
    except OSError as error:
        raise Unreadable(python, f"this is no program that can be run here ({error.strerror})", next_step="name the python of the environment") from error
    except subprocess.TimeoutExpired as error:
        raise Unreadable(python, f"it gave no answer within {TIMEOUT_SECONDS:g} seconds", next_step="see what it does at its start (sitecustomize)") from error
    try:
        told = json.loads(done.stdout)
        if not isinstance(told, dict) or not {"packages", "facts"} <= told.keys():
            raise ValueError("no description")
    except ValueError as error:
        last = (done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it said nothing"])[-1]
        raise Unreadable(python, f"it could not describe itself (exit code {done.returncode}: {last[:300]})", next_step="name a Python of version 3.8 or later") from error
    return told


def _texts() -> dict[str, str]:
    paths = {"assay_collecting": collecting.__file__, "assay_surroundings": surroundings.__file__}
    spec = importlib.util.find_spec("threadpoolctl")
    if spec is not None and spec.origin is not None:
        paths["assay_threadpoolctl"] = spec.origin  # one file without requirements: it works in an interpreter that does not have it
    texts = {}
    for name, path in paths.items():
        with open(path, encoding="utf-8") as file:
            texts[name] = file.read()
    return texts


def _variables() -> dict[str, str]:
    """What the child gets of the environment: what a program started here would, without what belongs to coverage and the like."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONSTARTUP", "__PYVENV_LAUNCHER__")}
