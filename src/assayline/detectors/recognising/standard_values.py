"""Values that break the standard their column follows."""

from __future__ import annotations

from assayline.measures import Tally
from assayline.measures.standards import Followed

from .odd import Odd

CHECKED, LISTED = 0.9, 0.8  # confidence: a failed check digit is a fact, a code that is not listed may be somebody's own
OWN_CODE = 0.01  # share of the rows from which an unlisted code, in three rows at least, is somebody's own
REPEATED = 3


def off_standard(found: Followed, tally: Tally) -> list[Odd]:
    """The values among these that do not follow the standard; codes of somebody's own, which come often, are left out.

    >>> import polars as pl
    >>> from assayline.measures import profile, tally
    >>> from assayline.measures.standards import followed
    >>> lot = profile(pl.DataFrame({"ccy": "EUR USD GBP CHF JPY SEK NOK DKK PLN CZK HUF AUD CAD NZD ZAR INR BRL MXN TRY SGD EUT".split() * 2}))
    >>> [one.value for one in off_standard(followed(lot)["ccy"], tally(lot, "ccy"))]
    ['EUT']
    """
    own = max(REPEATED, OWN_CODE * tally.total)
    there = set(tally.values.to_list())
    return [
        Odd(value, rows, LISTED if found.standard.listed else CHECKED)
        for value, rows in found.wrong.items()
        if value in there and not (found.standard.listed and rows >= own)
    ]
