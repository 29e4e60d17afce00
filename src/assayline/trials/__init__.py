"""What a version of a model is put through before it may follow another: statistics over its answers, values in, values out."""

from .changes import Flips, flips, flips_by_group
from .comparing import Comparison, compare, compare_all, default_margin, mcnemar
from .costs import Cost, CostMatrix, UnitPrice, cost_matrix, per_unit
from .declining import History, history
from .disparities import Gap, Rate, fairness
from .estimating import Estimate, by_confidence, by_error_model, by_few_labels
from .importance import Importance, Importances, importances
from .junit import Case, CaseSuite, junit_xml
from .labelling import ErrorRate, Suspect, Suspects, reviewed, sample_for_review, suspects
from .lifetimes import ShelfLife, SignOff, Standing, shelf_life, standing, told
from .metrics import METRICS, Metric, losses, metric, money, primary, usual
from .multiplicity import discoveries, holm
from .perturbing import Fragility, robustness
from .picture import badge
from .privacy import Membership, Memory, PersonalFeature, SharedRows, membership, memorised, personal_features, shared_rows
from .proportions import exact, newcombe, tango, wilson
from .scored import Scored
from .secrets import Secret, secrets_in
from .slicing import Slice, slices
from .speed import Growth, SpeedComparison, Spent, compare_speed, growth, interleaved, over_budget, tail
from .suite import Bench, Trial, bench_of, collected, ended, run_suite, run_trial, trial

__all__ = [
    "badge", "Bench", "bench_of", "by_confidence", "by_error_model", "by_few_labels", "Case", "CaseSuite", "collected", "compare", "compare_all",
    "compare_speed", "Comparison", "Cost", "cost_matrix", "CostMatrix", "default_margin", "discoveries", "ended", "ErrorRate", "Estimate", "exact", "fairness", "Flips",
    "flips", "flips_by_group", "Fragility", "Gap", "Growth", "growth", "History", "history", "holm", "Importance", "Importances", "importances", "interleaved",
    "junit_xml", "losses", "mcnemar", "Membership", "membership", "memorised", "Memory", "Metric", "metric", "METRICS", "money", "newcombe", "over_budget", "per_unit",
    "personal_features", "PersonalFeature", "primary", "Rate", "reviewed", "robustness", "run_suite", "run_trial", "sample_for_review", "Scored", "Secret", "secrets_in",
    "shared_rows", "SharedRows", "shelf_life", "ShelfLife", "SignOff", "Slice", "slices", "SpeedComparison", "Spent", "Standing", "standing", "Suspect", "Suspects",
    "suspects", "tail", "tango", "told", "Trial", "trial", "UnitPrice", "usual", "wilson",
]  # fmt: skip
