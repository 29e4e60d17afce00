"""A model that was trained on more columns than the plan makes: bends of a number, and what two numbers are to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from assayline.errors import MisuseError

from .predictor import Predictor
from .stored import DOCUMENT, Array, Stored, matrix, nested, written

KINDS = {"same": (1, 0), "bins": (1, -1), "above": (1, 1), "sum": (2, 0), "difference": (2, 0), "product": (2, 0), "ratio": (2, 0)}
MOST_TERMS = 4096


@dataclass(frozen=True)
class Term:
    """One column of the wider matrix.

    Args:
        kind: "same" (the column itself), "bins" (how many of the knots it reaches: a code), "above" (how far it is above its knot, else 0), or "sum", "difference",
            "product", "ratio" of two columns.
        columns: positions in the encoded matrix.
        knots: ascending bounds of "bins", or the one knot of "above".
    """

    kind: str
    columns: tuple[int, ...]
    knots: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class Expanded:
    """Hands a model columns made from those of the encoded matrix.

    What is made of a missing value is missing; so is a ratio to 0, and whatever is too large for a number.

    Args:
        inner: the model.
        terms: its columns.
        width: columns of the encoded matrix.

    >>> expand(np.array([[1.0, 4.0], [3.0, 0.0]]), [Term("above", (0,), (2.0,)), Term("ratio", (0, 1))]).tolist()
    [[0.0, 0.25], [1.0, nan]]
    """

    inner: Predictor
    terms: tuple[Term, ...]
    width: int
    kind = "expanded"

    def __post_init__(self) -> None:
        cause = _cause(self)
        if cause:
            raise MisuseError(cause)

    @property
    def classes(self) -> int:
        return self.inner.classes

    def predict(self, X: Array, /) -> Array:
        return self.inner.predict(expand(matrix(X, self.width), self.terms))

    def members(self) -> dict[str, bytes]:
        terms = [[one.kind, list(one.columns), list(one.knots)] for one in self.terms]
        return {DOCUMENT: written({"kind": self.kind, "width": self.width, "terms": terms}), **nested("inner", self.inner.members())}


def expand(X: Array, terms: tuple[Term, ...] | list[Term]) -> Array:
    """The wider matrix (rows, terms), NaN where nothing is known, never infinite."""
    made = np.empty((len(X), len(terms)))
    with np.errstate(all="ignore"):
        for at, term in enumerate(terms):
            made[:, at] = _column(X, term)
    return made


def _column(X: Array, term: Term) -> Array:
    first = X[:, term.columns[0]]
    if term.kind == "same":
        return first
    if term.kind == "bins":
        return np.where(np.isnan(first), np.nan, np.searchsorted(np.array(term.knots), first, side="right"))
    if term.kind == "above":
        found = np.maximum(first - term.knots[0], 0.0)  # NaN stays NaN
        return np.asarray(np.where(np.isfinite(found), found, np.nan))
    second = X[:, term.columns[1]]
    if term.kind == "ratio":
        found = first / np.where(second == 0, np.nan, second)
    else:
        found = first * second if term.kind == "product" else first + second if term.kind == "sum" else first - second
    return np.where(np.isfinite(found), found, np.nan)


def read(stored: Stored) -> Expanded:
    """An expanded model from its files."""
    stored.only(folders=["inner"])
    document = stored.document()
    width, listed = stored.integer(document, "width", 1, 1 << 20), document.get("terms")
    if not isinstance(listed, list) or not 0 < len(listed) <= MOST_TERMS:
        raise stored.wrong(f"'terms' is not a list of 1 to {MOST_TERMS}")
    terms = tuple(_term(stored, one, width) for one in listed)
    try:
        return Expanded(stored.inner("inner"), terms, width)
    except MisuseError as error:
        raise stored.wrong(str(error)) from None


def _term(stored: Stored, value: Any, width: int) -> Term:
    if not isinstance(value, list) or len(value) != 3:
        raise stored.wrong("a term is not a list of its kind, its columns and its knots")
    kind = stored.word({"kind": value[0]}, "kind", KINDS)
    columns = stored.integers({"columns": value[1]}, "columns", 0, width - 1)
    return Term(kind, columns, tuple(stored.array({"knots": value[2]}, "knots", -1).tolist()))


def _cause(one: Expanded) -> str:
    """What is wrong with such a model, or ""."""
    if not 0 < len(one.terms) <= MOST_TERMS or (one.inner.width and one.inner.width != len(one.terms)):
        return f"a model of {one.inner.width} columns cannot take {len(one.terms)} terms"
    for term in one.terms:
        columns, knots = KINDS.get(term.kind, (-1, -1))
        if len(term.columns) != columns or (len(term.knots) != knots if knots >= 0 else not term.knots):
            return f"the term {term.kind!r} over the columns {term.columns} with {len(term.knots)} knots is none"
        if any(not 0 <= column < one.width for column in term.columns) or list(term.knots) != sorted(term.knots):
            return f"the term {term.kind!r} names columns {term.columns} of {one.width}, or knots that do not ascend"
    return ""
