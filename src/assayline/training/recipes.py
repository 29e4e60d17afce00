"""What is tried: ways to fit a model, each as a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from assayline.artefacts.expanded import Term

from .sample import Floats, Sample

Setting = float | int | str | bool

PLAIN_ROUNDS = 100  # LightGBM's own default
SKEWED = 1.0  # skewness from which a positive target is also tried on the scale of its logarithm: that of a gamma distribution with shape 4
BENDS = (0.1, 0.3, 0.5, 0.7, 0.9)  # quantiles at which a line may bend; Harrell 2015, table 2.3, places the knots of splines alike
PAIRED = 5  # numbers whose pairs are tried: 10 pairs, 40 columns
KEPT_PAIRS = 12


@dataclass(frozen=True)
class Recipe:
    """One way to fit a model.

    Args:
        name: as the leaderboard shows it.
        family: "linear" or "boosted".
        settings: parameters of LightGBM; empty for "linear".
        view: the columns it sees, where they are others than the plan's; empty for the plan's.
        codes: whether codes are categories to LightGBM, or numbers (the most frequent first).
        log: whether the logarithm of the target is fitted.
        seed: of whatever is drawn.
        fixed_rounds: how many rounds, 0: as many as help.
    """

    name: str
    family: str
    settings: tuple[tuple[str, Setting], ...] = ()
    view: tuple[Term, ...] = ()
    codes: bool = True
    log: bool = False
    seed: int = 0
    fixed_rounds: int = 0

    @property
    def rate(self) -> float:
        """The learning rate."""
        return float(dict(self.settings).get("learning_rate", 0.1))

    def having(self, **settings: Setting) -> Recipe:
        """With some settings changed."""
        return replace(self, settings=tuple(sorted({**dict(self.settings), **settings}.items())))


def boosted(name: str, **settings: Setting) -> Recipe:
    """A recipe for LightGBM."""
    return Recipe(name, "boosted", tuple(sorted(settings.items())))


def plain() -> Recipe:
    """LightGBM as it comes: the baseline."""
    return replace(boosted("plain LightGBM"), fixed_rounds=PLAIN_ROUNDS)


def candidates(sample: Sample) -> list[Recipe]:
    """What is tried on every table, the most promising first.

    The settings span what tuned configurations of LightGBM look like on public tables (Salinas & Erickson 2024, TabRepo; the defaults of AutoGluon and FLAML): few
    and many leaves, little and much regularisation, random thresholds.
    """
    drawn: dict[str, Setting] = {"bagging_freq": 1, "bagging_fraction": 0.8}
    found = [
        boosted("trees, medium", learning_rate=0.05, num_leaves=31, feature_fraction=0.8, **drawn),
        boosted("trees, small", learning_rate=0.08, num_leaves=8, min_data_in_leaf=20, feature_fraction=0.7, lambda_l2=1.0, **drawn),
        boosted("trees, random thresholds", learning_rate=0.06, num_leaves=48, extra_trees=True, feature_fraction=0.9, min_data_in_leaf=5),
        boosted("trees, large", learning_rate=0.04, num_leaves=128, feature_fraction=0.5, min_data_in_leaf=8, lambda_l2=3.0, **drawn),
        boosted("trees, cautious", learning_rate=0.05, num_leaves=16, min_data_in_leaf=60, feature_fraction=0.4, lambda_l2=10.0, path_smooth=5.0, **drawn),
        boosted("trees, stumps", learning_rate=0.12, num_leaves=4, min_data_in_leaf=20, feature_fraction=0.6, **drawn),
        boosted("trees, deep and drawn", learning_rate=0.05, num_leaves=255, feature_fraction_bynode=0.4, min_data_in_leaf=3, lambda_l2=1.0, bagging_freq=1, bagging_fraction=0.6),
        boosted("trees, deep, random thresholds", learning_rate=0.05, num_leaves=255, extra_trees=True, feature_fraction_bynode=0.7, min_data_in_leaf=2, lambda_l2=0.5),
        boosted("trees, fine bins", learning_rate=0.05, num_leaves=48, feature_fraction=0.6, max_bin=1023, min_data_in_leaf=10, **drawn),
    ]
    if any(sample.categories):
        found.insert(3, replace(found[0], name="trees, codes as numbers", codes=False))
        found.insert(6, replace(found[3 - 1], name="trees, random thresholds, codes as numbers", codes=False))
    if sample.classes == 0:
        found.append(boosted("forest", boosting="rf", num_leaves=512, extra_trees=True, feature_fraction_bynode=0.7, min_data_in_leaf=2, bagging_freq=1, bagging_fraction=0.8))
        if skewed(sample.y):
            found.insert(1, replace(found[0], name="trees, medium, logarithm", log=True))
            found.insert(2, found[0].having(objective="poisson"))
            found[2] = replace(found[2], name="trees, medium, Poisson")
    return found


def skewed(y: Floats) -> bool:
    """Whether a target is positive with a long tail to the right.

    >>> skewed(np.array([1.0, 2.0, 3.0])), skewed(np.array([1.0, 1, 1, 1, 1, 2, 2, 9, 80]))
    (False, True)
    """
    if len(y) < 3 or y.min() < 0 or y.max() <= y.min():
        return False
    apart = (y - y.mean()) / y.std()
    return float((apart**3).mean()) > SKEWED


def bent(sample: Sample, rows: Floats, strongest: Sequence[int] = ()) -> tuple[Term, ...]:
    """The columns of a line that may bend: every column, how far each number is above some of its quantiles, and products of the strongest numbers.

    Args:
        sample: whose columns.
        rows: some of its rows, to take quantiles from.
        strongest: positions of numbers whose products are added.
    """
    found = [Term("same", (at,)) for at in range(len(sample.names))]
    for at in sample.numbers:
        known = rows[:, at][np.isfinite(rows[:, at])]
        if len(known) and len(np.unique(known[:2000])) > len(BENDS) + 1:
            knots = np.unique(np.quantile(known, BENDS))
            found += [Term("above", (at,), (float(knot),)) for knot in knots if known.min() < knot < known.max()]
    found += [Term("product", (one, other)) for at, one in enumerate(strongest) for other in strongest[at + 1 :]]
    return tuple(found)


def paired(sample: Sample, strongest: Sequence[int]) -> tuple[Term, ...]:
    """Every column, and what pairs of the strongest numbers are to each other: trees find sums, differences and ratios only in many steps."""
    found = [Term("same", (at,)) for at in range(len(sample.names))]
    chosen = list(strongest[:PAIRED])
    for at, one in enumerate(chosen):
        for other in chosen[at + 1 :]:
            found += [Term(kind, (one, other)) for kind in ("sum", "difference", "ratio", "product")]
    return tuple(found)


def mutated(recipe: Recipe, rng: np.random.Generator, number: int) -> Recipe:
    """A neighbour of a recipe: two or three settings moved by a random factor."""
    settings = dict(recipe.settings)
    rules: dict[str, tuple[float, float, float, float]] = {  # default, spread of the factor, least, most
        "num_leaves": (31, 2.0, 3, 512), "min_data_in_leaf": (20, 2.5, 1, 300), "feature_fraction": (0.9, 1.4, 0.2, 1.0),
        "lambda_l2": (1.0, 5.0, 0.01, 100.0), "learning_rate": (0.05, 1.5, 0.015, 0.2), "bagging_fraction": (0.8, 1.2, 0.4, 0.95), "path_smooth": (1.0, 5.0, 0.0, 50.0),
        "cat_smooth": (10.0, 3.0, 1.0, 200.0), "max_bin": (255, 2.0, 63, 1023),
    }  # fmt: skip
    chosen = rng.choice(sorted(rules), size=int(rng.integers(2, 4)), replace=False)
    for name in chosen:
        default, spread, least, most = rules[name]
        value = float(np.clip(float(settings.get(name, default)) * spread ** rng.uniform(-1, 1), least, most))
        settings[name] = round(value) if name in ("num_leaves", "min_data_in_leaf", "max_bin") else round(value, 4)
        if name == "bagging_fraction":
            settings["bagging_freq"] = 1
    if rng.random() < 0.2 and settings.get("boosting") != "rf":
        settings["extra_trees"] = not settings.get("extra_trees", False)
    stem = recipe.name.split(" #")[0]
    return replace(recipe, name=f"{stem} #{number}", settings=tuple(sorted(settings.items())), seed=number)
