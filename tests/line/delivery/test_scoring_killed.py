"""Whatever system call a scoring dies at, the same command finishes it: no prediction is lost or doubled, and what was scored is not scored again."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("lightgbm")
pytest.importorskip("assayline.trials")
pytest.importorskip("assayline.rollout")

from batches import JOB

from assayline.errors import MisuseError
from assayline.ledger import records, rollout_records, verify
from assayline.line.delivery import rollouts
from assayline.line.delivery.answering import ANSWER
from assayline.line.delivery.chunks import FOLDER, Chunks
from assayline.line.delivery.scoring import score
from assayline.line.delivery.terms import Terms, guards_of
from assayline.line.project import Project, open_project
from assayline.line.reading import read_frame

main = pytest.importorskip("assayline.cli").main

ROOT = Path(__file__).parents[3]
CALLS = ",".join(f"?{name}" for name in ("write", "pwrite64", "fsync", "fdatasync", "rename", "renameat", "renameat2", "unlink", "unlinkat", "ftruncate", "mkdir", "rmdir", "chmod"))
UNMEASURED = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "COVERAGE_"))}
LINE = re.compile(r"(?:(\d+) +)?(\w+)\(")
CHILD = "import sys; sys.executable = {wrapper!r}; from assayline.cli import main; sys.exit(main(sys.argv[1:]))"
WORDS = ("score", "churn", "--input", "flow:customers", "--chunk-rows", "1000")


@dataclass(frozen=True)
class Point:
    """The n-th time that a thread of one of the two processes makes a call."""

    process: str  # scoring | child
    call: str
    number: int


@dataclass(frozen=True)
class Stage:
    """A project in which a batch waits to be scored by two versions, what a run does, and what is there at its end."""

    shop: Path
    points: tuple[Point, ...]
    end: dict[str, Any]


def run(shop: Path, output: Path, process: str, log: Path, inject: str = "") -> subprocess.CompletedProcess[str]:
    """`assay score` with one of its processes under strace."""
    strace = ["strace", "-f", "-y", "-qq", "-o", str(log), "-e", f"trace={CALLS}", *(["-e", f"inject={inject}"] if inject else [])]
    if process == "scoring":
        strace.remove("-f")
        begin = [*strace, sys.executable, "-m", "assayline"]
    else:
        wrapper, first = output.parent / "python", output.parent / "started"
        # The child ends itself when its parent is another one: strace stands beside it.
        words = " ".join(f"'{word}'" for word in [strace[0], "-D", *strace[1:]])
        wrapper.write_text(f"#!/bin/sh\nif mkdir '{first}' 2>/dev/null; then exec {words} '{sys.executable}' \"$@\"; else exec '{sys.executable}' \"$@\"; fi\n")
        wrapper.chmod(0o755)
        begin = [sys.executable, "-c", CHILD.format(wrapper=str(wrapper))]
    return subprocess.run(
        [*begin, *WORDS, "--output", str(output), "--project", str(shop)], capture_output=True, text=True, timeout=120, check=False,
        env=UNMEASURED | {"PYTHONPATH": str(ROOT / "src"), "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1", "ASSAY_THREADS": "1"},
    )  # fmt: skip


def points_in(log: Path, process: str, folder: Path) -> Iterator[Point]:
    """Every call on something below the folder."""
    counts: Counter[tuple[str, str]] = Counter()
    for line in log.read_text(errors="replace").splitlines():
        match = LINE.match(line)
        if match is not None:
            counts[match[1] or "", match[2]] += 1
            if str(folder) in line:
                yield Point(process, match[2], counts[match[1] or "", match[2]])


def state(project: Project, output: Path) -> dict[str, Any]:
    """All that must not depend on what happened on the way."""
    with project.ledger.read() as connection:
        scored = rollout_records.scorings(connection, model="churn")
        lots = records.lots(connection, "churn.scores")
        moves = rollout_records.moves(connection, scored[-1].rollout or 0) if scored else []
    return {
        "lots": [(lot.place, lot.digest, lot.state, lot.rows) for lot in lots], "read": read_frame(project, "churn.scores").rows() if lots else [],
        "scored": [(entry.run, entry.state, entry.objects, entry.counts["arms"], entry.evidence["behaviours"]) for entry in scored],
        "moves": [(move.action, move.stage, move.state) for move in moves], "pushed": [path.read_bytes() for path in sorted(output.glob("*.parquet"))],
        "left": os.listdir(Path(project.folder) / FOLDER) if (Path(project.folder) / FOLDER).is_dir() else [],
    }  # fmt: skip


@pytest.fixture(scope="session")
def canary(stocked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with v2 on its way, at a quarter of the keys."""
    folder = tmp_path_factory.mktemp("canary")
    shutil.copytree(stocked, folder / "shop")
    with open_project(str(folder / "shop")) as project:
        guards = "flip_rate <= 60%, nan_rate"
        rollouts.start(project, "churn", "v2", Terms("customer", ramp=(25, 100), guards=guards_of(guards), limits={"guards": ["flip_rate", "nan_rate"]}), author="ann")
        for _ in range(2):
            rollouts.advance(project, "churn", author="ann", reason="to the canary")
    return folder / "shop"


@pytest.fixture
def shop(canary: Path, tmp_path: Path) -> Iterator[Project]:
    shutil.copytree(canary, tmp_path / "shop")
    with open_project(str(tmp_path / "shop")) as project:
        yield project


def test_a_scoring_that_was_ended_goes_on_from_the_answers_that_were_kept(shop: Project) -> None:
    root = Path(shop.folder) / FOLDER
    told = iter([False])  # it may begin, and is then told to stop

    with pytest.raises(MisuseError, match="told to stop"):
        score(shop, JOB, asked_to_stop=lambda: next(told, True))
    [folder] = root.iterdir()
    answers = np.zeros(1500, dtype=ANSWER)
    answers["score"] = 0.123456
    Chunks(str(folder)).put("champion", 0, answers.tobytes())
    score(shop, JOB)

    assert read_frame(shop, "churn.scores").filter(assay_version="churn:v1")["score"].unique().to_list() == [0.123456]
    assert os.listdir(root) == []


def test_a_chunk_whose_bytes_are_not_what_its_name_says_counts_as_not_there(tmp_path: Path) -> None:
    chunks = Chunks(str(tmp_path))
    chunks.put("champion", 0, b"whole")
    chunks.put("champion", 1, b"torn off")
    torn = next(tmp_path.glob("champion-000001-*"))
    torn.write_bytes(b"torn")

    again = Chunks(str(tmp_path))

    assert (again.get("champion", 0), again.get("champion", 1), again.get("champion", 2)) == (b"whole", None, None)


@pytest.fixture(scope="session")
def staged(canary: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Stage]:
    """What a run that nothing disturbs does in one of its processes."""
    if sys.platform != "linux" or shutil.which("strace") is None:
        pytest.skip("SCORING IS NOT TESTED AGAINST CRASHES: there is no strace (apt-get install strace)")
    folder = tmp_path_factory.mktemp("killed")

    @functools.cache
    def made(process: str) -> Stage:
        shop, output, log = folder / process / "shop", folder / process / "out", folder / f"{process}.log"
        shutil.copytree(canary, shop)
        done = run(shop, output, process, log)
        assert done.returncode == 0, done.stderr
        points = tuple(points_in(log, process, shop))
        assert points
        with open_project(str(shop)) as project:
            return Stage(canary, points, state(project, output))

    return made


def strike(stage: Stage, point: Point, folder: Path) -> bool:
    """Kills a process on the way into one call, runs the same command again, and looks; False where the call was not made this time."""
    shop, output = folder / "shop", folder / "out"
    shutil.copytree(stage.shop, shop)
    done = run(shop, output, point.process, folder / "log", f"{point.call}:signal=KILL:when={point.number}")
    if "SIGKILL" not in (folder / "log").read_text(errors="replace"):
        return False

    assert "Traceback" not in done.stderr
    with open_project(str(shop)) as project:
        assert list(verify(project.ledger, project.store)) == []
    if point.process == "child":
        assert done.returncode == 2
        assert "scoring lot 5 of customers with churn:v1: the process of the step died with SIGKILL" in done.stderr

    assert main([*WORDS, "--output", str(output), "--project", str(shop)]) in (0, 1)
    with open_project(str(shop)) as project:
        assert state(project, output) == stage.end
        assert list(verify(project.ledger, project.store)) == []
        assert os.listdir(shop / "store" / "staging") == []
    return True


def sweep(stage: Stage, process: str, folder: Path, most: int) -> None:
    points = [point for point in stage.points if point.process == process]
    step = max(1, len(points) // most)
    chosen = points[step // 2 :: step]
    struck = 0
    for number, point in enumerate(chosen):
        where = folder / str(number)
        where.mkdir()
        try:
            struck += strike(stage, point, where)
        except BaseException as error:
            error.add_note(f"at {point}")
            raise
        shutil.rmtree(where)
    assert struck >= 0.9 * len(chosen)


def test_no_prediction_is_lost_or_doubled_where_a_scoring_dies(staged: Callable[[str], Stage], tmp_path: Path) -> None:
    sweep(staged("scoring"), "scoring", tmp_path, 1)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("process", ["scoring", "child"])
def test_no_prediction_is_lost_or_doubled_wherever_a_scoring_dies_at_every_single_call(staged: Callable[[str], Stage], tmp_path: Path, process: str) -> None:
    assert staged("scoring").end == staged("child").end
    sweep(staged(process), process, tmp_path, len(staged(process).points))
