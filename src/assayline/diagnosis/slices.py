"""Which rows of a lot carry what is wrong: a search by risk ratio, with conditions found on one half of the rows and tested on the other.

Two forms: rows that are bad or not (`where_bad`), and rows that each carry an amount (`where_moved`: each row's part of a measure).

Null hypothesis, of each condition: its rows are bad no more often than the other rows of the lot, *or* no more often than rows of that kind were before (for
amounts: their mean has moved no more since before than that of the other rows). Promised: of the conditions named, the expected share of false ones is at most q
(Benjamini and Hochberg 1995). A condition is named only if it also reaches a risk ratio, and covers a share of what is bad. Rows that resemble their neighbours (a
series in time) count for more than they know: then the promise is of "these rows", not of their reason.
Simulated in `tests/diagnosis/test_slices.py`.

Source: Abuzaid et al. 2018 (DIFF, VLDB 12(4)) for risk ratio, support and the growth from single conditions; Cox 1975 (Biometrika 62) for splitting the rows;
Berger 1982 (Technometrics 24) for the larger of two p-values; Fisher's exact test as mid-p; Welch 1947.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import numpy.typing as npt
import polars as pl

from ..errors import MisuseError
from ..trials.laws import Floats, hypergeometric_mid_above, student_above
from ..trials.multiplicity import adjusted_for_discovery
from .conditions import Mask, Rows, singles

Q = 0.05
LEAST_RATIO = 2.0  # a group in which things are half as bad again is not where it comes from
SUPPORT = 0.10  # of what is bad, that a condition must cover
LEAST_ROWS = 4  # in each half
MOST_TESTED = 40
CROSSED = 14  # single conditions that are crossed with each other
NESTED = 0.8  # share of the bad rows of a condition that lie in one named before: both tell one story
SAME = 0.9  # overlap (Jaccard) from which two conditions name the same rows
PROMISING = 0.05  # p-value on the searched half
RESOLUTION = 1e-12


@dataclass(frozen=True)
class Where:
    """Rows that carry what is wrong.

    Args:
        columns: that the conditions read.
        value: the conditions: "station = 3".
        rows: of the lot that meet them.
        of: rows of the lot.
        carried: 0..1, the part of the bad rows (of the whole amount) that lies there.
        risk_ratio: how many times more often these rows are bad than the others (for amounts: how many times more they moved); halves are added, so that it is finite.
        p: of the test on the rows that were not searched, adjusted for all conditions tested.
        also: other conditions that name the same rows.
    """

    columns: tuple[str, ...]
    value: str
    rows: int
    of: int
    carried: float
    risk_ratio: float
    p: float
    also: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class _Amounts:
    """What each row carries, now and before, and how it is tested."""

    now: Floats
    before: Floats
    counted: bool  # bad or not, instead of amounts


def where_bad(
    now: pl.DataFrame,
    bad: npt.ArrayLike,
    before: pl.DataFrame | None = None,
    bad_before: npt.ArrayLike | None = None,
    *,
    columns: Sequence[str] | None = None,
    q: float = Q,
    depth: int = 2,
    least_ratio: float = LEAST_RATIO,
    seed: int = 0,
) -> tuple[Where, ...]:
    """Finds conditions under which rows are bad.

    Args:
        now: the lot.
        bad: (rows,) whether each is bad.
        before: rows of earlier lots, or None.
        bad_before: (rows of before,) whether each would have been called bad by the same rule; none when None.
        columns: that may describe the rows, data and provenance; all of `now` when None. Leave out those that made the rows bad.
        q: 0..1, promised share of false ones among the conditions named.
        depth: conditions that may be joined, 1 to 3.
        least_ratio: risk ratio that a condition must reach.
        seed: decides which rows are searched.

    Returns:
        What was found, the best description first; () where nothing could be confirmed, where no row or every row is bad, or where there are too few.

    Raises:
        MisuseError: the flags are not as many as the rows; an unknown column.

    >>> lot = pl.DataFrame({"station": [1, 2, 3, 4] * 24, "hour": [place // 4 for place in range(96)]})
    >>> [found.value for found in where_bad(lot, lot["station"] == 3)]
    ['station = 3']
    """
    flags = np.asarray(bad, dtype=np.float64)
    earlier = before if before is not None else now.clear()
    then = np.asarray(bad_before, dtype=np.float64) if bad_before is not None else np.zeros(earlier.height)
    return _search(now, earlier, _Amounts(flags, then, counted=True), columns, q, depth, least_ratio, seed)


def where_moved(
    now: pl.DataFrame,
    amounts: npt.ArrayLike,
    before: pl.DataFrame | None = None,
    amounts_before: npt.ArrayLike | None = None,
    *,
    columns: Sequence[str] | None = None,
    q: float = Q,
    depth: int = 2,
    least_ratio: float = LEAST_RATIO,
    seed: int = 0,
) -> tuple[Where, ...]:
    """Finds conditions under which what each row carries has grown; give the amounts with the other sign for what fell.

    Args:
        now: the lot.
        amounts: (rows,) finite: what each row adds to the measure, such as its absolute error.
        before: rows of earlier lots, or None: then the rows are held against the other rows of the lot alone. Conditions that hold for no row of before
            are not named by themselves, only as another name of rows that are.
        amounts_before: (rows of before,) the same for them.
        columns, q, depth, least_ratio, seed: as for `where_bad`; the ratio is that of the mean moves.

    >>> rng = np.random.default_rng(1)
    >>> lot = pl.DataFrame({"store": rng.choice(["a", "b", "c"], 300)})
    >>> error = np.abs(rng.normal(0, 1, 300)) + 4 * (lot["store"] == "b").to_numpy()
    >>> [(found.value, found.rows) for found in where_moved(lot, error)]
    [('store = b', 94)]
    """
    earlier = before if before is not None else now.clear()
    then = np.asarray(amounts_before, dtype=np.float64) if amounts_before is not None else np.zeros(earlier.height)
    return _search(now, earlier, _Amounts(np.asarray(amounts, dtype=np.float64), then, counted=False), columns, q, depth, least_ratio, seed)


def _search(
    now: pl.DataFrame, before: pl.DataFrame, amounts: _Amounts, columns: Sequence[str] | None, q: float, depth: int, least_ratio: float, seed: int
) -> tuple[Where, ...]:
    wanted = list(columns) if columns is not None else now.columns
    if unknown := [name for name in wanted if name not in now.columns]:
        raise MisuseError(f"there is no column {unknown[0]!r}; there are {', '.join(now.columns)}")
    if amounts.now.shape != (now.height,) or amounts.before.shape != (before.height,) or not np.isfinite(amounts.now).all() or not np.isfinite(amounts.before).all():
        raise MisuseError(f"one finite number is needed for each of the {now.height} rows, and for each of the {before.height} rows of before")
    if not 1 <= depth <= 3:
        raise MisuseError(f"one to three conditions can be joined, not {depth}")
    rng = np.random.default_rng(seed)
    searched = (_half(amounts.now, amounts.counted, rng), _half(amounts.before, amounts.counted, rng))
    tested = (~searched[0], ~searched[1])
    weight = np.where(searched[0], amounts.now if amounts.counted else np.maximum(0.0, amounts.now - np.median(amounts.now)), 0.0) if now.height else amounts.now
    if now.height < 2 * LEAST_ROWS or not weight.any() or (amounts.counted and amounts.now.all()):
        return ()
    candidates = _grown(list(singles(now, before, weight, wanted)), amounts, searched, depth)
    return _named([one for one in candidates if (one.now & tested[0]).sum() >= LEAST_ROWS], amounts, tested, q, least_ratio)


def _half(amounts: Floats, counted: bool, rng: np.random.Generator) -> Mask:
    """The rows that are searched: half of the bad ones and half of the others, so that few bad rows do not all fall into one half."""
    chosen = np.zeros(len(amounts), dtype=bool)
    for group in ([amounts > 0, amounts <= 0] if counted else [np.ones(len(amounts), dtype=bool)]):
        places = rng.permutation(np.flatnonzero(group))
        chosen[places[: (len(places) + int(rng.integers(2))) // 2]] = True
    return chosen


def _grown(found: list[Rows], amounts: _Amounts, searched: tuple[Mask, Mask], depth: int) -> list[Rows]:
    """Single conditions, and what the most promising of them have in common, each set of rows once; the most promising first."""

    def promise(one: Rows) -> float:
        return _p(one, amounts, searched) if _covers(one, amounts, searched[0]) else 1.0

    ranked: dict[bytes, tuple[float, Rows]] = {}
    alike: dict[bytes, list[str]] = {}
    level = [(promise(one), one) for one in found]
    for at in range(depth):
        for p, one in level:
            name = np.packbits(one.now).tobytes()
            if p <= PROMISING:
                ranked.setdefault(name, (p, one))
            if len(one.words) == 1:
                alike.setdefault(name, []).append(one.words[0])
        if at + 1 == depth:
            break
        best = [one for _, one in sorted(level, key=lambda pair: pair[0])[:CROSSED]]
        first = [one for one in best if len(one.columns) == 1] if at == 0 else [one for one in found if promise(one) <= PROMISING][:CROSSED]
        pairs = combinations(best, 2) if at == 0 else ((one, other) for one in best for other in first)
        level = [
            (promise(both), both)
            for one, other in pairs
            if not set(one.columns) & set(other.columns)
            and (both := one.both(other)).now.sum() < min(one.now.sum(), other.now.sum())
        ]
    order = sorted(ranked, key=lambda name: (ranked[name][0], len(ranked[name][1].words), ranked[name][1].words))[:MOST_TESTED]
    return [replace(one, same=tuple(words for words in alike.get(name, ()) if (words,) != one.words)) for name in order for _, one in [ranked[name]]]


def _covers(one: Rows, amounts: _Amounts, rows: Mask) -> bool:
    inside, everything = one.now & rows, amounts.now[rows]
    if not LEAST_ROWS <= inside.sum() < rows.sum():
        return False
    if not amounts.counted:
        return True
    return float(amounts.now[inside].sum()) >= max(SUPPORT * float(everything.sum()), 2.0)


def _p(one: Rows, amounts: _Amounts, rows: tuple[Mask, Mask]) -> float:
    """The p-value of one condition on some rows of now and of before."""
    here, there = amounts.now[one.now & rows[0]], amounts.now[~one.now & rows[0]]
    then, elsewhere = amounts.before[one.before & rows[1]], amounts.before[~one.before & rows[1]]
    if not len(here) or not len(there):
        return 1.0
    if not amounts.counted:
        if not len(amounts.before):
            return _welch([(here, 1.0), (there, -1.0)])
        if min(len(then), len(elsewhere)) < LEAST_ROWS:
            return 1.0  # afternoons are always warmer: without such rows of before nobody knows what is usual for them
        return _welch([(here, 1.0), (there, -1.0), (then, -1.0), (elsewhere, 1.0)])
    p = hypergeometric_mid_above(int(here.sum()), len(here), int(here.sum() + there.sum()), len(here) + len(there))
    if len(then):
        p = max(p, hypergeometric_mid_above(int(here.sum()), len(here), int(here.sum() + then.sum()), len(here) + len(then)))
    return p


def _welch(parts: Sequence[tuple[Floats, float]]) -> float:
    """Whether a sum of signed means lies above 0."""
    effect = sum(sign * float(values.mean()) for values, sign in parts)
    if any(len(values) < 2 for values, _ in parts):
        return 1.0
    variances = [float(values.var(ddof=1)) / len(values) for values, _ in parts]
    whole = sum(variances)
    if whole <= 0:
        return 0.0 if effect > 0 else 1.0
    freedom = whole**2 / sum(variance**2 / (len(values) - 1) for variance, (values, _) in zip(variances, parts, strict=True))
    return student_above(effect / math.sqrt(whole), freedom)


def _named(candidates: Sequence[Rows], amounts: _Amounts, tested: tuple[Mask, Mask], q: float, least_ratio: float) -> tuple[Where, ...]:
    """The conditions that the other half confirms, the best description first; then what is confirmed without the rows of that one, and so on."""
    found: list[tuple[Rows, Where]] = []
    left, rows = list(candidates), tested
    told: Mask = np.zeros(len(amounts.now), dtype=bool)
    while left:
        p = dict(zip(map(id, left), adjusted_for_discovery([_p(one, amounts, rows) for one in left]).tolist(), strict=True))
        sure = [one for one in left if p[id(one)] <= q and _ratio(one, amounts, told) >= least_ratio and _carried(one, amounts, told) >= SUPPORT]
        if not sure:
            break
        fit = {id(one): round(_fit(one, amounts, told), 6) for one in sure}
        best = min(sure, key=lambda one: (-fit[id(one)], len(one.words), p[id(one)], one.words))
        same = [one for one in sure if one is not best and (one.now & best.now).sum() >= SAME * (one.now | best.now).sum()]
        also = tuple(dict.fromkeys((*best.same, *(one.words[0] for one in same if len(one.words) == 1))))
        found.append((best, _where(best, amounts, p[id(best)], also)))
        told = told | best.now
        rows = (rows[0] & ~best.now, rows[1] & ~best.before)
        left = [one for one in left if _own(one, amounts, told) and (one.now & rows[0]).sum() >= LEAST_ROWS]
    return tuple(where for _, where in found)


def _own(one: Rows, amounts: _Amounts, told: Mask) -> bool:
    """Whether most of what lies there was not told yet."""
    weight: Callable[[Mask], float] = (lambda mask: float(amounts.now[mask].sum())) if amounts.counted else (lambda mask: float(mask.sum()))
    whole = weight(one.now)
    return whole > 0 and weight(one.now & told) < NESTED * whole


def _moves(one: Rows, amounts: _Amounts, told: Mask) -> tuple[float, float, int, int]:
    """The mean amount inside and outside beyond what it was before, and the rows of both."""
    inside, outside = one.now & ~told, ~one.now & ~told
    here, there = float(amounts.now[inside].mean()) if inside.any() else 0.0, float(amounts.now[outside].mean()) if outside.any() else 0.0
    if not amounts.counted and min(one.before.sum(), (~one.before).sum()) >= LEAST_ROWS:
        here -= float(amounts.before[one.before].mean())
        there -= float(amounts.before[~one.before].mean())
    return here, there, int(inside.sum()), int(outside.sum())


def _ratio(one: Rows, amounts: _Amounts, told: Mask) -> float:
    here, there, inside, outside = _moves(one, amounts, told)
    if amounts.counted:
        return ((here * inside + 0.5) / (inside + 1)) / ((there * outside + 0.5) / (outside + 1))
    # Amounts have a unit: the noise of the mean of the others stands for the half that counts are given.
    noise = float(amounts.now[~one.now & ~told].std()) / math.sqrt(max(1, outside)) if outside else 0.0
    return here / max(there, noise, RESOLUTION) if here > 0 else 0.0


def _carried(one: Rows, amounts: _Amounts, told: Mask) -> float:
    here, there, inside, outside = _moves(one, amounts, told)
    whole = here * inside + max(0.0, there * outside)
    return max(0.0, min(1.0, here * inside / whole)) if whole > 0 else 0.0


def _fit(one: Rows, amounts: _Amounts, told: Mask) -> float:
    """How well the condition describes what is bad: for flags the F measure of precision and recall, for amounts the share of their spread that it explains."""
    inside = one.now & ~told
    open_rows = amounts.now[~told]
    if amounts.counted:
        hits = float(amounts.now[inside].sum())
        return 2 * hits / (float(inside.sum()) + float(open_rows.sum()))
    share = float(inside.sum()) / len(open_rows)
    here, there, _, _ = _moves(one, amounts, told)
    spread = float(open_rows.var())
    return share * (1 - share) * (here - there) ** 2 / spread if spread > 0 else 0.0


def _where(one: Rows, amounts: _Amounts, p: float, also: tuple[str, ...]) -> Where:
    nothing: Mask = np.zeros(len(amounts.now), dtype=bool)
    return Where(
        tuple(dict.fromkeys(one.columns)), " and ".join(one.words), int(one.now.sum()), len(one.now),
        _carried(one, amounts, nothing), _ratio(one, amounts, nothing), p, also,
    )  # fmt: skip

