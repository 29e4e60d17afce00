"""Rules: conditions in SQL's spelling, which a user adds to what is judged (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .applying import Applied, Outcome
    from .checking import KINDS, checked
    from .compiled import Compiled, compile_rule
    from .evaluation import Evaluation, failing_rows
    from .functions import AGGREGATES, FUNCTIONS
    from .parser import parse
    from .polars_form import References
    from .tree import Tree
    from .typed_block import typed

__all__ = [
    "AGGREGATES", "Applied", "Compiled", "Evaluation", "FUNCTIONS", "KINDS", "Outcome", "References", "Tree", "checked", "compile_rule", "failing_rows",
    "parse", "typed",
]

_HOMES = {
    "AGGREGATES": "functions", "Applied": "applying", "Compiled": "compiled", "Evaluation": "evaluation", "FUNCTIONS": "functions", "KINDS": "checking",
    "Outcome": "applying", "References": "polars_form", "Tree": "tree", "checked": "checking", "compile_rule": "compiled", "failing_rows": "evaluation",
    "parse": "parser", "typed": "typed_block",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    # Loaded on first use: the parent process of the gate reads the text of rules and must not pay for the engine.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module 'assayline.rules' has no attribute {name!r}")
