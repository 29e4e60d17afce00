"""The promise on signatures that have a past, computed exactly over grids of rates: no simulation would see one in 10,000."""

from __future__ import annotations

import numpy as np
import pytest

from assayline.detectors.expectation import at_least
from assayline.scanning.familiar import GROWTH, RARE, SURPRISE, first_of_its_kind, is_new


@pytest.mark.parametrize("rows", [5, 40, 300, 5_000, 100_000])
@pytest.mark.parametrize("worst", [0.0005, 0.01, 0.1, 0.4, 0.9])
def test_a_share_the_past_had_is_called_new_in_one_of_ten_thousand_lots(rows: int, worst: float) -> None:
    """H0: rows are accused independently, at `GROWTH` times the odds of the worst past lot."""
    odds = GROWTH * worst / (1 - worst)
    fewest = next((count for count in range(rows + 1) if is_new(count, rows, worst)), None)
    if fewest is None:
        return

    chance = at_least(np.array([fewest]), np.array([rows]), np.array([odds / (1 + odds)]))[0]

    assert 0 < chance <= SURPRISE


@pytest.mark.parametrize("lots", [3, 8, 20])
def test_a_kind_the_past_never_had_is_called_new_in_one_of_a_hundred_thousand_lots(lots: int) -> None:
    """H0: such rows come at a constant rate a lot (Poisson), whatever the rate; none came in all the lots of the past."""
    fewest = next(count for count in range(1, 100) if first_of_its_kind(count, lots) <= RARE)
    rates = np.linspace(0.001, 5, 5_000)

    terms = [np.exp(-rates)]
    for k in range(1, fewest):
        terms.append(terms[-1] * rates / k)
    chance = np.exp(-lots * rates) * (1 - np.sum(terms, axis=0))

    assert float(chance.max()) <= RARE
