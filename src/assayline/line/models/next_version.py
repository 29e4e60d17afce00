"""How the next version of a model is made: the command that does it, as whoever comes next types it in the folder of the project."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from assayline.ledger.records import LotRecord
from assayline.ledger.run_records import RunRecord

APART = ","  # between the columns, or the costs, of one option
NOT_SAID = "cannot be said on the command line"


def training_command(lot: LotRecord, run: RunRecord | None, about: Mapping[str, Any]) -> tuple[str, str]:
    """The command that makes the next version as this one was made, with all that was asked then.

    Args:
        lot: the version.
        run: that made it; None where it came as a file.
        about: what its artefact says of itself; see `trial_work.facts_of`.

    Returns:
        The command, and why there is none or what is to be put in; either may be "".
    """
    if run is not None and run.inputs and run.parameters.get("target"):
        words, lacking = _asked(lot.flow, run.parameters, about)
        return ("", lacking) if lacking else (shlex.join(["assay", "train", next(iter(run.inputs)), *words]), "")
    if lot.facts.get("brought") or not about.get("trained", {}).get("leaderboard"):
        file = lot.facts.get("brought") or "FILE"
        words = [*_option("--model", lot.flow), *_option("--target", str(about.get("target") or "COLUMN"))]
        classes = [str(one) for one in about.get("classes") or ()]
        words += _option("--classes", APART.join(classes)) if classes and not any(APART in one for one in classes) else []
        return shlex.join(["assay", "model", "bring", file, *words]), f"It was made elsewhere and came as the file {file}: put the file of the next one in its place."
    asked = {name: about.get(name) for name in ("target", "key", "time", "horizon")} | {"budget_seconds": about["trained"].get("budget_seconds")}
    words, lacking = _asked(lot.flow, asked, about)
    if lacking:
        return "", lacking
    made = shlex.join(["assay", "train", "TABLE", *words, "--out", "models"])
    return f"{made} && assay trial run models/{lot.flow}-*.assay", "It came as a file: put the table it is to learn from in the place of TABLE."


def _asked(model: str, asked: Mapping[str, Any], about: Mapping[str, Any]) -> tuple[list[str], str]:
    """The options of a training, and which of them cannot be said."""
    words = [*_option("--target", str(asked["target"])), *_option("--name", model), "--budget", f"{_number(asked.get('budget_seconds') or 60)}s"]
    for name in ("key", "drop"):
        columns = [str(one) for one in asked.get(name) or ()]
        if any(APART in one or one != one.strip() for one in columns):
            return [], f"its --{name} names a column with a comma or a blank at its edge, which {NOT_SAID}; write it as a model of a line"
        words += _option(f"--{name}", APART.join(columns))
    for name in ("time", "horizon", "task"):
        words += _option(f"--{name}", str(asked.get(name) or ""))
    words += _option("--seed", str(asked["seed"])) if asked.get("seed") else []
    cost = costs_said(about["cost"]) if about.get("cost") else ""
    if cost is None:
        return [], f"a class in its costs has a comma, a colon or an equals sign in its name, which {NOT_SAID}; write it as a model of a line"
    words += _option("--cost", cost)
    for name in ("owner", "purpose"):
        words += _option(f"--{name}", str(about.get(name) or ""))
    return words, ""


def _option(name: str, value: str) -> list[str]:
    """An option with its value; with an equals sign where the value would be taken for another option."""
    return [] if not value else [f"{name}={value}"] if value.startswith("-") else [name, value]


def _number(value: Any) -> str:
    """
    >>> _number(60.0), _number(0.1), _number(1_000_000)
    ('60', '0.1', '1000000')
    """
    number = float(value)
    return str(int(number)) if number.is_integer() else repr(number)


def costs_said(cost: Mapping[str, Any]) -> str | None:
    """What wrong answers cost as `--cost` takes it; None where that cannot be said.

    >>> costs_said({"classes": ["no", "yes"], "costs": [[0.0, 10.0], [100.0, 0.0]], "unit": "EUR"})
    'no:yes=10,yes:no=100,unit=EUR'
    >>> costs_said({"over": 1.0, "under": 3.0, "unit": "bikes"})
    'over=1,under=3,unit=bikes'
    """
    unit = str(cost.get("unit") or "EUR")
    if "over" in cost:
        return f"over={_number(cost['over'])},under={_number(cost['under'])},unit={unit}"
    pairs: Sequence[Sequence[Any]] = cost.get("pairs") or [
        (truth, answer, price) for truth, row in zip(cost["classes"], cost["costs"], strict=True) for answer, price in zip(cost["classes"], row, strict=True) if truth != answer
    ]
    if any(char in str(one) for truth, answer, _ in pairs for one in (truth, answer) for char in ",:=") or "," in unit:
        return None
    return APART.join([*(f"{truth}:{answer}={_number(price)}" for truth, answer, price in pairs), f"unit={unit}"])
