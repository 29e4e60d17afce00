"""What is wrong, as one number, and between which bounds that number was while all was well."""

from __future__ import annotations

from dataclasses import dataclass

FINDING, METRIC, FAILURE, SILENCE = "finding", "metric", "failure", "silence"
KINDS = (FINDING, METRIC, FAILURE, SILENCE)


@dataclass(frozen=True)
class Symptom:
    """What a person sees, measured on a table of one flow.

    Args:
        kind: "finding" (the gate accuses the flow's lot: the measure is the severity), "metric" (a figure left its bounds), "failure" (a step cannot be run: 1 or 0),
            "silence" (no new lot).
        flow: it shows in.
        name: the code of the finding, or the metric as it is written: "mae(prediction, rentals)".
        sentence: what a person reads.
        before: the measure while all was well (the last good lot), or None.
        now: the measure in the first bad lot, or None.
        low: smallest value that is still well.
        high: largest value that is still well.
        columns: of the flow that it is about.
        where: the rows it is about, "station = 3"; "" for all.
        since: when it began (UTC), or "".
        unit: of the measure, or "".

    >>> Symptom(METRIC, "forecasts", "mae(prediction, rentals)", "…", 41.0, 63.0, 35.0, 47.0).gone(42.0)
    True
    """

    kind: str
    flow: str
    name: str
    sentence: str
    before: float | None = None
    now: float | None = None
    low: float = float("-inf")
    high: float = float("inf")
    columns: tuple[str, ...] = ()
    where: str = ""
    since: str = ""
    unit: str = ""

    def gone(self, value: float | None) -> bool:
        """Whether this is a value as it was while all was well."""
        return value is not None and self.low <= value <= self.high
