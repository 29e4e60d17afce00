"""How much each column matters to a model, how sure that is, and where it parts from what correlation says.

A column matters by what its loss costs: its cells are shuffled, and the mean loss rises (permutation importance). That is a statement about this model, not
about the world: a column may be correlated with the target and unused, because another one says the same; or be used and uncorrelated, because it matters
together with others.

Null hypothesis: shuffling the column leaves the mean loss as it is. Promised: the 90 % interval holds the rise that more shuffles and other rows of the same kind would
show in about 90 %; a column the model ignores is called used in at most 5 % of trials. Simulated in `tests/trials/test_importance.py`.

Source: Breiman 2001; Fisher, Rudin and Dominici 2019 (JMLR 20) for the interval over rows; Strobl et al. 2008 for correlated columns; ε² of Kelley 1935 for association.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from .laws import Floats, student_quantile
from .perturbing import Predict
from .ranking import midranks
from .slicing import as_numbers, legible

MOST_ROWS = 5_000
REPEATS = 5
RESAMPLES = 200
BINS = 10
TWINS = 0.8  # association from which two columns can stand for each other
CLEAR = 0.05  # share of the spread of the target a column must explain before its absence is worth a sentence


@dataclass(frozen=True)
class Importance:
    """What one column is worth to a model.

    Args:
        column: its name.
        rise, low, high: of the mean loss when it is shuffled, with a 90 % interval; in units of the loss.
        rank_low, rank_high: 90 % of resamples of the rows put it between these ranks; 1 is the most important.
        association: 0..1, share of the spread of the target that the column alone explains (ε², bins of numbers).
        twin: the other column that is most associated with it, or "".
        twin_association: 0..1.
        used: the interval lies above 0.
        note: where importance and association part, in a sentence; or "".
    """

    column: str
    rise: float
    low: float
    high: float
    rank_low: int
    rank_high: int
    association: float
    twin: str
    twin_association: float
    used: bool
    note: str


@dataclass(frozen=True)
class Importances:
    """The importance of all columns.

    Args:
        columns: the most important one first.
        stability: -1..1, mean rank correlation of the order between resamples of the rows; below 0.7 the order should not be told to anybody.
        rows: the model was asked about.
    """

    columns: tuple[Importance, ...]
    stability: float
    rows: int


def importances(
    predict: Predict,
    table: pl.DataFrame,
    y: npt.ArrayLike,
    losses: Callable[[npt.NDArray[np.int64], npt.NDArray[np.float64]], Floats],
    *,
    columns: Sequence[str] = (),
    repeats: int = REPEATS,
    seed: int = 0,
) -> Importances:
    """Shuffles each column in turn and counts what it costs.

    Args:
        predict: from a table to predictions.
        table: rows of a test set; at most 5,000 are used.
        y: (rows,) the truth: class index, or number.
        losses: (row numbers of the table, predictions for them) -> (rows,) losses.
        columns: which; () for all.
        repeats: shuffles of each column.
        seed: of rows and shuffles.

    >>> rng = np.random.default_rng(0)
    >>> table = pl.DataFrame({"used": rng.normal(size=500), "idle": rng.normal(size=500)})
    >>> truth = table["used"].to_numpy()
    >>> found = importances(lambda rows: rows["used"].to_numpy(), table, truth, lambda rows, answers: np.abs(answers - truth[rows]))
    >>> [(one.column, one.used) for one in found.columns]
    [('used', True), ('idle', False)]
    """
    rng = np.random.default_rng(seed)
    truth = np.asarray(y, dtype=np.float64)
    rows = np.arange(table.height) if table.height <= MOST_ROWS else np.sort(rng.choice(table.height, MOST_ROWS, replace=False))
    asked = table[rows]
    names = [name for name in (columns or table.columns) if name in table.columns]
    if not names or len(rows) < 2:
        return Importances((), math.nan, len(rows))
    before = losses(rows, np.asarray(predict(asked), dtype=np.float64))
    rises = np.zeros((len(names), len(rows)))
    between = np.zeros(len(names))
    for place, name in enumerate(names):
        each = []
        for _ in range(repeats):
            shuffled = asked.with_columns(asked[name].gather(pl.Series(rng.permutation(len(rows)), dtype=pl.UInt32)).alias(name))
            each.append(losses(rows, np.asarray(predict(shuffled), dtype=np.float64)) - before)
        rises[place] = np.mean(each, axis=0)
        between[place] = np.var([one.mean() for one in each], ddof=1) / repeats if repeats > 1 else 0.0
    error = np.sqrt(rises.var(axis=1, ddof=1) / len(rows) + between)
    half = student_quantile(0.95, max(1, min(len(rows) - 1, 50))) * error
    ranks = _ranks(rises, rng)
    codes = {name: binned(asked[name]) for name in names}
    shares = {name: explained(codes[name], truth[rows]) for name in names}
    found = []
    for place, name in enumerate(names):
        twin, twin_association = max(((other, _association(codes[name], codes[other])) for other in names if other != name), key=lambda pair: pair[1], default=("", 0.0))
        rise = float(rises[place].mean())
        low, high = (int(end) for end in np.quantile(ranks[:, place], [0.05, 0.95], method="nearest"))
        found.append(
            Importance(name, rise, rise - float(half[place]), rise + float(half[place]), low, high, shares[name], twin, twin_association, bool(rise - half[place] > 0), "")
        )
    found.sort(key=lambda one: -one.rise)
    return Importances(tuple(replace(one, note=_note(one)) for one in found), _stability(ranks), len(rows))


def _ranks(rises: Floats, rng: np.random.Generator) -> Floats:
    """(resamples, columns): the rank of each column, 1 for the largest rise, over resamples of the rows."""
    count = rises.shape[1]
    weights = rng.multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    means = weights @ rises.T / count
    return np.stack([midranks(-one) for one in means])


def _stability(ranks: Floats) -> float:
    """Mean Spearman correlation between neighbouring resamples; 1 for a single column."""
    if ranks.shape[1] < 2:
        return 1.0
    off = ranks - ranks.mean(axis=1, keepdims=True)
    sizes = (off**2).sum(axis=1)
    pairs = (off[1:] * off[:-1]).sum(axis=1) / np.sqrt(np.maximum(sizes[1:] * sizes[:-1], 1e-12))
    return float(pairs.mean())


def binned(column: pl.Series) -> npt.NDArray[np.int64]:
    """A column as small codes: quantile bins of numbers and times, categories of the rest (the frequent ones), 0 for missing."""
    if not legible(column):
        return np.zeros(len(column), dtype=np.int64)
    if column.dtype.is_numeric() or column.dtype.is_temporal():
        numbers = as_numbers(column)
        known = np.isfinite(numbers)
        if not known.any():
            return np.zeros(len(column), dtype=np.int64)
        edges = np.unique(np.quantile(numbers[known], np.arange(1, BINS) / BINS))
        return np.asarray(np.where(known, np.searchsorted(edges, numbers, side="right") + 1, 0), dtype=np.int64)
    texts = column.cast(pl.String, strict=False)
    frequent = texts.drop_nulls().value_counts(sort=True).head(3 * BINS).get_column(column.name).to_list()
    places = {value: place + 1 for place, value in enumerate(sorted(frequent))}
    return np.array([0 if cell is None else places.get(cell, len(places) + 1) for cell in texts.to_list()], dtype=np.int64)


def explained(codes: npt.NDArray[np.int64], y: Floats) -> float:
    """ε²: the share of the spread of y between the codes, less what as many random groups would show."""
    whole = float(((y - y.mean()) ** 2).sum())
    if not whole:
        return 0.0
    _, place = np.unique(codes, return_inverse=True)
    sizes, sums = np.bincount(place), np.bincount(place, y)
    between = float((sums**2 / sizes).sum() - len(y) * y.mean() ** 2)
    freedom = len(y) - len(sizes)
    return max(0.0, 1 - (whole - between) / max(1, freedom) * (len(y) - 1) / whole)


def _association(codes: npt.NDArray[np.int64], others: npt.NDArray[np.int64]) -> float:
    """Cramér's V with the correction of Bergsma 2013, 0..1."""
    (_, one), (_, other) = np.unique(codes, return_inverse=True), np.unique(others, return_inverse=True)
    rows, columns, count = int(one.max(initial=0)) + 1, int(other.max(initial=0)) + 1, len(one)
    if rows < 2 or columns < 2 or count < 3:
        return 0.0
    table = np.bincount(one * columns + other, minlength=rows * columns).reshape(rows, columns)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / count
    phi = max(0.0, float(((table - expected) ** 2 / expected).sum()) / count - (rows - 1) * (columns - 1) / (count - 1))
    least = min(rows - (rows - 1) ** 2 / (count - 1), columns - (columns - 1) ** 2 / (count - 1)) - 1
    return min(1.0, math.sqrt(phi / least)) if least > 0 else 0.0


def _note(one: Importance) -> str:
    stands_in = f"; {one.twin} says nearly the same ({one.twin_association:.2f} of 1)" if one.twin_association >= TWINS else ""
    if not one.used and one.association >= CLEAR:
        return f"{one.column} alone explains {one.association:.0%} of the target, and the model does without it{stands_in or ': what it says must come from several other columns'}."
    if one.used and one.association < 0.01:
        return f"{one.column} matters to the model and alone explains {one.association:.1%} of the target: it matters together with others, or it is noise that was learned by heart."
    if one.used and stands_in:
        return f"{one.column} shares its importance with another column{stands_in}: the rise is a lower bound of what both say."
    return ""
