"""`assay train`: any table in, the best model that a budget allows out, beside what it has to beat."""

from __future__ import annotations

import argparse
import os
from typing import Any

from .command import Command
from .project_options import add_project, say, show_or_json, views

EPILOG = """\
examples:
  assay train customers --target churned --budget 60s                 # the released lots of a flow; the model becomes churned:v1, after its trial
  assay train customers.csv --target churned --out models             # any table; no project needed
  assay train hourly --target rides --key station --time hour --horizon 1h --cost over=1,under=3
  assay train customers --target churned --cost yes:no=120,no:yes=10,unit=EUR

exit code: 0 released (or written), 1 there is a warning, or the version is held, 2 nothing could be trained
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("table", help="a flow of the project, or any table that can be scanned")
    parser.add_argument("--target", required=True, metavar="COLUMN", help="what to predict")
    parser.add_argument("--name", metavar="MODEL", help="of the model; default: that of the target")
    parser.add_argument("--budget", default="60s", metavar="TIME", help="of the clock, for everything: 60s, \"5 min\", 1h (default 60s)")
    parser.add_argument("--key", default="", metavar="COLUMNS", help="what a row is about, with commas: rows of one customer are never on both sides of a test")
    parser.add_argument("--time", default="", metavar="COLUMN", help="when a row was: what is learned is tried on what came later")
    parser.add_argument("--horizon", default="", metavar="TIME", help="how far ahead to predict, such as 1h, 7d or a number of rows; default: the row itself")
    parser.add_argument("--task", default="", choices=("", "binary", "multiclass", "regression"), help="default: found from the values")
    parser.add_argument("--drop", default="", metavar="COLUMNS", help="not to be used, with commas")
    parser.add_argument("--cost", metavar="COSTS", help="what wrong answers cost: over=1,under=3 per unit, or TRUE:ANSWERED=COST pairs of classes; unit=EUR")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default 0)")
    parser.add_argument("--owner", default="", help="who answers for the model")
    parser.add_argument("--purpose", default="", help="what it is for, in a sentence")
    parser.add_argument("--out", metavar="DIR", help="write the artefact to this folder, and keep nothing in a project")
    add_project(parser)


def run(options: argparse.Namespace) -> int:
    from contextlib import nullcontext

    from assayline.errors import MisuseError
    from assayline.line.models.fitting import Wish, fit_file, fit_flow, seconds_of
    from assayline.line.project import open_project

    from .gate import tell_owners

    wish = Wish(
        options.target, options.name or _name_of(options.target), key=_columns(options.key), time=options.time, horizon=options.horizon, task=options.task,
        drop=_columns(options.drop), budget_seconds=seconds_of(options.budget), cost=costs_of(options.cost), seed=options.seed, owner=options.owner, purpose=options.purpose,
    )  # fmt: skip
    shown = {} if options.json else views()
    bar = shown["train_progress"]() if "train_progress" in shown else nullcontext()
    is_file = options.out is not None or os.path.exists(options.table)
    if is_file and options.project and options.out is None:
        raise MisuseError(f"{options.table!r} is a file; let it pass the gate first (assay gate FLOW {options.table}) and train on the flow, or name a folder for the artefact with --out")
    if is_file:
        with bar as progress:
            fitted = fit_file(options.table, wish, options.out or ".", on_event=progress)
        show_or_json("trained", {**fitted.told, "version": f"{fitted.told['name']}-{fitted.told['version']}", "path": fitted.path, "lot": None}, options.json)
        return 0
    with open_project(options.project) as project:
        with bar as progress:
            fitted = fit_flow(project, options.table, wish, on_event=progress)
        assert fitted.outcome is not None
        document: dict[str, Any] = {**fitted.told, "path": None, "lot": fitted.outcome.document}
        lot = fitted.outcome.lot
        if lot is not None:
            document |= {"version": f"{lot.flow}:v{lot.place}", "verdict": lot.verdict, "state": lot.state}
            tell_owners(project)
    show_or_json("trained", document, options.json)
    if fitted.outcome.error is not None:
        raise fitted.outcome.error
    if not options.json and lot is not None:
        say(f"Look at it with: assay model show {lot.flow}:v{lot.place}")
    return 0 if lot is not None and lot.verdict == "release" else 1


def _name_of(target: str) -> str:
    """A name for the model of a target: what of it can stand in a name."""
    import re

    return re.sub(r"[^A-Za-z0-9_.-]+", "-", target).strip("-._") or "model"


def _columns(text: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in text.split(",") if one.strip())


def costs_of(text: str | None) -> dict[str, Any] | None:
    """What wrong answers cost, as the artefact keeps it.

    Raises:
        MisuseError: it cannot be read.

    >>> costs_of("over=1,under=3,unit=EUR")
    {'over': 1.0, 'under': 3.0, 'unit': 'EUR'}
    >>> costs_of("yes:no=120,no:yes=10")
    {'pairs': [['yes', 'no', 120.0], ['no', 'yes', 10.0]], 'unit': 'EUR'}
    """
    from assayline.errors import MisuseError

    if text is None:
        return None
    parts = dict(one.partition("=")[::2] for one in text.split(","))
    unit = parts.pop("unit", "EUR").strip()
    try:
        numbers = {name.strip(): float(value) for name, value in parts.items()}
    except ValueError as error:
        raise MisuseError(f"--cost {text!r}: {error}; write over=1,under=3 or TRUE:ANSWERED=COST") from error
    if set(numbers) == {"over", "under"}:
        return {**numbers, "unit": unit}
    if not numbers or not all(name.count(":") == 1 for name in numbers):
        raise MisuseError(f"--cost {text!r}: write over=1,under=3 for numbers, or TRUE:ANSWERED=COST pairs for classes, such as yes:no=120,no:yes=10")
    return {"pairs": [[*name.split(":"), cost] for name, cost in numbers.items()], "unit": unit}


COMMAND = Command("train", "train a model on any table within a budget, beside its baselines", arguments, run)
