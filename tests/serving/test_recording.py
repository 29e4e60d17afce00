"""Records that leave the hot path: nothing waits, nothing whole is lost, and what is dropped is counted."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

pytest.importorskip("starlette")

from assayline.serving import Answer, Record
from assayline.serving.recording import Recorder, adopt, rows_of, segments
from assayline.serving.slots import shelf


def record(number: int, model: str = "churn") -> Record:
    return Record(model, f"r{number}", 1e9 + number, {"age": number, "städt": "Ulm"}, f"c{number}", "champion", False, "churn:v1", Answer("yes", 0.25, None, "churn:v1"), 0.0001)


def test_every_record_that_was_taken_is_in_a_file_once_and_in_order(tmp_path: Path) -> None:
    made = Recorder(str(tmp_path), "1", segment_rows=100, segment_seconds=0.05)

    taken = [made(record(number, "churn" if number % 3 else "fraud")) for number in range(1_000)]
    made.close()

    found = [one["row"]["age"] for model in ("churn", "fraud") for one in rows_of(segments(str(tmp_path), model))]
    assert all(taken)
    assert sorted(found) == list(range(1_000))
    assert [one["row"]["age"] for one in rows_of(segments(str(tmp_path), "fraud"))] == list(range(0, 1_000, 3))
    assert (made.written, made.lost) == (1_000, 0)


@pytest.mark.no_cover  # what is timed is not traced
def test_a_full_queue_refuses_at_once(tmp_path: Path) -> None:
    made = Recorder(str(tmp_path), queue=50, segment_rows=10**6)
    begun = time.perf_counter()
    taken = sum(made(record(number)) for number in range(5_000))
    seconds = time.perf_counter() - begun
    made.close()

    assert 50 <= taken < 5_000  # the thread empties it now and then
    assert made.written == taken
    assert seconds < 0.5


def test_what_a_worker_wrote_before_it_was_killed_is_found_and_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    made = Recorder(str(tmp_path), "1", segment_rows=10**6, segment_seconds=1e9)
    for number in range(10):
        made(record(number))
    end = time.monotonic() + 10
    while made.written < 10 and time.monotonic() < end:
        time.sleep(0.01)
    [part] = (tmp_path / "churn").glob("*.part")
    with part.open("ab") as file:
        file.write(b'{"request": "torn')
    assert segments(str(tmp_path), "churn") == []

    assert adopt(str(tmp_path), before=os.path.getmtime(part)) == 0  # it may be alive
    assert adopt(str(tmp_path), before=time.time() + 1) == 1
    assert [one["row"]["age"] for one in rows_of(segments(str(tmp_path), "churn"))] == list(range(10))
    json.dumps(list(rows_of(segments(str(tmp_path), "churn"))))


def test_a_folder_that_cannot_be_written_costs_records_and_says_why_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "churn").write_text("a file where a folder should be")
    made = Recorder(str(tmp_path), segment_seconds=0.01)

    assert made(record(1))
    made.close()

    assert (made.written, made.lost) == (0, 1)
    assert "churn" in made.why or "File exists" in made.why


def test_what_could_not_be_written_is_counted_as_dropped_and_told(tmp_path: Path) -> None:
    (tmp_path / "churn").write_text("a file where a folder should be")
    made = shelf({"spool": str(tmp_path), "segment_seconds": 0.01})
    made.desk.record(record(1))
    assert (made.desk.recorded, made.desk.dropped) == (1, 0)
    made.close()

    first, second = made.status(), made.status()

    assert (first["recorded"], first["dropped"], first["lost"]) == (0, 1, 1)
    assert first["problem"]
    assert (second["dropped"], second["problem"]) == (1, "")  # once
