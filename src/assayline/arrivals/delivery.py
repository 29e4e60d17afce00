"""What a source has given: one lot's worth of data, what is known of its arrival, and how far the source has got with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True)
class Delivery:
    """One lot on its way to the gate.

    Args:
        path: a file, a folder of parts or an address that `assayline.tables.open_table` opens. It may hold a password: it is not shown.
        facts: what is known of its arrival, as it may be shown and stored.
        position: all that the source has given, this delivery included: a JSON value. Whoever takes the delivery writes it down in the same transaction,
            and gives it back at the next look.

    >>> Delivery("in/a.csv", {"address": "in/"}, {"files": {}})
    Delivery(facts=mappingproxy({'address': 'in/'}))
    """

    path: str = field(repr=False)
    facts: Mapping[str, str]
    position: Mapping[str, Json] = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", MappingProxyType(dict(self.facts)))
        object.__setattr__(self, "position", MappingProxyType(dict(self.position)))

    def __hash__(self) -> int:
        return hash(self.path)
