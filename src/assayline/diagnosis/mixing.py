"""Whether the mix of the rows changed or how the rows behave: the measure of the bad lot, with its rows weighted to the population of before.

The columns are chosen on one half of the rows and judged on the other, and both halves take their turn: what a search among columns gains by luck does not count.

Null hypothesis: the mean of the rows did not move, or it moved within the cells of the columns as much as outside of them. Under it `explains` varies around 0
(simulated in `tests/diagnosis/test_mixing.py`).

Source: post-stratification (Holt and Smith 1979, JRSS A 142); Kitagawa 1955 (JASA 50) for mix and rate; Kish 1965 for the rows that weighted rows are worth;
Chernozhukov et al. 2018 (Econometrics Journal 21) for cross-fitting.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from ..errors import MisuseError
from ..trials.laws import Floats
from ..trials.slicing import legible

MOST_COLUMNS = 3
MOST_CELLS = 20  # values of a column that are cells of their own; the rest share one
LEAST_GAIN = 0.10  # of the way back that a further column must add
MOVED = 2.0  # standard errors that the mean must have moved for there to be anything to explain
COVERED = 0.5  # share of the earlier population that still has rows in the lot
FEW_ROWS = 40  # of the lot or of before: with fewer no half says anything
Weighted = Callable[[pl.DataFrame, Floats], float | None]


@dataclass(frozen=True)
class Mix:
    """The measure of the bad lot as if its rows were mixed as before.

    Args:
        reweighted: the measure with the rows weighted to the earlier population.
        columns: the columns whose mix was taken back; () where no column helps.
        explains: how much of the way back to health that is, on rows that did not choose the columns: 1 all of it, 0 nothing (chance takes it a little to either side).
        effective_rows: rows that the weighted ones are worth (Kish): few make `reweighted` a guess.
    """

    reweighted: float
    columns: tuple[str, ...]
    explains: float
    effective_rows: float


@dataclass(frozen=True, eq=False)
class _Cells:
    """The cell of each row in each column, now and before, as small numbers."""

    now: dict[str, npt.NDArray[np.int64]]
    before: dict[str, npt.NDArray[np.int64]]


def mix_of(
    now: pl.DataFrame,
    amounts: npt.ArrayLike,
    before: pl.DataFrame,
    amounts_before: npt.ArrayLike,
    *,
    columns: Sequence[str] | None = None,
    weighted: Weighted | None = None,
    most_columns: int = MOST_COLUMNS,
    seed: int = 0,
) -> Mix | None:
    """Weights the rows of a bad lot to the earlier population, and measures again.

    Args:
        now: rows of the bad lot.
        amounts: (rows,) finite: what each row adds to the measure (its absolute error; 1 or 0 for a share).
        before: rows of good lots.
        amounts_before: (rows of before,) the same.
        columns: that say what kind of row it is. Not those that the measure is made of, and not those a fault may sit in: rows with wrong values
            would be weighted away. Texts, categories, truth values and whole numbers with few values that both frames have when None.
        weighted: the measure of `now` with (rows,) weights that add up to the number of its rows; the weighted mean of `amounts` when None.
        most_columns: that are taken together.
        seed: decides the halves.

    Returns:
        None where there are too few rows or no columns. A column of which less than half of the earlier population has rows in the lot explains nothing.

    >>> rng = np.random.default_rng(1)
    >>> before, now = (pl.DataFrame({"kind": rng.choice(["bike", "e-bike"], 2000, p=[1 - share, share])}) for share in (0.2, 0.7))
    >>> error = [np.where(frame["kind"] == "bike", 3.0, 9.0) + rng.normal(0, 1, 2000) for frame in (now, before)]
    >>> found = mix_of(now, error[0], before, error[1])
    >>> found.columns, round(found.explains, 1)
    (('kind',), 1.0)
    """
    values, then = np.asarray(amounts, dtype=np.float64), np.asarray(amounts_before, dtype=np.float64)
    if values.shape != (now.height,) or then.shape != (before.height,) or not np.isfinite(values).all() or not np.isfinite(then).all():
        raise MisuseError(f"one finite number is needed for each of the {now.height} rows, and for each of the {before.height} rows of before")
    names = [name for name in (_describing(now, before) if columns is None else columns) if name in now.columns and name in before.columns]
    if not names or min(now.height, before.height) < FEW_ROWS:
        return None
    cells = _cells(now, before, names)
    rng = np.random.default_rng(seed)
    half_now, half_before = rng.permutation(now.height) < now.height // 2, rng.permutation(before.height) < before.height // 2
    gap = float(values.mean() - then.mean())
    error = math.sqrt(float(values.var()) / now.height + float(then.var()) / before.height)
    everywhere = np.ones(now.height, dtype=bool), np.ones(before.height, dtype=bool)
    chosen = _chosen(cells, names, values, gap, everywhere, most_columns) if abs(gap) > MOVED * error else ()
    weights, _ = _weights(cells, chosen, *everywhere)
    explains = 0.0
    if chosen:
        for side in (True, False):
            learned = half_now == side, half_before == side
            judged = half_now != side, half_before != side
            explains += _taken_back(cells, _chosen(cells, names, values, gap, learned, most_columns), values, judged) / gap / 2
    scaled = weights * now.height / weights.sum()
    told = weighted(now, scaled) if weighted is not None else float((scaled * values).mean())
    if told is None or not math.isfinite(told):
        return None
    return Mix(told, chosen, explains, float(weights.sum() ** 2 / (weights**2).sum()))


def _describing(now: pl.DataFrame, before: pl.DataFrame) -> list[str]:
    """Columns that say what kind of row it is: no quantities, no times, no names of single rows."""
    found = []
    for name in now.columns:
        if name not in before.columns or not legible(now[name]) or now[name].dtype.is_temporal() or now[name].dtype.is_float() or now[name].dtype == pl.Null:
            continue
        if before[name].n_unique() >= 2 and now[name].n_unique() <= max(MOST_CELLS, now.height // 10):
            found.append(name)
    return found


def _cells(now: pl.DataFrame, before: pl.DataFrame, names: Sequence[str]) -> _Cells:
    """The most frequent values of before and now each a cell, all others one, missing one."""
    found = _Cells({}, {})
    for name in names:
        here, there = now[name].cast(pl.String, strict=False).fill_null("\0"), before[name].cast(pl.String, strict=False).fill_null("\0")
        counts = pl.concat([here, there]).value_counts(sort=True)
        frequent = sorted(counts.head(MOST_CELLS).get_column(counts.columns[0]).to_list())
        for texts, into in ((here, found.now), (there, found.before)):
            into[name] = texts.replace_strict(frequent, list(range(len(frequent))), default=len(frequent), return_dtype=pl.Int64).to_numpy()
    return found


def _weights(cells: _Cells, names: Sequence[str], now: npt.NDArray[np.bool_], before: npt.NDArray[np.bool_]) -> tuple[Floats, float]:
    """A weight for each row of now (0 outside of `now`), and the share of the earlier population that is represented."""
    if not names:
        return now.astype(np.float64), 1.0
    here = np.zeros(len(now), dtype=np.int64)
    there = np.zeros(len(before), dtype=np.int64)
    for name in names:
        here, there = here * (MOST_CELLS + 1) + cells.now[name], there * (MOST_CELLS + 1) + cells.before[name]
    ids, place = np.unique(np.concatenate([here, there]), return_inverse=True)
    mine, theirs = place[: len(here)], place[len(here) :]
    count_now = np.bincount(mine[now], minlength=len(ids)).astype(np.float64)
    count_before = np.bincount(theirs[before], minlength=len(ids)).astype(np.float64)
    share = count_before / max(1.0, count_before.sum())
    ratio = np.divide(share, count_now, out=np.zeros(len(ids)), where=count_now > 0)
    weights = np.where(now, ratio[mine], 0.0)
    covered = float(share[count_now > 0].sum())
    return (weights, covered) if weights.sum() > 0 else (now.astype(np.float64), 0.0)


def _taken_back(cells: _Cells, names: Sequence[str], values: Floats, rows: tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]) -> float:
    """By how much the mean falls when the mix is taken back, on some rows; 0 where too little of the population is left."""
    weights, covered = _weights(cells, names, *rows)
    if covered < COVERED:
        return 0.0
    return float(values[rows[0]].mean() - (weights * values).sum() / weights.sum())


def _chosen(
    cells: _Cells, names: Sequence[str], values: Floats, gap: float, rows: tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]], most: int
) -> tuple[str, ...]:
    """One column after the other, each that takes back most of what is left."""
    chosen: tuple[str, ...] = ()
    reached = 0.0
    while len(chosen) < most:
        # What goes beyond the gap is no better than what falls short of it.
        steps = {name: 1 - abs(1 - _taken_back(cells, (*chosen, name), values, rows) / gap) for name in names if name not in chosen}
        best = max(steps, key=lambda name: steps[name], default=None)
        if best is None or steps[best] < reached + LEAST_GAIN:
            break
        chosen, reached = (*chosen, best), steps[best]
    return chosen
