"""How many sound lots are accused by statistics, in flows that are drawn by a seed and have nothing wrong.

The flows are those of the tests (`tests/detectors/history/test_false_alarms.py`): they stand still, have a week or a trend, wander, have heavy tails, are
small, uneven, change their volume, or come from devices or a shop. Each flow has parameters of its own, and its last lot is judged against the 25 before it;
the promise is 2 % (docs/statistics.md).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from kit import ROOT
from results import Result

COMMAND = "make bench ONLY=error_control"
FLOWS = int(os.environ.get("ASSAY_ERROR_FLOWS", "100"))  # of each kind, with another seed each
SEED = 20_260  # none that a test uses


def run() -> list[Result]:
    """Every kind of flow."""
    return list(_simulated())


def _simulated() -> Iterator[Result]:
    from assayline.detectors.suspicion import ALARMS_PER_LOT

    sys.path.insert(0, str(ROOT / "tests" / "detectors" / "history"))
    import test_false_alarms as flows

    accused = judged = 0
    for kind in flows.KINDS:
        alarms = sum(bool(flows.warnings(kind, number, SEED)) for number in range(FLOWS))
        yield Result(f"simulated flow, {kind.__name__.replace('_', ' ')}: sound lots accused", "", f"{alarms / FLOWS:.2%} of {FLOWS:,}", command=COMMAND)
        accused, judged = accused + alarms, judged + FLOWS
    share = accused / judged
    yield Result("simulated flows: sound lots accused", "at most two sound lots in a hundred", f"{share:.2%} of {judged:,}", f"<= {ALARMS_PER_LOT:.0%}",
                 share <= ALARMS_PER_LOT, COMMAND)  # fmt: skip
