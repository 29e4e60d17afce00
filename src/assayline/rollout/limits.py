"""What a rollout is held to: one value that prints, and defaults from how much the champion differs from itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np

from assayline.errors import MisuseError

INCONCLUSIVE = ("hold", "promote", "rollback")
# What is allowed where the champion has no past to learn from: share of pairs.
RATES: Mapping[str, float] = {"flip_rate": 0.05, "moved": 0.05, "out_of_range": 0.01, "fallback_rate": 0.01, "nan_rate": 0.001}


@dataclass(frozen=True)
class Limits:
    """The whole of what decides about a rollout, beside the evidence.

    Args:
        alpha_rollback: chance that a rollout without any difference is rolled back, over all guards, segments and looks.
        alpha_promote: chance that a challenger at the limit of one guard is called within it.
        alpha_srm: chance that arms which lose outcomes alike are called unequal.
        margin: how much more the challenger may lose than the champion, in units of the loss; None for `margin_relative`.
        margin_relative: the same as a share of the champion's loss.
        min_units: pairs that a guard, and each of its segments, needs before anything goes on.
        cycle: batches after which things repeat (7 days of a week); nothing is promoted before one has passed.
        matured_share: share of a batch's labels without which its losses do not count, 0 to 1.
        max_batches: after so many an undecided rollout ends as `on_inconclusive` says; 0 for never.
        hard: multiple of a guard's limit at which a batch is undone without a test; and of the margin, for a record-by-record test of losses.
        optimistic_share: per cent of the keys that the challenger may answer before the first labels.
        on_inconclusive: "hold", "promote" or "rollback".
        labels: whether labels are expected at all; where they are, none is promoted without them.
        superior: whether an outcome (money) must be shown to be better, not only to be no worse.
        outcome_margin: share of the champion's mean outcome that may be lost, in randomised arms.
        latency_margin: share of the calls whose arm may be slower than the champion's at any bound.
        guards: names of the guards that must say something, over all rows ("flip_rate", …, "loss", "latency"); one without data is never fine.
        rates: allowed share of pairs by guard.

    Raises:
        MisuseError: a value that makes no sense.

    >>> Limits().rate("flip_rate"), Limits(rates={"flip_rate": 0.02}).rate("flip_rate")
    (0.05, 0.02)
    >>> Limits.from_json(Limits(guards=("nan_rate",)).to_json()) == Limits(guards=("nan_rate",))
    True
    """

    alpha_rollback: float = 0.01
    alpha_promote: float = 0.05
    alpha_srm: float = 0.001
    margin: float | None = None
    margin_relative: float = 0.01
    min_units: int = 200
    cycle: int = 7
    matured_share: float = 0.8
    max_batches: int = 0
    hard: float = 3.0
    optimistic_share: float = 25.0
    on_inconclusive: str = "hold"
    labels: bool = False
    superior: bool = False
    outcome_margin: float = 0.01
    latency_margin: float = 0.05
    guards: tuple[str, ...] = ()
    rates: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("alpha_rollback", "alpha_promote", "alpha_srm"):
            if not 0 < getattr(self, name) < 0.5:
                raise MisuseError(f"{name} is a chance between 0 and 0.5, not {getattr(self, name)!r}")
        shares = {name: getattr(self, name) for name in ("matured_share", "latency_margin")} | {f"the rate of {name!r}": value for name, value in self.rates.items()}
        for name, value in shares.items():
            if not 0 <= value <= 1:
                raise MisuseError(f"{name} is a share between 0 and 1, not {value!r}")
        if self.on_inconclusive not in INCONCLUSIVE:
            raise MisuseError(f"on_inconclusive is one of {', '.join(INCONCLUSIVE)}, not {self.on_inconclusive!r}")
        if self.min_units < 1 or self.cycle < 1 or self.max_batches < 0:
            raise MisuseError("min_units and cycle are at least 1, and max_batches at least 0")
        if self.hard < 1 or (self.margin is not None and self.margin < 0) or self.margin_relative < 0 or self.outcome_margin < 0:
            raise MisuseError("hard is at least 1, and margins are at least 0")
        if not 0 <= self.optimistic_share <= 100:
            raise MisuseError(f"optimistic_share is between 0 and 100 per cent, not {self.optimistic_share!r}")

    def rate(self, guard: str) -> float:
        """The share of pairs that a guard allows.

        Raises:
            MisuseError: it has no default, and none was given.
        """
        found = self.rates.get(guard, RATES.get(guard))
        if found is None:
            raise MisuseError(f"the guard {guard!r} has no limit; give it one, as in rates={{{guard!r}: 0.05}}")
        return float(found)

    def hard_rate(self, guard: str) -> float:
        """The share of pairs from which a batch is undone without a test; at most 1."""
        return min(1.0, self.hard * self.rate(guard))

    def to_json(self) -> dict[str, Any]:
        """As JSON values; `from_json` gives equal limits back."""
        return {**asdict(self), "guards": list(self.guards), "rates": dict(self.rates)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Limits:
        """Read what `to_json` wrote.

        Raises:
            MisuseError: a name that is no limit.
        """
        unknown = sorted(set(document) - {one.name for one in fields(cls)})
        if unknown:
            raise MisuseError(f"{unknown[0]!r} is no limit of a rollout; there are {', '.join(one.name for one in fields(cls))}")
        return cls(**{**document, "guards": tuple(document.get("guards", ()))})


def own_limit(changes: Sequence[float], usual: float = 0.0) -> float:
    """The share of pairs that may differ, from how much the champion differs from itself from one day to the next.

    Args:
        changes: share of units for which the event happened between two batches of the champion, one value for each of its last (about 30) batches; NaN is left out.
        usual: the least that is allowed, and what is allowed with fewer than 7 values.

    Returns:
        The largest of them, or their mean and three standard deviations, whichever is more: a challenger that differs no more than the champion from itself is within it in nearly
        every batch.

    >>> own_limit([0.010, 0.014, 0.012, 0.011, 0.013, 0.012, 0.010, 0.012])
    0.0159...
    """
    values = np.asarray(changes, dtype=np.float64)
    values = values[np.isfinite(values)]
    if len(values) < 7:
        return float(usual)
    return float(min(1.0, max(usual, values.max(), values.mean() + 3 * values.std(ddof=1))))


def own_margin(losses: Sequence[float], sds: Sequence[float], rows: Sequence[int], relative: float = Limits.margin_relative) -> float:
    """How much more a challenger may lose: a share of the champion's loss, or twice what its loss differs between batches by more than chance, whichever is more.

    Args:
        losses: mean loss of the champion, one value for each of its last (about 30) batches.
        sds: standard deviation of a row's loss in each of them.
        rows: rows with a label in each of them.

    Raises:
        MisuseError: no batch, or lists of different lengths.

    >>> round(own_margin([0.10, 0.12, 0.08, 0.11, 0.09], [0.3] * 5, [5_000] * 5), 4)
    0.0305
    """
    means, spreads, counts = (np.asarray(one, dtype=np.float64) for one in (losses, sds, rows))
    if not len(means) or not len(means) == len(spreads) == len(counts):
        raise MisuseError(f"a margin needs the loss, its spread and the rows of each batch, not {len(means)}, {len(spreads)} and {len(counts)} values")
    between = float(means.var(ddof=1) - (spreads**2 / counts).mean()) if len(means) > 1 else 0.0
    return max(relative * abs(float(means.mean())), 2 * float(np.sqrt(max(0.0, between))))


def own_distance(moves: Sequence[float], share: float = 0.99) -> float:
    """How far a score moves from one day to the next by itself: the distance that a share of the champion's own moves stays within. 0 for none.

    >>> own_distance([0.01 * one for one in range(101)])
    0.99
    """
    values = np.abs(np.asarray(moves, dtype=np.float64))
    values = values[np.isfinite(values)]
    return float(np.quantile(values, share)) if len(values) else 0.0
