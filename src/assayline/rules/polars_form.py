"""A rule as a Polars expression."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TypeAlias

import polars as pl

from assayline.errors import MisuseError

from .aggregates import Value
from .numbers import finite, quotient, remainder, rounded, seconds
from .patterns import of_like
from .tree import (
    Aggregate,
    Among,
    And,
    Arithmetic,
    Between,
    Call,
    Column,
    Comparison,
    Exists,
    Like,
    Matches,
    Missing,
    Moment,
    Negative,
    Node,
    Not,
    Number,
    Or,
    Previous,
    Text,
    Truth,
    by_row,
    everywhere,
)

# The values of columns of other flows, by flow and column.
References: TypeAlias = Mapping[tuple[str, str], "pl.Series | Collection[object]"]

DTYPES: Mapping[str, pl.DataType] = {"number": pl.Float64(), "text": pl.String(), "time": pl.Datetime("us"), "boolean": pl.Boolean()}

_OF_TEXT: Mapping[str, Callable[[pl.Expr], pl.Expr]] = {
    "length": lambda x: x.str.len_chars().cast(pl.Float64), "lower": lambda x: x.str.to_lowercase(), "upper": lambda x: x.str.to_uppercase(),
    "trim": lambda x: x.str.strip_chars(" "),
}  # fmt: skip
_OF_TIME: Mapping[str, Callable[[pl.Expr], pl.Expr]] = {
    "year": lambda x: x.dt.year(), "month": lambda x: x.dt.month(), "day": lambda x: x.dt.day(), "hour": lambda x: x.dt.hour(),
    "minute": lambda x: x.dt.minute(), "weekday": lambda x: x.dt.weekday(),
}  # fmt: skip


class Form:
    """Turns parts of a rule into expressions over a frame with typed columns.

    Args:
        kinds: the kind of every part (`checking.typed_tree`).
        references: values of other flows.
        values: what the aggregates came to.
        looked_back: the columns of the frame that hold what `previous()` and `lag()` saw.
    """

    def __init__(
        self, kinds: Mapping[Node, str], references: References, values: Mapping[Node, Value], looked_back: Mapping[Node, str]
    ) -> None:
        self.kinds = kinds
        self.references = references
        self.values = values
        self.looked_back = looked_back

    def of(self, node: Node, wanted: str = "") -> pl.Expr:
        """The expression of a part; a part without values is taken for the kind that is wanted."""
        made = self._of(node)
        if wanted and self.kinds[node] == "empty":
            made = made.cast(DTYPES[wanted], strict=False)
        if not by_row(node) and not isinstance(node, Number | Text | Moment | Truth | Aggregate):
            dtype = DTYPES.get(wanted if self.kinds[node] == "empty" else self.kinds[node])
            return pl.lit(pl.select(made).to_series().item(), dtype=dtype)  # one value, computed once and not for every row
        return made

    def _of(self, node: Node) -> pl.Expr:
        match node:
            case Number(value) | Text(value) | Moment(value) | Truth(value):
                return self.constant(value, self.kinds[node])
            case Column(name):
                return self.column(name, self.kinds[node])
            case Negative(of):
                return -self.of(of, "number")
            case Arithmetic(sign, left, right):
                return self.arithmetic(sign, left, right)
            case Comparison(sign, left, right):
                one, other = self.alike(left, right)
                return _compared(sign, one, other)
            case Between(of, low, high, negated):
                inner, least, most = self.alike(of, low, high)
                return _turned((inner >= least) & (inner <= most), negated)
            case Among(of, items, negated):
                kind = self.kinds[items[0]]
                constants = pl.Series([item.value for item in items], dtype=DTYPES[kind])
                return _turned(self.of(of, kind).is_in(pl.lit(constants).implode()), negated)
            case Like(of, pattern, negated):
                return _turned(self.of(of, "text").str.contains(of_like(pattern)), negated)
            case Matches(of, pattern, negated):
                return _turned(self.of(of, "text").str.contains(pattern), negated)
            case Missing(of, negated):
                return self.of(of).is_not_null() if negated else self.of(of).is_null()
            case Not(of):
                return ~self.of(of, "boolean")
            case And(parts):
                return _joined([self.of(part, "boolean") for part in parts], lambda one, other: one & other)
            case Or(parts):
                return _joined([self.of(part, "boolean") for part in parts], lambda one, other: one | other)
            case Call():
                return self.call(node)
            case Exists(of, flow, column):
                return self.exists(of, flow, column)
            case Previous():
                return pl.col(self.looked_back[node])
            case Aggregate():
                return self.constant(self.values[node], self.kinds[node])

    def constant(self, value: Value, kind: str) -> pl.Expr:
        return pl.lit(value, dtype=DTYPES.get(kind))

    def column(self, name: str, kind: str) -> pl.Expr:
        if kind in ("nested", "empty"):
            return pl.col(name)
        column = pl.col(name).cast(DTYPES[kind], strict=False)
        return column.fill_nan(None) if kind == "number" else column

    def alike(self, *nodes: Node) -> list[pl.Expr]:
        """Values that are compared with each other, in one kind."""
        kind = next((self.kinds[node] for node in nodes if self.kinds[node] != "empty"), "text")
        return [self.of(node, kind) for node in nodes]

    def arithmetic(self, sign: str, left: Node, right: Node) -> pl.Expr:
        if "time" in (self.kinds[left], self.kinds[right]):
            apart = self.of(left, "time") - self.of(right, "time")
            return apart.dt.total_microseconds().map_batches(seconds, return_dtype=pl.Float64, is_elementwise=True)
        one, other = self.of(left, "number"), self.of(right, "number")
        if sign in "/%":
            both = pl.struct(one.alias("left"), other.alias("right"))
            return both.map_batches(quotient if sign == "/" else remainder, return_dtype=pl.Float64, is_elementwise=True)
        made = one + other if sign == "+" else one - other if sign == "-" else one * other
        return made.map_batches(finite, return_dtype=pl.Float64, is_elementwise=True)

    def call(self, node: Call) -> pl.Expr:
        first = node.arguments[0]
        if node.name in _OF_TEXT:
            return _OF_TEXT[node.name](self.of(first, "text"))
        if node.name in _OF_TIME:
            return _OF_TIME[node.name](self.of(first, "time")).cast(pl.Float64)
        if node.name == "coalesce":
            return self.first_filled(node.arguments)
        value = self.of(first, "number")
        if node.name == "abs":
            return value.abs()
        decimals = node.arguments[1] if len(node.arguments) > 1 else Number(0)
        assert isinstance(decimals, Number)  # the parser takes nothing else
        return value.map_batches(partial(rounded, decimals=int(decimals.value)), return_dtype=pl.Float64, is_elementwise=True)

    def first_filled(self, nodes: tuple[Node, ...]) -> pl.Expr:
        """The first value that is not null. Not by `pl.coalesce`, which forgets its length where a column is all null and a constant follows."""
        made: list[pl.Expr] = []
        kept: list[Node] = []
        for node, value in zip(nodes, self.alike(*nodes), strict=True):
            if by_row(node):
                made.append(value)
                kept.append(node)
            elif pl.select(value).to_series().null_count() == 0:
                made.append(value)
                kept.append(node)
                break  # nothing behind a constant is ever asked
        if not made:
            return self.alike(*nodes)[0]
        column = next((one.name for node in nodes for one in everywhere(node) if isinstance(one, Column)), None)
        if len(made) == 1 and column is not None and any(map(by_row, nodes)) and not by_row(kept[0]):
            # The constant in every row: an engine that takes a part of a rule about rows for one value loses count of them further out.
            once = pl.select(made[0]).to_series()
            return pl.col(column).map_batches(partial(everywhere_same, value=once), return_dtype=once.dtype, is_elementwise=True)
        found = made[0]
        for value in made[1:]:
            found = found.fill_null(value)
        return found

    def exists(self, of: Node, flow: str, column: str) -> pl.Expr:
        given = self.references.get((flow, column))
        if given is None:
            raise MisuseError(f"the rule asks for {flow}.{column}, whose values were not given: pass references={{({flow!r}, {column!r}): values}}")
        kind = self.kinds[of] if self.kinds[of] != "empty" else "text"
        values = given if isinstance(given, pl.Series) else pl.Series([one for one in given if one is not None], strict=False)
        if kind == "time" and isinstance(values.dtype, pl.Datetime) and values.dtype.time_zone is not None:
            values = values.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        known = values.cast(DTYPES[kind], strict=False).drop_nulls().unique()
        if known.is_empty():  # an engine may say that null is not in an empty set; here null stays null
            return self.of(of, kind).is_null().replace_strict({True: None, False: False}, return_dtype=pl.Boolean)
        return self.of(of, kind).is_in(pl.lit(known).implode())


def everywhere_same(rows: pl.Series, value: pl.Series) -> pl.Series:
    """One value as often as there are rows."""
    return value.new_from_index(0, len(rows)).alias(rows.name)


def _turned(condition: pl.Expr, negated: bool) -> pl.Expr:
    return ~condition if negated else condition


def _compared(sign: str, one: pl.Expr, other: pl.Expr) -> pl.Expr:
    match sign:
        case "=":
            return one == other
        case "<>":
            return one != other
        case "<":
            return one < other
        case "<=":
            return one <= other
        case ">":
            return one > other
        case _:
            return one >= other


def _joined(parts: list[pl.Expr], join: Callable[[pl.Expr, pl.Expr], pl.Expr]) -> pl.Expr:
    """Joins by halves, so that a hundred conditions lie seven and not a hundred within each other."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return join(_joined(parts[:middle], join), _joined(parts[middle:], join))
