"""A model that was trained on some of the columns, in its own order."""

from __future__ import annotations

from dataclasses import dataclass

from assayline.errors import MisuseError

from .predictor import Predictor
from .stored import DOCUMENT, Array, Stored, matrix, nested, written


@dataclass(frozen=True, eq=False)
class Selected:
    """Hands a model the columns it was trained on.

    Args:
        inner: the model.
        columns: positions of its columns in the encoded matrix, in its order.
        width: columns of the encoded matrix.
    """

    inner: Predictor
    columns: tuple[int, ...]
    width: int
    kind = "columns"

    def __post_init__(self) -> None:
        if any(not 0 <= one < self.width for one in self.columns) or (self.inner.width and self.inner.width != len(self.columns)):
            raise MisuseError(f"a model of {self.inner.width} columns cannot take the columns {self.columns} of {self.width}")

    @property
    def classes(self) -> int:
        return self.inner.classes

    def predict(self, X: Array, /) -> Array:
        return self.inner.predict(matrix(X, self.width)[:, list(self.columns)])

    def members(self) -> dict[str, bytes]:
        document = {"kind": self.kind, "columns": list(self.columns), "width": self.width}
        return {DOCUMENT: written(document), **nested("inner", self.inner.members())}


def read(stored: Stored) -> Selected:
    """A model of some columns from its files."""
    stored.only(folders=["inner"])
    document = stored.document()
    width = stored.integer(document, "width", 1, 1 << 20)
    columns, inner = stored.integers(document, "columns", 0, width - 1), stored.inner("inner")
    if inner.width and inner.width != len(columns):
        raise stored.wrong(f"the model inside takes {inner.width} columns and gets {len(columns)}")
    return Selected(inner, columns, width)
