"""Boosted trees grown round by round, so that a deadline can stop them and what is there by then is a model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from assayline.artefacts.expanded import Term, expand
from assayline.errors import MissingExtra

from .recipes import Recipe
from .sample import Floats, Sample, Whole

if TYPE_CHECKING:
    import lightgbm

    from .clock import Clock

MOST_ROUNDS = 3_000
KEPT_VIEWS = 3  # binned matrices at once: of 1,000,000 × 50 cells each takes 50 MB


def engine() -> Any:
    """The LightGBM library.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import lightgbm
    except ImportError as error:
        raise MissingExtra("training a model", extra="models", package="lightgbm") from error
    return lightgbm


@dataclass(frozen=True, eq=False)
class Grown:
    """A booster and how it got there.

    Args:
        booster: it.
        losses: loss on the rows held back after each round; empty if there were none.
        seconds: it took.
        cut: whether the time ran out before it stopped getting better.
    """

    booster: lightgbm.Booster
    losses: tuple[float, ...]
    seconds: float
    cut: bool


@dataclass(eq=False)
class Binned:
    """The matrix of a sample as LightGBM bins it: once for each view, however many models look at it."""

    sample: Sample
    threads: int
    _views: dict[tuple[object, ...], tuple[Floats, Any]] = field(default_factory=dict)

    def matrix(self, view: tuple[Term, ...]) -> Floats:
        """The columns that a recipe sees."""
        return expand(self.sample.X, view) if view else self.sample.X

    def of(self, recipe: Recipe) -> tuple[Floats, Any]:
        """The columns that a recipe sees, plain and binned."""
        bins = int(dict(recipe.settings).get("max_bin", 255))
        key = (recipe.view, recipe.codes, bins)
        if key not in self._views:
            found = self.matrix(recipe.view)
            made = engine().Dataset(
                found, self.sample.y, categorical_feature=codes(self.sample, recipe), free_raw_data=True,
                params={"max_bin": bins, "feature_pre_filter": False, "verbose": -1, "num_threads": self.threads, "bin_construct_sample_cnt": 100_000},
            ).construct()  # fmt: skip
            while len(self._views) >= KEPT_VIEWS:
                self._views.pop(next(iter(self._views)))
            self._views[key] = (found, made)
        return self._views[key]


def codes(sample: Sample, recipe: Recipe) -> list[int]:
    """Positions of the columns that LightGBM takes as categories."""
    if not recipe.codes:
        return []
    if not recipe.view:
        return [at for at, count in enumerate(sample.categories) if count]
    return [at for at, term in enumerate(recipe.view) if term.kind == "same" and sample.categories[term.columns[0]]]


def objective(sample: Sample, recipe: Recipe) -> dict[str, Any]:
    """The parameters of LightGBM for a recipe."""
    task = {"objective": "regression"} if not sample.classes else {"objective": "binary"} if sample.classes == 2 else {"objective": "multiclass", "num_class": sample.classes}
    return {**task, **dict(recipe.settings)}


def grow(
    binned: Binned, recipe: Recipe, learn: Whole, test: Whole | None, target: Floats, clock: Clock, seconds: float, *, seed: int, rounds: int = 0,
) -> Grown:  # fmt: skip
    """Train until the rounds are done, nothing gets better any more, or the time is up.

    Args:
        binned: the rows.
        recipe: how.
        learn: positions of the rows to learn from.
        test: rows held back, to see when it stops getting better; None: all rounds are done.
        target: (rows,) on the scale that is fitted.
        clock: the deadline.
        seconds: it may take.
        seed: of bagging and of drawn columns.
        rounds: how many at most; 0: the recipe's.
    """
    library, (_, data) = engine(), binned.of(recipe)
    begin, stop = clock.now(), clock.until(seconds)
    rate = recipe.rate
    most = rounds or recipe.fixed_rounds or (150 if dict(recipe.settings).get("boosting") == "rf" else min(MOST_ROUNDS, int(120 / rate)))
    patience = int(np.clip(3.0 / rate, 25, 120))
    params = {
        **objective(binned.sample, recipe), "num_threads": binned.threads, "verbose": -1, "seed": seed * 1000 + recipe.seed, "deterministic": True,
        "force_col_wise": True, "metric": {0: "l2", 2: "binary_logloss"}.get(binned.sample.classes, "multi_logloss"), "feature_pre_filter": False,
    }  # fmt: skip
    if params["objective"] == "poisson":
        params["metric"] = "l2"
    train = _part(data, learn)
    train.set_label(target[learn])
    booster = library.Booster(params, train)
    if test is not None:
        held = _part(data, test)
        held.set_label(target[test])
        booster.add_valid(held, "held")
    losses: list[float] = []
    best, cut = 0, False
    for number in range(most):
        finished = booster.update()
        if test is not None:
            losses.append(float(booster.eval_valid()[0][2]))
            if losses[-1] < losses[best]:
                best = number
            if not recipe.fixed_rounds and number - best >= patience:
                break
        if finished:
            break
        if clock.now() >= stop:
            cut = number + 1 < most
            break
    booster.free_dataset()
    return Grown(booster, tuple(losses), clock.now() - begin, cut)


def _part(data: Any, rows: Whole) -> Any:
    """Some rows of a binned matrix, with the same bins."""
    return data.subset(rows).construct()


def common_rounds(curves: list[Grown], recipe: Recipe) -> int:
    """The number of rounds that is best for all folds together.

    One number chosen for all folds says hardly anything about any single fold, so that the scores stay honest; a number for each fold would not.
    """
    if recipe.fixed_rounds or dict(recipe.settings).get("boosting") == "rf":
        return min(len(one.losses) for one in curves) or recipe.fixed_rounds
    least = min((len(one.losses) for one in curves if one.cut), default=MOST_ROUNDS)
    longest = min(max(len(one.losses) for one in curves), least)
    mean = np.zeros(longest)
    for one in curves:
        losses = np.array(one.losses[:longest])
        mean += np.concatenate([losses, np.full(longest - len(losses), losses[-1])])
    return int(np.argmin(mean)) + 1
