"""A lot of before in the place of a lot of now: moved in time so that what it is joined with meets it, or taken over column by column where its keys are others."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl

from ..typed_text import TIME, times

DAY, HOUR = 86_400.0, 3_600.0
TORN = 0.5  # of how long the lot of before lasted
LIKE = 0.2  # of the shift: how far another column of times may be off and still be one of the same rows
# How texts write times; the first that gives every text back as it was is taken.
FORMATS = (
    "%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.fZ", "%Y%m%d", "%Y/%m/%d", "%Y/%m/%d %H:%M:%S", "%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d/%m/%Y", "%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%d-%m-%Y", "%d-%m-%Y %H:%M:%S",
)  # fmt: skip
MOST_NUMBERS_ABSENT = 0.1  # of the filled cells, in a column of text that holds numbers
LEAST_GROUP = 10  # rows of a key, in both lots: then ranks are compared inside of it
PARTNERS = 0.9  # of the rows of now have one row of before with the same key and moved time: values are then taken from it


@dataclass(frozen=True)
class Span:
    """When the rows of a lot happened: the early, the middle and the late ones, in seconds since 1970 (UTC) or in the units of a column of numbers."""

    early: float
    middle: float
    late: float
    numbers: bool = False

    def since(self, before: Span) -> tuple[float, float, float]:
        """How much later the early, the middle and the late rows are than those of another lot."""
        return self.early - before.early, self.middle - before.middle, self.late - before.late


def span_of(column: pl.Series) -> Span | None:
    """When the rows of a lot happened; None where the column says no time."""
    found = _as_time(column)
    if found is not None:
        values = found.drop_nulls().dt.epoch("us").cast(pl.Float64) / 1e6
        numbers = False
    elif column.dtype.is_numeric():
        values, numbers = column.drop_nulls().cast(pl.Float64).drop_nans(), True
    else:
        return None
    if values.is_empty():
        return None
    early, middle, late = (float(values.quantile(one, "nearest") or 0.0) for one in (0.02, 0.5, 0.98))
    return Span(early, middle, late, numbers)


def shift_between(now: Span | None, before: Span | None, rhythm: float | None = None) -> float:
    """By how much a lot is moved to take the place of another: whole days, else whole hours, else as it is.

    The middle of what its early, middle and late rows say, so that some times that are wrong do not decide; where the times of now cannot be read, are those of a broken clock, or
    say nothing like it, the rhythm of the flow does.

    Args:
        now: of the lot whose place is taken.
        before: of the lot that takes it.
        rhythm: the usual distance of the two, from the lots before; None where it is not known.

    >>> shift_between(Span(86_400 * 7, 86_400 * 7, 86_400 * 7 + 7_200), Span(0, 0, 0))
    604800.0
    >>> stuck = Span(86_400, 93_600, 93_600)  # it stopped at two o'clock
    >>> shift_between(stuck, Span(0, 43_200, 82_800), rhythm=86_400.0)
    86400.0
    """
    if now is None or before is None or now.numbers != before.numbers:
        return _whole(rhythm or 0.0, numbers=before is not None and before.numbers)
    found = sorted(now.since(before))[1]
    if rhythm and (is_torn(now, before) or (abs(found - rhythm) > abs(rhythm) / 2 and found != 0)):
        found = rhythm
    return _whole(found, numbers=now.numbers)


def is_torn(now: Span, before: Span) -> bool:
    """Whether a lot lasts much less or much longer than another: its clock stood still or jumped, or a part of it is missing, and the middle of its times says nothing of when it came.

    >>> is_torn(Span(86_400, 93_600, 93_600), Span(0, 43_200, 82_800)), is_torn(Span(86_400, 130_000, 165_000), Span(0, 43_200, 82_800))
    (True, False)
    """
    lasts, lasted = now.late - now.early, before.late - before.early
    return abs(lasts - lasted) > TORN * lasted


def _whole(shift: float, *, numbers: bool) -> float:
    """What is joined on times meets only after a move by whole days or hours."""
    if numbers:
        return float(round(shift))
    for unit in (DAY, HOUR):
        if abs(shift) >= unit * 0.75:
            return round(shift / unit) * unit
    return shift


def moved(frame: pl.DataFrame, by: float, time: str, now: pl.DataFrame | None = None) -> pl.DataFrame:
    """The rows with their times moved; so are the other columns of times that run along with them.

    Args:
        frame: the lot of before.
        by: seconds, or units of a column of numbers.
        time: the column that says when a row happened.
        now: the lot whose place is taken: another column is moved if it is as much later there.

    >>> moved(pl.DataFrame({"day": ["2026-05-01"]}), 86_400.0, "day")["day"].to_list()
    ['2026-05-02']
    """
    if not by or time not in frame.columns:
        return frame
    names = [time, *(one for one in frame.columns if one != time and now is not None and one in now.columns and _runs_along(frame[one], now[one], by))]
    return frame.with_columns(moved_by(frame[one], by) for one in names)


def _runs_along(before: pl.Series, now: pl.Series, by: float) -> bool:
    if before.dtype.is_numeric():
        return False  # a number that grew by as much is no time for that
    then, there = span_of(before), span_of(now)
    if then is None or there is None:
        return False
    return all(
        abs(later - earlier - by) <= LIKE * abs(by)
        for later, earlier in ((there.early, then.early), (there.middle, then.middle), (there.late, then.late))
    )


def moved_by(column: pl.Series, by: float) -> pl.Series:
    """A column of times, or of numbers that count time, so much later (s, or units of the column); texts keep the form they are written in.

    >>> moved_by(pl.Series("day", ["2026-05-02"]), -86_400.0).to_list()
    ['2026-05-01']
    """
    if column.dtype.is_numeric():
        return (column + (int(by) if column.dtype.is_integer() else by)).cast(column.dtype, strict=False)
    step = timedelta(seconds=by)
    if column.dtype == pl.Date:
        return column + timedelta(days=round(by / DAY))
    if isinstance(column.dtype, pl.Datetime):
        return (column + step).cast(column.dtype)
    written = _format_of(column)
    found = _as_time(column) if written is None else column.str.to_datetime(written, strict=False, time_unit="us")
    if found is None:
        return column
    later = (found + step).dt.to_string(written or "iso")
    return pl.DataFrame({"later": later, "old": column}).select(pl.coalesce("later", "old")).to_series().alias(column.name)


def _format_of(column: pl.Series) -> str | None:
    """How all texts of a column write a time, or None. Where day and month can be either, rows of one lot are taken to be near each other."""
    texts = column.drop_nulls()
    few = texts.head(64)
    fitting = [one for one in FORMATS if _gives_back(few, one)]
    fitting = [one for one in fitting if _gives_back(texts, one)] if len(texts) > len(few) else fitting
    return min(fitting, key=lambda one: _days(texts, one), default=None)


def _days(texts: pl.Series, written: str) -> float:
    found = texts.str.to_datetime(written, strict=False, time_unit="us").dt.epoch("s")
    return float(found.max() or 0) - float(found.min() or 0)  # type: ignore[arg-type]  # of a column of numbers


def _gives_back(texts: pl.Series, written: str) -> bool:
    try:
        found = texts.str.to_datetime(written, strict=False, time_unit="us")
        return not texts.is_empty() and bool((found.dt.to_string(written) == texts).fill_null(value=False).all())
    except pl.exceptions.PolarsError:
        return False


def _as_time(column: pl.Series) -> pl.Series | None:
    """A column as times without a zone, in UTC; None where most of its filled cells say none."""
    if column.dtype == pl.Date:
        return column.cast(TIME)
    if isinstance(column.dtype, pl.Datetime):
        return (column.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if column.dtype.time_zone else column).cast(TIME)
    if column.dtype != pl.String:
        return None
    written = _format_of(column)
    found = column.str.to_datetime(written, strict=False, time_unit="us") if written is not None else times(column)
    filled = column.len() - column.null_count()
    return found if filled and found.len() - found.null_count() > filled / 2 else None


# -- column by column --------------------------------------------------------------------------------------------------


def columns_of_before(
    now: pl.DataFrame, before: pl.DataFrame, columns: Collection[str], key: Sequence[str] = (), time: str = ""
) -> pl.DataFrame:
    """The rows of now, in which some columns are as they were before.

    Where nearly every row of now has one row of before with the same key and time (which is moved already), it gets that row's values. Else each column gets the values of before by
    rank, inside each key where that has enough rows: the lowest tenth those of the lowest tenth; a column of categories keeps as many values as before had of them. A column that
    only before had is added, one that only now has is left out.

    Args:
        now: the lot whose rows stay.
        before: the lot whose values are taken, moved in time.
        columns: which.
        key: columns that say what a row is about.
        time: the column that says when it happened, or "".
    """
    if before.is_empty() or now.is_empty():
        return now
    wanted = [one for one in columns if one in now.columns or one in before.columns]
    rows = _partners(now, before, [*key, *([time] if time else [])])
    made = now.drop(one for one in wanted if one not in before.columns)
    for name in wanted:
        if name not in before.columns:
            continue
        series = now[name] if name in now.columns else None
        values = before[name].gather(rows).alias(name) if rows is not None else _by_key(name, series, now, before, key)
        made = made.with_columns(values)
    return made


def _partners(now: pl.DataFrame, before: pl.DataFrame, on: Sequence[str]) -> pl.Series | None:
    """For each row of now the row of before with the same values; None where too few have exactly one."""
    if not on or any(one not in frame.columns for one in on for frame in (now, before)):
        return None
    left = now.select(pl.col(one).cast(pl.String) for one in on).with_row_index("row")
    right = before.select(pl.col(one).cast(pl.String) for one in on).with_row_index("partner")
    right = right.filter(pl.struct(on).is_unique())
    found = left.join(right, on=on, how="left", maintain_order="left")["partner"]
    if found.len() != now.height or found.null_count() > (1 - PARTNERS) * now.height:
        return None
    spare = _random(now.height, "spare") % before.height
    return found.fill_null(pl.Series(spare).cast(found.dtype))


def _by_key(name: str, series: pl.Series | None, now: pl.DataFrame, before: pl.DataFrame, key: Sequence[str]) -> pl.Series:
    values = series if series is not None else pl.Series(name, [None] * now.height, dtype=before.schema[name])
    shared = [one for one in key if one in now.columns and one in before.columns]
    rows = np.zeros(now.height, dtype=np.int64)
    for mine, theirs in _groups(now, before, shared):
        rows[mine] = theirs[_taken(values.gather(mine), before[name].gather(theirs), name)]
    return before[name].gather(rows).alias(name)


def _groups(now: pl.DataFrame, before: pl.DataFrame, key: Sequence[str]) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    """Rows of now and rows of before whose ranks are compared: those of one key where both have enough, and the others among all."""
    everything = np.arange(before.height)
    if not key:
        return [(np.arange(now.height), everything)]
    mine, theirs = (
        frame.select(pl.concat_str([pl.col(one).cast(pl.String).fill_null("") for one in key], separator="\0")).to_series()
        for frame in (now, before)
    )
    inside, groups = np.zeros(now.height, dtype=bool), []
    there = {str(value): rows.to_numpy() for value, rows in _rows_by(theirs)}
    for value, rows in _rows_by(mine):
        if len(rows) >= LEAST_GROUP and len(there.get(str(value), ())) >= LEAST_GROUP:
            groups.append((rows.to_numpy(), there[str(value)]))
            inside[rows.to_numpy()] = True
    return [*groups, (np.flatnonzero(~inside), everything)] if not inside.all() else groups


def _rows_by(values: pl.Series) -> Iterable[tuple[str, pl.Series]]:
    grouped = pl.DataFrame({"value": values}).with_row_index("row").group_by("value", maintain_order=True).agg("row")
    return zip(grouped["value"].to_list(), grouped["row"], strict=True)


def _taken(now: pl.Series, before: pl.Series, name: str) -> np.ndarray:
    """For each value of now the place in before whose value it gets."""
    ordered = _numbers(before)
    if ordered is None:
        return _same_categories(now, before, name)
    mine = _numbers(now, loosely=True)
    mine = mine if mine is not None else np.full(now.len(), np.nan)
    chance = _random(now.len(), name)
    filled, absent = np.flatnonzero(~np.isnan(ordered)), np.flatnonzero(np.isnan(ordered))
    nulls = round(now.len() * len(absent) / before.len())
    empty = np.lexsort((chance, now.is_not_null().to_numpy()))[
        :nulls
    ]  # cells that are empty now stay so, as far as there were as many before
    rest = np.setdiff1d(np.arange(now.len()), empty)
    found = np.zeros(now.len(), dtype=np.int64)
    if nulls:
        found[empty] = absent[np.arange(nulls) % len(absent)]
    if len(rest) and len(filled):
        known = ~np.isnan(mine[rest])
        level = np.empty(now.len())
        for rows, order in ((rest[known], mine), (rest[~known], chance)):  # what is no number now gets any of before's
            level[rows[np.lexsort((chance[rows], order[rows]))]] = (np.arange(len(rows)) + 0.5) / max(1, len(rows))
        sorted_rows = filled[np.argsort(ordered[filled], kind="stable")]
        found[rest] = sorted_rows[np.minimum((level[rest] * len(sorted_rows)).astype(np.int64), len(sorted_rows) - 1)]
    return found


def _same_categories(now: pl.Series, before: pl.Series, name: str) -> np.ndarray:
    """As many of each value as before had, and each row keeps its value as long as there are some of it left."""
    texts, theirs = now.cast(pl.String).to_list(), before.cast(pl.String).to_list()
    places: dict[str | None, list[int]] = {}
    for place, value in enumerate(theirs):
        places.setdefault(value, []).append(place)
    share = now.len() / before.len()
    exact = {value: len(several) * share for value, several in places.items()}
    room = {value: math.floor(count) for value, count in exact.items()}
    for value in sorted(exact, key=lambda one: room[one] - exact[one])[: now.len() - sum(room.values())]:
        room[value] += 1
    found, left = np.full(now.len(), -1, dtype=np.int64), []
    for row in np.argsort(_random(now.len(), name)):
        value = texts[row]
        if room.get(value, 0) > 0:
            room[value] -= 1
            found[row] = places[value][0]
        else:
            left.append(int(row))
    spare = [places[value][0] for value, count in room.items() for _ in range(count)]
    found[left] = spare[: len(left)]
    return found


def _numbers(column: pl.Series, *, loosely: bool = False) -> np.ndarray | None:
    """A column as numbers that can be put in order, with NaN for none; None for one of categories."""
    found = _as_time(column)
    if found is not None:
        values = found.dt.epoch("us").cast(pl.Float64)
    elif column.dtype.is_numeric():
        values = column.cast(pl.Float64)
    elif column.dtype == pl.String:
        values = column.cast(pl.Float64, strict=False)
        filled = column.len() - column.null_count()
        if not loosely and filled - (column.len() - values.null_count()) > MOST_NUMBERS_ABSENT * filled:
            return None
    else:
        return None
    return values.fill_null(float("nan")).to_numpy().astype(np.float64)


def _random(rows: int, name: str) -> np.ndarray:
    """Numbers that are the same for the same rows and name, in each process."""
    seed = int.from_bytes(name.encode("utf-8", "surrogatepass")[:16].ljust(16, b"\0"), "big")
    return np.random.default_rng(seed).permutation(rows) + 1


def meets(now: pl.DataFrame, before: pl.DataFrame, others: Sequence[pl.DataFrame], time: Collection[str]) -> list[str]:
    """The columns by which rows of now meet rows of other flows and those of before do not: their values are new in each lot.

    Args:
        now: the lot whose place would be taken.
        before: the lot that would take it.
        others: tables of the other flows it may be joined with.
        time: columns of times; they are moved.
    """
    lost = []
    for name in now.columns:
        if name in time or name not in before.columns:
            continue
        for other in others:
            if name not in other.columns:
                continue
            known = other[name].cast(pl.String).unique()
            share, earlier = (_share_in(frame[name], known) for frame in (now, before))
            if share > 0 and earlier < share / 2:
                lost.append(name)
                break
    return lost


def _share_in(column: pl.Series, known: pl.Series) -> float:
    values = column.cast(pl.String).drop_nulls()
    return int(values.is_in(known.implode()).sum()) / values.len() if values.len() else 0.0
