"""Scans a path in a child process, which can be killed without harm to the caller."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from assayline.tables import Limits, run_in_child
from assayline.tables.source import without_password

Progress = Callable[[int, int, str], None]

ADDRESS = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+:")
LOCAL_ADDRESSES = ("sqlite:", "duckdb:", "file:")
MOST_STATS = 10_000  # files whose sizes are asked for before a folder is simply large


def scan_apart(
    path: str,
    past: Sequence[str] = (),
    *,
    parents: Sequence[str] = (),
    cells: str | None = None,
    limits: Limits | None = None,
    on_progress: Progress | None = None,
) -> dict[str, Any]:
    """The report on one input, as JSON values.

    Args:
        path: what to scan, as the user named it.
        past: earlier lots: paths, globs and folders.
        parents: tables whose rows this one may refer to; opened in the same child, under the same limits.
        cells: file to write every accused cell to; the only one the child may write.
        limits: memory and time of the child.
        on_progress: receives (rows done, rows expected or 0, phase).

    Raises:
        InputError: the input cannot be read, or reading it took more than the limits allow.
    """
    limits = limits or Limits()
    remote = any(ADDRESS.match(one) and not one.startswith(LOCAL_ADDRESSES) and not os.path.lexists(one) for one in (path, *past, *parents))

    def told(progress: Mapping[str, Any]) -> None:
        if on_progress is not None:
            on_progress(progress["done"], progress["total"], progress["phase"])

    result = run_in_child(
        "assayline.scanning.work:scan_path",
        {"path": path, "past": list(past), "parents": list(parents), "cells": cells, "limits": asdict(limits)},
        memory_bytes=limits.memory_for(max(map(size_of, (path, *parents)))),
        seconds=limits.seconds,
        on_progress=told,
        subject=without_password(path),
        writable=[cells] if cells else [],
        network=remote,
    )
    assert isinstance(result, dict)
    return result


def natural_order(name: str) -> tuple[tuple[int, int, str], ...]:
    """A key for sorting by name in which day-10 comes after day-9.

    >>> sorted(["day-10", "day-9", "²"], key=natural_order)
    ['day-9', 'day-10', '²']
    """
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name))


def size_of(path: str) -> int:
    """Bytes of a file, or of the files in a folder or of a pattern, as far as a quick look tells; 0 for an address.

    Only used to choose a memory limit: a folder of many files is read a few at a time, so its largest file counts.
    """
    try:
        if os.path.isfile(path):
            return os.stat(path).st_size
        folder = path if os.path.isdir(path) else os.path.dirname(path)
        sizes = [0]
        for number, entry in enumerate(os.scandir(folder or ".")):
            if number > MOST_STATS:
                break
            if entry.is_file(follow_symlinks=False):
                sizes.append(entry.stat(follow_symlinks=False).st_size)
        return max(sizes)
    except OSError:
        return 0
