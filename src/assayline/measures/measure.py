"""What a measure is: a way to turn a block of a column into a mergeable state."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from assayline import hooks
from assayline.core import State
from assayline.errors import PluginError

from .block import Block, Column


@runtime_checkable
class Measure(Protocol):
    """Makes the state of one block of one column (or, with `whole`, of one block of the table).

    Attributes:
        name: name of the states it makes; stored, for ever.
        ordered: True when its states must be merged in the order of the rows.
        whole: True when it measures the table and not a column.
        state: class of the states it makes.
    """

    name: str
    ordered: bool
    whole: bool

    @property
    def state(self) -> type[State]:
        """The class of the states it makes."""
        ...

    def applies(self, column: Column) -> bool:
        """Whether this column has anything to measure."""
        ...

    def of(self, part: Column | Block) -> State | None:
        """The state of this part; None where there is nothing to say."""
        ...


def installed() -> tuple[Measure, ...]:
    """Every measure that is plugged in, ours and strangers'.

    Raises:
        PluginError: something plugged in at `assayline.measures` is not a measure.
    """
    found = []
    for plugin, thing in hooks.offered("assayline.measures"):
        if not isinstance(thing, Measure):
            raise PluginError(f"the plug-in {plugin!r} offers {thing!r} as a measure; it lacks name, ordered, whole, state, applies or of")
        found.append(thing)
    return tuple(found)
