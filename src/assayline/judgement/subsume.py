"""One cause, one finding: explanations absorb the symptoms they explain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from assayline.core import CATALOGUE, Finding

# A finding with the code on the left explains those on the right when they are about the same column.
# "*" stands for every code but notes.
EXPLAINS: dict[str, frozenset[str]] = {
    "unit_change": frozenset({"outliers", "global_shift", "segment_shift", "noise_increase", "precision_loss", "pattern_break", "typo"}),
    "type_to_string": frozenset({"mixed_types", "pattern_break", "typo", "category_spelling", "text_truncation", "missing_spike"}),
    "decimal_comma": frozenset({"type_to_string", "mixed_types", "pattern_break", "typo", "precision_loss"}),
    "disguised_missing": frozenset(
        {"outliers", "pattern_break", "typo", "type_to_string", "mixed_types", "sign_flip", "missing_spike", "new_category_flood", "global_shift",
         "noise_increase", "stuck_sensor", "clock_reset", "impossible_date"}
    ),
    "null_token_change": frozenset({"disguised_missing", "type_to_string", "mixed_types", "new_category_flood", "pattern_break"}),
    "missing_spike": frozenset({"missing_value", "constant_column", "stuck_sensor", "global_shift", "constant"}),
    "mojibake": frozenset({"typo", "category_spelling", "pattern_break", "invisible_characters", "new_category_flood", "text_truncation"}),
    "test_records": frozenset({"outliers", "disguised_missing", "typo", "pattern_break", "new_category_flood"}),
    "control_characters": frozenset({"pattern_break", "typo", "whitespace_case"}),
    "whitespace_case": frozenset({"typo", "category_spelling", "pattern_break", "new_category_flood"}),
    "category_spelling": frozenset({"typo", "pattern_break", "new_category_flood"}),
    "typo": frozenset({"pattern_break", "new_category_flood"}),
    "date_format": frozenset({"type_to_string", "mixed_types", "pattern_break", "impossible_date", "missing_day", "out_of_order"}),
    "mixed_time_zones": frozenset({"date_format", "pattern_break", "mixed_types"}),
    "impossible_date": frozenset({"pattern_break", "mixed_types"}),
    "clock_reset": frozenset({"broken_sequence", "impossible_date", "outliers", "global_shift", "missing_day", "out_of_order", "noise_increase"}),
    "stuck_clock": frozenset({"stuck_sensor", "constant_column", "duplicate_key", "broken_sequence"}),
    "broken_sequence": frozenset({"outliers", "out_of_order"}),
    "local_time": frozenset({"missing_day", "out_of_order"}),
    "constant_column": frozenset({"stuck_sensor", "global_shift", "noise_increase", "constant", "label_imbalance"}),
    "sign_flip": frozenset({"outliers", "global_shift", "noise_increase"}),
    "outliers": frozenset({"noise_increase", "global_shift"}),
    "text_truncation": frozenset({"category_spelling", "new_category_flood", "pattern_break", "typo"}),
    "new_category_flood": frozenset({"label_imbalance"}),
    "fk_break": frozenset({"outliers", "global_shift", "segment_shift", "noise_increase", "new_category_flood", "label_imbalance", "shuffled_column"}),
    "shifted_columns": frozenset(
        {"type_to_string", "mixed_types", "pattern_break", "typo", "dependency_violation", "outliers", "date_format", "category_spelling",
         "new_category_flood", "missing_value", "missing_spike", "disguised_missing"}
    ),
    "column_swap": frozenset({"global_shift", "noise_increase", "outliers", "new_category_flood", "shuffled_column", "dependency_violation"}),
    "number_overflow": frozenset({"outliers", "type_to_string", "mixed_types"}),
    "leading_zeros": frozenset({"mixed_types"}),
    "formula_cells": frozenset({"type_to_string", "pattern_break"}),
    "oversized_value": frozenset({"pattern_break"}),
}  # fmt: skip

# Signatures that look at the values of a column together and accuse each value once: one is no symptom of another.
DIVIDED = frozenset(
    {"category_spelling", "control_characters", "date_format", "decimal_comma", "dependency_violation", "disguised_missing", "impossible_date",
     "invisible_characters", "missing_value", "mixed_time_zones", "mixed_types", "mojibake", "pattern_break", "type_to_string", "typo", "whitespace_case"}
)  # fmt: skip

# These explain everything else that was found in the whole table, whatever the column.
EXPLAINS_ALL = ("empty_batch", "delimiter_change", "stale_copy", "duplicate_lot")
# What is said of whole rows is said once, whatever columns show it.
OF_ROWS = frozenset({"test_records", "shifted_columns"})
# A repeated batch of rows explains repeated keys anywhere.
EXPLAINS_ANYWHERE: dict[str, frozenset[str]] = {
    "duplicated_rows": frozenset({"duplicate_key", "near_duplicates", "dependency_violation", "stuck_clock", "stuck_sensor", "broken_sequence", "out_of_order"}),
    "truncated_batch": frozenset({"missing_source", "missing_day", "sample_bias"}),
    "test_records": frozenset({"duplicate_key", "near_duplicates", "out_of_order", "stuck_clock"}),
    "repeated_header": frozenset({"type_to_string", "mixed_types", "typo"}),
}
# These are about the judgement itself: nothing in the data explains them away.
ALWAYS = frozenset({"detector_error", "row_count_mismatch", "file_changed"})
SPLIT = 0.6  # severity from which a signature puts rows aside: Policy.split_at
NOTE = 0.3  # the families "file" and notes speak for themselves and are never absorbed by EXPLAINS_ALL


def subsume(findings: Iterable[Finding]) -> list[Finding]:
    """The findings without those another one explains.

    Args:
        findings: in any order.

    >>> shift = Finding("global_shift", ("temp",), "The mean moved.", 0.5, layer="history")
    >>> unit = Finding("unit_change", ("temp",), "Fahrenheit.", 0.6)
    >>> [one.code for one in subsume([shift, unit])]
    ['unit_change']
    """
    ordered = sorted(findings, key=_worst_first)
    whole = next((one for code in EXPLAINS_ALL for one in ordered if one.code == code and one.severity >= NOTE), None)
    kept = []
    for one in ordered:
        if whole is not None and one is not whole and one.severity >= NOTE and one.layer != "rule" and one.code not in ALWAYS:
            continue
        if not any(_explains(other, one) for other in ordered):
            kept.append(one)
    return kept


def _explains(cause: Finding, symptom: Finding) -> bool:
    if cause is symptom or symptom.layer == "rule" or symptom.code in ALWAYS or cause.severity < NOTE:
        return False
    if symptom.code in EXPLAINS_ANYWHERE.get(cause.code, ()):
        return True
    if symptom.layer == "multivariate" and cause.layer != "multivariate":  # a change in one column changes how it goes with the others
        whole = not cause.columns and (entry := CATALOGUE.get(cause.code)) is not None and entry.family != "file"
        return whole or bool(set(cause.columns) & set(symptom.columns))
    if symptom.code == cause.code:  # two layers saw the same; the worse one stays
        same = (cause.columns == symptom.columns and cause.where == symptom.where) or cause.code in OF_ROWS
        # One that can put the rows aside stays rather than one that can only warn of the lot.
        return same and (not _names_rows(cause), *_worst_first(cause)) < (not _names_rows(symptom), *_worst_first(symptom))
    if cause.code in DIVIDED and symptom.code in DIVIDED and cause.layer == symptom.layer == "signature" and cause.locate and symptom.locate:
        return False  # they have divided the cells of the column among themselves
    if {cause.code, symptom.code} == {"whitespace_case", "category_spelling"} and cause.columns[:1] == symptom.columns[:1]:
        return (cause.rows or 0, cause.code) > (symptom.rows or 0, symptom.code)  # several slips of the keyboard, or of the shift key alone: what covers more
    shared = bool(set(cause.columns) & set(symptom.columns[:1] or symptom.columns))
    return shared and symptom.code in EXPLAINS.get(cause.code, ())


def _names_rows(finding: Finding) -> bool:
    return finding.layer == "signature" and finding.severity >= SPLIT and (finding.locate is not None or bool(finding.examples))


def _worst_first(finding: Finding) -> tuple[object, ...]:
    return (-finding.severity, -(finding.rows or 0), finding.code, finding.columns, finding.where or "", finding.sentence)


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """In the order in which people should read them; the same findings always in the same order."""
    return sorted(findings, key=_worst_first)
