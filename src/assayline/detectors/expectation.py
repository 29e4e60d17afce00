"""What the past lets one expect of a number today: predictive p-values for shares and levels.

Every function works on many statistics at once: one column of the arrays per statistic, one row per lot. What each
promises, and where the constants come from, is in `docs/statistics.md`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FEWEST_LOTS = 3  # fewer values have no spread to speak of
SHRINK_ROWS = 10.0  # a lot's own share counts like this many rows of the pool: a lot of two rows proves nothing
HEAVY_TAIL = 12  # most degrees of freedom: real residuals have heavier tails than the normal law (docs/statistics.md)
STRETCH = 0.5  # of the way from the pooled share to the worst one, added: the next lot may be a little worse than the worst so far
BETTER = 0.85  # a predictor replaces the plain level when its error is smaller by this factor, or chance would choose
DOUBTFUL = 0.02  # p-value below which the beta-binomial law is asked too: it costs more than the binomial one
GRID = 8  # standard deviations to each side that its mixing distribution is laid out to
FEW = 24  # numbers that are cheaper one by one than in arrays: a step costs 1 µs each, and 30 µs for an array of any size
WEEK = 7  # lots of a daily flow until the same weekday comes again


def beta_share(x: Floats, a: Floats, b: Floats) -> Floats:
    """The regularised incomplete beta function, by Lentz' continued fraction (Press et al., Numerical Recipes 6.4).

    >>> beta_share(np.array([0.5]), np.array([2.0]), np.array([2.0])).round(6).tolist()
    [0.5]
    """
    x, a, b = np.broadcast_arrays(np.asarray(x, float), np.asarray(a, float), np.asarray(b, float))
    if x.size <= FEW:
        found = [_beta_share(*one) for one in zip(x.ravel().tolist(), a.ravel().tolist(), b.ravel().tolist(), strict=True)]
        return np.array(found).reshape(x.shape)
    x = np.clip(x, 0.0, 1.0)
    flip = x > (a + 1) / (a + b + 2)
    p, q, z = np.where(flip, b, a), np.where(flip, a, b), np.where(flip, 1 - x, x)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        front = np.exp(_lgamma(p + q) - _lgamma(p) - _lgamma(q) + p * np.log(z) + q * np.log1p(-z)) / p
        tiny = 1e-300
        c = np.ones_like(z)
        d = 1 - (p + q) * z / (p + 1)
        d = 1 / np.where(np.abs(d) < tiny, tiny, d)
        h = d.copy()
        for i in range(1, 300):
            even = i * (q - i) * z / ((p + 2 * i - 1) * (p + 2 * i))
            d = 1 + even * d
            c = 1 + even / c
            d = 1 / np.where(np.abs(d) < tiny, tiny, d)
            c = np.where(np.abs(c) < tiny, tiny, c)
            h *= d * c
            odd = -(p + i) * (p + q + i) * z / ((p + 2 * i) * (p + 2 * i + 1))
            d = 1 + odd * d
            c = 1 + odd / c
            d = 1 / np.where(np.abs(d) < tiny, tiny, d)
            c = np.where(np.abs(c) < tiny, tiny, c)
            step = d * c
            h *= step
            if np.nanmax(np.abs(step - 1), initial=0.0) < 1e-10:
                break
        value = front * h
    value = np.where(z <= 0, 0.0, np.where(z >= 1, 1.0, value))
    result: Floats = np.clip(np.where(flip, 1 - value, value), 0.0, 1.0)
    return result


def _beta_share(x: float, a: float, b: float) -> float:
    """The same for one number, without the cost of calling an engine for each step."""
    if math.isnan(x) or math.isnan(a) or math.isnan(b):
        return math.nan
    x = min(max(x, 0.0), 1.0)
    flip = x > (a + 1) / (a + b + 2)
    p, q, z = (b, a, 1 - x) if flip else (a, b, x)
    if z <= 0 or z >= 1:
        value = 0.0 if z <= 0 else 1.0
    else:
        front = math.exp(math.lgamma(p + q) - math.lgamma(p) - math.lgamma(q) + p * math.log(z) + q * math.log1p(-z)) / p
        tiny = 1e-300
        c = 1.0
        d = 1 - (p + q) * z / (p + 1)
        d = 1 / (d if abs(d) >= tiny else tiny)
        h = d
        for i in range(1, 300):
            even = i * (q - i) * z / ((p + 2 * i - 1) * (p + 2 * i))
            odd = -(p + i) * (p + q + i) * z / ((p + 2 * i) * (p + 2 * i + 1))
            step = 1.0
            for term in (even, odd):
                d = 1 + term * d
                c = 1 + term / c
                d = 1 / (d if abs(d) >= tiny else tiny)
                c = c if abs(c) >= tiny else tiny
                step = d * c
                h *= step
            if abs(step - 1) < 1e-10:
                break
        value = front * h
    return min(max(1 - value if flip else value, 0.0), 1.0)


def _lgamma(x: Floats) -> Floats:
    flat = np.asarray(x, float).ravel()
    found, where = np.unique(flat, return_inverse=True)
    return np.array([math.lgamma(v) for v in found])[where].reshape(np.shape(x))


def at_least(k: Floats, n: Floats, share: Floats) -> Floats:
    """P(X >= k) for X binomial(n, share).

    >>> at_least(np.array([1.0]), np.array([2.0]), np.array([0.5])).round(6).tolist()
    [0.75]
    """
    k, n, share = np.broadcast_arrays(np.asarray(k, float), np.asarray(n, float), np.asarray(share, float))
    result: Floats = np.where(k <= 0, 1.0, beta_share(share, np.maximum(k, 1e-9), np.maximum(n - k + 1, 1e-9)))
    return result


def at_most(k: Floats, n: Floats, share: Floats) -> Floats:
    """P(X <= k) for X binomial(n, share)."""
    k, n = np.asarray(k, float), np.asarray(n, float)
    return at_least(n - k, n, 1 - np.asarray(share, float))


def both_tails(score: Floats, freedom: Floats) -> Floats:
    """P(|T| >= |score|) for Student's t."""
    score = np.asarray(score, float)
    freedom = np.maximum(np.asarray(freedom, float), 1.0)
    return beta_share(freedom / (freedom + score * score), freedom / 2, np.full_like(freedom, 0.5))


def over_dispersed(k: Floats, n: Floats, ks: Floats, ns: Floats) -> tuple[Floats, Floats]:
    """P(X >= k) and P(X <= k) for a lot whose share is drawn as those of the past lots were: beta-binomial.

    The intra-lot correlation is estimated by moments (Kleinman 1973) and raised by the uncertainty of a mean of so many lots. Without
    over-dispersion it is the binomial law at the pooled share.

    Args:
        k, n: hits and rows today, shape (statistics,).
        ks, ns: hits and rows of the past lots, shape (lots, statistics).

    >>> lots = np.array([[0.0], [30.0], [5.0], [60.0], [15.0]])
    >>> more, _ = over_dispersed(np.array([70.0]), np.array([100.0]), lots, np.full((5, 1), 100.0))
    >>> bool(0.01 < more[0] < 0.2)
    True
    """
    lots, rows = (ns > 0).sum(axis=0), ns.sum(axis=0)
    pooled = (ks.sum(axis=0) + 0.5) / (rows + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = (ns * np.square(ks / np.maximum(ns, 1) - pooled)).sum(axis=0) / (pooled * (1 - pooled))
        correlation = (apart - (lots - 1)) / (rows - np.square(ns).sum(axis=0) / np.maximum(rows, 1) - (lots - 1))
        correlation = np.clip(np.clip(np.nan_to_num(correlation), 0, 1) * (lots + 1) / np.maximum(lots - 1, 1), 1e-6, 0.9)
    a, b = pooled * (1 / correlation - 1), (1 - pooled) * (1 / correlation - 1)
    # The share on the scale of the logit, on a grid as wide as its distribution: its tails there are exponential.
    middle, width = np.log(a / b), np.sqrt(1 / a + 0.5 / a**2 + 1 / b + 0.5 / b**2)
    logit = middle + width * np.linspace(-GRID, GRID, 10 * GRID + 1)[:, None]
    log_weight = -a * np.logaddexp(0, -logit) - b * np.logaddexp(0, logit)
    weight = np.exp(log_weight - log_weight.max(axis=0))
    weight /= weight.sum(axis=0)
    share = 1 / (1 + np.exp(-logit))
    return (weight * at_least(k, n, share)).sum(axis=0), (weight * at_most(k, n, share)).sum(axis=0)


@dataclass(frozen=True)
class Shares:
    """Shares of today against those of the past, one entry per statistic.

    Args:
        now: share today.
        usual: pooled share of the past.
        low, high: smallest and largest share of a past lot, shrunk towards the pool where lots are small.
        more: p-value of at least so many today: if the worst past lot were the rule, or beta-binomial; the larger one.
        fewer: p-value of at most so many today, likewise.
    """

    now: Floats
    usual: Floats
    low: Floats
    high: Floats
    more: Floats
    fewer: Floats


def shares(k_now: npt.ArrayLike, n_now: npt.ArrayLike, k_past: npt.ArrayLike, n_past: npt.ArrayLike) -> Shares:
    """Compare counts with the past: exact binomial tails at the worst rate a good lot has had, or beta-binomial ones where they are larger.

    The rate is not the pooled one but the largest (for "more") or smallest (for "fewer") of any past lot: variation
    between lots is part of what is normal, and an exact tail at the worst good rate beat every z-score in our measurements. Where the shares
    of good lots scatter widely, the next may be far beyond the worst: there the beta-binomial law fitted to them gives the larger p-value.

    Args:
        k_now, n_now: hits and rows today, shape (statistics,).
        k_past, n_past: hits and rows of the past lots, shape (lots, statistics).

    >>> result = shares([30], [100], [[1], [0], [2]], [[100], [100], [100]])
    >>> bool(result.more[0] < 1e-9)
    True
    """
    k, n = np.atleast_1d(np.asarray(k_now, float)), np.atleast_1d(np.asarray(n_now, float))
    ks, ns = np.atleast_2d(np.asarray(k_past, float)), np.atleast_2d(np.asarray(n_past, float))
    ks, ns = np.broadcast_arrays(ks, ns)
    hits, rows = ks.sum(axis=0), ns.sum(axis=0)
    pooled = (hits + 0.5) / (rows + 1)  # Jeffreys: a share never seen is not impossible
    own = (ks + SHRINK_ROWS * pooled) / (ns + SHRINK_ROWS)
    high = np.maximum(own.max(axis=0, initial=0.0), pooled)
    low = np.minimum(own.min(axis=0, initial=1.0), pooled)
    high, low = np.minimum(high + STRETCH * (high - pooled), 1.0), np.maximum(low - STRETCH * (pooled - low), 0.0)
    now = np.where(n > 0, k / np.maximum(n, 1), 0.0)
    more, fewer = at_least(k, n, high), at_most(k, n, low)
    doubtful = np.minimum(more, fewer) < DOUBTFUL
    if doubtful.any():
        k, n = np.broadcast_arrays(k, n)
        above, below = over_dispersed(k[doubtful], n[doubtful], ks[:, doubtful], ns[:, doubtful])
        more[doubtful], fewer[doubtful] = np.maximum(more[doubtful], above), np.maximum(fewer[doubtful], below)
    return Shares(now, np.where(rows > 0, hits / np.maximum(rows, 1), 0.0), low, high, more, fewer)


@dataclass(frozen=True)
class Levels:
    """Levels of today against what the past predicts, one entry per statistic.

    Args:
        p: two-sided predictive p-value; 1 where there is nothing to compare.
        predicted: what the best predictor said.
        scale: its standard error today, in the unit of the statistic.
        score: (today - predicted) / scale.
    """

    p: Floats
    predicted: Floats
    scale: Floats
    score: Floats

    def part(self, which: slice) -> Levels:
        """Some of the statistics."""
        return Levels(self.p[which], self.predicted[which], self.scale[which], self.score[which])


def levels(past: npt.ArrayLike, now: npt.ArrayLike, noise_past: npt.ArrayLike = 0.0, noise_now: npt.ArrayLike = 0.0) -> Levels:
    """Compare levels with the best of four predictions: the mean, the last value, a smoothed value, the same weekday.

    Each predictor is replayed over the past; the one with the smallest error is used. The scale has the between-lot
    error and today's sampling error. If some past lot would have surprised this model more than its rank allows, the scale grows until
    it does not: the calibration of the series by itself.

    Args:
        past: shape (lots, statistics), oldest first; NaN where there is no value.
        now: shape (statistics,).
        noise_past, noise_now: sampling variances of the same shapes.

    >>> rng = np.random.default_rng(1)
    >>> bool(levels(rng.normal(0, 1, (30, 1)), [9.0]).p[0] < 1e-4)
    True
    """
    x = np.atleast_2d(np.asarray(past, float))
    today = np.atleast_1d(np.asarray(now, float))
    lots, count = x.shape
    noise = np.broadcast_to(np.asarray(noise_past, float), x.shape)
    noise_today = np.broadcast_to(np.asarray(noise_now, float), today.shape)
    nothing = Levels(np.ones(count), np.full(count, np.nan), np.full(count, np.nan), np.zeros(count))
    if lots < FEWEST_LOTS or count == 0:
        return nothing
    seen = np.isfinite(x)
    n = seen.sum(axis=0)
    filled = np.where(seen, x, 0.0)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        mean = filled.sum(axis=0) / n
        candidates = [(mean, (x - mean) * (n / np.maximum(n - 1, 1)))]
        last = _carried(x)
        candidates.append((last[-1], x[1:] - last[:-1]))
        smooth = _smoothed(x, 0.3)
        candidates.append((smooth[-1], x[3:] - smooth[2:-1]))
        if lots >= WEEK + 10:
            candidates.append((last[-WEEK], x[WEEK:] - x[:-WEEK]))
        best_prediction, best_residuals = candidates[0]
        best = np.sqrt(np.nanmean(np.square(best_residuals), axis=0)) if n.max(initial=0) else np.full(count, np.nan)
        worst = np.nanmax(np.where(np.isfinite(best_residuals), np.abs(best_residuals), 0), axis=0, initial=0)
        freedom = n - 1.0
        best_prediction = best_prediction.copy()
        for prediction, residuals in candidates[1:]:
            usable = np.isfinite(residuals)
            m = usable.sum(axis=0)
            error = np.sqrt(np.where(usable, np.square(residuals), 0).sum(axis=0) / np.maximum(m, 1))
            choose = (m >= 6) & np.isfinite(prediction) & (error < BETTER * best)
            best_prediction = np.where(choose, prediction, best_prediction)
            worst = np.where(choose, np.where(usable, np.abs(residuals), 0).max(axis=0, initial=0), worst)
            freedom = np.where(choose, m - 1.0, freedom)
            best = np.where(choose, error, best)
        usual_noise = np.where(seen, noise, 0).sum(axis=0) / np.maximum(n, 1)
        scale = np.sqrt(np.square(best) + np.maximum(noise_today - usual_noise, 0))
        scale = np.maximum(scale, np.sqrt(noise_today))
        allowed = np.sqrt(2 * np.log(np.maximum(n, 2)))  # the largest of n standard normal residuals
        swell = np.maximum(1.0, worst / np.where(best > 0, best, np.inf) / allowed)
        scale = scale * swell
        score = np.where(scale > 0, (today - best_prediction) / scale, np.where(today == best_prediction, 0.0, np.inf * np.sign(today - best_prediction)))
    valid = (n >= FEWEST_LOTS) & np.isfinite(today) & np.isfinite(best_prediction)
    score = np.where(valid, score, 0.0)
    p = np.where(np.isinf(score), 0.0, both_tails(np.where(np.isinf(score), 0, score), np.minimum(freedom, HEAVY_TAIL)))
    return Levels(np.where(valid, p, 1.0), best_prediction, scale, score)


def _carried(x: Floats) -> Floats:
    """Each value, or the last one before it where there is none."""
    rows = np.where(np.isfinite(x), np.arange(len(x))[:, None], 0)
    return np.take_along_axis(x, np.maximum.accumulate(rows, axis=0), axis=0)


def _smoothed(x: Floats, weight: float) -> Floats:
    result = np.empty_like(x)
    if np.isfinite(x).all():
        level = result[0] = x[0]
        for i, row in enumerate(x[1:], 1):
            level = result[i] = level + weight * (row - level)
        return result
    level = np.where(np.isfinite(x[0]), x[0], np.nan)
    for i, row in enumerate(x):
        level = np.where(np.isnan(level), row, np.where(np.isfinite(row), level + weight * (row - level), level))
        result[i] = level
    return result
