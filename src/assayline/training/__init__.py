"""From a table to a model under a budget: baselines, candidates, an honest choice, and what follows from new rows."""

from __future__ import annotations

from .conformal import label_sets
from .costs import decided, per_unit
from .race import Progress
from .trained import Trained
from .training import train
from .triggers import Reason, Standing, Triggers, reasons
from .updating import continued, forgetting, nudged, refitted, retrained

__all__ = [
    "Progress", "Reason", "Standing", "Trained", "Triggers", "continued", "decided", "forgetting", "label_sets", "nudged", "per_unit", "reasons", "refitted", "retrained", "train",
]  # fmt: skip
