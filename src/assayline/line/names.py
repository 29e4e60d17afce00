"""What a flow can be called."""

from __future__ import annotations

import re

from assayline.errors import MisuseError

TABLE = "table"  # the kind of lots that have rows
FLOW_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


def check_name(flow: str) -> None:
    """Refuses names of flows that would not survive a file name, an address or a sentence.

    Raises:
        MisuseError: with what is allowed.
    """
    if not FLOW_NAME.fullmatch(flow):
        raise MisuseError(f"{flow!r} cannot be the name of a flow; use up to 100 letters, digits, dots, dashes and underscores, a letter or digit first")
