"""Which inputs of a row drive what two versions say of it differently: Shapley values against typical rows, for both versions by the same draws.

An input's contribution is how much the answer moves when its value takes the place of a typical row's, averaged over typical rows and over orders in which inputs are put in. The
contributions of all inputs add up to the answer minus the mean answer to the typical rows, exactly. Both versions see the same draws, so the difference of two contributions is
known far better than either; its standard error is given.

What it does not say: why the world is so. Inputs that go together are put in one at a time, so rows are asked about that do not occur.

Promised: the interval of 2 standard errors around a difference holds its exact value in about 95 %. Held against exact enumeration in `tests/explain/test_attributing.py`.

Source: Shapley 1953; Štrumbelj and Kononenko 2014 (Knowledge and Information Systems 41); antithetic orders, Mitchell et al. 2022 (JMLR 23).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import MisuseError
from .pair import Floats

PAIRS = 8  # of an order and its reverse, in one round
ROUNDS = 12  # at most
ENOUGH = 0.03  # standard error of each difference, as a share of what the answers differ by: finer is not told to anybody


@dataclass(frozen=True, eq=False)
class Encoded:
    """A version, and rows as its own matrix holds them.

    Args:
        predict: (n, width) -> (n,) numbers, or (n, classes) probabilities.
        cases: (cases, width) rows to explain.
        background: (rows, width) typical rows, the same ones for both versions.
        inputs: input -> columns of the matrix that are made from it.
    """

    predict: Callable[[Floats], Floats]
    cases: Floats
    background: Floats
    inputs: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, eq=False)
class Attributed:
    """What each input adds to the answers.

    Args:
        inputs: their names.
        before, after: (cases, inputs) contributions.
        error: (cases, inputs) standard error of after minus before.
        typical_before, typical_after: (cases,) mean answer to the typical rows that were drawn.
        rounds: how many were needed.
    """

    inputs: tuple[str, ...]
    before: Floats
    after: Floats
    error: Floats
    typical_before: Floats
    typical_after: Floats
    rounds: int

    @property
    def difference(self) -> Floats:
        """(cases, inputs): contributions after minus before."""
        return self.after - self.before


def attributed(
    before: Encoded, after: Encoded, follow: npt.NDArray[np.int64] | None = None, *, rounds: int = ROUNDS, seed: int = 0, stop: Callable[[], bool] = lambda: False
) -> Attributed:
    """Attributes the answers of two versions to the inputs of the rows.

    Args:
        before, after: the versions, with the same cases and typical rows in the same order.
        follow: (cases,) the class whose probability is followed; None for numbers.
        rounds: at most; each asks 2 * `PAIRS` * (inputs + 1) rows per case of either version.
        seed: of the draws.
        stop: asked between rounds; the first round is always whole.

    Raises:
        MisuseError: there are no cases or no typical rows, or not as many for both versions.

    >>> rows = np.array([[3.0, 1.0]])
    >>> typical = np.zeros((4, 2))
    >>> first, second = (Encoded(lambda X, weight=weight: X @ weight, rows, typical, {"a": (0,), "b": (1,)}) for weight in (np.array([1.0, 1.0]), np.array([2.0, 1.0])))
    >>> attributed(first, second).difference.tolist()
    [[3.0, 0.0]]
    """
    count = len(before.cases)
    if not count or not len(before.background) or len(after.cases) != count or len(after.background) != len(before.background):
        raise MisuseError("contributions need the same cases and the same typical rows for both versions, at least one of each")
    names = tuple(dict.fromkeys((*before.inputs, *after.inputs)))
    rng = np.random.default_rng(seed)
    sums = {"before": np.zeros((count, len(names))), "after": np.zeros((count, len(names)))}
    squares = np.zeros((count, len(names)))
    typical = np.zeros((2, count))
    pairs = 0
    order_of_rows = rng.permutation(len(before.background))
    for _ in range(rounds):
        for _ in range(PAIRS):
            order = rng.permutation(len(names))
            row = order_of_rows[pairs % len(order_of_rows)]
            first, start = _walked(before, names, order, row, follow)
            second, other = _walked(after, names, order, row, follow)
            sums["before"] += first
            sums["after"] += second
            squares += (second - first) ** 2
            typical += np.stack([start, other])
            pairs += 1
        error = _error(sums["after"] - sums["before"], squares, pairs)
        moved = np.abs((sums["after"] - sums["before"]) / pairs).sum(axis=1)
        if bool((error.max(axis=1, initial=0.0) <= ENOUGH * np.maximum(moved, 1e-12)).all()) or stop():
            break
    return Attributed(names, sums["before"] / pairs, sums["after"] / pairs, error, typical[0] / pairs, typical[1] / pairs, pairs // PAIRS)


def _error(sums: Floats, squares: Floats, pairs: int) -> Floats:
    if pairs < 2:
        return np.full(sums.shape, np.inf)
    return np.asarray(np.sqrt(np.maximum(squares / pairs - (sums / pairs) ** 2, 0.0) / (pairs - 1)))


def _walked(one: Encoded, names: tuple[str, ...], order: npt.NDArray[np.int64], row: int, follow: npt.NDArray[np.int64] | None) -> tuple[Floats, Floats]:
    """Contributions (cases, inputs) of an order and its reverse from one typical row, and the answer (cases,) to that row."""
    found = np.zeros((len(one.cases), len(names)))
    start = np.zeros(len(one.cases))
    for direction in (order, order[::-1]):
        steps = np.repeat(one.background[row][None, None, :], len(one.cases), axis=0).repeat(len(names) + 1, axis=1)
        for place, input_ in enumerate(direction):
            columns = list(one.inputs.get(names[input_], ()))
            if columns:
                steps[:, place + 1 :, columns] = one.cases[:, None, columns]
        said = _followed(one.predict(steps.reshape(-1, one.cases.shape[1])), follow, len(names) + 1).reshape(len(one.cases), len(names) + 1)
        found[:, direction] += np.diff(said, axis=1) / 2
        start = said[:, 0]
    return found, start


def _followed(answers: Floats, follow: npt.NDArray[np.int64] | None, each: int) -> Floats:
    if answers.ndim == 1:
        return answers
    if follow is None:
        raise MisuseError("answers with several classes need the class that is followed in each case")
    return np.asarray(answers[np.arange(len(answers)), np.repeat(follow, each)])
