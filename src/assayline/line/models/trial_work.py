"""What the process of the trials does with one version of a model: opened, asked about its golden rows, tried on each test set, compared, judged.

Runs in a watched child: whatever the artefact or somebody's trial does to its process, the runner says so and goes on.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline import trials
from assayline.artefacts import Bundle, check_golden, read
from assayline.core import Finding, InputFacts, Report, Verdict
from assayline.framing import Plan
from assayline.judgement import judge

from ..step_work import read as read_lots
from .aspects import Asked, aspects_of

KEPT = 8  # versions and test sets in memory
RESULT, PREDICTIONS, SCORES = "trial.json", "predictions.parquet", "scores.parquet"
HOLDS, WARNS, NOTES = 0.85, 0.4, 0.2  # severities on the scale of `judgement.Policy`: from 0.8 a finding against the past holds, from 0.3 it warns


@dataclass
class Tried:
    """What came of one version so far."""

    findings: list[Finding] = field(default_factory=list)
    sets: list[dict[str, Any]] = field(default_factory=list)
    predictions: list[pl.DataFrame] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)


def work(request: Mapping[str, Any], tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Put one version on trial.

    Args:
        request: `artefact`: path; `label`: "churn:v8"; `folder` to write to; `sets`: [{"name", "lot", "digest", "path", "renames", "looks"}]; `champion`: {"label", "artefact",
            "predictions": path or None} or None; `earlier`: {set: {digest of its rows: [{"metric", "value"}, …]}}, oldest first; `allowed`: digests of pickles that may be opened; `aspects`:
            names of further aspects; `settings`: of the trials; `look`: only say what the artefact is; `ahead`: only ask it what will be wanted of it next.
        tell: receives {"done", "total", "phase"}.

    Returns:
        `path` of the scores, `rows_in`, `rows_out`; everything else is in `trial.json` beside it.

    Raises:
        InputError: the artefact cannot be read, or would run code.
    """
    bundle = opened(request["artefact"], tuple(request.get("allowed") or ()))
    folder = request["folder"]
    about = facts_of(bundle, request["artefact"])
    if request.get("look"):
        _write(folder, RESULT, about)
        return {"path": os.path.join(folder, RESULT), "rows_in": 0, "rows_out": 0}
    if request.get("ahead"):
        KNOWN.golden(bundle)
        for one in request["sets"]:
            KNOWN.answers(bundle, one)
        return {"path": request["artefact"], "rows_in": 0, "rows_out": 0}
    tried = Tried()
    for sentence in KNOWN.golden(bundle):
        tried.findings.append(_finding("other_answers", sentence, 0.9, suggestion="make it again on this machine, or look at: assay env diff"))
    champion = request.get("champion")

    def other() -> Bundle:
        assert champion is not None
        return opened(champion["artefact"], tuple(request.get("allowed") or ()))

    for number, one in enumerate(request["sets"]):
        tell({"done": number, "total": len(request["sets"]), "phase": one["name"]})
        _try_on(tried, bundle, one, request, other if champion else None)
    if not request["sets"]:
        sentence = f"There is no hosted test set of {bundle.name}, so only its own figures speak for it."
        tried.findings.append(_finding("undecided_trial", sentence, NOTES, suggestion=f"add one: assay trial add-set {bundle.name} FILE"))
    if request.get("tags"):
        worst = request["tags"][0]
        more = f" (and {len(request['tags']) - 1} more)" if len(request["tags"]) > 1 else ""
        sentence = f"It was trained on data of {worst['origin']} that carries the tag {worst['level']}: {worst['sentence']}{more}"
        severity = HOLDS if Verdict.named(worst["level"]) >= Verdict.HOLD else WARNS  # no version is better than what it learned from
        tried.findings.append(_finding("tainted_training_data", sentence, severity, suggestion=f"look at: assay tags {worst['origin']}"))
    verdict, findings = judge(tried.findings, sum(int(one["rows"]) for one in tried.sets))
    rows = max((int(one["rows"]) for one in tried.sets), default=0)
    report = Report(verdict, findings, InputFacts(request["label"], about["digest"], rows, len(bundle.plan.features), format="model"))
    _frames(folder, tried)
    _write(folder, RESULT, {**about, "verdict": str(verdict), "sets": tried.sets, "report": report.as_json()})
    return {"path": os.path.join(folder, SCORES), "rows_in": rows, "rows_out": len(tried.scores)}


@functools.lru_cache(maxsize=8)
def _opened(content: str, allowed: tuple[str, ...]) -> Bundle:
    return read(_paths[content], allowed=allowed)


_paths: dict[str, str] = {}


def opened(path: str, allowed: tuple[str, ...] = ()) -> Bundle:
    """The bundle in a file; the last few are kept by what is in them, since a champion is asked again and again, and the next one is opened ahead."""
    if not os.path.isfile(path):
        return read(path, allowed=allowed)
    with open(path, "rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    _paths[content] = path
    try:
        return _opened(content, allowed)
    finally:
        del _paths[content]


class Known:
    """What was asked of the last versions, so that nothing is asked twice: their golden rows, and the rows of test sets."""

    def __init__(self) -> None:
        self._golden: OrderedDict[str, list[str]] = OrderedDict()
        self._answers: OrderedDict[tuple[str, str], npt.NDArray[np.float64]] = OrderedDict()
        self._tables: OrderedDict[str, pl.DataFrame] = OrderedDict()

    def golden(self, bundle: Bundle) -> list[str]:
        """In which sentences its golden rows give other answers."""
        if bundle.golden is None:  # a model from elsewhere that came before any test set has none
            return []
        return _kept_in(self._golden, bundle.digest, lambda: [one.sentence for one in check_golden(bundle)])

    def table(self, one: Mapping[str, Any]) -> pl.DataFrame:
        """The rows of a test set."""
        return _kept_in(self._tables, str(one["digest"]), lambda: table_of(one))

    def answers(self, bundle: Bundle, one: Mapping[str, Any]) -> npt.NDArray[np.float64]:
        """What a version says of the rows of a test set."""
        return _kept_in(self._answers, (bundle.digest, str(one["digest"])), lambda: bundle.predict(self.table(one)))


K = TypeVar("K")
V = TypeVar("V")


def _kept_in(kept: OrderedDict[K, V], key: K, make: Callable[[], V]) -> V:
    if key not in kept:
        kept[key] = make()
    kept.move_to_end(key)
    while len(kept) > KEPT:
        kept.popitem(last=False)
    return kept[key]


KNOWN = Known()


def facts_of(bundle: Bundle, path: str) -> dict[str, Any]:
    """What people want to know of an artefact before any trial."""
    problem = bundle.plan.problem
    return {
        "name": bundle.name, "version": bundle.version, "digest": bundle.digest, "kind": bundle.predictor.kind, "task": bundle.task, "classes": list(bundle.classes),
        "target": problem.target, "key": list(problem.keys), "time": problem.time, "horizon": problem.horizon, "owner": bundle.owner, "purpose": bundle.purpose,
        "cost": None if bundle.cost is None else dict(bundle.cost), "created": bundle.created, "parents": list(bundle.parents), "code": bundle.code,
        "features": len(bundle.plan.features), "bytes": os.path.getsize(path), "metrics": dict(bundle.metrics), "baselines": sorted(bundle.baselines),
        "trained": dict(bundle.more.get("trained", {})), "environment": dict(bundle.environment),
    }  # fmt: skip


def _try_on(tried: Tried, bundle: Bundle, one: Mapping[str, Any], request: Mapping[str, Any], other: Callable[[], Bundle] | None) -> None:
    name, label = str(one["name"]), str(request["label"])
    table = KNOWN.table(one)
    entry: dict[str, Any] = {"set": name, "lot": one["lot"], "digest": one["digest"], "rows": 0, "unlabelled": 0, "scores": [], "comparisons": []}
    tried.sets.append(entry)
    if bundle.target not in table.columns and not any(note.columns == (bundle.target,) for note in bundle.plan.notes(table)):
        sentence = f"The test set {name} has no column {bundle.target!r}, which {label} predicts; it has {', '.join(table.columns[:20])}."
        tried.findings.append(_finding("failed_trial", sentence, HOLDS, where=name, suggestion=f"add the set again with that column: assay trial add-set {bundle.name} FILE --name {name}"))
        return
    y, usable = bundle.plan.target(table)
    entry["rows"], entry["unlabelled"] = int(usable.sum()), int((~usable).sum())
    if not usable.any():
        tried.findings.append(_finding("undecided_trial", f"No row of the test set {name} has a label.", WARNS, where=name, suggestion="label some rows"))
        return
    cost = cost_of(bundle)
    answers = KNOWN.answers(bundle, one)
    ours, _ = answered(bundle, table, name, label, answers)

    def scored(version: str, answers: npt.NDArray[np.float64]) -> trials.Scored:
        decisions = cost.decide(answers[usable]) if isinstance(cost, trials.CostMatrix) else None
        return replace(ours, version=version, predictions=answers[usable], decisions=decisions)

    tried.predictions.append(_kept(name, one, y, usable, answers))
    metrics = [*([trials.money(cost)] if cost is not None else []), *trials.usual(bundle.task, ours.minority_share)]
    decides = metrics[0]
    for metric in metrics:
        value = metric.value(ours)
        entry["scores"].append({"metric": metric.name, "value": _number(value), "unit": metric.unit, "higher_is_better": metric.higher_is_better})
        tried.scores.append({"test_set": name, "segment": "", "metric": metric.name, "value": value, "low": None, "high": None, "rows": len(ours)})
    margin = (request.get("settings") or {}).get("margin")
    comparison = theirs = None
    if other is not None:
        before, shown = other(), str(request["champion"]["label"])
        said = _champion_answers(request["champion"], one, bundle, before, table.height)
        if said is None:
            sentence = f"{label} answers {', '.join(bundle.classes) or 'numbers'} and {shown} {', '.join(before.classes) or 'numbers'}: the two cannot be compared."
            tried.findings.append(_finding("undecided_trial", sentence, WARNS, where=name, suggestion="sign it, if the question is another one by now"))
        else:
            theirs = scored(shown, said)
            comparison = trials.compare(ours, theirs, decides, margin, seed=0)
            entry["comparisons"].append({"with": shown, "as": "champion", **_compared(comparison)})
            tried.findings += list(_against_champion(comparison, name))
    encoded = bundle.plan.encode(table) if bundle.baselines else None
    for baseline, predictor in bundle.baselines.items():
        assert encoded is not None
        beside = trials.compare(ours, scored(baseline, predictor.predict(encoded)), decides, seed=0)
        entry["comparisons"].append({"with": baseline, "as": "baseline", **_compared(beside)})
        tried.findings += list(_against_baseline(beside, name, baseline))
    tried.findings += list(_against_history(request, one, decides, decides.value(ours), comparison))
    life = trials.shelf_life(name, int(one.get("looks", 0)))
    if life.worn:
        tried.findings.append(_finding("worn_test_set", life.sentence, 0.3, where=name, evidence={"looks": float(life.looks)}, suggestion="label fresh rows and add them as the next version"))
    given = request.get("trained_on")
    trained_on = functools.cache(lambda: read_lots(given).collect()) if given else None
    asked = Asked(bundle, ours, theirs, table.filter(pl.Series(usable)), cost, request.get("settings") or {}, request["artefact"], trained_on)
    found = aspects_of(asked, request.get("aspects"))
    entry["aspects"] = found.document
    tried.findings += found.findings
    tried.scores += found.scores


def answered(
    bundle: Bundle, table: pl.DataFrame, name: str, label: str, answers: npt.NDArray[np.float64] | None = None
) -> tuple[trials.Scored, npt.NDArray[np.bool_]]:
    """What a version answers to the labelled rows of a test set, and which rows these are."""
    y, usable = bundle.plan.target(table)
    groups, cost = blocks_of(bundle, table), cost_of(bundle)
    said = (bundle.predict(table) if answers is None else answers)[usable]
    decisions = cost.decide(said) if isinstance(cost, trials.CostMatrix) else None
    return trials.Scored(name, label, bundle.task, bundle.classes, y[usable], said, None if groups is None else groups[usable], decisions), usable


def table_of(one: Mapping[str, Any]) -> pl.DataFrame:
    """The rows of a lot under the names its flow knows them by."""
    frame = pl.read_parquet(one["path"])
    return frame.rename({new: old for new, old in one["renames"].items() if new in frame.columns})


def blocks_of(bundle: Bundle, table: pl.DataFrame) -> npt.NDArray[np.int64] | None:
    """What rows belong together: those of one key where keys repeat; else neighbours in time, a third root of the rows at a time (Künsch 1989); None for independent rows."""
    if not isinstance(bundle.plan, Plan):
        return None
    groups = bundle.plan.groups(table)
    if groups is not None:
        return np.asarray(groups, dtype=np.int64)
    order = bundle.plan.order(table)
    if order is None or not len(order):
        return None
    place = np.empty(len(order), dtype=np.int64)
    place[np.argsort(order, kind="stable")] = np.arange(len(order))
    return np.asarray(place // max(1, math.ceil(len(order) ** (1 / 3))), dtype=np.int64)


def cost_of(bundle: Bundle) -> trials.Cost | None:
    """What wrong answers cost, where the artefact says it."""
    cost = bundle.cost
    if cost is None:
        return None
    unit = str(cost.get("unit", "money"))
    if "over" in cost:
        return trials.per_unit(over=float(cost["over"]), under=float(cost["under"]), unit=unit)
    return trials.CostMatrix(tuple(cost["classes"]), tuple(tuple(map(float, row)) for row in cost["costs"]), unit)


def _champion_answers(champion: Mapping[str, Any], one: Mapping[str, Any], bundle: Bundle, theirs: Bundle, rows: int) -> npt.NDArray[np.float64] | None:
    """What the champion said of these very rows, as it was kept or asked again, in the order of our classes; None where it knows other classes."""
    if set(theirs.classes) != set(bundle.classes):
        return None
    answers: npt.NDArray[np.float64] | None = None
    if champion.get("predictions"):
        kept = pl.scan_parquet(champion["predictions"]).filter(pl.col("digest") == one["digest"]).sort("row").collect()
        if kept.height == rows:
            answers = kept.select(name for name in kept.columns if name.startswith("p")).to_numpy().astype(np.float64)
            answers = answers if theirs.classes else answers[:, 0]
    if answers is None:
        answers = KNOWN.answers(theirs, one)
    # Which of two classes is the rarer one, and so the second, may have changed between the two trainings.
    return answers[:, [theirs.classes.index(name) for name in bundle.classes]] if bundle.classes else answers


def _kept(name: str, one: Mapping[str, Any], y: npt.NDArray[np.float64], usable: npt.NDArray[np.bool_], answers: npt.NDArray[np.float64]) -> pl.DataFrame:
    """The predictions of each row, so that any later metric, slice or pair of versions can be looked at without running a model."""
    columns = {"p": answers} if answers.ndim == 1 else {f"p{number}": answers[:, number] for number in range(answers.shape[1])}
    frame = pl.DataFrame({"row": np.arange(len(y)), "y": np.where(usable, y, np.nan), **columns})
    return frame.select(pl.lit(name).alias("test_set"), pl.lit(int(one["lot"])).alias("lot"), pl.lit(str(one["digest"])).alias("digest"), pl.all())


def _compared(comparison: trials.Comparison) -> dict[str, Any]:
    found = {name: _number(value) if isinstance(value, float) else value for name, value in asdict(comparison).items()}
    return {**found, "more_rows": comparison.more_rows}


def _against_champion(comparison: trials.Comparison, where: str) -> Sequence[Finding]:
    evidence = {"estimate": comparison.estimate, "low": comparison.low, "high": comparison.high, "margin": comparison.margin, "rows": float(comparison.rows)}
    evidence = {name: value for name, value in evidence.items() if math.isfinite(value)}
    if comparison.outcome in ("worse", "slightly worse"):
        severity = HOLDS if comparison.blocks else WARNS
        return [_finding("worse_than_champion", comparison.sentence, severity, where=where, evidence=evidence, suggestion="keep the champion; look at the rows it lost with --html")]
    if comparison.outcome == "undecided":
        more = f"label {comparison.more_rows:,} more rows" if comparison.more_rows else "label more rows"
        return [_finding("undecided_trial", comparison.sentence, WARNS, where=where, evidence={**evidence, "rows_needed": float(comparison.rows_needed)}, suggestion=more)]
    return []


def _against_baseline(comparison: trials.Comparison, where: str, baseline: str) -> Sequence[Finding]:
    if comparison.outcome in ("worse", "slightly worse"):
        severity = HOLDS if comparison.blocks else WARNS
        return [_finding("worse_than_baseline", comparison.sentence, severity, where=where, suggestion=f"use {baseline}, which costs nothing, or find out why")]
    if baseline == "dummy" and comparison.outcome != "better":
        sentence = f"It is not shown to be better than an answer that ignores the input. {comparison.sentence}"
        return [_finding("worse_than_baseline", sentence, WARNS, where=where, suggestion="look at whether the features say anything about the target")]
    return []


def _against_history(
    request: Mapping[str, Any], one: Mapping[str, Any], metric: trials.Metric, value: float, comparison: trials.Comparison | None
) -> Sequence[Finding]:
    before = [float(item["value"]) for item in (request.get("earlier") or {}).get(one["name"], {}).get(one["digest"], []) if item["metric"] == metric.name]
    if not math.isfinite(value):
        return []
    confirmed = None if comparison is None else comparison.outcome in ("worse", "slightly worse")
    found = trials.history([*before, value], higher_is_better=metric.higher_is_better, confirmed=confirmed or None, name=metric.name)
    if found.state == "sustained":
        severity = HOLDS if confirmed else WARNS
        return [_finding("sustained_decline", found.sentence, severity, where=str(one["name"]), suggestion="look at what changed since the versions before: assay model show --html")]
    if found.state == "outlier":
        return [_finding("outlier_run", found.sentence, 0.3, where=str(one["name"]), suggestion="train once more: one version far off is no trend")]
    return []


def _finding(
    code: str, sentence: str, severity: float, *, where: str | None = None, evidence: Mapping[str, float] | None = None, suggestion: str = ""
) -> Finding:
    return Finding(code, (), sentence, severity, layer="history", where=where, evidence=dict(evidence or {}), suggestion=suggestion)


def _frames(folder: str, tried: Tried) -> None:
    schema = {"test_set": pl.String, "segment": pl.String, "metric": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "rows": pl.Int64}
    pl.DataFrame(tried.scores, schema=schema, orient="row").write_parquet(os.path.join(folder, SCORES))
    if tried.predictions:
        pl.concat(tried.predictions, how="diagonal").write_parquet(os.path.join(folder, PREDICTIONS), compression="zstd")


def _write(folder: str, name: str, document: Mapping[str, Any]) -> None:
    with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
        json.dump(document, out, ensure_ascii=True)


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return float(value) if math.isfinite(value) else None
