"""Rows whose values stand one column too far to the right or left, or two values in one cell beside an empty one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from assayline.core import Cell, Finding, Past, Profile
from assayline.measures import MISSING_WORDS, Block, Counts, Nature, Sample, kept, natures, tally

from .recognising.numbers import NUMBER

LEAST_ROWS = 20
LEAST_MISFITS = 2  # neighbouring cells that do not fit their own column …
LEAST_BETTER = 2  # … and fit the one beside it
MOST = 0.2  # share of the rows above which the columns are not what they seem
MOST_COLUMNS = 200
FEW = 200  # different values up to which a column's own words tell whether a value fits it
ONE_WORD = 0.7  # share of the rows
GLUED_SHARE = 0.5  # share of the rows with an empty second cell whose first one holds its value
DATE = r"^\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}"


@dataclass(frozen=True)
class Fit:
    """What a value must be to fit a column: a pattern, or one of its words.

    Args:
        pattern: a regular expression; "" when the words decide.
        words: the column's frequent values.
    """

    pattern: str
    words: tuple[str, ...] = ()

    def of(self, series: pl.Series) -> np.ndarray:
        """Which values fit; an empty cell fits anywhere."""
        fits = series.str.contains(self.pattern) if self.pattern else series.is_in(list(self.words))
        return (fits.fill_null(True) if fits.null_count() else fits).to_numpy()


def fits_of(profile: Profile) -> dict[str, Fit]:
    """For every column that has a form or few words, what fits it."""
    return kept(profile, "fits", lambda: {column: fit for column, nature in natures(profile).items() if (fit := _fit(profile, column, nature))})


def _fit(profile: Profile, column: str, nature: Nature) -> Fit | None:
    if not nature.arrives_as_text or nature.filled < LEAST_ROWS:
        return None
    if nature.kind == "number" or (nature.kind == "identifier" and nature.meaning is None):
        return Fit(r"^\s*" + NUMBER.pattern[1:-1] + r"\s*$")
    if nature.kind == "time":
        return Fit(DATE)
    if nature.kind in ("category", "boolean") and nature.distinct <= FEW:
        found = tally(profile, column)
        words = [value for value, rows in zip(found.values.to_list(), found.counts.tolist(), strict=True) if rows >= max(2, 0.005 * found.total)]
        telling = len(words) >= 2 and found.counts[0] <= ONE_WORD * found.total  # where one word stands nearly everywhere, fitting means little
        return Fit("", tuple(words)) if telling and sum(found.counts[: len(words)]) > 0.8 * found.total else None
    return None


@dataclass(frozen=True)
class Shifted:
    """Accuses the cells of rows that fit better one column further on.

    Args:
        names: the columns of the table in order.
        fits: what fits each, where that is known.
    """

    names: tuple[str, ...]
    fits: Mapping[str, Fit]

    @property
    def columns(self) -> tuple[str, ...]:
        return self.names

    def fresh(self) -> Shifted:
        return self

    def __call__(self, block: Block, /) -> Sequence[Cell]:
        cells = []
        for row, start, end, step in shifted_rows(block.frame, self.names, self.fits):
            for at in range(start, end + 1):
                name = self.names[at]
                values = block.frame.get_column(name)
                source = at + step  # where the value that belongs here stands now
                should = block.frame.get_column(self.names[source])[row] if 0 <= source < len(self.names) else None
                cells.append(Cell(block.start + row, name, 0.85, _text(values[row]), _text(should)))
        return cells


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def shifted_rows(frame: pl.DataFrame, names: Sequence[str], fits: Mapping[str, Fit]) -> list[tuple[int, int, int, int]]:
    """Rows with a stretch of cells that stand one column off: (row, first column, last column, where the right value stands).

    >>> frame = pl.DataFrame({"n": ["1", "x"], "name": ["x", "2024-01-02"], "day": ["2024-01-01", "7"]})
    >>> fits = {"n": Fit("^[0-9]+$"), "name": Fit("^[a-z]+$"), "day": Fit("^[0-9]{4}-")}
    >>> shifted_rows(frame, ["n", "name", "day"], fits)
    [(1, 1, 2, -1)]
    """
    misfit = np.zeros((len(names), frame.height), dtype=np.bool_)
    filled = np.zeros((len(names), frame.height), dtype=np.bool_)
    text: list[pl.Series | None] = []
    for at, name in enumerate(names):
        series = frame.get_column(name)
        if series.dtype != pl.String:
            text.append(None)
            continue
        text.append(series)
        filled[at] = series.is_not_null().to_numpy() if series.null_count() else True
        if name in fits:
            misfit[at] = ~fits[name].of(series)
            if misfit[at].any():
                misfit[at] &= ~_says_nothing(series)
    rows = np.flatnonzero(misfit.sum(axis=0) >= LEAST_MISFITS)
    if not len(rows):
        return []
    found = []
    for step in (-1, 1):  # the value that belongs here stands one to the left (-1) or to the right (+1)
        better = np.zeros((len(names), len(rows)), dtype=np.bool_)
        for at, name in enumerate(names):
            source = at + step
            if name not in fits or not 0 <= source < len(names):
                continue
            beside = text[source]
            if beside is not None:
                better[at] = fits[name].of(beside.gather(rows)) & filled[source][rows]
        gained = misfit[:, rows] & better
        for i in np.flatnonzero(gained.sum(axis=0) >= LEAST_BETTER).tolist():
            marked = np.flatnonzero(gained[:, i])
            start, end = int(marked[0]), int(marked[-1])
            between = misfit[start : end + 1, rows[i]] & ~better[start : end + 1, i]
            if not between.any() and len(marked) >= LEAST_BETTER:
                found.append((int(rows[i]), start, end, step))
    unique: dict[int, tuple[int, int, int, int]] = {}
    for one in found:
        best = unique.get(one[0])
        if best is None or one[2] - one[1] > best[2] - best[1]:
            unique[one[0]] = one
    return [unique[row] for row in sorted(unique)]


def _says_nothing(series: pl.Series) -> np.ndarray:
    """Which values are words for "missing": they belong anywhere and nowhere."""
    return series.str.strip_chars().str.to_lowercase().is_in(sorted(MISSING_WORDS)).fill_null(False).to_numpy()


@dataclass(frozen=True)
class Glued:
    """Accuses cells that hold a second value which belongs into the empty cell of another column.

    Args:
        column: where both stand.
        other: the empty one.
        words: its values.
    """

    column: str
    other: str
    words: frozenset[str]

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column, self.other)

    def fresh(self) -> Glued:
        return self

    def __call__(self, block: Block, /) -> Sequence[Cell]:
        first, second = block.frame.get_column(self.column), block.frame.get_column(self.other)
        if first.dtype != pl.String or second.dtype != pl.String:
            return []
        rows = np.flatnonzero((_is_empty(second) & first.is_not_null()).to_numpy())
        cells = []
        for row, value in zip(rows.tolist(), first.gather(rows).to_list(), strict=True):
            head, word = _cut(value)
            if word in self.words and head:
                cells.append(Cell(block.start + row, self.column, 0.95, value, head))
                cells.append(Cell(block.start + row, self.other, 0.95, None, word))
        return cells


def _is_empty(series: pl.Series) -> pl.Series:
    return series.is_null() | (series.str.strip_chars() == "").fill_null(False)


def _cut(value: str) -> tuple[str, str]:
    head, _, word = value.rstrip().rpartition(" ")
    return head.rstrip(" ,;/|"), word


class ShiftedColumns:
    """Finds rows in which a delimiter was lost or won: values stand one column off, or two stand in one cell.

    Reads:    the row sample, `values`, `counts`.
    Finds:    "shifted_columns"; evidence `shifted_rows` or `glued_rows`.
    Silent:   where fewer than two neighbouring cells would fit better beside their column, and in columns without a form.
    Source:   fit of a value to the forms of neighbouring columns; docs/detectors/shifted_columns.md.

    >>> from assayline.measures import profile
    >>> frame = pl.DataFrame({"town": [f"Town {chr(65 + n % 9)}" for n in range(40)], "state": ["OR", "WA"] * 20})
    >>> broken = pl.concat([frame, pl.DataFrame({"town": ["Town A OR", "Town B WA", "Town C OR"], "state": [None] * 3}, schema_overrides={"state": pl.String})])
    >>> [finding.columns for finding in ShiftedColumns()(profile(broken), Past())]
    [('town', 'state')]
    """

    codes = ("shifted_columns",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        sample = profile.of(None, Sample)
        if sample is None or sample.frame.height < LEAST_ROWS:
            return
        names = tuple(name for name in profile.columns if name in sample.frame.columns)
        if 2 <= len(names) <= MOST_COLUMNS:
            fits = fits_of(profile)
            if len(fits) >= LEAST_MISFITS and any(_some_misfit(profile, name, fits) for name in fits):
                found = shifted_rows(sample.frame, names, fits)
                if found and len(found) <= MOST * sample.frame.height:
                    where = sorted({names[at] for _, start, end, _ in found for at in range(start, end + 1)}, key=names.index)
                    yield Finding(
                        "shifted_columns", tuple(where),
                        f"In {len(found):,} of {sample.frame.height:,} rows{'' if sample.exact else ' of a sample'} the values of {', '.join(where[:4])} fit the "
                        "column beside them and not their own.",
                        severity=0.6, evidence={"shifted_rows": len(found)}, suggestion="look for a delimiter that is missing or too many in these lines",
                        locate=Shifted(names, fits),
                    )  # fmt: skip
        yield from _glued(profile, sample, names)


def _some_misfit(profile: Profile, name: str, fits: Mapping[str, Fit]) -> bool:
    counts = profile.of(name, Counts)
    return bool(counts and counts.unparsed) or bool(fits[name].words)


def _glued(profile: Profile, sample: Sample, names: Sequence[str]) -> Iterable[Finding]:
    every = natures(profile)
    for other in names:
        nature, counts = every[other], profile.of(other, Counts)
        if nature.kind != "category" or nature.distinct > FEW or counts is None or not 3 <= counts.rows - counts.filled <= MOST * counts.rows:
            continue
        found = tally(profile, other)
        words = frozenset(value for value in found.values.to_list() if value.strip() and " " not in value)
        if len(words) < 2:
            continue
        series = sample.frame.get_column(other)
        if series.dtype != pl.String:
            continue
        empty = np.flatnonzero(_is_empty(series).to_numpy())
        at = names.index(other)
        for column in names[max(0, at - 3) : at] + names[at + 1 : at + 4] if isinstance(names, tuple) else ():
            if not every[column].arrives_as_text or every[column].kind not in ("category", "text") or not len(empty):
                continue
            values = sample.frame.get_column(column)
            glued = [value for value in values.gather(empty).drop_nulls().to_list() if _cut(value)[1] in words and _cut(value)[0]]
            if len(glued) < max(3, GLUED_SHARE * len(empty)):
                continue
            # Beside filled cells such endings must be rare, or the column's own words end so.
            beside = values.head(2_000).drop_nulls().to_list()
            usual = sum(1 for value in beside if _cut(value)[1] in words) - len(glued)
            if usual > 0.1 * len(beside):
                continue
            yield Finding(
                "shifted_columns", (column, other),
                f"In {len(glued):,} of the {len(empty):,} rows in which {other} is empty its value stands at the end of {column}: {glued[0][:50]!r}.",
                severity=0.5, evidence={"glued_rows": len(glued), "empty_rows": len(empty)}, suggestion=f"move the last word of {column} to {other}",
                locate=Glued(column, other, words),
            )  # fmt: skip
            break
