"""Which of many files hold the very bytes of another one, found without reading those that cannot."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

from assayline.errors import InputError

from .limits import Limits
from .source import Source, open_file

BLOCK_BYTES = 64 << 10  # different files differ in the first block, nearly always


def identical(path: str, others: Iterable[str]) -> list[str]:
    """The regular files among the others whose bytes are the same.

    Only a file of the same size is opened, and reading stops at the first difference: among a thousand lots that costs
    a thousand looks at a folder. What cannot be opened here is not the same; whoever reads it will say why.

    Args:
        path: a regular file; anything else is identical to nothing.
        others: paths, in any number.
    """
    size = _size(path)
    alike = [other for other in others if size and _size(other) == size]
    if not alike:
        return []
    try:
        ours = open_file(path, Limits())
    except InputError:
        return []
    try:
        return [other for other in alike if _same(ours, other)]
    finally:
        ours.close()


def _size(path: str) -> int:
    try:
        seen = os.lstat(path)
    except (OSError, ValueError):
        return 0
    return seen.st_size if stat.S_ISREG(seen.st_mode) else 0


def _same(ours: Source, other: str) -> bool:
    try:
        theirs = open_file(other, Limits())
    except InputError:
        return False
    try:
        return theirs.size == ours.size and all(
            ours.at(at, length) == theirs.at(at, length)
            for at in range(0, ours.size, BLOCK_BYTES)
            for length in [min(BLOCK_BYTES, ours.size - at)]
        )
    except InputError:  # one of them shrank meanwhile
        return False
    finally:
        theirs.close()
