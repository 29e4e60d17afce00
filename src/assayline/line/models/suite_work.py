"""What the process does with the trials that people wrote: loads their file, and runs one after another on each test set."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from types import ModuleType
from typing import Any

import polars as pl

from assayline import trials
from assayline.artefacts import Bundle
from assayline.errors import MisuseError

from ..progress import progress
from .suite import TIMED_OUT
from .trial_work import answered, opened, table_of


def work(request: Mapping[str, Any], tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Run the trials of a file, from the one on that comes after those that are done.

    Args:
        request: that of the trial of the version (`trial_work.work`), with `trials`: path of the file; `done`: how many have an outcome; `outcomes`: file to which one line is
            appended when a trial begins and one when it ended.
        tell: is told nothing.

    Raises:
        MisuseError: the file cannot be loaded, or a trial in it wants what there is not.
    """
    bundle = opened(request["artefact"], tuple(request.get("allowed") or ()))
    suite = trials.collected(vars(_module(str(request["trials"]))))
    with open(request["outcomes"], "a", encoding="utf-8", buffering=1) as out:
        for number, (name, one, bench) in enumerate(_each(suite, bundle, request)):
            if number < int(request["done"]):
                continue
            out.write(json.dumps({"begun": name, "timeout_seconds": one.timeout_seconds}) + "\n")
            progress(number + 1)
            on_bench = bench()
            timer = threading.Timer(one.timeout_seconds, os._exit, (TIMED_OUT,))  # an endless loop hears of nothing gentler
            timer.daemon = True
            timer.start()
            case = trials.run_trial(one, on_bench)
            timer.cancel()
            said = {"passed": "passed", "skipped": f"was skipped: {case.sentence}", "failed": f"failed: {case.sentence}", "error": f"broke: {case.sentence}"}[case.state]
            out.write(json.dumps({**asdict(case), "name": name, "outcome": case.state, "said": said, "output": (case.output + case.errors + case.details)[-8_000:]}) + "\n")
    return {"path": str(request["outcomes"]), "rows_in": 0, "rows_out": 0}


def _each(suite: tuple[trials.Trial, ...], bundle: Bundle, request: Mapping[str, Any]) -> Iterator[tuple[str, trials.Trial, Callable[[], trials.Bench]]]:
    """Every trial on every test set; rows are read, and the version asked, when the first trial needs them."""
    for one in request["sets"]:
        made: list[trials.Bench] = []

        def bench(one: Mapping[str, Any] = one, made: list[trials.Bench] = made) -> trials.Bench:
            if not made:
                table = table_of(one)
                scored, usable = answered(bundle, table, str(one["name"]), str(request["label"]))
                facts = {"owner": bundle.owner, "purpose": bundle.purpose, "artefact_bytes": os.path.getsize(request["artefact"])}
                made.append(trials.bench_of(table.filter(pl.Series(usable)), scored, predict=bundle.predict, facts=facts))
            return made[0]

        for trial in suite:
            yield f"{trial.name} on {one['name']}", trial, bench


def _module(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("assay_trials", path)
    if spec is None or spec.loader is None:
        raise MisuseError(f"{path}: trials are a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules["assay_trials"] = module
    spec.loader.exec_module(module)
    return module
