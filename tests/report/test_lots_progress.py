"""The bar of a gate run, and the lines above it."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from assayline.report.lots_progress import lot, lots_progress

Document = dict[str, Any]


def terminal(width: int = 100) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, _environ={"TERM": "xterm"})


def pipe() -> Console:
    return Console(file=io.StringIO(), force_terminal=False, width=100)


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_nothing_is_drawn_where_nobody_watches(a_lot: Callable[..., Document]) -> None:
    messages, results = pipe(), pipe()

    with lots_progress(1, messages, results) as progress:
        progress.rows(10, 100, "reading")
        lot({**a_lot(1), "flow": "parcels"}, progress, results)
        progress.lot_done()

    assert written(messages) == ""
    assert written(results).count("\n") == 1


def test_the_bar_says_which_lot_and_how_many_rows_and_is_gone_at_the_end(a_lot: Callable[..., Document]) -> None:
    messages = terminal()

    with lots_progress(107, messages, pipe()) as progress:
        progress.rows(5_000, 20_000, "judging [red]\x1b]0;owned\x07")
        lot(a_lot(1), progress, pipe())
        progress.lot_done()
        progress.rows(7, 0, "reading")

    out = written(messages)
    assert "lot 1 of 107" in out
    assert "lot 2 of 107" in out
    assert "judging [red]" in out
    assert "\x1b]0;" not in out
    assert out.endswith("\x1b[2K"), "the line is erased at the end"


def test_a_lot_is_printed_where_the_bar_was_and_not_through_it(a_lot: Callable[..., Document]) -> None:
    both = terminal()  # a user sees both streams on one screen

    with lots_progress(2, both, both) as progress:
        progress.rows(50, 100, "judging")
        lot({**a_lot(1), "flow": "parcels"}, progress, both)
        progress.lot_done()

    before, after = written(both).split("in/00001.csv", 1)
    line = before.rsplit("\n", 1)[-1]
    assert "lot 1 of 2" not in line.rsplit("\x1b[2K", 1)[-1]
    assert "\x1b[2K" in line, "the bar is erased before the line"
    assert "lot 2 of 2" in after, "and comes back below it"


def test_results_stay_on_standard_output_while_a_bar_is_drawn(a_lot: Callable[..., Document], capsys: pytest.CaptureFixture[str]) -> None:
    with lots_progress(1, terminal(), pipe()) as progress:
        print("result")  # as a command does that writes to a file
        progress.lot_done()

    assert capsys.readouterr().out == "result\n"


def test_several_lots_are_summed_up_and_one_is_not(a_lot: Callable[..., Document]) -> None:
    one, several = pipe(), pipe()

    with lots_progress(1, pipe(), one) as progress:
        lot({**a_lot(1), "flow": "parcels"}, progress, one)
    with lots_progress(2, pipe(), several) as progress:
        lot({**a_lot(1), "flow": "parcels"}, progress, several)
        lot({**a_lot(2, "hold"), "flow": "parcels"}, progress, several)

    assert "lots:" not in written(one)
    assert "2 lots: 1 released, 1 held" in written(several)


def test_an_interrupted_run_claims_nothing(a_lot: Callable[..., Document]) -> None:
    results = pipe()

    def interrupted() -> None:
        with lots_progress(3, terminal(), results) as progress:
            lot({**a_lot(1), "flow": "parcels"}, progress, results)
            lot({**a_lot(2), "flow": "parcels"}, progress, results)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert "lots:" not in written(results)


def test_a_lot_can_be_told_without_a_bar(a_lot: Callable[..., Document]) -> None:
    results = pipe()

    lot(a_lot(1), None, results)

    assert "in/00001.csv" in written(results)
