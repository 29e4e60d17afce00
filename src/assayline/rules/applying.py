"""Holds all rules of a flow against a table that is read in blocks: which rows fail which rule, how many, and the first of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from assayline.core import Cell, Rule
from assayline.errors import MisuseError
from assayline.measures import Block

from .compiled import Compiled
from .evaluation import Evaluation
from .polars_form import References
from .typed_block import typed

MOST_EXAMPLES = 5  # cells a finding shows


@dataclass(frozen=True)
class Outcome:
    """What came of a rule on a table.

    Args:
        rule: the rule.
        holds: whether every row met it, or the lot did; null is no failure.
        rows: how many rows failed; 0 for a rule about the lot, which no row is to blame for.
        examples: the first cells that failed; "*" stands for the row when the rule reads several columns.
    """

    rule: Rule
    holds: bool
    rows: int = 0
    examples: tuple[Cell, ...] = ()


class Applied:
    """Rules on their way over the blocks of a table.

    Call `first` with every block in order, then `finish`, then `failing` with every block in order; when `passes` is 1, no rule needs
    the first pass and `failing` may begin at once. The table is typed once for all rules.

    Args:
        rules: each rule with its compiled form; all compiled against the same kinds.
        references: the values of other flows that they ask for.

    >>> from datetime import datetime
    >>> from assayline.measures import Plan
    >>> from assayline.rules import compile_rule
    >>> frame = pl.DataFrame({"amount": ["1.5", "-2", "n/a"]})
    >>> rule = Rule("amount >= 0", "ops@example.com", datetime(2026, 1, 31))
    >>> applied = Applied([(rule, compile_rule(rule.text, {"amount": "number"}))])
    >>> [mask.to_list() for mask in applied.failing(Block(frame, Plan.of(frame, text=True)))]
    [[False, True, False]]
    >>> applied.outcomes()[0].examples
    (Cell(row=1, column='amount', confidence=1.0, value='-2', suggestion=None),)
    """

    def __init__(self, rules: Sequence[tuple[Rule, Compiled]], references: References | None = None) -> None:
        self.rules = [rule for rule, _ in rules]
        self._runs = [Evaluation(compiled, references) for _, compiled in rules]
        self._kinds: dict[str, str] = {}
        for rule, compiled in rules:
            for name, kind in compiled.kinds.items():
                if self._kinds.setdefault(name, kind) != kind:
                    raise MisuseError(f"the rule {rule.text!r} takes {name!r} for {kind}, another one for {self._kinds[name]}: compile both for one table")
        self._rows = [0] * len(rules)
        self._examples: list[list[Cell]] = [[] for _ in rules]

    @property
    def passes(self) -> int:
        """How often every block has to be seen: 2 when a rule asks for aggregates, else 1."""
        return 2 if any(run.compiled.aggregates_needed for run in self._runs) else 1

    @property
    def columns(self) -> Mapping[str, str]:
        """The columns that are read, with what they are taken for."""
        return self._kinds

    def first(self, block: Block) -> None:
        """Take note of what a block adds to the aggregates."""
        if self.passes == 1:
            return
        piece = typed(block.frame, block.plan, self._kinds)
        for run in self._runs:
            run.first(piece)

    def finish(self) -> None:
        """All blocks were seen once."""
        for run in self._runs:
            run.finish()

    def failing(self, block: Block) -> list[pl.Series]:
        """For each rule True in the rows of the next block that fail it; of a rule about the lot no row fails."""
        piece = typed(block.frame, block.plan, self._kinds)
        masks = []
        for number, run in enumerate(self._runs):
            if run.compiled.about_lot:
                mask = pl.repeat(False, block.rows, dtype=pl.Boolean, eager=True).alias("failing")
            else:
                mask = run.failing(piece)
                self._note(number, mask, block)
            masks.append(mask)
        return masks

    def outcomes(self) -> list[Outcome]:
        """What came of each rule, after the last block."""
        found = []
        for rule, run, rows, examples in zip(self.rules, self._runs, self._rows, self._examples, strict=True):
            holds = run.holds() is not False if run.compiled.about_lot else rows == 0
            found.append(Outcome(rule, holds, rows, tuple(examples)))
        return found

    def _note(self, number: int, mask: pl.Series, block: Block) -> None:
        self._rows[number] += int(mask.sum() or 0)
        examples = self._examples[number]
        if len(examples) == MOST_EXAMPLES or not mask.any():
            return
        columns = sorted(self._runs[number].compiled.columns)
        name = columns[0] if len(columns) == 1 else "*"
        for row in mask.arg_true().head(MOST_EXAMPLES - len(examples)).to_list():
            value = None if name == "*" else block.frame.get_column(name)[row]
            examples.append(Cell(block.start + row, name, 1.0, None if value is None else str(value)))
