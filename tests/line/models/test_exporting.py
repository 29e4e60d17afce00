"""Versions in other languages, from the store to files."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("lightgbm")
pytest.importorskip("assayline.exports")
pytest.importorskip("assayline.trials")
pytest.importorskip("assayline.artefacts")

from customers import Make

from assayline.line.models.exporting import export
from assayline.line.models.trying import Trying
from assayline.line.project import Project


@pytest.fixture
def kept(project: Project, make: Make) -> Project:
    with Trying(project, aspects=()) as trying:
        assert trying.take(str(make("v1"))).error is None
    return project


def test_a_version_goes_out_as_onnx_and_says_how_far_it_is_from_the_original(kept: Project, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")

    made = export(kept, "churn", "onnx", str(tmp_path / "out"))

    assert [Path(one).name for one in made["files"]] == ["churn-v1.onnx", "churn-v1.plan.json"]
    assert "differs from the original by at most" in made["sentence"]


def test_a_version_goes_out_as_c_that_compiles_without_a_warning(kept: Project, tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler here")

    made = export(kept, "churn:v1", "c", str(tmp_path))

    source = next(one for one in made["files"] if one.endswith(".c"))
    done = subprocess.run([compiler, "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-c", source, "-o", str(tmp_path / "model.o")], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_version_goes_out_as_one_page(kept: Project, tmp_path: Path) -> None:
    made = export(kept, "churn", "web", str(tmp_path))

    [page] = made["files"]
    assert "<html" in Path(page).read_text(encoding="utf-8")
