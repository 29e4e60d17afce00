"""Steps run in a process of their own: what they give, what they cost, how they fail, and how they are ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import assayline
from assayline.errors import MisuseError
from assayline.line.budget import StepLimits
from assayline.line.step_child import StepFailure, StepResult, StepWorker, run_step_in_child

LIMITS = StepLimits(max_runtime_seconds=60)
# A line and what calls its steps, so simple that what is tested here is the process around them.
LINE = '''
import os, subprocess, sys, time
import polars as pl
import assayline
from helper import doubled

class Step:
    def __init__(self, function): self.function = function
    def call(self, inputs, parameters):
        return self.function(*[pl.read_parquet(paths) for paths in inputs.values()], **parameters)

def double(rides):
    print("doubling", rides.height)
    return doubled(rides)

def fails(rides):
    return rides["there is none"]
def leaves(rides): sys.exit(3)
def dies(rides): os._exit(7)
def crashes(rides): os.kill(os.getpid(), 11)
def asks(rides): return pl.DataFrame({"answer": [input()]})
def hangs(rides): time.sleep(3600)
def stalls(rides):
    assayline.progress(5)
    time.sleep(3600)
def works(rides, seconds=0.6):
    end = time.process_time() + seconds
    while time.process_time() < end: assayline.progress(int(1000 * time.process_time()))
    return rides
def works_elsewhere(rides):
    subprocess.run([sys.executable, "-c", "import time\\nwhile time.process_time() < 0.5: pass"], check=True)
    return rides
def grows(rides):
    held = []
    while True: held.append(bytearray(os.urandom(1 << 20) * 8))
def leaves_a_process(rides, where):
    subprocess.Popen(["sleep", "3600"])
    lost = subprocess.Popen(["sleep", "3600"], start_new_session=True)
    open(where, "w").write(str(lost.pid))
    time.sleep(3600)
def chatters(rides):
    for _ in range(40): print("x" * 1_000_000)
    print("the end")
    return rides
def process(rides): return pl.DataFrame({"process": [os.getpid()]})
def place(rides): return pl.DataFrame({"place": [os.getcwd()]})

class Line:
    steps = {name: Step(value) for name, value in globals().items() if callable(value) and name not in ("Step", "doubled")}
'''
WORK = '''
import os
import polars as pl

def work(request, tell):
    names = {}
    exec(compile(open(request["file"]).read(), request["file"], "exec"), names)
    made = names["Line"].steps[request["step"]].call(request["inputs"], request["parameters"])
    path = os.path.join(request["folder"], "result.parquet")
    made.write_parquet(path)
    return {"path": path, "rows_in": 3, "rows_out": made.height}
'''


@pytest.fixture
def worker() -> Iterator[StepWorker]:
    with StepWorker() as made:
        yield made


@pytest.fixture
def asked(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Requests for the steps of the line above."""
    (tmp_path / "line.py").write_text(LINE)
    (tmp_path / "working.py").write_text(WORK)
    (tmp_path / "helper.py").write_text("def doubled(rides):\n    return rides.select(rides['n'] * 2)\n")
    pl.DataFrame({"n": [1, 2, 3]}).write_parquet(tmp_path / "rides.parquet")
    (tmp_path / "made").mkdir()

    def request(step: str, **parameters: object) -> dict[str, Any]:
        return {
            "file": str(tmp_path / "line.py"), "step": step, "inputs": {"rides": [str(tmp_path / "rides.parquet")]}, "parameters": parameters,
            "folder": str(tmp_path / "made"), "work": "working:work",
        }  # fmt: skip

    return request


def frame(result: StepResult) -> pl.DataFrame:
    assert result.path is not None, result
    return pl.read_parquet(result.path)


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_step_gives_its_result_its_costs_and_what_it_printed(asked: Callable[..., dict[str, Any]], worker: StepWorker) -> None:
    result = run_step_in_child(asked("double"), limits=LIMITS, worker=worker)

    assert frame(result)["n"].to_list() == [2, 4, 6]
    assert (result.rows_in, result.rows_out, result.error, result.stopped_by, result.log) == (3, 3, None, "", "doubling 3\n")
    assert result.costs["cpu_seconds"] > 0
    assert result.costs["wall_seconds"] > 0
    assert result.costs["memory_bytes"] > 1 << 20


def test_an_error_comes_back_as_type_message_and_the_lines_of_the_user(asked: Callable[..., dict[str, Any]], worker: StepWorker) -> None:
    result = worker.run(asked("fails"), limits=LIMITS)

    assert result.error is not None
    assert result.error.kind == "ColumnNotFoundError"
    assert "there is none" in result.error.message
    assert all(line.startswith(("line.py, line ", "working.py, line ")) for line in result.error.lines)
    assert result.error.lines[-1].endswith('in fails: return rides["there is none"]')
    assert result.path is None


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("leaves", "SystemExit: 3"), ("asks", "EOFError"),
        ("dies", "the process of the step ended with exit code 7"), ("crashes", "the process of the step died with SIGSEGV"), ("nowhere", "KeyError: 'nowhere'"),
    ],
)  # fmt: skip
def test_a_step_that_fails_in_any_way_is_an_error_and_the_next_one_runs(asked: Callable[..., dict[str, Any]], worker: StepWorker, step: str, said: str) -> None:
    result = worker.run(asked(step), limits=LIMITS)

    assert said in str(result.error)
    assert result.stopped_by == ""
    assert worker.run(asked("double"), limits=LIMITS).rows_out == 3


def test_a_line_that_cannot_be_read_says_where(asked: Callable[..., dict[str, Any]], worker: StepWorker) -> None:
    Path(asked("double")["file"]).write_text("x = 1\ndef broken(:\n")

    assert "line.py, line 2: def broken(:\nSyntaxError" in str(worker.run(asked("double"), limits=LIMITS).error)


def test_one_process_serves_all_steps_until_the_line_is_edited(asked: Callable[..., dict[str, Any]], worker: StepWorker) -> None:
    first, second = (frame(worker.run(asked("process"), limits=LIMITS)) for _ in range(2))
    Path(asked("process")["file"]).write_text(LINE + "\n# edited\n")
    third = frame(worker.run(asked("process"), limits=LIMITS))

    assert first.equals(second)
    assert not first.equals(third)


def test_a_step_runs_in_the_folder_of_its_line(asked: Callable[..., dict[str, Any]], worker: StepWorker) -> None:
    assert frame(worker.run(asked("place"), limits=LIMITS))["place"].to_list() == [os.path.dirname(asked("place")["file"])]


@pytest.mark.skipif(sys.platform != "linux", reason="how processes are watched is Linux")
@pytest.mark.parametrize(
    ("step", "limits", "stopped_by", "said"),
    [
        ("hangs", StepLimits(max_runtime_seconds=1), "max_runtime", "it ran for more than 1 seconds"),
        ("stalls", StepLimits(max_runtime_seconds=60, idle_seconds=0.5), "idle", "it made no progress for 0 seconds"),
        ("grows", StepLimits(max_runtime_seconds=60, memory_bytes=600 << 20), "memory", "it took more than 629,145,600 bytes of memory"),
        ("works_for_long", StepLimits(max_runtime_seconds=60, cpu_seconds=1), "cpu", "it took more than 1 seconds of processor time"),
    ],
)
def test_a_step_beyond_a_limit_is_ended_and_the_next_one_runs(
    asked: Callable[..., dict[str, Any]], worker: StepWorker, step: str, limits: StepLimits, stopped_by: str, said: str
) -> None:
    request = asked("works", seconds=3600) if step == "works_for_long" else asked(step)

    result = worker.run(request, limits=limits)

    assert (result.stopped_by, result.path) == (stopped_by, None)
    assert said in str(result.error)
    assert worker.run(asked("double"), limits=LIMITS).rows_out == 3


def test_a_step_that_never_reports_progress_is_not_idle(asked: Callable[..., dict[str, Any]], worker: StepWorker) -> None:
    assert worker.run(asked("works_elsewhere"), limits=StepLimits(max_runtime_seconds=60, idle_seconds=0.1)).stopped_by == ""


@pytest.mark.skipif(sys.platform != "linux", reason="how processes are watched is Linux")
def test_the_processor_time_of_a_step_counts_its_children(asked: Callable[..., dict[str, Any]], worker: StepWorker) -> None:
    result = worker.run(asked("works_elsewhere"), limits=LIMITS)

    assert 0.5 <= result.costs["cpu_seconds"] < 20


def test_progress_arrives_and_its_longest_pause_is_known(asked: Callable[..., dict[str, Any]], worker: StepWorker) -> None:
    rows: list[int] = []

    result = worker.run(asked("works"), limits=LIMITS, on_progress=rows.append)

    assert len(rows) >= 3
    assert rows == sorted(rows)
    assert 0 < result.costs["longest_pause_seconds"] <= result.costs["wall_seconds"]


@pytest.mark.skipif(sys.platform != "linux", reason="how processes are watched is Linux")
def test_what_a_step_started_is_ended_with_it_wherever_it_went(asked: Callable[..., dict[str, Any]], worker: StepWorker, tmp_path: Path) -> None:
    result = worker.run(asked("leaves_a_process", where=str(tmp_path / "lost")), limits=StepLimits(max_runtime_seconds=3))

    assert result.stopped_by == "max_runtime"
    assert not alive(int((tmp_path / "lost").read_text()))


def test_a_step_can_be_told_to_stop(asked: Callable[..., dict[str, Any]], worker: StepWorker) -> None:
    told = threading.Event()
    timer = threading.Timer(0.5, told.set)
    timer.start()

    result = worker.run(asked("hangs"), limits=LIMITS, asked_to_stop=told.is_set)

    assert result.stopped_by == "asked"


def test_of_what_a_step_prints_the_end_is_kept_and_the_disk_is_not_filled(asked: Callable[..., dict[str, Any]], worker: StepWorker) -> None:
    result = worker.run(asked("chatters"), limits=LIMITS)

    assert result.rows_out == 3
    assert len(result.log) == 64 << 10
    assert result.log.endswith("x\nthe end\n")


@pytest.mark.skipif(sys.platform != "linux", reason="how processes are watched is Linux")
def test_a_step_ends_when_the_one_who_asked_is_killed(asked: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    program = (
        "import json, sys\nfrom assayline.line.step_child import *\nfrom assayline.line.budget import StepLimits\nworker = StepWorker()\n"
        "request = json.loads(sys.argv[1])\nprocess = worker._ready(request['file'])\nprint(process.pid, flush=True)\nworker.run(request, limits=StepLimits())\n"
    )
    import json

    asking = subprocess.Popen([sys.executable, "-c", program, json.dumps(asked("hangs"))], stdout=subprocess.PIPE, text=True)
    assert asking.stdout is not None
    process = int(asking.stdout.readline())
    assert alive(process)

    asking.send_signal(signal.SIGKILL)
    asking.wait()
    deadline = time.monotonic() + 30
    while alive(process) and time.monotonic() < deadline:
        time.sleep(0.05)

    assert not alive(process)
    asking.stdout.close()


def test_a_folder_or_a_line_that_is_not_there_is_said(asked: Callable[..., dict[str, Any]], worker: StepWorker) -> None:
    with pytest.raises(MisuseError, match="no folder"):
        worker.run({**asked("double"), "folder": "nowhere"}, limits=LIMITS)
    with pytest.raises(MisuseError, match="name the file of the line"):
        worker.run({**asked("double"), "file": "nowhere.py"}, limits=LIMITS)


def test_progress_outside_a_line_does_nothing() -> None:
    assayline.progress(10)


def test_a_failure_reads_as_python_shows_it() -> None:
    assert str(StepFailure("ValueError", "no", ("line.py, line 3, in hourly",))) == "line.py, line 3, in hourly\nValueError: no"
