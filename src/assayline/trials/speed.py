"""How long answers take, how that grows with the rows, and whether a candidate is slower than a champion.

Calls are interleaved (A B A B …), so that whatever the machine does meanwhile slows both; what is compared are medians of pairs of neighbours.
Null hypothesis: both take equally long, and neighbouring calls meet the same machine. Promised: "slower" in at most alpha of such comparisons.
Simulated in `tests/trials/test_speed.py`.

Source: interleaving and the ratio of neighbours, Kalibera and Jones 2013 (ISMM); the bootstrap of a median, Efron and Tibshirani 1993; growth by a
regression of logarithms.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from ..errors import MisuseError
from .comparing import ALPHA
from .laws import Floats, student_quantile

ROUNDS = 60
LEAST_ROUNDS = 20  # below, a bootstrapped median covers visibly less than it says
MARGIN = 0.10  # a tenth slower: what two runs of the same code differ by on a shared machine
RESAMPLES = 1000
LINEAR = 1.15  # exponent up to which time counts as growing with the rows


def interleaved(calls: Mapping[str, Callable[[], object]], rounds: int = ROUNDS, *, clock: Callable[[], float] = time.perf_counter, warm: int = 3) -> dict[str, Floats]:
    """Seconds of each call, taken in turns; who goes first changes from round to round.

    Args:
        calls: name -> what to call.
        rounds: calls of each.
        clock: seconds.
        warm: calls of each before the first that counts.

    >>> sorted(interleaved({"a": list, "b": dict}, 5)), interleaved({"a": list}, 5)["a"].shape
    (['a', 'b'], (5,))
    """
    names = list(calls)
    for name in names * warm:
        calls[name]()
    seconds = {name: np.zeros(rounds) for name in names}
    for place in range(rounds):
        for name in names if place % 2 == 0 else names[::-1]:
            begun = clock()
            calls[name]()
            seconds[name][place] = clock() - begun
    return seconds


@dataclass(frozen=True)
class SpeedComparison:
    """How much longer a candidate takes.

    Args:
        outcome: "faster", "as fast", "slower" or "undecided".
        ratio, low, high: time of the candidate over time of the champion, with one-sided bounds.
        candidate_seconds, champion_seconds: medians.
        rounds: compared.
        sentence: for people.
    """

    outcome: str
    ratio: float
    low: float
    high: float
    candidate_seconds: float
    champion_seconds: float
    rounds: int
    sentence: str


def compare_speed(candidate: npt.ArrayLike, champion: npt.ArrayLike, *, margin: float = MARGIN, alpha: float = ALPHA, seed: int = 0) -> SpeedComparison:
    """Compares interleaved timings.

    Args:
        candidate, champion: (rounds,) seconds, taken in turns.
        margin: a candidate that takes up to this share longer is as fast.
        alpha: 0..0.5.
        seed: of the bootstrap.

    >>> rng = np.random.default_rng(0)
    >>> compare_speed(rng.gamma(9, 0.02, 60), rng.gamma(9, 0.01, 60)).outcome
    'slower'
    """
    ours, theirs = np.asarray(candidate, dtype=np.float64), np.asarray(champion, dtype=np.float64)
    if ours.shape != theirs.shape or len(ours) < 5 or not (ours > 0).all() or not (theirs > 0).all():
        raise MisuseError(f"timings are taken in turns: as many of each, five at least, above 0; not {len(ours)} and {len(theirs)}")
    logs = np.log(ours / theirs)
    drawn = np.median(logs[np.random.default_rng(seed).integers(0, len(logs), (RESAMPLES, len(logs)))], axis=1)
    low, high = (float(math.exp(end)) for end in np.quantile(drawn, [alpha, 1 - alpha]))
    ratio = math.exp(float(np.median(logs)))
    outcome = "undecided" if len(ours) < LEAST_ROUNDS else "faster" if high < 1 else "slower" if low > 1 and ratio >= 1 + margin else "as fast" if high < 1 + margin else "undecided"
    medians = float(np.median(ours)), float(np.median(theirs))
    sentence = f"One call takes {spoken(medians[0])} against {spoken(medians[1])}: {ratio:.2f} times as long (between {low:.2f} and {high:.2f}, {len(ours)} rounds in turns): {outcome}."
    return SpeedComparison(outcome, ratio, low, high, *medians, len(ours), sentence)


def spoken(seconds: float) -> str:
    """A time as people write it.

    >>> spoken(0.00012), spoken(0.5), spoken(90)
    ('120 µs', '500 ms', '90 s')
    """
    for factor, unit in ((1e6, "µs"), (1e3, "ms")):
        if seconds * factor < 1000:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds:.3g} s"


@dataclass(frozen=True)
class Growth:
    """How the time (or memory) grows with the rows: amount ~ rows ** exponent.

    Args:
        exponent, low, high: with a 90 % interval; 1 is linear.
        linear: not shown to grow faster than the rows.
        sentence: for people.
    """

    exponent: float
    low: float
    high: float
    linear: bool
    sentence: str


def growth(rows: Sequence[int], amounts: npt.ArrayLike) -> Growth:
    """The exponent of growth over several sizes.

    Args:
        rows: sizes, at least three different ones, above 0; where calls are short, sizes that take longer than the call itself.
        amounts: seconds or bytes of each, above 0.

    >>> round(growth([1000, 2000, 4000, 8000], [1.0, 4.1, 15.9, 64.0]).exponent, 1)
    2.0
    """
    x, y = np.log(np.asarray(rows, dtype=np.float64)), np.log(np.asarray(amounts, dtype=np.float64))
    if len(np.unique(x)) < 3 or x.shape != y.shape or not np.isfinite(y).all():
        raise MisuseError("growth takes three different sizes at least, with an amount above 0 for each")
    off = x - x.mean()
    exponent = float(off @ y / (off @ off))
    rest = y - y.mean() - exponent * off
    half = student_quantile(0.95, len(x) - 2) * math.sqrt(float(rest @ rest) / (len(x) - 2) / float(off @ off))
    linear = exponent - half <= LINEAR
    says = "as the rows" if linear else f"faster than the rows: ten times the rows cost {10**exponent:,.0f} times as much"
    return Growth(exponent, exponent - half, exponent + half, linear, f"The cost grows {says} (exponent {exponent:.2f}, between {exponent - half:.2f} and {exponent + half:.2f}).")


@dataclass(frozen=True)
class Spent:
    """What running a model takes, or may take; NaN for what was not measured or is not limited.

    Args:
        row_p99_seconds: of 100 single rows the slowest but one.
        rows_per_second: in batches.
        peak_bytes: memory at most.
        artefact_bytes: size of the file.
        exponent: of the growth with the rows.
    """

    row_p99_seconds: float = math.nan
    rows_per_second: float = math.nan
    peak_bytes: float = math.nan
    artefact_bytes: float = math.nan
    exponent: float = math.nan


def over_budget(measured: Spent, budget: Spent) -> tuple[str, ...]:
    """What breaks the budget, a sentence each; plain thresholds.

    >>> over_budget(Spent(row_p99_seconds=0.002, artefact_bytes=5e6), Spent(row_p99_seconds=0.001, artefact_bytes=1e7))
    ('row p99 seconds is 0.002, and the budget is 0.001.',)
    """
    said = []
    for one in fields(Spent):
        value, limit = float(getattr(measured, one.name)), float(getattr(budget, one.name))
        over = value < limit if one.name == "rows_per_second" else value > limit
        if over:
            said.append(f"{one.name.replace('_', ' ')} is {value:.4g}, and the budget is {limit:.4g}.")
    return tuple(said)


def tail(seconds: npt.ArrayLike, share: float = 0.99) -> float:
    """The time that this share of the calls does not exceed.

    >>> tail(range(1, 101), 0.99)
    99.0
    """
    return float(np.quantile(np.asarray(seconds, dtype=np.float64), share, method="inverted_cdf"))
