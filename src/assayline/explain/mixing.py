"""Splits a change of a mean into who is there (mix) and how it goes for them (rate), group by group, exactly.

Promised: mix and rate of all groups add up to the whole change; the intervals hold each sum in about 95 % of samples of both sides (bootstrap over rows).
Simulated in `tests/explain/test_mixing.py`.

Source: Kitagawa 1955 (JASA 50); Oaxaca 1973 (International Economic Review 14).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import MisuseError
from .pair import Floats

RESAMPLES = 400


@dataclass(frozen=True)
class Part:
    """One group: its share of the rows and its mean on both sides (NaN where it has no rows), and what it adds to the change by its share and by its mean."""

    name: str
    before_share: float
    after_share: float
    before: float
    after: float
    mix: float
    rate: float


@dataclass(frozen=True)
class MixAndRate:
    """A change of a mean: `total` = `mix` + `rate`, each with a 95 % interval; `parts` are the groups, the largest share in the change first."""

    total: float
    mix: float
    mix_low: float
    mix_high: float
    rate: float
    rate_low: float
    rate_high: float
    parts: tuple[Part, ...]


def mix_and_rate(before: npt.ArrayLike, before_group: Sequence[str], after: npt.ArrayLike, after_group: Sequence[str], *, seed: int = 0) -> MixAndRate:
    """How much of the change of a mean comes from other rows being there, and how much from the same kind of rows faring otherwise.

    Args:
        before, after: (rows,) values of either side; the rows need not be the same, nor as many.
        before_group, after_group: the group of each row.
        seed: of the resamples.

    Raises:
        MisuseError: one side has no rows, or a group is missing for a row.

    >>> found = mix_and_rate([0.0, 0.0, 1.0, 1.0], ["a", "a", "b", "b"], [0.0, 1.0, 1.0, 1.0], ["a", "b", "b", "b"])
    >>> found.total, found.mix, found.rate
    (0.25, 0.25, 0.0)
    """
    first, second = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    if not len(first) or not len(second) or len(first) != len(before_group) or len(second) != len(after_group):
        raise MisuseError("mix and rate need rows on both sides, and one group for each of them")
    names = sorted({*before_group, *after_group})
    place = {name: number for number, name in enumerate(names)}
    codes, others = (np.array([place[one] for one in groups]) for groups in (before_group, after_group))
    mix, rate, shares, means = _split(_sums(codes, first, len(names)), _sums(others, second, len(names)))
    rng = np.random.default_rng(seed)
    drawn = np.array([_split(_drawn(codes, first, len(names), rng), _drawn(others, second, len(names), rng))[:2] for _ in range(RESAMPLES)])
    sums = drawn.sum(axis=2)
    (mix_low, rate_low), (mix_high, rate_high) = np.quantile(sums, [0.025, 0.975], axis=0)
    parts = [
        Part(name, float(shares[0][number]), float(shares[1][number]), float(means[0][number]), float(means[1][number]), float(mix[number]), float(rate[number]))
        for number, name in enumerate(names)
    ]
    parts.sort(key=lambda one: -abs(one.mix + one.rate))
    return MixAndRate(
        float(second.mean() - first.mean()), float(mix.sum()), float(mix_low), float(mix_high), float(rate.sum()), float(rate_low), float(rate_high), tuple(parts)
    )


def _sums(codes: npt.NDArray[np.int64], values: Floats, groups: int) -> tuple[Floats, Floats]:
    return np.bincount(codes, minlength=groups).astype(np.float64), np.bincount(codes, values, minlength=groups).astype(np.float64)


def _drawn(codes: npt.NDArray[np.int64], values: Floats, groups: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    rows = rng.integers(0, len(values), len(values))
    return _sums(codes[rows], values[rows], groups)


def _split(before: tuple[Floats, Floats], after: tuple[Floats, Floats]) -> tuple[Floats, Floats, tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Mix and rate of each group, the shares and the means of both sides.

    A group that one side lacks has no mean there: it takes that of the other side, so that all it adds is mix.
    """
    shares = before[0] / before[0].sum(), after[0] / after[0].sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        means = before[1] / before[0], after[1] / after[0]
    first, second = np.where(np.isnan(means[0]), means[1], means[0]), np.where(np.isnan(means[1]), means[0], means[1])
    first, second = np.nan_to_num(first), np.nan_to_num(second)  # a resample may lack a group on both sides
    level = (before[1].sum() / before[0].sum() + after[1].sum() / after[0].sum()) / 2  # against it a growing group counts for or against; the sum does not depend on it
    mix = (shares[1] - shares[0]) * ((first + second) / 2 - level)
    rate = (second - first) * (shares[0] + shares[1]) / 2
    return mix, rate, shares, means
