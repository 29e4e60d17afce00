"""The names of everything a finding can say. A name is for ever: add, never rename."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """One finding code: its family, a title for people, and one sentence on what it means."""

    family: str
    title: str
    meaning: str


CATALOGUE: dict[str, Entry] = {
    # value
    "missing_value": Entry("value", "Missing values", "cells are empty although the table itself says what belongs there"),
    "missing_spike": Entry("value", "More missing values", "a larger share of a column is empty than in the past"),
    "disguised_missing": Entry("value", "Disguised missing values", "a placeholder such as N/A, -999 or 1900-01-01 stands for an empty cell"),
    "null_token_change": Entry("value", "Missing is written differently", "cells that used to be empty now say NULL, None or nan"),
    "stuck_sensor": Entry("value", "Stuck value", "one value repeats for far longer than this column ever moves that little"),
    "constant_column": Entry("value", "Column turned constant", "a column that used to vary has one value"),
    "mojibake": Entry("value", "Broken encoding", "UTF-8 was read as another encoding (Ã© for é), or characters were lost"),
    "test_records": Entry("value", "Test records", "developers' rows (test, asdf, foo@example.com) are still in the data"),
    "unit_change": Entry("value", "Unit changed", "values are a known conversion (°C/°F, km/mile, cents) away from the rest"),
    "type_to_string": Entry("value", "Numbers that are not numbers", "some cells of a numeric column carry text, a unit or a currency"),
    "decimal_comma": Entry("value", "Decimal commas", "some numbers are written 12,5 instead of 12.5"),
    "precision_loss": Entry("value", "Precision lost", "decimals were cut off"),
    "outliers": Entry("value", "Impossible values", "values far outside everything else in the column or its past"),
    "sign_flip": Entry("value", "Sign flipped", "numbers that are positive come negative"),
    "category_spelling": Entry("value", "Spelling variants", "the same category is written in several ways"),
    "new_category_flood": Entry("value", "Unknown category", "a category never seen before takes a share of the rows"),
    "whitespace_case": Entry("value", "Blanks and case", "values differ from known ones only by blanks or upper and lower case"),
    "text_truncation": Entry("value", "Truncated text", "texts are cut at a fixed width"),
    "pattern_break": Entry("value", "Broken pattern", "values do not have the form all others of the column have"),
    "typo": Entry("value", "Typing errors", "a rare value is one or two keystrokes away from a frequent one"),
    "dependency_violation": Entry("value", "Contradiction", "a value contradicts what the other columns of the table say it must be"),
    "broken_sequence": Entry("value", "Broken sequence", "a number or a time breaks the sequence that its column otherwise keeps"),
    # time
    "stuck_clock": Entry("time", "Stopped clock", "many records carry the same timestamp"),
    "local_time": Entry("time", "Local time instead of UTC", "timestamps are shifted by whole hours"),
    "clock_reset": Entry("time", "Clock reset", "timestamps fall to 1970, 2000 or far into the future"),
    "date_format": Entry("time", "Mixed date formats", "dates are written in more than one way, or day and month are swapped"),
    "missing_day": Entry("time", "Missing period", "a day or an hour that belongs there has no records"),
    "late_arrival": Entry("time", "Late data", "records are older than this delivery should hold"),
    "out_of_order": Entry("time", "Out of order", "records that used to come in order of time do not"),
    # schema
    "renamed_column": Entry("schema", "Renamed column", "a column is gone and another with the same content has come"),
    "added_column": Entry("schema", "New column", "a column that was not there before"),
    "dropped_column": Entry("schema", "Lost column", "a column that was always there is gone"),
    "column_swap": Entry("schema", "Swapped columns", "two columns carry each other's values"),
    "shifted_columns": Entry("schema", "Shifted columns", "in some rows the values stand one column too far to the right or left"),
    "delimiter_change": Entry("schema", "Other delimiter", "the file is cut by another delimiter than it was read with"),
    # volume
    "truncated_batch": Entry("volume", "Too few rows", "there are far fewer rows than usual, or the end of the file is missing"),
    "empty_batch": Entry("volume", "No rows", "there is a header and nothing else"),
    "duplicated_rows": Entry("volume", "Repeated rows", "the same rows come more than once"),
    "duplicate_key": Entry("volume", "Repeated key", "a value that identifies a row is used for several"),
    "near_duplicates": Entry("volume", "Nearly repeated rows", "rows that differ in a letter or two"),
    "missing_source": Entry("volume", "Missing source", "a station, store or vendor that always reports does not"),
    "stale_copy": Entry("volume", "Old data again", "the rows were delivered before"),
    "sample_bias": Entry("volume", "Part of the population", "the rows cover only part of what they used to cover"),
    "duplicate_lot": Entry("volume", "Delivered twice", "the same bytes were delivered before"),
    # distribution
    "global_shift": Entry("distribution", "Shifted values", "the level of a column has moved"),
    "segment_shift": Entry("distribution", "One segment shifted", "the level of a column has moved in one segment only"),
    "noise_increase": Entry("distribution", "More noise", "the spread of a column has grown"),
    "label_imbalance": Entry("distribution", "Class lost", "a class of a column is nearly gone or has taken over"),
    # joint, reference
    "shuffled_column": Entry("joint", "Column out of step", "a column no longer goes with the columns it always went with"),
    "changed_reference": Entry("reference", "Known rows say something else", "rows of a table that is delivered whole, and that were there before, have other values"),
    "fk_break": Entry("reference", "Unknown reference", "keys that are in neither the parent table nor the past"),
    # nature: notes, not faults
    "id_column": Entry("nature", "Identifier", "every value is different: a name for the row, not a property of it"),
    "constant": Entry("nature", "Constant", "the column has one value: it says nothing"),
    "class_imbalance": Entry("nature", "Rare class", "one class of a small set is very rare"),
    "leaking_column": Entry("nature", "Copy of another column", "one column says everything another says"),
    "personal_data": Entry("nature", "Personal data", "e-mail addresses, phone numbers, card numbers or the like"),
    "coverage_gap": Entry("nature", "Hole in the coverage", "a range or a combination that one would expect never occurs"),
    "highly_correlated": Entry("nature", "Moves together", "two numeric columns are nearly a multiple of each other"),
    # rule: what users demand
    "broken_rule": Entry("rule", "Rule not met", "rows, or the lot, do not meet a condition that somebody set"),
    "rule_error": Entry("rule", "Rule without an answer", "a rule cannot be held against this lot, for it lacks what the rule reads"),
    # environment: what programs run on
    "environment_changed": Entry("environment", "Environment changed", "packages, interpreter, numeric libraries or switches are not what they were, or not what the lock file says"),
    # model: what a version of a model was found to be when it was put on trial
    "worse_than_champion": Entry("model", "Worse than the champion", "on the same rows it does worse than the version it would follow, by more than the margin"),
    "worse_than_baseline": Entry("model", "Worse than a baseline", "on the same rows a model that anybody can make in a minute does better"),
    "undecided_trial": Entry("model", "Undecided", "the rows of the test set do not suffice to say whether it is better or worse"),
    "sustained_decline": Entry("model", "Getting worse", "the last versions are worse than those before, and not by chance of one"),
    "outlier_run": Entry("model", "Unlike the last versions", "it is far from what the last versions scored; one such version is no trend"),
    "weak_slice": Entry("model", "Worse for some rows", "for a part of the rows it is worse than the champion, or than for all others"),
    "fairness_gap": Entry("model", "Unequal for groups", "groups that must be treated alike are not: selected, missed or accused in other shares"),
    "fragile_model": Entry("model", "Fragile", "small faults in its input change its answers, or leave it without one"),
    "leaking_feature": Entry("model", "Leaking feature", "what it learned from says the target itself, or is known only later"),
    "unstable_importance": Entry("model", "Importance misleads", "which features count changes from sample to sample, or is not what they correlate with"),
    "slow_model": Entry("model", "Too slow", "an answer, or an hour's rows, take longer than the budget"),
    "large_model": Entry("model", "Too large", "the artefact or its memory is above the budget"),
    "test_rows_in_training": Entry("model", "Test rows among the training rows", "it was trained on rows that it is tested on, so that its score says little about others"),
    "memorised_rows": Entry("model", "Knows its training rows", "who asks it can tell which rows it was trained on"),
    "secret_in_artefact": Entry("model", "Secret in the artefact", "a key, a password or personal data travels with the model"),
    "label_errors": Entry("model", "Doubtful labels", "labels of the test set contradict what every model learns from the others"),
    "worn_test_set": Entry("model", "Worn test set", "so many versions were judged on these rows that the next one may only know them by heart"),
    "failed_trial": Entry("model", "Trial failed", "a trial that somebody wrote said no, raised an error, or had to be ended"),
    "other_answers": Entry("model", "Other answers than when it was made", "its golden rows do not give what they gave when the artefact was written"),
    "unsafe_artefact": Entry("model", "Unsafe artefact", "loading it would run code that came with it; it was not loaded"),
    "tainted_training_data": Entry("model", "Doubtful training data", "it was trained on data that carries a warning"),
    # file: what reading itself noticed
    "ragged_rows": Entry("file", "Rows of another length", "lines have too few or too many fields"),
    "broken_quotes": Entry("file", "Broken quoting", "a quote is not closed, or stands inside a field"),
    "mixed_newlines": Entry("file", "Mixed line ends", "lines end in more than one way"),
    "encoding": Entry("file", "Unusual or broken encoding", "the bytes are not UTF-8"),
    "control_characters": Entry("file", "Control characters", "NUL, escape sequences or other invisible control characters stand in the text"),
    "invisible_characters": Entry("file", "Invisible characters", "zero-width or direction marks make different texts look alike"),
    "oversized_value": Entry("file", "Huge value", "one value is far longer than any other"),
    "wide_table": Entry("file", "Very many columns", "there are thousands of columns"),
    "bad_header": Entry("file", "Doubtful column names", "names are empty, repeated, or differ only by case, blanks or look-alike letters"),
    "missing_header": Entry("file", "No header", "the first line looks like data"),
    "repeated_header": Entry("file", "Header repeated", "the header stands again among the rows: files were joined"),
    "preamble": Entry("file", "Lines around the table", "titles above the header or totals below the rows"),
    "comment_lines": Entry("file", "Comment lines", "lines that are comments, not data"),
    "dialect": Entry("file", "Unusual dialect", "the file is not cut by the delimiter its name promises"),
    "number_overflow": Entry("file", "Numbers out of range", "numbers do not fit into 64 bits, or are not finite"),
    "leading_zeros": Entry("file", "Codes that look like numbers", "leading zeros or exponents would be lost if these were read as numbers"),
    "mixed_types": Entry("file", "Mixed types", "a column holds values of several types"),
    "impossible_date": Entry("file", "Impossible dates", "30 February, year 0, 24:00"),
    "mixed_time_zones": Entry("file", "Mixed time zones", "some timestamps have an offset and some have none, or offsets differ"),
    "formula_cells": Entry("file", "Formulas", "cells start like a spreadsheet formula, or hold a formula without a value"),
    "path_values": Entry("file", "Paths as values", "values climb out of a folder if used as a file name"),
    "row_count_mismatch": Entry("file", "Row counts differ", "the rows we counted are not the rows the reader gave"),
    "schema_conflict": Entry("file", "Parts disagree", "parts of one table have different columns or types"),
    "repeated_keys": Entry("file", "Keys repeated in an object", "a JSON object names the same key twice"),
    "syntax": Entry("file", "Lines that are not valid", "single lines could not be parsed and were put aside"),
    "wrong_extension": Entry("file", "Not what its name says", "the content is of another format than the file name"),
    "active_content": Entry("file", "Active content", "macros or code travel with the file; nothing was run"),
    "file_changed": Entry("file", "File changed", "the file changed while it was read"),
    "unreadable": Entry("file", "Cannot be read", "a delivery that no reader can read; it is kept as it came"),
    "detector_error": Entry("file", "A detector failed", "a detector raised an error; the others were not affected"),
}
