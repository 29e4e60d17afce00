"""What a version of a model is put through before it may follow another: statistics over its answers, values in, values out."""

from .comparing import Comparison, compare, compare_all, default_margin, mcnemar
from .costs import Cost, CostMatrix, UnitPrice, cost_matrix, per_unit
from .declining import History, history
from .disparities import Gap, Rate, fairness
from .importance import Importance, Importances, importances
from .metrics import METRICS, Metric, losses, metric, money, primary, usual
from .multiplicity import discoveries, holm
from .perturbing import Fragility, robustness
from .proportions import exact, newcombe, tango, wilson
from .scored import Scored
from .slicing import Slice, slices

__all__ = [
    "compare", "compare_all", "Comparison", "Cost", "cost_matrix", "CostMatrix", "default_margin", "discoveries", "exact", "fairness", "Fragility", "Gap", "History",
    "history", "holm", "Importance", "Importances", "importances", "losses", "mcnemar", "Metric", "metric", "METRICS", "money", "newcombe", "per_unit", "primary", "Rate",
    "robustness", "Scored", "Slice", "slices", "tango", "UnitPrice", "usual", "wilson",
]  # fmt: skip
