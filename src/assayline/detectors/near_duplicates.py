"""Rows that differ from another row by a letter or two."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from assayline.core import Cell, Finding, Past, Profile
from assayline.measures import Block, Plan, Sample, natures
from assayline.measures.block import Column

from .recognising.keystrokes import distance, means_nothing

MOST_ROWS = 20_000
MOST_COLUMNS = 40
LEAST_COLUMNS = 4  # with fewer, the columns that must agree do not single a row out
COLUMNS_LOOKED_AT = 12
LEAST_LENGTH = 5  # shorter texts have honest neighbours
MOST_PAIRS = 0.05  # share of the rows with a partner above which the other columns do not name a row
KEYSTROKES = 2
FREQUENT = 3  # rows from which a value is one of its own


@dataclass(frozen=True)
class Rows:
    """Accuses known rows, in the column in which they differ."""

    column: str
    twins: dict[int, tuple[str, str]]  # row -> what stands there, what the other row has

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def fresh(self) -> Rows:
        return self

    def __call__(self, block: Block, /) -> Sequence[Cell]:
        return [
            Cell(row, self.column, 0.6, own, other)
            for row, (own, other) in self.twins.items() if block.start <= row < block.start + block.rows
        ]  # fmt: skip


class NearDuplicates:
    """Finds rows that agree in every column but one, in which they differ by at most two keystrokes.

    Reads:    the row sample, `distinct`.
    Finds:    "near_duplicates" per column; evidence `pairs`.
    Silent:   in tables of fewer than four columns, beyond 20,000 rows, where the other columns do not single
              rows out, and on numbers.
    Source:   blocking on all attributes but one (Hernández and Stolfo 1998).

    >>> from assayline.measures import profile
    >>> n = 60
    >>> frame = pl.DataFrame({"name": [f"Client {chr(65 + i % 26)}{i * 7919}" for i in range(n)], "born": [f"19{i:02}-05-04" for i in range(n)],
    ...     "town": [f"T{i % 9}" for i in range(n)], "sum": [i * 1.37 for i in range(n)]})
    >>> twin = frame[7].with_columns(name=pl.lit("Cleint H55433"))
    >>> [finding.columns for finding in NearDuplicates()(profile(pl.concat([frame, twin])), Past())]
    [('name',)]
    """

    codes = ("near_duplicates",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        sample = profile.of(None, Sample)
        if sample is None or not sample.exact or not 10 <= sample.rows <= MOST_ROWS:
            return
        every = natures(profile)
        names = [name for name, nature in every.items() if nature.kind not in ("empty", "nested") and name in sample.frame.columns]
        keys = {name for name in names if every[name].kind == "identifier"}
        texts = [name for name in names if every[name].kind in ("text", "category") and name not in keys and every[name].meaning not in ("code", "uuid")]
        others = [name for name in names if name not in keys]
        if len(others) < LEAST_COLUMNS or len(names) > MOST_COLUMNS:
            return
        plan = Plan()
        hashed: dict[str, np.ndarray] = {}
        for name in others:
            series = sample.frame.get_column(name)
            odd = np.uint64((zlib.crc32(name.encode("utf-8", "surrogateescape")) << 32 | 0x9E3779B9) | 1)
            hashed[name] = (Column(series, _text_plan(name), 0, plan).hashes ^ odd) * odd
        total = np.sum(list(hashed.values()), axis=0, dtype=np.uint64)
        texts.sort(key=lambda name: (-every[name].distinct, name))
        for name in texts[:COLUMNS_LOOKED_AT]:
            finding = _in_column(sample, name, total - hashed[name], hashed[name])
            if finding is not None:
                yield finding


def _text_plan(name: str):  # type: ignore[no-untyped-def]  # one line; the type is ColumnPlan
    from assayline.measures import ColumnPlan

    return ColumnPlan(name, "text")


def _in_column(sample: Sample, name: str, rest: np.ndarray, own: np.ndarray) -> Finding | None:
    order = np.argsort(rest, kind="stable")
    same = (rest[order][1:] == rest[order][:-1]) & (own[order][1:] != own[order][:-1])
    pairs = np.flatnonzero(same)
    if not len(pairs) or len(pairs) > max(2, MOST_PAIRS * len(rest)):
        return None
    series = sample.frame.get_column(name)
    if series.dtype != pl.String:
        return None
    counts = dict(series.drop_nulls().value_counts(name="n").iter_rows())
    twins: dict[int, tuple[str, str]] = {}
    for at in pairs.tolist():
        a, b = int(order[at]), int(order[at + 1])
        one, other = series[a], series[b]
        if one is None or other is None or min(len(one), len(other)) < LEAST_LENGTH or max(len(one), len(other)) > 200:
            continue
        if distance(one, other, KEYSTROKES) > KEYSTROKES or any(c.isdigit() for c in _differing(one, other)):
            continue
        if means_nothing(one, other) or min(counts[one], counts[other]) >= FREQUENT:
            continue
        if (counts[one], -a) > (counts[other], -b):  # the rarer spelling, else the later row, is the copy
            a, b, one, other = b, a, other, one
        twins[int(sample.numbers[a])] = (one, other)
    if not twins:
        return None
    row = min(twins)
    return Finding(
        "near_duplicates", (name,),
        f"{len(twins):,} of {sample.rows:,} rows equal another row in every column but {name}, where they differ by a keystroke or two: "
        f"{twins[row][0][:40]!r} and {twins[row][1][:40]!r}.",
        severity=0.4, rows=len(twins), exact_rows=True, evidence={"pairs": len(twins)}, suggestion="keep one of each pair", locate=Rows(name, twins),
    )  # fmt: skip


def _differing(a: str, b: str) -> str:
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    end = 0
    while end < min(len(a), len(b)) - start and a[-1 - end] == b[-1 - end]:
        end += 1
    return a[start : len(a) - end] + b[start : len(b) - end]
