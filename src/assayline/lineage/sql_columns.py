"""Reads a query as DuckDB would, and says which columns of which tables each column of its result rests on.

Only what is proved is said. A construct that brings columns in by other ways than their names (natural joins, `columns(...)`, pivots, table
functions, recursion) makes the whole answer unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from assayline.errors import MissingExtra

try:
    from sqlglot import exp, parse
    from sqlglot.errors import SqlglotError
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import Scope, traverse_scope
except ImportError as error:
    raise MissingExtra("the lineage of columns in SQL", extra="lineage", package="sqlglot") from error

DIALECT = "duckdb"
LONGEST = 200_000  # characters; a longer query is written by a program, and takes the parser minutes
Source = tuple[str, str]


@dataclass(frozen=True)
class Found:
    """What a query rests on: `sources` of each column of its result, and for each table the columns it `uses` and those that decide which `rows` there are."""

    sources: Mapping[str, list[Source]]
    uses: Mapping[str, list[str]]
    rows: Mapping[str, list[str]]


class _Unknown(Exception):
    """Something in the query brings in columns in a way that is not followed."""


def columns_of(text: str, schemas: Mapping[str, tuple[str, ...]]) -> Found | None:
    """What a query rests on; None where that cannot be told.

    Args:
        text: one query.
        schemas: for each table its columns.
    """
    if len(text) > LONGEST or any(len({name.lower() for name in columns}) < len(columns) for columns in schemas.values()):
        return None
    try:
        statements = parse(text, dialect=DIALECT)
        query = statements[0] if len(statements) == 1 else None
        if not isinstance(query, exp.Query) or _is_unfollowed(query):
            return None
        written = {one.args["alias"].name.lower(): one.args["alias"].name for one in query.find_all(exp.Alias) if isinstance(one.args.get("alias"), exp.Identifier)}
        tables: dict[str, object] = {flow.lower(): dict.fromkeys(columns, "unknown") for flow, columns in schemas.items()}
        whole = qualify(query, dialect=DIALECT, schema=tables, quote_identifiers=False)
        return _Reading(whole, schemas, written).found()
    except (SqlglotError, _Unknown, RecursionError):
        return None


def _is_unfollowed(query: exp.Expr) -> bool:
    """Whether it holds a construct whose columns do not stand in it by name."""
    kinds = (exp.Columns, exp.Pivot, exp.Unnest, exp.Lateral, exp.Placeholder, exp.Parameter, exp.MatchRecognize, exp.ReadCSV)
    if query.find(*kinds) is not None or any(one.args.get("recursive") for one in query.find_all(exp.With)):
        return True
    if any((one.args.get("method") or "").upper() == "NATURAL" for one in query.find_all(exp.Join)):
        return True
    return any(not isinstance(one.this, exp.Identifier) or one.args.get("db") for one in query.find_all(exp.Table))


@dataclass
class _Reading:
    """A qualified query, read from its tables upwards."""

    query: exp.Expr
    schemas: Mapping[str, tuple[str, ...]]
    written: Mapping[str, str]
    scopes: dict[int, Scope] = field(default_factory=dict)
    known: dict[int, dict[str, set[Source]]] = field(default_factory=dict)

    def found(self) -> Found:
        """What is used of every table, and where the columns of the result come from.

        Raises:
            _Unknown: a column or a table is not one of those given.
        """
        every = traverse_scope(self.query)
        self.scopes = {id(scope.expression): scope for scope in every}
        uses: dict[str, set[str]] = {flow: set() for flow in self.schemas}
        rows: dict[str, set[str]] = {flow: set() for flow in self.schemas}
        for column in self.query.find_all(exp.Column):
            if isinstance(column.this, exp.Star):
                raise _Unknown
            for flow, name in self._resolved(column):
                uses[flow].add(name)
                if _decides(column):
                    rows[flow].add(name)
        for scope in every:
            for flow, name in self._compared(scope):
                rows[flow].add(name)
        if self.query.find(exp.TableColumn) is not None or any(not isinstance(star.parent, exp.Count) for star in self.query.find_all(exp.Star)):
            raise _Unknown
        sources = {self.written.get(name, self._spelled(name)): sorted(found) for name, found in self._outputs(every[-1]).items()}
        return Found(sources, {flow: sorted(names) for flow, names in uses.items()}, {flow: sorted(names) for flow, names in rows.items()})

    def _outputs(self, scope: Scope) -> dict[str, set[Source]]:
        """For each column of a query, and each of its parts, the columns of tables it is computed from."""
        key = id(scope.expression)
        if key not in self.known:
            branches = scope.set_operation_scopes
            if branches:
                parts = [self._outputs(branch) for branch in branches]
                if len({len(part) for part in parts}) != 1 or scope.expression.args.get("by_name"):
                    raise _Unknown
                self.known[key] = {name: set().union(*(list(part.values())[place] for part in parts)) for place, name in enumerate(parts[0])}
            else:
                if not isinstance(scope.expression, exp.Query):
                    raise _Unknown
                found: dict[str, set[Source]] = {}
                for one in scope.expression.selects:
                    if not one.alias_or_name or one.alias_or_name in found:
                        raise _Unknown
                    found[one.alias_or_name] = {source for column in one.find_all(exp.Column) for source in self._resolved(column)}
                self.known[key] = found
        return self.known[key]

    def _resolved(self, column: exp.Column) -> set[Source]:
        scope: Scope | None = self._scope_of(column)
        while scope is not None:
            source = scope.sources.get(column.table)
            if isinstance(source, exp.Table):
                return {self._given(source.name, column.name)}
            if isinstance(source, Scope):
                outputs = self._outputs(source)
                if column.name not in outputs:
                    raise _Unknown
                return outputs[column.name]
            scope = scope.parent
        raise _Unknown

    def _scope_of(self, column: exp.Column) -> Scope:
        above = column.parent
        while above is not None and id(above) not in self.scopes:
            above = above.parent
        if above is None:
            raise _Unknown
        return self.scopes[id(above)]

    def _given(self, table: str, column: str) -> Source:
        """A column of a table as it was given: DuckDB does not tell upper from lower case."""
        flow = next((one for one in self.schemas if one.lower() == table.lower()), None)
        name = next((one for one in self.schemas.get(flow or "", ()) if one.lower() == column.lower()), None)
        if flow is None or name is None:
            raise _Unknown
        return flow, name

    def _spelled(self, name: str) -> str:
        return next((one for columns in self.schemas.values() for one in columns if one.lower() == name), name)

    def _compared(self, scope: Scope) -> Iterator[Source]:
        """What the columns of a query rest on, where their values decide which rows stay: distinct, union, grouping by all."""
        query = scope.expression
        group = query.args.get("group")
        whole = query.args.get("distinct") is not None or (group is not None and bool(group.args.get("all")))
        if isinstance(query, exp.SetOperation):
            whole = query.args.get("distinct") is not False or not isinstance(query, exp.Union)
        if whole:
            for sources in self._outputs(scope).values():
                yield from sources


def _decides(column: exp.Column) -> bool:
    """Whether the column stands where it decides about rows: anywhere but in the list of what is selected."""
    below: exp.Expr = column
    above = column.parent
    while above is not None:
        if isinstance(above, exp.Select | exp.SetOperation) and below.arg_key not in ("expressions", "this", "expression", "with_", "with"):
            return not isinstance(below, exp.From) and not _is_source(below, column)
        if isinstance(above, exp.From | exp.With):
            return False  # what the query above makes of it is found where that names it
        below, above = above, above.parent
    return False


def _is_source(join: exp.Expr, column: exp.Column) -> bool:
    """Whether a column below a join stands in the query that is joined, and not in the condition."""
    if not isinstance(join, exp.Join):
        return False
    one: exp.Expr | None = column
    while one is not None and one.parent is not join:
        one = one.parent
    return one is not None and one.arg_key == "this"
