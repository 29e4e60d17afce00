"""From a table to a model under a budget: baselines, candidates, an honest choice, and what follows from new rows."""

from __future__ import annotations

from .costs import per_unit
from .trained import Trained
from .training import train

__all__ = ["Trained", "per_unit", "train"]
