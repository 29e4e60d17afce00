"""What a model makes of rows that went wrong on their way: faults of the catalogue are put into one column at a time, and the answers compared.

There is no null hypothesis: a predictor is a function, and what it does to these rows is a fact. What is not known is how far the share would be off on
other rows; it is counted on at least `FEWEST` changed rows where the table has them. The limits are ours: a fault that leaves the meaning of a value alone
(a blank, another case, a unit behind the number, noise of 1 % of the spread) should change at most one answer in twenty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from .laws import Floats

Predict = Callable[[pl.DataFrame], npt.NDArray[np.float64]]
MOST_ROWS = 2_000
MOST_COLUMNS = 40
FEWEST = 20
SHARE = 0.3  # of the rows of a column that are changed at once: enough to count, and the rest of the batch stays as it was
MOVED = 0.1  # of the spread of the predictions: a number that moved by less is the same answer
# Share of changed answers from which a fault that leaves the meaning alone counts as fragile. Faults that change the meaning have no limit: they must not
# crash the model and not make it answer with what is no number.
LIMITS: Mapping[str, float] = {"noise_increase": 0.05, "category_spelling": 0.05, "whitespace_case": 0.05, "type_to_string": 0.05}
SAME = 1e-4  # relative: sums of single-precision floats over hundreds of trees, in another order, differ in the fifth digit
EXACT = ("reordered_rows", "reordered_columns", "added_column", "row_alone")


@dataclass(frozen=True)
class Fragility:
    """What one fault in one column does to the answers.

    Args:
        code: of the fault, as in the catalogue; or "reordered_rows", "reordered_columns", "row_alone" (a row answered in a batch and by itself).
        column: it was put into, or "" for the whole table.
        rows: that were changed.
        changed_share: 0..1, of them the share whose answer changed: another class, or a number that moved by a tenth of their spread.
        mean_move: mean distance between the answers, in probability or in units of the target.
        loss_before, loss_after: mean loss of these rows; NaN where no losses were asked for.
        non_finite: answers that are no finite numbers any more.
        failure: type and text of the exception, or "".
        limit: share from which it counts as fragile; None where any share is right.
        fragile: it failed, it answered with no number, or too many answers changed.
        sentence: for people.
    """

    code: str
    column: str
    rows: int
    changed_share: float
    mean_move: float
    loss_before: float
    loss_after: float
    non_finite: int
    failure: str
    limit: float | None
    fragile: bool
    sentence: str


def robustness(
    predict: Predict,
    table: pl.DataFrame,
    *,
    losses: Callable[[npt.NDArray[np.int64], npt.NDArray[np.float64]], Floats] | None = None,
    keep: tuple[str, ...] = (),
    limits: Mapping[str, float] = LIMITS,
    seed: int = 0,
) -> tuple[Fragility, ...]:
    """Puts the faults into a table and asks the model again.

    Args:
        predict: from a table to (rows,) numbers or (rows, classes) probabilities.
        table: good rows, as the model meets them; at most 2,000 of them are used.
        losses: (row numbers of the table, predictions for them) -> (rows,) losses, to say what a fault costs.
        keep: columns that are left alone: the target, keys.
        limits: by code; see `LIMITS`.
        seed: decides which rows are changed, and how.

    Returns:
        One value per fault and column, fragile ones first.

    >>> table = pl.DataFrame({"km": [float(one) for one in range(100)], "city": ["Bonn", "Lyon"] * 50})
    >>> def predict(rows: pl.DataFrame) -> np.ndarray:
    ...     return rows["km"].to_numpy() + 50.0 * (rows["city"] == "Lyon").to_numpy()
    >>> [(found.code, found.column) for found in robustness(predict, table) if found.fragile and not found.failure]
    [('missing_spike', 'km'), ('outliers', 'km'), ('category_spelling', 'city'), ('whitespace_case', 'city')]
    """
    rng = np.random.default_rng(seed)
    rows = np.arange(table.height) if table.height <= MOST_ROWS else np.sort(rng.choice(table.height, MOST_ROWS, replace=False))
    table = table[rows]
    if not table.height:
        return ()
    before = np.asarray(predict(table), dtype=np.float64)
    found = []
    for code, column, changed, mask, order in _faults(table, keep, rng):
        try:
            answered = _alone(predict, changed) if code == "row_alone" else np.asarray(predict(changed), dtype=np.float64)
            failure = "" if len(answered) == changed.height else f"{len(answered)} answers to {changed.height} rows"
        except Exception as error:  # noqa: BLE001 - whatever a model raises is what this trial is for
            answered, failure = np.zeros(0), f"{type(error).__name__}: {error}"
        old = before if order is None else before[order]
        found.append(_judged(code, column, old, answered, failure, mask, rows if order is None else rows[order], losses, limits.get(code)))
    return tuple(sorted(found, key=lambda one: not one.fragile))


def _alone(predict: Predict, table: pl.DataFrame) -> Floats:
    """The answers to each row by itself."""
    return np.concatenate([np.asarray(predict(table[[place]]), dtype=np.float64) for place in range(table.height)])


Fault = tuple[str, str, pl.DataFrame, npt.NDArray[np.bool_], npt.NDArray[np.int64] | None]


def _faults(table: pl.DataFrame, keep: tuple[str, ...], rng: np.random.Generator) -> Iterator[Fault]:
    """Code, column, the changed table, which of its rows were changed, and where each of its rows stood."""
    everywhere = np.ones(table.height, dtype=bool)
    order = rng.permutation(table.height)
    yield "reordered_rows", "", table[order], everywhere, order
    yield "reordered_columns", "", table.select(table.columns[::-1]), everywhere, None
    fresh = next(name for name in (f"unseen{'_' * more}" for more in range(1, table.width + 2)) if name not in table.columns)
    yield "added_column", "", table.with_columns(pl.Series(fresh, rng.normal(size=table.height))), everywhere, None
    some = rng.permutation(table.height)[:FEWEST]
    yield "row_alone", "", table[some], np.ones(len(some), dtype=bool), some
    for name in [name for name in table.columns if name not in keep][:MOST_COLUMNS]:
        column = table[name]
        filled = column.is_not_null().to_numpy()
        yield "dropped_column", name, table.drop(name), everywhere, None
        for code, change in _CHANGES:
            mask = filled & (rng.random(table.height) < SHARE)
            if not mask.any():
                continue
            new = change(column, mask, rng)
            if new is not None:
                yield code, name, table.with_columns(new.alias(name)), mask, None


Change = Callable[[pl.Series, npt.NDArray[np.bool_], np.random.Generator], pl.Series | None]


def _where(mask: npt.NDArray[np.bool_], new: pl.Series, old: pl.Series) -> pl.Series:
    return new.zip_with(pl.Series(mask), old)


def _numbers(change: Callable[[Floats, np.random.Generator], Floats], *, whole: bool = True) -> Change:
    """A change of numeric cells; whole numbers stay whole where that is asked for."""

    def changed(column: pl.Series, mask: npt.NDArray[np.bool_], rng: np.random.Generator) -> pl.Series | None:
        if not column.dtype.is_numeric():
            return None
        values = column.cast(pl.Float64).to_numpy().astype(np.float64)
        new = change(values, rng)
        if column.dtype.is_integer() and whole:
            new = np.round(new)
        return _where(mask, pl.Series(new).fill_nan(None), column.cast(pl.Float64))

    return changed


def _texts(change: Callable[[str, np.random.Generator], str]) -> Change:
    def changed(column: pl.Series, mask: npt.NDArray[np.bool_], rng: np.random.Generator) -> pl.Series | None:
        if column.dtype not in (pl.String, pl.Categorical, pl.Enum):
            return None
        cells = column.cast(pl.String).to_list()
        return pl.Series([change(cell, rng) if hit and cell is not None else cell for cell, hit in zip(cells, mask, strict=True)], dtype=pl.String)

    return changed


def _spread(values: Floats) -> float:
    """The standard deviation of what is finite; 0 where nothing is."""
    finite = values[np.isfinite(values)]
    return float(finite.std()) if len(finite) else 0.0


def _largest(values: Floats) -> float:
    """The largest size of what is finite; 0 where nothing is."""
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max()) if len(finite) else 0.0


def _noisy(values: Floats, rng: np.random.Generator) -> Floats:
    return np.asarray(values + rng.normal(0.0, 1.0, len(values)) * 0.01 * _spread(values))


def _far_out(values: Floats, rng: np.random.Generator) -> Floats:
    far = np.array([1e3, -1e3, 1e6, 1e15]) * (_largest(values) or 1.0)
    return np.append(far, [np.inf, -np.inf])[rng.integers(0, 6, len(values))]


def _mistyped(cell: str, rng: np.random.Generator) -> str:
    if len(cell) < 2:
        return cell + cell
    place = int(rng.integers(0, len(cell) - 1))
    kinds = (cell[:place] + cell[place + 1] + cell[place] + cell[place + 2 :], cell[:place] + cell[place + 1 :], cell[:place] + cell[place] + cell[place:])
    return kinds[int(rng.integers(0, 3))]


def _as_text(column: pl.Series, mask: npt.NDArray[np.bool_], rng: np.random.Generator) -> pl.Series | None:
    """The column arrives as text; some of its cells with blanks around the number."""
    if not column.dtype.is_numeric():
        return None
    texts = column.cast(pl.String)
    return _where(mask, " " + texts + " ", texts)


def _reset(column: pl.Series, mask: npt.NDArray[np.bool_], rng: np.random.Generator) -> pl.Series | None:
    """The clock of a device fell back to the beginning of its time."""
    if column.dtype not in (pl.Date, pl.Datetime):
        return None
    return _where(mask, pl.Series([0] * len(column), dtype=column.to_physical().dtype).cast(column.dtype), column)


_CHANGES: tuple[tuple[str, Change], ...] = (
    ("noise_increase", _numbers(_noisy)),
    ("category_spelling", _texts(lambda cell, rng: cell.upper() if cell != cell.upper() else cell.lower())),
    ("whitespace_case", _texts(lambda cell, rng: f" {cell} ")),
    ("type_to_string", _as_text),
    ("missing_spike", lambda column, mask, rng: _where(mask, pl.Series([None] * len(column), dtype=column.dtype), column)),
    ("unit_change", _numbers(lambda values, rng: values * 1000.0, whole=False)),
    ("sign_flip", _numbers(lambda values, rng: -values)),
    ("outliers", _numbers(_far_out, whole=False)),
    ("clock_reset", _reset),
    ("typo", _texts(_mistyped)),
    ("new_category_flood", _texts(lambda cell, rng: f"never seen {int(rng.integers(0, 9))}")),
)


def _judged(
    code: str, column: str, before: Floats, after: Floats, failure: str, mask: npt.NDArray[np.bool_], rows: npt.NDArray[np.int64],
    losses: Callable[[npt.NDArray[np.int64], npt.NDArray[np.float64]], Floats] | None, limit: float | None,
) -> Fragility:  # fmt: skip
    touched = int(mask.sum())
    nan = float("nan")
    if failure:
        return Fragility(code, column, touched, 1.0, nan, nan, nan, 0, failure, limit, True, _sentence(code, column, f"the model fails with {failure}"))
    old, new = before[mask], after[mask]
    finite = np.isfinite(new).reshape(touched, -1).all(axis=1)
    bad = int((np.isfinite(old).reshape(touched, -1).all(axis=1) & ~finite).sum()) + int((~np.isfinite(after[~mask])).sum() - (~np.isfinite(before[~mask])).sum())
    both = np.isfinite(new) & np.isfinite(old)
    move = np.where(both, np.abs(np.where(both, new, 0.0) - np.where(both, old, 0.0)), 0.0).reshape(touched, -1).max(axis=1)
    if code in EXACT:
        changed, limit = move > SAME * (_largest(before) if before.ndim == 1 else 1.0), 0.0
    elif before.ndim == 1:
        changed = move > MOVED * (_spread(before) or 1.0)
    else:
        changed = np.argmax(np.nan_to_num(new), axis=1) != np.argmax(np.nan_to_num(old), axis=1)
    changed = changed | (finite != np.isfinite(old).reshape(touched, -1).all(axis=1))
    share = float(changed.mean())
    costs = (nan, nan) if losses is None else (float(losses(rows[mask], old).mean()), float(losses(rows[mask], new).mean()) if finite.all() else nan)
    fragile = bad > 0 or (limit is not None and share > limit)
    what = f"{bad:,} answers are no finite numbers" if bad > 0 else f"{share:.1%} of {touched:,} answers change"
    if bad <= 0 and losses is not None:
        what += f", and their loss goes from {costs[0]:.3g} to {costs[1]:.3g}"
    return Fragility(code, column, touched, share, float(move.mean()), *costs, max(0, bad), "", limit, fragile, _sentence(code, column, what))


_WORDS = {
    "reordered_rows": "the rows come in another order", "reordered_columns": "the columns come in another order", "added_column": "there is one more column",
    "row_alone": "a row comes alone instead of in a batch", "dropped_column": "{column} is not there", "noise_increase": "{column} has noise of 1 % of its spread",
    "category_spelling": "{column} is written in other case", "whitespace_case": "{column} has blanks around it", "type_to_string": "{column} comes as text",
    "missing_spike": "cells of {column} are empty", "unit_change": "{column} is a thousand times larger", "sign_flip": "{column} has the other sign",
    "outliers": "{column} is far out of range or infinite", "clock_reset": "{column} says 1970", "typo": "{column} is mistyped", "new_category_flood": "{column} has values never seen",
}  # fmt: skip


def _sentence(code: str, column: str, what: str) -> str:
    return f"Where {_WORDS[code].format(column=column)}: {what}."
