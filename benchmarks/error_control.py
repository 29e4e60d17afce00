"""How many sound lots are accused by statistics, in flows that are drawn by a seed and have nothing wrong.

The flows are those of the tests (`tests/detectors/history/test_false_alarms.py`): they stand still, have a week or a trend, wander, have heavy tails, are
small, or change their volume. Each lot is judged against the 25 to 34 before it; the promise is 2 % (docs/statistics.md).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from kit import ROOT
from results import Result

COMMAND = "make bench ONLY=error_control"
FLOWS = int(os.environ.get("ASSAY_ERROR_FLOWS", "20"))  # of each kind, with another seed each; 10 lots of each are judged
SEED = 20_260  # none that a test uses


def run() -> list[Result]:
    """Every kind of flow."""
    return list(_simulated())


def _simulated() -> Iterator[Result]:
    from assayline.core import Past
    from assayline.detectors.history import History
    from assayline.detectors.suspicion import ALARMS_PER_LOT
    from assayline.measures import profile

    sys.path.insert(0, str(ROOT / "tests" / "detectors" / "history"))
    import numpy as np
    import test_false_alarms as flows

    history = History()
    accused = judged = 0
    for make in (flows.stationary, flows.seasonal, flows.trending, flows.heavy_tailed, flows.small, flows.changing_volume, flows.wandering):
        alarms = lots = 0
        for flow in range(FLOWS):
            rng = np.random.default_rng([flow, SEED])
            profiles = [profile(make(day, rng)) for day in range(flows.LOTS + flows.JUDGED)]
            for day in range(flows.LOTS, flows.LOTS + flows.JUDGED):
                past = Past(tuple(profiles[:day]), tuple(map(str, range(day))))
                alarms += any(one.severity >= 0.3 for one in history(profiles[day], past))
                lots += 1
        yield Result(f"simulated flow, {make.__name__.replace('_', ' ')}: sound lots accused", "", f"{alarms / lots:.2%} of {lots:,}", command=COMMAND)
        accused, judged = accused + alarms, judged + lots
    share = accused / judged
    yield Result("simulated flows: sound lots accused", "at most two sound lots in a hundred", f"{share:.2%} of {judged:,}", f"<= {ALARMS_PER_LOT:.0%}",
                 share <= ALARMS_PER_LOT, COMMAND)  # fmt: skip
