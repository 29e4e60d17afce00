"""A model that only its own library can load: it lives in a child process that may write nothing, connect to nothing, and can be killed."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from assayline.errors import Refused, Unreadable, UnsafeArtefact
from assayline.tables.child import Session

from .layout import Layout, read_layout
from .stored import DOCUMENT, Array, Stored, matrix, written
from .unsafe import SAFE_STEP, SHA, check_skops_names

CHILD = "assayline.artefacts.opened_child:answer"
MEMORY_BYTES = 4 << 30  # resident; scikit-learn with its libraries takes 200 MB, the rest is for the model
SECONDS = 120.0  # of one call; loading scikit-learn on a busy machine takes 10
MEMBERS = {"skops": "model.skops", "opened": "model.bin"}
ROWS = 50_000  # rows of one request: 20 columns of them are 11 MB of base64


@dataclass(frozen=True, eq=False)
class Sandboxed:
    """A model of another library, predicting in a process of its own.

    `kind` is "skops" (types on a list of allowed ones) or "opened" (a pickle whose digest somebody allowed). The process is locked in as the readers of tables are (`docs/artefacts.md`
    says where): no writing, no programs, no TCP connections, limits on memory and time. Predictions come back as numbers.

    Args:
        kind: "skops" or "opened".
        content: the bytes of the model.
        classes: number of classes, 0 for regression.
        width: columns of the matrix it takes.
        dense_view: what turns the encoded matrix into what the model was fitted on, or None when it takes the matrix itself.
        name: the file it came from, for errors.
    """

    kind: str
    content: bytes
    classes: int
    width: int
    dense_view: Layout | None = None
    name: str = "the model"
    _session: list[Session] = field(default_factory=list, init=False, repr=False)

    @property
    def digest(self) -> str:
        """Of its bytes: "sha256:" and 64 hexadecimal digits."""
        return SHA + hashlib.sha256(self.content).hexdigest()

    def describe(self) -> dict[str, Any]:
        """What the child sees: type, classes, names of features, number of columns."""
        return self._ask({})

    def predict(self, X: Array, /) -> Array:
        found = matrix(X, self.width)
        rows = [self._predict(found[start : start + ROWS]) for start in range(0, len(found), ROWS)]
        return np.concatenate(rows) if rows else np.zeros((0, self.classes) if self.classes else 0)

    def _predict(self, found: Array) -> Array:
        view = np.ascontiguousarray(self.dense_view.dense(found) if self.dense_view else found, dtype="<f8")
        reply = self._ask({"X": base64.b64encode(view.tobytes()).decode("ascii"), "rows": len(view), "columns": view.shape[1]})
        said = np.frombuffer(base64.b64decode(reply["values"]), dtype="<f8").astype(np.float64).reshape(reply["shape"])
        if self.classes and said.shape == (len(found),):  # it has no probabilities: what it says counts as certain
            said = np.eye(self.classes)[np.clip(np.nan_to_num(said), 0, self.classes - 1).astype(np.int64)]
        if said.shape != ((len(found), self.classes) if self.classes else (len(found),)) or not np.isfinite(said).all():
            raise Unreadable(self.name, f"it predicts {said.shape} for {len(found)} rows and {self.classes} classes, or something that is not finite", next_step="check how it was trained")
        return said

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        if not self._session:
            self._session.append(Session(CHILD))
        asked = {**request, "digest": self.digest[len(SHA) :], "format": self.kind, "classes": self.classes, "name": self.name}
        call = self._session[0].call
        reply = call(asked, memory_bytes=MEMORY_BYTES, seconds=SECONDS, subject=self.name)
        if "missing" in reply:
            asked["content"] = base64.b64encode(self.content).decode("ascii")
            reply = call(asked, memory_bytes=MEMORY_BYTES, seconds=SECONDS, subject=self.name)
        return dict(reply)

    def close(self) -> None:
        """Ends the child; the next prediction starts another."""
        while self._session:
            self._session.pop().close()

    def members(self) -> dict[str, bytes]:
        document = {"kind": self.kind, "classes": self.classes, "width": self.width, "layout": self.dense_view.as_json() if self.dense_view else None}
        return {DOCUMENT: written(document), MEMBERS[self.kind]: self.content}


def read(stored: Stored) -> Sandboxed:
    """A model of another library from its files; nothing is loaded before the first prediction, and what was not allowed never is.

    Raises:
        UnsafeArtefact: it is a pickle whose digest is not among the allowed ones, or a skops file that names strange types.
    """
    document = stored.document()
    kind = stored.word(document, "kind", MEMBERS)
    stored.only(MEMBERS[kind])
    content, layout = stored.content(MEMBERS[kind]), document.get("layout")
    name = f"{stored.where}: {stored.place(MEMBERS[kind])}"
    digest = SHA + hashlib.sha256(content).hexdigest()
    if kind == "skops":
        check_skops_names(content, name)
    elif digest not in stored.allowed:
        raise UnsafeArtefact(name, f"it runs code when it is loaded, and its digest {digest} is not among the allowed ones", next_step=SAFE_STEP)
    view = read_layout(stored, layout) if layout is not None else None
    return Sandboxed(kind, content, stored.integer(document, "classes", 0, 10_000), stored.integer(document, "width", 0, 1 << 20), view, name)


def opened(content: bytes, name: str, classes: int, width: int, allowed: frozenset[str]) -> Sandboxed:
    """A pickle that somebody allowed by its digest.

    Raises:
        UnsafeArtefact: nobody did.
    """
    model = Sandboxed("opened", content, classes, width, name=name)
    if model.digest not in allowed:
        raise UnsafeArtefact(name, f"its digest {model.digest} is not among the allowed ones", next_step=SAFE_STEP)
    if content[:1] not in (b"\x80", b"\x78", b"\x1f", b"B", b"\xfd", b"]"):
        raise Refused(name, "only pickles and joblib files can be allowed", next_step=SAFE_STEP)
    return model
