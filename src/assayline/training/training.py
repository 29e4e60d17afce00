"""A model for any table within a budget: baselines, a race of candidates, a blend, and a choice that can say why."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from assayline.artefacts import Blend, Constant, Predictor, Seasonal
from assayline.errors import MisuseError
from assayline.framing import Plan, Problem, frame

from .blending import honest, weights
from .boosting import engine
from .calibrating import calibration, onto
from .choosing import Choice, Contender, choose
from .clock import Clock
from .conformal import set_bounds, spread
from .costs import Cost, check, decision_of_classes, decision_of_numbers
from .curves import feature_curves, learning_curve
from .race import SIMPLICITY, Entry, Race, Watch
from .recipes import PLAIN_ROUNDS, Recipe, plain
from .sample import Floats, Sample, Whole, sampled
from .scores import interval, losses, primary
from .trained import Row, Trained

LEAST_ROWS = 8  # labelled rows: fewer cannot be learned from and tested on
FRAMED_CELLS = 250_000  # cells framed for each second of the budget: framing takes 0.5 to 1 µs a cell, and it cannot be stopped half-way
BLENDED = 16  # entries that a blend may choose from
WORST = 1.0  # relative loss over the best entry, above which an entry is not even looked at for the blend


def train(
    table: pl.DataFrame, problem: Problem, *, budget_seconds: float, cost: Cost | None = None, seed: int = 0, watch: Watch | None = None, threads: int = 1,
) -> Trained:  # fmt: skip
    """The best model for a table that a budget allows.

    There is a model at every moment (`watch` sees it), and the budget holds: every fit is estimated before it starts and stopped when its time is up. A dummy, a linear
    model, plain trees and, where there is a time, the usual value of the season stand beside the candidates.

    Args:
        table: the training rows as they come.
        problem: what is to be predicted.
        budget_seconds: of wall time for everything, above 0.
        cost: what mistakes cost: `per_unit(over=…, under=…)` for numbers, {truth: {decision: cost}} or a square of numbers for classes.
        seed: of whatever is drawn. Fits depend on it alone; how many of them the budget allows depends on the machine.
        watch: is called with where things stand, after every fit.
        threads: of LightGBM and of linear algebra.

    Returns:
        The model and everything that was measured.

    Raises:
        MisuseError: no target, too few labelled rows, a cost that does not fit the task.
        MissingExtra: `assayline[models]` is not installed.

    >>> rows = pl.DataFrame({"size": [one / 4 for one in range(60)], "price": [3 * one / 4 + 1 + one % 3 / 10 for one in range(60)]})
    >>> found = train(rows, Problem("price", task="regression"), budget_seconds=3)
    >>> found.choice.name, found.predict(pl.DataFrame({"size": [10.0]})).round().tolist()
    ('linear', [31.0])
    """
    clock = Clock(budget_seconds, started=time.perf_counter())
    if not math.isfinite(budget_seconds) or budget_seconds <= 0:
        raise MisuseError(f"the budget is {budget_seconds!r} seconds: give a positive number")
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships no types

    notes: list[str] = []
    table = _affordable(table, budget_seconds, seed, notes)
    plan = frame(table, problem, seed=seed)
    check(cost, plan.classes)
    sample = sampled(plan, table)
    if sample.rows < LEAST_ROWS:
        raise MisuseError(f"{sample.rows} rows have a known {problem.target!r}: give at least {LEAST_ROWS}, or check that the target is the right column")
    notes += [f"{leak.column} is left out ({leak.reason}): {leak.evidence}" for leak in plan.leaks]
    if not sample.names or sample.y.min() == sample.y.max():
        return _constant(plan, sample, clock, seed, notes)
    engine()
    with threadpool_limits(threads):
        race = Race(sample, clock, seed, threads, watch, notes=notes)
        _run(race, plan)
        return _finished(race, plan, cost)


def _affordable(table: pl.DataFrame, budget_seconds: float, seed: int, notes: list[str]) -> pl.DataFrame:
    most = max(int(FRAMED_CELLS * budget_seconds / max(table.width, 1)), 1_000)
    if table.height <= most:
        return table
    notes.append(f"{most:,} of {table.height:,} rows were drawn: more could not have been framed within the budget")
    return table[np.sort(np.random.default_rng(seed).choice(table.height, most, replace=False))]


def _constant(plan: Plan, sample: Sample, clock: Clock, seed: int, notes: list[str]) -> Trained:
    """Where nothing can be learned the dummy is the model."""
    cause = "no column tells anything" if not sample.names else "all rows have the same target"
    if sample.classes:
        counts = np.bincount(sample.y.astype(np.int64), minlength=sample.classes)
        model = Constant.of(counts / counts.sum())
    else:
        model = Constant.of(float(sample.y.mean()))
    choice = Choice("dummy", f"dummy: {cause}.", "dummy")
    return Trained(
        plan, model, {"dummy": model}, primary(sample).name, (), choice, "none", f"{cause}: nothing was split", notes=tuple(notes), rows=sample.rows, seconds=clock.spent,
        budget_seconds=clock.budget_seconds, seed=seed,
    )  # fmt: skip


# ---- the race


def _run(race: Race, plan: Plan) -> None:
    model = race.dummy()
    race.front = ("dummy", float("nan"), lambda: model)
    race.tell("dummy")
    race.first_model()
    race.choose_folds()
    race.keep_seconds = _reserve(race)
    race.stage = "baselines"
    race.enter_dummy()
    race.run(plain(), SIMPLICITY["plain"], 0.3 * race.left)
    race.run(Recipe("linear", "linear"), SIMPLICITY["linear"], 0.15 * race.left)
    _enter_seasonal(race, plan)
    if race.left > 0.3 * race.clock.usable:
        race.run(race.bent_recipe(), SIMPLICITY["bent"], 0.1 * race.left)
    race.finals(race.heats())


def _reserve(race: Race) -> float:
    """Seconds for the blend, the intervals, the curves and the files."""
    usable = race.clock.usable
    return float(np.clip(0.4 + 6.0 * PLAIN_ROUNDS * race.round_seconds, 0.08 * usable, 0.2 * usable))


def _enter_seasonal(race: Race, plan: Plan) -> None:
    """The last value, or what is usual for the key, hour and weekday; where rows have a time."""
    if race.sample.order is None:
        return
    begin, said = race.clock.now(), race._blank()
    columns = _season(plan, race.sample)
    lag = next((at for at, feature in enumerate(plan.features) if feature.kind == "lag"), None) if not race.sample.classes else None
    if lag is None and not columns:
        return
    for learn, test in race.splits.folds:
        said[race._at(test)] = _seasonal(race.sample, learn, lag, columns).predict(race.sample.X[test])
    model = _seasonal(race.sample, np.arange(race.sample.rows), lag, columns)
    race.enter(Recipe("seasonal", "seasonal"), said, [lambda: model], race.clock.now() - begin, 0, SIMPLICITY["seasonal"])


def _season(plan: Plan, sample: Sample) -> list[int]:
    """Positions of the key's codes, the hour and the weekday, while their combinations are fewer than a quarter of the rows."""
    features = plan.features
    wanted = [at for at, one in enumerate(features) if one.categories and one.sources and one.sources[0] in plan.problem.keys]
    wanted += [at for part in ("hour", "weekday", "month") for at, one in enumerate(features) if one.kind == "time" and one.name.endswith(f":{part}")]
    found, cells = list[int](), 1.0
    for at in wanted:
        most = np.nanmax(sample.X[:, at], initial=0.0) + 1
        if cells * most <= sample.rows / 4:
            found.append(at)
            cells *= most
    return found


def _seasonal(sample: Sample, rows: Whole, lag: int | None, columns: Sequence[int]) -> Seasonal:
    X, y = sample.X[rows], sample.y[rows]
    fallback: float | Floats = float(y.mean())
    if sample.classes:
        fallback = np.bincount(y.astype(np.int64), minlength=sample.classes) / len(y)
    memories: list[object] = [Seasonal.last(lag)] if lag is not None else []
    if columns:
        memories.append(Seasonal.usual(X, y, columns, classes=sample.classes))
    return Seasonal.of(memories, fallback, width=len(sample.names))  # type: ignore[arg-type]  # both kinds of memory


# ---- the choice and what follows


def _finished(race: Race, plan: Plan, cost: Cost | None) -> Trained:
    race.stage = "choice"
    sample, metric = race.sample, race.metric
    folds = _positions(race)
    contenders = [_contender(race, one.name, one.simplicity, one.said, one.score, one.scores) for one in race.entries]
    pool = _pool(race)
    said = None
    if len(pool) > 1 and race.clock.left > 0.25 * race.keep_seconds:
        said = honest(race.y, [one.said for one in pool], folds, seed=race.seed)
        contenders.append(_contender(race, "blend", SIMPLICITY["blend"], said, metric.value(race.y, said), metric.of(race.y, said, race.weights)))
    choice = choose(_shortlist(contenders), metric)
    if choice.name == "blend" and said is not None:
        predictor, seconds = _blend(pool, weights(race.y, [one.said for one in pool], seed=race.seed)), sum(one.seconds for one in pool)
    else:
        entry = next(one for one in race.entries if one.name == choice.name)
        predictor, said, seconds = entry.predictor(), entry.said, entry.seconds
    race.front = (choice.name, metric.value(race.y, said), lambda: predictor)
    race.tell(choice.name)
    bare = predictor
    trained = Trained(
        plan, predictor, {one.name: one.predictor() for one in race.entries if one.name in ("dummy", "seasonal", "linear", plain().name)}, metric.name, (), choice,
        race.splits.kind, race.splits.why, rows=sample.rows, seed=race.seed,
    )  # fmt: skip
    if sample.classes:
        trained = _probable(trained, race, said, folds, cost)
    else:
        trained = _spread(trained, race, said, folds, cost)
    board = _leaderboard(race, contenders, choice, bare, seconds)
    curve = learning_curve(race, race.clock.left - 0.1)
    features = feature_curves(race, race.clock.left - 0.1)
    notes = [*race.notes, *(f"there was no time for {what}" for what, one in (("the learning curve", curve), ("the curves of features", features)) if one is None)]
    return replace(
        trained, leaderboard=board, learning_curve=curve, feature_curves=features, notes=tuple(notes), seconds=race.clock.spent, budget_seconds=race.clock.budget_seconds,
        importance=_importance(race),
    )  # fmt: skip


def _importance(race: Race) -> tuple[tuple[str, float], ...]:
    total = float(race.gains.sum())
    if not total > 0:
        return ()
    order = sorted(range(len(race.gains)), key=lambda at: (-race.gains[at], at))
    return tuple((race.sample.names[at], float(race.gains[at] / total)) for at in order if race.gains[at] > 0)


def _contender(race: Race, name: str, simplicity: int, said: Floats, score: float, scores: Floats) -> Contender:
    each = losses(race.y, said)
    unit = float(each.max(initial=0.0)) or 1.0
    redrawn = np.asarray(race.weights @ (each / unit).astype(np.float32), dtype=np.float64) / np.maximum(race.weights.sum(axis=1), 1e-9) * unit
    return Contender(name, simplicity, score, scores, float(each.mean()), redrawn)


def _shortlist(contenders: Sequence[Contender]) -> list[Contender]:
    """One of each kind: of many candidates the one with the least loss, for the best score of many is the luckiest."""
    kinds: dict[int, Contender] = {}
    for one in contenders:
        held = kinds.get(one.simplicity)
        if np.isfinite(one.loss) and (held is None or one.loss < held.loss):
            kinds[one.simplicity] = one
    return list(kinds.values()) or list(contenders[:1])


def _positions(race: Race) -> list[Whole]:
    """The folds as positions among the scored rows; of a single fold five parts, so that what is learned from its predictions can be tested."""
    if len(race.splits.folds) > 1:
        return [race._at(test) for _, test in race.splits.folds]
    place = np.random.default_rng(race.seed).permutation(len(race.rows)) % 5
    return [np.flatnonzero(place == one) for one in range(min(5, len(race.rows)))]


def _pool(race: Race) -> list[Entry]:
    """The entries that a blend chooses from."""
    costs = {id(one): float(losses(race.y, one.said).mean()) for one in race.entries}
    usable = [one for one in race.entries if np.isfinite(costs[id(one)]) and one.simplicity > SIMPLICITY["dummy"]]
    if not usable:
        return []
    least = min(costs[id(one)] for one in usable)
    near = [one for one in usable if costs[id(one)] <= least * (1 + WORST)]
    return sorted(near, key=lambda one: costs[id(one)])[:BLENDED]


def _blend(pool: Sequence[Entry], share: Floats) -> Predictor:
    """One blend of all the parts."""
    parts, amounts = list[Predictor](), list[float]()
    for entry, weight in zip(pool, share, strict=True):
        if weight > 0:
            parts += [part() for part in entry.parts]
            amounts += [float(weight) / len(entry.parts)] * len(entry.parts)
    return parts[0] if len(parts) == 1 else Blend.of(parts, amounts)


def _probable(trained: Trained, race: Race, said: Floats, folds: Sequence[Whole], cost: Cost | None) -> Trained:
    # Pooling of neighbours is a loop over rows, once for each fold and once for all.
    tries = () if 3e-6 * len(race.rows) * (len(folds) + 1) < 0.3 * race.clock.left else ("platt", "temperature")
    found, learned = calibration(race.y, said, folds, race.weights, tries=tries)
    if learned is not None:
        said = learned.mapped(said)
        trained = replace(trained, predictor=onto(trained.predictor, learned))
    decision = decision_of_classes(cost, trained.plan.classes, race.y, said, race.weights) if cost is not None else None
    return replace(trained, calibration=found, set_bounds=set_bounds(race.y, said), decision=decision)


def _spread(trained: Trained, race: Race, said: Floats, folds: Sequence[Whole], cost: Cost | None) -> Trained:
    found = spread(race.binned, race.rows, said, folds, race.weights, race.clock, 0.5 * race.clock.left, seed=race.seed)
    decision = decision_of_numbers(cost, found, folds, race.weights) if cost is not None else None
    return replace(trained, predictor=found.around(trained.predictor, seed=race.seed), reaches=found.reaches(), decision=decision)


def _leaderboard(race: Race, contenders: Sequence[Contender], choice: Choice, predictor: Predictor, seconds: float) -> tuple[Row, ...]:
    metric, dummy = race.metric, next(one.score for one in race.entries if one.name == "dummy")
    made = {one.name: one for one in race.entries}
    rows = []
    for one in sorted(contenders, key=lambda each: (-metric.gain(each.score, 0.0) if np.isfinite(each.score) else np.inf, each.simplicity)):
        low, high = interval(one.scores)
        entry = made.get(one.name)
        chosen = one.name == choice.name
        size, micros = _measured([predictor], race) if chosen else _measured([entry.parts[0]()], race, len(entry.parts)) if entry else (0, float("nan"))
        took = seconds if chosen else entry.seconds if entry else float("nan")
        rows.append(Row(one.name, one.score, low, high, metric.gain(one.score, dummy), took, size, micros, len(race.rows) / race.sample.rows, chosen))
    return tuple(rows)


def _measured(models: Sequence[Predictor], race: Race, times: int = 1) -> tuple[int, float]:
    """Bytes and microseconds of one row; -1 and NaN when there is no time to look."""
    if race.clock.left < 0.3:
        return -1, float("nan")
    size = sum(len(content) for model in models for content in model.members().values())
    row, spent = race.sample.X[:1], list[float]()
    for _ in range(6):
        begin = time.perf_counter()
        for model in models:
            model.predict(row)
        spent.append(time.perf_counter() - begin)
    return size * times, float(np.median(spent[1:]) * 1e6 * times)


