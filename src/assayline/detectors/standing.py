"""Runs in which a reading does not move, told from values at which it rests."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .streams import Streams

LEAST_RUN = 10  # readings; fewer may be rounding, however rare repeats are
BY_CHANCE = 1e-9  # expected runs of that length in the column; small, for whether a reading repeats depends on the ones before
RESTS = 0.4  # share of the readings of a value that are followed by the same value, from which the column rests there (no rain, no flow)
LEAST_OF_LIMIT = 200  # readings of the column from which a run of its lowest or highest value means something: it may be the limit of the device
CLEAR = 2.0  # times the longest run that is not accused
MOST = 5  # runs of a column that may be accused; more are its nature
PRIOR = 2.0  # readings of the average by which the share of a rare value is steadied

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Standstill:
    """A run of one value.

    Args:
        key: the device.
        value: what stands there.
        readings: how many.
        start, end: times of the first and the last.
        rows: their row numbers.
        repeat: 0..1, how often a reading is followed by an equal one elsewhere.
        usual_longest: readings of the longest run that is not accused.
        chance: expected runs as long in the whole column.
    """

    key: str
    value: float
    readings: int
    start: int
    end: int
    rows: Whole
    repeat: float
    usual_longest: int
    chance: float


def standstills(streams: Streams, numbers: Floats, *, bounded: bool = True) -> list[Standstill]:
    """The runs of one value that are too long for this column, the longest first.

    Null hypothesis: whether a reading repeats the last one depends on its value and on whether the last one repeated too, with the shares
    seen outside the accused runs (a Markov chain); then n * p ** (length - 1) runs as long are expected. Missing readings are passed over.

    Args:
        streams: the readings of each device.
        numbers: what they read.
        bounded: readings may rest at the least or the most that the device can tell; a clock cannot.
    """
    device = np.repeat(np.arange(len(streams.keys)), np.diff(streams.bounds))
    filled = np.flatnonzero(np.isfinite(numbers))
    if len(filled) < 2:
        return []
    x, who = numbers[filled], device[filled]
    equal = (x[1:] == x[:-1]) & (who[1:] == who[:-1])
    begins = np.flatnonzero(np.concatenate(([True], ~equal)))
    lengths = np.diff(np.append(begins, len(x)))
    values, code = np.unique(x[begins], return_inverse=True)
    ranked = np.argsort(-lengths, kind="stable")
    if lengths[ranked[0]] < LEAST_RUN:
        return []
    sorted_lengths = lengths[ranked]
    following = sorted_lengths[1 : MOST + 1]
    following = np.maximum(following, 1) if len(following) else np.array([1])
    # The accused are those above the widest relative step among the longest runs.
    accused = int(np.argmax(sorted_lengths[: len(following)] / following)) + 1
    usual = int(sorted_lengths[accused]) if len(sorted_lengths) > accused else 1
    others = np.ones(len(lengths), dtype=np.bool_)
    others[ranked[:accused]] = False
    readings = np.bincount(code, weights=np.where(others, lengths, 0), minlength=len(values))
    repeats = np.bincount(code, weights=np.where(others, lengths - 1, 0), minlength=len(values))
    average = (repeats.sum() + 1) / (readings.sum() + 2)
    share = (repeats + PRIOR * average) / (readings + PRIOR)
    rests = share >= RESTS
    moving = others & ~rests[code]
    again = np.maximum(lengths[moving] - 1, 0)
    repeat = (float(again.sum()) + 1) / (float(lengths[moving].sum()) + 2)  # one more than seen: the next one is not excluded
    stays = (float(np.maximum(lengths[moving] - 2, 0).sum()) + repeat) / (float(again.sum()) + 1)
    found = []
    for run in ranked[:accused].tolist():
        length = int(lengths[run])
        p = max(repeat, stays, float(share[code[run]]))
        at_limit = bounded and values[code[run]] in (values[0], values[-1])
        if length < max(LEAST_RUN, CLEAR * usual) or rests[code[run]] or p >= RESTS or (at_limit and len(x) < LEAST_OF_LIMIT):
            continue
        chance = len(x) * math.exp((length - 1) * math.log(p))
        if chance >= BY_CHANCE:
            continue
        place = filled[begins[run] : begins[run] + length]
        found.append(Standstill(
            streams.keys[int(who[begins[run]])], float(x[begins[run]]), length, int(streams.micros[place[0]]), int(streams.micros[place[-1]]),
            streams.rows[place], repeat, usual, chance,
        ))  # fmt: skip
    return found
