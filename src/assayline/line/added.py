"""The columns that the quarantine adds to a row: where it stood, which case it is, why, where, and what was suggested."""

from __future__ import annotations

from collections.abc import Iterable

ADDED = ("assay_row", "assay_case", "assay_why", "assay_columns", "assay_suggestions")


def added_names(columns: Iterable[str]) -> dict[str, str]:
    """What the added columns are called, so that none hides a column of the source.

    >>> added_names(["id", "assay_row"])["assay_row"]
    '_assay_row'
    """
    taken = set(columns)
    found = {}
    for name in ADDED:
        free = name
        while free in taken:
            free = f"_{free}"
        found[name] = free
    return found
