"""Many rollouts, one after another: which of those that looked harmful are so, at a false discovery rate for the whole fleet.

Null hypothesis: of each rollout, that its challenger does no harm, with the e-value it ended with. Promised: of the rollouts that are called harmful so far, the expected share
that is not is at most alpha, at any time and under any dependence. Simulated in `tests/rollout/test_fleet.py`.

Source: Xu and Ramdas, "Online multiple testing with e-values", AISTATS 2024 (arXiv:2311.06412), e-LOND.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

# The sum of 1 / (n * log(n)**2) from 2 on: what is spent on each rollout adds up to alpha, and falls so slowly that after thousands of them something is still found.
_WHOLE = 2.1098


def e_lond(log_es: Sequence[float], alpha: float = 0.05) -> tuple[bool, ...]:
    """Which rollouts are harmful, in the order in which they ended; what was said of one is never taken back.

    Args:
        log_es: natural logarithms of the e-values (`figures["log_e"]` of each last decision), oldest first.
        alpha: the false discovery rate.

    >>> e_lond([5.0, 0.1, 9.0, -2.0, 6.0])
    (True, False, True, False, True)
    """
    found: list[bool] = []
    for place, log_e in enumerate(log_es, 1):
        share = 1 / ((place + 1) * math.log(place + 1) ** 2 * _WHOLE)
        found.append(log_e >= -math.log(alpha * share * (sum(found) + 1)))
    return tuple(found)
