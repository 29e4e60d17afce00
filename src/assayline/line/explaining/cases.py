"""Rows that flipped, as people can read them: who it is, what both versions said, and what moved the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline import explain, trials
from assayline.artefacts import Bundle
from assayline.explain.flipped import TYPICAL
from assayline.explain.words import amount

from .answers import Floats
from .asked import Asked

LONGEST = 80  # characters of a value that are told


def cases_document(asked: Asked) -> dict[str, Any]:
    """How many rows flipped, and the typical ones with their drivers."""
    pair, said = asked.pair, asked.said
    found = explain.flipped_cases(pair, encoder_of(asked), stop=asked.stop)
    typical = {name: _typical(asked.table[name]) for name in asked.table.columns}
    keys = [key for key in asked.after.plan.problem.keys if key in asked.table.columns]
    cases = []
    for one in found.cases:
        told = asdict(one)
        truth, before, after = _said(asked, one)
        drivers = [
            {**driver, "value": _shown(asked.table[driver["input"]][one.row]) if driver["input"] in asked.table.columns else "", "typical": typical.get(driver["input"], "")}
            for driver in told.pop("drivers")
        ]  # fmt: skip
        who = ", ".join(f"{key} {_shown(asked.table[key][one.row])}" for key in keys) or f"row {one.row + 1}"
        time = asked.after.plan.problem.time
        who += f", {_shown(asked.table[time][one.row])}" if time and time in asked.table.columns and time not in keys else ""
        told |= {
            "who": who, "truth": truth, "before_answer": before, "after_answer": after, "followed": pair.before.classes[one.follow] if one.follow >= 0 else said.target,
            "before_loss": float(pair.before_loss[one.row]), "after_loss": float(pair.after_loss[one.row]), "of": found.lost if one.kind == "lost" else found.gained, "drivers": drivers,
        }  # fmt: skip
        cases.append({**told, "sentence": _sentence(told, asked)})
    if pair.before.task == "regression":
        sentence = (
            f"{found.changed:,} of {found.rows:,} answers moved by more than a tenth of the spread of {said.target}: {found.gained:,} came clearly closer to the truth, "
            f"{found.lost:,} went clearly away from it."
        )
    else:
        sentence = f"{found.changed:,} of {found.rows:,} answers changed: {found.gained:,} were wrong and are right, {found.lost:,} were right and are wrong."
    return {"decides": _decides(asked), "flips": {"rows": found.rows, "changed": found.changed, "lost": found.lost, "gained": found.gained, "cases": cases, "sentence": sentence}}


def _decides(asked: Asked) -> dict[str, Any] | None:
    """From which chance on the second of two classes is answered; None for other tasks."""
    classes, cost = asked.pair.before.classes, asked.pair.cost
    if len(classes) != 2:
        return None
    least = 0.5
    if isinstance(cost, trials.CostMatrix):
        (right, alarm), (missed, hit) = cost.costs
        below, above = alarm - right, missed - hit  # what a false alarm costs more than silence, and a miss more than a hit
        if not (below > 0 and above > 0):
            return None
        least = below / (below + above)
    return {"answer": classes[1], "least": least, "sentence": f"“{classes[1]}” is answered from a chance of about {least:.0%} on."}


def _said(asked: Asked, one: explain.Case) -> tuple[str, str, str]:
    """The truth and both answers, as labels or numbers."""
    pair, classes = asked.pair, asked.pair.before.classes
    if not classes:
        return amount(float(pair.before.y[one.row]), 3), amount(one.before, 3), amount(one.after, 3)
    return classes[int(pair.before.y[one.row])], classes[int(pair.before.decided[one.row])], classes[int(pair.after.decided[one.row])]


def _sentence(told: dict[str, Any], asked: Asked) -> str:
    """What happened to this row, and why, in words."""
    if told["follow"] >= 0:
        moved = f"The chance it is given of “{told['followed']}” went from {_chance(told['before'], told['after'])} to {_chance(told['after'], told['before'])}"
    else:
        moved = f"It was told {told['before_answer']} and is told {told['after_answer']}; the truth is {told['truth']}"
    up = told["after"] >= told["before"]
    along, against = ([_driver(one) for one in told["drivers"] if (one["difference"] > 0) == way] for way in (up, not up))
    if not along:
        return f"{moved}; no single input drove that."
    but = f", and in spite of {_listed(against[:2])}" if against else ""
    return f"{moved}, mostly because of {_listed(along[:3])}{but}."


def _chance(value: float, other: float) -> str:
    """A chance in per cent, with as many decimals as tell it from the other one."""
    return f"{value:.0%}" if abs(value - other) >= 0.03 else f"{value:.1%}" if abs(value - other) >= 0.002 else f"{value:.2%}"


def _listed(named: list[str]) -> str:
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"


def _driver(one: dict[str, Any]) -> str:
    value = f" {one['value']}" if one["value"] else ""
    usual = f" (usually {one['typical']})" if one["typical"] and one["typical"] != one["value"] else ""
    return f"{one['input']}{value}{usual}"


def _typical(column: pl.Series) -> str:
    """The value in the middle of numbers, or the most frequent one."""
    known = column.drop_nulls()
    if not len(known) or known.dtype.is_nested():
        return ""
    if known.dtype.is_numeric():
        middle = known.cast(pl.Float64).median()
        return "" if middle is None else amount(float(middle), 3)  # type: ignore[arg-type]  # a number, as the column holds numbers
    if known.n_unique() > len(known) / 5:
        return ""
    return _shown(known.cast(pl.String, strict=False).value_counts(sort=True)[known.name][0])


def _shown(value: Any) -> str:
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def encoder_of(asked: Asked) -> Callable[[npt.NDArray[np.int64]], tuple[explain.Encoded, explain.Encoded]]:
    """From row numbers to both versions with these rows as cases, in their own matrices; features from earlier rows are an input of their own."""
    rng = np.random.default_rng(0)
    typical = np.sort(rng.choice(asked.table.height, min(asked.table.height, TYPICAL), replace=False))
    matrices = [(bundle, bundle.plan.encode(asked.table), inputs_of(bundle)) for bundle in (asked.before, asked.after)]

    def encode(rows: npt.NDArray[np.int64]) -> tuple[explain.Encoded, explain.Encoded]:
        made = []
        for bundle, matrix, inputs in matrices:
            made.append(explain.Encoded(_in_order(bundle, asked.after.classes), matrix[rows], matrix[typical], inputs))
        return made[0], made[1]

    return encode


def _in_order(bundle: Bundle, classes: tuple[str, ...]) -> Callable[[Floats], Floats]:
    """How a version answers rows of its matrix, the classes in the order of the other version."""
    order = [bundle.classes.index(name) for name in classes]

    def ask(rows: Floats) -> Floats:
        said = np.asarray(bundle.predictor.predict(rows), dtype=np.float64)
        return said[:, order] if order else said

    return ask


def inputs_of(bundle: Bundle) -> dict[str, tuple[int, ...]]:
    """Each input of a version with its columns in the matrix: a column of the table is one input, and what earlier rows of it say another."""
    found: dict[str, list[int]] = {}
    for place, feature in enumerate(bundle.plan.features):
        source = feature.sources[0] if feature.sources else feature.name
        found.setdefault(f"{source} of earlier rows" if feature.kind == "lag" else source, []).append(place)
    return {name: tuple(places) for name, places in found.items()}
