"""The rules of a flow held against one lot: what does not meet them becomes a finding like any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from assayline.core import Cell, Finding
from assayline.detectors.locating import Accused
from assayline.errors import RuleError
from assayline.measures import HEAD_ROWS, Block, Plan
from assayline.rules import Compiled, Evaluation, compile_rule, typed
from assayline.tables import Table

SEVERITY = {"warn": 0.5, "split": 0.7, "hold": 0.9}


@dataclass(frozen=True)
class Breaking:
    """Finds the rows that fail a rule; one that looks back sees the blocks in order."""

    run: Evaluation

    @property
    def columns(self) -> tuple[str, ...]:
        """What the rule reads."""
        return tuple(sorted(self.run.compiled.columns))

    def fresh(self) -> Breaking:
        """Itself, unless it remembers rows."""
        if not self.run.compiled.needs_order:
            return self
        self.run.restart()
        return Breaking(self.run)

    def __call__(self, block: Block, /) -> Sequence[Cell]:
        """The rows of a block that fail, as cells of the one column the rule reads, or of the whole row."""
        columns = self.columns
        mask = self.run.failing(typed(block.frame, block.plan, self.run.compiled.kinds))
        name = columns[0] if len(columns) == 1 else "*"
        return Accused(block.frame.get_column(columns[0]), name, mask.arg_true().to_numpy().astype("int64"), block.start, 1.0)


class RuleSet:
    """The rules in force for one lot.

    Args:
        rules: as `rule_book.in_force` gives them.
        references: for each "flow.column" the Parquet files that hold its values.
    """

    def __init__(self, rules: Sequence[Mapping[str, Any]], references: Mapping[str, Sequence[str]]) -> None:
        self.rules = rules
        self.references, self.flows = values_of(references)

    def findings(self, table: Table, plan: Plan) -> list[Finding]:
        """What to say, before rows are counted; rules that ask for aggregates take one pass over the table for all of them."""
        kinds = kinds_of(plan)
        found: list[Finding] = []
        runs: list[tuple[Mapping[str, Any], Evaluation]] = []
        for rule in self.rules:
            try:
                runs.append((rule, Evaluation(compile_rule(rule["text"], kinds, self.flows), self.references)))
            except RuleError as error:
                found.append(_unanswered(rule, error))
        whole = [run for _, run in runs if run.compiled.aggregates_needed]
        if whole:
            wanted = sorted({name for run in whole for name in run.compiled.columns}) or list(table.columns[:1])
            for piece in table.pieces(wanted):
                frame = piece.load()
                for run in whole:
                    run.first(typed(frame, plan, run.compiled.kinds))
        for rule, run in runs:
            run.finish()
            if not run.compiled.about_lot:
                found.append(_broken(rule, run.compiled, Breaking(run)))
            elif run.holds() is False:
                found.append(_broken(rule, run.compiled, None))
        return found


def kinds_of(plan: Plan) -> dict[str, str]:
    """The kinds of the columns of a table, as the rule language names them."""
    return {name: column.kind for name, column in plan.columns.items()}


def values_of(references: Mapping[str, Sequence[str]]) -> tuple[dict[tuple[str, str], pl.Series], dict[str, dict[str, str]]]:
    """The values other flows have in some columns, and the kinds of these columns.

    Args:
        references: for each "flow.column" the Parquet files to read it from.
    """
    values: dict[tuple[str, str], pl.Series] = {}
    flows: dict[str, dict[str, str]] = {}
    for name, paths in references.items():
        flow, _, column = name.rpartition(".")
        frames = []
        for path in paths:
            with pq.ParquetFile(path) as file:
                if column in file.schema_arrow.names:
                    frame = pl.from_arrow(file.read([column]))
                    assert isinstance(frame, pl.DataFrame)
                    frames.append(frame.unique())
        if not frames:
            continue
        whole = pl.concat(frames, how="vertical_relaxed").unique()
        plan = Plan.of(whole.head(HEAD_ROWS), text=whole.schema[column] == pl.String)
        flows.setdefault(flow, {})[column] = plan.columns[column].kind
        values[(flow, column)] = typed(whole, plan)[column].drop_nulls().unique()
    return values, flows


def _broken(rule: Mapping[str, Any], compiled: Compiled, locate: Breaking | None) -> Finding:
    reason = f" {rule['reason']}" if rule.get("reason") else ""
    subject = "The lot does not meet" if locate is None else "There are rows that do not meet"
    return Finding(
        "broken_rule", tuple(sorted(compiled.columns)), f"{subject} rule {rule['rule']}: {rule['text']}.{reason}", SEVERITY[rule["action"]], layer="rule",
        where=f"rule {rule['rule']}", evidence={"rule": int(rule["rule"]), "version": int(rule["version"]), "action": rule["action"], "owner": rule["owner"]},
        locate=locate, suggestion="mend the rows, or change the rule",
    )  # fmt: skip


def _unanswered(rule: Mapping[str, Any], error: RuleError) -> Finding:
    """A rule that cannot be asked: who relies on it must not get the lot unseen."""
    action = "hold" if rule["action"] in ("split", "hold") else "warn"
    return Finding(
        "rule_error", (), f"Rule {rule['rule']} ({rule['text']}) cannot be held against this lot: {error}.", SEVERITY[action], layer="rule",
        where=f"rule {rule['rule']}", evidence={"rule": int(rule["rule"]), "version": int(rule["version"]), "action": action, "owner": rule["owner"]},
        suggestion="ask the sender for what is missing, or change the rule",
    )  # fmt: skip
