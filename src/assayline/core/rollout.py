"""Which model answers which key now."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .verdict import Verdict

BUCKETS = 10_000
MODES = ("replay", "shadow", "canary", "ab", "blue_green")
STATES = ("running", "promoted", "rolled_back", "finished")
RAMP = (1.0, 5.0, 25.0, 50.0, 100.0)
CHAMPION, CHALLENGER, HOLDOUT = "champion", "challenger", "holdout"


def bucket(salt: str, key: str) -> int:
    """The bucket of a key, 0 to 9,999: `int(md5(salt:key)[:8], 16) % 10000`, which Python, DuckDB, Spark and PostgreSQL compute alike.

    >>> bucket("2026-11", "customer 1")
    3662
    """
    digest = hashlib.md5(f"{salt}:{key}".encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
    return int(digest[:8], 16) % BUCKETS


@dataclass(frozen=True)
class Stage:
    """One step of a rollout.

    Args:
        mode: "replay" (past batches are scored again, nothing is published), "shadow" (the challenger scores what comes, nothing of it is published), "canary",
            "ab" (a fixed split, decided by outcomes) or "blue_green" (everything at once, the old one stands by).
        share: per cent of the keys that the challenger answers.
    """

    mode: str
    share: float = 0.0

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"the mode of a rollout is one of {', '.join(MODES)}, not {self.mode!r}")
        if not 0 <= self.share <= 100 or (self.share > 0) == (self.mode in ("replay", "shadow")):
            raise ValueError(f"in the mode {self.mode} a challenger cannot answer {self.share:g} per cent of the keys")


def stages_of(mode: str, ramp: Sequence[float] = RAMP, split: float = 50.0) -> tuple[Stage, ...]:
    """The way to a mode: past batches first, then shadow, then what the mode adds.

    >>> [(one.mode, one.share) for one in stages_of("canary", (5, 100))]
    [('replay', 0.0), ('shadow', 0.0), ('canary', 5.0), ('canary', 100.0)]
    """
    before = (Stage("replay"), Stage("shadow"))
    if mode == "replay":
        return before[:1]
    if mode == "shadow":
        return before
    if mode == "canary":
        return (*before, *(Stage("canary", float(share)) for share in ramp))
    if mode == "ab":
        return (*before, *(Stage("canary", float(share)) for share in ramp if share < split), Stage("ab", float(split)))
    return (*before, Stage(mode, 100.0))


@dataclass(frozen=True)
class Rollout:
    """A champion, a challenger, and the share of keys the challenger answers now.

    Args:
        champion: the model in production.
        challenger: the model on trial.
        salt: new for every rollout, so that the same keys are not always the guinea pigs.
        stages: the way, with shares that never fall.
        stage: position in `stages`.
        holdout: per cent of the keys that stay with the champion, also after the end, as a measure of what the change was worth.
        control: per cent of the keys that both models score although the champion answers them: what the comparison rests on.
        state: "running", "promoted", "rolled_back", or "finished" (compared only, nobody is answered by the challenger).

    >>> rollout = Rollout("v6", "v7", salt="2026-11", stages=stages_of("canary"), stage=2)
    >>> rollout.route("customer 1") in ("v6", "v7")
    True
    >>> rollout.advance(Verdict.HOLD).route("customer 1")
    'v6'
    """

    champion: str
    challenger: str
    salt: str
    stages: tuple[Stage, ...] = stages_of("canary")
    stage: int = 0
    holdout: float = 0.0
    control: float = 10.0
    state: str = "running"

    def __post_init__(self) -> None:
        shares = [one.share for one in self.stages]
        if not shares or shares != sorted(shares):
            raise ValueError(f"the shares of a ramp rise to at most 100 per cent, not {shares!r}")
        if not 0 <= self.stage < len(self.stages):
            raise ValueError(f"there is no stage {self.stage} among {len(self.stages)}")
        if self.state not in STATES:
            raise ValueError(f"the state of a rollout is one of {', '.join(STATES)}, not {self.state!r}")
        if not 0 <= self.holdout < 100 or not 0 <= self.control <= 100:
            raise ValueError(f"holdout and control are per cents, not {self.holdout!r} and {self.control!r}")

    @property
    def now(self) -> Stage:
        """The stage it is in."""
        return self.stages[self.stage]

    @property
    def share(self) -> float:
        """Per cent of the keys that the challenger answers, before those that are held out."""
        return {"running": self.now.share, "promoted": 100.0}.get(self.state, 0.0)

    def arm_of(self, number: int) -> str:
        """The arm of a bucket: "challenger", "champion", or "holdout" (the champion answers, and always will).

        The challenger has the first buckets, the holdout the last ones: a share that grows takes nobody's model away.
        """
        if number >= BUCKETS - self.holdout * BUCKETS / 100:
            return HOLDOUT
        return CHALLENGER if number < self.share * BUCKETS / 100 else CHAMPION

    def is_compared(self, number: int) -> bool:
        """Whether both models score the keys of a bucket: those the challenger answers, and the control beside them; in replay, shadow and after a promotion too."""
        if self.state == "rolled_back" or self.state == "finished":
            return False
        if self.state == "promoted":  # the old one goes on scoring a few, in case the new one turns out to be worse
            return number < self.control * BUCKETS / 100
        if self.now.mode in ("replay", "shadow"):
            return True
        return number < (self.now.share + self.control) * BUCKETS / 100

    def route(self, key: str) -> str:
        """The model that answers this key; sticky while the share grows."""
        return self.challenger if self.arm_of(bucket(self.salt, key)) == CHALLENGER else self.champion

    def advance(self, verdict: Verdict) -> Rollout:
        """One stage on after a release, all the way back after a hold or worse, else where it is; after the last stage it is promoted, where anything was answered."""
        if self.state != "running":
            return replace(self, state="rolled_back") if verdict >= Verdict.HOLD and self.state == "promoted" else self
        if verdict >= Verdict.HOLD:
            return replace(self, state="rolled_back")
        if verdict > Verdict.RELEASE:
            return self
        if self.stage < len(self.stages) - 1:
            return replace(self, stage=self.stage + 1)
        return replace(self, state="promoted" if self.now.share else "finished")
