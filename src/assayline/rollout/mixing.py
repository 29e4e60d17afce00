"""Two models in one list: scores that mean something else in each arm give one of them more than its share.

A challenger that ranks the same but is more sure of itself fills another part of a top-20 % list than its share of the rows, and another share of its rows is above a fixed threshold. So
its scores are mapped onto the champion's on rows that both have scored (`QuantileMap`), or each arm gets its quota of the list (`quota_per_arm`), or somebody says that nothing is
ranked and nothing cut off.

>>> import numpy as np
>>> rng = np.random.default_rng(0)
>>> champion = rng.beta(2, 5, 20_000)
>>> sharper = champion**2
>>> mixed_share(champion, sharper, 10, top=0.2)  # of the list, instead of 10 %
0.012...
>>> mapped = QuantileMap.of(sharper, champion).apply(sharper)
>>> round(mixed_share(champion, mapped, 10, top=0.2), 3)
0.1
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from assayline.errors import MisuseError

Floats = npt.NDArray[np.float64]

MIXES = ("map_scores", "quota_per_arm", "none")
FEWEST_PAIRS = 200
_KNOTS = 401


@dataclass(frozen=True)
class QuantileMap:
    """From the challenger's scores to the champion's with the same rank: it keeps the order and changes what a score means.

    Args:
        challenger, champion: scores of equal rank, both rising.
    """

    challenger: tuple[float, ...]
    champion: tuple[float, ...]

    @classmethod
    def of(cls, challenger_scores: npt.ArrayLike, champion_scores: npt.ArrayLike) -> QuantileMap:
        """Learns it from rows that both have scored.

        Args:
            challenger_scores, champion_scores: (pairs,); pairs with NaN are left out.

        Raises:
            MisuseError: fewer than 200 pairs.
        """
        challenger, champion = _pairs(challenger_scores, champion_scores)
        if len(challenger) < FEWEST_PAIRS:
            raise MisuseError(f"scores are mapped from at least {FEWEST_PAIRS} rows that both models scored, and there are {len(challenger)}; raise the control share, or use quota_per_arm")
        # Knots lie denser at both ends, where lists are cut.
        shares = (1 - np.cos(np.linspace(0, math.pi, min(_KNOTS, len(challenger))))) / 2
        theirs, ours = np.quantile(challenger, shares), np.quantile(champion, shares)
        # Where the challenger says the same of many rows, they get the middle of the champion's scores of those ranks.
        places, which = np.unique(theirs, return_inverse=True)
        means = np.bincount(which, weights=ours) / np.bincount(which)
        return cls(tuple(places.tolist()), tuple(means.tolist()))

    def apply(self, scores: npt.ArrayLike) -> Floats:
        """The champion's scores of equal rank; NaN stays NaN, and what lies beyond everything seen becomes the outermost."""
        values = np.asarray(scores, dtype=np.float64)
        return np.where(np.isnan(values), np.nan, np.interp(values, self.challenger, self.champion))

    def to_json(self) -> dict[str, Any]:
        """As JSON values; `from_json` gives an equal map back."""
        return {"challenger": list(self.challenger), "champion": list(self.champion)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> QuantileMap:
        """Read what `to_json` wrote."""
        return cls(tuple(document["challenger"]), tuple(document["champion"]))


def quota_per_arm(scores: npt.ArrayLike, arms: npt.ArrayLike, top: float, shares: Mapping[str, float] | None = None) -> npt.NDArray[np.bool_]:
    """Which rows are on the list, when each arm gets its part of it by its own scores.

    Args:
        scores: (rows,), higher first; NaN is never chosen.
        arms: (rows,) names of arms.
        top: how many, from 1; or their share, below 1.
        shares: part of the list by arm; None for each arm's part of the rows.

    Raises:
        MisuseError: shapes that do not fit, or parts that do not name the arms.

    >>> quota_per_arm([0.9, 0.8, 0.7, 0.3, 0.2, 0.1], ["champion"] * 3 + ["challenger"] * 3, 2).tolist()
    [True, False, False, True, False, False]
    """
    values, of = np.asarray(scores, dtype=np.float64), np.asarray(arms)
    if values.shape != of.shape or values.ndim != 1:
        raise MisuseError(f"a quota needs one score and one arm a row, not {values.shape} and {of.shape}")
    names = [str(one) for one in np.unique(of)]
    if shares is not None and set(names) - set(shares):
        raise MisuseError(f"the quota of the arm {sorted(set(names) - set(shares))[0]!r} is missing; there are {', '.join(shares)}")
    wanted = min(len(values), round(top * len(values)) if top < 1 else int(top))
    parts = np.array([np.count_nonzero(of == name) if shares is None else shares[name] for name in names], dtype=np.float64)
    chosen = np.zeros(len(values), dtype=np.bool_)
    if not names or parts.sum() <= 0:
        return chosen
    for name, quota in zip(names, _rounded(parts / parts.sum() * wanted), strict=True):
        rows = np.flatnonzero((of == name) & ~np.isnan(values))
        chosen[rows[np.argsort(-values[rows], kind="stable")[:quota]]] = True
    return chosen


def mixed_share(champion: npt.ArrayLike, challenger: npt.ArrayLike, share: float, *, top: float | None = None, threshold: float | None = None) -> float:
    """The part of a list, or of the rows above a threshold, that the challenger would get.

    Args:
        champion, challenger: (pairs,) scores of the same rows.
        share: per cent of the rows that the challenger answers.
        top: share of the rows that are on the list, 0 to 1.
        threshold: from which score on a row counts.
    """
    theirs, ours = _pairs(challenger, champion)
    part = share / 100
    if threshold is None:
        every, weights = np.concatenate([ours, theirs]), np.repeat([1 - part, part], len(ours)) / max(1, len(ours))
        order = np.argsort(-every, kind="stable")
        threshold = float(every[order][min(len(every) - 1, int(np.searchsorted(np.cumsum(weights[order]), top or 0.0)))])
    above, usual = part * float((theirs >= threshold).mean()), (1 - part) * float((ours >= threshold).mean())
    return above / (above + usual) if above + usual else 0.0


def mixing_needed(
    champion: npt.ArrayLike, challenger: npt.ArrayLike, share: float, *, mix: str = "", top: float | None = None, threshold: float | None = None
) -> str:  # fmt: skip
    """Why two models may not answer into one list without a word about it, or "".

    Args:
        champion, challenger: (pairs,) scores of rows that both have scored.
        share: per cent of the rows that the challenger answers.
        mix: what was chosen: "map_scores", "quota_per_arm", "none", or "" for nothing.
        top, threshold: how the scores are used: a list of the highest share of them, or a cut; None for neither.

    Raises:
        MisuseError: another way to mix.

    >>> import numpy as np
    >>> scores = np.linspace(0, 1, 1000)
    >>> print(mixing_needed(scores, scores**2, 10, threshold=0.5))
    scores are cut at 0.5, and the two models do not mean the same by it: 29.3% of the challenger's rows are above it and 50.0% of the champion's; choose mix: map_scores, quota_per_arm or none
    >>> mixing_needed(scores, scores, 10, threshold=0.5), mixing_needed(scores, scores**2, 10, mix="none", threshold=0.5)
    ('', '')
    """
    if mix and mix not in MIXES:
        raise MisuseError(f"scores are mixed by {', '.join(MIXES)}, not by {mix!r}")
    if mix or not 0 < share < 100 or (top is None and threshold is None):
        return ""
    choose = f"choose mix: {', '.join(MIXES[:-1])} or {MIXES[-1]}"
    used = f"cut at {threshold:g}" if threshold is not None else f"used as a list of the highest {top:.0%}"
    theirs, ours = _pairs(challenger, champion)
    if len(theirs) < FEWEST_PAIRS:
        return f"scores are {used}, and only {len(theirs)} rows have the scores of both models, too few to know whether they mean the same; {choose}"
    if threshold is not None:
        apart = (theirs >= threshold).astype(float) - (ours >= threshold)
        # Three standard errors, and a fiftieth: less nobody notices.
        if abs(apart.mean()) <= max(3 * float(apart.std()) / math.sqrt(len(apart)), 0.02 * float((ours >= threshold).mean())):
            return ""
        return (
            f"scores are {used}, and the two models do not mean the same by it: {(theirs >= threshold).mean():.1%} of the challenger's rows are above it "
            f"and {(ours >= threshold).mean():.1%} of the champion's; {choose}"
        )
    got = mixed_share(ours, theirs, share, top=top)
    # As if its places on the list were drawn: three standard errors of the share, and a fiftieth.
    places = max(1.0, (top or 0.0) * len(theirs))
    if abs(got - share / 100) <= max(3 * math.sqrt(got * (1 - got) / places), 0.02 * share / 100):
        return ""
    return f"scores are {used}, and the challenger would get {got:.1%} of it instead of its {share:g} %, because the two models do not mean the same by a score; {choose}"


def _pairs(challenger: npt.ArrayLike, champion: npt.ArrayLike) -> tuple[Floats, Floats]:
    theirs, ours = np.asarray(challenger, dtype=np.float64), np.asarray(champion, dtype=np.float64)
    if theirs.shape != ours.shape or theirs.ndim != 1:
        raise MisuseError(f"scores of the same rows are compared, one of each model a row, not {theirs.shape} and {ours.shape}")
    both = np.isfinite(theirs) & np.isfinite(ours)
    return theirs[both], ours[both]


def _rounded(quotas: Floats) -> Sequence[int]:
    """Whole numbers with the same sum: the largest remainders are rounded up."""
    whole = np.floor(quotas).astype(np.int64)
    missing = round(float(quotas.sum())) - int(whole.sum())
    whole[np.argsort(-(quotas - whole), kind="stable")[:missing]] += 1
    found: list[int] = whole.tolist()
    return found
