"""Settings of a flow: what somebody needs of it, how careful its beginning is, and what is said of it by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assayline.core.line import GRADES
from assayline.errors import MisuseError
from assayline.ledger import records

from .gating import check_name, ensure_flow
from .project import Project

KNOWN: dict[str, type] = {"needs": list, "shadow_lots": int, "owner": str, "grade": str, "watched": bool}


def change(project: Project, flow: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes settings of a flow from the next lot on; gives all of them.

    Args:
        project: where.
        flow: its name; it is made where there is none yet.
        changes: `needs`: columns without which a lot is held; `shadow_lots`: earlier lots below which comparisons only warn; `owner`: who answers for it;
            `grade`: "experimental" or "production", "" for what its behaviour says; `watched`: whether its silence is told.

    Raises:
        MisuseError: there is no such setting, or the value cannot be.
    """
    check_name(flow)
    for name, value in changes.items():
        if name not in KNOWN or not isinstance(value, KNOWN[name]) or (isinstance(value, int) and value < 0):
            raise MisuseError(f"{name} = {value!r} is no setting of a flow; settings: needs (columns), shadow_lots (0 or more), owner, grade, watched")
        if name == "grade" and value not in ("", *GRADES):
            raise MisuseError(f"the grade of a source is {' or '.join(GRADES)}, not {value!r}")
    with project.ledger.write() as writing:
        known = ensure_flow(writing, flow)
        settings = {**known.settings, **changes}
        if changes:
            writing.append("settings", {"flow": flow, "settings": settings})
        found = records.flow_of(writing.connection, flow)
        assert found is not None
        return dict(found.settings)
