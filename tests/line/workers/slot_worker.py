"""A worker of the simulated week: serves what is due at the time that its caller says, hour after hour, and dies where it is told to.

    python slot_worker.py FOLDER FLOWS NAME [SCHEDULE SLOT]      reads one time per line, answers "done" to each
"""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import datetime
from pathlib import Path

from assayline.ledger import Watch
from assayline.line.project import open_project
from assayline.line.schedule import Schedule, spread
from assayline.line.slots import DONE, Ended, serve, waiting


def schedules(count: int) -> tuple[Schedule, ...]:
    """A line of so many flows: most of them daily, in two zones whose clocks change in the same week, a few hourly, some in the hours that change."""
    zones = ("Europe/Stockholm", "Australia/Sydney")
    fixed = [Schedule(f"fixed-{number}", "30 2 * * *", zones[number % 2], catch_up="all", overlap="queue") for number in range(4)]
    hourly = [Schedule(f"hourly-{number}", "H * * * *", zones[number % 2], catch_up="all", overlap="queue") for number in range(2)]
    daily = [Schedule(f"daily-{number}", "H H * * *", zones[number % 2], catch_up="all", overlap="queue") for number in range(count - len(fixed) - len(hourly))]
    return spread([*fixed, *hourly, *daily])


def main(folder: str, count: str, name: str, dies_in: str = "", dies_at: str = "") -> None:
    flows, watch = schedules(int(count)), Watch()
    with open_project(folder) as project, (Path(folder) / f"{name}.log").open("a") as log:
        for line in sys.stdin:
            moment = datetime.fromisoformat(line.strip())
            while open_ones := waiting(project.ledger, flows, moment):
                served = 0
                for schedule in open_ones:

                    def work(slot: datetime, schedule: Schedule = schedule) -> Ended:
                        log.write(f"{schedule.name} {slot.isoformat()}\n")
                        log.flush()
                        if (schedule.name, slot.isoformat()) == (dies_in, dies_at):
                            os.kill(os.getpid(), signal.SIGKILL)
                        return DONE

                    served += serve(project.ledger, schedule, work, watch=watch, clock=lambda moment=moment: moment) is not None  # type: ignore[misc]  # a default binds the loop's moment
                if not served:  # the others are at what is left
                    time.sleep(0.02)
            sys.stdout.write("done\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
