"""One cause, one finding: what each finding of the history layer explains, so that the cause is named and not its symptoms.

The gate does the same for all layers; here the history layer settles its own explanations, for which it has more evidence.
"""

from __future__ import annotations

from collections.abc import Sequence

from assayline.core import Finding

EVERYTHING = ("empty_batch", "delimiter_change", "stale_copy")  # these explain the whole lot

# What any change of the values does to the numbers of the same column.
_NUMBERS = frozenset({
    "global_shift", "noise_increase", "sample_bias", "segment_shift", "unit_change", "outliers", "sign_flip", "precision_loss", "shuffled_column", "stuck_sensor",
    "label_imbalance", "missing_source", "column_swap",
})  # fmt: skip
_MIX = frozenset({"global_shift", "noise_increase", "segment_shift", "shuffled_column"})
_WORDS = frozenset({"new_category_flood", "fk_break", "category_spelling", "whitespace_case", "text_truncation", "typo"})

# A finding with the code on the left explains those on the right when they share its column.
SAME_COLUMN: dict[str, frozenset[str]] = {
    "missing_spike": _NUMBERS | {"constant_column", "disguised_missing"},
    "constant_column": _NUMBERS | _WORDS | {"disguised_missing", "duplicate_key"},
    "type_to_string": _NUMBERS | _WORDS | {"missing_spike", "disguised_missing", "test_records", "constant_column"},
    "decimal_comma": _NUMBERS | {"type_to_string", "missing_spike", "disguised_missing"},
    "date_format": frozenset({"type_to_string", "missing_day", "late_arrival", "local_time", "stuck_clock", "clock_reset", "disguised_missing", "out_of_order"}),
    "null_token_change": _NUMBERS | _WORDS | {"disguised_missing"},
    "unit_change": _NUMBERS - {"unit_change"},
    "sign_flip": _NUMBERS - {"sign_flip"},
    "precision_loss": frozenset({"global_shift", "shuffled_column", "noise_increase", "segment_shift", "stuck_sensor", "column_swap"}),
    "noise_increase": frozenset({"outliers", "shuffled_column", "column_swap", "precision_loss"}),
    "global_shift": frozenset({"outliers", "shuffled_column", "segment_shift", "label_imbalance", "missing_source", "column_swap", "fk_break", "new_category_flood"}),
    "segment_shift": frozenset({"outliers", "shuffled_column", "column_swap"}),
    "sample_bias": _MIX | {"label_imbalance", "missing_source", "column_swap"},
    "outliers": frozenset({"shuffled_column", "column_swap"}),
    "column_swap": _NUMBERS | _WORDS | {"disguised_missing", "constant_column", "missing_spike"},
    "stuck_sensor": frozenset({"global_shift", "noise_increase", "segment_shift", "shuffled_column", "column_swap", "unit_change"}),
    "mojibake": _WORDS | {"label_imbalance", "missing_source", "duplicate_key"},
    "test_records": _WORDS | {"duplicate_key", "type_to_string", "column_swap", "outliers", "disguised_missing", "noise_increase", "global_shift"},
    "category_spelling": frozenset({"new_category_flood", "fk_break", "whitespace_case", "text_truncation", "label_imbalance", "missing_source", "column_swap"}),
    "whitespace_case": frozenset({"new_category_flood", "fk_break", "label_imbalance", "missing_source", "column_swap", "text_truncation"}),
    "text_truncation": frozenset({"new_category_flood", "fk_break", "label_imbalance", "missing_source", "duplicate_key", "category_spelling",
        "whitespace_case", "column_swap"}),
    "new_category_flood": _NUMBERS - {"column_swap"},
    "fk_break": _NUMBERS - {"column_swap"},
    "missing_source": frozenset({"label_imbalance", "column_swap"}),
    "clock_reset": frozenset({"stuck_clock", "local_time", "missing_day", "late_arrival", "truncated_batch", "out_of_order"}),
    "stuck_clock": frozenset({"local_time", "late_arrival", "missing_day", "out_of_order"}),
    "local_time": frozenset({"out_of_order"}),
    "late_arrival": frozenset({"out_of_order"}),
    "disguised_missing": _NUMBERS | _WORDS | {"clock_reset", "stuck_clock", "local_time", "constant_column", "duplicate_key", "out_of_order"},
}

# A finding with the code on the left explains those on the right in any column.
ANYWHERE: dict[str, frozenset[str]] = {
    "shifted_columns": frozenset({"type_to_string", "disguised_missing", "outliers", "new_category_flood", "fk_break", "category_spelling",
        "whitespace_case", "missing_spike",
                                  "date_format", "text_truncation", "column_swap", "precision_loss", "decimal_comma", "clock_reset", "sign_flip", "duplicate_key",
                                  "shuffled_column", "noise_increase", "global_shift", "local_time", "unit_change", "segment_shift", "late_arrival"}),
    "duplicated_rows": _MIX | {"duplicate_key", "stuck_clock", "stuck_sensor", "out_of_order"},
    "truncated_batch": _MIX | {"missing_day", "sample_bias", "local_time", "label_imbalance", "constant_column", "missing_source", "missing_spike"},
    "missing_source": _MIX | {"sample_bias", "missing_spike", "label_imbalance", "constant_column"},
    "missing_day": _MIX | {"late_arrival", "missing_source", "sample_bias", "label_imbalance", "constant_column", "truncated_batch", "missing_spike"},
    "stuck_clock": frozenset({"truncated_batch"}),
    "date_format": frozenset({"truncated_batch", "missing_day"}),
    "clock_reset": frozenset({"truncated_batch", "missing_day", "local_time"}),
    "local_time": frozenset({"truncated_batch", "missing_day", "late_arrival"}),
    "sample_bias": _MIX | {"label_imbalance", "missing_source", "out_of_order", "unit_change", "stuck_sensor"},  # what goes with the part that is left moves too
    "label_imbalance": frozenset({"out_of_order"}),
    "test_records": frozenset({"duplicate_key", "stuck_clock", "out_of_order", "shifted_columns"}),  # such rows are copies of others
    "renamed_column": frozenset({"shifted_columns"}),
    "dropped_column": frozenset({"shifted_columns"}),
    "column_swap": frozenset({"shuffled_column"}),
}  # fmt: skip
_BLURS = frozenset({  # a column whose values are not what they were cuts the table into other segments
    "constant_column", "new_category_flood", "category_spelling", "whitespace_case", "text_truncation", "mojibake", "disguised_missing", "missing_spike", "column_swap",
    "null_token_change", "shuffled_column",
})  # fmt: skip
_MOVED = frozenset({"global_shift", "segment_shift", "unit_change", "noise_increase"})
_OUT_OF_STEP = frozenset({  # a change in any column puts the others out of step with it
    "global_shift", "noise_increase", "unit_change", "segment_shift", "missing_spike", "disguised_missing", "constant_column", "sign_flip", "column_swap", "stuck_sensor",
    "type_to_string", "decimal_comma", "outliers", "sample_bias", "missing_source", "label_imbalance", "new_category_flood", "category_spelling",
    "whitespace_case", "text_truncation", "fk_break", "null_token_change", "mojibake",
})  # fmt: skip
# Where two could explain each other, the earlier one does: it is the more specific, or the one less likely to come from the other.
OF_ROWS = frozenset({"test_records", "shifted_columns", "local_time"})  # said once of the rows, whatever columns show it
ORDER = (
    "test_records", "shifted_columns", "column_swap", "renamed_column", "dropped_column", "duplicated_rows", "null_token_change", "decimal_comma", "date_format",
    "type_to_string", "clock_reset", "stuck_clock", "local_time", "missing_day", "truncated_batch", "missing_spike", "constant_column", "disguised_missing", "mojibake",
    "text_truncation", "category_spelling", "whitespace_case", "fk_break", "new_category_flood", "missing_source", "sample_bias", "stuck_sensor", "sign_flip", "unit_change",
    "precision_loss", "noise_increase", "global_shift", "segment_shift", "label_imbalance", "outliers", "late_arrival", "shuffled_column",
    "out_of_order",
)  # fmt: skip
LOST_BY_SOURCE = 0.6  # of the missing rows must be those of the missing source for it to be the cause


def causes(findings: Sequence[Finding]) -> list[Finding]:
    """The findings that no other one explains.

    Args:
        findings: what survived the error control.

    >>> shift = Finding("global_shift", ("temp",), "The level has moved.", 0.5, layer="history")
    >>> unit = Finding("unit_change", ("temp",), "Fahrenheit.", 0.6, layer="history")
    >>> [one.code for one in causes([shift, unit])]
    ['unit_change']
    """
    whole = next((one for code in EVERYTHING for one in findings if one.code == code), None)
    if whole is not None:
        return [whole]
    source_lost_them = _source_lost_them(findings)
    left = [
        one for one in findings
        if not any(
            _explains(other, one, source_lost_them) and not (_rank(one) < _rank(other) and _explains(one, other, source_lost_them))
            for other in findings if other is not one
        )
    ]  # fmt: skip
    return left or sorted(findings, key=_rank)[:1]  # explanations may run in a circle; something happened all the same


def _rank(finding: Finding) -> tuple[int, float, str]:
    """Of two findings that explain each other the one with the lower rank stays."""
    return ORDER.index(finding.code) if finding.code in ORDER else len(ORDER), -finding.severity, finding.sentence


def _explains(cause: Finding, symptom: Finding, source_lost_them: bool) -> bool:
    pair = (cause.code, symptom.code)
    if pair == ("truncated_batch", "missing_source"):
        return not source_lost_them
    if pair == ("missing_source", "truncated_batch"):
        return source_lost_them
    if cause.code in ("segment_shift", "unit_change") and symptom.code == "column_swap" and symptom.where is not None:
        return cause.where == symptom.where and bool(set(cause.columns) & set(symptom.columns))  # a swap in that segment only is its shift, seen against a neighbour
    if cause.code == "column_swap" and symptom.code in ("segment_shift", "unit_change") and symptom.where is not None and cause.where == symptom.where:
        return False
    if cause.code == "disguised_missing" and symptom.code in ("stuck_clock", "local_time", "clock_reset"):
        return cause.columns[:1] == symptom.columns[:1]  # a date that means none stands still and fits no hour
    if pair == ("null_token_change", "shifted_columns"):  # a word for nothing is strange wherever it stands
        return bool(set(cause.columns) & set(symptom.columns)) and (cause.rows or 0) >= (symptom.rows or 0)
    if pair == ("shifted_columns", "null_token_change"):
        return not _explains(symptom, cause, source_lost_them)
    if symptom.code == "fk_break" and cause.code in ("sign_flip", "unit_change", "precision_loss"):
        return cause.columns == symptom.columns  # other numbers in the same column are no other keys
    if cause.code == "fk_break" and symptom.code in ("sign_flip", "unit_change", "precision_loss"):
        return False
    if cause.code in _BLURS and symptom.where is not None and any(symptom.where.startswith(f"{name} = ") for name in cause.columns):
        return not set(symptom.columns) & set(cause.columns)  # the segment is not the one it was
    if "left_ratio" in symptom.evidence and "left_ratio" not in cause.evidence and not set(cause.columns) & set(symptom.columns):
        return cause.code in _OUT_OF_STEP or cause.code in EVERYTHING or symptom.code in ANYWHERE.get(cause.code, ())
    if "left_ratio" in cause.evidence and "left_ratio" not in symptom.evidence and symptom.code in _MOVED and set(cause.columns) & set(symptom.columns):
        return True  # the other columns say more precisely what happened than the past of this one
    if "left_ratio" in symptom.evidence and "left_ratio" not in cause.evidence and cause.code in _MOVED:
        return False
    if pair == ("sample_bias", "sample_bias"):  # one part of the population, whatever columns show it: the one that is cut most sharply says which
        return _cut(cause) > _cut(symptom)
    if pair == ("precision_loss", "disguised_missing") and cause.columns == symptom.columns:
        return float(symptom.evidence.get("value", 0.5)) == int(float(symptom.evidence.get("value", 0.5)))  # what was cut off piles up on whole numbers
    if pair == ("disguised_missing", "precision_loss") and cause.columns == symptom.columns and cause.layer == "history":
        return not _explains(symptom, cause, source_lost_them)
    if symptom.code == "truncated_batch" and cause.code in ("local_time", "clock_reset", "date_format", "stuck_clock", "missing_day"):
        return bool(symptom.evidence.get("early_end"))  # other times end the lot early; they take no rows away
    if cause.code == "truncated_batch" and symptom.code in ("local_time", "missing_day"):
        return not cause.evidence.get("early_end")
    if cause.code == "shuffled_column" and symptom.code == "segment_shift":
        return cause.columns == symptom.columns and bool(symptom.evidence.get("like_the_rest"))  # the segment has become like all others
    if pair == ("segment_shift", "shuffled_column") and cause.columns == symptom.columns and cause.evidence.get("like_the_rest"):
        return False
    if pair == ("missing_source", "missing_spike"):
        return cause.columns != symptom.columns  # what never came leaves its columns emptier, or fuller
    if cause.code in ORDER and symptom.code in ORDER and ORDER.index(cause.code) > ORDER.index(symptom.code):
        return False
    if symptom.code == "shuffled_column" and cause.code in _OUT_OF_STEP:
        return True
    if symptom.code == cause.code == "shuffled_column":  # two ways to see one change: the more surprising names it
        return _surprise(cause) < _surprise(symptom)
    if symptom.code in ANYWHERE.get(cause.code, ()):
        return True
    if cause.code == symptom.code and (cause.columns == symptom.columns or cause.code in OF_ROWS):
        return (cause.severity, len(cause.columns), cause.sentence) > (symptom.severity, len(symptom.columns), symptom.sentence)
    if symptom.code == "dependency_violation":  # whatever else happened to the column, its counter fell because of it
        return symptom.columns[:1] == cause.columns[:1]
    return bool(set(cause.columns) & set(symptom.columns)) and symptom.code in SAME_COLUMN.get(cause.code, ())


def _cut(finding: Finding) -> tuple[float, str]:
    return float(finding.evidence.get("uncovered_share", 0.0)), finding.sentence


def _surprise(finding: Finding) -> tuple[float, float, str]:
    return float(finding.evidence.get("p_value", 1.0)), -finding.severity, finding.sentence


def _source_lost_them(findings: Sequence[Finding]) -> bool:
    short = next((one for one in findings if one.code == "truncated_batch"), None)
    gone = [one for one in findings if one.code == "missing_source"]
    if short is None or not gone or short.evidence.get("ends_early"):  # a source that stays away ends no lot before its time
        return False
    lost = float(short.evidence["expected_rows"]) - float(short.evidence["rows_today"])
    return max(float(one.evidence["usual_rows"]) for one in gone) >= LOST_BY_SOURCE * lost
