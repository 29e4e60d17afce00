"""What rows and answers are called when a change is told: `[explain.MODEL]` in the settings of the project, else what the version itself says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assayline.errors import MisuseError
from assayline.explain import Vocabulary

from ..project import SETTINGS, Project

KNOWN: Mapping[str, type] = {"rows": str, "says": dict, "truth": dict, "contact": str}
CASES = "cases"
ENDINGS = ("_id", "_no", "_nr", "_number", "_key", "id")


def settings_of(project: Project, model: str) -> dict[str, Any]:
    """The settings of one model.

    Raises:
        MisuseError: one is unknown or has another type.
    """
    whole = project.settings.get("explain", {})
    found = whole.get(model, {}) if isinstance(whole, dict) else whole
    if not isinstance(found, dict):
        raise MisuseError(f"{SETTINGS}: [explain.{model}] is a table of settings")
    for name, value in found.items():
        right = name in KNOWN and isinstance(value, KNOWN[name])
        if not right or (isinstance(value, dict) and not all(isinstance(one, str) for one in value.values())):
            raise MisuseError(f"{SETTINGS}: [explain.{model}] {name} = {value!r} is none of: rows = \"customers\", says.yes = \"are called\", truth.no = \"would have stayed\", contact = \"…\"")
    return dict(found)


def vocabulary(settings: Mapping[str, Any], *, target: str, keys: Sequence[str], repeats: bool) -> Vocabulary:
    """What things are called.

    Args:
        settings: of the model.
        target: the column it predicts.
        keys: columns that say what a row is about.
        repeats: whether several rows are about the same thing: then a row is not a customer.

    >>> vocabulary({}, target="churned", keys=["customer_id"], repeats=False).rows
    'customers'
    """
    rows = str(settings.get("rows") or (CASES if repeats or len(keys) != 1 else _plural(keys[0])))
    return Vocabulary(rows, dict(settings.get("says", {})), dict(settings.get("truth", {})), target)


def _plural(key: str) -> str:
    name = key.lower()
    for ending in ENDINGS:
        if name.endswith(ending) and len(name) > len(ending) + 1:
            name = name[: -len(ending)].rstrip("_- ")
            break
    if not name.replace("_", "").isalpha():
        return CASES
    name = name.replace("_", " ")
    return name if name.endswith("s") else f"{name[:-1]}ies" if name.endswith("y") and name[-2:-1] not in "aeiou" else f"{name}s"
