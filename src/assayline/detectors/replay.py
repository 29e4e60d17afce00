"""What the same judge would have said of good lots: the calibration of a suspicion by the past of its own flow.

No null hypothesis fits every flow: seasons, new devices and real gaps make good lots differ by more than any of the models allows.
So a judge that is about to speak is asked about the last lots too, each against its own forerunners only. What it says of them is known to be no
fault, for they were released; only what goes beyond it is evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from .comparison import Comparison
from .suspicion import Suspicion

LAST_PART = 3  # the last third of the lots: they had most of the forerunners that today has, and are most like it
LEAST_BEFORE = 8  # forerunners a lot needs: with fewer the judge had too little to go by
CELLS = 600_000  # cells looked at again for one judge: about half a second at most
FEWEST = 4  # lots that are replayed, whatever they cost
MOST_COLUMNS = 6  # accused by one judge at once: beyond it, something did happen, and the replay would cost more than the judgement
LEAST = 1e-12  # a p-value below it says the same


class Judge(Protocol):
    """Looks for one kind of change against the past.

    Attributes:
        finds: the finding codes it can give.

    A judge may say in `beside` which other columns it looks at when it judges one: "segments" (and clocks; what holds
    when nothing is said), "all", or "none".
    """

    finds: tuple[str, ...]

    def __call__(self, comparison: Comparison, /) -> Iterable[Suspicion]: ...


def replayed(judge: Judge, suspicions: Sequence[Suspicion], comparison: Comparison) -> dict[int, float]:
    """The p-values that change when a judge has been asked about good lots too, by their place in the sequence.

    Null hypothesis: the evidence against today is no stronger than what the same judge had against good lots of this flow. The
    p-value is divided by the smallest one of m good lots for the same column, as far as that is below the 1 / (m + 1) that chance gives: a
    judge that keeps its promise loses nothing, and one that was as sure of good lots says nothing. A plain fact (p = 0) stays one unless it
    was stated of a good lot too.

    Args:
        judge: who said it.
        suspicions: what it says of today.
        comparison: today beside its past.
    """
    columns = {name for one in suspicions for name in one.finding.columns}
    first = max(LEAST_BEFORE, comparison.lots - comparison.lots // LAST_PART)
    if not suspicions or len(columns) > MOST_COLUMNS or first >= comparison.lots:
        return {}
    names = columns | _beside(judge, comparison)
    most = max(FEWEST, CELLS // max(1, len(names) * len(comparison.lot)))
    again = range(max(first, comparison.lots - most), comparison.lots)
    worst = dict.fromkeys(range(len(suspicions)), 1.0)
    for lot in again:
        for said in judge(comparison.earlier(lot, names)):
            for place, one in enumerate(suspicions):
                if _same(one, said):
                    worst[place] = min(worst[place], said.p)
    chance = 1 / (len(again) + 1)
    return {place: min(1.0, max(suspicions[place].p, LEAST) * chance / max(p, LEAST)) for place, p in worst.items() if p < chance}


def _beside(judge: Judge, comparison: Comparison) -> set[str]:
    """The other columns a judge looks at."""
    where = getattr(judge, "beside", "segments")
    if where == "segments":
        return {view.name for view in (*comparison.segments, *comparison.clocks)}
    return set(comparison.shared) if where == "all" else set()


def _same(one: Suspicion, other: Suspicion) -> bool:
    """Whether two suspicions of one judge are about the same thing: a column in common, or the whole lot both."""
    ours, theirs = set(one.finding.columns), set(other.finding.columns)
    return bool(ours & theirs) or (not ours and not theirs and one.finding.code == other.finding.code)
