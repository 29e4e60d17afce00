"""Whether a candidate may follow a champion: better, not worse, slightly worse, worse, or undecided with the number of rows to label.

For the metric M with a margin d, the difference is M(candidate) - M(champion), turned so that higher is better, with a bound on each side that is
right in 95 % (1 - alpha):

    better            the lower bound lies above 0
    worse             the upper bound lies below 0, and the estimate at or below -d
    slightly worse    the upper bound lies below 0, and the estimate above -d: real, but small
    not worse         the lower bound lies above -d
    undecided         else, or on fewer than 200 rows

Null hypothesis of "worse": the candidate is as good as the champion or better. Promised: then "worse" is said in at most alpha of all trials, and so is
"slightly worse" together with it. Null hypothesis of "not worse": the candidate is worse by the margin or more; then it is said in at most alpha.
Rows (or groups of rows, where the test set has keys or times) are taken as independent draws of what the model will meet.
Simulated in `tests/trials/test_verdict_statistics.py`, also with the power for a candidate that is worse by one point.

Source: McNemar 1947, as mid-p (Fagerland, Lydersen and Laake 2013, BMC Medical Research Methodology 13:91); Tango 1998 for the bounds; DeLong 1988 in the form of
Sun and Xu 2014; Obuchowski 1997 for groups; Efron and Tibshirani 1993; Piaggio 2012 (JAMA 308) for verdicts by a margin; Holm 1979.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import MisuseError
from .laws import binomial_at_least, binomial_exactly, normal_quantile, student_above, student_quantile
from .metrics import Metric, primary
from .multiplicity import holm
from .proportions import tango
from .ranking import area_components
from .resampling import RESAMPLES, differences
from .scored import Scored

ALPHA = 0.05
LEAST_ROWS = 200  # below, the mid-p test has a power under one half for a drop of 5 points at 12 % disagreement
LEAST_BLOCKS = 20  # groups: below, bootstrap intervals cover visibly less than they say (Cameron, Gelbach and Miller 2008)
LEAST_OF_CLASS = 20  # rows of the rarest class for a ranking: DeLong's variance is a mean over them
POWER = 0.80
RELATIVE_MARGIN = 0.005
OUTCOMES = ("better", "not worse", "slightly worse", "worse", "undecided")


@dataclass(frozen=True)
class Comparison:
    """What two versions' answers to the same rows say about which is better.

    Args:
        outcome: "better", "not worse", "slightly worse", "worse" or "undecided".
        metric: name of the metric.
        unit: of the metric, "" for a share or an index.
        candidate, champion: names of the versions.
        candidate_value, champion_value: of the metric, as it is.
        estimate, low, high: the difference, turned so that higher is better, with its one-sided bounds.
        margin: the loss that is taken as none.
        p_worse: probability of such a loss or more if there were none.
        p_better: probability of such a gain or more if there were none.
        rows: compared.
        rows_needed: rows in all that would probably decide it (power 80 %); 0 where it is decided.
        test: "mcnemar", "delong", "bootstrap", "identical" or "finite".
        sentence: for people.
    """

    outcome: str
    metric: str
    unit: str
    candidate: str
    champion: str
    candidate_value: float
    champion_value: float
    estimate: float
    low: float
    high: float
    margin: float
    p_worse: float
    p_better: float
    rows: int
    rows_needed: int
    test: str
    sentence: str

    @property
    def more_rows(self) -> int:
        """How many more rows to label; 0 where it is decided."""
        return max(0, self.rows_needed - self.rows)

    @property
    def blocks(self) -> bool:
        """Whether the candidate must not follow the champion."""
        return self.outcome == "worse"


@dataclass(frozen=True)
class _Evidence:
    """An oriented difference with its bounds; `per_row` is its variance times the rows."""

    estimate: float
    low: float
    high: float
    p_worse: float
    p_better: float
    per_row: float
    test: str
    short_of: str = ""


def default_margin(metric: Metric, champion: Scored, retraining_sd: float = 0.0) -> float:
    """The loss that is taken as none when nobody says: 0.5 % of the champion's value, or what retraining alone moves, whichever is more.

    Args:
        metric: which.
        champion: its answers.
        retraining_sd: standard deviation of the metric between trainings on the same data, 0 when unknown.

    Where the champion's value is close to nothing, a tenth of the metric's scale stands for it: of the range of a share, of the spread of the truth.
    """
    value = abs(metric.value(champion))
    if metric.bounded:
        scale = 1.0
    elif champion.task == "regression" and metric.name != "money":
        scale = (float(champion.y.std()) if len(champion) else 0.0) or 1.0
    else:
        scale = 0.0
    relative = RELATIVE_MARGIN * max(value if math.isfinite(value) else 0.0, scale / 10)
    return max(relative, retraining_sd) or RELATIVE_MARGIN


def mcnemar(only_candidate: int, only_champion: int) -> tuple[float, float]:
    """The one-sided mid-p values of McNemar's test: that the candidate is worse, and that it is better.

    Args:
        only_candidate: rows that only the candidate gets right.
        only_champion: rows that only the champion gets right.

    >>> [round(p, 4) for p in mcnemar(2, 10)]
    [0.0112, 0.9888]
    """
    tries = only_candidate + only_champion
    if not tries:
        return 0.5, 0.5
    tie = binomial_exactly(only_champion, tries, 0.5) / 2
    worse = binomial_at_least(only_champion, tries, 0.5) - tie
    return worse, 1 - worse


def compare(
    candidate: Scored,
    champion: Scored,
    metric: Metric | None = None,
    margin: float | None = None,
    alpha: float = ALPHA,
    *,
    retraining_sd: float = 0.0,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Compares two versions on the same rows.

    Args:
        candidate, champion: answers to the same rows, in the same order; groups are those of the candidate.
        metric: None for the primary one of the task.
        margin: above 0, in units of the metric; None for `default_margin`.
        alpha: 0..0.5, the one-sided error rate.
        retraining_sd: see `default_margin`.
        resamples, seed: of the bootstrap.

    Raises:
        MisuseError: the two do not answer the same rows, or the margin is not above 0.

    >>> rng = np.random.default_rng(0)
    >>> truth = rng.integers(0, 2, 4000).astype(float)
    >>> def answers(version, wrong):
    ...     return Scored("spring", version, "binary", ("no", "yes"), truth, np.where(rng.random(4000) < wrong, 1 - truth, truth))
    >>> from assayline.trials import metric
    >>> compare(answers("v8", 0.15), answers("v7", 0.10), metric("accuracy")).outcome
    'worse'
    """
    _same_rows(candidate, champion)
    metric = metric or primary(candidate.task, candidate.minority_share)
    margin = default_margin(metric, champion, retraining_sd) if margin is None else margin
    if not margin > 0 or not 0 < alpha < 0.5:
        raise MisuseError(f"a margin lies above 0 and alpha between 0 and 0.5, not at {margin!r} and {alpha!r}")
    ours, theirs = candidate.finite, champion.finite
    if (theirs & ~ours).any():
        return _without_answers(candidate, champion, metric, margin)
    both = ours & theirs
    if not both.all():  # the champion lacks answers that the candidate has: it is judged where both answer
        candidate, champion = candidate.rows(both), champion.rows(both)
    values = metric.value(candidate), metric.value(champion)
    evidence = _evidence(candidate, champion, metric, alpha, resamples, seed, metric.sign * (values[0] - values[1]))
    outcome = _outcome(evidence, margin, len(candidate))
    needed = _rows_needed(evidence, margin, alpha, len(candidate)) if outcome == "undecided" else 0
    found = Comparison(
        outcome, metric.name, metric.unit, candidate.version, champion.version, *values, evidence.estimate, evidence.low, evidence.high, margin, evidence.p_worse,
        evidence.p_better, len(candidate), needed, evidence.test, "",
    )  # fmt: skip
    return replace(found, sentence=_sentence(found, candidate.test_set, evidence.short_of))


def compare_all(
    candidate: Scored, champion: Scored, metrics: Sequence[Metric], *, margins: Sequence[float | None] = (), alpha: float = ALPHA,
    retraining_sds: Sequence[float] = (), resamples: int = RESAMPLES, seed: int = 0,
) -> tuple[Comparison, ...]:  # fmt: skip
    """Compares by several metrics: the first one decides, the others may only warn, and only if they hold after Holm's correction.

    Args:
        metrics: the primary one first.
        margins, retraining_sds: one per metric, or ().

    Returns:
        One comparison per metric. Of the others "worse" has become "slightly worse", and what does not survive the correction "undecided".

    Null hypothesis: as in `compare`, for each of the others. Promised: some of them warns in at most alpha of all trials in which none is worse.
    """
    if not metrics:
        raise MisuseError("name at least one metric: the first one decides")
    margins = tuple(margins) or (None,) * len(metrics)
    sds = tuple(retraining_sds) or (0.0,) * len(metrics)
    first, *others = [
        compare(candidate, champion, one, margin, alpha, retraining_sd=sd, resamples=resamples, seed=seed) for one, margin, sd in zip(metrics, margins, sds, strict=True)
    ]
    adjusted = holm([one.p_worse for one in others])
    kept = []
    for one, p in zip(others, adjusted, strict=True):
        if one.outcome in ("worse", "slightly worse"):
            holds = p <= alpha
            said = one.sentence if holds else f"{one.sentence} Among {len(others)} metrics looked at, that may be chance."
            one = replace(one, outcome="slightly worse" if holds else "undecided", p_worse=float(p), sentence=said)
        kept.append(one)
    return (first, *kept)


def _same_rows(candidate: Scored, champion: Scored) -> None:
    if candidate.test_set != champion.test_set or candidate.task != champion.task or candidate.classes != champion.classes:
        raise MisuseError(
            f"{candidate.version!r} answered {candidate.test_set!r} ({candidate.task}, classes {candidate.classes!r}) and {champion.version!r} "
            f"{champion.test_set!r} ({champion.task}, classes {champion.classes!r}): score both on the same version of the test set"
        )
    if not np.array_equal(candidate.y, champion.y):
        raise MisuseError(f"{candidate.version!r} and {champion.version!r} were not scored on the same rows of {candidate.test_set!r}, or not in the same order")


def _evidence(candidate: Scored, champion: Scored, metric: Metric, alpha: float, resamples: int, seed: int, estimate: float) -> _Evidence:
    rows = len(candidate)
    groups = candidate.groups
    if groups is not None and int(groups.max(initial=-1)) + 1 == rows:
        groups = None
    candidate = replace(candidate, groups=groups)
    same = np.array_equal(candidate.predictions, champion.predictions)
    if rows and same and (candidate.task == "regression" or np.array_equal(candidate.decided, champion.decided)):
        return _Evidence(0.0, 0.0, 0.0, 0.5, 0.5, 0.0, "identical")
    if not rows or not math.isfinite(estimate):
        return _Evidence(math.nan, -math.inf, math.inf, 1.0, 1.0, math.nan, "none", "the metric cannot be computed on these rows")
    if metric.name in ("accuracy", "error") and groups is None:
        right, other = candidate.decided == candidate.y, champion.decided == champion.y
        gained, lost = int((right & ~other).sum()), int((other & ~right).sum())
        low, high = tango(gained, lost, rows, 1 - 2 * alpha)
        worse, better = mcnemar(gained, lost)
        # Test and bounds are two formulas for one question and part only at the edge: the more careful of both counts.
        high = max(high, 0.0) if worse > alpha else high
        low = min(low, 0.0) if better > alpha else low
        return _Evidence(estimate, low, high, worse, better, max(gained + lost, 1) / rows, "mcnemar")
    if metric.influence is not None:
        return _by_influence(candidate, champion, metric, alpha, estimate)
    return _by_resampling(candidate, champion, metric, alpha, resamples, seed, estimate)


def _by_influence(candidate: Scored, champion: Scored, metric: Metric, alpha: float, estimate: float) -> _Evidence:
    assert metric.influence is not None
    rows = len(candidate)
    fewest = int(np.bincount(candidate.y.astype(np.int64)).min()) if len(candidate.classes) == 2 else rows
    short = f"the rarer class has {fewest} rows, and {LEAST_OF_CLASS} are needed" if fewest < LEAST_OF_CLASS else ""
    if candidate.groups is None and len(candidate.classes) == 2:
        positive = candidate.y == 1
        gap = area_components(candidate.predictions[:, 1], positive)[1] - area_components(champion.predictions[:, 1], positive)[1]
        many, few = gap[positive], gap[~positive]
        variance = (many.var(ddof=1) / len(many) if len(many) > 1 else 0.0) + (few.var(ddof=1) / len(few) if len(few) > 1 else 0.0)
        freedom = max(1, fewest - 1)
    else:
        gap = metric.influence(candidate)[1] - metric.influence(champion)[1]
        sums = gap if candidate.groups is None else np.bincount(candidate.groups, gap)
        variance = float((sums**2).sum() / rows**2 * len(sums) / max(1, len(sums) - 1))
        freedom = max(1, len(sums) - 1)
        if len(sums) < LEAST_BLOCKS:
            short = f"the rows form {len(sums)} groups, and {LEAST_BLOCKS} are needed"
    error = math.sqrt(variance)
    half = student_quantile(1 - alpha, freedom) * error
    worse = student_above(-estimate / error, freedom) if error else 0.5
    return _Evidence(estimate, estimate - half, estimate + half, worse, 1 - worse, variance * rows, "delong", short)


def _by_resampling(candidate: Scored, champion: Scored, metric: Metric, alpha: float, resamples: int, seed: int, estimate: float) -> _Evidence:
    rows = len(candidate)
    drawn, blocks = differences(candidate, champion, metric, resamples=resamples, seed=seed)
    drawn = metric.sign * drawn[np.isfinite(drawn)]
    short = f"the rows form {blocks} groups, and {LEAST_BLOCKS} are needed" if blocks < LEAST_BLOCKS else ""
    if metric.weighted is not None and len(candidate.classes) == 2 and (fewest := int((candidate.y == 1).sum())) < LEAST_OF_CLASS:
        short = f"the positive class has {fewest} rows, and {LEAST_OF_CLASS} are needed"
    if len(drawn) < resamples // 20:
        return _Evidence(estimate, -math.inf, math.inf, 1.0, 1.0, math.nan, "bootstrap", short or "too few resamples define the metric")
    error = float(drawn.std(ddof=1)) * math.sqrt(blocks / max(1, blocks - 1))
    if metric.of_decisions and metric.bounded:
        error = max(error, 1 / blocks)  # no disagreement was seen: one block more might bring the first
    # Percentiles follow a skewed law, Student's t the few blocks: the wider of both on each side holds its promise where one alone does not.
    half = student_quantile(1 - alpha, max(1, blocks - 1)) * error
    low, high = (float(end) for end in np.quantile(drawn, [alpha, 1 - alpha]))
    low, high = min(low, estimate - half), max(high, estimate + half)
    tail = student_above(-estimate / error, max(1, blocks - 1)) if error else 0.5
    worse = max(tail, float(((drawn >= 0).sum() + 1) / (len(drawn) + 1)) if estimate < 0 else 0.5)
    better = max(1 - tail, float(((drawn <= 0).sum() + 1) / (len(drawn) + 1)) if estimate > 0 else 0.5)
    return _Evidence(estimate, low, high, worse, better, error**2 * rows, "bootstrap", short)


def _outcome(evidence: _Evidence, margin: float, rows: int) -> str:
    if evidence.test == "identical":
        return "not worse"
    if rows < LEAST_ROWS or evidence.short_of or not math.isfinite(evidence.estimate):
        return "undecided"
    if evidence.low > 0:
        return "better"
    if evidence.high < 0:
        return "worse" if evidence.estimate <= -margin else "slightly worse"
    return "not worse" if evidence.low > -margin else "undecided"


def _rows_needed(evidence: _Evidence, margin: float, alpha: float, rows: int) -> int:
    """Rows in all: (z_alpha + z_beta)² v / margin² for v the variance a row adds (for accuracy the rate of disagreement).

    Where there are that many already, the truth lies between no loss and the margin; then what it takes to tell it from the nearer of both. That is
    never more than four times as many, because the farther of both is at least half a margin away.
    """
    least = max(LEAST_ROWS, rows + 1)
    if not math.isfinite(evidence.per_row) or not math.isfinite(evidence.estimate):
        return max(least, 2 * rows)
    reach = (normal_quantile(1 - alpha) + normal_quantile(POWER)) ** 2 * evidence.per_row
    needed = reach / margin**2
    if needed <= rows:
        distance = max(abs(evidence.estimate), abs(evidence.estimate + margin))
        needed = max(reach / distance**2, rows * 1.25)  # a formula that says "enough" has met a lucky or unlucky set: a quarter more
    if evidence.short_of:
        needed = max(needed, 2 * rows)
    return max(least, math.ceil(needed))


def _without_answers(candidate: Scored, champion: Scored, metric: Metric, margin: float) -> Comparison:
    lost = int((champion.finite & ~candidate.finite).sum())
    sentence = f"{candidate.version} is worse than {champion.version} on {candidate.test_set}: it has no finite answer for {lost:,} of {len(candidate):,} rows that {champion.version} answers."
    return Comparison(
        "worse", metric.name, metric.unit, candidate.version, champion.version, math.nan, metric.value(champion), math.nan, math.nan, math.nan, margin, 0.0, 1.0,
        len(candidate), 0, "finite", sentence,
    )  # fmt: skip


def _sentence(found: Comparison, test_set: str, short_of: str) -> str:
    unit = f" {found.unit}" if found.unit else ""
    name = found.metric.replace("_", " ")
    start = f"{found.candidate} on {test_set}, {found.rows:,} rows"
    if found.test == "identical":
        return f"{start}: gives the same answer as {found.champion} for every row."
    values = f"{name} {found.candidate_value:.4g} against {found.champion_value:.4g}{unit} of {found.champion}"
    if not math.isfinite(found.estimate):
        return f"{start}: undecided, {short_of}; label {found.more_rows:,} more rows."
    where = f"a gain of {found.estimate:.2g}" if found.estimate >= 0 else f"a loss of {-found.estimate:.2g}"
    between = f"{where}, between {found.low:+.2g} and {found.high:+.2g}" if math.isfinite(found.low) else where
    says = {
        "better": "is better", "worse": "is worse", "not worse": f"is not worse by more than {found.margin:.2g}",
        "slightly worse": f"is slightly worse, by less than the margin of {found.margin:.2g}", "undecided": f"undecided: label {found.more_rows:,} more rows",
    }[found.outcome]  # fmt: skip
    because = f" ({short_of})" if short_of else f" (at least {LEAST_ROWS} rows are needed)" if found.rows < LEAST_ROWS else ""
    return f"{start}: {says}{because}; {values}, {between}."
