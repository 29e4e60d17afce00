"""Trials that users write: plain functions that are handed what they name, and what became of each.

    from assayline import trial

    @trial
    def prices_are_positive(predictions, rows):
        assert (predictions >= 0).all(), rows.filter(predictions < 0)

    @trial(timeout_seconds=5)
    def accuracy_in_lyon(bench):
        lyon = bench.where(bench.rows["city"] == "Lyon")
        assert lyon.score("accuracy") > 0.8

A trial passes when it returns (nothing, or anything but False), fails on a false `assert` or when it returns False, and is in error on any other
exception: then it is the trial that broke. A function that never comes back can only be ended from outside; whoever runs a suite in a child process
reports that with `ended`.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, TypeVar, overload

import numpy as np
import numpy.typing as npt
import polars as pl

from ..errors import MisuseError
from .junit import Case
from .metrics import METRICS, metric
from .scored import Scored

TIMEOUT_SECONDS = 60.0
MOST_OUTPUT = 100_000  # letters kept of what a trial prints; the first ones say what it began with
_MARK = "__assayline_trial__"
Function = TypeVar("Function", bound=Callable[..., object])


@dataclass(frozen=True, eq=False)
class Bench:
    """What lies on the bench for a trial: the rows of a test set, what the version answered, and its scores.

    Args:
        rows: the test set.
        scored: truth and answers.
        scores: metric -> value, of all rows.
        predict: asks the version about other rows; None where that is not offered.
        facts: anything else that is known of the version: "artefact_bytes", "owner".

    A function gets by name: `rows`, `predictions`, `scores`, `y`, `decided`, `classes`, `version`, `test_set`, `predict`, `facts`, `scored`, or the
    whole as `bench`.
    """

    rows: pl.DataFrame
    scored: Scored
    scores: Mapping[str, float] = field(default_factory=dict)
    predict: Callable[[pl.DataFrame], npt.NDArray[np.float64]] | None = None
    facts: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.rows.height != len(self.scored):
            raise MisuseError(f"{self.rows.height} rows of the test set and {len(self.scored)} answers: one per row is needed")
        object.__setattr__(self, "scores", MappingProxyType(dict(self.scores)))
        object.__setattr__(self, "facts", MappingProxyType(dict(self.facts)))

    @property
    def predictions(self) -> npt.NDArray[np.float64]:
        """(rows,) numbers; of two classes (rows,) the probability of the positive one; of more (rows, classes). A copy: a trial may change it."""
        answers = self.scored.predictions
        return np.array(answers[:, 1] if len(self.scored.classes) == 2 else answers)

    @property
    def y(self) -> npt.NDArray[np.float64]:
        """(rows,) class index, or number. A copy."""
        return np.array(self.scored.y)

    @property
    def decided(self) -> tuple[str, ...]:
        """(rows,) the label decided on; () for regression."""
        return tuple(self.scored.classes[one] for one in self.scored.decided) if self.scored.classes else ()

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels in the order of the class indices."""
        return self.scored.classes

    @property
    def version(self) -> str:
        """Of the model."""
        return self.scored.version

    @property
    def test_set(self) -> str:
        """Name and version of the test set."""
        return self.scored.test_set

    def score(self, name: str) -> float:
        """A metric over the rows on this bench.

        Raises:
            MisuseError: there is no such metric, or it does not go with the task.
        """
        return self.scores[name] if name in self.scores else metric(name).value(self.scored)

    def where(self, chosen: pl.Series | npt.NDArray[np.bool_]) -> Bench:
        """The bench with some of the rows only; scores are computed anew when asked for."""
        mask = np.asarray(chosen.fill_null(False).to_numpy() if isinstance(chosen, pl.Series) else chosen, dtype=np.bool_)
        return replace(self, rows=self.rows.filter(pl.Series(mask)), scored=self.scored.rows(mask), scores={})


OFFERED = ("rows", "predictions", "scores", "y", "decided", "classes", "version", "test_set", "predict", "facts", "scored", "bench")


@dataclass(frozen=True)
class Trial:
    """One function of a user that tries a version.

    Args:
        name: of the function, or as it was given.
        function: it.
        wants: what it is handed, by the names of its parameters.
        timeout_seconds: after which whoever runs it ends it.
        says: the first line of its docstring, or "".
    """

    name: str
    function: Callable[..., object]
    wants: tuple[str, ...]
    timeout_seconds: float = TIMEOUT_SECONDS
    says: str = ""


@dataclass(frozen=True)
class _Mark:
    name: str
    timeout_seconds: float


@overload
def trial(function: Function, /) -> Function: ...
@overload
def trial(*, name: str = "", timeout_seconds: float = TIMEOUT_SECONDS) -> Callable[[Function], Function]: ...
def trial(function: Any = None, /, *, name: str = "", timeout_seconds: float = TIMEOUT_SECONDS) -> Any:
    """Marks a function as a trial; it stays the plain function it is.

    Args:
        name: shown instead of the function's own.
        timeout_seconds: above 0.

    >>> @trial
    ... def few_rows(rows):
    ...     assert rows.height < 3
    >>> [one.name for one in collected({"few_rows": few_rows, "other": print})]
    ['few_rows']
    """

    def marked(one: Function) -> Function:
        if not callable(one) or inspect.isclass(one):
            raise MisuseError(f"a trial is a function, not {one!r}")
        if inspect.iscoroutinefunction(one) or inspect.isgeneratorfunction(one):
            raise MisuseError(f"the trial {one.__name__!r} is a coroutine or generator, which would pass without having run: write a plain function")
        setattr(one, _MARK, _Mark(name or one.__name__, timeout_seconds))
        return one

    if not timeout_seconds > 0:
        raise MisuseError(f"a trial may take more than 0 seconds, not {timeout_seconds!r}")
    return marked if function is None else marked(function)


def collected(namespace: Mapping[str, object]) -> tuple[Trial, ...]:
    """The trials of a module, in the order they stand in it.

    Args:
        namespace: such as `vars(module)`.

    Raises:
        MisuseError: two have one name, or a function wants what no bench has.
    """
    found: dict[str, Trial] = {}
    seen: set[int] = set()
    for one in namespace.values():
        mark = getattr(one, _MARK, None) if callable(one) else None
        if not isinstance(mark, _Mark) or id(one) in seen or not callable(one):
            continue
        seen.add(id(one))
        if mark.name in found:
            raise MisuseError(f"two trials are called {mark.name!r}: give one of them another name")
        found[mark.name] = Trial(mark.name, one, _wants(mark.name, one), mark.timeout_seconds, (inspect.getdoc(one) or "").split("\n")[0])
    return tuple(found.values())


def _wants(name: str, function: Callable[..., object]) -> tuple[str, ...]:
    wants = []
    for one in inspect.signature(function).parameters.values():
        if one.name in OFFERED and one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY):
            wants.append(one.name)
        elif one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
            raise MisuseError(f"the trial {name!r} wants {one.name!r}; there are {', '.join(OFFERED)}")
    return tuple(wants)


def run_trial(one: Trial, bench: Bench, *, clock: Callable[[], float] = time.perf_counter) -> Case:
    """Runs one trial here and now, in this process; what it prints is kept.

    Args:
        one: the trial.
        bench: what it is handed.
        clock: seconds.

    Returns:
        "passed", "failed", "error", or "skipped" where it wants `predict` and the bench offers none.
    """
    if "predict" in one.wants and bench.predict is None:
        return Case(one.name, "skipped", "the version cannot be asked about other rows here")
    handed = {name: bench if name == "bench" else getattr(bench, name) for name in one.wants}
    output, errors = io.StringIO(), io.StringIO()
    state, sentence, details = "passed", "", ""
    begun = clock()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            answer = one.function(**handed)
            if isinstance(answer, bool | np.bool_) and not answer:
                state, sentence = "failed", "it returned False"
        except AssertionError as problem:
            state, sentence, details = "failed", _first_line(problem) or "the assertion is false", _trace(problem)
        except (Exception, SystemExit) as problem:  # noqa: BLE001 - a broken trial is a result and no end of the run
            state, sentence, details = "error", f"{type(problem).__name__}: {_first_line(problem)}".rstrip(": "), _trace(problem)
    return Case(one.name, state, sentence, details, _kept(output), _kept(errors), clock() - begun)


def run_suite(trials: tuple[Trial, ...], bench: Bench, *, clock: Callable[[], float] = time.perf_counter) -> tuple[Case, ...]:
    """Runs all trials here and now, one after the other; a broken one does not keep the next from running."""
    return tuple(run_trial(one, bench, clock=clock) for one in trials)


def ended(one: Trial, why: str, *, output: str = "", errors: str = "", seconds: float = 0.0) -> Case:
    """The result of a trial that had to be ended from outside.

    Args:
        why: "timeout" where it took longer than it may, else what happened: "killed by signal 9", "more than 2 GB of memory".
        output, errors: what it had printed.
        seconds: it took.

    >>> @trial(timeout_seconds=5)
    ... def endless(): ...
    >>> ended(collected({"endless": endless})[0], "timeout").sentence
    'it did not come back within 5 seconds'
    """
    state = "timeout" if why == "timeout" else "error"
    sentence = f"it did not come back within {one.timeout_seconds:g} seconds" if why == "timeout" else f"it was ended: {why}"
    return Case(one.name, state, sentence, "", output[:MOST_OUTPUT], errors[:MOST_OUTPUT], seconds)


def bench_of(rows: pl.DataFrame, scored: Scored, **more: Any) -> Bench:
    """A bench with every metric that the rows define."""
    scores = {name: value for name, one in METRICS.items() if scored.task in one.tasks and np.isfinite(value := one.value(scored))}
    return Bench(rows, scored, scores, **more)


def _first_line(problem: BaseException) -> str:
    return str(problem).strip().split("\n")[0][:500]


def _trace(problem: BaseException) -> str:
    return "".join(traceback.format_exception(problem))[-MOST_OUTPUT:]


def _kept(said: io.StringIO) -> str:
    text = said.getvalue()
    return text if len(text) <= MOST_OUTPUT else f"{text[:MOST_OUTPUT]}\n… {len(text) - MOST_OUTPUT:,} more letters"
