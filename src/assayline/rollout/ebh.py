"""Many e-values at once: which null hypotheses are wrong, whatever depends on what.

Null hypothesis: of each single test, with its own e-value at the time of the decision. Promised: of those that are named, the expected share of true null hypotheses (the false discovery
rate) is at most alpha, under any dependence; where all are true, something is named in at most alpha of all cases. E-values are those of the moment: fed with the largest that
each has ever been, the promise is lost. Simulated in `tests/rollout/test_ebh.py`.

Source: Wang and Ramdas, "False discovery rate control with e-values", JRSS B 84, 2022 (arXiv:2009.02824); on running maxima: arXiv:2501.19360.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def e_bh(log_es: npt.ArrayLike, alpha: float) -> npt.NDArray[np.bool_]:
    """Which null hypotheses are wrong at a false discovery rate of alpha.

    Args:
        log_es: (tests,) natural logarithms of e-values.

    >>> e_bh([7.0, 0.2, 4.5, -1.0], alpha=0.05).tolist()
    [True, False, True, False]
    """
    values = np.asarray(log_es, dtype=np.float64)
    order = np.argsort(-values, kind="stable")
    enough = values[order] >= np.log(len(values) / (np.arange(1, len(values) + 1) * alpha)) if len(values) else np.zeros(0, dtype=bool)
    found = np.zeros(len(values), dtype=np.bool_)
    if enough.any():
        found[order[: int(np.flatnonzero(enough)[-1]) + 1]] = True
    return found
