"""Answers of models that are made up, with a truth that is known: what the simulations of these tests draw from."""

from __future__ import annotations

import numpy as np

from assayline.trials import Scored
from assayline.trials.laws import Floats


def disagreeing(rng: np.random.Generator, rows: int, disagreement: float, drop: float, right: float = 0.85) -> tuple[Scored, Scored]:
    """A candidate and a champion whose decisions part in a share of the rows, with the candidate's accuracy lower by `drop` in truth."""
    lost, gained = (disagreement + drop) / 2, (disagreement - drop) / 2
    kind = rng.choice(4, rows, p=[lost, gained, right - lost, 1 - right - gained])
    truth = rng.integers(0, 2, rows).astype(np.float64)
    return (
        Scored("set", "new", "binary", ("no", "yes"), truth, np.where((kind == 1) | (kind == 2), truth, 1 - truth)),
        Scored("set", "old", "binary", ("no", "yes"), truth, np.where((kind == 0) | (kind == 2), truth, 1 - truth)),
    )


def ranked(rng: np.random.Generator, rows: int, *, positive: float = 0.3, apart: float = 1.2, worse: float = 0.0, shared: float = 0.9) -> tuple[Scored, Scored]:
    """Two versions whose scores share most of their noise; the candidate tells the classes apart less by `worse`."""
    truth = (rng.random(rows) < positive).astype(np.float64)
    same = rng.normal(size=rows)

    def scores(signal: float) -> Floats:
        return np.asarray(1 / (1 + np.exp(-(signal * truth + np.sqrt(shared) * same + np.sqrt(1 - shared) * rng.normal(size=rows)))))

    return (
        Scored("set", "new", "binary", ("no", "yes"), truth, scores(apart - worse)),
        Scored("set", "old", "binary", ("no", "yes"), truth, scores(apart)),
    )


def measured(rng: np.random.Generator, rows: int, *, worse: float = 0.0, heavy: bool = False, groups: int = 0) -> tuple[Scored, Scored]:
    """Two regressions whose errors share most of their noise; the candidate's are larger by a share `worse`. Groups share a part of their error."""
    truth = rng.normal(100, 20, rows)
    same = rng.standard_t(4, rows) if heavy else rng.normal(size=rows)
    ids = rng.integers(0, groups, rows) if groups else None
    lift = rng.normal(size=(2, groups))[:, ids] if ids is not None else np.zeros((2, rows))
    parts = [5 * (same + 0.5 * rng.normal(size=rows) + 0.5 * lift[one]) for one in range(2)]
    return (
        Scored("set", "new", "regression", (), truth, truth + (1 + worse) * parts[0], ids),
        Scored("set", "old", "regression", (), truth, truth + parts[1], ids),
    )
