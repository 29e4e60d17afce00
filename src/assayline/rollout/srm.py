"""Whether arms lose units on the way to their outcomes alike: a sample-ratio mismatch makes every comparison of outcomes worthless.

Null hypothesis: a unit has an outcome with the same chance in whatever arm it is. Promised: over any number of batches, whatever they have in common (the same customers every day), the e-value
of `lost_on_the_way` reaches 1/alpha in at most alpha of all rollouts. Simulated in `tests/rollout/test_srm.py`.

Source: Lindon and Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022 (arXiv:2011.03567); causes by class: Fabijan et al., KDD 2019.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from .betting import CERTAIN
from .evidence import Batch

# How near to the expected shares the alternative is thought to be, as counts of a prior: a share that is off by a tenth of itself, and by a hundredth.
_PRIORS = (100.0, 10_000.0)


def log_e_srm(counts: Sequence[int], expected: Sequence[float]) -> float:
    """The logarithm of the e-value against "counts come in these shares"; with counts that grow by new, independent units it may be looked at after each.

    Args:
        counts: by arm.
        expected: by arm, above 0; only their ratios matter.

    >>> round(log_e_srm([5_000, 5_050], [1, 1]), 1), round(log_e_srm([5_000, 5_500], [1, 1]), 1)
    (-0.8, 8.8)
    """
    whole, total = sum(expected), sum(counts)
    shares = [one / whole for one in expected]
    found = []
    for prior in _PRIORS:
        seen = sum(math.lgamma(prior * share + count) - math.lgamma(prior * share) for share, count in zip(shares, counts, strict=True))
        found.append(seen + math.lgamma(prior) - math.lgamma(prior + total))
    plain = sum(count * math.log(share) for share, count in zip(shares, counts, strict=True) if count)
    top = max(found)
    return min(CERTAIN, top + math.log(sum(math.exp(one - top) for one in found) / len(found)) - plain)


def lost_on_the_way(batches: Sequence[Batch]) -> tuple[float, Mapping[str, float]]:
    """The logarithm of the e-value over all batches, and the share of units without an outcome by arm.

    The same units come back in other batches, so their e-values are added with weights that sum to one and not multiplied.
    """
    total, place = 0.0, 0
    assigned: dict[str, int] = {}
    units: dict[str, int] = {}
    for batch in batches:
        measures: dict[str, list[tuple[str, int, int]]] = {}
        for one in batch.outcomes:
            if one.assigned > 0:
                measures.setdefault(one.measure, []).append((one.arm, one.units, one.assigned))
        each = [log_e_srm([n for _, n, _ in arms], [a for _, _, a in arms]) for arms in measures.values() if len(arms) > 1 and any(n for _, n, _ in arms)]
        if not each:
            continue
        place += 1
        total += sum(math.exp(min(one, 700.0)) for one in each) / len(each) / (place * (place + 1))
        for arms in measures.values():
            for arm, n, a in arms:
                units[arm], assigned[arm] = units.get(arm, 0) + n, assigned.get(arm, 0) + a
    return (math.log(total) if total > 0 else 0.0), {arm: 1 - units[arm] / assigned[arm] for arm in assigned}
