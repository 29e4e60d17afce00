"""Trials that users write: what they are handed and what becomes of them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType

import numpy as np
import polars as pl
import pytest

from assayline.errors import MisuseError
from assayline.trials import Bench, Case, Scored, bench_of, collected, ended, run_suite, trial

ROWS = pl.DataFrame({"city": ["Bonn", "Lyon", "Lyon", None], "price": [1.0, 2.0, 3.0, 4.0]})
CHURN = Scored("churn v1", "v8", "binary", ("no", "yes"), np.array([0.0, 1.0, 1.0, 0.0]), np.array([0.1, 0.9, 0.3, 0.2]))


def outcome(function: Callable[..., object], **more: object) -> Case:
    case, = run_suite(collected({"one": trial(function)}), bench_of(ROWS, CHURN, **more))
    return case


def test_a_trial_gets_what_it_names() -> None:
    seen: dict[str, object] = {}

    def looks(
        rows: pl.DataFrame, predictions: np.ndarray, scores: dict[str, float], y: np.ndarray, decided: tuple[str, ...], version: str, test_set: str,
        facts: dict[str, object], extra: int = 1,
    ) -> None:  # fmt: skip
        seen.update(height=rows.height, p=predictions.tolist(), accuracy=scores["accuracy"], y=y.tolist(), decided=decided)
        seen.update(version=version, test_set=test_set, facts=dict(facts), extra=extra)

    assert outcome(looks, facts={"owner": "ann"}).state == "passed"
    assert seen == {
        "height": 4, "p": [0.1, 0.9, 0.3, 0.2], "accuracy": 0.75, "y": [0.0, 1.0, 1.0, 0.0], "decided": ("no", "yes", "no", "no"), "version": "v8", "test_set": "churn v1",
        "facts": {"owner": "ann"}, "extra": 1,
    }  # fmt: skip


def test_a_trial_asks_about_some_rows() -> None:
    def in_lyon(bench: Bench) -> None:
        lyon = bench.where(bench.rows["city"] == "Lyon")
        assert lyon.rows.height == 2
        assert lyon.score("accuracy") > 0.9, f"accuracy in Lyon is {lyon.score('accuracy')}"

    case = outcome(in_lyon)

    assert (case.state, case.sentence) == ("failed", "accuracy in Lyon is 0.5")
    assert "in_lyon" in case.details


def test_passing_failing_and_breaking_are_told_apart() -> None:
    def false_answer() -> bool:
        return bool(np.float64(1) > 2)

    def breaks(rows: pl.DataFrame) -> object:
        return rows["nothing"]

    def leaves() -> None:
        sys.exit(3)

    def silent() -> None:
        raise AssertionError

    assert [outcome(one).state for one in (lambda: True, false_answer, breaks, leaves, silent)] == ["passed", "failed", "error", "error", "failed"]
    assert outcome(breaks).sentence.startswith("ColumnNotFoundError")
    assert outcome(leaves).sentence == "SystemExit: 3"
    assert outcome(silent).sentence == "the assertion is false"


def test_what_a_trial_prints_is_kept_and_not_too_much_of_it() -> None:
    def talks() -> None:
        print("hello")
        print("x" * 300_000, file=sys.stderr)

    case = outcome(talks)

    assert case.output == "hello\n"
    assert 100_000 <= len(case.errors) < 100_100


def test_a_broken_trial_does_not_keep_the_next_from_running_and_cannot_change_what_it_sees() -> None:
    @trial
    def spoils(predictions: np.ndarray) -> None:
        predictions[:] = 0.0
        raise RuntimeError("no")

    @trial(name="the answers are as they were")
    def after(predictions: np.ndarray) -> None:
        assert predictions.max() == 0.9

    cases = run_suite(collected({"spoils": spoils, "after": after}), bench_of(ROWS, CHURN))

    assert [(case.name, case.state) for case in cases] == [("spoils", "error"), ("the answers are as they were", "passed")]


def test_the_version_can_be_asked_about_other_rows_where_that_is_offered() -> None:
    def never_negative(predict: Callable[[pl.DataFrame], np.ndarray], rows: pl.DataFrame) -> None:
        assert (predict(rows.with_columns(price=-pl.col("price"))) >= 0).all()

    assert outcome(never_negative).state == "skipped"
    assert outcome(never_negative, predict=lambda rows: rows["price"].to_numpy()).state == "failed"


def test_trials_of_a_module_are_collected_once_and_in_order() -> None:
    module = ModuleType("mine")
    exec("def plain(): ...\ndef second(rows):\n    '''Says what.\n\n    More.'''\ndef first(): ...\n", vars(module))  # a user's file
    module.second = trial(module.second)  # type: ignore[attr-defined]  # made above
    module.first = trial(timeout_seconds=2)(module.first)  # type: ignore[attr-defined]  # made above
    module.again = module.first  # type: ignore[attr-defined]  # a second name for it

    found = collected(vars(module))

    assert [(one.name, one.wants, one.timeout_seconds, one.says) for one in found] == [("second", ("rows",), 60.0, "Says what."), ("first", (), 2, "")]


def test_what_no_bench_has_is_said_before_anything_runs() -> None:
    def wants(weather: object) -> None: ...

    async def later() -> None: ...

    with pytest.raises(MisuseError, match="wants 'weather'; there are rows"):
        collected({"wants": trial(wants)})
    with pytest.raises(MisuseError, match="would pass without having run"):
        trial(later)
    with pytest.raises(MisuseError, match="two trials are called 'a'"):
        collected({"x": trial(name="a")(lambda: None), "y": trial(name="a")(lambda: None)})
    with pytest.raises(MisuseError, match="more than 0 seconds"):
        trial(timeout_seconds=0)


def test_a_trial_that_was_ended_from_outside_is_a_result_with_its_output() -> None:
    one, = collected({"one": trial(timeout_seconds=5)(lambda: None)})

    late, killed = ended(one, "timeout", output="got this far"), ended(one, "killed by signal 9")

    assert (late.state, late.output, late.bad) == ("timeout", "got this far", True)
    assert (killed.state, killed.sentence) == ("error", "it was ended: killed by signal 9")


def test_rows_and_answers_have_to_fit() -> None:
    with pytest.raises(MisuseError, match="one per row"):
        Bench(ROWS.head(2), CHURN)
