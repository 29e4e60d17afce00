"""Groups of rows in which a version is worse: searched on one half of the rows, tested on the other.

Candidates are categories, quantile bins of numbers and times, missing cells, pairs of the most promising of these, and the leaves of a shallow tree
grown on the loss. What was found on half A says nothing until half B says it too, on rows that had no part in the search.

Null hypothesis, of each slice: its rows are no worse (`against="nothing"`: their mean is at most 0; `against="rest"`: at most that of the other rows).
Promised: of the slices named, the expected share of false ones is at most q (Benjamini and Hochberg, for the positively dependent tests that overlapping
slices give; `by=True` holds it under any dependence). A slice is named only if its effect reaches the floor, too.
Simulated in `tests/trials/test_slicing.py`.

Source: Chung et al. 2019 (Slice Finder, IEEE TKDE 32); Sagadeeva and Boehm 2021 (SliceLine, SIGMOD); Benjamini and Hochberg 1995; Cox 1975 (Biometrika 62)
for splitting the rows; Hall 1992 (JRSS B 54) for the mean of skewed losses; McNemar and Fisher as mid-p for rows that are right or wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from ..errors import MisuseError
from .comparing import mcnemar
from .laws import Floats, hypergeometric_mid_above, student_above, student_quantile
from .multiplicity import adjusted_for_discovery

Q = 0.10
LEAST_ROWS = 50  # in each half
MOST_TESTED = 100
MOST_CATEGORIES = 20  # of a column, the most frequent ones
BINS = 5
PAIRED = 16  # single conditions that are crossed with each other
DEPTH = 3
LEAST_LEFT = 20  # rows a slice must keep without those of surer slices to have a story of its own
NESTED = 0.8  # share of a slice's rows that lie in slices named before: then both tell one story
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Slice:
    """Rows that have something in common, and how much worse they are.

    Args:
        conditions: what they have in common, in words.
        columns: those the conditions read.
        rows: of the whole table that meet the conditions.
        tested_rows: of them in the half that was not searched.
        effect: how much worse on average there, in units of the loss; against the rest: how much more than the other rows.
        low: one-sided 95 % bound from below of the effect.
        p_value: of this slice alone.
        q_value: adjusted for all slices that were tested.
        found: named at q and at least as large as the floor.
        also: conditions of other slices that were found and are mostly the same rows.
        sentence: for people.
    """

    conditions: tuple[str, ...]
    columns: tuple[str, ...]
    rows: int
    tested_rows: int
    effect: float
    low: float
    p_value: float
    q_value: float
    found: bool
    also: tuple[tuple[str, ...], ...]
    sentence: str


@dataclass(frozen=True, eq=False)
class Condition:
    """Rows that have something in common: the conditions in words, the columns they read, and where they hold."""

    words: tuple[str, ...]
    columns: tuple[str, ...]
    mask: Mask


def slices(
    table: pl.DataFrame,
    worse: npt.ArrayLike,
    *,
    against: str = "nothing",
    groups: npt.NDArray[np.int64] | None = None,
    q: float = Q,
    by: bool = False,
    floor: float = 0.0,
    least_rows: int = LEAST_ROWS,
    unit: str = "",
    seed: int = 0,
) -> tuple[Slice, ...]:
    """Finds slices in which a version is worse.

    Args:
        table: columns that may describe a slice, one row per row of the test set.
        worse: (rows,) finite, how much worse each answer is: loss of the candidate minus loss of the champion, or the loss itself.
        against: "nothing": a slice is bad when its mean lies above 0 (for differences); "rest": when it lies above that of the other rows (for losses).
        groups: (rows,) ids of rows that belong together; a group lies in one half as a whole.
        q: 0..1, the share of false ones among those that are named.
        by: hold that under any dependence.
        floor: least effect, in units of the loss.
        least_rows: of a slice, in each half.
        unit: of the loss, for the sentence: "EUR", "errors".
        seed: decides which rows are searched.

    Returns:
        All slices that were tested; those that are found first, the surest before the others. Slices that tell the story of another stand in its `also`.

    >>> rng = np.random.default_rng(1)
    >>> city = rng.choice(["Bonn", "Gent", "Lyon", "Oslo"], 4000)
    >>> loss = rng.normal(0.0, 1.0, 4000) + 0.5 * (city == "Lyon")
    >>> [found.conditions for found in slices(pl.DataFrame({"city": city}), loss) if found.found]
    [("city is 'Lyon'",)]
    """
    found = slices_with_rows(table, worse, against=against, groups=groups, q=q, by=by, floor=floor, least_rows=least_rows, unit=unit, seed=seed)
    return tuple(one for one, _ in found)


def slices_with_rows(
    table: pl.DataFrame, worse: npt.ArrayLike, *, against: str = "nothing", groups: npt.NDArray[np.int64] | None = None, q: float = Q, by: bool = False,
    floor: float = 0.0, least_rows: int = LEAST_ROWS, unit: str = "", seed: int = 0,
) -> tuple[tuple[Slice, Mask], ...]:  # fmt: skip
    """The same, each slice with the rows that lie in it: (rows,) of the whole table; `halves` says which of them were searched."""
    values = np.asarray(worse, dtype=np.float64)
    if against not in ("nothing", "rest"):
        raise MisuseError(f"slices are held against 'nothing' or 'rest', not against {against!r}")
    if values.shape != (table.height,) or not np.isfinite(values).all():
        raise MisuseError(f"slices need one finite number for each of the {table.height} rows")
    searched = halves(table.height, groups, seed)
    if min(searched.sum(), (~searched).sum()) < least_rows:
        return ()
    candidates = [one for one in _candidates(table, values, searched, least_rows, floor, against) if (one.mask & ~searched).sum() >= least_rows]
    named, others = _chosen(candidates, values, ~searched, groups, against, q, by, floor)
    inside = {one.words: one.mask for one in candidates}
    return tuple((replace(found, sentence=_sentence(found, unit, against)), inside[found.conditions]) for found in (*named, *others))


def halves(rows: int, groups: npt.NDArray[np.int64] | None, seed: int) -> Mask:
    """Which rows are searched; the others are for the test."""
    rng = np.random.default_rng(seed)
    if groups is None:
        return np.asarray(rng.permutation(rows) < rows // 2)
    ids, place = np.unique(groups, return_inverse=True)
    return np.asarray((rng.permutation(len(ids)) < len(ids) // 2)[place])


def _candidates(table: pl.DataFrame, values: Floats, searched: Mask, least_rows: int, floor: float, against: str) -> list[Condition]:
    """The slices worth a test: the most promising on the searched half, each set of rows once."""
    singles = [one for column in table.get_columns() for one in conditions_of(column, searched) if least_rows <= one.mask[searched].sum() < searched.sum()]
    level = values[searched].mean() if against == "rest" else 0.0

    def promise(one: Condition) -> float:
        inside = values[one.mask & searched] - level
        if inside.mean() < floor or inside.mean() <= 0:
            return -math.inf
        spread = float(inside.std(ddof=1)) if len(inside) > 1 else 0.0
        return float(inside.mean()) * math.sqrt(len(inside)) / spread if spread else math.inf

    promises = {id(one): promise(one) for one in singles}
    best = sorted(singles, key=lambda one: -_correlation(one.mask[searched], values[searched]))[:PAIRED]
    found = list(singles)
    for place, one in enumerate(best):
        for other in best[:place]:
            if one.columns != other.columns:
                both = one.mask & other.mask
                if both[searched].sum() >= least_rows and both[searched].sum() < min(one.mask[searched].sum(), other.mask[searched].sum()):
                    found.append(Condition((*other.words, *one.words), (*other.columns, *one.columns), both))
    found += _leaves(table, singles, values, searched, least_rows)
    ranked: dict[bytes, tuple[float, Condition]] = {}
    for one in found:
        score = promises.get(id(one), promise(one))
        if score > 1.0:  # below one standard error on the searched half, the other half would need luck
            ranked.setdefault(np.packbits(one.mask).tobytes(), (score, one))
    return [one for _, one in sorted(ranked.values(), key=lambda pair: (-pair[0], pair[1].words))[:MOST_TESTED]]


def _correlation(mask: Mask, values: Floats) -> float:
    """How much of the spread of the values a split by the mask explains."""
    share = mask.mean()
    if share in (0.0, 1.0):
        return 0.0
    return float(share * (1 - share) * (values[mask].mean() - values[~mask].mean()) ** 2)


def legible(column: pl.Series) -> bool:
    """Whether the cells of a column are single values that people can read: no lists, no structures, no bytes."""
    return not (column.dtype.is_nested() or column.dtype in (pl.Object, pl.Binary))


def as_numbers(column: pl.Series) -> Floats:
    """The cells of a column of numbers or times as numbers; NaN for missing."""
    physical = column.to_physical() if column.dtype.is_temporal() else column
    return np.asarray(physical.cast(pl.Float64, strict=False).to_numpy(), dtype=np.float64)


def conditions_of(column: pl.Series, searched: Mask) -> Iterator[Condition]:
    """Single conditions on one column: its categories, bins of its numbers and times, its missing cells; learned on the searched rows."""
    name = column.name
    empty = column.is_null().to_numpy()
    if empty.any():
        yield Condition((f"{name} is missing",), (name,), empty)
    if column.dtype.is_numeric() or column.dtype.is_temporal():
        numbers = as_numbers(column)
        known = numbers[searched & np.isfinite(numbers)]
        different = np.unique(known)
        if len(different) > 2 * BINS:
            edges = np.unique(np.quantile(known, np.arange(1, BINS) / BINS, method="higher"))
            for low, high in zip([-math.inf, *edges], [*edges, math.inf], strict=True):
                yield Condition((_between(column, low, high),), (name,), np.asarray((numbers >= low) & (numbers < high)))
            return
        for value in different:
            yield Condition((f"{name} is {_shown(column, value)}",), (name,), np.asarray(numbers == value))
        return
    if not legible(column):
        return
    texts = column.cast(pl.String, strict=False)
    frequent = texts.filter(pl.Series(searched)).drop_nulls().value_counts(sort=True).head(MOST_CATEGORIES)
    for value in sorted(frequent.get_column(name).to_list()):
        yield Condition((f"{name} is {value!r}",), (name,), (texts == value).fill_null(False).to_numpy())


def _shown(column: pl.Series, value: float) -> str:
    """A bound of a bin as people write it: times as times."""
    if column.dtype.is_temporal():
        return str(pl.Series([int(value)]).cast(column.to_physical().dtype).cast(column.dtype)[0])
    return f"{value:.6g}"


def _between(column: pl.Series, low: float, high: float) -> str:
    if math.isinf(low):
        return f"{column.name} is below {_shown(column, high)}"
    if math.isinf(high):
        return f"{column.name} is {_shown(column, low)} or more"
    return f"{column.name} is from {_shown(column, low)} to below {_shown(column, high)}"


def _leaves(table: pl.DataFrame, singles: Sequence[Condition], values: Floats, searched: Mask, least_rows: int) -> list[Condition]:
    """The nodes of a tree of depth three that splits the searched rows by what explains most of their loss."""
    splits = [*singles, *(half for column in table.get_columns() for half in _half_lines(column, searched))]
    if not splits:
        return []
    columns = np.stack([one.mask for one in splits])
    found: list[Condition] = []
    open_nodes = [Condition((), (), np.ones(len(values), dtype=bool))]
    for _ in range(DEPTH):
        grown = []
        for node in open_nodes:
            inside = node.mask & searched
            here, mine = columns[:, inside].astype(np.float32), (values[inside] - values[inside].mean()).astype(np.float32)
            sizes = here.sum(axis=1)
            with np.errstate(divide="ignore", invalid="ignore"):
                gain = (here @ mine) ** 2 * (1 / sizes + 1 / (len(mine) - sizes))
            gain[(sizes < least_rows) | (len(mine) - sizes < least_rows)] = -1.0
            best = int(np.argmax(gain))
            if gain[best] <= 0:
                continue
            split = splits[best]
            both = np.asarray(node.mask & split.mask), np.asarray(node.mask & ~split.mask)
            side = 0 if values[both[0] & searched].mean() > values[both[1] & searched].mean() else 1
            for place, mask in enumerate(both):
                words = split.words if place == 0 else (f"not ({split.words[0]})",)
                child = Condition((*node.words, *words), tuple(dict.fromkeys((*node.columns, *split.columns))), mask)
                grown.append(child)
                if place == side:
                    found.append(child)
        open_nodes = grown
    return found


def _half_lines(column: pl.Series, searched: Mask) -> Iterator[Condition]:
    if not (column.dtype.is_numeric() or column.dtype.is_temporal()):
        return
    numbers = as_numbers(column)
    known = numbers[searched & np.isfinite(numbers)]
    if len(np.unique(known)) > 2 * BINS:
        for edge in np.unique(np.quantile(known, np.arange(1, 2 * BINS) / (2 * BINS), method="higher")):
            yield Condition((_between(column, -math.inf, edge),), (column.name,), np.asarray(numbers < edge))


def _tested(one: Condition, values: Floats, tested: Mask, groups: npt.NDArray[np.int64] | None, against: str) -> Slice:
    inside = one.mask & tested
    here, there = values[inside], values[~one.mask & tested]
    effect = float(here.mean() - (there.mean() if against == "rest" and len(there) else 0.0))
    statistic, freedom, error = _studentised(inside, ~one.mask & tested, values, groups, against)
    p = student_above(statistic, freedom)
    if groups is None:
        whole = np.unique(values[tested])
        if against == "nothing" and np.isin(whole, (-1.0, 0.0, 1.0)).all():
            p = mcnemar(int((here < 0).sum()), int((here > 0).sum()))[0]
        elif against == "rest" and np.isin(whole, (0.0, 1.0)).all():
            p = hypergeometric_mid_above(int(here.sum()), len(here), int(values[tested].sum()), int(tested.sum()))
    low = effect - student_quantile(0.95, freedom) * error
    return Slice(one.words, one.columns, int(one.mask.sum()), len(here), effect, low, p, 1.0, False, (), "")


def _studentised(inside: Mask, outside: Mask, values: Floats, groups: npt.NDArray[np.int64] | None, against: str) -> tuple[float, float, float]:
    """The effect over its standard error, corrected for skewness; the degrees of freedom; the error."""
    parts = []
    for mask in (inside, outside) if against == "rest" and outside.any() else (inside,):
        mine = values[mask]
        mean, count = float(mine.mean()), len(mine)
        if groups is None:
            sums: Floats = mine - mean
        else:
            sums = np.asarray(np.bincount(np.unique(groups[mask], return_inverse=True)[1], mine - mean), dtype=np.float64)
        blocks = len(sums)
        variance = float((sums**2).sum() / count**2 * blocks / max(1, blocks - 1))
        skew = float((sums**3).sum() / count**3)  # of the mean, times its cube
        parts.append((mean, variance, skew, max(1, blocks - 1)))
    effect = parts[0][0] - (parts[1][0] if len(parts) > 1 else 0.0)
    variance = sum(part[1] for part in parts)
    if variance <= 0:
        return (math.inf if effect > 0 else 0.0), 1.0, 0.0
    freedom = variance**2 / sum(part[1] ** 2 / part[3] for part in parts)  # Welch and Satterthwaite
    skew = (parts[0][2] - (parts[1][2] if len(parts) > 1 else 0.0)) / variance**1.5
    t = effect / math.sqrt(variance)
    corrected = t + skew * t * t / 3 + skew**2 * t**3 / 27 + skew / 6
    # A correction may take from the evidence and not add to it: the skewness is a guess from the same few rows.
    return min(t, corrected), freedom, math.sqrt(variance)


def _chosen(
    candidates: Sequence[Condition], values: Floats, tested: Mask, groups: npt.NDArray[np.int64] | None, against: str, q: float, by: bool, floor: float
) -> tuple[list[Slice], list[Slice]]:
    """The slices that are named, each with those that tell its story too, and the slices that are not.

    The surest slice is named, its rows are taken away, and all others are tested anew without them: any large group holds some of the bad rows, and a
    slice that is no longer worse without them has no story of its own. Merging after one correction for all would not do: twenty overlapping true slices
    would pay for two false ones, and then become one.
    """
    first = [_tested(one, values, tested, groups, against) for one in candidates]
    adjusted = adjusted_for_discovery([one.p_value for one in first], by=by)
    alone = {place: replace(one, q_value=float(value)) for place, (one, value) in enumerate(zip(first, adjusted, strict=True))}
    bad = {place for place, one in alone.items() if one.q_value <= q and one.effect >= floor}
    named: list[tuple[int, Slice]] = []
    left, told = dict(alone), np.zeros(len(values), dtype=bool)
    while left:
        open_places = sorted(place for place in left if left[place].effect >= floor)
        if not open_places or (best := min(open_places, key=lambda place: (left[place].p_value, -left[place].rows))) not in bad or left[best].q_value > q:
            break
        named.append((best, replace(alone[best], q_value=left[best].q_value, found=True)))
        told |= candidates[best].mask
        rest = [place for place in left if place != best and (candidates[place].mask & tested & ~told).sum() >= LEAST_LEFT]
        rest = [place for place in rest if (candidates[place].mask & told & tested).sum() < NESTED * (candidates[place].mask & tested).sum()]
        again = [_tested(candidates[place], values, tested & ~told, groups, against) for place in rest]
        adjusted = adjusted_for_discovery([one.p_value for one in again], by=by)
        left = {place: replace(one, q_value=float(value)) for place, one, value in zip(rest, again, adjusted, strict=True)}
    also: dict[int, list[tuple[str, ...]]] = {place: [] for place, _ in named}
    for place in sorted(bad - set(also), key=lambda place: alone[place].p_value):
        if also:
            also[max(also, key=lambda host: int((candidates[host].mask & candidates[place].mask).sum()))].append(candidates[place].words)
    hidden = bad if also else set()
    return (
        [replace(one, also=tuple(also[place])) for place, one in named],
        [alone[place] for place in sorted(alone, key=lambda place: alone[place].p_value) if place not in hidden and place not in also],
    )


def _sentence(found: Slice, unit: str, against: str) -> str:
    amount = f"{found.effect:.3g}{f' {unit}' if unit else ''} {'worse per row than elsewhere' if against == 'rest' else 'worse per row'}"
    where = " and ".join(found.conditions)
    sure = f"confirmed on {found.tested_rows:,} rows that were not searched (at least {found.low:.3g}; adjusted p {found.q_value:.2g})"
    return f"Where {where} ({found.rows:,} rows): {amount}, {sure}." if found.found else f"Where {where} ({found.rows:,} rows): {amount} on the rows not searched, which may be chance."
