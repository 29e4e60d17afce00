"""The child process: it answers, it is killed, it is locked in, and its errors arrive as they were raised."""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from assayline.errors import LimitExceeded, MissingExtra, Unreadable
from assayline.tables import hardening, run_in_child

HERE = Path(__file__).parent
LOCKED = "Landlock" in hardening()["landlock"]
NO_TCP = "Landlock" in hardening()["network"]


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]))


def run(name: str, request: dict[str, Any], **options: Any) -> Any:
    return run_in_child(f"childtargets:{name}", request, subject="a.csv", **options)


def test_it_answers_and_tells_how_far_it_is() -> None:
    heard: list[Any] = []

    answer = run("echo", {"a": "é\ud800"}, on_progress=heard.append)

    assert answer == {"got": {"a": "é\ud800"}}
    assert heard == [{"rows": 1}, {"rows": 2}]


@pytest.mark.skipif(sys.platform != "linux", reason="needs fork and /proc")
def test_what_takes_too_long_is_killed_with_all_it_started() -> None:
    heard: list[Any] = []
    began = time.monotonic()

    with pytest.raises(LimitExceeded, match=r"a\.csv: .*longer than 2 seconds.*raise it"):
        run("hang", {}, seconds=2, on_progress=heard.append)

    assert time.monotonic() - began < 10
    assert gone(heard[0]["pid"])


def gone(pid: int) -> bool:
    for _ in range(50):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.1)
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="memory is watched through /proc")
def test_what_takes_too_much_memory_is_killed() -> None:
    with pytest.raises(LimitExceeded, match="more than 300 MiB of memory"):
        run("eat", {}, memory_bytes=300 << 20)


@pytest.mark.skipif(os.name == "nt", reason="no signals")
def test_a_crash_is_an_error_that_names_the_signal() -> None:
    with pytest.raises(Unreadable, match="SIGSEGV"):
        run("crash", {})


def test_errors_arrive_as_they_were_raised() -> None:
    with pytest.raises(Unreadable) as caught:
        run("refuse", {"kind": "input"})
    with pytest.raises(MissingExtra) as missing:
        run("refuse", {"kind": "extra"})

    assert (caught.value.file, caught.value.place, caught.value.cause, caught.value.next_step) == (
        "a.csv",
        "byte 0",
        "it is empty",
        "ask again",
    )
    assert missing.value.extra == "objects"


def test_a_bug_in_the_child_is_a_named_error_with_its_trace() -> None:
    with pytest.raises(Unreadable, match="KeyError") as caught:
        run("refuse", {"kind": "bug"})

    assert "Traceback" in caught.value.__notes__[0]


@pytest.mark.skipif(not LOCKED, reason="no Landlock in this kernel")
def test_it_writes_nothing_but_the_files_that_were_named(tmp_path: Path) -> None:
    named, other = str(tmp_path / "cells.csv"), str(tmp_path / "other.csv")

    done = run("touch", {"paths": [named, other]}, writable=[named])

    assert done == {named: True, other: False}


@pytest.mark.skipif(not LOCKED, reason="no Landlock in this kernel")
def test_a_file_made_for_a_child_that_failed_is_taken_away(tmp_path: Path) -> None:
    with pytest.raises(Unreadable):
        run("refuse", {"kind": "input"}, writable=[str(tmp_path / "cells.csv")])

    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not NO_TCP, reason="this kernel's Landlock does not know TCP")
@pytest.mark.parametrize(("network", "answer"), [(False, "denied"), (True, "connected")])
def test_it_connects_only_when_the_input_is_an_address(network: bool, answer: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert run("connect", {"port": server.getsockname()[1]}, network=network) == answer


def test_the_current_folder_is_not_searched_for_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "polars.py").write_text("raise SystemExit('hijacked')")
    monkeypatch.chdir(tmp_path)

    path = run("where", {})

    assert "" not in path
    assert str(tmp_path) not in path


def test_starting_it_does_not_load_the_engine_in_the_parent() -> None:
    import subprocess

    code = "import sys; from assayline.tables import run_in_child, Limits; sys.exit('polars' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
