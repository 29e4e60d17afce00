"""A lot whose very bytes were delivered before, however long ago."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from assayline.core import Finding, Past, Profile
from assayline.measures import Rows

CHANCE = 1e-4  # the probability of a coincidence below which it is none: the limit of the signatures (familiar.py)
USUALLY_SHARED = 0.7  # lots that share more of their rows are snapshots, which may honestly stay as they were (stale_copy's margin)


def delivered_twice(profile: Profile, past: Past, twins: Sequence[str], lots: int) -> list[Finding]:
    """What to say about earlier lots of the same bytes.

    Null hypothesis: each row stands in an earlier lot with the largest share that two recent lots had in common, so that all
    rows do with that share to the power of their number. Silent where that is likely: for a few rows, and in flows of snapshots.

    Args:
        profile: of this lot.
        past: the recent lots.
        twins: names of the earlier lots that hold the same bytes, oldest first.
        lots: how many earlier lots there are.
    """
    rows = profile.of(None, Rows)
    if rows is None or not rows.n or not twins:
        return []
    sketches = [one.whole for one in (lot.of(None, Rows) for lot in past.profiles) if one is not None and one.n]
    among = max((later.contained_in(earlier) for earlier, later in itertools.pairwise(sketches)), default=0.0)
    share = max(among, 1 / (rows.n + 1))
    if among > USUALLY_SHARED or lots * share ** min(rows.n, 1_000) > CHANCE:
        return []
    said = f"The same bytes were delivered before, as {twins[-1]}"
    said += f" and {len(twins) - 1} more of the {lots:,} earlier lots." if len(twins) > 1 else "."
    return [
        Finding(
            "duplicate_lot", (), said, severity=0.95, layer="history", rows=rows.n, exact_rows=True,
            evidence={"earlier_lot": twins[-1], "earlier_lots": len(twins)}, suggestion="ask for the new delivery",
        )
    ]  # fmt: skip
