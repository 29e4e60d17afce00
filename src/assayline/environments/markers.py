"""Whether a requirement counts in an environment."""

from __future__ import annotations

from collections.abc import Mapping

from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName


def holds(marker: Marker | str | None, environment: Mapping[str, str], extra: str = "") -> bool:
    """Whether a marker holds; what cannot be answered (groups of a lock file, for instance) does not.

    Args:
        marker: parsed, or as text; None always holds.
        environment: what it asks about; what is missing is as in this interpreter.
        extra: that is asked for.

    >>> holds("sys_platform == 'win32'", {"sys_platform": "linux"}), holds("'dev' in dependency_groups", {}), holds(None, {})
    (False, False, True)
    """
    if marker is None:
        return True
    try:
        return (Marker(marker) if isinstance(marker, str) else marker).evaluate({**environment, "extra": extra})
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName):
        return False
