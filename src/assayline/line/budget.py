"""What work may cost, and what it has cost so far: seconds of processors, memory, rows and money. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields

from assayline.errors import MisuseError

WARN_SHARE = 0.8  # of a budget: time enough to do something about it
UNKNOWN_SECONDS = 3600.0  # how long a step may take that nobody has seen run; never for ever
KNOWN_RUNS = 5  # below so many runs the longest is no guide yet
SHORTEST_SECONDS = 300.0  # a step that takes a second may wait for a busy machine
MARGIN = 3.0  # times the slowest of a hundred runs, and times the longest pause
IDLE_SECONDS = 300.0
WORDS = {"cpu_seconds": "seconds of processor time", "memory_bytes": "bytes of memory", "rows": "rows", "money": "money", "wall_seconds": "seconds"}


@dataclass(frozen=True)
class Costs:
    """What something has cost.

    Args:
        wall_seconds: from begin to end.
        cpu_seconds: of all its processes, user and system.
        memory_bytes: the most it held at once.
        rows: read.
        money: at the price of the settings, in their currency.

    >>> Costs(cpu_seconds=2, memory_bytes=9) + Costs(cpu_seconds=3, memory_bytes=4)
    Costs(wall_seconds=0.0, cpu_seconds=5, memory_bytes=9, rows=0, money=0.0)
    """

    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    memory_bytes: int = 0
    rows: int = 0
    money: float = 0.0

    def __add__(self, other: Costs) -> Costs:
        return Costs(
            self.wall_seconds + other.wall_seconds, self.cpu_seconds + other.cpu_seconds, max(self.memory_bytes, other.memory_bytes), self.rows + other.rows,
            self.money + other.money,
        )  # fmt: skip

    def priced(self, price_per_cpu_hour: float) -> Costs:
        """The same, with the money its processor time costs.

        >>> Costs(cpu_seconds=1800).priced(0.10).money
        0.05
        """
        return Costs(self.wall_seconds, self.cpu_seconds, self.memory_bytes, self.rows, self.cpu_seconds / 3600 * price_per_cpu_hour)

    @classmethod
    def recorded(cls, costs: Mapping[str, float]) -> Costs:
        """The costs of a run as the ledger has them."""
        return cls(
            float(costs.get("wall_seconds", 0.0)), float(costs.get("cpu_seconds", 0.0)), int(costs.get("memory_bytes", 0)), int(costs.get("rows_in", 0)),
            float(costs.get("money", 0.0)),
        )  # fmt: skip


@dataclass(frozen=True)
class Budget:
    """What something may cost; 0 for no limit. The names are those of `Costs`.

    >>> Budget.parse({"memory_mib": 2, "rows": 10}, "the budget of hourly")
    Budget(wall_seconds=0.0, cpu_seconds=0.0, memory_bytes=2097152, rows=10, money=0.0)
    """

    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    memory_bytes: int = 0
    rows: int = 0
    money: float = 0.0

    @classmethod
    def parse(cls, given: object, where: str) -> Budget:
        """Reads a table of settings; memory may be given as `memory_mib`.

        Raises:
            MisuseError: with the name or the number that cannot be.
        """
        known = {*(one.name for one in fields(cls)), "memory_mib"}
        if not isinstance(given, Mapping):
            raise MisuseError(f"{where}: a budget has names and numbers, such as cpu_seconds = 3600; it is {given!r}")
        for name, value in given.items():
            if name not in known:
                raise MisuseError(f"{where}: {name!r} is nothing that is budgeted; there are {', '.join(sorted(known))}")
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise MisuseError(f"{where}: {name} = {value!r}; give it a number, 0 for no limit")
        values = {name: value for name, value in given.items() if name != "memory_mib"}
        return cls(**values if "memory_mib" not in given else {**values, "memory_bytes": int(given["memory_mib"]) << 20})


@dataclass(frozen=True)
class Standing:
    """How costs stand to a budget: "ok", "warn" from 80 % on, "stop" at 100 %; by the one that is nearest to its end, if anything is limited."""

    level: str = "ok"
    what: str = ""
    share: float = 0.0
    spent: float = 0.0
    limit: float = 0.0

    @property
    def sentence(self) -> str:
        """What is to be told."""
        if not self.what:
            return "There is no budget."
        return f"{self.spent:,.6g} of {self.limit:,.6g} {WORDS[self.what]} are spent ({self.share:.0%})."


def check(costs: Costs, budget: Budget) -> Standing:
    """How these costs stand to this budget.

    >>> check(Costs(cpu_seconds=85, rows=10), Budget(cpu_seconds=100, rows=1000))
    Standing(level='warn', what='cpu_seconds', share=0.85, spent=85, limit=100)
    """
    spent, limits = asdict(costs), asdict(budget)
    limited = [(spent[name] / limit, name) for name, limit in limits.items() if limit]
    if not limited:
        return Standing()
    share, name = max(limited)
    return Standing("stop" if share >= 1 else "warn" if share >= WARN_SHARE else "ok", name, share, spent[name], limits[name])


def worst(standings: Iterable[Standing]) -> Standing:
    """The one nearest to its end: several budgets hold at once, of a flow and of the day."""
    return max(standings, key=lambda one: one.share, default=Standing())


def left(costs: Costs, budget: Budget) -> Budget:
    """What may still be spent; memory is not used up.

    >>> left(Costs(cpu_seconds=40, memory_bytes=7), Budget(cpu_seconds=100, memory_bytes=9)).cpu_seconds
    60
    """
    spent = asdict(costs)
    return Budget(**{name: limit if name == "memory_bytes" or not limit else max(limit - spent[name], 1e-9) for name, limit in asdict(budget).items()})


@dataclass(frozen=True)
class StepLimits:
    """At what a step that runs is ended; 0 for no limit.

    Args:
        memory_bytes: resident, without mapped files, of the process and all it started.
        max_runtime_seconds: of the clock. It is never without limit.
        idle_seconds: without progress, for a step that reports progress.
        cpu_seconds: of all its processes.
    """

    memory_bytes: int = 0
    max_runtime_seconds: float = UNKNOWN_SECONDS
    idle_seconds: float = IDLE_SECONDS
    cpu_seconds: float = 0.0


def learned_limits(past: Sequence[Costs], longest_pauses: Sequence[float] = (), budget: Budget | None = None) -> StepLimits:
    """When a step is to be ended, from how it ran before.

    A run may take three times as long as the slowest of a hundred; an hour as long as it is hardly known. It may pause for three times as long as it ever
    did between two reports of progress, and for five minutes at least.

    Args:
        past: of runs that ended well.
        longest_pauses: the longest time without progress in each of them.
        budget: what it may cost besides.

    >>> learned_limits([Costs(wall_seconds=600)] * 50, [200.0] * 50)
    StepLimits(memory_bytes=0, max_runtime_seconds=1800.0, idle_seconds=600.0, cpu_seconds=0.0)
    """
    budget = budget or Budget()
    seconds = sorted(one.wall_seconds for one in past)
    slowest = seconds[math.ceil(0.99 * len(seconds)) - 1] if seconds else 0.0
    floor = SHORTEST_SECONDS if len(seconds) >= KNOWN_RUNS else UNKNOWN_SECONDS
    runtime = max(floor, MARGIN * slowest)
    runtime = min(runtime, budget.wall_seconds) if budget.wall_seconds else runtime
    return StepLimits(budget.memory_bytes, runtime, max(IDLE_SECONDS, MARGIN * max(longest_pauses, default=0.0)), budget.cpu_seconds)
