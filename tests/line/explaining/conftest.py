"""Projects with versions whose differences are known: made by hand, so that no training is needed."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "workers"))

pytest.importorskip("lightgbm")
pytest.importorskip("assayline.explain")
artefacts = pytest.importorskip("assayline.artefacts")
framing = pytest.importorskip("assayline.framing")

from customers import customers  # noqa: E402 - after the check that its packages are there

from assayline.line.models.test_sets import add_set  # noqa: E402
from assayline.line.models.trying import Trying  # noqa: E402
from assayline.line.project import Project, create_project, open_project  # noqa: E402

COST = {"classes": ["no", "yes"], "costs": [[0.0, 20.0], [100.0, 0.0]], "unit": "EUR"}


def write_version(path: Path, version: str, table: pl.DataFrame, *, drop: tuple[str, ...] = (), cost: dict[str, object] | None = None, target: str = "churned", name: str = "churn") -> Path:
    """An artefact that was trained on a table, without some of its columns."""
    import lightgbm

    table = table.drop(*drop)
    plan = framing.frame(table, framing.Problem(target, key="customer"))
    encoded, (truth, _) = plan.encode(table), plan.target(table)
    kind = "binary" if plan.classes else "regression"
    options = {"objective": kind, "verbose": -1, "num_leaves": 7, "num_threads": 1, "learning_rate": 0.1, "seed": 1}
    booster = lightgbm.train(options, lightgbm.Dataset(encoded, truth), 30)
    predictor = artefacts.Boosted.of(booster, classes=len(plan.classes))
    bundle = artefacts.Bundle(
        name=name, version=version, plan=plan, predictor=predictor, golden=artefacts.Golden.of(plan, predictor, table.head(20)), environment=artefacts.environment_here(),
        owner="ops@example.com", purpose="Who leaves.", cost=cost,
    )  # fmt: skip
    artefacts.write(bundle, path)
    return path


def make_shop(folder: Path) -> None:
    """`churn:v1` has not seen the city, in which the young of Lyon leave; `v2` has; `v3` is `v2` once more with other seeds. `spend` is a regression without a second version."""
    table = customers(1, 3000)
    lyon = pl.col("city") == "Lyon"
    table = table.with_columns(churned=pl.when(lyon & (pl.col("age") < 45)).then(pl.lit("yes")).otherwise("churned"))
    test = customers(7, 1600).with_columns(churned=pl.when(lyon & (pl.col("age") < 45)).then(pl.lit("yes")).otherwise("churned"))
    test.write_parquet(folder / "q1.parquet")
    test.filter(~lyon).head(500).write_parquet(folder / "q0.parquet")
    with create_project(str(folder / "shop")) as project:
        add_set(project, "churn", str(folder / "q0.parquet"), "q1")
        with Trying(project, aspects=()) as trying:
            trying.take(str(write_version(folder / "v1.assay", "v1", table, drop=("city",), cost=COST)), "churn")
            add_set(project, "churn", str(folder / "q1.parquet"), "q1")
            trying.take(str(write_version(folder / "v2.assay", "v2", table, cost=COST)), "churn")
            trying.take(str(write_version(folder / "v3.assay", "v3", table.sample(fraction=1.0, shuffle=True, seed=3), cost=COST)), "churn")
            trying.take(str(write_version(folder / "s1.assay", "v1", customers(1, 800).drop("churned"), target="spend", name="spend")), "spend")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the project in it; tests that change it take a copy."""
    folder = tmp_path_factory.mktemp("explained")
    make_shop(folder)
    return folder


@pytest.fixture(scope="module")
def shop(made: Path) -> Iterator[Project]:
    with open_project(str(made / "shop")) as project:
        yield project


@pytest.fixture
def copied(made: Path, tmp_path: Path) -> Iterator[Project]:
    """A copy of the project that a test may change."""
    shutil.copytree(made / "shop", tmp_path / "shop")
    with open_project(str(tmp_path / "shop")) as project:
        yield project


@pytest.fixture
def version_file() -> Callable[..., Path]:
    return write_version


