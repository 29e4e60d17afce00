"""What a rule means, row by row in plain Python, with None for null: slow, and written without a look at the other forms."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any

from assayline.rules import tree as t

Row = Mapping[str, Any]


def failing(tree: t.Tree, rows: Sequence[Row], references: Mapping[tuple[str, str], set[Any]]) -> list[bool]:
    return [answer is False for answer in truth(tree, rows, references)]


def truth(tree: t.Tree, rows: Sequence[Row], references: Mapping[tuple[str, str], set[Any]]) -> list[bool | None]:
    oracle = Oracle(rows, references)
    return [oracle.of(tree.root, number) for number in range(len(rows))]


class Oracle:
    def __init__(self, rows: Sequence[Row], references: Mapping[tuple[str, str], set[Any]]) -> None:
        self.rows = rows
        self.references = references

    def of(self, node: t.Node, row: int) -> Any:
        return getattr(self, type(node).__name__.lower())(node, row)

    def number(self, node: t.Number, row: int) -> float:
        return float(node.value)

    def text(self, node: t.Text, row: int) -> str:
        return node.value

    def moment(self, node: t.Moment, row: int) -> datetime:
        return node.value

    def truth(self, node: t.Truth, row: int) -> bool:
        return node.value

    def column(self, node: t.Column, row: int) -> Any:
        value = self.rows[row][node.name]
        return None if isinstance(value, float) and math.isnan(value) else value

    def negative(self, node: t.Negative, row: int) -> float | None:
        value = self.of(node.of, row)
        return None if value is None else -value

    def arithmetic(self, node: t.Arithmetic, row: int) -> Any:
        left, right = self.of(node.left, row), self.of(node.right, row)
        if left is None or right is None:
            return None
        if isinstance(left, datetime):
            return (left - right).total_seconds()
        try:
            match node.sign:
                case "+":
                    result = left + right
                case "-":
                    result = left - right
                case "*":
                    result = left * right
                case "/":
                    result = left / right
                case _:
                    result = math.fmod(left, right)
        except (ZeroDivisionError, ValueError, OverflowError):
            return None
        return result if math.isfinite(result) else None

    def comparison(self, node: t.Comparison, row: int) -> bool | None:
        return ordered(node.sign, self.of(node.left, row), self.of(node.right, row))

    def among(self, node: t.Among, row: int) -> bool | None:
        value = self.of(node.of, row)
        return None if value is None else any(value == item.value for item in node.items) is not node.negated

    def between(self, node: t.Between, row: int) -> bool | None:
        value = self.of(node.of, row)
        inside = every([ordered(">=", value, self.of(node.low, row)), ordered("<=", value, self.of(node.high, row))])
        return None if inside is None else inside is not node.negated

    def like(self, node: t.Like, row: int) -> bool | None:
        value = self.of(node.of, row)
        return None if value is None else alike(value, node.pattern) is not node.negated

    def matches(self, node: t.Matches, row: int) -> bool | None:
        value = self.of(node.of, row)
        return None if value is None else (re.search(node.pattern, value) is not None) is not node.negated

    def missing(self, node: t.Missing, row: int) -> bool:
        return (self.of(node.of, row) is None) is not node.negated

    def exists(self, node: t.Exists, row: int) -> bool | None:
        value = self.of(node.of, row)
        return None if value is None else value in self.references[node.flow, node.column]

    def __getattr__(self, name: str) -> Any:  # and, or and not are words of Python
        return {"not": self.turned, "and": self.both, "or": self.either}[name]

    def turned(self, node: t.Not, row: int) -> bool | None:
        value = self.of(node.of, row)
        return None if value is None else not value

    def both(self, node: t.And, row: int) -> bool | None:
        return every([self.of(part, row) for part in node.parts])

    def either(self, node: t.Or, row: int) -> bool | None:
        values = [self.of(part, row) for part in node.parts]
        return True if True in values else None if None in values else False

    def call(self, node: t.Call, row: int) -> Any:
        values = [self.of(argument, row) for argument in node.arguments]
        if node.name == "coalesce":
            return next((value for value in values if value is not None), None)
        value = values[0]
        if value is None:
            return None
        match node.name:
            case "length":
                return float(len(value))
            case "lower" | "upper":
                return getattr(value, node.name)()
            case "trim":
                return value.strip(" ")
            case "abs":
                return abs(value)
            case "round":
                return half_up(value, int(values[1]) if len(values) > 1 else 0)
            case "weekday":
                return float(value.isoweekday())
            case part:
                return float(getattr(value, part))

    def previous(self, node: t.Previous, row: int) -> Any:
        def key(number: int) -> list[Any]:
            return [self.of(one, number) for one in node.per]

        earlier = [number for number in range(row) if key(number) == key(row)]
        return self.of(node.of, earlier[-node.rows]) if len(earlier) >= node.rows else None

    def aggregate(self, node: t.Aggregate, row: int) -> Any:
        if node.of is None:
            return float(len(self.rows))
        values = [self.of(node.of, number) for number in range(len(self.rows))]
        filled = [value for value in values if value is not None]
        match node.name:
            case "count":
                return float(len(set(filled) if node.distinct else filled))
            case "share":
                return filled.count(True) / len(values)
            case "min":
                return min(filled, default=None)
            case "max":
                return max(filled, default=None)
            case name:
                if not filled or not all(map(math.isfinite, filled)):
                    return None
                total = sum(map(Fraction, filled))
                try:
                    return float(total / len(filled) if name == "avg" else total)
                except OverflowError:
                    return None


def ordered(sign: str, left: Any, right: Any) -> bool | None:
    if left is None or right is None:
        return None
    answers: dict[str, bool] = {
        "=": left == right, "<>": left != right, "<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right,
    }  # fmt: skip
    return answers[sign]


def every(values: list[bool | None]) -> bool | None:
    return False if False in values else None if None in values else True


def half_up(value: float, decimals: int) -> float:
    scaled = abs(value) * 10.0**decimals
    if not math.isfinite(scaled):
        return value
    whole = math.floor(scaled)
    return math.copysign((whole + (1 if scaled - whole >= 0.5 else 0)) / 10.0**decimals, value)


def alike(text: str, pattern: str) -> bool:
    """Whether a text is what a pattern of `like` describes; one character at a time."""
    if not pattern:
        return not text
    if pattern[0] == "%":
        return any(alike(text[cut:], pattern[1:]) for cut in range(len(text) + 1))
    wanted, rest = (pattern[1], pattern[2:]) if pattern[0] == "\\" else (pattern[0], pattern[1:])
    plain = pattern[0] != "_"
    return bool(text) and (not plain or text[0] == wanted) and alike(text[1:], rest)
