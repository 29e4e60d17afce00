"""Boosted trees: LightGBM's own text format, predicted by LightGBM's own library."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from assayline.errors import MissingExtra, MisuseError, Unreadable

from .stored import AGAIN, DOCUMENT, Array, Stored, matrix, written
from .trees import END, Forest, read_forest

if TYPE_CHECKING:
    import lightgbm

MODEL = "model.txt"
FEW = 256  # rows up to which starting threads costs more than it gains


@dataclass(frozen=True, eq=False)
class Boosted:
    """A LightGBM model.

    Args:
        text: what `Booster.model_to_string()` gives.
        classes: number of classes, 0 for regression.
        width: columns of the matrix.
        threads: threads of a prediction; 0 leaves it to LightGBM. Not stored: it belongs to the machine, not to the model.

    Needs the extra `models`. In a column of numbers NaN follows each split's default direction; a category that training did not see goes right.
    """

    text: str
    classes: int
    width: int
    threads: int = 0
    _loaded: list[Any] = field(default_factory=list, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    kind = "boosted"

    @classmethod
    def of(cls, booster: lightgbm.Booster, classes: int, *, iterations: int = 0, threads: int = 0) -> Boosted:
        """From a trained booster.

        Args:
            booster: it; of a scikit-learn wrapper its `booster_`.
            classes: number of classes, 0 for regression.
            iterations: how many rounds count; 0: the best one if training stopped early, else all.
            threads: see the class.

        Raises:
            MisuseError: the objective does not fit the number of classes.
        """
        text = booster.model_to_string(num_iteration=iterations or booster.best_iteration or -1)
        forest = read_forest(text, Stored({}, "the booster"))
        cause = _cause(forest, classes)
        if cause:
            raise MisuseError(cause)
        return cls(text, classes, forest.width, threads)

    def on(self, threads: int) -> Boosted:
        """The same model, predicting with this many threads."""
        return replace(self, threads=threads)

    def forest(self) -> Forest:
        """The trees, for whoever writes them in another language."""
        return read_forest(self.text, Stored({}, "the model"))

    def predict(self, X: Array, /) -> Array:
        found = matrix(X, self.width)
        if not len(found):
            return np.zeros((0, self.classes) if self.classes else 0)
        # The shape was checked above; columns that no tree looks at are counted too, so LightGBM's own check would only repeat it.
        said = np.asarray(
            self.booster().predict(found, num_threads=1 if len(found) <= FEW else self.threads, predict_disable_shape_check=True), dtype=np.float64
        )
        if not self.classes:
            return said
        if said.ndim == 1:
            return np.stack([1.0 - said, said], axis=1)
        total = said.sum(axis=1, keepdims=True)  # one-against-all models say each class by itself
        return np.asarray(said / np.where(total > 0, total, 1.0)) if "objective=multiclassova" in self.text else said

    def booster(self) -> lightgbm.Booster:
        """The LightGBM object; made once.

        Raises:
            MissingExtra: lightgbm is not installed.
        """
        with self._lock:
            if not self._loaded:
                try:
                    import lightgbm
                except ImportError as error:
                    raise MissingExtra("predicting with boosted trees", extra="models", package="lightgbm") from error
                # What stands behind the trees (parameters of training) is not needed to predict, and not checked by anybody.
                trees = self.text[: self.text.index(END) + len(END)]
                try:
                    self._loaded.append(lightgbm.Booster(model_str=trees))
                except lightgbm.basic.LightGBMError as error:
                    raise Unreadable("the model", f"LightGBM cannot read it: {str(error)[:200]}", place=MODEL, next_step=AGAIN) from error
            found: lightgbm.Booster = self._loaded[0]
        return found

    def members(self) -> dict[str, bytes]:
        return {DOCUMENT: written({"kind": self.kind, "classes": self.classes, "width": self.width}), MODEL: self.text.encode("utf-8")}


def read(stored: Stored) -> Boosted:
    """A boosted model from its files; the trees are checked before LightGBM may see them."""
    stored.only(MODEL)
    document, text = stored.document(), stored.text(MODEL)
    forest = read_forest(text, stored, MODEL)
    classes, width = stored.integer(document, "classes", 0, 10_000), stored.integer(document, "width", 1, 1 << 20)
    cause = _cause(forest, classes) or ("" if forest.width == width else f"the model has {forest.width} columns and 'width' is {width}")
    if cause:
        raise stored.wrong(cause, MODEL)
    return Boosted(text, classes, width)


def _cause(forest: Forest, classes: int) -> str:
    """Why these trees do not predict so many classes, or ""."""
    wanted = {"sigmoid": (0, 2), "softmax": (forest.outputs,), "each": (forest.outputs,)}.get(forest.link, (0,))
    return "" if classes in wanted else f"trees with {forest.outputs} score(s) and the link {forest.link!r} do not predict {classes} classes"
