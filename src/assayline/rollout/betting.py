"""Bets against "the share of bad pairs is at most the limit", which may be looked at after every pair and stopped at any.

Null hypothesis of a `RateTest`: each pair is bad with a chance of at most the limit, whatever came before it; or, with a `population`, at most that share of a batch
of this size is bad and its rows come in random order. Promised: where it holds, the test ever crosses 1/alpha in at most alpha of all cases. Simulated in
`tests/rollout/test_betting.py`.

Each bet is that the odds of a bad pair are a given multiple of those at the limit; the capital is spread over multiples from 1.15 to 1,000 and multiplied by what each of them won,
so that a share a little above the limit and one far above it are both found soon.

Source: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86, 2024 (arXiv:2010.09686); without replacement: the same,
"Confidence sequences for sampling without replacement", NeurIPS 2020 (arXiv:2006.04347); Ville's inequality.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from assayline.errors import MisuseError

Floats = npt.NDArray[np.float64]

# Multiples of the odds at the limit that are bet on, and how the capital is spread: small ones need the most rows, so they get the most (fewer rows at 8 % against 5 % than an even spread).
_ODDS: Floats = np.log(np.array([1.15, 1.3, 1.5, 1.75, 2.1, 2.6, 3.3, 4.5, 7.0, 12.0, 40.0, 1000.0]))
_SPREAD: Floats = np.log(np.array([0.08, 0.12, 0.16, 0.16, 0.12, 0.1, 0.08, 0.06, 0.05, 0.03, 0.02, 0.02]))
CERTAIN = 1_000.0  # the logarithm of an e-value for what the null hypothesis excludes; infinity does not survive JSON
_CHUNK = 1 << 16  # rows whose bets are held at once: the matrix stays within the processor's cache


class RateTest:
    """Bets that more than a share of the pairs is bad.

    Args:
        limit: the share that is allowed, 0 to 1.
        alpha: how often it may cross by chance, whatever the number of looks.
        population: pairs of the batch, where all of them are known to come and in random order; None where there is no end. Knowing it needs fewer rows.

    Raises:
        MisuseError: the limit or alpha is no share, or the population is empty.

    >>> import numpy as np
    >>> test = RateTest(limit=0.05, alpha=0.01)
    >>> test.feed(np.zeros(100, dtype=bool)), test.rows, test.bad
    (None, 100, 0)
    >>> test.feed(np.arange(200) % 4 == 0)  # a quarter is bad
    181
    >>> test.rows, round(test.log_e, 1)
    (181, 5.0)
    """

    def __init__(self, limit: float, alpha: float, population: int | None = None) -> None:
        if not 0 <= limit <= 1:
            raise MisuseError(f"the limit of a rate is a share between 0 and 1, not {limit!r}")
        if not 0 < alpha < 1:
            raise MisuseError(f"alpha is a chance between 0 and 1, not {alpha!r}")
        if population is not None and population < 1:
            raise MisuseError(f"a batch of {population!r} pairs has no share of bad ones; test it without a population")
        self.limit, self.alpha, self.population = float(limit), float(alpha), population
        self.rows, self.bad = 0, 0
        self.crossed: int | None = None
        self.log_e = 0.0
        self._needed = -math.log(alpha)
        self._lost = np.zeros(len(_ODDS))  # what each bet paid for having been made, in logarithms: the part that does not depend on how many were bad
        self._allowed = None if population is None else math.floor(population * self.limit + 1e-9)

    def feed(self, bad: npt.ArrayLike) -> int | None:
        """Looks at more pairs, in their order.

        Args:
            bad: (pairs,) bool: whether the event happened.

        Returns:
            After how many pairs in all it crossed 1/alpha, or None. What comes after that pair is not looked at: `rows`, `bad` and `log_e` stay as they were at it.

        Raises:
            MisuseError: these are no truth values, or more pairs than the population has.
        """
        values = np.asarray(bad)
        if values.dtype != np.bool_ or values.ndim != 1:
            raise MisuseError(f"a rate test is fed with one truth value a pair, not with {values.dtype} of the shape {values.shape}")
        if self.population is not None and self.crossed is None and self.rows + len(values) > self.population:
            raise MisuseError(f"{self.rows + len(values):,} pairs are more than the {self.population:,} of the batch; make a new test for each batch")
        for begin in range(0, len(values), _CHUNK):
            if self.crossed is not None:
                break
            self._chunk(values[begin : begin + _CHUNK])
        return self.crossed

    def _chunk(self, bad: npt.NDArray[np.bool_]) -> None:
        counts = self.bad + np.cumsum(bad, dtype=np.int64)
        lost = self._lost + self._losses(bad, counts)
        # The capital grows with a bad pair only: nothing can cross elsewhere.
        looks = np.flatnonzero(bad)
        if len(looks):
            grown = _mixed(counts[looks], lost[looks])
            if self._allowed is not None:
                grown = np.where(counts[looks] > self._allowed, CERTAIN, grown)
            elif self.limit == 0:
                grown = np.full(len(looks), CERTAIN)
            over = np.flatnonzero(grown >= self._needed)
            if len(over):
                end = int(looks[over[0]])
                self.rows, self.bad, self.log_e = self.rows + end + 1, int(counts[end]), float(grown[over[0]])
                self.crossed, self._lost = self.rows, lost[end]
                return
        self.rows, self.bad, self._lost = self.rows + len(bad), int(counts[-1]), lost[-1]
        self.log_e = float(_mixed(np.array([self.bad]), self._lost[None, :])[0])

    def _losses(self, bad: npt.NDArray[np.bool_], counts: npt.NDArray[np.int64]) -> Floats:
        """(pairs, bets): what the bets have paid after each pair, in logarithms."""
        stakes = np.expm1(_ODDS)
        if self.population is None or self._allowed is None:
            return np.arange(1.0, len(bad) + 1)[:, None] * -np.log1p(self.limit * stakes)
        # What may still be bad among the rows that are left, before each pair; a chance of more than one is one.
        left = self.population - self.rows - np.arange(len(bad))
        chance = np.clip((self._allowed - (counts - bad)) / left, 0.0, 1.0)
        found: Floats = -np.cumsum(np.log1p(chance[:, None] * stakes), axis=0)
        return found


def _mixed(bad: npt.NDArray[np.int64], lost: Floats) -> Floats:
    """The logarithm of the capital over all bets, for rows of counts and what was paid."""
    each = bad[:, None] * _ODDS + lost + _SPREAD
    top = each.max(axis=1)
    mixed: Floats = top + np.log(np.exp(each - top[:, None]).sum(axis=1))
    return mixed


def log_e_above(rows: int, bad: int, limit: float) -> float:
    """The logarithm of the e-value against "the share is at most the limit", from counts alone; it is what a `RateTest` without a population ends with.

    >>> round(log_e_above(1000, 80, 0.05), 2), log_e_above(1000, 1, 0.0)
    (6.83, 1000.0)
    """
    if limit <= 0:
        return CERTAIN if bad else 0.0
    if not rows:
        return 0.0
    return float(_mixed(np.array([bad]), -rows * np.log1p(limit * np.expm1(_ODDS))[None, :])[0])


def log_e_below(rows: int, bad: int, limit: float) -> float:
    """The logarithm of the e-value against "the share is at least the limit": the proof that it is below. Null where nothing can be below.

    >>> round(log_e_below(1000, 20, 0.05), 2), log_e_below(0, 0, 0.05)
    (10.81, 0.0)
    """
    if not rows or limit <= 0:
        return 0.0
    if limit >= 1:
        return CERTAIN if bad < rows else 0.0
    return float(_mixed(np.array([rows - bad]), -rows * np.log1p((1 - limit) * np.expm1(_ODDS))[None, :])[0])
