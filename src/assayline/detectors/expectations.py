"""What the rest of the table says that a cell should hold: the vote of the columns that determine it, row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, overload

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.core import Cell, Locator, Profile
from assayline.measures import Block, Sample, kept

from .dependencies import Coded, Dependency, Floats, Ints, Votes, as_text, coded, dependencies, votes
from .recognising.keystrokes import distance

LEAST_SHARE = 0.5  # share of the group that must agree before a row in it can be wrong
LEAST_MARGIN = 1.0  # summed log odds by which the expected value must lead
MOST_TABLES = 3  # determinants asked where the table is larger than its sample
SURE = 0.95  # … and most confidence then: their groups were seen in part
NEVER_SURE = 0.99
LONGEST = 200  # characters compared


class Said(NamedTuple):
    """What other columns say of one cell.

    Args:
        value: what should stand there, as text.
        confidence: 0..1.
    """

    value: str
    confidence: float


@dataclass(frozen=True, eq=False)
class Expectation:
    """The cells of one column that are not what the columns determining it say.

    In a table that is its own sample the rows are known; elsewhere each block is asked anew.

    Args:
        column: the column.
        rows: row number -> what should stand there, when the sample is the whole table.
        tables: otherwise, per determinant: its values, the usual value of each, and the weight of it.
        whole: whether the rows are known.
    """

    column: str
    rows: Mapping[int, Said]
    tables: tuple[tuple[str, pl.DataFrame], ...]
    whole: bool

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column, *(name for name, _ in self.tables))

    def of(self, block: Block) -> Mapping[int, Said]:
        """By row number, the cells of a block that are empty or hold something else than they should."""
        if self.whole:
            return self.rows
        text = as_text(block.frame.get_column(self.column))
        named = [
            pl.DataFrame({"key": as_text(block.frame.get_column(name))}).join(table, on="key", how="left", maintain_order="left")
            for name, table in self.tables
        ]
        expected = named[0].get_column("value")
        weight = named[0].get_column("weight").fill_null(0.0)
        for other in named[1:]:
            agrees = (other.get_column("value") == expected).fill_null(False)
            theirs = other.get_column("weight").fill_null(0.0)
            weight = weight + theirs * agrees.cast(pl.Float64) * 2 - theirs
        mask = expected.is_not_null() & (weight >= LEAST_MARGIN) & (text.is_null() | (text != expected).fill_null(False))
        rows = np.flatnonzero(mask.fill_null(False).to_numpy())
        return {
            block.start + row: Said(value, round(min(SURE, 1 - float(np.exp(-strength))), 3))
            for row, value, strength in zip(rows.tolist(), expected.gather(rows).to_list(), weight.gather(rows).to_list(), strict=True)
        }


def expectations(profile: Profile) -> dict[str, Expectation]:
    """By column that others determine, what they say.

    >>> from assayline.measures import profile
    >>> frame = pl.DataFrame({"zip": ["1", "2", "3", "4"] * 10, "city": ["a", "b", "c", "d"] * 9 + ["a", "b", "c", "a"]})
    >>> dict(expectations(profile(frame))["city"].rows)
    {39: Said(value='d', confidence=0.95)}
    """
    return kept(profile, "expectations", lambda: {column: _expectation(profile, column, found) for column, found in dependencies(profile).items()})


def voted(profile: Profile, column: str) -> Votes:
    """The vote about a column that others determine."""
    return kept(profile, f"votes {column}", lambda: votes(coded(profile), column, dependencies(profile)[column]))


def _expectation(profile: Profile, column: str, voters: Sequence[Dependency]) -> Expectation:
    sample, table = profile.of(None, Sample), coded(profile)
    assert sample is not None  # dependencies were found in it
    if not (sample.exact and sample.frame.height == len(sample.numbers) and table.rows == sample.frame.height):
        return Expectation(column, {}, tuple((voter.determinant, _usual(table, voter)) for voter in voters[:MOST_TABLES]), False)
    vote = voted(profile, column)
    rows = np.flatnonzero(doubted(table.codes[column], vote))
    texts = table.values[column].gather(vote.expected[rows]).to_list()
    sure = confidence(vote, rows)
    return Expectation(
        column, {int(number): Said(text, round(one, 3)) for number, text, one in zip(sample.numbers[rows], texts, sure.tolist(), strict=True)}, (), True
    )


def doubted(codes: Ints, vote: Votes) -> npt.NDArray[np.bool_]:
    """Which rows the vote names another value for than the one that stands there, or for an empty cell."""
    margin = np.where(codes >= 0, vote.weight - vote.own, vote.weight)
    found: npt.NDArray[np.bool_] = (vote.expected >= 0) & (codes != vote.expected) & (margin >= LEAST_MARGIN) & (vote.share >= LEAST_SHARE)
    return found


def confidence(vote: Votes, rows: Ints) -> Floats:
    """0..1 for each of some rows: the share of the group that has the expected value, and how far it leads."""
    lead = np.clip((vote.weight - vote.own)[rows], 0, 30)
    found: Floats = np.clip(vote.share[rows] * (1 - np.exp(-lead)), 0, NEVER_SURE)
    return found


def _usual(table: Coded, voter: Dependency) -> pl.DataFrame:
    """The usual value of the dependent for each value of the determinant, with its weight."""
    frame = pl.DataFrame({"a": table.codes[voter.determinant], "b": table.codes[voter.dependent]})
    counts = frame.filter((pl.col("a") >= 0) & (pl.col("b") >= 0)).group_by("a", "b").len("n")
    usual = counts.sort(["a", "n", "b"], descending=[False, True, False]).group_by("a", maintain_order=True).agg(
        pl.col("b").first(), pl.col("n").first().alias("top"), pl.col("n").sum().alias("all")
    )  # fmt: skip
    usual = usual.filter((pl.col("top") >= 2) & (pl.col("top") >= LEAST_SHARE * pl.col("all")))
    trust = float(np.log(max(1.5, 1 / max(1e-3, 1 - voter.agreement))))
    return pl.DataFrame({
        "key": table.values[voter.determinant].gather(usual.get_column("a")),
        "value": table.values[voter.dependent].gather(usual.get_column("b")),
        "weight": (2 * usual.get_column("top") - usual.get_column("all")).clip(0, 6).cast(pl.Float64) * trust,
    })  # fmt: skip


@dataclass(frozen=True, eq=False)
class Mended:
    """Another locator, whose cells learn from the other columns what should stand there.

    Args:
        locate: finds the cells.
        expectation: of the same column.
    """

    locate: Locator
    expectation: Expectation

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.locate.columns, *self.expectation.columns)))

    def fresh(self) -> Mended:
        inner = self.locate.fresh()
        return self if inner is self.locate else Mended(inner, self.expectation)

    def __call__(self, block: Block, /) -> Sequence[Cell]:
        cells = self.locate(block)
        said = self.expectation.of(block) if len(cells) else {}
        return MendedCells(cells, said) if said else cells


class MendedCells(Sequence[Cell]):
    """Accused cells with what other columns say of them; spelled out only when somebody looks.

    The vote of other columns and the look of the value are independent signs: where both accuse a cell, both must be wrong
    for it to be right. What other columns say is believed before the nearest frequent value, unless it is another word altogether.
    """

    def __init__(self, cells: Sequence[Cell], said: Mapping[int, Said]) -> None:
        self.cells, self.said = cells, said

    @property
    def rows(self) -> Sequence[int]:
        """One entry for each cell, so that they can be counted without being spelled out."""
        found: Sequence[int] | None = getattr(self.cells, "rows", None)
        return found if found is not None else sorted({cell.row for cell in self.cells})

    def __len__(self) -> int:
        return len(self.cells)

    @overload
    def __getitem__(self, index: int) -> Cell: ...
    @overload
    def __getitem__(self, index: slice) -> list[Cell]: ...
    def __getitem__(self, index: int | slice) -> Cell | list[Cell]:
        if isinstance(index, slice):
            return [mended(cell, self.said.get(cell.row)) for cell in self.cells[index]]
        cell = self.cells[index]
        return mended(cell, self.said.get(cell.row))


def mended(cell: Cell, said: Said | None) -> Cell:
    """The cell with what is said of it.

    >>> mended(Cell(3, "city", 0.8, "Brelin"), Said("Berlin", 0.5)).confidence
    0.9
    """
    if said is None:
        return cell
    both = min(NEVER_SURE, 1 - (1 - cell.confidence) * (1 - said.confidence))
    value = said.value if not cell.suggestion or cell.value is None or _alike(cell.value, said.value) else cell.suggestion
    return Cell(cell.row, cell.column, round(both, 3), cell.value, value)


def _alike(value: str, other: str) -> bool:
    """Whether one may be the other with some slips: a third of its letters, and one more."""
    limit = len(value) // 3 + 1
    return distance(value[:LONGEST], other[:LONGEST], limit) <= limit


def with_expectation(profile: Profile, column: str, locate: Locator) -> Locator:
    """The locator, mended where other columns determine the accused one."""
    found = expectations(profile).get(column)
    return locate if found is None else Mended(locate, found)
