"""A second table turned into features of the first: what each thing did in the days before each row's moment, and never after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from assayline.errors import MisuseError

from .blocks import Floats, Integers, block, distinct, moments
from .column import Column
from .labels import label
from .learning import columns_of, time_style
from .numbertext import NumberStyle
from .problem import span
from .recognising import matched_names
from .timetext import DAY, TimeStyle

MOST_PAIRS = 4_000_000  # rows of the windows held at once: 100 MB
MOST_COLUMNS = 24  # columns of the other table that are summed up


@dataclass(frozen=True)
class Link:
    """How a second table is summed up for the rows of a first one: learned once, applied to any later pair of tables.

    Args:
        name: what the features are called after.
        on: the key, in both tables.
        time: the moment of the first table's rows, or "" to sum up everything.
        other_time: the moment of the second table's rows.
        windows: how far back each feature looks, such as "7d".
        numbers: the columns of the second table that are added up, with how their numbers are written.
        labels: the columns of the second table whose different values are counted.
        style, other_style: how the moments of both tables are written.
    """

    name: str
    on: tuple[str, ...]
    time: str
    other_time: str
    windows: tuple[str, ...]
    numbers: tuple[Column, ...]
    labels: tuple[str, ...]
    style: TimeStyle
    other_style: TimeStyle

    def to_json(self) -> dict[str, Any]:
        """The link as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Link:
        """Read what `to_json` wrote."""
        numbers = tuple(Column(one["name"], "number", number=NumberStyle(**one["number"])) for one in document["numbers"])
        return cls(
            document["name"], tuple(document["on"]), document["time"], document["other_time"], tuple(document["windows"]), numbers, tuple(document["labels"]),
            TimeStyle(**document["style"]), TimeStyle(**document["other_style"]),
        )  # fmt: skip

    def apply(self, main: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
        """The first table with the features of the second: see `link`."""
        keys, other_keys = _shared_keys(main, other, self.on)
        other_names = matched_names([self.other_time, *self.labels, *(column.name for column in self.numbers)], other.columns)
        if self.time:
            when, known = _moments(main, matched_names([self.time], main.columns).get(self.time, ""), self.style)
            other_when, other_known = _moments(other, other_names.get(self.other_time, ""), self.other_style)
        else:
            when, known = np.ones(main.height, dtype=np.int64), np.ones(main.height, dtype=np.bool_)
            other_when, other_known = np.zeros(other.height, dtype=np.int64), np.ones(other.height, dtype=np.bool_)
        at = np.flatnonzero(other_known & (other_keys >= 0))
        numbers = [_numbers(column, other, other_names) for column in self.numbers]
        # Rows of one key and moment in the order of their values: the order of the table changes nothing.
        place = at[np.lexsort((*(np.nan_to_num(one[at], nan=-np.inf) for one in reversed(numbers)), other_when[at], other_keys[at]))]
        times = np.unique(other_when[place])
        width = len(times) + 1
        stands = other_keys[place] * width + np.searchsorted(times, other_when[place])
        asked = known & (keys >= 0)
        end = np.where(asked, np.searchsorted(stands, keys * width + np.searchsorted(times, when)), 0)
        begin_of_all = np.where(asked, np.searchsorted(stands, keys * width), 0)
        codes = [_codes(other, other_names.get(name, ""))[place] for name in self.labels]
        before = [_previous(other_keys[place], one) for one in codes]
        made: dict[str, Floats] = {}
        for window in self.windows if self.time else ("",):
            since = np.searchsorted(times, when - span(window)[0]) if window else None
            begin = begin_of_all if since is None else np.minimum(np.where(asked, np.searchsorted(stands, keys * width + since), 0), end)
            shown = f"{self.name}:{{}} in {window}" if window else f"{self.name}:{{}}"
            made[shown.format("count")] = np.where(asked, end - begin, np.nan)
            for column, values in zip(self.numbers, numbers, strict=True):
                total, count = _sums(values[place], begin, end)
                made[shown.format(f"sum of {column.name}")] = np.where(asked, total, np.nan)
                made[shown.format(f"mean of {column.name}")] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
            for name, one, earlier in zip(self.labels, codes, before, strict=True):
                made[shown.format(f"different {name}")] = np.where(asked, _different(one, earlier, begin, end), np.nan)
        some = end > begin_of_all
        last = np.maximum(end - 1, 0)
        if len(place):
            for column, values in zip(self.numbers, numbers, strict=True):
                made[f"{self.name}:last {column.name}"] = np.where(some, values[place][last], np.nan)
            if self.time:
                made[f"{self.name}:days since"] = np.where(some, (when - other_when[place][last]) / DAY, np.nan)
        else:
            made.update({f"{self.name}:last {column.name}": np.full(main.height, np.nan) for column in self.numbers})
            if self.time:
                made[f"{self.name}:days since"] = np.full(main.height, np.nan)
        return main.with_columns([pl.Series(name, values, nan_to_null=True) for name, values in made.items()])


def link(
    main: pl.DataFrame, other: pl.DataFrame, *, on: str | Sequence[str], time: str = "", other_time: str = "", windows: Sequence[str] = ("7d", "30d"), name: str = "linked",
) -> tuple[pl.DataFrame, Link]:  # fmt: skip
    """Features of each row of a table from the rows of another table with the same key, strictly before the row's moment.

    Args:
        main: the table that gets the features.
        other: the table that is summed up: transactions, visits, readings.
        on: the column, or columns, that both have.
        time: the column of main with the moment of each row; without it everything is summed up, whenever it was.
        other_time: the column of other with its moments; by default the one called as `time`.
        windows: how far back to look; a window of 7 days ends just before the moment and begins 7 days earlier, that moment included.
        name: what the features are called after.

    Returns:
        The table with features added (count, sum, mean, last, number of different labels, days since the last one; null where the key or the moment is
        unknown, and sums of 0 where nothing happened), and the link, whose `apply` does the same with later tables.

    Raises:
        MisuseError: a column that was named is not there, or a window is no length of time.

    >>> days = pl.DataFrame({"who": ["a", "a"], "day": ["2026-01-10", "2026-02-01"]})
    >>> bought = pl.DataFrame({"who": ["a", "a", "a"], "day": ["2026-01-09", "2026-01-10", "2026-01-30"], "amount": [5.0, 7.0, 1.0]})
    >>> link(days, bought, on="who", time="day", windows=("7d",), name="bought")[0]["bought:sum of amount in 7d"].to_list()
    [5.0, 1.0]
    """
    keys = (on,) if isinstance(on, str) else tuple(on)
    other_time = other_time or time
    for table, asked, what in ((main, [*keys, *([time] if time else [])], "first"), (other, [*keys, *([other_time] if time else [])], "second")):
        there = matched_names(asked, table.columns)
        for one in asked:
            if one not in there:
                raise MisuseError(f"the {what} table has no column {one!r}; it has {', '.join(map(repr, table.columns[:20])) or 'none'}")
    for window in windows:
        if not span(window)[0]:
            raise MisuseError(f"the window {window!r} counts rows: give a length of time such as '7d'")
    named = matched_names([*keys, other_time], other.columns)
    columns = [column for column in columns_of(other, set(named.values())) if not column.path][:MOST_COLUMNS]
    made = Link(
        name, keys, time, other_time if time else "", tuple(windows), tuple(Column(one.name, "number", number=one.number) for one in columns if one.reading in ("number", "truth")),
        tuple(one.name for one in columns if one.reading == "code"),
        time_style(main.get_column(matched_names([time], main.columns)[time])) if time else TimeStyle(),
        time_style(other.get_column(named[other_time])) if time else TimeStyle(),
    )  # fmt: skip
    return made.apply(main, other), made


def _shared_keys(main: pl.DataFrame, other: pl.DataFrame, on: Sequence[str]) -> tuple[Integers, Integers]:
    """The key of each row of both tables as one number, the same for the same key; -1 where part of it is unknown."""
    made = [np.zeros(main.height, dtype=np.int64), np.zeros(other.height, dtype=np.int64)]
    for name in on:
        codes: dict[str | None, int] = {}
        parts = []
        for table in (main, other):
            found = matched_names([name], table.columns).get(name, "")
            values, rows = distinct(table.get_column(found)) if found else ([None], np.zeros(table.height, dtype=np.int64))
            ours = np.array([-1 if (one := label(value)) is None else codes.setdefault(one, len(codes)) for value in values], dtype=np.int64)
            parts.append(ours[rows] if len(values) else np.zeros(0, dtype=np.int64))
        joined = [np.where((old >= 0) & (part >= 0), old * (len(codes) + 1) + part, -1) for old, part in zip(made, parts, strict=True)]
        different, place = np.unique(np.concatenate(joined), return_inverse=True)
        place = place.astype(np.int64) - int(len(different) > 0 and different[0] == -1)
        made = [place[: main.height], place[main.height :]]
    return made[0], made[1]


def _moments(table: pl.DataFrame, name: str, style: TimeStyle) -> tuple[Integers, Any]:
    if not name or table[name].dtype == pl.Null:
        return np.zeros(table.height, dtype=np.int64), np.zeros(table.height, dtype=np.bool_)
    return moments(table.get_column(name), style)


def _numbers(column: Column, other: pl.DataFrame, names: Mapping[str, str]) -> Floats:
    return block(column, other.get_column(names[column.name]))[:, 0] if column.name in names else np.full(other.height, np.nan)


def _codes(other: pl.DataFrame, name: str) -> Integers:
    if not name:
        return np.full(other.height, -1, dtype=np.int64)
    values, rows = distinct(other.get_column(name))
    codes: dict[str, int] = {}
    ours = np.array([-1 if (one := label(value)) is None else codes.setdefault(one, len(codes)) for value in values], dtype=np.int64)
    return ours[rows] if len(values) else np.zeros(0, dtype=np.int64)


def _previous(keys: Integers, codes: Integers) -> Integers:
    """For each row the place of the row before it with the same key and label; -1 for the first."""
    made = np.full(len(keys), -1, dtype=np.int64)
    order = np.lexsort((np.arange(len(keys)), codes, keys))
    same = (keys[order][1:] == keys[order][:-1]) & (codes[order][1:] == codes[order][:-1])
    made[order[1:][same]] = order[:-1][same]
    return made


def _sums(values: Floats, begin: Integers, end: Integers) -> tuple[Floats, Floats]:
    """The sum and the number of known values from begin to end, each row's window added up on its own: no rounding from other rows."""
    known = ~np.isnan(values)
    total, count = np.zeros(len(begin)), np.zeros(len(begin))
    order = np.argsort(begin, kind="stable")  # what lies between two windows is added up too, and is short only in this order
    order = order[(end > begin)[order]]
    if len(order):
        ends = np.stack((begin[order], end[order]), axis=1).reshape(-1)
        total[order] = np.add.reduceat(np.append(np.where(known, values, 0.0), 0.0), ends)[::2]
        count[order] = np.add.reduceat(np.append(known.astype(np.float64), 0.0), ends)[::2]
    return total, count


def _different(codes: Integers, earlier: Integers, begin: Integers, end: Integers) -> Floats:
    """How many different labels stand from begin to end: those whose row before lies in front of the window."""
    made = np.zeros(len(begin))
    sizes = end - begin
    cuts = np.searchsorted(np.cumsum(sizes), np.arange(MOST_PAIRS, int(sizes.sum()) + MOST_PAIRS, MOST_PAIRS))
    first = 0
    for last in [*(int(cut) + 1 for cut in cuts), len(begin)]:
        last = min(last, len(begin))
        if last > first:
            ours = sizes[first:last]
            rows = np.repeat(np.arange(last - first), ours)
            at = np.arange(len(rows)) - np.repeat(np.cumsum(ours) - ours, ours) + begin[first:last][rows]
            new = (earlier[at] < begin[first:last][rows]) & (codes[at] >= 0)
            made[first:last] = np.bincount(rows[new], minlength=last - first)
            first = last
    return made
