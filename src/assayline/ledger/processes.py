"""Who a process is, in words that outlive it: by them others can tell whether it is gone."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
from pathlib import Path

UNKNOWN = "?"


@functools.cache
def machine() -> tuple[str, str]:
    """The name of this machine, and what tells its processes from those of other starts and other containers; "?" where that cannot be seen."""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        # Two containers of one machine number their processes each for itself.
        return platform.node().replace(" ", "_"), boot + os.readlink("/proc/self/ns/pid")
    return platform.node().replace(" ", "_"), UNKNOWN


def started(process: int) -> str:
    """When it started, in clock ticks since the machine did: a number that is given again means another process. "?" for none."""
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[19]
    return UNKNOWN


def runs(process: int, since: str) -> bool:
    """Whether the process of this machine that has this number, and was started then, is still there.

    >>> runs(os.getpid(), started(os.getpid())), runs(os.getpid(), "never") and os.path.exists("/proc/self")
    (True, False)
    """
    if os.path.exists("/proc/self/stat"):
        return started(process) == since != UNKNOWN
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def me() -> str:
    """This process."""
    return " ".join((*machine(), str(os.getpid()), started(os.getpid())))


def is_gone(who: str) -> bool:
    """Whether `me` of another process named one of this machine, since it was started, that is no more; False where that cannot be known.

    >>> is_gone(me()), is_gone("elsewhere boot 1 1")
    (False, False)
    """
    node, _, rest = who.partition(" ")
    boot, _, rest = rest.partition(" ")
    number, _, since = rest.partition(" ")
    return (node, boot) == machine() and boot != UNKNOWN and number.isdigit() and not runs(int(number), since)
