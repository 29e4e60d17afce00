"""Developers' records that are still in the data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from assayline.core import Cell, Finding, Past, Profile
from assayline.measures import Block, Characters, Tally, tally

from .recognising.screening import reads_throughout

# Nobody is called so, nothing is called so.
SURE = (
    r"^(?i)\s*(asdf\w*|qwert[yz]\w*|foobar|foo[ _-]?bar|lorem ipsum.*|test[ _-]?(user|account|customer|record|data|order|product|entry|client|name|person)"
    r"s?[ _-]?\d*|dummy[ _-]?(user|account|customer|record|data|order|product|entry|value)?s?[ _-]?\d*|(do not use|delete me|please ignore).*|max mustermann"
    r"|erika mustermann|(test|tester|testing|foo|bar|asdf|dummy|qwerty)\d*@\S+\.\S+|\S+@(test|foo|asdf|dummy|mailinator)\.\S+)\s*$"
)
# Said of records that are no test too; counts when two columns of a row agree.
HINT = (
    r"^(?i)\s*(test(ing|er)?\d*|foo|bar|baz|xxx+|zzz+|aaa+|abc ?123|n\.?n\.?|fake|sample|example|(john|jane) (doe|smith)|\S+@example\.(com|org|net)"
    r"|\+?1?[ .-]?\(?555\)?[ .-]?01\d\d|.*\b555[ .-]?01\d\d|1234567890?|0{7,}|1{7,}|9{7,}|4111 ?1111 ?1111 ?1111|123 (fake|main|test) st(reet)?\.?)\s*$"
)
# One of these stands in every text that the two patterns know; found much faster.
STEMS = ["test", "asdf", "qwert", "foo", "lorem", "dummy", "do not use", "delete me", "ignore", "mustermann", "bar", "baz", "xxx", "zzz", "aaa", "abc", "nn",
         "n.", "fake", "sample", "example", "doe", "smith", "555", "123456789", "0000000", "1111", "9999999", "123 ", "mailinator"]  # fmt: skip
CUSTOM = 0.05  # share of the rows above which a word is part of the data ("test" beside "train")


@dataclass(frozen=True)
class TestRows:
    """Accuses the test-like cells of rows that have a sure one, or hints in two columns.

    Args:
        sure: columns in which sure words are rare.
        hint: columns in which hints are rare.
    """

    sure: tuple[str, ...]
    hint: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.sure, *self.hint)))

    def fresh(self) -> TestRows:
        return self

    def __call__(self, block: Block, /) -> Sequence[Cell]:
        hits: dict[str, np.ndarray] = {}
        sure = np.zeros(block.rows, dtype=np.int64)
        hints = np.zeros(block.rows, dtype=np.int64)
        for name in self.columns:
            series = block.column(name).series
            if series.dtype != pl.String:
                continue
            hit = np.zeros(block.rows, dtype=np.bool_)
            if name in self.sure:
                certain = series.str.contains(SURE).fill_null(False).to_numpy()
                sure += certain
                hit |= certain
            if name in self.hint:
                maybe = series.str.contains(HINT).fill_null(False).to_numpy()
                hints += maybe & ~hit
                hit = hit | maybe
            hits[name] = hit
        rows = np.flatnonzero((sure >= 1) | (hints >= 2))
        cells = []
        for row in rows.tolist():
            confidence = 0.95 if sure[row] + hints[row] >= 2 else 0.8
            for name, hit in hits.items():
                if hit[row]:
                    cells.append(Cell(block.start + row, name, confidence, block.column(name).series[row]))
        return cells


class TestRecords:
    """Finds rows such as (test, asdf, foo@test.com).

    Reads:    `values` or the row sample.
    Finds:    "test_records" for the table; evidence `sure_rows`, `hint_columns`.
    Silent:   on a single hint in a row, and on words that stand in more than a twentieth of the rows.
    Source:   word list from practice; docs/detectors/test_records.md.

    >>> from assayline.measures import profile
    >>> frame = pl.DataFrame({"name": ["Ada", "Grace"] * 20 + ["asdf"], "mail": ["a@x.org", "g@y.org"] * 20 + ["test@test.com"]})
    >>> [finding.columns for finding in TestRecords()(profile(frame), Past())]
    [('name', 'mail')]
    """

    codes = ("test_records",)
    __test__ = False  # not a test class, whatever pytest thinks

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        sure: dict[str, int] = {}
        hint: dict[str, int] = {}
        named: list[str] = []
        for column in profile.all_of(Characters):
            if reads_throughout(profile, column):
                continue
            found = tally(profile, column)
            if found.total < 3:
                continue
            likely = found.values.str.contains_any(STEMS, ascii_case_insensitive=True).to_numpy()
            if not likely.any():
                continue
            found = Tally(found.values.filter(pl.Series(likely)), found.counts[likely], found.exact)
            total = tally(profile, column).total
            for words, where in ((SURE, sure), (HINT, hint)):
                seen = found.values.str.contains(words).to_numpy()
                rows = int(found.counts[seen].sum())
                if rows and (rows <= CUSTOM * total or (rows <= 3 and total >= 10)):
                    where[column] = rows
                    if words is SURE:
                        named.extend(found.values.filter(pl.Series(seen)).head(2).to_list())
        if not sure and len(hint) < 2:
            return
        columns = tuple(dict.fromkeys((*sure, *hint)))
        rows = max([*sure.values(), *hint.values()])
        examples = ", ".join(repr(value[:30]) for value in named[:3])
        yield Finding(
            "test_records", columns,
            f"About {rows:,} rows look like test records: {examples or 'words such as test or foo in two columns of a row'}.",
            severity=0.6, evidence={"sure_rows": max(sure.values(), default=0), "hint_columns": len(hint)},
            suggestion="take them out, and keep test systems away from this data", locate=TestRows(tuple(sure), tuple(hint)),
        )  # fmt: skip
