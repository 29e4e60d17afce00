"""The functions a rule may call: what they take, what they give, and nothing else that could be called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Function:
    """A function of values of one row, or of the whole lot.

    Args:
        takes: kinds its argument may have.
        gives: kind of its result; "" for the kind of its argument.
        means: what it does, in one clause.
    """

    takes: tuple[str, ...]
    gives: str
    means: str


ANY = ("number", "text", "time", "boolean")
ORDERED = ("number", "text", "time")

# Of one value, except coalesce (several of one kind) and round (a second argument, the decimals).
FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {
        "abs": Function(("number",), "number", "the number without its sign"),
        "coalesce": Function(ANY, "", "the first of its arguments that is not null"),
        "day": Function(("time",), "number", "the day of the month, 1 to 31"),
        "hour": Function(("time",), "number", "the hour, 0 to 23"),
        "length": Function(("text",), "number", "the number of characters"),
        "lower": Function(("text",), "text", "the text in small letters"),
        "minute": Function(("time",), "number", "the minute, 0 to 59"),
        "month": Function(("time",), "number", "the month, 1 to 12"),
        "round": Function(("number",), "number", "the number with so many decimals (0 unless told), halves away from zero"),
        "trim": Function(("text",), "text", "the text without blanks at its ends"),
        "upper": Function(("text",), "text", "the text in capitals"),
        "weekday": Function(("time",), "number", "the day of the week, 1 (Monday) to 7 (Sunday)"),
        "year": Function(("time",), "number", "the year"),
    }
)

AGGREGATES: Mapping[str, Function] = MappingProxyType(
    {
        "avg": Function(("number",), "number", "the mean of the numbers that are not null"),
        "count": Function((*ANY, "nested"), "number", "how many rows there are (*), have a value (x), or how many different values (distinct x)"),
        "max": Function(ORDERED, "", "the largest value"),
        "min": Function(ORDERED, "", "the smallest value"),
        "share": Function(("boolean",), "number", "the share of all rows, 0 to 1, in which the condition is true"),
        "sum": Function(("number",), "number", "the sum of the numbers that are not null"),
    }
)

LOOKING_BACK = ("lag", "previous")
NAMES = (*FUNCTIONS, *AGGREGATES, *LOOKING_BACK)
# What other languages call them.
ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {
        "len": "length", "size": "length", "char_length": "length", "mean": "avg", "average": "avg", "strip": "trim", "ifnull": "coalesce", "nvl": "coalesce",
        "dayofweek": "weekday", "isodow": "weekday", "lcase": "lower", "ucase": "upper", "maximum": "max", "minimum": "min", "ratio": "share",
    }
)  # fmt: skip
