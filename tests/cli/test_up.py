"""`assay up` as a process: it works, it stops in order, and killing it loses nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

ROOT = Path(__file__).parents[2]
LINE = '''
import assayline
line = assayline.Line("bikes")
line.source("stations", "stations-*.csv", settle_seconds=0)
line.source("weather", "weather.csv", every="H * * * *", settle_seconds=0)

@line.step
def doubled(rides):
    return rides.select("ride", rides["minutes"] * 2)
'''


def assay(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "assayline", *arguments], capture_output=True, text=True, check=False, env=environment(), timeout=200)


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with a line of one step, over a flow that is fed by hand."""
    folder = tmp_path / "shop"
    assert assay("init", str(folder)).returncode == 0
    (folder / "line.py").write_text(LINE)
    return folder


@pytest.fixture
def up(shop: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `assay up --json`."""
    started: list[subprocess.Popen[str]] = []

    def start(*more: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "assayline", "up", "--json", "--project", str(shop), *more]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()))
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.communicate()


@pytest.fixture
def free_port() -> int:
    """A port of the loopback address that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def feed(shop: Path, number: int) -> None:
    path = shop.parent / f"{number}.csv"
    pl.DataFrame({"ride": range(number * 100, number * 100 + 50), "minutes": [5 + one % 30 for one in range(50)]}).write_csv(path)
    assert assay("gate", "rides", str(path), "--project", str(shop)).returncode == 0


def until(process: subprocess.Popen[str], event: str) -> dict[str, Any]:
    """Reads its log up to the next event of this kind."""
    assert process.stdout is not None
    for line in process.stdout:
        found: dict[str, Any] = json.loads(line)
        if found["event"] == event:
            return found
    raise AssertionError(f"it ended without {event}: {process.communicate()}")


def test_it_runs_what_follows_and_stops_in_order_when_it_is_told_to(shop: Path, up: Callable[..., subprocess.Popen[str]]) -> None:
    process = up("--workers", "2")
    until(process, "begun")

    feed(shop, 1)
    lot = until(process, "lot")
    process.send_signal(signal.SIGTERM)
    begun = time.monotonic()
    out, said = process.communicate(timeout=60)

    assert (lot["flow"], lot["rows"]) == ("doubled", 50)
    assert (process.returncode, said) == (0, "")
    assert json.loads(out.splitlines()[-1])["event"] == "left"
    assert time.monotonic() - begun < 30


def test_one_that_was_killed_has_lost_nothing(shop: Path, up: Callable[..., subprocess.Popen[str]]) -> None:
    first = up()
    until(first, "begun")
    feed(shop, 1)
    until(first, "run")
    first.kill()
    first.wait()
    feed(shop, 2)

    second = up()
    while assay("read", "doubled", "-o", str(shop / "out.csv"), "--project", str(shop)).returncode or pl.read_csv(shop / "out.csv").height < 100:
        assert second.poll() is None
        time.sleep(0.2)
    second.send_signal(signal.SIGINT)

    assert second.wait(timeout=60) == 0
    assert sorted(pl.read_csv(shop / "out.csv")["ride"].to_list()) == [*range(100, 150), *range(200, 250)]
    assert assay("verify", "--project", str(shop)).returncode == 0


def test_it_answers_prometheus_meanwhile(shop: Path, up: Callable[..., subprocess.Popen[str]], free_port: int) -> None:
    process = up("--metrics", str(free_port))
    until(process, "begun")

    with urllib.request.urlopen(f"http://127.0.0.1:{free_port}/metrics", timeout=30) as answer:
        text = answer.read().decode()

    assert "assay_up_working " in text
    assert "process_cpu_seconds_total " in text


def test_an_edited_line_takes_effect_and_a_broken_one_does_not(shop: Path, up: Callable[..., subprocess.Popen[str]]) -> None:
    process = up()
    until(process, "begun")

    (shop / "line.py").write_text("line = = 1\n")
    broken = until(process, "line")
    (shop / "line.py").write_text(LINE + "\n\n@line.step\ndef again(doubled):\n    return doubled\n")
    mended = until(process, "line")
    feed(shop, 1)

    assert (broken["level"], broken["outcome"]) == ("error", "edited; the line from before goes on")
    assert mended["outcome"] == "edited; it takes effect"
    assert [until(process, "lot")["flow"] for _ in range(2)] == ["doubled", "again"]


def test_what_is_due_at_a_time_is_done_once(shop: Path) -> None:
    feed(shop, 1)
    for name in ("stations-1.csv", "weather.csv"):
        pl.DataFrame({"station": range(50), "degrees": [5 + one % 30 for one in range(50)]}).write_csv(shop / name)

    first, second = (assay("up", "--once-at", "2026-05-01T03:00Z", "--json", "--project", str(shop)) for _ in range(2))

    assert (first.returncode, second.returncode) == (0, 0)
    events = [json.loads(line) for line in first.stdout.splitlines()]
    assert [(one["event"], one["flow"]) for one in events] == [("lot", "stations"), ("run", "doubled"), ("lot", "doubled"), ("lot", "weather"), ("slot", "weather")]
    assert second.stdout == ""


def test_when_the_budget_of_the_day_is_spent_what_is_published_stays_and_the_rest_waits(shop: Path) -> None:
    settings = (shop / "assay.toml").read_text()
    (shop / "assay.toml").write_text(settings + "\n[budget]\ncpu_seconds = 0.000001\n")
    now = ["up", "--once-at", datetime.now(UTC).isoformat(), "--json", "--project", str(shop)]

    feed(shop, 1)
    first = assay(*now)
    feed(shop, 2)
    second = assay(*now)
    (shop / "assay.toml").write_text(settings)
    third = assay(*now)

    events = [[json.loads(line)["event"] for line in done.stdout.splitlines() if '"slot"' not in line] for done in (first, second, third)]
    assert events == [["run", "lot", "budget"], [], ["run", "lot"]]


def test_a_step_that_fails_is_said_and_not_tried_again_at_once(shop: Path, up: Callable[..., subprocess.Popen[str]]) -> None:
    (shop / "line.py").write_text(LINE.replace('rides["minutes"]', 'rides["hours"]'))
    process = up()
    until(process, "begun")

    feed(shop, 1)
    failed = until(process, "failed")
    time.sleep(2)  # it is left alone for longer than that
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)

    assert failed["flow"] == "step:doubled"
    assert "hours" in failed["error"]
    assert [json.loads(line)["event"] for line in out.splitlines()] == ["left"]


@pytest.mark.parametrize(("arguments", "said"), [(["--once-at", "2026-05-01T03:00"], "has no zone"), (["--workers", "0"], "no number of workers"), (["--line", "nowhere.py"], "there is no line")])
def test_a_call_that_makes_no_sense_is_refused(shop: Path, arguments: list[str], said: str) -> None:
    done = assay("up", *arguments, "--project", str(shop))

    assert done.returncode == 2
    assert said in done.stderr
