"""Two projects side by side: what differs in freshness, volume, schema and distributions is named with two numbers, and nothing else is."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from assayline.errors import MisuseError
from assayline.line.gating import gate_paths
from assayline.line.parity import parity_document
from assayline.line.project import Project, create_project

LOTS = 12
Change = Callable[[pl.DataFrame], pl.DataFrame]


def day(number: int, *, seed: int = 0, rows: int = 400) -> pl.DataFrame:
    random = np.random.default_rng(1000 * seed + number)
    start = datetime.datetime(2026, 3, 1) + datetime.timedelta(days=number)
    return pl.DataFrame(
        {
            "at": [start + datetime.timedelta(seconds=int(second)) for second in np.sort(random.integers(0, 86_400, rows))],
            "shop": random.choice(["Lyon", "Bonn", "Gent", "Oslo"], rows),
            "amount": np.round(random.gamma(4, 10, rows), 2),
            "items": random.integers(1, 9, rows),
        }
    )


def filled(folder: Path, lots: range, *, seed: int = 0, change: Change = lambda frame: frame, rows: int = 400) -> Project:
    project = create_project(str(folder))
    paths = []
    for number in lots:
        paths.append(str(folder / f"day-{number:02}.parquet"))
        change(day(number, seed=seed, rows=rows)).write_parquet(paths[-1])
    list(gate_paths(project, "sales", paths))
    return project


@pytest.fixture(scope="module")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Production: twelve days."""
    with filled(tmp_path_factory.mktemp("prod") / "prod", range(LOTS)) as project:
        yield project


def compared(prod: Project, folder: Path, lots: range = range(LOTS - 3, LOTS), **how: Any) -> list[tuple[str, str, str | None]]:
    with filled(folder / "dev", lots, **how) as dev:
        document = parity_document(dev, prod, "sales")
    assert document["same"] is (not document["differences"])
    return [(one["weight"], one["aspect"], one["column"]) for one in document["differences"]]


def test_the_same_lots_do_not_differ(prod: Project, tmp_path: Path) -> None:
    assert compared(prod, tmp_path) == []
    assert parity_document(prod, prod, "sales")["differences"] == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_other_rows_of_the_same_kind_do_not_differ(seed: int, prod: Project, tmp_path: Path) -> None:
    assert compared(prod, tmp_path, seed=seed) == []


def test_older_data_are_named_with_both_dates(prod: Project, tmp_path: Path) -> None:
    with filled(tmp_path / "dev", range(3)) as dev:
        (found,) = parity_document(dev, prod, "sales")["differences"]

    assert (found["weight"], found["aspect"]) == ("warn", "freshness")
    assert found["dev"].startswith("2026-03-03")
    assert found["prod"].startswith("2026-03-12")
    assert "prod gets a lot every" in found["sentence"]


def test_a_due_date_far_ahead_does_not_hide_that_data_are_old(tmp_path: Path) -> None:
    def with_due(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(due=pl.lit(datetime.datetime(2099, 12, 31)))

    with filled(tmp_path / "prod", range(LOTS), change=with_due) as prod, filled(tmp_path / "dev", range(3), change=with_due) as dev:
        found = parity_document(dev, prod, "sales")["differences"]

    assert [(one["aspect"], one["column"]) for one in found] == [("freshness", "at")]


def test_one_lot_behind_is_no_difference(prod: Project, tmp_path: Path) -> None:
    assert compared(prod, tmp_path, range(LOTS - 3, LOTS - 1)) == []


def test_fewer_rows_are_named(prod: Project, tmp_path: Path) -> None:
    found = compared(prod, tmp_path, seed=1, rows=40)

    assert ("warn", "volume", None) in found


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda frame: frame.drop("items"), ("block", "schema", "items")),
        (lambda frame: frame.with_columns(pl.lit("x").alias("channel")), ("block", "schema", "channel")),
        (lambda frame: frame.with_columns(items=pl.col("items").replace_strict({n: "abcdefghi"[n] for n in range(9)})), ("block", "schema", "items")),
        (lambda frame: frame.select("at", "amount", "shop", "items"), ("warn", "schema", None)),
    ],
)  # fmt: skip
def test_another_schema_is_named_by_its_column(change: Change, expected: tuple[str, str, str | None], prod: Project, tmp_path: Path) -> None:
    assert expected in compared(prod, tmp_path, seed=1, change=change)


def test_another_distribution_is_named_with_two_numbers(prod: Project, tmp_path: Path) -> None:
    with filled(tmp_path / "dev", range(LOTS - 3, LOTS), seed=1, change=lambda frame: frame.with_columns(pl.col("amount") * 100)) as dev:
        found = parity_document(dev, prod, "sales")["differences"]

    assert [(one["aspect"], one["column"]) for one in found] == [("distribution", "amount")]
    assert found[0]["dev"] == pytest.approx(4000, rel=0.2)
    assert found[0]["prod"] == pytest.approx(40, rel=0.2)


def test_a_flow_that_one_of_them_does_not_have_is_said(prod: Project, tmp_path: Path) -> None:
    with create_project(str(tmp_path / "empty")) as empty, pytest.raises(MisuseError, match="has no flow 'sales'"):
        parity_document(empty, prod, "sales")
