"""Runs the functions of steps in a process of their own, watched: what they cost is measured, and one that hangs or takes too much is ended.

parent                                         child (own session; serves all steps of one run of the line)
  request, one JSON line     ── stdin ──▶      calls the step; the line's file stays loaded for the next
  rows done, result or error ◀─ a pipe ──      whatever the step prints goes to a log file

Steps are written by the users of this machine: they may use files and the network, unlike readers of files that strangers wrote (`tables/child.py`).
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assayline.errors import MisuseError
from assayline.tables.child import resident_bytes

from .budget import StepLimits
from .progress import listen

LOOK_SECONDS = 0.1  # between two looks at the memory and time of the process and what it started
KEPT_LOG_BYTES = 64 << 10
MOST_LOG_BYTES = 16 << 20  # a step that prints each row of millions must not fill the disk
WORK = "assayline.line.step_work:work"  # called as work(request, tell): gives {"path", "rows_in", "rows_out"}
LOG = "log.txt"


@dataclass(frozen=True)
class StepFailure:
    """An error in a step: its type, what it said, and the lines of the user's own files that led to it."""

    kind: str
    message: str
    lines: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join([*self.lines, f"{self.kind}: {self.message}" if self.message else self.kind])


@dataclass(frozen=True)
class StepResult:
    """What came of a step.

    Args:
        path: of its result, a Parquet file; None where it failed.
        rows_in: of its inputs.
        rows_out: of its result.
        costs: wall_seconds, cpu_seconds (user and system, of the process and its children), memory_bytes (the most that was seen, ten looks a second)
            and, for a step that reports progress, longest_pause_seconds.
        error: why it failed, or None.
        stopped_by: "memory", "max_runtime", "idle", "cpu", "asked" where it was ended; else "".
        log: the end of what it printed.
        columns: where the columns of its result come from.
    """

    path: str | None
    rows_in: int
    rows_out: int
    costs: Mapping[str, float]
    error: StepFailure | None = None
    stopped_by: str = ""
    log: str = ""
    columns: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class _Watched:
    """One call, while it goes on."""

    limits: StepLimits
    on_progress: Callable[[int], None] | None
    started: float
    cpu_before: float
    log: Path
    answer: Mapping[str, Any] | None = None
    rows: int = -1
    moved_at: float = 0.0
    longest_pause: float = 0.0
    cpu: float = 0.0
    memory: int = 0
    tail: bytes = b""
    held: bytes = field(default=b"")

    def take(self, line: bytes) -> None:
        message = json.loads(line)
        if "progress" not in message:
            self.answer = message
            return
        moment = time.monotonic()
        if self.rows != message["progress"]:
            self.longest_pause = max(self.longest_pause, moment - (self.moved_at or self.started))
            self.rows, self.moved_at = int(message["progress"]), moment
        if self.on_progress is not None:
            self.on_progress(self.rows)

    def look(self, process: int) -> str:
        """Measures the process and what it started; says which limit it breaks."""
        tree = descendants(process)
        self.memory = max(self.memory, sum(resident_bytes(one) for one in tree))
        self.cpu = max(self.cpu, sum(cpu_seconds(one) for one in tree) - self.cpu_before)
        moment = time.monotonic()
        self._keep_log_small()
        if self.limits.memory_bytes and self.memory > self.limits.memory_bytes:
            return "memory"
        if self.limits.cpu_seconds and self.cpu > self.limits.cpu_seconds:
            return "cpu"
        if self.limits.max_runtime_seconds and moment - self.started > self.limits.max_runtime_seconds:
            return "max_runtime"
        if self.rows >= 0 and self.limits.idle_seconds and moment - self.moved_at > self.limits.idle_seconds:
            return "idle"
        return ""

    def _keep_log_small(self) -> None:
        with contextlib.suppress(OSError):
            if self.log.stat().st_size > MOST_LOG_BYTES:
                self.tail = _end_of(self.log)
                os.truncate(self.log, 0)

    def costs(self) -> dict[str, float]:
        costs = {"wall_seconds": time.monotonic() - self.started, "cpu_seconds": self.cpu, "memory_bytes": float(self.memory)}
        if self.answer is not None and "cpu_seconds" in self.answer:
            costs["cpu_seconds"] = max(self.cpu, float(self.answer["cpu_seconds"]))
            costs["memory_bytes"] = max(self.memory, float(self.answer["memory_bytes"]))
        if self.rows >= 0:
            costs["longest_pause_seconds"] = max(self.longest_pause, time.monotonic() - self.moved_at)
        return costs


class StepWorker:
    """A process that runs steps one after the other; it is started when it is first needed, and anew after a step had to be ended.

    Use it in a `with`.

    Args:
        first: folders whose packages it imports before all others.
    """

    def __init__(self, first: Sequence[str] = ()) -> None:
        self._first = tuple(first)
        self._process: subprocess.Popen[bytes] | None = None
        self._file: tuple[str, int, int] | None = None

    def __enter__(self) -> StepWorker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(
        self, request: Mapping[str, Any], *, limits: StepLimits, on_progress: Callable[[int], None] | None = None, asked_to_stop: Callable[[], bool] = lambda: False
    ) -> StepResult:
        """Runs one step.

        Args:
            request: what the work is called with, plain values; "file" is the line's, "folder" is for its result and its log, and "work" says "module:function" where
                it is not the line's own.
            limits: at what it is ended.
            on_progress: receives the rows done.
            asked_to_stop: whether it is to be ended at once; asked ten times a second.

        Raises:
            MisuseError: the folder or the file is not there.
        """
        folder, file = str(request["folder"]), str(request["file"])
        if not os.path.isdir(folder):
            raise MisuseError(f"{folder!r} is no folder; a step needs one for its result")
        process = self._ready(file)
        log = Path(folder) / LOG
        log.write_bytes(b"")
        watched = _Watched(limits, on_progress, time.monotonic(), sum(cpu_seconds(one) for one in descendants(process.pid)), log)
        reason = "asked"
        try:
            with contextlib.suppress(OSError):  # it died; its exit code says why
                assert process.stdin is not None
                process.stdin.write(json.dumps({"work": WORK, **request}).encode() + b"\n")
                process.stdin.flush()
            reason = _watch(process, watched, asked_to_stop)
        finally:
            if watched.answer is None:
                self._end()
        printed = (watched.tail + _end_of(log))[-KEPT_LOG_BYTES:].decode("utf-8", "replace")
        return _result(watched, reason, process.returncode, printed)

    def warm(self, file: str) -> None:
        """Starts the process before there is a step to run; it loads the engine and the line while others work.

        Args:
            file: of the line.
        """
        with contextlib.suppress(MisuseError):  # whoever runs a step is told
            process = self._ready(file)
            if process.stdin is not None:
                with contextlib.suppress(OSError):
                    process.stdin.write(json.dumps({"warm": file}).encode() + b"\n")
                    process.stdin.flush()

    def _ready(self, file: str) -> subprocess.Popen[bytes]:
        try:
            about = os.stat(file)
        except OSError as error:
            raise MisuseError(f"{file!r}: {error.strerror}; name the file of the line") from error
        known = (file, about.st_mtime_ns, about.st_size)
        if self._process is not None and (known != self._file or self._process.poll() is not None):
            self._end()  # another line, or it was edited: nothing of the old one may stay loaded
        if self._process is None:
            self._file = known
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", f"from assayline.line.step_child import serve; serve({os.getpid()})"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                cwd=os.path.dirname(os.path.abspath(file)), env=_environment(self._first), start_new_session=True,
            )  # fmt: skip
        return self._process

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.2)
        self._end()

    def _end(self) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        for one in descendants(process.pid) if process.poll() is None else ():
            if one != process.pid:  # what has left the group by a session of its own
                with contextlib.suppress(OSError):
                    os.kill(one, signal.SIGKILL)
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()


def run_step_in_child(
    request: Mapping[str, Any], *, limits: StepLimits, on_progress: Callable[[int], None] | None = None, worker: StepWorker | None = None
) -> StepResult:
    """Runs one step as `StepWorker.run`; in this worker, or in one of its own."""
    if worker is not None:
        return worker.run(request, limits=limits, on_progress=on_progress)
    with StepWorker() as own:
        return own.run(request, limits=limits, on_progress=on_progress)


def _watch(process: subprocess.Popen[bytes], watched: _Watched, asked_to_stop: Callable[[], bool]) -> str:
    """Reads what comes until there is an answer; says why the process must be ended, or "" when it answered or died."""
    assert process.stdout is not None
    channel = process.stdout.fileno()
    next_look = 0.0
    with selectors.DefaultSelector() as selector:
        selector.register(channel, selectors.EVENT_READ)
        while True:
            if selector.select(LOOK_SECONDS):
                block = os.read(channel, 1 << 20)
                *lines, watched.held = (watched.held + block).split(b"\n")
                for line in lines:
                    watched.take(line)
                if watched.answer is not None or not block:
                    return ""
            if time.monotonic() >= next_look:
                next_look = time.monotonic() + LOOK_SECONDS
                reason = "asked" if asked_to_stop() else watched.look(process.pid)
                if reason:
                    return reason


def _result(watched: _Watched, reason: str, code: int | None, printed: str) -> StepResult:
    costs, answer = watched.costs(), watched.answer
    if answer is None:
        error = StepFailure(_STOPPED[reason].format(limits=watched.limits), "") if reason else _death(code or 0)
        return StepResult(None, 0, 0, costs, error, reason, printed)
    if "error" in answer:
        return StepResult(None, 0, 0, costs, StepFailure(answer["error"]["kind"], answer["error"]["message"], tuple(answer["error"]["lines"])), "", printed)
    made = answer["made"]
    return StepResult(made["path"], int(made["rows_in"]), int(made["rows_out"]), costs, None, "", printed, made.get("columns") or {})


_STOPPED = {
    "memory": "ended: it took more than {limits.memory_bytes:,} bytes of memory",
    "max_runtime": "ended: it ran for more than {limits.max_runtime_seconds:,.0f} seconds",
    "idle": "ended: it made no progress for {limits.idle_seconds:,.0f} seconds",
    "cpu": "ended: it took more than {limits.cpu_seconds:,.0f} seconds of processor time",
    "asked": "ended: the line was told to stop",
}


def _death(code: int) -> StepFailure:
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        why = ", most likely by the system for lack of memory" if name == "SIGKILL" else ""
        return StepFailure(f"the process of the step died with {name}{why}", "")
    return StepFailure(f"the process of the step ended with exit code {code}", "")


def _end_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - KEPT_LOG_BYTES))
            return file.read(KEPT_LOG_BYTES)
    except OSError:
        return b""


def descendants(process: int) -> list[int]:
    """A process and all that it started and that still runs, as far as the system tells.

    >>> descendants(os.getpid())[0] == os.getpid()
    True
    """
    found = [process]
    for one in found:
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{one}/task"):
                with contextlib.suppress(OSError):
                    found += [int(child) for child in Path(f"/proc/{one}/task/{task}/children").read_text(encoding="ascii").split()]
    return found


def cpu_seconds(process: int) -> float:
    """Processor time of a process and of the children it has waited for; 0 where that cannot be seen.

    >>> cpu_seconds(os.getpid()) > 0 or sys.platform != "linux"
    True
    """
    try:
        fields = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()
        return sum(int(one) for one in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0.0


def _environment(first: Sequence[str] = ()) -> dict[str, str]:
    root = str(Path(__file__).resolve().parents[2])
    kept = {**os.environ, "PYTHONIOENCODING": "utf-8:backslashreplace"}
    own = () if root.endswith("-packages") else (root,)  # a source tree: the child has to find the same package
    if first or own:
        kept["PYTHONPATH"] = os.pathsep.join([*first, *own, *[part for part in kept.get("PYTHONPATH", "").split(os.pathsep) if part and part not in own]])
    return kept


# -- the child's side --------------------------------------------------------------------------------------------------


def serve(parent: int) -> None:
    """Runs the steps that are asked for on stdin, until there are no more or the process that asks is gone."""
    requests, channel = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb", buffering=0)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)  # a step that asks for input gets none
    os.dup2(nothing, 1)
    lock = threading.Lock()

    def send(message: Mapping[str, Any]) -> None:
        with lock:
            channel.write(json.dumps(message, ensure_ascii=True).encode() + b"\n")

    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    for text in iter(requests.readline, b""):
        request = json.loads(text)
        if "warm" in request:
            _load(request["warm"])
        else:
            send(_answer(request, lambda rows: send({"progress": rows})))


def _load(file: str) -> None:
    """Loads what runs steps, and the line. What is wrong with it is said when a step is to be run; what it prints belongs to no step."""
    with contextlib.suppress(BaseException):
        _find_modules(file)
        importlib.import_module(WORK.partition(":")[0])._line(file, os.stat(file).st_mtime_ns)


def _answer(request: Mapping[str, Any], tell: Callable[[int], None]) -> dict[str, Any]:
    log = os.open(os.path.join(request["folder"], LOG), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    before = _used()
    listen(tell)
    try:
        made = _made(request)
    except BaseException as error:  # noqa: BLE001 - sys.exit and the engine's panics too: the step failed, and the next one may be asked for
        answer: dict[str, Any] = {"error": _as_json(error, str(request["file"]))}
    else:
        answer = {"made": made}
    listen(None)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    return {**answer, "cpu_seconds": _used() - before, "memory_bytes": resident_bytes(os.getpid())}


def _made(request: Mapping[str, Any]) -> Mapping[str, Any]:
    _find_modules(str(request["file"]))
    module, _, name = str(request["work"]).partition(":")
    made: Mapping[str, Any] = getattr(importlib.import_module(module), name)(request, lambda progress: None)
    return made


def _find_modules(file: str) -> None:
    folder = os.path.dirname(os.path.abspath(file))
    if folder not in sys.path:
        sys.path.insert(0, folder)  # modules beside the line


def _used() -> float:
    try:
        import resource
    except ImportError:
        return time.process_time()
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _as_json(error: BaseException, file: str) -> dict[str, Any]:
    """An error as plain values; of its traceback only what stands in the folder of the line."""
    folder = os.path.dirname(os.path.abspath(file)) + os.sep
    frames = [one for one in traceback.extract_tb(error.__traceback__) if os.path.abspath(one.filename).startswith(folder)]
    lines = [f"{os.path.relpath(one.filename, folder)}, line {one.lineno}, in {one.name}: {one.line or ''}".rstrip(": ") for one in frames]
    if isinstance(error, SyntaxError) and error.filename:
        lines.append(f"{os.path.relpath(error.filename, folder)}, line {error.lineno}: {(error.text or '').strip()}")
    return {"kind": type(error).__name__, "message": str(error)[:2000], "lines": lines[-20:]}


def _end_with(parent: int) -> None:
    """Ends this process and all it started when the one that asks is gone: a step that nobody waits for any more costs for nothing."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.killpg(0, signal.SIGKILL)


__all__ = ["WORK", "StepFailure", "StepResult", "StepWorker", "cpu_seconds", "descendants", "run_step_in_child"]
