"""What can happen between the last healthy day and the one that is asked about, each a value that is made to happen in a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np
import polars as pl
from laboratory_history import written
from laboratory_line import HEALTHY, NOTHING, LabLine

from assayline.certificate.faults import faults
from assayline.certificate.sound import sound


class Void(Exception):
    """The change cannot be made to happen here: the lot has no such column, or it changes nothing."""


@dataclass
class Day:
    """The day that is asked about, before the line sees it."""

    line: LabLine
    seed: int
    folder: Path
    world: dict[str, float] = field(default_factory=dict)
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)  # as the text of their files
    package: str = "1.0"
    model: int = 0

    def edit(self, file: str, old: str, new: str) -> None:
        """Replaces a text that stands once in a file of the project."""
        path = self.folder / file
        text = path.read_text()
        if text.count(old) != 1:
            raise Void(f"{file} holds {old!r} {text.count(old)} times")
        path.write_text(text.replace(old, new))


@dataclass(frozen=True)
class Data:
    """A fault of the catalogue in what one source delivers.

    Args:
        source: which.
        code: of the fault.
        column: that it strikes; None for the whole table.
        strength: "subtle", "medium", "gross".
    """

    source: str
    code: str
    column: str | None = None
    strength: str = "medium"

    def __str__(self) -> str:
        return f"{self.code} ({self.strength}) in {self.source}{f'.{self.column}' if self.column else ''}"

    def truth(self) -> frozenset[str]:
        return frozenset({f"source {self.source}"})

    def prepare(self, day: Day) -> None:
        if self.source in day.line.snapshots:
            day.world[self.source] = 1.0

    def happen(self, day: Day) -> None:
        past = [written(given[self.source]) for given in (day.line.deliver(day.seed, number, NOTHING) for number in range(1, HEALTHY + 1)) if self.source in given]
        lot = sound(day.tables[self.source], past, text=True)
        fault = next(one for one in faults() if one.code == self.code)
        strength = next((one for one in fault.strengths if one.name == self.strength), fault.strengths[-1])
        if self.column not in fault.applies(lot):
            raise Void(f"{self.code} strikes {', '.join(map(str, fault.applies(lot)))} of {self.source}, not {self.column}")
        made = fault.inject(lot, self.column, strength, np.random.default_rng([day.seed, 77]))
        if made is None:
            raise Void(f"{self.code} changes nothing in {self.column} of {self.source}")
        day.tables[self.source] = made


@dataclass(frozen=True)
class Edit:
    """Another text in a file of the project: a mistake, another value of a parameter, or the same in other words.

    Args:
        file: which.
        old: text that stands in it once.
        new: what stands there then.
        blamed: keys of the components that this is; empty where it is harmless.
    """

    file: str
    old: str
    new: str
    blamed: tuple[str, ...] = ()

    def __str__(self) -> str:
        at = next((place for place, (a, b) in enumerate(zip(self.old, self.new, strict=False)) if a != b), 0)
        return f"{self.file}: {' '.join(self.old[max(0, at - 20) : at + 25].split())} -> {' '.join(self.new[max(0, at - 20) : at + 25].split())}"

    def truth(self) -> frozenset[str]:
        return frozenset(self.blamed)

    def prepare(self, day: Day) -> None:
        pass

    def happen(self, day: Day) -> None:
        day.edit(self.file, self.old, self.new)


@dataclass(frozen=True)
class Schema:
    """Another form of what a source delivers: "rename", "drop", "add", "type".

    Args:
        source: which.
        how: what happens.
        column: to which column.
        to: its new name (rename), or the name of what is added.
    """

    source: str
    how: str
    column: str
    to: str = ""

    def __str__(self) -> str:
        return f"{self.how} of {self.source}.{self.column or self.to}"

    def truth(self) -> frozenset[str]:
        return frozenset({f"source {self.source}"}) if self.how != "add" else frozenset()

    def prepare(self, day: Day) -> None:
        if self.source in day.line.snapshots:
            day.world[self.source] = 1.0

    def happen(self, day: Day) -> None:
        table = day.tables[self.source]
        match self.how:
            case "rename":
                made = table.rename({self.column: self.to})
            case "drop":
                made = table.drop(self.column)
            case "add":
                made = table.with_columns(pl.int_range(pl.len()).cast(pl.String).alias(self.to))
            case "type":  # a number becomes a word
                made = table.with_columns(pl.concat_str(pl.lit("v"), pl.col(self.column)).alias(self.column))
            case _:
                raise Void(self.how)
        day.tables[self.source] = made


@dataclass(frozen=True)
class Package:
    """Another version of the package the steps use."""

    version: str
    harmless: bool = False

    def __str__(self) -> str:
        return f"package {self.version}"

    def truth(self) -> frozenset[str]:
        return frozenset() if self.harmless else frozenset({"package *"})

    def prepare(self, day: Day) -> None:
        pass

    def happen(self, day: Day) -> None:
        day.package = self.version


@dataclass(frozen=True)
class Model:
    """Another version of the model, signed by a person: 1 is as good, 2 is worse."""

    which: int

    def __str__(self) -> str:
        return "a model as good" if self.which == 1 else "a worse model"

    def truth(self) -> frozenset[str]:
        return frozenset({"model *"}) if self.which == 2 else frozenset()

    def prepare(self, day: Day) -> None:
        pass

    def happen(self, day: Day) -> None:
        if day.line.bring is None:
            raise Void("no model")
        day.model = self.which


@dataclass(frozen=True)
class Late:
    """A source that delivers nothing that day."""

    source: str

    def __str__(self) -> str:
        return f"nothing from {self.source}"

    def truth(self) -> frozenset[str]:
        return frozenset({f"arrival {self.source}", f"source {self.source}"})

    def prepare(self, day: Day) -> None:
        pass

    def happen(self, day: Day) -> None:
        del day.tables[self.source]


@dataclass(frozen=True)
class World:
    """The world is another one; what the sources deliver is right.

    Args:
        how: as `deliver` of the line takes it.
    """

    how: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    def __str__(self) -> str:
        return ", ".join(f"{name} {value:g}" for name, value in self.how.items()) or "a usual day"

    def truth(self) -> frozenset[str]:
        return frozenset()

    def prepare(self, day: Day) -> None:
        day.world.update(self.how)

    def happen(self, day: Day) -> None:
        pass


Change = Data | Edit | Schema | Package | Model | Late | World
