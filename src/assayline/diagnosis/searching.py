"""The smallest set of components whose reversal removes the symptom, found with few replays.

First the state as it is (is the symptom there at all?), then everything put back (can it be removed?), then single components in the order of their evidence.
Only when no single one removes the symptom, sets are halved by delta debugging. A set counts as a cause only if the replays that were made say so: it removes the
symptom, and nothing smaller inside it does.

Source: Zeller and Hildebrandt 2002 (IEEE TSE 28, ddmin); Junker 2004 (AAAI, QuickXplain); Shapley 1953 for the shares; Halpern and Pearl 2005 (BJPS 56) for why two faults that
each suffice are one cause with two members.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from .component import Component
from .reading import Reading, Replay

FEW = 8  # components of which all are put back one by one, so that the answer can say "with yesterday's code: 63"
USUAL = 12  # replays after which no more are made only to have a figure for a component that is not suspected
FIRST = 2  # single components that are tried before groups are halved, where there are many
RIVALS = 3  # single removers of which it is asked whether each of them alone makes the symptom
MOVES = 0.10  # share of the way from the symptom to none below which a component counts as one that does not move the measure
MOST_PLAYERS = 6  # components that share a contribution
SMALL = 3  # members of a set up to which every subset is replayed; of a larger one: each member alone, and all without each member

Set = frozenset[str]
NONE: Set = frozenset()


@dataclass(frozen=True)
class Found:
    """What the replays say.

    Args:
        reproduced: whether the state as it is shows the symptom again when it is made again.
        reversible: whether the symptom is gone with everything put back that can be put back.
        causes: sets that remove the symptom, and of which nothing smaller does; best first: smallest, then those that alone make the symptom,
            then those that take more of it back, then those for which more spoke before. () for none.
        readings: every replay by what was put back, in the order in which they were made.
        shares: 0 to 1, sum 1: the part of the change that each component of the causes, and each other that moves the measure, stands for (Shapley). {} without a cause.
        replays: how many there were.
        out_of: "" where the search came to its end; "replays" or "seconds" where the budget did.
    """

    reproduced: bool
    reversible: bool
    causes: tuple[Set, ...]
    readings: Mapping[Set, Reading]
    shares: Mapping[str, float]
    replays: int
    out_of: str = ""

    def single(self, key: str) -> Reading | None:
        """What was read with this component alone put back; None if that was not tried."""
        return self.readings.get(frozenset({key}))

    def alone_enough(self, key: str) -> bool | None:
        """Whether this component makes the symptom while all others are put back; None if that was not tried."""
        everything = max(self.readings, key=len, default=NONE)
        reading = self.readings.get(everything - {key}) if key in everything and len(everything) > 1 else None
        return None if reading is None or reading.value is None else not reading.gone

    def smallest_removing(self) -> Set | None:
        """The smallest set that was seen to remove the symptom, whether or not it can be made smaller."""
        return min((one for one, reading in self.readings.items() if reading.gone and one), key=len, default=None)


def search(components: Sequence[Component], replay: Replay, *, most: int = 24, enough: Callable[[], bool] = lambda: False) -> Found:
    """Finds the smallest sets of components whose reversal removes the symptom.

    Args:
        components: what differs; those with a `why_not` are left as they are.
        replay: makes the state again with some components put back, and measures the symptom. Asked at most once for each set.
        most: replays, at least 1.
        enough: asked before each replay; True ends the search ("seconds").

    Returns:
        What was found until then. A replay that fails (`value` None) removes nothing.

    >>> faults = [Component("source", "weather", "lot 1", "lot 2"), Component("code", "line.py: hourly", "a", "b")]
    >>> def replay(put_back):
    ...     value = 41.0 if "source weather" in put_back else 63.0
    ...     return Reading(value, gone=value < 47)
    >>> found = search(faults, replay)
    >>> found.causes, found.replays
    ((frozenset({'source weather'}),), 4)
    """
    if most < 1:
        raise ValueError(f"a search needs at least one replay, not {most}")
    order = [one.key for one in sorted(components, key=lambda one: -one.evidence) if not one.why_not]
    if len(set(order)) < len(order):
        raise ValueError(f"two components have the same kind and name: {sorted(key for key in set(order) if order.count(key) > 1)}")
    book = _Book(replay, most, enough)
    shares: dict[str, float] = {}
    try:
        _look(book, order)
        shares = _shared(book, order)
    except _Over as over:
        book.out_of = over.of
        shares = _shared(_Book(replay, 0, enough, book.readings), order)
    return Found(book.reproduced, book.reversible(order), _causes(book, order), book.readings, shares, len(book.readings), book.out_of)


class _Over(Exception):
    """The budget is used up."""

    def __init__(self, of: str) -> None:
        super().__init__(of)
        self.of = of


@dataclass
class _Book:
    """The replays that were made; each set is asked for once."""

    replay: Replay
    most: int
    enough: Callable[[], bool]
    readings: dict[Set, Reading] = field(default_factory=dict)
    out_of: str = ""

    def ask(self, put_back: Iterable[str]) -> Reading:
        one = frozenset(put_back)
        if one not in self.readings:
            if len(self.readings) >= self.most:
                raise _Over("replays")
            if self.enough():
                raise _Over("seconds")
            self.readings[one] = self.replay(one)
        return self.readings[one]

    @property
    def reproduced(self) -> bool:
        first = self.readings.get(NONE)
        return first is not None and first.value is not None and not first.gone

    def reversible(self, order: Sequence[str]) -> bool:
        whole = self.whole(order)
        return whole is not None and self.readings[whole].gone

    def whole(self, order: Sequence[str]) -> Set | None:
        """Everything put back; without what cannot be run even alone where the whole could not be run."""
        everything = frozenset(order)
        if everything not in self.readings or not everything:
            return None
        runnable = everything - self.failing()
        return everything if self.readings[everything].value is not None or runnable not in self.readings or not runnable else runnable

    def failing(self) -> Set:
        """The components that alone could not be put back."""
        return frozenset(next(iter(one)) for one, reading in self.readings.items() if len(one) == 1 and reading.value is None)

    def removing(self) -> list[str]:
        return [next(iter(one)) for one, reading in self.readings.items() if len(one) == 1 and reading.gone]


def _look(book: _Book, order: Sequence[str]) -> None:
    """Makes the replays."""
    book.ask(NONE)
    if not book.reproduced or not order:
        return
    whole = book.ask(order)
    for key in order if len(order) <= FEW else order[:FIRST]:
        book.ask({key})
    if whole.value is None and (runnable := [key for key in order if key not in book.failing()]):
        book.ask(runnable)
    if book.reversible(order) and not book.removing():
        _narrow(book, order)
    _singles(book, order)
    if 1 < len(rivals := book.removing()) <= RIVALS and book.reversible(order):
        for key in rivals:
            book.ask(frozenset(order) - {key})


def _singles(book: _Book, order: Sequence[str]) -> None:
    """One by one, while that is cheap."""
    for key in order:
        if len(book.readings) >= min(book.most, USUAL):
            return
        book.ask({key})


def _narrow(book: _Book, order: Sequence[str]) -> None:
    """Finds a minimal set of two or more, the components that moved the measure first."""
    moved = _movement(book, order)
    place = {key: number for number, key in enumerate(order)}
    movers = sorted((key for key in order if moved.get(key, 0.0) >= MOVES), key=lambda key: (-moved[key], place[key]))
    whole = book.whole(order) or frozenset(order)
    start = [*movers, *(key for key in order if key not in movers and key in whole)]
    for size in (2, len(movers)):
        if len(movers) >= size >= 2 and book.ask(movers[:size]).gone:
            start = movers[:size]
            break
    smallest = minimised(halved(start, lambda keys: book.ask(keys).gone), lambda keys: book.ask(keys).gone)
    for inside in _proper_subsets(frozenset(smallest)):
        book.ask(inside)


def halved(keys: Sequence[str], removes: Callable[[Sequence[str]], bool]) -> list[str]:
    """A subset that removes the symptom, with few questions: smallest where whatever contains a remover is one; `keys` where that leads nowhere.

    For k of n it asks about 2 k log2(n / k) times, where ddmin may ask n * n times (Junker 2004, QuickXplain, AAAI); what it finds is still to be minimised.

    >>> asked = []
    >>> halved("abcdefgh", lambda some: asked.append(some) or {"b", "g"} <= set(some)), len(asked)
    (['b', 'g'], 9)
    """

    def rest(held: list[str], new: bool, open_keys: list[str]) -> list[str]:
        if new and removes(held):
            return []
        if len(open_keys) == 1:
            return open_keys
        middle = len(open_keys) // 2
        first, second = open_keys[:middle], open_keys[middle:]
        of_second = rest([*held, *first], True, second)
        of_first = rest([*held, *of_second], bool(of_second), first)
        return [*of_first, *of_second]

    found = rest([], False, list(keys))
    return found if len(found) < len(keys) and removes(found) else list(keys)


def minimised(keys: Sequence[str], removes: Callable[[Sequence[str]], bool]) -> list[str]:
    """A subset that removes the symptom and from which no single member can be left out (ddmin).

    Args:
        keys: a set that removes it, the most promising first.
        removes: whether a set does.

    >>> minimised("abcdefgh", lambda some: {"b", "g"} <= set(some))
    ['b', 'g']
    """
    left, parts = list(keys), 2
    while len(left) >= 2:
        chunks = [left[len(left) * part // parts : len(left) * (part + 1) // parts] for part in range(parts)]
        if (smaller := next((chunk for chunk in chunks if removes(chunk)), None)) is not None:
            left, parts = smaller, 2
        elif parts > 2 and (rest := _without_one(left, chunks, removes)) is not None:
            left, parts = rest, max(parts - 1, 2)
        elif parts >= len(left):
            break
        else:
            parts = min(len(left), parts * 2)
    return left


def _without_one(left: Sequence[str], chunks: Sequence[Sequence[str]], removes: Callable[[Sequence[str]], bool]) -> list[str] | None:
    for chunk in reversed(chunks):  # the least promising go first
        rest = [key for key in left if key not in chunk]
        if removes(rest):
            return rest
    return None


def _proper_subsets(one: Set) -> list[Set]:
    """Those that must not remove the symptom for the set to be a smallest one, smallest first."""
    sizes = range(1, len(one)) if len(one) <= SMALL else sorted({1, len(one) - 1})
    return [frozenset(some) for size in sizes for some in combinations(sorted(one), size)]


def _movement(book: _Book, order: Sequence[str]) -> dict[str, float]:
    """How much of the way from the symptom to none each component goes alone: 1 all of it, 0 nothing, below 0 the wrong way."""
    found = {key: _way_back(book, order, frozenset({key})) for key in order}
    return {key: way for key, way in found.items() if way is not None}


def _way_back(book: _Book, order: Sequence[str], one: Set) -> float | None:
    whole = book.whole(order)
    reading = book.readings.get(one)
    start, end = book.readings[NONE].value, book.readings[whole].value if whole is not None else None
    if reading is None or reading.value is None or start is None or end is None or start == end or not math.isfinite(start - end):
        return None
    return (start - reading.value) / (start - end)


def _causes(book: _Book, order: Sequence[str]) -> tuple[Set, ...]:
    """The sets that were seen to remove the symptom while nothing inside them was, and everything inside them was asked."""
    if not book.reproduced:
        return ()
    removing = [one for one, reading in book.readings.items() if reading.gone and one]
    smallest = [one for one in removing if not any(other < one for other in removing) and all(some in book.readings for some in _proper_subsets(one))]
    place = {key: number for number, key in enumerate(order)}

    def alone(one: Set) -> bool:
        reading = book.readings.get(frozenset(order) - one) if len(one) < len(order) else None
        return reading is not None and reading.value is not None and not reading.gone

    def off(one: Set) -> int:
        """How far from health it leaves the measure, in quarters of the way: one that only just crosses a bound is less likely than one that takes all back."""
        way = _way_back(book, order, one)
        return 0 if way is None else min(4, round(4 * abs(1 - way)))

    return tuple(sorted(smallest, key=lambda one: (len(one), not alone(one), off(one), sorted(place[key] for key in one))))


def _shared(book: _Book, order: Sequence[str]) -> dict[str, float]:
    """Shapley's shares of the components that have a part in it."""
    causes = _causes(book, order)
    if not causes:
        return {}
    moved = _movement(book, order)
    inside = [key for one in causes for key in sorted(one, key=order.index)]
    others = sorted((key for key in order if abs(moved.get(key, 0.0)) >= MOVES), key=lambda key: -abs(moved[key]))
    players = list(dict.fromkeys((*inside, *others)))[:MOST_PLAYERS]
    least = min(len(causes[0]), MOST_PLAYERS)
    while len(players) > least and _unknown(book, players) > book.most - len(book.readings):
        players.pop()
    if _unknown(book, players) <= book.most - len(book.readings):
        for some in _subsets(players):
            book.ask(some)
    return _normal(_shapley(book, players))


def _subsets(players: Sequence[str]) -> list[Set]:
    return [frozenset(some) for size in range(len(players) + 1) for some in combinations(players, size)]


def _unknown(book: _Book, players: Sequence[str]) -> int:
    return sum(some not in book.readings for some in _subsets(players))


def _shapley(book: _Book, players: Sequence[str]) -> dict[str, float]:
    """What each player adds to the way back to health, on average over all orders in which they could be put back.

    Where not all sets could be replayed: the mean of what a player adds first and what it adds last, as far as those are known.
    """
    worth = _worth(book)
    count = len(players)
    shares = {}
    for key in players:
        others = [other for other in players if other != key]
        if all(some in worth for some in _subsets(players)):
            weights = [(some, math.factorial(len(some)) * math.factorial(count - len(some) - 1) / math.factorial(count)) for some in _subsets(others)]
            shares[key] = sum(weight * (worth[some | {key}] - worth[some]) for some, weight in weights)
            continue
        ends = [some for some in (NONE, frozenset(others)) if some in worth and some | {key} in worth]
        shares[key] = sum(worth[some | {key}] - worth[some] for some in ends) / len(ends) if ends else 0.0
    return shares


def _worth(book: _Book) -> dict[Set, float]:
    """How far each replay went back to health, in units of the measure; 1 and 0 where the measure says nothing."""
    start = book.readings[NONE].value
    known = {one: reading for one, reading in book.readings.items() if reading.value is not None and math.isfinite(reading.value)}
    gone = [reading.value for reading in known.values() if reading.gone]
    if start is None or not gone or not math.isfinite(start) or all(value == start for value in gone):
        return {one: float(reading.gone) for one, reading in book.readings.items()}
    sign = 1.0 if sum(start - value for value in gone if value is not None) > 0 else -1.0
    return {one: sign * (start - reading.value) for one, reading in known.items() if reading.value is not None}


def _normal(shares: Mapping[str, float]) -> dict[str, float]:
    """Shares that are not negative and add up to 1; whoever makes it worse when put back has no share in the symptom."""
    kept = {key: max(0.0, share) for key, share in shares.items()}
    total = sum(kept.values())
    return {key: share / total for key, share in kept.items()} if total > 0 else {key: 1 / len(kept) for key in kept}
