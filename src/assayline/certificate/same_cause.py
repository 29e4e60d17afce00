"""Different names for one cause: a fault is named when a warning uses its own name or one of these."""

from __future__ import annotations

# What was put in -> other findings that send a person to the same repair.
ALSO: dict[str, frozenset[str]] = {
    "missing_spike": frozenset({"missing_value"}),
    "null_token_change": frozenset({"disguised_missing"}),
    "disguised_missing": frozenset({"null_token_change"}),
    "stuck_sensor": frozenset({"constant_column"}),  # a sensor that stands still for the whole lot
    "constant_column": frozenset({"stuck_sensor"}),
    "mojibake": frozenset({"encoding"}),
    "category_spelling": frozenset({"typo", "whitespace_case"}),  # its variants are slips of the hand or of the shift key
    "typo": frozenset({"category_spelling"}),
    "whitespace_case": frozenset({"category_spelling"}),
    "new_category_flood": frozenset({"fk_break"}),
    "fk_break": frozenset({"new_category_flood"}),
    "delimiter_change": frozenset({"dialect"}),
    "empty_batch": frozenset({"truncated_batch"}),
    "near_duplicates": frozenset({"duplicated_rows"}),
    "stale_copy": frozenset({"duplicate_lot"}),
    "label_imbalance": frozenset({"missing_source"}),  # a class that is lost altogether is a value that does not come
    "missing_source": frozenset({"label_imbalance"}),
    "shuffled_column": frozenset({"dependency_violation"}),
}


def is_named(fault: str, finding: str) -> bool:
    """Whether a finding says what was done.

    >>> is_named("typo", "category_spelling"), is_named("typo", "outliers")
    (True, False)
    """
    return finding == fault or finding in ALSO.get(fault, ())
