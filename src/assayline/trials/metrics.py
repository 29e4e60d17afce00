"""The numbers a model is judged by: each with its direction, its unit, and the form in which it can be computed for a thousand resamples at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import MisuseError
from .costs import Cost, CostMatrix
from .laws import Floats
from .ranking import area_influence, weighted_precision
from .scored import CLASSIFICATION, TASKS, Scored

RARE = 0.05  # below this share of the rarest class the area under the ROC curve is near 1 for useless models; Saito and Rehmsmeier 2015
LEAST_PROBABILITY = 1e-15  # a certain and wrong answer costs 34.5 nats instead of infinity


@dataclass(frozen=True)
class Metric:
    """One number by which versions are compared.

    Args:
        name: as the command line, reports and the ledger write it.
        higher_is_better: its direction.
        tasks: what it can be asked of.
        unit: what it is counted in; "" for a plain share or index.
        terms: (rows, k) what each row adds, when the metric is a function of means over rows; then `of_means` is that function, from (..., k) to (...).
        influence: value and (rows,) influence of each row, when the metric ranks rows.
        weighted: a function from (resamples, rows) weights to (resamples,) values, when it is neither.
        of_decisions: it sees decisions only, not probabilities.
        bounded: it lies between 0 and 1.
    """

    name: str
    higher_is_better: bool
    tasks: tuple[str, ...]
    unit: str = ""
    terms: Callable[[Scored], Floats] | None = None
    of_means: Callable[[Floats], Floats] | None = None
    influence: Callable[[Scored], tuple[float, Floats]] | None = None
    weighted: Callable[[Scored], Callable[[npt.NDArray[np.float32]], Floats]] | None = None
    of_decisions: bool = False
    bounded: bool = True

    @property
    def sign(self) -> int:
        """1 where higher is better, -1 where lower is: a value times this is better the higher it is."""
        return 1 if self.higher_is_better else -1

    def value(self, scored: Scored) -> float:
        """Its value over all rows; NaN where the rows do not define it (no rows, one class only, an answer that is missing).

        Raises:
            MisuseError: the metric does not go with the task.
        """
        if scored.task not in self.tasks:
            raise MisuseError(f"{self.name} is for {' and '.join(self.tasks)}, and {scored.test_set!r} is {scored.task}; try {primary(scored.task).name}")
        if not len(scored) or not scored.finite.all():
            return float("nan")
        if self.influence is not None:
            return self.influence(scored)[0]
        if self.weighted is not None:
            return float(self.weighted(scored)(np.ones((1, len(scored)), dtype=np.float32))[0])
        assert self.terms is not None
        assert self.of_means is not None
        return float(self.of_means(self.terms(scored).mean(axis=0)))


def _first(means: Floats) -> Floats:
    return np.asarray(means[..., 0])


def _column(values: npt.ArrayLike) -> Floats:
    return np.asarray(values, dtype=np.float64)[:, None]


def _one_hot(codes: npt.NDArray[np.int64], classes: int) -> Floats:
    return np.asarray(codes[:, None] == np.arange(classes), dtype=np.float64)


def _own_probability(scored: Scored) -> Floats:
    return np.asarray(scored.predictions[np.arange(len(scored)), scored.y.astype(np.int64)])


def _right(scored: Scored) -> Floats:
    return _column(scored.decided == scored.y)


def _confusion(scored: Scored) -> Floats:
    """Per class: right, decided for it, truly of it."""
    count = len(scored.classes)
    true, decided = _one_hot(scored.y.astype(np.int64), count), _one_hot(scored.decided, count)
    return np.concatenate([true * decided, decided, true], axis=1)


def _ratio(above: Floats, below: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(below > 0, above / below, np.nan))


def _mean_of_known(values: Floats) -> Floats:
    """The mean over the last axis of what is not NaN: a class that a resample lacks has no say in it."""
    known = np.isfinite(values)
    return _ratio(np.where(known, values, 0.0).sum(axis=-1), known.sum(axis=-1))


def _recalls(means: Floats) -> Floats:
    right, _, true = np.split(means, 3, axis=-1)
    return _mean_of_known(_ratio(right, true))


def _f1_of_classes(means: Floats) -> Floats:
    right, decided, true = np.split(means, 3, axis=-1)
    return _ratio(2 * right, decided + true)


def _f1_positive(means: Floats) -> Floats:
    return np.asarray(np.nan_to_num(_f1_of_classes(means)[..., 1]))


def _areas(scored: Scored) -> tuple[float, Floats]:
    """Of two classes the area for the positive one; of more the mean of one against the rest, over the classes that are there."""
    chosen = [1] if len(scored.classes) == 2 else [one for one in range(len(scored.classes)) if 0 < (scored.y == one).sum() < len(scored)]
    found = [area_influence(scored.predictions[:, one], scored.y == one) for one in chosen]
    if not found:
        return float("nan"), np.full(len(scored), np.nan)
    return float(np.mean([area for area, _ in found])), np.mean([influence for _, influence in found], axis=0)


def _precisions(scored: Scored) -> Callable[[npt.NDArray[np.float32]], Floats]:
    if len(scored.classes) == 2:
        return weighted_precision(scored.predictions[:, 1], scored.y == 1)
    each = [weighted_precision(scored.predictions[:, one], scored.y == one) for one in range(len(scored.classes)) if (scored.y == one).any()]
    return lambda weights: _mean_of_known(np.stack([one(weights) for one in each], axis=-1))


def _brier(scored: Scored) -> Floats:
    if len(scored.classes) == 2:
        return _column((scored.predictions[:, 1] - scored.y) ** 2)
    return _column(((scored.predictions - _one_hot(scored.y.astype(np.int64), len(scored.classes))) ** 2).sum(axis=1))


def _determination(scored: Scored) -> Floats:
    return np.column_stack([(scored.predictions - scored.y) ** 2, scored.y, scored.y**2])


def _explained(means: Floats) -> Floats:
    spread = means[..., 2] - means[..., 1] ** 2
    return 1 - _ratio(means[..., 0], spread)


_REGRESSION, _BINARY = ("regression",), ("binary",)
METRICS: Mapping[str, Metric] = {
    one.name: one
    for one in (
        Metric("accuracy", True, CLASSIFICATION, "", _right, _first, of_decisions=True),
        Metric("error", False, CLASSIFICATION, "", lambda scored: 1 - _right(scored), _first, of_decisions=True),
        Metric("balanced_accuracy", True, CLASSIFICATION, "", _confusion, _recalls, of_decisions=True),
        Metric("f1", True, _BINARY, "", _confusion, _f1_positive, of_decisions=True),
        Metric("macro_f1", True, CLASSIFICATION, "", _confusion, lambda means: _mean_of_known(_f1_of_classes(means)), of_decisions=True),
        Metric("auc", True, CLASSIFICATION, influence=_areas),
        Metric("average_precision", True, CLASSIFICATION, weighted=_precisions),
        Metric("log_loss", False, CLASSIFICATION, "nats", lambda scored: _column(-np.log(np.maximum(_own_probability(scored), LEAST_PROBABILITY))), _first, bounded=False),
        Metric("brier", False, CLASSIFICATION, "", _brier, _first),
        Metric("rmse", False, _REGRESSION, "units of the target", lambda scored: _column((scored.predictions - scored.y) ** 2), lambda means: np.sqrt(means[..., 0]), bounded=False),
        Metric("mae", False, _REGRESSION, "units of the target", lambda scored: _column(np.abs(scored.predictions - scored.y)), _first, bounded=False),
        Metric("bias", False, _REGRESSION, "units of the target", lambda scored: _column(scored.predictions - scored.y), lambda means: np.abs(means[..., 0]), bounded=False),
        Metric("r2", True, _REGRESSION, "", _determination, _explained),
    )
}  # fmt: skip


def metric(name: str) -> Metric:
    """The metric of this name.

    Raises:
        MisuseError: there is none.

    >>> metric("log_loss").higher_is_better
    False
    """
    if name not in METRICS:
        raise MisuseError(f"there is no metric {name!r}; there are {', '.join(METRICS)}, and money(cost)")
    return METRICS[name]


def money(cost: Cost) -> Metric:
    """What the answers of a version cost per row, in the unit of the cost; lower is better.

    Args:
        cost: a cost matrix for classes, or a price per unit for numbers.

    >>> from assayline.trials import Scored, per_unit
    >>> demand = Scored("spring", "v8", "regression", (), np.array([10.0, 10.0]), np.array([12.0, 9.0]))
    >>> money(per_unit(over=1.0, under=3.0)).value(demand)
    2.5
    """
    if isinstance(cost, CostMatrix):
        matrix = cost

        def of_decisions(scored: Scored) -> Floats:
            if scored.classes != matrix.classes:
                raise MisuseError(f"the costs are for the classes {matrix.classes!r}, and {scored.test_set!r} has {scored.classes!r}")
            return _column(matrix.of_rows(scored.y, scored.decided))

        return Metric("money", False, CLASSIFICATION, f"{cost.unit} per row", of_decisions, _first, of_decisions=True, bounded=False)
    price = cost
    return Metric("money", False, _REGRESSION, f"{price.unit} per row", lambda scored: _column(price.of_rows(scored.y, scored.predictions)), _first, bounded=False)


def primary(task: str, minority_share: float = 1.0) -> Metric:
    """The metric that decides when nobody chose one.

    Args:
        task: "binary", "multiclass" or "regression".
        minority_share: 0..1, share of the rarest class. Below 5 % in a binary task the ranking of the few counts: average precision.

    >>> primary("binary").name, primary("binary", 0.02).name, primary("multiclass").name, primary("regression").name
    ('auc', 'average_precision', 'macro_f1', 'rmse')
    """
    if task not in TASKS:
        raise MisuseError(f"there is no task {task!r}: it is one of {', '.join(TASKS)}")
    if task == "binary":
        return METRICS["average_precision" if minority_share < RARE else "auc"]
    return METRICS["macro_f1" if task == "multiclass" else "rmse"]


def usual(task: str, minority_share: float = 1.0) -> tuple[Metric, ...]:
    """The primary metric first, then those that are looked at beside it.

    >>> [one.name for one in usual("regression")]
    ['rmse', 'mae']
    """
    first = primary(task, minority_share)
    others = {"binary": ("auc", "average_precision", "log_loss", "accuracy"), "multiclass": ("accuracy", "log_loss"), "regression": ("mae",)}[task]
    return (first, *(METRICS[name] for name in others if name != first.name))


def losses(scored: Scored, cost: Cost | None = None) -> Floats:
    """(rows,) how wrong each answer is: its cost where costs are given, else 0 or 1 for a decision and the absolute error of a number."""
    if cost is not None:
        terms = money(cost).terms
    else:
        terms = METRICS["mae" if scored.task == "regression" else "error"].terms
    assert terms is not None
    return np.asarray(terms(scored)[:, 0])


