"""Figures of a table as people write them: "mae(prediction, rentals) where station = 3"."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from assayline.errors import MisuseError

from .selecting import as_read, columns_in, kind_of, rows_where

PAIRS: Mapping[str, Callable[[pl.Series, pl.Series], float | None]] = {
    "mae": lambda a, b: _number((a - b).abs().mean()),
    "rmse": lambda a, b: _root(_number(((a - b) ** 2).mean())),
    "bias": lambda a, b: _number((a - b).mean()),
    "error_rate": lambda a, b: _number((a != b).mean()),
}
OF_NUMBERS: Mapping[str, Callable[[pl.Series], float | None]] = {
    "mean": lambda one: _number(one.mean()), "sum": lambda one: _number(one.sum()), "sd": lambda one: _number(one.std()), "median": lambda one: _number(one.median()),
    "min": lambda one: _number(one.min()), "max": lambda one: _number(one.max()),
}  # fmt: skip
OF_ANY: Mapping[str, Callable[[pl.Series], float | None]] = {
    "distinct": lambda one: float(one.n_unique() - (one.null_count() > 0)),
    "share_missing": lambda one: one.null_count() / one.len() if one.len() else None,
    "top_share": lambda one: _number(one.drop_nulls().value_counts()["count"].max()) / one.len() if one.drop_nulls().len() else None,  # type: ignore[operator]  # there is a value, so there is a count
}
OF_ROWS = ("mean", "share", "share_missing", "mae", "bias", "error_rate")  # means over rows
KNOWN = ("rows", *OF_NUMBERS, *OF_ANY, "share", *PAIRS)


@dataclass(frozen=True)
class Metric:
    """One figure of a table.

    Args:
        function: one of `KNOWN`.
        columns: it is about; none for "rows".
        condition: of "share": which rows are counted.
        where: the rows it is about; "" for all.

    >>> Metric("mean", ("rentals",), where="station = 3").text
    'mean(rentals) where station = 3'
    """

    function: str
    columns: tuple[str, ...] = ()
    condition: str = ""
    where: str = ""

    @property
    def text(self) -> str:
        """As it is written."""
        inside = self.condition or ", ".join(map(_named, self.columns))
        return self.function + (f"({inside})" if inside else "") + (f" where {self.where}" if self.where else "")

    def of(self, frame: pl.DataFrame) -> float | None:
        """The figure of a table; None where it has none: no rows, no such column, no numbers.

        Args:
            frame: rows; text that says numbers is taken for such.

        >>> metric_of("share(town = Lyon)").of(pl.DataFrame({"town": ["Lyon", "Bonn", None, "Lyon"]}))
        0.5
        """
        kinds = {name: kind_of(dtype) for name, dtype in frame.schema.items()}
        needed = list(dict.fromkeys([*self.columns, *columns_in(self.condition, kinds), *columns_in(self.where, kinds)]))
        try:
            chosen = rows_where(as_read(frame, needed), self.where)
            if self.function == "rows":
                return float(chosen.height)
            if self.function == "share":
                return rows_where(chosen, self.condition).height / chosen.height if chosen.height else None
        except MisuseError:  # a column it names is not there, or is something else by now
            return None
        if any(name not in chosen.columns for name in self.columns) or not chosen.height:
            return None
        return self._of([chosen[name] for name in self.columns])

    def parts(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series] | None:
        """The rows it is about, and what each of them adds to it: it is the mean of these amounts. None for figures that are no mean over rows.

        >>> rows, amounts = metric_of("mae(a, b) where a < 5").parts(pl.DataFrame({"a": [1, 2, 9], "b": [3, 3, 3]}))
        >>> rows.height, amounts.to_list()
        (2, [2.0, 1.0])
        """
        if self.function not in OF_ROWS or self.of(frame) is None:
            return None
        rows = rows_where(as_read(frame), self.where)
        if self.function == "share":
            marked = rows.with_row_index("\0row")
            met = rows_where(marked, self.condition)["\0row"]
            return rows, marked["\0row"].is_in(met.implode()).cast(pl.Float64)
        if self.function == "share_missing":
            return rows, rows[self.columns[0]].is_null().cast(pl.Float64)
        rows = rows.drop_nulls(list(self.columns))
        series = [rows[name] for name in self.columns]
        if self.function == "error_rate":
            return rows, (series[0].cast(pl.String) != series[1].cast(pl.String)).cast(pl.Float64)
        numbers = [one.cast(pl.Float64) for one in series]
        found = numbers[0] if self.function == "mean" else numbers[0] - numbers[1]
        return rows, found.abs() if self.function == "mae" else found

    def _of(self, series: list[pl.Series]) -> float | None:
        if self.function in OF_ANY:
            return OF_ANY[self.function](series[0])
        if self.function == "error_rate":
            pair = pl.DataFrame([series[0].cast(pl.String, strict=False).alias("a"), series[1].cast(pl.String, strict=False).alias("b")]).drop_nulls()
            return PAIRS["error_rate"](pair["a"], pair["b"]) if pair.height else None
        numbers = [one.cast(pl.Float64, strict=False) for one in series if one.dtype.is_numeric() or one.dtype == pl.Boolean]
        if len(numbers) < len(series):
            return None
        if self.function in PAIRS:
            pair = pl.DataFrame([numbers[0].alias("a"), numbers[1].alias("b")]).drop_nulls()
            return PAIRS[self.function](pair["a"], pair["b"]) if pair.height else None
        return OF_NUMBERS[self.function](numbers[0])


def metric_of(text: str) -> Metric:
    """The figure that a text names.

    Raises:
        MisuseError: there is no such figure, or it is written otherwise.

    >>> metric_of("mae(prediction, rentals) where station = 3")
    Metric(function='mae', columns=('prediction', 'rentals'), condition='', where='station = 3')
    >>> metric_of("average(x)")
    Traceback (most recent call last):
    assayline.errors.MisuseError: --metric 'average(x)': there is no figure 'average'; write rows, or one of mean, sum, sd, median, min, max, distinct, ...
    """
    head, where = _cut(text)
    function, opened, inside = head.partition("(")
    function, inside = function.strip(), inside.strip()
    if function not in KNOWN:
        known = ", ".join(f"{name}" for name in KNOWN[1:])
        raise MisuseError(f"--metric {text!r}: there is no figure {function!r}; write rows, or one of {known}, with columns in brackets")
    if function == "rows":
        if opened:
            raise MisuseError(f"--metric {text!r}: rows takes no column; write rows where station = 3")
        return Metric("rows", where=where)
    if not inside.endswith(")"):
        raise MisuseError(f"--metric {text!r}: write {function}(column)" if function not in PAIRS else f"--metric {text!r}: write {function}(column, column)")
    inside = inside[:-1].strip()
    if function == "share":
        if not inside:
            raise MisuseError(f"--metric {text!r}: write share(column = value)")
        return Metric("share", condition=inside, where=where)
    columns = tuple(_unquoted(one) for one in inside.split(",") if one.strip())
    wanted = 2 if function in PAIRS else 1
    if len(columns) != wanted:
        raise MisuseError(f"--metric {text!r}: {function} takes {'two columns' if wanted == 2 else 'one column'}, not {len(columns)}")
    return Metric(function, columns, where=where)


def checked(metric: Metric, frame: pl.DataFrame) -> float:
    """The figure of a table that must have it.

    Raises:
        MisuseError: a column is not there or holds no numbers, or no row meets the condition.
    """
    missing = [name for name in metric.columns if name not in frame.columns]
    if missing:
        raise MisuseError(f"{metric.text!r}: there is no column {missing[0]!r}; there are {', '.join(frame.columns[:30])}")
    read = as_read(frame)
    chosen = rows_where(read, metric.where)
    if metric.function == "share":
        rows_where(chosen, metric.condition)
    value = metric.of(frame)
    if value is None:
        raise MisuseError(f"{metric.text!r} has no value: " + ("no row meets the condition" if not chosen.height else "a column holds no numbers"))
    return value


def _cut(text: str) -> tuple[str, str]:
    """What stands before "where", and after it; a "where" in quotes is a value or a name."""
    unquoted = re.sub(r"'[^']*'|\"[^\"]*\"", lambda found: "\0" * len(found.group()), text)
    found = re.search(r"\bwhere\b", unquoted, re.IGNORECASE)
    return (text.strip(), "") if found is None else (text[: found.start()].strip(), text[found.end() :].strip())


def _unquoted(name: str) -> str:
    name = name.strip()
    return name[1:-1].replace('""', '"') if len(name) > 1 and name[0] == name[-1] == '"' else name


def _named(column: str) -> str:
    return column if column.isidentifier() else '"' + column.replace('"', '""') + '"'


def _number(value: object) -> float | None:
    """A number as a float, None where it is none or not finite."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return float(value) if isinstance(value, bool) else None
    return float(value) if math.isfinite(value) else None


def _root(value: float | None) -> float | None:
    return None if value is None else math.sqrt(value)
