"""Which fault is put where: a plan drawn from a seed that spreads evenly over faults, strengths, lots and columns."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .faults import Fault, Strength
from .sound import Sound


@dataclass(frozen=True)
class Try:
    """One fault at one strength in one column of one lot (by its number)."""

    fault: Fault
    strength: Strength
    column: str | None
    lot: int


def designed(faults: Sequence[Fault], lots: Sequence[Sound], seed: int) -> list[deque[Try]]:
    """The tries of each fault at each strength, in the order in which they are to be made; empty where no lot can have the fault.

    Args:
        faults: what may go wrong.
        lots: the lots that faults are put into.
        seed: the same seed gives the same plan.
    """
    rng = np.random.default_rng([seed, 1])
    return [deque(Try(fault, strength, *place) for place in _places(fault, lots, rng)) for fault in faults for strength in fault.strengths]


def rounds(plan: Sequence[deque[Try]], seed: int) -> Iterator[deque[Try]]:
    """What is left of the plan in rounds: in each, every fault at every strength once, in an order drawn from the seed.

    The tries are the caller's to take: one that cannot be made is followed by the next of its kind in the same round.
    """
    rng = np.random.default_rng([seed, 3])
    while any(plan):
        for place in rng.permutation(len(plan)):
            if plan[int(place)]:
                yield plan[int(place)]


def _places(fault: Fault, lots: Sequence[Sound], rng: np.random.Generator) -> list[tuple[str | None, int]]:
    """Every (column, lot) once: the lots in turn, with another column at each turn."""
    columns = [fault.applies(lot) for lot in lots]
    every = list(dict.fromkeys(column for some in columns for column in some))
    names = [every[int(place)] for place in rng.permutation(len(every))]
    numbers = [int(place) for place in rng.permutation(len(lots))]
    tried = [(names[(turn + step) % len(names)], number) for turn in range(len(names)) for step, number in enumerate(numbers)]
    return [(column, number) for column, number in tried if column in columns[number]]


def generator(one: Try, seed: int) -> np.random.Generator:
    """The chance of one try: the same in whatever order the tries are made.

    Args:
        one: the try.
        seed: of the certificate.
    """
    words = (one.fault.code, one.strength.name, one.column or "")
    return np.random.default_rng([seed, 2, one.lot, *(zlib.crc32(word.encode("utf-8", "surrogatepass")) for word in words)])
