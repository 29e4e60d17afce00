"""Makes what repeats what the code says: `docs/findings.md` from the catalogue and the detectors, `docs/rollout.svg` from a rollout that is played through, `docs/why.svg` from an answer.

    python docs/make_pages.py [--check]

With --check nothing is written; exit code 1 when a page is not what the code says now.
"""

from __future__ import annotations

import sys
from pathlib import Path

from assayline.core import CATALOGUE
from assayline.detectors import installed

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS.parent / "tests" / part / "made") for part in ("rollout", "report")]  # tests look at the same rollout and the same answers
FAMILIES = {
    "value": "single values and runs of values",
    "time": "time stamps and calendars",
    "schema": "columns",
    "volume": "rows: how many, repeated, from where",
    "distribution": "levels, spreads and shares against the past",
    "joint": "columns against each other",
    "reference": "keys of other tables",
    "nature": "what the data is; notes, not faults",
    "rule": "what users demand",
    "environment": "what programs run on",
    "model": "versions of models, on trial",
    "file": "what reading itself noticed",
}
BY_THE_SCAN = ("duplicate_lot",)  # needs the files themselves, which no detector sees
HEAD = """# Findings

Every finding has a code from this page. A code is for ever: new ones are added, none is renamed. Made from `src/assayline/core/catalogue.py`
and the installed detectors by `make docs`; do not edit.

The layer of a finding says what it rests on: `signature` is self-evident in the rows themselves, `history` compares with earlier lots (`--past`),
`multivariate` compares many columns at once with earlier lots, `rule` is what a user asked for.
"""


def findings() -> str:
    """The page of all finding codes, by family."""
    found_by: dict[str, list[str]] = {}
    for detector in installed():
        for code in detector.codes:
            found_by.setdefault(code, []).append(type(detector).__name__)
    lines = [HEAD]
    for family, what in FAMILIES.items():
        lines += [f"\n## {family}\n", f"{what[:1].upper()}{what[1:]}.\n", "| code | title | means | found by |", "|---|---|---|---|"]
        for code, entry in CATALOGUE.items():
            if entry.family == family:
                lines.append(f"| {_link(code)} | {entry.title} | {entry.meaning} | {_finder(code, family, found_by.get(code, []))} |")
    return "\n".join(lines) + "\n"


def _link(code: str) -> str:
    return f"[`{code}`](detectors/{code}.md)" if (DOCS / "detectors" / f"{code}.md").exists() else f"`{code}`"


def _finder(code: str, family: str, detectors: list[str]) -> str:
    if detectors:
        return ", ".join(f"`{name}`" for name in sorted(set(detectors)))
    by_family = {"file": "the readers", "rule": "the rules of a flow", "environment": "[`assay env`](parity.md)", "model": "[`assay trial`](models.md)"}
    by_code = {"changed_reference": "[`assay why`](why.md)"} | dict.fromkeys(BY_THE_SCAN, "the scan")
    return by_family.get(family) or by_code.get(code, "no detector yet")


def rollout() -> str:
    """The picture of ten days of a canary."""
    from simulated_rollout import simulated

    from assayline.report import views

    drawn: str = views()["rollout_svg"](simulated(segments=False))
    return drawn


def why() -> str:
    """The picture of a cause that was proved: one station of a source in another unit."""
    from why_documents import forecasts

    from assayline.report import views

    drawn: str = views()["why_svg"](forecasts())
    return drawn


PAGES = {"findings.md": findings, "rollout.svg": rollout, "why.svg": why}


def main(arguments: list[str]) -> int:
    stale = [name for name, make in PAGES.items() if not (DOCS / name).exists() or (DOCS / name).read_text(encoding="utf-8") != make()]
    if "--check" in arguments:
        for name in stale:
            print(f"docs/{name} is not what the code says now; run: make docs")
        return 1 if stale else 0
    for name in stale:
        (DOCS / name).write_text(PAGES[name](), encoding="utf-8")
        print(f"wrote docs/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
