"""How numbers are said: shares, intervals and values, short enough for a sentence."""

from __future__ import annotations

import math


def percent(share: float) -> str:
    """A share as a percentage with as many digits as it deserves.

    >>> percent(0.313), percent(0.0042), percent(0.0), percent(0.00001), percent(0.9999)
    ('31 %', '0.4 %', '0 %', '0.001 %', '99.99 %')
    """
    value = 100 * share
    if value <= 0:
        return "0 %"
    if 99 < value < 100:
        return f"{min(value, 99.99):.2f} %"
    if value >= 10:
        return f"{value:.0f} %"
    digits = 1 if value >= 0.095 else min(6, 1 + math.ceil(-math.log10(value)) - (value < 0.01))
    return f"{value:.{digits}f} %".replace(".0 %", " %")


def between(low: float, high: float) -> str:
    """An interval of shares.

    >>> between(0.004, 0.011), between(0.0, 0.0)
    ('0.4 % to 1.1 %', '0 %')
    """
    first, last = percent(low), percent(high)
    return first if first == last else f"{first} to {last}"


def number(value: float) -> str:
    """A number with at most four significant digits.

    >>> number(1234567.0), number(0.00123), number(12.3456)
    ('1,234,567', '0.00123', '12.35')
    """
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def short(text: str, most: int = 40) -> str:
    """A value in quotes, cut where it is long.

    >>> short("x" * 50, 5)
    "'xxxxx…'"
    """
    return repr(text if len(text) <= most else text[:most] + "…")


def lots(count: int) -> str:
    """How many lots were looked at.

    >>> lots(30)
    'the last 30 lots'
    """
    return f"the last {count} lots" if count != 1 else "the last lot"
