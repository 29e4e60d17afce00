"""What decides about a rollout: who is answered by whom, what batches say, and promote, hold or roll back; values in, values out."""

from .assigning import arms, buckets, compared, sql_bucket
from .betting import RateTest
from .ebh import e_bh
from .evidence import Accounting, Batch, Behaviour, Latency, Matured, Outcome
from .fleet import e_lond
from .guards import standing
from .judging import Decision, GuardLine, alpha_inside, guard_lines, judge
from .limits import Limits, own_distance, own_limit, own_margin
from .mixing import MIXES, QuantileMap, mixed_share, mixing_needed, quota_per_arm
from .paired import course, hard_harm, hard_margin

__all__ = [
    "Accounting", "alpha_inside", "arms", "Batch", "Behaviour", "buckets", "compared", "course", "Decision", "e_bh", "e_lond", "guard_lines", "GuardLine", "hard_harm",
    "hard_margin", "judge", "Latency", "Limits", "Matured", "MIXES", "mixed_share", "mixing_needed", "Outcome", "own_distance", "own_limit", "own_margin", "quota_per_arm",
    "QuantileMap", "RateTest", "sql_bucket", "standing",
]  # fmt: skip
