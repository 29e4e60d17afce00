"""Steps over lots, and the order in which they can run."""

from __future__ import annotations

from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter


@dataclass(frozen=True)
class Step:
    """Makes one flow from others; its name is the name of the flow it makes."""

    name: str
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Line:
    """The steps of one system. The gate stands between any two of them; a step cannot leave it out.

    >>> Line("bikes", (Step("hourly", ("rides",)), Step("rides"))).order()
    ('rides', 'hourly')
    """

    name: str
    steps: tuple[Step, ...] = ()

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
