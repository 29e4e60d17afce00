"""Learns a plan from a training table: what every column is, and what is to be predicted."""

from __future__ import annotations

import difflib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from assayline.errors import MisuseError

from .blocks import Floats, block, distinct, moments
from .column import LIST_PARTS, PARTS, Column, words_of
from .labels import NO, YES, label, shown, truth_words
from .numbertext import LEADING_ZERO, NumberStyle, learned_style, number
from .plan import Plan
from .problem import Problem
from .recognising import Source, matched_names
from .timetext import LOOKS, TimeStyle, learned_order, micros

FEW_LABELS = 254  # categories with a code of their own: LightGBM bins a column into at most 255
MOST_SEEN = 10_000  # rare categories remembered as seen; beyond that the plan would weigh more than the model
RARE = 5  # rows: fewer say nothing about a category that a model could use (in tables above 1,000 rows; see `_least`)
NUMBERS = 0.5  # share of the filled cells that read as numbers, above which a text column is one
CODES = 0.005  # share of digits with leading zeros above which a column holds codes and no numbers (as in assayline.measures)
DEEPEST = 3  # fields inside fields that are followed
MOST_FIELDS = 64  # fields of one nested column
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
    left_out = {problem.target, *problem.drop}
    columns: list[Column] = []
    unused: list[tuple[str, str]] = [(name, "the problem drops it") for name in sorted(problem.drop) if name in table.columns]
    sources: list[Source] = []
    for name in sorted(table.columns):
        series = table.get_column(name)
        sources.append(Source(name, str(series.dtype), name not in problem.drop))
        if name in left_out:
            continue
        made = _learned_columns(series)
        if not made:
            unused.append((name, "it is empty" if _is_empty(series) else "it holds one value only"))
        columns += made
    plan = Plan(
        problem=problem, task=task, classes=classes, class_keys=keys, class_counts=counts, columns=tuple(columns), sources=tuple(sources),
        target_style=style, unused=tuple(unused), rows=table.height,
    )  # fmt: skip
    return _timed(plan, table)


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
    values, rows = distinct(series)
    counts = np.bincount(rows, minlength=len(values)) if len(values) else np.zeros(0, dtype=np.int64)
    there = [(value, int(count)) for value, count in zip(values, counts, strict=True) if value is not None and value == value]
    return sorted(there, key=lambda one: (-one[1], str(one[0])))


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
    counts = _tallied_labels(values)
    style = learned_style([(value, count) for value, count in values if isinstance(value, str)])
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
    return min(keys, key=lambda key: (counts[key], key))


# ---- what a column is


def _is_empty(series: pl.Series) -> bool:
    return series.null_count() == len(series) or not _tallied_labels(_tallied(series))


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
    values = _tallied(series)
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
    wordy = [(value, count) for value, count in values if math.isnan(number(value, read))]
    numeric = total - _tallied_labels(wordy).total()
    zeros = sum(count for value, count in texts if LEADING_ZERO.match(value.strip()) and value.strip().isdigit())
    if numeric > NUMBERS * total and zeros <= CODES * total:
        words = _tallied_labels(wordy)
        found = _if_varied([Column(name, "number", path, number=read)], series)
        return found + ([_coded(Column(name, "word", path, number=read), words, total)] if words.total() > 0.01 * total else [])
    lengthy = sum(len(found[1]) * count for found, count in ((words_of(value), count) for value, count in values) if found) / total
    if len(counts) > FEW_LABELS and lengthy >= 4 and len(counts) > 0.3 * total:
        return _learned_words(series, path)
    if len(counts) == 1 and total == len(series):
        return []
    found = [_coded(Column(name, "code", path), counts, total)]
    if len(counts) > FEW_LABELS:
        found.append(Column(name, "hash", path))
    return found


def _least(total: int) -> int:
    """Rows that a category needs for a code of its own."""
    return min(RARE, 1 + total // 250)


def _coded(column: Column, counts: Counter[str], total: int) -> Column:
    ranked = _ranked(counts)
    kept = [one for one in ranked[:FEW_LABELS] if counts[one] >= _least(total)]
    return replace(column, labels=tuple(kept), rare=tuple(ranked[len(kept) : MOST_SEEN]))


def _learned_words(series: pl.Series, path: tuple[str, ...]) -> list[Column]:
    return [Column(series.name, "text", path)]


def _timed(plan: Plan, table: pl.DataFrame) -> Plan:
    """The plan with the column that orders the rows: the named one, if it holds moments."""
    name = plan.problem.time
    if not name:
        return plan
    column = next((column for column in plan.columns if column.name == name and column.reading == "time"), None)
    return replace(plan, time=name, time_style=column.time if column else TimeStyle())
