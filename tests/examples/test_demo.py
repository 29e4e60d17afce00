"""The demonstration data is what its makers say it is."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
BIKES = EXAMPLES / "data" / "bikes"


@pytest.fixture
def make_demo() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_demo", EXAMPLES / "make_demo.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_the_faults_are_made_again_byte_for_byte(make_demo: ModuleType, tmp_path: Path) -> None:
    make_demo.make_faults(tmp_path)

    for name in ("2012-07-09.csv", "truth.csv"):
        assert (tmp_path / name).read_bytes() == (BIKES / name).read_bytes()


def test_the_sources_of_the_line_are_made_again_byte_for_byte(make_demo: ModuleType, tmp_path: Path) -> None:
    make_demo.make_line(tmp_path)

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {path.name: path.read_bytes() for path in (BIKES / "line").iterdir()}


def test_nothing_but_the_listed_cells_differs_from_the_clean_week() -> None:
    header, *clean = rows(BIKES / "clean" / "2012-07-09.csv")
    _, *dirty = rows(BIKES / "2012-07-09.csv")
    _, *truth = rows(BIKES / "truth.csv")
    listed = {(int(row), column) for row, column, _ in truth}
    original = {row[0]: row for row in clean}

    for number, row in enumerate(dirty):
        if (number, "*") not in listed:
            changed = {name for name, now, then in zip(header, row, original[row[0]], strict=True) if now != then}
            assert {(number, name) for name in changed} <= listed


def test_every_data_set_states_its_source_and_licence() -> None:
    notice = (EXAMPLES / "data" / "LICENCES.md").read_text(encoding="utf-8")

    for folder in (path for path in (EXAMPLES / "data").iterdir() if path.is_dir()):
        assert f"`{folder.name}/`" in notice
    assert notice.count("Creative Commons Attribution 4.0") == 2


def test_the_data_in_the_repository_stays_small() -> None:
    assert sum(path.stat().st_size for path in (EXAMPLES / "data").rglob("*") if path.is_file()) < 2_000_000
