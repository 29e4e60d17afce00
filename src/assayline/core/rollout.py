"""Which model answers which key now."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from .verdict import Verdict

BUCKETS = 10_000


@dataclass(frozen=True)
class Rollout:
    """A champion, a challenger, and the share of keys the challenger answers.

    Args:
        champion: the model in production.
        challenger: the model on trial.
        salt: new for every rollout, so that the same keys are not always the guinea pigs.
        ramp: shares of keys in per cent, in rising order, the last one 100.
        stage: position in the ramp; -1 means rolled back: the champion answers everything.

    >>> rollout = Rollout("v6", "v7", salt="2026-11")
    >>> rollout.route("customer 1") in ("v6", "v7")
    True
    >>> rollout.advance(Verdict.HOLD).route("customer 1")
    'v6'
    """

    champion: str
    challenger: str
    salt: str
    ramp: tuple[float, ...] = (1.0, 5.0, 25.0, 50.0, 100.0)
    stage: int = 0

    def __post_init__(self) -> None:
        if not self.ramp or list(self.ramp) != sorted(self.ramp) or not 0 < self.ramp[-1] <= 100:
            raise ValueError(f"a ramp rises to at most 100 per cent, not {self.ramp!r}")

    def route(self, key: str) -> str:
        """The model that answers this key; sticky while the ramp grows.

        The bucket is `int(md5(salt:key)[:8], 16) % 10000`, which SQL engines compute alike.
        """
        if self.stage < 0:
            return self.champion
        digest = hashlib.md5(f"{self.salt}:{key}".encode(), usedforsecurity=False).hexdigest()
        share = self.ramp[min(self.stage, len(self.ramp) - 1)]
        return self.challenger if int(digest[:8], 16) % BUCKETS < share * BUCKETS / 100 else self.champion

    def advance(self, verdict: Verdict) -> Rollout:
        """One stage on after a release, all the way back after a hold or worse, else where it is."""
        if verdict >= Verdict.HOLD:
            return replace(self, stage=-1)
        if verdict > Verdict.RELEASE or self.stage < 0:
            return self
        return replace(self, stage=min(self.stage + 1, len(self.ramp) - 1))
