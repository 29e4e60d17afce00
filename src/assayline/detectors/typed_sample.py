"""The row sample with its columns read as what they are: numbers as numbers, times as times."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.core import Profile
from assayline.measures import Block, Plan, Sample, kept, parse_number

Floats = npt.NDArray[np.float64]

PLAIN = 0.8  # share of the cells that read as plain numbers, from which nothing else needs to be tried


def typed_sample(profile: Profile) -> Block | None:
    """The sampled rows as one block; None where there are none.

    >>> from assayline.measures import profile
    >>> found = typed_sample(profile(pl.DataFrame({"n": ["1", "2"]}), text=True))
    >>> None if found is None else found.column("n").typed.to_list()
    [1.0, 2.0]
    """
    return kept(profile, "typed sample", lambda: _typed_sample(profile))


def _typed_sample(profile: Profile) -> Block | None:
    sample = profile.of(None, Sample)
    if sample is None or not sample.frame.height:
        return None
    text = all(dtype == pl.String for dtype in sample.frame.dtypes)
    return Block(sample.frame, Plan(text=text))  # a column is planned when it is asked for: most never are


def floats(block: Block, column: str) -> Floats | None:
    """A column as numbers, row by row (microseconds for times); NaN where there is none. None for text."""
    series = block.frame.get_column(column)
    if series.dtype == pl.String:
        plain = parse_number(series, "number")
        if plain.len() - plain.null_count() > PLAIN * (series.len() - series.null_count()):
            values: Floats = plain.to_numpy()
            return np.where(np.isfinite(values), values, np.nan)
    found = block.column(column)
    if found.kind not in ("number", "time"):
        return None
    typed = found.typed.to_physical() if found.kind == "time" else found.typed
    values = typed.cast(pl.Float64, strict=False).to_numpy()
    return np.where(np.isfinite(values), values, np.nan)
