"""One version of a model answering the rows of a table, block by block: through ONNX Runtime where that says the same, else by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.artefacts import Bundle, Predictor
from assayline.errors import AssaylineError, MisuseError
from assayline.framing import Plan
from assayline.framing.blocks import distinct
from assayline.framing.labels import label as written
from assayline.scanning.passes import in_order, workers
from assayline.trials import CostMatrix

from ..models.trial_work import cost_of, opened

Floats = npt.NDArray[np.float64]
Engine = tuple[Callable[[Floats], Floats], str, str]
ANSWER = np.dtype([("score", "<f8"), ("decided", "<i4"), ("reason", "u1")])  # of one row, as it is kept while a scoring goes on
Answers = npt.NDArray[np.void]
REASONS = ("", "exception", "nan", "out_of_range", "unseen_category", "not asked")  # by their number in an answer
NOT_ASKED = REASONS.index("not asked")
BLOCK_ROWS = 65_536  # asked at once: the least processor time of 8,192 to 65,536 on a million rows (benchmarks/delivery_batch.py)
AGREES = 1e-6  # of the largest answer: tree operators of ONNX add in float32
MOST_TRIES = 64  # of a block that raises an error, to tell the rows that do from the others
ONNX_FROM = 4_096  # rows from which making the graph is repaid
FEW = "few rows"
MOST_ENGINES = 4  # graphs that are kept: a flow is scored lot by lot by the same versions

_ENGINES: dict[str, Engine] = {}


@dataclass(frozen=True)
class Guard:
    """What of an answer is not taken.

    Args:
        reasons: of `REASONS`, those that count.
        low, high: between which a predicted number lies; infinite where nothing is known.
    """

    reasons: tuple[str, ...] = REASONS[1:4]
    low: float = -np.inf
    high: float = np.inf


@dataclass(frozen=True)
class Answering:
    """A version, ready to be asked.

    Args:
        label: "churn:v7".
        bundle: what is in its artefact.
        engine: "onnx" or "native".
        why: it is asked natively, or "".
        ask: from encoded rows to numbers or probabilities.
        classes: the labels in the order of `ask`, which may be another than that of the artefact.
        guard: what of an answer is not taken.
        cost: by which it decides, where wrong answers have a price.
    """

    label: str
    bundle: Bundle
    engine: str
    why: str
    ask: Callable[[Floats], Floats]
    classes: tuple[str, ...]
    guard: Guard
    cost: CostMatrix | None = None
    _known: dict[str, pl.Series] = field(default_factory=dict, repr=False)

    def about(self, table: pl.DataFrame) -> Asked:
        """The rows of a table, ready for this version: columns are recognised once, in all rows, so that each block is read alike."""
        plan = self.bundle.plan
        if not isinstance(plan, Plan):
            return Asked(self, table)
        names = {found: known for known, found in plan.names_in(table).items() if found != known}
        named = table.drop([name for name in table.columns if name not in names and name in set(names.values())]).rename(names) if names else table
        # What a row is told from earlier rows is made from all rows at once.
        return Asked(self, named, plan.encode(named) if plan.lags else None)

    def answers(self, rows: pl.DataFrame, encoded: Floats | None = None) -> Answers:
        """The answers to a block of rows.

        Args:
            rows: under the names the version was trained with.
            encoded: the same rows as its plan encodes them, where that was done before.
        """
        found = np.zeros(rows.height, dtype=ANSWER)
        try:
            said = self.ask(self.bundle.plan.encode(rows) if encoded is None else encoded)
        except Exception:  # noqa: BLE001 - whatever a model does with a row: the row is answered by the next in the chain
            said = self._one_by_one(rows)
            found["reason"][np.isnan(said.reshape(rows.height, -1)).all(axis=1)] = REASONS.index("exception")
        self._judge(found, said)
        if "unseen_category" in self.guard.reasons:
            found["reason"][(found["reason"] == 0) & self.unseen(rows)] = REASONS.index("unseen_category")
        return found

    def baselines(self) -> Iterator[Answering]:
        """What the version had to beat, as versions: those that look at the row first, the constant ones last."""
        for name, predictor in sorted(self.bundle.baselines.items(), key=lambda one: (one[1].kind == "constant", one[0])):
            order = [self.bundle.classes.index(one) for one in self.classes]

            def ask(X: Floats, predictor: Predictor = predictor, order: list[int] = order) -> Floats:
                said = predictor.predict(X)
                return said[:, order] if order else said

            # What is strange about a row is strange for all: the last in the chain answer it all the same.
            guard = replace(self.guard, reasons=tuple(one for one in self.guard.reasons if one != "unseen_category"))
            yield replace(self, label=f"{self.label} {name}", engine="native", why="", ask=ask, guard=guard)

    def _judge(self, found: Answers, said: Floats) -> None:
        """Scores, decisions, and the reasons why an answer is not taken."""
        if not self.bundle.classes:
            found["score"], found["decided"] = said, -1
            odd = (said < self.guard.low) | (said > self.guard.high)
        else:
            found["decided"] = self.cost.decide(said) if self.cost is not None else np.argmax(said, axis=1)
            found["score"] = said[:, 1] if said.shape[1] == 2 else np.take_along_axis(said, found["decided"].astype(np.int64)[:, None], axis=1)[:, 0]
            with np.errstate(invalid="ignore"):
                odd = (said < -AGREES).any(axis=1) | (np.abs(said.sum(axis=1) - 1.0) > 1e-3)
        nothing = ~np.isfinite(said.reshape(len(found), -1)).all(axis=1)
        fresh = found["reason"] == 0
        if "nan" in self.guard.reasons:
            found["reason"][fresh & nothing] = REASONS.index("nan")
        if "out_of_range" in self.guard.reasons:
            found["reason"][fresh & ~nothing & odd] = REASONS.index("out_of_range")
        found["decided"][nothing] = -1

    def _one_by_one(self, rows: pl.DataFrame) -> Floats:
        """Answers where rows can be answered, NaN where they raise: halves of a block that fails, as long as that is affordable."""
        width = len(self.classes)
        said = np.full((rows.height, width) if width else rows.height, np.nan)
        pieces, tries = [(0, rows.height)], 0
        while pieces and tries < MOST_TRIES:
            start, end = pieces.pop()
            tries += 1
            try:
                said[start:end] = self.ask(self.bundle.plan.encode(rows.slice(start, end - start)))
            except Exception:  # noqa: BLE001 - as above
                middle = (start + end) // 2
                pieces += [(start, middle), (middle, end)] if end - start > 1 else []
        return said

    def unseen(self, rows: pl.DataFrame) -> npt.NDArray[np.bool_]:
        """Rows with a category that the version never saw."""
        found = np.zeros(rows.height, dtype=np.bool_)
        plan = self.bundle.plan
        if not isinstance(plan, Plan):
            return found
        for column in plan.columns:
            if column.reading == "code" and not column.path and column.name in rows.columns:
                known = self._labels(column.name, (*column.labels, *column.rare, *(one for pair in column.merged for one in pair)))
                labels = _labelled(rows.get_column(column.name))
                found |= ~(labels.is_null() | labels.is_in(known.implode())).to_numpy()
        return found

    def _labels(self, name: str, labels: Sequence[str]) -> pl.Series:
        if name not in self._known:
            self._known[name] = pl.Series(labels, dtype=pl.String)
        return self._known[name]


@dataclass(frozen=True)
class Asked:
    """Rows that a version is asked about."""

    version: Answering
    table: pl.DataFrame
    encoded: Floats | None = None

    def answers(self, rows: npt.NDArray[np.int64] | range, done: Callable[[int], None] = lambda rows: None) -> Answers:
        """The answers to some rows, by their numbers.

        Args:
            rows: consecutive ones as a range; any others in any order.
            done: told how many of them are answered.
        """

        def block(start: int) -> Answers:
            some = rows[start : start + BLOCK_ROWS]
            if isinstance(some, range):
                encoded = None if self.encoded is None else self.encoded[some.start : some.stop]
                return self.version.answers(self.table.slice(some.start, len(some)), encoded)
            return self.version.answers(self.table[some], None if self.encoded is None else self.encoded[some])

        found = np.zeros(len(rows), dtype=ANSWER)
        at = 0
        for answers in in_order(block, range(0, len(rows), BLOCK_ROWS), workers() if self.version.engine == "onnx" else 1):
            found[at : at + len(answers)] = answers
            at += len(answers)
            done(at)
        return found


def answering(path: str, label: str, *, allowed: Sequence[str] = (), rows: int = 0, guard: Guard | None = None, classes: Sequence[str] | None = None) -> Answering:
    """A version from its artefact.

    Args:
        path: of the artefact.
        label: what it is called.
        allowed: digests of pickles that may be opened.
        rows: that will be asked; for a few no graph is made.
        guard: what of an answer is not taken.
        classes: the order in which probabilities are wanted; that of the artefact when None.

    Raises:
        InputError: the artefact cannot be read.
        MisuseError: it knows other classes.
    """
    bundle = opened(path, tuple(allowed))
    wanted = tuple(classes) if classes is not None else bundle.classes
    if sorted(wanted) != sorted(bundle.classes):
        raise MisuseError(f"{label} answers {', '.join(bundle.classes) or 'numbers'}, and {', '.join(wanted) or 'numbers'} are asked for; the two cannot answer side by side")
    if bundle.digest not in _ENGINES or (rows >= ONNX_FROM and _ENGINES[bundle.digest][2] == FEW):
        _ENGINES[bundle.digest] = _engine(bundle, rows)
        for old in list(_ENGINES)[:-MOST_ENGINES]:
            del _ENGINES[old]
    ask, engine, why = _ENGINES[bundle.digest]
    if wanted != bundle.classes:
        order = [bundle.classes.index(one) for one in wanted]
        inner = ask

        def ask(X: Floats) -> Floats:
            return inner(X)[:, order]

    cost = cost_of(bundle)
    matrix = cost if isinstance(cost, CostMatrix) else None
    if matrix is not None and matrix.classes != wanted:
        places = [matrix.classes.index(one) for one in wanted]
        matrix = CostMatrix(wanted, tuple(tuple(matrix.costs[row][column] for column in places) for row in places), matrix.unit)
    return Answering(label, bundle, engine, why, ask, wanted, guard or Guard(), matrix)


def _engine(bundle: Bundle, rows: int) -> Engine:
    """ONNX Runtime, where the artefact can be written for it and says the same of its golden rows; else the artefact itself, and why."""
    if rows < ONNX_FROM:
        return bundle.predictor.predict, "native", FEW
    if bundle.golden is None:
        return bundle.predictor.predict, "native", "it has no golden rows to compare the two on"
    try:
        import onnxruntime

        from assayline.exports import onnx_bytes

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # blocks are asked side by side
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(onnx_bytes(bundle.predictor, len(bundle.plan.features)), options, providers=["CPUExecutionProvider"])
    except (AssaylineError, ImportError, AttributeError) as error:
        return bundle.predictor.predict, "native", str(error)
    except Exception as error:  # noqa: BLE001 - a graph that the runtime cannot run: the artefact itself still can
        return bundle.predictor.predict, "native", f"{type(error).__name__}: {str(error)[:200]}"

    def ask(X: Floats) -> Floats:
        said: Floats = session.run(["Y"], {"X": X})[0]
        return said if bundle.classes else said[:, 0]

    X = bundle.plan.encode(bundle.golden.table())
    ours, theirs = bundle.predictor.predict(X), ask(X)
    same = ours.shape == theirs.shape and float(np.abs(ours - theirs).max(initial=0.0)) <= AGREES * max(1e-300, float(np.abs(ours).max(initial=0.0)))
    if not same or (bundle.classes and not np.array_equal(np.argmax(ours, axis=1), np.argmax(theirs, axis=1))):
        return bundle.predictor.predict, "native", "ONNX Runtime answers its golden rows differently"
    return ask, "onnx", ""


def _labelled(values: pl.Series) -> pl.Series:
    """Values as the labels of categories are written."""
    different, rows = distinct(values)
    return pl.Series([written(one) for one in different], dtype=pl.String).gather(rows)
