"""Whatever system call the way back dies at, or sees fail: no prediction is lost or doubled anywhere, and the same command finishes the work.

`assay rollout status --repair` takes a candidate back and puts right what it published. It runs under strace, which kills it on the way into one call, or lets that call fail once.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from churn_batches import FLOW, batch_scored, set_out

from assayline.ledger import records, rollout_records, verify
from assayline.line.ahead import Judges
from assayline.line.delivery import rollouts
from assayline.line.delivery.terms import Terms, guards_of
from assayline.line.project import Project, open_project
from assayline.line.reading import read_frame
from assayline.line.targets import add_target, push_all

main = pytest.importorskip("assayline.cli", reason="there is no command line without its part").main

ROOT = Path(__file__).parents[3]
CALLS = ",".join(
    f"?{name}" for name in (
        "write", "writev", "pwrite64", "pwritev", "fsync", "fdatasync", "rename", "renameat", "renameat2", "unlink", "unlinkat", "ftruncate", "mkdir", "mkdirat", "rmdir", "chmod", "fchmodat",
    )
)  # fmt: skip
UNMEASURED = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "COVERAGE_"))}
MODES = ("KILL", "ENOSPC", "EIO")
THINNED = {"KILL": 2, "EIO": 1}  # points unless slow tests are asked for: each takes several seconds
LINE = re.compile(r"(?:(\d+) +)?(\w+)\(")
ROWS = 300


@dataclass(frozen=True)
class Stage:
    """A project in which the judge is about to take a candidate back, the calls this makes, and how it ends when nothing disturbs it."""

    folder: Path
    points: tuple[tuple[str, int], ...]
    end: dict[str, Any]


@functools.cache
def why_not() -> str:
    if sys.platform != "linux" or shutil.which("strace") is None:
        return "REPAIRS ARE NOT TESTED AGAINST CRASHES: there is no strace (apt-get install strace)"
    tried = subprocess.run(["strace", "-qq", "-o", os.devnull, "-e", "trace=none", "true"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else f"REPAIRS ARE NOT TESTED AGAINST CRASHES: strace may not trace here: {tried.stderr.decode()[:200]}"


def put_in_place(begun: Path, folder: Path) -> Path:
    """A copy whose targets are beside it: addresses are absolute, so the copy always lies in the same place."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(begun, folder)
    return folder / "shop"


def run(shop: Path, log: Path, inject: str = "") -> subprocess.CompletedProcess[str]:
    strace = ["strace", "-y", "-qq", "-o", str(log), "-e", f"trace={CALLS}", *(["-e", f"inject={inject}"] if inject else [])]
    return subprocess.run(
        [*strace, sys.executable, "-m", "assayline", "rollout", "status", "churn", "--repair", "--json", "--project", str(shop)], capture_output=True, text=True, timeout=180, check=False,
        env=UNMEASURED | {"PYTHONPATH": str(ROOT / "src"), "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"},
    )  # fmt: skip


def places(project: Project) -> dict[str, Counter[tuple[Any, ...]]]:
    """Who answered which customer of which day, wherever somebody reads it."""
    beside = Path(project.folder).parent
    named = ["assay_run", "customer", "assay_version", "prediction"]
    files = [pl.read_parquet(path) for path in sorted((beside / "out").glob("*.parquet"))]
    with sqlite3.connect(beside / "scores.db") as connection:
        table = Counter(connection.execute(f"SELECT {', '.join(named)} FROM scores").fetchall())
    return {"store": Counter(read_frame(project, FLOW).select(named).rows()), "folder": Counter(pl.concat(files).select(named).rows()), "database": table}


def state(project: Project) -> dict[str, Any]:
    """All that must not depend on what happened on the way."""
    with project.ledger.read() as connection:
        [record] = rollout_records.rollouts(connection)
        lots = [(one.place, one.digest, one.state, one.rows) for one in records.lots(connection, FLOW)]
        repaired = [(one.scoring, one.lot, one.by, one.rows, dict(one.body)) for one in rollout_records.repairs(connection)]
        moves = [(one.action, one.stage, one.state, one.reason) for one in rollout_records.moves(connection, record.rollout)]
    return {"state": record.state, "lots": lots, "repairs": repaired, "moves": moves, "places": places(project)}


def check_conserved(project: Project) -> None:
    """In the store each customer of each day stands once, at every moment; a target has each at most once, from one of the two lots."""
    found = places(project)
    for place, rows in found.items():
        keys = Counter((run, customer) for run, customer, _, _ in rows.elements())
        assert max(keys.values()) == 1, place
        assert len(keys) == 2 * ROWS, place


@pytest.fixture(scope="module")
def stage(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    if why_not():
        warnings.warn(why_not(), stacklevel=1)
        pytest.skip(why_not())
    folder = tmp_path_factory.mktemp("killed")
    shop = put_in_place(template.parent, folder / "live")
    (folder / "live" / "out").mkdir()
    with open_project(str(shop)) as project, Judges(project.store) as judges:
        add_target(project, FLOW, str(folder / "live" / "out"))
        add_target(project, FLOW, f"sqlite:{folder}/live/scores.db?table=scores")
        set_out(project, "v4", Terms("customer", ramp=(60, 100), guards=guards_of("flip_rate <= 5%")), author="ann")
        for _ in range(2):
            rollouts.advance(project, "churn", author="ann", reason="go on")
        for day, flips in ((1, 0.0), (2, 0.7)):
            batch_scored(project, day, rows=ROWS, flips=flips, judges=judges)
        assert push_all(project, FLOW) == []
    shutil.copytree(folder / "live", folder / "begun")
    done = run(shop, folder / "log")
    assert done.returncode == 1, done.stderr
    points, counts = [], Counter[tuple[str, str]]()
    for line in (folder / "log").read_text(errors="replace").splitlines():
        match = LINE.match(line)
        if match is not None:
            counts[match[1] or "", match[2]] += 1
            if str(folder) in line:
                points.append((match[2], counts[match[1] or "", match[2]]))
    with open_project(str(shop)) as project:
        end = state(project)
        check_conserved(project)
    assert end["state"] == "rolled_back"
    assert len(end["repairs"]) == 2
    assert {version for _, _, version, _ in end["places"]["folder"]} == {"churn:v3"}
    assert end["places"]["store"] == end["places"]["folder"] == end["places"]["database"]
    return Stage(folder, tuple(points), end)


def strike(stage: Stage, call: str, number: int, mode: str) -> bool:
    """Lets one call go wrong, looks, runs the same command again, and looks again; False where the call was not made this time."""
    shop, log = put_in_place(stage.folder / "begun", stage.folder / "live"), stage.folder / "log"
    how = f"signal=KILL:when={number}" if mode == "KILL" else f"error={mode}:when={number}"
    done = run(shop, log, f"{call}:{how}")
    if ("SIGKILL" if mode == "KILL" else "(INJECTED)") not in log.read_text(errors="replace"):
        return False

    assert "Traceback" not in done.stderr, done.stderr
    with open_project(str(shop)) as project:
        assert list(verify(project.ledger, project.store)) == []
        check_conserved(project)
    if mode == "KILL":
        assert done.returncode == -9
    else:
        assert done.returncode in (1, 2), done.stderr

    assert main(["rollout", "status", "churn", "--repair", "--json", "--project", str(shop)]) == 1  # it was taken back, and that is told
    with open_project(str(shop)) as project:
        assert state(project) == stage.end
        assert list(verify(project.ledger, project.store)) == []
        assert os.listdir(shop / "store" / "staging") == []
    return True


def sweep(stage: Stage, mode: str, most: int) -> None:
    step = max(1, len(stage.points) // most)
    chosen = stage.points[(MODES.index(mode) + 1) * step // (len(MODES) + 1) :: step]
    struck = 0
    for call, number in chosen:
        try:
            struck += strike(stage, call, number, mode)
        except BaseException as error:
            error.add_note(f"at {call} {number} with {mode}")
            raise
    assert struck >= 0.9 * len(chosen)  # where a page more or less is written, the last call of a kind may be missing


@pytest.mark.parametrize("mode", THINNED)
def test_no_prediction_is_lost_or_doubled_wherever_the_way_back_dies(stage: Stage, mode: str) -> None:
    sweep(stage, mode, THINNED[mode])


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("mode", MODES)
def test_no_prediction_is_lost_or_doubled_wherever_the_way_back_dies_at_every_single_call(stage: Stage, mode: str) -> None:
    sweep(stage, mode, len(stage.points))
