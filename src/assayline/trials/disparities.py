"""Whether a model treats groups of people differently: selection rate, hits, false alarms and errors of each group against all others.

Null hypothesis, of each gap: the group and the other rows have the same rate. Promised: if that is so for all of them, some gap is called unequal in at
most alpha of all trials (Holm over all groups, rates and columns together); each interval alone holds its gap in 95 %. A gap is called unequal only if it
reaches the floor, too: with enough rows any difference is significant. Where rows come in groups (customers, days), errors are robust to that.
Simulated in `tests/trials/test_disparities.py`.

Which of the rates must be equal is a question of law and purpose and cannot be answered by data: where base rates differ, no useful model has all of them
equal (Kleinberg, Mullainathan and Raghavan 2017; Chouldechova 2017).

Source: Newcombe 1998 and Wilson 1927 for intervals, Fisher as mid-p for the tests, Welch for numbers, Holm 1979.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from ..errors import MisuseError
from .comparing import ALPHA
from .laws import Floats, hypergeometric_mid_above, student_above, student_quantile
from .multiplicity import holm
from .proportions import newcombe, wilson
from .scored import Scored
from .slicing import conditions_of

LEAST_ROWS = 50  # of a group and rate; below, an interval is wider than most gaps that matter
FLOOR = 0.05  # points of a rate; for numbers, of the spread of the truth
SAYS = {
    "selection": "are decided {favourable!r} in", "hits": "who are {favourable!r} are recognised in", "false_alarms": "who are not {favourable!r} are taken for it in",
    "errors": "are judged wrongly in", "bias": "are predicted too high on average by", "absolute_error": "are missed on average by",
}  # fmt: skip


@dataclass(frozen=True)
class Rate:
    """One rate of one group, with its 95 % interval."""

    value: float
    low: float
    high: float
    rows: int


@dataclass(frozen=True)
class Gap:
    """One rate of one group against all other rows.

    Args:
        column: the protected column.
        group: the group in words, "sex is 'f'".
        rate: "selection", "hits", "false_alarms", "errors"; for numbers "bias", "absolute_error".
        here, elsewhere: of the group and of the other rows.
        gap, low, high: here minus elsewhere, with its 95 % interval.
        p_value: two-sided, adjusted for everything that was looked at.
        unequal: adjusted p at most alpha, and a gap at least as large as the floor.
        sentence: for people.
    """

    column: str
    group: str
    rate: str
    here: Rate
    elsewhere: Rate
    gap: float
    low: float
    high: float
    p_value: float
    unequal: bool
    sentence: str


def fairness(
    scored: Scored, protected: pl.DataFrame, *, favourable: str = "", floor: float = FLOOR, alpha: float = ALPHA, least_rows: int = LEAST_ROWS
) -> tuple[Gap, ...]:
    """Compares each group of the protected columns with all other rows.

    Args:
        scored: answers to the rows; its groups are respected.
        protected: (rows) columns such as sex, age, region; numbers and times are cut into five bins.
        favourable: the class that people want; "" for the positive one of two. Of more classes without one, only errors are compared.
        floor: least gap that is called unequal, in points of a rate; for numbers as a share of the spread of the truth.
        alpha: 0..1.
        least_rows: of a group; smaller groups are left out.

    Returns:
        All gaps, unequal ones first, then by their size.

    Raises:
        MisuseError: numbers of rows differ, or there is no such class.

    >>> rng = np.random.default_rng(0)
    >>> sex, truth = rng.choice(["f", "m"], 4000), rng.integers(0, 2, 4000).astype(float)
    >>> chance = np.where((sex == "f") & (rng.random(4000) < 0.3), 0.1, 0.2 + 0.6 * truth)
    >>> fairness(Scored("spring", "v8", "binary", ("no", "yes"), truth, chance), pl.DataFrame({"sex": sex}))[0].rate
    'hits'
    """
    if protected.height != len(scored):
        raise MisuseError(f"{protected.height} rows of protected columns for {len(scored)} answers: one per row is needed")
    if favourable and favourable not in scored.classes:
        raise MisuseError(f"there is no class {favourable!r}; there are {', '.join(map(repr, scored.classes))}")
    gaps = []
    for column in protected.get_columns():
        for one in conditions_of(column, np.ones(len(scored), dtype=bool)):
            for rate, amounts, among in _rates(scored, favourable):
                here, there = one.mask & among, ~one.mask & among
                if min(here.sum(), there.sum()) >= least_rows:
                    gaps.append(_gap(scored, column.name, one.words[0], rate, amounts, here, there))
    adjusted = holm([one.p_value for one in gaps])
    least = {rate: floor * (float(scored.y.std()) if scored.task == "regression" else 1.0) for rate in SAYS}
    judged = [
        replace(one, p_value=float(p), unequal=bool(p <= alpha and abs(one.gap) >= least[one.rate]), sentence=_sentence(one, favourable or _positive(scored), float(p)))
        for one, p in zip(gaps, adjusted, strict=True)
    ]
    return tuple(sorted(judged, key=lambda one: (not one.unequal, -abs(one.gap))))


def _positive(scored: Scored) -> str:
    return scored.classes[1] if len(scored.classes) == 2 else ""


def _rates(scored: Scored, favourable: str) -> Iterator[tuple[str, Floats, npt.NDArray[np.bool_]]]:
    """Name, amount per row, and the rows it is a mean over."""
    everyone = scored.finite
    if scored.task == "regression":
        error = np.where(everyone, scored.predictions - scored.y, 0.0)
        yield "bias", error, everyone
        yield "absolute_error", np.abs(error), everyone
        return
    wanted = favourable or _positive(scored)
    if wanted:
        index = scored.classes.index(wanted)
        chosen, true = np.asarray(scored.decided == index, dtype=np.float64), scored.y == index
        yield "selection", chosen, everyone
        yield "hits", chosen, everyone & true
        yield "false_alarms", chosen, everyone & ~true
    yield "errors", np.asarray(scored.decided != scored.y, dtype=np.float64), everyone


def _gap(
    scored: Scored, column: str, group: str, rate: str, amounts: Floats, here: npt.NDArray[np.bool_], there: npt.NDArray[np.bool_]
) -> Gap:
    mine, others = amounts[here], amounts[there]
    gap = float(mine.mean() - others.mean())
    if scored.task != "regression" and scored.groups is None:
        hits, other_hits = int(mine.sum()), int(others.sum())
        low, high = newcombe(hits, len(mine), other_hits, len(others))
        above = hypergeometric_mid_above(hits, len(mine), hits + other_hits, len(mine) + len(others))
        p = min(1.0, 2 * min(above, 1 - above))
        rates = [Rate(float(part.mean()), *wilson(float(part.sum()), len(part)), len(part)) for part in (mine, others)]
    else:
        (error, freedom), (other_error, other_freedom) = (_error(amounts, mask, scored.groups) for mask in (here, there))
        both = math.hypot(error, other_error)
        df = both**4 / (error**4 / freedom + other_error**4 / other_freedom) if both else 1.0
        half = student_quantile(0.975, df) * both
        low, high = gap - half, gap + half
        p = 2 * student_above(abs(gap) / both, df) if both else 1.0 if not gap else 0.0
        rates = [
            Rate(float(part.mean()), float(part.mean()) - student_quantile(0.975, free) * err, float(part.mean()) + student_quantile(0.975, free) * err, len(part))
            for part, err, free in ((mine, error, freedom), (others, other_error, other_freedom))
        ]
    return Gap(column, group, rate, rates[0], rates[1], gap, low, high, p, False, "")


def _error(amounts: Floats, mask: npt.NDArray[np.bool_], groups: npt.NDArray[np.int64] | None) -> tuple[float, float]:
    """The standard error of the mean over these rows, robust to groups, and its degrees of freedom."""
    off = amounts[mask] - amounts[mask].mean()
    sums = np.asarray(off if groups is None else np.bincount(np.unique(groups[mask], return_inverse=True)[1], off), dtype=np.float64)
    blocks = len(sums)
    return math.sqrt(float((sums**2).sum()) / len(off) ** 2 * blocks / max(1, blocks - 1)), float(max(1, blocks - 1))


def _sentence(found: Gap, favourable: str, p: float) -> str:
    says = SAYS[found.rate].format(favourable=favourable)
    if found.rate in ("bias", "absolute_error"):
        return (
            f"Rows where {found.group} {says} {found.here.value:.3g}, all others by {found.elsewhere.value:.3g}: a gap of {found.gap:+.3g} "
            f"(95 % interval {found.low:+.3g} to {found.high:+.3g}; adjusted p {p:.2g})."
        )
    return (
        f"Rows where {found.group} {says} {found.here.value:.1%} of {found.here.rows:,} cases, all others in {found.elsewhere.value:.1%}: "
        f"{100 * found.gap:+.1f} points (95 % interval {100 * found.low:+.1f} to {100 * found.high:+.1f}; adjusted p {p:.2g})."
    )
