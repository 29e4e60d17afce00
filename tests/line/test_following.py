"""Streams of a line that is kept running: followed window by window, by one worker, and left in order."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from assayline.core import Source
from assayline.errors import Unreadable
from assayline.ledger import records, verify
from assayline.line.event_log import EventLog
from assayline.line.following import following
from assayline.line.project import Project
from assayline.line.reading import read_frame
from assayline.line.receiving import receive
from assayline.line.slots import clock_on_the_wall
from assayline.line.up import Stopping

sys.path.insert(0, str(Path(__file__).parents[1] / "arrivals"))
import brokers
import senders


def lots(project: Project) -> int:
    with project.ledger.read() as connection:
        return len(records.lots(connection, "docks"))


@pytest.mark.timeout(120)
def test_a_stream_is_followed_by_one_worker_window_by_window(project: Project) -> None:
    bodies = [json.dumps({"n": number, "bikes": number * 7 % 23}).encode() for number in range(60)]
    said: list[str] = []
    with brokers.nats_server() as port:
        senders.make_stream(port, "docks", ["docks"])
        source = Source("docks", f"nats://127.0.0.1:{port}/docks", window="1 s")
        stopping, other = Stopping(), Stopping()
        log = EventLog(said.append)

        with following(project, lambda: {"docks": source}, log, stopping), following(project, lambda: {"docks": source}, log, other):
            for first in (0, 30):
                before = lots(project)
                senders.send_jetstream(port, "docks", "docks", bodies[first : first + 30])
                while lots(project) == before:
                    time.sleep(0.05)
            with pytest.raises(Unreadable, match="another process follows"):
                list(receive(project, source, clock_on_the_wall()))
            while sorted(read_frame(project, "docks")["n"].cast(int).to_list()) != list(range(60)):
                time.sleep(0.05)

    assert len(said) == lots(project) >= 2
    assert all("flow=docks" in line for line in said)
    assert list(verify(project.ledger, project.store)) == []
