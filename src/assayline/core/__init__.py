"""The vocabulary: nine nouns as frozen values, on the standard library alone."""

from .catalogue import CATALOGUE
from .finding import Cell, Finding, Locator
from .ledger import FIRST, Entry, Ledger, chained
from .line import Line, Source, Step
from .lot import Lot
from .profile import TABLE, Past, Place, Profile, State, merged
from .report import ColumnFacts, InputFacts, Report, finding_as_json, report_from_json, rounded
from .rollout import BUCKETS, CHALLENGER, CHAMPION, HOLDOUT, Rollout, Stage, bucket, stages_of
from .rule import Rule
from .verdict import Verdict

__all__ = [
    "BUCKETS", "CATALOGUE", "CHALLENGER", "CHAMPION", "FIRST", "HOLDOUT", "TABLE", "Cell", "ColumnFacts", "Entry", "Finding", "InputFacts", "Ledger", "Line", "Locator", "Lot",
    "Past", "Place", "Profile", "Report", "Rollout", "Rule", "Source", "Stage", "State", "Step", "Verdict", "bucket", "chained", "finding_as_json", "merged",
    "report_from_json", "rounded", "stages_of",
]
