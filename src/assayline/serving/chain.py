"""Who answers when a model does not: the previous champion, a baseline, a constant, or nobody, always with the reason."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from assayline.artefacts import Bundle
from assayline.errors import MisuseError

from .guard import CIRCUIT_OPEN, DEADLINE, EXCEPTION, Declined
from .model import LiveModel, Said

DEADLINE_SECONDS = 1.0
FEW = 32  # rows that are answered inside the event loop: a third of a millisecond of a small model
PATIENCE = 4  # times what a row takes alone, for each row of many
CONSTANT, ABSTAIN = "constant", "abstain"

log = logging.getLogger("assayline.serving")


class Answer(NamedTuple):
    """What is said of one row.

    Args:
        prediction: the label or the number; None where nobody answers.
        score: the number, the probability of the second of two classes, or that of the predicted one of more; None where nobody answers.
        probabilities: by label, for more than two classes.
        version: who answered: the label of a model, that of a baseline ("churn:v7/linear"), "constant", or "" for nobody.
        fallback: "" or why the model whose turn it was did not answer, one of `guard.REASONS`.
        why: the same in a sentence.
    """

    prediction: Any
    score: Any
    probabilities: dict[str, float] | None
    version: str
    fallback: str = ""
    why: str = ""


class Chain:
    """Models in the order in which they are asked.

    Args:
        steps: the model whose turn it is, then those that answer in its place.
        constant: what is answered when all decline: a label or a number. None abstains: the answer has no prediction, and says why.
        deadline: seconds after which a model that answers beside the event loop is given up, and a model inside it counts as failing.

    Raises:
        MisuseError: there is no model, or the models do not answer the same question.
    """

    def __init__(self, steps: Sequence[LiveModel], *, constant: str | float | None = None, deadline: float = DEADLINE_SECONDS) -> None:
        if not steps:
            raise MisuseError("a chain of models needs at least one model")
        first = steps[0]
        for one in steps[1:]:
            if (one.task, sorted(one.classes)) != (first.task, sorted(first.classes)):
                raise MisuseError(f"{one.label} cannot answer for {first.label}: it predicts {one.task} with {len(one.classes)} classes")
        if constant is not None and first.classes and constant not in first.classes:
            raise MisuseError(f"{constant!r} is no class of {first.label}; there are {', '.join(first.classes)}")
        if not deadline > 0:
            raise MisuseError(f"a deadline is a positive number of seconds, not {deadline!r}")
        self.steps, self.constant, self.deadline = tuple(steps), constant, float(deadline)
        self.first = first

    @classmethod
    def of(cls, model: LiveModel, previous: LiveModel | None = None, *, constant: str | float | None = None, deadline: float = DEADLINE_SECONDS) -> Chain:
        """The usual chain: the model, the previous champion, a baseline of the model that is more than a constant, then the constant or nobody."""
        steps = [model, *([previous] if previous is not None and previous is not model else [])]
        name = baseline_of(model.bundle)
        return cls([*steps, *([LiveModel.baseline(model.bundle, name, model.label)] if name else [])], constant=constant, deadline=deadline)

    def at_once(self, row: Mapping[str, Any]) -> Answer | Declined | None:
        """The answer of the first model, or why it has none; None if it answers beside the event loop (`later` asks it then)."""
        first = self.first
        if not first.inline:
            return None
        try:
            if not first.breaker.closed and not first.breaker.lets_through():
                raise _open(first)
            begun = time.perf_counter()
            prediction, score, probabilities = first.meaning(first.numbers(row))
        except Exception as error:  # noqa: BLE001 -- whatever a model does wrong, the next one answers
            return failed(first, error)
        if time.perf_counter() - begun > self.deadline:
            first.breaker.failed()  # the answer is here and counts; the next ones are not worth waiting for
        elif not first.breaker.clean:
            first.breaker.worked()
        return Answer(prediction, score, probabilities, first.label)

    async def later(self, row: Mapping[str, Any], why: Declined | None = None) -> Answer:
        """The answer of the first model that has one.

        Args:
            row: by column.
            why: the first model declined already, and this is why; None asks it too.
        """
        for step in self.steps[1:] if why is not None else self.steps:
            try:
                return _answered(step, await self._said(step, row), why)
            except Exception as error:  # noqa: BLE001 -- see `at_once`
                declined = failed(step, error)
                why = why or declined
        return self.last(why)

    async def _said(self, step: LiveModel, row: Mapping[str, Any]) -> Said:
        if not step.breaker.lets_through():
            raise _open(step)
        if step.inline:
            said = step.answer(row)
        else:
            step.in_flight += 1
            work = asyncio.get_running_loop().run_in_executor(_threads(), step.answer, row)
            work.add_done_callback(functools.partial(_done, step))  # also after the deadline: a model that still works must not be let go
            said = await asyncio.wait_for(asyncio.shield(work), self.deadline)
        step.breaker.worked()
        return said

    def answer(self, row: Mapping[str, Any]) -> Answer:
        """The same in this thread, without deadlines: for batches."""
        why: Declined | None = None
        for step in self.steps:
            try:
                if not step.breaker.lets_through():
                    raise _open(step)
                said = step.answer(row)
                step.breaker.worked()
                return _answered(step, said, why)
            except Exception as error:  # noqa: BLE001 -- see `at_once`
                declined = failed(step, error)
                why = why or declined
        return self.last(why)

    async def many(self, rows: Sequence[Mapping[str, Any]]) -> list[Answer]:
        """The same for many rows, which the first model answers all at once."""
        first, found = self.first, list[Answer | Declined]()
        try:
            if not first.breaker.lets_through():
                raise _open(first)
            if first.inline and len(rows) <= FEW:
                said = first.answers(rows)
            else:
                first.in_flight += 1
                work = asyncio.get_running_loop().run_in_executor(_threads(), first.answers, rows)
                work.add_done_callback(functools.partial(_done, first))
                said = await asyncio.wait_for(asyncio.shield(work), self.deadline + PATIENCE * first.seconds * len(rows))
            first.breaker.worked()
            found = [failed(first, one) if isinstance(one, Declined) else Answer(*one, first.label) for one in said]
        except Exception as error:  # noqa: BLE001 -- see `at_once`
            found = [failed(first, error)] * len(rows)
        return [await self.later(row, one) if isinstance(one, Declined) else one for row, one in zip(rows, found, strict=True)]

    def last(self, why: Declined | None) -> Answer:
        """What is said when no model answers."""
        code, sentence = (why.code, why.sentence) if why else ("", "")
        if self.constant is None:
            return Answer(None, None, None, "", code, sentence)
        return Answer(self.constant, None if self.first.classes else self.constant, None, CONSTANT, code, sentence)


def baseline_of(bundle: Bundle) -> str:
    """The baseline that answers in a model's place: one that looks at the row if there is one, else any; "" without any."""
    names = sorted(bundle.baselines, key=lambda name: (bundle.baselines[name].kind == "constant", name))
    return names[0] if names else ""


def failed(step: LiveModel, error: BaseException) -> Declined:
    """Why a model gave no answer, counted by its breaker where it is the model's fault."""
    if isinstance(error, Declined):
        if not error.by_row and error.code != CIRCUIT_OPEN:
            step.breaker.failed()
        return error
    step.breaker.failed()
    if isinstance(error, TimeoutError):
        return Declined(DEADLINE, f"{step.label} did not answer in time")
    log.warning("%s failed: %s: %s", step.label, type(error).__name__, error)
    return Declined(EXCEPTION, f"{step.label} failed")


def _answered(step: LiveModel, said: Said, why: Declined | None) -> Answer:
    return Answer(*said, step.label, *((why.code, why.sentence) if why else ("", "")))


def _open(step: LiveModel) -> Declined:
    return Declined(CIRCUIT_OPEN, f"{step.label} failed too often and is not asked for some seconds")


def _done(step: LiveModel, work: asyncio.Future[Any]) -> None:
    step.in_flight -= 1
    if not work.cancelled():
        work.exception()  # it was waited for, or is too late; either way it is known


@functools.cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=2 * (os.cpu_count() or 1), thread_name_prefix="assayline-serving")
