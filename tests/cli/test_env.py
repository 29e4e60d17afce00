"""`assay env`: capture here and elsewhere, diff by name or by file, and the exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ASSAY = [sys.executable, "-P", "-m", "assayline"]


def assay(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*ASSAY, *arguments], cwd=cwd, capture_output=True, text=True, check=False, timeout=120, env=os.environ | variables)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project."""
    assert assay("init", "shop", cwd=tmp_path).returncode == 0
    return tmp_path / "shop"


def test_a_capture_is_taken_and_one_without_change_is_recorded(shop: Path) -> None:
    first = assay("env", "capture", "dev", "--quick", "--json", cwd=shop)
    again = assay("env", "capture", "dev", "--quick", "--json", cwd=shop)
    changed = assay("env", "capture", "dev", "--quick", "--json", cwd=shop, NPY_DISABLE_CPU_FEATURES="AVX2")

    assert [one.returncode for one in (first, again, changed)] == [0, 0, 1]
    documents = [json.loads(one.stdout) for one in (first, again, changed)]
    assert [one["verdict"] for one in documents] == ["release", "release", "warn"]
    assert documents[1]["duplicate_of"] == documents[0]["lot"]
    assert documents[0]["packages"] > 10


def test_what_was_captured_elsewhere_is_compared_by_its_file(shop: Path) -> None:
    made = assay("env", "capture", "prod", "--quick", "--out", "prod.json", "--json", cwd=shop, OMP_NUM_THREADS="1")
    taken = assay("env", "capture", "prod", "--from", "prod.json", cwd=shop)
    itself = assay("env", "diff", "prod", "prod.json", cwd=shop)
    assay("env", "capture", "dev", "--quick", cwd=shop)
    other = assay("env", "diff", "dev", "prod", "--json", cwd=shop)

    assert [one.returncode for one in (made, taken, itself, other)] == [0, 0, 0, 0], other.stdout
    assert "do not differ" in itself.stdout
    found = json.loads(other.stdout)
    assert found["worst"] == "note"
    assert all("in prod" in one["sentence"] for one in found["differences"])


def test_two_files_need_no_project(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        assay("env", "capture", "x", "--quick", "--out", name, cwd=tmp_path)

    done = assay("env", "diff", "a.json", "b.json", cwd=tmp_path)

    assert done.returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == {"a.json", "b.json"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("capture", "a", "b"), "takes one name"), (("diff", "a"), "takes two captures"), (("diff", "a", "b"), "there is no capture of this name"),
        (("capture", "a", "--python", "./nothing"), "cannot be started"), (("capture", "a", "--from", "assay.toml"), "no capture of an environment"),
        (("capture", "a", "--from", "x", "--python", "y"), "--from takes a capture as it is"), (("capture", "../a"), "cannot be the name of a flow"),
    ],
)  # fmt: skip
def test_a_call_that_makes_no_sense_ends_with_one_line(arguments: tuple[str, ...], said: str, shop: Path) -> None:
    done = assay("env", *arguments, cwd=shop)

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
