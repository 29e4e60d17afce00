"""Sources and steps over lots, and the order in which the steps can run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType

GRADES = ("experimental", "production")


@dataclass(frozen=True)
class Source:
    """Where lots come from; its name is the name of the flow they go to.

    Args:
        name: of the flow.
        address: a path, a pattern of paths, a folder, or an address (https, mqtt, nats, amqp, redis, kafka, a database).
        time: the column that says when a row happened, or "".
        key: the column that says what a row is about (a device, a customer), or "".
        owner: who is told, or "".
        every: when it is asked for news, in cron's spelling with `H` for a spread minute or hour; "" for whenever somebody looks.
        window: how long one lot of a stream lasts, such as "5 min"; "" for what does not stream.
        external: somebody else's: it is asked politely, and its content is never taken for granted.
        snapshot: each lot replaces the one before (a table that is fetched anew); else lots are pieces that add up. None: decided by the address.
        grade: "experimental" or "production"; "" for what its behaviour says.
        options: whatever else its kind of address understands, plain values.

    >>> Source("weather", "https://example.com/weather.csv", every="H * * * *").is_snapshot
    True
    """

    name: str
    address: str
    time: str = ""
    key: str = ""
    owner: str = ""
    every: str = ""
    window: str = ""
    external: bool = False
    snapshot: bool | None = None
    grade: str = ""
    options: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if self.grade not in ("", *GRADES):
            raise ValueError(f"the grade of a source is {' or '.join(GRADES)}, not {self.grade!r}")
        object.__setattr__(self, "options", MappingProxyType(dict(self.options)))

    def __hash__(self) -> int:
        return hash((self.name, self.address))

    @property
    def is_snapshot(self) -> bool:
        """Whether each lot replaces the one before: said so, or one file or page that is always the same."""
        if self.snapshot is not None:
            return self.snapshot
        return not self.window and not any(char in self.address for char in "*?[") and not self.address.endswith("/") and "watermark" not in self.options


@dataclass(frozen=True)
class Step:
    """Makes one flow from others; its name is the name of the flow it makes.

    Args:
        name: of the step and of what it makes.
        inputs: names of the flows it reads, in the order of its parameters.
        takes: for an input what it is given: "each" lot by itself, "all" lots so far, or the "latest"; what is not named follows from the input.
    """

    name: str
    inputs: tuple[str, ...] = ()
    takes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        object.__setattr__(self, "takes", MappingProxyType(dict(self.takes)))

    def __hash__(self) -> int:
        return hash((self.name, self.inputs))


@dataclass(frozen=True)
class Line:
    """The sources and steps of one system. The gate stands between any two of them; a step cannot leave it out.

    >>> Line("bikes", (Step("hourly", ("rides",)), Step("daily", ("hourly",))), (Source("rides", "rides/"),)).order()
    ('hourly', 'daily')
    """

    name: str
    steps: tuple[Step, ...] = ()
    sources: tuple[Source, ...] = ()

    def order(self) -> tuple[str, ...]:
        """The names of the steps, each after all its inputs.

        Raises:
            ValueError: steps wait for each other in a circle; the message names them.
        """
        ours = {step.name for step in self.steps}
        graph = {step.name: sorted(ours.intersection(step.inputs)) for step in self.steps}
        try:
            return tuple(TopologicalSorter(graph).static_order())
        except CycleError as circle:
            raise ValueError(f"the steps {' -> '.join(circle.args[1])} wait for each other") from None

    def descendants(self, names: frozenset[str]) -> frozenset[str]:
        """The steps that depend on any of these flows, directly or not.

        >>> sorted(Line("bikes", (Step("hourly", ("rides",)), Step("daily", ("hourly",)))).descendants(frozenset({"rides"})))
        ['daily', 'hourly']
        """
        found: set[str] = set()
        for name in self.order():
            step = next(one for one in self.steps if one.name == name)
            if (found | names) & set(step.inputs):
                found.add(name)
        return frozenset(found)
