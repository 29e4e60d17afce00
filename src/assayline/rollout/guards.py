"""How each guard stands and how it came to that, batch by batch: what a picture of a rollout draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from .evidence import Batch
from .judging import guard_lines
from .limits import Limits
from .restarting import carried

MOST_LOOKS = 200


def standing(batches: Sequence[Batch], limits: Limits) -> list[dict[str, Any]]:
    """Each guard as the judge sees it now, those over all rows first, as JSON values.

    Args:
        batches: all of a rollout, oldest first.
        limits: what was agreed at its start.

    Returns:
        What `GuardLine` has (`share` is None where there are no pairs), and `history`: for each of the last 200 batches that the guard has pairs of, the `batch`, its `rows` and
        `bad`, where it was stopped (`stopped_at`), and the logarithm of the evidence after it (`log_e`), which is what the judge compares with `needed`.

    >>> from assayline.rollout import Accounting, Behaviour
    >>> days = [Batch(f"day {day}", "2026-11-21", 2, "canary", 1.0, Accounting(5000, 5000), (Behaviour("flip_rate", "", 550, 11, 0.05, -5.0),)) for day in (1, 2)]
    >>> [(look["batch"], look["bad"], round(look["log_e"], 2)) for look in standing(days, Limits())[0]["history"]]
    [('day 1', 11, -0.69), ('day 2', 11, -1.1)]
    """
    looks: dict[tuple[str, str], list[dict[str, Any]]] = {}
    log_es: dict[tuple[str, str], list[float]] = {}
    for batch in batches:
        for one in batch.behaviours:
            if one.rows:
                said = log_es.setdefault((one.guard, one.segment), [])
                said.append(one.log_e)
                looks.setdefault((one.guard, one.segment), []).append(
                    {"batch": batch.name, "rows": one.rows, "bad": one.bad, "stopped_at": one.stopped_at, "log_e": carried(said)}
                )  # fmt: skip
    return [
        {**asdict(line), "share": line.share if line.rows else None, "history": looks.get((line.guard, line.segment), [])[-MOST_LOOKS:]} for line in guard_lines(batches, limits)
    ]
