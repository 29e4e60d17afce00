"""A line of the laboratory as a value: its files, its deliveries by seed and day, what is asked of it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

HEALTHY = 10  # days before the one that is asked about
NOTHING: Mapping[str, float] = {}

Deliver = Callable[[int, int, Mapping[str, float]], Mapping[str, pl.DataFrame]]


@dataclass(frozen=True)
class LabLine:
    """One line.

    Args:
        name: of the line.
        files: its project's own files, `line.py` among them.
        deliver: (seed, day, what the world does that day) to the table that each source delivers; a source that delivers nothing that day is left out.
        snapshots: sources whose lots replace each other.
        asked: the flow that people look at.
        metric: the figure they look at.
        package: name of the small package its steps use.
        versions: version of the package to the text of its one module.
        model: name of a model that it is scored by, or "".
        used_in: file, or kind of component, to the step that uses it.
        bring: (folder, seed) to the files of three versions of the model: the one in force, one as good, one that is worse.
    """

    name: str
    files: Mapping[str, str]
    deliver: Deliver
    snapshots: tuple[str, ...]
    asked: str
    metric: str
    package: str
    versions: Mapping[str, str]
    model: str = ""
    bring: Callable[[str, int], tuple[str, str, str]] | None = None
    used_in: Mapping[str, str] = field(default_factory=dict)

    def entered(self, key: str) -> tuple[str, ...]:
        """The flows in which something that is to be blamed enters: what a person who thinks in flows would have to name."""
        kind, _, name = key.partition(" ")
        if kind in ("source", "arrival"):
            return (name,)
        if kind == "parameter":
            return (name.partition(".")[0],)
        if kind == "code" and name.startswith("line.py: "):
            return (name.removeprefix("line.py: "),)
        return tuple(flow for what, flow in self.used_in.items() if name.startswith(what) or (name == "*" and what == kind))


def chance(seed: int, day: int, what: str) -> np.random.Generator:
    """The chance of one thing on one day: the same whatever else is drawn."""
    return np.random.default_rng([seed, day, zlib.crc32(what.encode())])
