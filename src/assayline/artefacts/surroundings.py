"""Whether a bundle will do here what it did where it was made: its libraries then and now."""

from __future__ import annotations

import importlib.metadata
import platform
import re
from collections.abc import Mapping
from typing import Any

from .bundle import Bundle
from .stored import DOCUMENT, parsed

PACKAGES = ("assayline", "numpy", "polars", "lightgbm", "scikit-learn", "scipy", "skops", "onnx", "onnxruntime")
# What each kind of predictor runs on, the extra that installs it, and what happens with an earlier version than the one it was made with.
NEEDS = {
    "boosted": ("lightgbm", "models", "its text format may have gained what the earlier version does not know"),
    "onnx": ("onnxruntime", "onnx", "it may lack operators that the graph uses"),
    "skops": ("scikit-learn", "models", "skops builds the objects of the version that wrote them"),
    "opened": ("scikit-learn", "models", "a pickle builds the objects of the version that wrote it"),
}
SAME_MINOR = {"skops", "opened"}  # of these, a later version is as doubtful as an earlier one


def environment_here() -> dict[str, Any]:
    """The fingerprint to put into a bundle: Python, platform, versions of the packages that matter.

    >>> sorted(environment_here())
    ['machine', 'packages', 'python', 'system']
    """
    packages = {name: _version(name) for name in PACKAGES}
    found = {name: version for name, version in packages.items() if version}
    return {"python": platform.python_version(), "system": platform.system(), "machine": platform.machine(), "packages": found}


def fits_here(bundle: Bundle) -> tuple[str, ...]:
    """What may be different here from where the bundle was made, a sentence each; nothing when all is well.

    A bundle is free of Python versions: numbers, texts and tables only. What can differ are the libraries that predict.
    """
    made = bundle.environment.get("packages")
    packages: Mapping[str, Any] = made if isinstance(made, dict) else {}
    notes = []
    for kind in sorted(kinds_of(bundle)):
        if kind not in NEEDS:
            continue
        package, extra, why = NEEDS[kind]
        here, there = _version(package), str(packages.get(package) or "")
        if not here:
            notes.append(f"{package} is not installed, so it cannot predict here: pip install 'assayline[{extra}]'.")
        elif there and _minor(here) < _minor(there):
            notes.append(f"It was made with {package} {there}, and {here} is installed: {why}.")
        elif there and kind in SAME_MINOR and _minor(here) != _minor(there):
            notes.append(f"It was made with {package} {there}, and {here} is installed: {why}; check its golden rows.")
    python, mine = str(bundle.environment.get("python") or ""), platform.python_version()
    if "opened" in kinds_of(bundle) and python and _minor(python) != _minor(mine):
        notes.append(f"It holds a pickle made on Python {python}, and this is {mine}: it may not load, or load as something else.")
    return tuple(notes)


def kinds_of(bundle: Bundle) -> set[str]:
    """The kinds of all predictors inside its model.

    >>> import polars as pl
    >>> from assayline.artefacts import AsIs, Constant
    >>> from assayline.framing import Problem
    >>> sorted(kinds_of(Bundle("m", "v1", AsIs(Problem("y"), "regression", ("x",)), Constant.of(1.0))))
    ['constant']
    """
    members = bundle.predictor.members()
    return {str(parsed(content, bundle.name, name).get("kind")) for name, content in members.items() if name.split("/")[-1] == DOCUMENT}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _minor(version: str) -> tuple[int, ...]:
    return tuple(int(one) for one in re.findall(r"\d+", version)[:2])
