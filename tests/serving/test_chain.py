"""What a model may answer, who answers in its place, and when it is asked again."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from served import bundle_of, churn, cost, late, numbers, orders, rows_of

from assayline.artefacts import Boosted, Bundle, Constant
from assayline.core.profile import Place, Profile
from assayline.errors import MisuseError
from assayline.exports import onnx_scores
from assayline.measures.moments import Moments
from assayline.serving import Breaker, Chain, Declined, Guard, LiveModel
from assayline.serving.guard import REASONS
from assayline.trials import cost_matrix

ROW = rows_of(numbers(3, seed=5), "bought")[0]
ORDER = rows_of(orders(3, seed=5), "cost", "late")[0]


class Odd:
    """A model that says what it is told, in place of the one of a bundle."""

    kind = "odd"

    def __init__(self, does: Any, classes: int = 2, width: int = 30) -> None:
        self.does, self.classes, self.width = does, classes, width

    def predict(self, X: Any, /) -> Any:
        return self.does(X)

    def members(self) -> dict[str, bytes]:
        return {}


def odd(does: Any, label: str = "churn:v9") -> LiveModel:
    found = LiveModel.of(churn(), label, onnx=False)
    found.predictor = Odd(does)
    return found


def said(value: float) -> Any:
    return lambda X: np.tile([1 - value, value], (len(X), 1))


def fails(X: Any) -> Any:
    raise ZeroDivisionError("at /srv/models/churn.py, line 3")


@pytest.mark.parametrize(("model", "row", "reason"), [
    (odd(fails), ROW, "exception"), (odd(said(float("nan"))), ROW, "nan"), (odd(said(float("inf"))), ROW, "nan"), (odd(said(1.5)), ROW, "out_of_range"),
    (LiveModel.of(churn(), "churn:v9"), {**ROW, "f7": 1e6}, "out_of_range"), (LiveModel.of(cost(), "cost:v9"), {**ORDER, "town": "Atlantis"}, "unseen_category"),
    (LiveModel.of(cost(), "cost:v9"), {**ORDER, "load": -1e9}, "out_of_range"),
])  # fmt: skip
def test_whatever_keeps_a_model_from_answering_the_baseline_answers_with_the_reason(model: LiveModel, row: dict[str, Any], reason: str) -> None:
    chain = Chain.of(model)

    at_once = chain.at_once(row)
    answers = [chain.answer(row), asyncio.run(chain.later(row)), asyncio.run(chain.later(row, at_once if isinstance(at_once, Declined) else None))]
    answers += asyncio.run(chain.many([row, row]))

    assert isinstance(at_once, Declined)
    assert reason in REASONS
    assert {answer.fallback for answer in answers} == {reason}
    assert {answer.version for answer in answers} == {f"{model.label}/usual"}
    assert all(answer.score is not None and np.isfinite(answer.score) for answer in answers)
    assert all(answer.why and "/srv" not in answer.why for answer in answers)


def test_the_previous_champion_answers_before_the_baseline_and_the_constant_after_it() -> None:
    broken, previous = odd(fails), LiveModel.of(churn(), "churn:v8")
    row = {**ROW, "f7": 1e6}  # outside what all of them learned

    assert Chain.of(broken, previous).answer(ROW).version == "churn:v8"
    assert Chain.of(broken, previous).answer(ROW).score == pytest.approx(previous.answer(ROW)[1])
    assert Chain.of(broken, previous).answer(row).version == "churn:v9/usual"
    assert Chain([broken, previous], constant="no").answer(row)[:5] == ("no", None, None, "constant", "out_of_range")
    assert Chain([broken, previous]).answer(row)[:5] == (None, None, None, "", "out_of_range")


def test_a_slow_model_answers_beside_the_event_loop_and_is_given_up_at_its_deadline() -> None:
    gate = threading.Event()

    def waits(X: Any) -> Any:
        gate.wait(5)
        return said(0.7)(X)

    slow = odd(said(0.7))
    slow.inline, slow.predictor = False, Odd(waits)
    chain = Chain.of(slow, LiveModel.of(churn(), "churn:v8"), deadline=0.05)

    async def asked() -> tuple[Any, Any, int]:
        ticks = 0

        async def ticking() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.005)
                ticks += 1

        clock = asyncio.create_task(ticking())
        late_answer, busy = await chain.later(ROW), slow.in_flight
        gate.set()
        while slow.in_flight:
            await asyncio.sleep(0.001)
        in_time = await chain.later(ROW)
        clock.cancel()
        assert busy == 1  # it still works, and must not be let go
        return late_answer, in_time, ticks

    late_answer, in_time, ticks = asyncio.run(asked())

    assert chain.at_once(ROW) is None
    assert (late_answer.fallback, late_answer.version) == ("deadline", "churn:v8")
    assert (in_time.fallback, in_time.version, in_time.score) == ("", "churn:v9", pytest.approx(0.7))
    assert ticks >= 3  # others were served meanwhile


def test_a_model_that_fails_again_and_again_is_not_asked_for_a_while_and_then_by_one_row() -> None:
    asked, now = [0], [0.0]
    healthy = [False]

    def counted(X: Any) -> Any:
        asked[0] += 1
        return said(0.7)(X) if healthy[0] else fails(X)

    model = odd(counted)
    model.breaker = Breaker(failures=3, seconds=10, clock=lambda: now[0])
    chain = Chain.of(model)
    reasons = [chain.answer(ROW).fallback for _ in range(6)]
    seen = asked[0]
    now[0] = 10.0
    tried = [chain.answer(ROW).fallback for _ in range(2)]
    healthy[0], now[0] = True, 20.0
    again = [chain.answer(ROW).fallback for _ in range(3)]

    assert reasons == ["exception"] * 3 + ["circuit_open"] * 3
    assert (seen, asked[0]) == (3, 7)
    assert tried == ["exception", "circuit_open"]
    assert again == ["", "", ""]


def test_rows_outside_what_was_learned_do_not_open_the_breaker() -> None:
    chain = Chain.of(LiveModel.of(churn()))

    for _ in range(50):
        assert chain.answer({**ROW, "f1": 1e9}).fallback == "out_of_range"

    assert chain.answer(ROW).fallback == ""


@pytest.mark.parametrize(("bundle", "table"), [(churn(), numbers(400)), (cost(), orders(400)), (late(), orders(400))])
def test_rows_of_the_training_table_and_missing_values_are_never_outside(bundle: Any, table: pl.DataFrame) -> None:
    guard = Guard.of(bundle)
    X = bundle.plan.encode(table)

    assert not guard.outside(X).any()
    assert not guard.trips(np.full(len(guard.names), np.nan))
    assert [guard.trips(row) for row in X[:50]] == [False] * 50
    assert guard.outside(X * 1e6).mean() > 0.9


def test_the_profile_of_released_predictions_says_what_may_be_answered() -> None:
    released = Profile({(Place("prediction"), "moments"): Moments(n=100, low=100.0, high=200.0), (Place("score"), "moments"): Moments(n=100, low=0.2, high=0.4)}, ("prediction", "score"))

    assert (Guard.of(cost(), released).said_low, Guard.of(cost(), released).said_high) == (50.0, 250.0)
    assert [Guard.of(churn(), released).said_low, Guard.of(churn(), released).said_high] == pytest.approx([0.1, 0.5])
    with pytest.raises(Declined, match=r"0\.1 … 0\.5"):
        LiveModel.of(churn(), guard=Guard.of(churn(), released)).check([0.1, 0.9])


def test_models_of_different_questions_do_not_answer_for_each_other() -> None:
    with pytest.raises(MisuseError, match="cannot answer for"):
        Chain([LiveModel.of(churn()), LiveModel.of(late())])
    with pytest.raises(MisuseError, match="no class"):
        Chain([LiveModel.of(churn())], constant="perhaps")


def test_the_form_in_onnx_runs_only_where_it_says_the_same_of_the_golden_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    other = bundle_of(numbers(seed=8), "bought", "other", rounds=5).predictor
    assert isinstance(other, Boosted)
    right, unasked = LiveModel.of(churn()), LiveModel.of(churn(), onnx=False)
    without = LiveModel.of(bundle_of(numbers(), "bought", "churn", golden=False))
    monkeypatch.setattr("assayline.serving.onnx_row.onnx_scores", lambda model, width, **more: onnx_scores(other, width, **more))
    wrong = LiveModel.of(churn())

    assert (right.runtime, right.note) == ("onnx", "")
    assert (unasked.runtime, without.runtime, wrong.runtime) == ("native", "native", "native")
    assert "golden" in without.note
    assert "of 50 golden rows" in wrong.note
    assert wrong.answer(ROW) == unasked.answer(ROW)
    assert right.answer(ROW)[1] == pytest.approx(unasked.answer(ROW)[1], abs=1e-6)


def test_a_baseline_is_one_that_looks_at_the_row_if_there_is_one() -> None:
    plain = churn()
    both = replace(plain, baselines={"a-usual": Constant.of([0.5, 0.5]), "tree": plain.predictor})

    assert [one.label for one in Chain.of(LiveModel.of(both)).steps] == ["churn:v1", "churn:v1/tree"]


def test_threads_that_ask_at_the_same_time_get_their_own_answers() -> None:
    model, rows = LiveModel.of(churn()), rows_of(numbers(40, seed=5), "bought")
    expected = [model.answer(row) for row in rows]
    wrong: list[int] = []

    def ask() -> None:
        until = time.monotonic() + 0.4
        while time.monotonic() < until:
            for at, row in enumerate(rows):
                if model.answer(row)[1] != pytest.approx(expected[at][1], abs=1e-6):
                    wrong.append(at)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert wrong == []


@pytest.mark.parametrize(("bundle", "table"), [(churn(), numbers(200, seed=7)), (late(), orders(200, seed=7))])
def test_a_model_whose_errors_have_a_price_decides_by_it_as_batches_do(bundle: Bundle, table: pl.DataFrame) -> None:
    others = tuple(reversed(bundle.classes))  # a price list may name the classes in another order
    prices = cost_matrix(others, {(true, decided): 9.0 if true == others[0] else 1.0 for true in others for decided in others if true != decided})
    priced = replace(bundle, cost={"classes": list(prices.classes), "costs": [list(row) for row in prices.costs], "unit": "EUR"})
    model, plain = LiveModel.of(priced, onnx=False), LiveModel.of(bundle, onnx=False)
    rows = rows_of(table, bundle.target)
    said = bundle.predict(table)[:, [bundle.classes.index(one) for one in others]]

    found = [model.answer(row)[0] for row in rows]

    assert found == [others[at] for at in prices.decide(said)]
    assert found != [plain.answer(row)[0] for row in rows]
