"""Both versions, and the rows they were asked: what every part of an explanation is told from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from assayline import explain
from assayline.artefacts import Bundle


@dataclass(frozen=True, eq=False)
class Asked:
    """Both versions and the rows they were asked.

    Args:
        before, after: the versions.
        table: the rows with a label that both answer.
        pair: their answers.
        said: what things are called.
        about: columns that are neither the target nor a key.
        stop: says when no more precision is to be bought.
    """

    before: Bundle
    after: Bundle
    table: pl.DataFrame
    pair: explain.Pair
    said: explain.Vocabulary
    about: tuple[str, ...]
    stop: Callable[[], bool]
