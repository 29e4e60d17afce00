"""Any table in, model input out: one plan, learned on training data, for training, testing, single rows and forecasts."""

from __future__ import annotations

from .column import Column, Feature
from .duplicates import Duplicates, duplicates
from .lagging import Lag
from .leaks import Leak
from .learning import frame
from .linking import Link, link
from .noticing import Note
from .plan import Plan
from .problem import Problem
from .segments import Grouping, segments

__all__ = ["Column", "Duplicates", "Feature", "Grouping", "Lag", "Leak", "Link", "Note", "Plan", "Problem", "duplicates", "frame", "link", "segments"]
