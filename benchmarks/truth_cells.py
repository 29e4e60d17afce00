"""Wrong cells found without labels or a past, against what users may expect of it: the targets of the benchmark group "truth".

What is measured is in `cells.py`; both groups look at the same scans.
"""

from __future__ import annotations

from collections.abc import Iterator

import cells
from results import Result

COMMAND = "make bench ONLY=truth_cells"
LEAST_F1 = {
    "hospital": 0.85, "flights": 0.92, "beers": 0.78, "dgov_typo": 0.76, "dgov_fd": 0.38, "kd_pima": 0.95, "kd_bikehour": 0.95, "kd_adult": 0.90,
}  # fmt: skip
LEAST_PRECISION = {"dgov_typo": 0.90}
MOST_ON_TWIN = 0.005


def run() -> list[Result]:
    """Every data set of the kit."""
    tables = cells.tables()
    return [one for name, members in tables.items() for one in (*_found(name, members), *_on_twin(name, members))]


def _found(name: str, members: list[cells.Scored]) -> Iterator[Result]:
    hits, flagged, errors = cells.total(members)
    f1, precision, recall = cells.f1(hits, flagged, errors), hits / max(1, flagged), hits / max(1, errors)
    tables = f" over {len(members)} tables" if len(members) > 1 else ""
    least = LEAST_F1.get(name)
    yield Result(f"{name} F1", "finds the wrong cells" if least else "", f"{f1:.3f}{tables} (precision {precision:.2f}, recall {recall:.2f}; {errors:,} wrong cells)",
                 f">= {least}" if least else "", f1 >= least if least else None, COMMAND)  # fmt: skip
    least = LEAST_PRECISION.get(name)
    if least:
        yield Result(f"{name} precision", "accuses few right cells beside them", f"{precision:.3f}", f">= {least}", precision >= least, COMMAND)


def _on_twin(name: str, members: list[cells.Scored]) -> Iterator[Result]:
    twins = [one for one in members if one.clean_flagged is not None]
    if not twins:
        return
    accused, whole = sum(one.clean_flagged or 0 for one in twins), sum(one.clean_cells for one in twins)
    yield Result(f"{name} cells of the clean twin accused", "leaves right cells alone", f"{accused / max(1, whole):.3%} ({accused:,} of {whole:,})", "<= 0.5 %",
                 accused <= MOST_ON_TWIN * whole, COMMAND)  # fmt: skip
    held = [one.name for one in twins if one.clean_verdict in ("hold", "reject")]
    yield Result(f"{name} clean twins held", "holds no sound table", f"{len(held)} of {len(twins)}" + (f" ({', '.join(held)})" if held else ""), "0", not held, COMMAND)
