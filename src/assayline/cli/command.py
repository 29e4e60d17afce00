"""What a command of `assay` is."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One verb of the command line.

    Args:
        name: the verb.
        summary: one line for `assay --help`.
        arguments: adds its arguments to a parser; must be cheap, since every start pays for it.
        run: does the work; returns the exit code (0 fine, 1 findings, 2 the input could not be read).
    """

    name: str
    summary: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
