"""Rules: conditions in SQL's spelling, which a user adds to what is judged (pure)."""

from .applying import Applied, Outcome
from .checking import KINDS, checked
from .compiled import Compiled, compile_rule
from .evaluation import Evaluation, failing_rows
from .functions import AGGREGATES, FUNCTIONS
from .parser import parse
from .polars_form import References
from .tree import Tree
from .typed import typed

__all__ = [
    "AGGREGATES", "Applied", "Compiled", "Evaluation", "FUNCTIONS", "KINDS", "Outcome", "References", "Tree", "checked", "compile_rule", "failing_rows",
    "parse", "typed",
]
