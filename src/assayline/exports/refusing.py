"""What cannot be written in another language, said before anything is written."""

from __future__ import annotations

from assayline.artefacts import Blend, Boosted, Calibrated, Constant, Expanded, Interval, Linear, Predictor, Rescaled, Seasonal, Selected
from assayline.errors import MisuseError

OURS = (Blend, Boosted, Calibrated, Constant, Expanded, Interval, Linear, Rescaled, Seasonal, Selected)


def refuse_foreign(model: Predictor, language: str) -> None:
    """Raises when a model, or one inside it, is another library's.

    Raises:
        MisuseError: with its kind.

    >>> refuse_foreign(Constant.of(1.0), "C")
    """
    for one in within(model):
        if not isinstance(one, OURS):
            raise MisuseError(f"a model of the kind {one.kind!r} has no form in {language}, for only its own library can run it: export a model that was trained here")


def within(model: Predictor) -> list[Predictor]:
    """A model and all models inside it.

    >>> [one.kind for one in within(Blend.of([Constant.of(1.0), Constant.of(2.0)], [1, 1]))]
    ['blend', 'constant', 'constant']
    """
    found = [model]
    if isinstance(model, Blend):
        inner: list[Predictor] = list(model.inner)
    elif isinstance(model, Calibrated | Expanded | Rescaled | Selected):
        inner = [model.inner]
    elif isinstance(model, Interval):
        inner = [model.inner, *([model.difficulty] if model.difficulty is not None else [])]
    else:
        inner = []
    for one in inner:
        found += within(one)
    return found
