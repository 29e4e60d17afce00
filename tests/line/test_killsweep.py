"""Whatever system call the gate dies at, or sees fail: no row is lost or doubled, and the same command finishes the work.

The gate runs under strace, which kills it on the way into one call, or lets that call fail once. The process that publishes and the one
that reads are swept apart: each has a counter of its own calls, so that every point is hit exactly once.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assayline.ledger import records, verify
from assayline.line.project import Project, create_project, open_project
from assayline.line.reading import read_frame

main = pytest.importorskip("assayline.cli", reason="there is no command line without its part").main

ROOT = Path(__file__).parents[2]
CALLS = ",".join(  # with a question mark: not every processor has all of them
    f"?{name}" for name in (
        "write", "writev", "pwrite64", "pwritev", "fsync", "fdatasync", "rename", "renameat", "renameat2", "unlink", "unlinkat", "ftruncate",
        "mkdir", "mkdirat", "rmdir", "chmod", "fchmodat",
    )
)  # fmt: skip
# Calls that measure the tests would be counted among the calls of the gate.
UNMEASURED = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "COVERAGE_"))}
MODES = ("KILL", "ENOSPC", "EIO")
THINNED = 3  # points per mode and process unless slow tests are asked for: each takes two seconds
LINE = re.compile(r"(?:(\d+) +)?(\w+)\(")
READER = "import sys; sys.executable = {wrapper!r}; from assayline.cli import main; sys.exit(main(sys.argv[1:]))"


@dataclass(frozen=True)
class Point:
    """The n-th time that one thread of a process makes a call."""

    process: str  # gate | reader
    call: str
    number: int


@dataclass(frozen=True)
class Stage:
    """An empty project to copy, two inputs, and the state at the end of a run that nothing disturbed."""

    folder: Path
    inputs: tuple[Path, Path]
    points: tuple[Point, ...]
    end: dict[str, Any]


@functools.cache
def why_not() -> str:
    if sys.platform != "linux" or shutil.which("strace") is None:
        return "THE GATE IS NOT TESTED AGAINST CRASHES: there is no strace (apt-get install strace)"
    tried = subprocess.run(["strace", "-qq", "-o", os.devnull, "-e", "trace=none", "true"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else f"THE GATE IS NOT TESTED AGAINST CRASHES: strace may not trace here: {tried.stderr.decode()[:200]}"


def day(seed: int, rows: int = 60) -> pl.DataFrame:
    noise = pl.Series(range(rows)).hash(seed).to_list()
    return pl.DataFrame(
        {"order": [seed * 10_000 + number for number in range(rows)], "city": [("Malmö", "Lyon", "Köln")[one % 3] for one in noise], "amount": [one % 997 for one in noise]}
    )


def run(project: Path, inputs: tuple[Path, Path], process: str, log: Path, inject: str = "") -> subprocess.CompletedProcess[str]:
    """`assay gate` with one of its two processes under strace."""
    strace = ["strace", "-y", "-qq", "-o", str(log), "-e", f"trace={CALLS}", *(["-e", f"inject={inject}"] if inject else [])]
    if process == "gate":
        begin = [*strace, sys.executable, "-m", "assayline"]
    else:
        wrapper, first = project.parent / "python", project.parent / "started"
        words = " ".join(f"'{word}'" for word in [*strace, "-f"])
        # Only the first reader: one that takes the place of a killed one is left alone.
        wrapper.write_text(f"#!/bin/sh\nif mkdir '{first}' 2>/dev/null; then exec {words} '{sys.executable}' \"$@\"; else exec '{sys.executable}' \"$@\"; fi\n")
        wrapper.chmod(0o755)
        begin = [sys.executable, "-c", READER.format(wrapper=str(wrapper))]
    return subprocess.run(
        [*begin, "gate", "sales", *map(str, inputs), "--project", str(project)], capture_output=True, text=True, timeout=120, check=False,
        env=UNMEASURED | {"PYTHONPATH": str(ROOT / "src"), "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"},
    )  # fmt: skip


def points_in(log: Path, process: str, folder: Path) -> Iterator[Point]:
    """Every call on something below the folder."""
    counts: Counter[tuple[str, str]] = Counter()
    for line in log.read_text(errors="replace").splitlines():
        match = LINE.match(line)
        if match is None:
            continue
        thread, call = match[1] or "", match[2]
        counts[thread, call] += 1
        if str(folder) in line:
            yield Point(process, call, counts[thread, call])


def content(project: Project, lot: records.LotRecord) -> Counter[tuple[Any, ...]]:
    """The rows of a lot as they came, wherever they are now."""
    rows: Counter[tuple[Any, ...]] = Counter()
    for kind in ("released", "quarantined", "held"):
        if kind in lot.objects:
            frame = pl.read_parquet(project.store.path(lot.objects[kind]))
            rows.update(frame.select(name for name in frame.columns if not name.startswith("assay_")).rows())
    return rows


def state(project: Project) -> dict[str, Any]:
    """All that must not depend on what happened on the way."""
    with project.ledger.read() as connection:
        lots = records.lots(connection)
        incidents = [tuple(row) for row in records.incidents(connection, "sales")]
    return {
        "lots": [
            (one.lot, one.place, one.digest, one.verdict, one.state, one.teaches, one.rows, one.findings, {kind: name for kind, name in one.objects.items() if kind != "report"})
            for one in lots
        ],
        "rows": [content(project, one) for one in lots],
        "incidents": incidents,
        "read": read_frame(project, "sales").rows() if lots else [],
    }


def check_conserved(project: Project, inputs: tuple[Path, Path]) -> None:
    """Each input was taken with every row of it, or not at all; and nothing else was taken."""
    wanted = {"sha256:" + hashlib.sha256(path.read_bytes()).hexdigest(): path for path in inputs}
    with project.ledger.read() as connection:
        lots = records.lots(connection)
    assert len({lot.digest for lot in lots}) == len(lots)
    for lot in lots:
        assert content(project, lot) == Counter(pl.read_csv(wanted[lot.digest], infer_schema_length=0).rows())
    if lots:
        released = [lot for lot in lots if "released" in lot.objects]
        assert read_frame(project, "sales").height == sum(lot.rows["released"] for lot in released)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    if why_not():
        warnings.warn(why_not(), stacklevel=1)
        pytest.skip(why_not())
    folder = tmp_path_factory.mktemp("sweep")
    create_project(str(folder / "empty")).ledger.close()
    frame = day(1)
    inputs = (folder / "a.csv", folder / "b.csv")
    frame.with_columns(city=pl.Series(["KÃ¶ln"] * 3 + frame["city"].to_list()[3:])).write_csv(inputs[0])
    day(2).write_csv(inputs[1])
    points: list[Point] = []
    ends = []
    for process in ("gate", "reader"):
        (folder / process).mkdir()
        shutil.copytree(folder / "empty", folder / process / "shop")
        done = run(folder / process / "shop", inputs, process, folder / "log")
        assert done.returncode == 1, done.stderr
        points += points_in(folder / "log", process, folder / process / "shop")
        with open_project(str(folder / process / "shop")) as project:
            ends.append(state(project))
            check_conserved(project, inputs)
    assert [lot[3] for lot in ends[0]["lots"]] == ["split", "release"]
    assert ends[0] == ends[1]
    assert {point.process for point in points} == {"gate", "reader"}
    return Stage(folder, inputs, tuple(points), ends[0])


def strike(stage: Stage, point: Point, mode: str, folder: Path) -> bool:
    """Lets one call go wrong, looks, runs the same command again, and looks again; False where the call was not made this time."""
    shutil.copytree(stage.folder / "empty", folder / "shop")
    how = f"signal=KILL:when={point.number}" if mode == "KILL" else f"error={mode}:when={point.number}"
    done = run(folder / "shop", stage.inputs, point.process, folder / "log", f"{point.call}:{how}")
    said = (folder / "log").read_text(errors="replace")
    if ("SIGKILL" if mode == "KILL" else "(INJECTED)") not in said:
        return False

    assert "Traceback" not in done.stderr
    with open_project(str(folder / "shop")) as project:
        assert list(verify(project.ledger, project.store)) == []
        check_conserved(project, stage.inputs)
        finished = state(project) == stage.end
    if mode == "KILL" and point.process == "gate":
        assert done.returncode == -9
    elif done.returncode == 2:
        assert re.fullmatch(r"(?s)assay: [^\n]+\n", done.stderr), done.stderr
    else:  # it could be done without this call, or with another reader
        assert (done.returncode, done.stderr, finished) == (1, "", True)

    assert main(["gate", "sales", *map(str, stage.inputs), "--project", str(folder / "shop")]) in (0, 1)
    with open_project(str(folder / "shop")) as project:
        assert state(project) == stage.end
        assert list(verify(project.ledger, project.store)) == []
        assert os.listdir(folder / "shop" / "store" / "staging") == []
    return True


def sweep(stage: Stage, process: str, mode: str, folder: Path, most: int) -> None:
    points = [point for point in stage.points if point.process == process]
    step = max(1, len(points) // most)
    begin = MODES.index(mode) * step // len(MODES)  # other points in each mode
    struck = 0
    chosen = points[begin::step]
    for number, point in enumerate(chosen):
        where = folder / str(number)
        where.mkdir()
        try:
            struck += strike(stage, point, mode, where)
        except BaseException as error:
            error.add_note(f"at {point} with {mode}")
            raise
        shutil.rmtree(where)
    assert struck >= 0.9 * len(chosen)  # where a page more or less is written, the last call of a kind may be missing


PUT_BACK = ("quarantine", "put-back", "sales")


def run_traced(project: Path, words: tuple[str, ...], log: Path, inject: str = "") -> subprocess.CompletedProcess[str]:
    """A command that needs no second process, under strace."""
    strace = ["strace", "-y", "-qq", "-o", str(log), "-e", f"trace={CALLS}", *(["-e", f"inject={inject}"] if inject else [])]
    return subprocess.run(
        [*strace, sys.executable, "-m", "assayline", *words, "--project", str(project)], capture_output=True, text=True, timeout=120, check=False,
        env=UNMEASURED | {"PYTHONPATH": str(ROOT / "src"), "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def mended(stage: Stage) -> Stage:
    """A project in which three rows were put aside and fixed, and wait to be put back."""
    folder = stage.folder / "mended"
    shutil.copytree(stage.folder / "empty", folder / "empty")
    assert main(["gate", "sales", str(stage.inputs[0]), "--project", str(folder / "empty")]) == 1
    assert main(["quarantine", "fix", "1", "--suggested", "--author", "ann", "--project", str(folder / "empty")]) == 0
    shutil.copytree(folder / "empty", folder / "shop")
    done = run_traced(folder / "shop", PUT_BACK, folder / "log")
    assert done.returncode == 0, done.stderr
    with open_project(str(folder / "shop")) as project:
        end = state(project)
    assert [lot[3] for lot in end["lots"]] == ["split", "release"]
    assert len(end["read"]) == 60
    return Stage(folder, stage.inputs, tuple(points_in(folder / "log", "gate", folder / "shop")), end)


def strike_put_back(mended: Stage, point: Point, mode: str, folder: Path) -> bool:
    """Lets one call of a put-back go wrong, looks, runs it again, and looks again; False where the call was not made this time."""
    shutil.copytree(mended.folder / "empty", folder / "shop")
    how = f"signal=KILL:when={point.number}" if mode == "KILL" else f"error={mode}:when={point.number}"
    done = run_traced(folder / "shop", PUT_BACK, folder / "log", f"{point.call}:{how}")
    if ("SIGKILL" if mode == "KILL" else "(INJECTED)") not in (folder / "log").read_text(errors="replace"):
        return False

    assert "Traceback" not in done.stderr
    with open_project(str(folder / "shop")) as project:
        assert list(verify(project.ledger, project.store)) == []
        orders = Counter(read_frame(project, "sales")["order"].to_list())
        with project.ledger.read() as connection:
            waiting = len(records.waiting(connection))
    assert max(orders.values()) == 1
    assert len(orders) == (57 if waiting else 60)  # the transaction that releases a row settles its decision
    if mode == "KILL":
        assert done.returncode == -9
    elif done.returncode == 2:
        assert re.fullmatch(r"(?s)assay: [^\n]+\n", done.stderr), done.stderr

    assert main([*PUT_BACK, "--project", str(folder / "shop")]) == 0
    with open_project(str(folder / "shop")) as project:
        assert state(project) == mended.end
        assert list(verify(project.ledger, project.store)) == []
        assert os.listdir(folder / "shop" / "store" / "staging") == []
    return True


def sweep_put_back(mended: Stage, mode: str, folder: Path, most: int) -> None:
    step = max(1, len(mended.points) // most)
    chosen = mended.points[MODES.index(mode) * step // len(MODES) :: step]
    struck = 0
    for number, point in enumerate(chosen):
        where = folder / str(number)
        where.mkdir()
        try:
            struck += strike_put_back(mended, point, mode, where)
        except BaseException as error:
            error.add_note(f"at {point} with {mode}")
            raise
        shutil.rmtree(where)
    assert struck >= 0.9 * len(chosen)


@pytest.mark.parametrize("mode", MODES)
def test_no_row_is_lost_or_doubled_wherever_a_put_back_dies(mended: Stage, tmp_path: Path, mode: str) -> None:
    sweep_put_back(mended, mode, tmp_path, THINNED)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", MODES)
def test_no_row_is_lost_or_doubled_wherever_a_put_back_dies_at_every_single_call(mended: Stage, tmp_path: Path, mode: str) -> None:
    sweep_put_back(mended, mode, tmp_path, len(mended.points))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("process", ["gate", "reader"])
def test_no_row_is_lost_or_doubled_wherever_the_gate_dies(stage: Stage, tmp_path: Path, process: str, mode: str) -> None:
    sweep(stage, process, mode, tmp_path, THINNED)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("process", ["gate", "reader"])
def test_no_row_is_lost_or_doubled_wherever_the_gate_dies_at_every_single_call(stage: Stage, tmp_path: Path, process: str, mode: str) -> None:
    sweep(stage, process, mode, tmp_path, len(stage.points))
