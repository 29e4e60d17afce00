"""Versions of a model of customers, made in a moment and real."""

from __future__ import annotations

from pathlib import Path

import lightgbm
import numpy as np
from customers import customers

from assayline import artefacts, framing


def written(folder: Path, version: str, *, seed: int = 1, spoiled: float = 0.0, rounds: int = 30) -> Path:
    """Writes an artefact that was trained on customers, a share of whose labels is the opposite."""
    table = customers(seed)
    plan = framing.frame(table, framing.Problem("churned", key="customer"))
    encoded, (truth, _) = plan.encode(table), plan.target(table)
    labels = np.where(np.random.default_rng(seed).random(len(truth)) < spoiled, 1 - truth, truth)
    options = {"objective": "binary", "verbose": -1, "num_leaves": 7, "num_threads": 1, "learning_rate": 0.1, "seed": seed}
    predictor = artefacts.Boosted.of(lightgbm.train(options, lightgbm.Dataset(encoded, labels), rounds), classes=2)
    bundle = artefacts.Bundle(
        name="churn", version=version, plan=plan, predictor=predictor, golden=artefacts.Golden.of(plan, predictor, table.head(20)), environment=artefacts.environment_here(),
        owner="ops@example.com", purpose="Who leaves.",
    )  # fmt: skip
    path = folder / f"churn-{version}.assay"
    artefacts.write(bundle, path)
    return path
