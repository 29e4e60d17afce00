"""What a row knows of its own past, and the target that lies ahead of it: point in time, per key.

A row stands at its moment. It knows its own values and those of earlier rows of its key; nothing later. With a horizon the target is taken from the row
that lies the horizon ahead; where there is none, the row has no label.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from .blocks import Floats, Integers, distinct, moments
from .labels import label
from .problem import span
from .timetext import DAY

if TYPE_CHECKING:
    from .plan import Plan

BACK = (0, 1, 2, 3)  # rows back: the value now, and enough to see a trend and its change
MEANS = (3, 7, 28)  # rows: short, a week and four weeks of daily rows
SEASONS = (("hour", DAY // 24), ("day", DAY), ("week", 7 * DAY), ("year", 364 * DAY))  # 364 days: the same day of the week
LEAST_SEASONS = 2  # of a season that the training table must cover, or nothing could be learned from it


@dataclass(frozen=True)
class Lag:
    """A value of the target in earlier rows of the same key, as a feature.

    Args:
        column: the target.
        name: the name of the feature.
        kind: "back" (that many rows ago), "mean" (of that many rows, this one included) or "season" (whole seasons before the moment that is predicted).
        rows: how many rows, for "back" and "mean".
        micros: for "season", how far behind the row's own moment the value lies, in microseconds.
    """

    column: str
    name: str
    kind: str
    rows: int = 0
    micros: int = 0


def learned_lags(target: str, horizon: str, moments_seen: Integers, keys: Integers) -> tuple[Lag, ...]:
    """The features from the past that a training table can fill.

    Args:
        target: the column to be predicted.
        horizon: how far ahead.
        moments_seen: microseconds, one a row.
        keys: the number of each row's key.
    """
    if len(moments_seen) < 2:
        return ()
    place = np.lexsort((moments_seen, keys))
    steps = np.diff(moments_seen[place])[np.diff(keys[place]) == 0]
    steps = steps[steps > 0]
    if not len(steps):
        return ()
    step = int(np.median(steps))
    ahead_micros, ahead_rows = span(horizon)
    ahead_micros = ahead_micros or ahead_rows * step
    width = int(moments_seen.max() - moments_seen.min())
    made = [Lag(target, f"{target}:now" if back == 0 else f"{target}:{back} back", "back", back) for back in BACK]
    made += [Lag(target, f"{target}:mean of {rows}", "mean", rows) for rows in MEANS]
    for name, season in SEASONS:
        if step < season and width >= LEAST_SEASONS * season:
            behind = -(-ahead_micros // season) * season - ahead_micros  # whole seasons before the moment predicted, and not after now
            if behind:
                made.append(Lag(target, f"{target}:same time of the last {name}", "season", micros=behind))
    return tuple(made)


def keyed(plan: Plan, table: pl.DataFrame, names: Mapping[str, str]) -> Integers:
    """A number for the key of each row; all 0 without a key."""
    made = np.zeros(table.height, dtype=np.int64)
    for key in plan.problem.keys:
        if key not in names:
            continue
        values, rows = distinct(table.get_column(names[key]))
        codes: dict[str | None, int] = {}
        ours = np.array([codes.setdefault(label(value), len(codes)) for value in values], dtype=np.int64)
        made = np.unique(made * (len(codes) + 1) + ours[rows], return_inverse=True)[1].astype(np.int64) if len(values) else made
    return made


def times(plan: Plan, table: pl.DataFrame, names: Mapping[str, str]) -> tuple[Integers, npt.NDArray[np.bool_]]:
    """The moment of each row in microseconds, and which rows have one."""
    name = names.get(plan.time, "")
    if not plan.time or not name or table[name].dtype == pl.Null:
        return np.zeros(table.height, dtype=np.int64), np.zeros(table.height, dtype=np.bool_)
    return moments(table.get_column(name), plan.time_style)


def ahead(plan: Plan, table: pl.DataFrame, own: Floats) -> Floats:
    """The target that lies the horizon ahead of each row, of the same key; NaN where no row is there.

    A horizon in time takes the row nearest to that moment, at most a tenth of the horizon away; one in rows counts the rows of the key in order.
    """
    names = plan.names_in(table)
    keys = keyed(plan, table, names)
    when, known = times(plan, table, names)
    micros, rows = span(plan.problem.horizon)
    made = np.full(table.height, np.nan)
    at = np.flatnonzero(known)
    place = at[np.lexsort((when[at], keys[at]))]
    if rows:
        if len(place) > rows:
            same = keys[place[rows:]] == keys[place[:-rows]]
            made[place[:-rows][same]] = own[place[rows:][same]]
        return made
    frame = pl.DataFrame({"k": keys[place], "t": when[place], "y": own[place], "i": place})
    there = frame.filter(pl.col("y").is_not_nan()).group_by("k", "t").agg(pl.col("y").mean()).sort("t")
    asked = frame.select("k", "i", t=pl.col("t") + micros).sort("t")
    if not there.height or not asked.height:
        return made
    found = asked.join_asof(there, on="t", by="k", strategy="nearest", tolerance=max(1, micros // 10), check_sortedness=False)
    made[found["i"].to_numpy()] = found["y"].fill_null(np.nan).to_numpy()
    if plan.task != "regression":  # two rows of one moment that differ have no common class
        made = np.where(made == np.round(made), made, np.nan)
    return made


def lag_block(plan: Plan, table: pl.DataFrame, names: Mapping[str, str]) -> Floats:
    """The features from the past for every row: shape (rows, lags); a row without a moment has none."""
    made = np.full((table.height, len(plan.lags)), np.nan)
    name = names.get(plan.problem.target, "")
    if not name or not table.height:
        return made
    own = plan.own_target(table.get_column(name))
    keys = keyed(plan, table, names)
    when, known = times(plan, table, names)
    at = np.flatnonzero(known)
    # Rows of one key and moment stand in an order of their values, so that the order of the table changes nothing.
    place = at[np.lexsort((np.nan_to_num(own[at], nan=-np.inf), when[at], keys[at]))]
    values, ours = own[place], keys[place]
    moments_there = pl.DataFrame({"k": ours, "t": when[place], "y": values}).filter(pl.col("y").is_not_nan()).group_by("k", "t").agg(pl.col("y").max())
    for column, lag in enumerate(plan.lags):
        if lag.kind == "season":
            asked = pl.DataFrame({"k": ours, "t": when[place] - lag.micros})
            found = asked.join(moments_there, on=["k", "t"], how="left", maintain_order="left")["y"]
            made[place, column] = found.fill_null(np.nan).to_numpy()
        elif lag.kind == "back":
            made[place, column] = _back(values, ours, lag.rows)
        else:
            total, count = np.zeros(len(place)), np.zeros(len(place))
            for back in range(lag.rows):
                one = _back(values, ours, back)
                total += np.where(np.isnan(one), 0.0, one)
                count += ~np.isnan(one)
            made[place, column] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return made


def _back(values: Floats, keys: Integers, rows: int) -> Floats:
    made = np.full(len(values), np.nan)
    if rows == 0:
        return values.copy()
    if len(values) > rows:
        same = keys[rows:] == keys[:-rows]
        made[rows:][same] = values[:-rows][same]
    return made


@dataclass(frozen=True)
class PastRows:
    """Earlier rows by key, for the features of single rows.

    Args:
        moments: by key, the moments in order.
        values: by key, the target at each of them.
    """

    moments: Mapping[tuple[str | None, ...], list[int]]
    values: Mapping[tuple[str | None, ...], list[float]]

    def features(self, lags: tuple[Lag, ...], key: tuple[str | None, ...], moment: int | None, now: float) -> list[float]:
        """What a row of this key at this moment knows; `now` is its own target, NaN if it is not known yet."""
        if moment is None:
            return [math.nan] * len(lags)
        all_moments, all_values = self.moments.get(key, []), self.values.get(key, [])
        end = bisect_right(all_moments, moment)
        made = []
        for lag in lags:
            if lag.kind == "season":
                made.append(self._at(all_moments, all_values, moment - lag.micros))
            elif lag.kind == "back":
                made.append(now if lag.rows == 0 else all_values[end - lag.rows] if end >= lag.rows else math.nan)
            else:
                recent = [now, *reversed(all_values[max(0, end - lag.rows + 1) : end])]
                known = [value for value in recent if value == value]
                total = 0.0
                for value in known:  # in the order of `lag_block`, so that the last bit is the same
                    total += value
                made.append(total / len(known) if known else math.nan)
        return made

    @staticmethod
    def _at(moments: list[int], values: list[float], moment: int) -> float:
        end = bisect_right(moments, moment)
        found = math.nan
        while end and moments[end - 1] == moment:
            end -= 1
            found = values[end] if math.isnan(found) else max(found, values[end] if values[end] == values[end] else found)
        return found


def past_rows(plan: Plan, table: pl.DataFrame) -> PastRows:
    """The rows of a table, arranged so that single rows can look back on them."""
    names = plan.names_in(table)
    when, known = times(plan, table, names)
    name = names.get(plan.problem.target, "")
    own = plan.own_target(table.get_column(name)) if name else np.full(table.height, np.nan)
    keys = [[label(value) for value in table.get_column(names[key]).to_list()] if key in names else [None] * table.height for key in plan.problem.keys]
    found_moments: dict[tuple[str | None, ...], list[int]] = {}
    found_values: dict[tuple[str | None, ...], list[float]] = {}
    at = np.flatnonzero(known)
    for row in at[np.lexsort((np.nan_to_num(own[at], nan=-np.inf), when[at]))].tolist():
        key = tuple(column[row] for column in keys)
        found_moments.setdefault(key, []).append(int(when[row]))
        found_values.setdefault(key, []).append(float(own[row]))
    return PastRows(found_moments, found_values)
