"""What a rule says, as a tree of frozen values; its text in one canonical spelling.

Two rules that differ in blanks, capitals of words or needless brackets are the same tree, and `parse(str(tree)) == tree`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TypeAlias

# Words that cannot be names of columns unless they are quoted.
RESERVED = frozenset(["and", "or", "not", "in", "between", "like", "is", "null", "matches", "exists", "true", "false"])


@dataclass(frozen=True)
class Part:
    """What all parts of a tree have: the place in the text where they begin, which does not count when they are compared."""

    at: int = field(default=0, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class Number(Part):
    """A number; all numbers are 64-bit floats."""

    value: float


@dataclass(frozen=True)
class Text(Part):
    """A text in single quotes."""

    value: str


@dataclass(frozen=True)
class Moment(Part):
    """A day (its midnight) or a moment, without a time zone."""

    value: datetime


@dataclass(frozen=True)
class Truth(Part):
    """`true` or `false`."""

    value: bool


@dataclass(frozen=True)
class Column(Part):
    """The value of a column in the row."""

    name: str


@dataclass(frozen=True)
class Negative(Part):
    """`-x`, of anything but a number as written, which carries its own sign."""

    of: Node


@dataclass(frozen=True)
class Arithmetic(Part):
    """`+ - * / %`; the difference of two times is a number of seconds."""

    sign: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Comparison(Part):
    """`= <> < <= > >=`."""

    sign: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Among(Part):
    """`x in (1, 2)`."""

    of: Node
    items: tuple[Constant, ...]
    negated: bool = False


@dataclass(frozen=True)
class Between(Part):
    """`x between 1 and 2`, both ends included."""

    of: Node
    low: Node
    high: Node
    negated: bool = False


@dataclass(frozen=True)
class Like(Part):
    """`x like 'A%'`: `%` is any text, `_` one character, a backslash takes the meaning from the next character."""

    of: Node
    pattern: str
    negated: bool = False


@dataclass(frozen=True)
class Matches(Part):
    """`x matches '^[A-Z]+$'`: the regular expression is found somewhere in the text."""

    of: Node
    pattern: str
    negated: bool = False


@dataclass(frozen=True)
class Missing(Part):
    """`x is null`."""

    of: Node
    negated: bool = False


@dataclass(frozen=True)
class Not(Part):
    """`not x`."""

    of: Node


@dataclass(frozen=True)
class And(Part):
    """All of two or more conditions."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Or(Part):
    """At least one of two or more conditions."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Call(Part):
    """A function of values of the same row."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Previous(Part):
    """The value some rows earlier; with keys, some rows earlier among the rows of the same keys."""

    of: Node
    rows: int = 1
    per: tuple[Column, ...] = ()


@dataclass(frozen=True)
class Aggregate(Part):
    """One value of the whole lot; `of` is None in `count(*)`."""

    name: str
    of: Node | None
    distinct: bool = False


@dataclass(frozen=True)
class Exists(Part):
    """Whether the value stands in a column of another flow."""

    of: Node
    flow: str
    column: str


Constant: TypeAlias = Number | Text | Moment | Truth
Node: TypeAlias = (
    Constant | Column | Negative | Arithmetic | Comparison | Among | Between | Like | Matches | Missing | Not | And | Or
    | Call | Previous | Aggregate | Exists
)  # fmt: skip


@dataclass(frozen=True)
class Tree:
    """A rule that was read.

    Args:
        root: the condition.
        text: as the user wrote it; does not count when trees are compared.

    >>> from assayline.rules import parse
    >>> str(parse("AMOUNT>=0   AND (status IN ('a','b'))"))
    "AMOUNT >= 0 and status in ('a', 'b')"
    """

    root: Node
    text: str = field(default="", compare=False, repr=False)

    def __str__(self) -> str:
        return self._written

    @cached_property
    def _written(self) -> str:
        return written(self.root)


def below(node: Node) -> tuple[Node, ...]:
    """The parts directly inside a part, in the order they are written."""
    match node:
        case Negative(of) | Not(of) | Among(of) | Like(of) | Matches(of) | Missing(of) | Exists(of):
            return (of,)
        case Arithmetic(_, left, right) | Comparison(_, left, right):
            return (left, right)
        case Between(of, low, high):
            return (of, low, high)
        case And(parts) | Or(parts) | Call(_, parts):
            return parts
        case Previous(of, _, per):
            return (of, *per)
        case Aggregate(_, of):
            return () if of is None else (of,)
        case _:
            return ()


def everywhere(node: Node) -> Iterator[Node]:
    """The part and all parts inside it, outer ones first, from left to right."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        yield one
        waiting.extend(reversed(below(one)))


def depth(node: Node) -> int:
    """How many parts lie within each other; counted without recursion, for it decides whether recursion is safe."""
    deepest, level = 0, [node]
    while level:
        deepest += 1
        level = [inner for one in level for inner in below(one)]
    return deepest


# How tightly a part holds together; an operand that holds less tightly stands in brackets.
_OR, _AND, _NOT, _COMPARISON, _SUM, _PRODUCT, _SIGNED, _WHOLE = range(8)


def _strength(node: Node) -> int:
    match node:
        case Or():
            return _OR
        case And():
            return _AND
        case Not():
            return _NOT
        case Comparison() | Among() | Between() | Like() | Matches() | Missing() | Exists():
            return _COMPARISON
        case Arithmetic(sign):
            return _SUM if sign in "+-" else _PRODUCT
        case Negative():
            return _SIGNED
        case Number(value):
            return _SIGNED if value < 0 else _WHOLE
        case _:
            return _WHOLE


def written(node: Node, least: int = _OR) -> str:
    """The canonical text of a part; in brackets if it holds together less tightly than asked."""
    text = _bare(node)
    return f"({text})" if _strength(node) < least else text


def _bare(node: Node) -> str:
    match node:
        case Number(value):
            return written_number(value)
        case Text(value):
            return quoted(value)
        case Moment(value):
            return written_moment(value)
        case Truth(value):
            return "true" if value else "false"
        case Column(name):
            return written_name(name)
        case Negative(of):
            inner = written(of, _SIGNED)
            return f"- {inner}" if inner.startswith("-") else f"-{inner}"  # two dashes in a row would begin a comment in SQL
        case Arithmetic(sign, left, right):
            mine = _strength(node)
            return f"{written(left, mine)} {sign} {written(right, mine + 1)}"
        case Comparison(sign, left, right):
            return f"{written(left, _SUM)} {sign} {written(right, _SUM)}"
        case Among(of, items, negated):
            return f"{written(of, _SUM)} {_no(negated)}in ({', '.join(map(_bare, items))})"
        case Between(of, low, high, negated):
            return f"{written(of, _SUM)} {_no(negated)}between {written(low, _SUM)} and {written(high, _SUM)}"
        case Like(of, pattern, negated):
            return f"{written(of, _SUM)} {_no(negated)}like {quoted(pattern)}"
        case Matches(of, pattern, negated):
            return f"{written(of, _SUM)} {_no(negated)}matches {quoted(pattern)}"
        case Missing(of, negated):
            return f"{written(of, _SUM)} is {_no(negated)}null"
        case Exists(of, flow, column):
            return f"{written(of, _SUM)} exists in flow({written_name(flow)}.{written_name(column)})"
        case Not(of):
            return f"not {written(of, _NOT)}"
        case And(parts):
            return " and ".join(written(part, _NOT) for part in parts)
        case Or(parts):
            return " or ".join(written(part, _AND) for part in parts)
        case Call(name, arguments):
            return f"{name}({', '.join(map(written, arguments))})"
        case Previous(of, rows, per):
            keys = f" per {', '.join(map(_bare, per))}" if per else ""
            return f"previous({written(of)}{keys})" if rows == 1 else f"lag({written(of)}, {rows}{keys})"
        case Aggregate(name, of, distinct):
            return f"{name}({'distinct ' if distinct else ''}{'*' if of is None else written(of)})"


def _no(negated: bool) -> str:
    return "not " if negated else ""


def written_number(value: float) -> str:
    """A number without needless digits."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e16 else repr(value)


def written_moment(value: datetime) -> str:
    """A day, or a day with its time."""
    day = f"{value.year:04}-{value.month:02}-{value.day:02}"  # strftime does not pad the year everywhere
    if value == datetime(value.year, value.month, value.day):
        return f"date '{day}'"
    fraction = f".{value.microsecond:06}" if value.microsecond else ""
    return f"timestamp '{day} {value.hour:02}:{value.minute:02}:{value.second:02}{fraction}'"


def written_name(name: str) -> str:
    """A name, in double quotes where it could be read as something else."""
    plain = bool(name) and (name[0] == "_" or name[0].isalpha()) and all(letter == "_" or letter.isalnum() for letter in name)
    return name if plain and name.lower() not in RESERVED else '"' + name.replace('"', '""') + '"'


def quoted(text: str) -> str:
    """A text in single quotes."""
    return "'" + text.replace("'", "''") + "'"


def by_row(node: Node) -> bool:
    """Whether a part can differ from row to row; constants and aggregates cannot."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Column | Previous):
            return True
        if not isinstance(one, Aggregate):
            waiting.extend(below(one))
    return False
