"""How far the distribution of each lot lies from that of the others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from assayline.detectors.history_distribution import to_the_rest
from assayline.detectors.resemblance import largest_gap


@given(cells=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3)), min_size=5, max_size=60))
@settings(max_examples=300, deadline=None)
def test_the_gap_is_the_largest_difference_of_the_two_distributions_at_any_value(cells: list[tuple[int, int]]) -> None:
    cells = sorted(cells, key=lambda cell: cell[0])
    values, lot = np.array([value for value, _ in cells], dtype=float), np.array([number for _, number in cells])
    n = np.bincount(lot, minlength=4)
    assume(bool((n < len(cells)).all()))

    found = {number: to_the_rest(values[lot == number], values) for number in np.flatnonzero(n).tolist()}

    for number, gap in found.items():
        own, others = values[lot == number], values[lot != number]
        expected = max(abs(float((own <= at).mean()) - float((others <= at).mean())) for at in values)
        assert gap == pytest.approx(expected)
        assert largest_gap(own, others) == largest_gap(others, own) == pytest.approx(expected)
