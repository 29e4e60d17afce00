"""What randomised arms make of units: money and other outcomes, freed from what was known of the units before.

Null hypothesis of `log_e_worse`: the challenger's arm makes at most `margin` less per unit than the champion's (more is better; the other way round where less is). Promised: it reaches
1/alpha in at most alpha of all rollouts as batches come, for sums of so many units that they are about normal (a few hundred). Units that come back make no new evidence: what they have
in common is counted once. Simulated in `tests/rollout/test_cuped.py`.

Source: Deng, Xu, Kohavi and Walker, "Improving the sensitivity of online controlled experiments by utilizing pre-experiment data", WSDM 2013 (CUPED); Lindon, Ham, Tingley and Bojinov,
"Anytime-valid linear models and regression adjusted causal inference" (arXiv:2210.08589); Waudby-Smith et al., "Time-uniform central limit theory" (arXiv:2103.06476).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .betting import CERTAIN
from .evidence import Batch, Outcome

# Differences that are bet on, in standard deviations of a unit's outcome.
_EFFECTS = np.array([0.01, 0.03, 0.1, 0.3])
FEWEST_UNITS = 30  # of an arm in a batch: below, a sum of outcomes is too far from normal


@dataclass(frozen=True)
class Comparison:
    """Two arms over all batches.

    Args:
        measure: what is counted.
        units: of the challenger's arm, each batch anew.
        difference: mean of a unit in the challenger's arm minus that in the champion's, adjusted.
        variance: of that difference.
        sd: of one unit's outcome, adjusted.
        champion: mean of a unit in the champion's arm.
        spared: share of the variance that the covariate took away, 0 to 1.
        more_is_better: which way is up.
    """

    measure: str
    units: int
    difference: float
    variance: float
    sd: float
    champion: float
    spared: float
    more_is_better: bool

    def log_e_worse(self, margin: float) -> float:
        """The logarithm of the e-value against "at most `margin` worse"."""
        return self._log_e(self.worse_by - margin)

    def log_e_within(self, margin: float) -> float:
        """The logarithm of the e-value against "at least `margin` worse"; with a margin of 0 it is the proof that it is better."""
        return self._log_e(margin - self.worse_by)

    @property
    def worse_by(self) -> float:
        """How much a unit loses with the challenger; negative where it gains."""
        return -self.difference if self.more_is_better else self.difference

    def _log_e(self, apart: float) -> float:
        if self.variance <= 0 or self.sd <= 0:
            return 0.0
        effects = _EFFECTS * self.sd
        logs = effects * apart / self.variance - effects**2 / (2 * self.variance) - math.log(len(effects))
        top = float(logs.max())
        return min(CERTAIN, top + math.log(float(np.exp(logs - top).sum())))


def compare(batches: Sequence[Batch], measure: str) -> Comparison | None:
    """The challenger's arm beside the champion's over all batches in which both have outcomes; None where there is none."""
    pairs = [pair for pair in (_arms(batch, measure) for batch in batches) if pair is not None]
    if not pairs:
        return None
    challenger, champion = [one for one, _ in pairs], [other for _, other in pairs]
    slope = _slope([*challenger, *champion])
    differences, variances = [], []
    for one, other in pairs:
        moved = slope * (one.before / one.units - other.before / other.units)
        differences.append(one.total / one.units - other.total / other.units - moved)
        variances.append(_variance(one, slope) / one.units + _variance(other, slope) / other.units)
    # Batches weigh as much as they know: the mean has the least variance for equal effects.
    weights = np.array([1 / (1 / one.units + 1 / other.units) for one, other in pairs])
    weights /= weights.sum()
    sds, returning = np.sqrt(variances), max(max(one.returning, other.returning) for one, other in pairs)
    # What returning units have in common stays, however many batches come; and days may differ by more than their units do.
    variance = float((weights**2 * sds**2).sum() * (1 - returning) + returning * (weights * sds).sum() ** 2)
    middle = float((weights * differences).sum())
    if len(pairs) > 2:
        variance = max(variance, float((weights**2 * (np.array(differences) - middle) ** 2).sum()))
    plain, adjusted = (sum(_variance(one, by) * one.units for one in challenger + champion) / sum(one.units for one in challenger + champion) for by in (0.0, slope))
    units = sum(one.units for one in champion)
    return Comparison(
        measure, sum(one.units for one in challenger), middle, variance, math.sqrt(adjusted), sum(one.total for one in champion) / units, 1 - adjusted / plain if plain > 0 else 0.0,
        challenger[0].more_is_better,
    )  # fmt: skip


def measures(batches: Sequence[Batch]) -> tuple[str, ...]:
    """What is counted in any arm, in the order it first came."""
    return tuple(dict.fromkeys(one.measure for batch in batches for one in batch.outcomes))


def _arms(batch: Batch, measure: str) -> tuple[Outcome, Outcome] | None:
    # Units that are held out are the champion's as well, by the same hash.
    of = {arm: [one for one in batch.outcomes if one.measure == measure and one.units and one.arm == arm] for arm in ("challenger", "champion", "holdout")}
    champion = [*of["champion"], *of["holdout"]]
    if not of["challenger"] or not champion:
        return None
    one, other = _sum(of["challenger"]), _sum(champion)
    return (one, other) if min(one.units, other.units) >= FEWEST_UNITS else None


def _sum(outcomes: Sequence[Outcome]) -> Outcome:
    first = outcomes[0]
    names = ("units", "assigned", "total", "squares", "before", "before_squares", "products")
    sums = {name: sum(getattr(one, name) for one in outcomes) for name in names}
    return Outcome(first.arm, first.measure, **sums, more_is_better=first.more_is_better, returning=max(one.returning for one in outcomes))


def _slope(outcomes: Sequence[Outcome]) -> float:
    """How outcomes go with the covariate, within arms and batches."""
    spread = sum(one.before_squares - one.before**2 / one.units for one in outcomes)
    return sum(one.products - one.before * one.total / one.units for one in outcomes) / spread if spread > 0 else 0.0


def _variance(one: Outcome, slope: float) -> float:
    if one.units < 2:
        return 0.0
    y, x = one.squares - one.total**2 / one.units, one.before_squares - one.before**2 / one.units
    return max(0.0, (y - 2 * slope * (one.products - one.before * one.total / one.units) + slope**2 * x) / (one.units - 1))
