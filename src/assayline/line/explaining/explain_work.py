"""What the process of an explanation does: asks both versions, counts who gains and loses, looks into rows that flipped, and says it.

Runs in a watched child: whatever an artefact does to its process, whoever asked goes on.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline import explain, trials
from assayline.artefacts import Bundle
from assayline.errors import AssaylineError, MisuseError
from assayline.explain import words
from assayline.framing import Plan

from ..models.trial_work import blocks_of, cost_of, opened, table_of
from .answers import Floats, answers_of, kept_answers, plain, scored
from .asked import Asked
from .cases import cases_document
from .changed import differing
from .plans import columns_changed
from .wording import vocabulary

RESULT = "explained.json"
MOST_MIXED = 8  # columns by which a change of rows may be told
MOST_GROUPS = 12


def work(request: Mapping[str, Any], tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Explains one change of version.

    Args:
        request: `before`, `after`: {"label", "artefact", "predictions": path or None}; `set`: {"name", "lot", "digest", "path", "renames"}; `earlier`: the same of the rows that the version
            before was tried on, where these were others, or None; `releases`: as `before`, with "at" and "state", oldest first; `wording`: settings of the model; `first`: columns to show
            first; `seconds`: after which no more precision is bought; `allowed`: digests of pickles that may be opened; `folder` to write to.
        tell: receives {"done", "total", "phase"}.

    Returns:
        `path` of the document, `rows_in`, `rows_out`.

    Raises:
        InputError: an artefact cannot be read, or would run code.
        MisuseError: the two cannot be compared.
    """
    begun = time.monotonic()
    allowed = tuple(request.get("allowed") or ())
    before, after = (opened(request[which]["artefact"], allowed) for which in ("before", "after"))
    asked, answered = _asked(request, before, after, lambda: time.monotonic() - begun > float(request["seconds"]))
    document: dict[str, Any] = {"answered": answered, **_versions(asked)}
    steps: list[tuple[str, Callable[[], dict[str, Any]]]] = [
        ("metrics", lambda: _overall(asked, request)), ("groups", lambda: _groups(asked, request)), ("cases", lambda: cases_document(asked)),
        ("releases", lambda: _releases(asked, request, allowed)), ("importance", lambda: _importance(asked)), ("rows", lambda: _mixed(asked, request)),
    ]  # fmt: skip
    for place, (name, step) in enumerate(steps):
        tell({"done": place, "total": len(steps), "phase": name})
        try:
            document |= step()
        except (AssaylineError, ValueError, ArithmeticError, LookupError, TypeError, pl.exceptions.PolarsError) as error:
            # One part that cannot be told says so in its place; it is never taken for "nothing changed".
            document.setdefault("not_told", []).append(f"{name.capitalize()} could not be told: {type(error).__name__}: {error}")
    path = os.path.join(request["folder"], RESULT)
    with open(path, "w", encoding="utf-8") as out:
        json.dump(plain(document), out, ensure_ascii=True)
    return {"path": path, "rows_in": asked.table.height, "rows_out": 0}


def _asked(request: Mapping[str, Any], before: Bundle, after: Bundle, stop: Callable[[], bool]) -> tuple[Asked, dict[str, Any]]:
    shown = [str(request[which]["label"]) for which in ("before", "after")]
    if before.task != after.task or set(before.classes) != set(after.classes) or before.target != after.target:
        questions = [f"{label} {bundle.target} ({', '.join(bundle.classes) or 'a number'})" for label, bundle in zip(shown, (before, after), strict=True)]
        raise MisuseError(f"the two answer different questions: {' and '.join(questions)}; compare versions that predict the same")
    name, whole = str(request["set"]["name"]), table_of(request["set"])
    y, usable = after.plan.target(whole)
    if not usable.any():
        raise MisuseError(f"no row of the test set {name} has a known {after.target}; label some, and add the set again: assay trial add-set {after.name} FILE --name {name}")
    groups, cost = blocks_of(after, whole), cost_of(after)
    told = [answers_of(one, whole, str(request["set"]["digest"]), request[which]["predictions"], after.classes) for which, one in (("before", before), ("after", after))]
    mine = None if groups is None else groups[usable]
    first, second = (scored(name, label, after, y[usable], said[usable], mine, cost) for label, (said, _) in zip(shown, told, strict=True))
    pair = explain.Pair(first, second, cost)
    table = whole.filter(pl.Series(usable)).filter(pl.Series(pair.answered))
    keys = [key for key in after.plan.problem.keys if key in table.columns]
    said = vocabulary(request.get("wording") or {}, target=after.target, keys=keys, repeats=groups is not None)
    apart = {after.target, *keys}
    answered = {
        "rows": table.height, "unlabelled": int((~usable).sum()), "without_answer": int((~pair.answered).sum()), "before": told[0][1], "after": told[1][1],
    }  # fmt: skip
    return Asked(before, after, table, pair, said, tuple(one for one in table.columns if one not in apart), stop), answered


def _versions(asked: Asked) -> dict[str, Any]:
    before, after, pair = asked.before, asked.after, asked.pair
    packages = [{"python": str(one.environment.get("python", "")), **(one.environment.get("packages") or {})} for one in (before, after)]
    cost_changed = dict(before.cost or {}) != dict(after.cost or {})
    trained = [dict(one.more.get("trained") or {}) for one in (before, after)]
    choice = [str(one.get("choice") or bundle.predictor.kind) for one, bundle in zip(trained, (before, after), strict=True)]
    return {
        "task": after.task, "target": after.target, "classes": list(after.classes), "key": list(after.plan.problem.keys), "owner": after.owner, "purpose": after.purpose,
        "rows_are": asked.said.rows, "counted": {"what": pair.counted, "unit": pair.unit, "per": pair.times},
        "features": {"before": len(before.plan.features), "after": len(after.plan.features), "changed": columns_changed(before.plan, after.plan)},
        "choice": {"before": choice[0], "after": choice[1], "sentence": _kind_sentence(*choice)},
        "environment": differing(*packages), "cost_changed": cost_changed,
        "notes": [f"What wrong answers cost is not the same in both; all amounts here are by the costs of {pair.after.version}."] if cost_changed else [],
    }  # fmt: skip


def _kind_sentence(before: str, after: str) -> str:
    return f"The kind of model is the same: {after}." if before == after else f"The kind of model was {before} and is {after}."


def _overall(asked: Asked, request: Mapping[str, Any]) -> dict[str, Any]:
    pair = asked.pair
    metrics = [*([trials.money(pair.cost)] if pair.cost is not None else []), *trials.usual(pair.after.task, pair.after.minority_share)]
    decides = trials.compare(pair.after, pair.before, metrics[0], request.get("margin"), seed=0)
    overall = []
    for metric in metrics:
        ends = [explain.value_with_interval(one, metric) for one in (pair.before, pair.after)]
        both = trials.compare(pair.after, pair.before, metric, alpha=0.025, seed=0)
        real = bool(both.low > 0 or both.high < 0)
        overall.append(
            {
                "metric": metric.name, "unit": metric.unit, "higher_is_better": metric.higher_is_better, "before": ends[0][0], "before_low": ends[0][1], "before_high": ends[0][2],
                "after": ends[1][0], "after_low": ends[1][1], "after_high": ends[1][2], "difference": metric.sign * both.estimate, "low": min(metric.sign * both.low, metric.sign * both.high),
                "high": max(metric.sign * both.low, metric.sign * both.high), "said": ("better" if both.estimate > 0 else "worse") if real else "no difference shown",
            }
        )  # fmt: skip
    found = explain.outcomes(pair)
    cost = explain.money_of(pair)
    verdict = "identical" if decides.test == "identical" else decides.outcome
    sentences = [words.outcome_sentence(found, asked.said)] if verdict != "identical" else []
    if cost is not None and verdict != "identical":
        sentences.append(words.money_sentence(cost, asked.said))
    return {
        "verdict": decides.outcome, "identical": decides.test == "identical", "metric": metrics[0].name, "more_rows": decides.more_rows, "decided_by": decides.sentence,
        "headline": words.headline(verdict, pair.before.version, pair.after.version, len(pair), asked.said), "sentences": sentences, "overall": overall,
        "outcomes": [{**asdict(one), "sentence": words.happened(one, asked.said)} for one in found],
        "money": None if cost is None else {**asdict(cost), "sentence": words.money_sentence(cost, asked.said)},
    }  # fmt: skip


def _groups(asked: Asked, request: Mapping[str, Any]) -> dict[str, Any]:
    pair, said = asked.pair, asked.said
    found = explain.segments_of(pair, asked.table.select(asked.about), first=[one for one in request.get("first") or () if one in asked.about])
    moved = {
        name: [{**asdict(one), "sentence": words.moved_sentence(one, pair, said), "said": name} for one in several] for name, several in (("lost", found.lost), ("gained", found.gained))
    }
    return {
        "segments": {
            "whole": asdict(found.whole), "shown": [asdict(one) for one in found.shown], **moved, "tested": found.tested, "q": found.q, "floor": found.floor,
            "promise": words.promise(found, said), "sentence": words.groups_sentence(found, said),
        }
    }  # fmt: skip


def _releases(asked: Asked, request: Mapping[str, Any], allowed: tuple[str, ...]) -> dict[str, Any]:
    """The deciding metric over releases; versions whose answers were not kept are asked again while there is time, the newest first."""
    pair, whole = asked.pair, table_of(request["set"])
    y, usable = asked.after.plan.target(whole)
    groups, cost = blocks_of(asked.after, whole), cost_of(asked.after)
    metric = trials.money(cost) if cost is not None else trials.primary(pair.after.task, pair.after.minority_share)
    found: list[trials.Scored] = []
    left_out: list[str] = []
    about: dict[str, Mapping[str, Any]] = {}
    for one in reversed(request["releases"]):
        bundle = opened(one["artefact"], allowed)
        same = bundle.task == asked.after.task and set(bundle.classes) == set(asked.after.classes) and bundle.target == asked.after.target
        must_ask = same and kept_answers(one["predictions"], str(request["set"]["digest"]), whole.height, bool(bundle.classes)) is None
        if not same or (must_ask and asked.stop() and one["label"] not in (pair.before.version, pair.after.version)):
            left_out.append(str(one["label"]))
            continue
        said, _ = answers_of(bundle, whole, str(request["set"]["digest"]), one["predictions"], asked.after.classes)
        version = scored(pair.after.test_set, str(one["label"]), asked.after, y[usable], said[usable], None if groups is None else groups[usable], cost)
        if not version.finite.all():
            left_out.append(str(one["label"]))
            continue
        found.append(version)
        about[version.version] = one
    told = explain.progression(found[::-1], metric)
    document = asdict(told)
    for release in document["releases"]:
        release |= {"at": about[release["version"]]["at"], "state": about[release["version"]]["state"]}
    return {"progression": {**document, "left_out": left_out[::-1], "sentence": _steps_sentence(told)}}


def _steps_sentence(told: explain.Progression) -> str:
    real = [one for one in told.steps if one.said in ("better", "worse")]
    if not told.steps:
        return "There is no other release to compare with."
    if not real:
        return "None of the steps between releases is shown to be more than chance."
    said = "; ".join(f"the step from {one.before} to {one.after} made it {one.said}" for one in real)
    return f"{said[:1].upper()}{said[1:]}."


def _importance(asked: Asked) -> dict[str, Any]:
    pair = asked.pair

    def losses(rows: npt.NDArray[np.int64], said: Floats) -> Floats:
        decisions = pair.cost.decide(said) if isinstance(pair.cost, trials.CostMatrix) and np.isfinite(said).all() else None
        return trials.losses(trials.Scored("", "", pair.after.task, pair.after.classes, pair.after.y[rows], said, None, decisions), pair.cost)

    def ordered(bundle: Bundle) -> Callable[[pl.DataFrame], Floats]:
        order = [bundle.classes.index(name) for name in asked.after.classes]
        return lambda table: bundle.predict(table)[:, order] if order else bundle.predict(table)

    checked = {
        which: explain.checked_importances(ordered(bundle), asked.table, pair.after.y, losses, columns=asked.about) for which, bundle in (("after", asked.after), ("before", asked.before))
    }
    old = {one.column: {"rise": one.rise, "share": one.share, "used": one.used} for one in checked["before"].columns}
    columns = [{**asdict(one), "before": old.get(one.column)} for one in checked["after"].columns]
    plan = asked.after.plan
    for one in columns:
        if isinstance(plan, Plan) and plan.lags and one["column"] == plan.time:  # shuffled times put every earlier row in another place
            one |= {"warns": False, "partner": "", "sentence": f"{one['column']} says which rows are earlier: its figure is also that of everything that is looked up in them."}
    warned = [one["sentence"] for one in columns if one["warns"]]
    return {
        "importance": {
            "columns": columns, "stability": checked["after"].stability, "rows": checked["after"].rows, "is": list(explain.WHAT_IMPORTANCE_IS), "warnings": warned,
        }
    }  # fmt: skip


def _mixed(asked: Asked, request: Mapping[str, Any]) -> dict[str, Any]:
    """Where the version before was tried on other rows: how much of the difference of its figures is who is in the rows, and how much how it goes for them."""
    earlier = request.get("earlier")
    if not earlier:
        return {"mixed": None}
    table = table_of(earlier)
    y, usable = asked.after.plan.target(table)
    if not usable.any():
        return {"mixed": None}
    said, _ = answers_of(asked.before, table, str(earlier["digest"]), request["before"]["predictions"], asked.after.classes)
    cost = asked.pair.cost
    then = scored(str(earlier["name"]), asked.pair.before.version, asked.after, y[usable], said[usable], None, cost)
    rows = table.filter(pl.Series(usable)).filter(pl.Series(then.finite))
    loss = trials.losses(then.rows(then.finite), cost)
    best: tuple[float, str, explain.MixAndRate] | None = None
    for name in [one for one in asked.about if one in rows.columns]:
        codes = _grouped(rows[name], asked.table[name])
        if codes is not None:
            split = explain.mix_and_rate(loss, codes[0], asked.pair.before_loss, codes[1])
            weight = sum(abs(part.mix) for part in split.parts)
            best = max(best, (weight, name, split), key=lambda one: one[0]) if best is not None else (weight, name, split)
    if best is None:
        return {"mixed": None}
    _, column, split = best
    sentence = words.mixed_sentence(split.mix, split.rate, rows.height, asked.table.height, asked.pair)
    return {"mixed": {"column": column, "rows_before": rows.height, "rows_after": asked.table.height, **asdict(split), "sentence": sentence}}


def _grouped(before: pl.Series, after: pl.Series) -> tuple[list[str], list[str]] | None:
    """The same groups on both sides: categories with many rows, or quarters of numbers; None for columns that make no groups."""
    if before.dtype.is_numeric() and after.dtype.is_numeric():
        both = np.concatenate([before.cast(pl.Float64).drop_nulls().to_numpy(), after.cast(pl.Float64).drop_nulls().to_numpy()])
        edges = np.unique(np.quantile(both[np.isfinite(both)], [0.25, 0.5, 0.75])) if np.isfinite(both).any() else np.array([])
        if not len(edges):
            return None
        names = [f"below {edges[0]:.6g}", *(f"{low:.6g} to below {high:.6g}" for low, high in pairwise(edges)), f"{edges[-1]:.6g} or more"]


        def of(side: pl.Series) -> list[str]:
            values = side.cast(pl.Float64).fill_null(float("nan")).to_numpy()
            return [names[int(place)] if known else "missing" for place, known in zip(np.searchsorted(edges, values, side="right"), np.isfinite(values), strict=True)]

        return of(before), of(after)
    if before.dtype.is_nested() or before.dtype == pl.Object:
        return None
    sides = [side.cast(pl.String, strict=False).fill_null("missing") for side in (before, after)]
    kinds = pl.concat([one.alias("kind") for one in sides]).value_counts(sort=True)
    if kinds.height < 2 or kinds.height > len(before) / 5:
        return None
    frequent = set(kinds["kind"].head(MOST_GROUPS).to_list())
    first, second = ([one if one in frequent else "all others" for one in side.to_list()] for side in sides)
    return first, second
