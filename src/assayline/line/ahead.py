"""Judges lots ahead: while one lot is still judged, another process judges the next one by the past it will most likely have.

A lot's past holds the lot before it, whose profile is known long before its verdict. What was made ahead counts only when the request it
answers is the very request the ledger asks for in the end, so that a lot is judged by the same past whatever is guessed; if
the lot before was split, held or did not teach, the guess is thrown away.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from typing import Any

from assayline.ledger import Store
from assayline.scanning.apart import size_of
from assayline.tables import Limits
from assayline.tables.child import Session
from assayline.tables.source import without_password

Progress = Callable[[int, int, str], None]

TARGET = "assayline.line.lot_work:gate_lot"
AHEAD_BYTES = 16 << 20  # larger files keep all cores busy by themselves, and two of them at once would double the memory
MOST_AHEAD = 4  # processes: each guess rests on those before it
WRONG_FOR = 8  # lots that are judged one by one after a wrong guess: a flow whose lots are split one after another is guessed in vain
RECENT_LOTS = 60  # the past a lot is judged against; the same as `detectors.comparison.RECENT_LOTS`, which this process never loads


@dataclass
class _Task:
    """One lot that is judged: the request, and what has come of it so far."""

    place: int
    seat: int
    request: dict[str, Any]
    answer: Future[Any]
    measured: dict[str, Any] = field(default_factory=dict)


class Judges:
    """Child processes that judge, each with a folder of its own to write to; made when they are asked for, and kept for the next gate run. Use it in a `with`.

    Args:
        store: where they get their folders.
        network: whether they may open connections.
        on_work: called once, when the first of them is asked for.
    """

    def __init__(self, store: Store, *, network: bool = False, on_work: Callable[[], None] = lambda: None) -> None:
        self.store, self.network, self._on_work = store, network, on_work
        self.seats: list[tuple[str, Session]] = []
        self._stack = ExitStack()
        # A child dies with the thread that started it (Linux sends the signal then, not at the end of the process): the threads stay as long as the children.
        self.threads = self._stack.enter_context(ThreadPoolExecutor(MOST_AHEAD, thread_name_prefix="assay-lot"))

    def __enter__(self) -> Judges:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def take(self, processes: int) -> list[tuple[str, Session]]:
        """So many seats: folder and process."""
        if not self.seats:
            self._on_work()
        while len(self.seats) < processes:
            folder = self._stack.enter_context(self.store.staging())
            self.seats.append((folder, self._stack.enter_context(Session(TARGET, folder=folder, network=self.network))))
        return self.seats[:processes]


class Judging:
    """One gate run over some inputs; use it in a `with`.

    Args:
        store: where they get folders to write to.
        paths: all inputs, in order.
        limits: what reading one of them may cost.
        network: whether they may open connections.
        on_progress: receives the progress of the lot whose turn it is.
        fresh: says of a path whether it would be taken at all; asked before it is judged ahead.
        judges: processes that are there already; own ones when None.
    """

    def __init__(
        self, store: Store, paths: Sequence[str], limits: Limits, *, network: bool = False, on_progress: Progress | None = None,
        fresh: Callable[[str], bool] = lambda path: True, judges: Judges | None = None,
    ) -> None:  # fmt: skip
        self.paths, self.limits, self.on_progress, self.fresh = paths, limits, on_progress, fresh
        self.processes = max(1, min(_cores(), MOST_AHEAD, len(paths)))
        self._tasks: dict[int, _Task] = {}
        self._published: dict[str, str] = {}
        self._turn, self._alone_until = -1, 0
        self._news = threading.Condition()
        self._stack = ExitStack()
        try:
            if judges is None or judges.network != network:
                judges = self._stack.enter_context(Judges(store, network=network))
            seats = judges.take(self.processes)
            self._folders, self._sessions = [folder for folder, _ in seats], [session for _, session in seats]
            self._pool = judges.threads
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Judging:
        return self

    def __exit__(self, *_: object) -> None:
        # Whoever leaves in the middle of a lot does not wait for it: its process is ended, and the thread that waits for the process ends with it.
        while waiting := [task.seat for task in self._tasks.values() if not task.answer.done()]:
            for seat in waiting:
                self._sessions[seat].stop()
            wait([task.answer for task in self._tasks.values()], timeout=0.1)
        self._stack.close()

    def judged(self, place: int, request: Mapping[str, Any]) -> tuple[Any, str]:
        """What the child made of one input, and the folder in which its files are. The folder is used again from the next call on.

        Args:
            place: of the input among the paths.
            request: everything its judgement depends on, by `gating.request_for`.

        Raises:
            InputError: what the child raised.
        """
        self._turn = place
        self._published = {one["digest"]: one["path"] for one in request["past"]}
        for gone in [number for number in self._tasks if number < place]:
            self._forget(gone)
        task = self._tasks.get(place)
        if task is not None and _basis(task.request) != _basis(request):
            self._alone_until = place + WRONG_FOR
            for number in list(self._tasks):
                self._forget(number)
            task = None
        if task is None:
            task = self._begin(place, dict(request))
        with self._news:
            while not task.answer.done():
                self._go_ahead()
                self._news.wait(0.5)
            self._go_ahead()
        return task.answer.result(), self._folders[task.seat]

    def folder(self, place: int) -> str:
        """An empty folder for an input that could not be judged."""
        for gone in [number for number in self._tasks if number <= place]:
            self._forget(gone)
        folder = self._folders[self._free()]
        _empty(folder)
        return folder

    def _free(self) -> int:
        return next(seat for seat in range(self.processes) if all(task.seat != seat for task in self._tasks.values()))

    def _go_ahead(self) -> None:
        """Begins the next lots for which there is a process and whose past can be guessed."""
        while self._tasks and len(self._tasks) < self.processes and self._turn >= self._alone_until:
            last = self._tasks[max(self._tasks)]
            place = last.place + 1
            if not last.measured or place >= len(self.paths) or not self._small(self.paths[last.place]) or not self._small(self.paths[place]):
                return
            if not self.fresh(self.paths[place]):
                return
            self._begin(place, self._guessed(last))

    def _small(self, path: str) -> bool:
        return os.path.isfile(path) and os.path.getsize(path) <= AHEAD_BYTES

    def _guessed(self, last: _Task) -> dict[str, Any]:
        """The request of the next lot if this one is released as it is and teaches."""
        request = last.request
        number, input_ = request["next_lot"], without_password(self.paths[last.place])
        profile = {
            "name": f"lot {number} ({os.path.basename(input_) or input_})", "digest": last.measured["digest"],
            "path": os.path.join(self._folders[last.seat], last.measured["file"]), "codes": last.measured["codes"],
        }  # fmt: skip
        # A folder is emptied for the next lot; by then the profile that was left there is in the store.
        earlier = [{**one, "path": self._published.get(one["digest"], one["path"])} for one in request["past"]]
        past = [*earlier, profile][-RECENT_LOTS:]
        return {**request, "past": past, "next_lot": number + 1, "temper": {**request["temper"], "lots": len(past)}}

    def _begin(self, place: int, request: dict[str, Any]) -> _Task:
        seat = self._free()
        folder = self._folders[seat]
        path = self.paths[place]
        _empty(folder)
        task = _Task(place, seat, request, Future())
        self._tasks[place] = task

        def told(progress: Mapping[str, Any]) -> None:
            if "measured" in progress:
                with self._news:
                    task.measured = dict(progress["measured"])
                    self._news.notify_all()
            elif self.on_progress is not None and place == self._turn:
                self.on_progress(progress["done"], progress["total"], progress["phase"])

        def work() -> Any:
            return self._sessions[seat].call(
                {**request, "folder": folder, "path": path, "limits": asdict(self.limits), "ahead": self.processes > 1},
                memory_bytes=self.limits.memory_for(size_of(path)) + request["past_bytes"] * 6, seconds=self.limits.seconds, on_progress=told,
                subject=without_password(path),
            )  # fmt: skip

        task.answer = self._pool.submit(work)
        task.answer.add_done_callback(self._tell)
        return task

    def _tell(self, _: Future[Any]) -> None:
        with self._news:
            self._news.notify_all()

    def _forget(self, place: int) -> None:
        """Waits for a lot that is not asked for any more, and frees its process."""
        self._tasks.pop(place).answer.exception()


def _basis(request: Mapping[str, Any]) -> dict[str, Any]:
    """What a judgement depends on; where the profiles lie makes no difference, their digests do."""
    past = [{name: value for name, value in one.items() if name != "path"} for one in request["past"]]
    return {**{name: value for name, value in request.items() if name not in ("folder", "past_bytes", "next_lot")}, "past": past}


def _empty(folder: str) -> None:
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            os.unlink(entry.path)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
