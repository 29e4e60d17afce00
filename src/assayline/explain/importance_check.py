"""Where what a model leans on and what goes together with the target part ways: a picture that warns whoever would take importance for a cause.

Four corners: a column that is used and goes together with the target (nothing to say), one that is neither, one that is *used and says nothing by itself* (it matters together with
another, or noise was learned by heart, or it stands for what is not in the table), and one that *says much by itself and is not used* (another says the same).

Null hypothesis and promises: as of `trials.importances`; a partner is named only where both columns together explain clearly more of the target than either alone.

Source: Breiman 2001; Strobl et al. 2008; Kelley 1935 for ε².
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from ..trials import Importance, importances
from ..trials.importance import CLEAR, TWINS, binned, explained
from .pair import Floats

LITTLE = 0.01  # share of the spread of the target below which a column says nothing by itself
TOGETHER = 0.02  # share of the spread that two columns must explain beyond the better one of both
MOST_ROWS = 1_500
REPEATS = 3
KINDS = ("agrees", "used, says nothing alone", "says much, is not used", "shares with a twin", "neither")


@dataclass(frozen=True)
class Checked:
    """One column.

    Args:
        column: its name.
        rise, low, high: of the mean loss when it is shuffled, 90 % interval.
        share: of all rises above 0; 0..1.
        association: 0..1, share of the spread of the target it explains alone.
        used: whether the interval lies above 0.
        kind: one of `KINDS`.
        partner: the column it matters together with, or the one that says the same; "" for none.
        warns: whether a reader has to be warned.
        sentence: for people; "" where there is nothing to say.
    """

    column: str
    rise: float
    low: float
    high: float
    share: float
    association: float
    used: bool
    kind: str
    partner: str
    warns: bool
    sentence: str


@dataclass(frozen=True)
class ImportanceCheck:
    """All columns, the most important first; how stable their order is (-1..1); and over how many rows."""

    columns: tuple[Checked, ...]
    stability: float
    rows: int


def checked_importances(
    predict: Callable[[pl.DataFrame], Floats], table: pl.DataFrame, y: npt.ArrayLike, losses: Callable[[npt.NDArray[np.int64], Floats], Floats],
    *, columns: Sequence[str] = (), most_rows: int = MOST_ROWS, seed: int = 0,
) -> ImportanceCheck:  # fmt: skip
    """Importance held against association, column by column.

    Args:
        predict, table, y, losses, columns: as of `trials.importances`.
        most_rows: of the table that are used.
        seed: of rows and shuffles.

    >>> rng = np.random.default_rng(0)
    >>> side, flag = rng.choice([-1.0, 1.0], 1000), rng.choice([-1.0, 1.0], 1000)
    >>> table = pl.DataFrame({"side": side, "flag": flag})
    >>> truth = side * flag
    >>> found = checked_importances(lambda rows: rows["side"].to_numpy() * rows["flag"].to_numpy(), table, truth, lambda rows, said: np.abs(said - truth[rows]))
    >>> [(one.kind, one.partner) for one in found.columns if one.column == "side"]
    [('used, says nothing alone', 'flag')]
    """
    truth = np.asarray(y, dtype=np.float64)
    chosen = np.arange(table.height)
    if table.height > most_rows:
        chosen = np.sort(np.random.default_rng(seed).choice(table.height, most_rows, replace=False))
    rows = table[chosen]
    found = importances(predict, rows, truth[chosen], lambda numbers, said: losses(chosen[numbers], said), columns=columns, repeats=REPEATS, seed=seed)
    codes = {one.column: binned(rows[one.column]) for one in found.columns}
    whole = sum(max(one.rise, 0.0) for one in found.columns)
    return ImportanceCheck(tuple(_checked(one, whole, codes, truth[chosen]) for one in found.columns), found.stability, found.rows)


def _checked(one: Importance, whole: float, codes: dict[str, npt.NDArray[np.int64]], y: Floats) -> Checked:
    kind, partner = _kind(one, codes, y)
    warns = kind in (KINDS[1], KINDS[2])
    share = max(one.rise, 0.0) / whole if whole > 0 else 0.0
    return Checked(one.column, one.rise, one.low, one.high, share, one.association, one.used, kind, partner, warns, _sentence(one, kind, partner))


def _kind(one: Importance, codes: dict[str, npt.NDArray[np.int64]], y: Floats) -> tuple[str, str]:
    twin = one.twin if one.twin_association >= TWINS else ""
    if one.used and one.association < LITTLE:
        return KINDS[1], _partner(one, codes, y)
    if not one.used and one.association >= CLEAR:
        return KINDS[2], twin
    if one.used and twin:
        return KINDS[3], twin
    return (KINDS[0], "") if one.used else (KINDS[4], "")


def _partner(one: Importance, codes: dict[str, npt.NDArray[np.int64]], y: Floats) -> str:
    """The column together with which it explains clearly more than either does alone."""
    mine = codes[one.column]
    best, gain = "", TOGETHER
    for name, other in codes.items():
        if name != one.column:
            more = explained(mine * (int(other.max(initial=0)) + 1) + other, y) - max(one.association, explained(other, y))
            if more > gain:
                best, gain = name, more
    return best


def _sentence(one: Importance, kind: str, partner: str) -> str:
    if kind == KINDS[1]:
        unknown = "it matters together with several others, or what it says was learned by heart, or it stands for something that is not in the table"
        because = f"it matters together with {partner}" if partner else unknown
        return f"{one.column} is used, and by itself says almost nothing about the target: {because}."
    if kind == KINDS[2]:
        because = f"{partner} says the same" if partner else "other columns together say the same"
        return f"{one.column} by itself says much about the target ({one.association:.0%} of it), and the version does without it: {because}. It is not unimportant in the world."
    if kind == KINDS[3]:
        return f"{one.column} and {partner} say nearly the same and divide their importance: neither figure is what both are worth."
    return ""
