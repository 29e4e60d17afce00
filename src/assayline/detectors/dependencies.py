"""Which columns say what another must be: approximate dependencies, found on the row sample.

A dependency a -> b holds when rows that agree in a agree in b far more often than any two rows do. It is judged row by
row with the row itself left out, so that groups of one row say nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.core import Profile
from assayline.measures import Counts, Moments, Nature, Sample, kept, natures
from assayline.measures.nature import named_as_key
from assayline.measures.plan import FEW_ROWS

from .persistence import evolves

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

ROWS = 8_192  # rows a dependency is judged on: an agreement of 0.9 is then sure to ±1 %
PAIR_CELLS = 3_000_000  # rows × pairs judged in one profile: about 0.2 s; with more columns, the likeliest ones
CODED_CELLS = 6_000_000  # cells turned into numbers in one profile
MOST_COLUMNS = 150
LEAST_ROWS = 20  # rows in groups of two or more; fewer agree by chance
LEAST_GROUPS = 3
LIFT = 0.6  # how much of the way from chance to certainty agreement must go, where groups are large enough to see that it holds
STRICT = 0.9  # … and where they are small, or the dependent is a number
DOMINATED = 0.5  # chance agreement from which one value rules: then groups are clear by themselves
LARGE = 4  # rows of a large group
CLEAR = 0.7  # share of a group that its usual value must have for the group to be clear
SOLID = 0.85  # share of the rows of large groups that must lie in clear ones: errors are spread, honest variety sits in some groups
DETERMINANTS = 6  # most columns that vote on another
REPEATED = 0.1  # share of a group from which a repeated other value is honest
NO_VALUE = -1


@dataclass(frozen=True, eq=False)
class Dependency:
    """Rows that agree in `determinant` agree in `dependent`.

    Args:
        determinant, dependent: the two columns.
        agreement: 0..1, chance that another row of the same group has the same value.
        by_chance: 0..1, chance that any two rows have.
        rows: rows in groups of two or more.
        keys: value of the determinant (as text) -> (the usual value, its rows, rows of the group with a value).
    """

    determinant: str
    dependent: str
    agreement: float
    by_chance: float
    rows: int

    @property
    def lift(self) -> float:
        return (self.agreement - self.by_chance) / max(1e-9, 1 - self.by_chance)


@dataclass(frozen=True, eq=False)
class Coded:
    """The columns of the sample as numbers: one for each different value, -1 for none.

    Args:
        codes: per column.
        values: per column, the text of each code.
        filled: per column, share of the rows with a value.
    """

    codes: Mapping[str, Ints]
    values: Mapping[str, pl.Series]
    rows: int


def dependencies(profile: Profile) -> dict[str, list[Dependency]]:
    """The dependencies that hold, by dependent column, the strongest first.

    >>> from assayline.measures import profile
    >>> frame = pl.DataFrame({"zip": ["1", "2", "3", "4"] * 10, "city": ["a", "b", "c", "d"] * 10})
    >>> [one.determinant for one in dependencies(profile(frame))["city"]]
    ['zip']
    """
    return kept(profile, "dependencies", lambda: _dependencies(profile))


def coded(profile: Profile) -> Coded:
    """The sample's columns as codes, those that can take part in a dependency only."""
    return kept(profile, "coded", lambda: _coded(profile))


def _coded(profile: Profile) -> Coded:
    sample = profile.of(None, Sample)
    if sample is None or sample.frame.height < LEAST_ROWS:
        return Coded({}, {}, 0)
    frame = sample.frame
    codes: dict[str, Ints] = {}
    values: dict[str, pl.Series] = {}
    every = natures(profile)
    budget = min(MOST_COLUMNS, CODED_CELLS // max(1, frame.height))
    for column in frame.columns:
        nature = every.get(column)
        counts = profile.of(column, Counts)
        if nature is None or counts is None or nature.kind in ("empty", "nested") or nature.distinct < 2:
            continue
        if nature.meaning == "free text" or nature.distinct > 0.95 * nature.filled or counts.filled < LEAST_ROWS:
            continue  # all different: neither says nor is said
        series = frame.get_column(column)
        if series.dtype.is_float() and nature.distinct > 0.5 * nature.filled:
            continue  # a measurement
        codes[column], values[column] = _numbered(series)
        budget -= 1
        if not budget:
            break
    return Coded(codes, values, frame.height)


def _numbered(series: pl.Series) -> tuple[Ints, pl.Series]:
    """A number for each different value, in no order that means anything, and the text of each."""
    text = as_text(series) if series.dtype == pl.String or not series.dtype.is_numeric() else series
    ranked = (text.cast(pl.Categorical).to_physical() if text.dtype == pl.String else text).rank("dense")
    codes = ranked.cast(pl.Int64).fill_null(0).to_numpy() - 1
    first = np.zeros(int(codes.max(initial=-1)) + 1, dtype=np.int64)
    rows = np.flatnonzero(codes >= 0)[::-1]
    first[codes[rows]] = rows
    return codes, as_text(series.gather(first))


def as_text(series: pl.Series) -> pl.Series:
    """The values as text with blank ones missing; equal for a sample and a block of the same column."""
    text = series if series.dtype == pl.String else series.cast(pl.String, strict=False)
    if series.dtype != pl.String:
        return text
    if text.len() <= FEW_ROWS and all(map(str.strip, (value for value in text.to_list() if value is not None))):
        return text.alias("x")  # Python strips all that the engine strips, and is faster than calling it
    return text.to_frame("x").select(pl.when(pl.col("x").str.strip_chars() != "").then(pl.col("x"))).to_series()


def _dependencies(profile: Profile) -> dict[str, list[Dependency]]:
    table = coded(profile)
    columns = list(table.codes)
    if len(columns) < 2:
        return {}
    sizes = {column: int(table.codes[column].max()) + 1 for column in columns}
    every = natures(profile)
    determinants = [
        column for column in columns
        if _can_determine(column, every[column], profile) and _repeats(table.codes[column], sizes[column])
    ]  # fmt: skip
    # A determinant of few values cannot say what a column of many is; likeliest first: those with many groups.
    determinants.sort(key=lambda column: -sizes[column])
    pairs_left = PAIR_CELLS // max(1, min(ROWS, table.rows))
    found: dict[str, list[Dependency]] = {}
    chance = {column: _by_chance(table.codes[column], sizes[column]) for column in columns}
    for a in determinants:
        if pairs_left <= 0:
            break
        rows = _whole_groups(table.codes[a], sizes[a])
        ca = table.codes[a][rows]
        for b in columns:
            if a == b or chance[b] > 0.999:
                continue
            pairs_left -= 1
            one = _judge(a, b, ca, table.codes[b][rows], sizes, chance[b], every[b].kind == "number" and not _can_determine(b, every[b], profile))
            if one is not None:
                found.setdefault(b, []).append(one)
            if pairs_left <= 0:
                break
    voters = {b: [one for one in _voters(found[b]) if not evolves(table.codes[one.determinant], table.codes[b])] for b in columns if b in found}
    return {b: kept_ones for b, kept_ones in voters.items() if kept_ones}


def _voters(found: list[Dependency]) -> list[Dependency]:
    """The strongest; a much weaker one would only add the noise of its own exceptions."""
    ordered = sorted(found, key=lambda one: (-one.lift, one.determinant))[:DETERMINANTS]
    return [one for one in ordered if 1 - one.agreement <= 3 * (1 - ordered[0].agreement) + 0.02]


def _can_determine(column: str, nature: Nature, profile: Profile) -> bool:
    """Whether a column names something. A measurement or a moment is shared by accident: it determines nothing."""
    if nature.kind == "time" or nature.meaning in ("date", "time of day", "percentage", "latitude", "longitude", "coordinates", "year"):
        return False
    if nature.kind != "number" or nature.meaning in ("postcode", "phone"):
        return True
    moments = profile.of(column, Moments)
    if moments is None or moments.whole < moments.n or moments.low < 0:
        return False
    same_width = moments.low >= 100 and len(f"{moments.low:.0f}") == len(f"{moments.high:.0f}")
    return named_as_key(column) or (same_width and not _rounded(column, profile))


def _rounded(column: str, profile: Profile) -> bool:
    """Whether all numbers of a column are multiples of ten, as measurements are that were rounded, and codes are not."""
    sample = profile.of(None, Sample)
    if sample is None or column not in sample.frame.columns:
        return False
    numbers = sample.frame.get_column(column).cast(pl.Float64, strict=False).drop_nulls()
    return bool(numbers.len() and (numbers % 10 == 0).all())


def _repeats(codes: Ints, size: int) -> bool:
    sizes = np.bincount(codes[codes >= 0], minlength=size)
    return bool(sizes[sizes >= 2].sum() >= max(LEAST_ROWS, 0.2 * len(codes)) and (sizes >= 2).sum() >= LEAST_GROUPS)


def _whole_groups(codes: Ints, size: int) -> Ints:
    """Rows of whole groups, about ROWS of them: half a group would agree with itself less than it does."""
    if len(codes) <= ROWS:
        return np.arange(len(codes))
    share = ROWS / len(codes)
    chosen = (np.arange(size) * 2654435761 % 2**32) < share * 2**32  # Knuth's multiplicative hash: the same groups every time
    rows = np.flatnonzero((codes >= 0) & chosen[np.maximum(codes, 0)])
    return rows[: 2 * ROWS] if len(rows) else np.arange(ROWS)


def _by_chance(codes: Ints, size: int) -> float:
    counts = np.bincount(codes[codes >= 0], minlength=size).astype(np.float64)
    n = counts.sum()
    return float((counts * (counts - 1)).sum() / (n * (n - 1))) if n > 1 else 1.0


def _judge(a: str, b: str, ca: Ints, cb: Ints, sizes: Mapping[str, int], chance: float, measured: bool) -> Dependency | None:
    both = (ca >= 0) & (cb >= 0)
    if not both.all():
        ca, cb = ca[both], cb[both]
    if len(ca) < LEAST_ROWS:
        return None
    groups = np.bincount(ca, minlength=sizes[a]).astype(np.float64)
    several = groups >= 2
    rows = float(groups[several].sum())
    if rows < LEAST_ROWS or several.sum() < LEAST_GROUPS:
        return None
    keys = ca * sizes[b] + cb
    wide = sizes[a] * sizes[b]
    if wide <= 4 * len(keys):
        counts = np.bincount(keys, minlength=wide)
        cells = np.flatnonzero(counts)
        owner, counts = cells // sizes[b], counts[cells]
    else:
        keys.sort()
        starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
        owner, counts = keys[starts] // sizes[b], np.diff(np.append(starts, len(keys)))
    same = np.bincount(owner, weights=counts * (counts - 1.0), minlength=sizes[a])[several]
    agreement = float((same / (groups[several] - 1)).sum() / rows)
    one = Dependency(a, b, agreement, chance, int(rows))
    if one.lift < LIFT:
        return None
    large = groups >= LARGE
    in_large = float(groups[large].sum())
    if measured or chance >= DOMINATED or in_large < 0.5 * rows:
        return one if one.lift >= STRICT else None
    top = np.zeros(sizes[a])
    np.maximum.at(top, owner, counts.astype(np.float64))
    clear = float(groups[large & (top >= CLEAR * groups)].sum())
    return one if clear >= SOLID * in_large or one.lift >= STRICT else None


@dataclass(frozen=True, eq=False)
class Votes:
    """What the determinants of a column say its values should be, row by row.

    Args:
        expected: code of the value with most weight; -1 where nobody votes.
        weight: its weight, the log odds summed over the determinants.
        own: weight of the value that stands there.
        share: 0..1, share of the voters' groups that has the expected value.
    """

    expected: Ints
    weight: Floats
    own: Floats
    share: Floats


def votes(table: Coded, dependent: str, voters: Sequence[Dependency]) -> Votes:
    """The weighted vote of the other rows of each row's groups."""
    cb = table.codes[dependent]
    size = int(cb.max()) + 1
    n = table.rows
    total_expected = np.full(n, NO_VALUE, dtype=np.int64)
    candidates: list[tuple[Ints, Floats, Floats, Floats]] = []
    for voter in voters:
        ca = table.codes[voter.determinant]
        candidates.append(_one_vote(ca, cb, size, voter))
    if not candidates:
        zero = np.zeros(n)
        return Votes(total_expected, zero, zero, zero)
    # The value with the largest summed weight among those that any voter names.
    named = np.stack([expected for expected, _, _, _ in candidates])
    weights = np.stack([weight for _, weight, _, _ in candidates])
    shares = np.stack([share for _, _, _, share in candidates])
    own = np.sum([mine for _, _, mine, _ in candidates], axis=0)
    best_weight, best_share = np.zeros(n), np.zeros(n)
    for i in range(len(candidates)):
        agree = named == named[i]
        summed = np.where(agree, weights, 0.0).sum(axis=0)
        better = (summed > best_weight) & (named[i] >= 0)
        total_expected = np.where(better, named[i], total_expected)
        best_share = np.where(better, np.where(agree, shares, 0.0).max(axis=0), best_share)
        best_weight = np.where(better, summed, best_weight)
    return Votes(total_expected, best_weight, own, best_share)


def _one_vote(ca: Ints, cb: Ints, size: int, voter: Dependency) -> tuple[Ints, Floats, Floats, Floats]:
    """For each row: the usual value of its group, how strongly it is named, how strongly the row's own value is, its share."""
    n = len(ca)
    both = (ca >= 0) & (cb >= 0)
    keys, inverse, counts = np.unique(ca[both] * size + cb[both], return_inverse=True, return_counts=True)
    groups = int(ca.max()) + 1
    owner = keys // size
    order = np.lexsort((keys, -counts, owner))
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = owner[order][1:] != owner[order][:-1]
    top_value, top_count, second = np.full(groups, NO_VALUE), np.zeros(groups), np.zeros(groups)
    top_value[owner[order][first]] = keys[order][first] % size
    top_count[owner[order][first]] = counts[order][first]
    after = np.flatnonzero(~first & np.concatenate(([False], first[:-1])))
    second[owner[order][after]] = counts[order][after]
    sizes = np.bincount(ca[both], minlength=groups).astype(np.float64)
    own_count = np.zeros(n)
    own_count[both] = counts[inverse]

    present = ca >= 0
    group = np.maximum(ca, 0)
    expected = np.where(present, top_value[group], NO_VALUE)
    top, rest = top_count[group], sizes[group]
    mine = (cb == expected) & both
    # The row itself does not vote.
    others_top = top - mine
    others = rest - both
    lone = mine & (others_top < second[group])
    share = np.where(present & (others > 0), others_top / np.maximum(others, 1), 0.0)
    # The log odds of the dependency, approached by half with every row that agrees: a group of thousands is one voter.
    trust = np.log(max(1.5, 1 / max(1e-3, 1 - voter.agreement)))
    weight = np.where(present & (others_top >= 1) & ~lone, trust * (1 - 0.5**others_top), 0.0)
    own_others = np.where(both, np.maximum(0.0, own_count - 1), 0.0)
    own = np.where(mine, weight, trust * (1 - 0.5**own_others))
    # A value that several rows of the group share, and not only a few of many, is a second honest value.
    repeated = both & ~mine & (own_count >= 2) & (own_count > REPEATED * np.maximum(rest, 1))
    own = np.where(repeated, np.maximum(own, weight), own)
    return np.where(weight > 0, expected, NO_VALUE), weight, own, share
