"""What two versions say of the same rows, compared while a batch is scored: each guard bets on its rows in random order, and may stop the challenger in the middle.

Null hypothesis of each guard: at most its limit of this batch's pairs are bad. The order of the rows is a permutation drawn from the identity of the run, so that rows of one unit
are as mixed as all others, and the test without replacement holds whatever belongs together. Promised, with the alpha of `rollout.judging.alpha_inside`: a batch is stopped
exactly when the judge would send the rollout back for this guard alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.rollout import Batch, Behaviour, Limits
from assayline.rollout.betting import RateTest
from assayline.rollout.judging import alpha_inside

from .answering import REASONS, Answers

MOST_VALUES = 12  # of a column by which segments are made without being asked: more are not told apart by anybody
MOST_COLUMNS = 4
LEAST_PAIRS = 200  # of a part of the rows that nobody named, in one batch
SPREAD = 0.05  # of the way from the 5th to the 95th percentile: how far a number may move where nothing is known of how far it moves by itself
NAN, EXCEPTION, RANGE = (REASONS.index(one) for one in ("nan", "exception", "out_of_range"))

Rows = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]


@dataclass
class _Watched:
    """One guard over some of the pairs."""

    guard: str
    segment: str
    members: Truths | None  # by number of row; None for all
    test: RateTest
    hard: float

    def behaviour(self) -> Behaviour:
        test = self.test
        return Behaviour(self.guard, self.segment, test.rows, test.bad, test.limit, test.log_e, test.crossed, self.hard)


@dataclass
class Pairs:
    """All guards of a batch.

    Args:
        rows: numbers of the rows that both score, in random order.
        champion: what the champion said of all rows of the batch.
        classes: the labels; empty for numbers.
        table: the rows, for their segments.
        terms: `guards`: [{"guard", "by", "limit"}]; `limits`: of the judge; `batches`: of the rollout so far; `own`: {"flip_rate", "distance"}: what the champion does by itself.
        known: columns that the champion reads, by which segments may be made.
    """

    rows: Rows
    champion: Answers
    classes: Sequence[str]
    table: pl.DataFrame
    terms: Mapping[str, Any]
    known: Sequence[str] = ()
    watched: list[_Watched] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        limits, batches = Limits.from_json(self.terms["limits"]), [Batch.from_json(one) for one in self.terms["batches"]]
        agreed = [one for one in self.terms["guards"] if one["guard"] != "loss"]
        names = list(dict.fromkeys([*(one["guard"] for one in agreed), *limits.guards, "nan_rate", "out_of_range", "flip_rate"]))
        said = {one["guard"]: float(one["limit"]) for one in agreed if one["limit"] is not None}
        rates = {one: said.get(one, self._own(one, limits)) for one in names if one != "loss"}
        limits = replace(limits, guards=tuple(rates))
        segments = list(self._segments())
        for name, rate in rates.items():
            of_guard = [one for one in segments if one[0] in ("", name)]
            for _, segment, members, agreed_on in (("", "", None, True), *of_guard):
                pairs = len(self.rows) if members is None else int(members[self.rows].sum())
                if pairs:
                    tests = sum(1 for other in rates for one in segments if one[0] in ("", other))
                    # The limit is one of what such a model does, not of these very rows: of twenty rows two may be bad by chance where one in twenty is allowed.
                    # Near the border between two answers more of them change: a part of the rows that nobody named is allowed more than all rows together.
                    allowed = rate if agreed_on else min(0.99, limits.hard * rate)
                    test = RateTest(allowed, alpha_inside(batches, limits, name, segment, segments=tests))
                    self.watched.append(_Watched(name, segment, members, test, min(1.0, limits.hard * allowed)))
        self._distance = self._far()

    def feed(self, rows: Rows, challenger: Answers) -> bool:
        """Looks at the next rows in their order; says whether one of the guards stops the batch.

        Args:
            rows: their numbers.
            challenger: what the challenger says of them.
        """
        bad = self._bad(rows, challenger)
        for one in self.watched:
            mine = slice(None) if one.members is None else one.members[rows]
            one.test.feed(bad[one.guard][mine])
        return any(one.test.crossed is not None for one in self.watched)

    def behaviours(self) -> list[Behaviour]:
        """What each guard saw; those over all pairs first."""
        return [one.behaviour() for one in sorted(self.watched, key=lambda one: one.segment != "")]

    def stopped_by(self) -> str:
        """Which guard ended the batch, in a sentence; "" for none."""
        for one in self.watched:
            if one.test.crossed is not None:
                where = f" of {one.segment}" if one.segment else ""
                return f"{one.guard}{where}: {one.test.bad:,} of {one.test.rows:,} pairs, where {one.test.limit:.2%} are allowed"
        return ""

    def _bad(self, rows: Rows, challenger: Answers) -> dict[str, Truths]:
        ours, why, before = self.champion[rows], challenger["reason"], self.champion["reason"][rows]
        both = (why == 0) & (before == 0)
        with np.errstate(invalid="ignore"):
            moved = both & (np.abs(challenger["score"] - ours["score"]) > self._distance)
        flipped = both & (challenger["decided"] != ours["decided"]) if self.classes else moved
        return {
            "flip_rate": flipped, "moved": moved, "fallback_rate": (why != 0) & (before == 0), "out_of_range": (why == RANGE) & (before != RANGE),
            "nan_rate": ((why == NAN) | (why == EXCEPTION)) & (before != NAN) & (before != EXCEPTION),
        }  # fmt: skip

    def _own(self, guard: str, limits: Limits) -> float:
        """What is allowed where nobody said: what is usual, or more where the champion itself changes its mind more often."""
        if guard in limits.rates:
            return limits.rate(guard)
        return max(limits.rate(guard), float(self.terms["own"].get(guard) or 0.0))

    def _far(self) -> float:
        known = self.terms["own"].get("distance")
        scores = self.champion["score"][self.champion["reason"] == 0]
        usual = SPREAD * float(np.subtract(*np.quantile(scores, [0.95, 0.05]))) if len(scores) else 0.0
        return max(float(known or 0.0), usual)

    def _segments(self) -> list[tuple[str, str, Truths, bool]]:
        """Parts of the batch: (guard that is asked of them, or "" for the decisions; its name; which rows; whether it was agreed on)."""
        found: list[tuple[str, str, Truths, bool]] = []
        asked: dict[str, set[str]] = {}
        for one in self.terms["guards"]:
            if one["by"]:
                asked.setdefault(one["by"], set()).add("flip_rate" if one["guard"] == "loss" else one["guard"])
        few = [name for name in self.known if name not in asked and _has_few_values(self.table, name)][:MOST_COLUMNS]
        for name, guards in [*asked.items(), *((one, {"flip_rate"}) for one in few)]:
            if name not in self.table.columns:
                continue
            values = self.table.get_column(name).cast(pl.String)
            for value in sorted(values.drop_nulls().unique().to_list()):
                members = (values == value).fill_null(value=False).to_numpy()
                if name in asked or members[self.rows].sum() >= LEAST_PAIRS:
                    found += [(guard, f"{name}={value}", members, name in asked) for guard in sorted(guards)]
        return found


def drawn(rows: Rows, run: str) -> Rows:
    """The rows in an order that is drawn from the identity of the run: the same whenever it goes on."""
    seed = int.from_bytes(hashlib.sha256(f"{run} order".encode()).digest()[:8], "big")
    return np.random.default_rng(seed).permutation(rows)


def _has_few_values(table: pl.DataFrame, name: str) -> bool:
    if name not in table.columns:
        return False
    values = table.get_column(name)
    if not (values.dtype in (pl.String, pl.Boolean, pl.Categorical) or isinstance(values.dtype, pl.Enum)):
        return False
    return 2 <= values.head(10_000).n_unique() <= MOST_VALUES and values.n_unique() <= MOST_VALUES
