"""What a model may be asked and may answer: the ranges and categories it learned, as arrays that one row is held against in two comparisons."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.artefacts import Bundle
from assayline.core.profile import Profile
from assayline.errors import InputError
from assayline.framing import Plan
from assayline.measures import unpacked
from assayline.measures.moments import Moments

Floats = npt.NDArray[np.float64]

# Why a model did not answer. Stored and counted: add, never rename.
EXCEPTION, DEADLINE, NAN, OUT_OF_RANGE, UNSEEN, CIRCUIT_OPEN = "exception", "deadline", "nan", "out_of_range", "unseen_category", "circuit_open"
REASONS = (EXCEPTION, DEADLINE, NAN, OUT_OF_RANGE, UNSEEN, CIRCUIT_OPEN)
MOST = float(np.finfo(np.float64).max)
MARGIN = 0.5  # of the width of a learned range, beyond both its ends: a new extreme is no accident (one row in n sets one), another unit or a broken sensor is


class Declined(Exception):
    """A model gave no answer that may be used.

    Args:
        code: one of REASONS.
        sentence: why, for people; names columns and learned ranges, never the value that was sent.
        by_row: the row is the cause and not the model: nothing is wrong with the model that declines.
    """

    def __init__(self, code: str, sentence: str, *, by_row: bool = False) -> None:
        self.code, self.sentence, self.by_row = code, sentence, by_row
        super().__init__(sentence)


@dataclass(frozen=True, eq=False)
class Guard:
    """The ranges a row and an answer have to lie in.

    Args:
        names: the columns of the model's input.
        low, high: (features,) least and greatest value of each; the largest number of all where nothing was learned. What is missing is inside.
        unseen: (features,) where `high` keeps out the code of a category that training did not see.
        said_low, said_high: the same for the answer: the number, or the probability of the second class.

    >>> guard = Guard.open_to(("load", "crew")).within({"load": (0.0, 10.0)}, margin=0.5)
    >>> guard.trips(np.array([15.0, 1e300])), guard.trips(np.array([15.1, 2.0])), guard.trips(np.array([np.nan, 2.0]))
    (False, True, False)
    >>> guard.why(np.array([15.1, 2.0])).sentence
    'load is outside -5 … 15, the range that was learned and half its width on both sides'
    """

    names: tuple[str, ...]
    low: Floats
    high: Floats
    unseen: npt.NDArray[np.bool_]
    said_low: float = -MOST
    said_high: float = MOST

    @classmethod
    def open_to(cls, names: tuple[str, ...], said: tuple[float, float] = (-MOST, MOST)) -> Guard:
        """A guard that lets everything through that is finite or missing."""
        return cls(names, np.full(len(names), -MOST), np.full(len(names), MOST), np.zeros(len(names), dtype=np.bool_), *said)

    @classmethod
    def of(cls, bundle: Bundle, released: Profile | None = None, *, margin: float = MARGIN, ranges: bool = True, categories: bool = True) -> Guard:
        """What a bundle learned.

        Args:
            bundle: with the profile of its training table; without one, only categories and answers are guarded.
            released: the profile of its released predictions, with the column `score` (two classes) or `prediction` (numbers). None: numbers
                have to lie in the range of the target in training.
            margin: how far outside a range a value may be, in widths of the range.
            ranges: whether numbers of the row are guarded.
            categories: whether categories are guarded that training did not see.
        """
        learned = _profile(bundle)
        features = bundle.plan.features
        guard = cls.open_to(tuple(one.name for one in features), (0.0, 1.0) if bundle.classes else (-MOST, MOST))
        if ranges:
            guard = guard.within(_learned_ranges(bundle, learned), margin)
        if categories and isinstance(bundle.plan, Plan):
            at = 0
            for column in bundle.plan.columns:
                if column.reading == "code":
                    guard.high[at], guard.unseen[at] = len(column.labels) + 0.5, True
                at += len(column.features)
        if bundle.task == "regression":
            said = released.of("prediction", Moments) if released else learned.of(bundle.target, Moments) if _is_number(bundle, bundle.target) else None
        else:
            said = released.of("score", Moments) if released and bundle.task == "binary" else None
        if said is not None and said.n:
            low, high = _widened(said.low, said.high, margin)
            guard = cls(guard.names, guard.low, guard.high, guard.unseen, max(low, guard.said_low), min(high, guard.said_high))
        return guard

    def within(self, ranges: Mapping[str, tuple[float, float]], margin: float = MARGIN) -> Guard:
        """The same, with (least, greatest) of some columns and a margin in widths of the range."""
        low, high = self.low.copy(), self.high.copy()
        for at, name in enumerate(self.names):
            if name in ranges:
                low[at], high[at] = _widened(*ranges[name], margin)
        return Guard(self.names, low, high, self.unseen.copy(), self.said_low, self.said_high)

    def trips(self, row: Floats) -> bool:
        """Whether an encoded row (features,) has something outside."""
        # Bytes are searched faster than an array of booleans is reduced (0.1 µs for 1.3), and arrays of one shape compared faster than broadcast ones (0.5 for 1.2).
        return b"\x01" in np.less(row, self.low).tobytes() or b"\x01" in np.greater(row, self.high).tobytes()

    def outside(self, rows: Floats) -> npt.NDArray[np.bool_]:
        """(rows,) which have something outside."""
        return np.asarray(((rows < self.low) | (rows > self.high)).any(axis=1))

    def why(self, row: Floats) -> Declined:
        """What is outside in a row (features,) that trips; the first column of them."""
        found = np.flatnonzero((row < self.low) | (row > self.high))
        at = int(found[0])
        if self.unseen[at] and row[at] > self.high[at]:
            return Declined(UNSEEN, f"{self.names[at]} has a category that was not there in training", by_row=True)
        ends = f"{self.low[at]:.6g} … {self.high[at]:.6g}"
        return Declined(OUT_OF_RANGE, f"{self.names[at]} is outside {ends}, the range that was learned and half its width on both sides", by_row=True)

    def to_json(self) -> dict[str, Any]:
        """What is guarded, for `/metadata`."""
        known = [at for at in range(len(self.names)) if not self.unseen[at] and self.high[at] < MOST]
        answers = None if self.said_high >= MOST else [self.said_low, self.said_high]
        return {
            "ranges": {self.names[at]: [float(self.low[at]), float(self.high[at])] for at in known}, "categories": [self.names[at] for at in np.flatnonzero(self.unseen)],
            "answers": answers,
        }  # fmt: skip


def golden_rows(bundle: Bundle) -> pl.DataFrame | None:
    """The golden rows of a bundle as a table, raw as they came; None without any."""
    return pl.read_parquet(io.BytesIO(bundle.golden.rows)) if bundle.golden else None


def _profile(bundle: Bundle) -> Profile:
    # The profile is in the form of whoever made the bundle: one of another form guards nothing.
    try:
        return unpacked(bundle.profile) if bundle.profile else Profile()
    except InputError:
        return Profile()


def _is_number(bundle: Bundle, column: str) -> bool:
    return str(bundle.schema.get(column, "")).startswith(("Int", "UInt", "Float"))


def _learned_ranges(bundle: Bundle, learned: Profile) -> dict[str, tuple[float, float]]:
    """The ranges of columns that are one number and stood as numbers in the table: texts and units are measured in another way than they are read."""
    found: dict[str, tuple[float, float]] = {}
    plan = bundle.plan
    single = [one.name for one in plan.columns if one.reading == "number" and not one.path] if isinstance(plan, Plan) else [one.name for one in plan.features]
    for name in single:
        state = learned.of(name, Moments)
        if state is not None and state.n and _is_number(bundle, name):
            found[name] = (state.low, state.high)
    rows = golden_rows(bundle) if found else None
    if rows is not None:
        X = plan.encode(rows)
        for at, feature in enumerate(plan.features):
            known = X[~np.isnan(X[:, at]), at]
            if feature.name in found and len(known):
                low, high = found[feature.name]
                found[feature.name] = (min(low, float(known.min())), max(high, float(known.max())))
    return found


def _widened(low: float, high: float, margin: float) -> tuple[float, float]:
    width = (high - low) or max(abs(high), 1.0)  # a column that was always 5 may also be 6
    return max(-MOST, low - margin * width), min(MOST, high + margin * width)
