"""The cost of a command as its user pays it: wall time, processor time and peak memory of the whole process tree."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

POLL_SECONDS = 0.02
MOST_BYTES = 50_000_000  # of each stream, kept


@dataclass(frozen=True)
class Cost:
    """What one run of a command took and gave.

    Args:
        status: exit code; negative: the signal that ended it.
        wall_seconds: from start to exit.
        cpu_seconds: user and system, of the process and of all children it waited for.
        peak_bytes: the larger of (a) the largest sum of resident memory of the tree seen when polling every 20 ms, in which
            pages shared between processes count for each, and (b) the highest mark of any one process (VmHWM).
        timed_out: True when it was killed after the time allowed.
        out: what it printed.
        err: what it complained about.
    """

    status: int
    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    timed_out: bool
    out: str
    err: str


def cost(
    command: Sequence[str], *, seconds: float = 3600, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> Cost:
    """Runs a command to its end (or kills its whole process group after `seconds`) and measures it."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=folder, env=environment, start_new_session=True
        )
        peak, timed_out = 0, False
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            # The rusage of wait4 will not do: its high-water mark is inherited from the process that started this one.
            peak = max(peak, *_resident_bytes(process.pid))
            if not timed_out and time.perf_counter() - start > seconds:
                timed_out = True
                os.killpg(process.pid, signal.SIGKILL)
            time.sleep(POLL_SECONDS)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)  # it is reaped: Popen must not wait for it again
        return Cost(
            process.returncode, wall, usage.ru_utime + usage.ru_stime, peak, timed_out, _text(out), _text(err)
        )


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(MOST_BYTES).decode("utf-8", "replace")


def _resident_bytes(root: int) -> tuple[int, int]:
    """Resident memory of a process and all its descendants, and the highest mark of any; 0 where there is no /proc."""
    total, highest, waiting = 0, 0, [root]
    while waiting:
        pid = waiting.pop()
        try:
            status = Path(f"/proc/{pid}/status").read_text()
            kilobytes = {name: int(value.split()[0]) for name, value in re.findall(r"^(VmRSS|VmHWM):\s*(.*)$", status, re.M)}
            total += kilobytes.get("VmRSS", 0) * 1024
            highest = max(highest, kilobytes.get("VmHWM", 0) * 1024)
            for task in os.listdir(f"/proc/{pid}/task"):
                waiting.extend(int(child) for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split())
        except (OSError, IndexError, ValueError):
            continue  # it ended while we looked
    return total, highest
