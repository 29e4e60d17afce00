"""Numbers in another unit or form, where it is known already that their column carries a change: what the gate, which suspects every column, was too careful to say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from ..detectors.history_distribution import CONVERSIONS, TEMPERATURES
from ..detectors.whole_numbers import can_be_converted
from ..trials.laws import Floats

LEAST_NUMBERS = 5
INSIDE = 0.95  # share of the numbers that have to come back into the range of before ...
MARGIN = 0.2  # ... with so much of its width added on either side: one lot may be the warmest so far
WORLDLY = 10.0  # a factor below it is one by which the world moves too; a change of scale has an offset or is larger
ALIKE = 2.0  # spreads that differ by more are not those of the same quantity


def converted(column: str, now: pl.Series, before: pl.Series) -> Mapping[str, Any] | None:
    """The finding that a column came in another unit: none of the usual explains where it is, and a conversion explains both its level and its spread.

    Args:
        column: its name.
        now: its values in the accused lots.
        before: its values in good lots.

    Returns:
        A finding as JSON, "unit_change"; None where there is none to be seen.

    >>> before = pl.Series([11.0, 14.5, 16.0, 18.2, 21.3, 12.8, 19.9])
    >>> converted("temperature", before * 1.8 + 33, before)["sentence"]
    'temperature looks converted (°C to °F): median 61.8 against 16 before, where it was never above 21.3'
    >>> converted("temperature", before + 14, before) is None
    True
    """
    values, known = (_numbers(one) for one in (now, before))
    if values is None or known is None:
        return None
    low, high, middle = float(known.min()), float(known.max()), float(np.median(values))
    if low <= middle <= high or high <= low:
        return None
    margin, usual = MARGIN * (high - low), _spread(known)
    best: tuple[float, str] | None = None
    for name, factor, offset in CONVERSIONS:
        temperature = TEMPERATURES.get(name)
        if temperature is None and 1 / WORLDLY < factor < WORLDLY:
            continue
        if temperature is not None and not temperature[0] <= float(np.median(known)) <= temperature[1]:
            continue
        back = (values - offset) / factor
        inside = float(((back >= low - margin) & (back <= high + margin)).mean())
        apart = abs(float(np.log(max(_spread(back), 1e-12) / usual)))
        moved = abs(float(np.log(max(_spread(values), 1e-12) / usual)))
        if inside < INSIDE or apart > np.log(ALIKE) or (factor != 1.0 and apart > moved) or not can_be_converted(values, known, factor, offset):
            continue
        if best is None or apart < best[0]:
            best = apart, name
    if best is None:
        return None
    beyond = f"above {high:.4g}" if middle > high else f"below {low:.4g}"
    sentence = f"{column} looks converted ({best[1]}): median {middle:.3g} against {float(np.median(known)):.3g} before, where it was never {beyond}"
    return {"code": "unit_change", "columns": [column], "severity": 0.5, "sentence": sentence}


def reformed(column: str, now: pl.Series, before: pl.Series) -> Mapping[str, Any] | None:
    """The finding that numbers or times came as text: the world does not do that.

    Args:
        column: its name.
        now: its values in the accused lots, typed as far as they can be.
        before: its values in good lots.

    Returns:
        A finding as JSON, "type_to_string"; None where there is none to be seen.

    >>> reformed("usual", pl.Series(["v52.1", "v48.0"]), pl.Series([52.1, 48.0]))["sentence"]
    "usual holds texts such as 'v52.1', and held numbers or times before"
    """
    texts = now.drop_nulls() if now.dtype == pl.String else None
    if texts is None or not len(texts) or not (before.dtype.is_numeric() or before.dtype.is_temporal()):
        return None
    sentence = f"{column} holds texts such as {str(texts[0])[:40]!r}, and held numbers or times before"
    return {"code": "type_to_string", "columns": [column], "severity": 0.6, "sentence": sentence}


def _numbers(series: pl.Series) -> Floats | None:
    if not series.dtype.is_numeric():
        return None
    found = series.cast(pl.Float64).drop_nulls().drop_nans().to_numpy()
    return found if len(found) >= LEAST_NUMBERS else None


def _spread(values: Floats) -> float:
    """Half the range of the middle four fifths: no far value shouts."""
    low, high = np.quantile(values, [0.1, 0.9])
    return max(float(high - low) / 2, 1e-9 * max(1.0, abs(float(high))))
