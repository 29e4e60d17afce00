"""Captures an environment: of this process, or of another interpreter that need not have Assayline."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from . import collecting, surroundings
from .asking import asked
from .fingerprint import Environment, environment_of
from .locks import locks_of


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
    files = {"collecting": str(collecting.__file__), "surroundings": str(surroundings.__file__)}
    spec = importlib.util.find_spec("threadpoolctl")
    if spec is not None and spec.origin is not None:
        files["threadpoolctl"] = spec.origin  # one file without requirements: it works in an interpreter that does not have it
    return _environment(asked(python or sys.executable, files, "surroundings", {"check_files": check_files}, optional=("threadpoolctl",)), project)


def fingerprint(*, project: str | None = None, check_files: bool = False) -> Environment:
    """The environment of this very process, with the switches it has set meanwhile; numeric libraries that are not loaded are not asked.

    Args:
        project: folder whose lock files are held against what is installed; none when None.
        check_files: as for `capture`.
    """
    packages = collecting.packages(check_files)
    facts = surroundings.surroundings(set(packages), _threadpoolctl(), load=False)
    return _environment({"packages": packages, "facts": facts}, project)


def _environment(told: Mapping[str, Any], project: str | None) -> Environment:
    without = environment_of(told, {})
    if project is None:
        return without
    return Environment(without.packages, without.facts, locks_of(project, without.packages, told["facts"]["marker"]))


def _threadpoolctl() -> ModuleType | None:
    return importlib.import_module("threadpoolctl") if importlib.util.find_spec("threadpoolctl") is not None else None
