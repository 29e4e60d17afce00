"""A symptom, measured on the outcome of a replay."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from assayline.diagnosis import Symptom
from assayline.diagnosis.symptom import FAILURE, FINDING, METRIC

from ..incidents import WARN
from .metrics import metric_of
from .truth import Truth

JUST_BELOW = math.nextafter(WARN, 0.0)  # the largest severity that is still a note

Judge = Callable[[str], Sequence[Mapping[str, Any]]]


def measure(symptom: Symptom, path: str | None, error: str, *, judge: Judge | None = None, truth: Truth | None = None) -> float | None:
    """How much of a symptom is there.

    Args:
        symptom: what is wrong.
        path: the table that came out, as Parquet; None where nothing did.
        error: why nothing came out, or "".
        judge: gives the findings of the gate of the flow (`judged.Gate`); for findings.
        truth: labels that came later; for errors of predictions.

    Returns:
        1 or 0 for what cannot be run (or does not come), the severity of a finding, a figure; None where it cannot be measured.
    """
    if symptom.kind == FAILURE:
        return 1.0 if error else 0.0 if path is not None else None
    if path is None or error:
        return None
    if symptom.kind == METRIC:
        frame = pl.read_parquet(path)
        return metric_of(symptom.name).of(truth.beside(frame) if truth is not None else frame)
    if symptom.kind == FINDING:
        return None if judge is None else severity(symptom.name, symptom.columns, judge(path))
    return 0.0  # something came


def severity(code: str, columns: Sequence[str], findings: Sequence[Mapping[str, Any]]) -> float:
    """How loudly the gate says what it said before: by the same code of one of these columns, or of the same columns by another name; 0 where it says nothing of it.

    >>> severity("global_shift", ["x"], [{"code": "unit_change", "columns": ["x"], "severity": 0.6}, {"code": "global_shift", "columns": ["y"], "severity": 0.9}])
    0.6
    """
    about = set(columns)
    same = [one for one in findings if one["code"] == code and (not about or about & set(one["columns"]))]
    other = [one for one in findings if about and set(one["columns"]) == about]
    return max((float(one["severity"]) for one in [*same, *other]), default=0.0)
