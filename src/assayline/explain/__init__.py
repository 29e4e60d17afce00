"""What changed between two versions of a model, for whom, and what it costs: for readers without statistics. Pure."""

from .attributing import Attributed, Encoded, attributed
from .flipped import Case, FlippedCases, flipped_cases
from .importance_check import ImportanceCheck, checked_importances
from .mixing import MixAndRate, mix_and_rate
from .money import Money, money_of
from .pair import Pair
from .per_thousand import Outcome, outcomes
from .releases import Progression, Release, Step, progression
from .segments import Moved, Segment, Segments, segments_of
from .values import value_with_interval
from .words import WHAT_IMPORTANCE_IS, Vocabulary

__all__ = [
    "attributed", "Attributed", "Case", "checked_importances", "Encoded", "flipped_cases", "FlippedCases", "ImportanceCheck", "mix_and_rate", "MixAndRate", "Money", "money_of",
    "Moved", "Outcome", "outcomes", "Pair", "Progression", "progression", "Release", "Segment", "Segments", "segments_of", "Step", "value_with_interval", "Vocabulary",
    "WHAT_IMPORTANCE_IS",
]  # fmt: skip
