"""Why a version of a model is worse: what differs between its training and that of the version it is held against."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

pytest.importorskip("lightgbm")
pytest.importorskip("sklearn")
pytest.importorskip("assayline.training")

from assayline.errors import MisuseError
from assayline.line.definition import Line, load_line
from assayline.line.models.test_sets import add_set
from assayline.line.project import Project, create_project
from assayline.line.running import run_line
from assayline.line.why.asked import Asked
from assayline.line.why.asking import why

TEXT = """
import polars as pl
import assayline
from assayline import Table

line = assayline.Line("shop")
orders = line.source("orders", "incoming/orders-*.parquet", settle_seconds=0)

def clean(frame: pl.DataFrame) -> pl.DataFrame:
    return frame{spoiled}

@line.step
def adults(orders: Table) -> Table:
    return clean(orders)

class Churn(assayline.Model):
    target, key = "churned", "customer"

line.model(Churn, data=adults, budget="3s")
"""


def customers(seed: int, rows: int = 600) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    calls, age = draw.normal(0, 1, rows), draw.normal(0, 1, rows)
    leaves = draw.random(rows) < 1 / (1 + np.exp(2 * age - 3 * calls))
    return pl.DataFrame({"customer": [f"c{seed}-{one}" for one in range(rows)], "calls": calls, "age": age, "churned": np.where(leaves, "yes", "no")})


def trained(project: Project, spoiled: str) -> tuple[Line, str]:
    file = Path(project.folder) / "line.py"
    file.write_text(TEXT.format(spoiled=spoiled), encoding="utf-8")
    line = load_line(str(file))
    sys.path.remove(str(file.parent))
    assert run_line(project, line, str(file)).runs["churn"] == 1
    return line, str(file)


@pytest.mark.slow
def test_a_version_that_is_worse_is_held_against_the_one_before_it(tmp_path: Path) -> None:
    with create_project(str(tmp_path / "shop")) as project:
        (tmp_path / "shop" / "incoming").mkdir()
        customers(0).write_parquet(tmp_path / "shop" / "incoming" / "orders-0.parquet")
        customers(100).write_parquet(tmp_path / "kept.parquet")
        add_set(project, "churn", str(tmp_path / "kept.parquet"), "kept")
        line, file = trained(project, "")
        trained(project, '.with_columns(calls=pl.col("calls").shuffle(seed=1))')

        worse, newest, first = (why(project, line, file, asked) for asked in (Asked(model="churn:v2"), Asked("churn"), Asked(model="churn:v1")))
        with pytest.raises(MisuseError, match="churn:v9"):
            why(project, line, file, Asked(model="churn:v9"))

    assert newest["causes"] == worse["causes"]
    assert (worse["verdict"], worse["causes"][0]["components"], worse["replays"]["made"]) == ("correlational", ["code line.py: clean"], 0)
    assert (worse["symptom"]["name"], worse["symptom"]["before"] > worse["symptom"]["now"]) == ("auc on kept", True)
    assert "trained again" in worse["candidates"][0]["why_not"]
    assert worse["causes"][0]["touches"] == ["adults", "churn:v2"]
    assert first["verdict"] == "healthy"
