"""A disk that is full, a file that may not grow: a sentence, exit code 2, nothing lost; with space again the same command finishes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from assayline.ledger import records, verify
from assayline.line.project import create_project, open_project
from assayline.line.reading import read_frame

main = pytest.importorskip("assayline.cli", reason="there is no command line without its part").main

ROOT = Path(__file__).parents[2]
# What measures the tests would write where no file may grow.
UNMEASURED = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "COVERAGE_"))}
SENTENCE = re.compile(r"assay: [^\n]*(No space left|full|disk I/O error)[^\n]*run the same command again[^\n]*\n")


def inputs(folder: Path) -> list[str]:
    for number, bad in enumerate((3, 0)):
        cities = [("Malmö", "Lyon", "Köln")[one % 3] for one in range(60)]
        frame = pl.DataFrame({"order": range(number * 1000, number * 1000 + 60), "city": ["KÃ¶ln"] * bad + cities[bad:], "note": [f"{one * 7919:x}" * 8 for one in range(60)]})
        frame.write_csv(folder / f"{number}.csv")
    return [str(folder / f"{number}.csv") for number in range(2)]


def taken(folder: Path) -> list[tuple[int, str, int]]:
    with open_project(str(folder)) as project:
        assert list(verify(project.ledger, project.store)) == []
        with project.ledger.read() as connection:
            lots = records.lots(connection)
        assert not lots or read_frame(project, "sales").height == sum(lot.rows["released"] for lot in lots)
        return [(lot.place, lot.verdict, lot.rows["taken"]) for lot in lots]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = sys.platform == "linux" and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)], capture_output=True, check=False).returncode == 0
    if not mounted:
        warnings.warn("FULL DISKS ARE NOT TESTED: a small disk cannot be mounted here (that needs root)", stacklevel=1)
        pytest.skip("FULL DISKS ARE NOT TESTED: a small disk cannot be mounted here (that needs root)")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path, leave: int) -> None:
    """Leaves this many bytes."""
    free = shutil.disk_usage(disk).free
    with open(disk / "ballast", "wb") as file:
        file.write(b"x" * max(0, free - leave))


@pytest.mark.parametrize("leave_kib", [0, 4, 16, 28, 40, 64])
def test_a_full_disk_is_said_in_one_sentence_and_loses_nothing(small_disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], leave_kib: int) -> None:
    command = ["gate", "sales", *inputs(tmp_path), "--project", str(small_disk / "shop")]
    create_project(str(small_disk / "shop")).ledger.close()
    fill(small_disk, leave_kib << 10)

    code = main(command)

    assert code == 2
    assert SENTENCE.fullmatch(capsys.readouterr().err)
    before = taken(small_disk / "shop")
    assert before in ([], [(1, "split", 60)])
    (small_disk / "ballast").unlink()
    assert main(command) in (0, 1)
    assert taken(small_disk / "shop") == [(1, "split", 60), (2, "release", 60)]


@pytest.mark.skipif(os.name != "posix", reason="limits of a process are POSIX")
@pytest.mark.parametrize("limit_kib", [4, 32, 0])  # the journal of the lease, that of a lot, and the ledger, which may not grow
def test_a_file_that_may_not_grow_is_said_in_one_sentence_and_loses_nothing(tmp_path: Path, limit_kib: int) -> None:
    command = ["gate", "sales", *inputs(tmp_path), "--project", str(tmp_path / "shop")]
    create_project(str(tmp_path / "shop")).ledger.close()
    limit_kib = limit_kib or (tmp_path / "shop" / "ledger.db").stat().st_size >> 10

    done = subprocess.run(
        ["bash", "-c", 'ulimit -f "$1"; shift; exec "$@"', "bash", str(limit_kib), sys.executable, "-m", "assayline", *command], capture_output=True, text=True, check=False,
        env=UNMEASURED | {"PYTHONPATH": str(ROOT / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip

    assert done.returncode == 2, done
    assert SENTENCE.fullmatch(done.stderr), done.stderr
    assert taken(tmp_path / "shop") in ([], [(1, "split", 60)])
    assert main(command) in (0, 1)
    assert taken(tmp_path / "shop") == [(1, "split", 60), (2, "release", 60)]
