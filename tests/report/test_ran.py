"""What a run of a line did, on a terminal and in a pipe."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from rich.console import Console

from assayline.report.paper import Paper, as_text
from assayline.report.ran import ran_lines, run_progress

Document = dict[str, Any]
PIPE = Paper(100, "utf-8", plain=True)


def test_flows_stand_in_the_order_of_the_line_and_the_first_bad_one_is_offered(a_lot: Callable[..., Document], finding: Callable[..., Document]) -> None:
    lots = [a_lot(1, flow="rides"), a_lot(2, "warn", flow="rides", findings=[finding()]), a_lot(3, "warn", flow="hourly", findings=[finding()])]

    text = as_text(ran_lines({"runs": {"hourly": 1}, "waiting": {}, "lots": lots}, PIPE))

    assert [line.split()[1:3] for line in text.splitlines()[2:4]] == [["rides", "source"], ["hourly", "step"]]
    assert "1 released, 1 released with a warning" in text
    assert "assay lot 2 " in text


def test_a_step_that_waits_says_for_what() -> None:
    text = as_text(ran_lines({"runs": {}, "waiting": {"hourly": "rides"}, "lots": [], "problems": []}, PIPE))

    assert "hourly waits for the first lot of rides." in text


def test_a_pipe_gets_the_lots_that_need_a_look_and_no_bar(a_lot: Callable[..., Document], finding: Callable[..., Document]) -> None:
    messages, results = io.StringIO(), io.StringIO()

    with run_progress(Console(file=messages), Console(file=results, width=100)) as told:
        told("source", {"source": "rides"})
        told("lot", a_lot(1, flow="rides"))
        told("lot", a_lot(2, "warn", flow="rides", findings=[finding()]))

    assert messages.getvalue() == ""
    assert "lot 1" not in results.getvalue()
    assert results.getvalue().startswith("! warn")
    assert "\x1b" not in results.getvalue()


def test_a_bar_says_how_far_a_step_is(a_lot: Callable[..., Document]) -> None:
    messages = Console(file=io.StringIO(), force_terminal=True, width=100, _environ={})

    with run_progress(messages, Console(file=io.StringIO())) as told:
        told("due", {"step": "hourly", "runs": 3})
        told("run", {"step": "hourly", "inputs": {}})
        told("lot", a_lot(1, flow="hourly"))

    assert "1 of 3 made, 1 judged" in messages.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
