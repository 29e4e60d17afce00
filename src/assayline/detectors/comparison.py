"""Today's lot beside its past, column by column: what every detector of the history layer looks at.

Exact states (rows, missing cells, row sketches) come from the profiles; the rest is computed on their row samples,
which are the whole table while lots are small. Each view is computed on first use and kept.
"""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.core import Past, Profile, State
from assayline.measures import MISSING_WORDS, Characters, Clock, Counts, Moments, Plan, Rows, Sample, Shapes, stacked
from assayline.measures.block import Column
from assayline.measures.nature import handed_on, kept, kept_for
from assayline.measures.plan import FEW_ROWS, ColumnPlan

from .coding import Coding, Part, Texts

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
T = TypeVar("T")

RECENT_LOTS = 60  # older lots say little more about today; two months of daily lots
CELLS = 1_200_000  # cells of the past looked at in detail: about 0.2 s of work
ROWS_OF_A_LOT = (100, 2_000)  # fewest and most rows of a past lot in detail
ROWS_TODAY = 20_000  # rows of today in detail: a share is known to ±0.7 %
FEW_GROUPS = 40  # a column of more different values is no segment
LEAST_OF_KIND = 0.6  # share of the past lots that must have a column before its absence or presence says something
SEGMENT_TESTS = 400  # pairs of a group and a measure that are tried
MANY_CODES = 5_000  # different values of a column beyond which counting each of them per lot is pointless


class Cells(NamedTuple):
    """The cells of one column of one past lot, read.

    Args:
        part: as text; null where nothing stands.
        numbers: as numbers, NaN where they do not read so.
    """

    part: Part
    numbers: Floats


class View:
    """One column today and in the past.

    Args:
        name: its name.
        plan: how the past read it.
        whole: the plan of the table.
        now, past: the cells as they arrived (today, and all past lots below each other).
        lot: number of the lot of each past row.
        lots: number of past lots.
        empty_words: words the table is known to write for an empty cell.
        profiles: of the past lots; what is read of the cells of one is kept with its profile.
        today: the profile of today's lot, which will be a past lot.
    """

    def __init__(self, name: str, plan: ColumnPlan, whole: Plan, now: pl.Series, past: pl.Series, lot: Ints, lots: int,
                 empty_words: frozenset[str] = frozenset(), profiles: Sequence[Profile] = (), today: Profile | None = None) -> None:  # fmt: skip
        self.name, self.plan, self.lot, self.lots = name, plan, lot, lots
        if now.dtype != past.dtype and now.dtype.is_numeric() and past.dtype.is_numeric():
            now, past = now.cast(pl.Float64), past.cast(pl.Float64)
        self.kept: dict[str, Any] = {}
        self._now, self._past, self._whole, self._empty_words, self._profiles, self._today = now, past, whole, empty_words, profiles, today

    @property
    def kind(self) -> str:
        """What the past takes it for: "number", "time", "text", "boolean", ..."""
        return self.plan.kind

    @cached_property
    def now_text(self) -> pl.Series:
        """Today's cells as text; null where nothing stands."""
        return self._now_read.part.text

    @cached_property
    def _now_read(self) -> Cells:
        if self._today is None or self._now.len() > ROWS_OF_A_LOT[1]:  # more than anybody will look at when it is a past lot
            return self._cells(self._now)
        asked = self._now.len(), self._now.dtype, self.plan, self._empty_words
        return kept_for(self._today, f"cells {self.name}", asked, functools.partial(self._cells, self._now))

    @cached_property
    def past_text(self) -> pl.Series:
        """The cells of the past as text; null where nothing stands."""
        return pl.concat([one.part.text for one in self._read], rechunk=True) if self._read else _texts(self._past, self._empty_words)

    @cached_property
    def _read(self) -> list[Cells]:
        """The cells of each past lot, read once for all the lots that are compared with it."""
        parts = zip(self._profiles, itertools.pairwise(self.bounds), strict=True) if self._profiles else ()
        asked = self._past.dtype, self.plan, self._empty_words
        return [
            kept_for(profile, f"cells {self.name}", (end - begin, *asked), lambda begin=begin, end=end: self._cells(self._past[begin:end]))  # type: ignore[misc]  # mypy knows no defaults of a lambda
            for profile, (begin, end) in parts
            if end > begin
        ]

    def _cells(self, series: pl.Series) -> Cells:
        text = _texts(series, self._empty_words)
        return Cells(Part(text, nulls(text)), self._numbers(series))

    @cached_property
    def now_missing(self) -> npt.NDArray[np.bool_]:
        return self._now_read.part.missing

    @cached_property
    def past_missing(self) -> npt.NDArray[np.bool_]:
        return np.concatenate([one.part.missing for one in self._read]) if self._read else nulls(self.past_text)

    @cached_property
    def past_characters(self) -> Ints:
        """How many characters the texts of the past have; 0 where nothing stands."""
        return np.concatenate([one.part.characters for one in self._read]) if self._read else Part(self.past_text, self.past_missing).characters

    def _numbers(self, series: pl.Series) -> Floats:
        if self.kind not in ("number", "time"):
            return np.full(series.len(), np.nan)
        typed = Column(series, self.plan, 0, self._whole).typed
        if self.kind == "time":
            typed = typed.to_physical()
        values = typed.cast(pl.Float64, strict=False).to_numpy().copy()  # nulls become NaN
        values[~np.isfinite(values)] = np.nan
        return values

    @cached_property
    def now(self) -> Floats:
        """Today's cells as numbers (microseconds since 1970 for times); NaN where they do not read so."""
        return self._now_read.numbers

    @cached_property
    def past(self) -> Floats:
        """The cells of the past as numbers."""
        return np.concatenate([one.numbers for one in self._read]) if self._read else self._numbers(self._past)

    @cached_property
    def now_known(self) -> Floats:
        """Today's numbers, without the cells that are none."""
        return self.now[np.isfinite(self.now)]

    @cached_property
    def past_finite(self) -> npt.NDArray[np.bool_]:
        """Which cells of the past are numbers."""
        return np.isfinite(self.past)

    @cached_property
    def past_known(self) -> Floats:
        """The numbers of the past, without the cells that are none."""
        return self.past[self.past_finite]

    @cached_property
    def past_rising(self) -> Floats:
        """The numbers of the past, smallest first."""
        return np.sort(self.past_known)

    @cached_property
    def past_different(self) -> tuple[Floats, Ints]:
        """The different numbers of the past, smallest first, and how often each stands there."""
        rising = self.past_rising
        begins = np.flatnonzero(np.concatenate(([True], rising[1:] != rising[:-1]))) if len(rising) else np.zeros(0, dtype=np.int64)
        return rising[begins], np.diff(np.append(begins, len(rising)))

    @cached_property
    def past_ranks(self) -> Ints:
        """The rank of each number of the past among the different ones; -1 for none."""
        return ranks(self.past)

    @cached_property
    def lot_ranges(self) -> tuple[Floats, Floats]:
        """The smallest and the largest number of each past lot; inf and -inf where a lot has none."""
        low, high = np.full(self.lots, np.inf), np.full(self.lots, -np.inf)
        begins = np.array(self.bounds)
        filled = np.flatnonzero(np.diff(begins))
        if len(filled):
            low[filled] = np.minimum.reduceat(np.where(self.past_finite, self.past, np.inf), begins[filled])
            high[filled] = np.maximum.reduceat(np.where(self.past_finite, self.past, -np.inf), begins[filled])
        return low, high

    @cached_property
    def past_middle(self) -> float:
        """The median of the numbers of the past; NaN when there are none."""
        count = len(self.past_rising)
        return float((self.past_rising[(count - 1) // 2] + self.past_rising[count // 2]) / 2) if count else float("nan")

    @cached_property
    def now_unreadable(self) -> npt.NDArray[np.bool_]:
        """Today's filled cells that do not read as what the past takes the column for."""
        if self.kind not in ("number", "time"):
            return np.zeros(len(self.now_missing), dtype=np.bool_)
        return np.isnan(self.now) & ~self.now_missing

    @cached_property
    def past_unreadable(self) -> npt.NDArray[np.bool_]:
        if self.kind not in ("number", "time"):
            return np.zeros(len(self.past_missing), dtype=np.bool_)
        return np.isnan(self.past) & ~self.past_missing

    @cached_property
    def _coding(self) -> Coding:
        """The past and then today, numbered; the numbering of the past is handed on to whoever looks at the same column of the next lot."""
        today = self._now_read.part
        if not self._read:
            return Coding.of([Part(self.past_text, self.past_missing), today])
        name, parts = f"coding {self.name}", [one.part for one in self._read]
        before: Coding | None = handed_on(self._profiles, name)
        past = (before.moved(parts) if before is not None else None) or Coding.of(parts)
        kept(self._profiles[-1], name, lambda: past)
        return past.moved([*parts, today]) or Coding.of([*parts, today])

    @cached_property
    def codes(self) -> tuple[Ints, Ints, Sequence[str]]:
        """Today's and the past's cells as numbers of their value (-1: missing), and the values in order."""
        split = len(self.lot)
        return self._coding.numbers[split:], self._coding.numbers[:split], Texts(self._coding.values)

    @property
    def values(self) -> pl.Series:
        """The values of `codes`."""
        return self._coding.values

    def code_of(self, texts: Part) -> Ints:
        """The numbers that `codes` gives to texts; -1 for what stands neither in the past nor today, and for missing ones."""
        return np.where(texts.missing, -1, self._coding.of_hashes(texts.hashes))

    @cached_property
    def tally(self) -> tuple[Ints, Ints] | None:
        """How often each value stands in each past lot (lots x values), and today; None when there are too many values."""
        now, past, values = self.codes
        if len(values) > MANY_CODES:
            return None
        kept = past >= 0
        table = np.bincount(self.lot[kept] * len(values) + past[kept], minlength=self.lots * len(values))
        return table.reshape(self.lots, len(values)), np.bincount(now[now >= 0], minlength=len(values))

    @cached_property
    def pairs(self) -> Ints:
        """Which value stands in which past lot, as `value * lots + lot`, each once and rising."""
        if not self._read:
            _, past, _ = self.codes
            known = past >= 0
            return different(past[known] * self.lots + self.lot[known])
        parts = [one.part for one in self._read]
        begins = np.cumsum([0, *(len(part.missing) for part in parts)])
        rows = np.concatenate([begin + part.firsts for begin, part in zip(begins.tolist(), parts, strict=False)])
        found = self.codes[1][rows] * self.lots + self.lot[rows]
        fits = len(self.codes[2]) * self.lots < 2**31  # half the bits are sorted in half the time
        return np.sort(found.astype(np.int32)).astype(np.int64) if fits else np.sort(found)

    @cached_property
    def past_counts(self) -> Ints:
        """How many past rows hold each value; 0 for those that only today has."""
        past = self.codes[1]
        return np.bincount(past[past >= 0], minlength=len(self.codes[2]))

    @cached_property
    def bounds(self) -> list[int]:
        """Where the rows of each past lot begin, and where the last one ends."""
        return [int(begin) for begin in np.searchsorted(self.lot, np.arange(self.lots + 1))]

    def earlier(self, lot: int) -> View:
        """The same column as it was when a lot of the past was today; what was read of the cells is shared and not read again."""
        begin, end = np.searchsorted(self.lot, [lot, lot + 1]).tolist()
        before = View(self.name, self.plan, self._whole, self._past[begin:end], self._past[:begin], self.lot[:begin], lot, self._empty_words)
        before.__dict__.update(
            now_text=self.past_text[begin:end], now_missing=self.past_missing[begin:end], past_text=self.past_text[:begin],
            past_missing=self.past_missing[:begin], now=self.past[begin:end], past=self.past[:begin], _coding=self._coding.until(end),
        )  # fmt: skip
        return before

    def per_lot(self, mask: npt.NDArray[np.bool_]) -> Ints:
        """How many rows of each past lot a mask over the past holds."""
        return np.bincount(self.lot[mask], minlength=self.lots)

    def each(self, name: str, of: Callable[[Floats], T]) -> list[T]:
        """What a function gives for the numbers of each past lot; kept with the profile of the lot.

        Args:
            name: what it is.
            of: depends on nothing but the numbers.
        """
        parts = itertools.pairwise(self.bounds)
        if not self._profiles:
            return [of(self.past[begin:end]) for begin, end in parts]
        return [
            kept_for(profile, f"{name} of {self.name}", (end - begin, self._past.dtype, self.plan), functools.partial(self._of_part, of, begin, end))
            for profile, (begin, end) in zip(self._profiles, parts, strict=True)
        ]

    def _of_part(self, of: Callable[[Floats], T], begin: int, end: int) -> T:
        return of(self.past[begin:end])

    @cached_property
    def sizes(self) -> Ints:
        """Rows of each past lot that are looked at."""
        return np.bincount(self.lot, minlength=self.lots)

    @cached_property
    def filled_sizes(self) -> Ints:
        return self.per_lot(~self.past_missing)

    @cached_property
    def number_sizes(self) -> Ints:
        return self.per_lot(self.past_finite)

    @cached_property
    def novelty(self) -> tuple[Ints, npt.NDArray[np.bool_]]:
        """How many filled cells of each past lot hold a value no other past lot has, and which of today's are new."""
        now, past, values = self.codes
        kept = past >= 0
        lots_with = np.bincount(self.pairs // self.lots, minlength=len(values))
        alone = kept.copy()
        alone[kept] = lots_with[past[kept]] == 1
        return self.per_lot(alone), (now >= 0) & (lots_with[np.maximum(now, 0)] == 0 if len(values) else now >= 0)

    @cached_property
    def is_closed(self) -> bool:
        """Whether its values repeat from lot to lot: the vocabulary of a category, a code or a key."""
        new, _ = self.novelty
        filled = int(self.filled_sizes.sum())
        return filled >= 30 and float(new.sum()) / filled <= 0.15 and len(self.codes[2]) <= MANY_CODES

    @cached_property
    def is_whole(self) -> bool:
        """Whether the numbers of the past are whole numbers."""
        values = self.past_known
        return self.kind == "number" and len(values) > 0 and bool((values == np.rint(values)).mean() > 0.999)

    @cached_property
    def is_measure(self) -> bool:
        """Whether it is a number one can compute with, not a code or a key."""
        return self.kind == "number" and not self.is_key and not self.is_group_code

    @cached_property
    def is_key(self) -> bool:
        """Whether nearly every value is different and stands for its row."""
        filled = ~self.past_missing
        if filled.sum() < 20 or (self.kind == "number" and not self.is_whole) or self.kind == "time":
            return False
        within = len(self.pairs) / filled.sum()
        return bool(within > 0.999 and np.count_nonzero(self.past_counts) > 0.99 * filled.sum())

    @cached_property
    def is_group_code(self) -> bool:
        """Whether it is a whole number that only names a group: few values, each with its own place in nearly every lot."""
        return self.kind == "number" and self.is_whole and len(self.codes[2]) <= 12

    @cached_property
    def is_group(self) -> bool:
        """Whether the column cuts the table into segments."""
        if self.kind in ("time", "nested", "empty") or (self.kind == "number" and not self.is_whole):
            return False
        _, past, _ = self.codes
        counts = self.past_counts[self.past_counts > 0]
        known = int(counts.sum())
        if not 2 <= len(counts) <= FEW_GROUPS or known < 0.5 * len(past):
            return False
        new, _ = self.novelty
        if self.kind == "number" and not self.is_group_code and len(self.pairs) < 0.8 * len(counts) * self.lots:
            return False  # a measure with few values is no group: groups come with every lot
        return bool(counts.max() < 0.97 * known and new.sum() <= 0.02 * known)


def nulls(texts: pl.Series) -> npt.NDArray[np.bool_]:
    """Where nothing stands."""
    return texts.is_null().to_numpy() if texts.null_count() else np.zeros(texts.len(), dtype=np.bool_)


def different(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The different values, smallest first; for many different ones this takes a thirtieth of the time of `np.unique`, which hashes them."""
    rising = np.sort(values)
    return rising[np.concatenate(([True], rising[1:] != rising[:-1]))] if len(rising) else rising


def ranks(values: Floats) -> Ints:
    """The rank of each number among the different ones, from 0; -1 for none.

    >>> ranks(np.array([7.0, np.nan, 2.0, 7.0])).tolist()
    [1, -1, 0, 1]
    """
    order = np.argsort(values)
    rising = values[order]
    found = np.full(len(values), -1, dtype=np.int64)
    if len(values):
        found[order] = np.cumsum(np.concatenate(([False], rising[1:] != rising[:-1])))
    return np.where(np.isfinite(values), found, -1)


def quantiles(rising: Floats, shares: npt.ArrayLike) -> Floats:
    """The same as `np.quantile` of numbers that are in order already.

    >>> numbers = np.array([1.0, 2.0, 4.0, 8.0])
    >>> bool((quantiles(numbers, [0.0, 0.3, 0.5, 1.0]) == np.quantile(numbers, [0.0, 0.3, 0.5, 1.0])).all())
    True
    """
    place = np.asarray(shares, dtype=np.float64) * (len(rising) - 1)
    below = np.floor(place).astype(np.int64)
    low, high, part = rising[below], rising[np.minimum(below + 1, len(rising) - 1)], place - below
    result: Floats = np.where(part < 0.5, low + (high - low) * part, high - (high - low) * (1 - part))
    return result


def _texts(series: pl.Series, empty_words: frozenset[str]) -> pl.Series:
    if series.dtype != pl.String:
        try:
            series = series.cast(pl.String)
        except pl.exceptions.PolarsError:
            series = pl.Series(series.name, [None if v is None else str(v) for v in series.to_list()], dtype=pl.String)
    few = [value for value in series.to_list() if value is not None] if series.len() <= FEW_ROWS else None
    if few is None or not all(map(str.strip, few)):  # Python strips all that the engine strips, and is faster than calling it
        series = series.to_frame("x").select(pl.when(pl.col("x").str.strip_chars() != "").then(pl.col("x"))).to_series()
    if empty_words and (few is None or not empty_words.isdisjoint(few)):
        said = series.is_in(list(empty_words))
        if said.any():
            series = series.to_frame("x").select(pl.when(~said).then(pl.col("x"))).to_series()
    return series.alias("")


class Comparison:
    """Today's lot beside the recent lots of its past.

    Args:
        today: profile of the lot to judge.
        past: what was released before.
    """

    def __init__(self, today: Profile, past: Past) -> None:
        self.today = today
        recent = past.profiles[-RECENT_LOTS:]
        names = (past.names or tuple(f"lot {i + 1}" for i in range(len(past))))[-RECENT_LOTS:]
        pairs = [(profile, name) for profile, name in zip(recent, names, strict=True) if _rows(profile) > 0]
        self.profiles = tuple(profile for profile, _ in pairs)
        self.names = tuple(name for _, name in pairs)
        self.lots = len(self.profiles)
        self.columns = today.columns
        self.rows = _rows(today)
        self.past_rows = np.array([_rows(profile) for profile in self.profiles], dtype=np.float64)
        self._views: dict[str, View | None] = {}
        self.kept: dict[str, Any] = {}

    def earlier(self, lot: int, names: Collection[str]) -> Comparison:
        """The comparison as it was when a lot of the past was today: with its forerunners only, and in detail with some columns only.

        Args:
            lot: number of the lot in the past, from 0.
            names: the columns to look at in detail.
        """
        before = Comparison(self.profiles[lot], Past(self.profiles[:lot], self.names[:lot]))
        begin, end = np.searchsorted(self.lot, [lot, lot + 1]).tolist()
        before.__dict__.update(
            now_frame=self.pool[begin:end], _pool=(self.pool[:begin], self.lot[:begin]), plan=self.plan, empty_words=self.empty_words,
            shared=tuple(name for name in self.shared if name in names and name in before.columns and name in before.usual_columns),
        )  # fmt: skip
        before._views.update((name, view.earlier(lot)) for name in before.shared if (view := self.view(name)) is not None)
        return before

    @cached_property
    def usual_columns(self) -> tuple[str, ...]:
        """The columns of the last lot that most lots had."""
        if not self.profiles:
            return ()
        need = LEAST_OF_KIND * min(self.lots, 5)
        last = self.profiles[-5:]
        return tuple(name for name in self.profiles[-1].columns if sum(name in profile.columns for profile in last) >= need)

    @cached_property
    def shared(self) -> tuple[str, ...]:
        """Columns there are today and usually."""
        usual = set(self.usual_columns)
        return tuple(name for name in self.columns if name in usual)

    @cached_property
    def now_frame(self) -> pl.DataFrame:
        """Today's rows, at most 20,000, evenly spread."""
        sample = self.today.of(None, Sample)
        return pl.DataFrame() if sample is None else _spread(sample.frame, ROWS_TODAY)

    @cached_property
    def _pool(self) -> tuple[pl.DataFrame, Ints]:
        width = max(1, len(self.usual_columns))
        low, high = ROWS_OF_A_LOT
        share = min(high, max(low, CELLS // width // max(self.lots, 1)))
        frames, lot = [], []
        wanted = list(self.usual_columns)
        for number, profile in enumerate(self.profiles):
            sample = profile.of(None, Sample)
            if sample is None or not sample.frame.height:
                continue
            there = set(sample.frame.columns)
            frame = sample.frame if sample.frame.columns == wanted else sample.frame.select([name for name in wanted if name in there])
            frames.append(_spread(frame, share))
            lot.append(np.full(frames[-1].height, number, dtype=np.int64))
        if not frames:
            return pl.DataFrame(), np.zeros(0, dtype=np.int64)
        same = all(frame.schema == frames[0].schema for frame in frames)
        pool = pl.concat(frames, how="vertical") if same else stacked(tuple(frames))
        return pool, np.concatenate(lot)

    @property
    def lot(self) -> Ints:
        """Number of the lot of each row of the pooled past."""
        return self._pool[1]

    @property
    def pool(self) -> pl.DataFrame:
        """Rows of the past lots below each other, oldest first."""
        return self._pool[0]

    @property
    def in_order(self) -> bool:
        """Whether the rows looked at are all rows, so that neighbours are neighbours."""
        sample = self.today.of(None, Sample)
        if sample is None or not sample.exact or self.now_frame.height != self.rows:
            return False
        return bool((np.bincount(self.lot, minlength=self.lots) == self.past_rows).all())

    @cached_property
    def plan(self) -> Plan:
        """How the past reads its columns."""
        return Plan.of(self.pool, self._text, keyed=False)

    @cached_property
    def _text(self) -> bool:
        for profile in reversed(self.profiles):
            for name in profile.columns:
                moments = profile.of(name, Moments)
                if moments is not None and profile.of(name, Clock) is None and profile.of(name, Shapes) is not None:
                    return True
        return False

    @cached_property
    def empty_words(self) -> frozenset[str]:
        """The words this flow has always written for an empty cell: they stand in columns of numbers or times, in many lots."""
        asked = [name for name, plan in self.plan.columns.items() if plan.kind in ("number", "time") and self.pool.schema[name] == pl.String]
        found: Counter[str] = Counter()
        for profile, (begin, end) in zip(self.profiles, itertools.pairwise(np.searchsorted(self.lot, np.arange(self.lots + 1)).tolist()), strict=True):
            said = (kept_for(profile, f"empty words {name}", end - begin, functools.partial(_said_for_nothing, self.pool, name, begin, end)) for name in asked)
            found.update(frozenset[str]().union(*said))
        return frozenset(word for word, lots in found.items() if lots >= max(2, 0.1 * self.lots))

    def view(self, name: str) -> View | None:
        """A column that both today and the past have, or None."""
        if name not in self._views:
            view = None
            if name in self.now_frame.columns and name in self.pool.columns and self.lots:
                view = View(name, self.plan.columns[name], self.plan, self.now_frame.get_column(name), self.pool.get_column(name), self.lot, self.lots,
                            self.empty_words, self.profiles, self.today)  # fmt: skip
            self._views[name] = view
        return self._views[name]

    def views(self) -> list[View]:
        """All columns that both have, in today's order."""
        found = (self.view(name) for name in self.shared)
        return [view for view in found if view is not None]

    @cached_property
    def measures(self) -> list[View]:
        """The columns one can compute with."""
        return [view for view in self.views() if view.is_measure]

    @cached_property
    def groups(self) -> list[View]:
        """The columns that cut the table into segments."""
        return [view for view in self.views() if view.is_group]

    @cached_property
    def segments(self) -> list[View]:
        """The groups that are looked at one segment at a time: fewer of them in a wide table, so that the cost stays bounded."""
        return self.groups[: min(20, max(4, SEGMENT_TESTS // max(1, len(self.measures))))]

    @cached_property
    def clocks(self) -> list[View]:
        """The columns of times."""
        return [view for view in self.views() if view.kind == "time"]

    @cached_property
    def thin(self) -> bool:
        """Whether there are too few past lots for statistics."""
        return self.lots < 3 or self.rows == 0 or not self.shared

    def counted(self, name: str, kind: type[Counts] | type[Characters], field: str) -> tuple[float, Floats]:
        """A number of a state today and in each past lot."""
        now = self.today.of(name, kind)
        before = [profile.of(name, kind) for profile in self.profiles]
        return _field(now, field), np.array([_field(one, field) for one in before], dtype=np.float64)


def _said_for_nothing(pool: pl.DataFrame, name: str, begin: int, end: int) -> frozenset[str]:
    """Which words for an empty cell stand in some rows of a column of texts."""
    series = pool.get_column(name)[begin:end]
    word = pl.col("x").str.strip_chars().str.to_lowercase().is_in(list(MISSING_WORDS))
    return frozenset(series.to_frame("x").select(pl.col("x").filter(word).unique()).to_series().to_list())


def _field(state: State | None, field: str) -> float:
    return float("nan") if state is None else float(getattr(state, field))


def _rows(profile: Profile) -> int:
    rows = profile.of(None, Rows)
    return rows.n if rows is not None else 0


def _spread(frame: pl.DataFrame, most: int) -> pl.DataFrame:
    if frame.height <= most:
        return frame
    return frame[np.linspace(0, frame.height - 1, most).astype(np.int64)]
