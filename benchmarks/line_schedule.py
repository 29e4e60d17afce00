"""A hundred scheduled flows over a week across a change of the clock: how their load is spread, and that every time is served once though a worker dies."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from results import Result

from assayline.line.schedule import Schedule, slots, spread

COMMAND = "make bench ONLY=line_schedule"
FLOWS, MOST_TIMES = 100, 1.5
BEGIN, WEEK = datetime(2026, 3, 23, tzinfo=UTC), timedelta(days=7)  # the clocks of Europe change on the 29th
TEST = "tests/line/test_slots.py::test_a_week_of_a_hundred_flows_is_served_once_each_across_changes_of_the_clock_and_a_worker_that_dies"


def run() -> list[Result]:
    """The spread of three kinds of line, and the simulated week."""
    found = []
    for every in ("H H * * *", "H H(0-23) * * 1-7", "H */6 * * *"):
        flows = spread(Schedule(f"flow-{number}", every, "Europe/Stockholm", catch_up="all") for number in range(FLOWS))
        load = Counter(slot.replace(minute=0) for flow in flows for slot in slots(flow, BEGIN, BEGIN + WEEK))
        hours = sum(load.values()) / (7 * 24 if "*/6" not in every else 7 * 4)
        times = max(load.values()) / hours
        what = f"{FLOWS} flows at {every!r} over a week: the fullest hour, times the mean of the hours they may run in"
        found.append(Result(what, "no hour is crowded", f"{times:.2f}", f"<= {MOST_TIMES}", times <= MOST_TIMES, COMMAND))
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "--no-cov", "-p", "no:cacheprovider", TEST], cwd=root, capture_output=True, text=True, check=False)
    words = "served once each" if done.returncode == 0 else done.stdout[-200:]
    what = "a simulated week of 100 flows, several workers, one killed, the clock changed: weeks in which a time was not served exactly once"
    found.append(Result(what, "", f"{int(done.returncode != 0)} ({words})", "0", done.returncode == 0, COMMAND))
    return found
