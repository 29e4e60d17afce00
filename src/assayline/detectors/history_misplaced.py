"""Values that stand in the wrong column: two columns changed round, or rows pushed to one side."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.core import Finding

from .comparison import Comparison, Floats, Ints, View
from .expectation import at_least, levels, shares
from .familiarity import Familiarity
from .mixture import against_lots, counted, cuts, quantile_bins, transposed
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
        cells = [_Cells(view, some) for view in views]
        own = [column.familiar_to(one) for one, column in zip(known, cells, strict=True)]
        own_now, own_past = [now for now, _ in own], [past for _, past in own]
        cache: dict[tuple[int, int], tuple[Floats, Floats]] = {}

        def moved(source: int, target: int) -> tuple[Floats, Floats]:
            """How familiar the cells of one column are to another, today and in the past."""
            if (source, target) not in cache:
                cache[source, target] = cells[source].familiar_to(known[target])
            return cache[source, target]

        if len(views) >= LEAST_COLUMNS:
            pushed = list(_pushed(comparison, own_now, own_past, moved))
            yield from pushed
            if pushed:
                return
        # Columns that drift, or had one value, may turn into anything: nothing there looks like another column's value.
        steady = [view.kind in ("number", "text") and one.drift <= MOST_DRIFT and _different(view) > 1 for view, one in zip(views, known, strict=True)]
        near = [(i, j) for i in range(len(views)) for j in range(i + 1, min(i + 1 + NEIGHBOURS, len(views)))]
        pairs = [(i, j) for i, j in near if steady[i] and steady[j] and views[i].kind == views[j].kind]
        best: Suspicion | None = None
        for i, j in pairs:
            plain = _changed_round(comparison, (views[i], views[j]), (own_now[i], own_now[j]), (own_past[i], own_past[j]), len(pairs))
            if plain is not None:
                best = plain if best is None or _stronger(plain, best) else best
                continue
            if views[i].kind == "number":
                continue  # the table of both numbers sees everything that their own frequencies say
            a, b = moved(i, j), moved(j, i)
            # Both cells must gain: one strange value alone is no swap.
            gain_now = np.minimum(a[0] - own_now[i], b[0] - own_now[j])
            gain_past = np.minimum(a[1] - own_past[i], b[1] - own_past[j])
            better = gain_now > ODDS
            if better.any() and not all(np.median(own_now[k][better]) < np.quantile(own_past[k], UNUSUAL) for k in (i, j)):
                continue
            found = _swapped(comparison, views[i].name, views[j].name, gain_now, gain_past, lot, len(pairs))
            if found is not None and (best is None or _stronger(found, best)):
                best = found
        if best is not None:
            yield best


class _Cells:
    """The cells of one column, today and in some rows of the past, each different value once."""

    def __init__(self, view: View, some: np.ndarray) -> None:
        now, past, values = view.codes
        used, where = np.unique(np.concatenate((now, past[some])), return_inverse=True)
        self.where, self.rows = where, len(now)
        self.values = pl.Series([None if code < 0 else values[code] for code in used.tolist()], dtype=pl.String)

    def familiar_to(self, column: Familiarity) -> tuple[Floats, Floats]:
        """How familiar they are to a column, today and in the past."""
        found = column.of(self.values)[self.where]
        return found[: self.rows], found[self.rows :]


def _different(view: View) -> int:
    """How many values the past had: a column that was constant may turn into anything."""
    past = view.codes[1]
    return len(np.unique(past[past >= 0]))


def _stronger(one: Suspicion, other: Suspicion) -> bool:
    return (-one.p, float(one.finding.evidence["mean_gain_nats"])) > (-other.p, float(other.finding.evidence["mean_gain_nats"]))


def _changed_round(
    comparison: Comparison, pair: tuple[View, View], own_now: tuple[Floats, Floats], own_past: tuple[Floats, Floats], tests: int
) -> Suspicion | None:
    """Whether a part of the rows fits the pairs of values of the past better when transposed; None also where the two have no values in common.

    One wrong cell may make a pair fit better transposed. So both cells must be unusual where they stand, unless the whole lot is changed round.
    """
    first, second = pair
    bins = _common_bins(first, second)
    if bins is None:
        return None
    a, b, past_a, past_b, count, could_now, could_past = bins
    before = counted(past_a, past_b, count, first.lot, first.lots)
    today = counted(np.where(could_now, a, -1), b, count)[0]
    asked = counted(np.where(could_past, past_a, -1), past_b, count, first.lot, first.lots)
    never = float(((a >= 0) & (b >= 0)).sum() - today.sum()), (before - asked).sum(axis=(1, 2))
    found = against_lots(today, before, transposed, asked, never)
    cells = round(found.part * (never[0] + float(today.sum())))
    if found.nats <= LEAST_NATS or cells < 2:
        return None
    gain = transposed(before.sum(axis=0))
    odd = could_now & (a >= 0) & (b >= 0)
    odd &= gain[np.maximum(a, 0), np.maximum(b, 0)] > 0
    unusual = all(_unusual(view, now, past)[odd].mean() > 0.5 for view, now, past in zip(pair, own_now, own_past, strict=True)) if odd.any() else False
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
            today, past = np.where(rows, other.now, view.now), view.past[np.isfinite(view.past)]
            today = today[np.isfinite(today)]
            gap, chance = largest_gap(today, past), 0.5 / np.sqrt(max(1, len(today)))
            if gap > usual_gap(view) + chance or gap > largest_gap(view.now[np.isfinite(view.now)], past) + chance:
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
        could_now, could_past: rows whose two values could each have stood in the other column.
    """

    now_a: Ints
    now_b: Ints
    past_a: Ints
    past_b: Ints
    bins: int
    could_now: Mask
    could_past: Mask


def _common_bins(first: View, second: View) -> _Bins | None:
    if first.kind == second.kind == "number":
        edges = np.unique(np.concatenate([_edges(first.past), _edges(second.past)]))
        parts = [quantile_bins(values, edges) for values in (first.now, second.now, first.past, second.past)]
        could = [_could_stand(a, second) & _could_stand(b, first) for a, b in ((first.now, second.now), (first.past, second.past))]
        return _Bins(parts[0], parts[1], parts[2], parts[3], len(edges) + 1, could[0], could[1])
    if first.kind != "text" or second.kind != "text" or not (first.is_closed and second.is_closed):
        return None
    words = {word: number for number, word in enumerate(sorted({*first.codes[2], *second.codes[2]}))}
    if len(words) > MOST_WORDS:
        return None
    in_words = [np.array([words[value] for value in view.codes[2]] + [-1], dtype=np.int64) for view in (first, second)]
    known = [np.isin(np.arange(len(words)), place[view.codes[1]]) for place, view in zip(in_words, (first, second), strict=True)]
    now_a, now_b, past_a, past_b = in_words[0][first.codes[0]], in_words[1][second.codes[0]], in_words[0][first.codes[1]], in_words[1][second.codes[1]]
    return _Bins(now_a, now_b, past_a, past_b, len(words), known[1][now_a] & known[0][now_b], known[1][past_a] & known[0][past_b])


def _could_stand(values: Floats, column: View) -> Mask:
    """Which numbers a column of the past could have held: within its range, and whole where it is."""
    past = column.past[np.isfinite(column.past)]
    with np.errstate(invalid="ignore"):
        fits = (values >= past.min(initial=np.inf)) & (values <= past.max(initial=-np.inf))
        if column.is_whole:
            fits &= values == np.rint(values)
    result: Mask = fits
    return result


def _edges(values: Floats) -> Floats:
    """Edges that part the most frequent value from the others, and the others into equal shares."""
    known, counts = np.unique(values[np.isfinite(values)], return_counts=True)
    if not len(known):
        return np.zeros(0)
    mode = float(known[int(np.argmax(counts))])
    others = np.repeat(known, counts)[np.repeat(known, counts) != mode] if counts.max() > len(values) / TABLE_BINS else np.repeat(known, counts)
    return np.concatenate((cuts(others, TABLE_BINS // 2 + 1), [mode, np.nextafter(mode, np.inf)]))


def _swapped(comparison: Comparison, first: str, second: str, now: Floats, past: Floats, lot: np.ndarray, tests: int) -> Suspicion | None:
    sizes = np.bincount(lot, minlength=comparison.lots)
    better = now > ODDS
    found = shares([better.sum()], [len(now)], np.bincount(lot[past > ODDS], minlength=comparison.lots)[:, None], sizes[:, None])
    if found.high[0] > MOST_USUAL:
        return None
    p = float(found.more[0]) if found.now[0] > found.high[0] + LEAST_SHARE and better.sum() >= 3 else 1.0
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


def _pushed(comparison: Comparison, own_now: list[Floats], own_past: list[Floats], moved) -> Iterable[Suspicion]:  # type: ignore[no-untyped-def]  # a closure of Misplaced
    names = [view.name for view in comparison.views()]
    count = len(names)
    for step, words in ((1, "right"), (-1, "left")):
        best_now, best_past = np.full(len(own_now[0]), -np.inf), np.full(len(own_past[0]), -np.inf)
        start = np.zeros(len(own_now[0]), dtype=np.int64)
        sum_now, sum_past = np.zeros(len(own_now[0])), np.zeros(len(own_past[0]))
        order = range(count - 1, 0, -1) if step == 1 else range(count - 2, -1, -1)
        for k in order:
            gain = moved(k, k - step)
            sum_now = sum_now + _telling(gain[0] - own_now[k])
            sum_past = sum_past + _telling(gain[1] - own_past[k])
            start = np.where(sum_now > best_now, k, start)
            best_now, best_past = np.maximum(best_now, sum_now), np.maximum(best_past, sum_past)
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
