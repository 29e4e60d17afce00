"""One version of a model, ready to answer single rows: read, guarded, run, guarded again."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from assayline.artefacts import Bundle, Predictor

from .breaker import Breaker
from .guard import EXCEPTION, NAN, OUT_OF_RANGE, Declined, Guard, golden_rows
from .onnx_row import OnnxRow, onnx_row
from .row_reading import RowReader

Floats = npt.NDArray[np.float64]
Said = tuple[Any, Any, "dict[str, float] | None"]
INLINE_SECONDS = 0.001  # a model that takes longer for a row answers beside the event loop: at 1 ms a server of one process still answers 1,000 a second
TRIES = 20


class LiveModel:
    """A version that answers.

    Made by `LiveModel.of`. What it says of a row is what its bundle says, to the tolerance with which its ONNX form was accepted.

    `label` ("churn:v7"), `bundle`, `guard` and `breaker` are what was given; `runtime` is "onnx" or "native" and `note` why it is native; `seconds` what a row
    takes, measured when it was loaded; `inline` whether that is short enough for the event loop; `in_flight` how many answers are being made outside it (a model
    with none may be let go).
    """

    def __init__(self, bundle: Bundle, label: str, predictor: Predictor, guard: Guard, session: OnnxRow | None, note: str) -> None:
        self.bundle, self.label, self.predictor, self.guard, self.note = bundle, label, predictor, guard, note
        self.classes, self.task, self.costs = bundle.classes, bundle.task, _costs(bundle)
        self.session = session
        self.runtime = "onnx" if session or predictor.kind == "onnx" else "native"
        self.reader = RowReader(bundle.plan, session.row if session else None)
        self._table_reader = RowReader(bundle.plan)  # of other threads: the first has arrays that are written at each row
        self.columns = tuple(name for name, _ in self.reader.columns)
        self.breaker = Breaker()
        self.in_flight = 0
        self._lock, self._table_lock = threading.Lock(), threading.Lock()
        self.seconds = self._measured()
        self.inline = self.seconds <= INLINE_SECONDS

    @classmethod
    def of(cls, bundle: Bundle, label: str = "", *, onnx: bool = True, guard: Guard | None = None) -> LiveModel:
        """A bundle made ready; takes as long as compiling its ONNX form and running the golden rows.

        Args:
            bundle: the version.
            label: what it is called in answers; "name:version" of the bundle by default.
            onnx: whether ONNX Runtime answers, where the model has an ONNX form that says the same of the golden rows.
            guard: what it may be asked and may answer; None: what it learned (`Guard.of`).
        """
        own = guard or Guard.of(bundle)
        session, note = onnx_row(bundle, own) if onnx else (None, "ONNX was not asked for.")
        return cls(bundle, label or f"{bundle.name}:{bundle.version}", bundle.predictor, own, session, note)

    @classmethod
    def baseline(cls, bundle: Bundle, name: str, label: str = "") -> LiveModel:
        """A baseline of a bundle, as what answers when its model does not; it is asked whatever the row is, for it learned the usual and not the unusual."""
        names = tuple(one.name for one in bundle.plan.features)
        open_guard = Guard.open_to(names, (0.0, 1.0)) if bundle.classes else Guard.open_to(names)
        return cls(bundle, f"{label or f'{bundle.name}:{bundle.version}'}/{name}", bundle.baselines[name], open_guard, None, "It is a baseline.")

    def answer(self, row: Mapping[str, Any]) -> Said:
        """What it says of one row: (prediction, score, probabilities).

        The prediction is the label or the number; the score the number, the probability of the second of two classes, or that of the predicted one of more. The
        probabilities by label are there for more than two classes.

        Raises:
            Declined: the row or the answer is outside what was learned, or the answer is no number.
        """
        return self.meaning(self.numbers(row))

    def answers(self, rows: Sequence[Mapping[str, Any]]) -> list[Said | Declined]:
        """What it says of many rows, with the reason where it does not answer."""
        X = self.encoded(rows)
        outside = self.guard.outside(X)
        said = self.predict(X)
        found: list[Said | Declined] = []
        for at, values in enumerate(said.tolist()):
            if outside[at]:
                found.append(self.guard.why(X[at]))
                continue
            try:
                self.check(values)
                found.append(self.meaning(values))
            except Declined as why:
                found.append(why)
        return found

    def numbers(self, row: Mapping[str, Any]) -> list[float]:
        """The number, or the probabilities, for one row.

        Raises:
            Declined: see `answer`.
        """
        if not self._lock.acquire(blocking=False):  # another thread is at it, with the arrays that are kept ready
            values: list[float] = self.predict(self.guarded(row)).tolist()[0]
            self.check(values)
            return values
        try:
            reader, guard, session = self.reader, self.guard, self.session
            try:
                x = reader.read(row)
            except Exception as error:
                raise Declined(EXCEPTION, "the row cannot be read", by_row=True) from error
            if session is not None and session.guards:
                values = session.run()  # its input is what the reader has written, and its trees are the guard too
                if session.outside:
                    if not reader.mended() or guard.trips(reader.flat):
                        raise guard.why(reader.flat)
                    values = session.run()
            else:
                if guard.trips(reader.flat) and not (reader.mended() and not guard.trips(reader.flat)):
                    raise guard.why(reader.flat)
                values = session.run() if session is not None else self.predictor.predict(x.copy()).reshape(-1).tolist()
        finally:
            self._lock.release()
        self.check(values)
        return values

    def guarded(self, row: Mapping[str, Any]) -> Floats:
        """The encoded row (1, features), as an array of its own.

        Raises:
            Declined: it is outside what was learned.
        """
        x = self.encoded([row])
        if self.guard.trips(x[0]):
            raise self.guard.why(x[0])
        return x

    def predict(self, X: Floats) -> Floats:
        """(rows, outputs) for encoded rows, unguarded; for any thread."""
        if self.session is not None:
            return self.session.predict(X)
        return np.asarray(self.predictor.predict(X), dtype=np.float64).reshape(len(X), -1)

    def check(self, values: list[float]) -> None:
        """Raises where an answer is no number, or outside what was learned.

        Raises:
            Declined: it is.
        """
        guard = self.guard
        value = values[1] if len(values) == 2 else values[0]
        if guard.said_low <= value <= guard.said_high and (len(values) < 3 or 0.5 <= sum(values) <= 1.5):
            return
        if any(one - one != 0.0 for one in values):  # NaN and both infinities
            raise Declined(NAN, f"{self.label} says nothing finite of this row")
        raise Declined(OUT_OF_RANGE, f"the answer of {self.label} is outside {guard.said_low:.6g} … {guard.said_high:.6g}, what it may say")

    def meaning(self, values: list[float]) -> Said:
        """What the numbers of one answer mean; see `answer`. The class is the most probable one, or the one that costs least where wrong answers have a price; of equal ones the first."""
        classes, costs = self.classes, self.costs
        if not classes:
            return values[0], values[0], None
        if len(classes) == 2:
            if costs is None:
                return classes[values[1] > values[0]], values[1], None
            (a, b), (c, d) = costs
            return classes[values[0] * b + values[1] * d < values[0] * a + values[1] * c], values[1], None
        if costs is None:
            best = values.index(max(values))
        else:
            expected = [sum(value * row[decided] for value, row in zip(values, costs, strict=True)) for decided in range(len(classes))]
            best = expected.index(min(expected))
        return classes[best], values[best], dict(zip(classes, values, strict=True))

    def encoded(self, rows: Sequence[Mapping[str, Any]]) -> Floats:
        """Rows as the model's input (rows, features); for any thread.

        Raises:
            Declined: one of them cannot be read.
        """
        with self._table_lock:
            try:
                return self._table_reader.table(rows)
            except Exception as error:
                raise Declined(EXCEPTION, "the row cannot be read", by_row=True) from error

    def to_json(self) -> dict[str, Any]:
        """What is known of it, for `/metadata`."""
        return {
            "version": self.label, "digest": self.bundle.digest, "kind": self.predictor.kind, "task": self.task, "classes": list(self.classes), "target": self.bundle.target,
            "runtime": self.runtime, "note": self.note, "inputs": [{"name": name, "datatype": kind} for name, kind in self.reader.columns],
            "guard": self.guard.to_json(), "microseconds": round(self.seconds * 1e6, 1),
        }  # fmt: skip

    def _measured(self) -> float:
        """Seconds for one row; the least of some, for the machine may be busy."""
        table = golden_rows(self.bundle)
        rows = table.head(TRIES).to_dicts() if table is not None else [{}]
        best = float("inf")
        for row in rows * (TRIES // len(rows) or 1):
            begun = time.perf_counter()
            self.predict(self.reader.read(row).copy())
            best = min(best, time.perf_counter() - begun)
        return best


def _costs(bundle: Bundle) -> tuple[tuple[float, ...], ...] | None:
    """What each decision costs by the class that is true, in the order of the bundle's classes; None where nothing has a price."""
    if bundle.cost is None or "costs" not in bundle.cost:
        return None
    known = list(bundle.cost["classes"])
    order = [known.index(one) for one in bundle.classes]
    return tuple(tuple(float(bundle.cost["costs"][true][decided]) for decided in order) for true in order)
