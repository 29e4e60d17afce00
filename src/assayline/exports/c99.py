"""A predictor as C99 for small machines: constant tables and loops, no allocation, no library."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assayline.artefacts import Blend, Boosted, Calibrated, Constant, Expanded, Interval, Linear, Predictor, Rescaled, Seasonal, Selected
from assayline.artefacts.calibrated import NEAREST
from assayline.artefacts.expanded import Term
from assayline.artefacts.rescaled import HIGHEST
from assayline.artefacts.seasonal import Last
from assayline.artefacts.trees import ZERO, Forest
from assayline.errors import MisuseError
from assayline.framing.column import Column, codes_of

from .onnx_graph import rounded_down
from .refusing import refuse_foreign

IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,40}")
LIMITS = {"double": 1.7976931348623157e308, "float": 3.4028234663852886e38}
# Beyond these exp() leaves the normal numbers of the type.
EXP_RANGE = {"double": (-708.0, 709.0), "float": (-87.0, 88.0)}


@dataclass(frozen=True)
class CSource:
    """A header and a source file.

    Args:
        name: prefix of every name in them, and of the files: NAME.h and NAME.c.
        header, source: their texts.
    """

    name: str
    header: str
    source: str


def c_source(
    model: Predictor, features: Sequence[str], *, name: str = "model", number: str = "double", coverage: float = 0.9, classes: Sequence[str] = (),
    codes: Mapping[int, Column] | None = None,
) -> CSource:  # fmt: skip
    """The C99 form of a predictor: `void NAME_predict(const NAME_number x[NAME_INPUTS], NAME_number out[NAME_OUTPUTS])`.

    The row is what the plan encodes: numbers in the order of `features`, NaN for a missing value, whole numbers from 0 for codes. Trees take the branches that LightGBM takes:
    sets of categories, default directions, NaN or zero as missing value. Nothing is allocated, no header but `<stdint.h>` is needed, exp and log are inside when they are used.
    It must not be compiled with `-ffast-math`: a missing value is NaN, and `x != x` has to say so.

    Args:
        model: the predictor.
        features: names of the columns, for the comment in the header.
        name: prefix of all names: a small letter, then small letters, digits and underscores.
        number: "double", or "float" for machines without doubles; thresholds are rounded so that a float takes the branch that the same number takes in double.
        coverage: of the intervals, if the model has them; then there is `NAME_interval` too.
        classes: labels in the order of the outputs, for the comment in the header.
        codes: columns of the plan that hold codes, by their position: each becomes a function from a label to its code.

    Raises:
        MisuseError: the model is another library's, the name is no identifier, or the features do not fit.
    """
    refuse_foreign(model, "C")
    if not IDENTIFIER.fullmatch(name) or number not in LIMITS:
        raise MisuseError(f"{name!r} cannot be the prefix, or {number!r} the number: use a small letter, then letters, digits and underscores; 'double' or 'float'")
    if model.width not in (0, len(features)) or not features:
        raise MisuseError(f"the model takes {model.width} columns, and {len(features)} features are named: give the names of its plan's features")
    writer = _Writer(name, number)
    root = writer.model(model)
    ends = writer.ends(model, coverage) if isinstance(model, Interval) else ""
    outputs = model.classes or 1
    macro = name.upper()
    listed = "\n".join(f" *   x[{place}]  {_comment(one)}" for place, one in enumerate(features))
    said = "\n".join(f" *   out[{place}]  probability of {_comment(one)}" for place, one in enumerate(classes)) or " *   out[0]  the prediction"
    lookups = [writer.lookup(place, features[place], column) for place, column in sorted((codes or {}).items())]
    labels = "small letters, blanks trimmed; any other has the code of unseen ones"
    declared = "".join(f"/* The code of a label of {_comment(features[place])}: {labels}. */\n{head};\n" for place, head in lookups)
    header = f"""/* A model in C99, written by Assayline. Not to be compiled with -ffast-math: missing values are NaN.
 *
 * Input, in this order; NAN where nothing is known:
{listed}
 * Output:
{said}
 */
#ifndef {macro}_H
#define {macro}_H

#define {macro}_INPUTS {len(features)}
#define {macro}_OUTPUTS {outputs}
typedef {number} {name}_number;

void {name}_predict(const {name}_number x[{macro}_INPUTS], {name}_number out[{macro}_OUTPUTS]);
"""
    body = f"void {name}_predict(const {name}_number x[{macro}_INPUTS], {name}_number out[{macro}_OUTPUTS]) {{\n    {root}(x, out);\n}}\n"
    if ends:
        header += f"/* The interval that holds the truth of {coverage:g} of new rows. */\nvoid {name}_interval(const {name}_number x[{macro}_INPUTS], {name}_number *low, {name}_number *high);\n"
        body += f"\n{ends}"
    header += declared + "\n#endif\n"
    source = f'#include "{name}.h"\n\n#include <stdint.h>\n\ntypedef {name}_number real;\n\n{writer.text()}\n{body}'
    return CSource(name, header, source)


def _comment(text: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in text).replace("*/", "* /").replace("/*", "/ *").replace("??", "? ?").replace("\\", "/")[:120]


class _Writer:
    """The functions and tables so far."""

    def __init__(self, name: str, number: str) -> None:
        self.name, self.number = name, number
        self.parts: list[str] = []
        self.needs: set[str] = set()
        self.count = 0

    def text(self) -> str:
        """Everything, with what it needs before it."""
        wanted = set(self.needs)
        if "sigmoid" in wanted:
            wanted.add("exp")
        if "ratio" in wanted:
            wanted.add("kept")
        order = [("missing", MISSING), ("exp", self._exp()), ("log", self._log()), ("sigmoid", SIGMOID), ("same", SAME), ("kept", self._kept()), ("ratio", RATIO)]
        return "\n".join([*(text for key, text in order if key in wanted), *self.parts])

    def fresh(self, what: str) -> str:
        self.count += 1
        return f"{what}_{self.count}"

    def literal(self, value: float) -> str:
        """A number that reads back to the same bits of the type."""
        most = LIMITS[self.number]
        bounded = min(max(float(value), -most), most)
        if self.number == "float":
            text = str(np.float32(bounded))
            text = text if any(mark in text for mark in ".e") else text + ".0"
            return text + "f"
        text = repr(bounded)
        return text if any(mark in text for mark in ".e") else text + ".0"

    def numbers(self, values: npt.ArrayLike) -> str:
        return self.table("real", [self.literal(float(one)) for one in np.asarray(values, dtype=np.float64).reshape(-1)])

    def wholes(self, values: npt.ArrayLike) -> str:
        """A table of the smallest type that holds its numbers."""
        found = [int(one) for one in np.asarray(values).reshape(-1)]
        low, high = min(found, default=0), max(found, default=0)
        kinds = (("int8_t", 7), ("int16_t", 15), ("int32_t", 31)) if low < 0 else (("uint8_t", 8), ("uint16_t", 16), ("uint32_t", 32))
        kind = next(kind for kind, bits in kinds if -(1 << bits) <= low and high < 1 << bits)
        return self.table(kind, [f"{one}u" if one > 0x7FFFFFFF else str(one) for one in found])

    def table(self, kind: str, values: Sequence[str]) -> str:
        name = self.fresh("t")
        lines, line = [], "   "
        for one in values or ["0"]:  # C has no empty arrays
            if len(line) + len(one) > 110:
                lines.append(line)
                line = "   "
            line += f" {one},"
        lines.append(line)
        self.parts.append(f"static const {kind} {name}[{max(len(values), 1)}] = {{\n" + "\n".join(lines) + "\n};\n")
        return name

    def function(self, body: str, *, unused: bool = False) -> str:
        name = self.fresh("f")
        inside = ("    (void)x;\n" if unused else "") + "".join(f"    {line}\n" if line else "\n" for line in body.strip("\n").split("\n"))
        self.parts.append(f"static void {name}(const real *x, real *out) {{\n{inside}}}\n")
        return name

    # -- predictors ----------------------------------------------------------------------------------------------------

    def model(self, model: Predictor) -> str:
        """Name of the function that predicts."""
        if isinstance(model, Constant):
            return self.function("\n".join(f"out[{place}] = {self.literal(value)};" for place, value in enumerate(model.values)), unused=True)
        if isinstance(model, Linear):
            return self.linear(model)
        if isinstance(model, Boosted):
            return self.forest(model.forest(), model.classes)
        if isinstance(model, Seasonal):
            return self.seasonal(model)
        if isinstance(model, Selected):
            inner, places = self.model(model.inner), self.wholes(model.columns)
            size = len(model.columns)
            return self.function(f"real chosen[{size}];\nint32_t i;\nfor (i = 0; i < {size}; i++) {{\n    chosen[i] = x[{places}[i]];\n}}\n{inner}(chosen, out);")
        if isinstance(model, Expanded):
            return self.expanded(model)
        if isinstance(model, Rescaled):
            return self.rescaled(model)
        if isinstance(model, Blend):
            return self.blend(model)
        if isinstance(model, Calibrated):
            return self.calibrated(model)
        assert isinstance(model, Interval)
        return self.model(model.inner)

    def ends(self, model: Interval, coverage: float) -> str:
        """The text of the function for intervals."""
        reach = self.literal(model.reach(coverage))
        name, macro = self.name, self.name.upper()
        lines = [f"void {name}_interval(const {name}_number x[{macro}_INPUTS], {name}_number *low, {name}_number *high) {{", "    real point[1], wide[1];"]
        if model.difficulty is not None:
            floor = self.literal(model.floor)
            lines += [f"    {self.model(model.difficulty)}(x, wide);", f"    wide[0] = {reach} * (wide[0] > {floor} ? wide[0] : {floor});"]
        else:
            lines += [f"    wide[0] = {reach};"]
        return "\n".join([*lines, f"    {self.model(model.inner)}(x, point);", "    *low = point[0] - wide[0];", "    *high = point[0] + wide[0];", "}", ""])

    def expanded(self, model: Expanded) -> str:
        """A loop for each kind of column there is."""
        inner, size = self.model(model.inner), len(model.terms)
        lines = [f"real made[{size}];", "int32_t i;"]
        for kind in dict.fromkeys(term.kind for term in model.terms):
            places = [at for at, term in enumerate(model.terms) if term.kind == kind]
            terms = [model.terms[at] for at in places]
            at, first = self.wholes(places), self.wholes([term.columns[0] for term in terms])
            lines += [f"for (i = 0; i < {len(places)}; i++) {{", *(f"    {line}" for line in self.made(terms, kind, f"x[{first}[i]]", f"made[{at}[i]]")), "}"]
        return self.function("\n".join([*lines, f"{inner}(made, out);"]))

    def made(self, terms: Sequence[Term], kind: str, first: str, place: str) -> list[str]:
        """Lines that make the i-th column of a kind."""
        if kind == "same":
            return [f"{place} = {first};"]
        if kind == "bins":
            self.needs.add("missing")
            knots = np.concatenate([term.knots for term in terms])
            # A float reaches a knot when it reaches the next float above it.
            table = self.numbers(-np.array(rounded_down((-knots).tolist())) if self.number == "float" else knots)
            ends = self.wholes(np.cumsum([0, *(len(term.knots) for term in terms)]))
            lines = ["int32_t k, reached = 0;", f"for (k = (int32_t){ends}[i]; k < (int32_t){ends}[i + 1]; k++) {{", f"    reached += {first} >= {table}[k];", "}"]
            return [*lines, f"{place} = is_missing({first}) ? {first} : (real)reached;"]
        self.needs.add("kept")
        if kind == "above":
            knots_of = self.numbers([term.knots[0] for term in terms])
            return [f"real over = {first} - {knots_of}[i];", f"{place} = over < {self.literal(0)} ? {self.literal(0)} : kept(over);"]
        second = f"x[{self.wholes([term.columns[1] for term in terms])}[i]]"
        if kind == "ratio":
            self.needs.add("ratio")
            return [f"{place} = ratio({first}, {second});"]
        return [f"{place} = kept({first} {'+' if kind == 'sum' else '-' if kind == 'difference' else '*'} {second});"]

    def rescaled(self, model: Rescaled) -> str:
        factor, shift = self.literal(model.factor), self.literal(model.shift)
        lines = [f"{self.model(model.inner)}(x, out);"]
        if model.link == "exp":
            self.needs |= {"exp", "missing"}
            highest = self.literal(HIGHEST)
            lines += ["if (is_missing(out[0])) {", "    return;", "}", f"out[0] = out[0] > {highest} ? {highest} : out[0];"]
            if self.number == "float":  # in halves: what is too large before the factor need not be after it
                half = f"own_exp({self.literal(0.5)} * out[0])"
                lines.append(f"out[0] = {half} * {factor} * {half} + {shift};")
            else:
                lines.append(f"out[0] = own_exp(out[0]) * {factor} + {shift};")
        else:
            lines.append(f"out[0] = out[0] * {factor} + {shift};")
        for bound, sign in ((model.low, "<"), (model.high, ">")):
            if np.isfinite(bound):
                lines.append(f"out[0] = out[0] {sign} {self.literal(bound)} ? {self.literal(bound)} : out[0];")
        return self.function("\n".join(lines))

    def blend(self, model: Blend) -> str:
        size = model.classes or 1
        lines = [f"real part[{size}];", "int32_t i;", f"for (i = 0; i < {size}; i++) {{", f"    out[i] = {self.literal(0.0)};", "}"]
        for one, weight in zip(model.inner, model.weights, strict=True):
            lines += [f"{self.model(one)}(x, part);", f"for (i = 0; i < {size}; i++) {{", f"    out[i] += {self.literal(weight)} * part[i];", "}"]
        return self.function("\n".join(lines))

    def linear(self, model: Linear) -> str:
        view, outputs = model.dense_view, len(model.intercept)
        if view.numbers or view.marked:
            self.needs.add("missing")
        head = ["real value;", "int32_t k;"]
        lines = [f"out[{place}] = {self.literal(value)};" for place, value in enumerate(model.intercept)]
        at = 0

        def add(value: str, place: str) -> list[str]:
            return [f"    out[{output}] += {value}{self.numbers(model.coefficients[output])}[{place}];" for output in range(outputs)]

        if view.numbers:
            names = [self.wholes(view.numbers), *(self.numbers(one) for one in (view.medians, view.lows, view.highs, view.means, view.scales))]
            column, median, low, high, mean, scale = names
            lines += [f"for (k = 0; k < {len(view.numbers)}; k++) {{", f"    value = x[{column}[k]];", f"    value = is_missing(value) ? {median}[k] : value;"]
            lines += [f"    value = value < {low}[k] ? {low}[k] : value > {high}[k] ? {high}[k] : value;", f"    value = (value - {mean}[k]) / {scale}[k];"]
            lines += [*add("value * ", "k"), "}"]
            at = len(view.numbers)
        for place, kept in zip(view.codes, view.kept, strict=True):
            if kept:
                codes = self.wholes(kept)
                lines += [f"for (k = 0; k < {len(kept)}; k++) {{", f"    value = x[{place}] == (real){codes}[k] ? {self.literal(1)} : {self.literal(0)};", *add("value * ", f"{at} + k"), "}"]
                at += len(kept)
        if view.marked:
            marked = self.wholes(view.marked)
            lines += [f"for (k = 0; k < {len(view.marked)}; k++) {{", f"    value = is_missing(x[{marked}[k]]) ? {self.literal(1)} : {self.literal(0)};", *add("value * ", f"{at} + k"), "}"]
        if not any("value" in line for line in lines):
            head = ["(void)x;"]
        return self.function("\n".join([*head, *lines, *self.linked(model.link, outputs, 1.0)]))

    def linked(self, link: str, outputs: int, slope: float, classes: int = 2) -> list[str]:
        """Lines that turn the scores in `out` into predictions."""
        one, zero = self.literal(1), self.literal(0)
        if link in ("logit", "sigmoid"):
            self.needs.add("sigmoid")
            score = "out[0]" if slope == 1.0 else f"{self.literal(slope)} * out[0]"
            return [f"out[1] = sigmoid({score});", f"out[0] = {one} - out[1];"] if classes else [f"out[0] = sigmoid({score});"]
        loop = f"for (j = 0; j < {outputs}; j++) {{"
        if link == "softmax":
            self.needs.add("exp")
            found = ["{", "    real most = out[0], total = " + zero + ";", "    int32_t j;", f"    {loop}", "        most = out[j] > most ? out[j] : most;", "    }", f"    {loop}"]
            return [*found, "        out[j] = own_exp(out[j] - most);", "        total += out[j];", "    }", f"    {loop}", "        out[j] /= total;", "    }", "}"]
        if link == "each":
            self.needs.add("sigmoid")
            found = ["{", f"    real total = {zero};", "    int32_t j;", f"    {loop}", f"        out[j] = sigmoid({self.literal(slope)} * out[j]);", "        total += out[j];", "    }"]
            return [*found, f"    {loop}", f"        out[j] /= total > {zero} ? total : {one};", "    }", "}"]
        if link == "exp":
            self.needs.add("exp")
            return ["out[0] = own_exp(out[0]);"]
        if link == "log1p_exp":
            self.needs |= {"exp", "log"}
            return [f"out[0] = own_log({one} + own_exp(out[0]));"]
        return [f"out[0] = out[0] < {zero} ? -out[0] * out[0] : out[0] * out[0];"] if link == "signed_square" else []

    def seasonal(self, model: Seasonal) -> str:
        size, zero = model.classes or 1, self.literal(0)
        lines = ["int32_t i;"]
        for memory in model.memories:
            if isinstance(memory, Last) and not model.classes:
                self.needs.add("missing")
                lines += [f"if (!is_missing(x[{memory.column}])) {{", f"    out[0] = x[{memory.column}];", "    return;", "}"]
                continue
            columns, sizes = ((memory.column,), (model.classes,)) if isinstance(memory, Last) else (memory.columns, memory.sizes)
            values = memory.transitions if isinstance(memory, Last) else memory.values
            known = np.isfinite(values).reshape(len(values), -1).all(axis=1)
            table, seen = self.numbers(np.where(np.isfinite(values), values, 0.0)), self.wholes(known)
            inside = " && ".join(f"x[{column}] >= {zero} && x[{column}] < {self.literal(length)}" for column, length in zip(columns, sizes, strict=True)) or "1"
            cell = "0"
            for column, length in zip(columns, sizes, strict=True):
                cell = f"({cell}) * {length}L + (int32_t)x[{column}]"
            lines += [f"if ({inside}) {{", f"    int32_t cell = (int32_t)({cell});", f"    if ({seen}[cell]) {{", f"        for (i = 0; i < {size}; i++) {{"]
            lines += [f"            out[i] = {table}[cell * {size} + i];", "        }", "        return;", "    }", "}"]
        fallback = self.numbers(model.fallback)
        return self.function("\n".join([*lines, f"for (i = 0; i < {size}; i++) {{", f"    out[i] = {fallback}[i];", "}"]), unused=not model.memories)

    def calibrated(self, model: Calibrated) -> str:
        inner, size = self.model(model.inner), model.classes
        if model.method == "temperature":
            self.needs.add("log")
            least, heat = self.literal(NEAREST), self.literal(float(model.xs[0][0]))
            lines = [f"for (i = 0; i < {size}; i++) {{", f"    out[i] = own_log(out[i] > {least} ? out[i] : {least}) / {heat};", "}"]
            return self.function("\n".join(["int32_t i;", f"{inner}(x, out);", *lines, *self.linked("softmax", size, 1.0)]))
        maps = [self.mapping(model, number) for number in range(len(model.xs))]
        if size == 2:
            return self.function(f"{inner}(x, out);\nout[1] = {maps[0]}(out[1]);\nout[0] = {self.literal(1)} - out[1];")
        lines = [f"real each[{size}], total = {self.literal(0)};", "int32_t i;", f"{inner}(x, out);"]
        lines += [f"each[{number}] = {name}(out[{number}]);" for number, name in enumerate(maps)]
        lines += [f"for (i = 0; i < {size}; i++) {{", "    total += each[i];", "}", f"if (total > {self.literal(0)}) {{"]
        lines += [f"    for (i = 0; i < {size}; i++) {{", "        out[i] = each[i] / total;"]
        return self.function("\n".join([*lines, "    }", "}"]))

    def mapping(self, model: Calibrated, number: int) -> str:
        x, y = model.xs[number], model.ys[number]
        if model.method == "platt":
            self.needs |= {"log", "sigmoid"}
            least = NEAREST if self.number == "double" else 1e-7  # 1 - 1e-12 is 1 as a float
            low, high, one = self.literal(least), self.literal(1 - least), self.literal(1)
            body = f"    p = p < {low} ? {low} : p > {high} ? {high} : p;\n    return sigmoid({self.literal(x[0])} * (own_log(p) - own_log({one} - p)) + {self.literal(y[0])});\n"
        else:
            knots, values = self.numbers(x), self.numbers(y)
            body = f"""    int32_t i;
    if (p <= {knots}[0]) {{
        return {values}[0];
    }}
    for (i = 1; i < {len(x)}; i++) {{
        if (p < {knots}[i]) {{
            return {values}[i - 1] + ({values}[i] - {values}[i - 1]) * ((p - {knots}[i - 1]) / ({knots}[i] - {knots}[i - 1]));
        }}
    }}
    return {values}[{len(x) - 1}];
"""
        name = self.fresh("m")
        self.parts.append(f"static real {name}(real p) {{\n{body}}}\n")
        return name

    # -- trees ---------------------------------------------------------------------------------------------------------

    def forest(self, forest: Forest, classes: int) -> str:
        trees = forest.trees
        if not any(len(tree.columns) for tree in trees):
            return self.leaves_only(forest, classes)
        starts = np.cumsum([0, *(len(tree.columns) for tree in trees)])[:-1]
        leaf_starts = np.cumsum([0, *(len(tree.values) for tree in trees)])[:-1]
        roots = [int(start) if len(tree.columns) else -1 - int(leaf) for tree, start, leaf in zip(trees, starts, leaf_starts, strict=True)]
        joined: dict[str, list[int]] = {"left": [], "right": [], "column": [], "decision": []}
        thresholds: list[float] = []
        bounds: list[int] = [0]
        words: list[int] = []
        known: dict[tuple[int, ...], int] = {}
        for tree, start, leaf in zip(trees, starts, leaf_starts, strict=True):
            for side, nodes in (("left", tree.lefts), ("right", tree.rights)):
                joined[side] += [int(node + start) if node >= 0 else int(node - leaf) for node in nodes]
            joined["column"] += tree.columns.tolist()
            joined["decision"] += tree.decisions.tolist()
            for threshold, decision in zip(tree.thresholds.tolist(), tree.decisions.tolist(), strict=True):
                if not decision & 1:
                    thresholds.append(threshold)
                    continue
                one = tuple(tree.words[tree.bounds[int(threshold)] : tree.bounds[int(threshold) + 1]].tolist())
                if one not in known:  # the same set of categories often splits again
                    known[one] = len(known)
                    words += one
                    bounds.append(len(words))
                thresholds.append(float(known[one]))
        numeric = rounded_down(thresholds) if self.number == "float" else thresholds
        sets = [decision & 1 for decision in joined["decision"]]
        kinds = {decision >> 2 for decision, by_set in zip(joined["decision"], sets, strict=True) if not by_set}
        threshold = self.numbers([old if by_set else new for old, new, by_set in zip(thresholds, numeric, sets, strict=True)])
        left, right, column = (self.wholes(joined[key]) for key in ("left", "right", "column"))
        leaf_values, root = self.numbers(np.concatenate([tree.values for tree in trees])), self.wholes(roots)
        number_lines = self._numeric(kinds, threshold)
        decides = any(sets) or any("decision" in line for line in number_lines)  # else the table would be a warning of the compiler
        lines = ["real value = x[" + column + "[node]];", f"int decision = {self.wholes(joined['decision'])}[node], left;" if decides else "int left;"]
        if any(sets):
            bound, word = self.wholes(bounds), self.wholes(words)
            within = [f"int32_t begin = {bound}[(int32_t){threshold}[node]], length = (int32_t){bound}[(int32_t){threshold}[node] + 1] - begin;"]
            within += [f"left = value > {self.literal(-1)} && value < (real)(32L * length);", "if (left) {", "    int32_t code = (int32_t)value;"]
            within += [f"    left = (int)(((uint32_t){word}[begin + code / 32] >> (code % 32)) & 1u);", "}"]
            lines += ["if (decision & 1) {", *(f"    {line}" for line in within), "} else {", *(f"    {line}" for line in number_lines), "}"]
        else:
            lines += number_lines
        leaf_of, inner = self.fresh("w"), "\n".join(f"        {line}" for line in lines)
        self.parts.append(f"""static real {leaf_of}(const real *x, int32_t node) {{
    while (node >= 0) {{
{inner}
        node = left ? {left}[node] : {right}[node];
    }}
    return {leaf_values}[-1 - node];
}}
""")
        zero = self.literal(0)
        body = ["int32_t i;", f"for (i = 0; i < {forest.outputs}; i++) {{", f"    out[i] = {zero};", "}", f"for (i = 0; i < {len(trees)}; i++) {{"]
        body += [f"    out[{'i % ' + str(forest.outputs) if forest.outputs > 1 else '0'}] += {leaf_of}(x, {root}[i]);", "}"]
        if forest.average:
            body += [f"for (i = 0; i < {forest.outputs}; i++) {{", f"    out[i] /= {self.literal(len(trees) // forest.outputs)};", "}"]
        return self.function("\n".join([*body, *self.linked(forest.link, forest.outputs, forest.slope, classes)]))

    def leaves_only(self, forest: Forest, classes: int) -> str:
        """Of trees that could not split: their values are all there is."""
        values = np.array([float(tree.values[0]) for tree in forest.trees])
        scores = [values[output :: forest.outputs].sum() for output in range(forest.outputs)]
        rounds = len(forest.trees) // forest.outputs if forest.average else 1
        lines = [f"out[{output}] = {self.literal(score / rounds)};" for output, score in enumerate(scores)]
        return self.function("\n".join([*lines, *self.linked(forest.link, forest.outputs, forest.slope, classes)]), unused=True)

    def _numeric(self, kinds: set[int], threshold: str) -> list[str]:
        """Lines that decide a split of numbers, without what no split of this model needs."""
        zero, near = self.literal(0), self.literal(float(np.float32(ZERO)))
        if kinds:
            self.needs.add("missing")
        compare = f"left = value <= {threshold}[node];"
        if kinds <= {0}:
            return [f"value = is_missing(value) ? {zero} : value;", compare]
        lines = []
        if kinds - {2}:
            lines += ["if ((decision >> 2) != 2 && is_missing(value)) {", f"    value = {zero};", "}"]
        tests = []
        if 2 in kinds:
            tests.append("is_missing(value)")
        if 1 in kinds:
            tests.append(f"((decision >> 2) == 1 && value >= -{near} && value <= {near})")
        return [*lines, f"if ({' || '.join(tests)}) {{", "    left = (decision & 2) != 0;", "} else {", f"    {compare}", "}"]

    # -- labels --------------------------------------------------------------------------------------------------------

    def lookup(self, place: int, feature: str, column: Column) -> tuple[int, str]:
        """A function from a label to its code; gives the position and the head of the function."""
        self.needs.add("same")
        known, unseen = codes_of(column)
        labels = sorted(known)
        name = self.fresh("t")
        quoted = ",\n".join(f"    {_quoted(one)}" for one in labels)
        self.parts.append(f"static const char *const {name}[{len(labels)}] = {{\n{quoted},\n}};\n")
        codes = self.wholes([int(known[one]) for one in labels])
        word = re.sub(r"[^a-z0-9]+", "_", feature.lower()).strip("_")[:40]
        head = f"{self.name}_number {self.name}_code_{place}{'_' + word if word else ''}(const char *label)"
        body = f"""    int32_t i;
    for (i = 0; i < {len(labels)}; i++) {{
        if (same_text({name}[i], label)) {{
            return (real){codes}[i];
        }}
    }}
    return {self.literal(unseen)};
"""
        self.parts.append(f"{head} {{\n{body}}}\n")
        return place, head

    def _kept(self) -> str:
        most = self.literal(LIMITS[self.number])
        if self.number == "float":
            # What two floats make is a number in double, so it must not go missing: it stays as large as a float can be.
            return f"""/* A number as large as the type allows; missing stays missing. */
static real kept(real v) {{
    return v > {most} ? {most} : v < -{most} ? -{most} : v;
}}
"""
        return f"""/* A number; missing (infinite minus infinite) when it is too large. */
static real kept(real v) {{
    return v >= -{most} && v <= {most} ? v : v - v;
}}
"""

    def _exp(self) -> str:
        terms = 13 if self.number == "double" else 7  # |r| <= ln(2) / 2: what is left out is below half a unit in the last place
        factors = [1.0]
        for term in range(1, terms + 1):
            factors.append(factors[-1] / term)
        polynomial = self.literal(factors[-1])
        for factor in reversed(factors[:-1]):
            polynomial = f"({polynomial} * r + {self.literal(factor)})"
        low, high = (self.literal(one) for one in EXP_RANGE[self.number])
        # ln(2) in two pieces, the first with few bits, so that k times it is exact (Cody and Waite 1980).
        first, second = (0.693147180369123816490, 1.90821492927058770002e-10) if self.number == "double" else (0.693359375, -2.12194440e-4)
        return f"""/* exp: 2^k times a polynomial; without the C library's. */
static real own_exp(real v) {{
    real r, result, power;
    int32_t k, n;
    if (v < {low}) {{
        return {self.literal(0)};
    }}
    if (v > {high}) {{
        v = {high};
    }}
    k = (int32_t)(v * {self.literal(1.4426950408889634)} + (v < {self.literal(0)} ? {self.literal(-0.5)} : {self.literal(0.5)}));
    r = (v - (real)k * {self.literal(first)}) - (real)k * {self.literal(second)};
    result = {polynomial};
    power = k < 0 ? {self.literal(0.5)} : {self.literal(2)};
    for (n = k < 0 ? -k : k; n > 0; n /= 2) {{
        if (n % 2) {{
            result *= power;
        }}
        if (n > 1) {{
            power *= power;
        }}
    }}
    return result;
}}
"""

    def _log(self) -> str:
        terms = 21 if self.number == "double" else 9
        polynomial = self.literal(1 / terms)
        for term in range(terms - 2, 0, -2):
            polynomial = f"({polynomial} * s + {self.literal(1 / term)})"
        return f"""/* log of a positive number: powers of 2 taken out, the rest as 2 artanh((v - 1) / (v + 1)). */
static real own_log(real v) {{
    real q, s;
    int32_t k = 0;
    while (v > {self.literal(1.4142135623730951)}) {{
        v *= {self.literal(0.5)};
        k++;
    }}
    while (v < {self.literal(0.7071067811865476)}) {{
        v *= {self.literal(2)};
        k--;
    }}
    q = (v - {self.literal(1)}) / (v + {self.literal(1)});
    s = q * q;
    return (real)k * {self.literal(0.6931471805599453)} + {self.literal(2)} * q * {polynomial};
}}
"""


MISSING = """static int is_missing(real v) {
    return v != v;
}
"""
SIGMOID = """static real sigmoid(real v) {
    real small = own_exp(v < 0 ? v : -v);
    return (v < 0 ? small : 1) / (1 + small);
}
"""
RATIO = """/* A ratio to 0 is infinite or missing; minus itself it is missing. */
static real ratio(real a, real b) {
    real v = a / b;
    return b == 0 ? v - v : kept(v);
}
"""
SAME = """static int same_text(const char *a, const char *b) {
    while (*a != 0 && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}
"""


def _quoted(text: str) -> str:
    """A C string of the UTF-8 bytes of a text; octal where C would read something else (also the trigraphs of old compilers)."""
    return '"' + "".join(chr(one) if 32 <= one < 127 and chr(one) not in '"\\?' else f"\\{one:03o}" for one in text.encode("utf-8", "surrogatepass")) + '"'

