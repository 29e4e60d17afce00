"""What every model is once it is trained: a matrix in, numbers out, and files that hold no code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Protocol, runtime_checkable

from .stored import Array, Stored


@runtime_checkable
class Predictor(Protocol):
    """Anything that predicts rows of an encoded matrix and can be stored without code.

    `kind` is the name it is stored under, `classes` the number of classes (0 for regression), `width` the number of columns it takes (0: any).
    """

    @property
    def kind(self) -> str: ...

    @property
    def classes(self) -> int: ...

    @property
    def width(self) -> int: ...

    def predict(self, X: Array, /) -> Array:
        """Predictions for each row, the same whatever other rows come with it.

        Args:
            X: (rows, width) float64 as the plan encodes it; NaN is a missing value.

        Returns:
            Regression: (rows,). Classification: (rows, classes), probabilities that add up to 1.

        Raises:
            MisuseError: X has another number of columns.
        """
        ...

    def members(self) -> dict[str, bytes]:
        """Its files; `load_predictor` gives the same predictor back."""
        ...


# Which module reads which kind. A stored name is for ever: add, never rename.
HOMES = {
    "constant": "constant", "seasonal": "seasonal", "linear": "linear", "boosted": "boosted", "columns": "selected", "blend": "blend",
    "calibrated": "calibrated", "interval": "interval", "onnx": "onnx_model", "skops": "sandboxed", "opened": "sandboxed",
    "expanded": "expanded", "rescaled": "rescaled",
}  # fmt: skip


def load_predictor(members: Mapping[str, bytes], *, where: str = "the predictor", folder: str = "", allowed: Iterable[str] = ()) -> Predictor:
    """The predictor that `members()` wrote; nothing in the files is executed.

    Args:
        members: its files by name.
        where: the file they come from, for errors.
        folder: the folder inside that file, for errors.
        allowed: digests ("sha256:…") of pickles that may be loaded, in a locked child process, when the first row is predicted.

    Raises:
        Unreadable: a file is missing, superfluous or not what it should be.
        UnsafeArtefact: a file runs code when it is loaded, and is not allowed.

    >>> from assayline.artefacts import Constant
    >>> load_predictor(Constant.of([0.25, 0.75]).members()).predict([[1.0], [2.0]]).tolist()
    [[0.25, 0.75], [0.25, 0.75]]
    """
    return loaded(Stored(members, where, folder, allowed=frozenset(allowed)))


def loaded(stored: Stored) -> Predictor:
    """The predictor that is stored here."""
    kind = stored.word(stored.document(), "kind")
    if kind not in HOMES:
        raise stored.wrong(f"it is a predictor of the kind {kind!r}, which this version does not know; update Assayline")
    read: Callable[[Stored], Predictor] = import_module(f".{HOMES[kind]}", __package__).read
    return read(stored)
