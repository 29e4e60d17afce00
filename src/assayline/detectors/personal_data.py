"""Columns with personal data: e-mail addresses, telephone numbers, card numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable

from assayline.core import Finding, Past, Profile
from assayline.measures import Moments, natures, tally
from assayline.measures.standards import card, iban

LEAST_SHARE = 0.5
LOOKED_AT = 256
SMALLEST_CARD = 1e12  # 13 digits
_SSN = re.compile(r"^(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}$")
_SAYS = {"email": "e-mail addresses", "phone": "telephone numbers", "ip address": "IP addresses"}


class PersonalData:
    """Notes columns whose values identify people.

    Reads:    `values` or the row sample.
    Finds:    "personal_data" per column; evidence `values_share`, `what`.
    Silent:   where fewer than half of the values are of that kind; names are not recognised.
    Source:   Luhn 1960 (cards), ISO 13616 (IBAN), ranges of the Social Security Administration.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> [finding.evidence["what"] for finding in PersonalData()(profile(pl.DataFrame({"mail": ["a@x.org", "b@y.org"]})), Past())]
    ['e-mail addresses']
    """

    codes = ("personal_data",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        for column, nature in natures(profile).items():
            what, share = _SAYS.get(nature.meaning or ""), 1.0
            if what is None and nature.kind in ("text", "category", "identifier", "number") and nature.meaning in (None, "code", "iban"):
                moments = profile.of(column, Moments)
                if moments is not None and (moments.whole < moments.n or moments.high < SMALLEST_CARD):
                    continue
                values = [value.strip() for value in tally(profile, column).values.head(LOOKED_AT).to_list()]
                if not values or max(map(len, values[:20])) < 9:
                    continue
                for name, test in (("payment card numbers", card), ("bank account numbers", iban), ("social security numbers", _SSN.match)):
                    share = sum(1 for value in values if test(value)) / len(values)
                    if share >= LEAST_SHARE:
                        what = name
                        break
            if what is None:
                continue
            yield Finding(
                "personal_data", (column,), f"{column} holds {what} ({share:.0%} of the values looked at).", severity=0.15,
                rows=nature.filled, exact_rows=True, evidence={"values_share": share, "what": what},
                suggestion="check who may see this column",
            )  # fmt: skip
