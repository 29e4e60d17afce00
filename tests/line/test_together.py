"""Many gates on one project: each lot is taken once, and one that was away too long publishes nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assayline.ledger import records, verify
from assayline.line.project import Project
from assayline.line.reading import read_frame

GATES = 10
ROOT = Path(__file__).parents[2]
# The gate, but it stops itself (as a machine does that swaps or sleeps) when the rows are written and nothing is published yet.
STOPPING = """
import os, signal, sys
from assayline.cli import main
from assayline.ledger import FolderStore

put = FolderStore.put
def stopping(self, files):
    os.kill(os.getpid(), signal.SIGSTOP)
    return put(self, files)
FolderStore.put = stopping
sys.exit(main(sys.argv[1:]))
"""


def lots(folder: Path, count: int) -> list[str]:
    for number in range(count):
        pl.DataFrame({"order": range(number * 1000, number * 1000 + 50), "city": [("Malmö", "Lyon", "Köln")[one % 3] for one in range(50)]}).write_csv(folder / f"{number}.csv")
    return [str(folder / f"{number}.csv") for number in range(count)]


def start(project: Project, inputs: list[str], *, stale_seconds: float = 15.0, program: str = "") -> subprocess.Popen[str]:
    begin = [sys.executable, *(["-c", program] if program else ["-m", "assayline"])]
    return subprocess.Popen(
        [*begin, "gate", "sales", *inputs, "--project", project.folder, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "ASSAY_STALE_SECONDS": str(stale_seconds)},
    )  # fmt: skip


def state(process: subprocess.Popen[str]) -> str:
    """The letter of Linux for what a process does, ``T`` when it is stopped (proc(5))."""
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.fixture
def stopped(project: Project, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A gate that holds the flow and does not move, and its two inputs."""
    inputs = lots(tmp_path, 2)
    holder = start(project, inputs, stale_seconds=1.0, program=STOPPING)
    while state(holder) != "T":
        assert holder.poll() is None, holder.communicate()
        time.sleep(0.05)
    yield holder, inputs
    holder.kill()
    holder.communicate()


def taken(project: Project) -> list[records.LotRecord]:
    with project.ledger.read() as connection:
        return records.lots(connection)


def test_ten_gates_with_the_same_lots_take_each_of_them_once(project: Project, tmp_path: Path) -> None:
    inputs = lots(tmp_path, 5)

    gates = [start(project, inputs) for _ in range(GATES)]
    said = [gate.communicate(timeout=250) for gate in gates]

    assert [gate.returncode for gate in gates] == [0] * GATES, said
    lines: list[dict[str, Any]] = [json.loads(line) for out, _ in said for line in out.splitlines()]
    first = [line for line in lines if "duplicate_of" not in line]
    assert sorted(line["input"] for line in first) == inputs
    assert Counter(line["input"] for line in lines if "duplicate_of" in line) == dict.fromkeys(inputs, GATES - 1)
    assert [lot.deliveries for lot in taken(project)] == [GATES] * 5
    assert [lot.place for lot in taken(project)] == [1, 2, 3, 4, 5]
    assert read_frame(project, "sales").height == 250
    assert list(verify(project.ledger, project.store)) == []


@pytest.mark.skipif(sys.platform != "linux", reason="how a process is stopped and seen is Linux")
def test_a_gate_that_was_stopped_for_too_long_publishes_nothing_when_it_goes_on(
    project: Project, stopped: tuple[subprocess.Popen[str], list[str]]
) -> None:
    holder, inputs = stopped
    second = start(project, inputs, stale_seconds=1.0)
    assert second.wait(timeout=120) == 0
    before = taken(project)

    os.kill(holder.pid, signal.SIGCONT)
    _, said = holder.communicate(timeout=60)

    assert holder.returncode == 2
    assert said.startswith("assay: sales: another process took over")
    assert said.count("\n") == 1
    assert taken(project) == before
    assert [lot.place for lot in before] == [1, 2]
    assert read_frame(project, "sales").height == 100
    assert list(verify(project.ledger, project.store)) == []


@pytest.mark.skipif(sys.platform != "linux", reason="how a process is stopped and seen is Linux")
def test_a_gate_that_was_stopped_for_a_moment_goes_on(project: Project, stopped: tuple[subprocess.Popen[str], list[str]]) -> None:
    holder, _ = stopped

    for _ in range(2):  # each lot once
        while state(holder) != "T":
            assert holder.poll() is None, holder.communicate()
            time.sleep(0.05)
        os.kill(holder.pid, signal.SIGCONT)
    out, said = holder.communicate(timeout=60)

    assert (holder.returncode, said) == (0, "")
    assert len(out.splitlines()) == 2


def test_a_holder_that_died_is_followed_at_once(project: Project, stopped: tuple[subprocess.Popen[str], list[str]]) -> None:
    holder, inputs = stopped
    holder.kill()
    holder.wait()
    began = time.monotonic()

    second = start(project, inputs, stale_seconds=3600)

    assert second.wait(timeout=120) == 0
    assert time.monotonic() - began < 60
    assert [lot.deliveries for lot in taken(project)] == [1, 1]
