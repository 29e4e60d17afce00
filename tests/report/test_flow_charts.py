"""Thinning: no more marks than can be seen, and no extreme left out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from assayline.report.flow_charts import thinned


@given(st.lists(st.none() | st.floats(-1e300, 1e300), max_size=900), st.integers(1, 60))
def test_the_extremes_stay_and_the_points_are_few(values: list[float | None], bins: int) -> None:
    runs = thinned(values, bins=bins)

    points = [point for run in runs for point in run]
    known = [one for one in values if one is not None]
    assert len(points) <= 2 * bins
    assert [place for place, _ in points] == sorted({place for place, _ in points})
    assert all(values[place] == value for place, value in points)
    if known:
        assert {min(known), max(known)} <= {value for _, value in points}


def test_a_gap_breaks_the_line() -> None:
    assert thinned([1.0, None, 2.0, 3.0], bins=10) == [[(0, 1.0)], [(2, 2.0), (3, 3.0)]]
