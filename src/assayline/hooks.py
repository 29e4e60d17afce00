"""The map of the product: every place where something can be plugged in.

A hook is an entry-point group; what a plug-in registers there is a function without arguments that
returns the things it offers. Built-ins are registered in our own `pyproject.toml` through the same door.

    group                  returns                                                   used by
    assayline.measures     measures (see `assayline.measures.Measure`)               the profile of a table
    assayline.detectors    detectors: callables (Profile, Past) -> findings          the judgement
    assayline.readers      readers (see `assayline.tables.Reader`)                   opening files, databases, frames
    assayline.views        {name: function}, most of them Report -> text             showing a report
    assayline.commands     commands (see `assayline.cli.Command`)                    the command line

>>> "assayline.detectors" in [group for group, _ in GROUPS]
True
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from .errors import PluginError

GROUPS = (
    ("assayline.measures", "measures"),
    ("assayline.detectors", "detectors"),
    ("assayline.readers", "readers"),
    ("assayline.views", "views"),
    ("assayline.commands", "commands"),
)


@functools.cache
def _entries(group: str) -> tuple[EntryPoint, ...]:
    return tuple(sorted(entry_points(group=group), key=lambda entry: (entry.name, entry.value)))


def offered(group: str) -> list[tuple[str, Any]]:
    """Everything plugged in at a hook, as (name of the plug-in, thing), in order of the names.

    Args:
        group: one of the groups above.

    Raises:
        PluginError: the group is unknown, or a plug-in cannot be imported or called; it names the plug-in.
    """
    if group not in {name for name, _ in GROUPS}:
        raise PluginError(f"there is no hook {group!r}; the hooks are {', '.join(name for name, _ in GROUPS)}")
    things: list[tuple[str, Any]] = []
    for entry in _entries(group):
        try:
            offer: Iterable[Any] | dict[str, Any] = entry.load()()
        except ModuleNotFoundError as error:
            if error.name and entry.value.startswith(error.name):
                continue  # a part of ours that was deleted takes its hooks with it: the deletion test relies on this
            raise PluginError(f"the plug-in {entry.name!r} ({entry.value}) cannot be loaded: {error}") from error
        except Exception as error:
            raise PluginError(f"the plug-in {entry.name!r} ({entry.value}) cannot be loaded: {error}") from error
        pairs = list(offer.items()) if isinstance(offer, dict) else [(entry.name, thing) for thing in offer]
        things.extend(pairs)
    return things
