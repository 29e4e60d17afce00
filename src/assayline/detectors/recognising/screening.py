"""Quick looks at a profile that spare a slow look at values."""

from __future__ import annotations

from collections.abc import Callable

from assayline.core import Profile
from assayline.measures import Counts, Moments, Shapes


def reads_throughout(profile: Profile, column: str) -> bool:
    """Whether every filled cell of a column reads as the number or time the column is taken for."""
    counts = profile.of(column, Counts)
    return profile.of(column, Moments) is not None and counts is not None and counts.unparsed == 0


def has_shape(profile: Profile, column: str, test: Callable[[str], bool]) -> bool:
    """Whether some value may have such a shape; True also where the shapes were too many to keep.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> has_shape(profile(pl.DataFrame({"a": ["x=1", "y"]})), "a", lambda shape: shape.startswith("="))
    False
    """
    shapes = profile.of(column, Shapes)
    if shapes is None or not shapes.complete:
        return True
    return any(test(shape) for shape in shapes.counts)
