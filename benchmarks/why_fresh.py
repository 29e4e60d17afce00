"""Who is responsible, on other histories than those that most thresholds were chosen on: the cases of `why.py` with other seeds."""

from __future__ import annotations

from dataclasses import replace

import why
from results import Result

BY = 2  # by which seeds are higher
COMMAND = "make bench ONLY=why_fresh"


def run() -> list[Result]:
    """The same claims."""
    found = why.asked(why.fresh(why.chosen("", "", 1), BY, why.cache()))
    return [replace(one, command=COMMAND) for one in why.figures(found)]
