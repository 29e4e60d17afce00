"""Groups of rows that nobody has labelled: several ways to group them, compared by how far apart the groups are and whether they come again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from .blocks import Floats, Integers, block, followed_series
from .column import Column
from .leaks import identifiers
from .learning import columns_of, content_of

LEARNED_FROM = 4_000  # rows that k-means looks at; all rows are then put to the nearest centre
SAMPLE = 1_000  # rows that the silhouette looks at: its standard error is then below 0.02
REPEATS = 5  # halves of the table on which a grouping is made anew
ROUNDS = 50  # of k-means
MOST_CATEGORIES = 12  # groups that a person can hold apart
CLEAR, SOME = 0.5, 0.25  # silhouettes of a clear and of a weak structure (Kaufman and Rousseeuw 1990)
SURE = 0.75  # adjusted Rand index above which groups are called stable (Hennig 2007, for the Jaccard index)


@dataclass(frozen=True)
class Grouping:
    """One way to group rows.

    Args:
        name: what the groups are made from.
        kind: "nearness", "scores" or "category".
        groups: the group of each row, 0, 1, …; -1 where it is unknown.
        sizes: rows in each group.
        silhouette: how much nearer rows are to their own group than to the next, -1..1.
        stability: how much of the grouping comes again on another half of the rows, 0..1 (adjusted Rand index); 1 by definition for categories.
        sentence: what a reader should know.
        descriptions: one sentence for each group.
    """

    name: str
    kind: str
    groups: tuple[int, ...]
    sizes: tuple[int, ...]
    silhouette: float
    stability: float
    sentence: str
    descriptions: tuple[str, ...]


def segments(table: pl.DataFrame, k: Sequence[int] = (2, 3, 4, 5, 6), *, drop: Sequence[str] = (), seed: int = 0) -> tuple[Grouping, ...]:
    """Several groupings of unlabelled rows, the most convincing first.

    Args:
        table: any table.
        k: how many groups k-means tries.
        drop: columns that are left out; identifiers are left out anyway.
        seed: of the beginnings of k-means.

    Returns:
        Groupings by nearness (k-means on the framed features), by scores (thirds of the numbers, added up as in recency-frequency-value) and by category.
        Empty for a table with nothing to group by.

    >>> two = segments(pl.DataFrame({"height": [1.0, 1.1, 0.9, 9.0, 9.1, 8.9] * 20}), k=(2,))[0]
    >>> two.sizes, two.stability
    ((60, 60), 1.0)
    """
    columns = columns_of(table, set(drop))
    contents = {column.shown: content_of(column, followed_series(table, column.name, column.path)) for column in reversed(columns)}
    without = {leak.column for leak in identifiers(contents)}
    columns = tuple(column for column in columns if column.shown not in without and column.reading not in ("hash", "word", "text"))
    if not columns or table.height < 2:
        return ()
    values, names = _scaled(columns, table)
    generator = np.random.default_rng(seed)
    order = generator.permutation(table.height)
    rows, learned = order[:SAMPLE], values[order[:LEARNED_FROM]]
    made = []
    if values.shape[1]:
        for count in k:
            if 2 <= count < len(learned):
                groups = _nearest(values, _centres(learned, count, generator))
                made.append(_grouping(f"nearness, {count} groups", "nearness", groups, values, names, rows, _stability(learned, count, generator)))
    scored = _scores(columns, table)
    if scored is not None:
        made.append(_grouping("scores, 3 groups", "scores", scored, values, names, rows, _stability_of_scores(columns, table, generator)))
    for column in columns:
        if column.reading in ("code", "truth"):
            codes = block(column, followed_series(table, column.name, column.path))[:, 0]
            groups = np.where(np.isnan(codes), -1, codes).astype(np.int64)
            different = np.unique(groups[groups >= 0])
            if 2 <= len(different) <= MOST_CATEGORIES:
                tidy = np.where(groups >= 0, np.searchsorted(different, groups), -1)
                made.append(_grouping(f"category {column.shown}", "category", tidy, values, names, rows, 1.0))
    return tuple(sorted(made, key=lambda one: (-one.silhouette * max(one.stability, 0.0), one.name)))


def _scaled(columns: Sequence[Column], table: pl.DataFrame) -> tuple[Floats, list[str]]:
    """Numbers by their ranks' scale (median and quartiles), categories as one column each, the unknown in the middle."""
    parts: list[Floats] = []
    names: list[str] = []
    for column in columns:
        made = block(column, followed_series(table, column.name, column.path))
        for at, feature in enumerate(column.features):
            values = made[:, at]
            if feature.categories:
                for code, one in enumerate(column.labels[:MOST_CATEGORIES]):
                    share = float((values == code).mean())
                    if 0 < share < 1:  # two rows of different categories are as far apart as two rows of a number usually are: the root of 2
                        parts.append((values == code) - share)
                        names.append(f"{column.shown} = {one}")
                continue
            filled = values[~np.isnan(values)]
            if not len(filled):
                continue
            low, middle, high = np.quantile(filled, (0.25, 0.5, 0.75))
            width = (high - low) / 1.349 or float(filled.std()) or 1.0
            parts.append(np.clip(np.nan_to_num((values - middle) / width), -4, 4))
            names.append(feature.name)
    return (np.stack(parts, axis=1) if parts else np.empty((table.height, 0))), names


def _centres(values: Floats, count: int, generator: np.random.Generator) -> Floats:
    """k-means with the beginnings of k-means++ (Arthur and Vassilvitskii 2007), the best of three."""
    best, least = values[:count], np.inf
    for _ in range(3):
        centres = values[generator.integers(len(values))][None, :]
        near = ((values - centres[0]) ** 2).sum(axis=1)
        while len(centres) < count:
            total = near.sum()
            pick = generator.choice(len(values), p=near / total) if total > 0 else generator.integers(len(values))
            centres = np.vstack((centres, values[pick]))
            near = np.minimum(near, ((values - values[pick]) ** 2).sum(axis=1))
        for _ in range(ROUNDS):
            groups = _nearest(values, centres)
            sizes = np.bincount(groups, minlength=count)
            moved = np.stack([values[groups == at].mean(axis=0) if sizes[at] else centres[at] for at in range(count)])
            if np.allclose(moved, centres):
                break
            centres = moved
        cost = float(((values - centres[_nearest(values, centres)]) ** 2).sum())
        if cost < least:
            best, least = centres, cost
    return best


def _nearest(values: Floats, centres: Floats) -> Integers:
    distances: Floats = (centres**2).sum(axis=1)[None, :] - 2 * values @ centres.T
    found: Integers = np.argmin(distances, axis=1).astype(np.int64)
    return found


def _stability(values: Floats, count: int, generator: np.random.Generator) -> float:
    """The mean agreement of groupings made on two halves and carried over to all rows."""
    agreed = []
    for _ in range(REPEATS):
        order = generator.permutation(len(values))
        halves = (order[: len(order) // 2], order[len(order) // 2 :])
        if min(map(len, halves)) < count:
            return 0.0
        one, other = (_nearest(values, _centres(values[half], count, generator)) for half in halves)
        agreed.append(adjusted_rand(one, other))
    return float(np.mean(agreed))


def adjusted_rand(one: Integers, other: Integers) -> float:
    """How much two groupings agree beyond chance: 1 for the same, 0 for chance (Hubert and Arabie 1985).

    >>> adjusted_rand(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0]))
    1.0
    """
    table = np.zeros((int(one.max()) + 1, int(other.max()) + 1))
    np.add.at(table, (one, other), 1)
    pairs = (table * (table - 1) / 2).sum()
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    of_rows, of_columns = (rows * (rows - 1) / 2).sum(), (columns * (columns - 1) / 2).sum()
    chance = of_rows * of_columns / max(1.0, len(one) * (len(one) - 1) / 2)
    most = (of_rows + of_columns) / 2
    return float((pairs - chance) / (most - chance)) if most != chance else 1.0


def _scores(columns: Sequence[Column], table: pl.DataFrame, cut_on: npt.NDArray[np.int64] | None = None) -> Integers | None:
    """Three groups by the sum of thirds: every number, and the latest moment, gives 0, 1 or 2 points."""
    points = np.zeros(table.height)
    used = 0
    for column in columns:
        if column.reading == "number" or (column.reading == "time" and "elapsed_days" in column.parts):
            values = block(column, followed_series(table, column.name, column.path))[:, 0]
            learned = values if cut_on is None else values[cut_on]
            learned = learned[~np.isnan(learned)]
            cuts: Floats = np.unique(np.quantile(learned, (1 / 3, 2 / 3))) if len(learned) else np.zeros(0)
            if len(cuts) == 2:
                used += 1
                points += np.where(np.isnan(values), 1.0, np.searchsorted(cuts, values, side="left"))
    if not used:
        return None
    return np.minimum(2, points * 3 // (2 * used + 1)).astype(np.int64)


def _stability_of_scores(columns: Sequence[Column], table: pl.DataFrame, generator: np.random.Generator) -> float:
    agreed = []
    for _ in range(REPEATS):
        order = generator.permutation(table.height)
        one, other = _scores(columns, table, order[: len(order) // 2]), _scores(columns, table, order[len(order) // 2 :])
        agreed.append(0.0 if one is None or other is None else adjusted_rand(one, other))
    return float(np.mean(agreed))


def silhouette(values: Floats, groups: Integers) -> float:
    """How much nearer rows are to their own group than to the next one, -1..1, over all pairs (Rousseeuw 1987)."""
    kinds = np.unique(groups)
    if len(kinds) < 2 or not values.shape[1]:
        return 0.0
    squares = (values**2).sum(axis=1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares[None, :] - 2 * values @ values.T, 0.0))
    sums = np.stack([distances[:, groups == kind].sum(axis=1) for kind in kinds], axis=1)
    sizes = np.array([(groups == kind).sum() for kind in kinds], dtype=np.float64)
    own = np.searchsorted(kinds, groups)
    at = np.arange(len(groups))
    inside = sums[at, own] / np.maximum(sizes[own] - 1, 1)
    means = sums / sizes
    means[at, own] = np.inf
    outside = means.min(axis=1)
    widest = np.maximum(inside, outside)
    made = np.where((sizes[own] > 1) & (widest > 0), (outside - inside) / np.where(widest > 0, widest, 1.0), 0.0)
    return float(made.mean())


def _grouping(name: str, kind: str, groups: Integers, values: Floats, names: Sequence[str], rows: npt.NDArray[np.int64], stability: float) -> Grouping:
    sizes = np.bincount(groups[groups >= 0])
    seen = rows[groups[rows] >= 0]
    apart = silhouette(values[seen], groups[seen])
    clear = "clearly apart" if apart >= CLEAR else "somewhat apart" if apart >= SOME else "hardly apart"
    again = "come again" if stability >= SURE else "do not come again"
    shares = ", ".join(f"{size / len(groups):.0%}" for size in sizes)
    fixed = "they are given by the column" if kind == "category" else f"on another half of the rows they {again} (agreement {stability:.2f})"
    sentence = f"Grouped by {name} ({shares}): the groups are {clear} (silhouette {apart:.2f}), and {fixed}."
    descriptions = tuple(_description(at, groups, values, names) for at in range(len(sizes)))
    return Grouping(name, kind, tuple(groups.tolist()), tuple(sizes.tolist()), apart, stability, sentence, descriptions)


def _description(at: int, groups: Integers, values: Floats, names: Sequence[str]) -> str:
    inside = groups == at
    if not inside.any() or inside.all() or not values.shape[1]:
        return f"Group {at}: {int(inside.sum()):,} rows."
    differences = values[inside].mean(axis=0) - values[~inside].mean(axis=0)
    strongest = [one for one in np.argsort(-np.abs(differences), kind="stable")[:3] if abs(differences[one]) > 0.2]
    what = ", ".join(f"{'more' if differences[one] > 0 else 'less'} {names[one]}" if "=" in names[one] else f"{'higher' if differences[one] > 0 else 'lower'} {names[one]}" for one in strongest)
    return f"Group {at}: {int(inside.sum()):,} rows" + (f", {what} than the others." if what else ", like the others in every column.")
