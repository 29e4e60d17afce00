"""Rows that reading itself accuses: collected while the file is cut, found again when rows are split off."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from assayline.core import Cell, Finding

EXAMPLES = 5  # as many as a finding may carry
SHOWN = 200  # characters of a broken line that are quoted: enough to recognise it


@dataclass(frozen=True)
class NamedCells:
    """A locator that knows its cells already, because they cannot be found by looking at values.

    >>> NamedCells((3, 9), ("*", "*"), 0.9).rows
    (3, 9)
    """

    rows: tuple[int, ...]
    names: tuple[str, ...]
    confidence: float
    values: dict[int, str] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """None is needed: the rows are known by number."""
        return ()

    def fresh(self) -> NamedCells:
        """Itself: it remembers nothing between blocks."""
        return self

    def __call__(self, block: Any, /) -> Sequence[Cell]:
        """The accused cells among the rows of this block."""
        low, high = bisect_left(self.rows, block.start), bisect_left(self.rows, block.start + block.rows)
        return [Cell(self.rows[at], self.names[at], self.confidence, self.values.get(self.rows[at])) for at in range(low, high)]


@dataclass
class Trouble:
    """All rows of one kind of trouble."""

    rows: list[tuple[int, str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    texts: dict[int, str] = field(default_factory=dict)
    extra: dict[str, float | str] = field(default_factory=dict)

    def line_list(self) -> str:
        """ "lines 4, 8" with at most five of them."""
        shown = ", ".join(str(line) for line in self.lines[:EXAMPLES])
        more = len(self.rows) - min(len(self.lines), EXAMPLES)
        return f"{'line' if len(self.rows) == 1 else 'lines'} {shown}{f' and {more} more' if more > 0 else ''}"


class Accused:
    """What went wrong in which rows, by kind; safe to fill from several threads, emptied by a new pass."""

    def __init__(self) -> None:
        self.kinds: dict[str, Trouble] = {}
        self._lock = threading.Lock()

    def add(self, kind: str, row: int, line: int | None = None, text: str | None = None, column: str = "*") -> None:
        """Accuses one row, or one cell of it."""
        with self._lock:
            trouble = self.kinds.setdefault(kind, Trouble())
            trouble.rows.append((row, column))
            if line is not None and len(trouble.lines) < 50:
                trouble.lines.append(line)
            if text is not None and len(trouble.texts) < EXAMPLES:
                trouble.texts[row] = text[:SHOWN]

    def note(self, kind: str, **extra: float | str) -> None:
        """Adds numbers to a kind; the first value of each name stays."""
        with self._lock:
            trouble = self.kinds.setdefault(kind, Trouble())
            for name, value in extra.items():
                trouble.extra.setdefault(name, value)

    def count(self, kind: str, **extra: float) -> None:
        """Adds up numbers of a kind."""
        with self._lock:
            trouble = self.kinds.setdefault(kind, Trouble())
            for name, value in extra.items():
                trouble.extra[name] = float(trouble.extra.get(name, 0.0)) + value

    def get(self, kind: str) -> Trouble | None:
        """What is known of a kind, or None."""
        return self.kinds.get(kind)

    def finding(
        self,
        kind: str,
        code: str,
        sentence: str,
        severity: float,
        *,
        confidence: float = 0.9,
        suggestion: str = "",
        columns: tuple[str, ...] = (),
    ) -> Finding:
        """The finding of a kind, with its rows, examples and locator."""
        trouble = self.kinds[kind]
        cells = sorted(set(trouble.rows))
        values = trouble.texts
        locate = NamedCells(tuple(row for row, _ in cells), tuple(column for _, column in cells), confidence, values)
        evidence: dict[str, float | str] = {"rows": len({row for row, _ in cells})} | trouble.extra
        if trouble.lines:
            evidence["first_line"] = min(trouble.lines)
        return Finding(
            code,
            columns,
            sentence,
            severity,
            rows=len({row for row, _ in cells}),
            evidence=evidence,
            suggestion=suggestion,
            locate=locate,
            exact_rows=True,
            examples=tuple(Cell(row, column, confidence, values.get(row)) for row, column in cells[:EXAMPLES]),
        )
