"""A predictor as one ONNX graph over the encoded matrix: trees as tree operators, everything else as arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from assayline.artefacts import Blend, Boosted, Calibrated, Constant, Expanded, Interval, Linear, Predictor, Rescaled, Seasonal, Selected
from assayline.artefacts.calibrated import NEAREST
from assayline.artefacts.expanded import Term
from assayline.artefacts.rescaled import HIGHEST
from assayline.artefacts.seasonal import Last, Usual
from assayline.artefacts.stored import Array
from assayline.artefacts.trees import CATEGORICAL, DEFAULT_LEFT, NONE, ZERO, ZEROS, Forest, Tree
from assayline.errors import MissingExtra, MisuseError

from .refusing import refuse_foreign

OPSET, ML_OPSET, IR = 17, 3, 8  # of 2021: every runtime since then, the browser's too
INPUT, OUTPUT, LOW, HIGH = "X", "Y", "low", "high"


def onnx_bytes(model: Predictor, width: int, *, double: bool = True, coverage: float = 0.9, producer: str = "assayline") -> bytes:
    """The ONNX model: input `X` (rows, width), output `Y` (rows, 1) for regression or (rows, classes).

    The input is what the plan encodes, NaN for a missing value. A regression with intervals has the outputs `low` and `high` too.

    Args:
        model: the predictor.
        width: columns of the encoded matrix.
        double: whether the input is float64. Then every row takes the branches it takes in the original, and outputs differ by the float32 of the tree operators' sums only
            (1e-7 relative). With float32, a number nearer to a threshold than its 7 digits may take the other branch.
        coverage: of the intervals.
        producer: what the file says it was made by.

    Raises:
        MisuseError: the model is another library's, or `width` is not what it takes.
        MissingExtra: onnx is not installed.
    """
    TensorProto = _onnx().TensorProto
    refuse_foreign(model, "ONNX")
    if model.width not in (0, width):
        raise MisuseError(f"the model takes {model.width} columns, not {width}: give the number of features of its plan")
    graph = _Graph(double)
    X = INPUT if double else graph.add("Cast", INPUT, to=TensorProto.DOUBLE)
    named = {OUTPUT: graph.model(model, X)}
    if isinstance(model, Interval):
        named |= dict(zip((LOW, HIGH), graph.ends(model, X, coverage), strict=True))
    return _written(graph, named, TensorProto.DOUBLE, width, model.classes or 1, producer)


def onnx_scores(model: Boosted, width: int, *, inside: tuple[Array, Array] | None = None, producer: str = "assayline") -> bytes:
    """The trees alone: input `X` float64 (rows, width), output `Y` float32 (rows, scores), the sums of the leaves before `Forest.link` makes predictions of them.

    For who asks for one row at a time: each operator behind the trees costs as much as ten of them.

    Args:
        model: with one score for each row.
        width: columns of the encoded matrix.
        inside: the least and greatest value (width,) of each column. `Y` then has a second score: how many columns of the row lie outside; what is missing lies
            inside. Two trees of one split for each column: the same loop that sums the others sums them too.
        producer: what the file says it was made by.

    Raises:
        MisuseError: the trees' mean counts and not their sum, they have several scores, or `width` is not what the model takes.
        MissingExtra: onnx is not installed.
    """
    TensorProto = _onnx().TensorProto
    forest = model.forest()
    if model.width != width or forest.average or forest.outputs != 1:
        raise MisuseError(f"the model takes {model.width} columns and not {width}, has {forest.outputs} scores, or averages its trees: write it with onnx_bytes")
    graph = _Graph(True)
    return _written(graph, {OUTPUT: graph.trees(forest, INPUT, inside)}, TensorProto.FLOAT, width, 1 if inside is None else 2, producer)


def _onnx() -> Any:
    try:
        import onnx
    except ImportError as error:
        raise MissingExtra("writing ONNX", extra="onnx", package="onnx") from error
    return onnx


def _written(graph: _Graph, named: Mapping[str, str], kind: int, width: int, columns: int, producer: str) -> bytes:
    """The model with these values as outputs."""
    import onnx
    from onnx import helper

    for name, value in named.items():
        graph.nodes.append(helper.make_node("Identity", [value], [name]))
    given = onnx.TensorProto.DOUBLE if graph.double else onnx.TensorProto.FLOAT
    outputs = [helper.make_tensor_value_info(name, kind, ["rows", columns]) for name in named]
    body = helper.make_graph(graph.nodes, "model", [helper.make_tensor_value_info(INPUT, given, ["rows", width])], outputs, graph.constants)
    made = helper.make_model(
        body, opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)], ir_version=IR, producer_name=producer
    )
    onnx.checker.check_model(made)
    return bytes(made.SerializeToString(deterministic=True))


class _Graph:
    """The nodes and constants so far; everything inside is float64."""

    def __init__(self, double: bool) -> None:
        self.double = double
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """A node with one output; gives the output's name."""
        from onnx import helper

        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], domain=domain, **attributes))
        return name

    def constant(self, values: npt.ArrayLike, dtype: type[np.generic] = np.float64) -> str:
        from onnx import numpy_helper

        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(np.asarray(values, dtype=dtype)).reshape(np.shape(values)), name))
        return name

    def columns(self, X: str, places: Sequence[int]) -> str:
        return self.add("Gather", X, self.constant(list(places), np.int64), axis=1)

    def model(self, model: Predictor, X: str) -> str:
        """The prediction (rows, classes or 1)."""
        if isinstance(model, Constant):
            return self.add("Add", self.zeros(X), self.constant(model.values))
        if isinstance(model, Linear):
            return self.linear(model, X)
        if isinstance(model, Boosted):
            return self.forest(model.forest(), X, model.classes)
        if isinstance(model, Seasonal):
            return self.seasonal(model, X)
        if isinstance(model, Selected):
            return self.model(model.inner, self.columns(X, model.columns))
        if isinstance(model, Expanded):
            return self.expanded(model, X)
        if isinstance(model, Rescaled):
            return self.rescaled(model, self.model(model.inner, X))
        if isinstance(model, Blend):
            parts = [self.add("Mul", self.model(one, X), self.constant(weight)) for one, weight in zip(model.inner, model.weights, strict=True)]
            return self.add("Sum", *parts)
        if isinstance(model, Calibrated):
            return self.calibrated(model, self.model(model.inner, X))
        assert isinstance(model, Interval)
        return self.model(model.inner, X)

    def ends(self, model: Interval, X: str, coverage: float) -> tuple[str, str]:
        wide = self.constant(np.full((1, 1), model.reach(coverage)))
        if model.difficulty is not None:
            wide = self.add("Mul", wide, self.add("Max", self.model(model.difficulty, X), self.constant(model.floor)))
        point = self.model(model.inner, X)
        return self.add("Sub", point, wide), self.add("Add", point, wide)

    def zeros(self, X: str) -> str:
        """(rows, 1) of zeros."""
        from onnx import TensorProto

        missing = self.add("Cast", self.add("IsNaN", self.columns(X, [0])), to=TensorProto.DOUBLE)
        return self.add("Mul", missing, self.constant(0.0))

    def both(self, positive: str) -> str:
        """The probabilities of two classes from that of the second."""
        return self.add("Concat", self.add("Sub", self.constant(1.0), positive), positive, axis=1)

    def expanded(self, model: Expanded, X: str) -> str:
        """Columns of one kind are made at once, and put in the order of the terms."""
        order: list[int] = []
        parts: list[str] = []
        for kind in dict.fromkeys(term.kind for term in model.terms):
            places = [at for at, term in enumerate(model.terms) if term.kind == kind]
            order += places
            parts += self.terms(kind, [model.terms[at] for at in places], X)
        made = self.add("Concat", *parts, axis=1) if len(parts) > 1 else parts[0]
        if order != sorted(order):
            made = self.columns(made, np.argsort(order).tolist())
        # What two numbers of float32 make is none of float32: the trees see all its digits, or a row could take another branch.
        before, self.double = self.double, True
        said = self.model(model.inner, made)
        self.double = before
        return said

    def terms(self, kind: str, terms: Sequence[Term], X: str) -> list[str]:
        """Columns of one kind; what is missing or too large is NaN."""
        from onnx import TensorProto

        first = self.columns(X, [term.columns[0] for term in terms])
        if kind == "same":
            return [first]
        if kind == "bins":
            found = []
            for term in terms:
                column = self.columns(X, term.columns)
                reached = self.add("Cast", self.add("GreaterOrEqual", column, self.constant(np.array([term.knots]))), to=TensorProto.DOUBLE)
                count = self.add("ReduceSum", reached, self.constant([1], np.int64), keepdims=1)
                found.append(self.add("Where", self.add("IsNaN", column), self.constant(np.nan), count))
            return found
        if kind == "above":
            over = self.add("Sub", first, self.constant(np.array([[term.knots[0] for term in terms]])))
            return [self.kept(self.add("Where", self.add("Less", over, self.constant(0.0)), self.constant(0.0), over))]
        second = self.columns(X, [term.columns[1] for term in terms])
        if kind == "ratio":
            second = self.add("Where", self.add("Equal", second, self.constant(0.0)), self.constant(np.nan), second)
        return [self.kept(self.add({"sum": "Add", "difference": "Sub", "product": "Mul", "ratio": "Div"}[kind], first, second))]

    def kept(self, values: str) -> str:
        """Values, with NaN for the infinite ones."""
        inside = self.add("LessOrEqual", self.add("Abs", values), self.constant(np.finfo(np.float64).max))
        return self.add("Where", inside, values, self.constant(np.nan))

    def rescaled(self, model: Rescaled, said: str) -> str:
        linked = self.add("Exp", self.add("Min", said, self.constant(HIGHEST))) if model.link == "exp" else said
        found = self.add("Add", self.add("Mul", linked, self.constant(model.factor)), self.constant(model.shift))
        found = self.add("Max", found, self.constant(model.low)) if model.low > -np.inf else found
        return self.add("Min", found, self.constant(model.high)) if model.high < np.inf else found

    def linear(self, model: Linear, X: str) -> str:
        from onnx import TensorProto

        view, parts = model.dense_view, []
        if view.numbers:
            numbers = self.columns(X, view.numbers)
            filled = self.add("Where", self.add("IsNaN", numbers), self.constant(view.medians[None, :]), numbers)
            inside = self.add("Min", self.add("Max", filled, self.constant(view.lows[None, :])), self.constant(view.highs[None, :]))
            parts.append(self.add("Div", self.add("Sub", inside, self.constant(view.means[None, :])), self.constant(view.scales[None, :])))
        for column, kept in zip(view.codes, view.kept, strict=True):
            if kept:
                same = self.add("Equal", self.columns(X, [column]), self.constant(np.array([kept], dtype=np.float64)))
                parts.append(self.add("Cast", same, to=TensorProto.DOUBLE))
        if view.marked:
            parts.append(self.add("Cast", self.add("IsNaN", self.columns(X, view.marked)), to=TensorProto.DOUBLE))
        dense = self.add("Concat", *parts, axis=1) if len(parts) > 1 else parts[0]
        scores = self.add("Add", self.add("MatMul", dense, self.constant(model.coefficients.T)), self.constant(model.intercept[None, :]))
        if model.link == "identity":
            return scores
        return self.both(self.add("Sigmoid", scores)) if model.link == "logit" else self.add("Softmax", scores, axis=1)

    def seasonal(self, model: Seasonal, X: str) -> str:
        said = ""
        for memory in reversed(model.memories):
            found = self.last(memory, X, model.classes) if isinstance(memory, Last) else self.usual(memory, X, model.classes)
            later = said or self.constant(model.fallback[None, :])
            said = self.add("Where", self.add("IsNaN", found), later, found)
        return said or self.add("Add", self.zeros(X), self.constant(model.fallback[None, :]))

    def last(self, memory: Last, X: str, classes: int) -> str:
        seen = self.columns(X, [memory.column])
        return seen if not classes else self.looked_up(self.code(seen, classes), np.vstack([memory.transitions, np.full((1, classes), np.nan)]))

    def usual(self, memory: Usual, X: str, classes: int) -> str:
        cells = int(np.prod(memory.sizes)) if memory.sizes else 1
        place = self.zeros(X)
        unknown = self.zeros(X)
        for column, size in zip(memory.columns, memory.sizes, strict=True):
            code = self.code(self.columns(X, [column]), size)
            unknown = self.add("Max", unknown, self.add("Sub", code, self.constant(float(size - 1))))  # 1 where it is `size`: never seen
            place = self.add("Add", self.add("Mul", place, self.constant(float(size))), code)
        place = self.add("Where", self.add("Greater", unknown, self.constant(0.5)), self.constant(float(cells)), place)
        return self.looked_up(place, np.vstack([memory.values.reshape(cells, classes or 1), np.full((1, classes or 1), np.nan)]))

    def code(self, column: str, size: int, *, cut: bool = False) -> str:
        """The whole part of a column, and `size` for what is missing, negative or too large; with `cut`, what lies between -1 and 0 is cut to 0, as a cast in C does."""
        above = self.add("Greater", column, self.constant(-1.0)) if cut else self.add("GreaterOrEqual", column, self.constant(0.0))
        inside = self.add("And", above, self.add("Less", column, self.constant(float(size))))
        whole = self.add("Max", self.add("Floor", self.add("Where", inside, column, self.constant(0.0))), self.constant(0.0))
        return self.add("Where", inside, whole, self.constant(float(size)))

    def looked_up(self, place: str, table: Array) -> str:
        """Rows of a table (cells, values) by a column of their numbers."""
        from onnx import TensorProto

        at = self.add("Squeeze", self.add("Cast", place, to=TensorProto.INT64), self.constant([1], np.int64))
        return self.add("Gather", self.constant(table), at, axis=0)

    def calibrated(self, model: Calibrated, said: str) -> str:
        if model.method == "temperature":
            logs = self.add("Log", self.add("Max", said, self.constant(NEAREST)))
            return self.add("Softmax", self.add("Div", logs, self.constant(float(model.xs[0][0]))), axis=1)
        if model.classes == 2:
            return self.both(self.mapped(model, 0, self.columns(said, [1])))
        each = self.add("Concat", *(self.mapped(model, number, self.columns(said, [number])) for number in range(model.classes)), axis=1)
        total = self.add("ReduceSum", each, self.constant([1], np.int64), keepdims=1)
        some = self.add("Greater", total, self.constant(0.0))
        return self.add("Where", some, self.add("Div", each, self.add("Where", some, total, self.constant(1.0))), said)

    def mapped(self, model: Calibrated, number: int, p: str) -> str:
        x, y = model.xs[number], model.ys[number]
        if model.method == "platt":
            inside = self.add("Min", self.add("Max", p, self.constant(NEAREST)), self.constant(1 - NEAREST))
            odds = self.add("Sub", self.add("Log", inside), self.add("Log", self.add("Sub", self.constant(1.0), inside)))
            return self.add("Sigmoid", self.add("Add", self.add("Mul", odds, self.constant(float(x[0]))), self.constant(float(y[0]))))
        if len(x) == 1:
            return self.add("Add", self.add("Mul", p, self.constant(0.0)), self.constant(float(y[0])))
        # Straight lines between knots: the first value and, for each piece, its rise times how far p has come through it.
        through = self.add("Div", self.add("Sub", p, self.constant(x[None, :-1])), self.constant(np.diff(x)[None, :]))
        share = self.add("Min", self.add("Max", through, self.constant(0.0)), self.constant(1.0))
        return self.add("Add", self.add("MatMul", share, self.constant(np.diff(y)[:, None])), self.constant(float(y[0])))

    # -- trees ---------------------------------------------------------------------------------------------------------

    def forest(self, forest: Forest, X: str, classes: int) -> str:
        from onnx import TensorProto

        scores = self.add("Cast", self.trees(forest, X), to=TensorProto.DOUBLE)
        if forest.average and forest.trees:
            scores = self.add("Div", scores, self.constant(float(len(forest.trees) // forest.outputs)))
        return self.linked(forest, scores, classes)

    def trees(self, forest: Forest, X: str, inside: tuple[Array, Array] | None = None) -> str:
        """The sums of the leaves, float32; with `inside` beside them how many columns are outside."""
        from onnx import TensorProto

        wide = _Columns(forest)
        parts = [X]
        if wide.uses_zeros:
            filled = self.add("Where", self.add("IsNaN", X), self.constant(0.0), X)
            near = self.add("LessOrEqual", self.add("Abs", filled), self.constant(float(np.float32(ZERO))))
            parts.append(self.add("Where", near, self.constant(np.nan), filled))
        for column, sets in wide.sets.items():
            size = max(32 * len(words) for words in sets)
            table = np.zeros((size + 1, len(sets)))
            for number, words in enumerate(sets):
                table[: 32 * len(words), number] = [word >> bit & 1 for word in words for bit in range(32)]
            parts.append(self.looked_up(self.code(self.columns(X, [column]), size, cut=True), table))
        matrix = self.add("Concat", *parts, axis=1) if len(parts) > 1 else X
        if not self.double:
            matrix = self.add("Cast", matrix, to=TensorProto.FLOAT)
        return self.add("TreeEnsembleRegressor", matrix, domain="ai.onnx.ml", **_attributes(forest, wide, self.double, inside))

    def linked(self, forest: Forest, scores: str, classes: int) -> str:
        if forest.link == "softmax":
            return self.add("Softmax", scores, axis=1)
        if forest.link in ("sigmoid", "each"):
            each = self.add("Sigmoid", scores if forest.slope == 1.0 else self.add("Mul", scores, self.constant(forest.slope)))
            if forest.link == "sigmoid":
                return self.both(each) if classes else each
            total = self.add("ReduceSum", each, self.constant([1], np.int64), keepdims=1)
            return self.add("Div", each, self.add("Max", total, self.constant(1e-300)))
        if forest.link == "signed_square":
            return self.add("Mul", scores, self.add("Abs", scores))
        if forest.link == "log1p_exp":
            return self.add("Log", self.add("Add", self.add("Exp", scores), self.constant(1.0)))
        return self.add("Exp", scores) if forest.link == "exp" else scores


class _Columns:
    """Which columns the tree operator sees: the matrix, its copy with NaN for 0, and one column of 0 and 1 for each set of categories.

    A split that knows no missing values takes NaN for 0: its branch for NaN is the one that 0 takes, so it needs no copy with 0 for NaN.
    """

    def __init__(self, forest: Forest) -> None:
        self.width = forest.width
        kinds = {int(kind) for tree in forest.trees for kind in ((tree.decisions >> 2) & 3)[(tree.decisions & CATEGORICAL) == 0]}
        self.uses_zeros = ZEROS in kinds
        self.sets: dict[int, list[tuple[int, ...]]] = {}
        for tree in forest.trees:
            for split in np.flatnonzero(tree.decisions & CATEGORICAL):
                found = self.sets.setdefault(int(tree.columns[split]), [])
                words = _set(tree, int(split))
                if words not in found:
                    found.append(words)
        start = self.width * (1 + self.uses_zeros)
        self.places: dict[tuple[int, tuple[int, ...]], int] = {}
        for column, sets in self.sets.items():
            for words in sets:
                self.places[column, words] = start
                start += 1

    def place(self, tree: Tree, split: int) -> int:
        column, kind = int(tree.columns[split]), int(tree.decisions[split] >> 2) & 3
        if tree.decisions[split] & CATEGORICAL:
            return self.places[column, _set(tree, split)]
        return column + self.width * (kind == ZEROS)

    def left_when_missing(self, tree: Tree, split: int) -> bool:
        if tree.decisions[split] & CATEGORICAL:
            return False
        return bool(tree.thresholds[split] >= 0) if (tree.decisions[split] >> 2) & 3 == NONE else bool(tree.decisions[split] & DEFAULT_LEFT)


def _set(tree: Tree, split: int) -> tuple[int, ...]:
    number = int(tree.thresholds[split])
    return tuple(int(word) for word in tree.words[tree.bounds[number] : tree.bounds[number + 1]])


def _attributes(forest: Forest, wide: _Columns, double: bool, inside: tuple[Array, Array] | None = None) -> dict[str, Any]:
    from onnx import TensorProto, helper

    ids: dict[str, list[int]] = {name: [] for name in ("treeids", "nodeids", "featureids", "truenodeids", "falsenodeids", "missing_value_tracks_true")}
    modes: list[str] = []
    thresholds: list[float] = []
    leaves: dict[str, list[int]] = {name: [] for name in ("treeids", "nodeids", "ids")}
    weights: list[float] = []
    for number, tree in enumerate(forest.trees):
        splits = len(tree.columns)
        for split in range(splits):
            by_set = bool(tree.decisions[split] & CATEGORICAL)
            left, right = (int(one) if one >= 0 else splits - 1 - int(one) for one in (tree.lefts[split], tree.rights[split]))
            row = (number, split, wide.place(tree, split), right if by_set else left, left if by_set else right)
            for name, value in zip(ids, (*row, int(wide.left_when_missing(tree, split))), strict=True):
                ids[name].append(value)
            modes.append("BRANCH_LEQ")
            thresholds.append(0.5 if by_set else float(tree.thresholds[split]))
        for leaf, value in enumerate(tree.values):
            for name, one in zip(ids, (number, splits + leaf, 0, 0, 0, 0), strict=True):
                ids[name].append(one)
            modes.append("LEAF")
            thresholds.append(0.0)
            for name, one in zip(leaves, (number, splits + leaf, number % forest.outputs), strict=True):
                leaves[name].append(one)
            weights.append(float(value))
    for column, (low, high) in enumerate(zip(*inside, strict=True)) if inside is not None else ():
        # Above `high` the split is false, and NaN counts as true; at the next number below `low` it is true, and NaN counts as false.
        with np.errstate(over="ignore"):  # below the least number of all stands the infinite one
            below = np.nextafter(low, -np.inf)
        for threshold, missing, said in ((high, 1, (0.0, 1.0)), (below, 0, (1.0, 0.0))):
            number = ids["treeids"][-1] + 1
            for node in ((number, 0, column, 1, 2, missing), (number, 1, 0, 0, 0, 0), (number, 2, 0, 0, 0, 0)):
                for name, value in zip(ids, node, strict=True):
                    ids[name].append(value)
            modes += ["BRANCH_LEQ", "LEAF", "LEAF"]
            thresholds += [float(threshold), 0.0, 0.0]
            for leaf in (1, 2):
                for name, one in zip(leaves, (number, leaf, 1), strict=True):
                    leaves[name].append(one)
            weights += said
    found: dict[str, Any] = {f"nodes_{name}": values for name, values in ids.items()} | {f"target_{name}": values for name, values in leaves.items()}
    found |= {"nodes_modes": modes, "n_targets": forest.outputs if inside is None else 2, "aggregate_function": "SUM", "post_transform": "NONE"}
    if double:
        tensors = {"nodes_values_as_tensor": thresholds, "target_weights_as_tensor": weights}
        return found | {name: helper.make_tensor(name, TensorProto.DOUBLE, [len(values)], values) for name, values in tensors.items()}
    return found | {"nodes_values": rounded_down(thresholds), "target_weights": weights}


def rounded_down(thresholds: Sequence[float]) -> list[float]:
    """The largest float32 that is not above each number: a float32 is below it exactly when it is below the number itself.

    >>> rounded_down([0.1])[0] <= 0.1 < float(np.nextafter(np.float32(rounded_down([0.1])[0]), np.float32(1)))
    True
    """
    most = float(np.finfo(np.float32).max)
    wanted = np.clip(np.asarray(thresholds, dtype=np.float64), -most, most)
    near = wanted.astype(np.float32)
    return [float(one) for one in np.where(near.astype(np.float64) > wanted, np.nextafter(near, np.float32(-np.inf)), near)]
