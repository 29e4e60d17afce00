"""What one batch, or one window of requests, says of a rollout: plain numbers, kept in the ledger, from which every decision can be made again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Accounting:
    """Who scored what, exactly (layer L1).

    Args:
        taken: rows that came.
        published: rows that have a prediction and were published.
        quarantined: rows that the gate put aside.
        failed: rows without a prediction.
        arms: rows that each arm answered, by "champion" | "challenger" | "holdout".
        misplaced: rows that were answered by another arm than the hash of their unit says.
        fallbacks: rows that another than the model of their arm answered, by reason.
    """

    taken: int
    published: int
    quarantined: int = 0
    failed: int = 0
    arms: Mapping[str, int] = field(default_factory=dict)
    misplaced: int = 0
    fallbacks: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Behaviour:
    """How often a guard's event happened among pairs (both models said something of the same row), without labels (layer L2).

    Args:
        guard: "flip_rate" (another decision), "nan_rate" (nothing finite), "out_of_range", "fallback_rate", "moved" (a score moved further than the champion moves from day to day), …
        segment: "" for all, else "country=SE".
        rows: pairs that were looked at.
        bad: of which the event happened.
        limit: the share that is allowed, 0 to 1.
        log_e: natural logarithm of the e-value of this batch, for "the share is at most the limit"; at its end, or where it stopped.
        stopped_at: after so many pairs the batch was stopped; None where it was not.
        hard: the share from which a rollout is undone whatever the test says; 1 for none.
    """

    guard: str
    segment: str
    rows: int
    bad: int
    limit: float
    log_e: float = 0.0
    stopped_at: int | None = None
    hard: float = 1.0


@dataclass(frozen=True)
class Matured:
    """Labels that came for a batch: what the challenger lost more than the champion on the same rows (layer L3).

    Args:
        segment: "" for all, else "country=SE".
        rows: pairs with a label.
        expected: pairs in all: labels are still to come for the others.
        mean: of (loss of the challenger - loss of the champion), one value a pair.
        sd: standard deviation of these differences; 0 for fewer than two.
        champion: mean loss of the champion.
        challenger: mean loss of the challenger.
        unit: of the loss.
        bound: the largest difference that one pair can show, where the loss is bounded (1 for errors); 0 for none.
        log_e: natural logarithm of the e-value of "the challenger loses at most `hard` more", record by record; only for harm that cannot wait.
    """

    segment: str
    rows: int
    expected: int
    mean: float
    sd: float
    champion: float
    challenger: float
    unit: str = "loss"
    bound: float = 0.0
    log_e: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What came of the rows of one arm (layer L4): sums over units, so that batches add up.

    Args:
        arm: "champion" | "challenger" | "holdout".
        measure: what is counted ("money", "conversions", …).
        units: how many with an outcome.
        assigned: how many were assigned to the arm.
        total, squares: of the outcome.
        before, before_squares, products: of a covariate from before the rollout, and of outcome times covariate (CUPED); 0 without one.
        more_is_better: which way is up.
        returning: share of the units that came in earlier batches too, 0 to 1: what they have in common is no new evidence.
    """

    arm: str
    measure: str
    units: int
    assigned: int
    total: float
    squares: float
    before: float = 0.0
    before_squares: float = 0.0
    products: float = 0.0
    more_is_better: bool = True
    returning: float = 1.0


@dataclass(frozen=True)
class Latency:
    """How fast an arm answered (layer L5): all calls, those of them that failed, and counts of the answers by upper bound in microseconds, each answer once."""

    arm: str
    calls: int
    failures: int
    histogram: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Batch:
    """Everything one batch says.

    Args:
        name: of the lot of inputs, or of the window of requests.
        at: when it was scored, UTC.
        stage: of the rollout at that time.
        mode: of that stage.
        share: per cent of the keys that the challenger answered.
        mechanical: what is wrong with the challenger as a machine (layer L0), in sentences; empty for nothing.
    """

    name: str
    at: str
    stage: int
    mode: str
    share: float
    accounting: Accounting
    behaviours: tuple[Behaviour, ...] = ()
    matured: tuple[Matured, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    latencies: tuple[Latency, ...] = ()
    mechanical: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As JSON values; `from_json` gives an equal batch back."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Batch:
        """Read what `to_json` wrote.

        Raises:
            KeyError, TypeError: it is something else.
        """
        values = dict(document)
        kinds: dict[str, Any] = {"behaviours": Behaviour, "matured": Matured, "outcomes": Outcome, "latencies": Latency}
        values |= {name: tuple(kind(**one) for one in values.get(name, ())) for name, kind in kinds.items()}
        return cls(**{**values, "accounting": Accounting(**values["accounting"]), "mechanical": tuple(values.get("mechanical", ()))})
