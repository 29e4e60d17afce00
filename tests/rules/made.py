"""Rules and tables for the tests: every construction of the language, over columns of every kind."""

from __future__ import annotations

import math
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import strategies as st

from assayline.rules import tree as t

sys.path.insert(0, str(Path(__file__).parent))
import oracle

KINDS = {"n": "number", "m x": "number", "s": "text", "k": "text", "t": "time", "b": "boolean"}
DTYPES: dict[str, pl.DataType] = {"number": pl.Float64(), "text": pl.String(), "time": pl.Datetime("us"), "boolean": pl.Boolean()}
REFERENCES: dict[tuple[str, str], set[Any]] = {("stores", "id"): {0.0, 1.0, 2.5}, ("stores", "the name"): {"a", "ab", "é"}, ("empty", "id"): set()}

TAME = (0.0, -0.0, 1.0, -1.0, 2.0, 2.5, -3.5, 0.25, 7.0, 100.0)
WILD = (*TAME, 1e308, -1e308, 5e-324, 0.1, 1 / 3, math.nan, math.inf, -math.inf, 2.0**53, 1e-9)
TEXTS = ("", "a", "A", "b", "ab", "a b", " a ", "%", "a_b", "é", "É", "a\nb", "12", "it's", "a\\b", "日本")
TIMES = (datetime(2026, 1, 31), datetime(2026, 1, 31, 13, 45, 10, 250000), datetime(2024, 2, 29, 23, 59), datetime(1969, 12, 31, 1), datetime(999, 3, 4, 5, 6))
LIKES = ("a%", "%b", "_", "%", "", "a\\_b", "\\%", "%a%b%", "a.b", "a\\\\b", "_%_")
PATTERNS = ("^a", "b$", "[a-c]+", "a.b", "^$", r"\d+", "(a|b)+", "^[^a]", "a{2,3}", "é", "'")


def tables(numbers: tuple[float, ...] = WILD, most: int = 12) -> st.SearchStrategy[list[dict[str, Any]]]:
    pools: dict[str, tuple[Any, ...]] = {"number": numbers, "text": TEXTS, "time": TIMES, "boolean": (True, False)}
    few = {name: st.none() | st.sampled_from(pools[kind] if name != "k" else ("a", "b")) for name, kind in KINDS.items()}
    return st.lists(st.fixed_dictionaries(few), max_size=most)


def frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={name: DTYPES[kind] for name, kind in KINDS.items()})


@st.composite
def rules(draw: st.DrawFn, wild: bool = True) -> t.Tree:
    made = Maker(draw, wild)
    while True:
        root = made.condition(draw(st.integers(0, 3)))
        if any(isinstance(node, t.Column | t.Aggregate) for node in t.everywhere(root)):
            return t.Tree(root)


@st.composite
def asked(draw: st.DrawFn, wild: bool = True) -> tuple[t.Tree, list[dict[str, Any]], int]:
    """A rule that says of a value what it is in one row of a table, by the interpreter: true there. Nothing hides a wrong value."""
    rows = draw(tables(WILD if wild else TAME).filter(bool))
    row = draw(st.integers(0, len(rows) - 1))
    maker = Maker(draw, wild)
    kind = maker.pick("number", "number", "text", "time", "boolean")
    node = maker.with_column(kind, maker.pick(0, 1, 1, 2)) if maker.pick(True, True, False) else maker.back(kind, maker.pick(1, 2))
    value = oracle.Oracle(rows, REFERENCES).of(node, row)
    constants: dict[str, Any] = {"number": t.Number, "text": t.Text, "time": t.Moment, "boolean": t.Truth}
    if value is None or (isinstance(value, float) and math.isinf(value)):
        return t.Tree(t.Missing(node, negated=value is not None)), rows, row
    return t.Tree(t.Comparison("=", node, constants[kind](value))), rows, row


class Maker:
    """Draws parts of a wanted kind; `looking` and `summing` say what may still be put inside."""

    def __init__(self, draw: st.DrawFn, wild: bool) -> None:
        self.draw = draw
        self.wild = wild
        self.summing = True
        self.looking = True

    def pick(self, *options: Any) -> Any:
        return self.draw(st.sampled_from(options))

    def one(self, *options: t.Node) -> t.Node:
        return self.draw(st.sampled_from(options))

    def of(self, kind: str, deep: int) -> t.Node:
        return {"number": self.number, "text": self.text, "time": self.time, "boolean": self.condition}[kind](deep)

    def number(self, deep: int) -> t.Node:
        if deep <= 0:
            return self.one(t.Column("n"), t.Column("m x"), t.Number(self.constant()))
        match self.pick("plain", "sum", "sum", "negative", "call", "length", "time", "apart", "more", "lot", "back"):
            case "sum":
                return t.Arithmetic(self.pick("+", "-", "*", "/", "%"), self.number(deep - 1), self.number(deep - 1))
            case "negative":
                inner = self.number(deep - 1)
                return inner if isinstance(inner, t.Number) else t.Negative(inner)
            case "call":
                name = self.pick("abs", "round", "round")
                more = (t.Number(float(self.pick(0, 1, 2, 5))),) if name == "round" and self.pick(True, False) else ()
                return t.Call(name, (self.number(deep - 1), *more))
            case "length":
                return t.Call("length", (self.text(deep - 1),))
            case "time":
                return t.Call(self.pick("year", "month", "day", "hour", "minute", "weekday"), (self.time(deep - 1),))
            case "apart":
                return t.Arithmetic("-", self.time(deep - 1), self.time(deep - 1))
            case "more":
                return t.Call("coalesce", (self.number(deep - 1), self.number(deep - 1)))
            case "lot" if self.summing:
                return self.aggregate(deep)
            case "back" if self.looking:
                return self.back("number", deep)
        return self.number(0)

    def constant(self) -> float:
        value = self.pick(*TAME, *((1e308, 0.1, 1e-9, 123456.789) if self.wild else ()))
        return float(value) + 0.0

    def aggregate(self, deep: int) -> t.Node:
        name = self.pick("count", "count", "share", "sum", "avg", "min", "max")
        if name == "count" and self.pick(True, False):
            return t.Aggregate("count", None)
        self.summing = False
        kind = {"share": "boolean", "count": self.pick("number", "text", "time", "boolean")}.get(name, "number")
        inner = self.with_column(kind, deep - 1)
        self.summing = True
        return t.Aggregate(name, inner, name == "count" and self.pick(True, False))

    def back(self, kind: str, deep: int) -> t.Node:
        summing, self.summing, self.looking = self.summing, False, False
        inner = self.with_column(kind, deep - 1)
        self.summing, self.looking = summing, True
        keys = tuple(t.Column(name) for name in self.pick((), ("k",), ("k", "b"), ("n",)))
        return t.Previous(inner, self.pick(1, 1, 2, 3), keys)

    def with_column(self, kind: str, deep: int) -> t.Node:
        made = self.of(kind, deep)
        plain = {"number": "n", "text": "s", "time": "t", "boolean": "b"}[kind]
        return made if any(isinstance(node, t.Column) for node in t.everywhere(made)) else t.Column(plain)

    def text(self, deep: int) -> t.Node:
        if deep <= 0:
            return self.one(t.Column("s"), t.Column("k"), t.Text(self.pick(*TEXTS)))
        match self.pick("plain", "call", "more", "back", "lot"):
            case "call":
                return t.Call(self.pick("lower", "upper", "trim"), (self.text(deep - 1),))
            case "more":
                return t.Call("coalesce", (self.text(deep - 1), self.text(deep - 1), t.Text("z")))
            case "back" if self.looking:
                return self.back("text", deep)
            case "lot" if self.summing:
                return t.Aggregate(self.pick("min", "max"), t.Column("s"))
        return self.text(0)

    def time(self, deep: int) -> t.Node:
        if deep > 0 and self.looking and self.pick(True, False, False):
            return self.back("time", deep)
        if deep > 0 and self.summing and self.pick(True, False, False):
            return t.Aggregate(self.pick("min", "max"), t.Column("t"))
        return self.one(t.Column("t"), t.Column("t"), t.Moment(self.pick(*TIMES)))

    def condition(self, deep: int) -> t.Node:
        negated = self.pick(False, False, True)
        kind = self.pick("number", "number", "text", "time")
        match self.pick("compared", "compared", "in", "between", "like", "null", "exists", "joined", "joined", "not", "truth", "back", "equal"):
            case "in":
                lists: dict[str, tuple[t.Constant, ...]] = {
                    "number": tuple(t.Number(self.constant()) for _ in range(self.pick(1, 2, 3))), "text": (t.Text("a"), t.Text(self.pick(*TEXTS))),
                    "time": (t.Moment(self.pick(*TIMES)),),
                }  # fmt: skip
                return t.Among(self.of(kind, deep - 1), lists[kind], negated)
            case "between":
                return t.Between(self.of(kind, deep - 1), self.of(kind, deep - 1), self.of(kind, deep - 1), negated)
            case "like":
                if self.pick(True, False):
                    return t.Like(self.text(deep - 1), self.pick(*LIKES), negated)
                return t.Matches(self.text(deep - 1), self.pick(*PATTERNS), negated)
            case "null":
                return t.Missing(self.of(self.pick(kind, "boolean") if deep > 0 else kind, deep - 1), negated)
            case "exists":
                flow, column, kind = self.pick(("stores", "id", "number"), ("stores", "the name", "text"), ("empty", "id", "number"))
                return t.Exists(self.of(kind, deep - 1), flow, column)
            case "joined" if deep > 0:
                parts = tuple(self.condition(deep - 1) for _ in range(self.pick(2, 2, 3)))
                return t.And(parts) if self.pick(True, False) else t.Or(parts)
            case "not" if deep > 0:
                return t.Not(self.condition(deep - 1))
            case "truth":
                return self.one(t.Column("b"), t.Column("b"), t.Truth(True), t.Truth(False))
            case "back" if self.looking and deep > 0:
                return self.back("boolean", deep)
            case "equal" if deep > 0:
                return t.Comparison(self.pick("=", "<>"), self.condition(deep - 1), self.condition(deep - 1))
        return t.Comparison(self.pick("=", "<>", "<", "<=", ">", ">="), self.of(kind, deep - 1), self.of(kind, deep - 1))
