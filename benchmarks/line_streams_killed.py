"""Messages of real brokers through `assay run`, which is killed five times on the way: what is lost, what stands twice in the lots.

`ASSAY_LINE_MESSAGES` is the number of messages (100,000). The brokers are started from Debian's packages and thrown away.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import kit
import polars as pl
from results import Result

COMMAND = "make bench ONLY=line_streams_killed"
MESSAGES = int(os.environ.get("ASSAY_LINE_MESSAGES", "100000"))
KILLS, LOTS = 5, 25

LINE = """
import assayline
line = assayline.Line("docks")
line.source("docks", "{address}", window="1 h", most_rows={rows}{more})
"""


def run() -> list[Result]:
    """Both brokers."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "arrivals"))
    import brokers
    import senders

    found: list[Result] = []
    bodies = [b'{"n": %d, "dock": "d%d", "bikes": %d}' % (number, number % 40, number * 7919 % 23) for number in range(MESSAGES)]
    with brokers.mosquitto() as port:
        found += _killed("MQTT", f"mqtt://127.0.0.1:{port}/docks", "", lambda: senders.send_mqtt(port, "docks", bodies))
    with brokers.nats_server() as port:
        senders.make_stream(port, "docks", ["docks"])
        found += _killed("JetStream", f"nats://127.0.0.1:{port}/docks", ', ack_wait="3 s"', lambda: senders.send_jetstream(port, "docks", "docks", bodies))
    return found


def _killed(broker: str, address: str, more: str, send: Callable[[], None]) -> Iterator[Result]:
    with tempfile.TemporaryDirectory(dir=kit.cache()) as work:
        project = Path(work) / "docks"
        subprocess.run([*kit.assay(), "init", str(project)], check=True, stdout=subprocess.DEVNULL)
        (project / "line.py").write_text(LINE.format(address=address, rows=MESSAGES // LOTS, more=more))
        _start(project).wait(120)  # makes itself known to the broker, so that it keeps what comes
        begin, chance = time.monotonic(), random.Random(7)
        sender = threading.Thread(target=send)
        sender.start()
        kills = 0
        while kills < KILLS:
            process = _start(project)
            try:
                process.wait(3 + 4 * chance.random())
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                kills += 1
        sender.join()
        while _rows(project).height < MESSAGES and time.monotonic() - begin < 3000:
            _start(project).wait(1500)
            if not sender.is_alive() and _start(project).wait(1500) == 0 and _rows(project).height >= MESSAGES:
                break
        seconds = time.monotonic() - begin
        got = Counter(_rows(project)["n"].to_list())
        lost, twice = MESSAGES - len(got), sum(got.values()) - len(got)
        claim = f"{broker}: messages lost or twice in {MESSAGES:,}, {KILLS} kills of assay run"
        shown = f"{lost + twice} of {MESSAGES:,} ({lost} lost, {twice} twice)"
        holds = lost + twice == 0 and MESSAGES >= 100_000
        yield Result(claim, "a message is acknowledged when its lot is in the ledger, and taken once", shown, "0", holds, COMMAND)
        yield Result(f"{broker}: messages a second, kills included", "", f"{MESSAGES / seconds:,.0f} a second", command=COMMAND)


def _start(project: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*kit.assay(), "run", "--project", str(project)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def _rows(project: Path) -> pl.DataFrame:
    """Every row the project has, released, put aside or held."""
    from assayline.ledger import records
    from assayline.line.project import open_project

    with open_project(str(project)) as opened:
        with opened.ledger.read() as connection:
            lots = records.lots(connection, "docks")
        paths = [opened.store.path(lot.objects[kind]) for lot in lots for kind in ("released", "quarantined", "held") if kind in lot.objects]
        frames = [pl.read_parquet(path, columns=["n"]).cast(pl.Int64) for path in paths]
    return pl.concat(frames) if frames else pl.DataFrame({"n": pl.Series([], dtype=pl.Int64)})
