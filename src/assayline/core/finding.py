"""One thing that is wrong, or worth knowing, with the numbers that show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Protocol

LAYERS = ("signature", "history", "multivariate", "rule")


@dataclass(frozen=True)
class Cell:
    """One cell held to be wrong.

    Args:
        row: 0-based data row.
        column: name of the column; "*" means the whole row.
        confidence: 0..1, the share of such accusations that would be right.
        value: what stands there, as text; None where the cell is empty.
        suggestion: what should stand there, as text; None where that is not known, "" for "missing".
    """

    row: int
    column: str
    confidence: float
    value: str | None = None
    suggestion: str | None = None


class Locator(Protocol):
    """Finds the rows a finding speaks of; run only for findings that were raised (the second look).

    `columns` names the columns it has to see. Called with consecutive blocks of the table in order, each
    with those columns at least; it yields the cells it accuses in that block. `fresh()` gives a
    locator without memory of earlier blocks, for a new pass.
    """

    @property
    def columns(self) -> tuple[str, ...]: ...

    def fresh(self) -> Locator: ...

    # The block is `assayline.measures.Block`; the vocabulary does not know tables, hence Any.
    def __call__(self, block: Any, /) -> Sequence[Cell]: ...


@dataclass(frozen=True)
class Finding:
    """A sentence about the data with its evidence.

    Args:
        code: a name from the catalogue (`assayline.core.catalogue`); for ever.
        columns: the columns it is about, the responsible one first; () for the whole table.
        sentence: plain words with the two numbers that were compared.
        severity: 0..1. Below 0.3 it is a note, from 0.3 a warning; see `assayline.judgement.Policy`.
        layer: "signature", "history", "multivariate" or "rule".
        where: the segment, key or interval it is confined to, or None.
        rows: how many rows it touches; None until the second look has counted them.
        evidence: numbers (and short texts) with their unit in the name: `null_share`, `run_rows`.
        suggestion: what to do, or "".
        locate: finds the rows; None when the finding is about the whole lot.
        exact_rows: True when `rows` is already exact, so that the second look need only fetch examples.
        examples: up to five accused cells.
        picture: numbers to draw, see `docs/pictures.md`: {"kind": "bars", ...}; {} for none.

    >>> Finding("constant_column", ("city",), "Every value of city is 'x'.", severity=0.5).layer
    'signature'
    """

    code: str
    columns: tuple[str, ...]
    sentence: str
    severity: float
    layer: str = "signature"
    where: str | None = None
    rows: int | None = None
    evidence: Mapping[str, float | str] = field(default_factory=dict)
    suggestion: str = ""
    locate: Locator | None = field(default=None, compare=False, repr=False)
    exact_rows: bool = False
    examples: tuple[Cell, ...] = ()
    picture: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.layer not in LAYERS:
            raise ValueError(f"a finding's layer is one of {', '.join(LAYERS)}, not {self.layer!r}")
        if not 0 <= self.severity <= 1:
            raise ValueError(f"a severity lies between 0 and 1, not {self.severity!r}")
        object.__setattr__(self, "evidence", MappingProxyType(dict(self.evidence)))

    def __hash__(self) -> int:
        return hash((self.code, self.columns, self.where, self.sentence))

    def but(self, **changes: Any) -> Finding:
        """The same finding with some fields changed."""
        return replace(self, **changes)
