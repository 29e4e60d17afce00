"""Records of what was asked and answered, written beside the answering: a queue that never makes a request wait, and files that are whole when they have their last name.

    spool/MODEL/RUN-0000001.part     is being written
    spool/MODEL/RUN-0000001.rows     is whole: one JSON object a line

The first line of a file says under which state of affairs all of its records were answered: {"tag": {…}, "since": 1790000000.0, "before": {…} or null}. A request that had begun under
the one before may be recorded a moment after the change: `since` and `before` tell it.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .desk import Record

PART, WHOLE = ".part", ".rows"
PAUSE_SECONDS = 0.1
MOST_SEGMENTS = 10_000  # of a model: half a day of files of five seconds that nobody collects; then the disk is worth more than further records
QUEUE = 20_000  # records: some seconds of a busy worker, and at a kilobyte each no more than 20 MB
NAME = re.compile(r"[A-Za-z0-9_-]+-[0-9]{7,}")


class Recorder:
    """Takes records without waiting, and writes them in a thread; what does not fit is dropped, and counted by who offered it.

    Args:
        folder: of the spool; each model has a folder in it.
        worker: part of the names of files.
        queue: records that may wait to be written.
        segment_rows, segment_seconds: after which a file is whole.

    `written` counts records in files, `lost` those that could not be written (a full disk), `why` the last reason.
    """

    def __init__(
        self, folder: str, worker: str = "", *, queue: int = QUEUE, segment_rows: int = 5_000, segment_seconds: float = 5.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder, self.queue, self.segment_rows, self.segment_seconds = folder, queue, segment_rows, segment_seconds
        self.written = self.lost = 0
        self.why = ""
        self._run = f"{worker or 'w'}-{uuid.uuid4().hex[:12]}"
        self._clock = clock
        self._waiting: deque[Record | _Mark] = deque()
        self._tags: dict[str, Mapping[str, Any]] = {}
        self._open: dict[str, _Segment] = {}
        self._number = 0
        self._encode = _encoder()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="assay-recorder", daemon=True)
        self._thread.start()

    def __call__(self, record: Record) -> bool:
        """Takes a record; False when the queue is full."""
        if len(self._waiting) >= self.queue:
            return False
        self._waiting.append(record)
        return True

    def mark(self, model: str, tag: Mapping[str, Any]) -> None:
        """What is recorded of a model from now on stands in files that begin with this; called where the model is switched, so that no record stands under another one's."""
        self._waiting.append(_Mark(model, tag, time.time()))

    def close(self) -> None:
        """Writes what waits, and makes all files whole."""
        self._ending.set()
        self._thread.join(30.0)

    def _work(self) -> None:
        while not self._ending.wait(PAUSE_SECONDS):
            self._write()
            self._close_segments()
        self._write()
        self._close_segments(everything=True)

    def _write(self) -> None:
        several: dict[str, list[Record]] = {}
        for _ in range(len(self._waiting)):
            one = self._waiting.popleft()
            if isinstance(one, _Mark):
                self._append(one.model, several.pop(one.model, []))
                known = self._tags.get(one.model)
                if known is None or known["tag"] != one.tag:
                    self._tags[one.model] = {"tag": one.tag, "since": one.since, "before": None if known is None else known["tag"]}
                    if one.model in self._open:
                        self._finish(one.model)
            else:
                several.setdefault(one.model, []).append(one)
        for model, records in several.items():
            for at in range(0, len(records), self.segment_rows):
                self._append(model, records[at : at + self.segment_rows])

    def _append(self, model: str, records: list[Record]) -> None:
        if not records:
            return
        try:
            segment = self._open.get(model)
            if segment is None:
                self._number += 1
                segment = self._open[model] = _Segment.begun(os.path.join(self.folder, model), f"{self._run}-{self._number:07d}", self._clock())
                segment.file.write(self._encode(self._tags.get(model, {"tag": {}, "since": 0.0, "before": None})) + b"\n")
            segment.file.write(b"".join(self._encode(line_of(one)) + b"\n" for one in records))
            segment.file.flush()
        except (OSError, TypeError, ValueError) as error:
            self.lost += len(records)
            self.why = str(error)
            self._give_up(model)
            return
        segment.rows += len(records)
        self.written += len(records)
        if segment.rows >= self.segment_rows:
            self._finish(model)

    def _close_segments(self, *, everything: bool = False) -> None:
        now = self._clock()
        for model in [one for one, segment in self._open.items() if everything or now - segment.begun_at >= self.segment_seconds]:
            self._finish(model)

    def _finish(self, model: str) -> None:
        segment = self._open.pop(model)
        try:
            segment.finish()
        except OSError as error:
            self.lost += segment.rows
            self.written -= segment.rows
            self.why = str(error)

    def _give_up(self, model: str) -> None:
        """What was written before stays, and the next record begins a new file: a torn last line must not spoil what follows."""
        segment = self._open.pop(model, None)
        if segment is not None:
            try:
                segment.file.close()
            except OSError:
                return


@dataclass(frozen=True)
class _Mark:
    """Between two records of a model: another state of affairs begins."""

    model: str
    tag: Mapping[str, Any]
    since: float


@dataclass
class _Segment:
    path: str
    file: IO[bytes]
    begun_at: float
    rows: int = 0

    @classmethod
    def begun(cls, folder: str, name: str, moment: float) -> _Segment:
        os.makedirs(folder, exist_ok=True)
        if sum(1 for _ in os.scandir(folder)) >= MOST_SEGMENTS:
            raise OSError(f"{folder}: {MOST_SEGMENTS:,} files of records wait to become lots; look at why nobody takes them")
        path = os.path.join(folder, name)
        return cls(path, open(path + PART, "xb"), moment)

    def finish(self) -> None:
        os.fsync(self.file.fileno())
        self.file.close()
        os.replace(self.path + PART, self.path + WHOLE)


def line_of(record: Record) -> dict[str, Any]:
    """A record as it stands in a file."""
    answer = record.answer
    return {
        "request": record.request, "at": record.at, "row": record.row, "key": record.key, "arm": record.arm, "compared": record.compared, "version": record.version,
        "by": answer.version, "prediction": answer.prediction, "score": answer.score, "fallback": answer.fallback, "seconds": record.seconds,
    }  # fmt: skip


def segments(folder: str, model: str) -> list[str]:
    """The whole files of a model, oldest first."""
    place = Path(folder) / model
    try:
        found = [(entry.stat().st_mtime_ns, entry.name, entry.path) for entry in os.scandir(place) if entry.name.endswith(WHOLE) and NAME.fullmatch(entry.name[: -len(WHOLE)])]
    except FileNotFoundError:
        return []
    return [path for _, _, path in sorted(found)]


def rows_of(paths: list[str]) -> Iterator[dict[str, Any]]:
    """The records in files. A line that was torn when its writer died is left out: it was never whole.

    A record whose request had begun before the change at the head of its file has the state of affairs of then as "before".
    """
    for path in paths:
        since, before = 0.0, None
        with open(path, "rb") as file:
            for line in file:
                try:
                    found = json.loads(line)
                except ValueError:
                    continue
                if isinstance(found, dict) and "row" in found:
                    began_before = before is not None and float(found["at"]) - float(found["seconds"]) <= since
                    yield {**found, "before": before} if began_before else found
                elif isinstance(found, dict):
                    since, before = float(found.get("since") or 0.0), found.get("before")


def tag_of(path: str) -> dict[str, Any]:
    """Under which state of affairs the records of a file were answered; {} where it does not say."""
    with open(path, "rb") as file:
        try:
            found = json.loads(file.readline())
        except ValueError:
            return {}
    return dict(found.get("tag") or {}) if isinstance(found, dict) else {}


def count_of(path: str) -> int:
    """About how many records are in a file."""
    with open(path, "rb") as file:
        return max(0, sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b"")) - 1)


def adopt(folder: str, *, before: float) -> int:
    """Makes the files whole that dead writers left: those that nobody has written to since a time (seconds since 1970); gives their number."""
    count = 0
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            if name.endswith(PART) and os.path.getmtime(path) < before:
                os.replace(path, path[: -len(PART)] + WHOLE)
                count += 1
    return count


def _encoder() -> Callable[[Any], bytes]:
    """JSON as fast as it is installed."""
    try:
        import msgspec
    except ImportError:
        return lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode
    return encode
