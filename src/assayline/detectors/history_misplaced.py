"""Values that stand in the wrong column: two columns changed round, or rows pushed to one side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.core import Finding

from .comparison import Comparison, Floats, Ints, View, different, quantiles
from .expectation import at_least, levels, shares
from .familiarity import Cells, Familiarity
from .mixture import against_lots, counted, mixture, quantile_bins, transposed
from .resemblance import largest_gap, usual_gap
from .suspicion import Suspicion
from .wording import between, lots, percent

Mask = npt.NDArray[np.bool_]

ROWS = 2_000  # rows of the past that are tried in the wrong column
NEIGHBOURS = 3  # columns apart; what is changed round stands near, and all pairs would cost too much
ODDS = 1.0  # nats by which each of two cells must fit better in the other's place
PUSHED = 9.0  # nats by which a row must fit better pushed aside: 8,000 to 1 ...
ONE_CELL = 6.0  # nats one cell may add: a single strange value is no pushed row
SLACK = 3.0  # nats below which a cell says nothing (20 to 1): what values outside the ranges of growing columns gain; all cells of a large row do
ABOVE = 1.3  # ... and this many times the best a row of the past did
LEAST_SHARE = 0.01
LEAST_SWAPPED = 3  # rows that fit better changed round, before their share says something
MOST_USUAL = 0.2  # share of the rows of a good lot that fit better changed round: then the two cannot be told apart
UNUSUAL = 0.25  # quantile of familiarity below which both cells must lie where they stand
MOST_DRIFT = 0.3  # share of a good lot its forerunners had not prepared for: then a new value means nothing
MOST_COLUMNS = 60
LEAST_COLUMNS = 4
TABLE_BINS = 12  # of the pairs of two columns of numbers: 144 cells for a few hundred rows
WHOLE = 0.9  # share of the rows from which the whole lot is changed round
MOST_WORDS = 60  # of two columns of words: beyond it most pairs are never seen
LEAST_NATS = 6.0  # evidence below which nothing is said, whatever the past: 400 to 1


class Misplaced:
    """Finds rows that would be familiar if their values stood in another column.

    Reads:    `sample`.
    Finds:    "column_swap" for two columns of one kind near each other, "shifted_columns" for rows whose values from some column on stand one to the right or left.
    Silent:   about columns with the same distribution, which nobody can tell apart.
    Source:   likelihood ratios of each row under the past's value frequencies; binomial tail at the worst past rate.
    """

    finds = ("column_swap", "shifted_columns")
    beside = "none"

    def __call__(self, comparison: Comparison, /) -> Iterable[Suspicion]:
        views = comparison.views()
        if comparison.thin or len(views) < 2 or len(views) > MOST_COLUMNS:
            return
        some = np.linspace(0, len(comparison.lot) - 1, min(ROWS, len(comparison.lot))).astype(np.int64)
        lot = comparison.lot[some]
        known = [Familiarity(view, comparison) for view in views]
        moved = _Moved(known, [_Sides(view, some) for view in views])
        own_now = [moved.today(k, k) for k in range(len(views))]
        if len(views) >= LEAST_COLUMNS:
            pushed = list(_pushed(comparison, moved))
            yield from pushed
            if pushed:
                return
        # Columns that drift, or had one value, may turn into anything: nothing there looks like another column's value.
        steady = [view.kind in ("number", "text") and one.drift <= MOST_DRIFT and _different(view) > 1 for view, one in zip(views, known, strict=True)]
        near = [(i, j) for i in range(len(views)) for j in range(i + 1, min(i + 1 + NEIGHBOURS, len(views)))]
        pairs = [(i, j) for i, j in near if steady[i] and steady[j] and views[i].kind == views[j].kind]
        best: Suspicion | None = None
        scale = _Scale([views[k] for k in {k for pair in pairs for k in pair} if views[k].kind == "number"])
        for i, j in pairs:
            plain = _changed_round(comparison, (i, j), views, moved, scale, len(pairs))
            if plain is not None:
                best = plain if best is None or _stronger(plain, best) else best
                continue
            if views[i].kind == "number":
                continue  # the table of both numbers sees everything that their own frequencies say
            # Both cells must gain: one strange value alone is no swap.
            gain_now = np.minimum(moved.today(i, j) - own_now[i], moved.today(j, i) - own_now[j])
            better = gain_now > ODDS
            if better.sum() < LEAST_SWAPPED and not np.mean(gain_now) > 0:
                continue  # nothing would be said, whatever the past
            if better.any() and not all(np.median(own_now[k][better]) < np.quantile(moved.before(k, k), UNUSUAL) for k in (i, j)):
                continue
            gain_past = np.minimum(moved.before(i, j) - moved.before(i, i), moved.before(j, i) - moved.before(j, j))
            found = _swapped(comparison, views[i].name, views[j].name, gain_now, gain_past, lot, len(pairs))
            if found is not None and (best is None or _stronger(found, best)):
                best = found
        if best is not None:
            yield best


class _Sides:
    """The cells of one column, today and in some rows of the past, each different value once."""

    def __init__(self, view: View, some: np.ndarray) -> None:
        self._view, self._some = view, some

    @cached_property
    def today(self) -> tuple[Cells, Ints]:
        """Today's values, and which of them each row has."""
        return self._of(self._view.codes[0])

    @cached_property
    def before(self) -> tuple[Cells, Ints]:
        """The same for rows of the past."""
        return self._of(self._view.codes[1][self._some])

    def _of(self, codes: Ints) -> tuple[Cells, Ints]:
        used = different(codes)
        values = self._view.values[used[used >= 0]]
        if len(used) and used[0] < 0:
            values = pl.concat([pl.Series([None], dtype=pl.String), values.alias("")])
        return Cells(values), np.searchsorted(used, codes)


class _Moved:
    """How familiar the cells of one column are to another: computed when asked for, since the past is asked for only where today is strange."""

    def __init__(self, known: Sequence[Familiarity], sides: Sequence[_Sides]) -> None:
        self._known, self._sides = known, sides
        self._today: dict[tuple[int, int], Floats] = {}
        self._before: dict[tuple[int, int], Floats] = {}

    def today(self, source: int, target: int) -> Floats:
        """Today's cells of one column in another."""
        if (source, target) not in self._today:
            cells, where = self._sides[source].today
            self._today[source, target] = self._known[target].of(cells)[where]
        return self._today[source, target]

    def before(self, source: int, target: int) -> Floats:
        """The same for some rows of the past."""
        if (source, target) not in self._before:
            cells, where = self._sides[source].before
            self._before[source, target] = self._known[target].of(cells)[where]
        return self._before[source, target]


class _Scale:
    """The numbers of several columns on one set of bins: quantiles of each of them.

    Two columns are compared on the edges of both only; their bins follow from those of all columns, so that each number is placed once.
    """

    def __init__(self, views: Sequence[View]) -> None:
        self._edges = {view.name: _edges(view) for view in views}
        self._all = np.unique(np.concatenate(list(self._edges.values()))) if views else np.zeros(0)
        self._past = {view.name: quantile_bins(view.past, self._all) for view in views}

    def bins(self, first: View, second: View) -> tuple[list[Ints], int]:
        """Bins of today's cells of both columns, of their past cells, and how many bins there are."""
        edges = np.unique(np.concatenate((self._edges[first.name], self._edges[second.name])))
        bin_of = np.append(np.searchsorted(edges, np.append(-np.inf, self._all), side="right"), -1)
        now = [quantile_bins(view.now, edges) for view in (first, second)]
        return [*now, *(bin_of[self._past[view.name]] for view in (first, second))], len(edges) + 1


def _different(view: View) -> int:
    """How many values the past had: a column that was constant may turn into anything."""
    return int(np.count_nonzero(view.past_counts))


def _stronger(one: Suspicion, other: Suspicion) -> bool:
    return (-one.p, float(one.finding.evidence["mean_gain_nats"])) > (-other.p, float(other.finding.evidence["mean_gain_nats"]))


def _changed_round(comparison: Comparison, places: tuple[int, int], views: Sequence[View], moved: _Moved, scale: _Scale, tests: int) -> Suspicion | None:
    """Whether a part of the rows fits the pairs of values of the past better when transposed; None also where the two have no values in common.

    One wrong cell may make a pair fit better transposed. So both cells must be unusual where they stand, unless the whole lot is changed round.
    """
    first, second = pair = views[places[0]], views[places[1]]
    bins = _common_bins(first, second, scale)
    if bins is None:
        return None
    a, b, past_a, past_b, count, could_now, could = bins
    today = counted(np.where(could_now, a, -1), b, count)[0]
    gain = transposed(counted(past_a, past_b, count)[0])
    if mixture(gain.ravel(), today.ravel())[0] <= LEAST_NATS:
        return None  # rows that could not have come about so only take away from it
    could_past = could()
    before = counted(past_a, past_b, count, first.lot, first.lots)
    asked = counted(np.where(could_past, past_a, -1), past_b, count, first.lot, first.lots)
    never = float(((a >= 0) & (b >= 0)).sum() - today.sum()), (before - asked).sum(axis=(1, 2))
    found = against_lots(today, before, transposed, asked, never)
    cells = round(found.part * (never[0] + float(today.sum())))
    if found.nats <= LEAST_NATS or cells < 2:
        return None
    odd = could_now & (a >= 0) & (b >= 0)
    odd &= gain[np.maximum(a, 0), np.maximum(b, 0)] > 0
    sides = ((view, moved.today(k, k), moved.before(k, k)) for view, k in zip(pair, places, strict=True))
    unusual = all(_unusual(view, now, past)[odd].mean() > 0.5 for view, now, past in sides) if odd.any() else False
    if found.part <= WHOLE and not unusual:
        return None
    if not _back_in_their_past(first, second, np.ones(len(a), dtype=np.bool_) if found.part > WHOLE else odd):
        return None
    rows = max(1, len(a))
    usual = float((before.sum(axis=0) * (gain > 0)).sum() / max(1.0, before.sum()))
    share = max(float(cells), float(odd.sum()) - usual * rows) / rows
    where = _only_where(comparison, odd)
    return Suspicion(Finding(
        "column_swap", (first.name, second.name),
        f"{percent(share)} of the rows fit {lots(comparison.lots)} better with {first.name} and {second.name} changed round; there it was {percent(usual)}.",
        severity=0.8 if share > 0.5 else 0.6, layer="history", rows=max(cells, 1), where=where,
        evidence={"share": round(share, 4), "usual_share": round(usual, 5), "mean_gain_nats": round(found.nats / rows, 3), "gain_nats": round(found.nats, 1),
            "usual_gain_nats": round(found.usual, 1)},
        suggestion=f"change {first.name} and {second.name} back", picture={"kind": "share", "value": share, "usual": usual},
    ), min(1.0, found.p * tests))  # fmt: skip


def _unusual(view: View, now: Floats, past: Floats) -> Mask:
    """Which of today's cells are no everyday cells of their column."""
    result: Mask = now < np.quantile(past, UNUSUAL)
    return result | (~_could_stand(view.now, view) if view.kind == "number" else np.zeros(len(now), dtype=np.bool_))


def _back_in_their_past(first: View, second: View, rows: Mask) -> bool:
    """Whether both columns look like good lots once these rows are changed back, and no less than before: a shift of one of them does not."""
    for view, other in ((first, second), (second, first)):
        if view.kind == "number":
            today, past = np.where(rows, other.now, view.now), view.past_known
            today = today[np.isfinite(today)]
            gap, chance = largest_gap(today, past), 0.5 / np.sqrt(max(1, len(today)))
            if gap > usual_gap(view) + chance or gap > largest_gap(view.now_known, past) + chance:
                return False
    return True


def _only_where(comparison: Comparison, rows: Mask) -> str | None:
    """The one segment that holds nearly all of these rows and is not most of the table, or None."""
    for group in comparison.segments:
        codes, counts = np.unique(group.codes[0][rows], return_counts=True)
        if len(codes) and codes[int(np.argmax(counts))] >= 0 and counts.max() >= 0.9 * rows.sum():
            top = int(codes[int(np.argmax(counts))])
            if (group.codes[0] == top).mean() <= 0.6:
                return f"{group.name} = {group.codes[2][top]}"
    return None


class _Bins(NamedTuple):
    """Two columns on one set of bins: quantiles of the numbers of both, or the words of both.

    Args:
        now_a, now_b, past_a, past_b: bin of each cell; -1 for none.
        bins: number of bins.
        could_now, could_past: rows whose two values could each have stood in the other column; those of the past when asked for.
    """

    now_a: Ints
    now_b: Ints
    past_a: Ints
    past_b: Ints
    bins: int
    could_now: Mask
    could_past: Callable[[], Mask]


def _common_bins(first: View, second: View, scale: _Scale) -> _Bins | None:
    if first.kind == second.kind == "number":
        could_now = _could_stand(first.now, second) & _could_stand(second.now, first)
        if not could_now.any():
            return None
        (now_a, now_b, past_a, past_b), count = scale.bins(first, second)
        return _Bins(now_a, now_b, past_a, past_b, count, could_now, lambda: _could_stand(first.past, second) & _could_stand(second.past, first))
    if first.kind != "text" or second.kind != "text" or not (first.is_closed and second.is_closed):
        return None
    words = {word: number for number, word in enumerate(sorted({*first.codes[2], *second.codes[2]}))}
    if len(words) > MOST_WORDS:
        return None
    in_words = [np.array([words[value] for value in view.codes[2]] + [-1], dtype=np.int64) for view in (first, second)]
    known = [np.isin(np.arange(len(words)), place[view.codes[1]]) for place, view in zip(in_words, (first, second), strict=True)]
    now_a, now_b, past_a, past_b = in_words[0][first.codes[0]], in_words[1][second.codes[0]], in_words[0][first.codes[1]], in_words[1][second.codes[1]]
    return _Bins(now_a, now_b, past_a, past_b, len(words), known[1][now_a] & known[0][now_b], lambda: known[1][past_a] & known[0][past_b])


def _could_stand(values: Floats, column: View) -> Mask:
    """Which numbers a column of the past could have held: within its range, and whole where it is."""
    past = column.past_rising
    if not len(past):
        return np.zeros(len(values), dtype=np.bool_)
    with np.errstate(invalid="ignore"):
        fits = (values >= past[0]) & (values <= past[-1])
        if column.is_whole:
            fits &= values == np.rint(values)
    result: Mask = fits
    return result


def _edges(view: View) -> Floats:
    """Edges that part the most frequent value of the past from the others, and the others into equal shares."""
    known, counts = view.past_different
    if not len(known):
        return np.zeros(0)
    mode = float(known[int(np.argmax(counts))])
    others = view.past_rising[view.past_rising != mode] if counts.max() > len(view.past) / TABLE_BINS else view.past_rising
    inner = np.unique(quantiles(others, np.linspace(0, 1, TABLE_BINS // 2 + 2)[1:-1])) if len(others) else others
    return np.concatenate((inner, [mode, np.nextafter(mode, np.inf)]))


def _swapped(comparison: Comparison, first: str, second: str, now: Floats, past: Floats, lot: np.ndarray, tests: int) -> Suspicion | None:
    sizes = np.bincount(lot, minlength=comparison.lots)
    better = now > ODDS
    found = shares([better.sum()], [len(now)], np.bincount(lot[past > ODDS], minlength=comparison.lots)[:, None], sizes[:, None])
    if found.high[0] > MOST_USUAL:
        return None
    p = float(found.more[0]) if found.now[0] > found.high[0] + LEAST_SHARE and better.sum() >= LEAST_SWAPPED else 1.0
    if float(np.mean(now)) > 0 and len(now) >= 10:
        means = np.bincount(lot, weights=past, minlength=comparison.lots) / np.maximum(sizes, 1)
        level = levels(np.where(sizes >= 5, means, np.nan)[:, None], [now.mean()])
        p = min(p, 2 * float(level.p[0]))
    if p >= 1:
        return None
    share = max(float(found.now[0]), float((now > 0).mean()) if np.mean(now) > 0 else 0.0)
    return Suspicion(Finding(
        "column_swap", (first, second),
        f"{percent(share)} of the rows fit the past better with {first} and {second} changed round, against "
        f"{between(float(found.usual[0]), float(found.high[0]))} in {lots(comparison.lots)}.",
        severity=0.8 if share > 0.5 else 0.6, layer="history", rows=int(better.sum()),
        evidence={"share": round(share, 4), "usual_share": round(float(found.usual[0]), 5), "mean_gain_nats": round(float(np.mean(now)), 3)},
        suggestion=f"change {first} and {second} back", picture={"kind": "share", "value": share, "usual": float(found.usual[0])},
    ), min(1.0, p * tests))  # fmt: skip


def _telling(gain: Floats) -> Floats:
    """What each cell says for its row having been pushed: little gains do not add up, since the cells of a row depend on each other."""
    result: Floats = np.where((gain > 0) & (gain < SLACK), 0.0, np.minimum(gain, ONE_CELL))
    return result


def _pushed(comparison: Comparison, moved: _Moved) -> Iterable[Suspicion]:
    names = [view.name for view in comparison.views()]
    count = len(names)
    for step, words in ((1, "right"), (-1, "left")):
        order = range(count - 1, 0, -1) if step == 1 else range(count - 2, -1, -1)
        best_now, start = _furthest(moved.today, order, step)
        if best_now.max(initial=-np.inf) <= PUSHED:
            continue
        best_past, _ = _furthest(moved.before, order, step)
        limit = max(PUSHED, ABOVE * float(best_past.max()))
        rows = best_now > limit
        cells = int(rows.sum())
        if not cells or cells > 0.6 * len(rows):
            continue
        first = int(np.bincount(start[rows]).argmax())
        if cells > 1:
            p = float(at_least(np.array([cells]), np.array([len(rows)]), np.array([0.3 / (len(best_past) + 1)]))[0])
        else:
            p = 1e-6 if best_now.max() > limit + 6 else 1.0  # one row has to be very plain
        accused = tuple(names[max(first - 1, 0) :]) if step == 1 else tuple(names[first:])
        yield Suspicion(Finding(
            "shifted_columns", accused, f"In {cells:,} row{'s' if cells > 1 else ''} ({percent(cells / len(rows))}) the values from {names[first]} on "
            f"stand one column too far to the {words}.",
            severity=0.65, layer="history", rows=cells, evidence={"share": round(cells / len(rows), 5), "gain_nats": round(float(best_now.max()), 1)},
            suggestion="quote the delimiter in the values and send the rows again", picture={"kind": "share", "value": cells / len(rows), "usual": 0.0},
        ), p)  # fmt: skip
        return


def _furthest(familiar: Callable[[int, int], Floats], order: range, step: int) -> tuple[Floats, Ints]:
    """The most that each row gains when its cells from some column on are pushed back, and that column."""
    best = np.full(len(familiar(order[0], order[0])), -np.inf)
    start, total = np.zeros(len(best), dtype=np.int64), np.zeros(len(best))
    for k in order:
        total = total + _telling(familiar(k, k - step) - familiar(k, k))
        start = np.where(total > best, k, start)
        best = np.maximum(best, total)
    return best, start
