"""What went into a version that did not go into the other: lots it learned from, code, parameters, packages; as the ledger has it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from assayline.ledger import records, run_records
from assayline.ledger.records import LotRecord
from assayline.ledger.run_records import RunRecord

from ..models.versions import label
from ..project import Project
from ..tagging import tag_document, tags_of

MOST_LOTS = 50
MOST_LINES = 200  # of a difference of code
EMPTY_CHANGES: Mapping[str, Any] = {"data": None, "code": None, "parameters": [], "packages": []}


def changed(project: Project, before: LotRecord, after: LotRecord) -> dict[str, Any]:
    """What differs in what two versions were made from.

    Returns:
        `data`: {"new": lots that only the version after learned from, "gone", "kept", "rows_before", "rows_after", "sentence"}; `code`: {"sentence", "files": [{"file", "diff"}]};
        `parameters`: [{"name", "before", "after", "sentence"}]; `packages`: the same, where the ledger describes what both were trained on. Without a run (a version that was brought
        in), `data` and `code` say that nobody knows.
    """
    with project.ledger.read() as connection:
        runs = [run_records.run_of(connection, one.lot) for one in (before, after)]
        first, second = runs
        if first is None or second is None:
            which = " and ".join(label(lot) for lot, run in zip((before, after), runs, strict=True) if run is None)
            said = f"{which} came from outside, so the ledger does not know what was learned from."
            return {**EMPTY_CHANGES, "data": {"new": [], "gone": [], "kept": 0, "rows_before": None, "rows_after": None, "sentence": said}}
        lots = [records.lots_with(connection, sorted({one for several in run.inputs.values() for one in several})) for run in (first, second)]
        code = _code(connection, first, second)
        packages = _packages(connection, first, second)
    return {"data": _data(project, *lots), "code": code, "parameters": _parameters(first.parameters, second.parameters), "packages": packages}


def _data(project: Project, before: Sequence[LotRecord], after: Sequence[LotRecord]) -> dict[str, Any]:
    old, new = ({one.lot for one in several} for several in (before, after))
    come, gone = [one for one in after if one.lot not in old], [one for one in before if one.lot not in new]
    rows = [sum(one.rows["released"] for one in several) for several in (before, after)]
    tags = tags_of(project, [one.lot for one in (*come, *gone)]) if come or gone else {}
    shown = [[_lot(one, [tag_document(tag) for tag in tags.get(one.lot, ())]) for one in several[-MOST_LOTS:]] for several in (come, gone)]
    return {"new": shown[0], "gone": shown[1], "kept": len(old & new), "rows_before": rows[0], "rows_after": rows[1], "sentence": _data_sentence(come, gone, rows)}


def _data_sentence(come: Sequence[LotRecord], gone: Sequence[LotRecord], rows: Sequence[int]) -> str:
    if not come and not gone:
        return f"Both learned from the same {rows[1]:,} rows."
    parts = [f"{_lots(several)} {verb} ({sum(one.rows['released'] for one in several):,} rows)" for several, verb in ((come, "came"), (gone, "went")) if several]
    return f"It learned from {rows[1]:,} rows, before from {rows[0]:,}: {' and '.join(parts)}."


def _lots(several: Sequence[LotRecord]) -> str:
    return f"{len(several)} {'delivery' if len(several) == 1 else 'deliveries'} of {', '.join(dict.fromkeys(one.flow for one in several))}"


def _lot(one: LotRecord, tags: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    said = [dict(tag) for tag in tags if tag.get("level") != "release"]
    return {"lot": one.lot, "flow": one.flow, "at": one.at, "rows": one.rows["released"], "verdict": one.verdict, "state": one.state, "input": one.input, "tags": said}


def _code(connection: Connection, before: RunRecord, after: RunRecord) -> dict[str, Any] | None:
    if before.code == after.code:
        return {"sentence": "The code is the same." if after.code else "Both were trained from the command line, without code of a line.", "files": []}
    texts = [run_records.described(connection, run.code) if run.code else None for run in (before, after)]
    files: list[dict[str, str]] = []
    if all(texts):
        old, new = (dict((text or {}).get("files", {})) for text in texts)
        for name in sorted({*old, *new}):
            if old.get(name) != new.get(name):
                lines = list(difflib.unified_diff(str(old.get(name, "")).splitlines(), str(new.get(name, "")).splitlines(), f"{name} before", f"{name} now", lineterm="", n=2))
                files.append({"file": name, "diff": "\n".join(lines[:MOST_LINES]) + (f"\n… {len(lines) - MOST_LINES} more lines" if len(lines) > MOST_LINES else "")})
    named = f": {', '.join(one['file'] for one in files)}" if files else ""
    return {"sentence": f"The code that asks for it changed{named}.", "files": files}


def _parameters(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": name, "before": before.get(name), "after": after.get(name), "sentence": f"{name} was {_said(before.get(name))} and is {_said(after.get(name))}."}
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]


def _said(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "nothing"
    return "not set" if value is None or value == "" else str(value)


def _packages(connection: Connection, before: RunRecord, after: RunRecord) -> list[dict[str, Any]]:
    found = [run_records.described(connection, run.environment) if run.environment else None for run in (before, after)]
    if before.environment == after.environment or not all(found):
        return []
    return differing(*(_versions([str(line) for line in (one or {}).get("lines", ())]) for one in found))


def _versions(lines: Sequence[str]) -> dict[str, str]:
    """Packages and versions from the lines an environment is known by."""
    parts = [line.split() for line in lines]
    return {one[0]: (one[2] if one[0] == "python" and len(one) > 2 else one[1]) for one in parts if len(one) >= 2 and one[0] != "module"}


def differing(before: Mapping[str, str], after: Mapping[str, str]) -> list[dict[str, Any]]:
    """Packages whose versions differ.

    >>> [one["sentence"] for one in differing({"polars": "1.2", "numpy": "2.0"}, {"polars": "1.3", "numpy": "2.0", "scipy": "1.0"})]
    ['polars was 1.2 and is 1.3.', 'scipy 1.0 is new.']
    """
    found = []
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old != new:
            said = f"{name} {new} is new." if old is None else f"{name} {old} is gone." if new is None else f"{name} was {old} and is {new}."
            found.append({"name": name, "before": old, "after": new, "sentence": said})
    return found
