"""Holds a rule against a table, whole or in pieces; the pieces cannot change the answer."""

from __future__ import annotations

from functools import partial

import polars as pl

from assayline.errors import MisuseError

from .aggregates import State, Value, joined, state_of
from .compiled import Compiled
from .limits import KEPT_ROWS
from .polars_form import DTYPES, Form, References
from .tree import Aggregate, Node, Previous


class Evaluation:
    """A rule on its way over a table that is read in pieces.

    A rule that asks for aggregates sees every piece twice: `first` for each piece in order, `finish`, then `failing` for each piece in
    order. Any other rule needs `failing` only. What it remembers between pieces is one state for each aggregate, and the last rows of
    each key for each look back.

    >>> import polars as pl
    >>> from assayline.rules import compile_rule
    >>> pieces = [pl.DataFrame({"x": [1.0, 2.0]}), pl.DataFrame({"x": [90.0]})]
    >>> run = Evaluation(compile_rule("x <= 2 * avg(x)", {"x": "number"}))
    >>> for piece in pieces:
    ...     run.first(piece)
    >>> run.finish()
    >>> [run.failing(piece).to_list() for piece in pieces]
    [[False, False], [True]]
    """

    def __init__(self, compiled: Compiled, references: References | None = None) -> None:
        self.compiled = compiled
        self._references = references or {}
        self._back = [_LookBack(node, self, f"\0{number}") for number, node in enumerate(compiled.looks_back)]
        self._states: dict[Node, State] = {}
        self._values: dict[Node, Value] = {}
        self._finished = not compiled.aggregates_needed
        self._form: Form | None = None

    def form(self) -> Form:
        """The expressions, with what is known of the lot so far."""
        if self._form is None:
            self._form = Form(self.compiled.kind_of, self._references, self._values, {back.node: back.name for back in self._back})
        return self._form

    def first(self, piece: pl.DataFrame) -> None:
        """Take note of what a piece adds to the aggregates; does nothing when there are none.

        Args:
            piece: the next rows, typed, with at least `compiled.columns`.
        """
        if not self.compiled.aggregates_needed:
            return
        if self._finished:
            raise MisuseError("first() was called after finish(): begin a new Evaluation for another table")
        frame = self._looked_back(piece)
        for node in self.compiled.aggregates_needed:
            added = self._added(node, frame)
            before = self._states.get(node)
            self._states[node] = added if before is None else joined(before, added)

    def finish(self) -> None:
        """All pieces were seen: the aggregates have their values."""
        if self._finished:
            return
        empty = pl.DataFrame(schema={name: DTYPES.get(kind, pl.Null()) for name, kind in self.compiled.kinds.items()})
        if not self._states:
            self.first(empty)
        self._values.update({node: state.value() for node, state in self._states.items()})
        self._finished = True
        self.restart()

    def restart(self) -> None:
        """Forget the rows seen, but not the aggregates: the next piece is the first of the table again."""
        for back in self._back:
            back.seen = None

    def truth(self, piece: pl.DataFrame) -> pl.Series:
        """The condition in each row of the next piece: true, false or null."""
        if not self._finished:
            raise MisuseError(f"the rule {self.compiled} needs first() for every piece and finish() before a row can be judged")
        if self.compiled.about_lot:
            return pl.repeat(self.holds(), piece.height, dtype=pl.Boolean, eager=True)
        return _column(self._looked_back(piece), self.form().of(self.compiled.tree.root, "boolean"))

    def failing(self, piece: pl.DataFrame) -> pl.Series:
        """True in each row of the next piece in which the condition is false; null is no failure.

        A rule about the lot has one answer: when it fails, every row fails.
        """
        return (~self.truth(piece)).fill_null(False).alias("failing")

    def holds(self) -> bool | None:
        """The answer of a rule about the lot: true, false or null."""
        if not self.compiled.about_lot:
            raise MisuseError(f"the rule {self.compiled} is about rows: ask failing()")
        if not self._finished:
            raise MisuseError("the lot was not seen to its end: call finish()")
        answer = pl.select(self.form().of(self.compiled.tree.root, "boolean")).item()
        return None if answer is None else bool(answer)

    def _looked_back(self, piece: pl.DataFrame) -> pl.DataFrame:
        return piece.with_columns([back.over(piece) for back in self._back]) if self._back else piece

    def _added(self, node: Aggregate, frame: pl.DataFrame) -> State:
        if node.of is None:
            return state_of(node.name, False, None, frame.height)
        wanted = {"share": "boolean", "sum": "number", "avg": "number"}.get(node.name, "")
        return state_of(node.name, node.distinct, _column(frame, self.form().of(node.of, wanted)), frame.height)


class _LookBack:
    """One `previous()` or `lag()`: the values some rows earlier, with the rows of earlier pieces that are still needed."""

    def __init__(self, node: Previous, run: Evaluation, name: str) -> None:
        self.node = node
        self.run = run
        self.name = name
        self.seen: pl.DataFrame | None = None

    def over(self, piece: pl.DataFrame) -> pl.Series:
        """The values some rows before each row of the next piece."""
        form = self.run.form()
        keys = [f"key {number}" for number in range(len(self.node.per))]
        wanted = self.run.compiled.kind_of[self.node]
        values = [_column(piece, form.of(self.node.of, wanted if wanted != "empty" else "text")).alias("value")]
        now = pl.DataFrame([*values, *(_column(piece, form.of(key)).alias(name) for key, name in zip(self.node.per, keys, strict=True))])
        rows = now if self.seen is None else pl.concat([self.seen, now])
        back = pl.col("value").shift(self.node.rows)
        found = rows.select(back.over(keys) if keys else back).to_series().slice(rows.height - now.height).alias(self.name)
        self.seen = rows.group_by(keys, maintain_order=True).tail(self.node.rows).select(rows.columns) if keys else rows.tail(self.node.rows)
        if self.seen.height > KEPT_ROWS:
            named = ", ".join(key.name for key in self.node.per)
            raise MisuseError(f"{self.node.rows} rows for each {named} are more than {KEPT_ROWS:,}: take a coarser key, or look back fewer rows")
        return found


def _column(frame: pl.DataFrame, expression: pl.Expr) -> pl.Series:
    """The expression in every row; an engine that sees that it is the same everywhere may give it once."""
    return frame.with_columns(expression.alias("\0")).get_column("\0").alias("holds")


def failing_rows(compiled: Compiled, frame: pl.DataFrame, references: References | None = None) -> pl.Series:
    """The rows of a whole table that fail a rule.

    Args:
        compiled: the rule.
        frame: the table, typed (`typed`), with at least `compiled.columns`.
        references: for each of `compiled.references` the values that stand there.

    Returns:
        True where the condition is false; where it is null, the row does not fail.

    >>> import polars as pl
    >>> from assayline.rules import compile_rule
    >>> failing_rows(compile_rule("x >= previous(x)", {"x": "number"}), pl.DataFrame({"x": [1, 3, 2]})).to_list()
    [False, False, True]
    """
    run = Evaluation(compiled, references)
    run.first(frame)
    run.finish()
    return run.failing(frame)


def whole(compiled: Compiled, references: References) -> pl.Expr:
    """The condition as an expression over the whole table."""
    return pl.struct(sorted(compiled.columns) or pl.all()).map_batches(partial(_judged, compiled, references), return_dtype=pl.Boolean)


def _judged(compiled: Compiled, references: References, rows: pl.Series) -> pl.Series:
    frame = rows.struct.unnest()
    run = Evaluation(compiled, references)
    run.first(frame)
    run.finish()
    return run.truth(frame)
