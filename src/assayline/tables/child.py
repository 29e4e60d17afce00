"""Runs a function in a process of its own that can be killed, so that no input can hang, crash or exhaust the caller.

parent                                   child (python -P, own session, no core dumps, memory and time limits)
  request, one JSON line  ── stdin ──▶   locks itself in (Landlock: no writes, no network), imports the function, calls it
  progress, result        ◀─ stdout ──   JSON lines; whatever else is printed goes to stderr
"""

from __future__ import annotations

import contextlib
import gc
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
from pathlib import Path
from typing import IO, Any

from assayline import errors
from assayline.errors import AssaylineError, InputError, LimitExceeded, MissingExtra, Unreadable

POLL_SECONDS = 0.05  # a reader that allocates 4 GB/s overshoots its limit by 200 MB at most
ADDRESS_SPACE_SPARE = 8 << 30  # thread stacks, allocator arenas and mapped files reserve addresses they never touch
KEPT_STDERR = 8 << 10
MEMORY_STEP = "raise it with Limits(memory_bytes=…) or --memory"
TIME_STEP = "raise it with Limits(seconds=…) or --timeout"

Progress = Callable[[Mapping[str, Any]], None]


def run_in_child(
    target: str,
    request: Mapping[str, Any],
    *,
    memory_bytes: int = 0,
    seconds: float = 0.0,
    on_progress: Progress | None = None,
    subject: str = "the input",
    writable: Sequence[str] = (),
    network: bool = False,
) -> Any:
    """Calls `target` ("module:function") with the request and a progress function in a child, and gives its JSON-able result.

    Args:
        target: the function; called as `function(request, progress)`.
        request: its argument; plain JSON values.
        memory_bytes: resident memory (without mapped file pages) at which the child is killed; 0 for no limit.
        seconds: wall-clock time after which it is killed; 0 for no limit.
        on_progress: called here with every mapping the child passes to `progress`.
        subject: the file that errors of the process itself (killed, crashed) are about.
        writable: files the child may write, and folders it may make files in.
        network: whether it may open TCP connections.

    Raises:
        InputError: what the child raised; LimitExceeded when it was killed for time or memory; Unreadable when it died by a signal.
        AssaylineError: any other error of ours that the child raised.
    """
    order = {"target": target, "request": dict(request), "memory_bytes": memory_bytes, "writable": list(writable), "network": network}
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", "from assayline.tables.child import main; main()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(),
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    noise = _Tail(process.stderr)
    fresh = [path for path in writable if not os.path.exists(path)]
    outcome = _Outcome(on_progress)
    try:
        with contextlib.suppress(BrokenPipeError, OSError):  # it died at once; its exit code says why
            process.stdin.write(json.dumps(order).encode("utf-8", "surrogatepass") + b"\n")
            process.stdin.close()
        reason = _wait(process, process.stdout, outcome, memory_bytes, started + seconds if seconds else None)
    finally:
        _kill(process)
        if not outcome.finished:
            for path in fresh:  # made by the child so that it could be named in its rules; nothing of value is in it
                with contextlib.suppress(OSError):
                    os.unlink(path)
    if reason == "memory":
        raise LimitExceeded(subject, f"reading it takes more than {_mib(memory_bytes)} MiB of memory", next_step=MEMORY_STEP)
    if reason == "time":
        raise LimitExceeded(subject, f"reading it takes longer than {seconds:g} seconds", next_step=TIME_STEP)
    if outcome.error is not None:
        raise error_from(outcome.error, subject)
    if outcome.finished:
        return outcome.result
    raise _death(process.returncode, subject, noise.text(), memory_bytes)


class Session:
    """A child that answers one request after another, so that many small inputs do not each wait for a new process.

    What it learned of one input (earlier profiles, loaded modules) it keeps for the next; after any error it is ended, and the
    next call starts a new one. Everything else is as with `run_in_child`.

    Args:
        target: "module:function", called as `function(request, progress)` for each request.
        folder: the only folder the child may write files in; it must exist.
        network: whether it may open TCP connections.

    >>> with Session("assayline.tables.child:limits_of") as session:
    ...     session.call({"name": "core"}), session.call({"name": "core"})
    ([0, 0], [0, 0])
    """

    def __init__(self, target: str, *, folder: str | None = None, network: bool = False) -> None:
        self.target, self.folder, self.network = target, folder, network
        self._process: subprocess.Popen[bytes] | None = None
        self._noise: _Tail | None = None

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(
        self, request: Mapping[str, Any], *, memory_bytes: int = 0, seconds: float = 0.0, on_progress: Progress | None = None, subject: str = "the input"
    ) -> Any:
        """The JSON-able result of one request; limits count from here.

        A child that somebody else killed (the kernel for lack of memory, a person by mistake) is replaced once and asked again.

        Raises:
            InputError: as `run_in_child`.
        """
        with contextlib.suppress(_Killed):
            return self._call(request, memory_bytes, seconds, on_progress, subject)
        try:
            return self._call(request, memory_bytes, seconds, on_progress, subject)
        except _Killed as killed:
            raise killed.error from None

    def _call(self, request: Mapping[str, Any], memory_bytes: int, seconds: float, on_progress: Progress | None, subject: str) -> Any:
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        outcome = _Outcome(on_progress)
        started = time.monotonic()
        reason = ""
        try:
            with contextlib.suppress(BrokenPipeError, OSError):
                process.stdin.write(json.dumps(dict(request)).encode("utf-8", "surrogatepass") + b"\n")
                process.stdin.flush()
            reason = _wait(process, process.stdout, outcome, memory_bytes, started + seconds if seconds else None)
        finally:
            if not outcome.finished:
                self.close()
        if reason == "memory":
            raise LimitExceeded(subject, f"reading it takes more than {_mib(memory_bytes)} MiB of memory", next_step=MEMORY_STEP)
        if reason == "time":
            raise LimitExceeded(subject, f"reading it takes longer than {seconds:g} seconds", next_step=TIME_STEP)
        if outcome.error is not None:
            raise error_from(outcome.error, subject)
        if outcome.finished:
            return outcome.result
        error = _death(process.returncode, subject, self._noise.text() if self._noise else "", memory_bytes)
        raise _Killed(error) if process.returncode == -9 else error

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", "from assayline.tables.child import serve; serve()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment(), start_new_session=True,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stderr is not None
        self._noise = _Tail(process.stderr)
        order = {"target": self.target, "writable": [self.folder] if self.folder else [], "network": self.network}
        with contextlib.suppress(BrokenPipeError, OSError):
            process.stdin.write(json.dumps(order).encode("utf-8", "surrogatepass") + b"\n")
        self._process = process
        return process

    def stop(self) -> None:
        """Ends the child at once, from another thread than the one that waits in `call`, which then raises."""
        process = self._process
        if process is not None and process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError, AttributeError):
                os.killpg(process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Ends the child: at once when it is in the middle of a request, by closing its input when it waits for one."""
        if self._process is not None:
            process, self._process = self._process, None
            with contextlib.suppress(OSError, ValueError):
                if process.stdin is not None:
                    process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.2)
            _kill(process)


class _Killed(Exception):
    """The child was killed, and not by us."""

    def __init__(self, error: InputError) -> None:
        super().__init__(str(error))
        self.error = error


def limits_of(request: Mapping[str, Any], _: Callable[[Mapping[str, Any]], None]) -> list[int]:
    """The limits of this process on one resource ("core", "as"), for whoever wants to see how a child is kept."""
    import resource

    return [int(one) for one in resource.getrlimit(getattr(resource, f"RLIMIT_{str(request['name']).upper()}"))]


class _Outcome:
    """What has come back so far."""

    def __init__(self, on_progress: Progress | None) -> None:
        self.on_progress = on_progress
        self.finished = False
        self.result: Any = None
        self.error: dict[str, Any] | None = None

    def take_all(self, channel: IO[bytes]) -> None:
        for line in channel:
            self.take(line)

    def take(self, line: bytes) -> None:
        message = json.loads(line)
        if "progress" in message:
            if self.on_progress is not None:
                self.on_progress(message["progress"])
        elif "error" in message:
            self.error = message["error"]
        else:
            self.finished, self.result = True, message["result"]


def _wait(process: subprocess.Popen[bytes], channel: IO[bytes], outcome: _Outcome, memory_bytes: int, deadline: float | None) -> str:
    """Reads the channel until it closes; "memory" or "time" when the child must be killed, else ""."""
    if os.name == "nt":  # pipes cannot be waited for there: a thread reads, the loop watches
        reader = threading.Thread(target=outcome.take_all, args=(channel,), daemon=True)
        reader.start()
        while reader.is_alive():
            reader.join(POLL_SECONDS)
            if deadline is not None and time.monotonic() > deadline:
                return "time"
        return ""
    held = b""
    os.set_blocking(channel.fileno(), False)
    next_look = 0.0
    with selectors.DefaultSelector() as selector:
        selector.register(channel, selectors.EVENT_READ)
        while True:
            ready = selector.select(POLL_SECONDS)
            if ready:
                block = os.read(channel.fileno(), 1 << 20)
                if not block:
                    return ""
                held += block
                *lines, held = held.split(b"\n")
                for line in lines:
                    outcome.take(line)
                if outcome.finished or outcome.error is not None:
                    return ""
            now = time.monotonic()
            if now >= next_look:
                next_look = now + POLL_SECONDS
                if memory_bytes and resident_bytes(process.pid) > memory_bytes:
                    return "memory"
                if deadline is not None and now > deadline:
                    return "time"


def resident_bytes(pid: int) -> int:
    """Resident memory of a process without the pages of mapped files, or 0 where that cannot be seen.

    >>> resident_bytes(os.getpid()) > 1_000_000 or sys.platform != "linux"
    True
    """
    try:
        fields = Path(f"/proc/{pid}/statm").read_bytes().split()
        return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        # A child that has delivered its result ends by itself; one that has not is killed with all it started.
        with contextlib.suppress(ProcessLookupError, PermissionError, AttributeError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError, OSError):
            process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError, ValueError):
            if pipe is not None:
                pipe.close()


class _Tail:
    """Keeps the last lines of stderr, so that a full pipe never blocks the child."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self.pipe = pipe
        self.kept = b""
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while block := os.read(self.pipe.fileno(), 1 << 16):
                self.kept = (self.kept + block)[-KEPT_STDERR:]
        with contextlib.suppress(OSError, ValueError):
            self.pipe.close()

    def text(self) -> str:
        self.thread.join(1.0)
        return self.kept.decode("utf-8", "replace")


def _death(code: int, subject: str, noise: str, memory_bytes: int) -> InputError:
    low = noise.lower()
    if "memory allocation of" in low or "out of memory" in low or "cannot allocate" in low or "bad_alloc" in low or "MemoryError" in noise:
        return LimitExceeded(subject, f"reading it takes more memory than the limit of {_mib(memory_bytes)} MiB", next_step=MEMORY_STEP)
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        if name == "SIGKILL":
            return LimitExceeded(
                subject,
                "the operating system killed the reader, most likely for lack of memory",
                next_step="free memory, or scan a part of it",
            )
        return Unreadable(
            subject,
            f"the reader died with {name}: the file is damaged or made to crash readers",
            next_step="ask for it again, in another format if it happens twice",
        )
    last = next((line for line in reversed(noise.splitlines()) if line.strip()), "")
    return Unreadable(
        subject, f"the reader stopped with exit code {code}: {last[:300]}", next_step="run with --debug to see the whole message"
    )


def _mib(size: int) -> int:
    return size >> 20


def _environment() -> dict[str, str]:
    root = str(Path(__file__).resolve().parents[2])
    kept = dict(os.environ)
    if not root.endswith("-packages"):  # a source tree: the child has to find the same package
        kept["PYTHONPATH"] = os.pathsep.join(
            [root, *[part for part in kept.get("PYTHONPATH", "").split(os.pathsep) if part and part != root]]
        )
    kept["RUST_BACKTRACE"] = "0"
    # The C library gives the temporary arrays of each piece back to the kernel and asks for them again, page by page; kept, a
    # scan of 10 M rows takes a fifth less time. Other C libraries ignore these names.
    kept.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:3000,muzzy_decay_ms:0")  # the same for the allocator inside Polars
    for name, size in (("MALLOC_MMAP_THRESHOLD_", 1 << 30), ("MALLOC_TRIM_THRESHOLD_", 1 << 31), ("MALLOC_TOP_PAD_", 1 << 26)):
        kept.setdefault(name, str(size))
    # The few small products of matrices gain nothing from more threads, which wait for each other by spinning: a fifth of the processor time of a small lot.
    kept.setdefault("OPENBLAS_NUM_THREADS", "1")
    kept["PYTHONIOENCODING"] = "utf-8:backslashreplace"
    return kept


# -- errors across the border ------------------------------------------------------------------------------------------


def error_as_json(error: BaseException) -> dict[str, Any]:
    """An error as plain values.

    >>> error_from(error_as_json(Unreadable("a.csv", "it is empty", place="byte 0")), "a.csv")
    Unreadable('a.csv: byte 0: it is empty')
    """
    if isinstance(error, InputError):
        return {"kind": type(error).__name__, "file": error.file, "cause": error.cause, "place": error.place, "next_step": error.next_step}
    if isinstance(error, MissingExtra):
        return {"kind": "MissingExtra", "what": error.what, "extra": error.extra, "package": error.package}
    if isinstance(error, AssaylineError):
        return {"kind": type(error).__name__, "message": str(error)}
    kind = "memory" if isinstance(error, MemoryError) else "depth" if isinstance(error, RecursionError) else "crash"
    return {
        "kind": kind,
        "message": f"{type(error).__name__}: {str(error).strip()[:500]}",
        "trace": "".join(traceback.format_exception(error))[-KEPT_STDERR:],
    }


def error_from(message: Mapping[str, Any], subject: str) -> AssaylineError:
    """The error that `error_as_json` wrote."""
    kind = message["kind"]
    found = getattr(errors, kind, None)
    if isinstance(found, type) and issubclass(found, InputError):
        return found(message["file"], message["cause"], place=message["place"], next_step=message["next_step"])
    if kind == "MissingExtra":
        return MissingExtra(message["what"], extra=message["extra"], package=message["package"])
    if isinstance(found, type) and issubclass(found, AssaylineError):
        return found(message["message"])
    if kind == "memory":
        return LimitExceeded(subject, "reading it takes more memory than the limit allows", next_step=MEMORY_STEP)
    if kind == "depth":
        return LimitExceeded(subject, "its values are nested too deep", next_step="flatten it")
    failure = Unreadable(
        subject, f"the reader failed with {message['message']}", next_step="ask for it again; run with --debug to see where"
    )
    failure.__notes__ = [message.get("trace", "")]
    return failure


# -- the child's side --------------------------------------------------------------------------------------------------


def _channel() -> Callable[[Mapping[str, Any]], None]:
    """A function that answers on what was stdout; whatever libraries print must not get between the answers."""
    channel = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    lock = threading.Lock()

    def send(message: Mapping[str, Any]) -> None:
        line = json.dumps(message, ensure_ascii=True, default=str).encode() + b"\n"
        with lock:
            view = memoryview(line)
            while view:
                view = view[channel.write(view) or 0 :]

    return send


def serve() -> None:
    """Answers requests from stdin, a line each, until there are no more or one fails."""
    send = _channel()
    order = json.loads(sys.stdin.buffer.readline())
    gc.set_threshold(100_000, 50, 1000)  # as in `main`
    _limit(0)
    measured = _measured()
    lock_in([*order["writable"], *([str(measured.get_data().data_filename())] if measured else [])], network=order["network"])
    code = 0
    try:
        module, _, name = order["target"].partition(":")
        function = getattr(importlib.import_module(module), name)
        for line in iter(sys.stdin.buffer.readline, b""):
            answer: dict[str, Any] = {"result": function(json.loads(line), lambda progress: send({"progress": dict(progress)}))}
            send(answer)
    except BrokenPipeError:
        code = 1
    except BaseException as error:  # noqa: BLE001 - also the engine's panics; after an error nobody trusts this process with another input
        code = 1
        with contextlib.suppress(BrokenPipeError):
            send({"error": error_as_json(error)})
    if measured:
        measured.stop()
        measured.get_data()
    os._exit(code)


def main() -> None:
    """Reads one request from stdin, answers on what was stdout, and leaves without waiting for threads."""
    send = _channel()
    order = json.loads(sys.stdin.buffer.readline())
    gc.set_threshold(
        100_000, 50, 1000
    )  # a parser makes a million objects and no cycles; the default looks through all of them again and again
    _limit(order["memory_bytes"])
    measured = _measured()
    lock_in([*order["writable"], *([str(measured.get_data().data_filename())] if measured else [])], network=order["network"])
    code = 0
    try:
        module, _, name = order["target"].partition(":")
        function = getattr(importlib.import_module(module), name)
        answer: dict[str, Any] = {"result": function(order["request"], lambda progress: send({"progress": dict(progress)}))}
    except BaseException as error:  # noqa: BLE001 - also the engine's panics, which are no Exceptions; nothing may be lost here
        answer, code = {"error": error_as_json(error)}, 1
    if measured:  # before the answer: whoever has the answer ends this process
        measured.stop()
        measured.get_data()  # writes; saving would also rename, which is not allowed here
    with contextlib.suppress(BrokenPipeError):
        send(answer)
    os._exit(code)  # destructors of a damaged engine must not undo an answer that was given


def _measured() -> Any:
    """The measurement of test coverage that started with this process, if one did: it is asked for nothing else and loaded by nobody here."""
    library = sys.modules.get("coverage")
    return library.Coverage.current() if library is not None else None


def _limit(memory_bytes: int) -> None:
    with contextlib.suppress(ImportError):
        import resource

        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if memory_bytes:
            most = memory_bytes * 4 + ADDRESS_SPACE_SPARE
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_AS, (most, most))


# Numbers of the Linux kernel's interface: include/uapi/linux/prctl.h and landlock.h; the calls have one number on all architectures.
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
RULESET_VERSION, RULE_PATH_BENEATH = 1, 1
FS_WRITE_FILE, FS_TRUNCATE = 1 << 1, 1 << 14
FS_EXECUTE, FS_MAKE_REG = 1 << 0, 1 << 8
FS_ALL_WRITES = FS_WRITE_FILE | 0x1FF0  # write file, remove dir and file, make char, dir, reg, sock, fifo, block, sym (bits 4 to 12)
FS_REFER = 1 << 13
NET_TCP = 0b11


def hardening() -> dict[str, str]:
    """What this system offers to lock a child in, as words for people.

    >>> sorted(hardening())
    ['landlock', 'memory', 'network', 'time']
    """
    abi = _landlock_abi()
    return {
        "landlock": f"no writes except named files (Landlock ABI {abi})"
        if abi
        else "not available: the child may write where its user may",
        "network": "no TCP connections (Landlock)" if abi >= 4 else "not restricted",
        "memory": "watched every 50 ms and limited"
        if sys.platform == "linux"
        else "address space limited"
        if os.name == "posix"
        else "not limited",
        "time": "killed with its whole process group",
    }


def lock_in(writable: Sequence[str], *, network: bool) -> bool:
    """Takes the right to write anywhere else, and to connect, from this process for ever; False where the kernel cannot."""
    if sys.platform != "linux":
        return False
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    abi = _landlock_abi()
    if not abi:
        return False
    handled = FS_ALL_WRITES | FS_EXECUTE | (FS_REFER if abi >= 2 else 0) | (FS_TRUNCATE if abi >= 3 else 0)
    attributes = (ctypes.c_uint64 * 2)(handled, NET_TCP if abi >= 4 and not network else 0)
    ruleset = libc.syscall(CREATE_RULESET, ctypes.byref(attributes), 16 if abi >= 4 else 8, 0)
    if ruleset < 0:
        return False
    try:
        truncate = FS_TRUNCATE if abi >= 3 else 0
        for path in ("/dev/null", *writable):
            with contextlib.suppress(OSError):
                if path != "/dev/null" and not os.path.exists(path):  # a rule needs a file; one for its folder would allow too much
                    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666))
                descriptor = os.open(path, getattr(os, "O_PATH", 0) | os.O_CLOEXEC)
                make = FS_MAKE_REG if os.path.isdir(path) else 0
                beneath = (FS_WRITE_FILE | truncate | make).to_bytes(8, sys.byteorder) + descriptor.to_bytes(4, sys.byteorder)
                libc.syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, beneath, 0)
                os.close(descriptor)
        return bool(libc.syscall(RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _landlock_abi() -> int:
    if sys.platform != "linux":
        return 0
    import ctypes

    try:
        libc = ctypes.CDLL(None, use_errno=True)
        return max(0, int(libc.syscall(CREATE_RULESET, None, 0, RULESET_VERSION)))
    except (OSError, AttributeError):
        return 0
