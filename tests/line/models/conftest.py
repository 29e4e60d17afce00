"""Artefacts made by hand: small enough that a trial takes no time, and real."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "workers"))

pytest.importorskip("lightgbm")
pytest.importorskip("assayline.trials")
artefacts = pytest.importorskip("assayline.artefacts")
framing = pytest.importorskip("assayline.framing")

from customers import Make, customers  # noqa: E402 - after the check that its packages are there

# What the database sees of a trial is tried on both (test_trying.py); what processes do and files hold is the same on either.
ONE_DATABASE = ("test_suite.py", "test_line_model.py", "test_exporting.py", "test_bringing.py")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    twice = [item for item in items if item.path.parent == Path(__file__).parent and item.path.name in ONE_DATABASE and "postgresql" in item.name]
    config.hook.pytest_deselected(items=twice)
    items[:] = [item for item in items if item not in twice]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes an artefact that was trained on customers; a share of its labels can be spoiled, and its name chosen."""

    def made(version: str = "v1", *, seed: int = 1, spoiled: float = 0.0, name: str = "churn", folder: Path | None = None, rounds: int = 30) -> Path:
        import lightgbm

        table = customers(seed)
        plan = framing.frame(table, framing.Problem("churned", key="customer"))
        encoded, (truth, _) = plan.encode(table), plan.target(table)
        labels = np.where(np.random.default_rng(seed).random(len(truth)) < spoiled, 1 - truth, truth)
        options = {"objective": "binary", "verbose": -1, "num_leaves": 7, "num_threads": 1, "learning_rate": 0.1, "seed": seed}
        booster = lightgbm.train(options, lightgbm.Dataset(encoded, labels), rounds)
        predictor = artefacts.Boosted.of(booster, classes=2)
        bundle = artefacts.Bundle(
            name=name, version=version, plan=plan, predictor=predictor, baselines={"dummy": artefacts.Constant.of([1 - truth.mean(), truth.mean()])},
            golden=artefacts.Golden.of(plan, predictor, table.head(20)), environment=artefacts.environment_here(), owner="ops@example.com", purpose="Who leaves.",
        )  # fmt: skip
        path = (folder or tmp_path) / f"{name}-{version}.assay"
        artefacts.write(bundle, path)
        return path

    return made
