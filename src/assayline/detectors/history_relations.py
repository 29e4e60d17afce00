"""Columns that go together in another way than they did: the combinations of their values changed, the values did not."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.core import Cell, Finding
from assayline.measures import Block, shown

from .comparison import Comparison, Floats, Ints, View, quantiles
from .expectation import both_tails, levels
from .ranked_rows import cells_of_today
from .suspicion import Suspicion
from .wording import lots, number

LEAST_LOTS = 14  # design, layer C
WARM_UP = 4  # lots that only serve as forerunners of the next
LEAST_ROWS = 20  # of today and of the usual lot: fewer fill no table of two columns
MOST_COLUMNS = 24  # 276 pairs; a tenth of a second with sixty lots
BINS = 6  # of a number: quartile-like shares and missing; of a category: its five most frequent values and the rest
QUANTILES = (0.2, 0.4, 0.6, 0.8)
MISSING_BIN = 0.02  # share of missing cells from which they are a value of their own
MOST_OF_ONE = 0.97  # share of one bin above which a column says nothing about others
RAKING = 12  # rounds; tables of six by six have met both margins to 1 % by then
PRIOR = 0.5  # rows a cell of the past is given, spread as if the columns had nothing to do with each other
RATIO = 1.5  # odds by which a combination must be more frequent than it should to be called out of place
SHOWN = 5
NORMAL = 1e6  # degrees of freedom: the normal law
WIDER = 2.0  # times the deviation of a mean of independent distances: those of one column to related columns are not
ALONE = 0.5  # share of a column's excess that one partner must have for both to be named


class Relations:
    """Finds pairs of columns whose values combine as they never did, although each column for itself is as always.

    Reads:    `sample`.
    Finds:    "shuffled_column", layer "multivariate"; evidence `p_value`, `distance`, `usual_distance`, `rows_out_of_place`, `columns_ranked`; the rows
              most out of place are its examples.
    Silent:   with fewer than 14 lots, and where a finding about a column explains it.
    Source:   iterative proportional fitting (Deming and Stephan 1940), Freeman and Tukey's distance (1950) on the scale of Wilson and
              Hilferty (1931), against the distances of good lots to their forerunners; docs/detectors/shuffled_column.md.
    """

    finds = ("shuffled_column",)
    beside = "none"  # good lots are its null already

    def __call__(self, comparison: Comparison, /) -> Iterable[Suspicion]:
        if comparison.thin or comparison.lots < LEAST_LOTS:
            return
        usual = float(np.median(np.bincount(comparison.lot, minlength=comparison.lots)))
        if min(usual, comparison.now_frame.height) < LEAST_ROWS:
            return
        columns = [one for one in (_cut(view) for view in _candidates(comparison)) if one is not None]
        if len(columns) < 2:
            return
        found = _distances(columns, comparison, usual)
        if found is None:
            return
        p, culprit, partners = found.judged()
        if p >= 1 or culprit is None:
            return
        yield Suspicion(_finding(comparison, columns, found, culprit, partners, p), p)


@dataclass(frozen=True)
class Cut:
    """A column cut into a few bins, the same today and in the past; -1 where a cell has none.

    Args:
        name: the column.
        now, past: bin of each row.
        bins: how many there are.
        bin_of: the bins of a block's cells.
    """

    name: str
    now: Ints
    past: Ints
    bins: int
    bin_of: Callable[[Block], Ints]


def _candidates(comparison: Comparison) -> list[View]:
    views = [view for view in comparison.views() if view.kind in ("number", "text", "boolean") and not view.is_key]
    return views[:MOST_COLUMNS]


def _cut(view: View) -> Cut | None:
    if view.kind == "number" and not view.is_group_code:
        return _cut_numbers(view)
    if view.tally is None or not view.is_group:
        return None
    now, past, values = view.codes
    order = np.argsort(-view.tally[0].sum(axis=0), kind="stable")
    place = np.full(len(values) + 1, BINS - 1, dtype=np.int64)
    place[order[: BINS - 1]] = np.arange(len(order[: BINS - 1]))
    missing = float((past < 0).mean()) >= MISSING_BIN
    place[-1] = BINS - 1 if missing else -1  # code -1: nothing stands there
    known = {value: int(place[i]) for i, value in enumerate(values)}

    def bin_of(block: Block) -> Ints:
        texts = shown(block.column(view.name).series)
        nulls = block.column(view.name).is_null
        return np.array([place[-1] if null or not text.strip() else known.get(text, BINS - 1) for text, null in zip(texts, nulls, strict=True)], dtype=np.int64)

    return _worth(Cut(view.name, place[now], place[past], BINS, bin_of))


def _cut_numbers(view: View) -> Cut | None:
    known = view.past_known
    if len(known) < LEAST_ROWS:
        return None
    edges = np.unique(quantiles(view.past_rising, QUANTILES))
    missing = float((~np.isfinite(view.past)).mean()) >= MISSING_BIN

    def cut(numbers: Floats) -> Ints:
        # A value that takes a fifth of the rows is an edge: "right" gives it a bin of its own with what is above the edge before it.
        bins = np.searchsorted(edges, numbers, side="right")
        return np.where(np.isfinite(numbers), bins, BINS - 1 if missing else -1).astype(np.int64)

    def bin_of(block: Block) -> Ints:
        column = block.column(view.name)
        if column.kind != "number":
            return np.full(column.rows, -1, dtype=np.int64)
        return cut(column.typed.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy())

    return _worth(Cut(view.name, cut(view.now), cut(view.past), BINS, bin_of))


def _worth(cut: Cut) -> Cut | None:
    counts = np.bincount(cut.past[cut.past >= 0], minlength=cut.bins)
    return cut if counts.sum() > 0 and counts.max() < MOST_OF_ONE * counts.sum() else None


@dataclass(frozen=True)
class Distances:
    """How far the combinations of each pair of columns lie from what the lots before lead one to expect.

    Args:
        first, second: columns of each pair.
        past: of each judged past lot, on the scale of Wilson and Hilferty, shape (lots, pairs).
        now: of today, shape (pairs,).
        seen, expected: today's tables and those expected, shape (pairs, BINS, BINS).
        freedom: degrees of freedom of today's tables, shape (pairs,).
        columns: how many columns there are.
    """

    first: Ints
    second: Ints
    past: Floats
    now: Floats
    seen: Floats
    expected: Floats
    freedom: Floats
    columns: int

    def judged(self) -> tuple[float, int | None, list[int]]:
        """P-value of the most surprising pair or column, the column held responsible, and its partners, worst first."""
        of_pairs = levels(self.past, self.now)
        mean_past, mean_now = (_by_column(one, (self.first, self.second), self.columns) for one in (self.past, self.now[None, :]))
        mean_now = mean_now[0]
        of_columns = levels(mean_past, mean_now)
        drawn, drawn_mean = _drawn(self.now, self.freedom, (self.first, self.second), self.columns)
        pairs = _upper(np.maximum(of_pairs.p, drawn), self.now, of_pairs.predicted, self.past)
        columns = _upper(np.maximum(of_columns.p, drawn_mean), mean_now, of_columns.predicted, mean_past)
        # Bonferroni over all pairs and all columns, twice because both are tried.
        best_pair, best_column = float(pairs.min(initial=1.0)) * 2 * len(pairs), float(columns.min(initial=1.0)) * 2 * len(columns)
        p = min(best_pair, best_column)
        if p >= 1:
            return 1.0, None, []
        excess = np.maximum(np.where(np.isfinite(of_pairs.score), of_pairs.score, 0.0), 0.0)
        totals = np.bincount(self.first, excess, self.columns) + np.bincount(self.second, excess, self.columns)
        culprit = int(np.argmax(totals))
        with_it = np.flatnonzero((self.first == culprit) | (self.second == culprit))
        order = with_it[np.argsort(-excess[with_it], kind="stable")]
        return p, culprit, [int(i) for i in order if excess[i] > 0][:3]

    def ranked(self) -> list[tuple[int, float]]:
        """The columns by how much of their relations changed, worst first."""
        excess = np.maximum(self.now - np.nanmedian(self.past, axis=0), 0.0)
        totals = np.bincount(self.first, excess, self.columns) + np.bincount(self.second, excess, self.columns)
        return [(int(i), float(totals[i])) for i in np.argsort(-totals, kind="stable")]


def _by_column(distances: Floats, pairs: tuple[Ints, Ints], columns: int) -> Floats:
    """The mean distance of each column to the others, from those of the pairs."""
    total = np.zeros((len(distances), columns))
    for side in pairs:
        np.add.at(total.T, side, distances.T)
    return total / (columns - 1)


def _drawn(now: Floats, freedom: Floats, pairs: tuple[Ints, Ints], columns: int) -> tuple[Floats, Floats]:
    """P-values of today's distances, of pairs and of columns, if rows were drawn at random from what was expected.

    A flow whose lots are balanced by design stands nearer to its past than chance allows, and a lot that is only less balanced is no news.
    """
    variance = 2 / (9 * freedom)
    mean_now, mean_variance = _by_column(now[None, :], pairs, columns)[0], _by_column(variance[None, :], pairs, columns)[0]
    wide = WIDER * np.sqrt(mean_variance / (columns - 1))
    return (
        both_tails(np.maximum(now - (1 - variance), 0.0) / np.sqrt(variance), np.full_like(now, NORMAL)),
        both_tails(np.maximum(mean_now - (1 - mean_variance), 0.0) / wide, np.full_like(mean_now, NORMAL)),
    )


def _upper(p: Floats, now: Floats, predicted: Floats, past: Floats) -> Floats:
    """P-values of what is farther away than predicted and than every good lot was; 1 for the rest."""
    with np.errstate(invalid="ignore"):
        return np.where((now > predicted) & (now > np.nanmax(past, axis=0)), p, 1.0)


def _distances(columns: Sequence[Cut], comparison: Comparison, usual: float) -> Distances | None:
    """The distances of today and of good lots; None where today's are what chance gives anyway, whatever good lots had."""
    first, second = (np.array(side, dtype=np.int64) for side in np.triu_indices(len(columns), 1))
    tables = np.zeros((comparison.lots, len(first), BINS, BINS))
    indicators = _indicators([one.past for one in columns])
    bounds = np.searchsorted(comparison.lot, np.arange(comparison.lots + 1)).tolist()
    for lot, (begin, end) in enumerate(itertools.pairwise(bounds)):
        rows = indicators[begin:end]
        tables[lot] = _pairs(rows.T @ rows, first, second)
    today = _indicators([one.now for one in columns])
    if len(today) > 1.2 * usual:  # a larger lot shows smaller differences: it would stand out among the others by its size alone
        today = today[np.linspace(0, len(today) - 1, round(usual)).astype(np.int64)]
    seen = _pairs(today.T @ today, first, second)
    before = np.cumsum(tables, axis=0)
    now, expected, freedom = _far(seen[None], before[-1:])
    if all(one.min(initial=1.0) * 2 * len(one) >= 1 for one in _drawn(now[0], freedom[0], (first, second), len(columns))):
        return None
    past, _, _ = _far(tables[WARM_UP:], before[WARM_UP - 1 : -1])
    sizes = np.bincount(comparison.lot, minlength=comparison.lots)[WARM_UP:]
    past[sizes < LEAST_ROWS] = np.nan
    return Distances(first, second, past, now[0], seen, expected[0], freedom[0], len(columns))


def _indicators(bins: Sequence[Ints]) -> npt.NDArray[np.float32]:
    rows = len(bins[0])
    table = np.zeros((rows, len(bins) * BINS), dtype=np.float32)
    for number_, codes in enumerate(bins):
        there = np.flatnonzero(codes >= 0)
        table[there, number_ * BINS + codes[there]] = 1.0
    return table


def _pairs(products: npt.NDArray[np.float32], first: Ints, second: Ints) -> Floats:
    width = products.shape[0] // BINS
    blocks = products.reshape(width, BINS, width, BINS).transpose(0, 2, 1, 3)
    return blocks[first, second].astype(np.float64)


def _far(seen: Floats, before: Floats) -> tuple[Floats, Floats, Floats]:
    """The distance of tables from what earlier tables lead one to expect under today's margins, what is expected, and the degrees of freedom.

    The earlier table is raked to the margins of today's, which takes away all that a change in a single column can do. What is left is
    Freeman and Tukey's statistic, chi-squared over its degrees of freedom, and its cube root, which is nearly normal.
    """
    rows, cols = seen.sum(axis=-1, keepdims=True), seen.sum(axis=-2, keepdims=True)
    total = before.sum(axis=(-2, -1), keepdims=True)
    apart = before.sum(axis=-1, keepdims=True) * before.sum(axis=-2, keepdims=True) / np.maximum(total, 1.0)
    cells = before.shape[-1] * before.shape[-2]
    prior = PRIOR * cells * apart / np.maximum(total, 1.0)
    expected = before + prior + 1e-9
    for _ in range(RAKING):
        expected = expected * (rows / np.maximum(expected.sum(axis=-1, keepdims=True), 1e-12))
        expected = expected * (cols / np.maximum(expected.sum(axis=-2, keepdims=True), 1e-12))
    statistic = 4.0 * np.square(np.sqrt(seen) - np.sqrt(expected)).sum(axis=(-2, -1))
    freedom = np.maximum((rows > 0).sum(axis=(-2, -1)) - 1, 1) * np.maximum((cols > 0).sum(axis=(-2, -1)) - 1, 1)
    return np.cbrt(statistic / freedom), expected, freedom.astype(np.float64)


def _finding(comparison: Comparison, columns: Sequence[Cut], found: Distances, culprit: int, partners: Sequence[int], p: float) -> Finding:
    pair = partners[0]
    other = int(found.second[pair] if found.first[pair] == culprit else found.first[pair])
    usual = np.nanmedian(found.past, axis=0)
    excess = np.array([max(0.0, float(found.now[i] - usual[i])) for i in partners])
    both = len(partners) == 1 or excess[0] >= ALONE * max(1e-9, float(excess.sum()))
    names = (columns[culprit].name, columns[other].name) if both else (columns[culprit].name,)
    seen, expected = found.seen[pair], found.expected[pair]
    if found.first[pair] != culprit:
        seen, expected = seen.T, expected.T
    out = OutOfPlace(columns[culprit].name, columns[other].name, columns[culprit].bin_of, columns[other].bin_of, _shares(seen, expected))
    displaced = float(np.maximum(seen - expected, 0.0).sum())
    worst = out.ranked(columns[culprit].now, columns[other].now)
    distance, before = float(found.now[pair]) ** 3, float(usual[pair]) ** 3
    ranked = ", ".join(f"{columns[i].name} {total:.2g}" for i, total in found.ranked()[:SHOWN] if total > 0)
    return Finding(
        "shuffled_column", names,
        f"{columns[culprit].name} goes with {columns[other].name} in another way than in {lots(comparison.lots)}: their combinations lie {number(distance)} from those expected, "
        f"{number(before)} is usual (p = {p:.1g}); about {displaced:,.0f} of {seen.sum():,.0f} rows are out of place.",
        severity=0.45, layer="multivariate",
        evidence={"p_value": float(f"{p:.3g}"), "distance": round(distance, 3), "usual_distance": round(before, 3), "rows_out_of_place": round(displaced, 1),
                  "columns_ranked": ranked},
        suggestion="look whether one of the columns was sorted, joined or computed in another way", locate=out, examples=cells_of_today(comparison, columns[culprit].name, worst),
    )  # fmt: skip


def _shares(seen: Floats, expected: Floats) -> Floats:
    """For each combination: share of its rows that should not be there; 0 where they are not clearly too many."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = 1 - expected / seen
    return np.where((seen > RATIO * expected) & (seen - expected > 1.0), share, 0.0)


@dataclass(frozen=True)
class OutOfPlace:
    """Accuses the cells whose combination with another column is more frequent than it should be.

    Args:
        column: the column accused.
        other: the column beside it.
        bin_of, other_bin_of: the bins of a block's cells.
        shares: for each combination of bins, the share of its rows that should not be there: the confidence.
    """

    column: str
    other: str
    bin_of: Callable[[Block], Ints]
    other_bin_of: Callable[[Block], Ints]
    shares: Floats

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column, self.other)

    def fresh(self) -> OutOfPlace:
        return self

    def __call__(self, block: Block, /) -> Sequence[Cell]:
        confidence = self._confidence(self.bin_of(block), self.other_bin_of(block))
        rows = np.flatnonzero(confidence > 0)
        picked = block.column(self.column).series.gather(rows)
        texts = [None if null else text for null, text in zip(picked.is_null().to_list(), shown(picked), strict=True)]
        return [Cell(block.start + int(row), self.column, round(float(confidence[row]), 3), text) for row, text in zip(rows, texts, strict=True)]

    def _confidence(self, ours: Ints, theirs: Ints) -> Floats:
        there = (ours >= 0) & (theirs >= 0)
        return np.where(there, self.shares[np.maximum(ours, 0), np.maximum(theirs, 0)], 0.0)

    def ranked(self, ours: Ints, theirs: Ints) -> list[tuple[int, float]]:
        """The rows most out of place, worst first, with their confidence."""
        confidence = self._confidence(ours, theirs)
        order = np.argsort(-confidence, kind="stable")[:SHOWN]
        return [(int(row), float(confidence[row])) for row in order if confidence[row] > 0]
