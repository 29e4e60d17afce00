"""A project with four versions of one small model, made once and copied: v1 answers, v2 is as good, v3 is spoiled, v4 says the opposite."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "workers"))

pytest.importorskip("lightgbm")
pytest.importorskip("assayline.trials")
pytest.importorskip("assayline.artefacts")

from churn_versions import written

from assayline.ledger import verify
from assayline.line.ahead import Judges
from assayline.line.delivery import rollouts
from assayline.line.delivery.terms import Terms
from assayline.line.models.trying import Trying
from assayline.line.project import Project, create_project, open_project


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that is copied; nobody writes to it."""
    folder = tmp_path_factory.mktemp("delivery")
    with create_project(str(folder / "shop"), ledger="sqlite:///ledger.db") as project, Trying(project, aspects=()) as trying, trying.batch():
        for number, spoiled in enumerate((0.0, 0.0, 0.4, 1.0), 1):
            outcome = trying.take(str(written(folder, f"v{number}", seed=number, spoiled=spoiled)))
            assert outcome.lot is not None
            assert outcome.lot.state == "released"
    return folder / "shop"


@pytest.fixture(scope="session")
def stocked(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a batch of customers, in which v1 answers and nobody watches it."""
    from batches import delivered

    folder = tmp_path_factory.mktemp("stocked")
    shutil.copytree(template, folder / "shop")
    with open_project(str(folder / "shop")) as project:
        delivered(project, 11)
        rollouts.start(project, "churn", "v1", Terms("customer", mode="blue_green", watch=0), author="ann")
        for _ in range(3):
            rollouts.advance(project, "churn", author="ann", reason="it is the first one")
        rollouts.start(project, "churn", "v2", Terms("customer", mode="shadow"), author="ann")  # ends the watch over v1
        rollouts.rollback(project, "churn", author="ann", reason="not yet")
    return folder / "shop"


@pytest.fixture
def shop(template: Path, tmp_path: Path) -> Iterator[Project]:
    """A project with the model churn, of which v1 is to be the one that answers; the chain of its ledger is checked at the end."""
    shutil.copytree(template, tmp_path / "shop")
    with open_project(str(tmp_path / "shop")) as project:
        yield project
        assert list(verify(project.ledger, project.store)) == []


@pytest.fixture
def judges(shop: Project) -> Iterator[Judges]:
    """Processes of the gate that serve all batches of a test."""
    with Judges(shop.store) as made:
        yield made
