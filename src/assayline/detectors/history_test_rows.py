"""Rows whose numbers somebody typed to try something out: 0, 1, 123, 999 in one column after the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assayline.core import Cell, Finding
from assayline.measures import Block

from .comparison import Comparison, Floats, View, different
from .foreign import is_test_word
from .suspicion import Suspicion
from .wording import lots, percent

# What hands type into a field for numbers when only the form matters: one key, keys in a row, one key held down.
TYPED = (0.0, 1.0, 2.0, 11.0, 12.0, 42.0, 99.0, 100.0, 111.0, 123.0, 999.0, 1111.0, 1234.0, 9999.0, 12345.0, 99999.0, 123456.0)
MOSTLY = 0.8  # share of the fields of a test row that hold such a number
LEAST_COLUMNS = 2  # one strange number is no test row
PLAIN = 9.0  # nats by which a row must look more like a test than like the past: 8,000 to 1 ...
ABOVE = 1.3  # ... and this many times the most that a row of the past did
ONE_CELL = 6.0  # nats one cell may add: a row needs more than one
STRANGE = 1.0  # nats from which a cell counts as typed


@dataclass(frozen=True)
class Typed:
    """What each cell of a column says for a test row, as the logarithm of a likelihood ratio.

    Args:
        gains: nats of each number of `TYPED`.
        otherwise: nats of any other number.
        word: nats of a word that developers type.
    """

    gains: Mapping[float, float]
    otherwise: float
    word: float

    def of_numbers(self, numbers: Floats) -> Floats:
        found = np.full(len(numbers), self.otherwise)
        found[~np.isfinite(numbers)] = 0.0
        for value, gain in self.gains.items():
            found[numbers == value] = gain
        return found

    @classmethod
    def of(cls, view: View, *, sure: bool = True) -> Typed | None:
        """From the frequencies of the past; None for columns in which nothing would be strange.

        Args:
            view: the column.
            sure: look whether the past has such words even where today has none: then it makes no difference to today's rows.
        """
        rows = view.past.size if view.kind == "number" else int((~view.past_missing).sum())
        if rows < 20 or view.kind not in ("number", "text"):
            return None
        if view.kind == "number":
            past = view.past_rising
            often = np.searchsorted(past, TYPED, side="right") - np.searchsorted(past, TYPED)
            gains = {value: float(np.log(MOSTLY / len(TYPED)) - np.log((n + 0.5) / (len(past) + 1))) for value, n in zip(TYPED, often.tolist(), strict=True)}
            return cls({value: min(gain, ONE_CELL) for value, gain in gains.items()}, float(np.log(1 - MOSTLY)), 0.0)
        if not sure and not any(is_test_word(view.codes[2][code]) for code in different(view.codes[0]).tolist() if code >= 0):
            return cls({}, 0.0, ONE_CELL)
        if any(is_test_word(value) and view.past_counts[code] > 0 for code, value in enumerate(view.codes[2])):
            return None  # the past itself has such words
        return cls({}, 0.0, ONE_CELL)


@dataclass(frozen=True)
class TypedRows:
    """Accuses whole rows that look typed.

    Args:
        tables: column -> what its cells say.
        limit: nats from which a row is accused.
    """

    tables: Mapping[str, Typed]
    limit: float

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.tables)

    def fresh(self) -> TypedRows:
        return self

    def __call__(self, block: Block, /) -> Sequence[Cell]:
        total = np.zeros(block.rows)
        for name, table in self.tables.items():
            column = block.column(name)
            if table.word:
                total += np.array([table.word if value is not None and is_test_word(str(value)) else 0.0 for value in column.series.to_list()])
            elif column.kind == "number":
                typed: Any = column.typed
                total += table.of_numbers(typed.cast(float, strict=False).fill_null(float("nan")).to_numpy())
        return [Cell(block.start + row, "*", 0.8) for row in np.flatnonzero(total > self.limit).tolist()]


class TypedTests:
    """Finds rows in which several columns hold what a developer types: keys in a row, one key held down, "test".

    Reads:    `sample`.
    Finds:    "test_records"; evidence `gain_nats`, `columns`.
    Silent:   about a single column (one number for "nothing" is a placeholder), and where rows of the past look so too.
    Source:   likelihood ratio of each row, frequencies of the past against a typist's; P(ratio > e^x) < e^-x (Markov), and 1.3 times the past's largest.
    """

    finds = ("test_records",)

    def __call__(self, comparison: Comparison, /) -> Iterable[Suspicion]:
        if comparison.thin:
            return
        views = [view for view in comparison.views() if not view.is_key]
        for sure in (False, True):  # the whole past is asked only where today looks strange
            tables = {view.name: table for view in views if (table := Typed.of(view, sure=sure)) is not None}
            if len(tables) < LEAST_COLUMNS:
                return
            now, strange = np.zeros(len(comparison.now_frame)), np.zeros(len(comparison.now_frame), dtype=np.int64)
            each: dict[str, Floats] = {}
            for name, table in tables.items():
                each[name] = _gains(comparison, name, table, today=True)
                now, strange = now + each[name], strange + (each[name] > STRANGE)
            if not ((now > PLAIN) & (strange >= LEAST_COLUMNS)).any():
                return
        past = np.zeros(len(comparison.lot))
        for name, table in tables.items():
            past = past + _gains(comparison, name, table, today=False)
        limit = max(PLAIN, ABOVE * float(past.max(initial=0.0)))
        rows = (now > limit) & (strange >= LEAST_COLUMNS)
        cells = int(rows.sum())
        if not cells:
            return
        columns = tuple(name for name, gain in each.items() if (gain[rows] > STRANGE).any())
        typed = {value for view in views if view.name in columns and view.kind == "number" for value in view.now[rows].tolist() if value in TYPED}
        words = any(tables[name].word for name in columns)
        if len(typed) + 2 * words < LEAST_COLUMNS:
            return  # one and the same number everywhere stands for nothing, and is no test
        p = min(1.0, len(now) * float(np.exp(-(now.max() - max(0.0, limit - PLAIN)))))
        yield Suspicion(Finding(
            "test_records", columns, f"{cells:,} row{'s' if cells > 1 else ''} ({percent(cells / len(now))}) hold what is typed to try something out in "
            f"{len(columns)} columns at once ({', '.join(columns[:3])}{', …' if len(columns) > 3 else ''}); no row of {lots(comparison.lots)} did.",
            severity=0.6, layer="history", rows=cells,
            evidence={"gain_nats": round(float(now.max()), 1), "usual_gain_nats": round(float(past.max(initial=0.0)), 1), "columns": len(columns)},
            suggestion="take them out, and keep test systems away from this data", locate=TypedRows(tables, limit),
            picture={"kind": "share", "value": cells / len(now), "usual": 0.0},
        ), p)  # fmt: skip


def _gains(comparison: Comparison, name: str, table: Typed, *, today: bool) -> Floats:
    view = comparison.view(name)
    assert view is not None
    if not table.word:
        return table.of_numbers(view.now if today else view.past)
    codes, values = view.codes[0] if today else view.codes[1], view.codes[2]
    used = different(codes)
    gain: Floats = np.array([table.word if code >= 0 and is_test_word(values[code]) else 0.0 for code in used.tolist()])
    return gain[np.searchsorted(used, codes)] if len(used) else np.zeros(0)
