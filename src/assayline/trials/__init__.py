"""What a version of a model is put through before it may follow another: statistics over its answers, values in, values out."""

from .comparing import Comparison, compare, compare_all, default_margin, mcnemar
from .costs import Cost, CostMatrix, UnitPrice, cost_matrix, per_unit
from .declining import History, history
from .metrics import METRICS, Metric, losses, metric, money, primary, usual
from .multiplicity import discoveries, holm
from .proportions import exact, newcombe, tango, wilson
from .scored import Scored
from .slicing import Slice, slices

__all__ = [
    "compare", "compare_all", "Comparison", "Cost", "cost_matrix", "CostMatrix", "default_margin", "discoveries", "exact", "History", "history", "holm", "losses",
    "mcnemar", "Metric", "metric", "METRICS", "money", "newcombe", "per_unit", "primary", "Scored", "Slice", "slices", "tango", "UnitPrice", "usual", "wilson",
]  # fmt: skip
