"""Any table in, model input out: one plan, learned on training data, for training, testing, single rows and forecasts."""

from __future__ import annotations

from .column import Column, Feature
from .lagging import Lag
from .leaks import Leak
from .learning import frame
from .noticing import Note
from .plan import Plan
from .problem import Problem

__all__ = ["Column", "Feature", "Lag", "Leak", "Note", "Plan", "Problem", "frame"]
