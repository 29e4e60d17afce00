"""A folder that is watched: every artefact that is dropped into it is tried, once it has settled."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

from assayline.errors import MisuseError, NotFound, Refused

from ..gating import Outcome, refusal
from ..project import Project
from .trying import Event, Trying

SETTLE_SECONDS = 1.0  # a file that has not changed for so long is whole, unless it was moved here, which is whole at once
LOOK_SECONDS = 0.5
BATCH = 50  # artefacts between which whoever else waits for the model has a turn
SUFFIXES = (".assay", ".onnx", ".skops", ".txt", ".lgb", ".pkl", ".pickle", ".joblib", ".pt", ".h5", ".keras", ".npy", ".npz", ".safetensors")
UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".swp")


def watch(
    project: Project, folder: str, *, model: str | None = None, quick: bool = False, once: bool = False, on_event: Event | None = None,
    asked_to_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Outcome]:  # fmt: skip
    """Tries every artefact of a folder and of the folders in it, in the order of their times, as they come.

    The model is the one given, else the name of the folder below the watched one, else what the artefact says. What was taken before is not taken again; files stay where they are.

    Args:
        project: where.
        folder: to watch.
        model: whose versions these are.
        quick: scores and comparisons only.
        once: ends when everything that is there now was tried.
        on_event: receives ("look" | "trial", what there is to say of it).
        asked_to_stop: asked between two artefacts.

    Raises:
        NotFound: there is no such folder.
    """
    if not os.path.isdir(folder):
        raise NotFound(folder, "there is no such folder", next_step="make it first")
    done: dict[str, tuple[int, int]] = {}
    with Trying(project, aspects=() if quick else None, on_event=on_event) as trying:
        while not asked_to_stop():
            found = [(path, state) for path, state in _artefacts(folder) if done.get(path) != state]
            now = time.time_ns()
            settled = [(path, state) for path, state in found if once or now - state[0] >= SETTLE_SECONDS * 1e9]
            waiting = sorted(settled, key=lambda one: (one[1][0], one[0]))
            for first in range(0, len(waiting), BATCH):
                with trying.batch():
                    for number, (path, state) in enumerate(several := waiting[first : first + BATCH]):
                        done[path] = state
                        called = model or _model(folder, path)
                        after = several[number + 1][0] if number + 1 < len(several) else None
                        following = after if after is not None and (model or _model(folder, after)) == called else None
                        try:
                            outcome = trying.take(path, called, facts={"watched": folder}, following=following)
                        except MisuseError as error:  # a name that is taken, say: the other artefacts are none the worse
                            refused = Refused(path, str(error))
                            outcome = Outcome(None, refusal(called or "", path, refused), refused)
                        yield outcome
                        if asked_to_stop():
                            return
            if once:
                return
            time.sleep(LOOK_SECONDS)


def _artefacts(folder: str) -> Iterator[tuple[str, tuple[int, int]]]:
    for below, folders, files in os.walk(folder):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        for name in sorted(files):
            path = os.path.join(below, name)
            if name.startswith(".") or name.endswith(UNFINISHED) or not name.lower().endswith(SUFFIXES) or os.path.islink(path):
                continue
            try:
                about = os.stat(path)
            except OSError:
                continue  # it went away meanwhile
            if os.path.isfile(path) and about.st_size:
                yield path, (about.st_mtime_ns, about.st_size)


def _model(folder: str, path: str) -> str | None:
    """The first folder below the watched one, which is called as the model is."""
    parts = os.path.relpath(path, folder).split(os.sep)
    return parts[0] if len(parts) > 1 else None


