"""What some modules run on, as one digest: it changes exactly when the packages behind them do."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from functools import lru_cache

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from .collecting import Found, installed, is_editable, metadata, record_digest, top_level
from .markers import holds


def identity(modules: Iterable[str]) -> str:
    """A digest of what these modules run on.

    It covers the minor version of Python and, for the distributions that provide the modules and for all they require, the version and the files they were
    installed with. Two virtual environments made from the same wheels give the same digest, wherever they lie and whoever installed them.
    Code that no distribution provides, or that is installed editable, counts by its name and version only: its files are the caller's to digest.

    Args:
        modules: names as `import` knows them; of a dotted name the first piece counts.

    Returns:
        "sha256:…".

    >>> identity(["numpy"]) == identity(["numpy.linalg", "json"]) != identity(["polars"])
    True
    """
    return identity_of(identity_lines(modules))


def identity_of(lines: Iterable[str]) -> str:
    """The digest of what `identity_lines` says."""
    return "sha256:" + hashlib.sha256("\n".join(lines).encode()).hexdigest()


def identity_lines(modules: Iterable[str]) -> list[str]:
    """What `identity` is the digest of: one line for Python, and one for each distribution with its version and the digest of its files."""
    found = installed()
    wanted = sorted({module.partition(".")[0] for module in modules} - sys.stdlib_module_names)
    owners = {module: _owners(module, found) for module in wanted}
    lines = [f"python {sys.implementation.name} {sys.version_info[0]}.{sys.version_info[1]}"]
    lines += [f"module {module} of no distribution" for module in wanted if not owners[module]]
    lines += [_line(found[name]) for name in sorted(closure((name for names in owners.values() for name in names), found))]
    return lines


def closure(names: Iterable[str], found: dict[str, Found]) -> set[str]:
    """These distributions and all that they require here, extras and markers respected; what is not installed is left out."""
    waiting = [(name, frozenset[str]()) for name in names]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        one = waiting.pop()
        if one in seen or one[0] not in found:
            continue
        seen.add(one)
        waiting += [needed for text in metadata(found[one[0]].folder).requires for needed in _needed(text, one[1])]
    return {name for name, _ in seen}


def _owners(module: str, found: dict[str, Found]) -> list[str]:
    return [name for name, one in found.items() if module in top_level(one.folder)]


def _line(one: Found) -> str:
    files = "editable" if is_editable(one.folder) else record_digest(one.folder) or "no record"
    return f"{one.name} {metadata(one.folder).version} {files}"


@lru_cache(maxsize=16384)
def _needed(text: str, extras: frozenset[str]) -> tuple[tuple[str, frozenset[str]], ...]:
    try:
        requirement = Requirement(text)
    except InvalidRequirement:  # of old packages; pip would not install it anew, and what is installed still works without it
        return ()
    if not any(holds(requirement.marker, {}, extra) for extra in (extras or {""})):
        return ()
    return ((canonicalize_name(requirement.name), frozenset(requirement.extras)),)
