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
    changed = assay("env", "capture", "dev", "--quick", "--json", cwd=shop, MKL_CBWR="COMPATIBLE")

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


SCORING = "import os\n\ndef predict(table):\n    return [one * 2 + float(os.environ.get('CHANGE', '0')) for one in table['x']]\n"


def test_a_probe_is_recorded_judged_and_settles_a_capture(shop: Path) -> None:
    (shop / "scoring.py").write_text(SCORING)
    (shop / "golden.csv").write_text("x\n1.5\n2.5\n-3.5\n")
    recorded = assay("env", "probe", "model.json", "--call", "scoring:predict", "--rows", "golden.csv", "--frame", "dict", cwd=shop)
    same = assay("env", "probe", "model.json", "--json", cwd=shop)
    changed = assay("env", "probe", "model.json", "--json", cwd=shop, CHANGE="0.5")
    assay("env", "capture", "prod", "--quick", cwd=shop)
    settled = assay("env", "capture", "prod", "--quick", "--probe", "model.json", "--json", cwd=shop, MKL_CBWR="COMPATIBLE")
    held = assay("env", "capture", "prod", "--quick", "--probe", "model.json", "--json", cwd=shop, OMP_NUM_THREADS="1", CHANGE="0.5")

    assert [one.returncode for one in (recorded, same, changed, settled, held)] == [0, 0, 1, 0, 1], recorded.stderr
    assert json.loads(same.stdout)["deviations"] == []
    assert json.loads(changed.stdout)["deviations"][0]["rows"] == 3
    assert [one["sentence"].endswith("The probe says the same.") for one in json.loads(settled.stdout)["findings"]] == [True]
    assert json.loads(held.stdout)["verdict"] == "hold"


def test_parity_of_two_projects_says_what_differs_and_what_not(tmp_path: Path) -> None:
    lines = [f"2026-03-{day:02} 0{hour}:00,{day + hour}" for day in range(1, 29) for hour in range(9)]
    for number, part in enumerate(lines[start : start + 63] for start in range(0, 252, 63)):
        (tmp_path / f"{number}.csv").write_text("at,amount\n" + "\n".join(part) + "\n")
    for project, inputs in (("dev", ("0.csv",)), ("prod", tuple(f"{number}.csv" for number in range(4)))):
        assay("init", project, cwd=tmp_path)
        assay("gate", "sales", *inputs, "--project", project, cwd=tmp_path)

    same = assay("parity", "sales", "--dev", "prod", "--prod", "prod", cwd=tmp_path)
    older = assay("parity", "sales", "--dev", "dev", "--prod", "prod", "--json", cwd=tmp_path)
    absent = assay("parity", "orders", "--dev", "dev", "--prod", "prod", cwd=tmp_path)

    assert [one.returncode for one in (same, older, absent)] == [0, 1, 2]
    assert "Nothing differs in sales" in same.stdout
    assert [one["aspect"] for one in json.loads(older.stdout)["differences"]] == ["freshness"]
    assert "has no flow 'orders'" in absent.stderr
