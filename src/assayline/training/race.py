"""The race of recipes: each is tried on a part of the rows, the better ones on more, the best on all; whatever is in front at any moment is a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from assayline.artefacts import Blend, Boosted, Constant, Layout, Linear, Predictor
from assayline.artefacts.expanded import Expanded
from assayline.artefacts.rescaled import Rescaled

from .boosting import Binned, Grown, common_rounds, grow
from .clock import Clock
from .lines import NEWTON, PENALTIES, Line, lines
from .recipes import KEPT_PAIRS, Recipe, bent, candidates, mutated, paired, plain
from .sample import Floats, Sample, Whole
from .scores import Metric, Weights, losses, primary, redraws
from .splits import Splits, split

FIRST_ROWS = 10_000  # of the first model
FIRST_ROUNDS = 40
PACE_ROUNDS = 10
LEAST_ROWS = 1_000  # of a part: on fewer rows the order of recipes says little about their order on all
MOST_TESTED = 20_000  # rows a recipe is scored on in the first two heats
DENSE = 30_000_000  # cells of the dense view of a linear model: 240 MB; of more rows as many are drawn
LAYOUT_ROWS = 50_000  # rows that means and bounds of the dense view are learned from
# What one core of a machine of 2020 does, measured: cells of a dense view, and multiplications of a Newton step with its copies, a second.
CELL_SECONDS = 8e-8
PRODUCTS = 1e10
MOST_ENTRIES = 40  # recipes taken to all rows: beyond that, the best of them is best by luck
KEPT_CELLS = 40_000_000  # out-of-fold predictions that are kept: 320 MB
WORTH = 6.0  # rounds times learning rate, below which trees have learned so little that they are not worth starting; they stop getting better at 10 to 30
ENOUGH = 25.0  # rounds times learning rate, after which most trees have stopped getting better
ALL_AT_ONCE = 0.5  # of the time left: where all candidates fit into it, heats would only throw some of them away unseen
BEHIND = 2.0  # standard errors of the paired difference on the first fold, behind which a neighbour is given up


@dataclass(frozen=True, eq=False)
class Entry:
    """A recipe that was taken to all rows.

    Args:
        recipe: how it was fitted.
        said: (scored rows,) or (scored rows, classes): what models said that had not seen the row.
        parts: the models that stand for it from now on; their mean is the predictor.
        seconds: it took.
        rounds: of boosting.
        simplicity: the smaller, the simpler: of two that are as good the simpler one is taken.
        scores: (redraws,) its score on redrawn rows.
        score: on the rows as they are.
    """

    recipe: Recipe
    said: Floats
    parts: tuple[Callable[[], Predictor], ...]
    seconds: float
    rounds: int
    simplicity: int
    scores: Floats
    score: float

    @property
    def name(self) -> str:
        return self.recipe.name

    def predictor(self) -> Predictor:
        """The model."""
        made = [part() for part in self.parts]
        return made[0] if len(made) == 1 else Blend.of(made, [1.0] * len(made))


@dataclass(frozen=True, eq=False)
class Progress:
    """Where training stands; what `watch` is called with.

    Args:
        stage: "first", "baselines", "10 %", "50 %", "100 %", "choice".
        spent_seconds: since the start.
        name: of the model in front.
        score: its score, NaN if it has none yet.
        trying: what was just tried.
        predictor: makes the model in front.
    """

    stage: str
    spent_seconds: float
    name: str
    score: float
    trying: str
    predictor: Callable[[], Predictor]


Watch = Callable[[Progress], None]

SIMPLICITY = {"dummy": 0, "seasonal": 1, "linear": 2, "bent": 3, "plain": 4, "boosted": 5, "blend": 6}


@dataclass(eq=False)
class Race:
    """The state of a training run: the rows, the folds, who is in front, and what time is left."""

    sample: Sample
    clock: Clock
    seed: int = 0
    threads: int = 1
    watch: Watch | None = None
    keep_seconds: float = 0.0  # of the budget for what comes after the race
    entries: list[Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    front: tuple[str, float, Callable[[], Predictor]] | None = None

    def __post_init__(self) -> None:
        self.metric: Metric = primary(self.sample)
        self.splits: Splits = split(self.sample, seed=self.seed)
        self.binned = Binned(self.sample, self.threads)
        self.rng = np.random.default_rng(self.seed)
        self.stage = "first"
        self.strongest: tuple[int, ...] = ()  # numbers, by how much trees gain from them
        self.gains: Floats = np.zeros(len(self.sample.names))
        self.round_seconds = 0.0  # of a plain round over all rows
        self._redraw()

    def _redraw(self) -> None:
        self.rows: Whole = self.splits.scored
        self.y: Floats = self.sample.y[self.rows]
        self.weights: Weights = redraws(self.sample, self.rows, self.splits.kind == "forward", self.seed)

    @property
    def left(self) -> float:
        """Seconds left for trying."""
        return self.clock.left - self.keep_seconds

    # ---- who is in front

    def tell(self, trying: str) -> None:
        """Says where things stand."""
        if self.watch is not None and self.front is not None:
            name, score, make = self.front
            self.watch(Progress(self.stage, self.clock.spent, name, score, trying, make))

    def enter(self, recipe: Recipe, said: Floats, parts: Sequence[Callable[[], Predictor]], seconds: float, rounds: int, simplicity: int) -> Entry:
        """Takes a recipe with its out-of-fold predictions among the entries."""
        scores = self.metric.of(self.y, said, self.weights)
        entry = Entry(recipe, said, tuple(parts), seconds, rounds, simplicity, scores, self.metric.value(self.y, said))
        self.entries.append(entry)
        if self.front is None or not np.isfinite(self.front[1]) or self.metric.gain(entry.score, self.front[1]) > 0:
            self.front = (entry.name, entry.score, entry.predictor)
        self.tell(recipe.name)
        return entry

    @property
    def best(self) -> Entry:
        """The entry with the best score."""
        return max(self.entries, key=lambda one: self.metric.gain(one.score, 0.0) if np.isfinite(one.score) else -np.inf)

    # ---- baselines

    def dummy(self) -> Constant:
        """Says the mean, or the shares of the classes."""
        return _dummy(self.sample.y, self.sample.classes)

    def enter_dummy(self) -> None:
        """The dummy, scored by what it says of rows it has not seen."""
        begin, said = self.clock.now(), self._blank()
        for learn, test in self.splits.folds:
            said[self._at(test)] = _dummy(self.sample.y[learn], self.sample.classes).predict(self.sample.X[test])
        model = self.dummy()
        self.enter(Recipe("dummy", "constant"), said, [lambda: model], self.clock.now() - begin, 0, SIMPLICITY["dummy"])

    def first_model(self) -> None:
        """A few trees on some rows: something to use while everything else is being tried, and a measure of how fast this machine is."""
        learn, _ = self.splits.folds[-1]
        rows = self._some(learn, FIRST_ROWS)
        recipe = replace(plain(), name="first trees", fixed_rounds=FIRST_ROUNDS)
        grown = grow(self.binned, recipe, rows, None, self.sample.y, self.clock, 0.1 * self.clock.usable, seed=self.seed)
        self.round_seconds = grown.seconds / max(grown.booster.current_iteration(), 1)
        self._learn_gains(grown.booster, recipe)
        self.front = (recipe.name, float("nan"), _booster_maker(grown.booster, recipe, self.sample, 0))
        self.tell(recipe.name)
        if len(rows) < len(learn):  # a round on ten times the rows takes less than ten times as long
            grown = grow(self.binned, recipe, learn, None, self.sample.y, self.clock, 0.05 * self.clock.usable, seed=self.seed, rounds=PACE_ROUNDS)
            self.round_seconds = grown.seconds / max(grown.booster.current_iteration(), 1)
        self.round_seconds *= self.sample.rows / len(learn)

    def choose_folds(self) -> None:
        """Fewer folds where a plain model on all of them would eat up the budget."""
        plain_seconds = self.round_seconds * 100
        wanted = next((count for count in (5, 3, 2) if plain_seconds * count <= 0.12 * self.clock.usable), 1)
        if wanted < len(self.splits.folds):
            self.splits = self.splits.first(wanted)
            self._redraw()
            self.notes.append(f"{wanted} of the folds are scored: all of them would have taken too much of the budget")

    def _learn_gains(self, booster: Any, recipe: Recipe) -> None:
        if not recipe.view:
            self.gains = np.asarray(booster.feature_importance("gain"), dtype=np.float64)
            self.strongest = tuple(sorted(self.sample.numbers, key=lambda at: (-self.gains[at], at)))[:8]

    # ---- fitting a recipe on all rows

    def run(self, recipe: Recipe, simplicity: int, seconds: float, *, splits: Splits | None = None, gate: bool = False) -> Entry | None:
        """A recipe on every fold.

        Args:
            recipe: it.
            simplicity: see Entry.
            seconds: it may take.
            splits: other folds over the same rows.
            gate: whether it is given up when it is clearly behind on the first fold.

        Returns:
            The entry; None if it was given up, or the time did not suffice for every fold.
        """
        if recipe.family == "linear":
            return self._run_line(recipe, simplicity, seconds)
        splits = splits or self.splits
        begin, grown, said = self.clock.now(), list[Grown](), self._blank()
        target = scaled_target(self.sample.y, recipe)
        bagged = splits.kind != "forward" and len(splits.folds) >= 3
        steps = len(splits.folds) + (not bagged)
        X, _ = self.binned.of(recipe)
        for number, (learn, test) in enumerate(splits.folds):
            spent = self.clock.now() - begin
            allowed = min(seconds - spent, self.left) / (steps - number)
            if allowed <= 0:
                return None
            grown.append(grow(self.binned, recipe, learn, test, target, self.clock, allowed, seed=self.seed + number))
            if gate and number == 0 and self._behind(grown[0], X, recipe, test):
                return None
        rounds = common_rounds(grown, recipe)
        for one, (_, test) in zip(grown, splits.folds, strict=True):
            said[self._at(test)] = _said(one.booster, X[test], rounds, self.sample.classes)
        factor = 1.0
        if recipe.log:
            said, factor = unlogged(said, self.y)
        if recipe.fixed_rounds or not bagged:
            allowed = max(min(seconds - (self.clock.now() - begin), self.clock.left), 0.05)
            last = grow(self.binned, recipe, np.arange(self.sample.rows), None, target, self.clock, allowed, seed=self.seed, rounds=rounds)
            # A refit that the clock cut off has learned less than the folds did; then the mean of the folds stands.
            boosters = [one.booster for one in grown] if last.cut and bagged else [last.booster]
            if recipe.name == plain().name and not last.cut:
                self._learn_gains(last.booster, recipe)
        else:
            boosters = [one.booster for one in grown]
        parts = [_booster_maker(one, recipe, self.sample, rounds, factor) for one in boosters]
        return self.enter(recipe, said, parts, self.clock.now() - begin, rounds, simplicity)

    def _behind(self, one: Grown, X: Floats, recipe: Recipe, test: Whole) -> bool:
        """Whether a model is clearly behind the best entry on the rows of one fold."""
        best, at = min(self.entries, key=lambda entry: float(losses(self.y, entry.said).mean())), self._at(test)
        said = _said(one.booster, X[test], int(np.argmin(one.losses)) + 1, self.sample.classes)
        if recipe.log:
            said, _ = unlogged(said, self.sample.y[test])
        apart = losses(self.sample.y[test], said) - losses(self.y[at], best.said[at])
        return bool(apart.mean() > BEHIND * apart.std() / np.sqrt(len(apart)))

    def _run_line(self, recipe: Recipe, simplicity: int, seconds: float) -> Entry | None:
        begin, X = self.clock.now(), self.binned.matrix(recipe.view)
        layout = self._layout(X, recipe)
        most = self._line_rows(layout.size, seconds)
        dense = layout.dense(X) if most >= len(X) else None

        def seen(rows: Whole) -> Floats:
            return dense[rows] if dense is not None else layout.dense(X[rows])

        classes, said, chosen, start = self.sample.classes, self._blank(), list(PENALTIES), None
        target = scaled_target(self.sample.y, recipe)
        each: dict[float, Floats] = {}
        for number, (learn, test) in enumerate(self.splits.folds):
            rows, held = self._some(learn, most), seen(test)
            allowed = max(min(seconds - (self.clock.now() - begin), self.left) / (len(self.splits.folds) + 1 - number) * (2.0 if number == 0 else 1.0), 0.05)
            found = lines(seen(rows), target[rows], classes, chosen, self.clock, allowed, start)
            ordered = sorted(chosen, reverse=True)[: len(found)]
            if not classes:  # all penalties cost as much as one: they are compared over all folds
                for penalty, line in zip(ordered, found, strict=True):
                    each.setdefault(penalty, self._blank())[self._at(test)] = line.predict(held)
                continue
            if number == 0:
                costs = [float(losses(self.sample.y[test], line.predict(held)).mean()) for line in found]
                best = int(np.argmin(costs))
                chosen, start, found = [ordered[best]], found[best], [found[best]]
            said[self._at(test)] = found[0].predict(held)
        factor = 1.0
        if not classes:
            kept = {penalty: unlogged(one, self.y) if recipe.log else (one, 1.0) for penalty, one in each.items()}
            chosen = [min(kept, key=lambda penalty: float(losses(self.y, kept[penalty][0]).mean()))]
            said, factor = kept[chosen[0]]
        rows = self._some(np.arange(self.sample.rows), most)
        last = lines(seen(rows), target[rows], classes, chosen, self.clock, max(self.clock.left, 0.05), start)[0]
        part = _line_maker(layout, last, recipe, self.sample, factor)
        return self.enter(recipe, said, [part], self.clock.now() - begin, 0, simplicity)

    def _layout(self, X: Floats, recipe: Recipe) -> Layout:
        categories = view_categories(self.sample, recipe)
        # Rare codes get no column of their own where that would make the dense view too large.
        codes = max(sum(1 for one in categories if one), 1)
        most = int(np.clip(DENSE // max(self.sample.rows, 1) - len(categories), 20 * codes, 100 * codes)) // codes
        return Linear.layout(X[self._some(np.arange(len(X)), LAYOUT_ROWS)], categories, most_codes=max(most, 5))

    def _line_rows(self, columns: int, seconds: float) -> int:
        """How many rows a line may be fitted on within its time."""
        fits = len(self.splits.folds) + 1
        # The first fold tries every penalty, in 20 steps or so; the others start where it ended.
        steps = 20 + 4 * fits if self.sample.classes else fits
        width = max(columns, 1)
        for_steps = seconds * PRODUCTS / (width**2 * steps) if width <= NEWTON else seconds * PRODUCTS / (width * 1_000 * (5 + fits))
        for_views = seconds / (CELL_SECONDS * width * 2)
        return int(max(min(for_steps, for_views, DENSE / width), LEAST_ROWS))

    # ---- heats

    def heats(self) -> list[Recipe]:
        """Successive halving: all recipes on 10 % of the rows, a third of them on 50 %; returned in the order in which they deserve all rows.

        Source: Jamieson & Talwalkar 2016.
        """
        waiting = candidates(self.sample)
        if len(self.strongest) >= 2:
            waiting.insert(2, self._pair_recipe(waiting[0]))
        if sum(self._estimate(one, ENOUGH) for one in waiting) < ALL_AT_ONCE * self.left:
            self.notes.append("no heats were run: the time sufficed for all candidates on all rows")
            return waiting
        learn, test = self.splits.folds[-1]
        test = self._some(test, MOST_TESTED)
        for share, part, keep in ((0.1, 0.15, 3), (0.5, 0.2, 2)):
            rows = self._some(learn, int(share * len(learn)))
            if len(rows) < LEAST_ROWS or self.left <= 0:
                continue
            self.stage = f"{share:.0%}".replace("%", " %")
            until = self.clock.spent + part * max(self.left, 0.0)
            costs: dict[str, float] = {}
            for number, recipe in enumerate(waiting):
                allowed = (until - self.clock.spent) / max(len(waiting) - number, 1)
                if allowed <= 0:
                    break
                target = scaled_target(self.sample.y, recipe)
                grown = grow(self.binned, recipe, rows, test, target, self.clock, 2 * allowed, seed=self.seed)
                costs[recipe.name] = self._cost(grown, recipe, test)
                if recipe.view:
                    waiting[number] = self._pruned(recipe, grown)
                self.tell(recipe.name)
            ranked = sorted((one for one in waiting if one.name in costs), key=lambda one: costs[one.name])
            untried = [one for one in waiting if one.name not in costs]
            waiting = [*ranked, *untried][: max(4, -(-len(waiting) // keep))]
        return waiting

    def _cost(self, grown: Grown, recipe: Recipe, test: Whole) -> float:
        if not recipe.log and dict(recipe.settings).get("boosting") != "rf":
            return min(grown.losses)
        X, _ = self.binned.of(recipe)
        said = _said(grown.booster, X[test], len(grown.losses) if not recipe.log else int(np.argmin(grown.losses)) + 1, self.sample.classes)
        return float(losses(self.sample.y[test], unlogged(said, self.sample.y[test])[0] if recipe.log else said).mean())

    def _pair_recipe(self, like: Recipe) -> Recipe:
        """A recipe that sees pairs of the strongest numbers; which of them help is seen in a heat."""
        return replace(like, name="trees, pairs of numbers", view=paired(self.sample, self.strongest))

    def _pruned(self, recipe: Recipe, grown: Grown) -> Recipe:
        """Without the pairs that trees gain little from."""
        width = len(self.sample.names)
        if len(recipe.view) <= width + KEPT_PAIRS:
            return recipe
        gains = np.asarray(grown.booster.feature_importance("gain"))[width:]
        kept = sorted(np.argsort(-gains, kind="stable")[:KEPT_PAIRS])
        return replace(recipe, view=(*recipe.view[:width], *(recipe.view[width + one] for one in kept)))

    # ---- all rows

    def finals(self, waiting: list[Recipe]) -> None:
        """The best recipes on all rows, then neighbours of the best and repeats with other folds, until the time is up."""
        self.stage = "100 %"
        for recipe in waiting:
            if self.left <= 0 or not self._affordable(recipe):
                continue
            if recipe.view and len(recipe.view) > len(self.sample.names) + KEPT_PAIRS:
                learn, test = self.splits.folds[-1]
                grown = grow(self.binned, recipe, learn, test, scaled_target(self.sample.y, recipe), self.clock, 0.1 * self.left, seed=self.seed, rounds=60)
                recipe = self._pruned(recipe, grown)
            self.run(recipe, SIMPLICITY["boosted"], self.left, gate=len(self.entries) > 6)
        number, most = 1, min(MOST_ENTRIES, max(8, KEPT_CELLS // (len(self.rows) * max(self.sample.classes, 1))))
        while self.left > 0 and len(self.entries) < most and number < 4 * MOST_ENTRIES:
            number += 1
            trees = sorted((one for one in self.entries if one.simplicity == SIMPLICITY["boosted"]), key=lambda one: float(losses(self.y, one.said).mean()))
            if not trees or min(one.seconds for one in trees[:3]) > self.left:
                break
            parent = trees[min(int(self.rng.geometric(0.5)) - 1, len(trees) - 1, 3)]
            if parent.seconds > 1.3 * self.left:
                continue
            if number % 3 == 0 and self.splits.kind != "forward" and len(self.splits.folds) >= 3:
                again = split(self.sample, folds=len(self.splits.folds), seed=self.seed + 7919 * number)
                recipe = replace(parent.recipe, name=f"{parent.name.split(' #')[0]} #{number}", seed=number)
                self.run(recipe, SIMPLICITY["boosted"], self.left, splits=again if len(again.scored) == len(self.rows) else None)
            else:
                self.run(mutated(parent.recipe, self.rng, number), SIMPLICITY["boosted"], self.left, gate=True)

    def _affordable(self, recipe: Recipe) -> bool:
        """Whether enough rounds fit into what is left for the recipe to be worth starting."""
        return self._estimate(recipe, WORTH) < self.left

    def _estimate(self, recipe: Recipe, worth: float) -> float:
        """Seconds for a recipe on all folds, if it takes so many rounds times its learning rate."""
        wide = len(recipe.view) / max(len(self.sample.names), 1) if recipe.view else 1.0
        leaves = float(dict(recipe.settings).get("num_leaves", 31))
        steps = len(self.splits.folds) + (self.splits.kind == "forward")
        return self.round_seconds * wide * (0.5 + leaves / 62) * worth / recipe.rate * steps

    def bent_recipe(self) -> Recipe:
        """A line that may bend, with products of the strongest numbers."""
        some = self.sample.X[self._some(np.arange(self.sample.rows), FIRST_ROWS)]
        return Recipe("linear with bends and products", "linear", view=bent(self.sample, some, self.strongest[:6]))

    # ---- small things

    def _blank(self) -> Floats:
        return np.full((len(self.rows), self.sample.classes) if self.sample.classes else len(self.rows), np.nan)

    def _at(self, rows: Whole) -> Whole:
        return np.searchsorted(self.rows, rows)

    def _some(self, rows: Whole, most: int) -> Whole:
        """At most so many of these rows, the same ones for the same number; of a rare class as many as its share, but not none."""
        if len(rows) <= most:
            return rows
        rng = np.random.default_rng(self.seed + 1)
        if not self.sample.classes:
            return np.sort(rng.choice(rows, most, replace=False))
        luck = rng.random(len(rows))
        place = np.empty(len(rows))
        for one in np.unique(self.sample.y[rows]):
            its = np.flatnonzero(self.sample.y[rows] == one)
            place[its] = (np.argsort(np.argsort(luck[its])) + 0.5 * luck[its]) / len(its)
        return np.sort(rows[np.argsort(place, kind="stable")[:most]])


def _dummy(y: Floats, classes: int) -> Constant:
    if not classes:
        return Constant.of(float(y.mean()))
    counts = np.bincount(y.astype(np.int64), minlength=classes).astype(np.float64)
    return Constant.of(counts / counts.sum())


def view_categories(sample: Sample, recipe: Recipe) -> list[int]:
    """The number of codes of each column that a recipe sees; 0 for a number."""
    if not recipe.view:
        return list(sample.categories)
    return [sample.categories[term.columns[0]] if term.kind == "same" else 0 for term in recipe.view]


def scaled_target(y: Floats, recipe: Recipe) -> Floats:
    """The target as the recipe fits it."""
    return np.log1p(y) if recipe.log else y


def unlogged(said: Floats, y: Floats) -> tuple[Floats, float]:
    """Predictions of log(1 + y) in the unit of y, and the factor that makes their mean right (least squares in place of Duan's mean)."""
    powers = np.exp(np.minimum(said, 700.0))
    with np.errstate(over="ignore"):
        below = float((powers**2).sum())
    factor = float(((y + 1.0) * powers).sum() / below) if np.isfinite(below) and below > 0 else 1.0
    return powers * factor - 1.0, factor


def _said(booster: Any, X: Floats, rounds: int, classes: int) -> Floats:
    found = np.asarray(booster.predict(X, num_iteration=rounds), dtype=np.float64)
    return np.stack([1.0 - found, found], axis=1) if classes == 2 else found


def _booster_maker(booster: Any, recipe: Recipe, sample: Sample, rounds: int, factor: float = 1.0) -> Callable[[], Predictor]:
    def make() -> Predictor:
        # Not `Boosted.of`: that reads the text of every tree to see whether it is sound, which takes longer than the choice, and this one comes from LightGBM itself.
        text = booster.model_to_string(num_iteration=rounds or -1)
        return _dressed(Boosted(text, sample.classes, len(recipe.view) or len(sample.names), threads=1), recipe, sample, factor)

    return make


def _line_maker(layout: Layout, line: Line, recipe: Recipe, sample: Sample, factor: float) -> Callable[[], Predictor]:
    def make() -> Predictor:
        return _dressed(Linear.of(layout, line.coefficients, line.intercept, link=line.link), recipe, sample, factor)

    return make


def _dressed(model: Predictor, recipe: Recipe, sample: Sample, factor: float) -> Predictor:
    """The model as one of the plan's columns and the target's unit."""
    if recipe.view:
        model = Expanded(model, recipe.view, len(sample.names))
    return Rescaled(model, "exp", factor, -1.0) if recipe.log else model
