"""Learns a plan from a training table: what every column is, and what is to be predicted."""

from __future__ import annotations

import difflib
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace

import numpy as np
import polars as pl

from assayline.errors import MisuseError

from .blocks import Floats, block, distinct, followed_series, moments
from .column import LIST_PARTS, PARTS, Column, words_of
from .labels import NO, YES, label, shown, truth_words
from .lagging import keyed, learned_lags, times
from .leaks import Content, Leak, identifiers, later, of_classes, of_numbers, sums
from .numbertext import LEADING_ZERO, NumberStyle, learned_style, number
from .plan import Plan
from .problem import Problem
from .recognising import DECILES, Source, matched_names
from .timetext import LOOKS, TimeStyle, learned_order, micros
from .typos import spellings

FEW_LABELS = 254  # categories with a code of their own: LightGBM bins a column into at most 255
MOST_SEEN = 10_000  # rare categories remembered as seen; beyond that the plan would weigh more than the model
RARE = 5  # rows: fewer say nothing about a category that a model could use (in tables above 1,000 rows; see `_least`)
SLIPS = 20  # times as frequent as its misspelling must a category be: 5 % is the worst rate of typing errors that our fault table knows
NUMBERS = 0.5  # share of the filled cells that read as numbers, above which a text column is one
CODES = 0.005  # share of digits with leading zeros above which a column holds codes and no numbers (as in assayline.measures)
DEEPEST = 3  # fields inside fields that are followed
MOST_FIELDS = 64  # fields of one nested column
MOST_LOOKED_AT = 4_096  # different values looked at to say what a column holds: a share of one half is then known to ±1.6 %
FEW_WORDS = 0.01  # share of a column of numbers above which its words become a feature of their own
PROSE = 4  # words a cell, from which different texts are prose and no names
MOST_WORDS = 32  # words of a free text with a feature of their own; the rest share `column.BUCKETS`
LEAST_TEXTS = 5  # rows that a word must be in
LEAST_VISITS = 5  # rows per key, from which a model can learn something about a single key
LEAST_DIFFERENT = 5  # different deciles, without which a column of numbers looks like many others
MOST_CLASSES = 256  # labels a classifier can be asked for


def frame(table: pl.DataFrame, problem: Problem, *, seed: int = 0) -> Plan:
    """Learn from a training table how any later table becomes model input.

    Args:
        table: the training rows, typed or all text, as they come.
        problem: what is to be predicted.
        seed: of whatever is drawn at random; the plan does not depend on the order of rows or columns.

    Returns:
        The plan, which does the same for training, testing, single rows and forecasts.

    Raises:
        MisuseError: the table has no column for the target, or a named key or time is missing.

    >>> rows = pl.DataFrame({"size": ["12 kg", "800 g", "?"], "colour": ["red", "Red ", "blue"], "sold": ["yes", "no", "no."]})
    >>> plan = frame(rows, Problem("sold"))
    >>> plan.task, plan.classes, [feature.name for feature in plan.features]
    ('binary', ('no', 'yes'), ['colour', 'size'])
    >>> plan.encode(pl.DataFrame({"SIZE": [3.5], "colour": ["RED"]})).tolist()
    [[0.0, 3.5]]
    """
    problem = _named(table, problem)
    target = table.get_column(problem.target)
    task, classes, keys, counts, style = _learned_target(target, problem.task)
    columns: list[Column] = []
    unused: list[tuple[str, str]] = [(name, "the problem drops it") for name in sorted(problem.drop) if name in table.columns]
    for name in sorted(table.columns):
        if name == problem.target or name in problem.drop:
            continue
        series = table.get_column(name)
        made = _learned_key(series) if name in problem.keys else _learned_columns(series)
        if not made:
            unused.append((name, "it is empty" if _is_empty(series) else "it holds one value only"))
        columns += made
    plan = Plan(
        problem=problem, task=task, classes=classes, class_keys=keys, class_counts=counts, columns=tuple(columns),
        sources=tuple(Source(name, str(table[name].dtype)) for name in sorted(table.columns)), target_style=style, unused=tuple(unused), rows=table.height,
    )  # fmt: skip
    plan = _timed(plan, table)
    contents = {column.shown: content_of(column, followed_series(table, column.name, column.path)) for column in reversed(plan.columns)}
    return _described(_backed(_without_leaks(plan, table, contents), table), contents, table)


def columns_of(table: pl.DataFrame, without: Set[str] = frozenset()) -> tuple[Column, ...]:
    """What the columns of a table hold, without a question asked of them; sorted by name."""
    return tuple(column for name in sorted(table.columns) if name not in without for column in _learned_columns(table.get_column(name)))


def _named(table: pl.DataFrame, problem: Problem) -> Problem:
    """The problem with the names as the table spells them."""
    asked = [problem.target, *problem.keys, *([problem.time] if problem.time else []), *problem.drop]
    found = matched_names(asked, table.columns)
    for role, name in [("target", problem.target), *(("key", key) for key in problem.keys), ("time", problem.time)]:
        if name and name not in found:
            near = difflib.get_close_matches(name, table.columns, 3, 0.5)
            hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"it has {', '.join(map(repr, table.columns[:20])) or 'no columns'}"
            raise MisuseError(f"the table has no column {name!r} for the {role}; {hint}")
    return replace(
        problem, target=found[problem.target], key=tuple(found[key] for key in problem.keys), time=found.get(problem.time, ""),
        drop=tuple(found.get(name, name) for name in problem.drop),
    )  # fmt: skip


def _tallied(series: pl.Series) -> list[tuple[object, int]]:
    """The different values of a column that are there, each with its number of rows; most frequent first, ties by their text."""
    if series.dtype == pl.String:
        table = series.alias("v").drop_nulls().value_counts(name="n").sort(["n", "v"], descending=[True, False])
        return list(zip(table["v"].to_list(), table["n"].to_list(), strict=True))
    values, rows = distinct(series)
    counts = np.bincount(rows, minlength=len(values)) if len(values) else np.zeros(0, dtype=np.int64)
    there = [(value, int(count)) for value, count in zip(values, counts, strict=True) if value is not None and value == value]
    return sorted(there, key=lambda one: (-one[1], str(one[0])))


def _some(values: list[tuple[object, int]]) -> list[tuple[object, int]]:
    """Enough of the different values to say what a column holds, whatever the order of its rows."""
    return values if len(values) <= MOST_LOOKED_AT else values[:: len(values) // MOST_LOOKED_AT]


def _tallied_labels(values: Sequence[tuple[object, int]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for value, count in values:
        one = label(value)
        if one is not None:
            found[one] += count
    return found


def _ranked(counts: Counter[str]) -> list[str]:
    return sorted(counts, key=lambda one: (-counts[one], one))


# ---- what is to be predicted


def _learned_target(series: pl.Series, task: str) -> tuple[str, tuple[str, ...], tuple[str, ...], tuple[int, ...], NumberStyle]:
    values = _tallied(series)
    style = learned_style([(value, count) for value, count in _some(values) if isinstance(value, str)])
    if task == "regression" or (not task and len(values) > MOST_LOOKED_AT and series.dtype.is_numeric()):
        return "regression", (), (), (), style
    counts = _tallied_labels(values)
    task = task or _found_task(values, counts, style)
    if task == "regression":
        return task, (), (), (), style
    keys = sorted(_ranked(counts)[: 2 if task == "binary" else MOST_CLASSES])
    if len(keys) == 2 and _positive(keys, counts) == keys[0]:
        keys.reverse()
    spelled: dict[str, str] = {}
    for value, _ in values:  # most frequent first: the usual spelling
        one = label(value)
        if one is not None:
            spelled.setdefault(one, shown(value))
    return task, tuple(spelled[key] for key in keys), tuple(keys), tuple(counts[key] for key in keys), style


def _found_task(values: Sequence[tuple[object, int]], counts: Counter[str], style: NumberStyle) -> str:
    """Two labels are a binary task; words are classes; numbers are a regression, unless they are 0, 1, 2, … in shares that counts do not have."""
    if not counts:
        return "regression"
    if len(counts) <= 2:
        return "binary"
    numbers: dict[float, int] = {}
    words = 0
    for value, count in values:
        one = number(value, style)
        if math.isnan(one):
            words += count * (label(value) is not None)
        else:
            numbers[one] = numbers.get(one, 0) + count
    total = sum(numbers.values())
    if total < NUMBERS * (total + words) or (words and total < 0.9 * (total + words)):
        return "multiclass"
    consecutive = sorted(numbers) == list(range(len(numbers))) and len(numbers) <= 20
    return "multiclass" if consecutive and min(numbers.values()) * 4 * len(numbers) >= total else "regression"


def _positive(keys: Sequence[str], counts: Counter[str]) -> str:
    yes = [key for key in keys if key in YES]
    no = [key for key in keys if key in NO]
    if len(yes) == 1 and (no or yes[0] not in ("1",)):
        return yes[0]
    if len(no) == 1 and no[0] != "-1":
        return next(key for key in keys if key != no[0])
    return min(keys, key=lambda key: (counts[key], -keys.index(key)))


# ---- what a column is


def _is_empty(series: pl.Series) -> bool:
    return series.null_count() == len(series) or not _tallied_labels(_some(_tallied(series)))


def _learned_columns(series: pl.Series, path: tuple[str, ...] = ()) -> list[Column]:
    """What one column is read as; several for one that holds several things, none for one that tells nothing."""
    name, dtype = series.name, series.dtype
    if series.null_count() == len(series):
        return []
    if isinstance(dtype, pl.Struct):
        if len(path) >= DEEPEST:
            return []
        found: list[Column] = []
        for field in sorted(one.name for one in dtype.fields)[:MOST_FIELDS]:
            found += _learned_columns(series.struct.field(field).alias(name), (*path, field))
        return found
    if isinstance(dtype, (pl.List, pl.Array)):
        return _learned_list(series, path)
    if dtype == pl.Boolean:
        return _if_varied([Column(name, "truth", path)], series)
    if (dtype.is_numeric() or isinstance(dtype, pl.Duration)):
        return _if_varied([Column(name, "number", path)], series)
    if isinstance(dtype, (pl.Datetime, pl.Date)):
        zone = dtype.time_zone or "" if isinstance(dtype, pl.Datetime) else ""
        return _learned_time(series, Column(name, "time", path, time=TimeStyle(zone="" if zone == "UTC" else zone)))
    return _learned_text(series, path)


def _if_varied(columns: list[Column], series: pl.Series) -> list[Column]:
    kept = []
    for column in columns:
        made = block(column, series)[:, 0]
        filled = made[~np.isnan(made)]
        # A number that is there or not tells something even if it is always the same.
        if len(filled) and (filled.min() != filled.max() or len(filled) < len(made)):
            kept.append(column)
    return kept


def _learned_time(series: pl.Series, column: Column) -> list[Column]:
    values, known = moments(series, column.time)
    if not known.any():
        return []
    column = replace(column, parts=PARTS, reference=int(values[known].min()))
    made = block(column, series)
    parts = tuple(part for at, part in enumerate(PARTS) if _varies(made[:, at]))
    if not parts and not known.all():
        parts = ("elapsed_days",)
    return [replace(column, parts=parts)] if parts else []


def _varies(values: Floats) -> bool:
    filled = values[~np.isnan(values)]
    return bool(len(filled)) and bool(filled.min() != filled.max())


def _learned_list(series: pl.Series, path: tuple[str, ...]) -> list[Column]:
    column = Column(series.name, "list", path, parts=LIST_PARTS)
    made = block(column, series)
    parts = tuple(part for at, part in enumerate(LIST_PARTS) if _varies(made[:, at]) or (part == "length" and np.isnan(made[:, at]).any()))
    found = [replace(column, parts=parts)] if parts else []
    if isinstance(series.dtype, (pl.List, pl.Array)) and series.dtype.inner in (pl.String, pl.Categorical):
        found += _learned_words(series, path)
    return found


def _learned_text(series: pl.Series, path: tuple[str, ...]) -> list[Column]:
    """A column of text, or of something that only has a text: a boolean, numbers, times, categories or prose."""
    name = series.name
    every = _tallied(series)
    values = _some(every)
    counts = _tallied_labels(values)
    total = counts.total()
    if not total:
        return []
    if truth_words(set(counts)):
        return _if_varied([Column(name, "truth", path)], series)
    texts = [(value, count) for value, count in values if isinstance(value, str) and label(value) is not None]
    looks = sum(count for value, count in texts if LOOKS.match(value))
    if texts and looks > NUMBERS * total:
        style = TimeStyle(day_first=learned_order(texts))
        if sum(count for value, count in texts if micros(value, style) is not None) > NUMBERS * total:
            return _learned_time(series, Column(name, "time", path, time=style))
    read = learned_style(texts)
    words = _tallied_labels([(value, count) for value, count in values if math.isnan(number(value, read))])
    zeros = sum(count for value, count in texts if LEADING_ZERO.match(value.strip()) and value.strip().isdigit())
    if total - words.total() > NUMBERS * total and zeros <= CODES * total:
        found = _if_varied([Column(name, "number", path, number=read)], series)
        if words.total() > FEW_WORDS * total:
            words = words if every is values else _tallied_labels([(value, count) for value, count in every if math.isnan(number(value, read))])
            found.append(_coded(Column(name, "word", path, number=read), words, len(series) - series.null_count()))
        return found
    lengthy = sum(len(found[1]) * count for found, count in ((words_of(value), count) for value, count in values) if found) / total
    if every is not values:
        counts = _tallied_labels(every)
        total = counts.total()
    if len(counts) > FEW_LABELS and lengthy >= PROSE and len(counts) > 0.3 * total:
        return _learned_words(series, path)
    if len(counts) == 1 and total == len(series):
        return []
    coded = [_coded(Column(name, "code", path), counts, total)]
    if len(counts) > FEW_LABELS:
        coded.append(Column(name, "hash", path))
    return coded


def _least(total: int) -> int:
    """Rows that a category needs for a code of its own."""
    return min(RARE, 1 + total // 250)


def _coded(column: Column, counts: Counter[str], total: int) -> Column:
    ranked = _ranked(counts)
    near = spellings([one for one in ranked[:FEW_LABELS] if counts[one] >= RARE])
    merged: dict[str, str] = {}
    for one in ranked:
        meant = near.meant(one)
        if meant is not None and counts[meant] >= SLIPS * counts[one] and meant not in merged:
            merged[one] = meant
    ranked = [one for one in ranked if one not in merged]
    kept = [one for one in ranked[:FEW_LABELS] if counts[one] >= _least(total)]
    slips = tuple((one, meant) for one, meant in sorted(merged.items()) if meant in kept)[:MOST_SEEN]
    return replace(column, labels=tuple(kept), rare=tuple(ranked[len(kept) : MOST_SEEN]), merged=slips)


def _learned_words(series: pl.Series, path: tuple[str, ...]) -> list[Column]:
    """The words with a feature of their own: those that split the rows best, being neither rare nor everywhere. The target is not asked: no leak."""
    rows: Counter[str] = Counter()
    values, which = distinct(series)
    for value, count in zip(values, np.bincount(which, minlength=len(values)).tolist(), strict=True):
        found = words_of(value)
        if found is not None:
            for word in set(found[1]):
                rows[word] += count
    total = len(series)
    usual = {word: count for word, count in rows.items() if count >= max(LEAST_TEXTS, 0.01 * total) and 0.01 * total <= total - count}
    words = sorted(usual, key=lambda word: (-usual[word] * (total - usual[word]), word))[:MOST_WORDS]
    return [Column(series.name, "text", path, words=tuple(words))] if rows else []


def _learned_key(series: pl.Series) -> list[Column]:
    """A key is a label whatever it is made of: station 7 is not more than station 3."""
    counts = _tallied_labels(_tallied(series))
    return [_coded(Column(series.name, "code"), counts, counts.total())] if len(counts) > 1 else []


# ---- what the columns are to each other


_CLOCK_NAME = re.compile(r"(^|[\W_])(date|time|datetime|timestamp|ts|day|hour|month|week|when|at|moment|period|created|recorded|observed|measured)($|[\W_])", re.I)
_OTHER_NAME = re.compile(r"birth|dob|expir|due|end|until|valid|updated|modified|deleted|closed", re.I)


def _timed(plan: Plan, table: pl.DataFrame) -> Plan:
    """The plan with the column that orders the rows: the named one, or the only column of moments if its name says that it is when the row was."""
    clocks = [column for column in plan.columns if column.reading == "time" and not column.path]
    name = plan.problem.time
    if not name and len(clocks) == 1 and _CLOCK_NAME.search(clocks[0].name) and not _OTHER_NAME.search(clocks[0].name):
        name = clocks[0].name
    column = next((column for column in clocks if column.name == name), None)
    if name and column is None:  # one moment only, or numbers that count something else
        return replace(plan, time=name, time_style=time_style(table.get_column(name)))
    return replace(plan, time=name, time_style=column.time if column else plan.time_style)


def time_style(series: pl.Series) -> TimeStyle:
    """How a column writes its moments."""
    zone = series.dtype.time_zone or "" if isinstance(series.dtype, pl.Datetime) else ""
    return TimeStyle(day_first=learned_order([(value, count) for value, count in _tallied(series) if isinstance(value, str)]), zone="" if zone == "UTC" else zone)


def content_of(column: Column, series: pl.Series) -> Content:
    """A column as the search for leaks sees it."""
    if column.reading in ("number", "truth", "time"):
        if column.reading == "time":
            micros_there, known = moments(series, column.time)
            numbers = np.where(known, micros_there / 1e6, np.nan)
        else:
            numbers = block(column, series)[:, 0]
        filled = ~np.isnan(numbers)
        different, which = np.unique(numbers[filled], return_inverse=True)
        made = np.full(len(series), -1, dtype=np.int64)
        made[filled] = which
        # A moment per row is no identifier, and neither is a measurement.
        whole = column.reading == "number" and not column.number.dimension and bool((numbers[filled] == np.floor(numbers[filled])).all())
        return Content(numbers, made, len(different), whole=whole)
    if column.reading in ("text", "list"):
        return Content(None, np.where(series.is_null().to_numpy(), -1, 0), 1)
    values, rows = distinct(series)
    codes: dict[str, int] = {}
    ours = np.array([-1 if (one := label(value)) is None else codes.setdefault(one, len(codes)) for value in values], dtype=np.int64)
    return Content(None, ours[rows] if len(values) else np.zeros(0, dtype=np.int64), len(codes), words=column.reading == "code")


def _without_leaks(plan: Plan, table: pl.DataFrame, contents: Mapping[str, Content]) -> Plan:
    """The plan without the columns that tell too much, and without keys that never come again."""
    keys = set(plan.problem.keys)
    asked = {name: content for name, content in contents.items() if name not in keys}
    target, groups, order = plan.target(table)[0], plan.groups(table), plan.order(table)
    leaks = identifiers(asked)
    suspicions: list[Leak] = []
    if plan.task == "regression":
        leaks += of_numbers(asked, target)
        leaks += sums(asked, target, [leak.column for leak in leaks])
    else:
        copies, suspicions = of_classes(asked, target, len(plan.class_keys))
        leaks += copies
    leaks += later({name: one for name, one in asked.items() if name not in {leak.column for leak in leaks} and name != plan.time}, _own(plan, table), order, groups)
    first = {leak.column: leak for leak in reversed(leaks)}
    unused = list(plan.unused)
    if keys and not (plan.time and groups is not None and table.height >= LEAST_VISITS * len(np.unique(groups))):
        unused += [(name, "it is the key, and tomorrow's keys are others") for name in sorted(keys & {column.name for column in plan.columns})]
    else:
        keys = set()
    kept = tuple(column for column in plan.columns if column.shown not in first and column.name not in keys)
    return replace(plan, columns=kept, leaks=tuple(first[name] for name in sorted(first)), suspicions=tuple(suspicions), unused=tuple(unused))


def _own(plan: Plan, table: pl.DataFrame) -> Floats:
    return plan.own_target(table.get_column(plan.problem.target))


def _backed(plan: Plan, table: pl.DataFrame) -> Plan:
    """The plan with features that look back, if it has a horizon."""
    if not plan.problem.horizon:
        return plan
    names = plan.names_in(table)
    when, known = times(plan, table, names)
    return replace(plan, lags=learned_lags(plan.problem.target, plan.problem.horizon, when[known], keyed(plan, table, names)[known]))


def _described(plan: Plan, contents: Mapping[str, Content], table: pl.DataFrame) -> Plan:
    """The plan with what each used column looks like, so that it can be found under another name."""
    by_name = {column.shown: column for column in reversed(plan.columns)}
    made = []
    for source in plan.sources:
        column = by_name.get(source.name)
        content = contents.get(source.name)
        if column is None or content is None or source.name in plan.problem.keys:
            made.append(source)
        elif column.reading == "number" and content.numbers is not None and content.different >= LEAST_DIFFERENT:
            deciles = tuple(float(one) for one in np.quantile(content.numbers[~np.isnan(content.numbers)], DECILES))
            made.append(replace(source, findable=len(set(deciles)) >= LEAST_DIFFERENT, deciles=deciles))
        elif column.reading == "code" and content.different <= FEW_LABELS:
            made.append(replace(source, findable=True, labels=column.labels))
        else:
            made.append(replace(source, findable=column.reading == "time", time=column.reading == "time"))
    return replace(plan, sources=tuple(made))
