"""The command that makes the next version says all that was asked of this one."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import replace
from typing import Any

import pytest

from assayline.ledger.records import LotRecord
from assayline.ledger.run_records import RunRecord
from assayline.line.models.next_version import costs_said, training_command

LOT = LotRecord(7, "churn", 2, "sha256:1", "churn-v2.assay", "2026-01-01", "release", "released", True, 1, {}, {}, (), (), (), {}, {})
ASKED = {"target": "left?", "task": "binary", "key": ["customer id"], "time": "day", "horizon": "-7d", "drop": ["a", "b"], "budget_seconds": 1_000_000.0, "seed": 4}
RUN = RunRecord(1, "", "churn", "", "", "done", "2026-01-01", 7, {"customers": (1,)}, "", ASKED, "", {}, {}, "")
ABOUT: dict[str, Any] = {
    "target": "left?", "owner": "ana & co", "purpose": "Who's leaving; $HOME `x`", "cost": {"classes": ["no", "yes"], "costs": [[0, 0.1], [1e7, 0]], "unit": "EUR"}, "trained": {},
}  # fmt: skip


def parsed(command: str) -> argparse.Namespace:
    from assayline.cli import train

    parser = argparse.ArgumentParser()
    train.arguments(parser)
    return parser.parse_args(shlex.split(command)[2:])


def test_everything_that_was_asked_comes_back_through_a_shell() -> None:
    pytest.importorskip("assayline.cli")
    command, lacking = training_command(LOT, RUN, ABOUT)

    told = parsed(command)
    assert lacking == ""
    assert (told.table, told.target, told.name, told.key) == ("customers", "left?", "churn", "customer id")
    assert (told.time, told.horizon, told.task, told.drop, told.seed) == ("day", "-7d", "binary", "a,b", 4)
    assert (told.budget, told.owner, told.purpose) == ("1000000s", "ana & co", "Who's leaving; $HOME `x`")
    assert told.cost == "no:yes=0.1,yes:no=10000000,unit=EUR"


def test_what_the_command_line_cannot_say_is_no_command() -> None:
    for asked, about in ((ASKED | {"key": ["a,b"]}, ABOUT), (ASKED, ABOUT | {"cost": {"classes": ["a:b", "c"], "costs": [[0, 1], [1, 0]]}})):
        command, lacking = training_command(LOT, replace(RUN, parameters=asked), about)

        assert command == ""
        assert "cannot be said on the command line" in lacking


def test_a_model_that_came_as_a_file_says_which_file_to_bring() -> None:
    brought = replace(LOT, facts={"brought": "old model.onnx"})
    command, lacking = training_command(brought, None, {"target": "left", "classes": ["no", "yes"], "trained": {"notes": ["x"]}})

    assert command == "assay model bring 'old model.onnx' --model churn --target left --classes no,yes"
    assert "came as the file old model.onnx" in lacking


def test_costs_per_unit_come_back() -> None:
    assert costs_said({"over": 1, "under": 2.5, "unit": "bikes"}) == "over=1,under=2.5,unit=bikes"
