"""What is done with the scores of a batch: the rows above a threshold, or the best of them, marked; fairly, where two versions answer.

A list of the best, or a threshold, means something else for each version: one that is merely more sure of itself gets more than its share. So where both answer rows of a batch, the way they are
mixed is said, or they must be seen to mean the same; else the batch is refused with the figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from assayline.core.rollout import CHALLENGER
from assayline.errors import MisuseError
from assayline.rollout.mixing import QuantileMap, mixing_needed, quota_per_arm

LOOKED_AT = (0.01, 0.05, 0.2)  # shares of a ranking that somebody may cut anywhere

Floats = npt.NDArray[np.float64]
Truths = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Use:
    """How scores are used.

    Args:
        kind: "" (each row is decided by itself), "ranked", "top" or "threshold".
        value: how many are on the list, or from which score on.
        mix: what was said about mixing, or "".

    >>> Use.of("top=1000", "map_scores")
    Use(kind='top', value=1000.0, mix='map_scores')
    """

    kind: str
    value: float
    mix: str

    @classmethod
    def of(cls, decides: str, mix: str) -> Use:
        """As a job says it.

        Raises:
            MisuseError: a quota of a list that has no end.
        """
        kind, _, value = decides.partition("=")
        if kind == "ranked" and mix == "quota_per_arm":
            raise MisuseError("a quota for each arm needs a list that ends somewhere; write top=1000 or threshold=0.3 in place of ranked, or mix by map_scores")
        return cls(kind, float(value or 0.0), mix)

    def refused(self, challenger: Floats, champion: Floats, share: float, rows: int) -> str:
        """Why the two may not answer side by side without a word about mixing, or "".

        Args:
            challenger, champion: scores of rows that both have scored.
            share: per cent of the keys that the challenger answers.
            rows: of the batch.
        """
        if not self.kind:
            return ""
        if self.kind == "threshold":
            return mixing_needed(champion, challenger, share, mix=self.mix, threshold=self.value)
        tops = LOOKED_AT if self.kind == "ranked" else (min(1.0, self.value / max(1, rows)),)
        return next((why for one in tops if (why := mixing_needed(champion, challenger, share, mix=self.mix, top=one))), "")

    def mapped(self, scores: Floats, challenger: Floats, champion: Floats) -> tuple[Floats, dict[str, Any] | None]:
        """Scores of the challenger as they are published, and the map by which they were made, if any.

        Raises:
            MisuseError: fewer than 200 rows were scored by both.
        """
        if self.mix != "map_scores":
            return scores, None
        found = QuantileMap.of(challenger, champion)
        return found.apply(scores), found.to_json()

    def listed(self, scores: Floats, arms: npt.NDArray[Any], champion: Floats) -> Truths | None:
        """Which rows are on the list or above the threshold; None where there is neither.

        Args:
            scores: as they are published; NaN for nothing.
            arms: of the rows.
            champion: what the version that answers everybody else says of all rows: how many are above a threshold is its word.
        """
        if self.kind not in ("top", "threshold"):
            return None
        of = np.where(arms == CHALLENGER, CHALLENGER, "champion")
        if self.mix == "quota_per_arm":
            wanted = self.value if self.kind == "top" else float((champion >= self.value).sum())
            return quota_per_arm(scores, of, wanted) if wanted >= 1 else np.zeros(len(scores), dtype=np.bool_)
        if self.kind == "threshold":
            with np.errstate(invalid="ignore"):
                return np.asarray(scores >= self.value)
        found = np.zeros(len(scores), dtype=np.bool_)
        known = np.flatnonzero(np.isfinite(scores))
        found[known[np.argsort(-scores[known], kind="stable")[: int(self.value)]]] = True
        return found
