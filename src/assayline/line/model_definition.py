"""A model as the author of a line writes it: a class that says what is asked, and where its rows come from. Nothing is trained while the file is read."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from assayline.errors import MisuseError

from .names import check_name

RETRAINS = ("new data", "drift", "never")
EVERY = re.compile(r"(\d+) ?(?:d|days?)")
NOT_A_NAME = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Model:
    """What a model is asked; write a class for it, whose first sentence says what it is for.

        class Demand(assayline.Model):
            \"\"\"Rides per station in the next hour.\"\"\"
            target, horizon, key, time = "rides", "1h", "station", "hour"

    Attributes:
        target: the column to predict; the only one that has to be there.
        key: the column, or columns, that say what a row is about.
        time: the column that says when.
        horizon: how far ahead, such as "1h", "7d" or a number of rows; "" for the row itself.
        task: "binary", "multiclass" or "regression"; found when "".
        drop: columns that are not to be used.
        owner: who answers for it.
    """

    target: ClassVar[str] = ""
    key: ClassVar[str | tuple[str, ...]] = ()
    time: ClassVar[str] = ""
    horizon: ClassVar[str] = ""
    task: ClassVar[str] = ""
    drop: ClassVar[tuple[str, ...]] = ()
    owner: ClassVar[str] = ""


@dataclass(frozen=True)
class ModelDefinition:
    """One model of a line.

    Args:
        name: of the model, and of the flow its versions are lots of.
        data: the flow it learns from.
        asked: target, key, time, horizon, task, drop, as plain values.
        budget: of the clock, as people write it.
        cost: what wrong answers cost, or None.
        retrain: "new data", "drift", "never", or a number of days ("7 days"): what makes it due besides another code.
        owner: who answers for it.
        about: what it is for.
        seed: of everything random.
        text: of its class: part of what a run is known by.
    """

    name: str
    data: str
    asked: Mapping[str, Any]
    budget: str = "60s"
    cost: Mapping[str, Any] | None = None
    retrain: str = "new data"
    owner: str = ""
    about: str = ""
    seed: int = 0
    text: str = field(default="", repr=False)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The flows it reads."""
        return (self.data,)

    @property
    def days(self) -> int | None:
        """How old it may get, where an age makes it due."""
        found = EVERY.fullmatch(self.retrain)
        return int(found[1]) if found else None


def name_of(asked: type[Model]) -> str:
    """What the model of a class is called.

    >>> class NextHour(Model):
    ...     target = "rides"
    >>> name_of(NextHour)
    'next-hour'
    """
    return NOT_A_NAME.sub("-", asked.__name__).lower().replace("_", "-")


def model_definition(
    asked: type[Model], data: str, *, name: str | None, budget: str, cost: Any, retrain: str, seed: int
) -> ModelDefinition:
    """A class as a definition.

    Raises:
        MisuseError: it is no class of a model, has no target, or an option makes no sense.
    """
    if not isinstance(asked, type) or not issubclass(asked, Model):
        raise MisuseError(f"line.model takes a class that derives from assayline.Model, not {asked!r}")
    if not asked.target or not isinstance(asked.target, str):
        raise MisuseError(f"the model {asked.__name__} has no target; write: target = \"the column to predict\"")
    if retrain not in RETRAINS and not EVERY.fullmatch(retrain):
        raise MisuseError(f"retrain={retrain!r} is none of {', '.join(map(repr, RETRAINS))}, or a number of days such as \"7 days\"")
    called = name or name_of(asked)
    check_name(called)
    try:
        text = inspect.getsource(asked)
    except (OSError, TypeError):  # a class that was not read from a file
        text = ""
    values = {
        "target": asked.target, "key": [asked.key] if isinstance(asked.key, str) and asked.key else list(asked.key or ()), "time": asked.time, "horizon": asked.horizon,
        "task": asked.task, "drop": list(asked.drop),
    }  # fmt: skip
    about = (inspect.getdoc(asked) or "").partition("\n")[0] if asked.__doc__ != Model.__doc__ else ""
    return ModelDefinition(called, data, values, budget, _cost(cost), retrain, asked.owner, about, seed, text)


def _cost(cost: Any) -> Mapping[str, Any] | None:
    """What `per_unit` and `cost_matrix` give, as plain values."""
    if cost is None or isinstance(cost, Mapping):
        return cost
    if hasattr(cost, "over"):
        return {"over": cost.over, "under": cost.under, "unit": cost.unit}
    if hasattr(cost, "costs"):
        return {"classes": list(cost.classes), "costs": [list(row) for row in cost.costs], "unit": cost.unit}
    raise MisuseError(f"cost={cost!r} is none; write cost=assayline.per_unit(over=1.0, under=3.0), or assayline.cost_matrix(…)")
