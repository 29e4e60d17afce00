"""Boosted trees read from LightGBM's text: checked before any other code sees them, and plain enough to be written in other languages."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .stored import Array, Stored, frozen

Whole = npt.NDArray[np.int64]
MOST_TREES, MOST_LEAVES = 100_000, 1 << 17  # LightGBM itself allows 131,072 leaves
ZERO = 1e-35  # kZeroThreshold of LightGBM, as a float: numbers nearer to 0 are zero where zero stands for missing
CATEGORICAL, DEFAULT_LEFT = 1, 2  # bits of decision_type (tree.h of LightGBM); bits 2 and 3 hold the kind of missing value
NONE, ZEROS, NANS = 0, 1, 2
# objective: how scores become predictions. The names are LightGBM's (docs/Parameters.rst, objective).
IDENTITY = ("regression", "regression_l1", "huber", "fair", "quantile", "mape")
EXPONENTIAL = ("poisson", "gamma", "tweedie")


# What may stand in the text, by LightGBM's gbdt_model_text.cpp and tree.cpp; linear leaves are left out on purpose.
HEADER = {"version", "num_class", "num_tree_per_iteration", "label_index", "max_feature_idx", "objective", "feature_names", "feature_infos", "monotone_constraints", "tree_sizes"}
OF_SPLITS, OF_LEAVES = ("split_gain", "internal_value", "internal_weight", "internal_count"), ("leaf_weight", "leaf_count")
TREE = {"num_leaves", "num_cat", "split_feature", "threshold", "decision_type", "left_child", "right_child", "leaf_value", "cat_boundaries", "cat_threshold", "is_linear", "shrinkage"}
NUMBERS = re.compile(r"[-+.\deEinfa ]*")
INFO = re.compile(r"none|\[[-+.\deinf]+:[-+.\deinf]+\]|-?\d+(?::-?\d+)*")
END = "end of trees\n"


@dataclass(frozen=True, eq=False)
class Tree:
    """One tree: `splits` inner nodes, `splits + 1` leaves.

    Args:
        columns: (splits,) column that is looked at.
        thresholds: (splits,) rows with value <= threshold go left; for a categorical split the number of its set.
        decisions: (splits,) LightGBM's decision_type.
        lefts, rights: (splits,) the next node; -1 - leaf for a leaf.
        values: (splits + 1,) what the leaves say.
        bounds, words: the sets of categories that go left: set i is words[bounds[i]:bounds[i + 1]], 32 categories a word.
    """

    columns: Whole
    thresholds: Array
    decisions: Whole
    lefts: Whole
    rights: Whole
    values: Array
    bounds: Whole
    words: Whole


@dataclass(frozen=True, eq=False)
class Forest:
    """The trees of a model and what their sum means.

    Args:
        trees: in the order of the file; tree i adds to the score of class i modulo `outputs`.
        outputs: scores of a row.
        width: columns of the matrix.
        link: "identity", "exp", "sigmoid", "softmax", "each" (a sigmoid for each class, divided by their sum), "signed_square", "log1p_exp".
        slope: the factor in the sigmoid.
        average: whether the trees' mean counts and not their sum.
    """

    trees: tuple[Tree, ...]
    outputs: int
    width: int
    link: str
    slope: float = 1.0
    average: bool = False

    def scores(self, X: Array) -> Array:
        """The sums of the leaves (rows, outputs): the reference that every other form is held against."""
        total = np.zeros((len(X), self.outputs))
        for number, tree in enumerate(self.trees):
            total[:, number % self.outputs] += tree.values[leaves(tree, X)]
        return total / (len(self.trees) // self.outputs) if self.average and self.trees else total


    def predict(self, X: Array) -> Array:
        """What the scores mean: (rows,), or (rows, classes) where there are several scores; of two classes the probability of the second."""
        scores = self.scores(X)
        if self.link == "softmax":
            powers = np.exp(scores - scores.max(axis=1, keepdims=True))
            return np.asarray(powers / powers.sum(axis=1, keepdims=True))
        if self.link == "each":
            each = sigmoid(self.slope * scores)
            total = each.sum(axis=1, keepdims=True)
            return np.asarray(each / np.where(total > 0, total, 1.0))
        score = scores[:, 0]
        if self.link == "sigmoid":
            return sigmoid(self.slope * score)
        if self.link == "log1p_exp":
            return np.asarray(np.log1p(np.exp(score)))
        return np.asarray(np.exp(score) if self.link == "exp" else np.sign(score) * score * score if self.link == "signed_square" else score)


def sigmoid(scores: Array) -> Array:
    """1 / (1 + exp(-score)) without overflow.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    small = np.exp(-np.abs(scores))
    return np.asarray(np.where(scores >= 0, 1.0, small) / (1.0 + small))


def leaves(tree: Tree, X: Array) -> Whole:
    """The leaf each row comes to."""
    node = np.zeros(len(X), dtype=np.int64) if len(tree.columns) else np.full(len(X), -1)
    while (inside := np.flatnonzero(node >= 0)).size:
        at = node[inside]
        left = _goes_left(tree, at, X[inside, tree.columns[at]])
        node[inside] = np.where(left, tree.lefts[at], tree.rights[at])
    return -1 - node


def _goes_left(tree: Tree, at: Whole, value: Array) -> npt.NDArray[np.bool_]:
    decision = tree.decisions[at]
    kind = (decision >> 2) & 3
    missing = np.isnan(value)
    filled = np.where(missing & (kind != NANS), 0.0, value)
    by_default = ((kind == ZEROS) & (np.abs(filled) <= np.float64(np.float32(ZERO)))) | ((kind == NANS) & missing)
    with np.errstate(invalid="ignore"):
        numeric = np.where(by_default, (decision & DEFAULT_LEFT) > 0, filled <= tree.thresholds[at])
    split = (decision & CATEGORICAL) > 0
    if not split.any():
        return np.asarray(numeric)
    # A category is the whole part of the number; missing and negative ones go right, whatever kind of missing value the split has.
    code = np.trunc(np.where(missing, -1.0, value))
    number = np.where(split, tree.thresholds[at], 0).astype(np.int64)
    begin, end = tree.bounds[number], tree.bounds[np.minimum(number + 1, len(tree.bounds) - 1)]
    whole = np.where((code >= 0) & (code < 32.0 * (end - begin)), code, -1).astype(np.int64)
    word = tree.words[np.where(split & (whole >= 0), begin + whole // 32, 0)]
    inside = (whole >= 0) & ((word >> (whole % 32)) & 1 > 0)
    return np.asarray(np.where(split, inside, numeric))


def read_forest(text: str, stored: Stored, name: str = "model.txt") -> Forest:
    """The trees in LightGBM's text, every length and index checked, so that no reader of it can be led outside its arrays.

    LightGBM itself checks little: of texts with one damaged byte or line, a quarter ended its process. None that passes here does (`tests/artefacts/test_damaged_trees.py`).

    Raises:
        Unreadable: it is damaged, or uses linear leaves.
    """
    head, *pieces = text.split("\nTree=")
    header = _pairs(head, stored, name, HEADER | set(OF_SPLITS))
    if not head.startswith("tree\n") or header.get("version") not in ("v3", "v4"):
        raise stored.wrong("it is no LightGBM model of version v3 or v4", name)
    if not pieces or text.count("\n" + END) != 1 or END not in pieces[-1]:
        raise stored.wrong("its trees are cut off" if pieces else "it holds no trees", name)
    if len(pieces) > MOST_TREES:
        raise stored.wrong(f"it holds more than {MOST_TREES:,} trees", name)
    width = _whole(header, "max_feature_idx", stored, name) + 1
    outputs = _whole(header, "num_tree_per_iteration", stored, name)
    if not 1 <= outputs <= 10_000 or not 1 <= width <= 1 << 20 or len(pieces) % outputs or _whole(header, "num_class", stored, name) != outputs:
        raise stored.wrong(f"{len(pieces)} trees of {outputs} scores over {width} columns make no model", name)
    infos = header.get("feature_infos", "").split()
    if len(header.get("feature_names", "").split()) != width or len(infos) != width or not all(map(INFO.fullmatch, infos)):
        raise stored.wrong(f"it does not name and describe {width} columns", name)
    if not 0 <= _whole(header, "label_index", stored, name) <= width:
        raise stored.wrong("label_index is no column", name)
    _check_sizes(text, header.get("tree_sizes", ""), len(pieces), stored, name)
    link, slope = _link(header.get("objective", ""), outputs, stored, name)
    trees = []
    for number, piece in enumerate(pieces):
        first, _, rest = piece.partition("\n")
        if first != str(number):
            raise stored.wrong(f"tree {number} is called {first[:20]!r}", name)
        trees.append(_tree(_pairs(rest.split(END)[0], stored, name, TREE | set(OF_SPLITS) | set(OF_LEAVES)), width, number, stored, name))
    return Forest(tuple(trees), outputs, width, link, slope, "\naverage_output\n" in head + "\n")


def _pairs(text: str, stored: Stored, name: str, known: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in text.rstrip("\n").split("\n"):
        key, equals, value = line.partition("=")
        if line in ("tree", "average_output"):
            continue
        if key == "leaf_const":
            raise stored.wrong("it has linear models in its leaves, which are not supported: train with linear_tree=false", name)
        if not equals or key not in known or key in found:
            raise stored.wrong(f"the line {line[:60]!r} does not belong there", name)
        found[key] = value
    return found


def _check_sizes(text: str, sizes: str, count: int, stored: Stored, name: str) -> None:
    """LightGBM jumps from tree to tree by these numbers of bytes."""
    content = text.encode("utf-8")
    place = content.index(b"\nTree=0") + 1 if b"\nTree=0" in content else 0
    lengths = sizes.split()
    if len(lengths) != count or not all(one.isascii() and one.isdigit() and len(one) < 12 for one in lengths):
        raise stored.wrong("tree_sizes does not hold a number for each tree", name)
    for number, length in enumerate(lengths):
        if not content.startswith(b"Tree=%d\n" % number, place):
            raise stored.wrong(f"tree {number} does not stand where tree_sizes says", name)
        place += int(length)
    if not content.startswith(END.encode(), place):
        raise stored.wrong("the trees do not end where tree_sizes says", name)


def _whole(pairs: dict[str, str], key: str, stored: Stored, name: str) -> int:
    try:
        return int(pairs[key])
    except (KeyError, ValueError):
        raise stored.wrong(f"{key} is {pairs.get(key, 'missing')[:40]!r} and should be a whole number", name) from None


def _link(objective: str, outputs: int, stored: Stored, name: str) -> tuple[str, float]:
    word, *options = objective.split() or [""]
    slope = next((float(one.split(":")[1]) for one in options if one.startswith("sigmoid:")), 1.0)
    if word == "regression" and "sqrt" in options:
        return "signed_square", 1.0
    if word in IDENTITY:
        return "identity", 1.0
    if word in EXPONENTIAL:
        return "exp", 1.0
    found = {"binary": "sigmoid", "cross_entropy": "sigmoid", "cross_entropy_lambda": "log1p_exp", "multiclass": "softmax", "multiclassova": "each"}.get(word)
    if found is None or (outputs > 1) != (found in ("softmax", "each")):
        raise stored.wrong(f"the objective {objective[:60]!r} with {outputs} score(s) a row is none whose predictions have a meaning here", name)
    return found, slope


def _tree(pairs: dict[str, str], width: int, number: int, stored: Stored, name: str) -> Tree:
    def bad(cause: str) -> Exception:
        return stored.wrong(f"tree {number}: {cause}", name)

    count = _whole(pairs, "num_leaves", stored, name)
    sets = _whole(pairs, "num_cat", stored, name)
    if not 1 <= count <= MOST_LEAVES or not 0 <= sets < MOST_LEAVES:
        raise bad(f"it says it has {count} leaves and {sets} sets of categories")
    if pairs.get("is_linear", "0").strip() != "0":
        raise bad("it has linear models in its leaves, which are not supported: train with linear_tree=false")

    def numbers(key: str, length: int) -> Array:
        words = pairs.get(key, "").split(" ")
        words = words if words != [""] else []
        try:
            found = np.array(words, dtype=np.float64)
        except ValueError:
            raise bad(f"{key} holds something that is no number") from None
        if not NUMBERS.fullmatch(pairs.get(key, "")):
            raise bad(f"{key} holds something that is no number")
        if len(found) != length or np.isnan(found).any():
            raise bad(f"{key} has {len(found)} numbers and should have {length}")
        return frozen(found)

    def wholes(key: str, length: int, least: int, most: int) -> Whole:
        found = numbers(key, length)
        if (found != np.floor(found)).any() or (found < least).any() or (found > most).any():
            raise bad(f"{key} leaves the range {least} to {most}")
        return found.astype(np.int64)

    splits = count - 1
    values = numbers("leaf_value", count)
    for key in (*OF_SPLITS, *OF_LEAVES):
        if key in pairs and not (splits == 0 and pairs[key] == ""):  # a tree that could not split leaves them empty
            numbers(key, splits if key in OF_SPLITS else count)
    numbers("shrinkage", 1)
    if not np.isfinite(values).all():
        raise bad("a leaf holds no finite number")
    columns, decisions = wholes("split_feature", splits, 0, width - 1), wholes("decision_type", splits, 0, 11)
    thresholds = numbers("threshold", splits)
    # Children come after their parents in LightGBM's numbering; held to that, no row can walk in a circle.
    lefts, rights = wholes("left_child", splits, -count, splits - 1), wholes("right_child", splits, -count, splits - 1)
    forward = np.concatenate([lefts, rights])
    at = np.tile(np.arange(splits), 2)
    if ((forward >= 0) & (forward <= at)).any() or len(np.unique(forward)) != 2 * splits:
        raise bad("its nodes do not form a tree")
    bounds, words = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    if sets:
        bounds = wholes("cat_boundaries", sets + 1, 0, 1 << 24)
        words = wholes("cat_threshold", int(bounds[-1]), 0, (1 << 32) - 1)
        if bounds[0] != 0 or (np.diff(bounds) < 1).any():
            raise bad("cat_boundaries is not ascending")
    chosen = thresholds[(decisions & CATEGORICAL) > 0]
    if (chosen != np.floor(chosen)).any() or (chosen < 0).any() or (chosen >= max(sets, 1)).any() or (len(chosen) and not sets):
        raise bad("a split names a set of categories that there is not")
    return Tree(columns, thresholds, decisions, lefts, rights, values, bounds, words)
