"""The aspects of quality beside the score: parts of the rows, groups of people, faults in the input, what columns are worth, what an answer costs."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline import trials
from assayline.artefacts import Bundle
from assayline.core import Finding
from assayline.errors import AssaylineError
from assayline.framing import Plan

HOLDS, WARNS, SLIGHT, NOTES = 0.85, 0.4, 0.35, 0.2  # severities, as in `trial_work`
MOST_SAID = 3  # findings of one aspect; the page shows all
MOST_SHOWN = 50
MOST_SHARED = 0.01  # of the test rows; few columns with few values repeat by chance
UNSTABLE = 0.7  # rank correlation below which an order of importance is not one (see trials/importance.py)
TIMED_ROWS = 200
MOST_ASKED = 4_000  # trained rows that privacy looks at
MOST_WRONG = 0.03  # of the labels, as confident learning guesses; below it is mostly the model that is wrong
EXACT = ("reordered_rows", "reordered_columns", "added_column", "row_alone")  # faults that must not change any answer


@dataclass(frozen=True)
class Asked:
    """One version on one test set.

    Args:
        bundle: the version.
        ours: its answers.
        theirs: those of the champion to the same rows, or None.
        table: the rows.
        cost: what wrong answers cost, or None.
        settings: of the trials.
        artefact: path of its file.
        trained_on: gives the rows it was trained on; None where they are not known.
    """

    bundle: Bundle
    ours: trials.Scored
    theirs: trials.Scored | None
    table: pl.DataFrame
    cost: trials.Cost | None
    settings: Mapping[str, Any]
    artefact: str
    trained_on: Callable[[], pl.DataFrame] | None = None

    @property
    def where(self) -> str:
        """The test set."""
        return self.ours.test_set

    @property
    def about(self) -> tuple[str, ...]:
        """Columns that are neither the target nor a key."""
        apart = {self.bundle.target, *self.bundle.plan.problem.keys}
        return tuple(name for name in self.table.columns if name not in apart)

    def losses(self, rows: npt.NDArray[np.int64], answers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """How wrong other answers to some of the rows are."""
        decisions = self.cost.decide(answers) if isinstance(self.cost, trials.CostMatrix) and np.isfinite(answers).all() else None
        return trials.losses(trials.Scored(self.where, "", self.ours.task, self.ours.classes, self.ours.y[rows], answers, None, decisions), self.cost)

    def finding(self, code: str, sentence: str, severity: float, suggestion: str = "", columns: tuple[str, ...] = ()) -> Finding:
        """One that is about this test set."""
        return Finding(code, columns, sentence, severity, layer="history", where=self.where, suggestion=suggestion)


@dataclass
class Aspects:
    """What the aspects said of one version on one test set."""

    findings: list[Finding] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)
    document: dict[str, Any] = field(default_factory=dict)


def aspects_of(asked: Asked, names: object) -> Aspects:
    """Looks at the named aspects.

    Args:
        asked: the version and the test set.
        names: a list of names of `ASPECTS`; all when None.

    An aspect that cannot be looked at says so on the page, and the others are looked at; it is never taken for a pass.
    """
    found = Aspects()
    for name, look in ASPECTS.items():
        if isinstance(names, list) and name not in names:
            continue
        try:
            look(asked, found)
        except (AssaylineError, ValueError, ArithmeticError, LookupError, TypeError, pl.exceptions.PolarsError) as error:
            sentence = f"{name.capitalize()} could not be looked at: {type(error).__name__}: {error}"
            found.document[name] = {"sentence": sentence}
            found.findings.append(asked.finding("failed_trial", sentence, SLIGHT, "report it, with the artefact and the test set"))
    return found


def _separation(asked: Asked, found: Aspects) -> None:
    """Rows of the test set that the version was trained on: what is known by heart proves nothing."""
    if asked.trained_on is None:
        return
    told = trials.shared_rows(asked.trained_on(), asked.table)
    found.document["separation"] = {"rows": len(told.rows), "share": told.share, "sentence": told.sentence}
    if told.share > MOST_SHARED:
        found.findings.append(asked.finding("test_rows_in_training", told.sentence, WARNS, "label rows that it has not seen; of these it knows the answers by heart"))


def _flips(asked: Asked, found: Aspects) -> None:
    if asked.theirs is None or asked.ours.task == "regression":
        return
    told = trials.flips(asked.ours, asked.theirs)
    found.document["flips"] = _plain(asdict(told))


def _privacy(asked: Asked, found: Aspects) -> None:
    read = trials.personal_features(asked.table.select(asked.about))
    said: list[dict[str, Any]] = [_plain(asdict(one)) for one in read]
    for one in [one for one in read if one.by == "values"][:MOST_SAID]:
        found.findings.append(asked.finding("personal_data", one.sentence, SLIGHT, "leave it out, or write down why it is needed", (one.column,)))
    if asked.trained_on is not None and isinstance(asked.bundle.plan, Plan):
        train = asked.trained_on()
        y, usable = asked.bundle.plan.target(train)
        chosen = np.flatnonzero(usable)[:: max(1, int(usable.sum()) // MOST_ASKED)]
        inside, outside = asked.bundle.plan.encode(train[chosen]), asked.bundle.plan.encode(asked.table)
        answers = asked.bundle.predictor.predict(inside)
        membership = trials.membership(_surprise(y[chosen], answers), _surprise(asked.ours.y, asked.ours.predictions))
        memory = trials.memorised(inside, y[chosen], answers, outside, asked.ours.y, asked.ours.predictions)
        said += [_plain(asdict(membership)), _plain({**asdict(memory), "rows": len(memory.rows)})]
        for sentence, exposed in ((membership.sentence, membership.exposed), (memory.sentence, memory.found)):
            if exposed:
                found.findings.append(asked.finding("memorised_rows", sentence, WARNS, "more rows, a smaller model, or more regularisation; do not let strangers ask it row by row"))
    found.document["privacy"] = said


def _surprise(y: npt.NDArray[np.float64], answers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The loss of each row by which trained rows give themselves away."""
    if answers.ndim == 1:
        return np.asarray(np.abs(answers - y))
    return np.asarray(-np.log(np.maximum(answers[np.arange(len(y)), y.astype(np.int64)], 1e-12)))


def _security(asked: Asked, found: Aspects) -> None:
    members = {name: content for name, content in asked.bundle.members().items() if not name.startswith("golden/") and name not in ("profile.bin", "manifest.json")}
    owner = asked.bundle.owner
    # Among the digits of a model some look like a card number by chance; words stand in the documents only.
    told = [
        one for one in trials.secrets_in(members)
        if not (one.kind == "e-mail address" and owner) and not (one.kind in ("card number", "bank account") and not one.member.endswith(".json"))
    ]  # fmt: skip
    found.document["security"] = [_plain(asdict(one)) for one in told[:MOST_SHOWN]]
    for one in told[:MOST_SAID]:
        severe = one.kind not in ("e-mail address", "card number", "bank account")
        found.findings.append(asked.finding("secret_in_artefact", one.sentence, HOLDS if severe else SLIGHT, "make the artefact again without it; if it is a key, have it replaced"))


def _labels(asked: Asked, found: Aspects) -> None:
    if asked.ours.task == "regression":
        return
    told = trials.suspects(asked.ours.y.astype(np.int64), asked.ours.predictions, asked.ours.classes)
    found.document["labels"] = {**_plain(asdict(told)), "ranked": [_plain(asdict(one)) for one in told.ranked[:MOST_SHOWN]]}
    if told.share > MOST_WRONG and told.ranked:
        found.findings.append(asked.finding("label_errors", told.sentence, NOTES, "let somebody look at the first rows of the list (assay model show --json)"))


def _slices(asked: Asked, found: Aspects) -> None:
    ours = trials.losses(asked.ours, asked.cost)
    unit = "" if asked.cost is None else asked.cost.unit
    if asked.theirs is not None:
        tested = trials.slices(asked.table.select(asked.about), ours - trials.losses(asked.theirs, asked.cost), groups=asked.ours.groups, unit=unit)
    else:
        tested = trials.slices(asked.table.select(asked.about), ours, against="rest", groups=asked.ours.groups, unit=unit)
    found.document["slices"] = [_plain(asdict(one)) for one in tested[:MOST_SHOWN]]
    named = [one for one in tested if one.found]
    for one in named[:MOST_SAID]:
        worse = WARNS if asked.theirs is not None else NOTES  # harder rows than others are a fact, not a fault
        found.findings.append(asked.finding("weak_slice", one.sentence, worse, "look at these rows; more of them to learn from, or a rule that keeps the champion there", one.columns))
    for one in named:
        found.scores.append(
            {"test_set": asked.where, "segment": " and ".join(one.conditions), "metric": "loss_more", "value": one.effect, "low": one.low, "high": None, "rows": one.rows}
        )


def _fairness(asked: Asked, found: Aspects) -> None:
    there = [name for name in asked.settings.get("protected") or () if name in asked.table.columns]
    if not there:
        return
    gaps = trials.fairness(asked.ours, asked.table.select(there))
    found.document["fairness"] = [_plain(asdict(one)) for one in gaps[:MOST_SHOWN]]
    for one in [one for one in gaps if one.unequal][:MOST_SAID]:
        found.findings.append(asked.finding("fairness_gap", one.sentence, WARNS, "ask whether it is wanted and allowed; other thresholds or other rows can mend it", (one.column,)))


def _robustness(asked: Asked, found: Aspects) -> None:
    tried = trials.robustness(asked.bundle.predict, asked.table, losses=asked.losses, keep=(asked.bundle.target, *asked.bundle.plan.problem.keys))
    found.document["robustness"] = [_plain(asdict(one)) for one in tried[:MOST_SHOWN]]
    for one in [one for one in tried if one.fragile][:MOST_SAID]:
        plain = bool(one.failure) or one.non_finite or one.code in EXACT
        found.findings.append(
            asked.finding("fragile_model", one.sentence, HOLDS if plain else SLIGHT, "a gate in front of the model keeps such rows from it", (one.column,) if one.column else ())
        )


def _importance(asked: Asked, found: Aspects) -> None:
    told = trials.importances(asked.bundle.predict, asked.table, asked.ours.y, asked.losses, columns=asked.about)
    found.document["importance"] = [{**_plain(asdict(one)), "sentence": one.note} for one in told.columns[:MOST_SHOWN]]
    found.document["importance_stability"] = {"value": _plain(told.stability), "rows": told.rows}
    if told.stability < UNSTABLE and sum(one.used for one in told.columns) > 1:
        sentence = f"The order of importance changes from sample to sample (rank correlation {told.stability:.2f}): do not tell it as a reason."
        found.findings.append(asked.finding("unstable_importance", sentence, NOTES))


def _scalability(asked: Asked, found: Aspects) -> None:
    size = os.path.getsize(asked.artefact)
    row, rows = _row_seconds(asked), asked.table
    begun = time.perf_counter()
    asked.bundle.predict(rows)
    batch = time.perf_counter() - begun
    found.document["scalability"] = {
        "size_bytes": size, "row_seconds": row, "batch_rows": rows.height, "batch_seconds": batch,
        "sentence": f"One row takes {row * 1e3:.2f} ms, {rows.height:,} rows {batch:.2f} s; the artefact has {size:,} bytes.",
    }  # fmt: skip
    most, largest = float(asked.settings.get("row_milliseconds") or 0), float(asked.settings.get("size_mib") or 0) * (1 << 20)
    if most and row * 1e3 > most:
        found.findings.append(asked.finding("slow_model", f"One row takes {row * 1e3:.2f} ms, more than the budget of {most:g} ms.", HOLDS, "a smaller model, or another budget"))
    if largest and size > largest:
        found.findings.append(asked.finding("large_model", f"The artefact has {size:,} bytes, more than the budget of {largest:,.0f}.", HOLDS, "a smaller model, or another budget"))


def _row_seconds(asked: Asked) -> float:
    """The median time of one row, the way an endpoint asks."""
    predict = asked.bundle.row_predictor()
    given = asked.table.head(TIMED_ROWS).to_dicts()
    spent = []
    for row in given[: TIMED_ROWS // 10] + given:  # the first ones warm up
        begun = time.perf_counter()
        predict(row)
        spent.append(time.perf_counter() - begun)
    return float(np.median(spent[TIMED_ROWS // 10 :])) if spent else 0.0


Look = Callable[[Asked, Aspects], None]
ASPECTS: Mapping[str, Look] = {
    "separation": _separation, "slices": _slices, "flips": _flips, "fairness": _fairness, "robustness": _robustness, "importance": _importance, "privacy": _privacy,
    "security": _security, "scalability": _scalability, "labels": _labels,
}  # fmt: skip


def _plain(value: Any) -> Any:
    """As JSON values; a number that is none is null."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
