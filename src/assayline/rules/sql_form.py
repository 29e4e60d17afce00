"""A rule as an SQL statement for DuckDB or PostgreSQL.

Every name is quoted and every constant written by us from a value of the tree: no text of a user reaches the statement as it stands.
The statement gives what the Polars form gives, with these exceptions, which `docs/rules.md` lists: PostgreSQL stops with its own error where
a calculation overflows, calculates `round` and `%` in decimals, and has no `matches`.
"""

from __future__ import annotations

from collections.abc import Mapping

from assayline.errors import MisuseError

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
    by_row,
    everywhere,
    quoted,
)

DIALECTS = ("duckdb", "postgres")
TYPES: Mapping[str, str] = {"number": "DOUBLE PRECISION", "text": "VARCHAR", "time": "TIMESTAMP", "boolean": "BOOLEAN"}
_PARTS = {"weekday": "isodow", "year": "year", "month": "month", "day": "day", "hour": "hour", "minute": "minute"}


def failing_statement(tree: Tree, kinds: Mapping[Node, str], dialect: str, table: str, order: str) -> str:
    """A statement that gives the rows which fail; of a rule about the lot, its answer."""
    if dialect not in DIALECTS:
        raise MisuseError(f"there is no dialect {dialect!r}: there are {' and '.join(DIALECTS)}")
    back = {node: f"looked back {number}" for number, node in enumerate(dict.fromkeys(everywhere(tree.root))) if isinstance(node, Previous)}
    writer = _Writer(kinds, dialect, named(table), dict(back.items()))
    begin = ""
    if back:
        looks = "".join(f", {writer.look_back(node, order)} AS {named(name)}" for node, name in back.items())
        begin = f"WITH {named('rows of ' + table)} AS (SELECT *{looks} FROM {named(table)}) "
        writer.source = named("rows of " + table)
    condition = writer.of(tree.root, "boolean")
    if not by_row(tree.root):
        return f"{begin}SELECT {condition} AS holds"
    return f"{begin}SELECT * FROM {writer.source} WHERE NOT ({condition})"


def named(name: str) -> str:
    """A name in double quotes."""
    return '"' + name.replace('"', '""') + '"'


class _Writer:
    def __init__(self, kinds: Mapping[Node, str], dialect: str, source: str, back: Mapping[Node, str]) -> None:
        self.kinds = kinds
        self.duckdb = dialect == "duckdb"
        self.source = source
        self.back = back

    def of(self, node: Node, wanted: str = "") -> str:
        made = self._of(node)
        return f"CAST({made} AS {TYPES[wanted]})" if wanted and self.kinds[node] == "empty" else made

    def _of(self, node: Node) -> str:
        match node:
            case Number(value):
                return f"CAST('{value!r}' AS DOUBLE PRECISION)"
            case Text(value):
                return f"CAST({quoted(value)} AS VARCHAR)"
            case Moment(value):
                return f"CAST('{value.isoformat(sep=' ').rjust(19, '0')}' AS TIMESTAMP)"
            case Truth(value):
                return "TRUE" if value else "FALSE"
            case Column(name):
                return self.column(name, self.kinds[node])
            case Negative(of):
                return f"(- {self.of(of, 'number')})"
            case Arithmetic(sign, left, right):
                return self.arithmetic(sign, left, right)
            case Comparison(sign, left, right):
                one, other = self.alike(left, right)
                return f"({one} {sign} {other})"
            case Between(of, low, high, negated):
                inner, least, most = self.alike(of, low, high)
                return f"({inner} {_no(negated)}BETWEEN {least} AND {most})"
            case Among(of, items, negated):
                return f"({self.of(of, self.kinds[items[0]])} {_no(negated)}IN ({', '.join(map(self._of, items))}))"
            case Like(of, pattern, negated):
                return f"({self.of(of, 'text')} {_no(negated)}LIKE {quoted(pattern)} ESCAPE '\\')"
            case Matches(of, pattern, negated):
                if not self.duckdb:
                    raise MisuseError("'matches' has no equal in PostgreSQL, whose regular expressions are another language: use like, or DuckDB")
                return f"({_no(negated)}regexp_matches({self.of(of, 'text')}, {quoted(pattern)}))"
            case Missing(of, negated):
                return f"({self.of(of)} IS {_no(negated)}NULL)"
            case Not(of):
                return f"(NOT {self.of(of, 'boolean')})"
            case And(parts):
                return "(" + " AND ".join(self.of(part, "boolean") for part in parts) + ")"
            case Or(parts):
                return "(" + " OR ".join(self.of(part, "boolean") for part in parts) + ")"
            case Call():
                return self.call(node)
            case Exists(of, flow, column):
                kind = self.kinds[of] if self.kinds[of] != "empty" else "text"
                inner, other = self.of(of, kind), self.column(column, kind)
                known = f"SELECT {other} FROM {named(flow)} WHERE {other} IS NOT NULL"
                return f"(CASE WHEN {inner} IS NOT NULL THEN {inner} IN ({known}) END)"  # without rows SQL says that null is not among them
            case Previous():
                return named(self.back[node])
            case Aggregate():
                return f"(SELECT {self.aggregate(node)} FROM {self.source})"

    def column(self, name: str, kind: str) -> str:
        if kind not in TYPES:
            return named(name)
        made = f"CAST({named(name)} AS {TYPES[kind]})"
        return f"NULLIF({made}, CAST('NaN' AS DOUBLE PRECISION))" if kind == "number" else made

    def alike(self, *nodes: Node) -> list[str]:
        """Values that are compared with each other; texts by their characters, whatever language a database sorts in."""
        kind = next((self.kinds[node] for node in nodes if self.kinds[node] != "empty"), "text")
        return [self.collated(self.of(node, kind), kind) for node in nodes]

    def collated(self, value: str, kind: str) -> str:
        return f'({value} COLLATE "C")' if kind == "text" and not self.duckdb else value

    def finite(self, value: str) -> str:
        """Null for what is no finite number; the value is written once, or a rule of 4,096 characters would become gigabytes of SQL."""
        if self.duckdb:  # NULLIF is a macro there, and writes its first argument twice
            return f"list_transform([{value}], lambda v: CASE WHEN isfinite(v) THEN v END)[1]"
        return f"NULLIF(NULLIF(NULLIF({value}, 'NaN'), 'Infinity'), '-Infinity')"

    def arithmetic(self, sign: str, left: Node, right: Node) -> str:
        if "time" in (self.kinds[left], self.kinds[right]):
            one, other = self.of(left, "time"), self.of(right, "time")
            if self.duckdb:
                return f"(CAST(epoch_us({one}) - epoch_us({other}) AS DOUBLE PRECISION) / CAST('1e6' AS DOUBLE PRECISION))"
            return f"CAST(extract(epoch FROM ({one} - {other})) AS DOUBLE PRECISION)"
        one, other = self.of(left, "number"), self.of(right, "number")
        if self.duckdb:
            return self.finite(f"{one} {sign} {other}")
        if sign == "%":
            return f"CAST(mod(CAST({one} AS NUMERIC), NULLIF(CAST({other} AS NUMERIC), 0)) AS DOUBLE PRECISION)"
        if sign == "/":
            other = f"NULLIF({other}, CAST('0' AS DOUBLE PRECISION))"
        return self.finite(f"({one} {sign} {other})")

    def call(self, node: Call) -> str:
        first = node.arguments[0]
        match node.name:
            case "length":
                return f"CAST(length({self.of(first, 'text')}) AS DOUBLE PRECISION)"
            case "lower" | "upper":
                return f"{node.name}({self.of(first, 'text')})"
            case "trim":
                return f"{'trim' if self.duckdb else 'btrim'}({self.of(first, 'text')}, ' ')"
            case "abs":
                return f"abs({self.of(first, 'number')})"
            case "round":
                decimals = node.arguments[1] if len(node.arguments) > 1 else Number(0)
                assert isinstance(decimals, Number)  # the parser takes nothing else
                value = self.of(first, "number")
                if self.duckdb:
                    return f"round({value}, {int(decimals.value)})"
                return f"CAST(round(CAST({value} AS NUMERIC), {int(decimals.value)}) AS DOUBLE PRECISION)"
            case "coalesce":
                kind = next((self.kinds[one] for one in node.arguments if self.kinds[one] != "empty"), "text")
                return f"coalesce({', '.join(self.of(one, kind) for one in node.arguments)})"
            case part:
                return f"CAST(extract({_PARTS[part]} FROM {self.of(first, 'time')}) AS DOUBLE PRECISION)"

    def aggregate(self, node: Aggregate) -> str:
        if node.of is None:
            return "CAST(count(*) AS DOUBLE PRECISION)"
        kind = self.kinds[node.of]
        match node.name:
            case "share":
                hits = f"count(*) FILTER (WHERE {self.of(node.of, 'boolean')})"
                return f"CAST({hits} AS DOUBLE PRECISION) / NULLIF(count(*), 0)"
            case "count":
                return f"CAST(count({'DISTINCT ' if node.distinct else ''}{self.of(node.of)}) AS DOUBLE PRECISION)"
            case "min" | "max":
                return f"{node.name}({self.collated(self.of(node.of), kind)})"
            case name:
                return self.finite(f"{name}({self.of(node.of, 'number')})")

    def look_back(self, node: Previous, order: str) -> str:
        keys = f"PARTITION BY {', '.join(self.of(key) for key in node.per)} " if node.per else ""
        return f"lag({self.of(node.of)}, {node.rows}) OVER ({keys}ORDER BY {named(order)})"


def _no(negated: bool) -> str:
    return "NOT " if negated else ""
