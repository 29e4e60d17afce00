"""What more rows or other numbers of features would bring: two curves, measured on a fold that no model has seen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from assayline.artefacts import Linear

from .boosting import Binned, grow
from .choosing import LABELS, _short
from .lines import lines
from .race import Race, _said
from .recipes import plain
from .sample import Whole

SHARES = (0.1, 0.5, 1.0)
FEATURE_ROWS = 5_000  # rows of the curve of features: its shape matters, not its height
FEATURE_ROUNDS = 60
NEAR = 0.05  # of the range of the curve of features: a fold of a few thousand rows does not place it better
COMPONENTS = 200  # dense columns of which principal components are taken


@dataclass(frozen=True)
class Point:
    """One point of a curve.

    Args:
        at: rows, or number of features.
        score: on the fold held back.
    """

    at: int
    score: float


@dataclass(frozen=True)
class LearningCurve:
    """The score with 10, 50 and 100 % of the rows.

    Args:
        points: by rows.
        gain: expected when the rows double; NaN where the points follow no such curve.
        sentence: the same in words.
    """

    points: tuple[Point, ...]
    gain: float
    sentence: str


@dataclass(frozen=True)
class FeatureCurves:
    """The score with the most important features only, and of a line over the first principal components.

    Args:
        order: names of the features, the most important first.
        by_importance, by_component: by their number.
        enough: how many of the most important features come within 5 % of the range of the curve.
        sentence: the same in words.
    """

    order: tuple[str, ...]
    by_importance: tuple[Point, ...]
    by_component: tuple[Point, ...]
    enough: int
    sentence: str


def learning_curve(race: Race, seconds: float) -> LearningCurve | None:
    """Plain trees on parts of the rows; None when there is no time."""
    if race.round_seconds * 100 * sum(SHARES) > seconds:
        return None
    learn, test = race.splits.folds[-1]
    X, y, points = race.sample.X, race.sample.y, list[Point]()
    for share in SHARES:
        rows = race._some(learn, max(int(share * len(learn)), 1))
        grown = grow(race.binned, plain(), rows, None, y, race.clock, seconds, seed=race.seed, rounds=100)
        points.append(Point(len(rows), race.metric.value(y[test], _said(grown.booster, X[test], 100, race.sample.classes))))
    gain = extrapolated(points, race.metric.greater)
    name = LABELS[race.metric.name]
    if not np.isfinite(gain):
        said = f"from {points[0].at:,} to {points[-1].at:,} rows {name} does not get steadily better: more rows of this kind may not help"
    else:
        said = f"twice as many rows would be worth about {_short(gain)} {name}"
    return LearningCurve(tuple(points), gain, f"Trained on {points[-1].at:,} rows, plain trees reach {points[-1].score:.4g} {name}; {said}.")


def extrapolated(points: list[Point], greater: bool) -> float:
    """By how much the score gets better when the rows double once more, where it follows a + b * rows ** -c; NaN where it does not.

    Source: Cortes et al. 1993.

    >>> curve = [Point(rows, 10 + 50 * rows**-0.5) for rows in (100, 500, 1000)]
    >>> round(extrapolated(curve, False), 3), round(50 * 1000**-0.5 - 50 * 2000**-0.5, 3)
    (0.463, 0.463)
    """
    if len(points) < 3:
        return float("nan")
    rows = np.array([one.at for one in points[-3:]], dtype=np.float64)
    worth = np.array([one.score if greater else -one.score for one in points[-3:]])
    first, second = worth[1] - worth[0], worth[2] - worth[1]
    if not (first > 0 and second > 0) or len(set(rows)) < 3:
        return float("nan")

    def ratio(power: float) -> float:
        falls = rows**-power
        return float((falls[0] - falls[1]) / (falls[1] - falls[2]))

    low, high = 0.01, 4.0
    if not ratio(low) <= first / second <= ratio(high):
        high = low = low if first / second < ratio(low) else high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if ratio(middle) < first / second else (low, middle)
    power = (low + high) / 2
    size = second / (rows[1] ** -power - rows[2] ** -power)
    return float(size * (rows[2] ** -power - (2 * rows[2]) ** -power))


def feature_curves(race: Race, seconds: float) -> FeatureCurves | None:
    """Scores by the number of features; None when there is no time."""
    sample, begin = race.sample, race.clock.now()
    learn, test = race.splits.folds[-1]
    rows, held = race._some(learn, FEATURE_ROWS), race._some(test, FEATURE_ROWS)
    cost = race.round_seconds * FEATURE_ROUNDS * len(rows) / max(sample.rows, 1) + 0.02
    width = len(sample.names)
    counts = [one for one in (1, 2, 4, 8, 16, 32, 64, 128, 256) if one < width] + [width]
    if cost * len(counts) > seconds or width < 2:
        return None
    order = sorted(range(width), key=lambda at: (-race.gains[at], at))
    by_importance = []
    for count in counts:
        chosen = sorted(order[:count])
        fewer = replace(sample, X=sample.X[np.concatenate([rows, held])][:, chosen], y=sample.y[np.concatenate([rows, held])], names=tuple(sample.names[at] for at in chosen),
                        categories=tuple(sample.categories[at] for at in chosen), groups=None, order=None)  # fmt: skip
        recipe = replace(plain(), fixed_rounds=FEATURE_ROUNDS)
        grown = grow(Binned(fewer, race.threads), recipe, np.arange(len(rows)), None, fewer.y, race.clock, seconds, seed=race.seed)
        said = _said(grown.booster, fewer.X[len(rows) :], FEATURE_ROUNDS, sample.classes)
        by_importance.append(Point(count, race.metric.value(sample.y[held], said)))
    left = seconds - (race.clock.now() - begin)
    by_component = _components(race, rows, held, left)
    worth = np.array([one.score if race.metric.greater else -one.score for one in by_importance])
    near = worth >= np.nanmax(worth) - NEAR * max(float(np.nanmax(worth) - np.nanmin(worth)), 0.0) if np.isfinite(worth).any() else np.ones(len(worth), dtype=bool)
    enough = counts[int(np.argmax(near))]
    named = ", ".join([sample.names[at] for at in order[: min(enough, 5)]] + (["…"] if enough > 5 else []))
    sentence = f"{enough} of {width} features come within {NEAR:.0%} of what plain trees gain from all: {named}."
    return FeatureCurves(tuple(sample.names[at] for at in order), tuple(by_importance), by_component, enough, sentence)


def _components(race: Race, learn: Whole, test: Whole, seconds: float) -> tuple[Point, ...]:
    sample = race.sample
    most = max(1, COMPONENTS // max(sum(1 for one in sample.categories if one), 1) - 1)
    layout = Linear.layout(sample.X[learn], list(sample.categories), most_codes=most)
    if not 1 < layout.size <= 2 * COMPONENTS or seconds < 0.2:
        return ()
    dense = layout.dense(sample.X[learn])
    means = dense.mean(axis=0)
    _, directions = np.linalg.eigh((dense - means).T @ (dense - means))
    turned, shown = (dense - means) @ directions[:, ::-1], (layout.dense(sample.X[test]) - means) @ directions[:, ::-1]
    found, begin = list[Point](), race.clock.now()
    for count in [one for one in (1, 2, 4, 8, 16, 32, 64, 128) if one < layout.size] + [layout.size]:
        if race.clock.now() - begin > seconds:
            break
        line = lines(turned[:, :count], sample.y[learn], sample.classes, [3.0], race.clock, seconds)[0]
        found.append(Point(count, race.metric.value(sample.y[test], line.predict(shown[:, :count]))))
    return tuple(found)
