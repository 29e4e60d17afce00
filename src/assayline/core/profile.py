"""What was measured of a lot: states by place, which merge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable


class Place(NamedTuple):
    """Where a measure was taken: a column, or a column within one key or segment; all None is the table."""

    column: str | None = None
    key: str | None = None
    segment: str | None = None


TABLE = Place()


@runtime_checkable
class State(Protocol):
    """What one measure knows of one place: a monoid.

    `a.merge(b)` is what would have been measured of the rows of a followed by those of b. It is
    associative; commutative too unless the measure is *ordered* (runs, steps). `name` is stored with the
    profile and is for ever.
    """

    @property
    def name(self) -> str: ...

    def merge(self, other: Any, /) -> State: ...

    def as_json(self) -> dict[str, Any]:
        """The state as plain JSON values; two states with equal JSON are equal."""
        ...


S = TypeVar("S", bound=State)


@dataclass(frozen=True)
class Profile:
    """States by (place, measure name), and the order of the columns. No opinions.

    The first law of the design: `profile(a ++ b) == profile(a).merge(profile(b))`, and `Profile()` is the unit.
    """

    states: Mapping[tuple[Place, str], State] = field(default_factory=dict)
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "states", MappingProxyType(dict(self.states)))

    def merge(self, other: Profile) -> Profile:
        """The profile of these rows followed by those of `other`."""
        if not other.states:
            return self
        if not self.states:
            return other
        states = dict(self.states)
        for place, theirs in other.states.items():
            ours = states.get(place)
            states[place] = theirs if ours is None else ours.merge(theirs)
        columns = self.columns + tuple(name for name in other.columns if name not in set(self.columns))
        return Profile(states, columns)

    def of(self, column: str | None, kind: type[S]) -> S | None:
        """The state of this class for a column (None: the table), or None where it was not measured."""
        state = self.states.get((Place(column), kind.name))  # type: ignore[arg-type]  # name is a class attribute of every state
        return state if isinstance(state, kind) else None

    def all_of(self, kind: type[S]) -> dict[str, S]:
        """The states of this class by column, in column order, where it was measured."""
        found = {}
        for column in self.columns:
            state = self.of(column, kind)
            if state is not None:
                found[column] = state
        return found


def merged(profiles: Iterable[Profile]) -> Profile:
    """All of them merged, in the order given."""
    whole = Profile()
    for profile in profiles:
        whole = whole.merge(profile)
    return whole


@dataclass(frozen=True)
class Past:
    """The released profiles of the same flow, oldest first: what normal is.

    Args:
        profiles: one per lot, in order.
        names: a name for each (the file, the date), for sentences.
    """

    profiles: tuple[Profile, ...] = ()
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.profiles)

    def __bool__(self) -> bool:
        return bool(self.profiles)
