"""Where in a lot from outside it sits, where nothing can be put back: the finding says which columns, the detectors say which rows, and these are held against the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assayline.diagnosis import Component
from assayline.diagnosis.faults import is_fault
from assayline.errors import AssaylineError

from ..project import Project
from .looking_again import second_look
from .narrowing import Narrowed, frame_of, lots_of
from .row_search import rows_that_carry


def narrowed_by_finding(project: Project, component: Component, finding: Mapping[str, Any]) -> Narrowed:
    """Looks into a lot that a finding accuses.

    Args:
        project: where the lots are.
        component: the source, with the accused lot and one of before.
        finding: of the gate, as JSON.
    """
    columns = tuple(str(one) for one in finding["columns"])
    accused, good = lots_of(project, component)
    findings = ({**finding, "lot": component.detail["lots"][-1]},) if is_fault(finding) else ()
    if not accused or not good:  # it is held, or the first one
        return Narrowed(columns, None, findings)
    try:
        looked = second_look(project, accused[-1], columns)
    except AssaylineError as error:
        return Narrowed(columns, None, findings, (f"the detectors could not be asked again: {error}",))
    rows = rows_that_carry(frame_of(project, accused[-1:]), frame_of(project, good), columns, looked.rows_of(finding))
    return Narrowed(columns, rows, findings, (rows.sentence,) if rows is not None else ())
