"""The plan: everything learned from the training table, as one frozen value that is JSON and nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.errors import MisuseError

from .blocks import Floats, Integers, block, distinct, followed_series
from .column import Column, Feature
from .labels import label
from .lagging import Lag, ahead, keyed, lag_block, past_rows, times
from .leaks import Leak
from .numbertext import PLAIN_NUMBERS, NumberStyle
from .problem import Problem
from .recognising import Source, matched
from .rows import compiled
from .timetext import PLAIN_TIMES, TimeStyle

if TYPE_CHECKING:
    from .noticing import Note

FORMAT = 1  # raised when an older reader could not understand the JSON


@dataclass(frozen=True)
class Plan:
    """How any table becomes model input, learned once from training data; see `frame`.

    Args:
        problem: the question.
        task: "binary", "multiclass" or "regression".
        classes: the labels as text; for "binary" the second is the positive one. Empty for "regression".
        class_keys: the same labels as they are compared.
        class_counts: rows of each class in the training table.
        columns: what was learned of each column that is used, sorted by name.
        sources: what every column of the training table looked like.
        time: the column that orders the rows, or "".
        time_style: how it is written.
        target_style: how the numbers of the target are written.
        lags: features from earlier rows.
        leaks: columns left out because they would tell too much.
        suspicions: columns that are used, but look as if they might.
        unused: columns left out because they tell nothing: (name, why).
        rows: rows of the training table.
    """

    problem: Problem
    task: str
    classes: tuple[str, ...] = ()
    class_keys: tuple[str, ...] = ()
    class_counts: tuple[int, ...] = ()
    columns: tuple[Column, ...] = ()
    sources: tuple[Source, ...] = ()
    time: str = ""
    time_style: TimeStyle = PLAIN_TIMES
    target_style: NumberStyle = PLAIN_NUMBERS
    lags: tuple[Lag, ...] = ()
    leaks: tuple[Leak, ...] = ()
    suspicions: tuple[Leak, ...] = ()
    unused: tuple[tuple[str, str], ...] = ()
    rows: int = 0

    @property
    def features(self) -> tuple[Feature, ...]:
        """The columns of the model's input, in order; their names are all different."""
        made = [feature for column in self.columns for feature in column.features]
        made += [Feature(lag.name, (lag.column,), "lag") for lag in self.lags]
        seen: dict[str, int] = {}
        for at, feature in enumerate(made):
            times = seen[feature.name] = seen.get(feature.name, 0) + 1
            if times > 1:
                made[at] = Feature(f"{feature.name}:{times}", feature.sources, feature.kind, feature.categories)
        return tuple(made)

    @property
    def class_shares(self) -> tuple[float, ...]:
        """The share of each class among the labelled training rows."""
        total = sum(self.class_counts)
        return tuple(count / total for count in self.class_counts) if total else ()

    @property
    def class_weights(self) -> tuple[float, ...]:
        """The weight per row of each class with which all classes count the same; their mean over the training rows is 1."""
        total, kinds = sum(self.class_counts), len(self.class_counts)
        return tuple(total / (kinds * count) if count else 0.0 for count in self.class_counts)

    def encode(self, table: pl.DataFrame) -> Floats:
        """The model's input for every row of a table.

        Args:
            table: any table; columns may be new, missing, in another order, of another type or renamed.

        Returns:
            float64, shape (rows, features), rows in the order of the table; NaN where nothing is known, never infinite.
        """
        names = self.names_in(table)
        made = np.empty((table.height, len(self.features)))
        at = 0
        for column in self.columns:
            width = len(column.features)
            made[:, at : at + width] = block(column, followed_series(table, names.get(column.name, ""), column.path))
            at += width
        if self.lags:
            made[:, at:] = lag_block(self, table, names)
        return made

    def names_in(self, table: pl.DataFrame) -> dict[str, str]:
        """Which column of a table each known column is: by its name, its normalised name, or what stands in it; see `recognising`."""
        return matched(self.sources, table)

    def notes(self, table: pl.DataFrame) -> tuple[Note, ...]:
        """What `encode` had to do for a table: a sentence each, the most important first."""
        from .noticing import noticed

        return noticed(self, table)

    def target(self, table: pl.DataFrame) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """The values to be predicted.

        Args:
            table: any table; without the target column, no row has a known label.

        Returns:
            float64, shape (rows,): the class index, or the number; and which rows have one (the others hold NaN).
        """
        series = followed_series(table, self.names_in(table).get(self.problem.target, ""), ())
        if self.problem.horizon:
            values = ahead(self, table, self.own_target(series))
        else:
            values = self.own_target(series)
        return values, ~np.isnan(values)

    def own_target(self, series: pl.Series) -> Floats:
        """The class index or number of each value of a target column, without a horizon; NaN where there is none."""
        if self.task == "regression":
            return block(Column(self.problem.target, "number", number=self.target_style), series)[:, 0]
        codes = {key: float(code) for code, key in enumerate(self.class_keys)}
        values, rows = distinct(series)
        found = np.array([codes.get(label(value) or "", math.nan) for value in values], dtype=np.float64)
        return found[rows] if len(found) else np.full(len(series), np.nan)

    def groups(self, table: pl.DataFrame) -> Integers | None:
        """The number of the thing each row is about, for splits that keep its rows together; None without a key, or when no key comes twice."""
        names = self.names_in(table)
        if not any(key in names for key in self.problem.keys) or not table.height:
            return None
        made = keyed(self, table, names)
        return made if len(np.unique(made)) < len(made) else None

    def order(self, table: pl.DataFrame) -> Floats | None:
        """The moment of each row in seconds since 1970 (NaN where unknown), for splits that go forward; None without a time."""
        names = self.names_in(table)
        if not self.time or self.time not in names:
            return None
        values, known = times(self, table, names)
        return np.where(known, values / 1e6, np.nan)

    def row_encoder(self, history: pl.DataFrame | None = None) -> Callable[[Mapping[str, Any]], list[float]]:
        """The plan compiled for single rows: no data frame library on the way, the same numbers as `encode`.

        Args:
            history: earlier rows, for plans whose features look back; without them those features are what a table of that row alone has.

        Returns:
            A function from a mapping of column names to values, to the features as floats.
        """
        return compiled(self, past_rows(self, history) if history is not None and self.lags else None)

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON values; `Plan.from_json` gives back an equal plan."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Plan:
        """Read what `to_json` wrote.

        Raises:
            MisuseError: it is not a plan, or of a later format.
        """
        values = dict(document)
        version = values.pop("format", None)
        if not isinstance(version, int) or version > FORMAT:
            raise MisuseError(f"the plan has format {version!r}, this version reads up to {FORMAT}: read it with the version that wrote it, or frame the data again")
        try:
            return cls(
                problem=Problem(**{name: _tuples(value) for name, value in values.pop("problem").items()}),
                columns=tuple(_column(one) for one in values.pop("columns")),
                sources=tuple(Source(**{name: _tuples(value) for name, value in one.items()}) for one in values.pop("sources")),
                time_style=TimeStyle(**values.pop("time_style")), target_style=NumberStyle(**values.pop("target_style")),
                lags=tuple(Lag(**one) for one in values.pop("lags")), leaks=tuple(Leak(**one) for one in values.pop("leaks")),
                suspicions=tuple(Leak(**one) for one in values.pop("suspicions")), **{name: _tuples(value) for name, value in values.items()},
            )  # fmt: skip
        except (KeyError, TypeError, AttributeError) as error:
            raise MisuseError(f"this is no plan as Plan.to_json() writes it: {type(error).__name__}: {error}") from error


def _tuples(value: Any) -> Any:
    return tuple(_tuples(one) for one in value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def _column(document: Mapping[str, Any]) -> Column:
    values = {name: _tuples(value) for name, value in document.items()}
    return Column(**{**values, "number": NumberStyle(**document["number"]), "time": TimeStyle(**document["time"])})
