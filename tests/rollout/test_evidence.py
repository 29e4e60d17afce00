"""What a batch says survives the ledger."""

from __future__ import annotations

import json

from assayline.rollout import Accounting, Batch, Behaviour, Latency, Matured, Outcome


def test_a_batch_survives_the_journey_through_json() -> None:
    batch = Batch(
        "lot 3", "2026-11-21T00:00:00+00:00", 2, "canary", 5.0, Accounting(100, 98, 2, arms={"champion": 95, "challenger": 5}, fallbacks={"nan": 1}),
        (Behaviour("flip_rate", "country=SE", 15, 1, 0.05, 0.3, 12),), (Matured("", 10, 15, 0.1, 0.3, 0.2, 0.3, "errors", 1.0),),
        (Outcome("challenger", "money", 5, 6, 10.0, 30.0),), (Latency("champion", 5, 0, {"100": 5}),), ("golden row 3 is another",),
    )  # fmt: skip

    assert Batch.from_json(json.loads(json.dumps(batch.to_json()))) == batch
