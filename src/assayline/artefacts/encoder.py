"""What stands between a table and a predictor: a framing plan, or the columns of a foreign model as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.errors import MisuseError
from assayline.framing import Feature, Note, Plan, Problem
from assayline.framing.labels import label

from .stored import Array, Stored, parsed, written

PLAN = "plan.json"


class Encoder(Protocol):
    """What a bundle asks of its plan: `framing.Plan` and `AsIs` both are one."""

    @property
    def problem(self) -> Problem: ...

    @property
    def task(self) -> str: ...

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def features(self) -> tuple[Feature, ...]: ...

    def encode(self, table: pl.DataFrame, /) -> Array:
        """The matrix (rows, features) float64; NaN is missing, nothing is infinite."""
        ...

    def notes(self, table: pl.DataFrame, /) -> tuple[Note, ...]:
        """What encoding had to do."""
        ...

    def target(self, table: pl.DataFrame, /) -> tuple[Array, npt.NDArray[np.bool_]]:
        """The target (rows,) as numbers or indexes of classes, and which rows have one."""
        ...

    def row_encoder(self) -> Callable[[Mapping[str, Any]], list[float]]:
        """The same for one row, without a library of frames."""
        ...

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        ...


@dataclass(frozen=True)
class AsIs:
    """Hands a model that was trained elsewhere the columns it was trained on, as numbers and in its order.

    Args:
        problem: what is predicted.
        task: "binary", "multiclass" or "regression".
        columns: names of the columns, in the order of the model.
        classes: labels in the order of the model's probabilities; empty for regression.

    >>> plan = AsIs(Problem("sold"), "regression", ("price", "size"))
    >>> plan.encode(pl.DataFrame({"size": ["3", "x"], "price": [1, None]})).tolist()
    [[1.0, 3.0], [nan, nan]]
    """

    problem: Problem
    task: str
    columns: tuple[str, ...]
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        wanted = {"binary": len(self.classes) == 2, "multiclass": len(self.classes) > 2, "regression": not self.classes}
        if not wanted.get(self.task, False) or len(set(self.columns)) != len(self.columns) or not self.columns:
            raise MisuseError(f"a task {self.task!r} does not go with {len(self.classes)} classes, or the columns {self.columns!r} are none or not all different")

    @property
    def features(self) -> tuple[Feature, ...]:
        return tuple(Feature(name, (name,), "number") for name in self.columns)

    def encode(self, table: pl.DataFrame, /) -> Array:
        found = [_numbers(table[name]) if name in table.columns else np.full(table.height, np.nan) for name in self.columns]
        matrix = np.column_stack(found) if table.height else np.zeros((0, len(self.columns)))
        return np.where(np.isfinite(matrix), matrix, np.nan)

    def notes(self, table: pl.DataFrame, /) -> tuple[Note, ...]:
        missing = tuple(name for name in self.columns if name not in table.columns)
        found = [Note("missing column", missing, 1.0, f"{len(missing)} column(s) that the model was trained on are not there: {', '.join(missing[:8])}.")] if missing else []
        for name in self.columns:
            if name in table.columns and table.height:
                series = table[name]
                lost = float(np.isnan(_numbers(series)).mean()) - series.null_count() / table.height
                if lost > 0 and not series.dtype.is_float():
                    found.append(Note("retyped", (name,), lost, f"{lost:.1%} of the values of {name} are no numbers and count as missing."))
        return tuple(found)

    def target(self, table: pl.DataFrame, /) -> tuple[Array, npt.NDArray[np.bool_]]:
        name = self.problem.target
        if name not in table.columns:
            return np.full(table.height, np.nan), np.zeros(table.height, dtype=np.bool_)
        if not self.classes:
            values = _numbers(table[name])
        else:
            codes = {label(text): float(code) for code, text in enumerate(self.classes)}
            values = np.array([codes.get(label(one), np.nan) for one in table[name]], dtype=np.float64)
        return values, np.isfinite(values)

    def row_encoder(self) -> Callable[[Mapping[str, Any]], list[float]]:
        columns = self.columns

        def encode(row: Mapping[str, Any]) -> list[float]:
            return [_number(row.get(name)) for name in columns]

        return encode

    def to_json(self) -> dict[str, Any]:
        problem = {name: getattr(self.problem, name) for name in ("target", "task", "key", "time", "horizon", "drop")}
        return {"problem": problem, "task": self.task, "columns": list(self.columns), "classes": list(self.classes)}


def _numbers(series: pl.Series) -> Array:
    if series.dtype.is_numeric() or series.dtype == pl.Boolean:
        return np.asarray(series.cast(pl.Float64).to_numpy(), dtype=np.float64)
    return np.array([_number(one) for one in series], dtype=np.float64)


def _number(value: object) -> float:
    try:
        found = float(value)  # type: ignore[arg-type]  # whatever has no number raises, and counts as missing
    except (TypeError, ValueError, OverflowError):
        return np.nan
    return found if np.isfinite(found) else np.nan


def plan_bytes(plan: Encoder) -> bytes:
    """A plan as the bytes of `plan.json`."""
    return written({"kind": "as_is" if isinstance(plan, AsIs) else "framing", "plan": plan.to_json()})


def read_plan(content: bytes, where: str) -> Encoder:
    """The plan that `plan_bytes` wrote.

    Raises:
        Unreadable: it is damaged, or of a later version.
    """
    document = parsed(content, where, PLAN)
    stored, inner = Stored({}, where), document.get("plan")
    kind = stored.word(document, "kind", ("as_is", "framing"))
    if not isinstance(inner, dict):
        raise stored.wrong("'plan' is not an object", PLAN)
    try:
        return Plan.from_json(inner) if kind == "framing" else _as_is(inner)
    except (MisuseError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise stored.wrong(f"it is no plan: {str(error)[:200]}", PLAN) from error


def _as_is(document: Mapping[str, Any]) -> AsIs:
    asked = document["problem"]
    texts = {name: str(asked[name]) for name in ("target", "task", "time", "horizon")}
    return AsIs(Problem(**texts, key=_texts(asked["key"]), drop=_texts(asked["drop"])), str(document["task"]), _texts(document["columns"]), _texts(document["classes"]))


def _texts(values: Sequence[Any]) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise TypeError("a list of texts is something else")
    return tuple(values)
