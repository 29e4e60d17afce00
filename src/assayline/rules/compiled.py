"""A rule that is ready to be held against rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

import polars as pl

from .checking import checked, typed_tree
from .polars_form import Form, References
from .sql_form import failing_statement
from .tree import Aggregate, Column, Exists, Node, Previous, Tree, by_row, everywhere


@dataclass(frozen=True)
class Compiled:
    """A rule that was held against the columns of a table.

    Args:
        tree: what it says.
        kinds: the kinds of the columns it reads.

    >>> compiled = compile_rule("share(amount > previous(amount)) > 0.9", {"amount": "number"})
    >>> compiled.about_lot, compiled.needs_order, sorted(compiled.columns)
    (True, True, ['amount'])
    """

    tree: Tree
    kinds: Mapping[str, str]
    kind_of: Mapping[Node, str] = field(repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kinds", MappingProxyType({name: self.kinds[name] for name in sorted(self.columns)}))
        object.__setattr__(self, "kind_of", MappingProxyType(dict(self.kind_of) or typed_tree(self.tree, self.kinds)))

    def __str__(self) -> str:
        return str(self.tree)

    @cached_property
    def columns(self) -> frozenset[str]:
        """The columns it reads."""
        return frozenset(node.name for node in everywhere(self.tree.root) if isinstance(node, Column))

    @cached_property
    def about_lot(self) -> bool:
        """Whether it has one answer for the whole lot and not one for each row."""
        return not by_row(self.tree.root)

    @cached_property
    def needs_order(self) -> bool:
        """Whether it looks back at earlier rows."""
        return bool(self.looks_back)

    @cached_property
    def references(self) -> tuple[tuple[str, str], ...]:
        """The columns of other flows it asks, as (flow, column)."""
        return tuple(dict.fromkeys((node.flow, node.column) for node in everywhere(self.tree.root) if isinstance(node, Exists)))

    @cached_property
    def aggregates_needed(self) -> tuple[Aggregate, ...]:
        """What has to be known of the whole lot before a row can be judged; with none, one pass is enough."""
        return tuple(dict.fromkeys(node for node in everywhere(self.tree.root) if isinstance(node, Aggregate)))

    @cached_property
    def looks_back(self) -> tuple[Previous, ...]:
        """Where it looks back."""
        return tuple(dict.fromkeys(node for node in everywhere(self.tree.root) if isinstance(node, Previous)))

    def expression(self, references: References | None = None) -> pl.Expr:
        """The condition over a frame with typed columns (`typed`): true, false or null in each row.

        For `with_columns` and `filter`; `select` gives a single row where a rule is the same for all rows, such as `true or a < 5`. A rule
        that asks for aggregates or earlier rows has to see the whole table at once: not to be used on pieces of one.

        >>> import polars as pl
        >>> pl.DataFrame({"a": [1, 7, None]}).with_columns(holds=compile_rule("a < 5", {"a": "number"}).expression())["holds"].to_list()
        [True, False, None]
        """
        if self.aggregates_needed or self.looks_back:
            from .evaluation import whole  # here, because evaluating is built on this value

            return whole(self, references or {})
        return Form(self.kind_of, references or {}, {}, {}).of(self.tree.root, "boolean")

    def sql(self, dialect: str, table: str = "lot", order: str = "row_number") -> str:
        """A statement that gives the rows which fail the rule; for a rule about the lot one row with its answer, `holds`.

        Args:
            dialect: "duckdb" or "postgres".
            table: the table; flows that `exists in` asks are tables of their own names.
            order: the column that says which row came before which; only read by a rule that looks back.
        """
        return failing_statement(self.tree, self.kind_of, dialect, table, order)


def compile_rule(text: str, kinds: Mapping[str, str], flows: Mapping[str, Mapping[str, str]] | None = None) -> Compiled:
    """Read a rule and make it ready for tables with these columns.

    Args:
        text: the rule.
        kinds: the columns, as for `checked`.
        flows: the columns of other flows, as for `checked`.

    Raises:
        RuleError: as `checked`.
    """
    return Compiled(checked(text, kinds, flows), kinds)
