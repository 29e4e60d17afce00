"""The bars of training and of trials, and what a pipe gets instead."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

from rich.console import Console

from assayline.report.model_progress import train_progress, trials_progress

Document = dict[str, Any]


def terminal(width: int = 110) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, _environ={"TERM": "xterm"})


def pipe() -> Console:
    return Console(file=io.StringIO(), force_terminal=False, width=100)


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", console.file.getvalue())


def test_the_bar_of_a_training_says_how_far_it_is_and_what_leads() -> None:
    messages = terminal()

    with train_progress(messages) as told:
        told("begin", {"budget_seconds": 60.0, "rows": 7043, "metric": "auc"})
        told("stage", {"share": 0.1, "rows": 704, "candidates": 12})
        told("fitted", {"name": "linear", "score": 0.81})
        told("incumbent", {"name": "linear [red]\x1b]0;owned\x07", "score": 0.81})

    out = written(messages)
    assert "10% of the rows" in out
    assert "1 fit, best linear [red]␛]0;owned␇ 0.81" in out
    assert "\x1b]0;" not in messages.file.getvalue()  # type: ignore[attr-defined]  # a StringIO


def test_where_training_stands_after_a_fit_can_be_told_at_once() -> None:
    messages = terminal()

    with train_progress(messages) as told:
        told("begin", {"budget_seconds": 60.0, "metric": "auc"})
        told("fit", {"stage": "10 %", "trying": "linear", "name": "plain", "score": 0.8})
        told("fit", {"stage": "50 %", "trying": "boosted", "name": "", "score": float("nan")})

    out = written(messages)
    assert "50 %" in out
    assert "2 fits, best plain 0.8" in out


def test_the_bar_of_a_training_is_gone_at_the_end() -> None:
    messages = terminal()

    with train_progress(messages) as told:
        told("begin", {"budget_seconds": 60.0})

    assert messages.file.getvalue().endswith("\x1b[2K")  # type: ignore[attr-defined]  # a StringIO


def test_a_training_draws_nothing_where_nobody_watches() -> None:
    messages = pipe()

    with train_progress(messages) as told:
        told("begin", {"budget_seconds": 60.0})
        told("incumbent", {"name": "linear", "score": None})

    assert written(messages) == ""


def test_a_kind_or_a_value_that_is_not_known_moves_nothing() -> None:
    for messages in (terminal(), pipe()):
        with train_progress(messages) as told:
            told("tea", {})
            told("begin", {"budget_seconds": "soon"})
            told("stage", {"share": None})
        with trials_progress(messages, pipe()) as tried:
            tried("tea", {})
            tried("due", {"trials": "many"})
            tried("set", {})


def test_trials_are_told_as_they_come_in_a_pipe_too(churn: Document) -> None:
    messages, results = pipe(), pipe()

    with trials_progress(messages, results) as told:
        told("due", {"trials": 2})
        told("set", {"version": "churn:v8", "set": "q1-labelled"})
        told("trial", {**churn["trial"], "version": "churn:v8"})

    assert written(messages) == ""
    assert written(results).startswith("! warn     churn v8\n")
    assert "churn v8 may follow v7" in written(results)


def test_the_bar_of_trials_counts_them_also_those_that_failed(a_model: Callable[..., Document], churn: Document) -> None:
    messages = terminal()

    with trials_progress(messages, pipe()) as told:
        told("due", {"trials": 3})
        told("set", {"version": "churn:v8", "set": "q1-labelled"})
        told("trial", {**churn["trial"], "version": "churn:v8"})
        told("failed", {"version": "churn:v9"})

    out = written(messages)
    assert "churn v8 on q1-labelled" in out
    assert "2 of 3 trials" in out


def test_a_trial_is_printed_where_the_bar_was_and_not_through_it(churn: Document) -> None:
    both = terminal()  # a user sees both streams on one screen

    with trials_progress(both, both) as told:
        told("due", {"trials": 2})
        told("trial", {**churn["trial"], "version": "churn:v8"})

    raw = both.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    before, after = raw.split("may follow v7", 1)
    assert "\x1b[2K" in before, "the bar is erased before the lines"
    assert "1 of 2 trials" in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", after), "and comes back below them"
