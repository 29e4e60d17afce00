"""Holds a rule against the columns of a table: are the names there, and does what is compared belong together?"""

from __future__ import annotations

from collections.abc import Mapping

from assayline.errors import MisuseError, RuleError

from .functions import AGGREGATES, FUNCTIONS, ORDERED
from .lexer import described
from .nearest import nearest
from .parser import parse, shortened
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
    Tree,
    Truth,
    everywhere,
)

# "empty": a column without any value, which goes with everything. "nested": lists and structures, of which only null can be asked.
KINDS = ("number", "text", "time", "boolean", "nested", "empty")
_ARTICLE = {"number": "a number", "text": "text", "time": "a time", "boolean": "a condition", "nested": "nested", "empty": "empty"}


def checked(text: str, kinds: Mapping[str, str], flows: Mapping[str, Mapping[str, str]] | None = None) -> Tree:
    """Read a rule and hold it against a table.

    Args:
        text: the rule.
        kinds: the columns of the table: "number", "text", "time", "boolean", "nested" or "empty" by name (as `measures.Plan` has them).
        flows: the same for the flows that `exists in` may ask; None leaves their names unchecked.

    Raises:
        RuleError: it is not in the language, names what is not there, or compares what does not belong together.

    >>> checked("amont >= 0", {"amount": "number"})
    Traceback (most recent call last):
    assayline.errors.RuleError: column 1: there is no column 'amont'; did you mean 'amount'?
    """
    tree = parse(text)
    typed_tree(tree, kinds, flows)
    return tree


def typed_tree(tree: Tree, kinds: Mapping[str, str], flows: Mapping[str, Mapping[str, str]] | None = None) -> dict[Node, str]:
    """The kind of every part of a tree.

    Raises:
        RuleError: it names what is not there, or compares what does not belong together.
    """
    if odd := next((kind for kind in kinds.values() if kind not in KINDS), None):
        raise MisuseError(f"there is no kind of column {odd!r}: there are {', '.join(KINDS)}")
    checker = _Checker(tree.text or str(tree), kinds, flows)
    checker.condition(tree.root)
    if not any(isinstance(node, Column | Aggregate) for node in everywhere(tree.root)):
        raise checker.wrong(tree.root, "the rule reads no column", "every row would give the same answer")
    return checker.found


class _Checker:
    def __init__(self, text: str, kinds: Mapping[str, str], flows: Mapping[str, Mapping[str, str]] | None) -> None:
        self.text = text
        self.kinds = kinds
        self.flows = flows
        self.found: dict[Node, str] = {}
        self.inside = ""  # the aggregate or the look back that is being checked

    def wrong(self, node: Node, cause: str, next_step: str = "") -> RuleError:
        return RuleError(self.text, min(node.at, len(self.text)), cause, next_step=next_step)

    def of(self, node: Node) -> str:
        """The kind of a part; what is inside is checked first."""
        kind = self._of(node)
        self.found[node] = kind
        return kind

    def condition(self, node: Node) -> None:
        self.one_of(node, ("boolean",), "a condition", "such as amount >= 0")

    def one_of(self, node: Node, wanted: tuple[str, ...], expected: str, next_step: str = "") -> str:
        kind = self.of(node)
        if kind not in wanted and kind != "empty":
            raise self.wrong(node, f"{said(node)} is {_ARTICLE[kind]}, and {expected} is needed here", next_step)
        return kind

    def _of(self, node: Node) -> str:
        match node:
            case Number():
                return "number"
            case Text():
                return "text"
            case Moment():
                return "time"
            case Truth():
                return "boolean"
            case Column(name):
                return self.column(node, name, self.kinds)
            case Negative(of):
                self.one_of(of, ("number",), "a number")
                return "number"
            case Arithmetic(sign, left, right):
                return self.arithmetic(node, sign, left, right)
            case Comparison(sign, left, right):
                return self.together(node, [left, right], sign in ("=", "<>"))
            case Between(of, low, high):
                return self.together(node, [of, low, high], False)
            case Among(of, items):
                return self.together(node, [of, *items], True)
            case Like(of) | Matches(of):
                self.one_of(of, ("text",), "text")
                return "boolean"
            case Missing(of):
                self.of(of)
                return "boolean"
            case Not(of):
                self.condition(of)
                return "boolean"
            case And(parts) | Or(parts):
                for part in parts:
                    self.condition(part)
                return "boolean"
            case Exists():
                return self.exists(node)
            case Call():
                return self.call(node)
            case Previous():
                return self.previous(node)
            case Aggregate():
                return self.aggregate(node)

    def column(self, node: Node, name: str, kinds: Mapping[str, str], where: str = "") -> str:
        if (kind := kinds.get(name)) is not None:
            return kind
        meant = nearest(name, kinds)
        hint = f"did you mean {shortened(meant)}?" if meant else f"there are {', '.join(map(shortened, list(kinds)[:8]))}" if kinds else "the table has no columns"
        if len(kinds) > 8 and not meant:
            hint += f" and {len(kinds) - 8:,} more"
        if name.lower() in ("nan", "inf", "infinity") and not meant:
            hint = "a cell that holds no number is null: ask with is null"
        strange = next((letter for letter in name if not letter.isascii() and letter not in (meant or "")), None)
        seen = f" (it contains {described(strange)})" if strange else ""
        raise self.wrong(node, f"there is no column {shortened(name)}{where}{seen}", hint)

    def together(self, node: Node, parts: list[Node], equality: bool) -> str:
        """Values that are compared with each other are of one kind."""
        found = [(part, self.of(part)) for part in parts]
        first, kind = next(((part, kind) for part, kind in found if kind != "empty"), (parts[0], "empty"))
        for part, other in found:
            if other == "nested":
                raise self.wrong(part, f"{said(part)} is nested, and nested values cannot be compared", "only is null can be asked of them")
            if other not in (kind, "empty"):
                texts = {kind, other} == {"time", "text"}
                raise self.wrong(
                    part, f"{said(first)} is {_ARTICLE[kind]} and {said(part)} is {_ARTICLE[other]}: they cannot be compared",
                    "a day is written date '2026-01-31'" if texts else "",
                )  # fmt: skip
        if kind == "boolean" and not equality:
            raise self.wrong(node, "conditions have no order", "compare them with = or <>")
        return "boolean"

    def arithmetic(self, node: Node, sign: str, left: Node, right: Node) -> str:
        kinds = (self.of(left), self.of(right))
        if sign == "-" and "time" in kinds and set(kinds) <= {"time", "empty"}:
            return "number"
        for part, kind in zip((left, right), kinds, strict=True):
            if kind not in ("number", "empty"):
                hint = "the difference of two times is a number of seconds: shipped - ordered <= 3 * 86400" if kind == "time" else ""
                raise self.wrong(part, f"{said(part)} is {_ARTICLE[kind]}, and {sign} takes numbers", hint)
        return "number"

    def exists(self, node: Exists) -> str:
        kind = self.one_of(node.of, ORDERED, "a number, a text or a time")
        if self.flows is None:
            return "boolean"
        columns = self.flows.get(node.flow)
        if columns is None:
            meant = nearest(node.flow, self.flows)
            there = ", ".join(map(shortened, sorted(self.flows)[:8])) or "none"
            hint = f"did you mean {shortened(meant)}?" if meant else f"the flows are {there}"
            raise self.wrong(node, f"there is no flow {shortened(node.flow)}", hint)
        other = self.column(node, node.column, columns, f" in the flow {shortened(node.flow)}")
        if other != kind and "empty" not in (kind, other):
            name = shortened(f"{node.flow}.{node.column}")
            raise self.wrong(node, f"{said(node.of)} is {_ARTICLE[kind]} and {name} is {_ARTICLE[other]}: they cannot be compared")
        return "boolean"

    def call(self, node: Call) -> str:
        function = FUNCTIONS[node.name]
        if node.name == "coalesce":
            self.together(node, list(node.arguments), True)
            return next((kind for one in node.arguments if (kind := self.found[one]) != "empty"), "empty")
        for argument in node.arguments:
            self.one_of(argument, function.takes, " or ".join(_ARTICLE[kind] for kind in function.takes))
        return function.gives

    def enter(self, node: Node, name: str) -> None:
        if self.inside and not (self.inside in AGGREGATES and isinstance(node, Previous)):
            hint = {"previous": "lag(x, 2) looks back further", "lag": "lag(x, 2) looks back further"}.get(name, "it is one value for the whole lot: put it outside")
            raise self.wrong(node, f"{name}() cannot stand inside {self.inside}()", hint)
        self.inside = name

    def previous(self, node: Previous) -> str:
        outer = self.inside
        self.enter(node, "previous" if node.rows == 1 else "lag")
        kind = self.of(node.of)
        for key in node.per:
            if self.of(key) == "nested":
                raise self.wrong(key, f"{said(key)} is nested and cannot be a key")
        if kind == "nested":
            raise self.wrong(node.of, f"{said(node.of)} is nested and has no place in previous()")
        if not any(isinstance(one, Column) for one in everywhere(node.of)):
            raise self.wrong(node.of, "a constant is the same in every row", "look back at a column: previous(amount)")
        self.inside = outer
        return kind

    def aggregate(self, node: Aggregate) -> str:
        outer = self.inside
        self.enter(node, node.name)
        function = AGGREGATES[node.name]
        if node.of is None:
            self.inside = outer
            return "number"
        wanted = " or ".join(_ARTICLE[kind] for kind in function.takes)
        kind = self.one_of(node.of, function.takes if not node.distinct else (*ORDERED, "boolean"), wanted)
        if not any(isinstance(one, Column) for one in everywhere(node.of)):
            raise self.wrong(node.of, "a constant is the same in every row", "use a column, or count(*)")
        self.inside = outer
        return function.gives or kind


def said(node: Node) -> str:
    """A part of a rule as it is quoted in a message."""
    text = str(Tree(node))
    return text if len(text) <= 40 and text.isprintable() else shortened(text)
