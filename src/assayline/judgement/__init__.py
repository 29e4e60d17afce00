"""Judges: pure functions from findings to a verdict."""

from .judging import judge
from .policy import Policy
from .subsume import EXPLAINS, EXPLAINS_ALL, EXPLAINS_ANYWHERE, subsume, worst_first

__all__ = ["EXPLAINS", "EXPLAINS_ALL", "EXPLAINS_ANYWHERE", "Policy", "judge", "subsume", "worst_first"]
