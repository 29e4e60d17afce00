"""Makes `docs/benchmarks.md` from the figures in `benchmarks/results`; nothing on that page is typed by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import results
import run

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Made by `make bench` (or `python benchmarks/page.py`) from `benchmarks/results/*.jsonl`; do not edit. Each figure names the command that
measures it again. The data is not part of this repository (licences differ); `ASSAY_BENCH` names the folder that holds it.

- **claim** says what must be true, and **holds** whether it is, by the figure in the same line. A line without a claim is only reported.
- Times are medians of whole processes, from start to exit; peak is the resident memory of the whole process tree.
- A tool that is not installed, or cannot take a table of that size, is listed as such and not left out.
"""


def page() -> str:
    """The text of the page."""
    parts = [HEAD]
    for name, (_, what) in run.BENCHMARKS.items():
        measured = results.read(run.GROUP_OF[name], run.part(name))
        if not measured:
            parts.append(f"\n## {name}\n\n{what.capitalize()}: not measured yet (`make bench ONLY={name}`).\n")
            continue
        machine, *rows = measured
        holding = sum(row.holds is True for row in rows)
        claims = sum(row.holds is not None for row in rows)
        parts.append(f"\n## {name}\n\n{what.capitalize()}. Measured on {machine.figure}; {holding} of {claims} claims hold.\n\n")
        parts.append("| what | figure | claim | target | holds |\n|---|---|---|---|---|\n")
        for row in rows:
            holds = {True: "yes", False: "**no**", None: ""}[row.holds]
            parts.append("| " + " | ".join(_cell(one) for one in (row.row, row.figure, row.claim, row.target)) + f" | {holds} |\n")
        commands = dict.fromkeys(row.command for row in rows if row.command)
        parts.append("\nMeasured with " + ", ".join(f"`{command}`" for command in commands) + ".\n")
    return "".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.exists() and PAGE.read_text(encoding="utf-8") == page() else f"{PAGE} is not what the results say: make docs")
    PAGE.write_text(page(), encoding="utf-8")
